"""BOP export: poses, masks, depth and models in the layout that the BOP toolkit reads. Lengths are millimetres.

``cam_K`` is written in our own convention, the centre of the first pixel at (0.5, 0.5): it is the one that the
toolkit's renderers project with (``_calc_calib_proj`` of ``renderer_vispy.py`` maps x to ``fx X / Z + cx`` in window
coordinates, whose pixel centres are at +0.5). Boxes are as ``calc_2d_bbox`` of ``misc.py`` makes them: width is the
last column minus the first, one less than ours. Models have their origin at the centre of their bounding box, as the
format's description asks for. Images are JPEG, as the toolkit expects of a ``train_pbr`` split.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import Asset
from scanstage.assets.library.assets_by_id import AssetsById
from scanstage.assets.library.openings import openings_of
from scanstage.assets.machine.processors import usable_cores
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.export.bop.bop_info import describe
from scanstage.dataset.export.bop.bop_objects import BopObject, bop_objects, whole_records
from scanstage.dataset.export.bop.bop_targets import TARGETS_FILE, BopTargets
from scanstage.dataset.export.bop.model_symmetries import model_symmetries
from scanstage.dataset.export.choices.labelled_source import HINT, RecordedFile
from scanstage.dataset.export.choices.picture_transfer import jpeg_of
from scanstage.dataset.labels.instances import Instance
from scanstage.dataset.labels.poses import object_pose
from scanstage.dataset.labels.rle_mask import RunMask
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.decoding import decode_picture
from scanstage.dataset.records.finished_dataset import FinishedDataset
from scanstage.dataset.records.map_files import MM
from scanstage.dataset.records.picture_files import NotRecorded, read_map
from scanstage.dataset.records.record import Record
from scanstage.scenes.sight.visibility import Caster

Job = Callable[[], None]

SPLIT = "train_pbr"
PICTURES_A_SCENE = 1000
DEPTH_MOST = 65535
FINE_DEPTH_MM, COARSE_DEPTH_MM = 0.1, 1.0


@dataclass(frozen=True)
class _Depth:
    """Where depth comes from, and the unit of its images.

    Attributes:
        scale_mm: length of one step.
        read: (H, W) depth in metres of a picture, along z; ``inf`` or 0 where there is none.
    """

    scale_mm: float
    read: Callable[[Record], npt.NDArray[np.float64]]


def write_bop(dataset: FinishedDataset, out: Path) -> dict[str, Any]:
    """Write a BOP dataset into an empty folder; returns figures of it.

    Raises InputError where the dataset is on a store, a picture has a distorted camera, or an asset occurs in several
    sizes or is gone.
    """
    objects = bop_objects(dataset)
    depth = _depth_source(dataset)
    _write_models(out / "models", objects.values())
    pictures = instances = 0
    with ThreadPoolExecutor(usable_cores()) as pool, BopTargets(out / TARGETS_FILE) as targets:
        for scene, records in groupby(whole_records(dataset), lambda r: r.index // PICTURES_A_SCENE):
            folder = out / SPLIT / f"{scene:06d}"
            counts = _write_scene(dataset, folder, records, objects, depth, pool, targets)
            pictures, instances = pictures + counts[0], instances + counts[1]
    first = next(whole_records(dataset))
    (out / "camera.json").write_text(json.dumps(_simulation_camera(first, depth.scale_mm), indent=1) + "\n", "utf-8")
    (out / "dataset_info.md").write_text(describe(dataset.name, objects.values(), pictures, depth.scale_mm), "utf-8")
    named = {o.obj_id: {"class": o.class_name, "asset_id": o.asset_id, "scale": o.scale} for o in objects.values()}
    _write_lines(out / "objects.json", named)
    return {"pictures": pictures, "instances": instances, "models": len(objects)}


def _write_models(folder: Path, objects: Iterable[BopObject]) -> None:
    """All models and what is known of them; each object then knows its centre."""
    folder.mkdir()
    info = {}
    for item in objects:
        name = f"obj_{item.obj_id:06d}"
        files = item.files(f"{name}.png")
        (folder / f"{name}.ply").write_bytes(files.ply)
        if files.texture is not None:
            (folder / f"{name}.png").write_bytes(files.texture)
        item.center_m = files.center_m
        symmetries = model_symmetries(item.asset.meta.symmetries, item.scale, item.center_m)
        info[item.obj_id] = {**files.info(), **symmetries}
    _write_lines(folder / "models_info.json", info)


def _write_scene(
    dataset: FinishedDataset,
    folder: Path,
    records: Iterable[Record],
    objects: dict[str, BopObject],
    depth: _Depth,
    pool: ThreadPoolExecutor,
    targets: BopTargets,
) -> tuple[int, int]:
    """One scene; returns its pictures and instances."""
    for name in ("rgb", "depth", "mask", "mask_visib"):
        (folder / name).mkdir(parents=True)
    cameras: dict[int, Any] = {}
    poses: dict[int, Any] = {}
    infos: dict[int, Any] = {}
    for record in records:
        im_id = record.index % PICTURES_A_SCENE
        codes = _depth_codes(depth.read(record), depth.scale_mm)
        cameras[im_id] = _camera(record, depth.scale_mm)
        poses[im_id] = [_pose(record, i, objects[i.asset_id]) for i in record.instances]
        measured = (codes > 0).ravel("F")
        infos[im_id] = [_info(i, _amodal(i, record), measured) for i in record.instances]
        targets.add(record.index // PICTURES_A_SCENE, im_id, poses[im_id], infos[im_id])
        jobs = _picture_jobs(dataset.folder, record, folder, im_id, codes)
        for done in [pool.submit(job) for job in jobs]:
            done.result()
    _write_lines(folder / "scene_camera.json", cameras)
    _write_lines(folder / "scene_gt.json", poses)
    _write_lines(folder / "scene_gt_info.json", infos)
    return len(poses), sum(map(len, poses.values()))


def _amodal(instance: Instance, record: Record) -> RunMask:
    """Raises ValueError where the mask is not one of the picture's."""
    width, height = record.image.resolution_wh
    if not instance.mask.size_hw == instance.mask_amodal.size_hw == (height, width):
        raise ValueError(f"a mask of picture {record.index} has another size than it")
    return instance.mask_amodal.runs()


def _picture_jobs(
    dataset: DatasetFolder, record: Record, folder: Path, im_id: int, codes: npt.NDArray[np.uint16]
) -> Iterator[Job]:
    """Masks are decoded by their jobs: there are no more of them at once than threads."""
    yield lambda: _write_rgb(dataset, record, folder / "rgb" / f"{im_id:06d}.jpg")
    yield lambda: _write_png(folder / "depth" / f"{im_id:06d}.png", codes)
    for gt_id, instance in enumerate(record.instances):
        for name, rle in (("mask", instance.mask_amodal), ("mask_visib", instance.mask)):
            path = folder / name / f"{im_id:06d}_{gt_id:06d}.png"
            yield lambda path=path, rle=rle: _write_png(path, rle.decode().astype(np.uint8) * 255)  # type: ignore[misc]


def _write_rgb(dataset: DatasetFolder, record: Record, path: Path) -> None:
    path.write_bytes(jpeg_of(RecordedFile(dataset, record), record))


def _recorded_map(dataset: DatasetFolder, record: Record, name: str) -> bytes:
    """What was recorded. Raises InputError where a file isn't that: nothing else gets into an export."""
    try:
        return read_map(dataset, record, name)
    except (NotRecorded, OSError) as e:
        raise InputError(f"{dataset.root}: picture {record.index}: {e}", HINT) from e


def _write_png(path: Path, pixels: npt.NDArray[Any]) -> None:
    done, png = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise ValueError(f"{path}: can't be encoded")
    path.write_bytes(png.tobytes())


def _depth_source(dataset: FinishedDataset) -> _Depth:
    """The recorded depth maps where every picture has one; else a cast, in steps fine enough for the objects."""
    if all("depth" in record.maps for record in whole_records(dataset)):
        return _Depth(COARSE_DEPTH_MM, lambda record: _read_depth(dataset.folder, record))
    farthest = max((_farthest_m(i, r) for r in whole_records(dataset) for i in r.instances), default=0.0)
    fine = 2 * farthest * MM / FINE_DEPTH_MM < DEPTH_MOST
    assets = AssetsById(dataset.assets())

    def asset_of(asset_id: str) -> Asset:
        asset = assets.get(asset_id)
        if asset is None:
            raise InputError(f"there is no asset {asset_id!r} any more", "bring it back into the library")
        return asset

    caster = Caster(lambda i: asset_of(i).mesh(), lambda i, mesh: openings_of(asset_of(i), mesh))
    scale = FINE_DEPTH_MM if fine else COARSE_DEPTH_MM
    return _Depth(scale, lambda record: caster.depth(record.plan).astype(np.float64))


def _farthest_m(instance: Instance, record: Record) -> float:
    if instance.box_3d is not None:
        return max(c[2] for c in instance.box_3d.corners_m)
    return object_pose(record.plan.camera, _placed(record, instance)).translation_m[2]


def _placed(record: Record, instance: Instance) -> Any:
    return next(o.object_to_world for o in record.plan.objects if o.instance_id == instance.instance_id)


def _read_depth(dataset: DatasetFolder, record: Record) -> npt.NDArray[np.float64]:
    data = _recorded_map(dataset, record, "depth")
    try:
        return np.asarray(decode_picture(data, record.image.resolution_wh), np.float64) / MM
    except ValueError as e:
        raise InputError(f"{dataset.root / record.maps['depth'].path}: {e}", HINT) from e


def _depth_codes(depth_m: npt.NDArray[np.float64], scale_mm: float) -> npt.NDArray[np.uint16]:
    """16-bit steps; 0 where there is no surface or it is too far away."""
    steps = np.rint(np.where(np.isfinite(depth_m), depth_m, 0.0) * MM / scale_mm)
    return np.where(steps <= DEPTH_MOST, steps, 0).astype(np.uint16)


def _camera(record: Record, depth_scale: float) -> dict[str, Any]:
    world_to_camera = np.linalg.inv(np.array(record.camera.camera_to_world))
    return {
        "cam_K": [v for row in record.camera.k for v in row],
        "depth_scale": depth_scale,
        "cam_R_w2c": world_to_camera[:3, :3].ravel().tolist(),
        "cam_t_w2c": (world_to_camera[:3, 3] * MM).tolist(),
    }


def _pose(record: Record, instance: Instance, item: BopObject) -> dict[str, Any]:
    pose = instance.pose or object_pose(record.plan.camera, _placed(record, instance))
    rotation = np.array(pose.rotation)
    # p_camera = R (s p) + t with s p = p_model + center: the model's origin is at R center + t.
    origin = rotation @ item.center_m + np.array(pose.translation_m)
    return {"cam_R_m2c": rotation.ravel().tolist(), "cam_t_m2c": (origin * MM).tolist(), "obj_id": item.obj_id}


def _info(instance: Instance, amodal: RunMask, measured: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Its entry; ``measured`` tells, column by column, which pixels (H * W) have a depth."""
    inside = amodal.area
    outside = round(inside * instance.truncated_fraction / max(1e-9, 1 - instance.truncated_fraction))
    x, y, w, h = instance.bbox_amodal_xywh
    left, top, width, height = instance.bbox_xywh
    return {
        "bbox_obj": [x, y, w - 1, h - 1],
        "bbox_visib": [left, top, width - 1, height - 1],
        "px_count_all": inside + outside,
        "px_count_valid": int(amodal.of(measured).sum()),
        "px_count_visib": instance.area_px,
        "visib_fract": instance.area_px / max(1, inside + outside),
    }


def _simulation_camera(record: Record, depth_scale: float) -> dict[str, float]:
    (fx, _, cx), (_, fy, cy), _ = record.camera.k
    width, height = record.image.resolution_wh
    return {"width": width, "height": height, "fx": fx, "fy": fy, "cx": cx, "cy": cy, "depth_scale": depth_scale}


def _write_lines(path: Path, content: dict[int, Any]) -> None:
    """A JSON object, one key a line, as the toolkit writes its own."""
    lines = ",\n".join(f'  "{key}": {json.dumps(value)}' for key, value in content.items())
    path.write_text(f"{{\n{lines}\n}}\n", "utf-8")
