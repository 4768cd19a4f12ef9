"""How long planning will take: a bar, and a line once that can be told."""

from __future__ import annotations

import time
from collections.abc import Callable

from scanstage.render.bookkeeping.progress import Progress
from scanstage.render.terminal.console import Console
from scanstage.render.terminal.progress_bar import CountView

FIRST = 40
"""So many pictures, after the first ones, that waited for processes to start, say how fast it goes."""
FIRST_S = 5.0
MINUTE = 60.0
BESIDES = 1.2
"""How much longer a fit takes than its pictures: for what is learned from them."""


class PlanningView(CountView):
    """Called with each :class:`Progress`, inside its own ``with``.

    Args:
        console: standard error.
        clock: seconds.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__("pictures", console)
        self._console, self._clock = console, clock
        self._begun: tuple[float, int] | None = None
        self._is_told = False

    def __call__(self, progress: Progress) -> None:
        """Show how far it has come."""
        super().__call__(progress)
        if self._is_told or progress.stage != "planning":
            return
        if self._begun is None:
            self._begun = self._clock(), progress.done
            self._console.print(f"plans {progress.total:,} pictures")
            return
        passed, done = self._clock() - self._begun[0], progress.done - self._begun[1]
        if done >= FIRST and passed >= FIRST_S:
            left = (progress.total - progress.done) * passed / done * BESIDES
            if left > MINUTE / 2:
                self._console.print(f"about {told_time(left)} here")
            self._is_told = True


def told_time(seconds: float) -> str:
    """Roughly: ``40 seconds``, ``6 minutes``, ``2.5 hours``."""
    if seconds < 1.5 * MINUTE:
        return f"{max(10, round(seconds, -1)):.0f} seconds"
    if seconds < 90 * MINUTE:
        return f"{seconds / MINUTE:.0f} minutes"
    return f"{seconds / MINUTE / 60:.1f} hours"
