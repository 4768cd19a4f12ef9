"""Hostile input and hostile moments: ``python tests/faults/run.py [--moments 30] [--only NAME] [--engine fake|bpy]``.

Tries every fault on the real command line and prints what was promised and what was seen. The last line is one JSON
object; the exit code is 1 where a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from observation import CannotTry, Scenario, try_scenario  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402
from scenarios import ALL  # noqa: E402
from workplace import Shared, Workplace  # noqa: E402

SEED = 20


def watch(scenario: Scenario, shared: Shared, engine: str, seed: int, times: int, keep: bool) -> dict[str, object]:
    """Try one scenario in a temporary folder; what came of it, as JSON."""
    root = Path(tempfile.mkdtemp(prefix=f"fault-{scenario.name}-"))
    start = time.monotonic()
    result: dict[str, object] = {"name": scenario.name, "promised": scenario.promised, "times": 0, "seen": {}}
    try:
        seen = try_scenario(scenario, Workplace(root, shared, engine, scenario.rng(seed)), times)
        result |= {"times": seen.times, "seen": seen.seen, "broken": seen.broken, "ok": not seen.broken}
    except CannotTry as e:
        result |= {"seen": {"skipped": str(e)}, "broken": [], "ok": None}
    except Exception:
        result |= {"broken": [traceback.format_exc()], "ok": False}
    if result["ok"] is not False or not keep:
        shutil.rmtree(root, ignore_errors=True)
    else:
        result["folder"] = str(root)
    return result | {"seconds": round(time.monotonic() - start, 1)}


def row(result: dict[str, object]) -> tuple[str, ...]:
    """A result as a row of the table."""
    seen = result["seen"]
    assert isinstance(seen, dict)
    broken = result["broken"]
    assert isinstance(broken, list)
    told = ", ".join(f"{value} {what}" if what != "skipped" else str(value) for what, value in seen.items())
    verdict = {True: "yes", False: "NO", None: "skipped"}[result["ok"]]  # type: ignore[index]
    told = "; ".join([told, *(str(b)[:300] for b in broken[:3])]).strip("; ") or "as promised"
    return str(result["name"]), str(result["times"]), str(result["promised"]), told, verdict


def main() -> int:
    """Run what is asked for; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--moments", type=int, default=30, help="random moments of a kill; other faults follow (%(default)s)"
    )
    parser.add_argument("--only", action="append", metavar="NAME", help="this fault; may be given again")
    parser.add_argument("--engine", choices=("fake", "bpy"), default="fake")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--keep", action="store_true", help="keep the folder of what failed")
    options = parser.parse_args()
    chosen = [s for s in ALL if options.engine in s.engines and (not options.only or s.name in options.only)]
    if not chosen:
        parser.error(f"no such fault; there are {', '.join(s.name for s in ALL)}")
    console = Console(width=200)
    console.print(f"seed {options.seed}, {options.moments} moments, engine {options.engine}")
    results = []
    common = tempfile.TemporaryDirectory(prefix="faults-")
    os.environ["SCANSTAGE_CACHE"] = f"{common.name}/cache"
    shared = Shared(Path(common.name))
    for scenario in chosen:
        times = scenario.times(options.moments)
        result = watch(scenario, shared, options.engine, options.seed, times, options.keep)
        results.append(result)
        name, tried, _, told, verdict = row(result)
        console.print(
            f"{name}: {tried} times, {result['seconds']} s, ok: {verdict}; {told}", highlight=False, markup=False
        )
    table = Table(*("fault", "times", "promised", "seen", "ok"), show_lines=True)
    for result in results:
        table.add_row(*row(result))
    console.print(table, markup=False)
    broken = [str(r["name"]) for r in results if r["ok"] is False]
    print(json.dumps({"seed": options.seed, "engine": options.engine, "broken": broken, "faults": results}))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
