"""What balancing came to: by class what was wanted, placed and kept; and how even the dataset is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.dataset.report.parity import parity
from scanstage.scenes.balance.factors import SIDES
from scanstage.scenes.balance.tally import Tally
from scanstage.scenes.balance.targets import Targets, shared_out
from scanstage.scenes.config.sections.balance_settings import BalanceConfig
from scanstage.scenes.picture_order import Entry

FORMAT = 1


def balance_figures(
    entries: Sequence[Entry], targets: Targets, config: BalanceConfig, classes: Sequence[str]
) -> dict[str, Any]:
    """Figures of a balanced run, of what JSON can hold.

    ``placed`` and ``kept`` are in what the config counts: objects and labels, or pictures that were to show a class and
    images that hold it. Where the target is shares alone, a class's ``target`` is its share of what was kept in all,
    and ``reachable`` says so.

    Args:
        entries: of the ledger, of any order; those that could not be planned count as failed.
        targets: of the run.
        config: of balancing.
        classes: labelled classes of the run.

    Returns:
        ``format``, ``count``, ``tolerance``, ``targets`` (``counts``, ``shares``, ``real``), ``pictures``, ``failed``;
        ``classes``: by class see :func:`_class_figures`; ``lost``: objects by rule; ``synthetic``, and with real labels
        ``real`` (before) and ``together`` (after): see :func:`evenness`; ``parity``: see :func:`parity.parity`; where
        there are any, ``negatives``: pictures that were ordered without a labelled object.
    """
    tally = Tally(tuple(classes))
    for entry in sorted(entries, key=lambda e: e.order.index):
        tally.add(entry)
    placed, kept = (tally.placed, tally.kept) if config.count == "instances" else (tally.pictures, tally.images)
    made = {c: kept[c] for c in classes}
    wanted = targets.counts or shared_out(sum(made.values()), targets.shares)
    scans = _scans(entries)
    figures: dict[str, Any] = {
        "format": FORMAT,
        "count": config.count,
        "tolerance": config.tolerance,
        "targets": {"counts": targets.counts, "shares": targets.shares, "real": targets.real},
        "reachable": targets.counts is None,
        "pictures": tally.planned,
        "failed": sum(e.attempt is None for e in entries),
        "classes": {
            c: _counts(wanted[c], placed[c], kept[c], targets.real.get(c)) | _class_figures(c, tally, scans[c])
            for c in classes
        },
        "lost": dict(sum(tally.lost.values(), Counter[str]()).most_common()),
        "synthetic": evenness(made, targets.shares),
    }
    if negatives := sum(e.attempt is not None and not e.order.classes for e in entries):
        figures["negatives"] = negatives
    if targets.real:
        both = {c: targets.real[c] + wanted[c] for c in classes}
        shares = {c: n / sum(both.values()) for c, n in both.items()}
        figures["real"] = evenness(targets.real, shares)
        figures["together"] = evenness({c: targets.real[c] + made[c] for c in classes}, shares)
    return figures | {"parity": parity(entries, classes)}


def evenness(counts: Mapping[str, int], shares: Mapping[str, float]) -> dict[str, Any]:
    """How even counts are, and how far from what is wanted.

    Args:
        counts: by class.
        shares: wanted, by class; they sum to 1.

    Returns:
        ``labels`` in all; ``imbalance_ratio`` (see :func:`imbalance_ratio`) and ``entropy`` (see
        :func:`normalised_entropy`) over the classes that are wanted at all; ``total_variation`` (see
        :func:`total_variation`) over all classes. All three are None where there is nothing, the ratio also where a
        class has nothing: it is infinite.
    """
    named = [c for c, share in shares.items() if share > 0]
    n = np.array([counts[c] for c in named], float)
    total = sum(counts.values())
    return {
        "labels": total,
        "imbalance_ratio": imbalance_ratio(n),
        "entropy": normalised_entropy(n),
        "total_variation": total_variation({c: k / total for c, k in counts.items()}, shares) if total else None,
    }


def imbalance_ratio(counts: npt.NDArray[np.float64]) -> float | None:
    """max_c n_c / min_c n_c (Cui et al. 2019, section 5.1: imbalance factor). None where it is infinite."""
    return float(counts.max() / counts.min()) if counts.size and counts.min() > 0 else None


def normalised_entropy(counts: npt.NDArray[np.float64]) -> float | None:
    """H / ln C with H = -Σ p ln p (Shannon 1948): 1 where all C are equal, 0 where one has all. 1 for a single class.

    None where there is nothing.
    """
    total = counts.sum()
    if total <= 0:
        return None
    if counts.size == 1:
        return 1.0
    p = counts[counts > 0] / total
    return float(np.clip(-(p * np.log(p)).sum() / np.log(counts.size), 0.0, 1.0))


def total_variation(p: Mapping[str, float], q: Mapping[str, float]) -> float:
    """Total variation distance 1/2 Σ |p_c - q_c| (Levin, Peres and Wilmer 2009, proposition 4.2)."""
    return 0.5 * sum(abs(p.get(c, 0.0) - q.get(c, 0.0)) for c in p.keys() | q.keys())


def _counts(target: int, placed: int, kept: int, real: int | None) -> dict[str, Any]:
    """Of one class, in what the config counts; with real labels also these, and both together."""
    found = {
        "target": target,
        "placed": placed,
        "kept": kept,
        "yield": kept / placed if placed else None,
        "deficit": max(0, target - kept),
    }
    return found if real is None else found | {"real": real, "together": real + kept}


def _class_figures(name: str, tally: Tally, scans: set[str]) -> dict[str, Any]:
    """Of one class: labels and images; objects lost by rule; scans used, and by how much one of them is used more than
    evenly; how many of the 24 sides labels are seen from, and the normalised entropy of these (all scans together)."""
    used = {a: tally.used[a] for a in sorted(scans) if tally.used[a]}
    sides = np.zeros(SIDES)
    for asset in used:
        sides += tally.sides[asset]
    most = max(used, key=lambda a: used[a], default=None)
    share = used[most] / sum(used.values()) if most is not None else None
    return {
        "labels": tally.kept[name],
        "images": tally.images[name],
        "lost": dict(tally.lost[name].most_common()) if name in tally.lost else {},
        "scans_used": len(used),
        "most_used_scan": most,
        "most_used_share": share,
        "most_used_times_even": None if share is None else share * len(used),
        "sides_seen": int((sides > 0).sum()),
        "sides_entropy": normalised_entropy(sides),
    }


def _scans(entries: Sequence[Entry]) -> defaultdict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for entry in entries:
        for item in entry.objects:
            found[item.class_name].add(item.asset_id)
    return found
