"""The wheel of this checkout, built apart from it: two may build at once, and no older build leaks in."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE")


def build_wheel(folder: Path) -> Path:
    """Build it in a new folder of that name; returns its path."""
    checkout = folder / "checkout"
    checkout.mkdir(parents=True)
    for name in FILES:
        shutil.copy(ROOT / name, checkout)
    about = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    for room in about["tool"]["setuptools"]["package-dir"].values():
        shutil.copytree(ROOT / room, checkout / room, ignore=shutil.ignore_patterns("__pycache__"))
    build = ["wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), str(checkout)]
    subprocess.run([sys.executable, "-m", "pip", *build], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel
