"""The part of a fit that goes by labels alone: from a config and labels of photos to what the config should draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import numpy as np

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.analysis.dataset_table import DatasetTable
from scanstage.dataset.analysis.label_summaries import TypicalLabels
from scanstage.dataset.fitting.bank_table import ComparedLabels, bank_table
from scanstage.dataset.fitting.class_mix import ClassMix, class_mix, class_shares
from scanstage.dataset.fitting.config_terms import ConfigTerm, config_term, joined_term
from scanstage.dataset.fitting.fit_values import Bools, FitTask, Floats, FoundValues, fit_values
from scanstage.dataset.fitting.kind_mix import KindMix, kind_mix, yields_by_kind
from scanstage.dataset.fitting.matching.usual_values import USUAL_SPREAD
from scanstage.render.bookkeeping.progress import OnProgress, Progress, ignore_progress
from scanstage.scenes.bank.free_values import FreeValue, free_values, open_config, usual_moments
from scanstage.scenes.bank.plan_bank import ArrangementTask, plan_bank
from scanstage.scenes.bank.planned_labels import PlannedLabels
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_planner

KIND = "kind_of_picture"
"""Variable by which values go along with each other."""


@dataclass(frozen=True)
class BaseConfig:
    """A config that is to be fitted.

    Attributes:
        data: its keys, as its YAML has them.
        config: the same, checked.
        folder: that its relative paths start from.
        classes: labelled ones.
    """

    data: Mapping[str, Any]
    config: RunConfig
    folder: Path
    classes: Sequence[str]


@dataclass(frozen=True)
class LabelFit:
    """What labels ask for.

    Attributes:
        found: values, and the planned pictures.
        typical: of classes, by which pictures were compared.
        terms: what the config is to say, by key, of values that moved.
        kinds: of pictures that are told apart, and their shares; empty where there is one only.
        mix: how often classes are to be picked.
        kind_mix: the same by kinds of pictures; None where there is one only, or the config balances classes.
        failed: pictures that couldn't be planned.
    """

    found: FoundValues[PlannedLabels]
    typical: TypicalLabels
    terms: Mapping[str, ConfigTerm]
    kinds: Mapping[str, float]
    mix: ClassMix
    kind_mix: KindMix | None
    failed: int

    def chosen(self) -> list[tuple[FreeValue, Any]]:
        """Values that moved, and what the config is to say of each."""
        values = [v.value for v in self.found.values]
        return [(v, self.terms[v.path].value) for v in values if v.path in self.terms]

    def class_weights(self) -> dict[str, Any] | None:
        """What the config is to say of how often classes are picked; None: as it does."""
        if self.kind_mix is not None and self.kind_mix.weights is not None:
            names = list(self.kinds)
            return {
                c: {"switch": {"by": KIND, "cases": dict(zip(names, weights, strict=True))}}
                for c, weights in self.kind_mix.weights.items()
            }
        return None if self.mix.weights is None else dict(self.mix.weights)


def fit_labels(
    base: BaseConfig,
    photos: DatasetTable,
    groups: Sequence[int],
    bank: int,
    workers: int = 0,
    on_progress: OnProgress = ignore_progress,
) -> LabelFit:
    """Find what a config should draw.

    Args:
        base: the config.
        photos: their labels, of the config's classes; none without any.
        groups: (n,) which photos belong together.
        bank: pictures to plan.
        workers: processes that plan; 0 chooses.
        on_progress: told of pictures that are planned.

    Raises InputError for keys that can't be free, and where no picture can be planned.
    """
    config = base.config
    free = free_values(config, int(photos.counts.sum(axis=1).max()))
    independent = len(set(groups)) / len(groups)
    picked = {} if config.balance is not None else class_shares(photos, base.classes, independent)
    planner = open_planner(open_config(base.data, base.folder, config, free, picked), base.folder)
    planning = _Planning(planner, free, workers, on_progress, bank)
    usual = np.array([usual_moments(config, value) for value in free])
    kinds = config.fit is None or config.fit.joint == "tree"
    compared = ComparedLabels(base.classes, photos)
    task = FitTask(free, usual, compared, groups, bank, seed=config.seed, kinds=kinds, spread=USUAL_SPREAD)
    found = fit_values(task, planning.plan)
    shares = found.shape.shares(found.theta)
    names = tuple(ascii_lowercase[: len(shares)])
    terms = {}
    for i, k in enumerate(found.axes):
        each = [config_term(found, i, kind) for kind in range(len(shares))]
        terms[found.values[k].value.path] = joined_term(each, shares, names, KIND)
    told = {name: round(float(share), 3) for name, share in zip(names, shares, strict=True)} if len(names) > 1 else {}
    is_evenly = not isinstance(config.assets.classes, dict)
    mix = class_mix(photos, base.classes, found.pictures, found.weights(), is_evenly, independent)
    by_kind = None
    if told and config.balance is None:
        belongs = found.shape.belonging(found.theta, found.bank.units)
        yields = yields_by_kind(found.pictures, found.weights(), belongs, base.classes)
        parity = (0.0, 1.0) if config.fit is None else (config.fit.parity.weight, config.fit.parity.slack)
        by_kind = kind_mix(photos, found.belongs, base.classes, yields, parity, config.seed)
    return LabelFit(found, compared.typical(found.pictures[: found.first]), terms, told, mix, by_kind, planning.failed)


def plan_of(
    base: BaseConfig, count: int, boxes_alone: bool, workers: int = 0, on_progress: OnProgress = ignore_progress
) -> DatasetTable:
    """Labels of pictures of a config as a run would plan them, but for balance and empty ones.

    Args:
        base: the config.
        count: of pictures.
        boxes_alone: leave masks out of account, as where photos have none.
        workers: processes that plan; 0 chooses.
        on_progress: told how far it has come.
    """
    planner = open_planner(open_config(base.data, base.folder, base.config, (), {}), base.folder)
    pictures: list[PlannedLabels] = []
    tasks = [ArrangementTask(i, {}, [{}]) for i in range(count)]
    for done, rows in enumerate(plan_bank(planner, tasks, workers), 1):
        pictures += [p for p in rows if p.class_names]
        on_progress(Progress("planning", count, done, done))
    return bank_table("planned", base.classes, pictures, boxes_alone)


class _Planning:
    """Plans what a fit asks for, and counts."""

    def __init__(
        self, planner: Planner, free: Sequence[FreeValue], workers: int, on_progress: OnProgress, total: int
    ) -> None:
        self._planner, self._free, self._workers = planner, free, workers
        self._on_progress, self._total = on_progress, total
        self._arrangements = 0
        self.made = self.failed = 0

    def plan(self, arrangements: Floats, cameras: Floats, chosen: Bools) -> list[PlannedLabels]:
        """See :data:`fit_values.PlanPictures`."""
        own = [k for k, value in enumerate(self._free) if chosen[k] and not value.of_camera]
        seen = [k for k, value in enumerate(self._free) if chosen[k] and value.of_camera]
        tasks = [
            ArrangementTask(
                self._arrangements + i,
                {self._free[k].name: self._free[k].from_unit(row[k]) for k in own},
                [{self._free[k].name: self._free[k].from_unit(camera[k]) for k in seen} for camera in views],
            )
            for i, (row, views) in enumerate(zip(arrangements, cameras, strict=True))
        ]
        self._arrangements += len(tasks)
        found: list[PlannedLabels] = []
        for task, pictures in zip(tasks, plan_bank(self._planner, tasks, self._workers), strict=True):
            found += pictures
            self.made += len(task.cameras)
            self.failed += len(task.cameras) - len(pictures)
            self._on_progress(Progress("planning", self._total, self.made, self.made))
        if not found:
            raise InputError(
                "none of the pictures that were planned for the fit could be", "`scanstage plan --stats` says why"
            )
        self._on_progress(Progress("fitting", self._total, self.made, self.made))
        return found
