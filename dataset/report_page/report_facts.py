"""The facts of a report as JSON: what the page draws, and what is written beside it."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import asdict
from typing import Any, Literal

import numpy as np

from scanstage.dataset.analysis.class_ties import find_ties
from scanstage.dataset.analysis.dataset_table import DatasetTable
from scanstage.dataset.analysis.histograms import (
    center_grids,
    direction_grids,
    factor_names,
    histogram,
    together,
    value_counts,
)
from scanstage.dataset.analysis.measures import MEASURES, box_size_px, factor_title
from scanstage.dataset.analysis.picture_findings import FINDINGS
from scanstage.dataset.likeness.four_properties import PROPERTIES, Likeness
from scanstage.dataset.likeness.verdict_words import verdict_words
from scanstage.dataset.records.provenance import licenses_of
from scanstage.dataset.records.run_file import RunFile
from scanstage.dataset.report_page.fit_section import fit_facts
from scanstage.dataset.report_page.glance import glance
from scanstage.dataset.report_page.report_parts import TOLERANCE, Against, ReportParts, Targeted
from scanstage.scenes.picture_sequence.statistics import MEDIUM_PX, SMALL_PX

FORMAT = 1
ROW_DIGITS = 5
MOST_ALIKE = 8
MOST_WANTED = 1e9
UNREADABLE = "unreadable"
SMALLEST = 5

Json = dict[str, Any]


def asked(run: RunFile, table: DatasetTable) -> Targeted | None:
    """What each class was to have; None where nothing was asked for.

    Shares are of what there is: labels, or for each class the pictures that show it. What they come to is rounded down,
    for no class can have a part of one.
    """
    targets, balance = run.identity.aims.targets, run.balance
    if not targets or balance is None or any(not 0 <= n <= MOST_WANTED for n in targets.values()):
        return None
    whole = all(isinstance(n, int) for n in targets.values())
    of: Literal["labels", "pictures"] = "pictures" if balance.get("count") == "images" else "labels"
    there = table.labels if of == "labels" else int((table.counts > 0).sum())
    given = balance.get("tolerance")
    tolerance = float(given) if isinstance(given, int | float) else TOLERANCE
    return Targeted(of, {c: float(n) if whole else math.floor(n * there) for c, n in targets.items()}, tolerance)


def report_facts(parts: ReportParts) -> Json:
    """The facts. Rows of pictures are those that are shown; all else is of all pictures."""
    table = parts.table
    ties = find_ties(table)
    return {
        "format": FORMAT,
        "name": table.name,
        "folder": parts.folder,
        "pictures": len(table.pictures),
        "labels": table.labels,
        "ignored": sum(p.ignored for p in table.pictures),
        "wanted": parts.run.identity.aims.images,
        "shown": len(parts.shown),
        "chosen": parts.chosen,
        "made_by": _made_by(parts.run),
        "classes": class_facts(table, parts.targets),
        "target_of": parts.targets.of if parts.targets else None,
        "smallest": smallest_labels(table),
        "figures": {h.measure.name: h.to_json() for m in MEASURES if (h := histogram(m, table)).known},
        "centers": {name: grid.tolist() for name, grid in center_grids(table).items()},
        "directions": {name: grid.tolist() for name, grid in direction_grids(table).items() if grid.any()},
        "together": together(table).tolist(),
        "factors": {name: value_counts(table, name) for name in factor_names([table])},
        "factor_titles": {name: factor_title(name) for name in factor_names([table])},
        "ties": [tie.to_json() for tie in ties],
        "quality": _quality(parts),
        "sources": [asdict(s) for s in parts.run.sources],
        "licenses": [{"name": found.name, "url": found.url} for found in licenses_of(parts.run.sources)],
        "fit": None if parts.fit is None else fit_facts(parts.fit, parts.run, table),
        "against": None if parts.against is None else _against(parts.against),
        "glance": [asdict(s) for s in glance(parts, ties)],
        "rows": picture_rows(parts),
    }


def class_facts(table: DatasetTable, asked_for: Targeted | None) -> list[Json]:
    """By class: what was asked, placed, kept, and lost by which rule; how large its boxes are."""
    placed: Counter[str] = Counter()
    for picture in table.pictures:
        placed.update(picture.placed)
    counts, sizes = table.counts, box_size_px(table)
    found = []
    for number, name in enumerate(table.classes):
        of_class = sizes[table.label_class == number]
        found.append(
            {
                "name": name,
                "target": asked_for.by_class.get(name) if asked_for else None,
                "placed": placed[name],
                "labels": int(counts[:, number].sum()),
                "pictures": int((counts[:, number] > 0).sum()),
                "lost": dict(table.lost[name].most_common()) if name in table.lost else {},
                "box_px": [round(float(q), 1) for q in np.quantile(of_class, (0.05, 0.5, 0.95))]
                if of_class.size
                else None,
            }
        )
    return found


def smallest_labels(table: DatasetTable) -> list[Json]:
    """The labels with the fewest visible pixels."""
    n = table.label_numbers
    return [
        {
            "picture": table.pictures[table.label_picture[k]].index,
            "class": table.classes[table.label_class[k]],
            "box_wh": [float(n["width_px"][k]), float(n["height_px"][k])],
            "area_px": float(n["area_px"][k]),
        }
        for k in np.argsort(n["area_px"], kind="stable")[:SMALLEST]
    ]


def picture_rows(parts: ReportParts) -> list[Json]:
    """What the gallery filters and sorts by, of the pictures that are shown."""
    table, shown = parts.table, set(parts.shown)
    measures = [(m.name, m.values(table)) for m in MEASURES if m.of == "picture"]
    shorter = np.minimum(table.label_numbers["width_px"], table.label_numbers["height_px"])
    ends = np.searchsorted(table.label_picture, np.arange(len(table.pictures) + 1))
    rows = []
    for place, picture in enumerate(table.pictures):
        if picture.index not in shown:
            continue
        own = slice(ends[place], ends[place + 1])
        numbers = {name: float(f"{v[place]:.{ROW_DIGITS}g}") for name, v in measures if np.isfinite(v[place])}
        for name, values in (
            ("smallest_px", shorter[own]),
            ("least_visible", table.label_numbers["visible_fraction"][own]),
        ):
            if (known := values[np.isfinite(values)]).size:
                numbers[name] = float(f"{known.min():.{ROW_DIGITS}g}")
        row: Json = {
            "index": picture.index,
            "file": picture.file_name,
            "wh": picture.resolution_wh,
            "classes": {table.classes[c]: int(k) for c, k in enumerate(table.counts[place]) if k},
            "kept": _by_class(table, own),
            "factors": dict(picture.factors),
            "numbers": numbers,
        }
        findings = [*parts.findings.get(picture.index, ())]
        if (problem := parts.problems.get(picture.index)) is not None:
            findings.append(UNREADABLE)
            row["problem"] = problem
        if findings:
            row["findings"] = findings
        if alike := parts.duplicates.get(picture.index):
            row["alike"] = list(alike[:MOST_ALIKE])
        rows.append(row)
    return rows


def _by_class(table: DatasetTable, own: slice) -> Json:
    """Of each class in a picture: first letters of COCO's sizes of its labels, and the least share seen of one."""
    found: Json = {}
    areas, visible = table.label_numbers["area_px"][own], table.label_numbers["visible_fraction"][own]
    for number in np.unique(table.label_class[own]):
        of_class = table.label_class[own] == number
        area, seen = areas[of_class], visible[of_class]
        small, medium = area <= SMALL_PX, area <= MEDIUM_PX
        sizes = [letter for letter, k in (("s", small), ("m", medium & ~small), ("l", ~medium)) if k.any()]
        least = round(float(seen.min()), 3) if np.isfinite(seen).all() else None
        found[table.classes[number]] = ["".join(sizes), least]
    return found


def _made_by(run: RunFile) -> Json:
    versions, engine = run.versions or {}, run.engine or {}
    return {
        "scanstage": versions.get("scanstage") or run.identity.scanstage,
        "engine": " ".join(str(engine[k]) for k in ("engine", "blender", "device") if engine.get(k)),
        "config": run.command.config,
        "seed": run.config.get("seed"),
    }


def _quality(parts: ReportParts) -> Json:
    table = parts.table
    by_finding: defaultdict[str, list[int]] = defaultdict(list)
    for index, names in parts.findings.items():
        for name in names:
            by_finding[name].append(index)
    if parts.problems:
        by_finding[UNREADABLE] = sorted(parts.problems)
    agreement = table.picture_numbers("agreement")
    known = agreement[np.isfinite(agreement)]
    seconds: Counter[str] = Counter()
    for session in parts.run.sessions:
        seconds.update({k: v for k, v in session.seconds.items() if isinstance(v, int | float) and 0 <= v < 1e12})
    reasons: defaultdict[str, list[int]] = defaultdict(list)
    for index, reason in parts.run.failures.items():
        reasons[reason].append(index)
    told = FINDINGS | {UNREADABLE: "can't be shown: its file isn't the one that was recorded"}
    return {
        "findings": [{"name": n, "told": told[n], "pictures": by_finding[n]} for n in told if n in by_finding],
        "looked_for": list(told.values()),
        "agreement": {"pictures": known.size, "median": float(np.median(known)), "least": float(known.min())}
        if known.size
        else None,
        "seconds": {k: round(v, 2) for k, v in seconds.items()},
        "failed": [{"reason": reason, "pictures": found} for reason, found in reasons.items()],
        "lost": dict(sum(parts.table.lost.values(), Counter[str]()).most_common()),
    }


def _against(other: Against) -> Json:
    return {
        "name": other.name,
        "pictures": other.pictures,
        "labels": other.labels,
        "differences": [d.to_json() for d in other.differences],
        "left_out": list(other.left_out),
        "likeness": None if other.likeness is None else _likeness(other.likeness),
    }


def _likeness(found: Likeness) -> Json:
    """With the verdict of each property in words."""
    facts = found.to_json()
    for name in PROPERTIES:
        answer, words = verdict_words(found, name)
        facts["properties"][name] |= {"answer": answer, "words": words}
    return facts
