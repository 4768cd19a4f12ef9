from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from scanstage.assets.asset import Asset
from scanstage.assets.messages.errors import InputError
from scanstage.scenes.config.load import load_config
from scanstage.scenes.config.sections.placement_settings import Drop, Scatter, Upright
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.inputs.catalogue import open_catalogue
from scanstage.scenes.optics.geometry import apply, random_rotation
from scanstage.scenes.plan import FramePlan
from scanstage.scenes.planning.planner import Planner, draw_variables
from scanstage.scenes.planning.preflight import open_inputs
from scanstage.scenes.planning.refusals import PlanningError
from scanstage.scenes.randomize.physics import Body, RestingPose, World
from scanstage.scenes.randomize.placed_items import Item
from scanstage.scenes.randomize.placement import PlacementError, place
from scanstage.scenes.randomize.stages.draw_stage import draw_stage
from scanstage.scenes.randomize.stages.stage_build import Block
from scanstage.scenes.values.draws import Draws
from scanstage.scenes.values.seeding import Streams

TABLE = "assets: {library: %s}\nobjects: {count: {integer: [3, 6]}}\n"


def planner(tmp_path: Path, toy_library: Path, extra: str = "", base: str = TABLE) -> Planner:
    path = tmp_path / "c.yaml"
    path.write_text((base % toy_library) + extra)
    config = load_config(path)
    return Planner(config, open_catalogue(config, tmp_path), tmp_path)


def draws(index: int = 0, seed: int = 0) -> Draws:
    return Draws(Streams(seed, index), {})


def toy_items(toy_library: Path, count: int) -> list[Item]:
    names = ("box", "ball", "rod")
    hulls = {n: Asset.open(toy_library / n / "toy").mesh().hull.astype(float) for n in names}
    return [Item(n, hulls[n]) for n in (names * count)[:count]]


def stage_of(text: str):
    config = RunConfig.model_validate({"stage": text})
    return draw_stage(config.stage[0], draws(), Path())


def overlaps(items: list[Item], poses: list[RestingPose], blocks: list[Block]) -> bool:
    """Independently of how poses were found: put all and ask for contacts."""
    world = World([Body(i.hull) for i in items], blocks)
    for i, pose in enumerate(poses):
        world.put(i, pose)
    return any(world.overlaps(i) for i in range(len(items)))


@pytest.mark.parametrize("seed", range(4))
def test_dropped_objects_rest_and_touch_no_other(toy_library: Path, seed: int) -> None:
    items, stage = toy_items(toy_library, 8), stage_of({"kind": "table"})
    poses = place(items, Drop(), stage, draws(seed=seed))
    assert not overlaps(items, poses, list(stage.blocks))
    lowest = [float((i.hull @ p.rotation.T + p.position)[:, 2].min()) for i, p in zip(items, poses, strict=True)]
    assert min(lowest) > -1e-3
    # At rest: let go once more, nothing moves.
    world = World([Body(i.hull) for i in items], list(stage.blocks))
    for i, pose in enumerate(poses):
        world.put(i, pose)
    again = world.settle()
    moved = [np.linalg.norm(a.position - b.position) for a, b in zip(poses, again.poses, strict=True)]
    assert max(moved) < 0.004


def test_nothing_dropped_floats(toy_library: Path) -> None:
    """Everything touches the table or another object: lowered by 2 mm, each object overlaps something."""
    items, stage = toy_items(toy_library, 6), stage_of({"kind": "table"})
    poses = place(items, Drop(), stage, draws(seed=3))
    world = World([Body(i.hull) for i in items], list(stage.blocks))
    for i, pose in enumerate(poses):
        world.put(i, pose)
    for i, pose in enumerate(poses):
        world.put(i, RestingPose(pose.rotation, pose.position - [0, 0, 0.002]))
        assert world.overlaps(i), items[i].name
        world.put(i, pose)


@pytest.mark.parametrize("seed", range(3))
def test_standing_objects_stand_on_a_board(toy_library: Path, seed: int) -> None:
    items, stage = toy_items(toy_library, 9), stage_of({"kind": "shelf"})
    poses = place(items, Upright(), stage, draws(seed=seed))
    assert not overlaps(items, poses, list(stage.blocks))
    heights = {round(float(s.center[2]), 6) for s in stage.supports}
    for item, pose in zip(items, poses, strict=True):
        bottom = item.hull @ pose.rotation.T + pose.position
        assert round(float(bottom[:, 2].min()), 6) in heights
        assert np.allclose(pose.rotation[2], [0, 0, 1])


def test_scattered_objects_do_not_touch(toy_library: Path) -> None:
    items, stage = toy_items(toy_library, 12), stage_of({"kind": "none"})
    poses = place(items, Scatter(), stage, draws())
    assert not overlaps(items, poses, [])


@pytest.mark.parametrize(
    ("placement", "stage"),
    [(Drop(), {"kind": "table"}), (Upright(), {"kind": "shelf"}), (Upright(), {"kind": "table"})],
)
def test_no_room_is_said_with_numbers(toy_library: Path, placement, stage) -> None:
    items = [Item(i.name, i.hull * 7) for i in toy_items(toy_library, 12)]
    with pytest.raises(PlacementError, match="12 objects"):
        place(items, placement, stage_of(stage), draws())


def test_scale_does_not_matter_to_physics() -> None:
    """A drop of objects a hundred times larger settles like the small one."""
    rng = np.random.default_rng(0)
    cube = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (0, 2)], float) * 0.05
    rotation = random_rotation(rng)
    heights = []
    for scale in (1.0, 100.0):
        floor = Block(np.array([0, 0, -0.1]) * scale, np.array([1, 1, 0.1]) * scale, np.eye(3))
        world = World([Body(cube * scale)], [floor])
        world.put(0, RestingPose(rotation, np.array([0, 0, 0.2]) * scale))
        rest = world.settle()
        assert rest.settled
        heights.append(float((cube * scale @ rest.poses[0].rotation.T + rest.poses[0].position)[:, 2].max()) / scale)
    assert np.allclose(heights, 0.1, atol=1e-3)


def test_a_picture_can_be_planned_alone(tmp_path: Path, toy_library: Path) -> None:
    one = planner(tmp_path, toy_library)
    many = [one.plan(i).plan for i in range(4)]
    assert planner(tmp_path, toy_library).plan(3).plan == many[3]
    assert many[0] != many[1]


def test_plans_round_trip_through_json(tmp_path: Path, toy_library: Path) -> None:
    plan = planner(tmp_path, toy_library, "distractors: {count: 3}").plan(2).plan
    assert FramePlan.from_json(plan.to_json()) == plan


def test_a_new_knob_moves_no_other(tmp_path: Path, toy_library: Path) -> None:
    before = planner(tmp_path, toy_library).plan(0).plan
    after = planner(tmp_path, toy_library, "light: {lamps: [{kind: sun, power: {uniform: [1, 2]}}]}").plan(0).plan
    assert after.lamps
    assert (after.objects, after.camera, after.surfaces, after.world) == (
        before.objects,
        before.camera,
        before.surfaces,
        before.world,
    )


def test_every_plan_shows_something(tmp_path: Path, toy_library: Path) -> None:
    it = planner(tmp_path, toy_library, "distractors: {count: {integer: [0, 8]}}")
    for i in range(6):
        planned = it.plan(i)
        assert any(
            s.visible_px >= 16
            for o, s in zip(planned.plan.objects, planned.seen.silhouettes, strict=True)
            if o.class_name is not None
        )


def test_conditional_classes(tmp_path: Path, toy_library: Path) -> None:
    text = """
variables: {time: {choice: [day, night]}}
assets:
  library: %s
  classes: {box: 1, ball: {switch: {by: time, cases: {night: 1}, default: 0}}}
objects: {count: 3}
light: {ambient: {strength: {switch: {by: time, cases: {day: 1, night: 0.1}}}}}
"""
    it = planner(tmp_path, toy_library, base=text)
    seen, appeared = set(), set()
    for i in range(12):
        plan = it.plan(i).plan
        time = plan.factors["variables"]["time"]
        classes = {o.class_name for o in plan.objects}
        assert time == "night" or classes == {"box"}
        appeared |= {(time, c) for c in classes}
        assert plan.world.strength == (0.1 if time == "night" else 1)
        seen.add(time)
    assert seen == {"day", "night"}
    assert ("night", "ball") in appeared


def test_weights_are_frequencies(tmp_path: Path, toy_library: Path) -> None:
    text = "assets: {library: %s, classes: {box: 9, ball: 1}}\nobjects: {count: 4, placement: {kind: upright}}"
    it = planner(tmp_path, toy_library, base=text)
    placed = [o.class_name for i in range(40) for o in it.plan(i).plan.objects]
    assert 0.82 < placed.count("box") / len(placed) < 0.97


def test_planning_again_does_not_skew_variables(tmp_path: Path, toy_library: Path) -> None:
    """Half of the pictures need a second attempt; their variables stay as first drawn."""
    extra = """
variables: {side: {choice: [front, behind]}}
camera: {azimuth_deg: {switch: {by: side, cases: {front: 0, behind: 180}}}, elevation_deg: 5}
stage: {kind: shelf, wall: null}
objects: {count: 4, placement: {kind: upright}}
"""
    it = planner(tmp_path, toy_library, base="assets: {library: %s}\n" + extra)
    drawn = [draw_variables(it.config, Streams(it.config.seed, i))["side"] for i in range(8)]
    assert set(drawn) == {"front", "behind"}
    for i, side in enumerate(drawn):
        if side == "front":
            assert it.plan(i).plan.factors["variables"]["side"] == "front"
        else:
            with pytest.raises(PlanningError):  # the back board hides everything, each time
                it.plan(i)


@pytest.mark.parametrize("placement", ["scatter", "drop"])
def test_objects_and_lamps_stay_in_the_room(tmp_path: Path, toy_library: Path, placement: str) -> None:
    extra = f"""
objects: {{count: 8, placement: {{kind: {placement}}}}}
stage: {{kind: room, size_m: 1.5, height_m: 1.5}}
light: {{lamps: [{{kind: point, power: 1, distance_m: 9, count: 3}}]}}
"""
    it = planner(tmp_path, toy_library, base="assets: {library: %s}\n" + extra)
    for i in range(3):
        plan = it.plan(i).plan
        places = [apply(np.array(o.object_to_world), it.catalogue.mesh(o.asset_id).vertices) for o in plan.objects]
        points = np.concatenate([*places, *[np.array(lamp.lamp_to_world)[None, :3, 3] for lamp in plan.lamps]])
        assert np.abs(points[:, :2]).max() < 0.75
        assert points[:, 2].min() > -1e-3
        assert points[:, 2].max() < 1.5


def test_sizes_that_physics_cannot_mix_are_said(tmp_path: Path, toy_library: Path) -> None:
    extra = "objects: {count: 6, scale: {choice: [0.0005, 1000]}, placement: {kind: scatter}}\nstage: {kind: none}"
    it = planner(tmp_path, toy_library, base="assets: {library: %s}\n" + extra)
    for i in range(3):
        with contextlib.suppress(PlanningError):  # a plan or an explanation, nothing else
            it.plan(i)


def test_shared_values_are_shared(tmp_path: Path, toy_library: Path) -> None:
    extra = """
variables: {warmth: {uniform: [2000, 9000]}}
light:
  lamps:
    - {kind: area, count: 2, power: 1, temperature_k: {var: warmth}}
    - {kind: sun, power: 1, temperature_k: {var: warmth}}
"""
    plan = planner(tmp_path, toy_library, extra).plan(0).plan
    assert len({lamp.temperature_k for lamp in plan.lamps}) == 1


def test_the_camera_stays_in_the_room(tmp_path: Path, toy_library: Path) -> None:
    it = planner(tmp_path, toy_library, "stage: {kind: room, size_m: 3}\ncamera: {distance_m: 50}")
    for i in range(4):
        plan = it.plan(i).plan
        x, y, z = np.array(plan.camera.camera_to_world)[:3, 3]
        assert abs(x) < 1.5
        assert abs(y) < 1.5
        assert 0 < z < 2.6


def test_framing_holds_all_objects(tmp_path: Path, toy_library: Path) -> None:
    it = planner(tmp_path, toy_library, "camera: {fill: 0.9, look_at_jitter: 0}")
    for i in range(4):
        planned = it.plan(i)
        assert max(s.truncated_fraction for s in planned.seen.silhouettes) == 0


@pytest.mark.parametrize(
    "principal", ["{fx: 500, fy: 700, cx: 60, cy: 420}", "{fx: 600, cx: -200, cy: 240}", "{fx: 600, cx: 321, cy: 900}"]
)
def test_framing_is_by_the_image_wherever_its_principal_point_is(
    tmp_path: Path, toy_library: Path, principal: str
) -> None:
    """A crop of a larger sensor shows the objects in its middle, as large as another camera does."""
    it = planner(tmp_path, toy_library, f"camera: {{fill: 0.9, look_at_jitter: 0, intrinsics: {principal}}}")
    for i in range(3):
        planned = it.plan(i)
        assert max(s.truncated_fraction for s in planned.seen.silhouettes) == 0
        boxes = np.array([s.amodal_box_xywh for s in planned.seen.silhouettes])
        low, high = boxes[:, :2].min(axis=0), (boxes[:, :2] + boxes[:, 2:]).max(axis=0)
        assert max(high - low) > 200
        assert np.abs((low + high) / 2 - (320, 240)).max() < 120


def test_an_impossible_view_is_explained(tmp_path: Path, toy_library: Path) -> None:
    with pytest.raises(PlanningError, match="20 attempts: 20 times: no object is visible enough"):
        planner(tmp_path, toy_library, "labels: {min_pixels: 1000000}").plan(0)


def test_unknown_class_names_the_nearest(tmp_path: Path, toy_library: Path) -> None:
    with pytest.raises(InputError, match="did you mean ball") as e:
        planner(tmp_path, toy_library, base="assets: {library: %s, classes: [bal, box, cat]}\n")
    assert len(e.value.problems) == 2


def test_preflight_finds_all_missing_files(tmp_path: Path, toy_library: Path) -> None:
    (tmp_path / "broken.exr").write_text("no image")
    (tmp_path / "broken.jpg").write_text("no image")
    extra = """
light: {hdri: {image: {choice: [missing.exr, broken.exr, "builtin:nowhere"]}}}
stage: [{kind: table, looks: {image: absent}}, {kind: ground, looks: {image: broken.jpg}}]
"""
    it = planner(tmp_path, toy_library, extra)
    with pytest.raises(InputError) as e:
        open_inputs(it.config, tmp_path)
    text = "\n".join(e.value.problems)
    for name in ("missing.exr", "broken.exr", "builtin:nowhere", "absent", "broken.jpg"):
        assert name in text


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_a_photo_that_became_a_pipe_is_told_before_the_picture_is_rendered(tmp_path: Path, toy_library: Path) -> None:
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), np.zeros((8, 8, 3), np.uint8))
    it = planner(tmp_path, toy_library, "stage: {kind: ground, looks: {image: photo.png}}")
    open_inputs(it.config, tmp_path)
    it.plan(0)
    photo.unlink()
    os.mkfifo(photo)
    with pytest.raises(InputError, match=r"photo\.png: .*pipe"):
        it.plan(0)


@pytest.mark.parametrize("stage", ["none", "shelf"])
def test_dropping_needs_a_floor(tmp_path: Path, toy_library: Path, stage: str) -> None:
    it = planner(tmp_path, toy_library, "stage: {kind: %s, placement: {kind: drop}}" % stage)  # noqa: UP031
    with pytest.raises(InputError, match=r"stage\.placement"):
        open_inputs(it.config, tmp_path)


def test_instances_lie_where_the_plan_says(tmp_path: Path, toy_library: Path) -> None:
    it = planner(tmp_path, toy_library)
    plan = it.plan(1).plan
    for item in plan.objects:
        vertices = apply(np.array(item.object_to_world), it.catalogue.mesh(item.asset_id).vertices)
        assert vertices[:, 2].min() > -1e-3


MATCHED = "depth_of_field: {f_number: none, match_background: 1}"


def test_a_lens_is_opened_before_a_panorama_and_shifts_nothing_else(tmp_path: Path, toy_library: Path) -> None:
    bare = planner(tmp_path, toy_library).plan(0).plan
    for look in ("clean", "phone", "industrial"):
        looked = planner(tmp_path, toy_library, f"camera: {{look: {look}, {MATCHED}}}").plan(0).plan
        assert looked.factors["look"] == look
        assert looked.camera.aperture_m > 0.003
        assert replace(looked.camera, aperture_m=0.0, focus_m=bare.camera.focus_m) == bare.camera
        assert (looked.objects, looked.lamps, looked.surfaces) == (bare.objects, bare.lamps, bare.surfaces)


@pytest.mark.parametrize("extra", ["background: {kind: color}", "stage: {kind: room}", "light: {ambient: {}}"])
def test_a_lens_is_not_opened_where_no_panorama_is_seen(tmp_path: Path, toy_library: Path, extra: str) -> None:
    assert planner(tmp_path, toy_library, f"camera: {{{MATCHED}}}\n{extra}").plan(0).plan.camera.aperture_m == 0


def test_a_sharp_panorama_opens_the_lens_less(tmp_path: Path, toy_library: Path) -> None:
    apertures = []
    for width in (256, 2048):
        sky = np.full((width // 2, width, 3), 0.5, np.float32)
        (tmp_path / "sky.hdr").write_bytes(cv2.imencode(".hdr", sky)[1].tobytes())
        extra = f"camera: {{{MATCHED}}}\nlight: {{hdri: {{image: sky.hdr}}}}"
        apertures.append(planner(tmp_path, toy_library, extra).plan(0).plan.camera.aperture_m)
    assert 0 < apertures[1] < apertures[0]
