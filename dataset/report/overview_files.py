"""Sheets for people: where they are, also in datasets of versions that put them elsewhere."""

from __future__ import annotations

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.files.stores import make_folder, remove_file
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records.dataset_folder import EARLIER_PLACES, DatasetFolder
from scanstage.dataset.records.own_files import has_own
from scanstage.dataset.records.run_file import read_run_file


def sheet_name(folder: DatasetFolder, name: str) -> str:
    """Path of a sheet below a dataset's root: ``name``, or where an earlier version put it. Raises OSError.

    Args:
        folder: of the dataset.
        name: key of :data:`EARLIER_PLACES`.
    """
    earlier = EARLIER_PLACES[name]
    return earlier if not has_own(folder, name) and has_own(folder, earlier) else name


def put_sheet(folder: DatasetFolder, name: str, png: bytes) -> None:
    """Write a sheet; one of an earlier version goes, which a loader would take for a picture. Raises OSError.

    What has that name in a dataset of now, or before there was one, is the user's, and stays.

    Args:
        folder: of the dataset.
        name: key of :data:`EARLIER_PLACES`.
        png: the file.
    """
    before = sheet_name(folder, name) if _is_of_an_earlier_version(folder) else name
    make_folder(folder.overview)
    write_atomically(folder.root / name, png)
    if before != name:
        remove_file(folder.root / before)


def _is_of_an_earlier_version(folder: DatasetFolder) -> bool:
    """Whether it was finished by a version that put sheets elsewhere: none of these wrote a card."""
    if has_own(folder, folder.card.name):
        return False
    try:
        return read_run_file(folder).pictures is not None
    except (InputError, OSError):
        return False
