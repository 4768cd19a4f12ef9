"""The maps of a picture: per-pixel data beside it, as configured."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from scanstage.assets.files.atomic import write_atomically
from scanstage.dataset.records.dataset_folder import MAP_FOLDERS, DatasetFolder
from scanstage.dataset.records.map_files import depth_exr, depth_png, ids_png, normals_exr, normals_png, soft_masks_npz
from scanstage.dataset.records.picture_files import map_path
from scanstage.dataset.records.record import MapInfo
from scanstage.render.engine.passes import Passes
from scanstage.scenes.config.sections.render_settings import RenderSettings
from scanstage.scenes.config.sections.run_config import OutputConfig, RunConfig
from scanstage.scenes.optics.pixel_window import pixel_box
from scanstage.scenes.plan import CameraPlan, FramePlan

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.uint16]

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
    plan: FramePlan, label_ids: Ids, passes: Passes, folder: DatasetFolder, output: OutputConfig, classes: Sequence[str]
) -> dict[str, MapInfo]:
    """Write the maps that are configured; returns what a record says of them.

    Args:
        plan: of the picture.
        label_ids: (H, W) instance ids that labels come from.
        passes: through the lens, with what :func:`wanted_passes` names.
        folder: of the dataset.
        output: which maps.
        classes: all labelled ones, in the order of their category ids from 1.

    Raises OSError where the folder can't be written.
    """
    written = {}
    for name, data in encode_maps(plan, label_ids, passes, output, classes).items():
        path = map_path(plan.index, name)
        write_atomically(folder.root / path, data)
        written[name] = MapInfo(path, hashlib.sha256(data).hexdigest())
    return written


def encode_maps(
    plan: FramePlan, label_ids: Ids, passes: Passes, output: OutputConfig, classes: Sequence[str]
) -> dict[str, bytes]:
    """Content of each file, by its name in records; see :func:`write_maps`."""
    files = {}
    if output.depth:
        assert passes.depth_m is not None
        depth = fitted_to_labels(passes.depth_m, label_ids, passes.instance_ids)
        files["depth"] = depth_png(depth)
        files["depth_m"] = depth_exr(depth)
    if output.normals:
        assert passes.normals is not None
        fitted = fitted_to_labels(passes.normals, label_ids, passes.instance_ids)
        normals = to_camera_frame(fitted, plan.camera)
        files["normals"] = normals_exr(normals)
        files["normals_png"] = normals_png(normals)
    if output.instances:
        files["instances"] = ids_png(label_ids)
    if output.semantic:
        files["semantic"] = ids_png(category_ids(plan, label_ids, classes))
    if output.soft_masks:
        assert passes.soft_masks is not None
        masks = [(m.instance_id, m.window_xywh, m.coverage) for m in passes.soft_masks]
        height, width = label_ids.shape
        files["soft_masks"] = soft_masks_npz(masks, (height, width))
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


def fitted_to_labels(values: Floats, label_ids: Ids, engine_ids: Ids) -> Floats:
    """Values where the engine's pixel shows something else than the label, from the nearest pixel where it doesn't.

    Single pixels along outlines, where the last bit decides what a ray hits: a depth that is the background's would
    contradict the label. An object that the engine doesn't show at all keeps the engine's values.

    Args:
        values: (H, W) or (H, W, C), of the engine.
        label_ids, engine_ids: (H, W) instance ids of either.
    """
    differs = label_ids != engine_ids
    if not differs.any():
        return values
    from scipy import ndimage  # slow to import, and seldom needed

    fitted = values.copy()
    for instance_id in np.unique(label_ids[differs]):
        window = pixel_box(label_ids == instance_id)
        assert window is not None
        x, y, w, h = window
        part = np.s_[y : y + h, x : x + w]
        mine = label_ids[part] == instance_id
        sure = mine & ~differs[part]
        if not sure.any():
            continue
        row, column = ndimage.distance_transform_edt(~sure, return_distances=False, return_indices=True)
        unsure = mine & differs[part]
        fitted[part][unsure] = values[part][row[unsure], column[unsure]]
    return fitted
