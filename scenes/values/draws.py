"""Drawing configured values: each under its own name, with the picture's shared variables at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from scanstage.scenes.values.distributions import is_constant, sample
from scanstage.scenes.values.seeding import Streams


class Draws:
    """Draws for one attempt at one picture.

    Args:
        streams: where generators come from.
        variables: what the picture's shared variables drew.
    """

    def __init__(self, streams: Streams, variables: Mapping[str, Any]) -> None:
        self.streams = streams
        self.variables = dict(variables)

    def rng(self, name: str) -> np.random.Generator:
        """A generator of its own for the decision ``name``."""
        return self.streams.rng(name)

    def value(self, value: Any, name: str) -> Any:
        """Draw a configured value under a name, e.g. ``camera.azimuth_deg``."""
        # Most values are constants, and a generator costs more than all else here.
        return value if is_constant(value) else sample(value, self.streams.rng(name), self.variables)

    def number(self, value: Any, name: str) -> float:
        """As :meth:`value`, as a float."""
        return float(self.value(value, name))

    def whole(self, value: Any, name: str) -> int:
        """As :meth:`value`, as an int."""
        return int(self.value(value, name))

    def pick(self, options: list[Any], name: str, weights: list[float] | None = None) -> Any:
        """One of ``options``, evenly or by weight. Raises ValueError for no options or no positive weight."""
        if weights is None:
            return options[int(self.rng(name).integers(len(options)))]
        total = float(sum(weights))
        if total <= 0:
            raise ValueError(f"{name}: no option has a weight above 0")
        return options[int(self.rng(name).choice(len(options), p=np.array(weights, float) / total))]
