"""Linear algebra in one thread: our matrices are small, and our processes many."""

from __future__ import annotations

import os

from threadpoolctl import threadpool_limits

_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def use_one_blas_thread() -> None:
    """Let BLAS use one thread, in this process and in those that it starts from now on, for good.

    Otherwise OpenBLAS inverts a 4 by 4 matrix with all cores: 7 instead of 3 microseconds, and 3,500 instead of 13
    while renderers keep the cores busy, since each of its threads has to wait for its turn. A picture takes dozens.
    """
    for name in _VARIABLES:
        os.environ.setdefault(name, "1")
    threadpool_limits(1, "blas")
