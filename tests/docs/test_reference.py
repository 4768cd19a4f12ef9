"""The reference follows from the code, and shows what can be seen."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import cv2
import pytest
from build_site import CONFIG_PAGES
from command_pages import EXAMPLES, command_page, commands
from config_keys import PAGES, all_keys, models
from config_pages import config_page
from pydantic import BaseModel
from record_pages import attributes, record_classes, record_page
from reference import REMAKE, stale
from strip_table import BASES, SIZE, STRIPS, WITHOUT
from strips import MOST_BYTES, OUT, merged
from typer.main import get_command

import scanstage
from scanstage.render.cli.app import app
from scanstage.scenes.config.sections.run_config import RunConfig

MOST_PICTURES_BYTES = 5_000_000


def test_pages_are_what_the_code_gives() -> None:
    assert stale() == [], f"make them anew: {REMAKE}"


def test_every_mapping_of_a_config_is_on_a_page() -> None:
    found: set[type[BaseModel]] = set()

    def visit(model: type[BaseModel]) -> None:
        if model not in found:
            found.add(model)
            for field in model.model_fields.values():
                for inner in models(field.annotation):
                    visit(inner)

    visit(RunConfig)
    assert found == {group.model for page in PAGES for group in page.groups}
    assert [page.name for page in PAGES] == list(CONFIG_PAGES)


def test_every_key_has_a_picture_or_a_reason() -> None:
    """A key whose value is a mapping may have one: the keys in it have."""
    every = {key.path: key for key in all_keys()}
    shown = set(STRIPS) | set(WITHOUT)
    assert not set(STRIPS) & set(WITHOUT)
    assert shown <= set(every)
    assert not {path for path, key in every.items() if key.section is None} - shown


@pytest.mark.parametrize("name", STRIPS)
def test_a_strip_is_there(name: str) -> None:
    file = OUT / f"{name}.webp"
    assert file.is_file(), f"python docs/make/strips.py {name}"
    strip = STRIPS[name]
    columns = strip.columns or len(strip.panels)
    rows = -(-len(strip.panels) // columns)
    assert file.stat().st_size <= MOST_BYTES * rows
    picture = cv2.imread(str(file))
    assert picture is not None
    assert picture.shape[:2] == (rows * (SIZE[1] + 6) - 6, columns * (SIZE[0] + 6) - 6)


def test_no_picture_is_left_over_and_all_are_small() -> None:
    files = list(OUT.glob("*"))
    assert {f.stem for f in files} == set(STRIPS)
    assert sum(f.stat().st_size for f in files) < MOST_PICTURES_BYTES


@pytest.mark.parametrize("name", STRIPS)
def test_a_strip_is_of_configs_that_differ(name: str, tmp_path: Path) -> None:
    strip = STRIPS[name]
    shown = {str((merged(BASES[strip.base], strip.common, panel.overrides), panel.map)) for panel in strip.panels}
    assert len(shown) == len(strip.panels)
    for panel in strip.panels:
        scanstage.load_config(merged(BASES[strip.base], strip.common, panel.overrides), base=tmp_path)


def test_every_key_is_on_its_page() -> None:
    for page in PAGES:
        text = config_page(page)
        for key in all_keys():
            if key.path in WITHOUT and page.name == key.path.partition(".")[0]:
                assert f"### `{key.path}`" in text
        assert "Takes* a value" not in text


def test_every_command_has_an_example() -> None:
    assert {name for _, name, _ in commands()} == set(EXAMPLES)
    assert all(example.startswith(f"scanstage {name}") for name, lines in EXAMPLES.items() for example in lines)


def test_every_command_has_the_options_of_the_command_line() -> None:
    """As typer makes them: a test of them as signatures say them missed ``--class``, of a parameter ``class_name``."""
    every = [name for _, name, _ in commands()]  # which mounts them
    group: Any = get_command(app)
    found = dict(group.commands)
    for name, inner in group.commands.items():
        found |= {f"{name} {own}": command for own, command in getattr(inner, "commands", {}).items()}
    page = command_page()
    for name in every:
        section = re.split(r"\n##", page.partition(f"### `scanstage {name}`\n")[2], maxsplit=1)[0]
        documented = {flag for row in re.findall(r"^\| (.*?) \|", section, re.MULTILINE) for flag in _flags_in(row)}
        options = [p for p in found[name].params if p.param_type_name == "option" and not p.hidden]
        real = {flag for p in options for flag in (*p.opts, *p.secondary_opts)}
        assert documented == real - {"--help", "--install-completion", "--show-completion"}, name


def _flags_in(row: str) -> list[str]:
    return re.findall(r"`(--?[a-z][\w-]*)", row)


def test_every_attribute_of_a_record_has_a_meaning() -> None:
    page = record_page()
    for cls in record_classes():
        section = page.partition(f"\n## {cls.__name__}\n")[2].partition("\n## ")[0]
        rows = [line for line in section.splitlines() if line.startswith("| `")]
        assert len(rows) == len(dataclasses.fields(cls)), cls
        assert not [row for row in rows if not row.split("|")[-2].strip()], cls
        assert set(attributes(cls)) == {field.name for field in dataclasses.fields(cls)}
