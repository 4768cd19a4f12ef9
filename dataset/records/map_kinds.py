"""The kinds of maps, per-pixel data beside a picture: their files, and what each is made of.

A new kind is a row in :data:`MAPS`, a key of its name in ``OutputConfig``, and for each file a row in
``check_maps.MAP_CHECKS``: what looks at a map stands apart from what wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from scanstage.dataset.labels.categories import category_ids
from scanstage.dataset.records.map_files import (
    Floats,
    Ids,
    Window,
    depth_exr,
    depth_png,
    ids_png,
    normals_exr,
    normals_png,
    soft_masks_npz,
)

T = TypeVar("T")


@dataclass(frozen=True)
class MapSources:
    """What the maps of a picture are made of.

    Attributes:
        names: classes of what labels may be of, by instance id.
        classes: all labelled ones, in the order of their category ids from 1.
        label_ids: (H, W) uint16 instance ids of objects and of their parts, 0 where no object is.
        depth_m: (H, W) float32, metres, ``inf`` where nothing is; None where no kind that is wanted takes it, as below.
        normals: (H, W, 3) float32 unit vectors in the camera's frame, 0 where nothing is.
        soft_masks: instance id, window (x, y, w, h), and (h, w) float32 coverage in 0..1 of each object.
    """

    names: Mapping[int, str]
    classes: Sequence[str]
    label_ids: Ids
    depth_m: Floats | None = None
    normals: Floats | None = None
    soft_masks: Sequence[tuple[int, Window, Floats]] | None = None


Encode = Callable[[MapSources], bytes]


@dataclass(frozen=True)
class MapKind:
    """A kind of map. Its files lie in a folder of its name.

    Attributes:
        bytes_a_pixel: that its files take at most, for the check of free space.
        files: suffix and content of each file, by its name in records, which no other kind has.
        is_pass: whether an engine must deliver a pass of its name for it.
    """

    bytes_a_pixel: float
    files: Mapping[str, tuple[str, Encode]]
    is_pass: bool = False


def _there(values: T | None) -> T:
    assert values is not None, "a pass that a map needs was not asked for"
    return values


MAPS: dict[str, MapKind] = {
    "depth": MapKind(
        6.0,
        {
            "depth": ("png", lambda m: depth_png(_there(m.depth_m))),
            "depth_m": ("exr", lambda m: depth_exr(_there(m.depth_m))),
        },
        is_pass=True,
    ),
    "normals": MapKind(
        15.0,
        {
            "normals": ("exr", lambda m: normals_exr(_there(m.normals))),
            "normals_png": ("png", lambda m: normals_png(_there(m.normals))),
        },
        is_pass=True,
    ),
    "instances": MapKind(0.2, {"instances": ("png", lambda m: ids_png(m.label_ids))}),
    "semantic": MapKind(0.2, {"semantic": ("png", lambda m: ids_png(category_ids(m.names, m.label_ids, m.classes)))}),
    "soft_masks": MapKind(
        1.0,
        {
            "soft_masks": (
                "npz",
                lambda m: soft_masks_npz(_there(m.soft_masks), m.label_ids.shape),
            )
        },
        is_pass=True,
    ),
}
MAP_FILES = {name: (kind, suffix) for kind, row in MAPS.items() for name, (suffix, _) in row.files.items()}
"""Folder and suffix of each map's file, by its name in records."""
