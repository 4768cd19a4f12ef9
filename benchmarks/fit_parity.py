"""What `scanstage fit` makes of photos that show a class in one kind of picture alone: ``fit.py --parity`` runs it.

The hidden config has two kinds of pictures, seen from low and from high above; mugs are hardly picked in the low ones.
300 of its pictures are given to the fit as photos with boxes, once with classes left as in the photos, and once evened
out (``fit.parity``). Of each fitted config 1,000 pictures are planned, and told low from high by a classifier of labels
that has learnt it from pictures whose kind is known. From that, for photos and pictures alike:

- impact: disparate-impact ratio, the least over classes and kinds of P(kind | class) over the most of any class; 0.8,
  four fifths, is the usual bar
- AUC: of a classifier that is to tell 500 further pictures of the hidden config from the fitted one's
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from hidden_configs import BASE, after_fit, as_base, planned, rows
from results import made_on, markdown_table, write_section
from sklearn.ensemble import ExtraTreesClassifier

from scanstage.assets.machine.blas_threads import use_one_blas_thread
from scanstage.dataset.analysis.dataset_table import DatasetTable
from scanstage.dataset.analysis.label_summaries import label_summaries, typical_labels
from scanstage.dataset.fitting.overfitting import judge_fit
from scanstage.dataset.report.parity import impact_ratio
from scanstage.render.commands.like_photos.fit_labels import BaseConfig, fit_labels

TIED, SELDOM = "mug", 0.04
SLACK = 0.05
PHOTOS, HELD, PLANNED, LEARNT = 300, 500, 1000, 400
KINDS: Mapping[str, dict[str, Any]] = {
    "low": {"elevation": {"uniform": [12, 30]}, "fill": {"uniform": [0.8, 1.1]}, "weight": SELDOM},
    "high": {"elevation": {"uniform": [58, 80]}, "fill": {"uniform": [0.45, 0.7]}, "weight": 1.0},
}
SHARES = {"low": 0.6, "high": 0.4}


def hidden(kinds: Mapping[str, float], seed: int, weights: Mapping[str, float]) -> BaseConfig:
    """A config with these shares of kinds, and how often the tied class is picked in each."""
    data = copy.deepcopy(BASE)
    data["seed"] = seed

    def by_kind(values: Mapping[str, Any]) -> dict[str, Any]:
        return {"switch": {"by": "kind", "cases": {k: values[k] for k in kinds}}}

    data["variables"] = {"kind": {"choice": dict(kinds)}}
    data["camera"]["elevation_deg"] = by_kind({k: v["elevation"] for k, v in KINDS.items()})
    data["camera"]["fill"] = by_kind({k: v["fill"] for k, v in KINDS.items()})
    data["assets"]["classes"][TIED] = by_kind(weights)
    return as_base(data)


def run_parity(bank: int, write: bool) -> None:
    """Measure it, print it, and write it into benchmarks/RESULTS.md if asked."""
    use_one_blas_thread()
    biased = {name: kind["weight"] for name, kind in KINDS.items()}
    table = planned(hidden(SHARES, 3, biased), PHOTOS + HELD)
    photos, held = rows(table, 0, PHOTOS), rows(table, PHOTOS, PHOTOS + HELD)
    evenly = dict.fromkeys(KINDS, 1.0)
    known = [planned(hidden({name: 1.0}, 11 + i, evenly), LEARNT) for i, name in enumerate(KINDS)]
    teller = KindTeller(known)
    print(f"low and high are told apart in {teller.right:.1%} of pictures that weren't learnt from", flush=True)
    body = [["photos", "", f"{impact_ratio(teller.shares(held)):.2f}", "", ""]]
    areas = []
    for said, weight in (("left as in the photos", 0.0), ("evened out", 1.0)):
        base = as_base({**BASE, "fit": {"parity": {"weight": weight, "slack": SLACK}}})
        fit = fit_labels(base, photos, list(range(PHOTOS)), bank)
        after = planned(after_fit(base, fit), PLANNED)
        area = judge_fit(photos, held, after, after, fit.typical).after.auc
        areas.append(area)
        told = "" if fit.kind_mix is None else f"{fit.kind_mix.impact[1]:.2f}"
        impact = f"{impact_ratio(teller.shares(after)):.2f}"
        body.append([said, str(max(1, len(fit.kinds))), impact, told, f"{area:.3f}"])
        print(body[-1], flush=True)
    text = markdown_table(["", "kinds", "impact", "impact that the fit tells", "AUC"], body)
    text += f"\n\nEvening out costs {areas[1] - areas[0]:+.3f} of AUC."
    print(text)
    if write:
        write_section("Fit, parity", f"{made_on()}\n\n{text}")


class KindTeller:
    """Tells kinds of pictures by summaries of their labels that don't name classes."""

    def __init__(self, known: list[DatasetTable]) -> None:
        self._typical = typical_labels(known)
        seen = [label_summaries(t, self._typical) for t in known]
        of_kind = np.repeat(np.arange(len(seen)), [len(s) for s in seen])
        rng = np.random.default_rng(0)
        order = rng.permutation(len(of_kind))
        first, rest = np.array_split(order, 2)
        summaries = np.concatenate(seen)
        self._forest = ExtraTreesClassifier(200, min_samples_leaf=3, random_state=0)
        self._forest.fit(summaries[first], of_kind[first])
        self.right = float((self._forest.predict(summaries[rest]) == of_kind[rest]).mean())
        """Share of pictures that were not learnt from."""

    def shares(self, table: DatasetTable) -> npt.NDArray[np.float64]:
        """(C, K) of kinds by class."""
        kinds = self._forest.predict(label_summaries(table, self._typical))
        together = np.stack([table.counts[kinds == k].sum(axis=0) for k in range(len(KINDS))]).astype(float)
        found: npt.NDArray[np.float64] = (together / together.sum(axis=0, keepdims=True)).T
        return found
