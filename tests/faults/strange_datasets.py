"""Datasets in which pipes, devices, links and folders lie in place of files, and such that are bombs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from kills import is_finished
from observation import CannotTry, Observation, Scenario
from support import dataset_bombs
from support.strange_places import put_sparse
from workplace import BALANCE, Workplace

PATIENCE_S = 300.0


STRANGE: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "zeros": lambda path: path.symlink_to("/dev/zero"),
    "circle": lambda path: path.symlink_to(path.name),
    "endless": put_sparse,
}
PICTURES = ("records/{:06d}.json", "images/{:06d}.jpg", "depth/{:06d}.png", "depth/{:06d}.exr")
DERIVED = (
    "annotations/instances.json",
    "__overview__/preview.png",
    "orders.jsonl",
    "balance.json",
    "__overview__/balance.png",
)
FOLDERS = ("images", "records", "depth", "annotations", "shards")


def replace(path: Path, kind: str) -> None:
    """Put something strange in place of a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    STRANGE[kind](path)


def files(work: Workplace, seen: Observation, times: int) -> None:
    """In place of files: told by check, left out by export and merge, made again by a resume, and nothing else is."""
    reference = work.reference(config := work.config(extra=BALANCE))
    for i in range(times):
        kind = list(STRANGE)[i % len(STRANGE)]
        hit = int(work.rng.integers(reference.pictures))
        names = [str(work.rng.choice(PICTURES)).format(hit), str(work.rng.choice(DERIVED))]
        out = work.out()
        shutil.copytree(reference.out, out)
        for name in names:
            replace(out / name, kind)
        for command, codes in (
            (("check", out), (1,)),
            (("export", out), (0,)),
            (("merge", work.out(), out), (0, 1)),
        ):
            ended = work.start(*command).wait()
            seen.promise(ended.code in codes, f"{kind} as {names}: {command[0]} ended with {ended.tail()}")
            seen.promise(not ended.traceback, f"{kind} as {names}: traceback: {ended.err[-500:]}")
        work.rendered()
        is_finished(seen, work, out, reference.digest, work.generate(config, out).wait())
        made = sorted(work.rendered())
        seen.promise(made == [hit], f"{kind} as {names}: made again {made}")
        seen.count(kind)
        seen.times += 1


def folders(work: Workplace, seen: Observation, times: int) -> None:
    """In place of folders: refused by name by all that writes; nothing is made, and nothing written elsewhere."""
    reference = work.reference(config := work.config())
    kinds: dict[str, Callable[[Path], object]] = STRANGE | {"linked": lambda path: path.symlink_to(elsewhere)}
    for i in range(times):
        elsewhere = work.out()
        elsewhere.mkdir()
        kind = list(kinds)[i % len(kinds)]
        out, name = work.out(), str(work.rng.choice(FOLDERS))
        shutil.copytree(reference.out, out)
        shutil.rmtree(out / name, ignore_errors=True)
        kinds[kind](out / name)
        work.rendered()
        for running in (
            work.generate(config, out),
            work.start("export", out),
            work.start("merge", work.out(), out),
        ):
            ended = running.wait()
            seen.promise(ended.code == 2, f"{kind} as {name}: {ended.tail()}")
            seen.promise(f"/{name}" in ended.err, f"{kind} as {name} is not named: {ended.err[-300:]}")
            seen.promise(not ended.traceback, f"{kind} as {name}: traceback: {ended.err[-500:]}")
        seen.promise(not work.rendered(), f"{kind} as {name}: something was rendered")
        seen.promise(not list(elsewhere.iterdir()), f"{kind} as {name}: written through a link")
        seen.count(kind)
        seen.times += 1


def bombs(work: Workplace, seen: Observation, times: int) -> None:
    """Records, pictures, maps and books that claim or unfold to more than they are worth: found in little memory."""
    if not sys.platform.startswith("linux"):
        raise CannotTry("a process that knows its own size")
    reference = work.reference(work.config())
    for number in range(times):
        (folder := work.root / f"bombs-{number}").mkdir()
        command = [sys.executable, dataset_bombs.__file__, str(folder), str(reference.out)]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
                timeout=PATIENCE_S,
                env=os.environ | work.environment(),
                check=False,
            )
        except subprocess.TimeoutExpired:
            seen.promise(False, "a bomb hangs")
            continue
        results = {told["name"]: told for told in map(json.loads, done.stdout.splitlines())}
        for name in dataset_bombs.BOMBS:
            told = results.get(name)
            seen.promise(told is not None, f"{name}: ended the process, or one before it did")
            seen.promise(told is None or not told["errors"], f"{name}: {told and told['errors']}")
            seen.promise(told is None or told["findings"], f"{name}: was not found")
            seen.times += 1


SCENARIOS = (
    Scenario("dataset-holds-no-file", "told by check, made again by a resume, no other is", files, share=0.1),
    Scenario("dataset-holds-no-folder", "refused by name (exit 2), nothing written elsewhere", folders, share=0.1),
    Scenario("dataset-is-a-bomb", "found by check in less than 0.9 GB more", bombs, few=0, share=1 / 30),
)
