"""How well `scanstage fit` finds what camera took pictures, from their pixels: ``fit.py --appearance N`` runs it.

Pictures of sample scans on tables are rendered once: the fit's own, and others of another seed. Hidden cameras are
drawn: of each value an even range, from next to none to .6 of what is looked at. Each develops the other pictures,
100 of which the fit is given as photos with boxes; 20 are kept out. Which values are determined, how far means and
standard deviations are off by shares of the range that was looked at, how often intervals of 90 % hold the true ones,
and what a classifier makes of the pictures that were kept out.
"""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from results import made_on, markdown_table, write_section

from scanstage.assets.machine.blas_threads import use_one_blas_thread
from scanstage.dataset.appearance.backgrounds import background_measures
from scanstage.dataset.appearance.pixel_summaries import appearance_summary
from scanstage.dataset.fitting.config_terms import ConfigTerm
from scanstage.dataset.fitting.fit_values import FittedValue
from scanstage.render.bookkeeping.progress import ignore_progress
from scanstage.render.commands.like_photos.fit_appearance import DEVELOPED, SeenPhotos, fit_camera
from scanstage.render.commands.like_photos.fit_labels import BaseConfig
from scanstage.render.commands.like_photos.linear_pictures import LinearPicture, render_linear
from scanstage.scenes.bank.camera_values import OpenCamera, UsualCamera, camera_values, open_camera
from scanstage.scenes.bank.free_values import FreeValue
from scanstage.scenes.config.load import check_config

CLASSES = ("apple", "bottle", "can", "carton", "mug")
OWN, OTHER = (7, 100), (8, 120)
"""Seeds, and pictures."""
HELD = 20
WIDTHS = (0.0, 0.6)
"""Of a hidden value's range, in shares of what is looked at. Most cameras keep most of their settings."""
LIGHTS = ("builtin:studio", "builtin:interior", "builtin:city", "builtin:courtyard")


@dataclass(frozen=True)
class Found:
    """What a fit found of a hidden value.

    Attributes:
        explained: share of its variance that pixels tell.
        determined: whether that is enough.
        moved: whether it was moved at all; what follows is NaN and False otherwise.
        mean_off, spread_off: of its mean and its standard deviation, in shares of what is looked at.
        mean_holds, spread_holds: whether intervals hold the true ones.
    """

    explained: float
    determined: bool
    moved: bool
    mean_off: float
    spread_off: float
    mean_holds: bool
    spread_holds: bool


ByKey = dict[str, list[Found]]
"""Of each fit."""


def found_of(fitted: FittedValue, term: ConfigTerm | None, ends: tuple[float, float]) -> Found:
    """Of a value that was drawn evenly between two ends, from 0 to 1 across what is looked at."""
    mean, spread = (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / math.sqrt(12)
    off = (math.nan, math.nan) if term is None else (term.mean - mean, term.deviation - spread)
    intervals = (fitted.mean_interval, fitted.deviation_interval)
    holds = [low <= truth <= high for (low, high), truth in zip(intervals, (mean, spread), strict=True)]
    return Found(fitted.explained, fitted.determined, fitted.moved, *off, *holds)


def config_data(seed: int) -> dict[str, Any]:
    """Of the pictures: without any camera's settings."""
    return {
        "seed": seed,
        "assets": {"source": "samples", "classes": dict.fromkeys(CLASSES, 1.0)},
        "objects": {
            "count": {"integer": [3, 6]},
            "placement": {"kind": "upright", "density": {"uniform": [0.15, 0.35]}},
        },
        "stage": {"kind": "table"},
        "light": {"hdri": {"image": {"choice": list(LIGHTS)}}},
        "camera": {"resolution": [320, 240], "azimuth_deg": {"uniform": [0, 360]}},
        "render": {"preset": "standard"},
    }


def rendered(seed: int, count: int, kept: Path | None) -> list[LinearPicture]:
    """Pictures, or those of a run before."""
    file = None if kept is None else kept / f"lin_{seed}.pkl"
    if file is not None and file.is_file():
        found: list[LinearPicture] = pickle.loads(file.read_bytes())
        return found
    config = check_config(config_data(seed), (), Path.cwd())
    found = render_linear(config, Path.cwd(), count, None, ignore_progress)
    if file is not None:
        file.write_bytes(pickle.dumps(found))
    return found


def hidden_photos(
    camera: OpenCamera,
    free: Sequence[FreeValue],
    ranges: Sequence[tuple[float, float]],
    others: Sequence[LinearPicture],
    rng: np.random.Generator,
) -> tuple[SeenPhotos, SeenPhotos]:
    """Pictures as the hidden camera takes them: those that are fitted, and those that are kept out."""
    summaries, backgrounds = [], []
    for number, picture in enumerate(others):
        values = {v.name: v.from_unit(rng.uniform(*ends)) for v, ends in zip(free, ranges, strict=True)}
        pixels = picture.developed(camera.post(picture.plan, 1_000_000 + number, values), 1.0, True)
        summaries.append(appearance_summary(pixels, picture.boxes_xywh))
        backgrounds.append(background_measures(pixels, picture.boxes_xywh))
    sides = [slice(0, len(others) - HELD), slice(len(others) - HELD, None)]
    fitted, held = (
        SeenPhotos(np.array(summaries[s]), np.array(backgrounds[s]), tuple(range(len(summaries[s])))) for s in sides
    )
    return fitted, held


def run_cameras(hidden: int, kept: Path | None, write: bool) -> None:
    """Run it."""
    use_one_blas_thread()
    own, others = (rendered(*which, kept) for which in (OWN, OTHER))
    data = config_data(OWN[0])
    base = BaseConfig(data, check_config(data, (), Path.cwd()), Path.cwd(), CLASSES)
    free = camera_values(base.config, {}, {})
    camera = open_camera(data, base.folder, UsualCamera.of(base.config, [p.plan for p in own], free), free)
    by_key: ByKey = {v.path: [] for v in free}
    aucs, seconds = [], []
    for number in range(hidden):
        rng = np.random.default_rng((3, number))
        widths = rng.uniform(*WIDTHS, len(free))
        ranges = [(float(low), float(low + w)) for low, w in zip(rng.uniform(0, 1 - widths), widths, strict=True)]
        sides = hidden_photos(camera, free, ranges, others, rng)
        started = time.monotonic()
        fit = fit_camera(base, free, own, sides, DEVELOPED)
        seconds.append(time.monotonic() - started)
        aucs.append((fit.tested.before.auc, fit.tested.after.auc))
        for fitted, ends in zip(fit.found.values, ranges, strict=True):
            path = fitted.value.path
            by_key[path].append(found_of(fitted, fit.terms.get(path), ends))
        last = {key: (round(f[-1].mean_off, 3), round(f[-1].spread_off, 3)) for key, f in by_key.items()}
        told = f"{seconds[-1]:.0f} s, AUC {aucs[-1][0]:.2f} to {aucs[-1][1]:.2f}"
        print(f"{number}: {told}, effective {fit.found.match.effective:.0f}, {last}", flush=True)
    text = f"{table_of(by_key)}\n\n{in_words(by_key, aucs, seconds)}"
    print(text)
    if write:
        write_section("Fit, cameras", f"{made_on()}\n\n{text}")


def table_of(by_key: ByKey) -> str:
    """A row a value."""
    body = []
    for key, rows in by_key.items():
        moved = [row for row in rows if row.moved]
        body.append([
            key,
            f"{100 * np.mean([row.explained for row in rows]):.0f} %",
            f"{sum(row.determined for row in rows)} of {len(rows)}",
            off_by([row.mean_off for row in moved]),
            off_by([row.spread_off for row in moved]),
            f"{sum(row.mean_holds for row in moved)}, {sum(row.spread_holds for row in moved)} of {len(moved)}",
        ])  # fmt: skip
    head = ["value", "told by pixels", "determined", "mean off: median, most", "spread off: median, most"]
    return markdown_table([*head, "intervals hold mean, spread"], body)


def off_by(values: Sequence[float]) -> str:
    """Absolute, in percent of what is looked at."""
    off = 100 * np.abs(values)
    return f"{np.median(off):.1f} %, {off.max():.1f} %" if len(off) else "stays as it was"


def in_words(by_key: ByKey, aucs: Sequence[tuple[float, float]], seconds: Sequence[float]) -> str:
    """All values together."""
    found = [row for rows in by_key.values() for row in rows if row.determined]
    means, spreads = np.array([row.mean_off for row in found]), np.array([row.spread_off for row in found])
    held = [100 * np.mean(holds) for holds in ([r.mean_holds for r in found], [r.spread_holds for r in found])]
    before, after = np.median(np.array(aucs), axis=0)
    return (
        f"Of {len(found)} determined values {100 * np.mean(np.abs(means) <= 0.05):.0f} % are within 5 % of the range "
        f"(median {100 * np.median(np.abs(means)):.1f} %), and {held[0]:.0f} % of their intervals hold the true mean. "
        f"Standard deviations are off by {100 * np.median(np.abs(spreads)):.1f} % of the range (median), too wide by "
        f"{100 * spreads.mean():.1f} % on average, and {held[1]:.0f} % of their intervals hold. A classifier tells "
        f"{HELD} pictures that were kept out by their pixels: AUC {before:.2f} before, {after:.2f} after (medians). "
        f"A fit took {np.median(seconds):.0f} s beside other work, of {DEVELOPED:,} developed pictures of {OWN[1]} "
        f"rendered ones."
    )
