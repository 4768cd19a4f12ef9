"""The split of a dataset: made once for an export, and recorded with it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from scanstage.dataset.export.splits.held_out import hold_out_assets, hold_out_values
from scanstage.dataset.export.splits.shares import Shares
from scanstage.dataset.export.splits.stratified import stratify
from scanstage.dataset.records.picture_facts import SplitFacts

SPLIT_FILE = "splits.json"


@dataclass
class Split:
    """Which picture is in which part; :meth:`part_of` says so, and counts.

    Attributes:
        shares: that were asked for.
        hold_out, held_out: what no two parts share, and which of it was kept out of training.
        pictures: indices by part, of those that were gone through.
        labels: by part and class, of the same.
    """

    shares: Shares
    hold_out: Literal["asset", "hdri", "background"] | None = None
    held_out: tuple[str, ...] = ()
    pictures: dict[str, list[int]] = field(init=False)
    labels: dict[str, Counter[str]] = field(init=False)
    _parts: dict[int, str] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.pictures = {part: [] for part in self.shares}
        self.labels = {part: Counter() for part in self.shares}

    def part_of(self, index: int, labels: Counter[str], facts: Callable[[], Iterable[SplitFacts]]) -> str:
        """The part of a picture, which is counted; the same facts give the same split.

        Args:
            index, labels: of the picture; each is asked for once, in any order.
            facts: of all pictures; asked for once, where they matter.

        Raises InputError where things can't be kept apart like that, OSError.
        """
        if self._parts is None:
            self._parts = self._decided(facts)
        part = self._parts.get(index, next(iter(self.shares)))
        self.pictures[part].append(index)
        self.labels[part].update(labels)
        return part

    def _decided(self, facts: Callable[[], Iterable[SplitFacts]]) -> dict[int, str]:
        if len(self.shares) == 1 and self.hold_out is None:
            return {}
        found = list(facts())
        if self.hold_out is None:
            return stratify({f.index: f.labels for f in found}, self.shares)
        held = _held_out(found, self.shares, self.hold_out)
        self.held_out = held.things
        return held.parts

    def write(self, out: Path) -> None:
        """Record it, once all pictures have been gone through."""
        told: dict[str, Any] = {"shares": self.shares}
        if self.hold_out is not None:
            told |= {"hold_out": self.hold_out, "held_out": list(self.held_out)}
        told["labels"] = {part: dict(sorted(found.items())) for part, found in self.labels.items()}
        told["pictures"] = self.pictures
        (out / SPLIT_FILE).write_text(json.dumps(told, ensure_ascii=False) + "\n", "utf-8")

    @property
    def total(self) -> int:
        """Pictures that were gone through."""
        return sum(map(len, self.pictures.values()))

    @property
    def figures(self) -> dict[str, int]:
        """Pictures of each part, to be shown; nothing where there is one part alone."""
        return {} if len(self.shares) == 1 else {part: len(found) for part, found in self.pictures.items()}


def _held_out(facts: list[SplitFacts], shares: Shares, what: str) -> Any:
    if what == "asset":
        return hold_out_assets(facts, shares)
    values: dict[str, Callable[[SplitFacts], str]] = {"hdri": lambda f: f.hdri, "background": lambda f: f.background}
    return hold_out_values(facts, shares, what, values[what])
