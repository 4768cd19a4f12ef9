"""Disks that fill, and folders that can't be written."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from dataset_digest import differences, half_written
from kills import is_finished
from observation import CannotTry, Observation, Scenario
from running import Ended, wait_until
from workplace import SLOW, Workplace, can_mount

# Runs the command on a small disk of its own that holds what is in SAVED, and saves it again afterwards.
ON_DISK = """
mount -t tmpfs -o size=24m none {disk}
mkdir -p {saved}
cp -a {saved} {disk}/d
({meanwhile}) &
set +e
"$@"
code=$?
rm -f {disk}/filler
rm -rf {saved}
cp -a {disk}/d {saved}
exit $code
"""


def _needs_mounts() -> None:
    if not can_mount():
        raise CannotTry("processes can't have mounts of their own here (root or user namespaces are needed)")


def _on_disk(work: Workplace, meanwhile: str, saved: Path, config: Path) -> Ended:
    disk = work.root / "disk"
    disk.mkdir(exist_ok=True)
    quoted = {k: shlex.quote(str(v)) for k, v in {"disk": disk, "saved": saved}.items()}
    wrap = ON_DISK.format(meanwhile=meanwhile.format(**quoted), **quoted)
    return work.generate(config, disk / "d", wrap=wrap, pace=SLOW).wait()


def _cut_short(seen: Observation, ended: Ended, saved: Path, pictures: int, why: str) -> None:
    there = len(list(saved.glob("records/*.json")))
    seen.count("exit 0, all there" if ended.code == 0 else f"exit {ended.code}")
    seen.promise(ended.code in (0, 1, 2), ended.tail())
    seen.promise(ended.code != 0 or there == pictures, f"exit 0 with {there} of {pictures} pictures")
    seen.promise(ended.code == 0 or why in ended.err, f"doesn't say why: {ended.err[-300:]}")
    seen.promise(not ended.traceback, f"traceback: {ended.err[-800:]}")
    seen.promise(not (wrong := half_written(saved)), f"half-written: {wrong}")


def fills(work: Workplace, seen: Observation, times: int) -> None:
    """Something else takes all room at a random moment."""
    _needs_mounts()
    reference = work.reference(config := work.config())
    for _ in range(times):
        saved = work.out()
        # Records are counted without the staged ones, which are hidden.
        count = f"$(ls {{disk}}/d/records 2>/dev/null | wc -l) -ge {reference.midway(work.rng).records}"
        fill = f"until [ {count} ]; do sleep 0.02; done; cat /dev/zero >{{disk}}/filler 2>/dev/null"
        ended = _on_disk(work, fill, saved, config)
        _cut_short(seen, ended, saved, reference.pictures, "No space left")
        is_finished(seen, work, saved, reference.digest, work.generate(config, saved).wait())
        seen.times += 1


def taken_away(work: Workplace, seen: Observation, times: int) -> None:
    """A folder of the dataset that can't be written any more from a random moment on."""
    reference = work.reference(config := work.config())
    for i in range(times):
        out, moment = work.out(), reference.midway(work.rng)
        victim = out / ("records", "images", "depth")[i % 3]
        running = work.generate(config, out, pace=SLOW)
        moment.wait(running, out)
        wait_until(running, victim.exists)
        try:
            if victim.exists():
                _unwritable(victim, True)
            ended = running.wait()
        finally:
            _unwritable(victim, False)
            running.end_all()
        _cut_short(seen, ended, out, reference.pictures, str(victim))
        is_finished(seen, work, out, reference.digest, work.generate(config, out).wait())
        seen.times += 1


def _unwritable(folder: Path, so: bool) -> None:
    """Modes don't bind root; the attribute does."""
    if os.geteuid():
        folder.chmod(0o555 if so else 0o755)
        return
    done = subprocess.run(["chattr", "+i" if so else "-i", str(folder)], capture_output=True, check=False)
    if done.returncode:
        raise CannotTry("root's own folders can't be made unwritable here (chattr)")


def read_only(work: Workplace, seen: Observation, times: int) -> None:
    """A folder that can't be written from the start: an empty one, and a dataset that lacks a picture."""
    _needs_mounts()
    reference = work.reference(config := work.config())
    for i in range(times):
        out = work.out()
        if i % 2:
            out.mkdir()
        else:
            shutil.copytree(reference.out, out)
            (out / "records/000003.json").unlink()
        work.rendered()
        lock = f"mount --bind {out} {out}; mount -o remount,ro,bind {out}"
        ended = work.generate(config, out, wrap=lock).wait()
        seen.promise(ended.code == 2, ended.tail())
        seen.promise("can't be written" in ended.err, f"doesn't say why: {ended.err}")
        seen.promise(str(out) in ended.err, f"doesn't say where: {ended.err}")
        seen.promise(not ended.traceback, f"traceback: {ended.err[-800:]}")
        seen.promise(not work.rendered(), "something was rendered")
        lost = differences(out, reference.digest) if not i % 2 else ""
        seen.promise(lost in ("", "missing: records/000003.json"), f"changed: {lost}")
        is_finished(seen, work, out, reference.digest, work.generate(config, out).wait())
        seen.times += 1


def no_room_for_passes(work: Workplace, seen: Observation, times: int) -> None:
    """No room in the folder in memory through which pictures come from Blender."""
    _needs_mounts()
    reference = work.reference(config := work.config())
    for i in range(times):
        out = work.out()
        size = (4, 8)[i % 2]
        ended = work.generate(config, out, wrap=f"mount -t tmpfs -o size={size}k none /dev/shm").wait()
        seen.promise(ended.code in (0, 1, 2), ended.tail())
        seen.count("exit 0" if ended.code == 0 else f"exit {ended.code}")
        there = len(list(out.glob("records/*.json")))
        seen.promise(ended.code != 0 or there == reference.pictures, f"exit 0 with {there} pictures")
        seen.promise(not ended.traceback, f"traceback: {ended.err[-800:]}")
        seen.promise(not (wrong := half_written(out)), f"half-written: {wrong}")
        is_finished(seen, work, out, reference.digest, work.generate(config, out).wait())
        seen.times += 1


SCENARIOS = (
    Scenario("disk-full", "says so, exit 1, nothing half-written; resumes", fills, 1, share=0.3),
    Scenario("permission-gone", "says where, exit 1, nothing half-written; resumes", taken_away, 0, share=0.2),
    Scenario("read-only", "refused before rendering (exit 2), nothing changed", read_only, 1, share=0.14),
    Scenario("scratch-full", "no exit 0 with pictures missing; resumes", no_room_for_passes, 0, share=0.07),
)
