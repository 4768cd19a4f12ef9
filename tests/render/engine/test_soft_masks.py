"""Soft masks from Cryptomatte's ranks, and through a lens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import analytic
from support.exr_files import H, W, layers, write_many_parts, write_one_part
from support.lens_plans import LENSES, plan_of

from scanstage.render.engine.passes import BrokenPasses, read_passes
from scanstage.render.engine.soft_masks import SoftMask, cryptomatte_hash, resample_soft_masks
from scanstage.render.finish.lens_resample import through_lens
from scanstage.scenes.optics.ideal_camera import engine_camera
from scanstage.scenes.optics.pixel_window import pixel_box
from scanstage.scenes.plan import LensPlan

NAMES = {f"item_{i:04d}": i * 3 + 1 for i in range(5)}


def full(mask: SoftMask, shape: tuple[int, int]) -> np.ndarray:
    x, y, w, h = mask.window_xywh
    whole = np.zeros(shape)
    whole[y : y + h, x : x + w] = mask.coverage
    return whole


@pytest.mark.parametrize("write", [write_one_part, write_many_parts])
def test_coverage_is_the_sum_over_ranks(tmp_path: Path, write: object) -> None:
    """An object's share of a pixel, in whichever rank it stands; things without an id are left out."""
    assert callable(write)
    rng = np.random.default_rng(1)
    things = [*NAMES, "ground"]
    shares = rng.uniform(0, 1, (len(things), H, W)) * (rng.uniform(size=(len(things), H, W)) < 0.5)
    shares[4] = 0  # one object isn't there
    shares /= np.maximum(shares.sum(axis=0), 1)
    order = np.argsort(-shares, axis=0)
    hashes = np.array([cryptomatte_hash(n) for n in things], np.uint32).view(np.float32)
    found = layers("IndexOB.X")
    for rank in range(6):
        layer, (i, c) = f"CryptoObject{rank // 2:02d}", ("rg", "ba")[rank % 2]
        share = np.take_along_axis(shares, order, 0)[rank]
        found[f"{layer}.{i}"] = np.where(share > 0, hashes[order[rank]], 0).astype(np.float32)
        found[f"{layer}.{c}"] = share.astype(np.float32)
    write(tmp_path / "a.exr", found)
    masks = read_passes(tmp_path / "a.exr", NAMES, ("soft_masks",)).soft_masks
    assert masks is not None
    assert [m.instance_id for m in masks] == [1, 4, 7, 10]
    for mask in masks:
        expected = shares[(mask.instance_id - 1) // 3]
        np.testing.assert_allclose(full(mask, (H, W)), expected, atol=1e-6)
        assert mask.window_xywh == pixel_box(expected > 0)


def test_soft_masks_that_are_missing_are_an_error(tmp_path: Path) -> None:
    write_one_part(tmp_path / "a.exr", layers("IndexOB.X"))
    with pytest.raises(BrokenPasses, match="CryptoObject00"):
        read_passes(tmp_path / "a.exr", NAMES, ("soft_masks",))


@pytest.mark.parametrize(("lens", "focal"), LENSES)
def test_soft_masks_go_through_the_lens_with_the_ids(lens: LensPlan, focal: float) -> None:
    plan = plan_of(lens, focal)
    source = engine_camera(plan.camera)
    passes = analytic.render(replace(plan, camera=source))
    masks = []
    for i in np.unique(passes.instance_ids[passes.instance_ids > 0]):
        x, y, w, h = pixel_box(passes.instance_ids == i)
        part = (passes.instance_ids[y : y + h, x : x + w] == i).astype(np.float32)
        masks.append(SoftMask(int(i), (x, y, w, h), part))
    seen = through_lens(replace(passes, soft_masks=tuple(masks)), source, plan.camera)
    assert seen.soft_masks is not None
    assert {m.instance_id for m in seen.soft_masks} >= set(np.unique(seen.instance_ids)) - {0}
    for mask in seen.soft_masks:
        soft = full(mask, seen.instance_ids.shape)
        hard = seen.instance_ids == mask.instance_id
        assert (soft[hard] > 0.2).all()  # the nearest of four pixels weighs a quarter at least
        assert (soft[~hard] < 0.8).all()


def test_a_shift_by_half_a_pixel_halves_the_edge() -> None:
    mask = SoftMask(7, (2, 1, 3, 2), np.ones((2, 3), np.float32))
    rows, columns = np.indices((6, 8)).astype(np.float32)
    (moved,) = resample_soft_masks((mask,), np.stack([columns + 0.5, rows], axis=-1))
    assert moved.window_xywh == (1, 1, 4, 2)
    np.testing.assert_allclose(moved.coverage, [[0.5, 1, 1, 0.5]] * 2)
    assert resample_soft_masks((mask,), np.full((6, 8, 2), -1e4, np.float32)) == ()
