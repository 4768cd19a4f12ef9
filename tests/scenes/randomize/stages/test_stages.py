from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from scanstage.assets.asset import Asset
from scanstage.assets.library.bevelled_boxes import bevelled_box
from scanstage.scenes.config.load import load_config
from scanstage.scenes.config.sections.run_config import Drop, RunConfig
from scanstage.scenes.inputs.catalogue import open_catalogue
from scanstage.scenes.plan import SurfacePlan
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.randomize.physics import Body, RestingPose, World
from scanstage.scenes.randomize.placed_items import Item, load_of
from scanstage.scenes.randomize.placement import place
from scanstage.scenes.randomize.stages.draw_stage import draw_stage
from scanstage.scenes.randomize.stages.stage_build import Load, StageBuild
from scanstage.scenes.values.draws import Draws
from scanstage.scenes.values.seeding import Streams

NEW = ("bin", "corner", "desk", "conveyor")
SIDES = ("shelf", *NEW)
LOAD = Load(area_m2=0.04, widest_m=0.2, typical_m=0.12)
STAGES = [
    {"kind": "table"},
    {"kind": "shelf"},
    *({"kind": "bin", "made_of": of, "flaps": 1} for of in ("cardboard", "plastic", "metal")),
    *({"kind": "corner", "walls": walls} for walls in ("back", "left", "right")),
    {"kind": "desk", "clutter": 8},
    {"kind": "conveyor", "rails": 0},
    {"kind": "conveyor", "rails": 0.08},
]
Box = tuple[np.ndarray, np.ndarray]


def drawn(config: dict, seed: int = 0, load: Load | None = LOAD) -> StageBuild:
    stage = RunConfig.model_validate({"stage": config}).stage[0]
    return draw_stage(stage, Draws(Streams(seed, 0), {}), Path(), load=load)


def toy_items(toy_library: Path, count: int) -> list[Item]:
    names = itertools.islice(itertools.cycle(("box", "ball", "rod")), count)
    return [Item(n, Asset.open(toy_library / n / "toy").mesh().hull.astype(float)) for n in names]


def box_of(surface: SurfacePlan) -> Box | None:
    """(low, high) of a part whose sides lie along the axes of the world, None of another."""
    matrix = np.array(surface.object_to_world)
    axes = matrix[:3, :3]
    if "box" not in surface.asset_id or ((np.abs(axes) > 1e-9).sum(axis=0) != 1).any():
        return None
    half = np.abs(axes).sum(axis=1) / 2
    middle = matrix[:3, 3] + axes[:, 2] / 2
    return middle - half, middle + half


@pytest.mark.parametrize("config", STAGES, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_no_two_parts_show_the_same_face(config: dict, seed: int) -> None:
    """Faces that lie in each other, of two materials, flicker, and no engine and no cast agree on them."""
    stage = drawn(config, seed)
    boxes = [(s, box) for s in stage.surfaces if (box := box_of(s)) is not None]
    for (a, (a_low, a_high)), (b, (b_low, b_high)) in itertools.combinations(boxes, 2):
        common = np.minimum(a_high, b_high) - np.maximum(a_low, b_low)
        for axis in range(3):
            together = np.delete(common, axis)
            if a.material == b.material or (together < 1e-4).any():
                continue
            for a_end, b_end in ((a_low, b_low), (a_high, b_high)):
                # What hangs from the ceiling and stands on the floor of nothing is seen by nobody: backs count too.
                assert abs(a_end[axis] - b_end[axis]) > 1e-4, f"{a.name} and {b.name} along {'xyz'[axis]}"


@pytest.mark.parametrize("config", STAGES, ids=str)
def test_what_objects_meet_is_what_is_seen(config: dict) -> None:
    """Each block that collides is as large as a part that is rendered and cast."""
    stage = drawn(config)
    seen = []
    for surface in stage.surfaces:
        matrix = np.array(surface.object_to_world)
        size = np.linalg.norm(matrix[:3, :3], axis=0)
        seen.append(np.concatenate([matrix[:3, 3] + matrix[:3, 2] / 2, np.sort(size / 2)]))
    for block in stage.blocks:
        if block.half[2] == 0.1 and "floor" in {s.name for s in stage.surfaces}:
            continue  # below a floor that is a plane
        mine = np.concatenate([block.center, np.sort(block.half)])
        assert min(np.abs(mine - other).max() for other in seen) < 1e-6


@pytest.mark.parametrize("kind", NEW)
@pytest.mark.parametrize("seed", range(3))
def test_objects_dropped_rest_on_it_and_in_nothing(toy_library: Path, kind: str, seed: int) -> None:
    items = toy_items(toy_library, 7)
    stage = drawn({"kind": kind}, seed, load_of(items))
    poses = place(items, Drop(), stage, Draws(Streams(seed, 0), {}))
    world = World([Body(i.hull) for i in items], list(stage.blocks))
    for i, pose in enumerate(poses):
        world.put(i, pose)
    assert not any(world.overlaps(i) for i in range(len(items)))
    support = stage.supports[0]
    for i, (item, pose) in enumerate(zip(items, poses, strict=True)):
        points = item.hull @ pose.rotation.T + pose.position
        assert points[:, 2].min() > support.center[2] - 2e-3
        world.put(i, RestingPose(pose.rotation, pose.position - [0, 0, 0.003]))
        assert world.overlaps(i), f"{item.name} floats"
        world.put(i, pose)
        if support.walled:
            assert (np.abs((points.mean(axis=0) - support.center)[:2]) < support.half).all()


@pytest.mark.parametrize("kind", SIDES)
def test_pictures_of_it_are_taken_from_where_it_is_open(tmp_path: Path, toy_library: Path, kind: str) -> None:
    """With nothing said of the camera, most attempts are good, and none is from within a part."""
    config = tmp_path / "c.yaml"
    placement = "upright" if kind == "shelf" else "drop"
    config.write_text(
        f"assets: {{library: {toy_library}}}\nobjects: {{count: 5, placement: {{kind: {placement}}}}}\n"
        f"stage: {{kind: {kind}}}\ncamera: {{resolution: [96, 72]}}\n"
    )
    loaded = load_config(config)
    planner = Planner(loaded, open_catalogue(loaded, tmp_path), tmp_path)
    refused = 0
    for index in range(6):
        planned = planner.plan(index)
        refused += sum(planned.refused.values())
        eye = np.array(planned.plan.camera.camera_to_world)[:3, 3]
        for surface in planned.plan.surfaces:
            if (box := box_of(surface)) is not None:
                assert not ((eye > box[0]) & (eye < box[1])).all(), surface.name
    assert refused <= 18


def test_a_config_decides_the_view_where_it_says(tmp_path: Path, toy_library: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        f"assets: {{library: {toy_library}}}\nstage: {{kind: bin}}\ncamera: {{elevation_deg: 71, azimuth_deg: 5}}"
    )
    loaded = load_config(config)
    camera = Planner(loaded, open_catalogue(loaded, tmp_path), tmp_path).plan(0).plan.factors["camera"]
    assert (camera["elevation_deg"], camera["azimuth_deg"]) == (71, 5)


@pytest.mark.parametrize("seed", range(4))
def test_a_bin_fits_what_comes_in_unless_its_size_is_given(seed: int) -> None:
    stage = drawn({"kind": "bin", "heaped": 1.0}, seed)
    inside = 2 * stage.supports[0].half
    assert (inside > LOAD.widest_m).all()
    assert inside.prod() == pytest.approx(max(LOAD.area_m2, inside.prod()), rel=0.35)
    larger = Load(area_m2=4 * LOAD.area_m2, widest_m=LOAD.widest_m, typical_m=LOAD.typical_m)
    assert drawn({"kind": "bin", "heaped": 1.0}, seed, larger).supports[0].half.prod() > stage.supports[0].half.prod()
    given = drawn({"kind": "bin", "width_m": 0.5, "depth_m": 0.3, "height_m": 0.21}, seed)
    np.testing.assert_allclose(given.supports[0].half, [0.25, 0.15])
    front = next(s for s in given.surfaces if s.name == "bin_front")
    low, high = box_of(front)  # type: ignore[misc]
    assert (low[2], high[2]) == pytest.approx((0, 0.21))
    assert high[1] == pytest.approx(-0.15)


def test_furniture_has_thick_tops_and_rounded_edges() -> None:
    for kind in ("table", "desk", "shelf"):
        for surface in drawn({"kind": kind}).surfaces:
            if surface.name.startswith(("table_", "board_", "side_")):
                assert bevelled_box(surface.asset_id) is not None, surface.name
                assert min(np.linalg.norm(np.array(surface.object_to_world)[:3, :3], axis=0)) >= 0.02


def test_what_is_switched_off_is_not_there() -> None:
    def names(config: dict) -> str:
        return " ".join(s.name for s in drawn(config).surfaces)

    assert "clutter" in names({"kind": "desk"})
    assert "wall" in names({"kind": "desk"})
    bare = names({"kind": "desk", "clutter": 0, "wall": None, "floor": None})
    assert not any(part in bare for part in ("clutter", "wall", "floor"))
    assert "carton" in names({"kind": "shelf"})
    assert "carton" not in names({"kind": "shelf", "neighbours": False})
    assert "skirting" in names({"kind": "corner"})
    assert "skirting" not in names({"kind": "corner", "skirting": False})
    assert "rail" not in names({"kind": "conveyor", "rails": 0})
    assert "flap" not in names({"kind": "bin", "made_of": "cardboard", "flaps": 0})
