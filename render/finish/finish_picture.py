"""From passes to a finished picture on disk: check against the cast, develop, encode, label, record."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.assets.files.atomic import write_atomically
from scanstage.dataset.labels.poses import camera_info
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.record import ImageInfo, Record
from scanstage.render.engine.passes import Passes
from scanstage.render.finish.checked_labels import check_labels
from scanstage.render.finish.develop import develop
from scanstage.render.finish.lens_resample import through_lens
from scanstage.render.finish.map_output import write_maps
from scanstage.scenes.config.sections.label_settings import LabelsConfig
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.sight.cast_plan import Planned


class LabelMismatch(Exception):
    """What was rendered is not what was planned and labelled; the picture is refused."""


def finish(
    planned: Planned,
    passes: Passes,
    folder: DatasetFolder,
    config: RunConfig,
    classes: Sequence[str],
    engine_info: dict[str, Any],
    clear: Collection[int] = (),
) -> Record:
    """Write picture and maps, then the record: whoever finds a record finds what it names.

    Args:
        planned: the plan and its cast.
        passes: of the engine, for ``planned.engine_plan``.
        folder: of the dataset.
        config: of the run.
        classes: all labelled ones, in the order of their category ids.
        engine_info: for the record.
        clear: instance ids of scans that something shines through, of which the engine knows more than the cast.

    Raises:
        LabelMismatch: the engine's instance pass disagrees with the cast, and the cast is the label; or it shows what
            can't be whosoever ids are the label: objects that aren't in the plan, or clear scans beyond their shape.
        OSError: the folder can't be written.
    """
    plan = planned.plan
    source = label_source(config.labels, bool(clear))
    picture = seen_passes(planned, passes)
    labels = check_labels(planned, passes.instance_ids, picture.instance_ids, source, config, clear)
    if labels.wrong:
        raise LabelMismatch("; ".join(labels.wrong))
    pixels, exposure_ev = develop(picture, plan.post, plan.background, plan.camera)
    if not np.isfinite(exposure_ev):
        raise LabelMismatch(f"the exposure came out as {exposure_ev}: the render holds no usable light")
    image = _write_image(folder, plan.index, pixels, config.output.format, plan.post.jpeg_quality)
    maps = write_maps(folder, plan, picture, labels.ids, config.output, classes)
    record = Record(
        plan.index,
        image,
        labels.instances,
        labels.unlabelled,
        labels.agreement,
        engine_info,
        exposure_ev,
        plan,
        camera_info(plan.camera),
        maps=maps,
        lens_agreement=labels.lens_agreement,
        label_source=source,
    )
    write_atomically(folder.record(plan.index), record.to_json().encode("utf-8"))
    return record


def seen_passes(planned: Planned, passes: Passes) -> Passes:
    """The engine's passes in the pixels of the picture, ready to be developed."""
    return through_lens(finite(passes), planned.engine_plan.camera, planned.plan.camera)


def label_source(labels: LabelsConfig, see_through: bool) -> Literal["cast", "engine"]:
    """Whose instance ids are the label: as configured, or the engine's where something shines through (BLEND)."""
    if labels.source == "auto":
        return "engine" if see_through else "cast"
    return labels.source


def _write_image(
    folder: DatasetFolder, index: int, pixels: npt.NDArray[np.uint8], format: str, quality: int
) -> ImageInfo:
    """Encode (H, W, 3) uint8 RGB and write it as the picture ``index``."""
    data = encode_image(pixels, format, quality)
    path = folder.image(index, format)
    write_atomically(path, data)
    return ImageInfo(path.name, (pixels.shape[1], pixels.shape[0]), hashlib.sha256(data).hexdigest())


def finite(passes: Passes) -> Passes:
    """The passes with single pixels that a renderer left infinite or undefined set to black."""
    sound = np.isfinite(passes.radiance)
    if sound.all():
        return passes
    bad = ~sound.all(axis=-1)
    return replace(passes, radiance=np.where(bad[..., None], np.float32(0), passes.radiance))


def encode_image(pixels: npt.NDArray[np.uint8], format: str, quality: int) -> bytes:
    """Encode (H, W, 3) uint8 RGB as ``jpg`` (of a quality from 1 to 100) or ``png``."""
    if format == "jpg":
        full_chroma = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
        options = [cv2.IMWRITE_JPEG_QUALITY, quality, *full_chroma]
    else:
        options = [cv2.IMWRITE_PNG_COMPRESSION, 3]
    done, data = cv2.imencode(f".{format}", pixels[..., ::-1], options)
    if not done:
        raise ValueError(f"can't encode a picture as {format}")
    return data.tobytes()
