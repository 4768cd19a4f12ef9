"""The main job: from a config to a dataset."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scanstage.assets.files.stores import is_file
from scanstage.assets.machine.blas_threads import use_one_blas_thread
from scanstage.assets.machine.processors import usable_cores
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.record_store import recorded_indices
from scanstage.render.engine.blender_session import BlenderEngines
from scanstage.render.engine.engine_protocol import EngineFactory
from scanstage.render.engine.log_tail import extend_log
from scanstage.render.engine.scratch import remove_scratch_of_dead_runs
from scanstage.render.executors.choose_executor import open_executor
from scanstage.render.executors.local.picture_pipeline import PicturePipeline, open_pipeline
from scanstage.render.finish.map_output import wanted_maps
from scanstage.render.finish.quarantine import release_finished
from scanstage.render.locks.run_lock import run_lock
from scanstage.render.runs.closing import described, earlier_failures, failures_json, rounded, write_outputs
from scanstage.render.runs.leftovers import remove_leftovers
from scanstage.render.runs.resume import (
    Finished,
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
from scanstage.render.runs.run_file import default_out, earlier_run, write_run_file
from scanstage.render.runs.run_options import GenerateOptions, read_config
from scanstage.render.runs.shard_notes import (
    begin_shard,
    close_shard,
    keep_shard_log,
    lacking,
    publish_ledger,
    refuse_fresh,
    remove_notes,
    with_notes,
)
from scanstage.render.runs.summary import Summary
from scanstage.render.terminal.console import Console, print_note
from scanstage.render.terminal.log_lines import log_lines
from scanstage.render.terminal.progress_bar import RunProgress
from scanstage.scenes.balance.balanced_run import BalancedRun
from scanstage.scenes.balance.ledger import Ledger
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_inputs
from scanstage.scenes.whole_run.identity import versions
from scanstage.scenes.whole_run.picture_source import (
    Picture,
    PictureSource,
    PlannedPicture,
    RefusedPicture,
    hopeful,
    open_source,
)
from scanstage.scenes.whole_run.shard import Shard


def generate(path: Path, options: GenerateOptions, console: Console, engines: EngineFactory | None = None) -> Summary:
    """Run the main job.

    However it ends, what was finished is exported and noted in ``run.json``. ``engines`` is what renders; None is
    Blender, as ``options`` say.

    Raises:
        InputError: the config, its files, the engine or the folder can't be used; nothing was rendered.
        EngineCrashed, EngineError: no Blender can be started (any more).
        OSError: the folder can't be written any more.
    """
    started = time.monotonic()
    use_one_blas_thread()
    refuse_fresh(options.fresh, options.shard)
    config = read_config(path, options)
    base = path.resolve().parent
    with console.status("reading scans (the samples are made on first use, which takes some seconds)"):
        catalogue = open_inputs(config, base)
    check_frames(config, options.frames)
    folder = DatasetFolder((options.out or default_out(config)).resolve())
    with log_lines(console), run_lock(folder, options.shard, note=partial(print_note, console)):
        run = _prepare(Planner(config, catalogue, base), folder, options, console)
        run.engines = engines or BlenderEngines(options.blender)
        run.content["command"] = options.command(path)
        run.make_missing()
    run.summary.seconds["total"] = time.monotonic() - started
    return run.summary


@dataclass
class _Run:
    """A run into a folder that is its own, or a shard of one.

    Attributes:
        content: what ``run.json`` says of it; ``sessions``: of this and earlier runs; of a shard its own.
        found: pictures asked for that are finished.
        missing: the others, or None where there are none.
    """

    planner: Planner
    source: PictureSource
    ledger: Ledger
    folder: DatasetFolder
    options: GenerateOptions
    console: Console
    content: dict[str, Any]
    sessions: list[dict[str, Any]]
    found: Finished
    missing: Iterator[int] | None
    summary: Summary
    engines: EngineFactory | None = None

    def left(self) -> int:
        """Pictures of this run, by what is known now."""
        return pictures_asked(self.options.frames, self.source, self.options.shard) - len(self.found)

    def _asked(self) -> range:
        """Pictures asked for, of which each is made or has failed once the run has gone through."""
        first, last = frame_bounds(self.options.frames, self.source)
        return range(first, last + 1)

    def begin(self) -> None:
        """Write what has to be there before the first picture; the engine is known to work."""
        maps = wanted_maps(self.planner.config.output)
        if self.options.shard is not None:
            begin_shard(self.folder, self.content, maps, self.options.extend)
            return
        if self.options.fresh:
            self.folder.clear()
        self.folder.create(maps)
        if isinstance(self.source, BalancedRun):
            self.ledger.open(self.folder.ledger)
        write_run_file(self.folder, self.content | {"sessions": self.sessions})

    def make_missing(self) -> None:
        """Make the pictures that are asked for and not there, and close the books however that ends."""
        whole, summary = self.missing is None, self.summary
        try:
            if self.missing is not None:
                self._render(self.missing)
                whole = True
        finally:
            # Where the run was cut short, a disk that refuses this too must not hide what ended it.
            with contextlib.nullcontext() if whole else contextlib.suppress(OSError):
                if self.options.shard is not None:
                    self._close_shard(self.options.shard, whole)
                elif summary.done or (summary.kept and whole) or summary.failed:
                    name = self.planner.config.name
                    due = self._asked() if whole else ()
                    write_outputs(self.folder, self.source, name, self.content, self.sessions, summary, due)
                    remove_notes(self.folder)

    def _close_shard(self, shard: Shard, whole: bool) -> None:
        """Note what this shard has done. What derives from all pictures is the merge's to write."""
        if self.sessions or self.summary.failed:
            close_shard(self.folder, shard, self.sessions, self.summary.failed)
        if isinstance(self.source, BalancedRun):
            publish_ledger(self.folder, self.ledger)
        if whole:
            self.summary.lacking = lacking(self.folder, self.source)

    def _render(self, missing: Iterator[int]) -> None:
        config, catalogue = self.planner.config, self.planner.catalogue
        most, options, base = config.workers.count or usable_cores(), self.options, self.planner.base
        with open_pipeline(config, catalogue, self.folder, self.engines, workers=most) as pipeline:
            session: dict[str, Any] = {"versions": versions(), "engine": pipeline.info}
            started = time.monotonic()
            try:
                with open_executor(pipeline, options.executor, options.address, self.left(), base) as executor:
                    pictures = hopeful(_pictures(self.source, missing), resumed=bool(self.found))
                    remote = options.executor == "ray"
                    with self.console.status("joining the Ray cluster") if remote else contextlib.nullcontext():
                        executor.start(pictures, at_once=True)
                    session["workers"] = executor.workers
                    self.begin()
                    targets = self.source.targets.counts if isinstance(self.source, BalancedRun) else None
                    there = self.found
                    # Closed at once, also where an interrupt hits outside of it: all threads have ended then.
                    with (
                        RunProgress(
                            self.console, self.left(), catalogue.classes, there.labels, targets, len(there)
                        ) as progress,
                        contextlib.closing(executor.outcomes()) as outcomes,
                    ):
                        for outcome in outcomes:
                            self.summary.add(outcome)
                            progress.note(outcome, self.left())
            finally:
                _keep_log(pipeline, self.folder, self.options.shard, len(self.sessions) + 1)
                session["frames"] = list(frame_bounds(self.options.frames, self.source))
                session |= {"pictures": self.summary.done, "seconds": rounded(self.summary, started)}
                self.sessions.append(session)


def _prepare(planner: Planner, folder: DatasetFolder, options: GenerateOptions, console: Console) -> _Run:
    """Look at what is asked for and what is there. Raises InputError."""
    config = planner.config
    ledger = Ledger()
    source = open_source(planner, ledger)
    content = described(planner, source)
    resumed = open_folder(folder, content["identity"], options.fresh, options.extend)
    before = earlier_run(folder) if resumed else {}
    remove_leftovers(folder, options.shard)
    remove_scratch_of_dead_runs()
    if resumed:
        ledger.load(folder.ledger)
    if isinstance(source, BalancedRun):
        content["given"] = _take_over(source, before, content["identity"], folder)
        _note_absent(source, console)
    asked, shard = options.frames, options.shard
    found = Finished()
    if resumed:
        with console.status("looking at what is there (every finished picture is read and checked)"):
            found = finished_pictures(folder, asked, source, shard)
            release_finished(folder, found.indices)
        failures = earlier_failures(folder, before, shard)
        content["failed"] = failures_json(f for f in failures.items() if f[0] not in found)
    check_space(folder, config, pictures_asked(asked, source, shard) - len(found))
    last = last_gone_through(folder, asked, resumed)
    missing = _peeked(source.indices(lambda i: i not in found and is_asked(asked, i, shard), last))
    if missing is None and not found and shard is None:
        refuse_nothing(asked, source)
    sessions = with_notes(folder, before.get("sessions", [])) if resumed and shard is None else []
    summary = Summary(folder, kept=len(found))
    return _Run(planner, source, ledger, folder, options, console, content, sessions, found, missing, summary)


def _take_over(source: BalancedRun, before: dict[str, Any], identity: dict[str, Any], folder: DatasetFolder) -> int:
    """How many pictures keep the orders that they have, because these were made for other targets; the source does so.

    Raises InputError where orders are gone that can't be computed again, or not for the new targets.
    """
    given = int(before.get("given", 0))
    source.take_over(given)
    if not before or before["identity"].get("aims") == identity["aims"]:
        return given
    given, last = len(source.ledger.entries), max(recorded_indices(folder), default=-1)
    if last >= given:
        raise InputError(
            f"{folder.ledger}: holds the orders of {given} pictures, but there is a picture {last}; for other targets "
            "its order can't be computed again",
            "first finish the dataset with the targets it was begun with (the same command as then), then --extend",
        )
    source.take_over(given)
    return given


def _note_absent(source: BalancedRun, console: Console) -> None:
    if source.targets.absent:
        names = ", ".join(source.targets.absent)
        text = f"the real dataset has no labels called {names}: counted as 0; if it calls them otherwise, say so in map"
        print_note(console, text)


def _pictures(source: PictureSource, indices: Iterator[int]) -> Iterator[Picture]:
    for index in indices:
        start = time.perf_counter()
        try:
            planned = source.plan(index)
        except InputError as e:
            yield RefusedPicture(index, tuple(e.problems), e.hint or "", time.perf_counter() - start)
        else:
            yield PlannedPicture(planned, time.perf_counter() - start)


def _peeked(indices: Iterator[int]) -> Iterator[int] | None:
    """The iterator, or None where it has nothing: then no engine needs to be started."""
    try:
        first = next(indices)
    except StopIteration:
        return None
    return itertools.chain([first], indices)


def _keep_log(pipeline: PicturePipeline, folder: DatasetFolder, shard: Shard | None, session: int) -> None:
    """Put what Blender printed beside the dataset, if there is one, below what it printed in earlier sessions."""
    with contextlib.suppress(Exception):  # of whatever kind: it must not hide what ended the run
        printed = pipeline.printed()
        if not printed or not is_file(folder.run_file):
            return
        text = f"== session {session}\n".encode() + printed
        if shard is not None:
            keep_shard_log(folder, shard, text)
        else:
            extend_log(folder.root, folder.log.name, text)
