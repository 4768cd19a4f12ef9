"""The categories of a dataset, as ``run.json`` holds them for exports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scanstage.assets.asset import AssetMeta


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


def _category(name: str, assets: list[AssetMeta]) -> Category:
    keypoints = dict.fromkeys(k for meta in assets for k in meta.keypoints)
    skeleton = dict.fromkeys((str(a), str(b)) for meta in assets for a, b in meta.skeleton)
    return Category(name, tuple(keypoints), tuple(skeleton))
