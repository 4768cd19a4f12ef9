"""Light denoised apart from colour, in every Blender that is there: labels, brightness, texture, state."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from support.unit_boxes import (
    ENGINES,
    SETTINGS,
    WHEEL,
    WHITE,
    at,
    boxes_in_a_heap,
    look,
    make_plan,
    mean_of,
    render_once,
)

import scanstage.render.engine.blender_session as sessions
from scanstage.render.denoise.oidn import DenoiserFailed
from scanstage.render.engine.blender_session import BlenderSession
from scanstage.scenes.plan import (
    BackgroundPlan,
    CameraPlan,
    FramePlan,
    LampPlan,
    ObjectPlan,
    SurfaceMaterial,
    SurfacePlan,
    WorldPlan,
)

pytestmark = [pytest.mark.blender, pytest.mark.skipif(not WHEEL, reason="no bpy wheel to denoise with in this Python")]
LIGHT = dataclasses.replace(SETTINGS, samples=4, albedo_samples=16, denoise="light", max_bounces=3)
GROUND = SurfacePlan("ground", "primitive/plane", at(0, 0, 0, 6), WHITE)
LAMPS = (LampPlan("area", at(0.5, -0.5, 3.0), 60.0, (1.0, 0.8, 0.6), 0.5, 4000.0),)
OTHER = make_plan(boxes_in_a_heap(), (GROUND,), LAMPS, WorldPlan("builtin:city", 1.0, 0.7), index=5)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> FramePlan:
    """Boxes of vertex colours, glowing and with a hole, on a finely chequered ground."""
    file = tmp_path_factory.mktemp("checks") / "checks.png"
    Image.fromarray((np.indices((32, 32)).sum(axis=0) % 2 * 255).astype(np.uint8)).save(file)
    checks = SurfaceMaterial((0.7, 0.6, 0.5), (0.1, 0.1, 0.2), str(file), texture_size_m=1.0)
    return make_plan(
        (
            ObjectPlan(1, "scan/painted", "box", at(-0.7, 0, 0, 0.6)),
            ObjectPlan(2, "scan/glow", "box", at(0.0, 0.3, 0, 0.5)),
            ObjectPlan(3, "scan/holed", "box", at(0.7, 0, 0, 0.6)),
        ),
        (dataclasses.replace(GROUND, material=checks),),
        LAMPS,
        WorldPlan("builtin:forest", 0.4, 0.5),
        camera=CameraPlan((160, 120), 160.0, 160.0, 80.0, 60.0, look((0.0, -3.0, 1.2), (0.0, 0.0, 0.3))),
    )


def blurred(plan: FramePlan) -> FramePlan:
    return dataclasses.replace(plan, camera=dataclasses.replace(plan.camera, aperture_m=0.02, focus_m=3.0))


@pytest.fixture(scope="module", params=ENGINES)
def blender(request: pytest.FixtureRequest) -> Path | None:
    found: Path | None = request.param
    return found


@pytest.fixture(scope="module")
def session(blender: Path | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlenderSession]:
    folder = tmp_path_factory.mktemp("light")
    with BlenderSession(LIGHT, blender, folder, folder / "blender.log") as opened:
        yield opened


@pytest.fixture(scope="module")
def truth(
    blender: Path | None, tmp_path_factory: pytest.TempPathFactory, folders: dict[str, Path], shown: FramePlan
) -> sessions.Passes:
    folder = tmp_path_factory.mktemp("truth")
    settings = dataclasses.replace(LIGHT, samples=128, denoise="off")
    with BlenderSession(settings, blender, folder, folder / "blender.log") as opened:
        return render_once(shown, folders, opened)


def fine(image: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_]) -> float:
    """Energy of what differs from one row to the next."""
    return float(np.square(np.diff(image[..., 1], axis=0))[mask[1:] & mask[:-1]].mean())


def test_labels_light_and_texture_are_those_of_many_samples(
    session: BlenderSession, folders: dict[str, Path], truth: sessions.Passes, shown: FramePlan
) -> None:
    found = render_once(shown, folders, session)
    assert np.count_nonzero(found.instance_ids != truth.instance_ids) <= 10
    assert found.depth_m is not None
    assert truth.depth_m is not None
    same = np.isfinite(found.depth_m) & np.isfinite(truth.depth_m) & (found.instance_ids == truth.instance_ids)
    assert np.median(np.abs(found.depth_m[same] / truth.depth_m[same] - 1)) < 1e-4
    for instance_id in (0, 1, 2, 3):
        np.testing.assert_allclose(mean_of(found, instance_id), mean_of(truth, instance_id), rtol=0.04, atol=0.005)
    ground = (truth.instance_ids == 0) & (truth.depth_m < 5)
    assert ground.sum() > 3000
    assert 0.8 < fine(found.radiance, ground) / fine(truth.radiance, ground) < 1.3
    assert np.abs(found.radiance - truth.radiance).mean() < 0.07 * truth.radiance.mean()


def test_what_a_lens_leaves_of_texture_stays(
    session: BlenderSession, blender: Path | None, tmp_path: Path, folders: dict[str, Path], shown: FramePlan
) -> None:
    plan = blurred(shown)
    with BlenderSession(
        dataclasses.replace(LIGHT, samples=128, denoise="off"), blender, tmp_path, tmp_path / "log"
    ) as s:
        truth = render_once(plan, folders, s)
    found = render_once(plan, folders, session)
    np.testing.assert_array_equal(found.instance_ids, render_once(shown, folders, session).instance_ids)
    assert found.depth_m is not None
    sharp = (found.instance_ids == 0) & (np.abs(found.depth_m - 3.0) < 0.5)
    assert sharp.sum() > 500
    assert 0.65 < fine(found.radiance, sharp) / fine(truth.radiance, sharp) < 1.3
    assert np.abs(found.radiance - truth.radiance).mean() < 0.07 * truth.radiance.mean()


def test_the_first_picture_of_a_session_is_as_any(tmp_path: Path, folders: dict[str, Path], shown: FramePlan) -> None:
    """Materials that are new to the renderer, and renders of other sample counts before: to the bit the same."""
    plans = {"shown": shown, "other": OTHER, "blurred": blurred(shown)}

    def made(order: list[str]) -> dict[str, bytes]:
        with BlenderSession(LIGHT, None, tmp_path, tmp_path / "log") as opened:
            return {name: render_once(plans[name], folders, opened).radiance.tobytes() for name in order}

    after = made(["other", "blurred", "shown"])
    assert made(["shown", "blurred", "other"]) == after
    assert made(["blurred"])["blurred"] == after["blurred"]


def test_a_catcher_of_shadows_lets_the_photo_through(session: BlenderSession, folders: dict[str, Path]) -> None:
    catcher = dataclasses.replace(GROUND, shadow_catcher=True)
    plan = dataclasses.replace(OTHER, surfaces=(catcher,), background=BackgroundPlan("color"))
    passes = render_once(plan, folders, session)
    assert passes.alpha.min() < 0.05
    shadow = (passes.instance_ids == 0) & (passes.alpha > 0.2)
    assert shadow.sum() > 50
    assert np.median(passes.radiance[shadow]) < 0.05


def test_a_transparent_film_has_edges_between_covered_and_not(
    session: BlenderSession, folders: dict[str, Path]
) -> None:
    plan = dataclasses.replace(OTHER, surfaces=(), background=BackgroundPlan("color"))
    passes = render_once(plan, folders, session)
    outside = (passes.instance_ids == 0) & (passes.alpha == 0)
    assert outside.sum() > 1000
    assert np.abs(passes.radiance[outside]).max() < 1e-3
    assert ((passes.alpha > 0.05) & (passes.alpha < 0.95)).sum() > 50
    assert passes.alpha[passes.instance_ids > 0].mean() > 0.95


@pytest.mark.parametrize("broken", [False, True])
def test_where_nothing_denoises_arrays_blender_denoises(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folders: dict[str, Path], broken: bool
) -> None:
    def refuse(_: int) -> None:
        raise DenoiserFailed("no such instructions")

    monkeypatch.setattr(sessions, *(("Denoiser", refuse) if broken else ("has_array_denoiser", lambda: False)))
    with BlenderSession(LIGHT, None, tmp_path, tmp_path / "log") as opened:
        assert any("denoise light apart" in note for note in opened.info.notes)
        whole = render_once(OTHER, folders, opened)
    with BlenderSession(dataclasses.replace(LIGHT, denoise="fast"), None, tmp_path, tmp_path / "log") as opened:
        assert opened.info.notes == []
        # Blender's own denoiser adds up in another order where other processes take its cores.
        np.testing.assert_allclose(whole.radiance, render_once(OTHER, folders, opened).radiance, rtol=1e-4, atol=1e-5)
