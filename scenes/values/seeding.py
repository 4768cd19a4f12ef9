"""Keyed randomness: a generator for each decision, derived and never shared.

The generator of a decision follows from (run seed, picture index, attempt, stream name) alone. So any picture can be
planned by itself, in any process and order, and a new decision never moves the draws of the others.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np


def stream_key(name: str) -> tuple[int, int]:
    """Two 32-bit words that name a stream, the same in every process and on every platform."""
    digest = hashlib.blake2s(name.encode("utf-8"), digest_size=8).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")


@dataclass(frozen=True)
class Streams:
    """All generators of one attempt at one picture.

    Args:
        seed: the run's seed, >= 0.
        index: the picture's index, >= 0.
        attempt: 0 for the first plan of the picture, counted up by each replan.
    """

    seed: int
    index: int
    attempt: int = 0

    def rng(self, name: str) -> np.random.Generator:
        """A fresh generator for the decision ``name``; the same name always gives the same draws."""
        key = (self.index, self.attempt, *stream_key(name))
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=key)))
