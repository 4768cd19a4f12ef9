"""Linear algebra in one thread, here and in processes that are started, whatever is loaded when."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SHOW = "; print(*(i['num_threads'] for i in threadpoolctl.threadpool_info() if i['user_api'] == 'blas'))"
ROOT = Path(__file__).parents[3]


def threads(code: str) -> list[int]:
    # Other tests run the command line in this very process, which then hands one thread on to all that it starts.
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_THREADS")}
    command = [sys.executable, "-c", f"import threadpoolctl; {code}{SHOW}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


@pytest.mark.parametrize(
    "code",
    [
        "import numpy; from scanstage.assets.machine.blas_threads import use_one_blas_thread as f; f()",
        "from scanstage.assets.machine.blas_threads import use_one_blas_thread as f; f(); import numpy, scipy.linalg",
        "import scanstage.render.cli.app, contextlib, io; contextlib.redirect_stdout(io.StringIO()).__enter__(); "
        "scanstage.render.cli.app.entrypoint(['schema']); import sys; sys.stdout = sys.__stdout__; import scipy.linalg",
    ],
)
def test_one_thread(code: str) -> None:
    found = threads(code)
    assert found
    assert set(found) == {1}
