"""Logs within bounds: the newest stays, and what went before is counted."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import pytest

from scanstage.assets.files.locations import locate
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.render.bookkeeping.shard_notes import keep_shard_log, remove_notes
from scanstage.render.engine.log_tail import (
    DATASET_LOG_BYTES,
    LEAST_BYTES,
    LogTail,
    extend_log,
    joined,
    log_end,
    shortened,
)
from scanstage.scenes.picture_sequence.shard import Shard

LINES = b"".join(b"line %07d\n" % i for i in range(5000))
TOLD = re.compile(r"… ([\d,]+) bytes before this were dropped\n")


def dropped(log: bytes) -> int:
    """What the first line says; 0 where it says nothing."""
    match = TOLD.match(log.decode("utf-8"))
    return int(match[1].replace(",", "")) if match else 0


def content(log: bytes) -> bytes:
    return TOLD.sub("", log.decode("utf-8"), count=1).encode("utf-8")


@pytest.mark.parametrize("most", [LEAST_BYTES, 200, 1000, len(LINES) - 1])
def test_the_end_stays_and_the_rest_is_counted(most: int) -> None:
    short = shortened(LINES, most)
    assert len(short) <= most
    assert LINES.endswith(content(short))
    assert dropped(short) + len(content(short)) == len(LINES)
    assert content(short)[:5] in (b"line ", b""), "it begins with a whole line"
    assert shortened(LINES, len(LINES)) == LINES


def test_what_was_dropped_adds_up_however_often_it_is_shortened() -> None:
    log, total = b"", 0
    for i in range(40):
        printed = b"%d\n" % i * (i * 37 % 400)
        total += len(printed)
        log = shortened(log + printed, 1500)
        assert dropped(log) + len(content(log)) == total
    halves = shortened(LINES, 2000) + shortened(LINES, 2000)
    assert dropped(shortened(halves, 300)) + len(content(shortened(halves, 300))) == 2 * len(LINES)


@pytest.mark.parametrize(
    "printed",
    [
        b"x" * 500_000,
        "…✓чашка".encode() * 20_000,
        bytes(range(256)) * 1000,
        b"\n" * 100_000,
        "… 999,999,999,999,999,999,999,999 bytes before this were dropped\n".encode() * 2000,
        "… ,,, bytes before this were dropped\n".encode() * 3000,
    ],
    ids=["one line", "signs", "bytes", "breaks", "a faked count", "a broken count"],
)
def test_whatever_is_printed_it_stays_within_the_bound(printed: bytes) -> None:
    short = shortened(printed, 1000)
    assert len(short) <= 1000
    assert short.startswith("… ".encode())
    assert len(joined([printed, LINES, printed], 3000)) <= 3000


def test_logs_share_the_room_and_short_ones_leave_theirs() -> None:
    long, short = LINES, b"a word\n"
    together = joined([long, short, long], 10_000)
    assert 9_500 < len(together) <= 10_000
    assert short in together
    assert together.count(b"line 0004999\n") == 2, "the newest of each"
    assert joined([short, short], 1000) == short + short
    assert joined([], 1000) == b""


def test_a_dataset_s_log_grows_over_sessions_up_to_its_bound(tmp_path: Path) -> None:
    for i in range(30):
        extend_log(tmp_path, "blender.log", b"== session %d\n" % i + LINES * 5)
    log = (tmp_path / "blender.log").read_bytes()
    assert DATASET_LOG_BYTES - 5000 < len(log) <= DATASET_LOG_BYTES
    assert log.endswith(LINES)
    assert b"== session 29\n" in log
    assert dropped(log) + len(content(log)) == sum(len(b"== session %d\n" % i) + 5 * len(LINES) for i in range(30))
    before = log
    extend_log(tmp_path, "blender.log", LINES * 5)
    assert (tmp_path / "blender.log").read_bytes() == before, "a merge that was killed is given again"


@pytest.mark.parametrize("what", ["link", "device", "pipe", "folder", "huge"])
def test_what_stands_in_a_log_s_place(tmp_path: Path, what: str) -> None:
    (root := tmp_path / "data").mkdir()
    (secret := tmp_path / "secret").write_text("a private key\n")
    log = root / "blender.log"
    if what == "link":
        log.symlink_to(secret)
    elif what == "device":
        log.symlink_to("/dev/zero")
    elif what == "pipe":
        os.mkfifo(log)
    elif what == "folder":
        log.mkdir()
    else:
        log.touch()
        os.truncate(log, 40 << 30)
    found = log_end(root, "blender.log")
    assert len(found) <= DATASET_LOG_BYTES
    if what == "huge":
        assert dropped(found) > 39 << 30
        return
    assert found == b""
    if what != "folder":
        extend_log(root, "blender.log", b"ours\n")
        assert log.read_bytes() == b"ours\n"
        assert not log.is_symlink()
    assert secret.read_text() == "a private key\n"


@pytest.mark.parametrize("place", ["disk", "store"])
def test_logs_of_shards_join_the_dataset_s(tmp_path: Path, place: str) -> None:
    folder = DatasetFolder(tmp_path if place == "disk" else locate(f"memory://logs{os.getpid()}/d", "--out"))
    extend_log(folder.root, "blender.log", b"the first run\n")
    for k in range(5):
        for session in range(2):
            keep_shard_log(folder, Shard(k, 5), b"== session %d\n" % session + LINES * 20 + b"end of %d\n" % k)
    remove_notes(folder)
    log = log_end(folder.root, "blender.log")
    assert len(log) <= DATASET_LOG_BYTES
    assert all(b"end of %d\n" % k in log for k in range(5))
    assert all(f"== shard {k}-of-5\n".encode() in log for k in range(1, 5))
    assert not log_end(folder.root, "shards/1-of-5.log")


def test_a_pipe_is_emptied_whoever_looks_meanwhile() -> None:
    ours, theirs = os.pipe()
    tail = LogTail(os.fdopen(ours, "rb"), 10_000)
    thread = threading.Thread(target=tail.follow, daemon=True)
    thread.start()
    printed = 0
    with os.fdopen(theirs, "wb", buffering=0) as pipe:
        for i in range(300):
            printed += pipe.write(b"line %05d of many that are printed here\n" % i * 40)
            assert b"line %05d" % i in tail.read(), "what was printed before it is asked for is there"
            assert len(tail._kept) <= 20_000 + (1 << 16)
    thread.join(10)
    assert not thread.is_alive()
    assert len(tail.read()) <= 10_000
    assert dropped(tail.read()) + len(content(tail.read())) == printed
