"""The categories of a dataset, as ``run.json`` holds them for exports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import AssetMeta
from scanstage.scenes.plan import FramePlan

Ids = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Category:
    """A labelled class.

    Attributes:
        name: of the class.
        keypoints: names of the points that its assets have: the union over them, in their order.
        skeleton: pairs of names of keypoints that belong together.
    """

    name: str
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As ``run.json`` holds it."""
        return asdict(self)


def make_categories(classes: Sequence[str], assets: Mapping[str, Iterable[AssetMeta]]) -> tuple[Category, ...]:
    """The categories of a run, in the order of their ids.

    Args:
        classes: all labelled classes.
        assets: of each class, in a fixed order.
    """
    return tuple(_category(name, list(assets.get(name, ()))) for name in classes)


def category_ids(plan: FramePlan, label_ids: Ids, classes: Sequence[str]) -> Ids:
    """(H, W) uint16 category ids as in the COCO file; 0 where no labelled class is. Raises KeyError for another."""
    number = {name: i + 1 for i, name in enumerate(classes)}
    table = np.zeros(max((o.instance_id for o in plan.objects), default=0) + 1, np.uint16)
    for item in plan.objects:
        table[item.instance_id] = 0 if item.class_name is None else number[item.class_name]
    return table[label_ids]


def _category(name: str, assets: list[AssetMeta]) -> Category:
    keypoints = dict.fromkeys(k for meta in assets for k in meta.keypoints)
    skeleton = dict.fromkeys((str(a), str(b)) for meta in assets for a, b in meta.skeleton)
    return Category(name, tuple(keypoints), tuple(skeleton))
