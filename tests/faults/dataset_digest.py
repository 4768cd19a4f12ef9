"""What a dataset on disk is, byte for byte, and what must not lie about in it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.check.check_dataset import check_dataset

Digest = dict[str, str]
"""SHA-256 by path below the dataset."""
SAME_BYTES = ("images", "records", "annotations", "depth")


def digest(out: Path, parts: tuple[str, ...] = SAME_BYTES) -> Digest:
    """Of all files that must not depend on what happened to the run."""
    files = (p for part in parts for p in (out / part).rglob("*") if p.is_file())
    found = {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    ledger = out / "orders.jsonl"
    return found | ({"orders.jsonl": hashlib.sha256(ledger.read_bytes()).hexdigest()} if ledger.exists() else {})


def differences(out: Path, expected: Digest) -> str:
    """Which files are not as expected, in short; empty where all are."""
    found = digest(out)
    kinds = {
        "missing": sorted(expected.keys() - found.keys()),
        "left over": sorted(found.keys() - expected.keys()),
        "other bytes": sorted(k for k in found.keys() & expected.keys() if found[k] != expected[k]),
    }
    return "; ".join(f"{kind}: {', '.join(names[:4])}" for kind, names in kinds.items() if names)


def half_written(out: Path) -> str:
    """What stands under a final name and is not whole, at a moment when a run was cut off; empty: nothing."""
    wrong = []
    for path in sorted((out / "records").glob("[0-9]*.json")):
        try:
            record = json.loads(path.read_text("utf-8"))
            named = [(out / "images" / record["image"]["file_name"], record["image"]["sha256"])]
            named += [(out / m["path"], m["sha256"]) for m in record["maps"].values()]
            wrong += [
                f"{p.name}: not what its record says"
                for p, sha256 in named
                if not p.is_file() or hashlib.sha256(p.read_bytes()).hexdigest() != sha256
            ]
        except (ValueError, KeyError, TypeError) as e:
            wrong.append(f"{path.name}: {e!r}")
    for name in ("run.json", "annotations/instances.json", "balance.json"):
        if (out / name).exists():
            try:
                json.loads((out / name).read_text("utf-8"))
            except ValueError as e:
                wrong.append(f"{name}: {e!r}")
    return "; ".join(wrong[:4])


def left_over(out: Path) -> list[str]:
    """Staged files, locks and quarantine in a dataset that is finished."""
    hidden = list(out.rglob(".*"))
    folders = [p for name in ("quarantine", "shards") if (p := out / name).exists()]
    return sorted(str(p.relative_to(out)) for p in hidden + folders)


def findings(out: Path) -> list[str]:
    """What ``scanstage check`` finds."""
    try:
        return [str(f) for f in check_dataset(out, workers=1).findings]
    except InputError as e:
        return [str(e)]
