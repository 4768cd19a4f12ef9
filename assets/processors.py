"""How many processors this process may use."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Cores that the scheduler lets this process run on, where the system says so; else all that there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
