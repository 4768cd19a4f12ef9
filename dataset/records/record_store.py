"""Reads the records of a dataset back, few in memory at a time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from scanstage.assets.files.stores import entry_names, read_files
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.labels.instances import Instance
from scanstage.dataset.records.dataset_folder import DatasetFolder, image_name, record_name
from scanstage.dataset.records.own_files import RECORD_BYTES, has_own, own_content
from scanstage.dataset.records.picture_files import misnamed
from scanstage.dataset.records.record import OtherFormat, Record

FEW = 64
"""So many pictures of a store are looked up one by one; for more of them it is listed."""
_INDEX = re.compile(r"\d{6}|[1-9]\d{6}", re.ASCII)
"""Of the pictures that a dataset can have (:data:`plan.MOST_PICTURES`), as they are written."""


def iterate_records(
    folder: DatasetFolder, indices: Iterable[int] | None = None, sizes: Mapping[str, int] | None = None
) -> Iterator[Record]:
    """Readable records whose picture is there, by index, few in memory at a time.

    A record that is broken or names what isn't its own, or whose picture is gone, counts as absent: the picture is made
    again.

    Args:
        folder: of the dataset.
        indices: only these pictures; None is all.
        sizes: see :meth:`dataset_folder.DatasetFolder.stored_sizes`, where the caller has them already.

    Raises:
        InputError: another version of scanstage wrote a record: taken for absent, a sound dataset would be exported as
            empty, or be rendered over.
        OSError: a disk or store can't be read: taken for absent, finished pictures would be rendered again, or be left
            out of an export without a word.
    """
    few = None if indices is None else sorted(set(indices))
    if sizes is None and (few is None or len(few) > FEW):
        sizes = folder.stored_sizes()
    wanted = recorded_indices(folder, sizes) if few is None else few
    for index, content in _record_files(folder, wanted, sizes):
        try:
            record = Record.from_json(content)
        except OtherFormat as e:
            hint = "use the version that wrote it, or make the dataset anew: `scanstage generate --fresh`"
            raise InputError(f"{folder.record(index)}: {e}", hint) from e
        except (ValueError, RecursionError):
            continue
        if record.index != index or misnamed(record):
            continue
        if has_own(folder, image_name(record.image.file_name), sizes):
            yield record


def _record_files(
    folder: DatasetFolder, indices: Iterable[int], sizes: Mapping[str, int] | None
) -> Iterator[tuple[int, bytes]]:
    """Index and content of those that can be read: from a store many at a time."""
    if isinstance(folder.root, Path):
        for index in indices:
            if (found := own_content(folder, record_name(index), RECORD_BYTES)) is not None:
                yield index, found
        return
    there = [i for i in indices if sizes is None or sizes.get(record_name(i))]
    contents = read_files(folder.root, (record_name(i) for i in there), RECORD_BYTES)
    for index, content in zip(there, contents, strict=True):
        if content is not None:
            yield index, content


def recorded_indices(folder: DatasetFolder, sizes: Mapping[str, int] | None = None) -> list[int]:
    """Indices of all pictures that have a file for a record, readable or not, sorted. Raises OSError."""
    if sizes is None:
        names = entry_names(folder.records)
    else:
        parts = (name.partition("/") for name in sizes)
        names = {below for entry, _, below in parts if entry == folder.records.name}
    stems = (name.removesuffix(".json") for name in names if name.endswith(".json"))
    return sorted(int(s) for s in stems if _INDEX.fullmatch(s))


def read_records(
    folder: DatasetFolder, indices: Iterable[int] | None = None, sizes: Mapping[str, int] | None = None
) -> list[Record]:
    """All that :func:`iterate_records` gives."""
    return list(iterate_records(folder, indices, sizes))


class HasLabels(Protocol):
    """A record, or another picture with labels."""

    @property
    def instances(self) -> tuple[Instance, ...]: ...  # noqa: D102


def count_labels(record: HasLabels) -> Counter[str]:
    """Labels of a picture by class. Ignored instances are no labels."""
    return Counter(i.class_name for i in record.instances if not i.ignore)


def count_objects(record: Record) -> Counter[str]:
    """The same of whole objects, those included in whose place their parts are labelled: what a plan is balanced by."""
    instead = Counter(u.class_name for u in record.unlabelled if u.class_name and u.is_labelled_by_parts)
    return instead + Counter(i.class_name for i in record.instances if not i.ignore and i.part_of is None)
