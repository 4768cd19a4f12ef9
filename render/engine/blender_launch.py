"""How a Blender worker is started, and what a failed start means for the user."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.render.engine.engine_protocol import EngineCrashed, EngineError
from scanstage.scenes.config.sections.engine_traits import ENGINES

WORKER = Path(__file__).parents[1] / "blender" / "worker.py"

# Debian's and Ubuntu's packages of the shared libraries that the bpy wheel expects of the system.
_APT_PACKAGES = {
    "libX11": "libx11-6",
    "libXext": "libxext6",
    "libXfixes": "libxfixes3",
    "libXi": "libxi6",
    "libXrender": "libxrender1",
    "libXxf86vm": "libxxf86vm1",
    "libxkbcommon": "libxkbcommon0",
    "libSM": "libsm6",
    "libICE": "libice6",
    "libGL": "libgl1",
    "libEGL": "libegl1",
    "libgomp": "libgomp1",
    "libvulkan": "libvulkan1",
}
NO_GRAPHICS_HINT = "use engine: cycles, or install a graphics driver (apt-get install libegl1 libgl1-mesa-dri: slow)"
ALL_APT_PACKAGES = ("libx11-6", "libxext6", "libxfixes3", "libxi6", "libxrender1", "libxkbcommon0", "libsm6", "libgl1")


def worker_command(blender: Path | None, script: Path = WORKER, arguments: tuple[str, ...] = ()) -> list[str]:
    """The command that runs ``script`` in Blender.

    Args:
        blender: a Blender executable, or None for the bpy wheel in this Python.

    Raises:
        InputError: ``blender`` isn't an executable file.
    """
    if blender is None:
        return [sys.executable, str(script), *arguments]
    executable = blender_executable(blender)
    options = ["--background", "--factory-startup", "--disable-autoexec", "--python-exit-code", "1"]
    return [str(executable), *options, "--python", str(script), "--", *arguments]


def blender_executable(blender: Path) -> Path:
    """The absolute path of an executable that was given as a path or as a name on PATH.

    Raises:
        InputError: there is none.
    """
    found = shutil.which(str(blender))
    if found is None:
        what = "isn't executable" if blender.is_file() else "is a folder" if blender.is_dir() else "doesn't exist"
        raise InputError(
            f"{option('blender')} {blender}: {what}", "give the path of a Blender executable, 3.4 or later"
        )
    return Path(os.path.abspath(found))  # noqa: PTH100 (a link to Blender must keep its name)


def start_failure(blender: Path | None, error: EngineError | EngineCrashed, engine: str = "cycles") -> Exception:
    """What a worker's failure to start means: an InputError with the hint where it is the user's to mend.

    Args:
        blender: as given to :func:`worker_command`.
        error: what :meth:`WorkerProcess.ask` raised.
        engine: key of :data:`engine_traits.ENGINES`.
    """
    if isinstance(error, EngineCrashed):
        graphics = ENGINES[engine].needs_graphics
        if graphics and any("EGL" in line or "GL context" in line for line in error.log_tail):
            return InputError(
                f"engine: {engine} needs a graphics context, and Blender can't open one here", NO_GRAPHICS_HINT
            )
        if blender is None:
            return error
        return InputError(
            f"{option('blender')} {blender}: doesn't run as Blender: {error}", "give a Blender executable, 3.4 or later"
        )
    where = "the bpy wheel" if blender is None else f"{option('blender')} {blender}"
    hints = {
        "no_bpy": f"{_pip_command()}, or use {option('blender')} PATH",
        "bpy_broken": missing_library_hint(str(error)),
        "too_old": "install Blender 3.4 or later",
        "no_numpy": "apt-get install python3-numpy (Debian's Blender), or use an official Blender",
        "DeviceAbsent": "choose one of these with render.device, or auto",
    }
    if error.kind not in hints:
        return error
    return InputError(f"{where}: {error}", hints[error.kind])


def missing_library_hint(message: str) -> str:
    """The command that brings the shared library which an ImportError's message names."""
    match = re.search(r"(lib[\w+-]+)\.so", message)
    packages = [_APT_PACKAGES[match[1]]] if match and match[1] in _APT_PACKAGES else list(ALL_APT_PACKAGES)
    return f"apt-get install --no-install-recommends {' '.join(packages)}"


def _pip_command() -> str:
    version = {(3, 11): "4.5.*", (3, 13): "5.2.*"}.get(sys.version_info[:2])
    return f"pip install 'bpy=={version}'" if version else "run scanstage with Python 3.11 or 3.13 (bpy 4.5 or 5.2)"
