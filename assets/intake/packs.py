"""Named packs of real scans that travel in packages of the Python registry.

``ycb``: ten household objects of the YCB object and model set (Calli et al., *Benchmarking in Manipulation Research*,
IEEE RAM 2015, CC BY 4.0), as meshes in ``myosuite`` (Apache 2.0). Only the wheel is fetched: none of its code is
installed, run or unpacked; the scans are read out of it.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from scanstage.assets.asset import META_FILE, Asset
from scanstage.assets.files.outside_files import open_outside
from scanstage.assets.intake.hdri_pack import HDRI_PACK
from scanstage.assets.intake.pinned_download import check_digest, fetched
from scanstage.assets.intake.take_in import DEFAULT_MAX_TRIANGLES, IntakeOptions, add_scan
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.readers.msh import parse_msh

_FETCH_TIMEOUT_S = 900
_MAX_WHEEL_BYTES = 1 << 30
_MAX_MEMBER_BYTES = 256 << 20


@dataclass(frozen=True)
class Pack:
    """Where a pack's scans lie.

    Attributes:
        requirement: what pip fetches, pinned.
        sha256: of that wheel.
        folder: inside the wheel, with ``meshes/*.msh`` and ``textures/*.png`` of the same names.
        scans: how many there are.
        size_mb: of the download.
    """

    requirement: str
    sha256: str
    folder: str
    scans: int
    size_mb: int
    license: str
    author: str
    url: str
    about: str


PACKS: dict[str, Pack] = {
    "ycb": Pack(
        requirement="myosuite==2.11.6",
        sha256="e15af1d60aa2e9d6bd6a849ae1c7f9750da96158d4ae78b6d2dcdeb22b9ab7c1",
        folder="myosuite/simhive/YCB_sim",
        scans=10,
        size_mb=90,
        license="CC-BY-4.0",
        author="Berk Calli, Arjun Singh, Aaron Walsman, Siddhartha Srinivasa, Pieter Abbeel, Aaron M. Dollar "
        "(YCB object and model set); meshes by Vikash Kumar (YCB_sim, Apache-2.0) in myosuite 2.11.6",
        url="https://www.ycbbenchmarks.com/",
        about="ten scanned household objects, textured",
    )
}


@dataclass(frozen=True)
class PullResult:
    """What a pull did. ``present`` were in the library already."""

    added: tuple[Asset, ...]
    present: tuple[Asset, ...]


def pull_pack(
    name: str,
    library: Path,
    wheel: Path | None = None,
    max_triangles: int = DEFAULT_MAX_TRIANGLES,
    progress: Callable[[str], None] = lambda _: None,
) -> PullResult:
    """Put a pack's scans into a library; those that are there are left alone, so it may be run again.

    Args:
        name: a key of :data:`PACKS`.
        library: folder of the library.
        wheel: the pack's wheel, for machines without network; None fetches it with pip, as the user has configured it.
        max_triangles: as in intake.
        progress: told what is being done.

    Raises InputError: unknown pack, no network, no pip, another file than the one expected.
    """
    if name not in PACKS:
        raise InputError(f"there is no pack {name!r}", f"packs: {', '.join((*PACKS, HDRI_PACK))}")
    pack = PACKS[name]
    present = _present(library, pack)
    if len(present) == pack.scans and wheel is None:
        return PullResult((), tuple(present.values()))
    with tempfile.TemporaryDirectory(prefix="scanstage-pull-") as scratch:
        if wheel is None:
            progress(f"fetching {pack.requirement} ({pack.size_mb} MB)")
            wheel = _fetch(pack, Path(scratch))
        try:
            with open_outside(wheel, _MAX_WHEEL_BYTES) as file:
                again = "fetch it again, from https://pypi.org if your package index is a mirror"
                check_digest(file, wheel, f"wheel of {pack.requirement}", pack.sha256, again)
                return _convert(file, pack, library, present, max_triangles, progress)
        except OSError as e:
            raise InputError(f"{wheel}: can't be read ({e.strerror or e})") from e


def _present(library: Path, pack: Pack) -> dict[str, Asset]:
    """Assets of the library that came from this pack, by source file name."""
    found: dict[str, Asset] = {}
    for meta in sorted(library.glob(f"*/*/{META_FILE}")):
        try:
            asset = Asset.open(meta.parent)
        except InputError:
            continue  # another asset's damage is not this command's business
        if asset.meta.source.get("pack") == pack.requirement:
            found[asset.meta.source["file"]] = asset
    return found


def _fetch(pack: Pack, scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"]
    command += ["--disable-pip-version-check", "--quiet", "--dest", str(scratch), pack.requirement]
    by_hand = (
        f"fetch the wheel elsewhere (pip download --no-deps {pack.requirement}) and name it with {option('wheel')} PATH"
    )
    without_pip = f"this Python has no pip: python -m ensurepip, or {by_hand}"
    return fetched(
        command,
        scratch,
        ".whl",
        pack.requirement,
        reason=lambda lines: lines[-1] if lines else "pip said nothing",
        by_hand=lambda told: without_pip if "No module named pip" in told else by_hand,
        timeout_s=_FETCH_TIMEOUT_S,
    )


def _convert(
    wheel: BinaryIO,
    pack: Pack,
    library: Path,
    present: dict[str, Asset],
    max_triangles: int,
    progress: Callable[[str], None],
) -> PullResult:
    added: list[Asset] = []
    with zipfile.ZipFile(wheel) as archive:
        for member in sorted(n for n in archive.namelist() if n.startswith(pack.folder) and n.endswith(".msh")):
            file_name = PurePosixPath(member).name
            if file_name in present:
                continue
            progress(file_name)
            stem = PurePosixPath(member).stem
            mesh = _member(archive, member)
            texture = (f"{stem}.png", _member(archive, f"{pack.folder}/textures/{stem}.png"))
            options = IntakeOptions(
                class_name=re.sub(r"^\d+_", "", stem),
                unit="m",
                up="z",
                max_triangles=max_triangles,
                license=pack.license,
                author=pack.author,
                url=pack.url,
            )
            sha256 = hashlib.sha256(mesh).hexdigest()
            scan = parse_msh(mesh, member, texture)
            added.append(add_scan(scan, file_name, sha256, options, library, {"pack": pack.requirement}))
    return PullResult(tuple(added), tuple(present.values()))


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > _MAX_MEMBER_BYTES:
        raise InputError(f"{name}: is larger than any scan of the pack")
    return archive.read(name)
