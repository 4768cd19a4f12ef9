"""Synthetic pictures beside real ones: alike, not to be told apart, as varied, and as fair?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.messages.wording import listed
from scanstage.dataset.analysis.dataset_table import DatasetTable
from scanstage.dataset.likeness.classifier_test import auc_of, components, standardised, tell_apart
from scanstage.dataset.likeness.compared_factors import (
    Columns,
    Factor,
    factors_of,
    joined,
    label_columns,
    picture_columns,
    sizes_alike,
)
from scanstage.dataset.likeness.compared_pictures import SeenPictures, of_classes
from scanstage.dataset.likeness.evenness import TITLES, circumstances, evenness_gauge, parity_tables
from scanstage.dataset.likeness.null_bands import (
    DEALS,
    DRAWS,
    SPLITS,
    SURE,
    Gauge,
    Standing,
    Verdict,
    half_size,
    standings,
)
from scanstage.dataset.likeness.spread import (
    coverage_of,
    density_of,
    duplicates_of,
    less_varied,
    more_duplicates,
    near_pairs,
    unit_rows,
    vendi_of,
)
from scanstage.dataset.likeness.two_sample import cubic_kernel, gaussian_kernels, squared_distances, unbiased_mmd

FORMAT = 1
FEW = 40
"""Real pictures, or synthetic ones, below which only large differences can be found."""
GIVE_AWAY, MOST_TELLING = 5, 5
Property = Literal["similar", "indistinguishable", "varied", "fair"]
PROPERTIES: dict[Property, str] = {
    "similar": "statistically similar",
    "indistinguishable": "indistinguishable",
    "varied": "different from each other",
    "fair": "fair",
}
_ORDER: tuple[Verdict, ...] = ("alike", "slightly off", "off")


@dataclass(frozen=True)
class Figure:
    """A figure beside its band.

    Attributes:
        name, title, unit: of it.
        of: the property that it is of.
        standing: where it lies.
        moved: Wasserstein-1 distance in the factor's own unit, and where it lies; None of what is no number.
        middles: medians of real and synthetic, of a factor.
        shares: of classes, real and synthetic, the most different first.
    """

    name: str
    title: str
    of: Property
    standing: Standing
    unit: str = ""
    moved: Standing | None = None
    middles: tuple[float, float] | None = None
    shares: Mapping[str, tuple[float, float]] | None = None

    def to_json(self) -> dict[str, Any]:
        """As the JSON has it: numbers that can't be said are null."""
        found: dict[str, Any] = {"name": self.name, "title": self.title, "unit": self.unit, **_json(self.standing)}
        if self.moved is not None:
            low, high = self.moved.band
            found["wasserstein"] = {"value": _number(self.moved.value), "band": [_number(low), _number(high)]}
        if self.middles is not None:
            found["medians"] = [_number(m) for m in self.middles]
        if self.shares is not None:
            found["shares"] = {name: [_number(s) for s in pair] for name, pair in self.shares.items()}
        return found


def _json(standing: Standing) -> dict[str, Any]:
    return {
        "value": _number(standing.value),
        "band": [_number(b) for b in standing.band],
        "chance": _number(standing.chance),
        "verdict": standing.verdict,
    }


def _number(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


@dataclass(frozen=True)
class Giveaway:
    """A number by which a classifier tells synthetic pictures.

    Attributes:
        title: of it.
        importance: by how much the area under its ROC curve falls without it.
        middles: means of real and synthetic pictures, in standard deviations from the mean of both.
    """

    title: str
    importance: float
    middles: tuple[float, float]


@dataclass(frozen=True)
class Likeness:
    """A comparison.

    Attributes:
        real, synthetic: names of the sets.
        pictures, labels: of both.
        classes: that both have.
        extractor: name and digest of the one that features are of; None where labels alone are compared.
        half: pictures a side of what values and bands are of.
        figures: of all properties, each property's together.
        giveaways: what the classifier of named numbers goes by, the most telling first.
        telling: names of the synthetic pictures that are told most surely, and the classifier's probability.
        parity: class x circumstance, see :func:`evenness.parity_tables`.
        notes: what to know before reading figures, a sentence each.
    """

    real: str
    synthetic: str
    pictures: tuple[int, int]
    labels: tuple[int, int]
    classes: tuple[str, ...]
    extractor: tuple[str, str] | None
    half: int
    figures: tuple[Figure, ...]
    giveaways: tuple[Giveaway, ...] = ()
    telling: tuple[tuple[str, float], ...] = ()
    parity: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def of(self, name: Property) -> tuple[Figure, ...]:
        """Figures of a property."""
        return tuple(f for f in self.figures if f.of == name)

    def verdict(self, name: Property | None = None) -> Verdict | None:
        """The worst of a property's figures, or of all; None where there are none."""
        found = [f.standing.verdict for f in (self.figures if name is None else self.of(name))]
        return max(found, key=_ORDER.index) if found else None

    def to_json(self) -> dict[str, Any]:
        """All of it, as ``--json`` writes it."""
        properties = {
            name: {
                "title": title,
                "verdict": self.verdict(name),
                "figures": [f.to_json() for f in self.of(name)],
            }
            for name, title in PROPERTIES.items()
        }
        return {
            "format": FORMAT,
            "real": {"name": self.real, "pictures": self.pictures[0], "labels": self.labels[0]},
            "synthetic": {"name": self.synthetic, "pictures": self.pictures[1], "labels": self.labels[1]},
            "classes": list(self.classes),
            "extractor": None
            if self.extractor is None
            else {"name": self.extractor[0], "sha256": self.extractor[1]},
            "pictures_a_side": self.half,
            "splits": SPLITS,
            "draws": DRAWS,
            "deals": DEALS,
            "sure": SURE,
            "verdict": self.verdict(),
            "properties": properties,
            "gives_away": [
                {"title": g.title, "importance": _number(g.importance), "means_in_sd": [_number(m) for m in g.middles]}
                for g in self.giveaways
            ],
            "most_telling": [{"file_name": name, "probability": _number(p)} for name, p in self.telling],
            "parity": dict(self.parity),
            "notes": list(self.notes),
        }


def compare_pictures(
    real: SeenPictures, synthetic: SeenPictures, extractor: tuple[str, str] | None = None, deals: int = DEALS
) -> Likeness:
    """Compare two sets.

    Args:
        real, synthetic: measured at the same edge.
        extractor: name and digest of the one whose features are compared; None compares labels alone.
        deals: of the permutation test, at random.

    Raises InputError where both have labels, and no class in common.
    """
    classes = shared_classes(real.table, synthetic.table)
    tables = of_classes(real.table, classes), of_classes(synthetic.table, classes)
    sizes = len(tables[0].pictures), len(tables[1].pictures)
    gauges, figures = _Gauges(), []
    has_labels = all(t.labels for t in tables)
    columns = _named_columns(tables, has_labels, bool(real.features and synthetic.features))
    factors = {f"factor:{f.name}": f for f in factors_of(*tables)}
    if has_labels:
        labels = standardised(label_columns(*tables).values)[0]
        gauges.add("mmd", "labels of a picture (MMD²)", "similar", Gauge(unbiased_mmd(gaussian_kernels(labels))))
    if extractor is not None:
        features = np.concatenate([s.features[extractor[0]] for s in (real, synthetic)])
        gauges.add("kid", "features (KID)", "similar", Gauge(unbiased_mmd(cubic_kernel(features))))
    for name, factor in factors.items():
        gauges.add(name, factor.title, "similar", Gauge(factor.distance))
    scaled, kept = standardised(columns.values)
    if scaled.shape[1]:
        gauges.add("auc_numbers", "told apart by labels and light (AUC)", "indistinguishable", Gauge(auc_of(scaled)))
    if extractor is not None:
        told = auc_of(components(features))
        gauges.add("auc_features", "told apart by features (AUC)", "indistinguishable", Gauge(told))
        squared, units = squared_distances(features), unit_rows(features)
        gauges.add("density", "density", "varied", Gauge(density_of(squared), "low"))
        gauges.add("coverage", "coverage", "varied", Gauge(coverage_of(squared), "low"))
        gauges.add("vendi", "Vendi score", "varied", Gauge(vendi_of(units), "low", less_varied(units)))
        pairs = near_pairs([*real.hashes, *synthetic.hashes])
        repeated = Gauge(duplicates_of(pairs), "high", more_duplicates(pairs))
        gauges.add("near_duplicates", "share of near duplicates", "varied", repeated)
    met = circumstances(*tables) if has_labels and len(classes) > 1 else ()
    for circumstance in met:
        gauge = evenness_gauge(circumstance, *tables)
        gauges.add(f"even:{circumstance.name}", f"class x {TITLES[circumstance.name]}", "fair", gauge)
    found = standings(gauges.by_name, *sizes, deals)
    moved = {n: Gauge(f.moved) for n, f in factors.items() if f.moved is not None}
    beside = standings(moved, *sizes, 1)
    for name, (title, of) in gauges.titles.items():
        figures.append(_figure(name, title, of, found[name], factors.get(name), beside.get(name)))
    second = np.arange(sum(sizes)) >= sizes[0]
    giveaways, telling = _telling(scaled, [columns.titles[k] for k in kept], second, tables[1])
    return Likeness(
        real.name,
        synthetic.name,
        sizes,
        (tables[0].labels, tables[1].labels),
        classes,
        extractor,
        half_size(*sizes),
        tuple(figures),
        giveaways,
        telling,
        {c.name: {"title": TITLES[c.name], **parity_tables(c, *tables)} for c in met},
        tuple(_notes(real, synthetic, classes)),
    )


class _Gauges:
    """Figures that are to be judged together."""

    def __init__(self) -> None:
        self.by_name: dict[str, Gauge] = {}
        self.titles: dict[str, tuple[str, Property]] = {}

    def add(self, name: str, title: str, of: Property, gauge: Gauge) -> None:
        self.by_name[name], self.titles[name] = gauge, (title, of)


def _figure(
    name: str, title: str, of: Property, standing: Standing, factor: Factor | None, moved: Standing | None
) -> Figure:
    if factor is None:
        return Figure(name, title, of, standing)
    return Figure(
        factor.name, title, of, standing, factor.unit, moved, middles=factor.middles, shares=factor.shares
    )


def shared_classes(real: DatasetTable, synthetic: DatasetTable) -> tuple[str, ...]:
    """Classes that both have, in the order of the real set. Raises InputError where both have labels, and none."""
    shared = tuple(c for c in real.classes if c in synthetic.classes)
    if not shared and real.labels and synthetic.labels:
        raise InputError(
            f"{real.name} and {synthetic.name} have no class in common: {listed(real.classes)} against "
            f"{listed(synthetic.classes)}",
            f"{option('map')} REAL_CLASS=CLASS, for each, says which is which",
        )
    return shared


def _named_columns(tables: tuple[DatasetTable, DatasetTable], has_labels: bool, has_pixels: bool) -> Columns:
    count = sum(len(t.pictures) for t in tables)
    parts = [Columns((), np.zeros((count, 0)))]
    if has_labels:
        parts.append(label_columns(*tables))
    if has_pixels:
        parts.append(picture_columns(*tables))
    return joined(tuple(parts))


def _telling(
    scaled: Any, titles: list[str], second: Any, synthetic: DatasetTable
) -> tuple[tuple[Giveaway, ...], tuple[tuple[str, float], ...]]:
    """What the classifier goes by, and the synthetic pictures that it is surest of."""
    if not scaled.shape[1]:
        return (), ()
    told = tell_apart(scaled, second)
    order = [k for k in np.argsort(-told.importance, kind="stable")[:GIVE_AWAY] if told.importance[k] > 0]
    giveaways = tuple(
        Giveaway(
            titles[k],
            float(told.importance[k]),
            (float(scaled[~second, k].mean()), float(scaled[second, k].mean())),
        )
        for k in order
    )
    of_synthetic = told.probability[second]
    surest = np.argsort(-of_synthetic, kind="stable")[:MOST_TELLING]
    return giveaways, tuple((synthetic.pictures[k].file_name, float(of_synthetic[k])) for k in surest)


def _notes(real: SeenPictures, synthetic: SeenPictures, classes: tuple[str, ...]) -> Iterator[str]:
    for seen in (real, synthetic):
        if seen.unread:
            yield f"{len(seen.unread)} pictures of {seen.name} can't be read and are left out: {seen.unread[0]}"
        if seen.total > len(seen.table.pictures) + len(seen.unread):
            yield f"Of the {seen.total:,} pictures of {seen.name}, {len(seen.table.pictures):,} evenly chosen ones."
        if not seen.table.labels:
            yield f"{seen.name} has no labels: pictures alone are compared."
        if len(seen.table.pictures) < FEW:
            yield (
                f"{seen.name} has {len(seen.table.pictures)} pictures: so few tell large differences alone. That "
                f"nothing is found says little; a hundred and more say something."
            )
    for here, there in ((real, synthetic), (synthetic, real)):
        if here.table.labels and there.table.labels and (alone := [c for c in here.table.classes if c not in classes]):
            yield (
                f"Classes of {here.name} alone, whose labels are left out: {listed(alone)}. If they have another name "
                f"in {there.name}: {option('map')} REAL_CLASS=CLASS."
            )
    if len(classes) == 1 and real.table.labels and synthetic.table.labels:
        yield f"{classes[0]} is the only class of both: shares of classes and fairness to them can't be asked for."
    if not sizes_alike(real.table, synthetic.table):
        sizes = ["{} x {}".format(*_usual(s.table)) for s in (real, synthetic)]
        yield (
            f"Pictures of {real.name} usually have {sizes[0]} pixels, those of {synthetic.name} {sizes[1]}: boxes are "
            f"compared as shares of the picture, and all pictures are measured at {real.edge_px} pixels."
        )


def _usual(table: DatasetTable) -> tuple[int, int]:
    sizes = [p.resolution_wh for p in table.pictures]
    return max(sorted(set(sizes)), key=sizes.count)
