"""The main job: from a config to a dataset."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from assets.processors import usable_cores
from dataset.balance_files import finished_entries, write_balance
from dataset.balance_report import balance_figures
from dataset.categories import make_categories, read_categories
from dataset.export import count_labels, export
from dataset.folder import DatasetFolder
from render.executor import LocalExecutor, Outcome
from render.maps import engine_settings, wanted_maps
from render.preparation import (
    check_frames,
    check_space,
    finished_pictures,
    frame_bounds,
    is_asked,
    last_gone_through,
    open_folder,
    pictures_asked,
    refuse_nothing,
)
from render.progress import RunProgress
from render.run_file import default_out, earlier_sessions, identity, versions, write_run_file
from render.run_lock import run_lock
from render.scratch import scratch_folder
from render.stages import Stages
from scenes.balance.ledger import Ledger
from scenes.balance.run import BalancedRun
from scenes.catalogue import library_folder
from scenes.config import RunConfig, load_config
from scenes.planner import Planner
from scenes.preflight import open_inputs
from scenes.render_settings import RenderSettings
from scenes.source import PictureSource, open_source


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
        fresh: delete an earlier dataset in the folder, once the engine is known to work.
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
        mends: what to do about them, each once.
        labels: labels by class, of the whole dataset.
        seconds: by stage, summed over pictures, and in all.
        balance: see :func:`dataset.balance_report.balance_figures`; None where the run isn't balanced.
    """

    folder: DatasetFolder
    done: int = 0
    kept: int = 0
    failed: list[tuple[int, str]] = field(default_factory=list)
    mends: list[str] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    balance: dict[str, Any] | None = None

    def add(self, outcome: Outcome) -> None:
        """Count one picture."""
        for stage, value in outcome.seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + value
        if outcome.record is None:
            self.failed.append((outcome.index, outcome.reason or "unknown"))
            if outcome.mend and outcome.mend not in self.mends:
                self.mends.append(outcome.mend)
        else:
            self.done += 1


def read_config(path: Path, options: GenerateOptions) -> RunConfig:
    """The config with all of the command line's overrides. Raises InputError."""
    overrides = list(options.overrides)
    overrides += [f"images={options.images}"] if options.images is not None else []
    overrides += [f"seed={options.seed}"] if options.seed is not None else []
    return load_config(path, overrides)


def generate(path: Path, options: GenerateOptions, console: Console) -> Summary:
    """Run the main job.

    However it ends, what was finished is exported and noted in ``run.json``.

    Raises:
        InputError: the config, its files, the engine or the folder can't be used; nothing was rendered.
        EngineCrashed, EngineError: no Blender can be started (any more).
        OSError: the folder can't be written any more.
    """
    started = time.monotonic()
    config = read_config(path, options)
    base = path.resolve().parent
    with console.status("reading scans (the samples are made on first use, which takes some seconds)"):
        catalogue = open_inputs(config, base)
    check_frames(config, options.frames)
    folder = DatasetFolder((options.out or default_out(config)).resolve())
    with run_lock(folder):
        summary = _render_missing(Planner(config, catalogue, base), folder, options, console)
    summary.seconds["total"] = time.monotonic() - started
    return summary


def _render_missing(planner: Planner, folder: DatasetFolder, options: GenerateOptions, console: Console) -> Summary:
    """Make the pictures that are asked for and not there, and close the books however that ends."""
    config, catalogue = planner.config, planner.catalogue
    ledger = Ledger()
    source = open_source(planner, ledger)
    run = _described(planner, source)
    resumed = open_folder(folder, run["identity"], options.fresh)
    if resumed:
        ledger.load(folder.ledger)
    _note_absent(source, console)
    found = finished_pictures(folder, options.frames, source) if resumed else {}
    check_space(folder, config, pictures_asked(options.frames, source) - len(found))
    summary = Summary(folder, kept=len(found))
    last = last_gone_through(folder, options.frames, resumed)
    missing = _peeked(source.indices(lambda i: i not in found and is_asked(options.frames, i), last))
    if missing is None and not found:
        refuse_nothing(options.frames, source)
    sessions = [] if options.fresh else earlier_sessions(folder)

    def begin() -> None:
        if options.fresh:
            folder.clear()
        folder.create(wanted_maps(config.output))
        if config.balance is not None:
            ledger.open(folder.ledger)
        write_run_file(folder, run | {"sessions": sessions})

    whole = missing is None
    counts = sum((count_labels(r) for r in found.values()), Counter[str]())
    try:
        if missing is not None:
            settings, workers = _share_threads(engine_settings(config), options.workers)
            with scratch_folder() as scratch:
                stages = Stages(catalogue, folder, config, settings, options.blender, scratch, console, begin)
                executor = LocalExecutor(
                    source.plan, stages.open, stages.render, stages.finish, workers, resumed=bool(found)
                )
                session = {"workers": workers, "versions": versions(), "engine": stages.info}
                started = time.monotonic()
                try:
                    total = pictures_asked(options.frames, source) - len(found)
                    # Closed at once, also where an interrupt hits outside of it: all threads have ended then.
                    with (
                        RunProgress(console, total, catalogue.classes, counts, _targets(source)) as progress,
                        contextlib.closing(executor.map(missing)) as outcomes,
                    ):
                        for outcome in outcomes:
                            summary.add(outcome)
                            progress.note(outcome, pictures_asked(options.frames, source) - len(found))
                    whole = True
                finally:
                    _keep_log(scratch / "blender.log", folder)
                    session["frames"] = list(frame_bounds(options.frames, source))
                    sessions.append(session | {"pictures": summary.done, "seconds": _rounded(summary, started)})
    finally:
        if summary.done or (summary.kept and whole) or summary.failed:
            # Where the run was cut short, a disk that refuses this too must not hide what ended it.
            with contextlib.nullcontext() if whole else contextlib.suppress(OSError):
                _close(folder, config, run, sessions, summary)
                if isinstance(source, BalancedRun):
                    summary.balance = _close_books(folder, source)
    return summary


def _described(planner: Planner, source: PictureSource) -> dict[str, Any]:
    """What ``run.json`` says of a run before it begins."""
    config, catalogue, base = planner.config, planner.catalogue, planner.base
    metas = {c: [a.meta for a in assets] for c, assets in catalogue.by_class.items()}
    library = library_folder(config, base)
    return {
        "config": config.model_dump(mode="json"),
        "identity": identity(config, catalogue, base) | {"aims": _aims(source)},
        "categories": [c.to_json() for c in make_categories(catalogue.classes, metas)],
        "library": library if library is None else str(library),
    }


def _aims(source: PictureSource) -> dict[str, Any]:
    """Where a balanced run is to end, which decides what its pictures show."""
    if not isinstance(source, BalancedRun):
        return {}
    return {"targets": source.targets.counts or source.targets.shares, "images": source.controller.images}


def _note_absent(source: PictureSource, console: Console) -> None:
    if isinstance(source, BalancedRun) and source.targets.absent:
        names = ", ".join(source.targets.absent)
        text = f"the real dataset has no labels called {names}: counted as 0; if it calls them otherwise, say so in map"
        console.print(f"[yellow]note:[/] {escape(text)}", highlight=False)


def _close(
    folder: DatasetFolder,
    config: RunConfig,
    run: dict[str, Any],
    sessions: list[dict[str, Any]],
    summary: Summary,
) -> None:
    """Write what derives from the pictures that are there, however many these are."""
    last = sessions[-1] if sessions else {}
    run |= {key: last.get(key, {}) for key in ("engine", "versions", "seconds")}
    failed = [{"index": i, "reason": reason} for i, reason in sorted(summary.failed)]
    write_run_file(folder, run | {"failed": failed, "sessions": sessions})
    pictures, summary.labels = export(folder, read_categories(run), config.name)
    content = run | {"pictures": pictures, "labels": summary.labels, "failed": failed, "sessions": sessions}
    write_run_file(folder, content)


def _close_books(folder: DatasetFolder, source: BalancedRun) -> dict[str, Any]:
    """Write the ledger and what balancing came to."""
    source.ledger.open(folder.ledger)
    entries = finished_entries(folder, source.ledger.entries.values())
    config, classes = source.planner.config, source.planner.catalogue.classes
    assert config.balance is not None
    figures = balance_figures(entries, source.targets, config.balance, classes)
    write_balance(folder, figures)
    return figures


def _rounded(summary: Summary, started: float) -> dict[str, float]:
    seconds = {k: round(v, 3) for k, v in summary.seconds.items()}
    return seconds | {"total": round(time.monotonic() - started, 3)}


def _peeked(indices: Iterator[int]) -> Iterator[int] | None:
    """The iterator, or None where it has nothing: then no engine needs to be started."""
    try:
        first = next(indices)
    except StopIteration:
        return None
    return itertools.chain([first], indices)


def _targets(source: PictureSource) -> dict[str, int] | None:
    return source.targets.counts if isinstance(source, BalancedRun) else None


def _share_threads(settings: RenderSettings, workers: int) -> tuple[RenderSettings, int]:
    """Number of workers, and settings with the CPU's threads shared out among them."""
    workers = workers or 1
    cores = usable_cores()
    if workers > 1 and settings.threads == 0:
        settings = replace(settings, threads=max(1, cores // workers))
    return settings, workers


def _keep_log(log: Path, folder: DatasetFolder) -> None:
    """Put what Blender printed beside the dataset, if there is one."""
    if folder.run_file.is_file() and log.is_file():
        with contextlib.suppress(OSError):
            shutil.copyfile(log, folder.log)
