"""Hidden configs, whose pictures `scanstage fit` is given as if they were photos: what it should find is known."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.dataset.analysis.dataset_table import DatasetTable
from scanstage.dataset.likeness.compared_pictures import picked
from scanstage.render.commands.like_photos.fit_labels import KIND, BaseConfig, LabelFit, plan_of
from scanstage.render.commands.like_photos.fitted_yaml import fitted_config
from scanstage.scenes.bank.free_values import FreeValue, free_values, set_value
from scanstage.scenes.config.load import check_config

CLASSES = ("apple", "bottle", "can", "carton", "mug")
BASE: dict[str, Any] = {
    "seed": 7,
    "assets": {"source": "samples", "classes": dict.fromkeys(CLASSES, 1.0)},
    "objects": {
        "count": {"integer": [3, 6]},
        "placement": {"kind": "upright", "density": {"uniform": [0.15, 0.35]}},
    },
    "stage": {"kind": "table"},
    "light": {"hdri": {"image": "builtin:studio"}},
    "camera": {"resolution": [320, 240], "azimuth_deg": {"uniform": [0, 360]}},
}
MUTE = {
    "camera.azimuth_deg": (0.0, 360.0),
    "camera.exposure_bias_ev": (-1.0, 1.0),
    "camera.blur_px": (0.0, 2.0),
    "camera.vignetting": (0.0, 0.5),
}
"""Values that labels can't tell, with their ranges."""
SPARE = 1.08
"""Some pictures can't be planned."""
MOST_LABELS = 8
"""In a hidden picture: decides the range of counts."""


@dataclass(frozen=True)
class Truth:
    """Of one hidden value: mean and standard deviation across its range, from 0 to 1."""

    value: FreeValue
    mean: float
    spread: float


def as_base(data: Mapping[str, Any]) -> BaseConfig:
    """A config of these classes, checked."""
    return BaseConfig(data, check_config(data, (), Path.cwd()), Path.cwd(), CLASSES)


def rows(table: DatasetTable, first: int, last: int) -> DatasetTable:
    """Some of a table's pictures."""
    return picked(table, np.arange(first, min(last, len(table.pictures))))


def planned(config: BaseConfig, count: int) -> DatasetTable:
    """Boxes of so many pictures of a config."""
    return rows(plan_of(config, round(count * SPARE), True), 0, count)


def base_config() -> tuple[BaseConfig, tuple[FreeValue, ...]]:
    """The config before the fit, with what labels can't tell among what is free."""
    plain = check_config(BASE, (), Path.cwd())
    told = free_values(plain, MOST_LABELS)
    data = copy.deepcopy(BASE)
    data["fit"] = {"free": {v.path: [v.low, v.high] for v in told} | {k: list(r) for k, r in MUTE.items()}}
    base = as_base(data)
    return base, free_values(base.config, MOST_LABELS)


def hide(base: BaseConfig, free: Sequence[FreeValue], rng: np.random.Generator) -> tuple[BaseConfig, list[Truth]]:
    """A config whose distributions are drawn, and what these are."""
    data, truths = copy.deepcopy(dict(base.data)), []
    data.pop("fit")
    data["seed"] = int(rng.integers(1 << 31))
    data["assets"]["classes"] = {
        c: float(f"{w:.3g}") for c, w in zip(CLASSES, rng.uniform(0.3, 1, len(CLASSES)), strict=True)
    }
    for value in free:
        term, mean, spread = draw_term(value, rng)
        data.setdefault("variables", {})[value.name] = term
        set_value(data, base.config, value.path, {"var": value.name})
        truths.append(Truth(value, mean, spread))
    return as_base(data), truths


def draw_term(value: FreeValue, rng: np.random.Generator) -> tuple[Any, float, float]:
    """A distribution, and its mean and standard deviation across the range of a value."""
    width = rng.uniform(0.25, 0.8)
    low = rng.uniform(0, 1 - width)
    if value.kind == "whole":
        first, last = value.from_unit(low), value.from_unit(low + width)
        return {"integer": [first, last]}, *moments(value.to_unit(range(first, last + 1)))
    if rng.random() < 0.5:
        ends = [value.from_unit(low), value.from_unit(low + width)]
        even = np.linspace(low, low + width, 10_001)
        return {"log_uniform" if value.is_log else "uniform": ends}, *moments(even)
    mean, std = value.from_unit(rng.uniform(0.2, 0.8)), rng.uniform(0.06, 0.25) * (value.high - value.low)
    drawn = np.random.default_rng(5).normal(mean, std, 400_000)
    drawn = drawn[(drawn >= value.low) & (drawn <= value.high)]
    term = {"normal": {"mean": mean, "std": std, "min": value.low, "max": value.high}}
    return term, *moments(value.to_unit(drawn))  # type: ignore[arg-type]


def moments(units: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Mean and standard deviation."""
    return float(units.mean()), float(units.std())


def after_fit(base: BaseConfig, fit: LabelFit, seed: int | None = None) -> BaseConfig:
    """What a fit makes of a config; with a seed of its own, or the config's."""
    mix = {"assets.classes": fit.class_weights()}
    data = fitted_config(base.data, base.config, fit.chosen(), mix, (KIND, fit.kinds), (base.folder, base.folder))
    if seed is not None:
        data = {**data, "seed": seed}
    return as_base(data)
