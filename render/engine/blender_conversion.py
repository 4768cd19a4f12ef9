"""Formats that only Blender reads, turned into GLB in a Blender process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import psutil

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.messages.wording import listed
from scanstage.assets.raw_scans.raw_scan import ScanFinding, Severity
from scanstage.assets.raw_scans.scan_bounds import MAX_NOTE, free_memory
from scanstage.render.blender.conversion.import_scan import MARKER
from scanstage.render.engine.blender_launch import start_failure, worker_command
from scanstage.render.engine.engine_protocol import EngineError
from scanstage.render.engine.file_view import limited

_SCRIPT = Path(__file__).parents[1] / "blender" / "conversion" / "import_scan.py"
_TIMEOUT_S = 600.0
_MEMORY_SHARE = 0.8
_LOOK_EVERY_S = 0.2
_DOES_NOT_START = ("no_bpy", "bpy_broken")
_MOST_PRINTED_BYTES = 1 << 20
_NAMED = 4
# As OpenUSD's Pcp words it (pxr/usd/pcp/errors.cpp), the same in text and binary layers and packages.
_NOT_OPENED = re.compile(r"Could not (?:open asset|load sublayer) @([^@]+)@")
_NOT_FOUND = re.compile(r"Unresolved \w+ prim path @[^@]*@<([^>]+)>")
_LOOKS = (".mtlx", ".mdl")  # layers of nothing but materials
_ANOTHER = "exported as GLB with its animation, --pose takes another"
_TOLD_OF: tuple[tuple[str, Severity, str, str, str], ...] = (
    ("hidden", "info", "hidden", "holds objects that are hidden: {}", "leaves them out"),
    ("moving", "warning", "animation", "moves {}", f"takes its first frame; {_ANOTHER}"),
    ("takes", "warning", "animation", "holds the animation {}", f"takes the pose that it was saved in; {_ANOTHER}"),
    (
        *("unread", "warning", "material"),
        "the materials {} have no UsdPreviewSurface, which is what Blender reads (not MDL, not MaterialX)",
        "makes them one plain grey",
    ),
    (
        *("scaled", "warning", "material"),
        "the materials {} change the colours of a texture (scale and bias) as glTF can't",
        "takes the texture as it is, or none",
    ),
    (
        *("by_corner", "warning", "material"),
        "the materials {} read more than colours from the mesh (primvars), which glTF can't",
        "takes them as if they read no such",
    ),
    ("guides", "info", "hidden", "holds guides and proxies, which stand in for it in a viewer: {}", "leaves them out"),
    (
        *("shapes", "warning", "points or lines"),
        "holds curves, points or patches, which are no meshes: {}",
        "leaves them out",
    ),
    (
        *("smooth", "info", "smooth surface"),
        "holds cages of smooth surfaces (subdivisionScheme), as some programs call all meshes: {}",
        "takes the cages; export what is to be smooth subdivided",
    ),
    ("holes", "warning", "holes", "holds faces that are holes (holeIndices): {}", "fills them"),
    (
        *("opacity", "warning", "see-through"),
        "holds what is see-through by displayOpacity, without a material: {}",
        "takes it as solid",
    ),
    (
        *("unbound", "warning", "material"),
        "binds materials to faces of {} by subsets that aren't of the family materialBind",
        "leaves those out, as OpenUSD does",
    ),
    (
        *("sheared", "warning", "shear"),
        "holds what is sheared, and no mesh: {}",
        "leaves them unsheared; export them as meshes",
    ),
    (
        *("wraps", "warning", "texture"),
        "textures of {} go on otherwise along U than along V, or are black beyond their edges",
        "repeats them in one way along both",
    ),
    (
        *("unmended", "warning", "Blender"),
        "{} brings no OpenUSD for Python, by which poses, subsets of faces, shear and visibility are put right",
        "takes what its importer makes of them; use the bpy wheel or Blender 4.4 and later",
    ),
    ("only_looks", "warning", "missing material file", "takes materials of {}, which isn't read", "goes on without"),
    ("not_found", "warning", "missing prim", "refers to {}, which isn't there", "goes on without"),
)


def convert_with_blender(
    source: Path,
    target: Path,
    folder: Path | None = None,
    blender: Path | None = None,
    timeout_s: float = _TIMEOUT_S,
    memory_bytes: int | None = None,
) -> tuple[ScanFinding, ...]:
    """Convert a USD, USDZ or FBX file to GLB (metres, Y up, materials and textures embedded).

    The file is untrusted: it is read by a process of its own with factory settings, in which no script of the file
    runs, and which is ended after ``timeout_s``, or when it takes more memory than it may. On Linux it can open nothing
    but the system, Blender, and what is in the folder (:mod:`file_view`); elsewhere it could open more,
    so that should hold a copy of the file and of what it may use, and the file name nothing else.

    Args:
        source: the file.
        target: the ``.glb`` to write; it is there completely or not at all.
        folder: that the file may use files of; None is its own.
        blender: a Blender executable, or None for the bpy wheel.
        timeout_s: for all of it.
        memory_bytes: resident memory that Blender may take; None is most of what is free.

    Returns what doesn't come in as the file has it.

    Raises:
        InputError: the file can't be converted, or this Blender can't be used; with the hint.
    """
    if not source.is_file():
        raise InputError(f"{source}: no such file")
    place = source.absolute().parent
    folder = place if folder is None else folder.absolute()
    with tempfile.TemporaryDirectory(prefix=".converting-", dir=target.absolute().parent) as scratch:
        writes = [Path(scratch)]
        converted = Path(scratch) / "scan.glb"
        command = worker_command(blender, _SCRIPT, (str(source.absolute()), str(converted), str(folder)))
        reads = (folder, _SCRIPT.parent)
        limits = (timeout_s, memory_bytes or round(_MEMORY_SHARE * free_memory()), place, scratch)
        report = _run(limited(command, reads, writes), *limits)
        if report.get("error") in _DOES_NOT_START:  # perhaps for what it may not read
            # The file itself may have had that printed, to be read without limits: so it is asked without the file.
            none = str(Path(scratch) / "nothing.fbx")
            nothing = worker_command(blender, _SCRIPT, (none, str(converted), scratch))
            if _run(limited(nothing, reads, writes), *limits).get("error") in _DOES_NOT_START:
                report = _run(command, *limits)
        if layers := _names(report, "not_opened"):
            names = [os.path.relpath(os.path.join(place, name), place) for name in layers]  # noqa: PTH118
            raise InputError(
                f"{source}: files that it consists of aren't there, or can't be read: {listed(names, most=_NAMED)}",
                "copy them to where it names them and name the folder that holds all, or export it as one file (.usdz)",
            )
        if "error" in report:
            raise _refusal(source, blender, str(report["error"]), str(report["message"]))
        if not converted.is_file():
            raise InputError(f"{source}: Blender's exporter wrote nothing", "convert it to GLB by hand")
        converted.replace(target)
    return _findings(report)


def _run(command: list[str], timeout_s: float, memory_bytes: int, place: Path, scratch: str) -> dict[str, object]:
    """Run the conversion; its report, or one made up for a process that gave none or had to be ended.

    USD looks for files where the process is and where the environment says; so it is where the file is.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PXR_")}
    environment |= {"TMPDIR": scratch, "PYTHONPATH": os.pathsep.join(os.path.abspath(p) for p in _python_path())}  # noqa: PTH100
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=printed, stderr=errors, cwd=place, env=environment
        )
        try:
            too_much = _watch(process, timeout_s, memory_bytes)
        finally:
            process.kill()
            code = process.wait()
        complaints, said = _last_lines(errors), _last_lines(printed)
    output = [*complaints, *said]
    if too_much:
        return {"error": "failed", "message": too_much}
    for line in reversed(output):
        if line.startswith(MARKER):
            with contextlib.suppress(ValueError, RecursionError):
                told = json.loads(line[len(MARKER) :])
                if isinstance(told, dict):
                    return told | _lost_layers(output)
    last = [next((line.strip() for line in reversed(lines) if line.strip()), "") for lines in (complaints, said)]
    ended = f"Blender ended with exit code {code} while reading it."
    return {"error": "failed", "message": " ".join([ended, *filter(None, last)])}


def _lost_layers(output: list[str]) -> dict[str, list[str]]:
    """What OpenUSD complains of and goes on without: files, and prims of files that are there."""
    found = {"not_opened": _NOT_OPENED, "not_found": _NOT_FOUND}
    lost = {key: list(dict.fromkeys(n for line in output for n in what.findall(line))) for key, what in found.items()}
    lost["only_looks"] = [Path(name).name for name in lost["not_opened"] if name.lower().endswith(_LOOKS)]
    lost["not_opened"] = [name for name in lost["not_opened"] if not name.lower().endswith(_LOOKS)]
    return lost


def _findings(report: dict[str, object]) -> tuple[ScanFinding, ...]:
    """What the process noticed, in words. Names are the file's: any text."""
    told = report.get("told")
    told = told if isinstance(told, dict) else {}
    named = {key: listed([repr(n) for n in _names(told, key)], most=_NAMED) for key in told}
    named |= {key: listed(_names(report, key), most=_NAMED) for key in ("not_found", "only_looks")}
    return tuple(
        ScanFinding(severity, topic, what.format(named[key])[:MAX_NOTE], action)
        for key, severity, topic, what, action in _TOLD_OF
        if named.get(key)
    )


def _names(report: Mapping[str, object], key: str) -> list[str]:
    names = report.get(key)
    return [str(name) for name in names] if isinstance(names, list) else []


def _last_lines(file: IO[bytes]) -> list[str]:
    file.seek(max(0, file.seek(0, os.SEEK_END) - _MOST_PRINTED_BYTES))
    return file.read().decode("utf-8", "replace").splitlines()


def _watch(process: subprocess.Popen[bytes], timeout_s: float, memory_bytes: int) -> str | None:
    """Wait for the process to end by itself; or what to say of one that takes too long, or too much memory."""
    deadline = time.monotonic() + timeout_s
    watched = psutil.Process(process.pid)
    while time.monotonic() < deadline:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_EVERY_S)
            return None
        with contextlib.suppress(psutil.Error):
            if watched.memory_info().rss > memory_bytes:
                return f"Blender took more than {memory_bytes / 1e9:.1f} GB of memory while reading it"
    return f"Blender didn't finish in {timeout_s:.0f} s"


def _python_path() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


def _refusal(source: Path, blender: Path | None, kind: str, message: str) -> InputError:
    if kind == "no_usd":
        hint = f"use the bpy wheel (leave out {option('blender')}) or an official Blender, or convert it to GLB"
        return InputError(f"{source}: {message}", hint)
    if kind == "outside":
        return InputError(f"{source}: {message}", "put the images beside the scan, or convert it to GLB by hand")
    if kind == "hidden":
        return InputError(f"{source}: {message}", "show it in the program that it was made with, and export it again")
    if kind in _DOES_NOT_START:
        failure = start_failure(blender, EngineError(message, kind))
        if isinstance(failure, InputError):
            return failure
    check = "save it as binary FBX" if "ASCII FBX" in message else "check the file"
    return InputError(f"{source}: Blender can't read it: {message}", f"{check}, or convert it to GLB by hand")
