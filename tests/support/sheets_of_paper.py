"""Scenes of flat rectangles that face the camera, given by their outline in the image to thousandths of a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanstage.assets.asset import MeshArrays
from scanstage.scenes.optics.geometry import look_at, to_matrix4
from scanstage.scenes.optics.lens import rays
from scanstage.scenes.plan import (
    BackgroundPlan,
    CameraPlan,
    FramePlan,
    LensPlan,
    ObjectPlan,
    PostPlan,
    SurfaceMaterial,
    SurfacePlan,
    WorldPlan,
)
from scanstage.scenes.sight.visibility import Caster

GREY = SurfaceMaterial((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
FACES = [(0, 1, 5), (0, 5, 4), (1, 2, 6), (1, 6, 5), (2, 3, 7), (2, 7, 6), (3, 0, 4), (3, 4, 7)]
"""Of a rectangle about another one; corners in order, the outer ones first."""

Edges = tuple[float, float, float, float]


@dataclass(frozen=True)
class Sheet:
    """A rectangle.

    Attributes:
        depth: metres from the camera.
        outer: left, top, right and bottom edge, pixels.
        hole: likewise.
        name: ``stage`` for a part of the stage, else an object.
    """

    depth: float
    outer: Edges
    hole: Edges | None = None
    name: str = "sheet"


COVER = Sheet(1.0, (50, 30, 110, 90), hole=(79.6, 59.6, 80.9, 61.4))
"""Its hole holds the centre of pixel (80, 60) and no other."""
BEHIND = Sheet(2.0, (70, 40, 130, 80))
"""Of which 20 columns are seen beside the cover, from 110 on."""


def lid(beside: float) -> Sheet:
    """In front of the hole's left part: what is left of it begins ``beside`` px right of the centre of that pixel."""
    return Sheet(0.9, (70, 50, 80.5 + beside, 70))


def sheets(*given: Sheet, lens: LensPlan | None = None) -> tuple[FramePlan, Caster]:
    """A plan of 160 x 120 pixels, f = 200 px, whose objects are numbered from 1 in the order given; its caster."""
    pose = look_at(np.array([0.0, -1.0, 0.0]), np.zeros(3))
    camera = CameraPlan((160, 120), 200.0, 200.0, 80.0, 60.0, to_matrix4(pose), lens=lens)
    names = [f"{sheet.name}/{i}" for i, sheet in enumerate(given)]
    meshes = {name: _mesh(camera, sheet) for name, sheet in zip(names, given, strict=True)}
    where = to_matrix4(pose)
    objects = [n for n in names if not n.startswith("stage")]
    surfaces = tuple(SurfacePlan(n, n, where, GREY) for n in names if n not in objects)
    placed = tuple(ObjectPlan(i, n, "sheet", where) for i, n in enumerate(objects, 1))
    world, background = WorldPlan(None, 0.0, 1.0), BackgroundPlan("hdri")
    plan = FramePlan(0, 0, camera, (), world, background, surfaces, placed, PostPlan())
    return plan, Caster(meshes.__getitem__)


def _mesh(camera: CameraPlan, sheet: Sheet) -> MeshArrays:
    """In the camera's frame."""
    _, top, right, bottom = sheet.outer
    # Without a hole, one of no width.
    inner = sheet.hole or (right, top, right, bottom)
    corners = [(e[i], e[j]) for e in (sheet.outer, inner) for i, j in ((0, 1), (2, 1), (2, 3), (0, 3))]
    found = rays(camera, np.array([x for x, _ in corners]) - 0.5, np.array([y for _, y in corners]) - 0.5)
    points = (sheet.depth * found / found[:, 2:]).astype(np.float32)
    faces = np.array(FACES, np.int32)
    return MeshArrays(points, faces, np.zeros(len(faces), np.uint16), points)
