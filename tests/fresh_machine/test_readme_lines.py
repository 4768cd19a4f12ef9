"""What the fresh machine gets is what the README names; and the image that the docs show gets the same."""

from __future__ import annotations

import importlib.util
import re
import types
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def script() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("fresh_machine", HERE / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_names_packages_and_one_command() -> None:
    packages, command = script().readme_lines()
    assert "python3-venv" in packages.split()
    assert all(re.fullmatch(r"[a-z0-9.+-]+", name) for name in packages.split())
    assert command == "pip install -e . && scanstage generate configs/quickstart.yaml"


def test_the_image_in_the_docs_has_the_same_libraries() -> None:
    packages, _ = script().readme_lines()
    docs = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8").replace("\\\n", " ")
    image = re.search(r"apt-get install -y --no-install-recommends ([^&]+)&&", docs)
    assert image is not None
    assert set(image[1].split()) == set(packages.split()) - {"python3-venv"}  # the image has its own Python


def test_the_page_on_installing_names_the_same() -> None:
    packages, command = script().readme_lines()
    page = (ROOT / "docs" / "guide" / "install.md").read_text(encoding="utf-8")
    assert f"    sudo apt-get install -y {packages}\n" in page
    assert f"    {command}\n" in page
