"""What planned and real pictures are compared by: features whose means say how alike they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Parts = tuple[Floats, Floats]

BANDWIDTHS = (0.5, 1.0, 2.0)
"""Of the kernels, in standard deviations of what labels tell."""
WAVES = 32
"""Random directions a bandwidth."""


@dataclass(frozen=True)
class LikenessFeatures:
    """Features whose means are compared; made for one bank.

    Of what labels tell: itself, products of two, and waves. Of the labels' summaries: themselves and their squares.

    Attributes:
        told, summaries: (2, D) and (2, S), middles and spreads by which columns are standardised.
        waves: (D, 3 * WAVES) frequencies.
        phases: (3 * WAVES,).
    """

    told: Floats
    summaries: Floats
    waves: Floats
    phases: Floats

    @classmethod
    def of(cls, bank: Parts, real: Parts, seed: int = 0) -> LikenessFeatures:
        """In units of the real pictures' spread; both are (N, D) what labels tell, and (N, S) summaries."""
        rng = np.random.default_rng(seed)
        columns = bank[0].shape[1]
        waves = np.concatenate([rng.normal(size=(columns, WAVES)) / b for b in BANDWIDTHS], axis=1)
        scales = [
            np.stack([there.mean(axis=0), np.maximum(there.std(axis=0), 0.1 * planned.std(axis=0) + 1e-9)])
            for planned, there in zip(bank, real, strict=True)
        ]
        return cls(scales[0], scales[1], waves, rng.uniform(0, 2 * np.pi, 3 * WAVES))

    def __call__(self, told: Floats, summaries: Floats) -> Floats:
        """(N, F) of (N, D) what labels tell and (N, S) summaries."""
        x = np.clip((told - self.told[0]) / self.told[1], -6, 6)
        s = np.clip((summaries - self.summaries[0]) / self.summaries[1], -4, 4)
        first, second = np.triu_indices(x.shape[1])
        waves = np.sqrt(2) * np.cos(x @ self.waves + self.phases)
        return np.concatenate([x, x[:, first] * x[:, second], waves, s, np.square(s)], axis=1)
