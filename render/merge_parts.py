"""Takes in what parts of a run hold that were made on machines without a shared folder."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.atomic import write_atomically
from assets.errors import InputError
from dataset.export import image_is_whole, named_files, read_records, recorded_indices
from dataset.finished import open_dataset
from dataset.folder import MAP_FOLDERS, DatasetFolder
from dataset.record import Record
from render.quarantine import LOG, PLAN, REASON
from render.run_file import check_resumable, differences, earlier_run, write_run_file
from render.run_lock import live_holders
from render.shard_books import publish_ledger, with_notes
from scenes.balance.ledger import Ledger

Note = Callable[[str], None]
_MOST_SHOWN = 10


@dataclass(frozen=True)
class _Found:
    """A record of a part: where it is, and what its bytes are."""

    part: DatasetFolder
    index: int
    sha256: str


def take_in(folder: DatasetFolder, roots: Sequence[Path], note: Note) -> int:
    """Take in pictures, maps, records, ledgers and notes of parts; returns how many pictures were taken.

    Everything is looked at before anything is changed. Files are taken before the record that names them.

    Args:
        folder: of the dataset, held by the caller; it may be empty.
        roots: folders of the parts, which are only read.
        note: told of pictures of a part that are damaged.

    Raises:
        InputError: a part is no dataset, of another run, being written to, or has another picture of the same number.
        OSError: the folder can't be written.
    """
    root = folder.local_root
    parts = [_opened(root, part) for part in roots]
    _check_same_run(folder, parts)
    wanted = _wanted(folder, parts, note)
    folder.create({p.name for part in parts for p in _maps(part)})
    if not folder.run_file.is_file():
        write_run_file(folder, earlier_run(parts[0]) | {"sessions": []})
    for found in wanted:
        _take(folder, found)
    for part in parts:
        ledger = Ledger()
        ledger.load(part.ledger)
        publish_ledger(folder, ledger)
        _take_failures(root, part)
    run = earlier_run(folder)
    sessions = list(run["sessions"])
    for part in parts:
        sessions += [s for s in with_notes(part, earlier_run(part).get("sessions", [])) if s not in sessions]
    write_run_file(folder, run | {"sessions": sessions})
    return len(wanted)


def _opened(root: Path, part: Path) -> DatasetFolder:
    found = open_dataset(part).folder
    if found.local_root.resolve() == root.resolve():
        raise InputError(f"{part}: is the dataset itself", "name the other parts")
    if holders := live_holders(found):
        raise InputError(f"{part}: {holders[0].holder} is writing to it", "wait for it to end")
    return found


def _check_same_run(folder: DatasetFolder, parts: Sequence[DatasetFolder]) -> None:
    """Raise InputError where a part's config, scans or version are not those of the dataset, or the first part's."""
    first = folder if folder.run_file.is_file() else parts[0]
    ours = _identity(first)
    if first is not folder:
        check_resumable(folder, ours, fresh=False, extend=False)  # refuses what isn't ours
    problems = [
        f"{part.root}: {text} (was: in {first.root})"
        for part in parts
        for _, text in differences(ours, _identity(part))
    ]
    if problems:
        mend = "parts of one dataset need the same config, scans, paths and version of scanstage"
        raise InputError(_first(problems), mend)
    _check_same_beginning(first, parts)


def _check_same_beginning(first: DatasetFolder, parts: Sequence[DatasetFolder]) -> None:
    """Raise InputError where pictures of one number were ordered for other targets in one part than in another."""
    ours = _given(first)
    problems = [
        f"{part.root}: its first {theirs} pictures were ordered for other targets; in {first.root}: the first {ours}"
        for part in parts
        if (theirs := _given(part)) != ours
    ]
    if problems:
        mend = (
            "they can't be one dataset: take those that were extended (--extend) from copies of the same one, and make "
            "what the others hold again in such a copy"
        )
        raise InputError(_first(problems), mend)


def _given(folder: DatasetFolder) -> int:
    return int(earlier_run(folder).get("given", 0))


def _identity(folder: DatasetFolder) -> Any:
    try:
        return earlier_run(folder)["identity"]
    except (ValueError, KeyError, TypeError) as e:
        raise InputError(f"{folder.run_file}: isn't what a run of scanstage writes ({e})") from None


def _wanted(folder: DatasetFolder, parts: Sequence[DatasetFolder], note: Note) -> list[_Found]:
    """Records of parts that the dataset lacks, each once and whole. Raises InputError where two differ."""
    wanted: dict[int, _Found] = {}
    problems = []
    for part in parts:
        for record in _whole(part, note):
            found = _Found(part, record.index, _digest(part, record.index))
            before = wanted.get(record.index) or _ours(folder, record.index)
            if before is None:
                wanted[record.index] = found
            elif before.sha256 != found.sha256:
                one, other = (f.part.record(f.index) for f in (before, found))
                problems.append(f"picture {record.index}: {one} and {other} are not the same")
    if problems:
        raise InputError(
            _first(problems),
            "decide for one of each: remove the other's record (another machine, device or Blender renders other "
            "pixels: then both are sound)",
        )
    return [wanted[index] for index in sorted(wanted)]


def _whole(part: DatasetFolder, note: Note) -> Iterator[Record]:
    readable = set()
    for index in recorded_indices(part):
        for record in read_records(part, [index]):
            if image_is_whole(part, record):
                readable.add(index)
                yield record
        if index not in readable:
            note(f"{part.record(index)}: it, or a file that it names, is damaged; left out")


def _ours(folder: DatasetFolder, index: int) -> _Found | None:
    """The dataset's own record, if it and its files are whole; what isn't is made up for by a part's."""
    for record in read_records(folder, [index]):
        if image_is_whole(folder, record):
            return _Found(folder, index, _digest(folder, index))
    return None


def _digest(folder: DatasetFolder, index: int) -> str:
    return hashlib.sha256(folder.record(index).read_bytes()).hexdigest()


def _take(folder: DatasetFolder, found: _Found) -> None:
    """Take in a picture. Raises OSError."""
    data = found.part.record(found.index).read_bytes()
    record = Record.from_json(data.decode("utf-8"))
    for name, sha256 in named_files(folder, record).items():
        _take_file(found.part.local_root / name, folder.local_root / name, sha256)
    write_atomically(folder.record(found.index), data)


def _take_file(source: Path, target: Path, sha256: str) -> None:
    """Give the dataset a file: a hard link where both are on one disk, else a copy. Raises OSError."""
    if target.is_file() and source.samefile(target):
        return
    staged = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        os.link(source, staged)
    except OSError:
        data = source.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise OSError(None, "changed while it was copied", str(source)) from None
        write_atomically(target, data)
        return
    try:
        staged.replace(target)
    finally:
        staged.unlink(missing_ok=True)


def _take_failures(root: Path, part: DatasetFolder) -> None:
    """Keep what is known of pictures that a part could not make; the reason last, which others go by."""
    for place in sorted(part.local_root.glob("quarantine/[0-9]*")):
        target = root / "quarantine" / place.name
        if not (place / REASON).is_file() or (target / REASON).is_file():
            continue
        target.mkdir(parents=True, exist_ok=True)
        for name in (PLAN, LOG, REASON):
            if (place / name).is_file():
                write_atomically(target / name, (place / name).read_bytes())


def _maps(part: DatasetFolder) -> Iterator[Path]:
    return (part.local_root / name for name in MAP_FOLDERS if (part.local_root / name).is_dir())


def _first(problems: list[str]) -> list[str]:
    more = len(problems) - _MOST_SHOWN
    return problems[:_MOST_SHOWN] + ([f"… and {more} more"] if more > 0 else [])
