"""Runs on a real Ray cluster: two nodes on this machine, one of which is killed in mid-run."""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from faults.fake_blender import make_fake_blender, plant
from rich.console import Console
from support.ray_nodes import Cluster, cluster
from support.s3_server import S3Server
from support.toy_runs import CONFIG, DATA, digest, generated

from scanstage.assets.files.locations import locate
from scanstage.assets.files.stores import Location, read_file
from scanstage.render.bookkeeping.run_options import GenerateOptions
from scanstage.render.bookkeeping.summary import Summary
from scanstage.render.engine.blender_session import BlenderEngines
from scanstage.render.terminal.log_lines import logged_to

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray isn't installed"),
]

PICTURES = 24
SECONDS = 0.15
"""That a picture takes, so that there is a middle of the run to kill a node in."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, toy_library: Path) -> Path:
    """A config, and a program in Blender's place."""
    folder = tmp_path_factory.mktemp("ray")
    (folder / "toys.yaml").write_text((CONFIG % toy_library).replace("images: 6", f"images: {PICTURES}"))
    make_fake_blender(folder)
    return folder


@pytest.fixture(scope="module")
def two_nodes(place: Path, s3_server: S3Server) -> Iterator[Cluster]:
    """Locked with a token of its own, whatever the user's clusters are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        slow = {"FAKE_BLENDER_SECONDS": str(SECONDS), **s3_server.environment()}
        slow["FAKE_BLENDER_FAULTS"] = str(place / "faults")
        with cluster([{**slow, "FAKE_BLENDER_JOURNAL": str(place / f"journal-{i}")} for i in range(2)]) as found:
            yield found


@pytest.fixture(scope="module")
def whole(place: Path) -> dict[str, str]:
    """What one local worker makes of it."""
    options = GenerateOptions(out=place / "local", blender=place / "fake-blender", workers=1)
    generated(place / "toys.yaml", options, BlenderEngines(options.blender))
    return digest(place / "local", *DATA)


def run_on(found: Cluster, place: Path, out: Location, **options) -> tuple[Summary, str]:
    """A run on the cluster, and what it printed."""
    printed = io.StringIO()
    given = {"blender": place / "fake-blender", "executor": "ray", "address": found.address, "out": out}
    asked = GenerateOptions(**{**given, **options})
    with logged_to(Console(file=printed, width=400)):
        return generated(place / "toys.yaml", asked, BlenderEngines(asked.blender)), printed.getvalue()


def rendered(place: Path, node: int) -> list[int]:
    """Pictures that a node has begun to render, from its journal."""
    journal = place / f"journal-{node}"
    lines = journal.read_text().split("\n") if journal.exists() else []
    return [int(line.split()[2]) for line in lines if line.startswith("picture ")]


def test_a_node_is_killed_in_mid_run(
    two_nodes: Cluster, place: Path, whole: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    deadline = time.monotonic() + 240
    (place / "faults").mkdir()
    held = [plant(place / "faults", "wait", index) for index in range(8, PICTURES)]

    def kill_when_busy() -> None:
        """The other node may start late on a busy machine: the run is held in the middle until it is at work."""
        while not rendered(place, 1) and time.monotonic() < deadline:
            time.sleep(0.02)
        two_nodes.kill(two_nodes.nodes[1])
        for file in held:
            file.unlink()

    threading.Thread(target=kill_when_busy, daemon=True).start()
    summary, printed = run_on(two_nodes, place, place / "killed", workers=2)
    assert (summary.done, summary.failed) == (PICTURES, [])
    assert digest(place / "killed", *DATA) == whole
    here, there = rendered(place, 0), rendered(place, 1)
    assert there
    assert set(here) | set(there) == set(range(PICTURES))
    assert len(there) < PICTURES - 4  # the run went on for a while after the loss
    assert len(here) == len(set(here))
    assert "was lost; its pictures go to others" in printed
    assert "raylet" not in "".join(capfd.readouterr())
    assert not list((place / "killed").glob("quarantine/*"))
    run = json.loads((place / "killed" / "run.json").read_text())
    assert run["sessions"][0]["workers"] == 2
    assert run["engine"]["blender"] == "9.9 fake"


def test_pictures_go_from_actors_to_a_store(
    two_nodes: Cluster, place: Path, whole: dict[str, str], s3_url: str, s3_server: S3Server
) -> None:
    summary, _ = run_on(two_nodes, place, locate(s3_url, "--out"), frames=(0, 5))
    assert (summary.done, summary.failed) == (6, [])
    for index in range(6):
        for path in (summary.folder.record(index), summary.folder.image(index, "jpg")):
            assert hashlib.sha256(read_file(path)).hexdigest() == whole[f"{path.parent.name}/{path.name}"]


def test_ctrl_c_ends_actors_and_their_blenders(two_nodes: Cluster, place: Path, whole: dict[str, str]) -> None:
    out = place / "stopped"
    command = [sys.executable, "-m", "scanstage", "generate", str(place / "toys.yaml"), "--executor", "ray"]
    command += ["--address", two_nodes.address, "--out", str(out), "--blender", str(place / "fake-blender")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=Path.cwd())
    deadline = time.monotonic() + 240
    while len(list(out.glob("records/*.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=30)[0].decode()
    assert process.returncode == 130, output
    assert time.monotonic() - start < 15
    assert "what is finished is kept" in output
    assert "Traceback" not in output
    deadline = time.monotonic() + 10
    while (left := blenders(place)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left
    summary, _ = run_on(two_nodes, place, out, executor="local", address=None, workers=1)
    assert summary.kept >= 3
    assert digest(out, *DATA) == whole


def blenders(place: Path) -> list[int]:
    """Living processes of the program in Blender's place."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        line = " ".join(process.info["cmdline"] or ())
        if "fake_blender.py" in line and str(place) in str((process.info["environ"] or {}).get("FAKE_BLENDER_JOURNAL")):
            found.append(process.pid)
    return found


@pytest.mark.blender
def test_real_pictures(two_nodes: Cluster, place: Path, tmp_path: Path) -> None:
    small = ("images=4", "camera.resolution=[64,48]", "render.samples=1", "render.denoise=off", "labels.min_pixels=4")
    for out, more in ((tmp_path / "ray", {}), (tmp_path / "local", {"executor": "local", "address": None})):
        options = {"blender": None, "overrides": (*small, "render.threads=1"), "workers": 1, **more}
        summary, _ = run_on(two_nodes, place, out, **options)
        assert (summary.done, summary.failed) == (4, [])
    assert digest(tmp_path / "ray", *DATA) == digest(tmp_path / "local", *DATA)
    assert os.getpid() not in blenders(place)
