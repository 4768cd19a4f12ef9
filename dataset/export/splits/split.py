"""The split of a dataset: made once for an export, and recorded with it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from scanstage.dataset.export.splits.held_out import hold_out_assets, hold_out_values
from scanstage.dataset.export.splits.shares import Shares
from scanstage.dataset.export.splits.stratified import stratify
from scanstage.dataset.records.finished_dataset import FinishedDataset
from scanstage.dataset.records.picture_facts import SplitFacts, split_facts
from scanstage.dataset.records.record import Record
from scanstage.dataset.records.record_store import count_labels

SPLIT_FILE = "splits.json"


@dataclass
class Split:
    """Which picture is in which part; ``records`` says so, and counts.

    Attributes:
        shares: that were asked for.
        hold_out, held_out: what no two parts share, and which of it was kept out of training.
        pictures: indices by part, of those that were gone through.
        labels: by part and class, of the same.
    """

    shares: Shares
    hold_out: Literal["asset", "hdri", "background"] | None = None
    held_out: tuple[str, ...] = ()
    pictures: dict[str, list[int]] = field(default_factory=dict)
    labels: dict[str, Counter[str]] = field(default_factory=dict)
    _parts: dict[int, str] = field(default_factory=dict)

    def records(self, dataset: FinishedDataset) -> Iterator[tuple[str, Record]]:
        """All finished pictures by index, each with its part: the same records give the same split.

        Raises InputError where things can't be kept apart like that, OSError.
        """
        self._decide(dataset)
        first = next(iter(self.shares))
        self.pictures = {part: [] for part in self.shares}
        self.labels = {part: Counter() for part in self.shares}
        for record in dataset.records():
            part = self._parts.get(record.index, first)
            self.pictures[part].append(record.index)
            self.labels[part].update(count_labels(record))
            yield part, record

    def _decide(self, dataset: FinishedDataset) -> None:
        if len(self.shares) == 1 and self.hold_out is None:
            return
        facts = [split_facts(record) for record in dataset.records()]
        if self.hold_out is None:
            self._parts = stratify({f.index: f.labels for f in facts}, self.shares)
            return
        held = _held_out(facts, self.shares, self.hold_out)
        self._parts, self.held_out = held.parts, held.things

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
    return hold_out_values(facts, shares, what, (lambda f: f.hdri) if what == "hdri" else (lambda f: f.background))
