"""Tiny renders in every Blender that is there: labels' geometry, state between pictures, errors."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation
from support.unit_boxes import (
    BINARY,
    ENGINES,
    SETTINGS,
    WHEEL,
    WHITE,
    Array,
    add_asset,
    at,
    box_arrays,
    boxes_in_a_heap,
    cast_boxes,
    look,
    make_plan,
    mean_of,
    old_eevee,
    pose,
    render_once,
)

from scanstage.render.engine.blender_session import BlenderSession
from scanstage.render.engine.engine_protocol import EngineError
from scanstage.render.engine.passes import Passes
from scanstage.scenes.config.sections.render_settings import RenderSettings
from scanstage.scenes.plan import (
    BackgroundPlan,
    CameraPlan,
    FramePlan,
    LampPlan,
    MaterialJitter,
    ObjectPlan,
    SurfaceMaterial,
    SurfacePlan,
    WorldPlan,
)

pytestmark = pytest.mark.blender


@pytest.fixture(scope="module", params=ENGINES)
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlenderSession]:
    folder = tmp_path_factory.mktemp("session")
    with BlenderSession(SETTINGS, request.param, folder, folder / "blender.log") as opened:
        yield opened


CAMERAS = {
    "centred": {"fx": 170.0, "fy": 170.0, "cx": 80.0, "cy": 60.0},
    "off-centre": {"fx": 150.0, "fy": 150.0, "cx": 61.3, "cy": 74.9, "roll": 0.4},
    "tall-pixels": {"fx": 190.0, "fy": 140.0, "cx": 88.8, "cy": 52.2, "roll": -0.2},
    "wide-pixels": {"fx": 130.0, "fy": 185.0, "cx": 72.0, "cy": 69.5},
}


@pytest.mark.parametrize("name", CAMERAS)
def test_geometry_is_that_of_a_cast_through_pixel_centres(
    session: BlenderSession, folders: dict[str, Path], name: str
) -> None:
    numbers = dict(CAMERAS[name])
    camera_to_world = look((2.2, -2.6, 1.9), (0.0, 0.0, 0.3), numbers.pop("roll", 0.0))
    camera = CameraPlan((160, 120), camera_to_world=camera_to_world, **numbers)
    plan = make_plan(boxes_in_a_heap(), camera=camera)
    passes = session.render(plan, folders, 120)
    ids, depth = cast_boxes(plan)
    assert len(np.unique(ids)) == 8  # all boxes and the background are in view: the comparison means something
    assert np.count_nonzero(passes.instance_ids != ids) <= 3
    same = passes.instance_ids == ids
    assert passes.depth_m is not None
    np.testing.assert_array_equal(np.isinf(passes.depth_m[same]), np.isinf(depth[same]))
    finite = same & np.isfinite(depth)
    relative = np.abs(passes.depth_m[finite] / depth[finite] - 1)
    assert np.median(relative) < 2e-5
    assert relative.max() < 5e-3  # where a ray grazes a face


def test_pictures_do_not_depend_on_those_before(session: BlenderSession, folders: dict[str, Path]) -> None:
    """A, B, A: the second A equals the first, though B differs from it in everything that a picture can vary."""
    red = SurfaceMaterial((0.9, 0.1, 0.1), (0.1, 0.1, 0.1))
    ground = SurfacePlan("ground", "primitive/plane", at(0, 0, 0, 4), red)
    lamp = LampPlan("area", at(0.5, -0.5, 3.0), 40.0, (1.0, 0.8, 0.6), 0.5, 4000.0)
    a = make_plan(
        (
            ObjectPlan(1, "scan/painted", "box", at(-0.5, 0, 0, 0.7), MaterialJitter(hue=0.3, value=0.8)),
            ObjectPlan(2, "scan/glow", "box", at(0.5, 0, 0, 0.5)),
        ),
        (ground,),
        (lamp,),
        WorldPlan("builtin:forest", 0.4, 0.5),
    )
    b = make_plan(
        (ObjectPlan(9, "scan/painted", "box", at(0.2, 0, 0, 0.4)),),
        (dataclasses.replace(ground, material=WHITE, shadow_catcher=True),),
        (dataclasses.replace(lamp, kind="sun", power=3.0),),
        WorldPlan("builtin:city", 0.0, 1.0),
        BackgroundPlan("color"),
        index=3,
    )
    first, between, second = (render_once(p, folders, session) for p in (a, b, a))
    assert set(np.unique(between.instance_ids)) == {0, 9}
    assert between.alpha.min() == 0.0
    np.testing.assert_array_equal(first.instance_ids, second.instance_ids)
    np.testing.assert_allclose(first.radiance, second.radiance, rtol=1e-4, atol=1e-5)
    assert first.alpha.min() == 1.0


@pytest.mark.skipif(not WHEEL, reason="Debian's 3.4 gives other noise in each process, whatever it renders")
def test_noise_does_not_depend_on_the_pictures_before(folders: dict[str, Path], tmp_path: Path) -> None:
    """Lamps that come and go: forwards, backwards and alone, a picture is the same to the bit."""
    kinds = [("area",), ("area", "area", "point"), (), ("sun", "area"), ("point",)]
    settings = dataclasses.replace(SETTINGS, samples=2, denoise="off", noise_threshold=0)

    def plan(index: int) -> FramePlan:
        lamps = tuple(
            LampPlan(kind, at(i - 1, -1, 3.0 + index), 20.0, (1, 1, 1), 0.5, 5000.0)  # type: ignore[arg-type]
            for i, kind in enumerate(kinds[index])
        )
        hdri = None if index == 3 else f"builtin:{('city', 'forest')[index % 2]}"
        return make_plan(boxes_in_a_heap(), lamps=lamps, world=WorldPlan(hdri, 1.0, 0.5), index=index)

    def made(order: list[int]) -> dict[int, bytes]:
        with BlenderSession(settings, None, tmp_path, tmp_path / "log") as session:
            return {i: session.render(plan(i), folders, 120).radiance.tobytes() for i in order}

    forwards = made([0, 1, 2, 3, 4])
    assert made([4, 3, 2, 1, 0]) == forwards
    assert made([1])[1] == forwards[1]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_full_cache_changes_no_picture(engine: Path | None, folders: dict[str, Path], tmp_path: Path) -> None:
    """With room for nothing, each picture loads its assets anew, and looks the same."""
    plans = [
        make_plan((ObjectPlan(1, asset, "box", at(0, 0, 0)),), index=4) for asset in ("scan/holed", "scan/painted")
    ]
    with BlenderSession(SETTINGS, engine, tmp_path, tmp_path / "log", cache_bytes=1) as session:
        first, _, again, _ = (render_once(p, folders, session) for p in (*plans, *plans))
        assert session.last is not None
        blocks = session.last.datablocks
        render_once(plans[0], folders, session)
        render_once(plans[1], folders, session)
        assert session.last.datablocks == blocks
    np.testing.assert_array_equal(first.instance_ids, again.instance_ids)
    np.testing.assert_allclose(first.radiance, again.radiance, rtol=1e-4, atol=1e-5)


def test_texture_maps_mean_what_gltf_says(session: BlenderSession, folders: dict[str, Path], tmp_path: Path) -> None:
    """Neutral maps change nothing; a metallic map darkens the diffuse, and alpha that isn't used is ignored."""

    def png(color: tuple[int, ...]) -> bytes:
        path = tmp_path / "pixel.png"
        Image.new("RGBA" if len(color) == 4 else "RGB", (8, 8), color).save(path)
        return path.read_bytes()

    def shown(name: str, **maps: bytes) -> Array:
        files = {f"{key}.png": data for key, data in maps.items()}
        textures = {f"{key}_texture": f"{key}.png" for key in maps}
        factors: dict[str, object] = {"base_color": (0.5, 0.5, 0.5, 1.0), "roughness": 1.0}
        factors["metallic"] = 1.0 if "metallic_roughness" in maps else 0.0
        folder = add_asset(tmp_path / name, box_arrays(), files, **factors, **textures)
        plan = make_plan((ObjectPlan(1, "scan/mapped", "box", at(0, 0, 0)),))
        return mean_of(render_once(plan, {"scan/mapped": folder}, session), 1)

    plain = shown("plain")
    neutral = shown(
        "neutral",
        base_color=png((255, 255, 255, 30)),
        metallic_roughness=png((0, 255, 0)),
        normal=png((128, 128, 255)),
    )
    np.testing.assert_allclose(neutral, plain, rtol=0.02)
    halved = shown("halved", base_color=png((188, 188, 188)))  # sRGB 188 is 0.5 in linear light
    np.testing.assert_allclose(halved / plain, 0.5, rtol=0.08)  # the dielectric's reflection isn't halved
    tilted = shown("tilted", normal=png((255, 128, 128)))
    assert np.abs(tilted / plain - 1).max() > 0.05


def test_jitter_changes_only_its_object(session: BlenderSession, folders: dict[str, Path]) -> None:
    def shown(jitter: MaterialJitter) -> Passes:
        left = ObjectPlan(1, "scan/painted", "box", at(-0.8, 0, 0), jitter)
        right = ObjectPlan(2, "scan/painted", "box", at(0.8, 0, 0))
        return render_once(make_plan((left, right)), folders, session)

    plain, dark = shown(MaterialJitter()), shown(MaterialJitter(value=0.5))
    np.testing.assert_allclose(mean_of(plain, 1), mean_of(plain, 2), rtol=0.1)
    assert mean_of(dark, 1).sum() < 0.7 * mean_of(plain, 1).sum()
    np.testing.assert_allclose(mean_of(dark, 2), mean_of(plain, 2), rtol=0.02)  # what the neighbour reflects changes


def test_colors_come_out_linear(session: BlenderSession, folders: dict[str, Path]) -> None:
    """Emission is exact; a painted matt box under a white sky keeps the ratios of its linear colour."""
    plan = make_plan(
        (ObjectPlan(1, "scan/glow", "box", at(-0.8, 0, 0)), ObjectPlan(2, "scan/painted", "box", at(0.8, 0, 0))),
        world=WorldPlan(None, 0.0, 0.0),
    )
    np.testing.assert_allclose(mean_of(render_once(plan, folders, session), 1), (0.5, 0.25, 0.0), atol=2e-3)
    lit = dataclasses.replace(plan, world=WorldPlan(None, 0.0, 1.0))
    matt = tuple(dataclasses.replace(o, jitter=MaterialJitter(specular=0.0)) for o in lit.objects)
    measured = mean_of(render_once(dataclasses.replace(lit, objects=matt), folders, session), 2)
    linear = ((np.array([200, 100, 50]) / 255 + 0.055) / 1.055) ** 2.4
    np.testing.assert_allclose(measured / measured[0], linear / linear[0], rtol=0.05)


def test_cut_out_alpha_is_cut_from_the_ids(session: BlenderSession, folders: dict[str, Path]) -> None:
    holed = ObjectPlan(1, "scan/holed", "box", at(0, 0, 0))
    behind = ObjectPlan(2, "scan/glow", "box", at(0, 3, -1, 3))
    ids = render_once(make_plan((holed, behind)), folders, session).instance_ids
    assert ids[60, 80] == 2  # through the holes of the front and the back face
    assert ids[60, 60] == 1


def test_a_shadow_catcher_shows_only_shadows(session: BlenderSession, folders: dict[str, Path]) -> None:
    ground = SurfacePlan("ground", "primitive/plane", at(0, 0, 0, 20), WHITE, shadow_catcher=True)
    lamp = LampPlan("sun", pose(Rotation.from_euler("y", 0.9), (1, 1, 1), (0, 0, 5)), 5.0, (1, 1, 1), 0.01, 5000.0)
    camera = CameraPlan((160, 120), 160.0, 160.0, 80.0, 60.0, look((0.0, -4.0, 2.5), (0.0, 0.0, 0.3)))
    passes = render_once(
        make_plan(
            (ObjectPlan(5, "primitive/box", None, at(0, 0, 0, 0.8), surface=WHITE),),
            (ground,),
            (lamp,),
            WorldPlan(None, 0.0, 0.05),
            BackgroundPlan("backplate"),
            camera,
        ),
        folders,
        session,
    )
    assert set(np.unique(passes.instance_ids)) == {0, 5}
    assert passes.alpha[passes.instance_ids == 5].min() > 0.4  # pixels at the edge are covered in part
    ground_alpha = passes.alpha[passes.instance_ids == 0]
    assert np.quantile(ground_alpha, 0.5) < 0.3
    assert ground_alpha.max() > 0.7  # the shadow


def test_lamps_are_not_seen_but_light(session: BlenderSession, folders: dict[str, Path]) -> None:
    box = ObjectPlan(1, "primitive/box", None, at(0, 0, 0), surface=WHITE)
    facing_away = pose(Rotation.from_euler("x", math.pi / 2), (1, 1, 1), (0.0, -1.0, 0.9))
    lamp = LampPlan("area", facing_away, 100.0, (1, 1, 1), 0.3, 5000.0)
    dark = WorldPlan(None, 0.0, 0.0)
    lit = render_once(make_plan((box,), lamps=(lamp,), world=dark), folders, session)
    unlit = render_once(make_plan((box,), world=dark), folders, session)
    np.testing.assert_array_equal(lit.instance_ids, unlit.instance_ids)
    assert unlit.radiance.max() == 0.0
    assert mean_of(lit, 1).min() > 0.1


def test_rotation_of_the_hdri_is_counter_clockwise_from_above(
    session: BlenderSession, folders: dict[str, Path], tmp_path: Path
) -> None:
    """A bright spot that the unrotated image shows towards +X stands towards +Y after a quarter turn."""
    pixels = np.full((32, 64, 3), 0.01, np.float32)
    x_column = _column_towards_x(session, folders, tmp_path)
    pixels[12:20, max(x_column - 2, 0) : x_column + 2] = 50.0
    hdri = _write_exr(tmp_path / "spot.exr", pixels)
    camera = CameraPlan((160, 120), 80.0, 80.0, 80.0, 60.0, look((0.0, 0.0, 0.0), (0.0, 1.0, 0.0)))

    def towards_y(rotation: float) -> float:
        plan = make_plan((), world=WorldPlan(str(hdri), rotation, 1.0), camera=camera)
        return float(render_once(plan, folders, session).radiance[50:70, 70:90].mean())

    assert towards_y(math.pi / 2) > 100 * towards_y(-math.pi / 2)


def _column_towards_x(session: BlenderSession, folders: dict[str, Path], tmp_path: Path) -> int:
    """The image column that lies towards +X at rotation 0, found with an image whose red is the column's number."""
    ramp = np.zeros((32, 64, 3), np.float32)
    ramp[..., 0] = np.arange(64)
    hdri = _write_exr(tmp_path / "ramp.exr", ramp)
    camera = CameraPlan((160, 120), 800.0, 800.0, 80.0, 60.0, look((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)))
    plan = make_plan((), world=WorldPlan(str(hdri), 0.0, 1.0), camera=camera)
    return round(float(render_once(plan, folders, session).radiance[60, 80, 0]))


def _write_exr(path: Path, pixels: npt.NDArray[np.float32]) -> Path:
    import OpenEXR

    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {"RGB": pixels}) as file:
        file.write(str(path))
    return path


def test_a_broken_picture_leaves_the_session_alive(session: BlenderSession, folders: dict[str, Path]) -> None:
    good = make_plan((ObjectPlan(1, "scan/glow", "box", at(0, 0, 0)),))
    before = render_once(good, folders, session)
    blocks = session.last.datablocks if session.last else 0
    for bad, named in (
        (dataclasses.replace(good, world=WorldPlan("/nowhere/sky.exr", 0.0, 1.0)), "/nowhere/sky.exr"),
        (dataclasses.replace(good, objects=(ObjectPlan(1, "scan/unknown", "box", at(0, 0, 0)),)), "scan/unknown"),
        (
            dataclasses.replace(
                good,
                surfaces=(
                    SurfacePlan("ground", "primitive/plane", at(0, 0, 0), dataclasses.replace(WHITE, image="/no.png")),
                ),
            ),
            "/no.png",
        ),
    ):
        with pytest.raises(EngineError, match=named):
            render_once(bad, folders, session)
    after = render_once(good, folders, session)
    np.testing.assert_array_equal(before.instance_ids, after.instance_ids)
    assert session.last is not None
    assert session.last.datablocks <= blocks + 3  # the plane that was loaded, and no debris of what failed


def test_nothing_accumulates_over_pictures(session: BlenderSession, folders: dict[str, Path], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    texture = tmp_path / "grey.png"
    Image.fromarray(rng.integers(0, 255, (16, 16), np.uint8)).save(texture)
    counts = []
    for index in range(12):
        look_of = dataclasses.replace(
            WHITE, texture=str(texture), texture_size_m=float(rng.uniform(0.1, 1)), bump_m=0.001
        )
        count = 1 + index % 4
        objects = tuple(
            ObjectPlan(
                i + 1,
                "scan/painted" if i % 2 else "primitive/box",
                "box",
                at(i - 1.5, 0, 0, 0.5),
                MaterialJitter(hue=float(rng.uniform())),
                None if i % 2 else look_of,
            )
            for i in range(count)
        )
        lamps = tuple(LampPlan("point", at(0, -2, i), 10.0, (1, 1, 1), 0.1, 5000.0) for i in range(index % 3))
        world = WorldPlan("builtin:city" if index % 2 else "builtin:forest", 0.1 * index, 1.0)
        small = CameraPlan((32, 24), 32.0, 32.0, 16.0, 12.0, look((0.0, -3.0, 0.5), (0.0, 0.0, 0.5)))
        render_once(make_plan(objects, lamps=lamps, world=world, camera=small, index=index), folders, session)
        assert session.last is not None
        counts.append(session.last.datablocks)
    assert counts[3] < counts[7] + 3  # lamps are pooled, at most two of a kind here
    assert counts[7] == counts[11]  # as many objects, other looks, lamps and worlds


@pytest.mark.skipif(not BINARY, reason="no blender on PATH")
def test_eevee_sees_the_same_instances(folders: dict[str, Path], tmp_path: Path) -> None:
    """Through Cryptomatte, which tells what covers most of a pixel: edges may differ from the centre's truth."""
    settings = RenderSettings(engine="eevee", samples=4)
    boxes = tuple(ObjectPlan(i + 1, "primitive/box", "box", at(i - 1.0, 0, 0, 0.6), surface=WHITE) for i in range(3))
    plan = make_plan(boxes)
    with old_eevee(settings, tmp_path) as session:
        passes = render_once(plan, folders, session)
    ids, _ = cast_boxes(plan)
    assert len(np.unique(ids)) == 4
    assert np.count_nonzero(passes.instance_ids != ids) < 0.02 * np.count_nonzero(ids)
    assert passes.radiance[ids > 0].mean() > 0.1
