from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.analytic import trace
from support.projection import project

from scanstage.assets.asset import Asset, MeshArrays
from scanstage.assets.library.primitives import primitive_assets
from scanstage.scenes.optics.geometry import look_at, random_rotation, rotation_z, to_matrix4, transform
from scanstage.scenes.optics.pixel_window import pixel_box
from scanstage.scenes.plan import (
    BackgroundPlan,
    CameraPlan,
    FramePlan,
    ObjectPlan,
    PostPlan,
    SurfaceMaterial,
    SurfacePlan,
    WorldPlan,
)
from scanstage.scenes.sight.visibility import Caster, Silhouette

FLAT = SurfaceMaterial((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def camera(eye=(0.0, -1.0, 0.0), target=(0.0, 0.0, 0.0), focal=200.0, size=(160, 120)) -> CameraPlan:
    pose = look_at(np.array(eye, float), np.array(target, float))
    return CameraPlan(size, focal, focal, size[0] / 2, size[1] / 2, to_matrix4(pose))


def thing(instance_id: int, asset_id: str, matrix: np.ndarray) -> ObjectPlan:
    return ObjectPlan(instance_id, asset_id, asset_id.split("/")[0], to_matrix4(matrix))


def frame(cam: CameraPlan, objects, surfaces=()) -> FramePlan:
    world = WorldPlan(None, 0.0, 1.0)
    return FramePlan(0, 0, cam, (), world, BackgroundPlan("hdri"), tuple(surfaces), tuple(objects), PostPlan())


def moved(x: float, y: float, z: float, scale=1.0) -> np.ndarray:
    return transform(np.eye(3), np.array([x, y, z]), scale)


@pytest.fixture(scope="module")
def caster(toy_library: Path) -> Caster:
    primitives = primitive_assets()

    def mesh(asset_id: str):
        return (primitives.get(asset_id) or Asset.open(toy_library / asset_id)).mesh()

    return Caster(mesh)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_agrees_with_exact_geometry(caster: Caster, seed: int) -> None:
    """Random boxes (exact in both) over a ground: the same pixels, up to a few where a ray grazes an edge."""
    rng = np.random.default_rng(seed)
    objects = [
        thing(i + 1, "box/toy", transform(random_rotation(rng), rng.uniform(-0.12, 0.12, 3), rng.uniform(0.5, 2)))
        for i in range(4)
    ]
    ground = SurfacePlan("ground", "primitive/plane", to_matrix4(moved(0, 0, -0.05, np.array([2.0, 2.0, 1.0]))), FLAT)
    cam = camera(eye=(rng.uniform(-1, 1), -0.8, rng.uniform(0.1, 1)))
    cam = replace(cam, cx=80 + rng.uniform(-20, 20), cy=60 + rng.uniform(-20, 20), fy=cam.fx * rng.uniform(0.8, 1.2))
    plan = frame(cam, objects, [ground])
    seen = caster.cast(plan)
    exact, _ = trace(plan)
    assert (seen.instance_ids != exact).sum() <= 4
    for s in seen.silhouettes:
        assert not (s.modal & ~s.amodal).any()
        alone, _ = trace(frame(cam, [o for o in objects if o.instance_id == s.instance_id]))
        x, y, w, h = s.window_xywh
        outside = alone.astype(bool)
        outside[y : y + h, x : x + w] = False
        assert not outside.any(), "the window misses pixels of the object"
        assert (s.amodal != alone[y : y + h, x : x + w].astype(bool)).sum() <= 2


def test_a_ball_is_as_large_as_it_should_be(caster: Caster) -> None:
    seen = caster.cast(frame(camera(), [thing(1, "ball/toy", moved(0, 0, -0.04))]))
    (s,) = seen.silhouettes
    radius_px = 200 * 0.04 / np.sqrt(1 - 0.04**2)
    assert abs(s.visible_px - np.pi * radius_px**2) < 0.05 * s.visible_px  # 16 px wide, and the mesh is inscribed
    assert s.visible_fraction == 1
    assert s.truncated_fraction == 0
    assert abs(seen.nearest_m - 0.96) < 1e-3


def test_a_one_pixel_object(caster: Caster) -> None:
    """A box of half a pixel's width about the ray of pixel (80, 60)."""
    cam = camera()
    x = (80.5 - cam.cx) / cam.fx
    z = -(60.5 - cam.cy) / cam.fy
    scale = np.array([0.5 / 200 / 0.1, 1e-3, 0.5 / 200 / 0.06])
    seen = caster.cast(frame(cam, [thing(1, "box/toy", moved(x, 0, z - 0.25 / 200, scale))]))
    assert seen.silhouettes[0].visible_px == 1
    assert pixel_box(seen.instance_ids == 1) == (80, 60, 1, 1)


@pytest.mark.parametrize(("x", "z"), [(-0.4, 0.0), (0.4, 0.0), (0.0, 0.3), (0.0, -0.3)])
def test_cut_by_each_border(caster: Caster, x: float, z: float) -> None:
    """A box whose middle lies on a border is half outside."""
    item = thing(1, "box/toy", moved(x, 0.0, z - 0.03, np.array([1.0, 1e-3, 1.0])))
    (s,) = caster.cast(frame(camera(), [item])).silhouettes
    assert abs(s.truncated_fraction - 0.5) < 0.02
    assert s.visible_fraction == 1
    assert s.amodal_box_xywh is not None
    assert s.amodal_box_xywh[2:] == (20, 12)


def test_fully_hidden(caster: Caster) -> None:
    objects = [thing(1, "ball/toy", moved(0, 0.2, -0.04)), thing(2, "box/toy", moved(0, -0.2, -0.06, 2.0))]
    seen = caster.cast(frame(camera(), objects))
    assert seen.silhouettes[0].visible_px == 0
    assert seen.silhouettes[0].amodal.sum() > 100
    assert seen.covered_by[1] == {2: int(seen.silhouettes[0].amodal.sum())}


def test_the_stage_hides_too(caster: Caster) -> None:
    wall = SurfacePlan("wall", "primitive/box", to_matrix4(moved(0, -0.3, -0.5, np.array([2.0, 0.01, 1.0]))), FLAT)
    ball = thing(1, "ball/toy", moved(0, 0, -0.04))
    seen = caster.cast(frame(camera(), [ball], [wall]))
    assert seen.silhouettes[0].visible_px == 0
    assert list(seen.covered_by[1]) == [0]
    catcher = replace(wall, shadow_catcher=True)
    assert caster.cast(frame(camera(), [ball], [catcher])).silhouettes[0].visible_fraction == 1


def test_an_object_that_surrounds_the_camera(caster: Caster) -> None:
    seen = caster.cast(frame(camera(), [thing(1, "box/toy", moved(0, -1, -1.5, 50.0))]))
    (s,) = seen.silhouettes
    assert s.visible_px == 160 * 120
    assert s.truncated_fraction > 0.8  # one frame beyond each border is counted: 8 of 9


def test_behind_the_camera(caster: Caster) -> None:
    (s,) = caster.cast(frame(camera(), [thing(1, "ball/toy", moved(0, -3, 0))])).silhouettes
    assert (s.visible_px, s.visible_fraction, s.truncated_fraction, s.amodal_box_xywh) == (0, 0.0, 0.0, None)


def test_two_that_touch_share_no_pixel(caster: Caster) -> None:
    objects = [thing(1, "box/toy", moved(-0.05, 0, 0)), thing(2, "box/toy", moved(0.05, 0, 0))]
    seen = caster.cast(frame(camera(), objects))
    a, b = (pixel_box(seen.instance_ids == i) for i in (1, 2))
    assert a is not None
    assert b is not None
    assert a[0] + a[2] == b[0]


def test_projection_of_known_points() -> None:
    cam = camera()
    p = project(cam, np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [0.0, 0.0, 0.1], [0.0, 1.0, 0.0]]))
    assert np.allclose(p, [[80, 60, 1], [100, 60, 1], [80, 40, 1], [80, 60, 2]])


def test_pose_in_object_frame_keeps_depth(caster: Caster) -> None:
    """Scaled and turned objects win or lose by metres, not by their own units."""
    near = thing(1, "box/toy", transform(rotation_z(0.3), np.array([0, -0.1, -0.03]), 0.5))
    far = thing(2, "box/toy", moved(0, 0.3, -0.15, 5.0))
    seen = caster.cast(frame(camera(), [near, far]))
    assert seen.silhouettes[0].visible_fraction == 1
    assert 0 < seen.silhouettes[1].visible_fraction < 1


def window_frame(outer: float, inner: float) -> MeshArrays:
    """A flat square in the xz plane, 2 * outer wide, with a square hole in its middle, 2 * inner wide."""
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    points = np.array([(r * x, 0.0, r * z) for r in (outer, inner) for x, z in corners], np.float32)
    quads = [(i, (i + 1) % 4, (i + 1) % 4 + 4, i + 4) for i in range(4)]
    faces = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))], np.int32)
    return MeshArrays(points, faces, np.zeros(len(faces), np.uint16), points)


def test_a_hole_shows_what_lies_behind(caster: Caster) -> None:
    """At 1 m and 200 px: a frame of 60 px with a hole of 20 px, and a box behind it that is 80 x 48 px at 2.5 m."""
    frames = Caster(lambda a: window_frame(0.15, 0.05) if a == "frame/hole" else caster._meshes(a))
    box = thing(2, "box/toy", moved(0, 1.5 + 0.4, -0.3, 10.0))  # its front face at 2.5 m
    seen = frames.cast(frame(camera(), [thing(1, "frame/hole", np.eye(4)), box]))
    window, behind = seen.silhouettes
    assert window.visible_px == 60 * 60 - 20 * 20
    assert pixel_box(seen.instance_ids == 1) == (50, 30, 60, 60)
    through = seen.instance_ids[50:70, 70:90]
    assert (through == 2).all(), "the hole is see-through"
    beside = 2 * 10 * 48  # what of the box shows left and right of the frame
    assert behind.visible_px == 20 * 20 + beside
    assert behind.visible_fraction == (400 + beside) / (80 * 48)
    assert seen.covered_by[2] == {1: 80 * 48 - 400 - beside}
    assert seen.covered_by[1] == {}


def test_fractions_are_of_the_pixels_that_they_are_said_to_be_of() -> None:
    amodal, modal = np.ones((3, 4), bool), np.zeros((3, 4), bool)
    modal[:, 0] = True
    cut = Silhouette(1, (0, 0, 4, 3), amodal, modal, 4, (-1, 0, 5, 3))
    assert (cut.visible_px, cut.visible_fraction, cut.truncated_fraction) == (3, 3 / 12, 4 / 16)
    unseen = Silhouette(1, (0, 0, 0, 0), amodal[:0, :0], modal[:0, :0], 7, (-9, 0, 7, 1))
    assert (unseen.visible_fraction, unseen.truncated_fraction) == (0.0, 1.0)
    assert np.flatnonzero(cut.in_image(modal, (3, 5))).tolist() == [0, 5, 10]


@pytest.mark.parametrize("rays_at_once", [1, 100, 10**6])
def test_how_many_rays_are_cast_at_once_changes_nothing(
    caster: Caster, monkeypatch: pytest.MonkeyPatch, rays_at_once: int
) -> None:
    """Bands of the image are cast by themselves, also those beyond its borders."""
    ground = SurfacePlan("ground", "primitive/plane", to_matrix4(moved(0, 0, -0.02, np.array([2.0, 2.0, 1.0]))), FLAT)
    objects = [thing(1, "ball/toy", moved(0.3, 0.0, -0.03)), thing(2, "box/toy", moved(0.28, -0.1, 0.02))]
    plan = frame(camera(eye=(0.0, -0.6, 0.3)), objects, [ground])
    expected = caster.cast(plan)
    monkeypatch.setattr("scanstage.scenes.sight.visibility.BAND_RAYS", rays_at_once)
    seen = caster.cast(plan)
    assert expected.silhouettes[0].outside_px > 0
    assert np.array_equal(seen.instance_ids, expected.instance_ids)
    assert (seen.nearest_m, seen.covered_by) == (expected.nearest_m, expected.covered_by)
    for a, b in zip(seen.silhouettes, expected.silhouettes, strict=True):
        assert np.array_equal(a.amodal, b.amodal)
        assert np.array_equal(a.modal, b.modal)
        assert (a.outside_px, a.amodal_box_xywh) == (b.outside_px, b.amodal_box_xywh)
