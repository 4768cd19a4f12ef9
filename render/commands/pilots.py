"""A few pictures of a run, made for real in a temporary folder, to learn what pictures take."""

from __future__ import annotations

import contextlib
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from scanstage.dataset.export.placing.in_place_export import export
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.render.bookkeeping.run_outputs import begun
from scanstage.render.engine.engine_protocol import EngineError, EngineFactory
from scanstage.render.engine.worker_supervisor import PictureFailed, StartFailed, SupervisedWorker
from scanstage.render.executors.local.machine_shares import Shares
from scanstage.render.executors.local.picture_pipeline import PicturePipeline, open_pipeline
from scanstage.render.finish.finish_picture import LabelMismatch
from scanstage.render.finish.map_output import wanted_maps
from scanstage.scenes.picture_sequence.picture_source import PictureSource, open_source
from scanstage.scenes.picture_sequence.planned_picture import Picture, PlannedPicture, RefusedPicture
from scanstage.scenes.picture_sequence.selection import Selection, single
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.sight.cast_plan import Planned

STAGES = ("plan", "sync", "render", "read", "finish")


@dataclass(frozen=True)
class Pilot:
    """A picture made for the estimate.

    Attributes:
        index: of the picture.
        seconds: by stage, of :data:`STAGES`.
        files: bytes on disk by folder: ``images``, ``records``, maps.
    """

    index: int
    seconds: dict[str, float]
    files: dict[str, int]


@dataclass(frozen=True)
class PilotReport:
    """What the pilots showed.

    Attributes:
        pilots: the pictures.
        pictures: of the whole run, as far as is known.
        exact: whether that is known.
        start_s: from the first call to the first picture: Blender's start, and what the first picture takes longer than
            the same picture again (scans are read, kernels are compiled).
        together: bytes of what is exported from the pilots, and of their lines in a ledger, by file name.
        worker_bytes, coordinator_bytes: memory after the last pilot.
        engine: what the engine says of itself.
    """

    pilots: tuple[Pilot, ...]
    pictures: int
    exact: bool
    start_s: float
    together: dict[str, int]
    worker_bytes: int | None
    coordinator_bytes: int
    engine: dict[str, Any]


def run_pilots(planner: Planner, shares: Shares, engines: EngineFactory | None) -> PilotReport:
    """Make the pilots, one after the other with one worker of those that ``shares`` describes.

    Args:
        planner: of the run.
        shares: how the run's workers share the machine.
        engines: that render; None is Blender, the bpy wheel.

    Raises:
        InputError: a pilot can't be planned, or the engine can't be used.
        EngineCrashed, EngineError: a pilot can't be rendered, or isn't what was planned.
        OSError: the temporary folder can't be written.
    """
    config = planner.config
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="scanstage-estimate-"))
        folder = DatasetFolder(Path(place))
        folder.create(wanted_maps(config.output))
        pipeline = stack.enter_context(open_pipeline(config, planner.catalogue, folder, engines))
        source = open_source(planner)
        if source.balance is not None:
            source.balance.ledger.open(folder.ledger)
        with contextlib.closing(pipeline.workers(shares)[0]) as worker:
            start_s, pilots, worker_bytes = _make_all(source, worker, pipeline, Path(place))
        export(folder, begun(source))
        coordinator = psutil.Process().memory_info().rss
        return PilotReport(
            tuple(pilots),
            source.expected,
            source.exact,
            start_s,
            _of_all(Path(place)),
            worker_bytes,
            coordinator,
            dict(pipeline.info),
        )


def _make_all(
    source: PictureSource, worker: SupervisedWorker, pipeline: PicturePipeline, place: Path
) -> tuple[float, list[Pilot], int | None]:
    """Seconds of the start, the pilots, and the worker's memory after the last."""
    before = time.perf_counter()
    pilots: list[Pilot] = []
    start_s = 0.0
    memory: int | None = None
    for picture in map(_planned, source.pictures(_chosen(source))):
        first = not pilots
        if first:  # twice: what is read and built for any first picture counts as start
            _make(picture.planned, worker, pipeline)
            start_s = time.perf_counter() - before
            if source.balance is None:  # which would choose among candidates, and has its choice now
                picture = _planned(next(source.pictures(single(picture.index))))
        seconds, memory = _make(picture.planned, worker, pipeline)
        pilots.append(Pilot(picture.index, {"plan": picture.seconds} | seconds, _of_picture(place, picture.index)))
        if first:
            start_s = max(0.0, start_s - picture.seconds - sum(seconds.values()))
    return start_s, pilots, memory


def _chosen(source: PictureSource) -> Selection:
    """First, middle and last picture; of a balanced run the first three, as later ones depend on all before."""
    if source.balance is not None:
        return Selection((0, 2), through=2)
    return Selection(only={0, source.expected // 2, source.expected - 1})


def _planned(picture: Picture) -> PlannedPicture:
    """The picture. Raises InputError where it can't be planned."""
    if isinstance(picture, RefusedPicture):
        raise picture.error
    return picture


def _make(planned: Planned, worker: SupervisedWorker, pipeline: PicturePipeline) -> tuple[dict[str, float], int | None]:
    """Render and write a picture: seconds by stage, and the worker's memory."""
    index = planned.plan.index
    try:
        rendered = worker.render(planned)
        begun = time.perf_counter()
        pipeline.finish(planned, rendered.passes, rendered.engine)
    except (PictureFailed, LabelMismatch) as e:
        raise EngineError(f"pilot picture {index}: {e}") from e
    except StartFailed as e:
        raise e.reason from None
    last = rendered.engine.last
    return rendered.seconds | {"finish": time.perf_counter() - begun}, last.rss_bytes if last else None


def _of_picture(folder: Path, index: int) -> dict[str, int]:
    """Bytes of a picture's files, by the folder below the dataset's that they are in."""
    found: dict[str, int] = {}
    for path in folder.glob(f"*/{index:06d}.*"):
        found[path.parent.name] = found.get(path.parent.name, 0) + path.stat().st_size
    return found


def _of_all(folder: Path) -> dict[str, int]:
    """Bytes of what is written of all pictures together and grows with their number."""
    parts = [*(folder / "annotations").iterdir(), DatasetFolder(folder).ledger]
    return {path.name: path.stat().st_size for path in parts if isinstance(path, Path) and path.is_file()}
