"""How many processors this process may use."""

from __future__ import annotations

import math
import os

from scanstage.assets.machine.control_groups import cpu_quota


def usable_cores() -> int:
    """Cores that the scheduler lets this process run on, no more than its share of them (a container's) comes to."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    return allowed if quota is None else max(1, min(allowed, math.ceil(quota)))
