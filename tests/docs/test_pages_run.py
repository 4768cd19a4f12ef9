"""Pages of the docs are scripts that work: what they tell readers to type is typed, page by page, and ends with 0.

With grey shapes for every page (``slow``), with a real Blender for the README (``blender``). Which commands are not
run, and why: :func:`doc_pages.why_not`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.cast_engine import CastEngines
from support.doc_blocks import PAGES, ROOT, Command, blocks, commands
from support.doc_pages import lay_out, missing, run, runnable, why_not

from scanstage.render.cli.app import entrypoint
from scanstage.render.engine.blender_session import BlenderEngines
from scanstage.render.engine.engine_protocol import EngineFactory

SCRIPTS = [page for page in PAGES if runnable(page)]
FINISHED = ("output/ycb", "output/quickstart", "output/parts", "output/more")
"""Datasets that pages take for granted, unless they make them."""


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    lay_out(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, seed in (("output/parts", "1"), ("output/more", "2")):
            assert (
                entrypoint(["generate", "configs/quickstart.yaml", "--out", name, "--seed", seed], CastEngines()) == 0
            )
        for name in set(FINISHED) - {"output/parts", "output/more"}:
            shutil.copytree("output/parts", name)
    return folder


def type_page(page: Path, laid_out: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, engines: EngineFactory) -> int:
    """Everything that a page says, in a copy of the folder; how many commands that were.

    A block whose fence has ``title="…"`` is written to that file.
    """
    here = folder / "here"
    shutil.copytree(laid_out, here)
    monkeypatch.chdir(here)
    monkeypatch.setenv("SCANSTAGE_LIBRARY", str(here / "library"))
    every = [command for block in blocks(page) for command in commands(block) if why_not(command) is None]
    for name in set(FINISHED) & {word.rstrip("/") for command in every for word in _made_by(command)}:
        shutil.rmtree(name)
    done = 0
    for block in blocks(page):
        if block.title:
            (here / block.title).parent.mkdir(parents=True, exist_ok=True)
            (here / block.title).write_text(block.text, "utf-8")
        for command in commands(block):
            if command in every and not missing(command, here):
                assert run(command, here, engines) == 0, f"{command}: {' '.join(command.argv)}"
                done += 1
    return done


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
    done = type_page(page, laid_out, tmp_path, monkeypatch, CastEngines())
    assert (
        done
        or page.name in ("clusters.md", "exit_codes.md", "fit.md", "survey.md")
        or page.parent.name in ("tutorials", "how_to")
    )


@pytest.mark.slow
@pytest.mark.blender
def test_the_readme_works_with_blender(laid_out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert type_page(ROOT / "README.md", laid_out, tmp_path, monkeypatch, BlenderEngines()) == 5
