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

from dataset.check_map_content import check_content
from dataset.finding import Finding
from dataset.folder import MAP_FOLDERS
from dataset.record import MapInfo, Record

Mask = npt.NDArray[np.bool_]


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


def missing_maps(record: Record, wanted: Sequence[str]) -> list[Finding]:
    """The record names a file of every kind of map that the run's config asked for."""
    there = {PurePosixPath(info.path).parts[:1] for info in record.maps.values()}
    at = f"records/{record.index:06d}.json"
    return [
        Finding(at, "map-missing", f"names no file in {kind}/, which the config asked for")
        for kind in wanted
        if (kind,) not in there
    ]


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
    return check_content(name, arrays, _Maps(path.parents[1], record), masks, classes)


class _Maps:
    """A picture's other maps, decoded on demand."""

    def __init__(self, root: Path, record: Record) -> None:
        self.root, self.record = root, record

    def arrays(self, name: str) -> list[npt.NDArray[Any]] | None:
        """None where there is none, or where it can't be read, which is reported where it is checked itself."""
        info = self.record.maps.get(name)
        data = _read(self.root / info.path) if info is not None and _is_own(info) else ""
        if info is None or isinstance(data, str) or _check_hash(info.path, "map", data, info.sha256):
            return None
        try:
            return _decode_map(self.root / info.path, data)
        except ValueError:
            return None


def _decode_map(path: Path, data: bytes) -> list[npt.NDArray[Any]]:
    """All arrays of a map's file. Raises ValueError."""
    if path.suffix == ".png":
        return [decode_picture(data)]
    try:
        if path.suffix == ".exr":
            with OpenEXR.File(str(path), separate_channels=True) as file:
                arrays = [channel.pixels for part in file.parts for channel in part.channels.values()]
            if not arrays:  # a file that was cut short
                raise ValueError("its pixels are not all there")
            return arrays
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return [a for a in (file[k] for k in file.files) if a.ndim > 1]
    except Exception as e:  # decoders raise anything on broken files
        raise ValueError(f"can't be decoded ({e})") from e
