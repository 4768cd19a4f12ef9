"""The pictures of a page: which are shown, and each as small as the page's size asks for."""

from __future__ import annotations

import base64
import gzip
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
from PIL import Image

from scanstage.dataset.analysis.dataset_table import DatasetTable
from scanstage.dataset.analysis.picture_measures import Pixels, mapped, picture_hash, picture_measures, shrunk
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.decoding import BROKEN, decode_exr, decode_picture, decode_rgb
from scanstage.dataset.records.map_files import normals_rgb
from scanstage.dataset.records.picture_files import read_image, read_map
from scanstage.dataset.records.record import Record
from scanstage.dataset.report_page.picture_detail import picture_detail

EXTREMES = 20
"""So many pictures with the least agreement, and so many with the smallest labels, are always shown."""
SIZES = tuple((edge, quality) for edge in (960, 800, 640, 520, 420, 340, 280) for quality in (76, 60, 45))
"""Longer edge and WebP quality of embedded pictures: the first that fits is taken."""
MAP_EDGE_PX, MAP_QUALITY = 360, 50
TRIED = 24
SPARE_SHARE = 0.97
SHOWN_MAPS = {"depth": ("depth", "depth_m"), "normals": ("normals_png", "normals")}
"""What a person looks at, and the maps of a record that it is made of: the first that is there."""
UNREADABLE = (*BROKEN, OSError)
"""What a picture raises that was changed, taken away or never whole."""


def choose_pictures(table: DatasetTable, most: int) -> tuple[list[int], str | None]:
    """Indices of the pictures that are shown, sorted, and in words how they were chosen; None where all are.

    Args:
        table: of the dataset.
        most: so many at most.
    """
    indices = [p.index for p in table.pictures]
    if len(indices) <= most:
        return indices, None
    agreement = table.picture_numbers("agreement")
    smallest = np.full(len(indices), np.inf)
    np.minimum.at(smallest, table.label_picture, table.label_numbers["area_px"])
    first = [np.argsort(np.where(np.isfinite(v), v, np.inf), kind="stable")[:EXTREMES] for v in (agreement, smallest)]
    chosen = {int(i) for order in first for i in order[: most // 4]}
    rest = [i for i in range(len(indices)) if i not in chosen]
    chosen.update(rest[i] for i in np.unique(np.linspace(0, len(rest) - 1, most - len(chosen)).round().astype(int)))
    told = (
        f"{len(chosen):,} of {len(indices):,} pictures are shown, and measured by their pixels: evenly chosen ones, "
        "those that cast and engine agree on least, and those with the smallest labels"
    )
    return [indices[i] for i in sorted(chosen)], told


@dataclass(frozen=True)
class ReadPicture:
    """A picture that was opened once.

    Attributes:
        index: of it.
        numbers: see :func:`picture_measures.picture_measures`; empty where it can't be read.
        hash: see :func:`picture_measures.picture_hash`; None likewise.
        detail: see :func:`picture_detail.picture_detail`, compressed.
        maps: WebP files of depth and normals, by name.
        problem: why it can't be shown.
    """

    index: int
    numbers: Mapping[str, float]
    hash: int | None
    detail: bytes
    maps: Mapping[str, bytes]
    problem: str | None = None

    @property
    def size(self) -> int:
        """Bytes on the page, without the picture."""
        return encoded_size(len(self.detail)) + sum(encoded_size(len(m)) for m in self.maps.values())


def read_pictures(folder: DatasetFolder, records: Iterable[Record], skeletons: Mapping[str, Any]) -> list[ReadPicture]:
    """Open pictures of a dataset, several at a time, in the order of the records."""
    return list(mapped(lambda record: read_picture(folder, record, skeletons), records))


def read_picture(
    folder: DatasetFolder, record: Record, skeletons: Mapping[str, Any] | None = None, with_detail: bool = True
) -> ReadPicture:
    """Open a picture.

    Args:
        folder: of the dataset.
        record: of the picture.
        skeletons: see :func:`picture_detail.picture_detail`.
        with_detail: whether its detail and its maps are wanted as well.
    """
    numbers: Mapping[str, float] = {}
    code, problem, detail = None, None, b""
    try:
        pixels = decode_rgb(read_image(folder, record), record.image.resolution_wh)
        numbers, code = picture_measures(pixels), picture_hash(pixels)
    except UNREADABLE as e:
        problem = str(e) or repr(e)
    if not with_detail:
        return ReadPicture(record.index, numbers, code, detail, {}, problem)
    try:
        detail = packed(picture_detail(record, skeletons or {}))
    except UNREADABLE as e:
        problem = problem or f"its record can't be drawn: {e!r}"
    return ReadPicture(record.index, numbers, code, detail, _maps(folder, record), problem)


def _maps(folder: DatasetFolder, record: Record) -> dict[str, bytes]:
    """Depth and normals to look at. `check` tells what is wrong with maps; here one that can't be read is missing."""
    found = {}
    for name in SHOWN_MAPS:
        try:
            colors = decoded_map(record, name, lambda kind: read_map(folder, record, kind))
            if colors is not None:
                found[name] = webp(colors, MAP_EDGE_PX, MAP_QUALITY)
        except UNREADABLE:
            continue
    return found


def decoded_map(record: Record, name: str, read: Callable[[str], bytes]) -> Pixels | None:
    """A map of a picture as colours; None where it has none.

    Args:
        record: of the picture.
        name: key of SHOWN_MAPS.
        read: content of one of its maps' files, by the record's name for it.

    Raises ValueError, OSError where it can't be read.
    """
    kind = next((k for k in SHOWN_MAPS[name] if k in record.maps), None)
    if kind is None:
        return None
    data, wh = read(kind), record.image.resolution_wh
    if kind in ("depth_m", "normals"):
        channels = decode_exr(data, wh)
        # OpenEXR keeps channels by their names: B, G, R.
        values = np.stack(channels[::-1], axis=-1) if len(channels) > 1 else channels[0]
    else:
        values = decode_picture(data, wh)
    if values.ndim != (2 if name == "depth" else 3):
        raise ValueError(f"its {name} has {values.ndim} dimensions")
    if name == "depth":
        return depth_colors(values)
    return normals_rgb(values) if kind == "normals" else np.ascontiguousarray(values[..., :3], np.uint8)


def depth_colors(depth: np.ndarray[Any, Any]) -> Pixels:
    """(H, W, 3) uint8 of depth, 0 is nothing: near is yellow, far is violet (viridis), nothing is black."""
    there = depth > 0
    if not there.any():
        return np.zeros((*depth.shape, 3), np.uint8)
    near, far = np.quantile(depth[there], (0.01, 0.99))
    share = np.clip((depth - near) / max(far - near, 1e-9), 0, 1)
    colors = cv2.applyColorMap(np.rint(255 * (1 - share)).astype(np.uint8), cv2.COLORMAP_VIRIDIS)
    return np.where(there[..., None], colors[..., ::-1], 0).astype(np.uint8)


def webp(pixels: Pixels, edge_px: int, quality: int) -> bytes:
    """A WebP file of a picture whose longer edge is at most ``edge_px``."""
    file = io.BytesIO()
    Image.fromarray(shrunk(pixels, edge_px)).save(file, "WEBP", quality=quality, method=4)
    return file.getvalue()


def trial_pictures(folder: DatasetFolder, records: Sequence[Record]) -> list[Pixels]:
    """Some of the pictures, to see how large they get on the page."""
    some = records[:: max(1, len(records) // TRIED)]
    return [p for p in mapped(lambda r: _pixels(folder, r), some) if p is not None]


def expected_size(tried: Sequence[Pixels], size: tuple[int, int] = SIZES[-1]) -> float:
    """Bytes on the page of an embedded picture, in the mean of some.

    Args:
        tried: see :func:`trial_pictures`.
        size: longer edge and quality; by default the least.
    """
    return sum(encoded_size(len(webp(p, *size))) for p in tried) / max(1, len(tried))


def embed_pictures(
    folder: DatasetFolder, records: Sequence[Record], tried: Sequence[Pixels], room: int
) -> dict[int, bytes]:
    """WebP files of pictures, by index, as large as fits.

    Args:
        folder: of the dataset.
        records: of the pictures.
        tried: see :func:`trial_pictures`.
        room: bytes on the page for all of them; even if the smallest size takes more it is given.
    """
    longest = max((max(p.shape[:2]) for p in tried), default=0)
    enough = min((edge for edge, _ in SIZES if edge >= longest), default=SIZES[0][0])  # larger ones are the same files
    sizes = [size for size in SIZES if size[0] <= enough]
    share = SPARE_SHARE
    while True:
        size = next((s for s in sizes if expected_size(tried, s) * len(records) <= share * room), SIZES[-1])
        files = mapped(partial(_embedded, folder, size=size), records)
        found = {r.index: data for r, data in zip(records, files, strict=True) if data is not None}
        total = sum(encoded_size(len(d)) for d in found.values())
        if total <= room or size == SIZES[-1]:
            return found
        share *= SPARE_SHARE * room / total  # those tried are smaller than the rest
        sizes = sizes[sizes.index(size) + 1 :]


def _embedded(folder: DatasetFolder, record: Record, *, size: tuple[int, int]) -> bytes | None:
    pixels = _pixels(folder, record)
    return None if pixels is None else webp(pixels, *size)


def _pixels(folder: DatasetFolder, record: Record) -> Pixels | None:
    try:
        return decode_rgb(read_image(folder, record), record.image.resolution_wh)
    except UNREADABLE:
        return None


def packed(value: Any) -> bytes:
    """JSON, compressed, as a browser's DecompressionStream reads it."""
    return gzip.compress(json.dumps(value, separators=(",", ":"), allow_nan=False).encode(), 9, mtime=0)


def text_of(data: bytes) -> str:
    """Bytes as text on the page."""
    return base64.b64encode(data).decode("ascii")


def encoded_size(size: int) -> int:
    """Bytes that :func:`text_of` makes of so many."""
    return -(-size // 3) * 4
