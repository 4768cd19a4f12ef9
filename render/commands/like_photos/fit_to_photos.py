"""``scanstage fit``: what a config should draw, for its labels to be distributed like those of photos."""

from __future__ import annotations

import datetime
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.machine.blas_threads import use_one_blas_thread
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.analysis.dataset_table import DatasetTable
from scanstage.dataset.analysis.label_summaries import has_masks
from scanstage.dataset.fitting.bank_table import bank_table
from scanstage.dataset.fitting.class_mix import ClassMix, class_mix, class_shares
from scanstage.dataset.fitting.config_terms import ConfigTerm, config_term
from scanstage.dataset.fitting.fit_values import ROUNDS, Bools, FitTask, Floats, FoundValues, fit_values
from scanstage.dataset.fitting.overfitting import FitTest, judge_fit
from scanstage.dataset.likeness.photo_snapshot import FILE_NAME
from scanstage.render.bookkeeping.progress import OnProgress, Progress, ignore_progress
from scanstage.render.commands.like_photos.fitted_yaml import fitted_config, yaml_text
from scanstage.render.commands.like_photos.read_photos import FitPhotos, read_photos
from scanstage.scenes.bank.free_values import FreeValue, free_values, open_config, set_value, usual_moments
from scanstage.scenes.bank.plan_bank import ArrangementTask, plan_bank
from scanstage.scenes.bank.planned_labels import PlannedLabels
from scanstage.scenes.config.load import check_config, load_config, plain_config
from scanstage.scenes.config.sections.fit_settings import FitSettings
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_planner

CONFIG, FACTS = "config.yaml", "fit.json"
FORMAT = 1
TRIED = 300
"""Pictures of the fitted config, and of the one before, that are planned to test the fit."""
ROUND_NAMES = ("over all of the ranges", "near what was found", "nearer")
SAME_SHAPE = 0.02
"""Of aspects, by their logarithm."""


@dataclass(frozen=True)
class FitOptions:
    """How a config is fitted.

    Attributes:
        photos: folder of the photos; None looks for it.
        overrides: of the config, ``dotted.path=value`` each.
        workers: processes that plan; 0 chooses.
        date: of the snapshot, ISO 8601; None is today.
    """

    photos: Path | None = None
    overrides: tuple[str, ...] = ()
    workers: int = 0
    date: str | None = None


@dataclass(frozen=True)
class Fit:
    """What was written.

    Attributes:
        config: the fitted config's file.
        facts: all figures, as ``fit.json`` has them.
    """

    config: Path
    facts: dict[str, Any]


def fit_to_photos(
    real: Path, config: Path, out: Path, options: FitOptions, on_progress: OnProgress = ignore_progress
) -> Fit:
    """Fit a config to photos, and write the result, all figures and a snapshot of the photos into a folder.

    Args:
        real: COCO file of the photos.
        config: to be fitted.
        out: folder to write into.
        options: how.
        on_progress: told how far it has come.

    Raises InputError where photos or config can't be used, OSError where the folder can't be written.
    """
    use_one_blas_thread()
    on_progress(Progress("reading scans"))
    data, base = plain_config(config, options.overrides), config.resolve().parent
    before = load_config(config, list(options.overrides))
    settings = before.fit or FitSettings()
    classes = open_planner(before, base).catalogue.classes
    date = options.date or datetime.date.today().isoformat()
    photos = read_photos(real, options.photos, classes, settings.map, settings.holdout, date, on_progress)
    _check_writable(out)
    size = _size(before, photos)
    shaped = {**data, "camera": {**(data.get("camera") or {}), "resolution": list(size)}}
    shaped = _with_fixed(shaped, before, settings, base)
    before = check_config(shaped, (), base)
    free = free_values(before, int(photos.fitted.counts.sum(axis=1).max()))
    picked = {} if before.balance is not None else class_shares(photos.fitted, classes)
    planner = open_planner(open_config(shaped, base, before, free, picked), base)
    planning = _Planning(planner, free, options.workers, on_progress, settings.bank)
    task = FitTask(
        free,
        np.array([usual_moments(before, value) for value in free]),
        classes,
        photos.fitted,
        photos.groups.tolist(),
        settings.bank,
        seed=before.seed,
    )
    found = fit_values(task, planning.plan)
    on_progress(Progress("comparing", 1))
    terms = {value.value.path: config_term(found, i) for i, value in enumerate(found.values[k] for k in found.axes)}
    mix = class_mix(
        photos.fitted, classes, found.pictures, found.weights(), not isinstance(before.assets.classes, dict)
    )
    chosen = [(v.value, terms[v.value.path].value) for v in found.values if v.value.path in terms]
    others = _others(before, photos, mix, size, data)
    fitted = fitted_config(shaped, before, chosen, others, (base, out))
    after = check_config(fitted, (), out.resolve())
    sides = ((shaped, before, base), (fitted, after, out.resolve()))
    tested = _test(photos, found, sides, classes, options.workers, on_progress)
    facts = _facts(photos, settings, found, terms, mix, tested, date, config, planning.failed)
    write_atomically(out / FACTS, (json.dumps(facts, indent=1) + "\n").encode("utf-8"))
    photos.snapshot.write(out / FILE_NAME)
    write_atomically(out / CONFIG, yaml_text(fitted, _header(facts)).encode("utf-8"))
    return Fit(out / CONFIG, facts)


def _check_writable(out: Path) -> None:
    """Before minutes are spent. Raises InputError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as e:
        said = "is a file" if isinstance(e, FileExistsError) else e.strerror
        raise InputError(f"{option('out')} {out}: can't be written into: {said}", "name another folder") from None


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


def _size(config: RunConfig, photos: FitPhotos) -> tuple[int, int]:
    """The config's size of pictures, in the photos' shape."""
    width, height = config.camera.resolution
    real = photos.resolution_wh[0] / photos.resolution_wh[1]
    if config.camera.intrinsics is not None or abs(np.log(real * height / width)) <= SAME_SHAPE:
        return width, height
    pixels = width * height
    return max(16, round((pixels * real) ** 0.5 / 2) * 2), max(16, round((pixels / real) ** 0.5 / 2) * 2)


def _with_fixed(data: Mapping[str, Any], config: RunConfig, settings: FitSettings, base: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(dict(data)))
    for path, value in settings.fixed.items():
        if value == "exif":
            raise InputError(f"fit.fixed: {path}: exif is not read yet", "give the value itself")
        set_value(found, config, path, value)
    return found


def _others(
    config: RunConfig, photos: FitPhotos, mix: ClassMix, size: tuple[int, int], data: Mapping[str, Any]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if tuple(config.camera.resolution) != tuple((data.get("camera") or {}).get("resolution") or ()):
        found["camera.resolution"] = list(size)
    if config.balance is None:
        if mix.weights is not None:
            found["assets.classes"] = dict(mix.weights)
        found["negatives"] = round(photos.negatives, 3)
    return found


def _test(
    photos: FitPhotos,
    found: FoundValues,
    sides: Sequence[tuple[Mapping[str, Any], RunConfig, Path]],
    classes: Sequence[str],
    workers: int,
    on_progress: OnProgress,
) -> FitTest:
    """Plan pictures of both configs as runs would, and compare them with photos that are fitted, and with the rest."""
    tables: list[DatasetTable] = []
    for data, config, base in sides:
        planner = open_planner(open_config(data, base, config, (), {}), base)
        tasks = [ArrangementTask(i, {}, [{}]) for i in range(TRIED)]
        pictures: list[PlannedLabels] = []
        for rows in plan_bank(planner, tasks, workers):
            pictures += [p for p in rows if p.class_names]
            on_progress(Progress("planning", TRIED, len(pictures), len(pictures)))
        tables.append(bank_table("planned", classes, pictures, not has_masks(photos.fitted)))
    return judge_fit(photos.fitted, photos.held, tables[0], tables[1], found.typical)


def _facts(
    photos: FitPhotos,
    settings: FitSettings,
    found: FoundValues,
    terms: Mapping[str, ConfigTerm],
    mix: ClassMix,
    tested: FitTest,
    date: str,
    config: Path,
    failed: int,
) -> dict[str, Any]:
    values = []
    for fitted in found.values:
        value, term = fitted.value, terms.get(fitted.value.path)
        entry: dict[str, Any] = {
            "key": value.path,
            "range": list(value.options) if value.kind == "choice" else [value.low, value.high],
            "scale": "log" if value.is_log else "linear",
            "explained": round(fitted.explained, 3),
            "determined": fitted.determined,
            "is": None if term is None else term.value,
        }
        if term is not None and value.kind != "choice":
            entry |= {
                "mean": _in_units(value, fitted.mean),
                "mean_90": [_in_units(value, v) for v in fitted.mean_interval],
                "spread_of_range": round(fitted.deviation, 4),
                "spread_of_range_90": [round(v, 4) for v in fitted.deviation_interval],
            }
        values.append(entry)
    return {
        "kind": "scanstage fit",
        "format": FORMAT,
        "date": date,
        "base": str(config),
        "photos": {
            "name": photos.name,
            "fitted": len(photos.fitted.pictures),
            "labels": photos.fitted.labels,
            "held_out": len(photos.held.pictures),
            "independent": len(np.unique(photos.groups)),
            "without_labels": round(photos.negatives, 4),
            "notes": list(photos.notes),
        },
        "values": values,
        "classes": {
            "photos": {c: round(s, 4) for c, s in mix.shares.items()},
            "yield": {c: round(y, 3) for c, y in mix.yields.items()},
            "weights": None if mix.weights is None else dict(mix.weights),
            "unseen": list(mix.unseen),
        },
        "bank": {
            "planned": len(found.pictures),
            "failed": failed,
            "effective": round(found.match.effective),
            "rounds": len(ROUNDS),
        },
        "misfit": {"found": round(found.match.misfit, 1), "expected": found.freedom},
        "tested": tested.to_json(),
    }


def _in_units(value: FreeValue, unit: float) -> float:
    """A place in the range, in the value's own units."""
    if value.kind == "whole":
        return float(f"{value.low + unit * value.cells - 0.5:.4g}")
    return float(f"{value.from_unit(unit):.4g}")


def _header(facts: Mapping[str, Any]) -> list[str]:
    photos = facts["photos"]
    lines = [
        f"Fitted by scanstage on {facts['date']} to {photos['fitted']} photos ({photos['name']}), "
        f"from {Path(facts['base']).name}.",
        "What labels tell of each value (share of its variance), and its mean with a 90 % interval:",
        "",
    ]
    for value in facts["values"]:
        told = f"{value['explained']:.2f}" if value["explained"] > 0 else "nothing"
        if value["is"] is None:
            lines.append(f"  {value['key']}: {told}: not determined, stays as it was")
            continue
        mark = "" if value["determined"] else "; hardly determined"
        mean = f"; {value['mean']:g} ({value['mean_90'][0]:g} to {value['mean_90'][1]:g})" if "mean" in value else ""
        lines.append(f"  {value['key']}: {told}{mean}{mark}")
    return [
        *lines,
        "",
        "All figures: fit.json. What the photos were like that day, for `scanstage drift`: reference.json.",
    ]
