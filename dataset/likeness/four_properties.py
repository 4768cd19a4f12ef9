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
from scanstage.dataset.analysis.dataset_table import DatasetTable, Floats
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
from scanstage.dataset.likeness.evenness import TITLES, Circumstance, circumstances, evenness_gauge, parity_tables
from scanstage.dataset.likeness.null_bands import (
    DEALS,
    DRAWS,
    SPLITS,
    SURE,
    Bools,
    Gauge,
    Standing,
    Verdict,
    half_size,
    standings,
)
from scanstage.dataset.likeness.spread import (
    density_and_coverage_of,
    duplicates_of,
    less_spread,
    less_varied,
    more_duplicates,
    near_pairs,
    spread_ratio,
    unit_rows,
    vendi_of,
)
from scanstage.dataset.likeness.two_sample import cubic_kernel, gaussian_kernels, squared_distances, unbiased_mmd

FORMAT = 1
FEW = 40
"""Real pictures, or synthetic ones, below which only large differences can be found."""
GIVE_AWAY, MOST_TELLING = 5, 5
TELLS = 0.01
"""By how much the area has to fall without a number for it to be named."""
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
            "extractor": None if self.extractor is None else {"name": self.extractor[0], "sha256": self.extractor[1]},
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


@dataclass(frozen=True)
class Gathered:
    """What two sets are compared by, before anything is judged.

    Attributes:
        tables: of real and synthetic pictures, with labels of the classes that both have.
        gauges: by name.
        titles: of these, and the property that each is of.
        factors: those of the gauges that are of one number of labels or pictures, by the same names.
        met: circumstances that classes meet.
        named: columns of each picture that have a name; empty where there are none.
    """

    tables: tuple[DatasetTable, DatasetTable]
    gauges: Mapping[str, Gauge]
    titles: Mapping[str, tuple[str, Property]]
    factors: Mapping[str, Factor]
    met: tuple[Circumstance, ...]
    named: Columns


def gather(real: SeenPictures, synthetic: SeenPictures, extractor: str | None = None) -> Gathered:
    """All figures of two sets.

    Args:
        real, synthetic: measured at the same edge.
        extractor: name of the one whose features are compared; None compares labels alone.

    Raises InputError where both have labels, and no class in common.
    """
    classes = shared_classes(real.table, synthetic.table)
    tables = of_classes(real.table, classes), of_classes(synthetic.table, classes)
    has_labels = all(t.labels for t in tables)
    gauges: dict[str, tuple[str, Property, Gauge]] = {}
    if has_labels:
        labels = standardised(label_columns(*tables).values)[0]
        kernel = unbiased_mmd(gaussian_kernels(labels))
        gauges["mmd"] = "labels of a picture (MMD²)", "similar", Gauge(kernel)
        spread = Gauge(spread_ratio(labels), "low", less_spread(labels))
        gauges["labels_spread"] = "spread of labels (by real ones')", "varied", spread
    factors = {f"factor:{f.name}": f for f in factors_of(*tables)}
    gauges |= {name: (f.title, "similar", Gauge(f.distance)) for name, f in factors.items()}
    named = _named_columns(tables, has_labels, bool(real.features and synthetic.features))
    if named.titles:
        gauges["auc_numbers"] = "told by labels and light (AUC)", "indistinguishable", Gauge(auc_of(named.values))
    if extractor is not None:
        features = np.concatenate([s.features[extractor] for s in (real, synthetic)])
        gauges |= _of_features(features, [*real.hashes, *synthetic.hashes])
    met = circumstances(*tables) if has_labels and len(classes) > 1 else ()
    for c in met:
        gauges[f"even:{c.name}"] = f"class x {TITLES[c.name]}", "fair", evenness_gauge(c, *tables)
    by_name = {name: gauge for name, (_, _, gauge) in gauges.items()}
    titles = {name: (title, of) for name, (title, of, _) in gauges.items()}
    return Gathered(tables, by_name, titles, factors, met, named)


def _of_features(features: Floats, hashes: list[int | None]) -> dict[str, tuple[str, Property, Gauge]]:
    units, pairs = unit_rows(features), near_pairs(hashes)
    density, coverage = density_and_coverage_of(squared_distances(features))
    vendi = Gauge(vendi_of(units), "low", less_varied(units))
    repeated = Gauge(duplicates_of(pairs), "high", more_duplicates(pairs))
    return {
        "kid": ("features (KID)", "similar", Gauge(unbiased_mmd(cubic_kernel(features)))),
        "auc_features": (
            "told by features (AUC)",
            "indistinguishable",
            Gauge(auc_of(components(features))),
        ),
        "density": ("density", "varied", Gauge(density, "low")),
        "coverage": ("coverage", "varied", Gauge(coverage, "low")),
        "vendi": ("Vendi score", "varied", vendi),
        "near_duplicates": ("share of near duplicates", "varied", repeated),
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
    gathered = gather(real, synthetic, None if extractor is None else extractor[0])
    tables, factors = gathered.tables, gathered.factors
    sizes = len(tables[0].pictures), len(tables[1].pictures)
    found = standings(gathered.gauges, *sizes, deals)
    beside = standings({n: Gauge(f.moved) for n, f in factors.items() if f.moved is not None}, *sizes, deals=0)
    figures = tuple(
        _figure(name, title, of, found[name], factors.get(name), beside.get(name))
        for name, (title, of) in gathered.titles.items()
    )
    giveaways, telling = _telling(gathered.named, np.arange(sum(sizes)) >= sizes[0], tables[1])
    return Likeness(
        real.name,
        synthetic.name,
        sizes,
        (tables[0].labels, tables[1].labels),
        tables[0].classes,
        extractor,
        half_size(*sizes),
        figures,
        giveaways,
        telling,
        {c.name: {"title": TITLES[c.name], **parity_tables(c, *tables)} for c in gathered.met},
        tuple(_notes(real, synthetic, tables[0].classes)),
    )


def _figure(
    name: str, title: str, of: Property, standing: Standing, factor: Factor | None, moved: Standing | None
) -> Figure:
    if factor is None:
        return Figure(name, title, of, standing)
    return Figure(factor.name, title, of, standing, factor.unit, moved, middles=factor.middles, shares=factor.shares)


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
    """Standardised; those that are the same everywhere are left out."""
    parts = [
        *([label_columns(*tables)] if has_labels else []),
        *([picture_columns(*tables)] if has_pixels else []),
    ]
    if not parts:
        return Columns((), np.zeros((sum(len(t.pictures) for t in tables), 0)))
    both = joined(tuple(parts))
    scaled, kept = standardised(both.values)
    return Columns(tuple(both.titles[k] for k in kept), scaled)


def _telling(
    named: Columns, second: Bools, synthetic: DatasetTable
) -> tuple[tuple[Giveaway, ...], tuple[tuple[str, float], ...]]:
    """What the classifier goes by, and the synthetic pictures that it is surest of."""
    if not named.titles:
        return (), ()
    told, values = tell_apart(named.values, second), named.values
    order = [k for k in np.argsort(-told.importance, kind="stable")[:GIVE_AWAY] if told.importance[k] >= TELLS]
    giveaways = tuple(
        Giveaway(
            named.titles[k],
            float(told.importance[k]),
            (float(values[~second, k].mean()), float(values[second, k].mean())),
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
        labels = here.table.counts.sum(axis=0)
        alone = [c for c, n in zip(here.table.classes, labels, strict=True) if n and c not in classes]
        if alone and there.table.labels:
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
