"""Behind glass one sees what is there, tinted as its material says; the glass is the label; others don't notice."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from support.unit_boxes import (
    ENGINES,
    SETTINGS,
    WHITE,
    Array,
    add_asset,
    at,
    box_arrays,
    look,
    make_plan,
    pose,
    render_once,
)

from scanstage.assets.asset import META_FILE, MeshArrays
from scanstage.render.engine.blender_session import BlenderSession
from scanstage.render.engine.passes import Passes
from scanstage.scenes.plan import CameraPlan, FramePlan, ObjectPlan, WorldPlan

pytestmark = pytest.mark.blender

QUALITY = dataclasses.replace(SETTINGS, samples=32, max_bounces=1)
CLEAR = {"base_color": (1.0, 1.0, 1.0, 1.0), "roughness": 0.0, "transmission": 1.0}
TINT = (0.3, 0.6, 1.0)
CAMERA = CameraPlan((80, 60), 80.0, 80.0, 40.0, 30.0, look((0.0, -3.0, 0.5), (0.0, 0.0, 0.5)))
# Two walls that shine, left and right, in the dark: nothing but them is seen in the glass, neither does it mirror much.
WALLS = tuple(ObjectPlan(8 + i, f"scan/{side}", side, at(2.0 * i - 1.0, 2.0, -0.5, 2.0)) for i, side in enumerate("lr"))
DARK = WorldPlan(None, 0.0, 0.0)


@pytest.fixture(scope="module")
def glasses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root, box = tmp_path_factory.mktemp("glasses"), box_arrays()
    corners = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0.5, 0, 1], [-0.5, 0, 1]], np.float32)
    sheet = MeshArrays(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32), np.zeros(2, np.uint16), corners)
    tinted = CLEAR | {"base_color": (*TINT, 1.0)}
    volume = {"thickness_m": 1.0, "attenuation_color": TINT, "attenuation_m": 0.2}
    kinds = {
        "thin": (box, CLEAR),
        "solid": (box, CLEAR | {"thickness_m": 1.0}),
        "absorbing": (box, CLEAR | volume),
        "tinted": (box, tinted),
        "sheet": (sheet, tinted | {"single_wall": True}),
        "plastic": (box, CLEAR | {"transmission": 0.0}),
    }
    folders = {f"scan/{name}": add_asset(root / name, mesh, **m) for name, (mesh, m) in kinds.items()}
    for side, light in (("l", 0.8), ("r", 0.2)):
        glow = {"base_color": (0.0, 0.0, 0.0, 1.0), "emissive": (light,) * 3}
        folders[f"scan/{side}"] = add_asset(root / side, box, **glow)
    return {**folders, "primitive/box": folders["scan/plastic"]}


def before_the_walls(kind: str | None) -> FramePlan:
    """A plate of a unit's width, 20 cm thick, that covers the middle of the border between the walls."""
    plate = ObjectPlan(1, f"scan/{kind}", "plate", pose(Rotation.identity(), (1.0, 0.2, 1.0), (0.0, 0.0, 0.0)))
    return make_plan((*WALLS, *(() if kind is None else (plate,))), world=DARK, camera=CAMERA)


def left_and_right(passes: Passes) -> Array:
    """(2, 3) mean light in the middle of the picture, left and right of the border."""
    middle = passes.radiance[25:35].astype(np.float64)
    return np.stack([middle[:, 32:38].mean(axis=(0, 1)), middle[:, 42:48].mean(axis=(0, 1))])


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_behind_glass_shows_in_its_colour(
    engine: Path | None, glasses: dict[str, Path], tmp_path: Path
) -> None:
    clear = (1 - 0.04) ** 2  # two surfaces mirror 4 % each (Fresnel, index 1.5)
    expected = {
        "thin": clear * np.ones(3),
        "solid": clear * np.ones(3),
        "absorbing": clear * np.array(TINT),
        "tinted": clear * np.array(TINT),
        "sheet": 0.96 * np.array(TINT),
        "plastic": np.zeros(3),
    }
    with BlenderSession(QUALITY, engine, tmp_path, tmp_path / "log") as session:
        bare = left_and_right(render_once(before_the_walls(None), glasses, session))
        np.testing.assert_allclose(bare[:, 0], [0.8, 0.2], rtol=0.01)
        for kind, share in expected.items():
            passes = render_once(before_the_walls(kind), glasses, session)
            assert set(np.unique(passes.instance_ids[20:40, 30:50])) == {1}, "the glass is the label"
            if engine is None or session.info.blender >= "4":
                np.testing.assert_allclose(left_and_right(passes) / bare, [share] * 2, atol=0.04, err_msg=kind)


def test_light_reaches_the_ground_below_glass(glasses: dict[str, Path], tmp_path: Path) -> None:
    """It stands in the plane of the ground; light of the sky that is diffused there comes and goes through it."""
    ground = ObjectPlan(9, "primitive/box", "ground", at(0.0, 0.0, -6.0, 6.0), surface=WHITE)
    above = dataclasses.replace(CAMERA, camera_to_world=look((0.0, -1.0, 3.0), (0.0, 0.0, 0.0)))
    with BlenderSession(QUALITY, None, tmp_path, tmp_path / "log") as session:
        means = {}
        for kind in ("thin", "solid", "plastic"):
            box = ObjectPlan(1, f"scan/{kind}", "box", at(0.0, 0.0, 0.0, 0.5))
            plan = make_plan((box, ground), camera=above)
            means[kind] = float(render_once(plan, glasses, session).radiance[28:36, 36:44].mean())
    assert min(means.values()) > 0.7
    assert max(means["thin"], means["solid"]) < means["plastic"]  # each wall keeps a little


def test_pictures_without_glass_are_those_of_a_session_that_knows_none(
    glasses: dict[str, Path], tmp_path: Path
) -> None:
    """Its bounces and shaders are for pictures that show it; assets of before it know no such keys."""
    path = glasses["scan/plastic"] / META_FILE
    meta = json.loads(path.read_text())
    plain, found = before_the_walls("plastic"), []
    for names in ((), ("solid", "absorbing")):
        with BlenderSession(QUALITY, None, tmp_path, tmp_path / "log") as session:
            for name in names:
                render_once(before_the_walls(name), glasses, session)
            found.append(render_once(plain, glasses, session).radiance.tobytes())
        for key in ("transmission", "transmission_texture", "ior", "thickness_m", "single_wall"):
            meta["materials"][0].pop(key, None)
        path.write_text(json.dumps(meta))
    assert found[0] == found[1]
