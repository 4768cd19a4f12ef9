"""A program in Blender's place: ``--blender PATH`` starts it, and whole runs happen as real processes within seconds.

It takes Blender's arguments, ignores them, and speaks the worker's protocol (``render/blender/worker.py``) with the
analytic engine, for the toy scans of ``tests/conftest.py``. :func:`make_fake_blender` makes it an executable file.

Faults happen on demand. ``FAKE_BLENDER_FAULTS`` names a folder; a file ``KIND-WHERE`` in it plants a fault, where
``WHERE`` is a picture's index, ``any`` (picture), ``start`` (of a worker) or ``import`` (of a scan). The file's content
says how many times it happens; empty is always. Kinds:

    crash   a segmentation fault                 hang    goes on for ever, but ends when its coordinator is gone
    exit    ends with code 0, saying nothing     stop    is stopped (SIGSTOP): not even that
    error   answers with an error                grow    takes memory until it is ended, at most ``CAP_MB``
    cut     writes half a file of passes         shift   what it renders is not what was planned
    mute    writes no file at all                chat    answers in the middle of chatter
    wait    waits until the file is gone
    noise   prints ``NOISE_MB`` without a break in between, and goes on
    rave    prints for ever                      shout   crashes with escape codes and faked lines as its last words
    spell   answers with an error that holds such

Other settings are environment variables too: ``FAKE_BLENDER_SECONDS`` (a picture takes at least so long),
``FAKE_BLENDER_LEAK_MB`` (every picture leaves so much behind), ``FAKE_BLENDER_JOURNAL`` (a file that gets a line
``start PID`` and ``picture PID INDEX``, so that a test knows what was rendered and by whom).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CAP_MB = 1500
NOISE_MB = 100
FAKED = "picture 0 failed: faked"
SPELL = f"\x1b[31mred \x1b]0;title\x07 \x9b2J \u202e\n{FAKED}\r{FAKED}"
"""What would steer a terminal, or fake a line, if it were printed as it is."""


def make_fake_blender(folder: Path, name: str = "fake-blender") -> Path:
    """Make an executable in ``folder`` that runs this file with the present Python."""
    path = folder / name
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).resolve()}" "$@"\n')
    path.chmod(0o755)
    return path


def plant(folder: Path, kind: str, where: int | str, times: int | None = None) -> Path:
    """Plant a fault in the folder that ``FAKE_BLENDER_FAULTS`` names; None is always."""
    path = folder / f"{kind}-{where}"
    path.write_text("" if times is None else str(times))
    return path


def planted(where: int | str) -> str | None:
    """The kind of fault that is to happen here, now; counts it down."""
    folder = os.environ.get("FAKE_BLENDER_FAULTS")
    if not folder:
        return None
    for path in sorted(Path(folder).glob(f"*-{where}")):
        try:
            text = path.read_text()
        except FileNotFoundError:  # taken away just now
            continue
        if not text:
            return path.name.partition("-")[0]
        if int(text) > 0:
            staged = path.parent / f".{path.name}.{os.getpid()}"
            staged.write_text(str(int(text) - 1))
            staged.replace(path)
            return path.name.partition("-")[0]
    return None


def fall(kind: str | None) -> None:
    """Let a fault happen that concerns the whole process; other kinds do nothing here."""
    if kind == "crash":
        print("Writing: /tmp/blender.crash.txt", file=sys.stderr, flush=True)
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGSEGV)
    elif kind == "shout":
        sys.stderr.buffer.write(f"{SPELL}\n{FAKED}\n".encode())
        sys.stderr.flush()
        os.abort()
    elif kind in ("noise", "rave"):
        piece = (b"Fra:1 | Sample 1/2 | \x1b[31m\xff " * 40 + (b"\n" if kind == "rave" else b"")) * 1000
        for i in itertools.count():
            for stream in (sys.stderr, sys.stdout):
                stream.buffer.write(piece)
                stream.flush()
            if kind == "noise" and 2 * i * len(piece) > NOISE_MB << 20:
                print("\nquiet again", file=sys.stderr, flush=True)
                print(flush=True)
                break
    elif kind == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif kind == "exit":
        os._exit(0)
    elif kind == "grow":
        taken = [bytearray(b"\1" * (16 << 20)) for _ in _every(0.02, CAP_MB // 16)]
        print(f"took {16 * len(taken)} MB and was not ended", file=sys.stderr, flush=True)
    if kind in ("grow", "hang"):
        time.sleep(3600)


def _every(seconds: float, times: int) -> Any:
    for i in range(times):
        time.sleep(seconds)
        yield i


class FakeWorker:
    """Answers requests as a Blender worker does."""

    def __init__(self) -> None:
        self._requests: queue.Queue[dict[str, Any]] = queue.Queue()
        self._passes: list[str] = []
        self._left_behind: list[bytearray] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            self._requests.put(json.loads(line))
        os._exit(0)

    @staticmethod
    def _say(request: dict[str, Any], **content: Any) -> None:
        print(json.dumps({"id": request["id"], **content}), flush=True)

    def serve(self) -> None:
        """Until told to quit."""
        note(f"start {os.getpid()}")
        while True:
            request = self._requests.get()
            if request["op"] == "quit":
                self._say(request, result={})
                os._exit(0)
            elif request["op"] == "hello":
                fall(kind := planted("start"))
                if kind == "error":
                    self._say(request, error={"kind": "Told", "message": "told to fail"})
                    os._exit(1)
                self._passes = list(request["settings"]["passes"])
                self._say(request, result=INFO)
            else:
                self._picture(request)

    def _picture(self, request: dict[str, Any]) -> None:
        start = time.perf_counter()
        index = request["plan"]["index"]
        note(f"picture {os.getpid()} {index}")
        kind = planted(index) or planted("any")
        time.sleep(seconds := float(os.environ.get("FAKE_BLENDER_SECONDS", "0")) / 2)
        fall(kind)
        while planted(index) == "wait":
            time.sleep(0.05)
        if kind in ("error", "spell"):
            message = SPELL if kind == "spell" else "told to fail"
            return self._say(request, error={"kind": "Told", "message": message})
        if gone := [f for f in request["folders"].values() if not (Path(f) / "mesh.npz").is_file()]:
            return self._say(request, error={"kind": "MissingFile", "message": f"{gone[0]}/mesh.npz is missing"})
        if kind != "mute":
            write_passes(request["plan"], Path(request["output"]), self._passes, shift=3 if kind == "shift" else 0)
        time.sleep(seconds)
        if kind == "cut":
            os.truncate(request["output"], Path(request["output"]).stat().st_size // 2)
        if kind == "chat":
            print("Fra:1 | Sample 1/2 {", "[1, 2]", '{"id": 999}', sep="\n", flush=True)
        self._left_behind.append(bytearray(b"\1" * (int(os.environ.get("FAKE_BLENDER_LEAK_MB", "0")) << 20)))
        took = time.perf_counter() - start
        stats = {"sync_s": 0.0, "check_s": 0.0, "render_s": took, "rss_bytes": resident_bytes(), "datablocks": 3}
        self._say(request, result={"names": {}, "blurred": False, "light": False, "albedo": False, **stats})


INFO = {
    "blender": "9.9 fake",
    "engine": "ANALYTIC",
    "device": "CPU",
    "device_names": [],
    "device_reason": "the analytic engine",
    "devices": {},
    "denoiser": True,
    "builtin_hdris": ["city", "courtyard", "forest", "interior", "night", "studio", "sunrise", "sunset"],
    "notes": [],
}


def write_passes(plan: dict[str, Any], path: Path, passes: list[str], shift: int = 0) -> None:
    """Render a plan's JSON and write its passes as Blender does, by way of a temporary file of its own name.

    Args:
        plan: a ``FramePlan``; without blur.
        path: of the multilayer EXR file.
        passes: of ``depth`` and ``normals``; anything else is an error.
        shift: pixels by which the instance ids are wrong.
    """
    if str(ROOT / "tests") not in sys.path:
        sys.path[:0] = [str(ROOT / "tests")]
    import numpy as np
    import OpenEXR
    from support.analytic import render

    from scanstage.scenes.plan import FramePlan

    rendered = render(FramePlan.from_json(json.dumps(plan)))
    ids = np.roll(rendered.instance_ids, shift, axis=1)
    named: dict[str, np.ndarray[Any, Any]] = {f"Combined.{c}": rendered.radiance[..., i] for i, c in enumerate("RGB")}
    named |= {"Combined.A": rendered.alpha, "IndexOB.X": ids}
    if "depth" in passes:
        assert rendered.depth_m is not None
        named["Depth.Z"] = np.where(np.isfinite(rendered.depth_m), rendered.depth_m, 1e10)
    if "normals" in passes:
        named |= {f"Normal.{c}": np.full(ids.shape, c == "Z") for c in "XYZ"}
    channels = {f"ViewLayer.{k}": np.ascontiguousarray(v, np.float32) for k, v in named.items()}
    with OpenEXR.File({"type": OpenEXR.scanlineimage}, channels) as file:
        file.write(str(path))


def import_scan(source: Path, target: Path) -> None:
    """Stand in for ``render/blender/conversion/import_scan.py``: a box for whatever the file is."""
    fall(kind := planted("import"))
    if kind == "mute":
        os._exit(0)
    if kind == "cut":
        target.write_bytes(b"glTF" + bytes(40))
    else:
        import trimesh

        target.write_bytes(trimesh.Scene(trimesh.creation.box((0.1, 0.1, 0.1))).export(file_type="glb"))
    print("SCANSTAGE-IMPORT " + json.dumps({"ok": True}), flush=True)


def note(line: str) -> None:
    """Add a line to the journal, if one is asked for."""
    if journal := os.environ.get("FAKE_BLENDER_JOURNAL"):
        with Path(journal).open("a") as file:
            file.write(line + "\n")


def resident_bytes() -> int | None:
    """Memory of this process; None where unknown."""
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return None


def main() -> None:
    """What a worker's command line asks for: a session, or the import of a scan."""
    script = next((a for a in sys.argv if a.endswith(".py") and "blender" in Path(a).parent.parts[-2:]), "")
    if script.endswith("import_scan.py"):
        source, target = sys.argv[sys.argv.index("--") + 1 :][:2]
        import_scan(Path(source), Path(target))
    else:
        FakeWorker().serve()


if __name__ == "__main__":
    main()
