"""Where faults are tried: toy scans, configs, and the real command line in processes of its own."""

from __future__ import annotations

import contextlib
import itertools
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import trimesh
from dataset_digest import digest, findings
from fake_blender import make_fake_blender
from running import MARK, Reference, Running
from support.analytic import BALL_RADIUS, BOX_SIZE, BRICK_SIZE
from support.toy_runs import store_toy

from scanstage.render.engine.file_view import READABLE

CONFIG = """
images: {images}
name: toys
assets: {{library: {library}, classes: [box, ball, brick]}}
objects: {{count: {{integer: [2, 4]}}, placement: {{kind: upright, density: 0.4}}}}
stage: {{kind: ground}}
camera: {{resolution: [80, 60], elevation_deg: {{uniform: [15, 60]}}}}
labels: {{min_pixels: 8}}
output: {{depth: true}}
render: {{preset: draft, samples: 2, denoise: "off", device: cpu}}
"""
BALANCE = 'balance: {target: {box: 14, "*": 8}}\n'
SLOW = 0.1
"""The pace of runs that are to be hit at a random moment: a picture takes at least so many seconds."""
_numbers = itertools.count()


class Shared:
    """What scenarios have in common.

    Args:
        root: an empty folder.
        images: pictures of an ordinary run.
    """

    def __init__(self, root: Path, images: int = 16) -> None:
        self.root, self.library, self.images = root, root / "library", images
        self.references: dict[str, Reference] = {}
        store_toy(self.library, "box", trimesh.creation.box(BOX_SIZE), (0.6, 0.2, 0.1))
        store_toy(self.library, "ball", trimesh.creation.icosphere(subdivisions=5, radius=BALL_RADIUS), (0.1, 0.3, 0.6))
        store_toy(self.library, "brick", trimesh.creation.box(BRICK_SIZE), (0.5, 0.5, 0.1))


class Workplace:
    """Folders, scans and commands of one scenario.

    Args:
        root: an empty folder.
        shared: with other scenarios of the same engine, which only read what is in it: scans and uninterrupted runs.
        engine: ``fake`` or ``bpy``.
        rng: draws the moments.
    """

    def __init__(self, root: Path, shared: Shared, engine: str, rng: np.random.Generator) -> None:
        self.root, self.shared, self.engine, self.rng = root, shared, engine, rng
        self.faults, self.library, self.memory = root / "faults", shared.library, root / "shm"
        self.faults.mkdir()
        self.memory.mkdir()
        self.journal = root / "journal.txt"
        self.fake = make_fake_blender(root)

    def own_library(self) -> None:
        """From now on use a copy of the toy scans that may be harmed."""
        own = self.root / "own-library"
        shutil.copytree(self.library, own)
        self.library = own

    def config(self, images: int = 0, extra: str = "", name: str = "toys.yaml") -> Path:
        """Write a config of toy scans; 0 images are as many as usual."""
        path = self.root / name
        path.write_text(CONFIG.format(images=images or self.shared.images, library=self.library) + extra)
        return path

    def out(self) -> Path:
        """A new path for a dataset."""
        return self.root / f"dataset-{next(_numbers)}"

    def command(self, *arguments: str | Path, wrap: str = "") -> list[str]:
        """The real command line; in a namespace of its own where that can be, with its own /dev/shm.

        Args:
            arguments: of ``scanstage``.
            wrap: shell commands that are run in the namespace before it.
        """
        command = [sys.executable, "-m", "scanstage", *map(str, arguments)]
        if not can_mount():
            return ["sh", "-c", f'{wrap}\nexec "$@"', "sh", *command]
        mount = f"mount --bind {shlex.quote(str(self.memory))} /dev/shm\n{wrap}\n"
        return [*UNSHARE, "sh", "-ec", f'{mount}exec "$@"', "sh", *command]

    def start(
        self, *arguments: str | Path, wrap: str = "", pace: float = 0.0, environment: dict[str, str] | None = None
    ) -> Running:
        """Start the command line; ``environment`` adds variables."""
        mark = f"{os.getpid()}-{next(_numbers)}"
        logs = self.root / f"{mark}.out", self.root / f"{mark}.err"
        variables = self.environment() | {MARK: mark, "FAKE_BLENDER_SECONDS": str(pace)} | (environment or {})
        with logs[0].open("wb") as out, logs[1].open("wb") as err:
            process = subprocess.Popen(
                self.command(*arguments, wrap=wrap),
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=os.environ | variables,
                start_new_session=True,
            )
        return Running(process, mark, logs)

    def environment(self) -> dict[str, str]:
        """Variables that commands get, on top of what is there (the cache is that of the caller)."""
        return {
            "SCANSTAGE_LIBRARY": str(self.library),
            "FAKE_BLENDER_FAULTS": str(self.faults),
            READABLE: "/",  # the stand-in for Blender lies in this project, and its faults where they are planted
            "FAKE_BLENDER_JOURNAL": str(self.journal),
            "COLUMNS": "200",
        }

    def generate(
        self,
        config: Path,
        out: Path,
        *more: str,
        wrap: str = "",
        pace: float = 0.0,
        environment: dict[str, str] | None = None,
    ) -> Running:
        """Start ``scanstage generate`` with two workers and this workplace's engine."""
        engine = ("--blender", str(self.fake)) if self.engine == "fake" else ()
        workers = () if "--workers" in more or self.engine == "bpy" else ("--workers", "2")
        arguments = ("generate", config, "--out", out, *engine, *workers, *more)
        return self.start(*arguments, wrap=wrap, pace=pace, environment=environment)

    def reference(self, config: Path) -> Reference:
        """An uninterrupted run of a config with two workers at the pace of :data:`SLOW`, made once."""
        key = config.read_text()
        if key not in self.shared.references:
            out = self.shared.root / f"reference-{len(self.shared.references)}"
            ended = self.generate(config, out, pace=SLOW).wait()
            if ended.code != 0 or ended.traceback or findings(out):
                raise RuntimeError(f"a run without any fault failed: {ended.tail()}")
            self.rendered()
            self.shared.references[key] = Reference(out, digest(out))
        return self.shared.references[key]

    def rendered(self) -> list[int]:
        """Pictures that workers were asked for, in order; empties the journal."""
        lines = self.journal.read_text().splitlines() if self.journal.exists() else []
        self.journal.unlink(missing_ok=True)
        return [int(line.split()[2]) for line in lines if line.startswith("picture")]

    def scratch_left(self) -> list[str]:
        """What lies in the private /dev/shm; nothing is known of it where there is none."""
        return sorted(p.name for p in self.memory.iterdir())


UNSHARE = ("unshare", "-m") if hasattr(os, "geteuid") and os.geteuid() == 0 else ("unshare", "-rm")
_mounts: list[bool] = []


def can_mount() -> bool:
    """Whether processes here can have mounts of their own."""
    if not _mounts:
        test = "mount -t tmpfs -o size=1m none /dev/shm"
        with contextlib.suppress(OSError):
            done = subprocess.run([*UNSHARE, "sh", "-c", test], capture_output=True, check=False)
            _mounts.append(done.returncode == 0)
        _mounts.append(False)
    return _mounts[0]
