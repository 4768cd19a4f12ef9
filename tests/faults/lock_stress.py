"""Processes that fight for one dataset's folder: ``python tests/faults/lock_stress.py [--attempts N] [--mode MODE]``.

Many processes claim the folder as runs and as shards, hold it for a moment and let go. A third of the holders kill
themselves (SIGKILL) while they hold it; besides, processes are killed at random moments, so also while they claim it,
follow a dead one, or let go. Modes are what a file system may offer: ``flock``; ``links``, which are hard links, but no
flock; ``neither``. What it lacks is refused as such file systems refuse it.

That nobody else is in is told by other means than the lock: each who is in says so in memory that all share, first,
and then looks at what the others say. Prints what was counted; the last line is one JSON object, and the exit code is 1
where two were in at once, the folder could not be claimed at the end, or anything was left in it.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import json
import mmap
import os
import random
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.render.locks.run_lock import run_lock
from scanstage.scenes.picture_sequence.shard import WHOLE, Shard

MODES = ("flock", "links", "neither")
AS = (WHOLE, WHOLE, WHOLE, Shard(0, 2), Shard(1, 2))
"""What processes claim the folder as: each conflicts with all but the other shard."""
KILLED_SHARE = 1 / 3
MOST_HELD_S = 0.002
KILL_EVERY_S = 0.02
COUNTS = ("attempts", "got", "doubles", "killed_inside", "followed", "errors")
PHASES = ("between", "claiming", "inside", "leaving")
EXITING = 0x4
"""PF_EXITING, of /proc/PID/stat's flags."""


class Board:
    """What processes say to each other, in memory that they share; each writes to its own line alone.

    Args:
        lines: number of processes.
    """

    def __init__(self, lines: int) -> None:
        self.lines = lines
        self._width = 2 + len(COUNTS)
        self._memory = mmap.mmap(-1, lines * self._width * 8)

    def _at(self, line: int, column: int) -> int:
        return (line * self._width + column) * 8

    def _get(self, line: int, column: int) -> int:
        return int(struct.unpack_from("<q", self._memory, self._at(line, column))[0])

    def _set(self, line: int, column: int, value: int) -> None:
        struct.pack_into("<q", self._memory, self._at(line, column), value)

    def say_in(self, line: int, kind: int) -> None:
        """That this process is in, as the given one of :data:`AS`."""
        self._set(line, 0, (kind + 1) << 32 | os.getpid())

    def say_out(self, line: int) -> None:
        """That it isn't any more."""
        self._set(line, 0, 0)

    def others_in(self, line: int, kind: int) -> list[int]:
        """Numbers of living processes that are in and may not be, beside one that is."""
        said = [self._get(other, 0) for other in range(self.lines) if other != line]
        return [s & 0xFFFFFFFF for s in said if s and conflict(kind, (s >> 32) - 1) and is_well(s & 0xFFFFFFFF)]

    def phase(self, line: int, phase: int | None = None) -> int:
        """What a process is doing, of :data:`PHASES`; sets it where one is given."""
        if phase is not None:
            self._set(line, 1, phase)
        return self._get(line, 1)

    def count(self, line: int, what: str, more: int = 1) -> None:
        """Add to a count of a process."""
        column = 2 + COUNTS.index(what)
        self._set(line, column, self._get(line, column) + more)

    def total(self, what: str) -> int:
        """A count of all processes."""
        return sum(self._get(line, 2 + COUNTS.index(what)) for line in range(self.lines))


def conflict(one: int, other: int) -> bool:
    """Whether two kinds of :data:`AS` exclude each other."""
    return AS[one].alone or AS[other].alone or AS[one] == AS[other]


def is_well(pid: int) -> bool:
    """Whether a process lives and isn't on its way out: what it held, the system may have taken from it by then."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] not in "ZX" and not int(fields[6]) & EXITING


def refuse(mode: str) -> None:
    """Let this process find a file system that lacks things."""

    def no_locks(*_: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    def no_links(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    if mode != "flock":
        fcntl.flock = no_locks
    if mode == "neither":
        os.link = no_links


@dataclass
class Fight:
    """Processes that claim one folder.

    Attributes:
        folder: of the dataset.
        mode: see :data:`MODES`.
        attempts: of all together.
        seed: of what is drawn.
    """

    folder: Path
    mode: str
    attempts: int
    board: Board
    seed: int

    def one(self, line: int, life: int) -> None:
        """Be one of them until there have been enough attempts."""
        refuse(self.mode)
        rng = random.Random(f"{self.seed} {line} {life}")
        board = self.board
        while board.total("attempts") < self.attempts:
            kind = rng.randrange(len(AS))
            board.count(line, "attempts")
            board.phase(line, PHASES.index("claiming"))
            try:
                note = self._note(line)
                with run_lock(DatasetFolder(self.folder), AS[kind], note=note):
                    board.phase(line, PHASES.index("inside"))
                    self._inside(line, kind, rng)
                    board.phase(line, PHASES.index("leaving"))
            except InputError as e:
                if "is writing to it" not in str(e):
                    board.count(line, "errors")
                    print(f"{os.getpid()}: {e}", file=sys.stderr, flush=True)
            board.phase(line, PHASES.index("between"))
            time.sleep(rng.uniform(0, MOST_HELD_S))

    def _note(self, line: int) -> Any:
        return lambda text: self.board.count(line, "followed")

    def _inside(self, line: int, kind: int, rng: random.Random) -> None:
        board = self.board
        board.say_in(line, kind)
        board.count(line, "got")
        found = bool(board.others_in(line, kind))
        time.sleep(rng.uniform(0, MOST_HELD_S))
        found |= bool(board.others_in(line, kind))
        board.count(line, "doubles", found)
        if rng.random() < KILLED_SHARE:
            board.count(line, "killed_inside")
            os.kill(os.getpid(), signal.SIGKILL)
        board.say_out(line)


def watch(fight: Fight) -> dict[str, int]:
    """Start the processes, kill some, replace those that die, until there have been enough attempts.

    Returns:
        How many were killed at a random moment, by what they were doing.
    """
    board, rng = fight.board, random.Random(fight.seed)
    killed = dict.fromkeys(PHASES, 0)
    lives, running = 0, {start(fight, line, 0): line for line in range(board.lines)}
    next_kill = time.monotonic()
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid:
            line = running.pop(pid)
            board.say_out(line)
            if not os.WIFSIGNALED(status) and os.waitstatus_to_exitcode(status) != 0:
                board.count(line, "errors")
            if board.total("attempts") < fight.attempts:
                lives += 1
                running[start(fight, line, lives)] = line
        elif time.monotonic() > next_kill:
            pid = rng.choice(sorted(running))
            killed[PHASES[board.phase(running[pid])]] += 1
            os.kill(pid, signal.SIGKILL)
            next_kill = time.monotonic() + rng.uniform(0, 2 * KILL_EVERY_S)
        else:
            time.sleep(0.0005)
    return killed


def start(fight: Fight, line: int, life: int) -> int:
    """Start a process; returns its number."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        fight.one(line, life)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def after(fight: Fight) -> list[str]:
    """What is wrong once all have ended: the folder can be claimed as anything, and nothing is left in it."""
    pid = os.fork()
    if not pid:
        refuse(fight.mode)
        code = 1
        try:
            for kind in (WHOLE, Shard(0, 2), Shard(1, 2)):
                with run_lock(DatasetFolder(fight.folder), kind):
                    pass
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    wrong = [] if os.waitpid(pid, 0)[1] == 0 else ["can't be claimed at the end"]
    return wrong + [f"left: {p.relative_to(fight.folder)}" for p in sorted(fight.folder.rglob("*"))]


def stress(mode: str, attempts: int, processes: int, seed: int, folder: Path | None = None) -> dict[str, Any]:
    """Fight in one mode, in a folder that is made for it (in ``folder``); what was counted."""
    place = Path(tempfile.mkdtemp(prefix="lock-stress-", dir=folder))
    try:
        fight = Fight(place / "dataset", mode, attempts, Board(processes), seed)
        fight.folder.mkdir()
        started = time.monotonic()
        killed = watch(fight)
        counts = {what: fight.board.total(what) for what in COUNTS}
        seconds = round(time.monotonic() - started, 1)
        return {"mode": mode, **counts, "killed_at_random": killed, "wrong": after(fight), "seconds": seconds}
    finally:
        shutil.rmtree(place, ignore_errors=True)


def main() -> int:
    """Run what is asked for; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attempts", type=int, default=10_000, help="in each mode (%(default)s)")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--mode", choices=MODES, action="append", help="may be given again; default: all")
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--folder", type=Path, help="in which to do it; default: where temporary files go")
    options = parser.parse_args()
    results = []
    for mode in options.mode or MODES:
        result = stress(mode, options.attempts, options.processes, options.seed, options.folder)
        results.append(result)
        print(", ".join(f"{key} {value}" for key, value in result.items()), flush=True)
    print(json.dumps({"processes": options.processes, "seed": options.seed, "modes": results}))
    return 1 if any(r["doubles"] or r["errors"] or r["wrong"] for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
