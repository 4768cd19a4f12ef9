"""What is found wrong after a config was read is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanstage.assets.messages.errors import InputError
from scanstage.render.cli.app import entrypoint
from scanstage.scenes.config.problem_lines import told_with_lines

CONFIG = """\
# a comment
assets:
  source: samples
  classes:
    - duck
    - 'mugg'
labels:
  per_class:
    zebra: {min_pixels: 3}
objects:
  placement: {kind: drop}
stage: none
"""


def told(path: Path, *problems: str) -> list[str]:
    with pytest.raises(InputError) as refused, told_with_lines(path):
        raise InputError(list(problems), "a hint")
    assert refused.value.hint == "a hint"
    return refused.value.problems


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        ("assets.classes: there is no scan of class 'mugg' in the samples", 6),
        ("assets.classes: there is no scan of class 'duck' in the samples", 5),
        ("assets.classes: every class serves as a distractor", 4),
        ("labels.per_class.zebra: no such class is labelled", 9),
        ("objects.placement: drop needs something to rest on", 11),
        ("stage: would hide the backplate", 12),
        ("light.hdri.image: there is no builtin:moon", None),
        ("assets.library: isn't in the file, but what is above it is", 2),
        ("/a/path: is missing", None),
        ("no key at all", None),
    ],
)
def test_a_problem_that_begins_with_a_key_has_its_line(tmp_path: Path, problem: str, line: int | None) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    assert told(path, problem) == [problem if line is None else f"{path}:{line}: {problem}"]


def test_without_a_file_it_stays_as_it_is(tmp_path: Path) -> None:
    assert told(tmp_path / "none.yaml", "stage: is wrong") == ["stage: is wrong"]


@pytest.mark.parametrize("command", ["plan", "preview", "generate", "estimate"])
def test_a_missing_class_is_told_with_its_line(
    command: str, tmp_path: Path, toy_library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"images: 1\nassets:\n  library: {toy_library}\n  classes:\n  - box\n  - zebra\n")
    assert entrypoint([command, str(path)]) == 2
    assert f"{path}:6: assets.classes: there is no scan of class 'zebra'" in capsys.readouterr().err
