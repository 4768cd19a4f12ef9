"""Configs that were made hostile, through the real command line: never anything but an error that says what is wrong.

As a program, ``hostile_configs.py SEED FIRST LAST FOLDER LIBRARY``, it tries cases in its own process and prints a line
of JSON for each; so one that hangs or takes all memory is only that one.
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
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "faults")]

import numpy as np  # noqa: E402
import yaml  # noqa: E402
from mutations import mutated  # noqa: E402
from observation import Observation, Scenario  # noqa: E402
from running import lines_of  # noqa: E402
from workplace import Workplace  # noqa: E402

PATIENCE_S = 90.0
"""A config may well ask for a lot; what takes longer than that for one plan is counted, and given up."""
MEMORY_BYTES = 6 << 30


def documents(library: Path) -> list[dict[str, Any]]:
    """All example configs, on toy scans, so that what can be read can be planned at once."""
    found = []
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        document = yaml.safe_load(path.read_text())
        classes = {"box": {"switch": {"by": "time", "cases": {"night": 2}, "default": 1}}, "ball": 1}
        plain = ["box", "ball", "brick"]
        document["assets"] = {"library": str(library), "classes": classes if "variables" in document else plain}
        if "intrinsics" in document.get("camera", {}):
            document["camera"]["intrinsics"] = str(path.parent / document["camera"]["intrinsics"])
        found.append(document)
    return found


def try_one(path: Path) -> dict[str, Any]:
    """What ``scanstage plan PATH --frame 0`` does."""
    from scanstage.render.cli.app import entrypoint

    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = entrypoint(["plan", str(path), "--frame", "0"])
    except BaseException:
        return {"kind": "traceback", "text": traceback.format_exc()[-1500:]}
    if code == 0:
        plan = json.loads(out.getvalue())
        return {"kind": "planned" if plan["index"] == 0 else "traceback", "text": ""}
    kind = "refused" if code == 2 and err.getvalue().strip() else f"exit {code}"
    return {"kind": "traceback" if "Traceback" in err.getvalue() else kind, "text": err.getvalue()[-600:]}


def fuzz(work: Workplace, seen: Observation, times: int) -> None:
    """Mutations of all example configs."""
    folder = work.root / "configs"
    folder.mkdir()
    seed = int(work.rng.integers(2**31))
    case = 0
    while case < times:
        for result in _batch(work, seed, case, times, folder):
            case = result["case"] + 1
            seen.times += 1
            seen.count(result["kind"])
            allowed = result["kind"] in ("planned", "refused", "too slow")
            seen.promise(allowed, f"case {result['case']} of seed {seed}: {result['kind']}: {result['text']}")
    seen.promise(int(seen.seen.get("too slow", 0)) <= 0.02 * times, "many configs can't be planned in time")


def _batch(work: Workplace, seed: int, first: int, last: int, folder: Path) -> list[dict[str, Any]]:
    """Results from case ``first`` on, up to one that takes too long or ends the process."""
    command = [sys.executable, __file__, *map(str, (seed, first, last, folder, work.library))]
    results: list[dict[str, Any]] = []
    with (folder / "errors.txt").open("ab") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=os.environ | work.environment()
        )
        heard = time.monotonic()
        for line in lines_of(process, PATIENCE_S):
            results.append(json.loads(line))
            heard = time.monotonic()
        code = process.wait()
    case = results[-1]["case"] + 1 if results else first
    if case < last:
        kind = "too slow" if time.monotonic() - heard >= PATIENCE_S - 1 else f"ended the process with {code}"
        text = (folder / "errors.txt").read_text("utf-8", "replace")[-600:]
        results.append({"case": case, "kind": kind, "text": text})
    return results


def main(seed: int, first: int, last: int, folder: Path, library: Path) -> None:
    """Try cases and print what becomes of them."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    originals = documents(library)
    for case in range(first, last):
        rng = np.random.default_rng((seed, case))
        path = folder / f"{case:04d}.yaml"
        path.write_bytes(mutated(originals[case % len(originals)], rng))
        print(json.dumps({"case": case} | try_one(path)), flush=True)


SCENARIOS = (
    Scenario(
        "fuzzed-config", "planned, or refused with what is wrong (exit 2); never a traceback", fuzz, 25, share=500 / 30
    ),
)

if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]))
