"""Engines that print without end, or what would steer a terminal; names that do; links in quarantine's place."""

from __future__ import annotations

import json
import re
import threading
import time
import unicodedata
from pathlib import Path

import psutil
from fake_blender import FAKED, NOISE_MB, SPELL, plant
from kills import is_finished
from observation import Observation, Scenario
from running import Ended, Running
from sick_workers import IMPATIENT, gave_up_on, mended
from workplace import Workplace

from scanstage.render.engine.log_tail import DATASET_LOG_BYTES
from scanstage.render.finish.quarantine import PICTURE_LOG_BYTES

SCRATCH_BYTES = 8 << 20
"""Most that scratch folders may take: passes of two workers, not what they print."""
MEMORY_BYTES = 200 << 20
"""Most by which noise may make the coordinator larger than in a run without: twice what is kept of each worker, and
what Python takes for pieces of it."""


class Watch:
    """Looks at what a run takes, while it runs."""

    def __init__(self, running: Running, work: Workplace) -> None:
        self.scratch_bytes = self.memory_bytes = 0
        self._thread = threading.Thread(target=self._look, args=(running, work), daemon=True)
        self._thread.start()

    def _look(self, running: Running, work: Workplace) -> None:
        while running.alive:
            self.scratch_bytes = max(self.scratch_bytes, _size(work.memory))
            workers = {w.pid for w in running.workers()}
            for process in running.family():
                try:
                    if process.pid not in workers:
                        self.memory_bytes = max(self.memory_bytes, process.memory_info().rss)
                except psutil.Error:
                    continue
            time.sleep(0.02)


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except FileNotFoundError:
            continue
    return total


def harmless(text: str) -> bool:
    """Whether a terminal only shows it, and no line of it is faked."""
    shown = all(c.isprintable() or unicodedata.category(c) == "Zs" for line in text.split("\n") for c in line)
    return shown and not any(line.startswith(FAKED) for line in text.split("\n"))


def kept_within(seen: Observation, log: Path, most_bytes: int, cut: bool) -> None:
    """Promise that a log is there within its bound, and tells what was dropped, if anything was."""
    if not log.is_file():
        return seen.promise(False, f"no {log}")
    size = log.stat().st_size
    seen.promise(0 < size <= most_bytes, f"{log}: {size} bytes")
    told = re.search("^… [0-9,]+ bytes before this were dropped$", log.read_text("utf-8", "replace"), re.MULTILINE)
    seen.promise(bool(told) == cut, f"{log}: what was dropped is {'not ' if cut else ''}told")


def noisy(work: Workplace, seen: Observation, times: int) -> None:
    """Pictures during which gigabytes could come: all is as without, and logs are bounded over sessions."""
    config = work.config()
    reference = work.reference(config)
    for _ in range(times):
        quiet = Watch(running := work.generate(config, work.out()), work)
        running.wait()
        where = [int(i) for i in work.rng.choice(work.shared.images, 3, replace=False)]
        for index in where:
            plant(work.faults, "noise", index)
        out = work.out()
        watch = Watch(running := work.generate(config, out), work)
        is_finished(seen, work, out, reference.digest, running.wait())
        seen.promise(watch.scratch_bytes < SCRATCH_BYTES, f"{watch.scratch_bytes} bytes in the scratch folder")
        more = watch.memory_bytes - quiet.memory_bytes
        seen.promise(more < MEMORY_BYTES, f"the coordinator took {more} bytes more")
        kept_within(seen, out / "blender.log", DATASET_LOG_BYTES, cut=True)
        printed = (out / "blender.log").read_bytes()
        seen.promise(b"quiet again" in printed, "the newest isn't kept")
        (out / f"records/{where[0]:06d}.json").unlink()
        is_finished(seen, work, out, reference.digest, work.generate(config, out).wait())
        kept_within(seen, out / "blender.log", DATASET_LOG_BYTES, cut=True)
        log = (out / "blender.log").read_bytes()
        seen.promise(b"\n== session 2\n" in log, "the second session isn't in the log")
        seen.count("MB printed", 4 * NOISE_MB)
        seen.times += 4
        for path in work.faults.iterdir():
            path.unlink()


def raving(work: Workplace, seen: Observation, times: int) -> None:
    """A picture at which the engine prints for ever: given up in time, with a bounded log."""
    config = work.config()
    for _ in range(times):
        hopeless = int(work.rng.integers(work.shared.images))
        plant(work.faults, "rave", hopeless)
        out = work.out()
        watch = Watch(running := work.generate(config, out, *IMPATIENT), work)
        gave_up_on(seen, out, running.wait(), [hopeless], logs=(hopeless,))
        seen.promise(watch.scratch_bytes < SCRATCH_BYTES, f"{watch.scratch_bytes} bytes in the scratch folder")
        kept_within(seen, out / f"quarantine/{hopeless:06d}/blender.log", PICTURE_LOG_BYTES, cut=True)
        kept_within(seen, out / "blender.log", DATASET_LOG_BYTES, cut=True)
        mended(work, seen, config, out)
        seen.times += 3


def last_words(work: Workplace, seen: Observation, times: int) -> None:
    """Errors and crash messages of an engine that would steer the terminal."""
    config = work.config()
    for _ in range(times):
        crashes, errs = (int(i) for i in work.rng.choice(work.shared.images, 2, replace=False))
        plant(work.faults, "shout", crashes)
        plant(work.faults, "spell", errs)
        out = work.out()
        ended = work.generate(config, out).wait()
        gave_up_on(seen, out, ended, sorted([crashes, errs]), logs=(crashes,))
        _shows(seen, ended, "generate")
        seen.promise("\\x1b[31mred" in ended.out, "what the engine said isn't shown")
        _shows(seen, work.start("merge", out).wait(), "merge")
        plant(work.faults, "shout", "start")
        _shows(seen, work.generate(config, work.out()).wait(), "no start")
        mended(work, seen, config, out)
        seen.times += 3


def _shows(seen: Observation, ended: Ended, what: str) -> None:
    seen.promise(harmless(ended.out) and harmless(ended.err), f"{what}: {ended.out[-300:]!r} {ended.err[-300:]!r}")
    seen.promise(not ended.traceback, f"{what}: traceback: {ended.err[-500:]}")


def names(work: Workplace, seen: Observation, times: int) -> None:
    """Folders, files, keys, values and records whose texts would steer the terminal."""
    for _ in range(times):
        name = SPELL.replace("/", "_")[: int(work.rng.integers(20, 60))]
        folder = work.root / name
        folder.mkdir(exist_ok=True)
        (folder / "a.ply").write_bytes(b"ply\n")
        hostile = folder / "c.yaml"
        hostile.write_text(json.dumps({SPELL: 1, "name": SPELL, "images": SPELL}))
        out = work.out()
        work.generate(work.config(), out, "--images", "2").wait()
        record = json.loads((out / "records/000001.json").read_text())
        record["instances"][0]["class_name"] = SPELL
        (out / "records/000001.json").write_text(json.dumps(record))
        for command in (
            ("plan", hostile),
            ("generate", hostile, "--out", folder / "out"),
            ("assets", "add", folder / "a.ply", "--class", "thing"),
            ("assets", "add", folder / "a.ply", folder / "b.ply", "--class", SPELL),
            ("assets", "inspect", folder),
            ("assets", "list", "--library", folder),
            ("check", out),
            ("check", folder),
            ("replay", out, "--image", "1", "--set", f"render.{SPELL}=1"),
            ("export", out, "--format", SPELL),
            ("merge", folder / "new", folder),
            (SPELL,),
        ):
            _shows(seen, work.start(*command).wait(), " ".join(map(str, command[:2])))
            seen.times += 1


def linked_quarantine(work: Workplace, seen: Observation, times: int) -> None:
    """Links where a failed picture's folder is to be, or all of them."""
    config = work.config()
    for i in range(times):
        index = int(work.rng.integers(work.shared.images))
        victim = work.root / f"victim-{i}"
        victim.mkdir()
        (victim / "reason.json").write_text("mine")
        (victim / f"{index:06d}").mkdir()
        for whole in (False, True):
            plant(work.faults, "error", index)
            out = work.out()
            work.generate(config, out).wait()
            place = out / "quarantine" if whole else out / f"quarantine/{index:06d}"
            for again in (True, False):
                if place.is_dir() and not place.is_symlink():
                    place.rename(work.root / f"away-{i}-{whole}-{again}")
                place.unlink(missing_ok=True)
                place.symlink_to(victim)
                if again:
                    gave_up_on(seen, out, work.generate(config, out).wait(), [index])
            mended(work, seen, config, out)
            kept = sorted(p.name for p in victim.rglob("*"))
            seen.promise(kept == [f"{index:06d}", "reason.json"], f"where the link leads there is {kept}")
            seen.promise((victim / "reason.json").read_text() == "mine", "written where the link leads")
            seen.times += 3


SCENARIOS = (
    Scenario(
        "noisy-engine", "as without; scratch and memory don't grow; log bounded, newest kept", noisy, 0, share=0.1
    ),
    Scenario("raving-engine", "given up in time; bounded logs; exit 1; mends", raving, 1, share=0.1),
    Scenario("last-words", "shown escaped; exit 1; mends", last_words, 1, share=0.1),
    Scenario("hostile-names", "shown escaped, no faked line, no traceback", names, 1, share=0.1),
    Scenario("linked-quarantine", "never followed; the next run finishes", linked_quarantine, 1, share=0.1),
)
