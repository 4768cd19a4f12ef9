"""What a run notes at its end: no picture is missing without a word, and no failure is forgotten."""

from __future__ import annotations

import errno
import gc
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from support.analytic_engine import AnalyticEngines
from support.toy_runs import CONFIG, command, digest, generated, run, toy_config

from scanstage.dataset.records import own_files
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.picture_files import image_is_whole
from scanstage.dataset.records.record import Record
from scanstage.dataset.records.record_store import read_records, recorded_indices
from scanstage.render.bookkeeping.resume import finished_pictures
from scanstage.render.bookkeeping.run_options import GenerateOptions
from scanstage.render.engine.engine_protocol import EngineError
from scanstage.render.executors.local.picture_pipeline import PicturePipeline
from scanstage.render.terminal.progress_bar import ProgressView
from scanstage.scenes.picture_sequence.selection import Selection
from scanstage.scenes.picture_sequence.shard import Shard
from scanstage.scenes.plan import FramePlan


@pytest.fixture
def config(tmp_path: Path, toy_library: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return toy_config(CONFIG, toy_library, monkeypatch, tmp_path)


def broken_at(*pictures: int) -> AnalyticEngines:
    """Engines that fail once on each of these."""
    return AnalyticEngines(troubles={i: [EngineError("broken", "X")] for i in pictures})


def told(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "run.json").read_text())
    return content


def failed(out: Path) -> dict[int, str]:
    return {f["index"]: f["reason"] for f in told(out)["failed"]}


def unreadable(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    """Let a disk fail on one file."""
    honest = own_files.read_below

    def fails(root: Path, file: str, most_bytes: int) -> bytes:
        if file.endswith(name):
            raise OSError(number, "broken", str(root / file))
        return honest(root, file, most_bytes)

    monkeypatch.setattr(own_files, "read_below", fails)


def remove_when_5_is_made(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    honest = PicturePipeline.finish

    def finish(self, planned, passes, engine):
        record = honest(self, planned, passes, engine)
        if planned.plan.index == 5:
            file.unlink()
        return record

    monkeypatch.setattr(PicturePipeline, "finish", finish)


@pytest.mark.parametrize("gone", ["images/000003.jpg", "records/000003.json"])
@pytest.mark.parametrize("kept", [False, True])
def test_a_finished_picture_that_vanishes_is_a_failure(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str, kept: bool, capfd
) -> None:
    out = tmp_path / "d"
    run(config, out=tmp_path / "whole")
    if kept:
        run(config, out=out, frames=(3, 3))
    with monkeypatch.context() as m:
        remove_when_5_is_made(m, out / gone)
        assert command(["generate", str(config), "--out", str(out)]) == 1
    assert told(out)["pictures"] == 5
    assert list(failed(out)) == [3]
    assert "files are gone" in failed(out)[3]
    assert "the same command" in capfd.readouterr().err
    assert command(["generate", str(config), "--out", str(out)]) == 0
    assert failed(out) == {}
    assert digest(out, "annotations") == digest(tmp_path / "whole", "annotations")


def test_of_a_run_that_is_cut_short_nothing_is_held_to_be_gone(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = PicturePipeline.finish

    def finish(self, planned, passes, engine):
        if planned.plan.index == 3:
            raise OSError(errno.ENOSPC, "full")
        return honest(self, planned, passes, engine)

    monkeypatch.setattr(PicturePipeline, "finish", finish)
    assert command(["generate", str(config), "--out", str(tmp_path / "d")]) == 1
    assert failed(tmp_path / "d") == {}


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO, errno.EACCES])
def test_a_disk_that_cannot_be_read_leaves_no_picture_out_of_the_export(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, capfd
) -> None:
    out = tmp_path / "d"
    run(config, out=tmp_path / "whole")
    with monkeypatch.context() as m:
        unreadable(m, "000003.json", number)
        assert command(["generate", str(config), "--out", str(out)]) == 1
        engines = AnalyticEngines()
        line = ["generate", str(config), "--out", str(out)]
        assert command(line, engines) == 2, "a resume must not make it again"
        assert engines.opened == 0
    assert "000003.json" in capfd.readouterr().err
    with monkeypatch.context() as m:
        unreadable(m, "000003.jpg", number)
        assert command(["generate", str(config), "--out", str(out)]) == 2
    assert run(config, out=out).kept == 6
    assert digest(out, "images", "annotations") == digest(tmp_path / "whole", "images", "annotations")


def test_what_is_no_file_counts_as_absent(config: Path, tmp_path: Path) -> None:
    folder = run(config, out=tmp_path / "d").folder
    [record] = read_records(folder, [4])
    for index in (1, 2):
        folder.record(index).unlink()
    folder.record(1).mkdir()
    folder.record(2).symlink_to(folder.record(2).name)  # a loop
    folder.image(3, "jpg").unlink()
    folder.image(3, "jpg").mkdir()
    folder.image(4, "jpg").unlink()
    assert recorded_indices(folder) == list(range(6))
    assert [r.index for r in read_records(folder)] == [0, 5]
    assert not image_is_whole(folder, record)


def test_finished_pictures_are_not_kept_in_memory(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    summary = run(config, out=tmp_path / "d")
    honest, most = Record.from_json, 0

    def counted(text: str) -> Record:
        nonlocal most
        record = honest(text)
        gc.collect()
        most = max(most, sum(isinstance(o, FramePlan) for o in gc.get_objects()))
        return record

    gc.collect()
    before = sum(isinstance(o, FramePlan) for o in gc.get_objects())
    monkeypatch.setattr(Record, "from_json", counted)
    source = SimpleNamespace(expected=6, exact=True)
    found = finished_pictures(DatasetFolder(tmp_path / "d"), Selection(), source)  # type: ignore[arg-type]
    assert found.indices == frozenset(range(6))
    assert {c: n for c, n in summary.labels.items() if n} == dict(found.labels)
    assert most - before <= 2


def test_a_picture_whose_run_was_killed_before_its_release_leaves_the_quarantine(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "d"
    engines = AnalyticEngines(troubles={i: [EngineError("broken", "X") for _ in range(9)] for i in (2, 4)})
    run(config, engines, out=out)
    del engines.troubles[2]

    def killed(self: object, index: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as m:
        m.setattr(PicturePipeline, "_release", killed)
        with pytest.raises(KeyboardInterrupt):
            run(config, engines, out=out)
    assert (out / "records/000002.json").is_file()
    assert (out / "quarantine/000002").is_dir()
    run(config, engines, out=out, frames=(0, 3))
    assert [p.name for p in (out / "quarantine").iterdir()] == ["000004"]


def test_a_run_of_other_pictures_keeps_earlier_failures(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "d"
    run(config, broken_at(1, 4), out=out)
    assert set(failed(out)) == {1, 4}
    assert run(config, out=out, frames=(0, 1)).failed == []
    assert list(failed(out)) == [4]
    run(config, AnalyticEngines(troubles={4: [EngineError("otherwise", "X")]}), out=out)
    assert failed(out) == {4: "otherwise"}
    run(config, out=out)
    assert failed(out) == {}


def test_earlier_failures_are_there_while_a_run_goes_on(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, seen = tmp_path / "d", []
    run(config, broken_at(4), out=out, frames=(3, 5))
    honest = PicturePipeline.finish

    def finish(self, planned, passes, engine):
        seen.append(failed(out))
        return honest(self, planned, passes, engine)

    monkeypatch.setattr(PicturePipeline, "finish", finish)
    run(config, out=out, frames=(0, 0))
    assert seen
    assert all(list(f) == [4] for f in seen)


def test_failures_that_shards_noted_are_kept(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "d"
    run(config, broken_at(0, 4), out=out, part=Shard.parse("0/2"))
    run(config, out=out, frames=(0, 1))
    assert not (out / "shards").exists()
    assert list(failed(out)) == [4]


def test_a_resume_says_that_it_looks_at_what_is_there(config: Path, tmp_path: Path) -> None:
    for looks in (False, True):
        screen = io.StringIO()
        console = Console(file=screen, force_terminal=True, width=200)
        with ProgressView(console) as view:
            generated(config, GenerateOptions(out=tmp_path / "d"), on_progress=view)
        assert ("looking at what is there" in screen.getvalue()) is looks
