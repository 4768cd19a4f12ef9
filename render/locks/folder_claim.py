"""A claim where the file system knows no ``flock``: a folder with one file in it, which says who holds it.

How it is taken: the claimant prepares a folder of its own, whose one file (the *entry*) has a random name, and renames
it to the claim's name. A rename onto a folder replaces it if that is empty and fails if it isn't, in one step; so the
claim is free where there is nothing, or an empty folder, and held where there is an entry. Neither hard links nor any
other service of the file system is needed, and there is no moment at which a claim is held and doesn't say by whom.

How it ends: the holder deletes its entry, or, if it has died, whoever finds that. Then the empty folder is removed.

Why never two hold it:

1. A claim never has two entries. Entries get there by the rename alone (nobody makes a file in the folder under the
   claim's name), each within a folder of its own, and only onto a folder that is empty. A claimant looks afterwards
   whether its entry is there: somebody may have emptied the folder while it was being prepared.
2. The entry of a process that lives is deleted by that process alone. Others delete an entry only after its process has
   died, and *by the entry's name*, which no other will ever have: one that comes late, after the dead one's claim has
   been taken over, finds no such name and does no harm. There is nothing to be locked while a dead holder's claim is
   broken, and so nobody who can die while breaking it.
3. A folder is removed by ``rmdir``, which does nothing where there is an entry, live or not.

A process holds the claim from its rename until it deletes its entry. By 2 its entry is there all that time, so by 1 no
other is: periods of two holders never overlap. No claim is ever renamed, whoever holds it.

What a killed claimant leaves is prepared folders. Of these anybody may delete what is not complete (the claimant, if it
lives after all, fails and tries again), and by rule 2 an entry whose process has died.

A *file* under the claim's name was written by a host that has ``flock``, or by an earlier version. It counts as an
entry too; it is deleted by ``unlink``, which never removes a folder, so neither a claim.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from scanstage.render.locks.holder import MOST_BYTES, Held, Holder, fate, foreign, me, parsed, told

PATIENCE_S = 0.5
"""A claim that is refused without a holder to be seen (Windows, where somebody reads a file) is tried for so long."""
_ENTRY = re.compile(r"holder-[0-9a-f]{32}\.json")
_PREPARED = re.compile(r"\.(?P<claim>.+)\.of-holder-[0-9a-f]{32}")
_UNFINISHED = "unfinished"
_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
_own: set[str] = set()
"""Entries of claims that this process holds, or is taking, and paths of files that it holds."""
Tell = Callable[[Holder], None]


def take(path: Path, what: str, tell: Tell) -> str:
    """Hold ``path``, in a folder that exists.

    Args:
        path: of the claim.
        what: the holder does, for others' messages.
        tell: see :func:`clear`.

    Returns:
        The name of the entry, for :func:`let_go`.

    Raises:
        Held: by another process, or elsewhere in this one.
        FileNotFoundError: the folder is gone, or what was prepared in it: to be tried again.
        OSError: the folder can't be written.
    """
    entry = f"holder-{uuid4().hex}.json"
    _own.add(entry)  # before it can be seen: another thread must not take it for one of a dead process of our number
    denied: OSError | None = None
    deadline = time.monotonic() + PATIENCE_S
    try:
        staged = _prepared(path, entry, told(me(what)))
        while (trouble := _put(staged, path, entry)) is not None:
            if time.monotonic() > deadline:
                raise denied or (foreign(path) if _mode(path) else trouble)
            try:
                clear(path, tell)
            except PermissionError as e:
                denied = e
            time.sleep(0.002)
    except BaseException:
        let_go(path, entry)
        raise
    finally:
        _discard(_staged(path, entry), entry)
    with contextlib.suppress(OSError):
        _sweep(path)
    return entry


def let_go(path: Path, entry: str) -> None:
    """Delete an entry of this process, and the folder if nobody has it since."""
    for _ in range(20):  # Windows deletes nothing that somebody reads at that moment
        try:
            (path / entry).unlink()
        except (FileNotFoundError, NotADirectoryError):
            break
        except PermissionError:
            time.sleep(0.005)
        except OSError:
            break
        else:
            break
    _own.discard(entry)
    with contextlib.suppress(OSError):
        path.rmdir()


@contextmanager
def owning(path: Path) -> Iterator[None]:
    """Let it be known here that a *file* of that name is held by this process, by other means."""
    _own.add(str(path))
    try:
        yield
    finally:
        _own.discard(str(path))


def is_there(path: Path, entry: str) -> bool:
    """Whether a claim that was taken is still under its name."""
    return stat.S_ISREG(_mode(path / entry))


def look(path: Path) -> Held | None:
    """Who holds ``path``; None where nobody does (any more). Raises OSError where that can't be read."""
    return _held(path, _entries(path))


def clear(path: Path, tell: Tell) -> None:
    """Free a claim from a dead holder.

    Args:
        path: of the claim.
        tell: is told of a holder that was killed, by that one alone of many who freed the claim from it.

    Raises:
        Held: by one who lives, or of whom that can't be told.
        OSError: it can't be read, or not be deleted.
    """
    entries = _entries(path)
    if held := _held(path, entries):
        raise held
    for name, holder in entries.items():
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):  # somebody was faster
            (path / name).unlink()
            tell(holder)
    with contextlib.suppress(OSError):
        path.rmdir()


def _held(path: Path, entries: dict[str, Holder]) -> Held | None:
    for name, holder in entries.items():
        if holder.is_me:
            if (name or str(path)) in _own:
                return Held(path, holder, True, path / name)
            continue
        if (became := fate(holder)) != "dead":
            return Held(path, holder, became == "alive", path / name)
    return None


def _entries(path: Path) -> dict[str, Holder]:
    """Holders by the names of their entries; that of a file under the claim's own name is empty.

    Raises OSError where it is neither a file nor a folder, a link for example, or can't be read.
    """
    mode = _mode(path)
    if mode == 0:
        return {}
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise foreign(path)  # a link, a pipe
    try:
        names = [p.name for p in path.iterdir() if _ENTRY.fullmatch(p.name)] if stat.S_ISDIR(mode) else [""]
    except (FileNotFoundError, NotADirectoryError):
        return {}
    found = {name: _content(path / name) for name in names}
    return {name: holder for name, holder in found.items() if holder is not None}


def _content(file: Path) -> Holder | None:
    """Who a file names: nobody in particular where it is broken; None where it is gone."""
    try:
        handle = os.open(file, _READ)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        return Holder() if stat.S_ISREG(_mode(file)) else None
    try:
        return parsed(os.read(handle, MOST_BYTES)) or Holder()
    except IsADirectoryError:  # a claim since
        return None
    finally:
        os.close(handle)


def _mode(path: Path) -> int:
    """Of what has that name, itself where it is a link; 0 where there is nothing."""
    try:
        return path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0


def prepared_for(name: str) -> str | None:
    """Name of the claim that a folder of that name is prepared for; None where it is none of these."""
    match = _PREPARED.fullmatch(name)
    return match["claim"] if match else None


def _staged(path: Path, entry: str) -> Path:
    return path.with_name(f".{path.name}.of-{entry.removesuffix('.json')}")


def _prepared(path: Path, entry: str, content: bytes) -> Path:
    """A folder with the entry in it, which has its name only when it is complete."""
    staged = _staged(path, entry)
    staged.mkdir()
    with contextlib.suppress(OSError):  # who may write beside a claim may free it from a dead holder
        staged.chmod(0o700 | stat.S_IMODE(path.parent.stat().st_mode))
    handle = os.open(staged / _UNFINISHED, _WRITE, 0o644)
    try:
        os.write(handle, content)
        os.fsync(handle)
    finally:
        os.close(handle)
    with contextlib.suppress(OSError):
        (staged / _UNFINISHED).chmod(0o644)  # whatever the umask: others are to read it
    (staged / _UNFINISHED).rename(staged / entry)
    return staged


def _put(staged: Path, path: Path, entry: str) -> OSError | None:
    """Give a prepared folder the claim's name; returns why not. Raises FileNotFoundError where it is gone."""
    try:
        staged.rename(path)
    except OSError as e:
        if is_there(path, entry):  # a network's answer may be lost, and the question be put again
            return None
        if isinstance(e, FileNotFoundError):
            raise
        return e
    if not is_there(path, entry):
        raise FileNotFoundError(errno.ENOENT, "what was prepared is gone", str(staged))
    return None


def _discard(staged: Path, entry: str | None) -> None:
    """Remove a prepared folder, unless it has a complete entry other than that."""
    for name in (_UNFINISHED, entry) if entry else (_UNFINISHED,):
        with contextlib.suppress(OSError):
            (staged / name).unlink()
    with contextlib.suppress(OSError):
        staged.rmdir()


def _sweep(path: Path) -> None:
    """Remove what claimants prepared that were killed then."""
    for staged in path.parent.iterdir():
        if prepared_for(staged.name) == path.name and stat.S_ISDIR(_mode(staged)):
            with contextlib.suppress(OSError):
                dead = _entries(staged)  # at most one
                if _held(staged, dead) is None:
                    _discard(staged, next(iter(dead), None))
