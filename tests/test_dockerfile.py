"""The Dockerfile: linted, with the packages and commands that the docs name, and all that the package is made of."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
INSTALL = (ROOT / "docs/guide/install.md").read_text("utf-8")


def test_it_is_sound() -> None:
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint isn't installed")
    done = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_it_installs_what_the_readme_names() -> None:
    (line,) = re.findall(r"^    sudo apt-get install -y (.*)$", README, re.MULTILINE)
    found = re.search(r"--no-install-recommends((?:[^&]|\n)*)&&", DOCKERFILE)
    assert found is not None
    assert set(found[1].replace("\\", " ").split()) == set(line.split()) - {"python3-venv"}


def test_its_commands_are_those_of_the_docs() -> None:
    commands = re.findall(r"^#   (docker .*)$", DOCKERFILE, re.MULTILINE)
    assert len(commands) == 3
    assert not [c for c in commands if f"    {c}\n" not in INSTALL]


def test_nothing_of_the_package_is_left_out() -> None:
    about = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    needed = {"pyproject.toml", "setup.py", about["project"]["readme"], *about["project"]["license-files"]}
    for folder in about["tool"]["setuptools"]["package-dir"].values():
        needed |= {p.relative_to(ROOT).as_posix() for p in (ROOT / folder).rglob("*") if p.suffix in (".py", ".yaml")}
    lost = [
        name
        for name in needed
        for pattern in ignored
        if fnmatch.fnmatch(name, pattern) or name.startswith(f"{pattern}/") or fnmatch.fnmatch(name, f"{pattern}/*")
    ]
    assert len(needed) > 300
    assert not lost


def test_any_user_can_run_it() -> None:
    assert not re.search(r"^USER ", DOCKERFILE, re.MULTILINE)
    assert "mkdir -m 1777 /var/cache/scanstage" in DOCKERFILE
    assert "SCANSTAGE_CACHE=/var/cache/scanstage" in DOCKERFILE
