"""The file of results: a script rewrites its own section and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from results import write_section

BEFORE = "# Results\n\nHere:\n\n## One\n\nold one\n\n    # none\n\n```\n## nor this\n```\n\n## Two\n\nold two\n"


def test_a_section_is_replaced_and_the_others_stay(tmp_path: Path):
    path = tmp_path / "RESULTS.md"
    path.write_text(BEFORE)
    write_section("One", "new one\n", path)
    head, tail = BEFORE.split("old one")[0], BEFORE[BEFORE.index("## Two") :]
    assert path.read_text() == f"{head}new one\n\n{tail}"
    write_section("Two", "new two", path)
    assert path.read_text() == f"{head}new one\n\n## Two\n\nnew two\n"


def test_a_new_section_goes_to_the_end_and_writing_twice_changes_nothing(tmp_path: Path):
    path = tmp_path / "RESULTS.md"
    path.write_text(BEFORE)
    write_section("Three", "three", path)
    once = path.read_text()
    assert once == BEFORE + "\n## Three\n\nthree\n"
    write_section("Three", "three", path)
    assert path.read_text() == once


def test_a_file_is_begun_where_there_is_none(tmp_path: Path):
    write_section("One", "1", tmp_path / "RESULTS.md")
    assert (tmp_path / "RESULTS.md").read_text() == "# Results\n\n## One\n\n1\n"


def test_text_with_headings_of_its_own_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="heading"):
        write_section("One", "fine\n## Two\n", tmp_path / "RESULTS.md")
    assert not (tmp_path / "RESULTS.md").exists()
