"""Are a picture's files there, whole, the very ones that were recorded, and do the maps fit the labels?"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenEXR
from PIL import Image

from dataset.agreement import LEAST_IOU
from dataset.finding import Finding
from dataset.folder import MAP_FOLDERS
from dataset.record import MapInfo, Record

Mask = npt.NDArray[np.bool_]
DEPTH_UNIT_M = 0.001
DEPTH_MOST = 65535
UNIT_TOLERANCE = 1e-3


def check_image(images: Path, record: Record, decode: bool) -> list[Finding]:
    """The picture is there, has the recorded hash, decodes to the end and has the stated size."""
    name, stem = record.image.file_name, f"{record.index:06d}"
    if name not in (f"{stem}.jpg", f"{stem}.png"):
        at = f"records/{stem}.json"
        return [Finding(at, "image-name", f"its picture is {name!r}, expected {stem}.jpg or {stem}.png")]
    at, kind_of = f"images/{name}", "image"
    data = _read(images / name)
    if isinstance(data, str):
        return [Finding(at, "image-missing", data)]
    findings = _check_hash(at, kind_of, data, record.image.sha256)
    if decode:
        try:
            pixels = decode_picture(data)
        except ValueError as e:
            return [*findings, Finding(at, "image-unreadable", str(e))]
        width, height = record.image.resolution_wh
        if pixels.shape != (height, width, 3):
            text = f"is {_size(pixels)}, its record says {width} x {height}, 3 channels"
            findings.append(Finding(at, "image-size", text))
    if record.image.resolution_wh != record.plan.camera.resolution_wh:
        text = f"image size {record.image.resolution_wh} is not the plan's {record.plan.camera.resolution_wh}"
        findings.append(Finding(f"records/{stem}.json", "plan-differs", text))
    return findings


def _size(pixels: npt.NDArray[Any]) -> str:
    channels = pixels.shape[2] if pixels.ndim > 2 else 1
    return f"{pixels.shape[1]} x {pixels.shape[0]}, {channels} channel{'s' if channels > 1 else ''}"


def _read(path: Path) -> bytes | str:
    """A file's bytes, or why there are none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return "is missing"
    except OSError as e:
        return f"can't be read ({e.strerror or e})"


def _check_hash(at: str, kind: str, data: bytes, sha256: str) -> list[Finding]:
    if hashlib.sha256(data).hexdigest() == sha256:
        return []
    return [Finding(at, f"{kind}-hash", "is not the file that was recorded: its SHA-256 differs")]


def decode_picture(data: bytes) -> npt.NDArray[Any]:
    """Decode a JPEG or PNG to the last byte: (H, W) or (H, W, C). Raises ValueError on anything else."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            image.load()
            return np.asarray(image)
    except Exception as e:  # decoders raise anything on broken files
        raise ValueError(f"can't be decoded ({e})") from e


def check_maps(
    root: Path, record: Record, masks: dict[int, tuple[Mask, Mask]], classes: Sequence[str], decode: bool
) -> list[Finding]:
    """The maps are there, have the recorded hashes, decode, have the picture's size and fit the labels.

    Args:
        root: of the dataset.
        record: of the picture.
        masks: modal and amodal, by instance id.
        classes: all labelled ones, in the order of their category ids.
        decode: False compares hashes alone.
    """
    findings: list[Finding] = []
    for name, info in record.maps.items():
        at = info.path
        if not _is_own(info):
            text = f"the map {name} is at {at!r}, expected a file in {', '.join(MAP_FOLDERS)}"
            findings.append(Finding(f"records/{record.index:06d}.json", "map-path", text))
            continue
        data = _read(root / at)
        if isinstance(data, str):
            findings.append(Finding(at, "map-missing", data))
            continue
        changed = _check_hash(at, "map", data, info.sha256)
        findings += changed
        if decode and not changed:  # decoders of EXR are not to be let loose on anything
            faults = _check_map(root / at, data, name, record, masks, classes)
            findings += [Finding(at, kind, text) for kind, text in faults]
    return findings


def _is_own(info: MapInfo) -> bool:
    parts = PurePosixPath(info.path).parts
    return len(parts) == 2 and parts[0] in MAP_FOLDERS and parts[1] not in ("..", ".") and "\\" not in info.path


def _check_map(
    path: Path, data: bytes, name: str, record: Record, masks: dict[int, tuple[Mask, Mask]], classes: Sequence[str]
) -> list[tuple[str, str]]:
    width, height = record.image.resolution_wh
    try:
        arrays = _decode_map(path, data)
    except ValueError as e:
        return [("map-unreadable", str(e))]
    wrong = [a.shape for a in arrays if (height, width) not in (a.shape[:2], a.shape[-2:])]
    if wrong:
        return [("map-size", f"has the shape {wrong[0]}, the picture is {height} rows of {width}")]
    if name == "instances":
        return _check_instances(arrays[0], masks)
    if name == "semantic":
        return _check_semantic(arrays[0], record, masks, classes)
    if name == "depth":
        return _check_depth(arrays[0], record, masks)
    if name == "depth_m":
        return _check_metres(arrays[0], record, path.parents[1])
    if name == "normals":
        return _check_normals(arrays)
    return []


def _decode_map(path: Path, data: bytes) -> list[npt.NDArray[Any]]:
    """All arrays of a map's file. Raises ValueError."""
    if path.suffix == ".png":
        return [decode_picture(data)]
    try:
        if path.suffix == ".exr":
            with OpenEXR.File(str(path), separate_channels=True) as file:
                return [channel.pixels for part in file.parts for channel in part.channels.values()]
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return [a for a in (file[k] for k in file.files) if a.ndim > 1]
    except Exception as e:  # decoders raise anything on broken files
        raise ValueError(f"can't be decoded ({e})") from e


def _check_instances(ids: npt.NDArray[Any], masks: dict[int, tuple[Mask, Mask]]) -> list[tuple[str, str]]:
    found = []
    for instance_id, (modal, _) in masks.items():
        if differing := int(((ids == instance_id) != modal).sum()):
            found.append(("map-instances", f"instance {instance_id}: {differing} pixels differ from its mask"))
    return found


def _check_semantic(
    categories: npt.NDArray[Any], record: Record, masks: dict[int, tuple[Mask, Mask]], classes: Sequence[str]
) -> list[tuple[str, str]]:
    found = []
    for instance in record.instances:
        if instance.ignore or instance.instance_id not in masks or instance.class_name not in classes:
            continue
        expected = classes.index(instance.class_name) + 1
        values = np.unique(categories[masks[instance.instance_id][0]])
        if (values != expected).any():
            text = f"its mask shows the categories {values[:5].tolist()}, {instance.class_name} is {expected}"
            found.append(("map-semantic", f"instance {instance.instance_id}: {text}"))
    return found


def _check_depth(depth: npt.NDArray[Any], record: Record, masks: dict[int, tuple[Mask, Mask]]) -> list[tuple[str, str]]:
    """A label's pixels have depths within its 3D box."""
    found = []
    for instance in record.instances:
        box = instance.box_3d
        if instance.instance_id not in masks or box is None or record.label_source != "cast":
            continue
        z = [c[2] for c in box.corners_m]
        if record.plan.camera.lens is not None or max(z) / DEPTH_UNIT_M >= DEPTH_MOST:
            continue
        values = depth[masks[instance.instance_id][0]] * DEPTH_UNIT_M
        beside = (values < min(z) - 2 * DEPTH_UNIT_M) | (values > max(z) + 2 * DEPTH_UNIT_M)
        # Depth may be the engine's, whose outlines differ as the masks' may.
        if beside.mean() > 1 - LEAST_IOU.get(str(record.engine.get("engine")), 1.0):
            text = (
                f"depths from {values.min():.3f} to {values.max():.3f} m, its 3D box spans {min(z):.3f} to {max(z):.3f}"
            )
            found.append(("map-depth", f"instance {instance.instance_id}: {text}"))
    return found


def _check_metres(depth: npt.NDArray[Any], record: Record, root: Path) -> list[tuple[str, str]]:
    """Depths are from 0 to the farthest that the camera sees, and the file of whole millimetres says the same."""
    farthest = record.plan.camera.far_m * 1.01
    wrong = ~((depth >= 0) & (depth <= farthest))
    if wrong.any():
        text = f"{int(wrong.sum())} depths are not from 0 to {farthest:g} m, {depth[wrong].flat[0]:g} for example"
        return [("map-depth", text)]
    other = record.maps.get("depth")
    data = _read(root / other.path) if other is not None and _is_own(other) else ""
    try:
        mm = decode_picture(data) if isinstance(data, bytes) else None
    except ValueError:
        mm = None  # reported where that file is checked
    if mm is None or mm.shape != depth.shape:
        return []
    expected = np.rint(depth.astype(np.float64) / DEPTH_UNIT_M)
    expected[expected > DEPTH_MOST] = 0
    if differing := int((np.abs(expected - mm) > 1).sum()):
        return [("map-depth", f"{differing} pixels differ from the millimetres of {other.path if other else ''}")]
    return []


def _check_normals(channels: list[npt.NDArray[Any]]) -> list[tuple[str, str]]:
    """Each is a unit vector, or zero where nothing is."""
    if len(channels) != 3:
        return [("map-normals", f"has {len(channels)} channels, expected x, y and z")]
    length = np.sqrt(sum(np.square(c, dtype=np.float64) for c in channels))
    wrong = ~((length == 0) | (np.abs(length - 1) < UNIT_TOLERANCE))
    if wrong.any():
        return [("map-normals", f"{int(wrong.sum())} normals are neither of length 1 nor 0")]
    return []
