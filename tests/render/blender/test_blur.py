"""What lens and shutter do to a render, and that labels' passes know nothing of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial.transform import Rotation
from support.unit_boxes import (
    BINARY,
    ENGINES,
    WHITE,
    at,
    boxes_in_a_heap,
    cast_boxes,
    look,
    make_plan,
    old_eevee,
    pose,
    render_once,
)

from scanstage.dataset.labels.agreement import compare
from scanstage.render.engine.blender_session import BlenderSession
from scanstage.render.engine.engine_protocol import EngineError
from scanstage.scenes.config.sections.render_settings import RenderSettings
from scanstage.scenes.plan import CameraPlan, FramePlan, LensPlan, MotionPlan, ObjectPlan, SurfacePlan, WorldPlan

pytestmark = pytest.mark.blender

SETTINGS = RenderSettings(
    samples=64, noise_threshold=0, denoise="off", max_bounces=1, passes=("depth", "normals", "soft_masks"), threads=2
)
DARK = WorldPlan(None, 0.0, 0.0)
FRONT_M = 2.5
"""Distance from the camera to the front of a unit box at the origin."""
FOCAL_PX = 160.0


@pytest.fixture(scope="module", params=ENGINES)
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlenderSession]:
    folder = tmp_path_factory.mktemp("session")
    with BlenderSession(SETTINGS, request.param, folder, folder / "blender.log") as opened:
        yield opened


def camera(**optics: object) -> CameraPlan:
    straight = CameraPlan((160, 120), FOCAL_PX, FOCAL_PX, 80.0, 60.0, look((0.0, -3.0, 0.5), (0.0, 0.0, 0.5)))
    return dataclasses.replace(straight, **optics)  # type: ignore[arg-type]


def heap(motion: MotionPlan | None, seen_by: CameraPlan) -> FramePlan:
    """Boxes in any pose, that hide each other, on a ground."""
    ground = SurfacePlan("ground", "primitive/plane", at(0, 0, -1, 9), WHITE)
    return make_plan(boxes_in_a_heap(motion), (ground,), camera=seen_by)


OBLIQUE = look((2.2, -2.6, 1.9), (0.0, 0.0, 0.3))
BLURRED = {
    "depth of field": heap(None, camera(camera_to_world=OBLIQUE, aperture_m=1.0, focus_m=1.5)),
    "moving objects": heap(MotionPlan((0.3, 0.4, 0.1), (0.5, 0.0, 1.0)), camera(camera_to_world=OBLIQUE)),
    "moving camera": heap(None, camera(camera_to_world=OBLIQUE, motion=MotionPlan((0.4, 0.2, 0.0), (0.0, 0.0, 0.3)))),
}


@pytest.mark.parametrize("kind", BLURRED)
def test_labels_are_those_of_a_pinhole(session: BlenderSession, folders: dict[str, Path], kind: str) -> None:
    """Ids, depth and normals under strong blur; nothing of the blur is left in the next picture."""
    blurred = BLURRED[kind]
    still = tuple(dataclasses.replace(o, motion=None) for o in blurred.objects)
    sharp = dataclasses.replace(
        blurred, camera=dataclasses.replace(blurred.camera, aperture_m=0.0, motion=None), objects=still
    )
    before, passes, after = (render_once(p, folders, session) for p in (sharp, blurred, sharp))
    ids, _ = cast_boxes(blurred)
    assert len(np.unique(ids)) == 8
    assert [round(a.iou, 3) for a in compare(ids, passes.instance_ids, list(range(1, 8)))] == [1.0] * 7
    np.testing.assert_array_equal(passes.depth_m, before.depth_m)
    assert passes.normals is not None
    lengths = np.linalg.norm(passes.normals[ids > 0], axis=-1)
    np.testing.assert_allclose(lengths, 1.0, atol=1e-3)  # one ray a pixel: no mean over an edge
    difference = np.abs(passes.radiance - before.radiance)
    assert np.quantile(difference[ids > 0], 0.9) > 0.05
    assert 0.8 < passes.radiance[ids > 0].mean() / before.radiance[ids > 0].mean() < 1.25  # blurred, not lost
    np.testing.assert_array_equal(after.radiance, before.radiance)


def glowing_box(motion: MotionPlan | None = None) -> tuple[ObjectPlan, ...]:
    return (ObjectPlan(3, "scan/glow", "box", at(0, 0, 0), motion=motion),)


def soft_row(plan: FramePlan, session: BlenderSession, folders: dict[str, Path]) -> npt.NDArray[np.float64]:
    """(W,) radiance of the glowing box in the middle row, in parts of what it glows with; checked against its mask."""
    passes = render_once(plan, folders, session)
    assert passes.soft_masks is not None
    (mask,) = passes.soft_masks
    assert mask.instance_id == 3
    x, y, w, h = mask.window_xywh
    whole = np.zeros(passes.instance_ids.shape)
    whole[y : y + h, x : x + w] = mask.coverage
    glow = passes.radiance[..., 0].astype(np.float64) / 0.5
    # Cryptomatte weighs a pixel's samples by the same filter as the picture, apart from rounding.
    assert np.abs(glow - whole).max() < 0.15
    assert np.abs(glow - whole).mean() < 0.01
    return glow[50:70].mean(axis=0)


@pytest.mark.parametrize("of", ["object", "camera"])
def test_motion_is_steady_about_the_planned_pose(session: BlenderSession, folders: dict[str, Path], of: str) -> None:
    """The streak of a moving edge is a linear ramp, as long as the motion and centred on the edge."""
    motion = MotionPlan((0.5, 0.0, 0.0))
    moving_box = of == "object"
    plan = make_plan(
        glowing_box(motion if moving_box else None), world=DARK, camera=camera(motion=None if moving_box else motion)
    )
    row = soft_row(plan, session, folders)
    half_px, streak_px = 0.5 * FOCAL_PX / FRONT_M, 0.5 * FOCAL_PX / FRONT_M
    from_center = np.abs(np.arange(160) + 0.5 - 80)
    ramp = np.clip((half_px + streak_px / 2 - from_center) / streak_px, 0, 1)
    assert np.abs(row - ramp).max() < 0.08
    assert np.abs(row - ramp).mean() < 0.01


def test_a_turn_takes_the_time_of_the_exposure(session: BlenderSession, folders: dict[str, Path]) -> None:
    """A box that turns by a right angle about the viewing axis covers a disc: steadily, so it is round."""
    turn = MotionPlan(rotation=(0.0, math.pi / 2, 0.0))
    passes = render_once(make_plan(glowing_box(turn), world=DARK), folders, session)
    assert passes.soft_masks is not None
    x, y, w, h = passes.soft_masks[0].window_xywh
    (mask,) = passes.soft_masks
    covered = np.zeros((120, 160))
    covered[y : y + h, x : x + w] = mask.coverage
    # It turns about its base's centre, at row 60 + 32.
    v, u = np.indices((120, 160)) + 0.5
    upright = np.degrees(np.arctan2(u - 80, 92 - v))
    radius = np.hypot(u - 80, v - 92)
    ring = (radius > 40) & (radius < 60)  # between the half width, 32, and the far corner, 71.6
    sides = [covered[ring & (np.abs(upright - side) < 10)].mean() for side in (-40, 40)]
    assert abs(sides[0] - sides[1]) < 0.03
    assert 0.3 < sides[0] < covered[ring & (np.abs(upright) < 5)].mean()


@pytest.mark.parametrize(("aperture", "focus"), [(0.2, 5.0), (1.0, 2.2)])
def test_the_circle_of_confusion_is_that_of_a_thin_lens(
    session: BlenderSession, folders: dict[str, Path], aperture: float, focus: float
) -> None:
    """Diameter aperture * f * |1 / depth - 1 / focus|, in pixels; the spread of an edge is a quarter of that.

    The second pupil is wider than Blender's f-number of 0.1 on a sensor of 36 mm.
    """
    plan = make_plan(glowing_box(), world=DARK, camera=camera(aperture_m=aperture, focus_m=focus))
    row = soft_row(plan, session, folders)
    diameter = aperture * FOCAL_PX * abs(1 / FRONT_M - 1 / focus)
    edge = np.diff(row[:80])
    at_px = np.arange(1, 80)
    mean = (edge * at_px).sum() / edge.sum()
    spread = math.sqrt((edge * (at_px - mean) ** 2).sum() / edge.sum())
    pixel_filter = 0.5  # standard deviation of the filter and the pixel's width, about
    assert abs(mean - 48) < 0.3
    assert abs(math.sqrt(spread**2 - pixel_filter**2) / (diameter / 4) - 1) < 0.12
    sharp = soft_row(dataclasses.replace(plan, camera=camera(aperture_m=aperture, focus_m=FRONT_M)), session, folders)
    assert np.count_nonzero((sharp > 0.02) & (sharp < 0.98)) <= 6


@pytest.mark.parametrize(("fx", "size"), [(30.0, (160, 160)), (70.0, (160, 120)), (50.0, (90, 160))])
def test_a_fisheye_is_equidistant_up_to_its_corners(
    session: BlenderSession, folders: dict[str, Path], fx: float, size: tuple[int, int]
) -> None:
    """At 30 px a radian the corners look backwards, 216 degrees off the axis."""
    rng = np.random.default_rng(2)
    around = rng.normal(size=(40, 3))
    around /= np.linalg.norm(around, axis=1, keepdims=True)
    boxes = tuple(
        ObjectPlan(
            i + 1,
            "primitive/box",
            "box",
            pose(Rotation.from_quat(rng.normal(size=4)), (0.5, 0.5, 0.5), tuple(2.0 * direction)),
            surface=WHITE,
        )
        for i, direction in enumerate(around)
    )
    center = size[0] / 2, size[1] / 2
    outlook = look((0.0, 0.0, 0.0), (1.0, 1.0, 0.2))
    eye = CameraPlan(size, fx, fx, *center, outlook, lens=LensPlan("fisheye", (0, 0, 0, 0)))
    plan = make_plan(boxes, camera=eye)
    passes = render_once(plan, folders, session)
    ids, distance = cast_boxes(plan)
    v, u = np.indices(ids.shape) + 0.5
    corners = np.hypot(u - center[0], v - center[1]) > 0.9 * math.hypot(*center)
    assert ids[corners].any()
    shown = [i for i in range(1, 41) if (ids == i).sum() > 100]
    agreements = compare(ids, passes.instance_ids, shown)
    assert len(shown) > 5
    assert min(a.iou for a in agreements) >= 0.98
    assert np.median([a.iou for a in agreements]) >= 0.995
    same = (ids == passes.instance_ids) & (ids > 0)
    assert passes.depth_m is not None
    assert np.median(np.abs(passes.depth_m[same] / distance[same] - 1)) < 1e-4
    assert np.abs(passes.depth_m[same] / distance[same] - 1).max() < 0.02


@pytest.mark.skipif(not BINARY, reason="no blender on PATH")
def test_eevee_blurs_and_keeps_its_labels_sharp(folders: dict[str, Path], tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, engine="eevee", samples=8)
    motion = MotionPlan((0.5, 0.0, 0.0))
    plan = make_plan(glowing_box(motion), world=DARK, camera=camera(aperture_m=0.2, focus_m=5.0))
    sharp = make_plan(glowing_box(), world=DARK, camera=camera())
    with old_eevee(settings, tmp_path) as session:
        before, blurred, after = (render_once(p, folders, session) for p in (sharp, plan, sharp))
        fisheye = camera(lens=LensPlan("fisheye", (0, 0, 0, 0)))
        with pytest.raises(EngineError, match="cycles"):
            render_once(make_plan(glowing_box(), camera=fisheye), folders, session)
    np.testing.assert_array_equal(blurred.instance_ids, before.instance_ids)
    np.testing.assert_array_equal(after.radiance, before.radiance)
    edge = blurred.radiance[60, 30:66, 0] / 0.5
    assert np.count_nonzero((edge > 0.1) & (edge < 0.9)) > 8


def test_other_lenses_are_refused(session: BlenderSession, folders: dict[str, Path]) -> None:
    brown = camera(lens=LensPlan("brown_conrady", (0.1, 0, 0, 0, 0, 0, 0, 0)))
    with pytest.raises(EngineError, match="equidistant"):
        render_once(make_plan(glowing_box(), camera=brown), folders, session)
