"""A balanced run without planner or geometry: every object is kept by the toss of a coin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from scanstage.scenes.balance.attributes import Attribute
from scanstage.scenes.balance.controller import Controller
from scanstage.scenes.balance.factors import SIDES
from scanstage.scenes.balance.targets import Targets
from scanstage.scenes.config.sections.balance_settings import BalanceConfig
from scanstage.scenes.picture_order import Entry, Order, Shown

ROOM = 6


def make_controller(
    targets: Targets,
    images: int | None = None,
    attributes: tuple[Attribute, ...] = (),
    variables: Iterable[str] = (),
    scans: int = 1,
    room: Callable[[int, Mapping[str, Any]], int] = lambda index, fixed: ROOM,
    seed: int = 5,
    **config: Any,
) -> Controller:
    """A controller over the classes of ``targets``, with ``scans`` assets each."""
    assets = {c: [f"{c}/{k}" for k in range(scans)] for c in targets.shares}
    balance = BalanceConfig.model_validate(config)
    return Controller(balance, targets, assets, attributes, variables, seed, images, room)


def counted(counts: Mapping[str, int]) -> Targets:
    """Targets that are counts."""
    total = sum(counts.values())
    return Targets(dict(counts), {c: n / total for c, n in counts.items()}, {})


def show(order: Order, rates: Mapping[str, float], seed: int = 0, rule: str = "min_pixels") -> Entry:
    """What becomes of an order: it follows from its index alone, as a planned picture does."""
    rng = np.random.default_rng((seed, order.index))
    objects = tuple(
        Shown(c, a, int(rng.integers(SIDES)), None if rng.random() < rates[c] else rule)
        for c, a in zip(order.classes, order.assets, strict=True)
    )
    factors = {"hdri": order.hdri or str(rng.choice(["city", "forest"])), "background": str(rng.choice(["a", "b"]))}
    return Entry(order, 0, objects, factors | {k: str(v) for k, v in order.fixed.items()})


def run(
    controller: Controller,
    rates: Mapping[str, float],
    known: Sequence[Entry] = (),
    shown: Callable[[Order], Entry] | None = None,
) -> list[Entry]:
    """Run to the end; entries that are known already are taken as they are."""
    entries: list[Entry] = []
    while orders := controller.next_wave():
        wave = [known[o.index] if o.index < len(known) else (shown or (lambda o: show(o, rates)))(o) for o in orders]
        for order, entry in zip(orders, wave, strict=True):
            assert entry.order == order
            controller.note(entry)
        entries += wave
    return entries
