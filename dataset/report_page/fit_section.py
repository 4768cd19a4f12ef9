"""What a report says of the fit that a dataset's config came of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.analysis.dataset_table import DatasetTable
from scanstage.dataset.analysis.label_summaries import SUMMARY_TITLES
from scanstage.dataset.appearance.backgrounds import background_words
from scanstage.dataset.appearance.pixel_summaries import APPEARANCE_TITLES
from scanstage.dataset.fitting.fit_record import (
    FIT_FILE,
    TOLD_APART,
    FitRecord,
    RecordedAppearance,
    RecordedTest,
    RecordedValue,
    read_fit,
)
from scanstage.dataset.fitting.term_words import term_words
from scanstage.dataset.records.run_file import RunFile

MOST_CLASSES = 60
Json = dict[str, Any]


def fit_of_run(run: RunFile) -> FitRecord | None:
    """The fit whose config a dataset was made of: the one beside that config, if both say the same of a value at least.

    None where there is none: the folder is gone, on another machine, or fitted anew since.
    """
    folder = run.command.folder
    try:
        if folder is None or not (folder / FIT_FILE).is_file():
            return None
        found = read_fit(folder / FIT_FILE)
    except (InputError, OSError, ValueError):
        return None
    return found if is_of_run(found, run) else None


def named_fit(place: Path) -> FitRecord:
    """The fit of a folder, or of its file. Raises InputError where there is none."""
    return read_fit(place / FIT_FILE if place.is_dir() else place)


def is_of_run(fit: FitRecord, run: RunFile) -> bool:
    """Whether a run's config says the same as a fit of anything that was fitted."""
    moved = [v for v in fit.values if v.said is not None]
    if any(_in_run(v, run.config) == term_words(v.said) for v in moved):
        return True
    assets = run.config.get("assets")
    weights = assets.get("classes") if isinstance(assets, dict) else None
    return fit.classes.weights is not None and weights == fit.classes.weights


def _in_run(value: RecordedValue, config: Mapping[str, Any]) -> str:
    """What a run's config says of a value, in words."""
    variables = config.get("variables")
    if isinstance(variables, dict) and value.variable in variables:
        return term_words(variables[value.variable])
    found: Any = config
    for key in value.key.split("."):
        try:
            found = found[int(key)] if isinstance(found, list) else found[key]
        except (LookupError, TypeError, ValueError):
            return "not said"
    return "not said" if found is None else term_words(found)


def fit_facts(fit: FitRecord, run: RunFile, table: DatasetTable) -> Json:
    """The section, as the report's facts have it."""
    values = _values(fit.values, run)
    here = dict(zip(table.classes, table.counts.sum(axis=0).tolist(), strict=True))
    classes = [
        {
            "name": name,
            "photos": 0.0 if name in fit.classes.unseen else share,
            "here": here.get(name, 0) / max(1, table.labels),
        }
        for name, share in sorted(fit.classes.photos.items(), key=lambda pair: -pair[1])[:MOST_CLASSES]
    ]
    kinds = fit.classes.kinds
    appearance = _appearance(fit.appearance, run)
    every = [*values, *(appearance["values"] if appearance else ())]
    return {
        "date": fit.date,
        "base": Path(fit.base).name,
        "photos": {
            "name": fit.photos.name,
            "fitted": fit.photos.fitted,
            "held_out": fit.photos.held_out,
            "labels": fit.photos.labels,
        },
        "values": values,
        "changed": sum(v["now"] is not None for v in every),
        "kinds": dict(fit.kinds),
        "classes": classes,
        "more_classes": max(0, len(fit.classes.photos) - MOST_CLASSES),
        "parity": None
        if kinds is None or kinds.weights is None
        else {"before": kinds.impact[0], "after": kinds.impact[1], "evened": kinds.evened > 0},
        "tested": _tested(fit.tested, SUMMARY_TITLES),
        "appearance": appearance,
        "notes": [*fit.photos.notes, *fit.notes],
    }


def _values(values: Sequence[RecordedValue], run: RunFile) -> list[Json]:
    found = []
    for value in values:
        said = None if value.said is None else term_words(value.said)
        now = _in_run(value, run.config)
        found.append(
            {
                "key": value.key,
                "explained": max(0.0, value.explained),
                "determined": value.determined,
                "said": said,
                "mean": value.mean,
                "mean_90": None if value.mean_90 is None else list(value.mean_90),
                "now": now if said is not None and now != said else None,
            }
        )
    return found


def _tested(tested: RecordedTest, titles: Mapping[str, str]) -> Json:
    return {
        "held_out": tested.held_out,
        "before": tested.before.auc,
        "after": tested.after.auc,
        "told_apart": tested.after.auc > TOLD_APART,
        "copies": tested.copies,
        "giveaways": [titles.get(name, name) for name, _ in tested.giveaways],
    }


def _appearance(found: RecordedAppearance | None, run: RunFile) -> Json | None:
    if found is None:
        return None
    return {
        "left": found.left,
        "photos": found.photos,
        "rendered": found.rendered,
        "values": _values(found.values, run),
        "backgrounds": background_words({n: b.above for n, b in found.backgrounds.items() if b.differs}),
        "tested": None if found.tested is None else _tested(found.tested, APPEARANCE_TITLES),
    }
