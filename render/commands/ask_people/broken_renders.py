"""Pictures broken in their plans, and rendered anew: objects that float or interpenetrate, one-sample noise."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.decoding import decode_rgb
from scanstage.dataset.records.picture_files import read_image
from scanstage.dataset.records.record import Record
from scanstage.render.commands.look.replay import RecordedPicture, open_recorded
from scanstage.render.engine.engine_protocol import EngineFactory
from scanstage.render.executors.local.picture_pipeline import open_pipeline
from scanstage.render.finish.finish_picture import LabelMismatch
from scanstage.render.finish.map_output import wanted_maps
from scanstage.scenes.plan import FramePlan, ObjectPlan
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.sight.cast_plan import Planned

Pixels = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]

LIFTS = (1.1, 0.8, 0.55, 0.35)
"""Of an object's height: the first one that leaves it in the picture is taken."""
AS_TALL = 0.8
"""Small ones rise as if they were so much of the tallest: over their own height they might lie on something."""
TILT_DEG = 50.0
INTO, ASIDE_DEG = 0.25, 60.0
"""How far from the middle of the largest object others are that are put into it: a share of its width, and the angle
from the way to the camera. On the ground, or behind it, they might be taken for standing close together."""
STILL_SEEN = 0.45
"""Of an object's pixels that have to be seen when it was moved."""
ONE_SAMPLE = ("render.samples=1", "render.min_samples=1", "render.denoise=off", "render.noise_threshold=0")
MOVED = 3
"""Objects that are moved, the largest ones."""
STEEPEST_DEG = 42.0
"""That a camera may look down: from above, what floats looks larger, and hardly anything else."""


@dataclass(frozen=True)
class BrokenRender:
    """A picture to be broken.

    Attributes:
        dataset: its folder.
        index: in it.
        how: ``floating``, ``interpenetrating`` or ``one sample``.
    """

    dataset: Path
    index: int
    how: str


def render_broken(
    asked: Sequence[BrokenRender], engines: EngineFactory | None = None, library: Path | None = None
) -> Iterator[tuple[BrokenRender, Pixels]]:
    """Render them, (H, W, 3) uint8 RGB. One where the change can't be seen, or that failed, is left out.

    Raises:
        InputError: a dataset, or its scans, can't be used.
        EngineCrashed, EngineError: Blender failed.
    """
    for is_noisy in (False, True):
        for folder in dict.fromkeys(a.dataset for a in asked):
            own = [a for a in asked if a.dataset == folder and (a.how == "one sample") is is_noisy]
            if own:
                yield from _rendered(own, ONE_SAMPLE if is_noisy else (), engines, library)


def _rendered(
    asked: Sequence[BrokenRender], overrides: tuple[str, ...], engines: EngineFactory | None, library: Path | None
) -> Iterator[tuple[BrokenRender, Pixels]]:
    cases = [open_recorded(a.dataset, a.index, library) for a in asked]
    config = cases[0].config(overrides)
    width, height = (max(c.plan.camera.resolution_wh[axis] for c in cases) for axis in (0, 1))
    with tempfile.TemporaryDirectory(prefix="scanstage-survey-") as scratch:
        folder = DatasetFolder(Path(scratch))
        folder.create(wanted_maps(config.output))
        with (
            open_pipeline(config, cases[0].catalogue, folder, engines, resolution_wh=(width, height)) as pipeline,
            pipeline.one_engine() as engine,
        ):
            planner = Planner(config, cases[0].catalogue, Path())
            for one, case in zip(asked, cases, strict=True):
                with case.unless_broken():
                    planned = _broken(case, one.how, planner)
                    if planned is None:
                        continue
                    try:
                        record = pipeline.finish(planned, pipeline.render(engine, planned), engine)
                    except LabelMismatch:
                        continue
                    yield one, _pixels(folder, record)


def shows_what_floats(plan: FramePlan) -> bool:
    """Whether the camera looks from the side enough."""
    down = -plan.camera.camera_to_world[2][2]  # of the way that it looks
    return down <= math.sin(math.radians(STEEPEST_DEG))


def _pixels(folder: DatasetFolder, record: Record) -> Pixels:
    return decode_rgb(read_image(folder, record), record.image.resolution_wh)


def _broken(case: RecordedPicture, how: str, planner: Planner) -> Planned | None:
    """The changed plan, cast; None where the change isn't seen."""
    before = planner.planned(case.plan)
    if how == "one sample":
        return before
    chosen = _largest(before, case.plan)
    corners = {o.instance_id: _corners(o, before.bounds[o.asset_id]) for o in chosen}
    changes = [lambda o, lift=lift: _floating(o, corners, lift) for lift in LIFTS] if how == "floating" else []
    if how == "interpenetrating" and len(chosen) > 1:
        camera = np.array(case.plan.camera.camera_to_world, np.float64)[:3, 3]
        order = [c.instance_id for c in chosen]
        changes = [lambda o, lift=lift: _inside(o, corners, order, camera, lift) for lift in LIFTS]
    for change in changes:
        planned = planner.planned(_changed(case.plan, corners, change))
        if _still_seen(before, planned, list(corners)):
            return planned
    return None


def _largest(planned: Planned, plan: FramePlan) -> list[ObjectPlan]:
    """Labelled objects that take most of the picture, the largest first."""
    ids, counts = np.unique(planned.engine_ids, return_counts=True)
    seen = dict(zip(ids.tolist(), counts.tolist(), strict=True))
    known = [o for o in plan.objects if o.class_name is not None and o.asset_id in planned.bounds]
    return sorted(known, key=lambda o: -seen.get(o.instance_id, 0))[:MOVED]


def _corners(item: ObjectPlan, bounds: Matrix) -> Matrix:
    """(8, 3) corners of an object's box, in the world."""
    x, y, z = (bounds[:, axis] for axis in range(3))
    own = np.array([(a, b, c, 1.0) for a in x for b in y for c in z])
    return (own @ np.array(item.object_to_world, np.float64).T)[:, :3]


def _changed(plan: FramePlan, corners: Mapping[int, Matrix], change: Callable[[ObjectPlan], Matrix]) -> FramePlan:
    objects = []
    for item in plan.objects:
        if item.instance_id in corners:
            matrix = tuple(tuple(float(v) for v in row) for row in change(item))
            item = replace(item, object_to_world=matrix, motion=None)  # type: ignore[arg-type]
        objects.append(item)
    return replace(plan, objects=tuple(objects))


def _floating(item: ObjectPlan, corners: Mapping[int, Matrix], lift: float) -> Matrix:
    """Lifted by a part of its height, and tilted as nothing hangs."""
    own = corners[item.instance_id]
    height = np.maximum(_height(own), AS_TALL * np.max([_height(other) for other in corners.values()], axis=0))
    return _moved(item, own.mean(axis=0), own.mean(axis=0) + lift * height)


def _inside(
    item: ObjectPlan,
    corners: Mapping[int, Matrix],
    order: Sequence[int],
    camera: npt.NDArray[np.float64],
    lift: float,
) -> Matrix:
    """All in the place of the largest one, a little out of it towards the camera, and together in the air."""
    target, own = corners[order[0]], corners[item.instance_id]
    up = target.mean(axis=0) + lift * _height(target)
    number = order.index(item.instance_id)
    if number == 0:
        return _moved(item, own.mean(axis=0), up)
    towards = camera - up
    angle = math.atan2(towards[1], towards[0]) + math.radians(ASIDE_DEG if number % 2 else -ASIDE_DEG)
    reach = INTO * float(max(np.ptp(target[:, 0]), np.ptp(target[:, 1])))
    aside = np.array([reach * math.cos(angle), reach * math.sin(angle), 0.0])
    return _moved(item, own.mean(axis=0), up + aside)


def _moved(item: ObjectPlan, middle: npt.NDArray[np.float64], to: npt.NDArray[np.float64]) -> Matrix:
    """Its middle elsewhere, and tilted."""
    turn = math.radians(TILT_DEG if item.instance_id % 2 else -TILT_DEG)
    tilt = np.eye(4)
    tilt[1:3, 1:3] = [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
    return _shift(to) @ tilt @ _shift(-middle) @ np.array(item.object_to_world, np.float64)


def _height(corners: Matrix) -> npt.NDArray[np.float64]:
    """(3,) upwards, as long as an object is high."""
    return np.array([0.0, 0.0, np.ptp(corners[:, 2])])


def _shift(by: npt.NDArray[np.float64]) -> Matrix:
    matrix = np.eye(4)
    matrix[:3, 3] = by
    return matrix


def _still_seen(before: Planned, after: Planned, ids: Sequence[int]) -> bool:
    """Whether most of what was moved is still in the picture."""
    counts = [sum(int((p.engine_ids == i).sum()) for i in ids) for p in (before, after)]
    return counts[1] >= STILL_SEEN * counts[0] and counts[1] > 0
