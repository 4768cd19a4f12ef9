"""The main job: from a config to a dataset."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
from rich.console import Console

from assets.errors import InputError
from assets.surface_textures import surface_texture
from dataset.coco import coco_bytes, to_coco
from dataset.folder import DatasetFolder, write_atomically
from dataset.preview import contact_sheet
from dataset.record import Record
from render.executor import LocalExecutor
from render.finish import finish, with_texture_files
from render.passes import Passes
from render.progress import RunProgress
from render.run_file import check_resumable, default_out, identity, versions, write_run_file
from render.session import BlenderSession
from scenes.catalogue import Catalogue, open_catalogue
from scenes.config import RunConfig, load_config
from scenes.planner import Planned, Planner
from scenes.preflight import check_inputs
from scenes.render_settings import RenderSettings

PICTURE_TIMEOUT_S = 1800.0
BYTES_A_PIXEL = 1.6
"""Upper bound of what picture and record take on disk, for the check of free space."""


@dataclass(frozen=True)
class GenerateOptions:
    """What the command line adds to a config.

    Attributes:
        overrides: ``dotted.path=value`` each.
        images, seed: override the config's.
        frames: first and last picture, both included; None is all.
        out: folder of the dataset; None is ``output/<name>``.
        blender: executable to render with; None is the bpy wheel.
        workers: Blender processes; 0 chooses.
        fresh: delete an earlier dataset in the folder first.
    """

    overrides: tuple[str, ...] = ()
    images: int | None = None
    seed: int | None = None
    frames: tuple[int, int] | None = None
    out: Path | None = None
    blender: Path | None = None
    workers: int = 0
    fresh: bool = False


@dataclass
class Summary:
    """How a run ended.

    Attributes:
        done: pictures made now; ``kept``: those found finished.
        failed: index and reason of pictures that could not be made.
        labels: labels by class, of the whole dataset.
    """

    folder: DatasetFolder
    done: int = 0
    kept: int = 0
    failed: list[tuple[int, str]] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def read_config(path: Path, options: GenerateOptions) -> RunConfig:
    """The config with all of the command line's overrides. Raises InputError."""
    overrides = list(options.overrides)
    overrides += [f"images={options.images}"] if options.images is not None else []
    overrides += [f"seed={options.seed}"] if options.seed is not None else []
    return load_config(path, overrides)


def generate(path: Path, options: GenerateOptions, console: Console) -> Summary:
    """Run the main job.

    Raises:
        InputError: the config, its files, the engine or the folder can't be used; nothing was rendered.
    """
    started = time.monotonic()
    config = read_config(path, options)
    base = path.resolve().parent
    catalogue = open_catalogue(config, base)
    check_inputs(config, catalogue, base)
    indices = _indices(config, options)
    folder = DatasetFolder((options.out or default_out(config)).resolve())
    run = {"identity": identity(config, catalogue), "images": config.images, "versions": versions()}
    found = _prepare(folder, run, options, config, indices)
    summary = Summary(folder, kept=len(found))
    missing = [i for i in indices if i not in found]
    counts = Counter(i.class_name for r in found.values() for i in r.instances)
    planner = Planner(config, catalogue, base)
    settings, workers = _share_threads(config.render.settings(), options.workers)
    info: dict[str, Any] = {}
    if missing:
        with _scratch() as scratch:
            stages = _Stages(planner, catalogue, folder, config, settings, options.blender, scratch, console, info)
            executor = LocalExecutor(planner.plan, stages.open, stages.render, stages.finish, workers)
            with RunProgress(console, len(missing), catalogue.classes, counts) as progress:
                for outcome in executor.map(missing):
                    progress.note(outcome)
                    _add(summary, outcome.seconds)
                    if outcome.record is None:
                        summary.failed.append((outcome.index, outcome.reason or "unknown"))
                    else:
                        summary.done += 1
    records = read_records(folder)
    summary.labels = export(folder, records, catalogue.classes, config.name)
    summary.seconds["total"] = time.monotonic() - started
    run |= {"engine": info, "workers": workers, "pictures": len(records), "labels": summary.labels}
    run |= {
        "seconds": {k: round(v, 3) for k, v in summary.seconds.items()},
        "failed": [{"index": i, "reason": reason} for i, reason in sorted(summary.failed)],
    }
    write_run_file(folder, run)
    return summary


def _indices(config: RunConfig, options: GenerateOptions) -> list[int]:
    if options.frames is None:
        return list(range(config.images))
    first, last = options.frames
    if not 0 <= first <= last < config.images:
        raise InputError(
            f"--frames {first}-{last}: pictures are 0 to {config.images - 1}", "raise images in the config or --images"
        )
    return list(range(first, last + 1))


def _prepare(
    folder: DatasetFolder, run: dict[str, Any], options: GenerateOptions, config: RunConfig, indices: list[int]
) -> dict[int, Record]:
    """Make the folder ready and return the pictures that are finished already. Raises InputError."""
    try:
        if options.fresh and folder.run_file.is_file():
            shutil.rmtree(folder.root)
        resumed = check_resumable(folder, run["identity"])
        folder.create()
        found = {r.index: r for r in read_records(folder) if _image_is_whole(folder, r)} if resumed else {}
        if not resumed:
            write_run_file(folder, run)
    except OSError as e:
        raise InputError(f"{folder.root}: can't be written ({e.strerror or e})", "choose another with --out") from None
    width, height = config.camera.resolution
    need = len([i for i in indices if i not in found]) * width * height * BYTES_A_PIXEL
    free = shutil.disk_usage(folder.root).free
    if need > free:
        raise InputError(
            f"{folder.root}: {free / 1e9:.1f} GB free, but the pictures may need {need / 1e9:.1f} GB",
            "free some space, choose another folder with --out, or lower --images",
        )
    wanted = set(indices)
    return {i: r for i, r in found.items() if i in wanted}


def _image_is_whole(folder: DatasetFolder, record: Record) -> bool:
    path = folder.images / record.image.file_name
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == record.image.sha256


def _share_threads(settings: RenderSettings, workers: int) -> tuple[RenderSettings, int]:
    """Number of workers, and settings with the CPU's threads shared out among them."""
    workers = workers or 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if workers > 1 and settings.threads == 0:
        settings = replace(settings, threads=max(1, cores // workers))
    return settings, workers


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder for passes, in memory where the system has such a place."""
    memory = Path("/dev/shm")
    parent = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    path = Path(tempfile.mkdtemp(prefix="scanstage-", dir=parent))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@dataclass
class _Stages:
    """The stages of a picture after planning, as the executor calls them."""

    planner: Planner
    catalogue: Catalogue
    folder: DatasetFolder
    config: RunConfig
    settings: RenderSettings
    blender: Path | None
    scratch: Path
    console: Console
    info: dict[str, Any]

    def open(self) -> BlenderSession:
        session = BlenderSession(self.settings, self.blender, self.scratch, self.folder.root / "blender.log")
        if not self.info:
            found = session.info
            names = f" ({', '.join(found.device_names)})" if found.device_names else ""
            self.console.print(
                f"Blender {found.blender}, {found.engine} on {found.device}{names}: {found.device_reason}",
                highlight=False,
            )
            for note in found.notes:
                self.console.print(f"[yellow]note:[/] {note}", highlight=False)
            self.info |= {
                "engine": self.settings.engine,
                "blender": found.blender,
                "device": found.device,
                "device_names": found.device_names,
                "device_reason": found.device_reason,
                "notes": found.notes,
            }
        return session

    def render(self, session: BlenderSession, planned: Planned) -> Passes:
        plan = with_texture_files(planned.plan, surface_texture)
        shown = {o.asset_id for o in plan.objects} | {s.asset_id for s in plan.surfaces}
        folders = {a: self.catalogue.asset(a).folder for a in shown}
        return session.render(plan, folders, PICTURE_TIMEOUT_S)

    def finish(self, planned: Planned, passes: Passes, session: BlenderSession) -> Record:
        engine = {"engine": self.settings.engine, "blender": session.info.blender, "device": session.info.device}
        config = self.config
        return finish(planned, passes, self.folder, config.labels, config.output, self.settings.engine, engine)


def _add(summary: Summary, seconds: dict[str, float]) -> None:
    for stage, value in seconds.items():
        summary.seconds[stage] = summary.seconds.get(stage, 0.0) + value


def read_records(folder: DatasetFolder) -> list[Record]:
    """All readable records of a dataset, by index. A broken one counts as absent: its picture is made again."""
    records = []
    for path in sorted(folder.records.glob("[0-9]*.json")):
        try:
            records.append(Record.from_json(path.read_text("utf-8")))
        except ValueError:
            continue
    return sorted(records, key=lambda r: r.index)


def export(folder: DatasetFolder, records: list[Record], classes: tuple[str, ...], name: str) -> dict[str, int]:
    """Write the COCO file and the contact sheet; returns labels by class."""
    document = to_coco(records, classes, name)
    write_atomically(folder.annotations / "instances.json", coco_bytes(document))
    if records:
        sheet = contact_sheet(records, folder.images, classes)
        done, png = cv2.imencode(".png", sheet[..., ::-1])
        if done:
            write_atomically(folder.preview, png.tobytes())
    counts = Counter(i.class_name for r in records for i in r.instances)
    return {c: counts.get(c, 0) for c in classes}
