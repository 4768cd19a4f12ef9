"""How pictures get into an export: by links, which take no room, or as copies."""

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
from scanstage.dataset.export.choices.labelled_source import HINT, LabelledImage, LabelledSource, PictureFile
from scanstage.dataset.records.decoding import decode_rgb

_NO_LINKS = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
"""What a file system says that has no hard links, or none from there to here."""
JPEG_QUALITY = 97


@dataclass
class PictureTransfer:
    """Puts pictures in place.

    Attributes:
        source: where they come from; a store's are copied, however it was asked.
        how: hard links are made where the file system allows, copies elsewhere. What a trainer writes into a hard
            link it writes into the dataset, and ``scanstage check`` would tell; so None, which makes hard links too,
            copies the photos of people.
    """

    source: LabelledSource
    how: Images | None = None
    _copies: bool = field(default=False, init=False)

    def put(self, picture: LabelledImage, path: Path) -> None:
        """Put a picture at ``path``, in a folder that is there.

        A copy is the file that was recorded, which is looked at; a link is one to whatever lies there.

        Raises InputError where there is no such picture, or it isn't the recorded one; OSError.
        """
        file = self.source.file_of(picture)
        there = file.on_this_machine()
        if there is None or self.how == "copy" or self._copies or (self.how is None and not file.is_ours):
            path.write_bytes(file.read())
            return
        if not _is_regular(there):
            raise InputError(f"{there}: is no regular file", HINT)
        if self.how == "link":
            path.symlink_to(there)
            return
        try:
            os.link(there, path, follow_symlinks=False)
        except OSError as e:
            if e.errno not in _NO_LINKS:
                raise
            self._copies = True
            path.write_bytes(file.read())

    def put_jpeg(self, picture: LabelledImage, path: Path) -> None:
        """The same for formats whose pictures are JPEG: others are coded anew, at a quality that hardly shows."""
        if picture.image.file_name.endswith(".jpg"):
            self.put(picture, path)
            return
        path.write_bytes(jpeg_of(self.source.file_of(picture), picture))

    def read(self, picture: LabelledImage) -> bytes:
        """The picture's file. Raises InputError, OSError."""
        return self.source.file_of(picture).read()


def jpeg_of(file: PictureFile, picture: LabelledImage) -> bytes:
    """The picture as JPEG, as it is where it is one. Raises InputError."""
    data = file.read()
    if picture.image.file_name.endswith(".jpg"):
        return data
    full_chroma = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    try:
        pixels = decode_rgb(data, picture.image.resolution_wh)[..., ::-1]
    except ValueError as e:
        raise InputError(f"{picture.image.file_name}: {e}", HINT) from e
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, *full_chroma]
    return cv2.imencode(".jpg", np.ascontiguousarray(pixels), options)[1].tobytes()


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError as e:
        if e.errno in NO_FILE:
            return False
        raise
