"""Values of a camera that are free, and settings that are drawn for pictures of chosen ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scanstage.scenes.bank.camera_values import DEFAULTS, UsualCamera, camera_values, is_of_post, open_camera
from scanstage.scenes.config.load import check_config
from scanstage.scenes.plan import BackgroundPlan, CameraPlan, FramePlan, PostPlan, WorldPlan

HERE = Path(__file__).parent
EYE = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))


def plan(look: str | None = None, **variables: Any) -> FramePlan:
    """Of a picture with nothing in it."""
    camera = CameraPlan((640, 480), 500.0, 500.0, 320.0, 240.0, EYE)
    factors = {"look": look, "variables": variables}
    world = WorldPlan(None, 0.0, 1.0)
    return FramePlan(0, 0, camera, (), world, BackgroundPlan("hdri"), (), (), PostPlan(), factors)


def data(**camera: Any) -> dict[str, Any]:
    return {"assets": {"source": "samples"}, "camera": {"resolution": [640, 480], **camera}}


def opened(given: dict[str, Any], plans: list[FramePlan], **named: Any):  # type: ignore[no-untyped-def]
    config = check_config(given, (), HERE)
    free = camera_values(config, {f"camera.{k.replace('__', '.')}": v for k, v in named.items()}, {})
    usual = UsualCamera.of(config, plans, free)
    return free, usual, open_camera(given, HERE, usual, free)


def test_what_is_free() -> None:
    config = check_config(data(), (), HERE)
    assert {v.path for v in camera_values(config, {}, {})} == set(DEFAULTS)
    assert {v.path for v in camera_values(config, {"objects.count": (1, 3)}, {"camera.blur_px": 0})} == set(
        DEFAULTS
    ) - {"camera.blur_px"}
    own = camera_values(config, {"objects.count": (1, 3), "camera.vignetting": (0, 0.5)}, {})
    assert [v.path for v in own] == ["camera.vignetting"]
    assert not is_of_post("camera.fill")


def test_chosen_values_are_what_the_camera_has() -> None:
    free, _, camera = opened(data(tone="standard"), [plan()])
    chosen = {v.name: v.from_unit(0.25) for v in free}
    post = camera.post(plan(), 3, chosen)
    assert post.bias_ev == chosen["camera_exposure_bias_ev"] == -1.25
    assert post.noise is not None
    assert post.noise.shot == pytest.approx(5e-5 * 200**0.25)
    assert post.tone == "standard"
    assert post.noise.seed != camera.post(plan(), 4, chosen).noise.seed
    half = camera.post(plan(), 3, chosen, 0.5)
    assert half.blur_px == post.blur_px / 2


def test_what_is_not_chosen_is_drawn_as_the_picture_has_it() -> None:
    """With its own variables: dark pictures stay dark."""
    given = data(exposure_bias_ev={"var": "ev"}) | {"variables": {"ev": {"uniform": [-1, 1]}}}
    _, usual, camera = opened(given, [plan(ev=0.5)], blur_px=(0, 2))
    assert camera.post(plan(ev=0.7), 0, {"camera_blur_px": 1.5}).bias_ev == 0.7
    assert usual.moments(()).shape == (0, 2)


def test_what_the_config_draws_of_itself() -> None:
    given = data(noise={"shot": 0.001}, white_balance={"tint": {"uniform": [-0.1, 0.1]}})
    free, usual, _ = opened(given, [plan()] * 40)
    moments = dict(zip([v.path for v in free], usual.moments(free).tolist(), strict=True))
    assert moments["camera.noise.shot"] == pytest.approx([np.log(20) / np.log(200), 0], abs=1e-6)
    assert moments["camera.white_balance.tint"][0] == pytest.approx(0.5, abs=0.03)
    assert moments["camera.white_balance.tint"][1] == pytest.approx(0.2 / 0.7 / 12**0.5, abs=0.02)
    assert usual.besides(["camera.noise.shot"]) == {}


def test_a_look_keeps_what_was_not_found_of_a_section() -> None:
    """A section that a config gives takes the look's place: the rest of it is said as the look has it."""
    phone = [plan("phone")] * 30
    _, usual, camera = opened(data(look="phone"), phone, noise__shot=(1e-4, 1e-2), blur_px=(0, 2))
    besides = usual.besides(["camera.noise.shot"])
    assert set(besides) == {"camera.noise.read", "camera.noise.grain_px", "camera.noise.chroma"}
    low, high = besides["camera.noise.chroma"]["uniform"]
    assert 0.2 <= low < high <= 0.7
    post = camera.post(plan("phone"), 0, {"camera_noise_shot": 0.005, "camera_blur_px": 1.0})
    assert post.noise is not None
    assert post.noise.shot == 0.005
    assert low <= post.noise.chroma <= high
    assert post.blur_px == 1.0
    assert replace(post, processor=None) != post  # what else the look does is done
