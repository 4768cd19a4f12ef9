"""Takes in what parts of a run hold that were made on machines without a shared folder."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.files.outside_files import NO_FILE, is_file_below, open_below, read_below
from scanstage.assets.files.stores import entry_names
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.records.dataset_folder import MAP_FOLDERS, DatasetFolder, record_name
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.records.own_files import RECORD_BYTES, read_own, refuse_misplaced
from scanstage.dataset.records.picture_files import image_is_whole, is_recorded, most_bytes, picture_files
from scanstage.dataset.records.record import Record
from scanstage.dataset.records.record_store import read_records, recorded_indices
from scanstage.dataset.records.run_file import read_run_file, write_run_file
from scanstage.render.bookkeeping.same_run import check_resumable, differences
from scanstage.render.bookkeeping.shard_notes import publish_ledger, with_notes
from scanstage.render.finish.quarantine import LOG, PLAN, REASON, made_place
from scanstage.render.locks.run_lock import live_holders
from scanstage.scenes.balance.ledger import Ledger
from scanstage.scenes.picture_sequence.identity import Identity

Note = Callable[[str], None]
_MOST_SHOWN = 10
NOTE_BYTES = 1 << 26
"""Of what is kept of a picture that could not be made: its plan, and what Blender printed."""
_PLACE = re.compile(r"\d{6,8}", re.ASCII)


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
    refuse_misplaced(folder)
    parts = [_opened(root, part) for part in roots]
    _check_same_run(folder, parts)
    wanted = _wanted(folder, parts, note)
    folder.create({p.name for part in parts for p in _maps(part)})
    if not folder.run_file.is_file():
        write_run_file(folder, replace(read_run_file(parts[0]), sessions=()))
    for found in wanted:
        _take(folder, found)
    for part in parts:
        ledger = Ledger()
        ledger.load(part.ledger)
        publish_ledger(folder, ledger)
        _take_failures(folder, part)
    run = read_run_file(folder)
    sessions = {s.key: s for s in run.sessions}
    for part in parts:
        sessions |= {s.key: s for s in with_notes(part, read_run_file(part).sessions)}
    write_run_file(folder, replace(run, sessions=tuple(sessions.values())))
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
        hint = "parts of one dataset need the same config, scans, paths and version of scanstage"
        raise InputError(_first(problems), hint)
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
        hint = (
            f"they can't be one dataset: take those that were extended ({option('extend')}) from copies of the same "
            "one, and make what the others hold again in such a copy"
        )
        raise InputError(_first(problems), hint)


def _given(folder: DatasetFolder) -> int:
    return read_run_file(folder).given


def _identity(folder: DatasetFolder) -> Identity:
    return read_run_file(folder).identity


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
    return hashlib.sha256(_record_bytes(folder, index)).hexdigest()


def _record_bytes(folder: DatasetFolder, index: int) -> bytes:
    return read_own(folder, record_name(index), RECORD_BYTES)


def _take(folder: DatasetFolder, found: _Found) -> None:
    """Take in a picture. Raises OSError."""
    data = _record_bytes(found.part, found.index)
    if hashlib.sha256(data).hexdigest() != found.sha256:
        raise OSError(None, "changed while it was taken in", str(found.part.record(found.index)))
    record = Record.from_json(data)
    for name, sha256 in picture_files(record).items():
        _take_file(found.part.local_root, folder.local_root, name, sha256, most_bytes(record))
    write_atomically(folder.record(found.index), data)


def _take_file(part: Path, root: Path, name: str, sha256: str, most: int) -> None:
    """Give the dataset a file: a hard link where both are on one disk, else a copy. Raises OSError.

    Args:
        part, root: of the part, and of the dataset.
        name: of the file, below either.
        sha256: of its content.
        most: bytes that it can have.
    """
    with open_below(part, name, most) as file:
        opened = os.fstat(file.fileno())
        if _same(root / name, opened) or _linked(part / name, root / name, opened):
            return
        data = file.read(most)
    if not is_recorded(data, sha256):
        raise OSError(None, "changed while it was copied", str(part / name))
    write_atomically(root / name, data)


def _linked(source: Path, target: Path, opened: os.stat_result) -> bool:
    """Link the very file that was opened; False where that can't be, or a link or another file is there by now."""
    staged = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        os.link(source, staged)
        if not _same(staged, opened):
            return False
        staged.replace(target)
    except OSError:
        return False
    finally:
        staged.unlink(missing_ok=True)
    return True


def _same(path: Path, opened: os.stat_result) -> bool:
    """Whether a path, which may be a link to it, is itself the file that was opened."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and os.path.samestat(found, opened)


def _take_failures(folder: DatasetFolder, part: DatasetFolder) -> None:
    """Keep what is known of pictures that a part could not make; the reason last, which others go by."""
    names = (name for name in entry_names(part.quarantine) if _PLACE.fullmatch(name))
    for index in sorted(name for name in names if name == f"{int(name):06d}"):
        place = f"{part.quarantine.name}/{index}"
        if not is_file_below(part.local_root, f"{place}/{REASON}") or is_file_below(
            folder.local_root, f"{place}/{REASON}"
        ):
            continue
        made = made_place(folder, int(index))
        for name in (PLAN, LOG, REASON):
            try:
                write_atomically(made / name, read_below(part.local_root, f"{place}/{name}", NOTE_BYTES))
            except OSError as e:
                if e.errno not in NO_FILE:
                    raise


def _maps(part: DatasetFolder) -> Iterator[Path]:
    return (part.local_root / name for name in MAP_FOLDERS if (part.local_root / name).is_dir())


def _first(problems: list[str]) -> list[str]:
    more = len(problems) - _MOST_SHOWN
    return problems[:_MOST_SHOWN] + ([f"… and {more} more"] if more > 0 else [])
