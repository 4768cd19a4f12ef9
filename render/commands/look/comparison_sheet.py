"""A picture in several renderings, beside each other: for a person who looks into a strange case."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.labels.instances import Instance, make_labels
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.decoding import decode_rgb
from scanstage.dataset.records.picture_files import read_image
from scanstage.dataset.report.contact_sheet import failed_cell, lay_out, plan_cell, titled
from scanstage.dataset.report.label_drawing import class_colors, draw_labels
from scanstage.render.commands.look.replay import RecordedPicture
from scanstage.render.engine.engine_protocol import EngineCrashed, EngineError, EngineFactory
from scanstage.render.engine.passes import Passes
from scanstage.render.executors.local.picture_pipeline import open_pipeline
from scanstage.render.finish.develop import develop
from scanstage.render.finish.finish_picture import encode_image, finite
from scanstage.render.finish.lens_resample import through_lens
from scanstage.scenes.config.sections.engine_traits import ENGINES
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.sight.cast_plan import Planned
from scanstage.scenes.sight.shading import Shader
from scanstage.scenes.sight.visibility import Caster

logger = logging.getLogger(__name__)

Pixels = npt.NDArray[np.uint8]

MORE_SAMPLES = 16
CELL_WH = (640, 640)
DIFFERS = (255, 0, 220)
SHEET, SCENE = "sheet.png", "scene.blend"
SHEET_COLUMNS = 3
ON_THE_CPU = "finds no graphics card"
"""In the note of a worker for whom EEVEE takes half an hour."""


@dataclass(frozen=True)
class Variant:
    """A way to render a picture.

    Attributes:
        name: of its file.
        title: for people.
        overrides: of the run's config.
        enlarged: factor on width and height.
    """

    name: str
    title: str
    overrides: tuple[str, ...] = ()
    enlarged: int = 1

    @property
    def plain(self) -> bool:
        """Whether it is the picture as it was asked for."""
        return not self.overrides and self.enlarged == 1


@dataclass(frozen=True)
class RenderedVariant:
    """A picture as a variant shows it.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        instances: its labels, from the cast.
        differs: (h, w) where cast and engine see another object at a pixel, in the engine's own pixels.
    """

    pixels: Pixels
    instances: tuple[Instance, ...]
    differs: npt.NDArray[np.bool_]


def variants(config: RunConfig) -> tuple[Variant, ...]:
    """The renderings worth a look: as it was, less noise, finer, by the other engines."""
    found = [Variant("replayed", "replayed")]
    settings = config.render.settings()
    samples = min(65536, settings.samples * MORE_SAMPLES)
    threshold = settings.noise_threshold / MORE_SAMPLES**0.5  # noise falls with the root of samples
    more = (f"render.samples={samples}", f"render.noise_threshold={threshold}")
    found.append(Variant("more_samples", f"{MORE_SAMPLES} times the samples", more))
    found.append(Variant("larger", "twice the size", (), 2))
    others = ((name, traits) for name, traits in ENGINES.items() if name != settings.engine)
    found += [Variant(name, traits.title, (f"render.engine={name}",)) for name, traits in others]
    return tuple(found)


def show_variants(
    case: RecordedPicture,
    folder: Path,
    overrides: tuple[str, ...] = (),
    engines: EngineFactory | None = None,
) -> Path:
    """Render a picture in all variants.

    A variant that can't be rendered here, for want of a graphics context for example, is a cell that says so.

    Args:
        case: the picture.
        folder: for ``NNNNNN/``, which gets a file for each variant, the contact sheet and the scene as a ``.blend``.
        overrides: ``render.…=value`` and ``output.…=value``, in all variants.
        engines: that render; None is Blender, the bpy wheel.

    Returns:
        The contact sheet.

    Raises:
        InputError: an override can't be used.
        OSError: the folder can't be written.
    """
    place = folder / f"{case.index:06d}"
    place.mkdir(parents=True, exist_ok=True)
    cells: list[Pixels] = [_as_recorded(case, place), _as_planned(case, overrides)]
    for variant in variants(case.config(overrides)):
        logger.info("rendering: %s", variant.title)
        cells += _cells(case, variant, (*overrides, *variant.overrides), place, engines)
    sheet = place / SHEET
    write_atomically(sheet, encode_image(lay_out(cells, SHEET_COLUMNS), "png", 100))
    return sheet


def _as_recorded(case: RecordedPicture, place: Path) -> Pixels:
    """The picture in the dataset; where there is none, why."""
    if case.record is None:
        return failed_cell("recorded: it failed", case.reason or "unknown", case.plan.camera.resolution_wh)
    try:
        data = read_image(case.dataset.folder, case.record)
        pixels = decode_rgb(data, case.record.image.resolution_wh)
    except (OSError, ValueError, cv2.error) as e:
        reason = getattr(e, "strerror", None) or e
        return failed_cell("recorded", f"{case.record.image.file_name}: {reason}", case.plan.camera.resolution_wh)
    write_atomically(place / f"recorded{Path(case.record.image.file_name).suffix}", data)
    return titled(_labelled(case, pixels, case.record.instances), f"recorded  ·  picture {case.index}")


def _as_planned(case: RecordedPicture, overrides: tuple[str, ...]) -> Pixels:
    """The cast, which labels come from, and why objects have none; no engine takes part."""
    config = case.config(overrides)
    shaded = Shader(case.catalogue, Caster(case.catalogue.mesh, case.catalogue.openings)).shade(
        planned := case.planned(config)
    )
    return plan_cell(planned, shaded, config.labels, class_colors(case.catalogue.classes), {})


def _cells(
    case: RecordedPicture,
    variant: Variant,
    overrides: tuple[str, ...],
    place: Path,
    engines: EngineFactory | None,
) -> list[Pixels]:
    """A variant's cells; its picture, without labels, becomes a file in ``place``."""
    config = case.config(overrides)
    width, height = case.plan.camera.resolution_wh
    size = (width * variant.enlarged, height * variant.enlarged)
    begun = time.perf_counter()
    try:
        look = _render(case, case.planned(config, size), config, place, engines, keep_scene=variant.plain)
    except (InputError, EngineError, EngineCrashed) as e:
        logger.warning("%s is left out: %s", variant.title, e)
        return [failed_cell(f"{variant.title}: left out", str(e), size)]
    file = place / f"{variant.name}.{config.output.format}"
    write_atomically(file, encode_image(look.pixels, config.output.format, case.plan.post.jpeg_quality))
    settings, seconds = config.render.settings(), time.perf_counter() - begun
    facts = f"{settings.engine}, {settings.samples} samples, {size[0]}x{size[1]}, {seconds:.0f} s with start"
    cells = [titled(_labelled(case, look.pixels, look.instances), f"{variant.title}  ·  {facts}")]
    if variant.plain:
        count = int(look.differs.sum())
        cells.append(titled(_fitted(_marked(look)), f"pixels at which cast and engine see different objects: {count}"))
    return cells


def _render(
    case: RecordedPicture,
    planned: Planned,
    config: RunConfig,
    place: Path,
    engines: EngineFactory | None,
    keep_scene: bool,
) -> RenderedVariant:
    """Render and develop, whether or not the engine agrees with the labels; nothing but the scene is written.

    Raises InputError, EngineError, EngineCrashed where that can't be.
    """
    size = planned.plan.camera.resolution_wh
    with (
        open_pipeline(
            config, case.catalogue, DatasetFolder(place), engines, resolution_wh=size, announce=False
        ) as pipeline,
        pipeline.one_engine() as engine,
    ):
        if slow := [note for note in engine.info.notes if ON_THE_CPU in note]:
            raise InputError(slow)
        passes = pipeline.render(engine, planned)
        if keep_scene:
            engine.save_scene(place / SCENE, config.workers.picture_timeout_s)
    with case.unless_broken():
        return _developed(planned, passes, config)


def _developed(planned: Planned, passes: Passes, config: RunConfig) -> RenderedVariant:
    plan = planned.plan
    differs = planned.engine_ids != passes.instance_ids
    seen = through_lens(finite(passes), planned.engine_plan.camera, plan.camera)
    pixels, _ = develop(seen, plan.post, plan.background, plan.camera)
    return RenderedVariant(pixels, make_labels(planned, config.labels)[0], differs)


def _marked(look: RenderedVariant) -> Pixels:
    """The picture in grey, with what cast and engine don't agree on in magenta, widened so that it is seen."""
    height, width = look.differs.shape
    grey = cv2.cvtColor(cv2.resize(look.pixels, (width, height), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    marked = cv2.cvtColor((grey // 2 + 40).astype(np.uint8), cv2.COLOR_GRAY2RGB)
    wide = cv2.dilate(look.differs.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    marked[wide] = DIFFERS
    return marked


def _labelled(case: RecordedPicture, pixels: Pixels, instances: Sequence[Instance]) -> Pixels:
    return draw_labels(pixels, instances, class_colors(case.catalogue.classes), _scale(pixels))


def _fitted(pixels: Pixels) -> Pixels:
    scale = _scale(pixels)
    size = tuple(max(1, round(v * scale)) for v in pixels.shape[1::-1])
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)


def _scale(pixels: Pixels) -> float:
    """So that cells of all variants are of one size."""
    return min(CELL_WH[0] / pixels.shape[1], CELL_WH[1] / pixels.shape[0])
