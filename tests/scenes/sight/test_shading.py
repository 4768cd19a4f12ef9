"""Shaded plans: objects where the cast has them, in their own colours, on a grey stage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scanstage.assets.textures.srgb import linear_from_srgb
from scanstage.scenes.config.load import load_config
from scanstage.scenes.inputs.catalogue import open_catalogue
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.sight.shading import Shader


@pytest.fixture(scope="module")
def planner(tmp_path_factory: pytest.TempPathFactory, toy_library: Path) -> Planner:
    folder = tmp_path_factory.mktemp("shading")
    text = f"assets: {{library: {toy_library}}}\nobjects: {{count: 5}}\nlabels: {{min_visible_fraction: 0.3}}\n"
    (folder / "c.yaml").write_text(text + "camera: {resolution: [160, 120], elevation_deg: {uniform: [20, 50]}}")
    config = load_config(folder / "c.yaml")
    return Planner(config, open_catalogue(config, folder), folder)


def test_objects_have_their_colours_and_the_stage_is_grey(planner: Planner) -> None:
    shader = Shader(planner.catalogue, planner.caster)
    hues = {"box": (0.6, 0.2, 0.1), "ball": (0.1, 0.3, 0.6), "rod": (0.2, 0.5, 0.1)}  # of the toys' materials
    for index in range(3):
        planned = planner.plan(index)
        image = shader.shade(planned)
        assert image.shape == (120, 160, 3)
        ids = planned.seen.instance_ids
        for item in planned.plan.objects:
            inside = ids == item.instance_id
            if inside.sum() > 40:
                color = np.array(hues[str(item.class_name)])
                seen = linear_from_srgb(image[inside]).mean(axis=0)
                np.testing.assert_allclose(seen / seen.sum(), color / color.sum(), atol=0.06)  # haze takes a little
        spread = np.ptp(image[ids == 0].astype(int), axis=1)
        assert np.median(spread) < 14


def test_shapes_read(planner: Planner) -> None:
    """A ball is not a disc: it is brighter towards the light than away from it."""
    shader = Shader(planner.catalogue, planner.caster)
    found = 0
    for index in range(4):
        planned = planner.plan(index)
        image = shader.shade(planned).astype(float).mean(axis=-1)
        for item, s in zip(planned.plan.objects, planned.seen.silhouettes, strict=True):
            if item.class_name == "ball" and s.visible_fraction == 1 and s.visible_px > 150:
                x, y, w, h = s.window_xywh
                part = np.where(s.modal, image[y : y + h, x : x + w], np.nan)
                assert np.nanmean(part[: h // 2, : w // 2]) > 1.15 * np.nanmean(part[h // 2 :, w // 2 :])
                found += 1
    assert found


def test_the_same_plan_gives_the_same_picture(planner: Planner) -> None:
    planned = planner.plan(0)
    one, two = (Shader(planner.catalogue, planner.caster).shade(planned) for _ in range(2))
    assert np.array_equal(one, two)


@pytest.mark.parametrize("lens", ["{model: fisheye}", "{model: brown_conrady, k1: -0.2}"])
def test_lenses(planner: Planner, tmp_path: Path, toy_library: Path, lens: str) -> None:
    text = f"assets: {{library: {toy_library}}}\ncamera: {{resolution: [160, 120], fov_deg: 100, distortion: {lens}}}"
    (tmp_path / "c.yaml").write_text(text)
    config = load_config(tmp_path / "c.yaml")
    it = Planner(config, planner.catalogue, tmp_path)
    image = Shader(it.catalogue, it.caster).shade(it.plan(0))
    assert image.std() > 5


def test_without_a_stage_there_is_sky(planner: Planner) -> None:
    planned = planner.plan(1)
    shader = Shader(planner.catalogue, planner.caster)
    image = shader.shade(replace(planned, plan=replace(planned.plan, surfaces=()))).astype(int)
    off = planned.seen.instance_ids == 0
    assert (image[off][:, 2] > image[off][:, 0]).all()  # bluish
    assert image[~off].std() > 5
