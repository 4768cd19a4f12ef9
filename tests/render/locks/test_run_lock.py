"""Who may write to a folder, tried out by real processes."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.render.bookkeeping.same_run import check_resumable
from scanstage.render.locks import file_claim, folder_claim, holder
from scanstage.render.locks import run_lock as run_lock_module
from scanstage.render.locks.run_lock import live_holders, own_file, run_lock
from scanstage.scenes.picture_sequence.identity import Identity
from scanstage.scenes.picture_sequence.shard import WHOLE, Shard

HOLD = """
import errno, sys, time
from itertools import pairwise
from pathlib import Path
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.render.locks import file_claim
from scanstage.render.locks.run_lock import run_lock
from scanstage.scenes.picture_sequence.shard import WHOLE, Shard

def no_locks(handle, operation):
    raise OSError(errno.ENOLCK, "No locks available")

folder, shard, locks = sys.argv[1:]
if locks == "no":
    file_claim.fcntl.flock = no_locks
with run_lock(DatasetFolder(Path(folder)), Shard.parse(shard) if shard else WHOLE):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def holding(folder: Path, shard: str = "", locks: bool = True) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the folder, as a run or as a shard."""
    command = [sys.executable, "-c", HOLD, str(folder), shard, "yes" if locks else "no"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def killed(folder: Path, shard: str = "", locks: bool = True) -> int:
    """Let another process hold the folder, kill it there, and return its number."""
    with holding(folder, shard, locks) as process:
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
    with pytest.raises(InputError) as caught, run_lock(DatasetFolder(folder), Shard.parse(shard) if shard else WHOLE):
        pass
    return caught.value


def test_a_second_run_is_refused_and_told_by_whom(tmp_path: Path, locks: bool) -> None:
    with holding(tmp_path / "d", locks=locks) as process:
        told = refused(tmp_path / "d")
        assert f"a run (process {process.pid} on {socket.gethostname()}) is writing to it" in told.problems[0]
        assert "wait" in str(told.hint)
        assert (tmp_path / "d" / ".scanstage.lock").exists(), "the refused one took the other's lock away"


def test_a_killed_run_hinders_nobody_and_is_told(tmp_path: Path, locks: bool) -> None:
    pid = killed(tmp_path / "d", locks=locks)
    folder = DatasetFolder(tmp_path / "d")
    assert Path(folder.lock).exists()
    notes: list[str] = []
    with run_lock(folder, note=notes.append):
        file = own_file(folder)
        assert file is not None
        assert str(os.getpid()) in file.read_text()
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
    for shard in (WHOLE, Shard(0, 2)):
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
        pids = {stack.enter_context(holding(tmp_path, f"{k}/3", locks)).pid for k in (1, 2)}
        with run_lock(DatasetFolder(tmp_path), Shard.parse("3/3")):
            found = {held.holder.pid for held in live_holders(DatasetFolder(tmp_path))}
            assert found == pids | {os.getpid()}


def test_a_shard_that_runs_is_refused_by_any_of_its_names(tmp_path: Path, locks: bool) -> None:
    with holding(tmp_path, "4/4", locks) as process:
        for name in ("0/4", "4/4"):
            told = refused(tmp_path, name)
            assert f"shard 0/4 (process {process.pid} on {socket.gethostname()})" in told.problems[0]


def test_shards_of_another_number_are_refused(tmp_path: Path, locks: bool) -> None:
    with holding(tmp_path, "1/3", locks) as process:
        told = str(refused(tmp_path, "1/4"))
        assert f"process {process.pid}" in told
        assert "shards of 3 and of 4 overlap" in told
        assert sorted(p.name for p in (tmp_path / "shards").iterdir()) == ["1-of-3.lock"]


def test_a_run_is_refused_while_shards_live_and_names_all(tmp_path: Path, locks: bool) -> None:
    with ExitStack() as stack:
        pids = [stack.enter_context(holding(tmp_path, f"{k}/3", locks)).pid for k in (0, 2)]
        told = refused(tmp_path)
        assert len(told.problems) == 2
        for k, pid, text in zip((0, 2), pids, told.problems, strict=True):
            assert f"shard {k}/3 (process {pid} on {socket.gethostname()})" in text
    assert not (tmp_path / ".scanstage.lock").exists()


def test_a_shard_is_refused_while_a_run_lives(tmp_path: Path, locks: bool) -> None:
    with holding(tmp_path, locks=locks) as process:
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
    assert f"delete {lock}" in str(told.hint)
    lock.unlink()
    with run_lock(DatasetFolder(tmp_path), Shard.parse(shard) if shard else WHOLE):
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
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": Path(__file__).parents[3]}
    racers = [subprocess.Popen(command, **options) for _ in range(4)]
    told = [racer.communicate(timeout=240) for racer in racers]
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


def claim_of(path: Path, **content: object) -> Path:
    """A claim, as a host without locks leaves it; returns its file."""
    path.mkdir(parents=True)
    file = path / f"holder-{uuid.uuid4().hex}.json"
    file.write_text(json.dumps({"what": "a run", "pid": 1, "host": socket.gethostname()} | content))
    return file


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that knows no flock."""
    monkeypatch.setattr(file_claim, "_flock", lambda handle, *, shared: False)


def test_a_claim_of_another_host_without_locks_is_refused_with_the_file_to_delete(tmp_path: Path, locks: bool) -> None:
    """Also where this host has locks."""
    file = claim_of(tmp_path / ".scanstage.lock", pid=4711, host="node-7")
    told = refused(tmp_path)
    assert "a run (process 4711 on node-7)" in told.problems[0]
    assert f"delete {file}" in str(told.hint)
    file.unlink()
    with run_lock(DatasetFolder(tmp_path)):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_dead_claim_of_this_host_from_when_it_had_no_locks_is_followed(tmp_path: Path, locks: bool) -> None:
    claim_of(tmp_path / ".scanstage.lock", life="an-earlier-boot/17")
    notes: list[str] = []
    with run_lock(DatasetFolder(tmp_path), note=notes.append):
        pass
    assert "process 1 on" in notes[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(holder.numbering() is None, reason="Linux's namespaces")
@pytest.mark.parametrize(("boot", "kept"), [(None, True), ("an-earlier-boot", False)])
def test_a_process_of_another_container_of_the_same_name_is_not_taken_for_dead(
    tmp_path: Path, no_locks: None, boot: str | None, kept: bool
) -> None:
    """Its number means nothing here; but no container outlives its machine's boot."""
    life = f"{boot or holder._boot()}/17"
    claim_of(tmp_path / ".scanstage.lock", pid=2**22 - 1, life=life, numbering="pid:[1]")
    if kept:
        assert "delete" in str(refused(tmp_path).hint)
    else:
        with run_lock(DatasetFolder(tmp_path)):
            pass


def test_a_process_that_proc_hides_is_not_taken_for_dead(
    tmp_path: Path, no_locks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on machines where each user sees their own processes alone (hidepid)."""
    real = Path.read_text
    hidden = f"/proc/{os.getppid()}/"

    def read_text(path: Path, *arguments: str) -> str:
        if str(path).startswith(hidden):
            raise FileNotFoundError(errno.ENOENT, "hidden", str(path))
        return real(path, *arguments)

    claim_of(tmp_path / ".scanstage.lock", pid=os.getppid(), life=holder.life(os.getppid()))
    monkeypatch.setattr(Path, "read_text", read_text)
    assert "delete" in str(refused(tmp_path).hint)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="Linux's /proc")
def test_a_process_whose_first_thread_has_ended_lives_until_all_have() -> None:
    code = (
        "import ctypes, sys, threading; threading.Thread(target=sys.stdin.read).start();"
        "print(1, flush=True); ctypes.CDLL(None).pthread_exit(None)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            stat = Path(f"/proc/{process.pid}/stat")
            while ") Z" not in stat.read_text():
                pass
            assert holder.life(process.pid) is not None
        finally:
            process.kill()
        while len(list(Path(f"/proc/{process.pid}/task").iterdir())) > 1:
            pass
        assert holder.life(process.pid) is None


@pytest.mark.parametrize("kind", ["link", "dangling", "hard link", "pipe", "large", "socket", "full folder"])
def test_what_is_no_claim_is_neither_written_to_nor_waited_for(tmp_path: Path, locks: bool, kind: str) -> None:
    folder, victim = tmp_path / "d", tmp_path / "victim"
    folder.mkdir()
    victim.write_text("precious")
    lock = folder / ".scanstage.lock"
    if kind == "link":
        lock.symlink_to(victim)
    elif kind == "dangling":
        lock.symlink_to(tmp_path / "made")
    elif kind == "hard link":
        lock.hardlink_to(victim)
    elif kind == "pipe":
        os.mkfifo(lock)
    elif kind == "large":
        lock.write_bytes(b"{" * 100_000)
    elif kind == "socket":
        socket.socket(socket.AF_UNIX).bind(os.path.relpath(lock))
    else:
        lock.mkdir()
        (lock / "precious").write_text("precious")
    told = str(refused(folder))
    assert ".scanstage.lock" in told
    assert victim.read_text() == "precious"
    assert not (tmp_path / "made").exists()
    assert kind != "full folder" or (lock / "precious").read_text() == "precious"


def test_a_folder_that_a_link_puts_in_the_place_of_a_claim_is_not_emptied(tmp_path: Path, locks: bool) -> None:
    """Nor where it holds what looks like a dead holder's file."""
    file = claim_of(tmp_path / "elsewhere", life="an-earlier-boot/17")
    (tmp_path / "d").mkdir()
    (tmp_path / "d/.scanstage.lock").symlink_to(file.parent)
    refused(tmp_path / "d")
    assert file.exists()


def test_of_threads_of_one_process_one_has_it(tmp_path: Path, locks: bool) -> None:
    """They have one number, by which one can't tell another's claim from what an earlier process left."""
    inside, doubles, had = [0], [], []

    def fight() -> None:
        for _ in range(40):
            with contextlib.suppress(InputError), run_lock(DatasetFolder(tmp_path)):
                inside[0] += 1
                doubles.append(inside[0])
                time.sleep(0.0005)
                inside[0] -= 1
                had.append(1)

    threads = [threading.Thread(target=fight) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert had
    assert set(doubles) == {1}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stage", ["empty", "unfinished", "complete"])
def test_what_killed_claimants_prepared_is_removed_by_the_next(tmp_path: Path, no_locks: None, stage: str) -> None:
    staged = tmp_path / f"..scanstage.lock.of-holder-{'5' * 32}"
    staged.mkdir()
    if stage == "unfinished":
        (staged / "unfinished").write_text('{"what": "a r')
    elif stage == "complete":
        told = {"what": "a run", "pid": 1, "host": socket.gethostname(), "life": "an-earlier-boot/17"}
        (staged / f"{'holder-' + '5' * 32}.json").write_text(json.dumps(told))
    with run_lock(DatasetFolder(tmp_path)):
        assert [p.name for p in tmp_path.iterdir()] == [".scanstage.lock"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_which_another_prepares_its_claim_is_no_foreign_one(tmp_path: Path, no_locks: None) -> None:
    """Two runs into a new folder: one has it, the other is about to be refused."""
    claim_of(tmp_path / f"..scanstage.lock.of-holder-{'5' * 32}", pid=os.getppid(), life=holder.life(os.getppid()))
    assert check_resumable(DatasetFolder(tmp_path), Identity({}), fresh=False, extend=False) is False
    (tmp_path / f"..other.lock.of-holder-{'5' * 32}").mkdir()
    with pytest.raises(InputError):
        check_resumable(DatasetFolder(tmp_path), Identity({}), fresh=False, extend=False)


def test_what_living_claimants_have_prepared_stays(tmp_path: Path, no_locks: None) -> None:
    staged = tmp_path / f"..scanstage.lock.of-holder-{'5' * 32}"
    file = claim_of(staged, pid=os.getppid(), life=holder.life(os.getppid()))
    other = claim_of(tmp_path / f"..scanstage.lock.of-holder-{'6' * 32}", host="node-7")
    with run_lock(DatasetFolder(tmp_path)):
        pass
    assert file.exists()
    assert other.exists()


def test_a_claim_that_was_taken_away_with_its_folder_is_taken_again(
    tmp_path: Path, locks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a run that ends takes the shards' folder away, after the shard has claimed and before it looks for the run."""
    real, looked = run_lock_module._others, []

    def others(*arguments: object) -> object:
        looked.append(1)
        if len(looked) == 1:
            (tmp_path / "shards").rename(tmp_path / "aside")
        return real(*arguments)

    monkeypatch.setattr(run_lock_module, "_others", others)
    with run_lock(DatasetFolder(tmp_path), Shard(1, 2)):
        assert len(looked) == 2
        assert [held.path.name for held in live_holders(DatasetFolder(tmp_path))] == ["1-of-2.lock"]


def test_the_file_that_tells_of_a_claim_is_named_while_it_lasts(tmp_path: Path, locks: bool) -> None:
    """Other machines compare it, to see whether they share the folder."""
    folder = DatasetFolder(tmp_path)
    assert own_file(folder) is None
    for shard in (WHOLE, Shard(0, 2)):
        with run_lock(folder, shard):
            file = own_file(folder)
            assert file is not None
            assert json.loads(file.read_text())["pid"] == os.getpid()
    with holding(tmp_path, locks=locks):
        assert own_file(folder) is None


def test_a_late_follower_of_a_dead_one_doesn_t_harm_who_was_faster(
    tmp_path: Path, no_locks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause at the right line: another follows it, and holds, between the look at the dead one and its removal."""
    path = tmp_path / ".scanstage.lock"
    claim_of(path, life="an-earlier-boot/17")
    real, others = folder_claim._held, ExitStack()

    def held(place: Path, entries: dict[str, holder.Holder]) -> object:
        found = real(place, entries)
        if entries and place == path and not found:
            monkeypatch.setattr(folder_claim, "_held", real)
            others.enter_context(holding(tmp_path, locks=False))
        return found

    monkeypatch.setattr(folder_claim, "_held", held)
    with others:
        refused(tmp_path)
        [living] = live_holders(DatasetFolder(tmp_path))
        assert living.certain
        assert living.file.exists()
