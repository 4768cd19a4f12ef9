"""Pictures rendered once, and kept as light: developed over and over, each time as another camera would."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.assets.machine.processors import usable_cores
from scanstage.dataset.appearance.pixel_summaries import Pixels
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.render.bookkeeping.progress import OnProgress, Progress
from scanstage.render.engine.engine_protocol import Engine, EngineFactory
from scanstage.render.engine.passes import Passes
from scanstage.render.executors.choose_executor import open_executor
from scanstage.render.executors.local.picture_pipeline import PicturePipeline, open_pipeline
from scanstage.render.finish.develop import develop, meter
from scanstage.render.finish.finish_picture import encode_image, seen_passes
from scanstage.scenes.bank.planned_labels import planned_labels
from scanstage.scenes.config.sections.label_settings import LabelsConfig
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.picture_sequence.picture_source import IndependentPictures, hopeful
from scanstage.scenes.picture_sequence.selection import Selection
from scanstage.scenes.plan import FramePlan, PostPlan
from scanstage.scenes.planning.preflight import open_planner
from scanstage.scenes.sight.cast_plan import CastPlan, Planned

MOST_SAMPLES = 32
"""More cost time, and show nothing that a denoiser doesn't."""
WHOLE_JPEG = 0.5
"""Smaller than this share of its width, a picture shows nothing of its JPEG's blocks any more."""
MOST_LIGHT = 6e4
"""Half floats end there."""


@dataclass(frozen=True)
class LinearPicture:
    """A rendered picture before any camera.

    Attributes:
        plan: of it.
        radiance: (H, W, 3) float16, see :class:`Passes`.
        alpha: (H, W) float16; None: 1 everywhere.
        metered_ev: automatic exposure.
        boxes_xywh: of its labels, pixels.
    """

    plan: FramePlan
    radiance: npt.NDArray[np.float16]
    alpha: npt.NDArray[np.float16] | None
    metered_ev: float
    boxes_xywh: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, planned: Planned, passes: Passes, labels: LabelsConfig) -> LinearPicture:
        """Of passes that are ready to be developed."""
        opaque = bool((passes.alpha >= 1).all())
        boxes = planned_labels(CastPlan(planned.plan, planned.seen), labels).boxes
        return cls(
            planned.plan,
            np.clip(passes.radiance, -MOST_LIGHT, MOST_LIGHT).astype(np.float16),
            None if opaque else passes.alpha.astype(np.float16),
            meter(passes),
            tuple(tuple(map(float, box[:4])) for box in boxes),
        )

    def developed(self, post: PostPlan, factor: float, is_jpeg: bool) -> Pixels:
        """(H, W, 3) uint8 sRGB, as a dataset would show it.

        Args:
            post: settings of the camera.
            factor: of this picture's width to that of the dataset's.
            is_jpeg: whether those are JPEG files.
        """
        if post.exposure_ev is None:
            post = replace(post, exposure_ev=self.metered_ev)
        shape = self.radiance.shape[:2]
        alpha = np.ones(shape, np.float32) if self.alpha is None else self.alpha.astype(np.float32)
        passes = Passes(self.radiance.astype(np.float32), alpha, np.zeros(shape, np.uint16))
        pixels, _ = develop(passes, post, self.plan.background, self.plan.camera)
        if not is_jpeg or factor <= WHOLE_JPEG:
            return pixels
        data = np.frombuffer(encode_image(pixels, "jpg", post.jpeg_quality), np.uint8)
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def render_linear(
    config: RunConfig, base: Path, count: int, engines: EngineFactory | None, on_progress: OnProgress
) -> list[LinearPicture]:
    """Render pictures of a config, and keep their light; those that can't be made are left out.

    Args:
        config: of the pictures, of the size that they are to have.
        base: folder that its relative paths start from.
        count: of pictures.
        engines: that render; None is Blender.
        on_progress: told how far it has come.

    Raises:
        InputError: the engine can't be used, or none of the pictures can be planned.
        EngineCrashed, EngineError: no engine can be started (any more).
        OSError: there is no room to work in.
    """
    config = quickly(config, count)
    planner = open_planner(config, base)
    found: dict[int, LinearPicture] = {}
    done = 0
    with contextlib.ExitStack() as stack:
        folder = DatasetFolder(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scanstage-fit-"))))
        most = config.workers.count or usable_cores()
        pipeline = stack.enter_context(
            open_pipeline(config, planner.catalogue, folder, engines, workers=most, announce=False)
        )
        pictures = hopeful(IndependentPictures(planner).pictures(Selection((0, count - 1))), resumed=False)
        keep = _Keep(pipeline, config.labels, found)
        executor = stack.enter_context(open_executor(pipeline, "local", None, lambda: count, base, keep))
        on_progress(Progress("starting"))
        executor.start(pictures, at_once=True)
        on_progress(Progress("rendering", count))
        for _ in stack.enter_context(contextlib.closing(executor.outcomes())):
            done += 1
            on_progress(Progress("rendering", count, len(found), done, done - len(found)))
    return [found[index] for index in sorted(found)]


@dataclass(frozen=True)
class _Keep:
    """Keeps what is rendered. See :data:`local_executor.Finish`."""

    pipeline: PicturePipeline
    labels: LabelsConfig
    found: dict[int, LinearPicture]

    def __call__(self, planned: Planned, passes: Passes, engine: Engine) -> None:
        seen = seen_passes(planned, self.pipeline.over_background(planned, passes))
        self.found[planned.plan.index] = LinearPicture.of(planned, seen, self.labels)


def quickly(config: RunConfig, count: int) -> RunConfig:
    """The config with so many pictures, without maps, balance, and more samples than these pictures are worth."""
    render = config.render
    settings = render.settings()
    if settings.samples > MOST_SAMPLES:
        denoise = "high" if settings.denoise == "off" else settings.denoise
        changes = {"samples": MOST_SAMPLES, "min_samples": None, "denoise": denoise}
        render = render.model_copy(update=changes)
    maps = dict.fromkeys(("depth", "normals", "instances", "semantic", "soft_masks"), False)
    output = config.output.model_copy(update=maps)
    changed = {"images": count, "render": render, "output": output, "balance": None, "negatives": 0.0}
    return config.model_copy(update=changed)
