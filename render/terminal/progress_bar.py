"""How far a run has come: done, pictures a minute, time left, class balance."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Column
from rich.text import Text

from scanstage.render.bookkeeping.progress import Progress, Stage
from scanstage.render.terminal.console import Console, outside, quoting

BAR = 24
"""Width of the bar, in characters."""
LEAST_ROOM = 12
LINE_S = 10
"""So often a line is printed where there is no terminal."""
BUSY: dict[Stage, str] = {
    "reading scans": "reading scans (the samples are made on first use, which takes some seconds)",
    "starting": "starting Blender",
    "joining the cluster": "joining the Ray cluster",
    "making three pictures": "making three pictures",
    "looking at what is there": "looking at what is there (every finished picture is read and checked)",
}
"""What is shown while there is nothing to count."""
STARTS: tuple[Stage | None, ...] = ("starting", "joining the cluster")


class ProgressView:
    """Follows a run on a console; on anything but a terminal it prints a line every so often instead.

    Called with each :class:`Progress`, inside its own ``with``.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown = ExitStack()
        self._stage: Stage | None = None
        self._start = time.monotonic()
        self._next_line = 0.0
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=BAR, table_column=Column(min_width=BAR)),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}", table_column=Column(no_wrap=True)),
            TimeRemainingColumn(),
            TextColumn("{task.fields[balance]}"),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> ProgressView:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._shown.close()

    def __call__(self, progress: Progress) -> None:
        """Show how far a run has come."""
        if progress.stage != self._stage:
            self._begin(progress)
        if progress.outcome is not None:
            self._note(progress)

    def _begin(self, progress: Progress) -> None:
        """Show another stage than before."""
        self._shown.close()
        if self._stage not in STARTS:  # which is a part of what pictures take
            self._start = time.monotonic()
        self._stage = progress.stage
        busy = BUSY.get(progress.stage)
        shown: AbstractContextManager[object] = self._bar if busy is None else self._console.status(busy)
        if busy is None:
            total, there = progress.total, progress.there
            self._task = self._bar.add_task(progress.stage, total=total, completed=there, rate="", balance="")
        self._shown.enter_context(shown)

    def _note(self, progress: Progress) -> None:
        outcome = progress.outcome
        if outcome is not None and outcome.record is None:
            self._console.print(f"[red]picture {outcome.index} failed:[/] {quoting(outcome.reason or '')}")
        rate = progress.done / max(time.monotonic() - self._start, 1e-6) * 60
        speed = f"{rate:.1f} pictures/min"
        failed = f", {progress.failed} failed" if progress.failed else ""
        total, there, balance = progress.total, progress.there, labels_so_far(progress)
        room = self._console.width - len(f"{progress.stage} {total}/{total} {speed}{failed} 0:00:00 ") - BAR - 4
        self._bar.update(self._task, total=total, completed=there, rate=speed + failed, balance=shortest(balance, room))
        now, left = time.monotonic(), total - there - progress.failed
        if not self._console.is_terminal and (now >= self._next_line or not left):
            self._next_line = now + LINE_S
            left_s = left / rate * 60
            self._console.print(f"{there}/{total} pictures{failed}, {speed}, {left_s:.0f} s left, {balance}")


class CountView:
    """A bar on standard error that counts, and is gone at the end. Called with each :class:`Progress`."""

    def __init__(self, unit: str, console: Console | None = None) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit))
        self._bar = Bar(*columns, TimeRemainingColumn(), console=console or Console(stderr=True), transient=True)
        self._task: TaskID | None = None

    def __enter__(self) -> CountView:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._bar.stop()

    def __call__(self, progress: Progress) -> None:
        """Show how far it has come."""
        if self._task is None:
            self._task = self._bar.add_task(progress.stage)
        self._bar.update(self._task, description=progress.stage, total=progress.total, completed=progress.done)


def shortest(markup: str, room: int) -> str:
    """A line of markup, cut to what there is room for in characters; nothing where that says nothing."""
    text = Text.from_markup(markup)
    if room < LEAST_ROOM:
        return ""
    text.truncate(room, overflow="ellipsis")
    return text.markup


def labels_so_far(progress: Progress) -> str:
    """The class that is farthest from its target; without targets the rarest and the most frequent class.

    As part of a line of markup.
    """
    counts, targets = progress.labels, progress.targets
    if not counts:
        return ""
    labels = f"labels {sum(counts.values())}"
    if targets is not None:
        open_ = {c: counts[c] / t for c, t in targets.items() if t > counts[c]}
        if not open_:
            return f"{labels}: all targets reached"
        farthest = min(open_, key=lambda c: (open_[c], c))
        return f"{labels}: farthest {outside(farthest)} {counts[farthest]} of {targets[farthest]}"
    rarest = min(counts, key=lambda c: (counts[c], c))
    most = max(counts, key=lambda c: (counts[c], c))
    return f"{labels}: {outside(rarest)} {counts[rarest]} … {outside(most)} {counts[most]}"
