"""Two runs, or a run and an export, into one folder at once, with locks and without; clocks that jump."""

from __future__ import annotations

import os
import time

from fake_blender import plant
from kills import is_finished
from lock_stress import MODES, stress
from observation import Observation, Scenario
from running import Moment, Running, wait_until
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
# A disk without locks and hard links under datasets, as a run finds it; other disks have them.
NO_LOCKS = """
import errno, fcntl, os
_flock, _link = fcntl.flock, os.link
def _refuse(path):
    if "/dataset-" in path:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
def flock(handle, operation):
    _refuse(os.readlink(f"/proc/self/fd/{handle if isinstance(handle, int) else handle.fileno()}"))
    _flock(handle, operation)
def link(source, target, **options):
    _refuse(str(target))
    _link(source, target, **options)
fcntl.flock, os.link = flock, link
"""
# An export that has read all records, says so, and waits until the file that says so is gone.
LATE_EXPORT = """
import os, sys, time
if "export" in sys.argv:
    import scanstage.dataset.export.placing.in_place_export as _export
    _encode, _read = _export.coco_pieces, os.environ["SCANSTAGE_FAULTS_READ"]
    def _late(*arguments):
        document = _encode(*arguments)
        if not os.path.exists(_read + ".once"):
            open(_read + ".once", "w").close()
            open(_read, "w").close()
            while os.path.exists(_read):
                time.sleep(0.02)
        return document
    _export.coco_pieces = _late
"""
DAY_S = 86_400
ATTEMPTS = 300
"""At a lock, in each mode, each time; ``lock_stress.py`` alone makes ten thousand."""


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


def first_of_all(work: Workplace, name: str, code: str) -> dict[str, str]:
    """Variables that let every Python process of a command run some code before anything else."""
    folder = work.root / name
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": os.pathsep.join(p for p in (str(folder), os.environ.get("PYTHONPATH", "")) if p)}


def clock_jumps(work: Workplace, seen: Observation, times: int) -> None:
    """The clock jumps by hours during the run, and files of an earlier part come from tomorrow."""
    clock = first_of_all(work, "clock", JUMPING_CLOCK)
    reference = work.reference(config := work.config())
    for _ in range(times):
        out, moment = work.out(), reference.moment(work.rng)
        running = work.generate(config, out, "--set", "workers.picture_timeout_s=20", environment=clock, pace=SLOW)
        moment.wait(running, out)
        running.kill()
        running.wait()
        running.orphans()
        tomorrow = time.time() + DAY_S
        for file in [*work.memory.rglob("*"), *out.rglob("*")]:
            os.utime(file, (tomorrow, tomorrow), follow_symlinks=False)
        ended = work.generate(config, out, "--set", "workers.picture_timeout_s=20", environment=clock).wait()
        is_finished(seen, work, out, reference.digest, ended)
        seen.times += 1


def without_locks(work: Workplace, seen: Observation, times: int) -> None:
    """The file system has neither locks nor hard links: a run is killed, then three follow it at once."""
    bare = first_of_all(work, "bare", NO_LOCKS)
    reference = work.reference(config := work.config())
    for _ in range(times):
        out, gate = work.out(), plant(work.faults, "wait", work.shared.images - 1)
        first = work.generate(config, out, pace=SLOW, environment=bare)
        reference.midway(work.rng).wait(first, out)
        first.kill()
        first.wait()
        first.orphans()
        running = [work.generate(config, out, environment=bare) for _ in range(3)]
        _until_all_but_one_have_ended(running)
        gate.unlink()
        ended = sorted((r.wait() for r in running), key=lambda e: e.code)
        seen.promise([e.code for e in ended] == [0, 2, 2], f"exit codes {[e.code for e in ended]}: {ended[-1].tail()}")
        told = sum(e.out.count("was killed there before") for e in ended)
        seen.promise(told == 1, f"the killed one was told of {told} times: {[e.tail() for e in ended]}")
        for other in ended[1:]:
            seen.promise("is writing to it" in other.err, f"doesn't say why: {other.tail()}")
        is_finished(seen, work, out, reference.digest, ended[0])
        seen.times += 1


def _until_all_but_one_have_ended(running: list[Running]) -> None:
    deadline = time.monotonic() + 240
    while sum(r.alive for r in running) > 1 and time.monotonic() < deadline:
        time.sleep(0.05)


def late_export(work: Workplace, seen: Observation, times: int) -> None:
    """An export reads the records of half a run, which then ends; only then does the export go on."""
    reference = work.reference(config := work.config())
    for i in range(times):
        out, read = work.out(), work.root / f"read-{i}"
        late = first_of_all(work, "late", LATE_EXPORT) | {"SCANSTAGE_FAULTS_READ": str(read)}
        gate = plant(work.faults, "wait", work.shared.images // 2)
        run = work.generate(config, out)
        wait_until(run, lambda out=out: len(list(out.glob("records/[0-9]*.json"))) >= work.shared.images // 2)
        export = work.start("export", out, environment=late)
        wait_until(export, read.exists)
        gate.unlink()
        made = run.wait()
        seen.promise(made.code == 0, f"the run: {made.tail()}")
        read.unlink(missing_ok=True)
        ended = export.wait()
        seen.promise(ended.code == 0, f"the export: {ended.tail()}")
        is_finished(seen, work, out, reference.digest, ended)
        seen.times += 1


def fights(work: Workplace, seen: Observation, times: int) -> None:
    """Many processes at one lock, a third of the holders killed, in each mode that a file system may have."""
    for mode in MODES:
        folder = work.root / mode
        folder.mkdir()
        result = stress(mode, ATTEMPTS * times, 6, int(work.rng.integers(1 << 30)), folder)
        seen.promise(not result["doubles"], f"{mode}: two had it at once, {result['doubles']} times")
        seen.promise(not result["errors"], f"{mode}: {result['errors']} errors")
        seen.promise(not result["wrong"], f"{mode}: {result['wrong']}")
        seen.promise(result["got"] and result["killed_inside"], f"{mode}: hardly anything happened: {result}")
        seen.count("attempts", result["attempts"])
        seen.count("killed while holding", result["killed_inside"])
        seen.times += result["got"]


SCENARIOS = (
    Scenario(
        "two-runs", "the second is refused (exit 2) and names the first, which isn't harmed", second_run, 1, share=0.2
    ),
    Scenario("three-at-once", "one runs, two are refused", neck_and_neck, 0, share=0.1),
    Scenario("clock", "nothing times out, nothing is lost; same bytes", clock_jumps, 0, share=0.14),
    Scenario("no-locks", "one follows the killed one, two are refused; same bytes", without_locks, 1, share=0.1),
    Scenario("late-export", "both exit 0, and the COCO file has all pictures; same bytes", late_export, 1, share=0.1),
    Scenario("lock-fights", "never two at once; free and clean at the end", fights, 1, share=0.1),
)
