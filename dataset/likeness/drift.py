"""Are new photos still what older ones were? What moved, and whether what was fitted to the older ones is stale.

Labels as a whole and pictures as a whole are tested by their maximum mean discrepancy and by how much they vary, and
each factor by its own distance; by how often as much happens where all photos are dealt out anew to then and now, 1,999
times. Holm's (1979) correction lets anything at all be told of alike photos one time in twenty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.messages.wording import listed
from scanstage.dataset.analysis.dataset_table import Floats
from scanstage.dataset.likeness.classifier_test import standardised
from scanstage.dataset.likeness.compared_factors import Factor, factors_of, label_columns
from scanstage.dataset.likeness.compared_pictures import SeenPictures, of_classes, usual_edge_px
from scanstage.dataset.likeness.null_bands import SURE, Deals, Statistic, deals_anew
from scanstage.dataset.likeness.photo_snapshot import Snapshot
from scanstage.dataset.likeness.picture_features import PLAIN
from scanstage.dataset.likeness.spread import spreads, unequal_spread
from scanstage.dataset.likeness.two_sample import gaussian_kernels, unbiased_mmd

FORMAT = 1
DRIFT_DEALS = 1999
FEW = 30
"""Photos below which only large changes can be found."""
CAMERA_MOVED = 0.1
"""Total variation of image sizes, or of cameras, from which on they are told to differ."""


@dataclass(frozen=True)
class DriftTest:
    """One thing that may have moved.

    Attributes:
        name, title, unit: of it.
        distance: MMD² of all at once, Kolmogorov and Smirnov's of a number, total variation of classes, the logarithm
            of the ratio of spreads.
        chance: of at least that where nothing changed.
        corrected: the same after Holm's correction over all tests.
        moved_by: Wasserstein-1 distance in its own unit; None of what is no number.
        middles: medians then and now, of a number.
        shares: then and now by class, the most different first.
        spreads: then and now, in standard deviations of both together.
    """

    name: str
    title: str
    unit: str
    distance: float
    chance: float
    corrected: float
    moved_by: float | None = None
    middles: tuple[float, float] | None = None
    shares: dict[str, tuple[float, float]] | None = None
    spreads: tuple[float, float] | None = None

    @property
    def has_moved(self) -> bool:
        """Whether that is more than chance."""
        return self.corrected <= SURE

    def to_json(self) -> dict[str, Any]:
        """As the JSON has it."""
        found: dict[str, Any] = {
            "name": self.name,
            "title": self.title,
            "unit": self.unit,
            "distance": float(f"{self.distance:.6g}"),
            "chance": self.chance,
            "corrected": self.corrected,
            "moved": self.has_moved,
        }
        if self.moved_by is not None:
            found["wasserstein"] = float(f"{self.moved_by:.6g}")
        if self.middles is not None:
            found["medians"] = [float(f"{m:.6g}") for m in self.middles]
        if self.shares is not None:
            found["shares"] = {name: [round(s, 5) for s in pair] for name, pair in self.shares.items()}
        if self.spreads is not None:
            found["spreads"] = [float(f"{s:.6g}") for s in self.spreads]
        return found


@dataclass(frozen=True)
class _Asked:
    """A test to be made, and what is told of it besides: of a factor, or of spreads then and now."""

    name: str
    title: str
    statistic: Statistic
    factor: Factor | None = None
    spreads: tuple[float, float] | None = None


@dataclass(frozen=True)
class Drift:
    """New photos against older ones.

    Attributes:
        date: of the older ones; None where they are a COCO file.
        reference, new: names of the sets.
        pictures, labels: of both.
        differences: of classes, image sizes and cameras, a sentence each: to be read before any test.
        new_classes: with labels now that the older photos don't know.
        tests: the most certain first.
        notes: what else to know, a sentence each.
    """

    date: str | None
    reference: str
    new: str
    pictures: tuple[int, int]
    labels: tuple[int, int]
    differences: tuple[str, ...]
    new_classes: tuple[str, ...]
    tests: tuple[DriftTest, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_stale(self) -> bool:
        """Whether what was fitted to the older photos doesn't fit the new ones: something moved, or a class is new."""
        return bool(self.new_classes) or any(t.has_moved for t in self.tests)

    def to_json(self) -> dict[str, Any]:
        """All of it, as ``--json`` writes it."""
        sides = {
            side: {"name": name, "pictures": self.pictures[k], "labels": self.labels[k]}
            for k, (side, name) in enumerate((("reference", self.reference), ("new", self.new)))
        }
        return {
            "format": FORMAT,
            "date": self.date,
            **sides,
            "stale": self.is_stale,
            "differences": list(self.differences),
            "new_classes": list(self.new_classes),
            "moved": [t.name for t in self.tests if t.has_moved],
            "deals": DRIFT_DEALS,
            "sure": SURE,
            "tests": [t.to_json() for t in self.tests],
            "notes": list(self.notes),
        }


def find_drift(reference: Snapshot, new: SeenPictures, date: str | None = None, deals: int = DRIFT_DEALS) -> Drift:
    """Test new photos against older ones.

    Args:
        reference: the older ones.
        new: measured at the same edge, with features of the same extractor.
        date: of the older ones, to be told.
        deals: of the permutation tests, at random.

    Raises InputError where both have labels, and no class in common.
    """
    old = reference.seen
    shared = tuple(c for c in old.table.classes if c in new.table.classes)
    if not shared and old.table.labels and new.table.labels:
        raise InputError(
            f"{old.name} and {new.name} have no class in common: {listed(old.table.classes)} against "
            f"{listed(new.table.classes)}",
            f"{option('map')} NEW_CLASS=CLASS, for each, says which is which",
        )
    tables = of_classes(old.table, shared), of_classes(new.table, shared)
    sizes = len(tables[0].pictures), len(tables[1].pictures)
    factors = factors_of(*tables)
    dealt = deals_anew(*sizes, deals)
    asked = [_Asked(f.name, f.title, f.distance, f) for f in factors]
    if all(t.labels for t in tables):
        labels = label_columns(*tables).values
        asked += _as_a_whole("labels", "labels of a picture", "labels vary", labels, dealt)
    features = np.concatenate([old.features[PLAIN], new.features[PLAIN]])
    asked += _as_a_whole("pictures", "look of pictures", "the look of pictures varies", features, dealt)
    measured = [_distance_and_chance(a.statistic, dealt) for a in asked]
    corrected = holm([chance for _, chance in measured])
    tests = [_test(a, *found, sure, dealt) for a, found, sure in zip(asked, measured, corrected, strict=True)]
    held = Counter(new.table.classes[c] for c in new.table.label_class)
    return Drift(
        date,
        old.name,
        new.name,
        sizes,
        (tables[0].labels, tables[1].labels),
        tuple(_differences(old, new)),
        tuple(c for c in new.table.classes if held[c] and c not in old.table.classes),
        tuple(sorted(tests, key=lambda t: (t.corrected, t.chance))),
        tuple(_notes(old, new)),
    )


def _as_a_whole(name: str, whole: str, varies: str, values: Floats, dealt: Deals) -> Iterator[_Asked]:
    columns = standardised(values)[0]
    yield _Asked(f"{name}_mmd", f"{whole} as a whole", unbiased_mmd(gaussian_kernels(columns)))
    if columns.shape[1]:  # else nothing varies, then or now
        then, now = (float(spreads(columns, side[:1])[0]) for side in (dealt.first, dealt.second))
        yield _Asked(f"{name}_spread", f"how much {varies}", unequal_spread(columns), spreads=(then, now))


def _test(asked: _Asked, distance: float, chance: float, corrected: float, dealt: Deals) -> DriftTest:
    found = DriftTest(asked.name, asked.title, "", distance, chance, corrected, spreads=asked.spreads)
    if (factor := asked.factor) is None:
        return found
    moved = None if factor.moved is None else float(factor.moved(dealt.first[:1], dealt.second[:1])[0])
    return replace(found, unit=factor.unit, moved_by=moved, middles=factor.middles, shares=factor.shares)


def _distance_and_chance(statistic: Statistic, dealt: Deals) -> tuple[float, float]:
    """As the photos are, and how often at least as much in all deals, this one among them."""
    found = statistic(dealt.first, dealt.second)
    found = np.where(np.isfinite(found), found, -np.inf)
    # A sum in another order differs in its last digits: what is as large but for these is as large.
    least = found[0] - 1e-12 * max(1.0, abs(found[0])) if np.isfinite(found[0]) else -np.inf
    return float(found[0]) if np.isfinite(found[0]) else 0.0, float((found >= least).mean())


def holm(chances: Sequence[float]) -> list[float]:
    """Chances corrected for being many (Holm 1979): the k-th smallest of m times m - k + 1, ascending."""
    order = np.argsort(chances, kind="stable")
    found, least = [0.0] * len(chances), 0.0
    for place, k in enumerate(order):
        least = max(least, min(1.0, chances[k] * (len(chances) - place)))
        found[k] = least
    return found


def _differences(old: SeenPictures, new: SeenPictures) -> Iterator[str]:
    """Of classes and cameras: where these differ, tests say little of anything else."""
    for here, there, when in ((new, old, "new"), (old, new, "gone")):
        if alone := [c for c in here.table.classes if c not in there.table.classes]:
            yield f"Classes that are {when}: {listed(alone)}. Their labels are left out of the tests."
    sizes = [Counter("{} x {}".format(*p.resolution_wh) for p in s.table.pictures) for s in (old, new)]
    if _variation(*sizes) >= CAMERA_MOVED:
        yield f"Sizes of photos differ: {_most(sizes[0])}; now {_most(sizes[1])}."
    if old.cameras or new.cameras:
        known = [Counter({**s.cameras, "unknown": len(s.table.pictures) - s.cameras.total()}) for s in (old, new)]
        known = [+counts for counts in known]  # drops what is 0
        if _variation(*known) >= CAMERA_MOVED:
            yield f"Cameras differ: {_most(known[0])}; now {_most(known[1])}."


def _variation(first: Counter[str], second: Counter[str]) -> float:
    return sum(abs(first[k] / first.total() - second[k] / second.total()) for k in first | second) / 2


def _most(counts: Counter[str]) -> str:
    return listed([f"{name} ({n / counts.total():.0%})" for name, n in counts.most_common()], most=3)


def _notes(old: SeenPictures, new: SeenPictures) -> Iterator[str]:
    for seen in (old, new):
        if seen.unread:
            yield f"{len(seen.unread)} photos of {seen.name} can't be read and are left out: {seen.unread[0]}"
        if len(seen.table.pictures) < FEW:
            yield f"{seen.name} has {len(seen.table.pictures)} photos: so few tell large changes alone."
    if not (old.table.labels and new.table.labels):
        yield "One of both has no labels: pictures alone are tested."
    if (usual := usual_edge_px(new.table)) < old.edge_px:
        yield (
            f"Photos of {new.name} are {usual} pixels long, the older ones were measured at {old.edge_px}: they look "
            "sharper or more blurred for that alone."
        )
