"""Who may write to a dataset's folder: one run, or shards of one run side by side."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.render.locks.file_claim import IsKept, Note, claim, holder_of
from scanstage.render.locks.holder import Held
from scanstage.scenes.picture_sequence.shard import WHOLE, Part, Shard

_SHARD_LOCK = re.compile(r"\d+-of-(\d+)\.lock")
_NAMED = 5
_TRIES = 100


def _silent(text: str) -> None:
    pass


@contextmanager
def run_lock(folder: DatasetFolder, part: Part = WHOLE, what: str = "a run", note: Note = _silent) -> Iterator[None]:
    """Hold the folder for this run, or for this shard of it; it is made where it isn't there.

    Each first claims a name of its own (the run's, or the shard's) and then looks at the others': of two that start at
    the same moment at least one sees the other. A run that ends takes the shards' folder away, and with it what a shard
    may have claimed there at that moment: so last of all each looks whether it still has its own. What a killed run
    leaves behind hinders nobody, except where the file system has no locks and it ran on another machine.

    Args:
        folder: of the dataset. In a store, which has no locks, nothing is held.
        part: that it makes; all of a run needs the folder for itself.
        what: it does, for others' messages.
        note: told where a run that was killed is followed.

    Raises:
        InputError: another one holds it, with process and host of each; or the folder can't be written.
    """
    if not isinstance(folder.root, Path):
        yield
        return
    root = folder.root
    run, shards = root / folder.lock.name, root / folder.shards.name
    own = shards / f"{part.name}.lock" if isinstance(part, Shard) else run
    with contextlib.ExitStack() as stack:
        try:
            stack.callback(_remove_empty, shards)
            for _ in range(_TRIES):
                held = stack.enter_context(contextlib.ExitStack())
                is_kept = _claimed(held, own, what if part.alone else f"shard {part}", note)
                others = _others(run, shards, part)
                if others or is_kept():
                    break
                held.close()
            else:
                raise OSError(None, f"{own} is taken away each time that it is claimed")
        except Held as held_by:
            raise _refusal(folder, [held_by], part) from None
        except OSError as e:
            text = f"{folder.root}: can't be written ({e.strerror or e})"
            raise InputError(text, f"choose another with {option('out')}") from None
        if others:
            raise _refusal(folder, others, part)
        yield


def _claimed(stack: contextlib.ExitStack, path: Path, what: str, note: Note) -> IsKept:
    """Claim a name in a folder that may have to be made, for as long as the stack is open."""
    for attempt in range(_TRIES):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return stack.enter_context(claim(path, what, note))
        except (FileNotFoundError, FileExistsError):  # the last shard to end has just removed the folder
            if attempt == _TRIES - 1:
                raise
    raise AssertionError


def live_holders(folder: DatasetFolder) -> list[Held]:
    """All that write to a folder now, runs and shards; of a store nothing is known. Raises OSError."""
    root = folder.root
    if not isinstance(root, Path):
        return []
    return _live([root / folder.lock.name, *_shard_locks(root / folder.shards.name)])


def own_file(folder: DatasetFolder) -> Path | None:
    """The file that says that this process holds a folder; None where it doesn't, or in a store. Raises OSError."""
    return next((held.file for held in live_holders(folder) if held.holder.is_me), None)


def _others(run: Path, shards: Path, part: Part) -> list[Held]:
    """Live holders that can't go along with a run or a shard: its shards, the run, shards of another number."""
    if isinstance(part, Shard):
        return _live([run]) or _live([p for p in _shard_locks(shards) if _count(p) != part.count])
    return _live(_shard_locks(shards))


def _live(paths: Iterable[Path]) -> list[Held]:
    return [held for path in paths if (held := holder_of(path)) is not None]


def _shard_locks(shards: Path) -> list[Path]:
    try:
        return sorted(p for p in shards.iterdir() if _SHARD_LOCK.fullmatch(p.name))
    except (FileNotFoundError, NotADirectoryError):  # it comes and goes
        return []


def _count(path: Path) -> int:
    match = _SHARD_LOCK.fullmatch(path.name)
    assert match is not None
    return int(match[1])


def _refusal(folder: DatasetFolder, others: list[Held], part: Part) -> InputError:
    problems = [f"{folder.root}: {held.holder} is writing to it" for held in others[:_NAMED]]
    if len(others) > _NAMED:
        problems.append(f"… and {len(others) - _NAMED} more")
    if isinstance(part, Shard) and any(_SHARD_LOCK.fullmatch(held.path.name) for held in others):
        problems += _why(others[0], part)
    uncertain = [held for held in others if not held.certain]
    if uncertain:
        files = " ".join(str(held.file) for held in uncertain)
        hint = f"if that has ended, which can't be seen from here (this file system has no locks), delete {files}"
    else:
        hint = f"wait for it to end, or choose another folder with {option('out')}"
    return InputError(problems, hint)


def _why(held: Held, shard: Shard) -> list[str]:
    if _count(held.path) != shard.count:
        return [
            f"shards of {_count(held.path)} and of {shard.count} overlap: all that run at once need the same number"
        ]
    return [f"shard {shard} runs already (0 and {shard.count} name the same one)"] if shard.index == 0 else []


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
