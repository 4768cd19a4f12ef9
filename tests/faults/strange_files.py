"""Files that a config names and that are none, have no end, or are a bomb: each refused by name, in little memory.

As a program, ``strange_files.py FOLDER LIBRARY``, it tries all of them in its own process and prints a line of JSON for
each; so one that hangs or takes all memory is only that one.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "faults")]

from observation import CannotTry, Observation, Scenario  # noqa: E402
from running import lines_of  # noqa: E402
from support import image_bombs as bombs  # noqa: E402
from support.strange_places import put_socket, put_sparse  # noqa: E402
from workplace import Workplace  # noqa: E402

PATIENCE_S = 60.0
"""For one of them, on a machine that does much else; what hangs does so for ever."""
MEMORY_BYTES = 4 << 30
RESIDENT_BYTES = 1 << 30
CONFIG = """
assets: {{library: {library}, classes: [box, ball, brick]}}
objects: {{count: 1, placement: {{kind: upright}}}}
stage: {{kind: ground}}
camera: {{resolution: [80, 60]}}
"""

PLACES: dict[str, tuple[str, tuple[str, ...]]] = {
    "config": (".yaml", ()),
    "calibration": (".yaml", ("camera.intrinsics={}",)),
    "fill": (".json", ("balance={{target: {{fill: {{coco: {}, to: 9}}}}}}",)),
    "power": (".json", ("balance={{target: {{power: 0.5, coco: {}}}}}",)),
    "hdri": (".exr", ("light.hdri.image={}",)),
    "backplate": (".png", ("background={{kind: backplate, images: {}}}",)),
    "stage": (".jpg", ("stage.looks.image={}",)),
    "distractors": (".tif", ("distractors={{count: 1, looks: {{image: {}}}}}",)),
}
"""Where a config names a file: its suffix, and what to override, with the path in place of the braces."""


STRANGE: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "socket": put_socket,
    "folder": Path.mkdir,
    "zeros": lambda path: path.symlink_to("/dev/zero"),
    "random": lambda path: path.symlink_to("/dev/urandom"),
    "terminal": lambda path: path.symlink_to("/dev/tty"),
    "memory": lambda path: path.symlink_to("/proc/self/mem"),
    "circle": lambda path: path.symlink_to(path.name),
    "sparse": put_sparse,
    "folder of a pipe": lambda path: (path.mkdir(), os.mkfifo(path / f"a{path.suffix}"))[0],
}

_LAUGHS = b"a0: &a0 [1, 1]\n" + b"".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n".encode() for i in range(1, 12)
)
BOMBS: dict[str, tuple[tuple[str, bytes], ...]] = {
    "config": (("laughs", _LAUGHS), ("nested", b"[" * 900_000), ("digits", b"images: " + b"9" * 900_000)),
    "calibration": (
        ("laughs", _LAUGHS),
        ("elements", b"<?xml version='1.0'?><opencv_storage>" + b"<a>" * 50_000),
        ("entities", b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><opencv_storage>&b;</opencv_storage>"),
        ("infinite", b"{fx: 600, cx: 1, cy: 1, width: 1e400, height: 480}"),
    ),
    "fill": (
        ("text", b'{"info": "' + b"x" * 40_000_000),
        ("nested", b'{"a":' * 500_000),
        ("negative", b'{"categories": [{"id": 1, "name": "box", "instance_count": -9, "image_count": 1}]}'),
        ("infinite", b'{"categories": [{"id": 1, "name": "box", "instance_count": 1e999, "image_count": 1}]}'),
    ),
    "hdri": (
        ("claims", bombs.exr(window=bombs.box(100_000, 100_000))),
        ("radiance", bombs.radiance(100_000, 100_000)),
        ("long", bombs.exr(window=bombs.box(1, 2**31 - 1))),
    ),
    "backplate": (("claims", bombs.png(50_000, 50_000, rows=1)), ("whole", bombs.png(16_384, 16_384, 8, 0))),
    "stage": (("claims", bombs.jpeg(65_500, 65_500)), ("other", bombs.tiff(60_000, 60_000))),
    "distractors": (("claims", bombs.tiff(60_000, 60_000)),),
}


def strange_cases(folder: Path) -> list[tuple[str, Path, str]]:
    """What is no file, at each place that names one: what it is, the path, and the place."""
    found = []
    for place, (suffix, _) in PLACES.items():
        for number, (name, make) in enumerate(STRANGE.items()):
            make(path := folder / f"{place}-{number}{suffix}")
            found.append((f"{name} as {place}", path, place))
    return found


def bomb_cases(folder: Path) -> list[tuple[str, Path, str]]:
    """The same of files that ask for more than anybody has."""
    found = []
    for place, kinds in BOMBS.items():
        for name, data in kinds:
            (path := folder / f"{place}-{name}{PLACES[place][0]}").write_bytes(data)
            found.append((f"{name} as {place}", path, place))
    return found


def try_one(config: Path, path: Path, place: str) -> dict[str, Any]:
    """What ``scanstage plan`` says of a config that names ``path``, on the command line."""
    from scanstage.render.cli.app import entrypoint

    overrides = [argument for text in PLACES[place][1] for argument in ("--set", text.format(path))]
    out, err = io.StringIO(), io.StringIO()
    start = time.monotonic()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code: int | str = entrypoint(["plan", str(config if overrides else path), "--frame", "0", *overrides])
    except BaseException:
        code = traceback.format_exc()[-1500:]
    told = err.getvalue()
    named = any(n in told for n in (path.name, str(path.resolve()) if path.exists() else path.name))
    return {"code": code, "told": told[-600:], "named": named, "seconds": time.monotonic() - start}


def no_files(work: Workplace, seen: Observation, times: int) -> None:
    """Pipes, devices, folders and files without an end, wherever a config or --set names a file."""
    _watch(work, seen, "strange", times)


def are_bombs(work: Workplace, seen: Observation, times: int) -> None:
    """Files of a few bytes that claim to be enormous, and texts that nest, repeat or never end."""
    _watch(work, seen, "bombs", times)


def _watch(work: Workplace, seen: Observation, kind: str, times: int) -> None:
    if os.name != "posix":
        raise CannotTry("pipes, devices and limits of POSIX")
    for number in range(times):
        folder = work.root / f"{kind}-{number}"
        folder.mkdir()
        results = _tried(work, folder, kind)
        seen.times += len(results)
        for r in results:
            seen.count("refused" if r["code"] == 2 else "not refused")
            what = f"{r['case']}: {r['code']} in {r['seconds']:.1f} s: {r['told']}"
            seen.promise(r["code"] == 2, what)
            seen.promise(r["named"], f"not named: {what}")
            seen.promise(r["resident"] < RESIDENT_BYTES, f"took {r['resident'] / 1e9:.1f} GB: {what}")


def _tried(work: Workplace, folder: Path, kind: str) -> list[dict[str, Any]]:
    command = [sys.executable, __file__, kind, str(folder), str(work.library)]
    results: list[dict[str, Any]] = []
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=os.environ | work.environment()
    )
    heard = time.monotonic()
    for line in lines_of(process, PATIENCE_S):
        heard = time.monotonic()
        results.append(json.loads(line))
    code = process.wait()
    if code:
        told = {"named": False, "resident": 0, "seconds": time.monotonic() - heard, "told": "hangs, or was killed"}
        results.append({"case": f"the case after {results[-1]['case'] if results else 'none'}", "code": code} | told)
    return results


def peak_bytes() -> int:
    """The most memory that this program has held: on Linux not ``ru_maxrss``, which starts at what its parent held."""
    if (status := Path("/proc/self/status")).exists():
        line = next(line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(kind: str, folder: Path, library: Path) -> None:
    """Try all cases of a kind and print what becomes of them."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    (config := folder / "config.yaml").write_text(CONFIG.format(library=library))
    for case, path, place in (strange_cases if kind == "strange" else bomb_cases)(folder):
        result = try_one(config, path, place)
        print(json.dumps({"case": case, "resident": peak_bytes()} | result), flush=True)


SCENARIOS = (
    Scenario("config-names-no-file", "refused by name, exit 2, never waited for", no_files, share=1 / 30),
    Scenario("config-names-a-bomb", "refused by name, exit 2, in less than 1 GB", are_bombs, share=1 / 30),
)

if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
