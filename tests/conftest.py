"""Lanes of CI, and shared fixtures: caches apart from the user's, a small library of toy scans with known geometry."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trimesh
from support.lanes import STARTS, mark, without_blender
from support.s3_server import S3Server, s3_prefix
from support.toy_runs import store_toy


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each test gets the mark of its lane, before ``-m`` selects by them."""
    for item in items:
        mark(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Unit tests, and fixtures that they are the first to ask for, find no Blender."""
    if item.get_closest_marker("unit") is None:
        return (yield)
    with tempfile.TemporaryDirectory(prefix="no-blender-") as folder, without_blender(Path(folder) / "notes"):
        return (yield)


@pytest.fixture(autouse=True)
def _unit_tests_start_no_blender(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if request.node.get_closest_marker("unit") and (notes := Path(os.environ[STARTS])).exists():
        pytest.fail(f"a Blender was started by a test without the mark: {notes.read_text('utf-8')}")


@pytest.fixture(scope="session", autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory):
    """No test reads or writes the user's library. The cache is shared by parallel test processes: it is made once."""
    old = {k: os.environ.get(k) for k in ("SCANSTAGE_LIBRARY", "SCANSTAGE_CACHE")}
    root = tmp_path_factory.getbasetemp()
    shared = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    os.environ["SCANSTAGE_LIBRARY"] = str(root / "library")
    os.environ["SCANSTAGE_CACHE"] = str(shared / "cache")
    yield
    for key, value in old.items():
        os.environ.pop(key, None) if value is None else os.environ.__setitem__(key, value)


@pytest.fixture(scope="session")
def toy_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with a box, a ball and a rod."""
    library = tmp_path_factory.mktemp("toys")
    store_toy(library, "box", trimesh.creation.box((0.1, 0.08, 0.06)), (0.6, 0.2, 0.1))
    store_toy(library, "ball", trimesh.creation.icosphere(subdivisions=3, radius=0.04), (0.1, 0.3, 0.6))
    store_toy(library, "rod", trimesh.creation.cylinder(radius=0.012, height=0.16, sections=24), (0.2, 0.5, 0.1))
    return library


@pytest.fixture(scope="session")
def s3_server():
    server = S3Server()
    yield server
    server.stop()


@pytest.fixture
def s3_url(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch):
    """An empty prefix on an S3 server of our own."""
    with s3_prefix(s3_server, monkeypatch) as url:
        yield url
