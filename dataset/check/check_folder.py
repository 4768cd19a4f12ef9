"""Is a dataset's folder complete, and is there nothing in it that doesn't belong: run.json, exports, strays, links."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from scanstage.assets.files.outside_files import read_below
from scanstage.assets.files.stores import entry_names
from scanstage.assets.messages.index_spans import Run, counted, joined, named_runs, pictures_in, spans, without
from scanstage.dataset.check.finding import Finding
from scanstage.dataset.export.coco.coco_document import UnknownClassError, encode_coco
from scanstage.dataset.records.dataset_folder import MAP_FOLDERS, OVERVIEW, PREVIEW, DatasetFolder
from scanstage.dataset.records.decoding import decode_picture
from scanstage.dataset.records.own_files import SHEET_BYTES, read_own
from scanstage.dataset.records.record_store import iterate_records
from scanstage.dataset.records.run_file import RunFile
from scanstage.dataset.report.overview_files import sheet_name
from scanstage.scenes.plan import MOST_PICTURES

COCO_FILE = "annotations/instances.json"
COCO_BYTES_MORE = 1 << 23
"""That a COCO file which isn't the records' may have beside twice the bytes that they give."""
_LEFTOVER = re.compile(r"^\..*\.[a-z0-9_]{8}$|\.tmp$|\.part$")
"""Names that :func:`atomic.write_atomically` gives until a file is complete, and the usual ones of others."""


def quarantined(folder: DatasetFolder) -> set[int]:
    """Indices of the pictures that could not be made and are kept to look into. Raises OSError."""
    return {int(name) for name in entry_names(folder.quarantine) if name.isascii() and name.isdigit()}


def check_run(
    run: RunFile, indices: Collection[int], labels: Mapping[str, int], kept_failures: Collection[int] = ()
) -> Iterator[Finding]:
    """The run was ended properly and says as many pictures and labels as there are; none is missing, none failed.

    Args:
        run: content of ``run.json``.
        indices: of the pictures that have a record.
        labels: of these by class, without ignored ones.
        kept_failures: of the pictures in quarantine.
    """
    at = "run.json"
    if not run.identity.classes:
        yield Finding(at, "run-unreadable", "isn't what a run of scanstage writes")
        return
    if run.pictures is None:
        yield Finding(at, "run-unfinished", "the run was cut short; the same `scanstage generate` goes on from there")
    elif run.pictures != len(indices):
        yield Finding(at, "run-count", f"says {_short(run.pictures)} pictures, there are {len(indices)} records")
    told = run.labels
    if told is not None and {k: v for k, v in told.items() if v} != {k: v for k, v in labels.items() if v}:
        yield Finding(at, "run-labels", f"says the labels {_short(told)}, records have {_short(dict(labels))}")
    failed = ({f.index for f in run.failed} | set(kept_failures)) - set(indices)
    if failed:
        why = "quarantine/" if failed & set(kept_failures) else "run.json's `failed`"
        text = f"{counted(len(failed))} failed: {spans(failed)}; why: {why}"
        yield Finding(at, "pictures-failed", f"{text}, the same `scanstage generate` tries them again")
    if lost := without(_asked(run, indices), {*indices, *failed}):
        number = pictures_in(lost)
        text = f"{counted(number)} {'is' if number == 1 else 'are'} missing: {named_runs(lost)}"
        yield Finding(
            "records", "picture-missing", f"{text}; the same `scanstage generate` goes on with what is missing"
        )


def _asked(run: RunFile, indices: Collection[int]) -> list[Run]:
    """The pictures that some run into this folder was to make; it may have been a shard, or --frames."""
    asked = [s.frames for s in run.sessions if s.frames and 0 <= s.frames[0] <= s.frames[1] < MOST_PICTURES]
    return joined(asked) or ([(min(indices), max(indices))] if indices else [])


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 160 else text[:157] + "..."


def check_coco(root: Path, run: RunFile) -> Iterator[Finding]:
    """The COCO file is what the records give, byte for byte."""
    folder = DatasetFolder(root)
    try:
        expected = encode_coco(iterate_records(folder), run)
    except (UnknownClassError, KeyError, ValueError) as e:
        yield Finding(COCO_FILE, "coco-differs", f"can't be compared: records don't give a COCO file ({e})")
        return
    try:
        data = read_below(root, COCO_FILE, len(expected) * 2 + COCO_BYTES_MORE)
    except OSError as e:
        text = "is missing" if isinstance(e, FileNotFoundError) else f"can't be read ({e.strerror or e})"
        yield Finding(COCO_FILE, "coco-missing", f"{text}; `scanstage export` writes it anew")
        return
    if expected == data:
        return
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as e:
        yield Finding(COCO_FILE, "coco-unreadable", f"is not JSON ({e})")
        return
    text = _first_difference(found, json.loads(expected))
    yield Finding(COCO_FILE, "coco-differs", f"is not what the records give: {text}")


def _first_difference(found: Any, expected: Mapping[str, Any]) -> str:
    if not isinstance(found, dict):
        return "it is no COCO document"
    for section, wanted in expected.items():
        given = found.get(section)
        if given == wanted:
            continue
        if not isinstance(given, list) or not isinstance(wanted, list):
            return section
        if len(given) != len(wanted):
            return f"{len(given)} {section}, records give {len(wanted)}"
        first = next(i for i, (a, b) in enumerate(zip(given, wanted, strict=True)) if a != b)
        keys = [
            k for k in wanted[first] if not isinstance(given[first], dict) or given[first].get(k) != wanted[first][k]
        ]
        return f"{section}[{first}] ({', '.join(keys) or 'has more keys'})"
    return "it is written in another way" if found.keys() == expected.keys() else "it has other sections"


def check_sheet(folder: DatasetFolder, pictures: int) -> Iterator[Finding]:
    """The contact sheet is there and decodes."""
    name = sheet_name(folder, PREVIEW)
    try:
        decode_picture(read_own(folder, name, SHEET_BYTES))
    except OSError as e:
        if pictures:
            text = "is missing" if isinstance(e, FileNotFoundError) else f"can't be read ({e.strerror or e})"
            yield Finding(name, "sheet-missing", f"{text}; `scanstage export` makes it anew")
    except ValueError as e:
        yield Finding(name, "sheet-unreadable", str(e))


def check_strays(root: Path, known: Collection[str]) -> Iterator[Finding]:
    """Files that no record names, leftovers of writing, and links that lead out of the dataset.

    Args:
        root: of the dataset, resolved.
        known: files in the dataset's own folders that belong there, relative to the root.
    """
    own = {"images", "records", "annotations", *MAP_FOLDERS}
    for path, entry in _walk(root):
        at = path.relative_to(root).as_posix()
        if entry.is_symlink():
            if not Path(os.path.realpath(path)).is_relative_to(root):  # Path.resolve fails on loops
                yield Finding(at, "link-outside", f"is a link out of the dataset, to {path.readlink()}")
            elif not path.exists():
                yield Finding(at, "link-broken", f"is a link to {path.readlink()}, which isn't there")
        if _LEFTOVER.search(entry.name):
            yield Finding(at, "leftover", "is a leftover of an interrupted run")
        elif path.relative_to(root).parts[0] in own and at not in known and at not in own and not at.startswith("."):
            kind, text = (
                ("annotation-unknown", "no export writes it")
                if at.startswith("annotations/")
                else ("orphan", "no record names it")
            )
            yield Finding(at, kind, text)


def _walk(root: Path) -> Iterator[tuple[Path, os.DirEntry[str]]]:
    """All entries of a dataset and of its own folders; other folders are the user's, and none of its own has any."""
    own = ("images", "records", "annotations", OVERVIEW, "LICENSES", *MAP_FOLDERS)
    for folder in (root, *(root / name for name in own)):
        if folder.is_dir() and (folder == root or not folder.is_symlink()):
            with os.scandir(folder) as entries:
                yield from ((Path(entry.path), entry) for entry in sorted(entries, key=lambda e: e.name))
