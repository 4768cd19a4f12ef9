"""The Slurm script and the Kubernetes manifest of the docs do what they say."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from faults.fake_blender import make_fake_blender
from typer.main import get_command

from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.render.cli.app import _mount, app, entrypoint
from scanstage.render.locks.run_lock import live_holders
from scanstage.scenes.picture_sequence.shard import Shard

DOCS = Path(__file__).parents[1] / "docs"
SCRIPT = DOCS / "slurm_array.sh"
CONFIG = """
images: 6
assets: {library: %s, classes: [box, ball]}
objects: {count: {integer: [1, 3]}}
camera: {resolution: [80, 60]}
workers: {count: 1}
"""


def parsed(argv: list[str]) -> dict[str, Any]:
    """What our command line makes of a command. Raises what click raises for one that is wrong."""
    _mount()
    assert argv[0] == "scanstage"
    group = get_command(app)
    name, command, rest = group.resolve_command(
        group.make_context("scanstage", argv[1:], resilient_parsing=True), argv[1:]
    )  # type: ignore[attr-defined]
    assert command is not None
    return {"command": name, **command.make_context(name, rest).params}


def environment(folder: Path, **more: object) -> dict[str, str]:
    """With what :func:`make_commands` made on PATH."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("SLURM_")}
    own["PATH"] = f"{folder / 'bin'}{os.pathsep}{own['PATH']}"
    own["PYTHONPATH"] = str(DOCS.parent)
    return own | {k: str(v) for k, v in more.items()}


def make_commands(folder: Path) -> None:
    """`scanstage`, and a Slurm that only writes down what it is told."""
    bin_ = folder / "bin"
    bin_.mkdir()
    for name, body in {
        "scanstage": f'exec {sys.executable} -m scanstage "$@"',
        "scontrol": f'echo "$@" >> {folder}/scontrol.log',
    }.items():
        (bin_ / name).write_text(f"#!/bin/sh\n{body}\n")
        (bin_ / name).chmod(0o755)


def task(folder: Path, config: Path, out: Path, index: int, count: int, **more: object) -> subprocess.Popen[str]:
    """One task of the array, as Slurm starts it."""
    slurm = {"SLURM_ARRAY_JOB_ID": 77, "SLURM_ARRAY_TASK_ID": index, "SLURM_ARRAY_TASK_COUNT": count}
    command = ["bash", str(SCRIPT), str(config), str(out), "--blender", str(folder / "fake-blender"), "--seed", "3"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, env=environment(folder, **slurm, **more), text=True, **pipes)  # type: ignore[call-overload]


@pytest.fixture
def config(tmp_path: Path, toy_library: Path) -> Path:
    make_fake_blender(tmp_path)
    make_commands(tmp_path)
    path = tmp_path / "toys.yaml"
    path.write_text(CONFIG % toy_library)
    return path


def test_the_script_is_sound_and_asks_for_an_array() -> None:
    subprocess.run(["bash", "-n", str(SCRIPT)], check=True)
    text = SCRIPT.read_text()
    assert os.access(SCRIPT, os.X_OK)
    assert re.search(r"^#SBATCH --array=0-7$", text, re.MULTILINE)
    assert re.search(r"^#SBATCH --requeue$", text, re.MULTILINE)
    # sbatch stops looking for directives at the first command.
    assert text.rindex("#SBATCH") < text.index("set -u")
    assert subprocess.run(["bash", str(SCRIPT)], capture_output=True, check=False).returncode == 2


@pytest.mark.cluster
def test_the_array_makes_the_dataset_of_one_run(config: Path, tmp_path: Path) -> None:
    """All tasks at once, as real processes in one folder; the first one's time runs out, and it is queued again."""
    out, whole = tmp_path / "run", tmp_path / "whole"
    first = task(tmp_path, config, out, 0, 3, FAKE_BLENDER_SECONDS=1.5)
    others = [task(tmp_path, config, out, k, 3) for k in (1, 2)]
    deadline = time.monotonic() + 240
    while not list(out.glob("records/000000.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    first.send_signal(signal.SIGUSR1)
    told = first.communicate(timeout=240)[0]
    assert first.returncode == 0, told
    assert (tmp_path / "scontrol.log").read_text() == "requeue 77_0\n", told
    assert "queued again" in told
    assert [t.wait(timeout=240) for t in others] == [0, 0], [t.communicate()[0] for t in others]
    assert (out / "records/000000.json").exists()
    assert not (out / "records/000003.json").exists()
    assert live_holders(DatasetFolder(out)) == []
    assert entrypoint(["merge", str(out)]) == 1
    again = task(tmp_path, config, out, 0, 1, SHARDS=3)
    assert again.wait(timeout=240) == 0, again.communicate()[0]
    assert entrypoint(["merge", str(out)]) == 0
    fake = ["--blender", str(tmp_path / "fake-blender")]
    assert entrypoint(["generate", str(config), "--out", str(whole), "--seed", "3", *fake]) == 0
    for name in ("annotations/instances.json", *(f"records/{i:06d}.json" for i in range(6))):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
    assert len(json.loads((out / "run.json").read_text())["sessions"]) == 4


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("index", "more"),
    [
        (5, {}),
        (2, {"SLURM_ARRAY_TASK_MIN": 2, "SLURM_ARRAY_TASK_MAX": 5}),
        (2, {"SLURM_ARRAY_TASK_MIN": 2, "SLURM_ARRAY_TASK_MAX": 2}),
        (9, {"SHARDS": 8}),
    ],
)
def test_a_part_of_an_array_is_told_to_name_all_shards(
    config: Path, tmp_path: Path, index: int, more: dict[str, int]
) -> None:
    running = task(tmp_path, config, tmp_path / "run", index, 2, **more)
    told = running.communicate(timeout=120)[0]
    assert running.returncode == 2
    assert "SHARDS=" in told
    assert not (tmp_path / "run").exists()


@pytest.mark.cluster
def test_cancelling_a_task_queues_nothing(config: Path, tmp_path: Path) -> None:
    running = task(tmp_path, config, tmp_path / "run", 0, 1, FAKE_BLENDER_SECONDS=1.5)
    deadline = time.monotonic() + 240
    while not list(tmp_path.glob("run/records/*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    told = running.communicate(timeout=30)[0]
    assert running.returncode == 130, told
    assert "goes on from there" in told
    assert not (tmp_path / "scontrol.log").exists()


def test_the_manifest_runs_shards_and_then_merges() -> None:
    jobs = {job["metadata"]["name"]: job for job in yaml.safe_load_all((DOCS / "kubernetes_job.yaml").read_text())}
    spec = jobs["scanstage"]["spec"]
    assert {job["kind"] for job in jobs.values()} == {"Job"}
    assert spec["completionMode"] == "Indexed"
    pod = spec["template"]["spec"]
    assert pod["restartPolicy"] == "Never", "backoffLimitPerIndex needs it"
    assert spec["backoffLimitPerIndex"] > 0
    (container,) = pod["containers"]
    indices = [container["command"] for _ in range(spec["completions"])]
    commands = [[w.replace("$(JOB_COMPLETION_INDEX)", str(i)) for w in c] for i, c in enumerate(indices)]
    asked = [parsed(command) for command in commands]
    shards = [Shard.parse(a["shard"]) for a in asked]
    assert sorted(i for s in shards for i in s.pictures(0, 99)) == list(range(100))
    merge = parsed(jobs["scanstage-merge"]["spec"]["template"]["spec"]["containers"][0]["command"])
    assert jobs["scanstage-merge"]["spec"]["suspend"] is True
    assert {a["command"] for a in asked} == {"generate"}
    assert merge["command"] == "merge"
    assert {a["out"] for a in asked} == {merge["dataset"]}
    for job in jobs.values():
        for c in job["spec"]["template"]["spec"]["containers"]:
            mounted = {m["name"] for m in c["volumeMounts"]}
            assert mounted <= {v["name"] for v in job["spec"]["template"]["spec"]["volumes"]}
