"""How the pictures of a dataset get into an export: by links, which take no room, or as copies."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from scanstage.assets.files.outside_files import NO_FILE
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.export.choices.export_options import Images
from scanstage.dataset.records.dataset_folder import DatasetFolder, image_name
from scanstage.dataset.records.decoding import decode_rgb
from scanstage.dataset.records.picture_files import NotRecorded, misnamed_image, read_image
from scanstage.dataset.records.record import Record

_NO_LINKS = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
"""What a file system says that has no hard links, or none from there to here."""
JPEG_QUALITY = 97
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

    def put_jpeg(self, record: Record, path: Path) -> None:
        """The same for formats whose pictures are JPEG: PNG is coded anew, at a quality that hardly shows."""
        if not record.image.file_name.endswith(".png"):
            self.put(record, path)
            return
        path.write_bytes(jpeg_of(self.dataset, record))

    def _copy(self, record: Record, path: Path) -> None:
        path.write_bytes(recorded_image(self.dataset, record))


def recorded_image(dataset: DatasetFolder, record: Record) -> bytes:
    """The picture's file. Raises InputError where it isn't the recorded one: nothing else gets into an export."""
    try:
        return read_image(dataset, record)
    except NotRecorded as e:
        raise InputError(f"{dataset.root}: picture {record.index}: {e}", HINT) from e
    except OSError as e:
        if e.errno in NO_FILE:
            raise InputError(f"{dataset.root}: picture {record.index}: {e.strerror or e}", HINT) from e
        raise


def jpeg_of(dataset: DatasetFolder, record: Record) -> bytes:
    """The picture as JPEG, as it is where it is one. Raises InputError."""
    data = recorded_image(dataset, record)
    if not record.image.file_name.endswith(".png"):
        return data
    full_chroma = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    try:
        pixels = decode_rgb(data, record.image.resolution_wh)[..., ::-1]
    except ValueError as e:
        raise InputError(f"{dataset.images / record.image.file_name}: {e}", HINT) from e
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, *full_chroma]
    return cv2.imencode(".jpg", np.ascontiguousarray(pixels), options)[1].tobytes()


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError as e:
        if e.errno in NO_FILE:
            return False
        raise
