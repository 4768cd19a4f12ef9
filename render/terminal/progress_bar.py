"""The progress bar of a run: done, pictures a minute, time left, class balance."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from scanstage.dataset.records.record import Record
from scanstage.dataset.records.record_store import count_labels
from scanstage.render.finish.outcome import Outcome
from scanstage.render.terminal.console import Console, outside, quoting


class RunProgress:
    """Follows a run on a console; on anything but a terminal it prints a line every so often instead.

    Args:
        console: where to draw.
        total: pictures of this run.
        classes: labelled classes.
        counts: labels that are there already (a resumed run).
        targets: labels that each class is to have, where there are such.
        kept: pictures that are there already, as the labels in ``counts``.
    """

    def __init__(
        self,
        console: Console,
        total: int,
        classes: tuple[str, ...],
        counts: Counter[str],
        targets: Mapping[str, int] | None = None,
        kept: int = 0,
    ) -> None:
        self._targets = targets
        self._classes, self._console, self._total, self._kept = classes, console, kept + total, kept
        self._counts = {c: counts.get(c, 0) for c in classes}
        self._start = time.monotonic()
        self._done = self._failed = 0  # of this run's own
        self._next_line = 0.0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[balance]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(
            "rendering", total=self._total, completed=kept, rate="", balance="starting Blender"
        )

    def __enter__(self) -> RunProgress:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._bar.stop()

    def note(self, outcome: Outcome, total: int) -> None:
        """Take in one finished or failed picture, and how many this run has to make by what is known now."""
        self._total = self._kept + total
        self._done += 1
        if outcome.record is None:
            self._failed += 1
            self._console.print(f"[red]picture {outcome.index} failed:[/] {quoting(outcome.reason or '')}")
        else:
            self._count(outcome.record)
        rate = f"{self._rate():.1f} pictures/min"
        failed = f", {self._failed} failed" if self._failed else ""
        there = self._kept + self._done - self._failed
        self._bar.update(self._task, total=self._total, completed=there, rate=rate + failed, balance=self.balance())
        now = time.monotonic()
        if not self._console.is_terminal and (now >= self._next_line or self._done == total):
            self._next_line = now + 10
            left = (total - self._done) / self._rate() * 60 if self._done else 0
            self._console.print(f"{there}/{self._total} pictures{failed}, {rate}, {left:.0f} s left, {self.balance()}")

    def _count(self, record: Record) -> None:
        for name, number in count_labels(record).items():
            self._counts[name] = self._counts.get(name, 0) + number

    def _rate(self) -> float:
        return self._done / max(time.monotonic() - self._start, 1e-6) * 60

    def balance(self) -> str:
        """The class that is farthest from its target; without targets the rarest and the most frequent class.

        As part of a line of markup.
        """
        if not self._counts:
            return ""
        labels = f"labels {sum(self._counts.values())}"
        if self._targets is not None:
            open_ = {c: self._counts[c] / t for c, t in self._targets.items() if t > self._counts[c]}
            if not open_:
                return f"{labels}: all targets reached"
            farthest = min(open_, key=lambda c: (open_[c], c))
            return f"{labels}: farthest {outside(farthest)} {self._counts[farthest]} of {self._targets[farthest]}"
        rarest = min(self._counts, key=lambda c: (self._counts[c], c))
        most = max(self._counts, key=lambda c: (self._counts[c], c))
        return f"{labels}: {outside(rarest)} {self._counts[rarest]} … {outside(most)} {self._counts[most]}"
