"""The main job: from a config to a dataset."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from scanstage.assets.machine.blas_threads import use_one_blas_thread
from scanstage.assets.machine.processors import usable_cores
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.run_file import Command, Session
from scanstage.render.bookkeeping.progress import OnProgress, Progress, RunTally, ignore_progress
from scanstage.render.bookkeeping.resume import PreparedRun, check_frames, prepare, refuse_nothing
from scanstage.render.bookkeeping.run_options import GenerateOptions, default_out
from scanstage.render.bookkeeping.summary import Summary
from scanstage.render.engine.engine_protocol import EngineFactory
from scanstage.render.executors.choose_executor import open_executor
from scanstage.render.executors.local.picture_pipeline import PicturePipeline, open_pipeline
from scanstage.render.locks.run_lock import run_lock
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.picture_sequence.identity import versions
from scanstage.scenes.planning.preflight import open_planner

logger = logging.getLogger(__name__)


def generate(
    config: RunConfig,
    base: Path,
    options: GenerateOptions,
    command: Command,
    engines: EngineFactory,
    on_progress: OnProgress = ignore_progress,
) -> Summary:
    """Run the main job.

    However it ends, what was finished is exported and noted in ``run.json``.

    Args:
        config: of the run.
        base: folder that relative paths in the config start from.
        options: of the run.
        command: noted in ``run.json``, so that it can be given again.
        engines: make the engines that render.
        on_progress: told how far the run has come, by the calling thread.

    Raises:
        InputError: the config, its files, the engine or the folder can't be used; nothing was rendered.
        EngineCrashed, EngineError: no engine can be started (any more).
        OSError: the folder can't be written any more.
    """
    started = time.monotonic()
    use_one_blas_thread()
    on_progress(Progress("reading scans"))
    planner = open_planner(config, base)
    check_frames(config, options.frames)
    folder = DatasetFolder((options.out or default_out(config)).resolve())
    with run_lock(folder, options.part, note=logger.warning):
        run = prepare(planner, folder, options, command, on_progress)
        summary = Summary(folder, kept=len(run.found))
        with _noted(run, summary) as sessions:
            if run.is_complete:
                run.go_through()
            else:
                _make_pictures(run, options, engines, on_progress, summary, sessions)
            if not (sessions or run.found) and options.part.alone:
                refuse_nothing(options.frames, run.source)
    summary.seconds["total"] = time.monotonic() - started
    return summary


@contextmanager
def _noted(run: PreparedRun, summary: Summary) -> Iterator[list[Session]]:
    """Note what has been done, and write what follows from the pictures, however that ends; takes the sessions."""
    sessions: list[Session] = []
    complete = False
    try:
        yield sessions
        complete = True
    finally:
        # Where the run was cut short, a disk that refuses this too must not hide what ended it.
        with contextlib.nullcontext() if complete else contextlib.suppress(OSError):
            content = replace(run.content, sessions=(*run.content.sessions, *sessions))
            run.notes.finish(content, summary, run.asked() if complete else None)


def _make_pictures(
    run: PreparedRun,
    options: GenerateOptions,
    engines: EngineFactory,
    on_progress: OnProgress,
    summary: Summary,
    sessions: list[Session],
) -> None:
    """Make the pictures that aren't there; without any that is due no engine is started, and no session noted."""
    planner = run.source.planner
    session, started, idle = Session(versions=versions()), time.monotonic(), False
    most = planner.config.workers.count or usable_cores()
    with open_pipeline(planner.config, planner.catalogue, run.folder, engines, workers=most) as pipeline:
        try:
            with open_executor(pipeline, options.executor, options.address, run.left, planner.base) as executor:
                on_progress(Progress("joining the cluster" if options.executor == "ray" else "starting"))
                engine = executor.start(run.pictures(), at_once=run.source.exact)
                if engine is not None:
                    session = replace(session, engine=dict(pipeline.info), workers=executor.workers)
                    run.notes.begin(run.content)
                tally = RunTally(run.source, run.found.labels, len(run.found))
                on_progress(tally.progress(run.left()))
                # Closed at once, also where an interrupt hits outside of it: all threads have ended then.
                with contextlib.closing(executor.outcomes()) as outcomes:
                    for outcome in outcomes:
                        summary.add(outcome)
                        on_progress(tally.progress(run.left(), outcome))
                idle = engine is None and not (summary.done or summary.failed)
        finally:
            if not idle:
                _keep_log(run, pipeline)
                bounds = run.selection.bounds(run.source.expected)
                seconds = summary.rounded_seconds(time.monotonic() - started)
                sessions.append(replace(session, frames=bounds, pictures=summary.done, seconds=seconds))


def _keep_log(run: PreparedRun, pipeline: PicturePipeline) -> None:
    """Put what the engines printed beside the dataset, if there is one."""
    with contextlib.suppress(Exception):  # of whatever kind: it must not hide what ended the run
        if printed := pipeline.printed():
            run.notes.keep_log(printed)
