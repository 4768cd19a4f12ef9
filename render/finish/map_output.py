"""The maps of a picture: per-pixel data beside it, as configured."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from scanstage.assets.files.atomic import write_atomically
from scanstage.dataset.labels.categories import LabelIds
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.map_kinds import MAPS, MapSources
from scanstage.dataset.records.picture_files import map_path
from scanstage.dataset.records.record import MapInfo
from scanstage.render.engine.passes import Passes
from scanstage.scenes.config.sections.render_settings import RenderSettings
from scanstage.scenes.config.sections.run_config import OutputConfig, RunConfig
from scanstage.scenes.optics.pixel_window import pixel_box
from scanstage.scenes.plan import CameraPlan, FramePlan

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.uint16]
Pixels = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


def wanted_maps(output: OutputConfig) -> tuple[str, ...]:
    """The kinds of maps, of :data:`map_kinds.MAPS`, that are configured."""
    return tuple(kind for kind in MAPS if getattr(output, kind))


def wanted_passes(output: OutputConfig) -> tuple[str, ...]:
    """What an engine must deliver for them (:class:`render_settings.RenderSettings`)."""
    return tuple(kind for kind in wanted_maps(output) if MAPS[kind].is_pass)


def engine_settings(config: RunConfig) -> RenderSettings:
    """How a run is rendered, with the passes that its maps need."""
    return replace(config.render.settings(), passes=wanted_passes(config.output))


def write_maps(
    folder: DatasetFolder,
    plan: FramePlan,
    passes: Passes,
    labels: LabelIds,
    output: OutputConfig,
    classes: Sequence[str],
) -> dict[str, MapInfo]:
    """Write the maps that are configured; returns what a record says of them.

    Args:
        folder: of the dataset.
        plan: of the picture.
        passes: through the lens, with what :func:`wanted_passes` names.
        labels: instance ids that labels come from.
        output: which maps.
        classes: all labelled ones, in the order of their category ids from 1.

    Raises OSError where the folder can't be written.
    """
    sources = _sources(plan, passes, labels, output, classes)
    files = {name: encode(sources) for kind in wanted_maps(output) for name, (_, encode) in MAPS[kind].files.items()}
    written = {}
    for name, data in files.items():
        path = map_path(plan.index, name)
        write_atomically(folder.root / path, data)
        written[name] = MapInfo(path, hashlib.sha256(data).hexdigest())
    return written


def _sources(
    plan: FramePlan, passes: Passes, labels: LabelIds, output: OutputConfig, classes: Sequence[str]
) -> MapSources:
    """What is wanted of the passes, at the labels' outlines as they are; see :func:`write_maps`."""
    depth = passes.depth_m if output.depth else None
    normals = passes.normals if output.normals else None
    if depth is not None or normals is not None:
        amiss = pixels_amiss(labels.objects, passes.instance_ids)
        depth = None if depth is None else mended(depth, amiss)
        normals = None if normals is None else to_camera_frame(mended(normals, amiss), plan.camera)
    soft = passes.soft_masks if output.soft_masks else None
    masks = None if soft is None else [(m.instance_id, m.window_xywh, m.coverage) for m in soft]
    return MapSources(labels.names, classes, labels.finest, depth, normals, masks)


def to_camera_frame(normals: Floats, camera: CameraPlan) -> Floats:
    """Unit vectors in the OpenCV camera frame from (H, W, 3) world-frame means of normals; 0 stays 0."""
    turned = normals.astype(np.float64) @ np.array(camera.camera_to_world)[:3, :3]
    length = np.linalg.norm(turned, axis=-1, keepdims=True)
    return np.where(length > 0, turned / np.maximum(length, 1e-12), 0.0).astype(np.float32)


def pixels_amiss(label_ids: Ids, engine_ids: Ids) -> tuple[Pixels, Pixels]:
    """Where the engine shows something else than the label, and for each the label's nearest pixel where it doesn't.

    Single pixels along outlines, where the last bit decides what a ray hits: a depth that is the background's would
    contradict the label. An object that the engine doesn't show at all is left out: it keeps the engine's values.

    Args:
        label_ids, engine_ids: (H, W) instance ids of either.

    Returns:
        Rows and columns of the pixels, and of those to take the values from.
    """
    differs = label_ids != engine_ids
    here, there = [np.zeros((2, 0), np.intp)], [np.zeros((2, 0), np.intp)]
    for instance_id in np.unique(label_ids[differs]):
        from scipy import ndimage  # slow to import, and seldom needed

        window = pixel_box(label_ids == instance_id)
        assert window is not None
        x, y, w, h = window
        part = np.s_[y : y + h, x : x + w]
        mine = label_ids[part] == instance_id
        sure = mine & ~differs[part]
        if not sure.any():
            continue
        nearest = ndimage.distance_transform_edt(~sure, return_distances=False, return_indices=True)
        unsure = mine & differs[part]
        corner = np.array([[y], [x]])
        here.append(np.stack(np.nonzero(unsure)) + corner)
        there.append(nearest[:, unsure] + corner)
    (row, column), (its_row, its_column) = np.concatenate(here, axis=1), np.concatenate(there, axis=1)
    return (row, column), (its_row, its_column)


def mended(values: Floats, amiss: tuple[Pixels, Pixels]) -> Floats:
    """(H, W) or (H, W, C) values of the engine, with those of :func:`pixels_amiss` taken from where it agrees."""
    here, there = amiss
    found = values.copy()
    found[here] = values[there]
    return found
