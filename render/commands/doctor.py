"""``scanstage doctor``: what is there, what is missing, and the command that mends it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scanstage.assets.files.user_folders import (
    CACHE,
    LIBRARY,
    NAME_LIBRARY,
    NO_LIBRARY,
    can_be_written,
    default_library,
    usual_cache,
)
from scanstage.assets.library.stored_assets import list_assets
from scanstage.assets.messages.errors import InputError
from scanstage.render.commands.probe import BlenderProbe, probe

WHEELS = {(3, 11): "4.5", (3, 13): "5.2"}
MODULES = ("numpy", "cv2", "PIL", "yaml", "pydantic", "embreex", "mujoco", "pycocotools", "OpenEXR", "scipy")
LEAST_FREE_GB = 2.0


@dataclass(frozen=True)
class Diagnosis:
    """What was found of one thing.

    Attributes:
        well: whether it is as it should be.
        text: what was found.
        hint: what mends it.
        details: more of it, a line each.
        problems: what ails it, each with what mends that.
        needed: whether no run can start unless it is well.
    """

    well: bool
    text: str
    hint: str = ""
    details: tuple[str, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    needed: bool = True


def examine(blender: Path | None) -> Iterator[Diagnosis]:
    """Examine everything, one thing after the other: Blender takes seconds. A run can start where all needed is well.

    Args:
        blender: an executable to be examined as well; None is that on PATH, if there is one.
    """
    yield from (*_python(), *_packages(), *_folders())
    yield (wheel := _wheel())
    usable = wheel.well
    for path in [blender] if blender is not None else _blenders_on_path():
        found = _engine(f"Blender at {path}", probe(path))
        yield found
        usable = found.well if blender is not None else usable or found.well
    if not usable:
        yield Diagnosis(False, "nothing here can render", _wheel_hint())


def _python() -> list[Diagnosis]:
    version = ".".join(map(str, sys.version_info[:3]))
    in_venv = sys.prefix != sys.base_prefix
    text = f"Python {version} at {sys.executable}" + ("" if in_venv else " (no virtual environment)")
    return [Diagnosis(sys.version_info >= (3, 11), text)]


def _packages() -> list[Diagnosis]:
    missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
    if missing:
        return [Diagnosis(False, f"missing Python packages: {', '.join(missing)}", "pip install -e .")]
    return [Diagnosis(True, f"Python packages: {len(MODULES)} of {len(MODULES)}")]


def _folders() -> list[Diagnosis]:
    output = Path("output")
    if can_be_written(output):
        findings = [_room("output", output)]
    else:
        hint = "go to a folder that can be, or name one: scanstage generate --out FOLDER"
        findings = [Diagnosis(False, f"output: {output.absolute()} can't be written", hint)]
    try:
        return [*findings, _cache(usual_cache()), *_library(default_library())]
    except InputError as e:
        return [*findings, *(Diagnosis(False, problem, e.marked_hint or "") for problem in e.marked_problems)]


def _room(what: str, folder: Path) -> Diagnosis:
    """How much room there is where a folder is, or is to be."""
    existing = folder.absolute()
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free / 1e9
    if free < LEAST_FREE_GB:
        hint = f"free some space, or choose another folder (--out, {CACHE}, {LIBRARY})"
        return Diagnosis(False, f"{what}: {folder}, only {free:.1f} GB free", hint)
    return Diagnosis(True, f"{what}: {folder}, {free:.0f} GB free")


def _cache(usual: Path | None) -> Diagnosis:
    if usual is not None and can_be_written(usual):
        return _room("cache", usual)
    why = "this user has no home folder" if usual is None else f"{usual} can't be written"
    hint = f"name one that lasts: set {CACHE} to a folder"
    return Diagnosis(True, f"cache: {why}; what is not there is made in a temporary folder", hint)


def _library(library: Path | None) -> list[Diagnosis]:
    if library is None:
        return [Diagnosis(True, f"library: {NO_LIBRARY}", NAME_LIBRARY)]
    place = _room("library", library) if can_be_written(library) else Diagnosis(True, f"library: {library}, read only")
    assets = list_assets(library)
    classes = len({a.meta.class_name for a in assets})
    hint = "" if assets else "to try real scans: scanstage assets pull ycb"
    return [place, Diagnosis(True, f"library: {len(assets)} scans of {classes} classes", hint)]


def _wheel() -> Diagnosis:
    try:
        version = importlib.metadata.version("bpy")
    except importlib.metadata.PackageNotFoundError:
        return Diagnosis(False, "no bpy wheel in this Python", _wheel_hint(), needed=False)
    return _engine(f"bpy wheel {version}", probe(None))


def _wheel_hint() -> str:
    line = WHEELS.get(sys.version_info[:2])
    if line is not None:
        return f'pip install "bpy=={line}.*"; or give a Blender executable: --blender PATH'
    known = " and ".join(f"{v} for Python {'.'.join(map(str, p))}" for p, v in WHEELS.items())
    return f"bpy wheels are {known}; with this Python give a Blender executable, 3.4 or later: --blender PATH"


def _blenders_on_path() -> list[Path]:
    found = shutil.which("blender")
    return [Path(found)] if found else []


def _engine(what: str, found: BlenderProbe) -> Diagnosis:
    problems = tuple(found.problems)
    if found.version is None:
        return Diagnosis(False, f"{what}: does not start", problems=problems, needed=False)
    eevee = f"works ({found.eevee})" if found.eevee else "has no graphics context here"
    details = (
        *(f"{backend}: {', '.join(names)}" for backend, names in found.devices.items()),
        f"Cycles would use {found.device}: {found.device_reason or ''}",
        f"EEVEE {eevee}; denoiser {'there' if found.denoiser else 'missing'}",
    )
    return Diagnosis(True, f"{what}: Blender {found.version}", "", details, problems, needed=False)
