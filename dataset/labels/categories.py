"""The categories of a dataset, as ``run.json`` holds them for exports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import AssetMeta
from scanstage.scenes.config.sections.label_settings import LabelsConfig
from scanstage.scenes.sight.cast_plan import Planned

Ids = npt.NDArray[np.uint16]


NO_SUPERCATEGORY = "object"
_NO_PARTS: Mapping[str, Sequence[str]] = {}


@dataclass(frozen=True)
class Category:
    """A labelled class.

    Attributes:
        name: of the class.
        keypoints: names of the points that its assets have: the union over them, in their order.
        skeleton: pairs of names of keypoints that belong together.
        supercategory: of a class of parts, that of the scans which have them, where it is one.
    """

    name: str
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[str, str], ...] = ()
    supercategory: str = NO_SUPERCATEGORY

    def to_json(self) -> dict[str, Any]:
        """As ``run.json`` holds it."""
        described = asdict(self)
        if self.supercategory == NO_SUPERCATEGORY:
            del described["supercategory"]
        return described


def make_categories(
    classes: Sequence[str], assets: Mapping[str, Iterable[AssetMeta]], parts: Mapping[str, Sequence[str]] = _NO_PARTS
) -> tuple[Category, ...]:
    """The categories of a run, in the order of their ids.

    Args:
        classes: all labelled classes.
        assets: of each class, in a fixed order.
        parts: classes of parts, and those of the scans that have them.
    """
    found = (_category(name, list(assets.get(name, ()))) for name in classes)
    return tuple(replace(c, supercategory=_supercategory(c.name, parts, assets)) for c in found)


def _supercategory(name: str, parts: Mapping[str, Sequence[str]], assets: Mapping[str, Any]) -> str:
    wholes = parts.get(name, ())
    return wholes[0] if len(wholes) == 1 and name not in assets else NO_SUPERCATEGORY


def category_ids(names: Mapping[int, str], label_ids: Ids, classes: Sequence[str]) -> Ids:
    """(H, W) uint16 category ids as in the COCO file; 0 where no labelled class is. Raises KeyError for another.

    Args:
        names: classes of objects, and of parts of them, by instance id; 0 is what others are.
        label_ids: (H, W) instance ids.
        classes: labelled ones, in the order of their ids.
    """
    number = {name: i + 1 for i, name in enumerate(classes)}
    table = np.zeros(max((*names, int(label_ids.max(initial=0)))) + 1, np.uint16)
    for instance_id, name in names.items():
        table[instance_id] = number[name]
    return table[label_ids]


@dataclass(frozen=True)
class LabelIds:
    """Whose each pixel of a picture is.

    Attributes:
        objects: (H, W) uint16 instance ids of objects, 0 where none is.
        finest: the same, with the ids of parts where these are.
        names: classes of the objects and parts that labels may be of, by instance id.
    """

    objects: Ids
    finest: Ids
    names: Mapping[int, str]


def label_ids(planned: Planned, ids: Ids, config: LabelsConfig) -> LabelIds:
    """Of a picture in which ``ids`` is the (H, W) map of the nearest objects."""
    instead = planned.parts.wholes if config.parts == "alone" else frozenset()
    items = (o for o in planned.plan.objects if o.instance_id not in instead)
    names = {o.instance_id: o.class_name for o in items if o.class_name is not None}
    return LabelIds(ids, planned.parts.ids(ids), names | {p.instance_id: p.class_name for p in planned.parts.parts})


def _category(name: str, assets: list[AssetMeta]) -> Category:
    keypoints = dict.fromkeys(k for meta in assets for k in meta.keypoints)
    skeleton = dict.fromkeys((str(a), str(b)) for meta in assets for a, b in meta.skeleton)
    return Category(name, tuple(keypoints), tuple(skeleton))
