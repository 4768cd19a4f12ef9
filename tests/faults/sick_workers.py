"""Workers that crash, hang, grow, lie or won't start."""

from __future__ import annotations

import json
from pathlib import Path

from dataset_digest import half_written, left_over
from fake_blender import plant
from kills import is_finished
from observation import Observation, Scenario
from running import Ended
from workplace import Workplace

IMPATIENT = ("--set", "workers.picture_timeout_s=8")
NARROW = ("--set", "workers.memory_gb=0.4")


def mended(work: Workplace, seen: Observation, config: Path, out: Path) -> None:
    """Without the fault, the next run finishes the dataset and nothing tells of the trouble any more."""
    for path in work.faults.iterdir():
        path.unlink()
    is_finished(seen, work, out, work.reference(config).digest, work.generate(config, out).wait())


def gave_up_on(seen: Observation, out: Path, ended: Ended, indices: list[int], logs: tuple[int, ...] = ()) -> None:
    """Promise that these pictures, and no others, are quarantined and named."""
    there = sorted(int(p.name) for p in out.glob("quarantine/[0-9]*"))
    seen.promise(there == indices, f"in quarantine: {there} instead of {indices}")
    seen.promise(ended.code == 1, f"with pictures missing: {ended.tail()}")
    seen.promise(not ended.traceback, f"traceback: {ended.err[-500:]}")
    seen.promise(f"failed: {', '.join(map(str, indices))}" in ended.err, f"summary: {ended.err[-300:]}")
    noted = [f["index"] for f in json.loads((out / "run.json").read_text())["failed"]]
    seen.promise(noted == indices, f"run.json says {noted}")
    for index in indices:
        place = out / "quarantine" / f"{index:06d}"
        plan, reason = (json.loads((place / name).read_text()) for name in ("plan.json", "reason.json"))
        seen.promise(plan["index"] == index, f"the plan kept of picture {index} is of {plan['index']}")
        seen.promise(reason["reason"], f"no reason for picture {index}")
        seen.promise(not (out / f"records/{index:06d}.json").exists(), f"picture {index} has a record")
        if index in logs:
            seen.promise((place / "blender.log").exists(), f"no log of picture {index}")
    seen.promise(not (wrong := half_written(out)), f"half-written: {wrong}")
    seen.promise(not (left := [p for p in left_over(out) if p != "quarantine"]), f"left: {left}")
    seen.count("quarantined", len(there))


def always_crashes(work: Workplace, seen: Observation, times: int) -> None:
    """Segmentation faults, each time one picture is rendered; another picture crashes only twice."""
    config = work.config()
    for _ in range(times):
        hopeless, unlucky = map(int, work.rng.choice(work.shared.images, 2, replace=False))
        plant(work.faults, "crash", hopeless)
        plant(work.faults, "crash", unlucky, 2)
        out = work.out()
        work.rendered()  # what mended the dataset before, perhaps by a picture of the same number
        ended = work.generate(config, out).wait()
        gave_up_on(seen, out, ended, [hopeless], logs=(hopeless,))
        tries = work.rendered()
        seen.promise(tries.count(hopeless) == 3, f"tried {tries.count(hopeless)} times")
        mended(work, seen, config, out)
        seen.times += 1


def stalls(work: Workplace, seen: Observation, times: int) -> None:
    """A worker that goes on for ever, and one that is stopped, once each; one picture stalls every worker."""
    config = work.config()
    for _ in range(times):
        once, stopped, hopeless = map(int, work.rng.choice(work.shared.images, 3, replace=False))
        plant(work.faults, "hang", once, 1)
        plant(work.faults, "stop", stopped, 1)
        plant(work.faults, "hang", hopeless)
        out = work.out()
        running = work.generate(config, out, *IMPATIENT)
        gave_up_on(seen, out, running.wait(), [hopeless])
        seen.promise(not (left := running.orphans(1.0)), f"processes left: {left}")
        mended(work, seen, config, out)
        seen.times += 5


def grows(work: Workplace, seen: Observation, times: int) -> None:
    """A worker that takes memory without end, once; one picture does so each time."""
    config = work.config()
    for _ in range(times):
        once, hopeless = map(int, work.rng.choice(work.shared.images, 2, replace=False))
        plant(work.faults, "grow", once, 1)
        plant(work.faults, "grow", hopeless)
        out = work.out()
        running = work.generate(config, out, *IMPATIENT, *NARROW, "--set", "workers.picture_timeout_s=20")
        ended = running.wait()
        gave_up_on(seen, out, ended, [hopeless])
        reason = (out / f"quarantine/{hopeless:06d}/reason.json").read_text()
        seen.promise("memory" in reason, f"the reason doesn't tell of memory: {reason}")
        mended(work, seen, config, out)
        seen.times += 4


def leaks(work: Workplace, seen: Observation, times: int) -> None:
    """Workers that keep 40 MB of each picture: they are replaced between pictures, and none fails."""
    config = work.config()
    for _ in range(times):
        out = work.out()
        ended = work.generate(config, out, *NARROW, "--workers", "1", environment={"FAKE_BLENDER_LEAK_MB": "40"}).wait()
        started = work.journal.read_text().count("start")
        seen.promise(started > 1, "no worker was replaced")
        seen.promise(sorted(work.rendered()) == list(range(work.shared.images)), "a picture was made twice")
        seen.count("workers used", started)
        is_finished(seen, work, out, work.reference(config).digest, ended)
        seen.times += 1


def wrong_answers(work: Workplace, seen: Observation, times: int) -> None:
    """Errors, half a file of passes, no file, another picture than planned; chatter and a quiet exit do no harm."""
    config = work.config()
    for _ in range(times):
        kinds = ("error", "cut", "mute", "shift", "chat", "exit")
        where = dict(zip(kinds, map(int, work.rng.choice(work.shared.images, len(kinds), replace=False)), strict=True))
        for kind, index in where.items():
            plant(work.faults, kind, index, 1 if kind == "exit" else None)
        out = work.out()
        gave_up_on(seen, out, work.generate(config, out).wait(), sorted(where[k] for k in kinds[:4]))
        mended(work, seen, config, out)
        seen.times += len(kinds)


def does_not_start(work: Workplace, seen: Observation, times: int) -> None:
    """One of two workers crashes at its start: the other does all; then all do: refused, with what was printed."""
    config = work.config()
    for _ in range(times):
        plant(work.faults, "crash", "start", 1)
        out = work.out()
        is_finished(seen, work, out, work.reference(config).digest, work.generate(config, out).wait())
        plant(work.faults, "crash", "start")
        ended = work.generate(config, work.out()).wait()
        seen.promise(ended.code in (1, 2), ended.tail())
        seen.promise(not ended.traceback, f"traceback: {ended.err[-500:]}")
        seen.promise("Blender" in ended.err, f"doesn't say that Blender failed: {ended.err[-300:]}")
        mended(work, seen, config, out)
        seen.times += 2


SCENARIOS = (
    Scenario(
        "crash-always",
        "quarantined with plan, reason and log; exit 1; the rest goes on; mends",
        always_crashes,
        1,
        share=0.1,
    ),
    Scenario("stall", "replaced; after 3 times quarantined, exit 1; mends", stalls, 0, share=0.1),
    Scenario("outgrow", "replaced; after 3 times quarantined, exit 1; mends", grows, 1, share=0.1),
    Scenario("leak", "replaced between pictures, none fails", leaks, 0, share=0.1),
    Scenario("wrong-answers", "those pictures are quarantined, exit 1; mends", wrong_answers, 0, share=0.1),
    Scenario("no-start", "others do the work; without any, an error", does_not_start, 0, share=0.1),
)
