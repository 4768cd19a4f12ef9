"""How the pictures of a dataset get into an export: by links, which take no room, or as copies."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from scanstage.assets.files.outside_files import NO_FILE
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.export.choices.export_options import Images
from scanstage.dataset.records.dataset_folder import DatasetFolder, image_name
from scanstage.dataset.records.picture_files import NotRecorded, misnamed_image, read_image
from scanstage.dataset.records.record import Record

_NO_LINKS = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
"""What a file system says that has no hard links, or none from there to here."""
HINT = "`scanstage check` says what else is wrong"


@dataclass
class PictureTransfer:
    """Puts pictures in place.

    Attributes:
        dataset: where they come from; a store's are copied, however it was asked.
        how: hard links are made where the file system allows, copies elsewhere. What a trainer writes into a hard
            link it writes into the dataset; none does, and ``scanstage check`` would tell.
    """

    dataset: DatasetFolder
    how: Images = "hardlink"
    _copies: bool = field(default=False, init=False)

    def put(self, record: Record, path: Path) -> None:
        """Put a record's picture at ``path``, in a folder that is there.

        A copy is the file that was recorded, which is looked at; a link is one to whatever lies there.

        Raises InputError where there is no such picture, or it isn't the recorded one; OSError.
        """
        if wrong := misnamed_image(record):
            raise InputError(f"{self.dataset.root}: picture {record.index}: {wrong}", HINT)
        root = self.dataset.root
        if self.how == "copy" or self._copies or not isinstance(root, Path):
            self._copy(record, path)
            return
        source = root / image_name(record.image.file_name)
        if not _is_regular(source):
            raise InputError(f"{source}: is no regular file", HINT)
        if self.how == "link":
            path.symlink_to(source)
            return
        try:
            os.link(source, path, follow_symlinks=False)
        except OSError as e:
            if e.errno not in _NO_LINKS:
                raise
            self._copies = True
            self._copy(record, path)

    def _copy(self, record: Record, path: Path) -> None:
        try:
            path.write_bytes(read_image(self.dataset, record))
        except NotRecorded as e:
            raise InputError(f"{self.dataset.root}: picture {record.index}: {e}", HINT) from e
        except OSError as e:
            if e.errno in NO_FILE:
                raise InputError(f"{self.dataset.root}: picture {record.index}: {e.strerror or e}", HINT) from e
            raise


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError as e:
        if e.errno in NO_FILE:
            return False
        raise
