"""Who may write to a folder, tried out by real processes."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from assets.errors import InputError
from dataset.folder import DatasetFolder
from render import file_claim
from render.run_lock import live_holders, run_lock
from render.shards import Shard

HOLD = """
import errno, sys, time
from itertools import pairwise
from pathlib import Path
from dataset.folder import DatasetFolder
from render import file_claim
from render.run_lock import run_lock
from render.shards import Shard

def no_locks(handle, operation):
    raise OSError(errno.ENOLCK, "No locks available")

folder, shard, locks = sys.argv[1:]
if locks == "no":
    file_claim.fcntl.flock = no_locks
with run_lock(DatasetFolder(Path(folder)), Shard.parse(shard) if shard else None):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def holder(folder: Path, shard: str = "", locks: bool = True) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the folder, as a run or as a shard."""
    command = [sys.executable, "-c", HOLD, str(folder), shard, "yes" if locks else "no"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def killed(folder: Path, shard: str = "", locks: bool = True) -> int:
    """Let another process hold the folder, kill it there, and return its number."""
    with holder(folder, shard, locks) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    return process.pid


@pytest.fixture(params=["locks", "no locks"])
def locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the file system knows flock; without, both sides have to do with what files say."""

    def refuse(handle: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    if request.param == "no locks":
        monkeypatch.setattr(file_claim.fcntl, "flock", refuse)
    return request.param == "locks"


def refused(folder: Path, shard: str | None = None) -> InputError:
    with pytest.raises(InputError) as caught, run_lock(DatasetFolder(folder), Shard.parse(shard) if shard else None):
        pass
    return caught.value


def test_a_second_run_is_refused_and_told_by_whom(tmp_path: Path, locks: bool) -> None:
    with holder(tmp_path / "d", locks=locks) as process:
        told = refused(tmp_path / "d")
        assert f"a run (process {process.pid} on {socket.gethostname()}) is writing to it" in told.problems[0]
        assert "wait" in str(told.mend)
        assert (tmp_path / "d" / ".scanstage.lock").exists(), "the refused one took the other's lock away"


def test_a_killed_run_hinders_nobody_and_is_told(tmp_path: Path, locks: bool) -> None:
    pid = killed(tmp_path / "d", locks=locks)
    folder = DatasetFolder(tmp_path / "d")
    assert Path(folder.lock).exists()
    notes: list[str] = []
    with run_lock(folder, note=notes.append):
        assert str(os.getpid()) in Path(folder.lock).read_text()
    assert len(notes) == 1
    assert f"process {pid} on {socket.gethostname()}" in notes[0]
    assert list((tmp_path / "d").iterdir()) == []


def test_a_killed_shard_hinders_nobody(tmp_path: Path, locks: bool) -> None:
    killed(tmp_path / "d", "1/3", locks)
    with run_lock(DatasetFolder(tmp_path / "d"), Shard(1, 3)):
        pass
    killed(tmp_path / "d", "1/3", locks)
    with run_lock(DatasetFolder(tmp_path / "d")):
        assert [h.holder.pid for h in live_holders(DatasetFolder(tmp_path / "d"))] == [os.getpid()]
    with run_lock(DatasetFolder(tmp_path / "d"), Shard(0, 7)):
        pass


def test_one_after_the_other_and_after_an_error(tmp_path: Path, locks: bool) -> None:
    folder = DatasetFolder(tmp_path / "deep" / "d")
    for shard in (None, Shard(0, 2)):
        with pytest.raises(ValueError, match="inside"), run_lock(folder, shard):
            raise ValueError("inside")
        with (
            run_lock(folder, shard),
            pytest.raises(InputError, match=f"process {os.getpid()}"),
            run_lock(folder, shard),
        ):
            pass
        assert list(Path(folder.root).iterdir()) == []


def test_a_place_that_can_t_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for shard in (None, "0/2"):
        assert "can't be written" in str(refused(tmp_path / "file", shard))
        assert "can't be written" in str(refused(Path("/proc/nothing"), shard))


def test_shards_of_one_number_go_side_by_side(tmp_path: Path, locks: bool) -> None:
    with ExitStack() as stack:
        pids = {stack.enter_context(holder(tmp_path, f"{k}/3", locks)).pid for k in (1, 2)}
        with run_lock(DatasetFolder(tmp_path), Shard.parse("3/3")):
            found = {held.holder.pid for held in live_holders(DatasetFolder(tmp_path))}
            assert found == pids | {os.getpid()}


def test_a_shard_that_runs_is_refused_by_any_of_its_names(tmp_path: Path, locks: bool) -> None:
    with holder(tmp_path, "4/4", locks) as process:
        for name in ("0/4", "4/4"):
            told = refused(tmp_path, name)
            assert f"shard 0/4 (process {process.pid} on {socket.gethostname()})" in told.problems[0]


def test_shards_of_another_number_are_refused(tmp_path: Path, locks: bool) -> None:
    with holder(tmp_path, "1/3", locks) as process:
        told = str(refused(tmp_path, "1/4"))
        assert f"process {process.pid}" in told
        assert "shards of 3 and of 4 overlap" in told
        assert sorted(p.name for p in (tmp_path / "shards").iterdir()) == ["1-of-3.lock"]


def test_a_run_is_refused_while_shards_live_and_names_all(tmp_path: Path, locks: bool) -> None:
    with ExitStack() as stack:
        pids = [stack.enter_context(holder(tmp_path, f"{k}/3", locks)).pid for k in (0, 2)]
        told = refused(tmp_path)
        assert len(told.problems) == 2
        for k, pid, text in zip((0, 2), pids, told.problems, strict=True):
            assert f"shard {k}/3 (process {pid} on {socket.gethostname()})" in text
    assert not (tmp_path / ".scanstage.lock").exists()


def test_a_shard_is_refused_while_a_run_lives(tmp_path: Path, locks: bool) -> None:
    with holder(tmp_path, locks=locks) as process:
        assert f"a run (process {process.pid}" in str(refused(tmp_path, "0/2"))
    assert not (tmp_path / "shards").exists()


@pytest.mark.parametrize("shard", [None, "1/2"])
def test_a_run_on_another_host_is_refused_with_the_file_to_delete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard: str | None
) -> None:
    monkeypatch.setattr(file_claim, "_flock", lambda handle, *, shared: False)
    lock = tmp_path / "shards/1-of-2.lock" if shard else tmp_path / ".scanstage.lock"
    lock.parent.mkdir(exist_ok=True)
    lock.write_text(json.dumps({"pid": os.getpid(), "host": "node-7"}))
    told = refused(tmp_path, shard)
    assert f"process {os.getpid()} on node-7" in told.problems[0]
    assert f"delete {lock}" in str(told.mend)
    lock.unlink()
    with run_lock(DatasetFolder(tmp_path), Shard.parse(shard) if shard else None):
        pass


def test_with_locks_a_file_of_another_host_s_killed_run_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / ".scanstage.lock").write_text(json.dumps({"pid": 1, "host": "node-7"}))
    notes: list[str] = []
    with run_lock(DatasetFolder(tmp_path), note=notes.append):
        pass
    assert "process 1 on node-7" in notes[0]


def test_another_process_with_the_number_of_a_dead_one_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_claim, "_flock", lambda handle, *, shared: False)
    content = {"pid": os.getppid(), "host": socket.gethostname(), "life": "an-earlier-boot/17"}
    (tmp_path / ".scanstage.lock").write_text(json.dumps(content))
    with run_lock(DatasetFolder(tmp_path)):
        pass
    (tmp_path / ".scanstage.lock").write_text(json.dumps(content | {"life": None}))
    assert f"process {os.getppid()}" in str(refused(tmp_path))


def test_of_many_that_start_at_once_never_two_have_it(tmp_path: Path, locks: bool) -> None:
    """Also where all of them find what a killed run left behind."""
    killed(tmp_path, locks=locks)
    race = HOLD.replace("time.sleep(60)", "time.sleep(0.3); print(start, time.monotonic())")
    race = race.replace('print("held", flush=True)', "start = time.monotonic()")
    command = [sys.executable, "-c", race, str(tmp_path), "", "yes" if locks else "no"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": Path(__file__).parents[2]}
    racers = [subprocess.Popen(command, **options) for _ in range(4)]
    told = [racer.communicate(timeout=60) for racer in racers]
    assert all(out or "is writing to it" in err for out, err in told), told
    spans = sorted(tuple(map(float, out.split())) for out, _ in told if out)
    assert spans
    assert all(end <= start for (_, end), (start, _) in pairwise(spans)), spans
    assert not (tmp_path / ".scanstage.lock").exists()


def test_a_system_without_posix_calls_can_claim_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("O_CLOEXEC", "pread", "pwrite"):
        monkeypatch.delattr(os, name)
    monkeypatch.setitem(sys.modules, "fcntl", None)
    spec = importlib.util.spec_from_file_location("file_claim_elsewhere", file_claim.__file__)
    assert spec is not None
    assert spec.loader is not None
    elsewhere = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, elsewhere)
    spec.loader.exec_module(elsewhere)
    path, notes = tmp_path / "lock", []
    with elsewhere.claim(path, "a run", notes.append):
        held = elsewhere.holder_of(path)
        assert held.holder.pid == os.getpid()
        with pytest.raises(elsewhere.Held), elsewhere.claim(path, "a run", notes.append):
            pass
    assert elsewhere.holder_of(path) is None
    assert not notes


def test_a_holder_is_read_from_the_start_each_time(tmp_path: Path) -> None:
    """The place in a file belongs to the handle."""
    killed(tmp_path / "d")
    folder = DatasetFolder(tmp_path / "d")
    with run_lock(folder):
        content = Path(folder.lock).read_bytes()
        assert json.loads(content)["pid"] == os.getpid()
        for _ in range(2):
            assert str(os.getpid()) in str(refused(tmp_path / "d"))
