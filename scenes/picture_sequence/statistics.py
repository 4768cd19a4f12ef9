"""What a set of plans amounts to: labels, sizes, occlusion, truncation and co-occurrence, by class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from scanstage.scenes.config.sections.label_settings import LabelsConfig
from scanstage.scenes.optics.pixel_window import pixel_box
from scanstage.scenes.picture_sequence.planned_picture import Picture, PlannedPicture
from scanstage.scenes.sight.cast_plan import Planned
from scanstage.scenes.sight.label_rules import Fate, judge_labels

BINS = 10
SMALL_PX, MEDIUM_PX = 32**2, 96**2
"""COCO's bounds: up to the first an object is small, up to the second medium (cocoeval, ``areaRng``)."""


@dataclass(frozen=True)
class ObjectFacts:
    """What one object of a class that is labelled, or one part of which anything is seen, contributes.

    Attributes:
        rule: the first rule of the keep policy that it breaks.
        box_wh: of its visible pixels; 0, 0 where there are none.
        area_px: visible pixels.
    """

    class_name: str
    fate: Fate
    rule: str | None
    box_wh: tuple[int, int]
    area_px: int
    visible_fraction: float
    truncated_fraction: float


@dataclass(frozen=True)
class PictureFacts:
    """One planned picture, or why there is none.

    Attributes:
        refused: attempts by why they were refused.
        failure: why it can't be planned.
        seconds: that planning took.
    """

    index: int
    objects: tuple[ObjectFacts, ...] = ()
    refused: dict[str, int] = field(default_factory=dict)
    failure: str | None = None
    seconds: float = 0.0


def picture_facts(planned: Planned, config: LabelsConfig) -> PictureFacts:
    """What statistics need to know of a plan."""
    objects = []
    for j in judge_labels(planned, config):
        if j.class_name is None or j.fate == "parts":
            continue
        s = j.silhouette
        box = pixel_box(s.modal) or (0, 0, 0, 0)
        rule = j.violation.rule if j.violation else None
        shares = (s.visible_fraction, s.truncated_fraction)
        objects.append(ObjectFacts(j.class_name, j.fate, rule, (box[2], box[3]), s.visible_px, *shares))
    return PictureFacts(planned.plan.index, tuple(objects), planned.refused)


def facts_of(picture: Picture, config: LabelsConfig) -> PictureFacts:
    """What statistics need to know of a picture; that it can't be planned is a fact too."""
    if isinstance(picture, PlannedPicture):
        return replace(picture_facts(picture.planned, config), seconds=picture.seconds)
    text = "; ".join(picture.problems).removeprefix(f"picture {picture.index}: ")
    return PictureFacts(picture.index, (), picture.refused, text, picture.seconds)


def dataset_statistics(pictures: Iterable[PictureFacts], classes: Sequence[str]) -> dict[str, Any]:
    """Everything that is told of a planned dataset, as plain data (JSON).

    The same pictures give the same statistics, whatever order they come in. Sizes, visible and truncated shares are
    those of labels proper; ``placed`` holds the shares of all placed objects. Quantiles are p5, p50 and p95.

    Args:
        pictures: facts of each.
        classes: all labelled classes, in the order of their category ids.
    """
    found = sorted(pictures, key=lambda p: p.index)
    planned = [p for p in found if p.failure is None]
    objects = [o for p in planned for o in p.objects]
    attempts = Counter(sum(p.refused.values()) + 1 for p in planned)
    refused: Counter[str] = Counter()
    for picture in found:
        refused.update(picture.refused)
    labels = [sum(o.fate == "label" for o in p.objects) for p in planned]
    return {
        "pictures": len(found),
        "planned": len(planned),
        "negatives": sum(not p.objects for p in planned),
        "failed": [{"index": p.index, "reason": p.failure} for p in found if p.failure is not None],
        "attempts": {
            "mean": round(sum(k * n for k, n in attempts.items()) / max(1, len(planned)), 3),
            "histogram": {str(k): attempts[k] for k in sorted(attempts)},
            "refused": dict(sorted(refused.items(), key=lambda pair: (-pair[1], pair[0]))),
        },
        "labels_a_picture": _quantiles(labels),
        "all": _class_statistics(objects, sum(1 for n in labels if n)),
        "classes": {
            name: _class_statistics(
                [o for o in objects if o.class_name == name],
                sum(any(o.class_name == name and o.fate == "label" for o in p.objects) for p in planned),
            )
            for name in classes
        },
        "co_occurrence": {"classes": list(classes), "pictures": _together(planned, classes)},
    }


def _class_statistics(objects: list[ObjectFacts], pictures: int) -> dict[str, Any]:
    labels = [o for o in objects if o.fate == "label"]
    areas = np.array([o.area_px for o in labels], np.int64)
    small, medium = int((areas <= SMALL_PX).sum()), int(((areas > SMALL_PX) & (areas <= MEDIUM_PX)).sum())
    rules = Counter(str(o.rule) for o in objects if o.fate == "drop")
    ignored = Counter(str(o.rule) for o in objects if o.fate == "ignore")
    return {
        "placed": len(objects),
        "labelled": len(labels),
        "ignored": ignored.total(),
        "ignored_by_rule": dict(sorted(ignored.items())),
        "dropped": rules.total(),
        "dropped_by_rule": dict(sorted(rules.items())),
        "pictures": pictures,
        "box_shorter_px": _quantiles([min(o.box_wh) for o in labels]),
        "box_longer_px": _quantiles([max(o.box_wh) for o in labels]),
        "coco_sizes": {"small": small, "medium": medium, "large": len(labels) - small - medium},
        **_shares(labels),
        "placed_shares": _shares(objects),
    }


def _shares(objects: list[ObjectFacts]) -> dict[str, Any]:
    visible, outside = [o.visible_fraction for o in objects], [o.truncated_fraction for o in objects]
    return {
        "visible_fraction": {**_quantiles(visible), "histogram": _histogram(visible)},
        "truncated_fraction": {
            **_quantiles(outside),
            "histogram": _histogram(outside),
            "any": sum(v > 0 for v in outside),
        },
    }


def _quantiles(values: Sequence[float]) -> dict[str, float | None]:
    if not len(values):
        return {"p5": None, "p50": None, "p95": None}
    p5, p50, p95 = (round(float(v), 4) for v in np.quantile(values, [0.05, 0.5, 0.95]))
    return {"p5": p5, "p50": p50, "p95": p95}


def _histogram(values: Sequence[float]) -> list[int]:
    """Counts in ten equal bins over 0..1, the last closed."""
    return [int(n) for n in np.histogram(np.asarray(values, np.float64), bins=BINS, range=(0.0, 1.0))[0]]


def _together(planned: list[PictureFacts], classes: Sequence[str]) -> list[list[int]]:
    """Pictures that hold labels of both classes; on the diagonal those that hold two or more labels of the class."""
    number = {name: i for i, name in enumerate(classes)}
    counts = np.zeros((len(planned), len(classes)), np.int64)
    for row, picture in enumerate(planned):
        for item in picture.objects:
            if item.fate == "label":
                counts[row, number[item.class_name]] += 1
    there = (counts > 0).astype(np.int64)
    both = there.T @ there
    np.fill_diagonal(both, (counts > 1).sum(axis=0))
    return [[int(n) for n in row] for row in both]
