"""Plans before a photo: where its camera stands, what lights it, and what shadows its floor shows."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from support.painted_photos import discs, floor_photo, write_photo
from support.projection import project

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.backplates.photo_camera import seen_horizon
from scanstage.scenes.config.load import load_config
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_planner
from scanstage.scenes.sight.ground_shadows import ground_shadows
from scanstage.scenes.sight.shading import Shader

SIZE = (320, 240)
BASE = """
assets: {library: %s}
objects: {count: 2, placement: {kind: upright}}
stage: {kind: ground}
camera: {resolution: [320, 240], fill: 0.4, elevation_deg: {uniform: [20, 50]}}
background: {kind: backplate, images: photos%s}
"""


def planner(folder: Path, library: Path, background: str = "", more: str = "") -> Planner:
    (folder / "photos").mkdir(exist_ok=True)
    if not any((folder / "photos").glob("*.jpg")):
        write_photo(folder / "photos" / "a.jpg", floor_photo(brighter_to=(0.6, 0.0)), 90)
    (folder / "c.yaml").write_text(BASE % (library, background) + more)
    return open_planner(load_config(folder / "c.yaml"), folder)


def middle_in_frame(plan) -> tuple[float, float]:
    at = np.mean([np.array(o.object_to_world)[:3, 3] for o in plan.objects], axis=0)
    x, y = project(plan.camera, at[None])[0][:2]
    return float(x) / SIZE[0], float(y) / SIZE[1]


def test_the_horizon_is_the_photos(tmp_path: Path, toy_library: Path) -> None:
    made = planner(tmp_path, toy_library, ", horizon: 0.15, floor: [0.3, 0.6, 0.7, 0.8]")
    tilts = set()
    for i in range(4):
        plan = made.plan(i).plan
        assert seen_horizon(plan.camera) == pytest.approx(0.15, abs=1e-6)
        pose = np.array(plan.camera.camera_to_world)
        assert pose[2, 3] > 0, "above the floor"
        far = pose[:3, 3] + 1e7 * np.array([pose[0, 2], pose[1, 2], 0.0])
        assert project(plan.camera, far[None])[0][1] / SIZE[1] == pytest.approx(0.15, abs=1e-3)
        x, y = middle_in_frame(plan)
        assert 0.2 < x < 0.8
        assert 0.5 < y < 0.95
        tilts.add(plan.factors["camera"]["elevation_deg"])
    assert len(tilts) == 1


def test_a_file_beside_the_photo_goes_before_the_config(tmp_path: Path, toy_library: Path) -> None:
    made = planner(tmp_path, toy_library, ", horizon: 0.15, height_m: 9")
    (tmp_path / "photos" / "a.yaml").write_text("horizon: -0.4\nfov_deg: 60\nheight_m: 0.8\n")
    camera = made.plan(0).plan.camera
    assert seen_horizon(camera) == pytest.approx(-0.4, abs=1e-6)
    assert camera.fx == pytest.approx(160 / math.tan(math.radians(30)))
    assert np.array(camera.camera_to_world)[2, 3] == pytest.approx(0.8, abs=1e-6)


def test_exif_gives_the_focal_length_unless_the_config_does(tmp_path: Path, toy_library: Path) -> None:
    (tmp_path / "photos").mkdir()
    write_photo(tmp_path / "photos" / "a.jpg", discs(size_wh=SIZE), focal_35mm=27)
    assert planner(tmp_path, toy_library).plan(0).plan.camera.fx == pytest.approx(320 * 27 / 36)
    given = planner(tmp_path, toy_library, more="\n").config
    fixed = given.model_copy(update={"camera": given.camera.model_copy(update={"fov_deg": 90.0})})
    made = Planner(fixed, planner(tmp_path, toy_library).catalogue, tmp_path)
    assert made.plan(0).plan.camera.fx == pytest.approx(160)


def test_the_light_is_the_photos_and_turns_with_the_camera(tmp_path: Path, toy_library: Path) -> None:
    """The photo is brighter to the right: whatever way the camera looks, the sun stands to its right."""
    made = planner(tmp_path, toy_library)
    for i in range(4):
        plan = made.plan(i).plan
        (key,) = plan.lamps
        right = np.array(plan.camera.camera_to_world)[:3, 0]
        towards = np.array(key.lamp_to_world)[:3, 2]
        assert towards @ right > 0.4
        assert plan.world.hdri == plan.background.image
        assert plan.post.exposure_ev == 0
        assert type(plan).from_json(plan.to_json()) == plan


@pytest.mark.parametrize("light", ["ambient: {strength: 1}", "hdri: {image: 'builtin:city'}"])
def test_a_configured_light_stays(tmp_path: Path, toy_library: Path, light: str) -> None:
    plan = planner(tmp_path, toy_library, more=f"light: {{{light}}}\n").plan(0).plan
    assert plan.world.horizon is None
    assert plan.lamps == ()
    assert plan.post.exposure_ev is None


def test_configured_lamps_come_to_the_photos_light(tmp_path: Path, toy_library: Path) -> None:
    plan = planner(tmp_path, toy_library, more="light: {lamps: [{kind: area, power: 5}]}\n").plan(0).plan
    assert [lamp.kind for lamp in plan.lamps] == ["area", "sun"]


def test_the_photos_character_is_taken_over_unless_switched_off(tmp_path: Path, toy_library: Path) -> None:
    (tmp_path / "photos").mkdir()
    write_photo(tmp_path / "photos" / "a.jpg", discs(1.3, 0.02, SIZE), 80)
    found = planner(tmp_path, toy_library).plan(0).plan.background
    assert found.blur_px > 0.8
    assert found.noise > 0.01
    assert found.jpeg_quality == pytest.approx(80, abs=1)
    off = planner(tmp_path, toy_library, ", match: false").plan(0).plan.background
    assert (off.blur_px, off.noise, off.jpeg_quality) == (0, 0, None)


def test_shadows_lie_on_the_far_side_of_the_light(tmp_path: Path, toy_library: Path) -> None:
    made = planner(tmp_path, toy_library, ", horizon: -0.3")
    found = made.plan(0)
    shadows = ground_shadows(found.plan, made.caster)
    ids = found.seen.instance_ids
    beside = (ids == 0) & (shadows > 0.15)
    assert beside.sum() > 50
    columns = np.broadcast_to(np.arange(SIZE[0]), ids.shape)
    assert columns[beside].mean() < columns[ids > 0].mean() - 2, "light from the right throws shadows to the left"
    assert shadows[:, [0, -1]].max() < 0.1
    assert 0.5 < shadows.max() <= 1, "dark below an object"


def test_no_floor_no_shadow(tmp_path: Path, toy_library: Path) -> None:
    made = planner(tmp_path, toy_library, ", shadows: false")
    assert ground_shadows(made.plan(0).plan, made.caster).max() == 0


def test_a_preview_shows_the_photo_and_its_shadows(tmp_path: Path, toy_library: Path) -> None:
    (tmp_path / "photos").mkdir()
    write_photo(tmp_path / "photos" / "a.jpg", floor_photo((0.5, 0.1, 0.1)), 95)
    made = planner(tmp_path, toy_library)
    found = made.plan(0)
    image = Shader(made.catalogue, made.caster).shade(found)
    bare = image[found.seen.instance_ids == 0].astype(float)
    assert np.median(bare[:, 0]) > 1.8 * np.median(bare[:, 1]), "a red floor"
    assert bare[:, 0].min() < 0.8 * np.median(bare[:, 0]), "with shadows"


def test_a_wrong_sidecar_is_told_before_anything_is_made(tmp_path: Path, toy_library: Path) -> None:
    planner(tmp_path, toy_library)
    (tmp_path / "photos" / "a.yaml").write_text("horizn: 0.1")
    with pytest.raises(InputError, match="horizn"):
        planner(tmp_path, toy_library)


@pytest.mark.parametrize("value", ["horizon: 2", "floor: [0.5, 0.1, 0.4, 1]", "height_m: 0"])
def test_impossible_keys_are_refused(tmp_path: Path, toy_library: Path, value: str) -> None:
    with pytest.raises(InputError):
        planner(tmp_path, toy_library, f", {value}")
