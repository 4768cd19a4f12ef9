"""How many objects of each class the next pictures are asked to show, and in which of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from scanstage.scenes.balance.targets import shared_out

PRIOR_YIELD = 0.8
PRIOR_WEIGHT = 4.0
LEAST_YIELD = 0.02


def yields(placed: Mapping[str, int], kept: Mapping[str, int]) -> dict[str, float]:
    """Share of placed objects of each class whose label is kept: the posterior mean of a beta distribution.

    Its prior is worth PRIOR_WEIGHT placements at the yield of all classes together, which itself starts at PRIOR_YIELD.
    """
    pooled = (sum(kept.values()) + PRIOR_WEIGHT * PRIOR_YIELD) / (sum(placed.values()) + PRIOR_WEIGHT)
    return {c: (kept[c] + PRIOR_WEIGHT * pooled) / (placed[c] + PRIOR_WEIGHT) for c in placed}


def deficits(targets: Mapping[str, int], kept: Mapping[str, int]) -> dict[str, float]:
    """D_c = max(0, T_c - kept_c)."""
    return {c: float(max(0, t - kept[c])) for c, t in targets.items()}


def deficits_of_shares(
    shares: Mapping[str, float],
    kept: Mapping[str, int],
    rates: Mapping[str, float],
    slots: int,
    most: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Deficits for a fixed number of further placements: D_c = max(0, s_c K - kept_c).

    K, the labels in all that can be reached, is such that the placements needed, Σ D_c / y_c, are just ``slots``; found
    by bisection, since their number grows with K.

    Args:
        shares: s_c.
        kept, rates: so far, and y_c.
        slots: further placements, at least 1.
        most: what a class can still get at most, where slots alone don't bound it; K is then no more than all classes
            can reach, or where that is passed already, what the slots allow.
    """

    def lacking(total: float) -> dict[str, float]:
        return {c: max(0.0, s * total - kept[c]) for c, s in shares.items()}

    low, high = 0.0, (sum(kept.values()) + slots + 1.0) / min(s for s in shares.values() if s > 0)
    for _ in range(60):
        middle = (low + high) / 2
        needed = sum(d / max(rates[c], LEAST_YIELD) for c, d in lacking(middle).items())
        low, high = (middle, high) if needed < slots else (low, middle)
    if most is not None:
        bounded = lacking(min(high, *((kept[c] + most[c]) / s for c, s in shares.items() if s > 0)))
        if any(bounded.values()):
            return bounded
    return lacking(high)


def quotas(lacking: Mapping[str, float], rates: Mapping[str, float], slots: int, capped: bool) -> dict[str, int]:
    """Placements by class, in proportion to D_c / y_c, at most ``slots`` in all.

    Args:
        lacking: D_c.
        rates: y_c; taken as at least LEAST_YIELD.
        slots: objects that the pictures have room for.
        capped: never place more of a class than it lacks, so that none can exceed its target.
    """
    weights = {c: d / max(rates[c], LEAST_YIELD) for c, d in lacking.items()}
    given = dict.fromkeys(lacking, 0)
    most = {c: int(np.ceil(d)) if capped else slots for c, d in lacking.items()}
    left = slots
    while left > 0 and (open_ := {c: w for c, w in weights.items() if w > 0 and given[c] < most[c]}):
        for c, n in shared_out(left, open_).items():
            taken = min(n, most[c] - given[c])
            given[c] += taken
            left -= taken
    return given


def deal(
    given: Mapping[str, int],
    rooms: Sequence[int],
    pressure: Callable[[str], npt.NDArray[np.float64]],
    note: Callable[[str, int], None],
    rng: np.random.Generator,
) -> list[list[str]]:
    """Deal objects out to pictures: no class twice in a picture while others have room, then where pressure is least.

    Args:
        given: objects by class; at most the sum of ``rooms``.
        rooms: (P,) how many objects each picture takes.
        pressure: (P,) for a class: how often it is shown under the circumstances of each picture already.
        note: told of each class and picture that are put together, so that pressure follows.
        rng: breaks ties.

    Returns:
        Classes by picture, shuffled.
    """
    left = np.array(rooms)
    hands: list[list[str]] = [[] for _ in rooms]

    def precedence(c: str) -> tuple[int, float, str]:
        """The most numerous first: they have to be in nearly every picture. Then those to whom it matters most."""
        return -given[c], -float(np.ptp(pressure(c))) if rooms else 0.0, c

    for c in sorted((c for c, n in given.items() if n), key=precedence):
        held = np.zeros(len(rooms), int)
        order = rng.permutation(len(rooms))
        for _ in range(given[c]):
            free = order[left[order] > 0]
            best = int(free[np.lexsort((-left[free], pressure(c)[free], held[free]))[0]])
            hands[best].append(c)
            held[best] += 1
            left[best] -= 1
            note(c, best)
    return [[hand[i] for i in rng.permutation(len(hand))] for hand in hands]


def used_rooms(rooms: Sequence[int], objects: int, at_least: int) -> list[int]:
    """As many of the pictures as the objects need, and ``at_least`` so many; together they take just the objects.

    Pictures without room, up to the last that is used, are among them.
    """
    used: list[int] = []
    for room in rooms:
        if sum(used) >= objects and sum(r > 0 for r in used) >= min(at_least, objects):
            break
        used.append(room)
    if not at_least:
        used[-1:] = [objects - sum(used[:-1])] if used else []
    while sum(used) > objects:
        used[int(np.argmax(used))] -= 1
    return used
