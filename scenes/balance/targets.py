"""From a configured target to the number of labels that each class is to have.

Every rule gives weights w_c; a target of N labels in all gives each class T_c = N w_c / Σ w, in whole numbers by
largest remainder.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.wording import MOST_TOLD, bounded, did_you_mean, listed, shown
from scanstage.scenes.balance.real_counts import RealCounts, read_real_counts
from scanstage.scenes.config.sections.balance_settings import (
    BalanceConfig,
    EffectiveNumber,
    Fill,
    RepeatFactor,
    Source,
    Tempered,
)
from scanstage.scenes.inputs.image_files import located

OTHERS = "*"


@dataclass(frozen=True)
class Targets:
    """What each class is to have.

    Attributes:
        counts: labels to be made by class; None where only shares are wanted and pictures are given instead.
        shares: of the synthetic labels, by class; they sum to 1.
        real: labels that a real dataset has already, by class; empty without ``fill``.
        absent: classes that the real dataset doesn't know: counted as 0, but perhaps it has another name for them.
    """

    counts: dict[str, int] | None
    shares: dict[str, float]
    real: dict[str, int]
    absent: tuple[str, ...] = ()


def make_targets(config: BalanceConfig, classes: Sequence[str], base: Path) -> Targets:
    """The targets of a run.

    Args:
        config: of balancing.
        classes: labelled classes of the run.
        base: folder that paths in the config start from.

    Raises:
        InputError: a class without a scan, a real dataset that can't be read or lacks a class, nothing to be made.
    """
    target = config.target
    if isinstance(target, Fill):
        return _filled(target, classes, base)
    if isinstance(target, dict):
        return _counted(target, classes)
    absent: tuple[str, ...] = ()
    if isinstance(target, str):
        weights = dict.fromkeys(classes, 1.0)
    else:
        real = _real_counts(target, classes, base)
        weights = _weights(target, real, classes)
        absent = _absent(real, classes)
    shares = _normalised(weights)
    return Targets(None if config.total is None else shared_out(config.total, shares), shares, {}, absent)


def shared_out(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """``total`` in whole numbers in proportion to ``shares``: largest remainder (Hare and Niemeyer), ties by order."""
    whole = sum(shares.values())
    exact = {c: total * s / whole for c, s in shares.items()}
    counts = {c: math.floor(x + 1e-9) for c, x in exact.items()}
    left = total - sum(counts.values())
    for c in sorted(exact, key=lambda c: counts[c] - exact[c])[:left]:
        counts[c] += 1
    return counts


def tempered(counts: Mapping[str, int], alpha: float) -> dict[str, float]:
    """w_c = p_c^alpha with p_c = n_c / Σ n: tempered frequencies, as in multilingual sampling (Conneau et al. 2020).

    A class that never occurs has weight 0 unless alpha is 0.
    """
    total = sum(counts.values())
    return {c: (n / total) ** alpha if n or not alpha else 0.0 for c, n in counts.items()}


def repeat_factors(image_counts: Mapping[str, int], total_images: int, threshold: float) -> dict[str, float]:
    """r_c = max(1, sqrt(t / f_c)) with f_c the share of images that hold class c (Gupta et al., LVIS, 2019, section
    A.1 of arXiv:1908.03195). A class in no image is treated as if it were in one."""
    return {c: max(1.0, math.sqrt(threshold * total_images / max(n, 1))) for c, n in image_counts.items()}


def effective_number(n: int, beta: float) -> float:
    """E_n = (1 - beta^n) / (1 - beta): the expected volume of n samples (Cui et al. 2019, arXiv:1901.05555, eq. 3)."""
    return (1.0 - beta**n) / (1.0 - beta)


def _weights(
    target: Tempered | RepeatFactor | EffectiveNumber, real: RealCounts, classes: Sequence[str]
) -> dict[str, float]:
    counts = {c: real.instances.get(c, 0) for c in classes}
    if isinstance(target, Tempered):
        return tempered(counts, target.power)
    if isinstance(target, RepeatFactor):
        factors = repeat_factors({c: real.images.get(c, 0) for c in classes}, real.total_images, target.repeat_factor)
        return {c: max(n, 1) * factors[c] for c, n in counts.items()}
    # The weight of a class is 1 / E_n (eq. 4); with it, n labels weigh as n / E_n do without.
    return {c: max(n, 1) / effective_number(max(n, 1), target.effective_number) for c, n in counts.items()}


def _real_counts(source: Source, classes: Sequence[str], base: Path) -> RealCounts:
    if source.counts is not None:
        named = {source.map.get(c, c): n for c, n in source.counts.items()}
        _check_known(named, classes, "balance.target.counts")
        return RealCounts(named, dict(named), sum(named.values()))
    assert source.coco is not None
    _check_known(source.map.values(), classes, "balance.target: map")
    return read_real_counts(located(source.coco, base), source.map)


def _filled(target: Fill, classes: Sequence[str], base: Path) -> Targets:
    found = _real_counts(target.fill, classes, base)
    real = found.instances
    lacking = {c: max(0, target.fill.to - real.get(c, 0)) for c in classes}
    if not any(lacking.values()):
        raise InputError(
            f"balance.target.fill: every class has {target.fill.to} labels already: there is nothing to add",
            "raise balance.target.fill.to",
        )
    return Targets(lacking, _normalised(lacking), {c: real.get(c, 0) for c in classes}, _absent(found, classes))


def _absent(real: RealCounts, classes: Sequence[str]) -> tuple[str, ...]:
    return tuple(c for c in classes if c not in real.instances)


def _counted(target: Mapping[str, int], classes: Sequence[str]) -> Targets:
    _check_known([c for c in target if c != OTHERS], classes, "balance.target")
    counts = {c: target.get(c, target.get(OTHERS, 0)) for c in classes}
    if not any(counts.values()):
        raise InputError("balance.target: asks for no label of any class", "give a class a count above 0")
    return Targets(counts, _normalised(counts), {})


def _check_known(names: Iterable[str], classes: Sequence[str], place: str) -> None:
    there = set(classes)
    absent = [name for name in dict.fromkeys(names) if name not in there]
    problems = []
    for i, name in enumerate(absent):
        hint = did_you_mean(name, classes) if i < MOST_TOLD else ""
        problems.append(f"{place}: there is no scan of class {shown(name)} in this run{hint}")
    if problems:
        raise InputError(bounded(problems), f"Classes of this run: {listed(classes)}")


def _normalised(weights: Mapping[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    if total <= 0:
        raise InputError("balance.target: gives every class the weight 0", "check the real counts that it names")
    return {c: w / total for c, w in weights.items()}
