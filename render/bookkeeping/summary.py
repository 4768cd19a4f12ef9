"""How a run ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.render.finish.outcome import Outcome

GONE = "its files are gone: the same command makes it again"
GONE_HINT = "files of finished pictures are gone: see to what removes them; the same command makes them again"


@dataclass
class Summary:
    """How a run ended.

    Attributes:
        done: pictures made now; ``kept``: those found finished.
        failed: index and reason of pictures that could not be made.
        hints: what to do about them, each once.
        labels: labels by class, of the whole dataset.
        seconds: by stage, summed over pictures, and in all.
        lacking: pictures that the whole run lacks, where a shard has gone through it to its end; else None.
        balance: see :func:`balance_report.balance_figures`; None where the run isn't balanced.
    """

    folder: DatasetFolder
    done: int = 0
    kept: int = 0
    failed: list[tuple[int, str]] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    lacking: list[int] | None = None
    balance: dict[str, Any] | None = None

    def add(self, outcome: Outcome) -> None:
        """Count one picture."""
        for stage, value in outcome.seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + value
        if outcome.record is None:
            self.failed.append((outcome.index, outcome.reason or "unknown"))
            if outcome.hint and outcome.hint not in self.hints:
                self.hints.append(outcome.hint)
        else:
            self.done += 1

    def lose(self, indices: Iterable[int]) -> None:
        """Count pictures as failed whose files are not there, though they were made."""
        for index in indices:
            self.failed.append((index, GONE))
            if GONE_HINT not in self.hints:
                self.hints.append(GONE_HINT)

    def rounded_seconds(self, total: float) -> dict[str, float]:
        """Seconds by stage, and ``total``, to milliseconds."""
        return {k: round(v, 3) for k, v in self.seconds.items()} | {"total": round(total, 3)}
