"""Files of a dataset that are found truncated, emptied, altered or gone when a run goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from dataset_digest import digest
from kills import is_finished
from observation import Observation, Scenario
from workplace import BALANCE, Workplace

PICTURE_FILES = ("images/{:06d}.jpg", "records/{:06d}.json", "depth/{:06d}.exr", "depth/{:06d}.png")


def damage(path: Path, rng: np.random.Generator) -> str:
    """Damage a file in one of the ways in which files get damaged; says which."""
    data = path.read_bytes()
    ways = ["truncated", "emptied", "zeroed", "gone"]
    if path.parent.name != "records":  # nothing vouches for a record's bytes: another letter may be as good a record
        ways.append("a byte changed")
    how = str(rng.choice(ways))
    if how == "gone":
        path.unlink()
        return how
    cut = int(rng.integers(1, len(data)))
    changed = bytearray(data)
    changed[cut] ^= 0x55
    new = {"truncated": data[:cut], "emptied": b"", "a byte changed": bytes(changed), "zeroed": bytes(len(data))}
    path.write_bytes(new[how])
    return how


def pictures(work: Workplace, seen: Observation, times: int) -> None:
    """Images, records and depth maps, four to a resume: just those pictures are made again."""
    reference = work.reference(config := work.config())
    while seen.times < times:
        out = work.out()
        shutil.copytree(reference.out, out)
        hit = [int(i) for i in work.rng.choice(reference.pictures, 4, replace=False)]
        for index, name in zip(hit, work.rng.permutation(PICTURE_FILES), strict=True):
            seen.count(damage(out / str(name).format(index), work.rng))
            seen.times += 1
        work.rendered()
        ended = work.generate(config, out).wait()
        made = sorted(work.rendered())
        seen.promise(made == sorted(hit), f"damaged {sorted(hit)}, made again {made}")
        is_finished(seen, work, out, reference.digest, ended)


def derived(work: Workplace, seen: Observation, times: int) -> None:
    """The COCO file and the contact sheet: written anew without rendering."""
    reference = work.reference(config := work.config())
    for _ in range(times):
        out = work.out()
        shutil.copytree(reference.out, out)
        for name in ("annotations/instances.json", "__overview__/preview.png"):
            damage(out / name, work.rng)
            seen.times += 1
        work.rendered()
        is_finished(seen, work, out, reference.digest, work.generate(config, out).wait())
        seen.promise(not work.rendered(), "something was rendered")


def run_file(work: Workplace, seen: Observation, times: int) -> None:
    """Without a run.json that can be read nobody knows whether it is the same run: refused, nothing is touched."""
    reference = work.reference(config := work.config())
    for i in range(times):
        out = work.out()
        shutil.copytree(reference.out, out)
        data = (out / "run.json").read_bytes()
        if i % 5 == 4:
            (out / "run.json").unlink()
        else:
            broken = (data[: int(work.rng.integers(len(data)))], b"[]", b"\0" * 99, b'"run"')
            (out / "run.json").write_bytes(broken[i % 5])
        ended = work.generate(config, out).wait()
        seen.promise(ended.code == 2, ended.tail())
        seen.promise("run.json" in ended.err, f"doesn't name the file: {ended.err}")
        seen.promise(not ended.traceback, f"traceback: {ended.err[-500:]}")
        seen.promise(digest(out) == reference.digest, "pictures were touched")
        (out / "run.json").write_bytes(data)
        is_finished(seen, work, out, reference.digest, work.generate(config, out).wait())
        seen.times += 1


def ledger(work: Workplace, seen: Observation, times: int) -> None:
    """The ledger of a balanced run, together with a lost picture: both are computed again."""
    reference = work.reference(config := work.config(extra=BALANCE))
    for _ in range(times):
        out = work.out()
        shutil.copytree(reference.out, out)
        seen.count(damage(out / "orders.jsonl", work.rng))
        (out / f"records/{int(work.rng.integers(reference.pictures)):06d}.json").unlink()
        is_finished(seen, work, out, reference.digest, work.generate(config, out).wait())
        seen.times += 1


SCENARIOS = (
    Scenario("damaged-picture", "these pictures are made again, no others; same bytes", pictures, 4, share=1.0),
    Scenario("damaged-export", "written anew, nothing rendered", derived, 0, share=0.1),
    Scenario("damaged-run-file", "refused by name (exit 2), nothing touched", run_file, 0, share=0.17),
    Scenario("damaged-ledger", "computed again, same bytes", ledger, 0, share=0.2),
)
