"""Hollow things are cut into few convex parts that leave them open; whatever goes wrong with it, one hull remains."""

from __future__ import annotations

import importlib.util
import subprocess

import numpy as np
import pytest
import trimesh
from scipy.spatial import ConvexHull
from support.hollow_shapes import cup, hull_of, mug, ring, surface_of

from scanstage.assets.machine import confined_process
from scanstage.assets.meshes import convex_parts as cutting
from scanstage.assets.meshes.convex_parts import MAX_PART_VERTICES, MAX_PARTS, convex_parts, filled_share

needs_coacd = pytest.mark.skipif(importlib.util.find_spec("coacd") is None, reason="coacd isn't installed")
MUG = mug()
HOLLOW = {"cup": cup(), "ring": ring(), "mug": MUG}
OPEN = {"cup": [(0, 0, 0.04), (0, 0, 0.079)], "ring": [(0, 0, 0.006)], "mug": [(0, 0, 0.05), (0.059, 0, 0.05)]}
SOLID = {
    "ball": trimesh.creation.icosphere(subdivisions=4, radius=0.05),
    "box": trimesh.creation.box((0.1, 0.2, 0.3)),
    "sheet": trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]]),
}


def parts_of(mesh: trimesh.Trimesh, limit_s: int = cutting.LIMIT_S):
    return convex_parts(surface_of(mesh), hull_of(mesh), limit_s)


def depth_in(points: np.ndarray, parts) -> np.ndarray:
    """How deep points lie in the deepest of the parts; negative outside of all."""
    planes = [ConvexHull(p.astype(np.float64), qhull_options="QJ").equations for p in parts]
    return np.max([-(points @ e[:, :3].T + e[:, 3]).max(axis=1) for e in planes], axis=0)


@needs_coacd
@pytest.mark.parametrize("name", HOLLOW)
def test_hollow_things_stay_open(name: str) -> None:
    mesh = HOLLOW[name]
    parts, findings = parts_of(mesh)
    assert not findings
    assert 4 <= len(parts) <= MAX_PARTS
    assert max(len(p) for p in parts) <= MAX_PART_VERTICES
    extent = mesh.extents.max()
    assert depth_in(np.array(OPEN[name], float), parts).max() < -0.03 * extent
    together = np.concatenate(parts)
    np.testing.assert_allclose(together.min(axis=0), mesh.bounds[0], atol=1e-6)
    np.testing.assert_allclose(together.max(axis=0), mesh.bounds[1], atol=1e-6)
    points = trimesh.sample.sample_surface(mesh, 2000, seed=1)[0]
    depths = depth_in(points, parts)
    assert np.quantile(depths, 0.02) > -0.02 * extent, "the parts leave out some of the surface"
    assert np.quantile(depths, 0.98) < 0.06 * extent, "the parts are much thicker than the walls"


@needs_coacd
def test_the_same_scan_gives_the_same_parts() -> None:
    once, again = (parts_of(HOLLOW["ring"])[0] for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))


@pytest.mark.parametrize("name", SOLID)
def test_what_its_hull_fills_is_not_cut(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("CoACD was asked"))
    assert parts_of(SOLID[name]) == ((), [])


def boxes(lows: list[tuple[float, float, float]], size: float = 0.1) -> trimesh.Trimesh:
    return trimesh.util.concatenate([trimesh.creation.box(bounds=(low, np.add(low, size))) for low in lows])


def test_bodies_that_are_convex_are_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six cubes in a row, which CoACD cuts for 90 s and more; and a ball beside a box that reaches into another."""
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("CoACD was asked"))
    parts, findings = parts_of(boxes([(0.15 * k, 0, 0) for k in range(6)]))
    assert not findings
    assert sorted((round(float(p[:, 0].min()), 4), round(float(p[:, 0].max()), 4)) for p in parts) == [
        *((0, 0.1), (0.15, 0.25), (0.3, 0.4), (0.45, 0.55), (0.6, 0.7), (0.75, 0.85))
    ]
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.1)
    ball.apply_translation([0.5, 0, 0.1])
    parts, findings = parts_of(trimesh.util.concatenate([boxes([(0, 0, 0), (0.05, 0.03, 0.08)]), ball]))
    assert not findings
    assert len(parts) == 3
    assert max(len(p) for p in parts) <= MAX_PART_VERTICES


def test_of_more_convex_bodies_than_parts_the_nearest_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve pairs of cubes that touch, far from each other, on a ring that is mostly air; 16 parts are taken."""
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("CoACD was asked"))
    angles = np.arange(12) * np.pi / 6
    lows = [(3 * np.cos(a), 3 * np.sin(a), 0.1001 * k) for a in angles for k in range(2)]
    parts, findings = parts_of(boxes(lows))
    assert not findings
    heights = [round(float(np.ptp(p[:, 2])), 2) for p in parts]
    assert sorted(heights) == [0.1] * 8 + [0.2] * 8
    assert max(float(np.ptp(p[:, :2], axis=0).max()) for p in parts) < 0.11


def test_how_much_of_its_hull_a_scan_fills() -> None:
    assert filled_share(surface_of(SOLID["box"]), hull_of(SOLID["box"])) == pytest.approx(1)
    assert filled_share(surface_of(cup()), hull_of(cup())) == pytest.approx(cup().volume / cup().convex_hull.volume)


@needs_coacd
@pytest.mark.parametrize(
    ("worker", "told"),
    [
        ("while True: pass", "takes too long"),
        ("import time; time.sleep(60)", "takes too long"),
        ("import os; os.abort()", "ended with"),
        ("raise SystemExit('no such shape')", "no such shape"),
        ("print('what is this?')", ""),
        ("pass", ""),
        ("import sys, io, numpy as np; np.savez(sys.stdout.buffer)", "no volume"),
        ("import sys, io, numpy as np; np.savez(sys.stdout.buffer, np.full((5, 3), np.nan))", "no volume"),
        ("import sys, io, numpy as np; np.savez(sys.stdout.buffer, np.zeros((5, 3)))", "no volume"),
    ],
    ids=["spins", "hangs", "crashes", "gives up", "chatters", "is silent", "no parts", "nan", "a point"],
)
def test_a_cut_that_fails_leaves_the_hull(worker: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "_WORKER", _LIMITS + worker)
    monkeypatch.setattr(confined_process, "_BUSY", 2)
    parts, (finding,) = parts_of(cup(), limit_s=1)
    assert parts == ()
    assert "convex" in finding.what
    assert told in finding.what
    assert finding.action == "collides by its convex hull"


_LIMITS = cutting._WORKER[: cutting._WORKER.index("import os\n")]


def test_without_coacd_the_hull_remains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    parts, (finding,) = parts_of(cup())
    assert parts == ()
    assert "isn't installed" in finding.what


@needs_coacd
@pytest.mark.parametrize("kind", ["soup", "open", "inside out"])
def test_bad_meshes_end_somehow(kind: str) -> None:
    mesh = cup()
    if kind == "soup":
        corners = np.random.default_rng(3).normal(size=(150, 3, 3)) * 0.01 + mesh.vertices[:150, None]
        mesh = trimesh.Trimesh(corners.reshape(-1, 3), np.arange(450).reshape(-1, 3), process=False)
    elif kind == "open":
        mesh.update_faces(np.random.default_rng(3).uniform(size=len(mesh.faces)) < 0.7)
    else:
        mesh.invert()
    parts, findings = parts_of(mesh, limit_s=3)
    assert len(parts) > 1 or len(findings) == 1
    assert all(np.isfinite(p).all() for p in parts)
