"""What derives from records is published so that the newest truth stays, whoever else publishes at the same time.

An export reads records for seconds or minutes. Meanwhile a run may add some, end, and publish what derives from all of
them; put in place after that, the export's older file would be the last word. No lock is needed against it, and so an
export hinders no run, on stores neither: whoever publishes looks *after* it whether the records are still those that
it has read, and does it again if not. Then what stays is true of the records that stay. For consider the last to put
its file in place: it found, after that, the records that the file was made from. Who has changed them since (a run, a
merge) publishes at its own end, after its last change; that would have been the last, unless it was killed, and then
the next run, merge or export does it.

Whoever looks also *before* it puts its file in place doesn't show the older truth for a moment, and can give up where
records are added all the time: who adds them has yet to publish. A run, or a merge, holds the dataset's folder, and so
finds it unchanged the first time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from scanstage.assets.files.stores import file_sizes
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.records.dataset_folder import DatasetFolder

TRIES = 3
"""While records are being added, an export is begun so many times."""
Listing = object
_T = TypeVar("_T")


def record_listing(folder: DatasetFolder) -> Listing:
    """What is another once records were added, replaced or removed. Raises OSError.

    Of a local folder these are the names and when the folder was last written to, because a record is replaced by a
    rename; of a store, which has no such time, names and sizes.
    """
    records = folder.records
    if not isinstance(records, Path):
        return file_sizes(folder.root, [records.name])  # type: ignore[arg-type]
    try:
        with os.scandir(records) as entries:
            names = frozenset(e.name for e in entries if e.name.endswith(".json") and not e.name.startswith("."))
        found = records.stat()
    except FileNotFoundError:
        return None
    return names, found.st_ino, found.st_mtime_ns


def publish(folder: DatasetFolder, derive: Callable[[], _T], put: Callable[[_T], None], insist: bool = False) -> _T:
    """Derive something from all records and put it in place, so that it is true of the records that are there then.

    Args:
        folder: of the dataset.
        derive: reads the records and changes nothing.
        put: puts in place what that returned; it can be done again.
        insist: put in place what the last try came to, however the records have changed: for the end of a run, beside
            which nobody writes but actors that have not yet heard of it; and for stores, where nobody holds anything.

    Returns:
        What was put in place last.

    Raises:
        InputError: records are added all the time, by somebody who has yet to publish.
        Exception: what ``derive`` and ``put`` raise, where the records didn't change meanwhile.
    """
    tries = 0
    while True:
        tries += 1
        listing, may_give_up = record_listing(folder), True
        try:
            derived = derive()
        except Exception:  # of whatever kind: records, and the files that they name, may have been replaced
            if record_listing(folder) == listing:
                raise
        else:
            enough = tries >= TRIES and (insist or not isinstance(folder.root, Path))
            if enough or record_listing(folder) == listing:
                put(derived)
                if enough or record_listing(folder) == listing:
                    return derived
                may_give_up = False  # what was put there may be older than what a run has published: it must not stay
        if may_give_up and tries >= TRIES:
            raise InputError(
                f"{folder.root}: pictures are being added to it, so what is exported is old at once",
                f"wait for the run to end, which exports them itself, or export to another folder with {option('out')}",
            )


def publish_elsewhere(folder: DatasetFolder, write: Callable[[], _T]) -> _T:
    """Write something that derives from all records, and again if these changed meanwhile: the newer one stays.

    While a run goes on it is what there was at some moment. Returns what ``write`` returned last.
    """
    for _ in range(TRIES):
        listing = record_listing(folder)
        written = write()
        if record_listing(folder) == listing:
            break
    return written
