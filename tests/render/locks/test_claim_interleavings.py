"""Claims under every order of their steps, with a dead holder to follow and processes killed at every step."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.interleaving import Clock, Explorer, Process, here, hook

from scanstage.render.locks import file_claim, folder_claim, run_lock
from scanstage.render.locks.holder import Held, Holder

pytestmark = pytest.mark.skipif(os.name != "posix", reason="flock")
NAME = "a.lock"
DEAD = 1
OUTSIDER = 99


@dataclass
class World:
    """A folder with a claim in it, and the processes that claim it.

    Attributes:
        inside: numbers of those that hold it.
        doubles: numbers of those that held it at once.
        refused: how many were told that another holds it.
        notes: that were given of dead ones.
    """

    root: Path
    locks: bool
    processes: list[Process] = field(default_factory=list)
    inside: set[int] = field(default_factory=set)
    doubles: list[set[int]] = field(default_factory=list)
    refused: int = 0
    notes: list[str] = field(default_factory=list)
    named: int = 0

    def claim(self, process: Process) -> None:
        """What each process does."""
        try:
            with contextlib.ExitStack() as stack:
                is_kept = run_lock._claimed(stack, self.root / NAME, f"claimant {process.number}", self.notes.append)
                assert is_kept(), "not kept"
                self.inside.add(process.number)
                if len(living := self.inside - self._dead()) > 1:
                    self.doubles.append(living)
                process.pause("inside")
                self.inside.discard(process.number)
        except Held:
            self.refused += 1

    def _dead(self) -> set[int]:
        return {p.number for p in self.processes if p.killed}

    def fate(self, holder: Holder) -> str:
        """In the place of :func:`holder.fate`."""
        if (process := here()) is not None:
            process.pause("fate")
        living = {p.number for p in self.processes if not p.killed and not p.ended}
        return "alive" if holder.pid in living else "dead"

    def name(self) -> uuid.UUID:
        """In the place of ``uuid4``: a run of the same steps has the same names."""
        process = here()
        assert process is not None
        self.named += 1
        return uuid.UUID(int=process.number << 64 | self.named)

    def start(self, number: int) -> list[Process]:
        """Fresh processes, a folder that a dead one has held."""
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir()
        self.inside, self.refused, self.named = set(), 0, 0
        self.notes.clear()
        self._leave_dead()
        self.processes = [Process(10 + k, self.claim) for k in range(number)]
        return self.processes

    def _leave_dead(self) -> None:
        path, content = self.root / NAME, json.dumps({"what": "the dead", "pid": DEAD, "host": "here"})
        if not self.locks:
            path.mkdir()
            path /= f"holder-{'0' * 32}.json"
        path.write_text(content)

    def is_free(self) -> bool:
        """Whether one that comes afterwards gets it, and leaves nothing."""
        process = Process(OUTSIDER, self.claim)
        self.processes = [*self.processes, process]
        refused = self.refused
        process.start()
        while not process.ended:
            process.step()
        return process.error is None and self.refused == refused and not list(self.root.iterdir())


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Claims of processes of an explorer; the parameter says whether there are locks, and what calls are looked at."""
    locks, all_calls = request.param
    memory = Path("/dev/shm")  # many thousand files are made and removed
    root = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else tmp_path))
    world = World(root / "w", locks)

    def is_me(holder: Holder) -> bool:
        process = here()
        return process is not None and holder.pid == process.number

    def me(what: str) -> Holder:
        process = here()
        assert process is not None
        return Holder(what, process.number, "here")

    monkeypatch.setattr(Holder, "is_me", property(is_me))
    monkeypatch.setattr(folder_claim, "fate", world.fate)
    monkeypatch.setattr(file_claim, "_knows_locks", lambda folder: locks)
    for module in (file_claim, folder_claim):
        monkeypatch.setattr(module, "me", me)
        monkeypatch.setattr(module, "time", Clock)
    monkeypatch.setattr(folder_claim, "uuid4", world.name)
    name = str(world.root / NAME)
    hook(monkeypatch, lambda path: path.startswith(str(world.root) if all_calls else name))
    yield world
    shutil.rmtree(root, ignore_errors=True)


def explore(world: World, number: int, explorer: Explorer, told_once: bool = True) -> Explorer:
    """All orders of so many claimants: never two inside, none fails, and afterwards it is free and the folder clean.

    The dead one is told of once, unless ``told_once`` is False.
    """
    for story in explorer.all_orders(lambda: world.start(number)):
        told = "\n".join(story)
        assert not world.doubles, f"{world.doubles} in at once:\n{told}"
        assert all(p.error is None for p in world.processes), f"{[p.error for p in world.processes]}:\n{told}"
        if told_once:
            killed = any(p.killed for p in world.processes)
            assert killed or len(world.notes) == 1, f"told {len(world.notes)} times of the dead one:\n{told}"
            assert len(set(world.notes)) == len(world.notes), f"{world.notes}:\n{told}"
        assert world.is_free(), f"not free afterwards, {list(world.root.rglob('*'))}:\n{told}"
    return explorer


LOCKS, FOLDERS, FOLDERS_ALL_CALLS = (True, True), (False, False), (False, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("world", "number", "switches", "kills", "least"),
    [
        pytest.param(LOCKS, 2, 2, 0, 300, id="flock"),
        pytest.param(LOCKS, 2, 1, 1, 300, id="flock-killed"),
        pytest.param(FOLDERS, 2, 2, 0, 300, id="folders"),
        pytest.param(FOLDERS, 2, 1, 1, 300, id="folders-killed"),
        pytest.param(FOLDERS, 3, 1, 0, 100, id="three-folders"),
        pytest.param(FOLDERS_ALL_CALLS, 2, 1, 0, 50, id="preparing"),
        pytest.param(FOLDERS_ALL_CALLS, 2, 0, 2, 300, id="preparing-killed"),
    ],
    indirect=["world"],
)
def test_no_order_of_steps_lets_two_in(world: World, number: int, switches: int, kills: int, least: int) -> None:
    explorer = explore(world, number, Explorer(switches, kills))
    assert explorer.runs > least, "the processes don't stop where they could meet"


def _clear_by_renaming(path: Path, tell: folder_claim.Tell) -> None:
    """Moves a dead holder's claim out of the way, whatever it has become since."""
    entries = folder_claim._entries(path)
    if held := folder_claim._held(path, entries):
        raise held
    aside = path.with_name("aside")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    shutil.rmtree(aside)
    for holder in entries.values():
        tell(holder)


def _clear_all_entries(path: Path, tell: folder_claim.Tell) -> None:
    """Deletes what is in the claim at the end, instead of what was seen at the beginning."""
    entries = folder_claim._entries(path)
    if held := folder_claim._held(path, entries):
        raise held
    with contextlib.suppress(FileNotFoundError):
        for file in path.iterdir():
            file.unlink()
    for holder in entries.values():
        tell(holder)


@pytest.mark.parametrize(
    ("world", "worse"),
    [
        (FOLDERS, _clear_by_renaming),
        (FOLDERS, _clear_all_entries),
    ],
    indirect=["world"],
    ids=["renamed", "emptied"],
)
def test_the_explorer_finds_known_races(
    world: World, monkeypatch: pytest.MonkeyPatch, worse: Callable[[Path, folder_claim.Tell], None]
) -> None:
    monkeypatch.setattr(folder_claim, "clear", worse)
    with pytest.raises(AssertionError, match="in at once"):
        explore(world, 2, Explorer(switches=2), told_once=False)
