from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from support import analytic
from support.lens_plans import LENSES, plan_of

from scanstage.dataset.labels.lens_agreement import compare_behind_lens, lens_disagreements
from scanstage.render.finish.lens_resample import through_lens
from scanstage.scenes.optics.ideal_camera import engine_camera, lens_map
from scanstage.scenes.optics.lens import rays
from scanstage.scenes.plan import LensPlan


@pytest.mark.parametrize(("lens", "focal"), LENSES)
def test_the_picture_lies_where_distorted_rays_say(lens: LensPlan, focal: float) -> None:
    """The exact engine's ideal view, resampled, against the same geometry met by the distorted rays themselves."""
    plan = plan_of(lens, focal)
    source = engine_camera(plan.camera)
    seen = through_lens(analytic.render(replace(plan, camera=source)), source, plan.camera)
    ids, depth = analytic.trace(plan)
    assert (ids > 0).sum() > 2500
    for agreement in compare_behind_lens(ids, seen.instance_ids, [1, 2, 3, 4, 5]):
        assert agreement.iou >= 0.999
        assert agreement.box_px is None or agreement.box_px <= 1
    differing = (ids != seen.instance_ids).sum() / (ids > 0).sum()
    assert differing < 0.03, "half a pixel along outlines, no more"
    inner = cv2.erode((ids == seen.instance_ids).astype(np.uint8) * (ids > 0), np.ones((5, 5), np.uint8)) > 0
    assert seen.depth_m is not None
    assert np.median(np.abs(seen.depth_m[inner] / depth[inner] - 1)) < 1e-4
    assert np.percentile(np.abs(seen.depth_m[inner] / depth[inner] - 1), 99) < 0.02


@pytest.mark.parametrize(("lens", "focal"), LENSES)
def test_where_nothing_is_depth_stays_infinite(lens: LensPlan, focal: float) -> None:
    plan = plan_of(lens, focal)
    source = engine_camera(plan.camera)
    passes = analytic.render(replace(plan, camera=source))
    assert passes.depth_m is not None
    passes = replace(passes, depth_m=np.where(passes.instance_ids > 0, passes.depth_m, np.float32(np.inf)))
    seen = through_lens(passes, source, plan.camera)
    assert seen.depth_m is not None
    nothing = seen.instance_ids == 0
    assert nothing.any()
    assert np.isinf(seen.depth_m[nothing]).all()
    assert (seen.depth_m[~nothing] < 10).all()


def test_without_distortion_nothing_is_touched() -> None:
    plan = plan_of(None, 300.0)
    passes = analytic.render(plan)
    assert through_lens(passes, engine_camera(plan.camera), plan.camera) is passes


def test_beyond_the_circle_of_light_it_is_black() -> None:
    plan = plan_of(LensPlan("brown_conrady", (-1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)), 300.0)
    source = engine_camera(plan.camera)
    seen = through_lens(analytic.render(replace(plan, camera=source)), source, plan.camera)
    columns, rows = np.meshgrid(np.arange(320), np.arange(240))
    dark = np.isnan(rays(plan.camera, columns.ravel(), rows.ravel())[:, 0]).reshape(240, 320)
    assert dark.any()
    assert not seen.radiance[dark].any()
    assert (seen.alpha[dark] == 1).all(), "no backplate shows there"
    assert not seen.instance_ids[dark].any()
    everywhere = replace(analytic.render(replace(plan, camera=source)), depth_m=None)
    everywhere = replace(everywhere, instance_ids=np.ones_like(everywhere.instance_ids))
    assert (through_lens(everywhere, source, plan.camera).instance_ids == ~dark).all()
    assert seen.radiance[~dark].min() > 0


def test_light_keeps_its_level_and_place() -> None:
    """A bright dot on grey: no ringing below grey, the same light in all, at the pixel that the map says."""
    plan = plan_of(LENSES[0][0], LENSES[0][1])
    source = engine_camera(plan.camera)
    passes = analytic.render(replace(plan, camera=source))
    flat = np.full_like(passes.radiance, 0.2)
    even = through_lens(replace(passes, radiance=flat), source, plan.camera)
    assert np.allclose(even.radiance, 0.2, rtol=1e-4)
    grid = lens_map(plan.camera, source)
    x, y = grid[60, 100]
    flat[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3] = 50.0
    dotted = through_lens(replace(passes, radiance=flat), source, plan.camera)
    assert dotted.radiance.min() > 0.15
    assert np.abs(np.array(np.unravel_index(dotted.radiance[..., 0].argmax(), (240, 320))) - [60, 100]).max() <= 2


def test_a_picture_beside_its_label_is_told() -> None:
    plan = plan_of(LENSES[0][0], LENSES[0][1])
    ids, _ = analytic.trace(plan)
    beside = np.roll(ids, 3, axis=1)
    assert not lens_disagreements(compare_behind_lens(ids, np.roll(ids, 1, axis=1), [1, 2, 3, 4, 5]), set())
    problems = lens_disagreements(compare_behind_lens(ids, beside, [1, 2, 3, 4, 5]), set())
    assert problems
    assert all("behind the lens" in p for p in problems)
