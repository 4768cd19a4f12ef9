"""What workers have printed: kept while they live, and never a reason to fail."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.render.commands.generate import _keep_log
from scanstage.render.engine.blender_session import EngineInfo
from scanstage.render.engine.log_tail import DATASET_LOG_BYTES
from scanstage.render.executors.local import picture_pipeline as stages_module
from scanstage.render.executors.local.picture_pipeline import KEPT_LOGS, Stages
from scanstage.scenes.config.sections.render_settings import RenderSettings

INFO = EngineInfo("9.9", "FAKE", "CPU", [], "a test", {}, True, [], [])


class Session:
    """Has written its log, which a real one does at its end, and lives until it is told otherwise."""

    def __init__(self, settings: object, blender: object, scratch: Path, log: Path, **options: object) -> None:
        self.log, self.alive, self.info, self.printed = log, True, INFO, f"{log.name} says\n"
        log.write_text(f"{log.name}\n")
        if settings is None:
            raise OSError(errno.ENOMEM, "no room")


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stages:
    monkeypatch.setattr(stages_module, "BlenderSession", Session)
    given: Any = None
    console = Console(quiet=True)
    found = Stages(given, DatasetFolder(tmp_path / "d"), given, None, tmp_path, console, lambda: None)
    found.__dict__["settings"] = RenderSettings()
    return found


def start(stages: Stages) -> Any:
    return stages.open(RenderSettings())


def test_the_log_of_a_living_worker_stays_and_the_oldest_others_go(stages: Stages) -> None:
    lasting = start(stages)
    ended = [start(stages) for _ in range(3)]
    assert ended[0].log != ended[1].log
    for session in ended:
        session.alive = False
    for _ in range(2 * KEPT_LOGS):
        session = start(stages)
        session.alive = False
        ended.append(session)
    assert lasting.log.exists()
    kept = [session for session in ended if session.log.exists()]
    assert kept == ended[-len(kept) :]
    assert KEPT_LOGS <= len(kept) <= KEPT_LOGS + 1
    lasting.alive = False
    start(stages)
    assert lasting.log.exists(), "it has only just ended: what it printed last may be asked for"


def test_logs_of_failed_starts_do_not_pile_up(stages: Stages, tmp_path: Path) -> None:
    stages.__dict__["settings"] = None
    for _ in range(2 * KEPT_LOGS):
        with pytest.raises(OSError, match="no room"):
            stages.open()
    assert len(list(tmp_path.glob("blender-*.log"))) <= KEPT_LOGS + 1


def test_a_log_that_vanishes_while_all_are_read_is_left_out(stages: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = [start(stages) for _ in range(3)]
    read = Path.read_bytes

    def vanishing(path: Path) -> bytes:
        if path == sessions[1].log:
            path.unlink()
        return read(path)

    for session in sessions[:2]:
        session.alive = False
    monkeypatch.setattr(Path, "read_bytes", vanishing)
    told = f"{sessions[0].log.name}\n{sessions[2].log.name} says\n"
    assert stages.printed() == told.encode(), "a living worker's is asked of it: its file comes at its end"


def test_noisy_workers_leave_what_each_printed_last_within_the_bound(stages: Stages) -> None:
    for i in range(20):
        session = start(stages)
        session.alive = False
        session.log.write_bytes(b"x" * (1 << 20) + f"\nlast of {i}\n".encode())
    printed = stages.printed()
    assert len(printed) <= DATASET_LOG_BYTES
    assert all(f"\nlast of {i}\n".encode() in printed for i in range(20))


@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), MemoryError(), RuntimeError("a store's own")])
def test_a_log_that_can_t_be_kept_hides_nothing(
    stages: Stages, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> bytes:
        raise error

    monkeypatch.setattr(stages, "printed", fail)
    _keep_log(stages, stages.folder, None, 1)  # in a finally: what it raised would stand in place of what ended the run
