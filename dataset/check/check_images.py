"""Are a picture's files there, whole, the very ones that were recorded, and do the maps fit the labels?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from scanstage.dataset.check.check_labels import Masks
from scanstage.dataset.check.check_maps import Arrays, check_content, check_soft_masks
from scanstage.dataset.check.finding import Finding
from scanstage.dataset.records.dataset_folder import DatasetFolder, image_name, record_name
from scanstage.dataset.records.decoding import OtherSize, decode_exr, decode_picture, picture_mode, soft_mask_layers
from scanstage.dataset.records.own_files import read_own
from scanstage.dataset.records.picture_files import is_recorded, misnamed_image, misnamed_map, most_bytes
from scanstage.dataset.records.record import Record

Faults = list[tuple[str, str]]


def check_image(folder: DatasetFolder, record: Record, decode: bool) -> list[Finding]:
    """The picture is there, has the recorded hash, decodes to the end and has the stated size."""
    record_at = record_name(record.index)
    if wrong := misnamed_image(record):
        return [Finding(record_at, "image-name", wrong)]
    at = image_name(record.image.file_name)
    data = _read(folder, at, record)
    if isinstance(data, str):
        return [Finding(at, "image-missing", data)]
    findings = [Finding(at, kind, text) for kind, text in _check_hash("image", data, record.image.sha256)]
    if decode:
        try:
            mode = picture_mode(data, record.image.resolution_wh)
        except OtherSize as e:
            findings.append(Finding(at, "image-size", str(e)))
        except ValueError as e:
            return [*findings, Finding(at, "image-unreadable", str(e))]
        else:
            if mode != "RGB":
                findings.append(Finding(at, "image-size", f"its channels are {mode}, expected RGB"))
    if record.image.resolution_wh != record.plan.camera.resolution_wh:
        text = f"image size {record.image.resolution_wh} is not the plan's {record.plan.camera.resolution_wh}"
        findings.append(Finding(record_at, "plan-differs", text))
    return findings


def _read(folder: DatasetFolder, at: str, record: Record) -> bytes | str:
    """A file's bytes, or why there are none."""
    try:
        return read_own(folder, at, most_bytes(record))
    except FileNotFoundError:
        return "is missing"
    except OSError as e:
        return f"can't be read ({e.strerror or e})"


def _check_hash(kind: str, data: bytes, sha256: str) -> Faults:
    if is_recorded(data, sha256):
        return []
    return [(f"{kind}-hash", "is not the file that was recorded: its SHA-256 differs")]


def missing_maps(record: Record, wanted: Sequence[str]) -> list[Finding]:
    """The record names a file of every kind of map that the run's config asked for."""
    there = {PurePosixPath(info.path).parts[:1] for info in record.maps.values()}
    at = record_name(record.index)
    return [
        Finding(at, "map-missing", f"names no file in {kind}/, which the config asked for")
        for kind in wanted
        if (kind,) not in there
    ]


def check_maps(
    folder: DatasetFolder, record: Record, masks: Masks, classes: Sequence[str], decode: bool
) -> list[Finding]:
    """The maps are there, have the recorded hashes, decode, have the picture's size and fit the labels.

    Args:
        folder: of the dataset.
        record: of the picture.
        masks: modal and amodal, by instance id.
        classes: all labelled ones, in the order of their category ids.
        decode: False compares hashes alone.
    """
    findings: list[Finding] = []
    maps = _Maps(folder, record)
    for name, info in record.maps.items():
        if wrong := misnamed_map(record, name):
            findings.append(Finding(record_name(record.index), "map-path", wrong))
            continue
        data = _read(folder, info.path, record)
        if isinstance(data, str):
            findings.append(Finding(info.path, "map-missing", data))
            continue
        faults = _check_hash("map", data, info.sha256)
        if decode and not faults:  # decoders of EXR are not to be let loose on anything
            faults = _check_map(name, data, maps, masks, classes)
        findings += [Finding(info.path, kind, text) for kind, text in faults]
    return findings


def _check_map(name: str, data: bytes, maps: _Maps, masks: Masks, classes: Sequence[str]) -> Faults:
    try:
        if name == "soft_masks":
            parts = {i.instance_id for i in maps.record.instances if i.part_of is not None}  # engines know none
            whole = {k: found for k, found in masks.items() if k not in parts}
            return check_soft_masks(soft_mask_layers(data, maps.record.image.resolution_wh), whole)
        arrays = _decode(name, data, maps.record)
    except OtherSize as e:
        return [("map-size" if name != "soft_masks" else "map-soft-masks", str(e))]
    except ValueError as e:
        return [("map-unreadable", str(e))]
    return check_content(name, arrays, maps, masks, classes)


def _decode(name: str, data: bytes, record: Record) -> Arrays:
    """A map's arrays. Raises ValueError, OtherSize."""
    path, size = record.maps[name].path, record.image.resolution_wh
    return decode_exr(data, size) if path.endswith(".exr") else [decode_picture(data, size)]


class _Maps:
    """A picture's other maps, decoded on demand."""

    def __init__(self, folder: DatasetFolder, record: Record) -> None:
        self.folder, self.record = folder, record

    def arrays(self, name: str) -> Arrays | None:
        """None where there is none, or where it can't be read, which is reported where it is checked itself."""
        info = self.record.maps.get(name)
        if info is None or misnamed_map(self.record, name):
            return None
        data = _read(self.folder, info.path, self.record)
        if isinstance(data, str) or not is_recorded(data, info.sha256):
            return None
        try:
            return _decode(name, data, self.record)
        except ValueError:
            return None
