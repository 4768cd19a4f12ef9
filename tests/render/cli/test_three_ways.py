"""The same entry started three ways: console script, module, and from inside a Blender executable."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from scanstage.dataset.records.record import Record

ROOT = Path(__file__).parents[3]
BLENDER = shutil.which("blender")
HAS_WHEEL = importlib.util.find_spec("bpy") is not None
CONFIG = """
images: 2
seed: 4
assets: {library: %s}
objects: {count: 3}
distractors: {count: 2}
light: {hdri: {image: "builtin:studio"}, lamps: [{kind: area, power: 20}]}
camera: {resolution: [160, 120]}
render: {samples: 4}
"""


def run(command: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def config(tmp_path: Path, toy_library: Path) -> Path:
    path = tmp_path / "toys.yaml"
    path.write_text(CONFIG % toy_library)
    return path


def wheel(config: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "scanstage", "generate", str(config), "--out", str(out)]


def from_blender(config: Path, out: Path, *extra: str) -> list[str]:
    script = str(ROOT / "render" / "__main__.py")
    options = ["-b", "--python-exit-code", "1", *extra, "--python", script]
    return [BLENDER or "blender", *options, "--", "generate", str(config), "--out", str(out)]


def annotations(out: Path) -> bytes:
    return (out / "annotations" / "instances.json").read_bytes()


def check_pictures(out: Path) -> None:
    for path in sorted((out / "records").iterdir()):
        record = Record.from_json(path.read_text())
        assert record.instances
        image = cv2.imread(str(out / "images" / record.image.file_name))
        assert image.shape == (120, 160, 3)
        assert 40 < image.mean() < 215, "neither black nor blown out"
        assert image.std() > 8
        assert all(a.iou > 0.98 for a in record.agreement if a.cast_px >= 100)


@pytest.fixture(scope="module")
def by_wheel(toy_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first way makes."""
    folder = tmp_path_factory.mktemp("wheel")
    (folder / "toys.yaml").write_text(CONFIG % toy_library)
    done = run(wheel(folder / "toys.yaml", folder / "wheel"), ROOT)
    assert done.returncode == 0, done.stderr
    return folder / "wheel"


@pytest.mark.blender
@pytest.mark.skipif(not HAS_WHEEL, reason="no bpy wheel in this Python")
def test_the_wheel(by_wheel: Path) -> None:
    check_pictures(by_wheel)
    engine = json.loads((by_wheel / "run.json").read_text())["engine"]
    assert engine["device"] == "CPU" or engine["device_names"]
    assert engine["device_reason"]


@pytest.mark.blender
@pytest.mark.skipif(BLENDER is None, reason="no blender executable on PATH")
@pytest.mark.skipif(not HAS_WHEEL, reason="no bpy wheel in this Python")
def test_all_ways_give_the_same_annotations(config: Path, tmp_path: Path, by_wheel: Path) -> None:
    ways = {
        "executable": [*wheel(config, tmp_path / "executable"), "--blender", str(BLENDER)],
        "inside": from_blender(config, tmp_path / "inside"),
        "inside_env": from_blender(config, tmp_path / "inside_env", "--python-use-system-env"),
    }
    for name, command in ways.items():
        done = run(command, ROOT, SCANSTAGE_PYTHON=sys.executable)
        assert done.returncode == 0, f"{name}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
        check_pictures(tmp_path / name)
    folders = [by_wheel, *(tmp_path / name for name in ways)]
    assert len({annotations(folder) for folder in folders}) == 1
    plans = [Record.from_json((folder / "records/000001.json").read_text()).plan for folder in folders]
    assert len({p.to_json() for p in plans}) == 1


@pytest.mark.blender
@pytest.mark.skipif(BLENDER is None, reason="no blender executable on PATH")
def test_exit_codes_come_out_of_blender(config: Path, tmp_path: Path) -> None:
    config.write_text("images: nonsense\n")
    done = run(from_blender(config, tmp_path / "x"), ROOT, SCANSTAGE_PYTHON=sys.executable)
    assert done.returncode == 2
    assert "images: " in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.blender
@pytest.mark.skipif(BLENDER is None, reason="no blender executable on PATH")
def test_no_python_is_said_with_the_mend(config: Path, tmp_path: Path) -> None:
    done = run(from_blender(config, tmp_path / "x"), ROOT, SCANSTAGE_PYTHON="", VIRTUAL_ENV="", PATH=str(tmp_path))
    assert done.returncode == 2
    assert "pip install" in done.stderr
    assert "SCANSTAGE_PYTHON" in done.stderr


def load_main():
    spec = importlib.util.spec_from_file_location("render_main", ROOT / "render" / "__main__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pythons_are_tried_in_the_promised_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mine", "venv/bin/python", "bin/python3"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\nexit 1\n")
        path.chmod(0o755)
    monkeypatch.setenv("SCANSTAGE_PYTHON", str(tmp_path / "mine"))
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "venv"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    expected = [str(tmp_path / n) for n in ("mine", "venv/bin/python", "bin/python3")]
    assert load_main().candidates() == expected


def test_the_entry_needs_only_the_standard_library() -> None:
    """It must load in a Python that has nothing: isolated, without site-packages."""
    script = "import runpy; runpy.run_path('render/__main__.py', run_name='probe')"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_further_processes_of_a_checkout_find_the_code_too(tmp_path: Path, toy_library: Path) -> None:
    """``python -m render`` where scanstage isn't installed: spawned processes plan with the code beside it."""
    (tmp_path / "c.yaml").write_text(
        f"images: 4\nassets: {{library: {toy_library}, classes: [box]}}\nobjects: {{count: 1}}\n"
        "camera: {resolution: [32, 24]}\nlabels: {min_pixels: 1}\n"
    )
    # Only what pip has put there, and not the hooks by which an editable install is found.
    hidden = (
        "import sys; sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in getattr(f, '__module__', '')"
    )
    hidden += " and 'editable' not in getattr(f, '__name__', '').lower()]\n"
    (tmp_path / "hide").mkdir()
    (tmp_path / "hide" / "sitecustomize.py").write_text(hidden)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "hide"), *sys.path])}
    command = [
        sys.executable,
        "-m",
        "render",
        "plan",
        str(tmp_path / "c.yaml"),
        "--stats",
        "--workers",
        "2",
        "--json",
        "-",
    ]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["pictures"] == 4
