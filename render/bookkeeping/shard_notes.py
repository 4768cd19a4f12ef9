"""What shards note while others write to the same dataset: each in files of its own, until one run folds them in."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.files.plain_json import parse_json
from scanstage.assets.files.stores import entry_names, is_file, make_folder, remove
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.own_files import BOOK_BYTES, own_content
from scanstage.dataset.records.record_store import iterate_records, recorded_indices
from scanstage.dataset.records.run_file import FailedPicture, RunFile, Session, read_run_file, write_run_file
from scanstage.render.bookkeeping.same_run import check_resumable
from scanstage.render.engine.log_tail import DATASET_LOG_BYTES, LEAST_BYTES, extend_log, joined, log_end
from scanstage.scenes.balance.ledger import Ledger
from scanstage.scenes.picture_sequence.picture_source import PictureSource
from scanstage.scenes.picture_sequence.shard import Shard

_NOTE = re.compile(r"\d+-of-\d+\.json")
_LOG = re.compile(r"(\d+-of-\d+)\.log")


@dataclass(frozen=True)
class _Note:
    """What a shard notes of itself."""

    sessions: tuple[Session, ...] = ()
    failed: tuple[FailedPicture, ...] = ()


_NOTES = TypeAdapter(_Note)


def begin_shard(folder: DatasetFolder, run: RunFile, maps: Iterable[str], extend: bool) -> None:
    """Make the folders, and ``run.json`` if no other shard was first.

    Args:
        folder: of the dataset.
        run: content of ``run.json``.
        maps: see :meth:`DatasetFolder.create`.
        extend: whether there may be more pictures, or other targets, than it says.

    Raises:
        InputError: another shard, begun at the same moment, is one of another run.
        OSError: the folder can't be written.
    """
    folder.create(maps)
    if _write_first(folder, replace(run, sessions=())):
        return
    check_resumable(folder, run.identity, False, extend)
    before = read_run_file(folder)
    if before.identity != run.identity:  # extended: every shard writes the same
        write_run_file(folder, replace(run, sessions=before.sessions))


def _write_first(folder: DatasetFolder, run: RunFile) -> bool:
    """Write ``run.json`` unless it is there; of several at once one does."""
    target = folder.run_file
    if is_file(target):
        return False
    if not isinstance(target, Path):
        write_run_file(folder, run)  # a store's last put wins; it is looked at once more by every shard
        return False
    staged = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    with staged.open("wb") as file:
        file.write(run.to_bytes())
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(staged, target)
    except FileExistsError:
        return False
    except OSError:  # no hard links
        write_run_file(folder, run)
        return False
    finally:
        staged.unlink(missing_ok=True)
    return True


def close_shard(folder: DatasetFolder, shard: Shard, done: Sequence[Session], failed: list[tuple[int, str]]) -> None:
    """Note the sessions that a shard has done, beside those that it noted before. Raises OSError."""
    path = folder.shards / f"{shard.name}.json"
    make_folder(path.parent)
    sessions = [*_read(folder, path.name).sessions, *(replace(session, shard=str(shard)) for session in done)]
    reasons = [{"index": i, "reason": reason} for i, reason in sorted(failed)]
    note = {"shard": str(shard), "sessions": [s.to_json() for s in sessions], "failed": reasons}
    write_atomically(path, (json.dumps(note, indent=1) + "\n").encode("utf-8"))


def publish_ledger(folder: DatasetFolder, ledger: Ledger) -> None:
    """Let other shards, and the run that finishes the dataset, have what this one knows, if it knows more.

    All compute the same entries, so whoever writes last does no harm. Raises OSError.
    """
    there = Ledger()
    there.load(folder.ledger)
    if len(ledger.entries) > len(there.entries):
        ledger.open(folder.ledger)


def keep_shard_log(folder: DatasetFolder, shard: Shard, printed: bytes) -> None:
    """Keep what a shard's Blender printed, below what it printed before. Raises OSError."""
    make_folder(folder.shards)
    extend_log(folder.root, f"{folder.shards.name}/{shard.name}.log", printed)


def with_notes(folder: DatasetFolder, sessions: Iterable[Session]) -> tuple[Session, ...]:
    """The sessions and those that shards noted, each once: folding may have been interrupted. Raises OSError."""
    together = {session.key: session for session in sessions}
    for name in _names(folder, _NOTE):
        together |= {session.key: session for session in _read(folder, name).sessions}
    return tuple(together.values())


def noted_failures(folder: DatasetFolder) -> dict[int, str]:
    """Reasons of pictures that shards could not make. Raises OSError."""
    return {f.index: f.reason for name in _names(folder, _NOTE) for f in _read(folder, name).failed}


def remove_notes(folder: DatasetFolder) -> None:
    """Remove what shards noted, once it is in ``run.json``, in one go; their logs join the dataset's. OSError."""
    names = _names(folder, _LOG)
    if names:
        share = max(LEAST_BYTES, DATASET_LOG_BYTES // len(names))
        logs = [(n, log_end(folder.root, f"{folder.shards.name}/{n}", share)) for n in names]
        printed = joined([f"== shard {n[:-4]}\n".encode() + text + b"\n" for n, text in logs], DATASET_LOG_BYTES)
        extend_log(folder.root, folder.log.name, printed)
    place = folder.shards
    if not isinstance(place, Path):
        remove(place.parent, [place.name])
    elif place.is_dir():
        aside = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}")
        with contextlib.suppress(FileNotFoundError):
            place.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)


def lacking(folder: DatasetFolder, source: PictureSource) -> list[int]:
    """Pictures of the whole run that have no record, once it has been gone through to its end. Raises OSError."""
    asked = set(range(source.expected))
    if found := sorted(asked - set(recorded_indices(folder))):
        return found
    # All are there by name: this may be the last shard, whose word is taken for it. So they are read, once.
    return sorted(asked - {record.index for record in iterate_records(folder)})


def _names(folder: DatasetFolder, pattern: re.Pattern[str]) -> list[str]:
    return sorted(name for name in entry_names(folder.shards) if pattern.fullmatch(name))


def _read(folder: DatasetFolder, name: str) -> _Note:
    """A note; an unreadable one is empty, as one that was never written. Raises OSError."""
    content = own_content(folder, f"{folder.shards.name}/{name}", BOOK_BYTES)
    try:
        return _Note() if content is None else _NOTES.validate_python(parse_json(content))
    except ValueError:
        return _Note()
