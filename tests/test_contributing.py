"""CONTRIBUTING.md names what is there, and its recipes work: each is followed in a copy of the code, then used."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.recipes import ROOT, Block, copy_code, follow, read_recipes, ruff

PAGE = ROOT / "CONTRIBUTING.md"
RECIPES = read_recipes(PAGE)
MOST_ENTRIES = 13


def test_every_path_is_there() -> None:
    prose = re.sub(r"^```.*?^```$", "", PAGE.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    spans = re.findall(r"`([^`\n]+)`", prose) + re.findall(r"\]\(([^):]+)\)", prose)
    paths = [s for span in spans for s in span.split() if "/" in s or s.endswith((".md", ".py", ".toml"))]
    assert len(set(paths)) > 30
    assert not {path for path in paths if not (ROOT / path).exists()}


def test_what_it_names_in_code_is_there() -> None:
    """A name behind "in `path`", or before it in brackets."""
    prose = re.sub(r"\s+", " ", PAGE.read_text("utf-8"))
    pairs = re.findall(r"`(\w+)`,? (?:in|of) `([\w/]+\.py)`", prose) + re.findall(r"`(\w+)` \(`([\w/]+\.py)`\)", prose)
    assert len(pairs) > 6
    assert not [(name, path) for name, path in pairs if not re.search(rf"\b{name}\b", (ROOT / path).read_text("utf-8"))]


def test_lines_are_short() -> None:
    assert not [line for line in PAGE.read_text("utf-8").splitlines() if len(line) > 125]


def test_there_is_a_recipe_for_each_common_change() -> None:
    assert list(RECIPES) == ["a distribution", "an exporter", "an annotation", "an engine", "a scan format"]


def followed(blocks: list[Block], folder: Path) -> Path:
    """A copy of the code with the blocks in it."""
    package = copy_code(folder)
    for block in blocks:
        follow(block, package)
    return package


def used(recipe: str, library: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the use of a recipe (:mod:`recipe_uses`) by the copy of the code in ``folder``."""
    (place := folder / "use").mkdir()
    use = recipe.replace(" ", "_")
    code = (
        "import pathlib, scanstage; from support import recipe_uses\n"
        f"assert pathlib.Path(scanstage.__file__).is_relative_to({str(folder)!r})\n"
        f"recipe_uses.{use}(pathlib.Path({str(library)!r}), pathlib.Path({str(place)!r}))"
    )
    paths = os.pathsep.join([str(folder), str(ROOT / "tests")])
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_works(recipe: str, toy_library: Path, tmp_path: Path) -> None:
    followed(RECIPES[recipe], tmp_path)
    done = used(recipe, toy_library, tmp_path)
    assert done.returncode == 0, done.stderr


ROWS = [(recipe, block) for recipe, blocks in RECIPES.items() for block in blocks if block.where == "into"]


@pytest.mark.parametrize(("recipe", "row"), ROWS, ids=[f"{recipe}, {row.name}" for recipe, row in ROWS])
def test_no_row_is_for_nothing(recipe: str, row: Block, toy_library: Path, tmp_path: Path) -> None:
    """Without it, the copy can be used as before, and not as the recipe promises."""
    followed([block for block in RECIPES[recipe] if block is not row], tmp_path)
    done = used(recipe, toy_library, tmp_path)
    assert done.returncode != 0
    assert not re.search("ImportError|ModuleNotFoundError|NameError|SyntaxError", done.stderr), done.stderr


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_keeps_to_the_rules(recipe: str, tmp_path: Path) -> None:
    """Style, and the size of folders; new modules are as they stand on the page."""
    package = followed(RECIPES[recipe], tmp_path)
    files = sorted({package / block.path for block in RECIPES[recipe]})
    new = [package / block.path for block in RECIPES[recipe] if not block.where]
    assert not new or ruff("format", "--check", *new) == ""
    ruff("check", "--fix-only", "--select", "I", *files)
    ruff("format", *files)
    assert ruff("check", *files) == ""
    for folder in {file.parent for file in files}:
        assert len({p.name for p in folder.iterdir()} - {"__init__.py", "__pycache__"}) <= MOST_ENTRIES
