"""An HDRI split into lamps and small images lights as the image itself, and is seen as it is."""

from __future__ import annotations

import dataclasses
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from scipy.spatial.transform import Rotation
from support.unit_boxes import ENGINES, SETTINGS, WHEEL, WHITE, at, look, make_plan, mean_of, pose, render_once

from scanstage.render.engine.blender_session import BlenderSession
from scanstage.render.engine.engine_protocol import EngineError
from scanstage.scenes.config.sections.render_settings import HdriLight
from scanstage.scenes.plan import (
    BackgroundPlan,
    CameraPlan,
    LampPlan,
    ObjectPlan,
    SurfaceMaterial,
    SurfacePlan,
    WorldPlan,
)

pytestmark = pytest.mark.blender

BOX = ObjectPlan(1, "primitive/box", None, at(0, 0, 0), surface=WHITE)
GROUND = SurfacePlan("ground", "primitive/plane", at(0, 0, 0, 20), WHITE)
FROM_ABOVE = CameraPlan((80, 60), 80.0, 80.0, 40.0, 30.0, look((0.0, -3.0, 2.5), (0.0, 0.0, 0.3)))
AT_THE_SUN = CameraPlan((80, 60), 80.0, 80.0, 40.0, 30.0, look((0.0, 0.0, 2.0), (0.21, 0.98, 3.0)))


def sky_with_sun(path: Path) -> Path:
    """A blue sky over brown ground, a sun that gives more than half of the light, and a lesser one in green."""
    height, width = 256, 512
    sky = np.empty((height, width, 3), np.float32)
    sky[: height // 2], sky[height // 2 :] = (0.3, 0.4, 0.6), (0.2, 0.15, 0.1)
    sky[60:66, 190:198] = (900.0, 800.0, 600.0)
    sky[80:84, 20:24] = (40.0, 300.0, 40.0)
    return write_exr(path, sky)


def write_exr(path: Path, sky: np.ndarray) -> Path:
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {"RGB": sky}) as file:
        file.write(str(path))
    return path


@pytest.mark.parametrize("engine", ENGINES)
def test_a_split_hdri_lights_as_it_is(engine: Path | None, folders: dict[str, Path], tmp_path: Path) -> None:
    world = WorldPlan(str(sky_with_sun(tmp_path / "sky.exr")), 0.6, 0.7)
    plans = {
        "lit": make_plan((BOX,), (GROUND,), world=world, camera=FROM_ABOVE),
        "turned": make_plan((BOX,), (GROUND,), world=dataclasses.replace(world, rotation=4.0), camera=FROM_ABOVE),
        "behind": make_plan((BOX,), (GROUND,), (), world, BackgroundPlan("color"), FROM_ABOVE),
        "sky": make_plan((BOX,), (GROUND,), world=world, camera=AT_THE_SUN),
    }
    seen = {}
    ways: tuple[HdriLight, ...] = ("exact", "split")
    for way in ways:
        settings = dataclasses.replace(SETTINGS, samples=200, hdri_light=way, world_map_px=512, denoise="off")
        with BlenderSession(settings, engine, tmp_path, tmp_path / "log") as session:
            seen[way] = {name: render_once(plan, folders, session) for name, plan in plans.items()}
    for name in ("lit", "turned", "behind"):
        exact, split = seen["exact"][name], seen["split"][name]
        np.testing.assert_array_equal(exact.instance_ids, split.instance_ids)
        for part in (0, 1):
            np.testing.assert_allclose(mean_of(split, part), mean_of(exact, part), rtol=0.03)
        dark, bright = (_blocks(p.radiance) for p in (exact, split))
        assert np.abs(dark - bright).mean() < 0.06 * dark.mean(), f"{name}: shadows lie elsewhere"
    different = _blocks(seen["exact"]["lit"].radiance) - _blocks(seen["exact"]["turned"].radiance)
    assert np.abs(different).mean() > 0.2 * seen["exact"]["lit"].radiance.mean()  # what was compared can differ
    exact, split = (seen[way]["sky"].radiance for way in ways)
    assert split.max() > 100, "the sun itself is in the picture"
    np.testing.assert_allclose(split, exact, rtol=0.3, atol=1.0)


def _blocks(radiance: np.ndarray) -> np.ndarray:
    """Means of 5 x 5 pixels."""
    height, width, _ = radiance.shape
    return radiance.reshape(height // 5, 5, width // 5, 5, 3).mean(axis=(1, 3))


def test_pixels_dont_depend_on_hdris_and_lamps_shown_before(folders: dict[str, Path], tmp_path: Path) -> None:
    skies = [WorldPlan(f"builtin:{name}", math.pi / 3, 1.0) for name in ("city", "studio", "forest")]
    lamp = LampPlan(
        "area", pose(Rotation.from_euler("y", 0.4), (1, 1, 1), (1.0, 0.0, 2.0)), 60.0, (1, 1, 1), 0.3, 5000.0
    )
    lamps = ((), (lamp,), (lamp, lamp))
    plans = [
        make_plan((BOX,), (GROUND,), shown, sky, camera=FROM_ABOVE, index=i)
        for i, (sky, shown) in enumerate(zip(skies, lamps, strict=True))
    ]
    settings = dataclasses.replace(SETTINGS, samples=2, denoise="off")
    orders = ((0, 1, 2), (2, 1, 0), (1,))
    found: dict[int, bytes] = {}
    for order in orders:
        with BlenderSession(settings, None, tmp_path, tmp_path / "log") as session:
            for i in order:
                pixels = render_once(plans[i], folders, session).radiance.tobytes()
                assert found.setdefault(i, pixels) == pixels, f"picture {i} in the order {order}"


@pytest.mark.parametrize("engine", ENGINES)
def test_glossy_surfaces_mirror_the_image_and_matt_ones_dont(
    engine: Path | None, folders: dict[str, Path], tmp_path: Path
) -> None:
    """Stripes finer than the image that lights matt surfaces, in a polished floor."""
    sky = np.full((256, 512, 3), 0.2, np.float32)
    sky[:, ::2] = 1.0
    world = WorldPlan(str(write_exr(tmp_path / "stripes.exr", sky)), 0.0, 1.0)
    polished = SurfaceMaterial((0.9, 0.9, 0.9), (0.9, 0.9, 0.9), roughness=0.0, metallic=1.0)
    narrow = CameraPlan((64, 48), 800.0, 800.0, 32.0, 24.0, look((-3.0, 0.0, 0.8), (0.0, 0.0, 0.0)))
    settings = dataclasses.replace(SETTINGS, samples=64, max_bounces=2, denoise="off")
    contrast = {}
    with BlenderSession(settings, engine, tmp_path, tmp_path / "log") as session:
        for material in (polished, WHITE):
            floor = dataclasses.replace(GROUND, material=material)
            plan = make_plan((), (floor,), world=world, camera=narrow)
            columns = render_once(plan, folders, session).radiance.mean(axis=(0, 2))
            contrast[material] = float(np.ptp(columns) / columns.mean())
    assert contrast[polished] > 0.5
    assert contrast[WHITE] < 0.1


def test_hdris_beyond_those_that_are_kept_come_back_the_same(folders: dict[str, Path], tmp_path: Path) -> None:
    """More images than are kept, twice around in one session: nothing piles up, and pixels are those of the start."""
    rng = np.random.default_rng(3)
    skies = [write_exr(tmp_path / f"{i}.exr", rng.uniform(0, 2, (8, 16, 3)).astype(np.float32)) for i in range(11)]
    settings = dataclasses.replace(SETTINGS, samples=1, denoise="off")
    plans = [
        make_plan((BOX,), (GROUND,), world=WorldPlan(str(sky), 0.3, 1.0), camera=FROM_ABOVE, index=i)
        for i, sky in enumerate(skies)
    ]
    with BlenderSession(settings, None, tmp_path, tmp_path / "log") as session:
        rounds, counts = [], []
        for _ in range(3):
            rounds.append([render_once(plan, folders, session).radiance.tobytes() for plan in plans])
            assert session.last is not None
            counts.append(session.last.datablocks)
    assert rounds[1] == rounds[0]
    assert rounds[2] == rounds[0]
    assert counts[2] == counts[1]
    assert len(set(rounds[0])) == len(skies)


REOPEN = """
import os, sys
import bpy
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
textures = [n for n in bpy.context.scene.world.node_tree.nodes if n.type == "TEX_ENVIRONMENT"]
print("means", *(sum(t.image.pixels[:]) / len(t.image.pixels) for t in textures), flush=True)
os._exit(0)
"""


@pytest.mark.skipif(not WHEEL, reason="no bpy wheel in this Python")
def test_a_saved_scene_keeps_its_light(folders: dict[str, Path], tmp_path: Path) -> None:
    sky = sky_with_sun(tmp_path / "sky.exr")
    plan = make_plan((BOX,), (GROUND,), world=WorldPlan(str(sky), 0.6, 0.7), camera=FROM_ABOVE)
    with BlenderSession(SETTINGS, None, tmp_path, tmp_path / "log") as session:
        before = render_once(plan, folders, session).radiance
        session.save_scene(tmp_path / "scene.blend", 60)
        np.testing.assert_array_equal(render_once(plan, folders, session).radiance, before)
    command = [sys.executable, "-c", REOPEN, str(tmp_path / "scene.blend")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    means = [float(word) for word in printed.split("means")[1].split()]
    assert len(means) == 3
    assert min(means) > 0.3  # alpha, which is 1, is a quarter of it


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices of POSIX")
def test_what_is_no_file_is_refused_where_blender_would_wait_for_it(folders: dict[str, Path], tmp_path: Path) -> None:
    """The coordinator looks first; what lies there may be swapped meanwhile."""
    os.mkfifo(tmp_path / "pipe.exr")
    (tmp_path / "endless.exr").symlink_to("/dev/zero")
    (tmp_path / "large.exr").touch()
    os.truncate(tmp_path / "large.exr", 5_000_000_000)
    told = {"pipe.exr": "is no file", "endless.exr": "is no file", "large.exr": "are too many"}
    with BlenderSession(SETTINGS, None, tmp_path, tmp_path / "log") as session:
        for name, words in (told | {"builtin:../../../../../../../etc/x": "no such HDRI"}).items():
            hdri = name if name.startswith("builtin:") else str(tmp_path / name)
            plan = make_plan((BOX,), (GROUND,), world=WorldPlan(hdri, 0.0, 1.0), camera=FROM_ABOVE)
            with pytest.raises(EngineError, match=words):
                render_once(plan, folders, session)
        for name, words in told.items():
            material = dataclasses.replace(WHITE, image=str(tmp_path / name))
            floor = dataclasses.replace(GROUND, material=material)
            with pytest.raises(EngineError, match=words):
                render_once(make_plan((BOX,), (floor,), camera=FROM_ABOVE), folders, session)


@pytest.mark.parametrize("way", ["exact", "split"])
def test_an_enlarged_sky_shows_no_pixels(way: HdriLight, folders: dict[str, Path], tmp_path: Path) -> None:
    """A bright pixel is spread by a cubic B-spline, which is 2/3 in its middle; linear it would peak at its value."""
    sky = np.full((64, 128, 3), 0.1, np.float32)
    sky[20, 30] = 1.1
    world = WorldPlan(str(write_exr(tmp_path / "sky.exr", sky)), 0.0, 1.0)
    longitude, latitude = 2 * math.pi * 30.5 / 128, math.pi * (0.5 - 20.5 / 64)
    across = math.pi - longitude  # the left edge is -X, from where longitude runs clockwise seen from above
    ahead = (math.cos(latitude) * math.cos(across), math.cos(latitude) * math.sin(across), math.sin(latitude))
    camera = CameraPlan((80, 60), 300.0, 300.0, 40.0, 30.0, look((0.0, 0.0, 2.0), (ahead[0], ahead[1], 2 + ahead[2])))
    settings = dataclasses.replace(SETTINGS, samples=16, hdri_light=way, denoise="off")
    with BlenderSession(settings, None, tmp_path, tmp_path / "log") as session:
        seen = render_once(make_plan((BOX,), (), world=world, camera=camera), folders, session).radiance[..., 1]
    assert np.unravel_index(seen.argmax(), seen.shape) == (30, 40)
    assert seen.max() == pytest.approx(0.1 + (2 / 3) ** 2, rel=0.05)
