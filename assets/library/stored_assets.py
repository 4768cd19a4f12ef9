"""Folders of assets: a library that the user fills, and the catalogue of what a run may use.

A library has no index file that could disagree with its folders: ``asset.json`` files are small, and listing 1,000 of
them takes a fraction of a second. Arrays and textures are loaded only for the assets that a picture shows.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scanstage.assets.asset import META_FILE, Asset, AssetMeta, MeshArrays, write_asset
from scanstage.assets.files.user_folders import default_library
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.wording import did_you_mean, listed

_NAMED = 8


def list_assets(library: Path) -> list[Asset]:
    """All assets below ``library``, sorted by id. A missing folder is empty.

    Raises InputError for a broken asset, and for a library that isn't a folder or can't be read.
    """
    try:
        return sorted((Asset.open(folder) for folder in _asset_folders(library)), key=lambda a: a.meta.asset_id)
    except OSError as e:
        raise InputError(f"{library}: can't be read as a library ({e.strerror or e})", "name another folder") from e


def _asset_folders(library: Path) -> Iterator[Path]:
    if not library.exists():
        return
    with os.scandir(library) as classes:
        for class_entry in classes:
            if not class_entry.is_dir() or class_entry.name.startswith("."):
                continue
            with os.scandir(class_entry.path) as entries:
                for entry in entries:
                    folder = Path(entry.path)
                    if not entry.name.startswith(".") and (folder / META_FILE).is_file():
                        yield folder


def store_asset(library: Path, meta: AssetMeta, mesh: MeshArrays, files: dict[str, bytes]) -> Asset:
    """Add an asset to a library atomically: it is complete or absent, never half-written.

    An asset of the same id is replaced. Raises OSError where the folder can't be written.
    """
    target = library / meta.asset_id
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".adding-", dir=target.parent))
    try:
        write_asset(staging, meta, mesh, files)
        staging.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        staging.rename(target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return Asset(meta, target)


def find_asset(library: Path, text: str) -> Asset:
    """The one asset that is meant: by its id, or by as much of its beginning, or of its name's, as tells it apart.

    Raises InputError where there is none, or several.
    """
    assets = list_assets(library)
    for asset in assets:
        if asset.meta.asset_id == text:
            return asset
    found = [a for a in assets if text and any(name.startswith(text) for name in _names(a.meta))]
    if len(found) == 1:
        return found[0]
    if found:
        names = listed([a.meta.asset_id for a in found], most=_NAMED)
        raise InputError(f"{text!r} may be {len(found)} assets: {names}", "give more of the name")
    near = did_you_mean(text, [a.meta.asset_id for a in assets])
    raise InputError(f"{text!r} is not in {library}{near}", _listing(library))


def _names(meta: AssetMeta) -> tuple[str, ...]:
    """By which a person may call an asset: also by its class as it was given, which its folder's name may not be."""
    own = meta.asset_id.partition("/")[2]
    return meta.asset_id, own, f"{meta.class_name}/{own}"


def _listing(library: Path) -> str:
    named = "" if library == default_library() else f" --library {library}"
    return f"scanstage assets list{named} shows what there is"


def remove_asset(library: Path, asset_id: str) -> None:
    """Remove one asset. Raises InputError where there is none of that id, or it can't be removed."""
    folder = library / asset_id
    parts = asset_id.split("/")
    if len(parts) != 2 or any(p in ("", ".", "..") for p in parts) or not (folder / META_FILE).is_file():
        raise InputError(f"{asset_id!r} is not in {library}", _listing(library))
    try:
        shutil.rmtree(folder)
        if not any(folder.parent.iterdir()):
            folder.parent.rmdir()
    except OSError as e:
        raise InputError(f"{folder}: can't be removed ({e.strerror or e})") from e
