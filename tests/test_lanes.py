"""Lanes: a unit test finds no Blender, and is told where it has looked for one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.lanes import APART, NO_BLENDER, STARTS


@pytest.mark.skipif(os.name != "posix", reason="a shell script as a program")
def test_a_unit_test_finds_no_blender() -> None:
    assert shutil.which("blender") == str(NO_BLENDER / "blender")
    assert subprocess.run(["blender", "--version"], check=False).returncode == 127
    bpy = subprocess.run([sys.executable, "-c", "import bpy"], capture_output=True, text=True, check=False)
    assert "No module named 'bpy'" in bpy.stderr
    notes = Path(os.environ[STARTS])
    assert notes.read_text("utf-8") == "blender --version\nimport bpy\n"
    notes.unlink()  # else this test would be one that starts a Blender


@pytest.mark.slow
def test_other_tests_find_what_there_is() -> None:
    assert STARTS not in os.environ
    assert shutil.which("blender") != str(NO_BLENDER / "blender")


def test_each_test_is_in_one_lane(request: pytest.FixtureRequest) -> None:
    for item in request.session.items:
        apart = [name for name in APART if item.get_closest_marker(name)]
        assert bool(apart) != bool(item.get_closest_marker("unit")), item.nodeid
        assert item.path.parent.name != "faults" or "faults" in apart, item.nodeid
