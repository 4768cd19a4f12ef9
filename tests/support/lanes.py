"""Which lane of CI a test belongs to, and a guard that unit tests start no Blender."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
NO_BLENDER = Path(__file__).with_name("no_blender")
"""A module ``bpy`` and a program ``blender`` that are none, and note that they were asked for."""
APART = ("blender", "browser", "cluster", "store", "faults", "slow")
"""Marks of the tests that are no unit tests."""
STARTS = "BLENDER_STARTS"


def mark(item: pytest.Item) -> None:
    """Add the marks that follow from a test's place and fixtures, and ``unit`` where there is no other."""
    if item.path.is_relative_to(TESTS / "faults"):
        item.add_marker("faults")
    if "s3_server" in getattr(item, "fixturenames", ()):
        item.add_marker("store")
    if not any(item.get_closest_marker(name) for name in APART):
        item.add_marker("unit")


@contextmanager
def without_blender(notes: Path) -> Iterator[None]:
    """No process that starts here finds a Blender, neither bpy nor a program; one that looks is noted in a file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(NO_BLENDER), prepend=os.pathsep)
        patch.setenv("PYTHONPATH", str(NO_BLENDER), prepend=os.pathsep)
        patch.setenv(STARTS, str(notes))
        yield
