"""Shortcuts to what casting needs of a scan: they change nothing that is cast."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from scanstage.assets.asset import MeshArrays
from scanstage.scenes.optics.geometry import random_rotation, to_matrix4, transform
from scanstage.scenes.optics.pixel_window import object_window
from scanstage.scenes.plan import CameraPlan, LensPlan
from scanstage.scenes.sight.shapes import HULL_FROM_USE, Shapes, outermost

LENSES = [None, LensPlan("brown_conrady", (-0.2, 0.05, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)), LensPlan("fisheye", (0.0,) * 4)]


def bumpy_ball(seed: int) -> MeshArrays:
    shape = trimesh.creation.icosphere(subdivisions=3, radius=0.1)
    bumps = 1 + 0.2 * np.random.default_rng(seed).standard_normal((len(shape.vertices), 1))
    vertices = (np.asarray(shape.vertices) * bumps).astype(np.float32)
    return MeshArrays(vertices, shape.faces.astype(np.int32), np.zeros(len(shape.faces), np.uint16), vertices[:8])


@pytest.mark.parametrize("lens", LENSES)
def test_the_outermost_vertices_have_the_window_of_all(lens: LensPlan | None) -> None:
    rng = np.random.default_rng(4)
    vertices = bumpy_ball(1).vertices
    corners = outermost(vertices)
    assert corners.shape[1] < len(vertices)
    windows = set()
    for _ in range(40):
        pose = to_matrix4(transform(random_rotation(rng), rng.normal(size=3) * 0.1 + (0.0, 0.0, 0.6)))
        camera = CameraPlan((320, 240), 300.0, 300.0, 160.0, 120.0, to_matrix4(np.eye(4)), lens=lens)
        window = object_window(camera, np.array(pose), vertices.T.astype(np.float64))
        assert object_window(camera, np.array(pose), corners) == window
        windows.add(window)
    assert len(windows) > 20


@pytest.mark.parametrize("count", [1, 3, 4, 30])
def test_points_without_a_volume_are_all_kept(count: int) -> None:
    flat = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32) * (1, 1, 0)
    assert np.array_equal(outermost(flat.astype(np.float32)), flat.T)


def test_a_scan_that_is_often_shown_gets_its_hull_and_keeps_its_structure() -> None:
    mesh = bumpy_ball(2)
    shapes = Shapes(lambda _: mesh)
    counts = [shapes["ball"].points().shape[1] for _ in range(HULL_FROM_USE + 1)]
    assert counts[:-2] == [len(mesh.vertices)] * (HULL_FROM_USE - 1)
    assert counts[-1] == counts[-2] < len(mesh.vertices)
    assert shapes["ball"].scene is shapes["ball"].scene
