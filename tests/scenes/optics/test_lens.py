from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.analytic import trace
from support.projection import project

from scanstage.assets.asset import Asset
from scanstage.assets.library.primitives import primitive_assets
from scanstage.scenes.optics.field_of_view import half_view, horizontal_view, middle_ray
from scanstage.scenes.optics.geometry import look_at, random_rotation, to_matrix4, transform
from scanstage.scenes.optics.ideal_camera import engine_camera, lens_map
from scanstage.scenes.optics.lens import is_equidistant, project_local, rays
from scanstage.scenes.plan import BackgroundPlan, CameraPlan, FramePlan, LensPlan, ObjectPlan, PostPlan, WorldPlan
from scanstage.scenes.sight.visibility import Caster

HERE = to_matrix4(np.eye(4))
BROWN = [
    (-0.3, 0.1, 0.001, -0.002, 0.01, 0.0, 0.0, 0.0),
    (0.2, -0.05, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    (1.2, 0.3, -0.001, 0.0005, 0.02, 1.5, 0.6, 0.05),
]
FISHEYE = [(0.0, 0.0, 0.0, 0.0), (0.05, -0.01, 0.002, 0.0), (-0.03, 0.005, -0.002, 0.0003)]


def camera(model: str, coefficients: tuple[float, ...], focal: float = 150.0, size=(160, 120)) -> CameraPlan:
    return CameraPlan(
        size, focal, focal * 1.02, size[0] / 2 + 1.3, size[1] / 2 - 2.1, HERE, lens=LensPlan(model, coefficients)
    )


def all_pixels(cam: CameraPlan) -> tuple[np.ndarray, np.ndarray]:
    columns, rows = np.meshgrid(np.arange(cam.resolution_wh[0]), np.arange(cam.resolution_wh[1]))
    return columns.ravel(), rows.ravel()


def opencv_projection(cam: CameraPlan, points: np.ndarray) -> np.ndarray:
    k = np.array([[cam.fx, 0, cam.cx], [0, cam.fy, cam.cy], [0, 0, 1.0]])
    coefficients = np.array(cam.lens.coefficients)
    if cam.lens.model == "fisheye":
        return cv2.fisheye.projectPoints(points[:, None], np.zeros(3), np.zeros(3), k, coefficients)[0][:, 0]
    return cv2.projectPoints(points, np.zeros(3), np.zeros(3), k, coefficients)[0][:, 0]


@pytest.mark.parametrize(
    "cam", [camera("brown_conrady", c) for c in BROWN] + [camera("fisheye", c, 70.0) for c in FISHEYE]
)
def test_agrees_with_opencv_both_ways(cam: CameraPlan) -> None:
    columns, rows = all_pixels(cam)
    found = rays(cam, columns, rows)
    assert np.isfinite(found).all()
    assert (found[:, 2] > 0.01).all()
    centers = np.stack([columns + 0.5, rows + 0.5], axis=1)
    assert np.abs(opencv_projection(cam, found) - centers).max() < 1e-8
    assert np.abs(project_local(cam, 2.5 * found)[:, :2] - centers).max() < 1e-8
    # Outside the image and between pixels, computed one by one, as within it, looked up.
    some = rays(cam, columns[:50] + 0.0, rows[:50] + 0.0)
    assert np.abs(some - found[:50]).max() < 1e-12


def test_rays_measure_planar_depth_or_distance() -> None:
    for cam, axis in ((camera("brown_conrady", BROWN[0]), 2), (camera("fisheye", FISHEYE[1], 70.0), None)):
        found = rays(cam, np.array([10]), np.array([20]))
        assert found[0, 2] == 1.0 if axis == 2 else np.linalg.norm(found) == pytest.approx(1.0)
        assert project_local(cam, 3.0 * found)[0, 2] == pytest.approx(3.0)


def test_fisheye_sees_behind_itself() -> None:
    cam = CameraPlan((400, 400), 60.0, 60.0, 200.0, 200.0, HERE, lens=LensPlan("fisheye", (0.0,) * 4))
    behind = project_local(cam, np.array([[1.0, 0.0, -1.0]]))  # 135 degrees off the axis
    assert behind[0, 0] == pytest.approx(200 + 60 * math.radians(135))
    assert behind[0, 2] == pytest.approx(math.sqrt(2))
    beyond = rays(cam, np.array([399]), np.array([0]))  # farther off than half a turn
    assert np.isnan(beyond).all()


def test_beyond_the_fold_there_is_no_light() -> None:
    """x (1 - r²) grows up to r = sqrt(1/3) and folds back: rays end there, and farther points aren't seen."""
    cam = camera("brown_conrady", (-1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0), focal=150.0)
    fold = math.sqrt(1 / 3)
    found = rays(cam, *all_pixels(cam))
    radius = np.hypot(found[:, 0], found[:, 1])
    assert np.isnan(radius).any()
    assert np.nanmax(radius) <= fold + 1e-3
    assert np.nanmax(radius) > fold - 0.05
    assert np.isnan(project_local(cam, np.array([[0.7, 0.0, 1.0]]))[0, 0])
    assert np.isfinite(project_local(cam, np.array([[0.5, 0.0, 1.0]]))[0, 0])


def test_behind_a_pinhole_there_is_no_pixel() -> None:
    cam = replace(camera("brown_conrady", BROWN[0]), lens=None)
    assert np.isnan(project(cam, np.array([[0.0, 0.0, -1.0]]))[0, :2]).all()


def test_views_reach_as_far_as_the_formula_says() -> None:
    pinhole = CameraPlan((200, 100), 100.0, 100.0, 100.0, 50.0, HERE)
    assert half_view(pinhole) == pytest.approx(math.atan(0.5))
    assert horizontal_view(pinhole) == pytest.approx(math.radians(90))
    fisheye = replace(pinhole, lens=LensPlan("fisheye", (0.0,) * 4))
    assert half_view(fisheye) == pytest.approx(0.5)
    assert horizontal_view(fisheye) == pytest.approx(2.0)


def test_half_a_view_is_measured_from_the_middle_of_the_image() -> None:
    """A crop of a larger sensor: its principal point is near a corner, or not in the image at all."""
    cam = CameraPlan((200, 100), 100.0, 100.0, 20.0, 90.0, HERE)
    middle = np.array([0.8, -0.4, 1.0]) / np.linalg.norm([0.8, -0.4, 1.0])
    assert middle_ray(cam) == pytest.approx(middle)
    top = np.array([0.8, -0.9, 1.0])
    bottom = np.array([0.8, 0.1, 1.0])
    nearest = min(math.acos(middle @ b / np.linalg.norm(b)) for b in (top, bottom))
    assert half_view(cam) == pytest.approx(nearest)
    beside = replace(cam, cx=-50.0)
    assert horizontal_view(beside) == pytest.approx(math.atan(2.5) - math.atan(0.5))
    assert horizontal_view(replace(cam, cx=250.0)) == pytest.approx(math.atan(2.5) - math.atan(0.5))


def test_what_a_lens_with_tangential_terms_sees_has_no_gaps() -> None:
    """Near the fold a solver may fail on single rings of pixels, which the picture would show as black lines."""
    rng = np.random.default_rng(0)
    for k in range(24):
        rational = rng.normal(0, 0.2) * (k % 4 == 0)
        radial = (rng.uniform(-0.9, 0.3), rng.uniform(-0.2, 0.3) * (k % 2))
        coefficients = (*radial, *rng.normal(0, 0.004, 2), rng.normal(0, 0.1) * (k % 3 == 0), rational, 0.0, 0.0)
        lens = LensPlan("brown_conrady", tuple(map(float, coefficients)))
        cam = CameraPlan((160, 120), float(rng.uniform(75, 250)), 160.0, 70.0, 60.0, HERE, lens=lens)
        columns, rows = all_pixels(cam)
        found = rays(cam, columns, rows)
        lit = np.isfinite(found[:, 0]).reshape(120, 160)
        back = project_local(cam, found[lit.ravel()])[:, :2]
        assert np.abs(back - np.stack([columns, rows], 1)[lit.ravel()] - 0.5).max() < 1e-5
        for line in (*lit, *lit.T):
            seen = np.nonzero(line)[0]
            assert len(seen) == 0 or len(seen) == seen[-1] - seen[0] + 1, "one stretch a line"


@pytest.mark.parametrize(
    "cam",
    [camera("brown_conrady", c) for c in BROWN]
    + [camera("brown_conrady", (-0.25, 0.04, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0), 55.0)]
    + [camera("fisheye", c, 60.0) for c in FISHEYE],
)
def test_the_engine_sees_at_least_as_much(cam: CameraPlan) -> None:
    source = engine_camera(cam)
    assert source.lens is None or is_equidistant(source)
    width, height = source.resolution_wh
    assert width * height <= 3.0 * 160 * 120 + 8 * (width + height)
    grid = lens_map(cam, source)
    lit = np.isfinite(rays(cam, *all_pixels(cam))[:, 0]).reshape(120, 160)
    assert np.array_equal(np.isfinite(grid[..., 0]), lit)
    assert np.nanmin(grid) >= 2
    assert np.nanmax(grid[..., 0]) <= width - 2
    assert np.nanmax(grid[..., 1]) <= height - 2


def test_an_engine_renders_what_it_can_as_it_is() -> None:
    pinhole = replace(camera("brown_conrady", BROWN[0]), lens=None)
    assert engine_camera(pinhole) is pinhole
    equidistant = CameraPlan((100, 100), 40.0, 40.0, 50.0, 50.0, HERE, lens=LensPlan("fisheye", (0.0,) * 4))
    assert engine_camera(equidistant) is equidistant
    assert engine_camera(replace(equidistant, cx=51.0)) is not equidistant


@pytest.fixture(scope="module")
def caster(toy_library: Path) -> Caster:
    primitives = primitive_assets()
    return Caster(lambda asset_id: (primitives.get(asset_id) or Asset.open(toy_library / asset_id)).mesh())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_cast_follows_distorted_rays(caster: Caster, seed: int) -> None:
    """Boxes through a random lens: the pixels that exact geometry and OpenCV's inverse say, cut off by no window."""
    rng = np.random.default_rng(seed)
    if rng.random() < 0.5:
        lens = LensPlan(
            "brown_conrady", (rng.uniform(-0.3, 0.3), rng.uniform(0, 0.1), *rng.normal(0, 0.002, 2), 0, 0, 0, 0)
        )
        focal = rng.uniform(120, 250)
    else:
        lens = LensPlan("fisheye", (*rng.uniform(-0.03, 0.03, 2), 0.0, 0.0))
        focal = rng.uniform(75, 120)
    pose = to_matrix4(look_at(np.array([rng.uniform(-0.3, 0.3), -0.5, rng.uniform(0.1, 0.4)]), np.zeros(3)))
    cam = replace(camera(lens.model, lens.coefficients, focal), camera_to_world=pose)
    objects = tuple(
        ObjectPlan(
            i + 1,
            "box/toy",
            "box",
            to_matrix4(transform(random_rotation(rng), rng.uniform(-0.3, 0.3, 3), rng.uniform(0.5, 3))),
        )
        for i in range(4)
    )
    plan = FramePlan(0, 0, cam, (), WorldPlan(None, 0, 1), BackgroundPlan("hdri"), (), objects, PostPlan())
    seen = caster.cast(plan)
    exact, depth = trace(plan)
    assert (seen.instance_ids != exact).sum() <= 6
    same = (seen.instance_ids == exact) & (exact > 0)
    assert np.allclose(caster.depth(plan)[same], depth[same], rtol=1e-4)


def test_the_engines_camera_stands_where_the_picture_was_taken() -> None:
    """Its optics are computed once for a lens; all else is the camera's own, picture by picture."""
    lens = camera("brown_conrady", BROWN[0])
    first, second = (
        engine_camera(
            replace(lens, camera_to_world=to_matrix4(look_at(eye, np.zeros(3))), near_m=near, aperture_m=0.01)
        )
        for eye, near in ((np.array([0.0, -1.0, 0.5]), 0.01), (np.array([2.0, 1.0, 0.1]), 0.02))
    )
    assert first.camera_to_world != second.camera_to_world
    assert (first.near_m, second.near_m, second.aperture_m) == (0.01, 0.02, 0.01)
    assert replace(first, camera_to_world=second.camera_to_world, near_m=0.02) == second
    assert engine_camera(replace(lens, lens=LensPlan("brown_conrady", BROWN[1]))).fx != first.fx
