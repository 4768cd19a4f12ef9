"""Built-in textures of a plan as files, which engines read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scanstage.assets.textures.surface_textures import surface_texture, times_wide
from scanstage.scenes.plan import FramePlan, SurfaceMaterial, SurfacePlan

REPEATS_UNSEEN = 2.0
"""Repetitions of a texture along a surface in which nobody sees them yet."""


def with_texture_files(plan: FramePlan) -> FramePlan:
    """The plan with ``builtin:<name>`` textures replaced by paths, of wide textures where a surface shows many.

    Plans name built-in textures so that they are the same on every machine. Raises as :func:`surface_texture` does.
    """
    surfaces = tuple(replace(s, material=_located(s.material, _longest_edge_m(s))) for s in plan.surfaces)
    objects = tuple(replace(o, surface=o.surface and _located(o.surface)) for o in plan.objects)
    return replace(plan, surfaces=surfaces, objects=objects)


def _located(material: SurfaceMaterial, extent_m: float = 0.0) -> SurfaceMaterial:
    if material.texture is None or not material.texture.startswith("builtin:"):
        return material
    name = material.texture.removeprefix("builtin:")
    wide = extent_m > REPEATS_UNSEEN * material.texture_size_m
    size_m = material.texture_size_m * (times_wide(name) if wide else 1)
    return replace(material, texture=str(surface_texture(name, wide)), texture_size_m=size_m)


def _longest_edge_m(surface: SurfacePlan) -> float:
    """Surfaces are unit primitives, enlarged."""
    return float(np.linalg.norm(np.asarray(surface.object_to_world)[:3, :3], axis=0).max())
