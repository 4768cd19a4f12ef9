"""objects.repeat: several objects of a class as close neighbours."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from scanstage.assets.asset import Asset
from scanstage.scenes.config.load import load_config
from scanstage.scenes.config.sections.placement_settings import Drop, Placement, Scatter, Upright
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.picture_order import Order
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_planner
from scanstage.scenes.randomize.object_selection import draw_labelled
from scanstage.scenes.randomize.placed_items import Item
from scanstage.scenes.randomize.placement import place
from scanstage.scenes.randomize.stage import draw_stage
from scanstage.scenes.values.draws import Draws
from scanstage.scenes.values.seeding import Streams


def planner(folder: Path, library: Path, objects: str) -> Planner:
    path = folder / "c.yaml"
    path.write_text(f"assets: {{library: {library}}}\ncamera: {{resolution: [64, 48]}}\nobjects: {{{objects}}}\n")
    return open_planner(load_config(path), folder)


def draws(index: int = 0) -> Draws:
    return Draws(Streams(3, index), {})


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0.0, 0.0), (0.6, 0.45, 0.75), (1.0, 1.0, 1.0)])
def test_the_share_of_repeats_is_kept(tmp_path: Path, toy_library: Path, share: float, low: float, high: float) -> None:
    it = planner(tmp_path, toy_library, f"count: 3, repeat: {share}")
    again = []
    for i in range(60):
        chosen = draw_labelled(it.config, it.catalogue, draws(i), None)
        for a, b in pairwise(chosen):
            again.append(a.group == b.group)
            assert (a.class_name == b.class_name) is again[-1], "others are of classes that aren't shown yet"
    assert low <= np.mean(again) <= high


def test_ordered_objects_of_a_class_are_of_a_group_by_the_same_share(tmp_path: Path, toy_library: Path) -> None:
    order = Order(0, 0, ("box", "ball", "box", "rod", "box"), ("box/toy", "ball/toy", "box/toy", "rod/toy", "box/toy"))
    for share, groups in ((0, [0, 1, 2, 3, 4]), (1, [0, 1, 0, 3, 0])):
        it = planner(tmp_path, toy_library, f"count: 3, repeat: {share}")
        assert [o.group for o in draw_labelled(it.config, it.catalogue, draws(), order)] == groups


def gap(items: list[Item], config: Placement, stage: str, index: int) -> float:
    """Distance between the centres of the first two items, in radii of both."""
    build = draw_stage(RunConfig.model_validate({"stage": {"kind": stage}}).stage[0], draws(index), Path())
    poses = place(items, config, build, draws(index))
    first, second = (p.rotation @ i.middle + p.position for i, p in zip(items[:2], poses[:2], strict=True))
    return float(np.linalg.norm(first - second)) / (items[0].radius + items[1].radius)


@pytest.mark.parametrize(
    ("config", "stage"),
    [
        (Upright(density=0.04), "table"),
        (Upright(), "shelf"),
        (Scatter(density=0.01), "none"),
        (Drop(density=0.04, upright=1.0), "table"),
    ],
)
def test_a_group_lies_together_where_others_lie_anywhere(toy_library: Path, config: Placement, stage: str) -> None:
    hull = Asset.open(toy_library / "box" / "toy").mesh().hull.astype(float)
    others = [Item("o", hull) for _ in range(4)]

    def pair(second: int) -> list[float]:
        items = [Item("a", hull, group=7), Item("b", hull, group=second), *others]
        return [gap(items, config, stage, i) for i in range(8)]

    together, apart = pair(7), pair(8)
    assert max(together) < 1.6
    assert np.median(apart) > 1.5 * np.median(together)


@pytest.mark.parametrize("kind", ["drop", "upright", "scatter"])
def test_pictures_without_repeats_are_what_they_were(toy_library: Path, kind: str) -> None:
    """A group of one draws nothing."""
    build = draw_stage(RunConfig.model_validate({"stage": {"kind": "table"}}).stage[0], draws(), Path())
    hull = Asset.open(toy_library / "rod" / "toy").mesh().hull.astype(float)
    config = RunConfig.model_validate({"objects": {"placement": {"kind": kind}}}).objects.placement
    assert config is not None
    of_groups, of_none = [Item("r", hull, group=i) for i in range(5)], [Item("r", hull) for _ in range(5)]
    found = [place(items, config, build, draws()) for items in (of_groups, of_none)]
    for a, b in zip(*found, strict=True):
        assert np.array_equal(a.position, b.position)
        assert np.array_equal(a.rotation, b.rotation)


def test_a_full_support_takes_a_large_group(tmp_path: Path, toy_library: Path) -> None:
    for kind in ("drop", "upright"):
        it = planner(tmp_path, toy_library, f"count: 14, repeat: 1, placement: {{kind: {kind}, density: 0.5}}")
        classes = {o.class_name for o in it.plan(1).plan.objects}
        assert len(classes) == 1
