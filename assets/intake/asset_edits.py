"""Changes to an asset that is in a library: what was guessed wrongly, or not known, when its scan was taken in."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from scanstage.assets.asset import (
    EDITED,
    MAX_META_BYTES,
    MESH_FILE,
    META_FILE,
    SYMMETRIES,
    Asset,
    AssetMeta,
    MeshArrays,
)
from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.files.outside_files import read_outside
from scanstage.assets.intake.clear_volumes import in_metres
from scanstage.assets.library.class_names import class_folder, class_name_of
from scanstage.assets.library.collision_file import COLLISION_FILE, collision_file, load_collision
from scanstage.assets.library.stored_assets import remove_asset, store_asset
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.raw_scans.raw_scan import UNITS_M
from scanstage.assets.raw_scans.scan_bounds import MAX_FILE_BYTES
from scanstage.assets.raw_scans.units import LARGEST_M, SMALLEST_M, metres_text
from scanstage.assets.symmetry import Symmetries


@dataclass(frozen=True)
class AssetEdits:
    """What to change; None leaves as it is.

    Attributes:
        unit: that the scan's file is in: ``m``, ``cm`` or ``mm``.
        class_name: the label; it moves the asset to another folder, and so to another id.
        license, author, url: of the scan.
    """

    unit: str | None = None
    class_name: str | None = None
    license: str | None = None
    author: str | None = None
    url: str | None = None


def edit_asset(library: Path, asset: Asset, edits: AssetEdits) -> Asset:
    """The asset changed, in its library in place of what was there.

    Raises InputError where the unit isn't known or makes it impossibly large or small, the name can't be, another asset
    has that id, the asset's files are broken, or the library can't be written.
    """
    source = {k: v for k in ("license", "author", "url") if (v := getattr(edits, k)) is not None}
    same_unit = edits.unit is None or _factor(asset.meta, edits.unit) == 1
    if edits.class_name is None and same_unit:
        return _confirmed(asset, edits.unit is not None, source)
    meta, mesh, parts = asset.meta, asset.mesh(), load_collision(asset.folder)
    if edits.unit is not None:
        factor = _factor(meta, edits.unit)
        meta, mesh = _scaled(meta, mesh, factor)
        parts = tuple((part * np.float32(factor)).astype(np.float32) for part in parts)
        about = {k: v for k, v in meta.intake.items() if k != "unit_alternatives"}
        meta = replace(meta, intake={**about, "unit": edits.unit, "unit_origin": "given"})
    meta = replace(meta, source={**meta.source, **source})
    if edits.class_name is not None:
        name = class_name_of(edits.class_name)
        if name in {part.class_name for part in meta.parts}:
            raise InputError(f"{meta.asset_id}: {name!r} is the class of a part of it", "choose another")
        asset_id = f"{class_folder(name)}/{meta.asset_id.partition('/')[2]}"
        if asset_id != meta.asset_id and (library / asset_id / META_FILE).exists():
            raise InputError(f"{asset_id} is in {library} already", "remove one of them")
        meta = replace(meta, class_name=name, asset_id=asset_id)
    try:
        files = _other_files(asset.folder)
        if parts:
            files[COLLISION_FILE] = collision_file(parts)
        edited = store_asset(library, meta, mesh, files)
    except OSError as e:
        raise InputError(f"{library}: can't be written ({e.strerror or e})", "make room, or mend its access") from e
    if edited.meta.asset_id != asset.meta.asset_id:
        remove_asset(library, asset.meta.asset_id)
    return edited


def _confirmed(asset: Asset, unit_given: bool, source: dict[str, str]) -> Asset:
    """The asset with what changes no picture noted beside the rest: runs that show it can be gone on with."""

    def note(described: dict[str, Any]) -> None:
        before = described.get(EDITED, {})
        known = {**before.get("source", {}), **source}
        described[EDITED] = {"unit_given": unit_given or bool(before.get("unit_given")), "source": known}

    return _rewritten(asset, note)


def set_symmetries(asset: Asset, symmetries: Symmetries) -> Asset:
    """The asset with these symmetries in place of those that it had; nothing else of it is written anew.

    Raises InputError where no asset can have all of them, or its folder can't be read or written.
    """

    def replace_them(described: dict[str, Any]) -> None:
        symmetries.transforms()
        described.pop(SYMMETRIES, None)
        if symmetries:
            described[SYMMETRIES] = asdict(symmetries)

    try:
        return _rewritten(asset, replace_them)
    except ValueError as e:
        raise InputError(f"{asset.meta.asset_id}: {e}", "leave some of them out") from e


def _rewritten(asset: Asset, change: Callable[[dict[str, Any]], None]) -> Asset:
    """The asset with its metadata changed in place, and nothing else of it. Raises InputError, and what that raises."""
    path = asset.folder / META_FILE
    try:
        described = json.loads(read_outside(path, MAX_META_BYTES))
        change(described)
        write_atomically(path, json.dumps(described, indent=1, allow_nan=False).encode("utf-8"))
    except OSError as e:
        raise InputError(f"{path}: can't be written ({e.strerror or e})", "make room, or mend its access") from e
    return Asset.open(asset.folder)


def _factor(meta: AssetMeta, unit: str) -> float:
    if unit not in UNITS_M:
        raise InputError(f"{option('unit')} {unit!r} is not known", "one of m, cm, mm")
    before = str(meta.intake.get("unit"))
    if before not in UNITS_M:
        raise InputError(f"{meta.asset_id}: it isn't known which unit it came in with", "take the scan in again")
    factor = UNITS_M[unit] / UNITS_M[before]
    size = factor * max(meta.extents_m)
    if not SMALLEST_M <= size <= LARGEST_M:
        raise InputError(f"{meta.asset_id}: would be {metres_text(size)} large", f"its unit now is {before}")
    return factor


def _scaled(meta: AssetMeta, mesh: MeshArrays, factor: float) -> tuple[AssetMeta, MeshArrays]:
    x, y, z = (float(v) * factor for v in meta.extents_m)
    points = {name: (px * factor, py * factor, pz * factor) for name, (px, py, pz) in meta.keypoints.items()}
    scaled = replace(
        mesh,
        vertices=(mesh.vertices * np.float32(factor)).astype(np.float32),
        hull=(mesh.hull * np.float32(factor)).astype(np.float32),
    )
    materials = in_metres(meta.materials, factor)
    symmetries = meta.symmetries.scaled(factor)
    return replace(meta, extents_m=(x, y, z), keypoints=points, symmetries=symmetries, materials=materials), scaled


def _other_files(folder: Path) -> dict[str, bytes]:
    """Textures, the thumbnail: all but what is written anew."""
    written = {META_FILE, MESH_FILE, COLLISION_FILE}
    return {p.name: read_outside(p, MAX_FILE_BYTES) for p in folder.iterdir() if p.is_file() and p.name not in written}
