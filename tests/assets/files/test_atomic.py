"""A file is complete or absent under its name, and nothing is left beside it."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

import pytest

from scanstage.assets.files import atomic
from scanstage.assets.files.atomic import write_atomically


@pytest.mark.parametrize("call", ["open", "fsync"])
def test_an_interrupt_at_any_moment_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    (tmp_path / "a.json").write_bytes(b"before")
    real = getattr(os, call)

    def interrupted(*arguments: object) -> int:
        real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, call, interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a.json", b"after")
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_bytes() == b"before"


@pytest.mark.parametrize("stands_there", ["file", "link"])
def test_what_has_the_name_meanwhile_is_neither_written_to_nor_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stands_there: str
) -> None:
    monkeypatch.setattr(atomic, "uuid4", lambda: UUID(int=0))
    (victim := tmp_path / "victim").write_bytes(b"mine")
    staged = tmp_path / f".a.json.{'0' * 8}"
    staged.symlink_to(victim) if stands_there == "link" else staged.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        write_atomically(tmp_path / "a.json", b"after")
    assert staged.read_bytes() == victim.read_bytes() == b"mine"
    assert not (tmp_path / "a.json").exists()
