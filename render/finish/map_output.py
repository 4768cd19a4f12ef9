"""The maps of a picture: per-pixel data beside it, as configured."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from scanstage.assets.files.atomic import write_atomically
from scanstage.dataset.records.dataset_folder import MAP_FOLDERS, DatasetFolder
from scanstage.dataset.records.map_files import depth_exr, depth_png, ids_png, normals_exr, normals_png, soft_masks_npz
from scanstage.dataset.records.picture_files import map_path
from scanstage.dataset.records.record import MapInfo
from scanstage.render.engine.passes import Passes
from scanstage.render.engine.soft_masks import SoftMask
from scanstage.scenes.config.sections.render_settings import RenderSettings
from scanstage.scenes.config.sections.run_config import OutputConfig, RunConfig
from scanstage.scenes.optics.pixel_window import pixel_box
from scanstage.scenes.plan import CameraPlan, FramePlan

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.uint16]
Pixels = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]

PASSES = ("depth", "normals", "soft_masks")
BYTES_A_PIXEL = {"depth": 6.0, "normals": 15.0, "instances": 0.2, "semantic": 0.2, "soft_masks": 1.0}
"""Upper bound of what each kind of map takes on disk, for the check of free space."""


def wanted_maps(output: OutputConfig) -> tuple[str, ...]:
    """The kinds of maps, of :data:`dataset_folder.MAP_FOLDERS`, that are configured."""
    return tuple(kind for kind in MAP_FOLDERS if getattr(output, kind))


def wanted_passes(output: OutputConfig) -> tuple[str, ...]:
    """What an engine must deliver for them (:class:`render_settings.RenderSettings`)."""
    return tuple(kind for kind in wanted_maps(output) if kind in PASSES)


def engine_settings(config: RunConfig) -> RenderSettings:
    """How a run is rendered, with the passes that its maps need."""
    return replace(config.render.settings(), passes=wanted_passes(config.output))


def write_maps(
    folder: DatasetFolder, plan: FramePlan, passes: Passes, label_ids: Ids, output: OutputConfig, classes: Sequence[str]
) -> dict[str, MapInfo]:
    """Write the maps that are configured; returns what a record says of them.

    Args:
        folder: of the dataset.
        plan: of the picture.
        passes: through the lens, with what :func:`wanted_passes` names.
        label_ids: (H, W) instance ids that labels come from.
        output: which maps.
        classes: all labelled ones, in the order of their category ids from 1.

    Raises OSError where the folder can't be written.
    """
    arrays = _wanted_arrays(plan, passes, label_ids, output, classes)
    written = {}
    for name, data in _encoded(arrays).items():
        path = map_path(plan.index, name)
        write_atomically(folder.root / path, data)
        written[name] = MapInfo(path, hashlib.sha256(data).hexdigest())
    return written


@dataclass(frozen=True)
class _Arrays:
    """What is to be written, (H, W) and more; None: isn't wanted."""

    depth_m: Floats | None
    normals: Floats | None
    instance_ids: Ids | None
    category_ids: Ids | None
    soft_masks: tuple[SoftMask, ...] | None
    shape_hw: tuple[int, int]


def _wanted_arrays(
    plan: FramePlan, passes: Passes, label_ids: Ids, output: OutputConfig, classes: Sequence[str]
) -> _Arrays:
    """See :func:`write_maps`."""
    assert not output.depth or passes.depth_m is not None
    assert not output.normals or passes.normals is not None
    assert not output.soft_masks or passes.soft_masks is not None
    depth = passes.depth_m if output.depth else None
    normals = passes.normals if output.normals else None
    if depth is not None or normals is not None:
        amiss = pixels_amiss(label_ids, passes.instance_ids)
        depth = None if depth is None else mended(depth, amiss)
        normals = None if normals is None else to_camera_frame(mended(normals, amiss), plan.camera)
    return _Arrays(
        depth,
        normals,
        label_ids if output.instances else None,
        category_ids(plan, label_ids, classes) if output.semantic else None,
        passes.soft_masks if output.soft_masks else None,
        (label_ids.shape[0], label_ids.shape[1]),
    )


def _encoded(arrays: _Arrays) -> dict[str, bytes]:
    """Content of each file, by its name in records."""
    files: dict[str, bytes] = {}
    if arrays.depth_m is not None:
        files |= {"depth": depth_png(arrays.depth_m), "depth_m": depth_exr(arrays.depth_m)}
    if arrays.normals is not None:
        files |= {"normals": normals_exr(arrays.normals), "normals_png": normals_png(arrays.normals)}
    if arrays.instance_ids is not None:
        files["instances"] = ids_png(arrays.instance_ids)
    if arrays.category_ids is not None:
        files["semantic"] = ids_png(arrays.category_ids)
    if arrays.soft_masks is not None:
        masks = [(m.instance_id, m.window_xywh, m.coverage) for m in arrays.soft_masks]
        files["soft_masks"] = soft_masks_npz(masks, arrays.shape_hw)
    return files


def category_ids(plan: FramePlan, label_ids: Ids, classes: Sequence[str]) -> Ids:
    """(H, W) uint16 category ids as in the COCO file; 0 where no labelled class is. Raises KeyError for another."""
    number = {name: i + 1 for i, name in enumerate(classes)}
    table = np.zeros(max((o.instance_id for o in plan.objects), default=0) + 1, np.uint16)
    for item in plan.objects:
        table[item.instance_id] = 0 if item.class_name is None else number[item.class_name]
    return table[label_ids]


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
