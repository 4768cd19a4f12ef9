"""How often somebody may ask: a bucket of tokens each, which fills up again."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_KNOWN = 10_000


@dataclass
class RateLimit:
    """At most ``burst`` requests at once, and ``a_second`` for long, of each key.

    Attributes:
        a_second, burst: how many.
        clock: seconds.
    """

    a_second: float
    burst: float
    clock: Callable[[], float] = time.monotonic
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def wait_s(self, key: str) -> float:
        """0 where a request may be answered, which is then counted; else how long to wait."""
        now = self.clock()
        left, since = self._left.pop(key, (self.burst, now))
        left = min(self.burst, left + (now - since) * self.a_second)
        allowed = left >= 1
        self._left[key] = (left - 1 if allowed else left, now)
        while len(self._left) > MOST_KNOWN:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self.a_second
