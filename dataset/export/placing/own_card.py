"""``README.md`` and ``LICENSES`` in a dataset's own folder, written with all that derives from its records.

People write into such files, so each ends with a mark that has its hash: only what bears it is written anew or deleted.
``check`` leaves them alone: they may be anybody's words, ours change from version to version, and what they say of the
dataset is said by ``run.json`` and the records, which it compares with each other.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.files.stores import is_file, make_folder, remove_file
from scanstage.dataset.export.placing.dataset_card import OWN, attribution, card
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.own_files import own_content
from scanstage.dataset.records.run_file import RunFile

logger = logging.getLogger(__name__)

CARD, ATTRIBUTION = "README.md", "LICENSES/ATTRIBUTION.md"
CARD_BYTES = 1 << 24
"""A larger file is none of ours."""
_MARK = "<!-- written by scanstage, which leaves it alone once it was changed; sha256 of what stands above: {} -->"
_MARKED = re.compile(rb"(.*\n)\n" + re.escape(_MARK).replace(r"\{\}", "([0-9a-f]{64})").encode() + rb"\n", re.DOTALL)


def marked(text: str) -> bytes:
    """A text, which ends with a line break, as a file that is known for ours."""
    data = text.encode("utf-8", "replace")  # a name from outside may hold half a character
    return data + f"\n{_MARK.format(hashlib.sha256(data).hexdigest())}\n".encode()


def is_ours(data: bytes) -> bool:
    """Whether a file is as we wrote it."""
    found = _MARKED.fullmatch(data)
    return found is not None and hashlib.sha256(found[1]).hexdigest() == found[2].decode()


def write_own_card(folder: DatasetFolder, run: RunFile, labels: Mapping[str, int], pictures: int) -> None:
    """Write both, unless they are somebody else's or were changed by hand.

    Args:
        folder: of the dataset.
        run: of it.
        labels: by class.
        pictures: that are there.

    Raises OSError.
    """
    _put(folder, CARD, card(run, OWN, {"all": labels}, pictures))
    if text := attribution(run):
        _put(folder, ATTRIBUTION, text)
    else:
        _remove(folder, ATTRIBUTION)


def remove_own_card(folder: DatasetFolder) -> None:
    """Delete what :func:`write_own_card` wrote, as far as it is as it was. Raises OSError."""
    for name in (CARD, ATTRIBUTION):
        _remove(folder, name)


def _put(folder: DatasetFolder, name: str, text: str) -> None:
    before = own_content(folder, name, CARD_BYTES)
    if _is_vacant(folder, name) if before is None else is_ours(before):
        make_folder((folder.root / name).parent)
        write_atomically(folder.root / name, marked(text))
    else:
        logger.info("%s: isn't as scanstage wrote it, and is left alone", folder.root / name)


def _is_vacant(folder: DatasetFolder, name: str) -> bool:
    """Whether nothing at all has that name, on the way to it neither but folders."""
    place = folder.root / name
    if not isinstance(place, Path):
        return not is_file(place)
    above = place.parent
    return not os.path.lexists(place) and (above.is_dir() or not os.path.lexists(above)) and not above.is_symlink()


def _remove(folder: DatasetFolder, name: str) -> None:
    before = own_content(folder, name, CARD_BYTES)
    if before is None or not is_ours(before):
        return
    place = folder.root / name
    remove_file(place)
    if isinstance(place, Path) and place.parent != folder.root:
        with contextlib.suppress(OSError):  # it holds something else
            place.parent.rmdir()
