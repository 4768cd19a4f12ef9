"""Hulls: convex, at most 200 vertices, close around the scan, standing where it stands."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy.spatial import ConvexHull

from scanstage.assets.meshes.collision_hull import MAX_HULL_VERTICES, collision_hull

SHAPES = {
    "ball": trimesh.creation.icosphere(subdivisions=5, radius=0.05),
    "can": trimesh.creation.cylinder(radius=0.04, height=0.12, sections=500),
    "torus": trimesh.creation.torus(0.06, 0.02, major_sections=96, minor_sections=48),
    "rod": trimesh.creation.capsule(height=0.3, radius=0.005, count=[64, 64]),
    "box": trimesh.creation.box((0.1, 0.2, 0.3)),
}


def based(mesh: trimesh.Trimesh) -> np.ndarray:
    vertices = np.asarray(mesh.vertices).copy()
    vertices[:, 2] -= vertices[:, 2].min()
    return vertices


@pytest.mark.parametrize("name", SHAPES)
def test_bounded_close_and_standing(name: str) -> None:
    points = based(SHAPES[name])
    hull = collision_hull(points)
    assert 4 <= len(hull) <= MAX_HULL_VERTICES
    np.testing.assert_allclose(hull.min(axis=0), points.min(axis=0), atol=1e-7)
    np.testing.assert_allclose(hull.max(axis=0), points.max(axis=0), atol=1e-7)
    equations = ConvexHull(hull.astype(np.float64)).equations
    outside = (points @ equations[:, :3].T + equations[:, 3]).max()
    assert outside < 0.015 * np.ptp(points, axis=0).max()


def test_the_base_of_a_can_stays_round() -> None:
    points = based(SHAPES["can"])
    hull = collision_hull(points).astype(np.float64)
    base = hull[hull[:, 2] < 1e-6, :2]
    true = points[points[:, 2] < 1e-6, :2]
    assert ConvexHull(base).volume > 0.98 * ConvexHull(true).volume


def test_it_is_convex() -> None:
    hull = collision_hull(based(SHAPES["torus"])).astype(np.float64)
    assert len(ConvexHull(hull).vertices) == len(hull)


@pytest.mark.parametrize("normal", [(0, 0, 1), (0, 1, 0), (1, 1, 1)])
@pytest.mark.parametrize("wide", [0.1, 1e-6])
def test_sheets_and_threads(normal: tuple[float, float, float], wide: float) -> None:
    rng = np.random.default_rng(1)
    frame, _ = np.linalg.qr(np.column_stack([normal, rng.normal(size=(3, 2))]))
    points = rng.uniform(-1, 1, (50, 2)) * [0.2, wide] @ frame[:, 1:].T
    points[:, 2] -= points[:, 2].min()
    hull = collision_hull(points).astype(np.float64)
    assert ConvexHull(hull).volume > 0
    assert hull[:, 2].min() > -1e-7
