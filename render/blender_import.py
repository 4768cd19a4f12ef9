"""Formats that only Blender reads, turned into GLB in a Blender process of its own."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from assets.errors import InputError
from render.blender.import_scan import MARKER
from render.blender_start import start_failure, worker_command
from render.worker_process import EngineError

_SCRIPT = Path(__file__).parent / "blender" / "import_scan.py"
_TIMEOUT_S = 600.0


def convert_with_blender(
    source: Path, target: Path, blender: Path | None = None, timeout_s: float = _TIMEOUT_S
) -> None:
    """Convert a USD, USDZ or FBX file to GLB (metres, Y up, materials and textures embedded).

    The file is untrusted: it is read by a process of its own with factory settings, in which no script of the file
    runs, and which is ended after ``timeout_s``.

    Args:
        source: the file.
        target: the ``.glb`` to write; it is there completely or not at all.
        blender: a Blender executable, or None for the bpy wheel.

    Raises:
        InputError: the file can't be converted, or this Blender can't be used; with the mend.
    """
    if not source.is_file():
        raise InputError(f"{source}: no such file")
    with tempfile.TemporaryDirectory(prefix=".converting-", dir=target.absolute().parent) as folder:
        converted = Path(folder) / "scan.glb"
        command = worker_command(blender, _SCRIPT, (str(source.absolute()), str(converted)))
        report = _run(source, command, timeout_s)
        if "error" in report:
            raise _refusal(source, blender, str(report["error"]), str(report["message"]))
        if not converted.is_file():
            raise InputError(f"{source}: Blender's exporter wrote nothing", "convert it to GLB by hand")
        converted.replace(target)


def _run(source: Path, command: list[str], timeout_s: float) -> dict[str, object]:
    """Run the conversion; its report, or one made up for a process that gave none."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return {"error": "failed", "message": f"Blender didn't finish in {timeout_s:.0f} s"}
    for line in reversed(done.stdout.decode("utf-8", "replace").splitlines()):
        if line.startswith(MARKER):
            report: dict[str, object] = json.loads(line[len(MARKER) :])
            return report
    output = (done.stderr + done.stdout).decode("utf-8", "replace").splitlines()
    last = next((line.strip() for line in reversed(output) if line.strip()), "")
    return {"error": "failed", "message": f"Blender ended with exit code {done.returncode} while reading it. {last}"}


def _refusal(source: Path, blender: Path | None, kind: str, message: str) -> InputError:
    if kind == "no_usd":
        mend = "use the bpy wheel (leave out --blender) or an official Blender, or convert it to GLB"
        return InputError(f"{source}: {message}", mend)
    if kind == "outside":
        return InputError(f"{source}: {message}", "put the images beside the scan, or convert it to GLB by hand")
    if kind in ("no_bpy", "bpy_broken"):
        failure = start_failure(blender, EngineError(message, kind))
        if isinstance(failure, InputError):
            return failure
    return InputError(f"{source}: Blender can't read it: {message}", "check the file, or convert it to GLB by hand")
