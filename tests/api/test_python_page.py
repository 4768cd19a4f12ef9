"""The page of the docs on Python is one script that works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import scanstage

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


@pytest.mark.slow
@pytest.mark.blender
def test_the_page_is_a_script_that_works(tmp_path: Path) -> None:
    script = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL))
    (tmp_path / "page.py").write_text(script)
    command = [sys.executable, "-W", "error::ResourceWarning", "page.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert "rendering 4 of 4" in done.stdout
    assert (tmp_path / "yolo" / "data.yaml").is_file()


def test_the_page_names_all_functions_and_nothing_else() -> None:
    named = set(re.findall(r"^\| `([a-z_]+)\(", PAGE.read_text("utf-8"), re.MULTILINE))
    assert named == {name for name in scanstage.__all__ if name.islower()}


def test_the_reference_has_all_that_there_is() -> None:
    page = PAGE.parent / "reference" / "python.md"
    named = re.findall(r"^::: (scanstage[\w.]*)\.(\w+)$", page.read_text("utf-8"), re.MULTILINE)
    assert sorted(name for _, name in named) == sorted(scanstage.__all__)
    assert all(getattr(scanstage, name).__module__ == module for module, name in named)
