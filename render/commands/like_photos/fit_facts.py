"""What a fit found, as ``fit.json`` has it, and as the fitted config's first lines say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from scanstage.dataset.fitting.config_terms import ConfigTerm
from scanstage.dataset.fitting.fit_record import FORMAT, KIND_OF_FILE
from scanstage.dataset.fitting.fit_values import ROUNDS, FittedValue
from scanstage.dataset.fitting.overfitting import FitTest
from scanstage.render.commands.like_photos.fit_appearance import AppearanceFit
from scanstage.render.commands.like_photos.fit_labels import LabelFit
from scanstage.render.commands.like_photos.read_photos import FitPhotos
from scanstage.scenes.bank.free_values import FreeValue

FEWEST_PLANNED = 1000
"""Pictures that have to be planned for intervals to hold about as often as they say."""


def label_facts(photos: FitPhotos, fit: LabelFit, tested: FitTest, date: str, base: str) -> dict[str, Any]:
    """What labels told.

    Args:
        photos: that it was fitted to.
        fit: what was found.
        tested: how that compares with photos that were kept out.
        date: of the fit, ISO 8601.
        base: name of the config before.
    """
    found, mix = fit.found, fit.mix
    return {
        "kind": KIND_OF_FILE,
        "format": FORMAT,
        "date": date,
        "base": base,
        "photos": {
            "name": photos.name,
            "fitted": len(photos.fitted.pictures),
            "labels": photos.fitted.labels,
            "held_out": len(photos.held.pictures),
            "independent": len(np.unique(photos.groups)),
            "without_labels": round(photos.negatives, 4),
            "notes": list(photos.notes),
        },
        "values": _value_facts(found.values, fit.terms),
        "kinds": dict(fit.kinds),
        "classes": {
            "photos": {c: round(s, 4) for c, s in mix.shares.items()},
            "yield": {c: round(y, 3) for c, y in mix.yields.items()},
            "weights": None if mix.weights is None else dict(mix.weights),
            "unseen": list(mix.unseen),
            "kinds": None if fit.kind_mix is None else asdict(fit.kind_mix),
        },
        "bank": {
            "planned": len(found.pictures),
            "failed": fit.failed,
            "effective": round(found.match.effective),
            "rounds": len(ROUNDS),
        },
        "notes": _notes(len(found.pictures) + fit.failed),
        "misfit": {"found": round(found.match.misfit, 1), "expected": round(found.expected, 1)},
        "tested": tested.to_json(),
    }


def _notes(planned: int) -> list[str]:
    """What to know of the fit itself."""
    if planned >= FEWEST_PLANNED:
        return []
    return [
        f"Only {planned:,} pictures were planned: values are a first look, and their intervals too narrow or too wide. "
        "Leave fit.bank at 10,000 for a fit to go by."
    ]


def _value_facts(values: Sequence[FittedValue], terms: Mapping[str, ConfigTerm]) -> list[dict[str, Any]]:
    found = []
    for fitted in values:
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
        found.append(entry)
    return found


def appearance_facts(fit: AppearanceFit) -> dict[str, Any]:
    """What pixels told."""
    found = fit.found
    return {
        "rendered": fit.rendered,
        "photos": fit.photos,
        "size": list(fit.size),
        "values": _value_facts(found.values, fit.terms),
        "besides": dict(fit.besides),
        "backgrounds": {name: difference.to_json() for name, difference in fit.backgrounds.items()},
        "bank": {"developed": len(found.pictures), "effective": round(found.match.effective)},
        "misfit": {"found": round(found.match.misfit, 1), "expected": round(found.expected, 1)},
        "tested": fit.tested.to_json(),
    }


def _in_units(value: FreeValue, unit: float) -> float:
    """A place in the range, in the value's own units."""
    if value.kind == "whole":
        return float(f"{value.low + unit * value.cells - 0.5:.4g}")
    return float(f"{value.from_unit(unit):.4g}")


def header_lines(facts: Mapping[str, Any]) -> list[str]:
    """What stands above the fitted config's keys, of :func:`label_facts` and what was added to them."""
    photos = facts["photos"]
    lines = [
        f"Fitted by scanstage on {facts['date']} to {photos['fitted']} photos ({photos['name']}), "
        f"from {Path(facts['base']).name}.",
        "What labels tell of each value (share of its variance), and its mean with a 90 % interval:",
        "",
        *map(_header_line, facts["values"]),
    ]
    if pixels := (facts.get("appearance") or {}).get("values"):
        lines += ["", "What pixels tell of the camera:", "", *map(_header_line, pixels)]
    return [
        *lines,
        "",
        "All figures: fit.json. What the photos were like that day, for `scanstage drift`: reference.json.",
    ]


def _header_line(value: Mapping[str, Any]) -> str:
    told = f"{value['explained']:.2f}" if value["explained"] > 0 else "nothing"
    if value["is"] is None:
        return f"  {value['key']}: {told}: not determined, stays as it was"
    mark = "" if value["determined"] else "; hardly determined"
    mean = f"; {value['mean']:g} ({value['mean_90'][0]:g} to {value['mean_90'][1]:g})" if "mean" in value else ""
    return f"  {value['key']}: {told}{mean}{mark}"
