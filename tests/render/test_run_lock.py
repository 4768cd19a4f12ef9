from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from assets.errors import InputError
from dataset.folder import DatasetFolder
from render.run_lock import run_lock

HOLD = """
import sys, time
from pathlib import Path
from dataset.folder import DatasetFolder
from render.run_lock import run_lock
with run_lock(DatasetFolder(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True, cwd=root)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_run_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    process = holder(tmp_path / "d")
    try:
        with (
            pytest.raises(InputError, match=rf"process {process.pid} on {socket.gethostname()}"),
            run_lock(DatasetFolder(tmp_path / "d")),
        ):
            pass
    finally:
        process.kill()
        process.wait()


def test_a_killed_run_hinders_nobody(tmp_path: Path) -> None:
    process = holder(tmp_path / "d")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    folder = DatasetFolder(tmp_path / "d")
    assert folder.lock.exists()
    with run_lock(folder):
        assert folder.lock.exists()
    assert not folder.lock.exists()


def test_one_after_the_other_and_after_an_error(tmp_path: Path) -> None:
    folder = DatasetFolder(tmp_path / "deep" / "d")
    with pytest.raises(ValueError, match="inside"), run_lock(folder):
        raise ValueError("inside")
    with run_lock(folder), pytest.raises(InputError, match=f"process {os.getpid()}"), run_lock(folder):
        pass
    assert list(folder.root.iterdir()) == []


def test_a_place_that_can_t_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="can't be written"), run_lock(DatasetFolder(tmp_path / "file")):
        pass
