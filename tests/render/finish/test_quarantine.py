"""Pictures that can't be made: what is kept of them, within bounds, and links that stand in their places."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from scanstage.assets.files.locations import locate
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.render.bookkeeping.leftovers import remove_leftovers
from scanstage.render.finish import quarantine as module
from scanstage.render.finish.quarantine import (
    ALL_LOGS_BYTES,
    LOG,
    PICTURE_LOG_BYTES,
    PLAN,
    REASON,
    kept,
    quarantine,
    quarantined,
    reasons,
    release,
    release_finished,
)
from scanstage.scenes.plan import BackgroundPlan, CameraPlan, FramePlan, PostPlan, WorldPlan

NOISE = "".join(f"Fra:1 | Sample {i}/99 | \x1b[31mnoise\n" for i in range(200_000))


def plan(index: int) -> FramePlan:
    identity = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
    camera = CameraPlan((12, 8), 10.0, 10.0, 6.0, 4.0, identity)
    return FramePlan(index, 0, camera, (), WorldPlan(None, 0, 1), BackgroundPlan("hdri"), (), (), PostPlan())


@pytest.fixture
def folder(tmp_path: Path) -> DatasetFolder:
    (tmp_path / "data").mkdir()
    return DatasetFolder(tmp_path / "data")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that a link leads to, as somebody's own would be: with what looks like a picture's files."""
    place = tmp_path / "outside"
    (place / "000001").mkdir(parents=True)
    for name in ("reason.json", "plan.json", "blender.log", ".plan.json.abcdefgh", "000001/reason.json"):
        (place / name).write_text('{"reason": "a secret"}')
    (place / "000001/.plan.json.abcdefgh").write_text("kept")
    return place


def digest(place: Path) -> dict[str, bytes]:
    return {p.relative_to(place).as_posix(): p.read_bytes() for p in place.rglob("*") if p.is_file()}


def test_a_noisy_log_is_kept_by_its_end(folder: DatasetFolder) -> None:
    quarantine(folder, plan(3), "it crashed", NOISE)
    place = folder.local_root / "quarantine/000003"
    log = (place / LOG).read_text("utf-8")
    assert len((place / LOG).read_bytes()) <= PICTURE_LOG_BYTES
    assert log.startswith("… ")
    assert log.endswith("Sample 199999/99 | \x1b[31mnoise\n")
    assert kept(folder, 3) == (plan(3), "it crashed")


@pytest.mark.parametrize("place", ["disk", "store"])
def test_all_logs_stay_within_a_bound_and_the_newest_is_whole(
    folder: DatasetFolder, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place == "store":
        folder = DatasetFolder(locate(f"memory://quarantine{os.getpid()}/d", "--out"))
    monkeypatch.setattr(module, "ALL_LOGS_BYTES", bound := 20_000)
    log = "x" * 899 + "\n"
    for index in range(60):
        quarantine(folder, plan(index), f"reason {index}", log * 3)
        logs = {i: (folder.quarantined(i) / LOG).read_bytes() for i in range(index + 1)}
        told = [i for i, text in logs.items() if len(text) < 100]
        assert sum(map(len, logs.values())) <= bound + 100 * len(told)
        assert logs[index] == log.encode() * 3
        assert told == list(range(len(told))), "the oldest go first"
        assert all("2,700 bytes before this were dropped" in logs[i].decode() for i in told)
    assert len(told) > 40
    assert quarantined(folder) == set(range(60))
    assert reasons(folder) == {i: f"reason {i}" for i in range(60)}, "plans and reasons always stay"
    assert kept(folder, 0)[0] == plan(0)


def test_what_many_parts_bring_together_is_bound_at_a_merge(folder: DatasetFolder) -> None:
    for index in range(100):
        place = folder.local_root / f"quarantine/{index:06d}"
        place.mkdir(parents=True)
        (place / LOG).write_bytes(b"y" * PICTURE_LOG_BYTES)
        (place / REASON).write_text(json.dumps({"reason": "r"}))
        os.utime(place / LOG, (index, index))
    release_finished(folder, {50})
    sizes = {int(p.parent.name): p.stat().st_size for p in folder.local_root.glob("quarantine/*/blender.log")}
    assert sum(sizes.values()) <= ALL_LOGS_BYTES + 100 * 100
    assert [i for i, size in sizes.items() if size > 1000 and i < 30] == []
    assert sizes[99] == PICTURE_LOG_BYTES
    assert 50 not in sizes


# Links


def linked_picture(folder: DatasetFolder, outside: Path) -> Path:
    (folder.local_root / "quarantine").mkdir()
    place = folder.local_root / "quarantine/000001"
    place.symlink_to(outside)
    return place


def linked_quarantine(folder: DatasetFolder, outside: Path) -> Path:
    place = folder.local_root / "quarantine"
    place.symlink_to(outside)
    return place


def linked_to_nothing(folder: DatasetFolder, outside: Path) -> Path:
    (folder.local_root / "quarantine").mkdir()
    place = folder.local_root / "quarantine/000001"
    place.symlink_to(outside / "nothing")
    return place


def a_file(folder: DatasetFolder, outside: Path) -> Path:
    (folder.local_root / "quarantine").mkdir()
    place = folder.local_root / "quarantine/000001"
    place.write_text("no folder")
    return place


def a_pipe(folder: DatasetFolder, outside: Path) -> Path:
    (folder.local_root / "quarantine").mkdir()
    os.mkfifo(place := folder.local_root / "quarantine/000001")
    return place


PLANTED = [linked_picture, linked_quarantine, linked_to_nothing, a_file, a_pipe]


@pytest.mark.parametrize("plant", PLANTED)
def test_a_failure_is_written_into_the_dataset_and_nowhere_else(
    folder: DatasetFolder, outside: Path, plant: Callable[[DatasetFolder, Path], Path]
) -> None:
    before = digest(outside)
    plant(folder, outside)
    quarantine(folder, plan(1), "it crashed", "log\n")
    assert digest(outside) == before
    place = folder.local_root / "quarantine/000001"
    assert not place.is_symlink()
    assert sorted(p.name for p in place.iterdir()) == [LOG, PLAN, REASON]
    assert kept(folder, 1) == (plan(1), "it crashed")


@pytest.mark.parametrize("plant", PLANTED)
def test_a_picture_that_was_made_is_released_and_nothing_else(
    folder: DatasetFolder, outside: Path, plant: Callable[[DatasetFolder, Path], Path]
) -> None:
    before = digest(outside)
    place = plant(folder, outside)
    assert reasons(folder) == {}
    with pytest.raises(FileNotFoundError):
        kept(folder, 1)
    remove_leftovers(folder)
    release_finished(folder, {1})
    release(folder, 1)
    release(folder, 1)
    assert digest(outside) == before
    assert not os.path.lexists(place)


@pytest.mark.parametrize("name", [PLAN, REASON, LOG])
@pytest.mark.parametrize("target", ["outside", "/dev/zero", "pipe"])
def test_links_among_a_picture_s_files(folder: DatasetFolder, outside: Path, name: str, target: str) -> None:
    before = digest(outside)
    quarantine(folder, plan(1), "it crashed", "log\n")
    file = folder.local_root / "quarantine/000001" / name
    file.unlink()
    if target == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to(outside / "reason.json" if target == "outside" else target)
    if name == REASON:
        assert reasons(folder) == {}
    if name != LOG:
        with pytest.raises(FileNotFoundError):
            kept(folder, 1)
    quarantine(folder, plan(1), "again", "log\n")
    assert kept(folder, 1) == (plan(1), "again")
    assert digest(outside) == before
