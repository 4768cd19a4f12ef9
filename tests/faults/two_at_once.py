"""Two runs, or two shards, into one folder at once; clocks that jump."""

from __future__ import annotations

import os
import time

from fake_blender import plant
from kills import is_finished
from observation import Observation, Scenario
from running import Moment
from workplace import SLOW, Workplace

# Every process of a run sees a clock that jumps by hours, back and forth, every third of a second.
JUMPING_CLOCK = """
import time
_time, _time_ns, _start = time.time, time.time_ns, time.monotonic()
def _jump():
    steps = int((time.monotonic() - _start) * 3)
    return (-7200.0, 0.0, 86400.0, -90000.0)[steps % 4]
time.time = lambda: _time() + _jump()
time.time_ns = lambda: _time_ns() + int(_jump() * 1e9)
"""
DAY_S = 86_400


def second_run(work: Workplace, seen: Observation, times: int) -> None:
    """A second run, started at a random moment of the first."""
    reference = work.reference(config := work.config())
    for i in range(times):
        out, gate = work.out(), plant(work.faults, "wait", 3)
        first = work.generate(config, out)
        Moment(None, float(work.rng.uniform(0, 1.5))).wait(first, out)
        second = work.generate(config, out, *(("--fresh",) if i % 2 else ())).wait()
        gate.unlink()
        seen.promise(second.code == 2, second.tail())
        seen.promise(str(first.process.pid) in second.err, f"doesn't name the owner {first.process.pid}: {second.err}")
        seen.promise(not second.traceback, f"traceback: {second.err[-500:]}")
        is_finished(seen, work, out, reference.digest, first.wait())
        seen.times += 1


def neck_and_neck(work: Workplace, seen: Observation, times: int) -> None:
    """Three runs that start at the same moment: one makes the dataset, the others are refused."""
    reference = work.reference(config := work.config())
    for _ in range(times):
        out = work.out()
        running = [work.generate(config, out, pace=0.3) for _ in range(3)]
        ended = sorted((r.wait() for r in running), key=lambda e: e.code)
        seen.promise([e.code for e in ended] == [0, 2, 2], f"exit codes {[e.code for e in ended]}: {ended[-1].tail()}")
        is_finished(seen, work, out, reference.digest, ended[0])
        seen.times += 1


def clock_jumps(work: Workplace, seen: Observation, times: int) -> None:
    """The clock jumps by hours during the run, and files of an earlier part come from tomorrow."""
    folder = work.root / "clock"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(JUMPING_CLOCK)
    path = f"{folder}{os.pathsep}{work.environment()['PYTHONPATH']}"
    reference = work.reference(config := work.config())
    for _ in range(times):
        out, moment = work.out(), reference.moment(work.rng)
        running = work.generate(
            config, out, "--set", "workers.picture_timeout_s=20", environment={"PYTHONPATH": path}, pace=SLOW
        )
        moment.wait(running, out)
        running.kill()
        running.wait()
        running.orphans()
        tomorrow = time.time() + DAY_S
        for file in [*work.memory.rglob("*"), *out.rglob("*")]:
            os.utime(file, (tomorrow, tomorrow), follow_symlinks=False)
        ended = work.generate(
            config, out, "--set", "workers.picture_timeout_s=20", environment={"PYTHONPATH": path}
        ).wait()
        is_finished(seen, work, out, reference.digest, ended)
        seen.times += 1


SCENARIOS = (
    Scenario(
        "two-runs", "the second is refused (exit 2) and names the first, which isn't harmed", second_run, 1, share=0.2
    ),
    Scenario("three-at-once", "one runs, two are refused", neck_and_neck, 0, share=0.1),
    Scenario("clock", "nothing times out, nothing is lost; same bytes", clock_jumps, 0, share=0.14),
)
