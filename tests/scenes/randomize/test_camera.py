from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scanstage.scenes.config.load import load_config
from scanstage.scenes.config.sections.camera_settings import CameraConfig
from scanstage.scenes.inputs.catalogue import open_catalogue
from scanstage.scenes.optics.geometry import apply, to_matrix4, transform
from scanstage.scenes.optics.lens import project_local
from scanstage.scenes.plan import BackgroundPlan, CameraPlan, FramePlan, ObjectPlan, PostPlan, WorldPlan
from scanstage.scenes.planning.picture_flaws import stands_in_an_object
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.randomize.camera import Shot, draw_camera
from scanstage.scenes.randomize.framed_subject import Sphere, Subject
from scanstage.scenes.values.draws import Draws
from scanstage.scenes.values.seeding import Streams

HEAP = Subject(
    Sphere(np.array([0.1, -0.2, 0.05]), 0.3),
    (Sphere(np.array([0.3, -0.2, 0.02]), 0.04), Sphere(np.array([-0.1, -0.1, 0.1]), 0.08)),
)


def shot(config: dict[str, Any], index: int = 0, subject: Subject = HEAP) -> Shot:
    given = CameraConfig.model_validate({"resolution": (320, 240), "look_at_jitter": 0} | config)
    return draw_camera(given, subject, None, Draws(Streams(3, index), {}))


def pixel_of(camera: CameraPlan, point: Any) -> Any:
    """(x, y) in shares of half the frame from its middle."""
    local = apply(np.linalg.inv(np.array(camera.camera_to_world)), point[None])
    seen = project_local(camera, local)[0]
    half = np.array(camera.resolution_wh) / 2
    return (seen[:2] - half) / half


LENSES: dict[str, dict[str, Any]] = {
    "pinhole": {},
    "rolled": {"roll_deg": 25},
    "crop": {"intrinsics": {"fx": 300, "cx": 20, "cy": 200}},
    "barrel": {"distortion": {"k1": -0.2, "k2": 0.03}, "fov_deg": 80},
    "fisheye": {"distortion": {"model": "fisheye"}, "fov_deg": 160},
    "from above": {"elevation_deg": 85, "fov_deg": 70},
    "straight down": {"elevation_deg": 90},
}


@pytest.mark.parametrize("lens", LENSES)
def test_what_is_framed_lies_at_a_random_place_of_the_frame(lens: str) -> None:
    found = []
    for i in range(40):
        taken = shot({"off_center": 0.7} | LENSES[lens], i)
        found.append(pixel_of(taken.camera, taken.target))
        pose = np.array(taken.camera.camera_to_world)[:3, :3]
        assert np.allclose(pose @ pose.T, np.eye(3))
        assert np.linalg.det(pose) == pytest.approx(1)
    places = np.array(found)
    assert np.abs(places).max() < 0.701
    assert (places.min(axis=0) < -0.4).all()
    assert (places.max(axis=0) > 0.4).all()


def test_the_place_in_the_frame_changes_no_direction_and_no_distance() -> None:
    """Elevation, azimuth and distance are those of what is framed; and the horizon stays level."""
    for i in range(10):
        middle, beside = shot({}, i), shot({"off_center": 0.8}, i)
        a, b = (np.array(s.camera.camera_to_world) for s in (middle, beside))
        assert np.allclose(a[:3, 3], b[:3, 3])
        assert middle.drawn == beside.drawn
        assert abs(b[2, 0]) < 1e-12, "the camera's x axis is level"
        assert np.allclose(pixel_of(middle.camera, middle.target), 0, atol=1e-9)


def test_one_object_is_framed_by_its_own_size() -> None:
    seen = set()
    for i in range(30):
        taken = shot({"framing": "object", "object_fill": 0.25, "off_center": 0, "focal_mm": 50}, i)
        which = [np.allclose(taken.target, part.center) for part in HEAP.parts].index(True)
        seen.add(which)
        half_view = math.atan(0.75 * 18 / 50)
        eye = np.array(taken.camera.camera_to_world)[:3, 3]
        spanned = math.asin(HEAP.parts[which].radius / np.linalg.norm(eye - taken.target))
        assert spanned == pytest.approx(0.25 * half_view)
    assert seen == {0, 1}
    places = [pixel_of(s.camera, s.target) for s in (shot({"framing": "object"}, i) for i in range(30))]
    assert np.abs(places).max() > 0.6, "one object lies off the middle by default"


def test_the_midst_is_framed_as_if_a_middling_thing_lay_there() -> None:
    """How many lie around it changes nothing."""
    for i in range(10):
        taken = shot({"framing": "midst", "object_fill": 0.25, "focal_mm": 50, "look_at_jitter": 0}, i)
        assert np.allclose(taken.target, HEAP.whole.center)
        assert np.allclose(pixel_of(taken.camera, taken.target), 0, atol=1e-9), "in the middle by default"
        eye = np.array(taken.camera.camera_to_world)[:3, 3]
        radius = np.median([part.radius for part in HEAP.parts])
        spanned = math.asin(radius / np.linalg.norm(eye - taken.target))
        assert spanned == pytest.approx(0.25 * math.atan(0.75 * 18 / 50))


def test_framing_may_be_drawn() -> None:
    config = {"framing": {"choice": ["object", "objects", "midst"]}}
    kinds = {shot(config, i).drawn.get("framing") for i in range(30)}
    assert kinds == {None, "object", "midst"}


def test_a_larger_fill_is_always_nearer() -> None:
    for lens in ({}, {"fov_deg": 160, "distortion": {"model": "fisheye"}}):
        metres = [shot({"fill": fill} | lens).drawn["distance_m"] for fill in (0.01, 0.05, 0.5, 1, 2, 3, 4, 6, 10)]
        assert metres == sorted(metres, reverse=True)
        assert metres[-1] < metres[-3] < HEAP.whole.radius * 1.02
    assert len(set(metres)) >= 8


TOYS = "seed: 1\nassets: {library: %s}\nobjects: {count: {integer: [4, 7]}}\n"


def test_a_camera_on_one_object_cuts_others_and_stands_in_none(tmp_path: Path, toy_library: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(TOYS % toy_library + "camera: {resolution: [160, 120], framing: object, object_fill: 0.6}")
    config = load_config(path)
    planner = Planner(config, open_catalogue(config, tmp_path), tmp_path)
    shares, centres = [], []
    for i in range(8):
        planned = planner.plan(i)
        assert not stands_in_an_object(planned.plan, planner.catalogue.bounds)
        for s in planned.seen.silhouettes:
            shares.append(s.truncated_fraction)
            x, _y, w, _h = s.window_xywh
            centres.append((x + w / 2) / 160)
    assert sum(0 < s < 1 for s in shares) >= 5
    assert np.quantile(centres, 0.9) - np.quantile(centres, 0.1) > 0.5


def test_a_camera_in_an_object_is_found(tmp_path: Path, toy_library: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(TOYS % toy_library)
    config = load_config(path)
    planner = Planner(config, open_catalogue(config, tmp_path), tmp_path)
    box = ObjectPlan(1, "box/toy", "box", to_matrix4(transform(np.eye(3), np.array([1.0, 0, 0]), 2.0)))
    low, high = planner.catalogue.bounds("box/toy")
    middle = np.array([1.0, 0, 0]) + (low + high)
    for offset, inside in ((np.zeros(3), True), ((high - low) * 0.99, True), ((high - low) * 1.01, False)):
        camera = CameraPlan((16, 16), 10, 10, 8, 8, to_matrix4(transform(np.eye(3), middle + offset)))
        plan = FramePlan(
            0, 0, camera, (), WorldPlan(None, 0.0, 1.0), BackgroundPlan("hdri"), (), (box,), PostPlan(), {}
        )
        assert stands_in_an_object(plan, planner.catalogue.bounds) is inside
