"""Files of Gaussian splats: clouds of blurred ellipsoids that make pictures from near the photos, and no surface.

A PLY of them has ``f_dc_0`` (colour), ``scale_0`` and ``opacity`` a vertex (B. Kerbl et al., "3D Gaussian Splatting
for Real-Time Radiance Field Rendering", 2023), or is packed (``packed_position``); some programs have formats of their
own.
"""

from __future__ import annotations

from collections.abc import Collection

from scanstage.assets.messages.errors import InputError

SPLAT_SUFFIXES = (".splat", ".ksplat", ".spz", ".sog")
WAY_OUT = (
    "make a mesh of the same photos: with photogrammetry (COLMAP, Meshroom, RealityScan), or with a splatting method "
    "that gives one (2D Gaussian Splatting, SuGaR); export it as OBJ, PLY or GLB with its texture"
)


def is_splat(properties: Collection[str]) -> bool:
    """Whether a PLY whose vertices have these properties holds Gaussian splats."""
    return "packed_position" in properties or ("f_dc_0" in properties and bool({"scale_0", "opacity"} & {*properties}))


def splat_refusal(path: object, count: int | None = None) -> InputError:
    """What to say of such a file."""
    of = "" if count is None else f" of {count:,} Gaussians"
    return InputError(f"{path}: is a Gaussian splat{of}: it has no surface that could be labelled", WAY_OUT)
