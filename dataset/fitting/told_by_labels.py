"""What labels tell of drawn values: for each, what it was on average where labels looked like these.

For a value z and a picture's summaries s that is E[z | s], found by forests of randomised trees over planned pictures,
as in approximate Bayesian computation (Raynal et al. 2019; that it is the best summary of one number: Fearnhead and
Prangle 2012). Of a planned picture it is said by trees that have seen neither it nor another picture of its
arrangement, of a real one by such trees too, so that both are as uncertain.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.tree import ExtraTreeRegressor

from scanstage.assets.machine.processors import usable_cores

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FOLDS = 3
TREES = 60
LEAF = 5
TOLD = 0.5
"""Share of a value's variance that labels explain, from which on it is fitted."""


@dataclass(frozen=True)
class Told:
    """What labels tell.

    Attributes:
        bank: (N, D) what trees say of planned pictures.
        real: (n, D) of real ones.
        explained: (D,) share of each value's variance over the bank that labels explain (R^2, out of fold).
    """

    bank: Floats
    real: Floats
    explained: Floats

    def of(self, columns: Sequence[int]) -> Told:
        """Of some of the values: each has trees of its own."""
        return Told(self.bank[:, columns], self.real[:, columns], self.explained[list(columns)])


def told_by_labels(
    summaries: Floats,
    values: Floats,
    arrangements: Sequence[int] | Ints,
    real: Floats,
    seed: int = 0,
    weights: Floats | None = None,
) -> Told:
    """Learn from planned pictures, and say it of real ones.

    Args:
        summaries: (N, S) of planned pictures.
        values: (N, D) that were drawn for them.
        arrangements: (N,) which of them share their objects.
        real: (n, S) summaries of real pictures.
        seed: of the trees.
        weights: (N,) how much each planned picture counts; None: all alike.
    """
    rng = np.random.default_rng(seed)
    names, members = np.unique(np.asarray(arrangements), return_inverse=True)
    fold = rng.permutation(np.arange(len(names)) % FOLDS)[members]
    real_fold = rng.permutation(np.arange(len(real)) % FOLDS)
    bank, told = np.zeros(values.shape), np.zeros((len(real), values.shape[1]))
    with ThreadPoolExecutor(usable_cores()) as threads:
        for k in range(FOLDS):
            seen, unseen, of_real = fold != k, fold == k, real_fold == k
            asked = np.concatenate([summaries[unseen], real[of_real]])
            for d in range(values.shape[1]):
                weight = None if weights is None else weights[seen]
                says = _forest_says(summaries[seen], values[seen, d], weight, asked, rng, threads)
                bank[unseen, d], told[of_real, d] = np.split(says, [int(unseen.sum())])
    left = np.square(values - bank).mean(axis=0)
    explained = 1 - left / np.maximum(values.var(axis=0), 1e-12)
    return Told(bank, told, explained)


def _forest_says(
    summaries: Floats,
    values: Floats,
    weights: Floats | None,
    asked: Floats,
    rng: np.random.Generator,
    threads: Executor,
) -> Floats:
    """(M,) mean of what extremely randomised trees (Geurts et al. 2006), grown of N pictures, say of M others.

    The trees of an ExtraTreesRegressor, but not in its threads: those of scikit-learn 1.9 each set Python's warning
    filters anew, which are one for all threads, and leave none.
    """

    def says(seed: int) -> Floats:
        tree = ExtraTreeRegressor(min_samples_leaf=LEAF, max_features=0.5, random_state=seed)
        found: Floats = tree.fit(summaries, values, weights).predict(asked)
        return found

    total: Floats = sum(threads.map(says, rng.integers(1 << 31, size=TREES).tolist()), np.zeros(len(asked)))
    return total / TREES
