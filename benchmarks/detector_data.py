"""Pictures with boxes for the detector: read from COCO, cropped and coloured at random, and turned into heat maps."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

STRIDE = 4
"""Pixels of the detector's image by cell of its heat map."""

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Box = tuple[int, float, float, float, float]
"""Class index, then left, top, width, height in pixels."""
KEPT_SHARE = 0.4
"""A box that the crop cuts to less of its area is no target."""
_GREY = (110, 110, 110)


@dataclass(frozen=True)
class Annotated:
    """(H, W, 3) uint8 BGR, and its boxes."""

    image: Image
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class CocoSet:
    """A COCO file and the folder that its file names start from."""

    annotations: Path
    images: Path

    @classmethod
    def find(cls, place: Path) -> CocoSet:
        """``DIR`` as scanstage writes it (a dataset, or the training part of a COCO export or join), or with one JSON
        file and a folder of its name.

        Raises:
            FileNotFoundError: it has none of these.
        """
        written = place / "annotations"
        for file_name, below in (("instances.json", ""), ("instances_train.json", "train")):
            if (written / file_name).is_file():
                return cls(written / file_name, place / "images" / below)
        for file in sorted(place.glob("*.json")):
            if file.with_suffix("").is_dir():
                return cls(file, file.with_suffix(""))
        raise FileNotFoundError(
            f"{place}: neither annotations/instances.json or instances_train.json, nor NAME.json beside a folder NAME"
        )

    def document(self) -> dict[str, list[dict[str, Any]]]:
        """The parsed file."""
        return json.loads(self.annotations.read_text("utf-8"))

    def path(self, file_name: str) -> Path:
        """Of an image, whether its name starts below the folder or, as some writers have it, above."""
        below = self.images / file_name
        return below if below.exists() else self.images.parent / file_name


def class_names(real: CocoSet, training: CocoSet) -> list[str]:
    """Names that both sets have, sorted. Raises ValueError where there is none."""
    both = {c["name"] for c in real.document()["categories"]} & {c["name"] for c in training.document()["categories"]}
    if not both:
        raise ValueError("the photos and the training set have no class in common")
    return sorted(both)


def load_training(coco: CocoSet, classes: Sequence[str], size_wh: tuple[int, int], limit: int = 0) -> list[Annotated]:
    """Pictures with boxes, no larger than 1.6 times what the network sees; crowds are left out.

    Raises:
        FileNotFoundError: an image is missing or can't be decoded.
    """
    document = coco.document()
    names = {c["id"]: c["name"] for c in document["categories"]}
    by_image: dict[int, list[Box]] = {}
    for a in document["annotations"]:
        if not a.get("iscrowd") and names[a["category_id"]] in classes:
            by_image.setdefault(a["image_id"], []).append((classes.index(names[a["category_id"]]), *a["bbox"]))
    pictures = []
    for entry in document["images"][: limit or None]:
        image = read_image(coco.path(entry["file_name"]))
        scale = min(1.0, 1.6 * max(size_wh[0] / image.shape[1], size_wh[1] / image.shape[0]))
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        boxes = tuple(
            (c, x * scale, y * scale, w * scale, h * scale) for c, x, y, w, h in by_image.get(entry["id"], [])
        )
        pictures.append(Annotated(small, boxes))
    return pictures


def read_image(path: Path) -> Image:
    """(H, W, 3) uint8 BGR. Raises FileNotFoundError."""
    image = cv2.imread(str(path))
    if image is None:
        raise FileNotFoundError(f"{path}: no image that can be read")
    return image


def fit(image: Image, size_wh: tuple[int, int]) -> tuple[Floats, float]:
    """The whole picture in the top left of the network's image, in 0..1, and the factor that it was scaled by."""
    scale = min(size_wh[0] / image.shape[1], size_wh[1] / image.shape[0])
    return _warp(image, scale, (0.0, 0.0), size_wh).astype(np.float32) / 255, scale


def augment(picture: Annotated, size_wh: tuple[int, int], rng: random.Random) -> tuple[Floats, list[Box]]:
    """A random crop, mirrored and coloured at random.

    Returns:
        (H, W, 3) float32 in 0..1, and class with left, top, right, bottom of the boxes that are mostly inside.
    """
    width, height = size_wh
    image, boxes = picture.image, picture.boxes
    scale = min(width / image.shape[1], height / image.shape[0]) * rng.uniform(0.7, 1.6)
    spare_x, spare_y = width - image.shape[1] * scale, height - image.shape[0] * scale
    shift = (rng.uniform(min(0, spare_x), max(0, spare_x)), rng.uniform(min(0, spare_y), max(0, spare_y)))
    if boxes and spare_x < 0:  # keep some object in the crop
        _, x, y, w, h = rng.choice(boxes)
        at = (rng.uniform(0.25, 0.75) * width, rng.uniform(0.25, 0.75) * height)
        shift = (
            min(0.0, max(spare_x, at[0] - (x + w / 2) * scale)),
            min(0.0, max(spare_y, at[1] - (y + h / 2) * scale)),
        )
    result = _photometric(_warp(image, scale, shift, size_wh), rng)
    kept = _cropped(boxes, scale, shift, size_wh)
    if rng.random() < 0.5:
        result = np.ascontiguousarray(result[:, ::-1])
        kept = [(c, width - x1, y0, width - x0, y1) for c, x0, y0, x1, y1 in kept]
    return result, kept


def _cropped(boxes: Sequence[Box], scale: float, shift: tuple[float, float], size_wh: tuple[int, int]) -> list[Box]:
    kept: list[Box] = []
    for c, x, y, w, h in boxes:
        x0, y0 = x * scale + shift[0], y * scale + shift[1]
        left, top = max(0.0, x0), max(0.0, y0)
        right, bottom = min(float(size_wh[0]), x0 + w * scale), min(float(size_wh[1]), y0 + h * scale)
        if min(right - left, bottom - top) > 3 and (right - left) * (bottom - top) > KEPT_SHARE * w * h * scale**2:
            kept.append((c, left, top, right, bottom))
    return kept


def _warp(image: Image, scale: float, shift: tuple[float, float], size_wh: tuple[int, int]) -> Image:
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.warpAffine(image, matrix, size_wh, flags=how, borderValue=_GREY)


def _photometric(image: Image, rng: random.Random) -> Floats:
    """Gamma, gain by channel, less colour, blur and noise: what any trainer does, so no credit of the pictures."""
    x = (image.astype(np.float32) / 255) ** rng.uniform(0.6, 1.7)
    x = x * np.array([rng.uniform(0.8, 1.2) for _ in range(3)], np.float32) * rng.uniform(0.6, 1.4)
    if rng.random() < 0.3:
        x = x.mean(2, keepdims=True) * 0.5 + x * 0.5
    if rng.random() < 0.5:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.3, 1.6))
    if rng.random() < 0.7:
        x = x + np.random.default_rng(rng.randrange(1 << 30)).normal(0, rng.uniform(0, 0.06), x.shape)
    return np.clip(x, 0, 1).astype(np.float32)


def targets(boxes: Sequence[Sequence[Box]], classes: int, size_wh: tuple[int, int]) -> tuple[Floats, Floats, Floats]:
    """Heat maps, boxes and where they are known, of a batch of boxes as :func:`augment` gives them.

    Returns:
        (N, classes, H, W), (N, 4, H, W) and (N, H, W) float32, in cells of the heat map.
    """
    width, height = size_wh[0] // STRIDE, size_wh[1] // STRIDE
    heat = np.zeros((len(boxes), classes, height, width), np.float32)
    wanted = np.zeros((len(boxes), 4, height, width), np.float32)
    known = np.zeros((len(boxes), height, width), np.float32)
    rows, columns = np.mgrid[:height, :width]
    for n, of_one in enumerate(boxes):
        for c, *corners in of_one:
            x0, y0, x1, y1 = (v / STRIDE for v in corners)
            x, y, w, h = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0
            column, row = min(width - 1, int(x)), min(height - 1, int(y))
            sigma = max(0.7, 0.13 * (w * h) ** 0.5)
            bump = np.exp(-((columns - column) ** 2 + (rows - row) ** 2) / (2 * sigma**2))
            heat[n, c] = np.maximum(heat[n, c], bump)
            size = np.log(max(w, 0.5)), np.log(max(h, 0.5))
            for r in range(max(0, row - 1), min(height, row + 2)):
                for q in range(max(0, column - 1), min(width, column + 2)):
                    wanted[n, :, r, q] = (x - q, y - r, *size)
                    known[n, r, q] = 1
    return heat, wanted, known
