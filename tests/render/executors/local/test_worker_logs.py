"""What workers have printed: kept while they live, and never a reason to fail."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.analytic_engine import INFO

from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.render.commands.generate import _keep_log
from scanstage.render.engine.log_tail import DATASET_LOG_BYTES
from scanstage.render.executors.local.picture_pipeline import KEPT_LOGS, PicturePipeline
from scanstage.scenes.config.sections.render_settings import RenderSettings


class PlayedEngine:
    """Has written its log, which a real one does at its end, and lives until it is told otherwise."""

    def __init__(self, settings: object, scratch: Path, log: Path, **options: object) -> None:
        self.log, self.alive, self.info, self.printed = log, True, INFO, f"{log.name} says\n"
        log.write_text(f"{log.name}\n")
        if settings is None:
            raise OSError(errno.ENOMEM, "no room")


@pytest.fixture
def pipeline(tmp_path: Path) -> PicturePipeline:
    given: Any = None
    engines: Any = PlayedEngine
    found = PicturePipeline(given, DatasetFolder(tmp_path / "d"), given, engines, tmp_path)
    found.__dict__["settings"] = RenderSettings()
    return found


def start(pipeline: PicturePipeline) -> Any:
    return pipeline.open_engine(RenderSettings())


def test_the_log_of_a_living_worker_stays_and_the_oldest_others_go(pipeline: PicturePipeline) -> None:
    lasting = start(pipeline)
    ended = [start(pipeline) for _ in range(3)]
    assert ended[0].log != ended[1].log
    for engine in ended:
        engine.alive = False
    for _ in range(2 * KEPT_LOGS):
        engine = start(pipeline)
        engine.alive = False
        ended.append(engine)
    assert lasting.log.exists()
    kept = [engine for engine in ended if engine.log.exists()]
    assert kept == ended[-len(kept) :]
    assert KEPT_LOGS <= len(kept) <= KEPT_LOGS + 1
    lasting.alive = False
    start(pipeline)
    assert lasting.log.exists(), "it has only just ended: what it printed last may be asked for"


def test_logs_of_failed_starts_do_not_pile_up(pipeline: PicturePipeline, tmp_path: Path) -> None:
    pipeline.__dict__["settings"] = None
    for _ in range(2 * KEPT_LOGS):
        with pytest.raises(OSError, match="no room"):
            pipeline.open_engine()
    assert len(list(tmp_path.glob("blender-*.log"))) <= KEPT_LOGS + 1


def test_a_log_that_vanishes_while_all_are_read_is_left_out(
    pipeline: PicturePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = [start(pipeline) for _ in range(3)]
    read = Path.read_bytes

    def vanishing(path: Path) -> bytes:
        if path == engines[1].log:
            path.unlink()
        return read(path)

    for engine in engines[:2]:
        engine.alive = False
    monkeypatch.setattr(Path, "read_bytes", vanishing)
    told = f"{engines[0].log.name}\n{engines[2].log.name} says\n"
    assert pipeline.printed() == told.encode(), "a living worker's is asked of it: its file comes at its end"


def test_noisy_workers_leave_what_each_printed_last_within_the_bound(pipeline: PicturePipeline) -> None:
    for i in range(20):
        engine = start(pipeline)
        engine.alive = False
        engine.log.write_bytes(b"x" * (1 << 20) + f"\nlast of {i}\n".encode())
    printed = pipeline.printed()
    assert len(printed) <= DATASET_LOG_BYTES
    assert all(f"\nlast of {i}\n".encode() in printed for i in range(20))


@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), MemoryError(), RuntimeError("a store's own")])
def test_a_log_that_can_t_be_kept_hides_nothing(
    pipeline: PicturePipeline, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> bytes:
        raise error

    monkeypatch.setattr(pipeline, "printed", fail)
    run = SimpleNamespace(notes=None)
    _keep_log(run, pipeline)  # in a finally: what it raised would stand in place of what ended the run
