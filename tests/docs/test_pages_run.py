"""Pages of the docs are scripts that work: what they tell readers to type is typed, page by page, and ends with 0.

With grey shapes for every page (``slow``), with a real Blender for the README (``blender``). Which commands are not
run, and why: :func:`doc_pages.why_not`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.cast_engine import CastEngines
from support.doc_blocks import PAGES, ROOT, Command
from support.doc_pages import lay_out, run, runnable

from scanstage.render.cli.app import entrypoint
from scanstage.render.engine.blender_session import BlenderEngines

SCRIPTS = [page for page in PAGES if any(runnable(page))]
FINISHED = ("output/ycb", "output/quickstart", "output/parts", "output/more")
"""Datasets that pages take for granted, unless they make them."""


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    lay_out(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in FINISHED:
            argv = ["generate", "configs/quickstart.yaml", "--out", name, "--seed", str(len(name))]
            assert entrypoint(argv, CastEngines()) == 0
    return folder


def type_page(page: Path, laid_out: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, engines: object) -> None:
    """Everything that a page says, in a copy of the folder and with a library of its own."""
    shutil.copytree(laid_out, folder / "here")
    monkeypatch.chdir(folder / "here")
    monkeypatch.setenv("SCANSTAGE_LIBRARY", str(folder / "library"))
    every = list(runnable(page))
    made = {word.rstrip("/") for command in every for word in _made_by(command)}
    for name in set(FINISHED) & made:
        shutil.rmtree(name)
    for command in every:
        assert run(command, folder / "here", engines) == 0, f"{command}: {' '.join(command.argv)}"  # type: ignore[arg-type]


def _made_by(command: Command) -> list[str]:
    """Datasets that a command makes, and its page therefore takes for granted only afterwards."""
    if command.argv[1] != "generate":
        return []
    words = list(command.argv)
    if "--out" in words:
        return [words[words.index("--out") + 1]]
    config = Path(words[2])
    return [f"output/{config.parent.name if config.stem == 'config' else config.stem}"]


@pytest.mark.slow
@pytest.mark.parametrize("page", SCRIPTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_page_works(page: Path, laid_out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    type_page(page, laid_out, tmp_path, monkeypatch, CastEngines())


@pytest.mark.blender
def test_the_readme_works_with_blender(laid_out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    type_page(ROOT / "README.md", laid_out, tmp_path, monkeypatch, BlenderEngines())
