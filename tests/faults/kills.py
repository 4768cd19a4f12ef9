"""SIGKILL at random moments: of workers, of the coordinator, in plain and in balanced runs; and orderly signals."""

from __future__ import annotations

import contextlib
import signal
import time
from pathlib import Path

import psutil
from dataset_digest import Digest, differences, findings, half_written, left_over
from observation import Observation, Scenario
from running import Ended, Moment
from workplace import BALANCE, SLOW, Workplace

MOST_KILLS = 8
STOPS_WITHIN_S = 6.0
SIGNALLED = {signal.SIGTERM: (130, 143), signal.SIGINT: (130,)}


def is_finished(seen: Observation, work: Workplace, out: Path, expected: Digest, ended: Ended) -> None:
    """Promise what must be true of every finished dataset, whatever happened on the way."""
    seen.promise(ended.code == 0, f"the run that finished it: {ended.tail()}")
    seen.promise(not ended.traceback, f"traceback: {ended.err[-500:]}")
    seen.promise(not (wrong := differences(out, expected)), f"not as an uninterrupted run: {wrong}")
    seen.promise(not (left := left_over(out)), f"left in the dataset: {left}")
    seen.promise(not (left := work.scratch_left()), f"left in memory: {left}")
    seen.promise(not (found := findings(out)), f"check: {found[:3]}")


def parents(work: Workplace, seen: Observation, times: int) -> None:
    """The coordinator, at random moments; each run goes on where the one before was killed."""
    _kill_parents(work, seen, times, work.config())


def balanced_parents(work: Workplace, seen: Observation, times: int) -> None:
    """The same, of a run whose pictures follow from each other."""
    _kill_parents(work, seen, times, work.config(extra=BALANCE))


def real_parents(work: Workplace, seen: Observation, times: int) -> None:
    """The same with Blender, few pictures."""
    _kill_parents(work, seen, times, work.config(images=4))


def _kill_parents(work: Workplace, seen: Observation, times: int, config: Path) -> None:
    reference = work.reference(config)
    out, kills = work.out(), 0
    while seen.times < times:
        before = {int(p.stem) for p in out.glob("records/*.json")}
        work.rendered()
        running = work.generate(config, out, pace=SLOW)
        hit = reference.moment(work.rng, len(before)).wait(running, out)
        if hit:
            running.kill()
            seen.times, kills = seen.times + 1, kills + 1
        ended = running.wait()
        again = sorted(before & set(work.rendered()))
        seen.promise(not again, f"pictures rendered again though they were finished: {again}")
        seen.promise(not (left := running.orphans()), f"processes left: {left}")
        seen.promise(not (wrong := half_written(out)), f"half-written: {wrong}")
        if not hit or kills == MOST_KILLS or seen.times == times:
            final = work.generate(config, out, pace=SLOW).wait() if hit else ended
            is_finished(seen, work, out, reference.digest, final)
            seen.count("datasets")
            out, kills = work.out(), 0


def workers(work: Workplace, seen: Observation, times: int) -> None:
    """A random worker, twice a run: the run goes on with another."""
    config = work.config()
    reference = work.reference(config)
    while seen.times < times:
        out = work.out()
        running = work.generate(config, out, pace=SLOW)
        for records in sorted(work.rng.integers(reference.pictures, size=2)):
            Moment(int(records), float(work.rng.uniform(0, 0.25))).wait(running, out)
            if victims := sorted(running.workers(), key=lambda p: p.pid):
                with contextlib.suppress(psutil.NoSuchProcess):
                    victims[int(work.rng.integers(len(victims)))].send_signal(
                        signal.SIGSEGV if work.engine == "bpy" else signal.SIGKILL
                    )
                    seen.times += 1
        ended = running.wait()
        seen.promise(not (left := running.orphans()), f"processes left: {left}")
        is_finished(seen, work, out, reference.digest, ended)
        seen.count("runs that ended by themselves", ended.code == 0)


def orderly(work: Workplace, seen: Observation, times: int) -> None:
    """SIGTERM and Ctrl-C at random moments."""
    config = work.config()
    reference = work.reference(config)
    slowest = 0.0
    for i in range(times):
        out, moment = work.out(), reference.moment(work.rng)
        how = (signal.SIGTERM, signal.SIGINT)[i % 2]
        running = work.generate(config, out, pace=SLOW)
        if moment.wait(running, out):
            start = time.monotonic()
            running.kill(how)
            ended = running.wait(60)
            slowest = max(slowest, time.monotonic() - start)
            complete = len(list(out.glob("records/*.json"))) == reference.pictures
            # Where the dataset was finished when the signal came, the process was only printing, or leaving.
            allowed = (*SIGNALLED[how], 0, -how) if complete else SIGNALLED[how]
            if not out.exists():  # on a busy machine the command itself was still being loaded: the system's own way
                allowed = (*allowed, -how)
            seen.promise(ended.code in allowed, f"{how.name}: {ended.tail()}")
            seen.promise(not ended.traceback, f"traceback: {ended.err[-800:]}")
            seen.promise(not (left := running.orphans(1.0)), f"processes left: {left}")
            seen.promise(not (wrong := half_written(out)), f"half-written: {wrong}")
            seen.promise(not (left := [p for p in left_over(out) if "shards" not in p]), f"left: {left}")
            seen.promise(not (left := work.scratch_left()), f"left in memory: {left}")
            seen.times += 1
        running.wait()
        is_finished(seen, work, out, reference.digest, work.generate(config, out, pace=SLOW).wait())
    seen.promise(slowest < STOPS_WITHIN_S, f"took {slowest:.1f} s to stop")
    seen.seen["slowest stop [s]"] = round(slowest, 1)


def impatient(work: Workplace, seen: Observation, times: int) -> None:
    """A second signal while the first is being obeyed, with workers that don't answer: all leave at once."""
    config = work.config()
    reference = work.reference(config)
    slowest = 0.0
    for i in range(times):
        out = work.out()
        running = work.generate(config, out, pace=30)
        Moment(None, 1.5).wait(running, out)
        running.kill(signal.SIGTERM)
        time.sleep(float(work.rng.uniform(0.0, 0.3)))
        start = time.monotonic()
        running.kill((signal.SIGTERM, signal.SIGINT)[i % 2])
        ended = running.wait(60)
        slowest = max(slowest, time.monotonic() - start)
        seen.promise(ended.code not in (0, 999), ended.tail())
        seen.promise(not ended.traceback, f"traceback: {ended.err[-800:]}")
        seen.promise(not (left := running.orphans(1.0)), f"processes left: {left}")
        seen.promise(not (wrong := half_written(out)), f"half-written: {wrong}")
        is_finished(seen, work, out, reference.digest, work.generate(config, out, pace=SLOW).wait())
        seen.times += 1
    seen.promise(slowest < STOPS_WITHIN_S, f"took {slowest:.1f} s to leave")
    seen.seen["slowest end [s]"] = round(slowest, 1)


KILLS = "goes on with what is missing; same bytes as uninterrupted; nothing half-written or left over"
SCENARIOS = (
    Scenario("kill-parent", KILLS, parents, few=1, share=1.0),
    Scenario("kill-worker", "another worker takes over, same bytes, exit 0", workers, few=2, share=1.0),
    Scenario("kill-balanced", KILLS, balanced_parents, few=1, share=1.0),
    Scenario("signals", "stops within seconds, nothing half-written, no orphans; resumes", orderly, few=1, share=0.4),
    Scenario("second-signal", "leaves at once, no orphans; resumes", impatient, few=0, share=0.14),
    Scenario("real-kill-parent", KILLS, real_parents, few=0, share=0.1, engines=("bpy",)),
    Scenario(
        "real-segfault", "another worker takes over, same bytes, exit 0", workers, few=0, share=0.1, engines=("bpy",)
    ),
)
