"""The loop: from what is kept so far to what the next pictures are asked to show.

Pictures come in waves. All orders of a wave follow from the entries of the waves before it, in the order of pictures,
and from nothing else: not from workers, nor from what was finished first.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.balance.attributes import HDRI, Attribute, set_values
from scanstage.scenes.balance.quotas import LEAST_YIELD, deal, deficits, deficits_of_shares, quotas, used_rooms, yields
from scanstage.scenes.balance.tally import Tally
from scanstage.scenes.balance.targets import Targets
from scanstage.scenes.config.sections.balance_settings import BalanceConfig
from scanstage.scenes.picture_order import Entry, Order, Shown
from scanstage.scenes.values.seeding import Streams

FIRST_WAVE = 16
LARGEST_WAVE = 64
WAVE_SHARE = 0.15
"""Of the pictures that are still needed. The less is lacking the smaller are waves; the last ones are single pictures,
which meet targets exactly."""
LONGEST_CYCLE = 12
"""A wave ends where the values of attributes have all come equally often, unless that takes more pictures."""
HOPELESS = 0.2
"""A class that keeps so few labels that the chance of it, were its yield LEAST_YIELD, is below this ends a run: its
target can't be reached. None of 80 placements, one of 149, two of 213."""
ROOMS_ASKED = 64
FEW = 3
"""Repetitions below this are never too many."""
UNEVEN = 0.5
"""So many standard deviations a picture's classes may have met its values too often already."""

Room = Callable[[int, Mapping[str, Any]], int]


class Controller:
    """Orders pictures.

    Args:
        config: of balancing.
        targets: see :func:`targets.make_targets`.
        assets: asset ids by class, of all labelled classes.
        attributes: factors that every class is to meet alike.
        variables: names of those that are shared variables.
        seed: of the run.
        images: pictures in all, where that is given: targets are shares then.
        room: how many labelled objects a picture shows, by index and fixed variables. A picture of none stays empty: it
            is ordered in its turn, counts for no class, and others make up for it.

    Attributes:
        tally: of all entries noted.
    """

    def __init__(
        self,
        config: BalanceConfig,
        targets: Targets,
        assets: Mapping[str, Sequence[str]],
        attributes: tuple[Attribute, ...],
        variables: Iterable[str],
        seed: int,
        images: int | None,
        room: Room,
    ) -> None:
        if images is None and targets.counts is None:
            raise ValueError("shares need a number of images")
        self.config, self.targets, self.images = config, targets, images
        self.tally = Tally(tuple(assets))
        self._assets, self._attributes, self._seed, self._room = assets, attributes, seed, room
        self._variables = frozenset(variables)
        self._next, self._wave = 0, 0

    @property
    def counted(self) -> Mapping[str, int]:
        """What targets count: labels, or images that hold the class."""
        return self.tally.kept if self.config.count == "instances" else self.tally.images

    def rates(self) -> dict[str, float]:
        """Yield of each class: kept per placement."""
        if self.config.count == "instances":
            return yields(self.tally.placed, self.tally.kept)
        return yields(self.tally.pictures, self.tally.images)

    def lacking(self) -> dict[str, float]:
        """Deficit of each class."""
        if self.images is None:
            assert self.targets.counts is not None
            return deficits(self.targets.counts, self.counted)
        left, rates = self.images - self._next, self.rates()
        slots = max(1, round(self._mean_room * left))
        some = self._share_with_room * left
        most = None if self.config.count == "instances" else {c: rate * some for c, rate in rates.items()}
        return deficits_of_shares(self.targets.shares, self.counted, rates, slots, most)

    def expected_pictures(self) -> int:
        """How many pictures the run will have, by what is known so far."""
        if self.images is not None:
            return self.images
        needed = self._placements()
        left = sum(needed.values()) / self._mean_room
        if self.config.count == "images":
            # A picture counts once, however many of the class it holds.
            left = max(left, max(needed.values()) / self._share_with_room)
        return self._next + math.ceil(left)

    def next_wave(self) -> list[Order]:
        """Orders of the next pictures; none where the run is complete.

        Raises:
            InputError: a class keeps hardly any label; names the rules that it is lost by.
        """
        if self.images is not None and self._next >= self.images:
            return []
        if self.images is None and not any(self.lacking().values()):
            return []
        self._refuse_hopeless()
        rng = Streams(self._seed, self._next).rng("balance.deal")
        settings = [set_values(self._attributes, self._seed, self._next + i) for i in range(self._wave_size())]
        fixed = [{k: v for k, v in s.items() if k in self._variables} for s in settings]
        rooms = [self._room(self._next + i, f) for i, f in enumerate(fixed)]
        if any(rooms):
            given = self._quotas(sum(rooms), sum(r > 0 for r in rooms), rng)
            at_least = max(given.values()) if self.config.count == "images" else 0
            rooms = used_rooms(rooms, sum(given.values()), at_least)
            hands = self._deal(given, rooms, settings, rng)
        else:
            hands = [[] for _ in rooms]
        orders: list[Order] = []
        used = self.tally.used.copy()
        for i, hand in enumerate(hands):
            if hand or not rooms[i]:
                hdri = settings[i].get(HDRI)
                assets = self._choose_assets(hand, used, rng)
                index = self._next + len(orders)
                orders.append(Order(index, self._wave, tuple(hand), assets, fixed[i], hdri))
        self._next += len(orders)
        self._wave += 1
        return orders

    def take_over(self, entries: Sequence[Entry]) -> None:
        """Begin after pictures that others have ordered."""
        for entry in entries:
            self.note(entry)
        if entries:
            self._next, self._wave = len(entries), entries[-1].order.wave + 1

    def note(self, entry: Entry) -> None:
        """Take in how an order was planned; in the order of pictures."""
        self.tally.add(entry)

    def flaw(self, objects: Sequence[Shown], factors: Mapping[str, str], wanted: Mapping[str, float]) -> float:
        """How much speaks against a planned picture: 0 for nothing.

        Args:
            objects, factors: what it shows; see :class:`Entry`.
            wanted: deficits at the beginning of its wave.
        """
        kept = [o for o in objects if o.lost_by is None]
        against = 0.0 if not objects or any(wanted[o.class_name] > 0 for o in kept) else 1e6
        against += sum(self._repeated(item) for item in kept)
        for attribute in self._attributes:
            if not attribute.values and kept:
                name = attribute.name
                excess = sum(
                    self._overfull(o.class_name, name, str(o.side) if name == "viewing_direction" else factors[name])
                    for o in kept
                )
                against += max(0.0, excess / math.sqrt(len(kept)) - UNEVEN)
        return against

    def _placements(self) -> dict[str, float]:
        """How many objects of each class what is lacking takes."""
        rates = self.rates()
        return {c: d / max(rates[c], LEAST_YIELD) for c, d in self.lacking().items()}

    @cached_property
    def _first_rooms(self) -> list[int]:
        rooms = [self._room(i, {}) for i in range(ROOMS_ASKED)]
        if not any(rooms):
            raise InputError(
                f"balance: none of the first {ROOMS_ASKED} pictures is to show a labelled object",
                "raise objects.count, or lower negatives",
            )
        return rooms

    @property
    def _mean_room(self) -> float:
        return sum(self._first_rooms) / ROOMS_ASKED

    @property
    def _share_with_room(self) -> float:
        return sum(r > 0 for r in self._first_rooms) / ROOMS_ASKED

    def _wave_size(self) -> int:
        left = self.expected_pictures() - self._next
        size = min(LARGEST_WAVE, max(1, round(WAVE_SHARE * left)))
        if self._next == 0:
            size = min(size, FIRST_WAVE)
        cycle = math.lcm(*(len(a.values) for a in self._attributes if a.values))
        if cycle <= LONGEST_CYCLE:
            size += -(self._next + size) % cycle
        return size if self.images is None else min(size, self.images - self._next)

    def _quotas(self, slots: int, pictures: int, rng: np.random.Generator) -> dict[str, int]:
        # Ties go by order: where it is not drawn, classes meet those whose names are near in the alphabet.
        classes = [self.tally.classes[i] for i in rng.permutation(len(self.tally.classes))]
        everything, exact = self.lacking(), self.images is None
        lacking = {c: everything[c] for c in classes}
        sated = {c: 1.0 for c, d in lacking.items() if d <= 0}
        context = min(int(self.config.context * slots), slots - 1) if exact and sated else 0
        if self.config.count == "images" and not exact:
            assert self.images is not None
            left = (self.images - self._next) * self._share_with_room
            slots = min(slots, math.ceil(sum(self._placements().values()) * pictures / left))
        given = quotas(lacking, self.rates(), slots - context, capped=exact)
        if self.config.count == "images":
            # A second object of a class in a picture adds nothing to what is counted.
            given = {c: min(n, pictures) for c, n in given.items()}
        if context:
            for c, n in quotas(sated, dict.fromkeys(sated, 1.0), context, capped=False).items():
                given[c] += n
        return given

    def _deal(
        self,
        given: Mapping[str, int],
        rooms: Sequence[int],
        settings: Sequence[Mapping[str, Any]],
        rng: np.random.Generator,
    ) -> list[list[str]]:
        shown = [{a.name: a.shown_as(s[a.name]) for a in self._attributes if a.values} for s in settings[: len(rooms)]]
        cells = self.tally.cells.copy()
        columns = []  # of each attribute its values, and which of them each picture has
        for name in shown[0] if shown else ():
            values, codes = np.unique([picture[name] for picture in shown], return_inverse=True)
            columns.append((name, [str(v) for v in values], codes))

        def pressure(c: str) -> npt.NDArray[np.float64]:
            total = np.zeros(len(rooms))
            for name, values, codes in columns:
                total += np.array([cells[c, name, v] for v in values], float)[codes]
            return total

        def note(c: str, picture: int) -> None:
            for factor, value in shown[picture].items():
                cells[c, factor, value] += 1

        return deal(given, rooms, pressure, note, rng)

    def _choose_assets(self, hand: Sequence[str], used: Counter[str], rng: np.random.Generator) -> tuple[str, ...]:
        """The least used asset of each class, drawn where several are; ``used`` counts them in."""
        chosen = []
        for c in hand:
            candidates = self._assets[c]
            draws = rng.random(len(candidates))
            asset = min(zip((used[a] for a in candidates), draws, candidates, strict=True))[2]
            used[asset] += 1
            chosen.append(asset)
        return tuple(chosen)

    def _repeated(self, item: Shown) -> float:
        seen = self.tally.sides[item.asset_id]
        again = int(seen[item.side]) + 1
        even = (int(seen.sum()) + 1) / max(1, int((seen > 0).sum()) + int(seen[item.side] == 0))
        return max(0.0, again / max(FEW, self.config.most_repeats * even) - 1.0)

    def _overfull(self, class_name: str, factor: str, value: str) -> float:
        """By how much a class meets a value more often than all classes do, in standard deviations; signed.

        Over all labels of a value these sum to about 0, so no value is preferred as such: punishing only what is too
        much would make rare values, which vary more, rarer and rarer.
        """
        values = self.tally.values(factor)
        pooled = values.get(value, 0) / max(1, self.tally.kept.total())
        expected = pooled * self.tally.kept[class_name]
        return float((self.tally.cells[class_name, factor, value] - expected) / math.sqrt(expected + 1))

    def _refuse_hopeless(self) -> None:
        from scipy.special import bdtr  # slow to import, and for balanced runs alone

        problems = []
        for c in (c for c, lack in self.lacking().items() if lack > 0):
            kept, failed = self.tally.kept[c], self.tally.failed[c]
            placed = self.tally.placed[c] + failed
            if float(bdtr(kept, placed, LEAST_YIELD)) < HOPELESS:
                lost = [f"{n} by {rule}" for rule, n in self.tally.lost[c].most_common()]
                lost += [f"{failed} with pictures that can't be planned"] if failed else []
                problems.append(
                    f"balance: class {c!r}: of {placed} objects placed only {kept} are labelled; lost {', '.join(lost)}"
                )
        if problems:
            raise InputError(
                problems,
                "its target can't be reached with this keep policy: relax the rule (labels.per_class), show the class "
                "larger (camera.fill, objects.scale), or crowd it less (objects.count, objects.placement.density)",
            )
