"""Label maps of a picture, painted from its record's masks, and PNG files with VOC's colours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.export.choices.labelled_source import LabelledImage
from scanstage.dataset.labels.instances import Instance
from scanstage.dataset.labels.rle_mask import RunMask

VOID = 255
"""Of instances that the keep policy ignores: neither theirs nor anything else's."""
Map = npt.NDArray[np.uint8]
Ids = npt.NDArray[np.uint16]


def class_map(record: LabelledImage, classes: Sequence[str]) -> Map:
    """(H, W) uint8: 0 where there is no label, the class's place from 1 on, :data:`VOID` where it is to be ignored.

    Raises InputError where there are more classes than such a map has numbers for.
    """
    if len(classes) >= VOID:
        raise InputError(f"{len(classes)} classes: a map of one byte a pixel holds {VOID - 1}", "export as coco")
    number = {name: i + 1 for i, name in enumerate(classes)}
    values = [VOID if i.ignore else number[i.class_name] for i in record.instances]
    return painted(record, values).astype(np.uint8)


def instance_map(record: LabelledImage) -> Map | Ids:
    """(H, W): the instance's place in the record from 1 on, :data:`VOID` where it is to be ignored.

    uint8; uint16 without :data:`VOID` where there are too many, and instances to be ignored have numbers like others.
    """
    if len(record.instances) >= VOID:
        return painted(record, range(1, len(record.instances) + 1))
    values = [VOID if i.ignore else n for n, i in enumerate(record.instances, 1)]
    return painted(record, values).astype(np.uint8)


def painted(record: LabelledImage, values: Sequence[int]) -> Ids:
    """(H, W) uint16: the value of each instance where it is seen, else 0. Raises ValueError for masks that can't be."""
    width, height = record.image.resolution_wh
    columns = np.zeros(width * height, np.uint16)
    for instance, value in zip(record.instances, values, strict=True):
        mask = _mask(instance, (height, width))
        for start, end in zip(mask.starts.tolist(), mask.ends.tolist(), strict=True):
            columns[start:end] = value
    return columns.reshape(width, height).T


def write_palette_png(path: Path, values: Map | Ids) -> None:
    """Write a map: with VOC's palette, so that viewers show colours; as 16-bit grey where it isn't of bytes."""
    image = Image.fromarray(np.ascontiguousarray(values))
    if values.dtype == np.uint8:
        image.putpalette(_PALETTE)
    image.save(path, compress_level=1)


def palette_color(number: int) -> tuple[int, int, int]:
    """Red, green and blue of a number in VOC's palette."""
    red, green, blue = _PALETTE[3 * number : 3 * number + 3]
    return red, green, blue


def _mask(instance: Instance, size_hw: tuple[int, int]) -> RunMask:
    if instance.mask.size_hw != size_hw:
        raise ValueError("a mask has another size than its picture")
    return instance.mask.runs()


def _voc_palette() -> bytes:
    """Of the VOC devkit (``VOClabelcolormap.m``): the bits of a number, three at a time, from the highest down."""
    colors = np.zeros((256, 3), np.uint8)
    for number in range(256):
        rest = number
        for shift in range(7, -1, -1):
            for channel in range(3):
                colors[number, channel] |= ((rest >> channel) & 1) << shift
            rest >>= 3
    return colors.tobytes()


_PALETTE = _voc_palette()
