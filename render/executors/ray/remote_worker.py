"""One worker of a run, on another machine: it gets plans and does all the rest where it is.

What is sent here is plain data (:class:`WorkerSpec`, plans as JSON), so that machines that can't work together are
told so instead of failing on it.
"""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scanstage.assets.files.locations import locate
from scanstage.assets.files.stores import read_file
from scanstage.assets.machine.blas_threads import use_one_blas_thread
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.picture_files import image_is_whole
from scanstage.dataset.records.record import Record
from scanstage.dataset.records.record_store import iterate_records
from scanstage.render.engine.blender_session import BlenderEngines
from scanstage.render.engine.engine_protocol import Engine, EngineFactory
from scanstage.render.engine.passes import Passes
from scanstage.render.engine.worker_supervisor import StartFailed
from scanstage.render.executors.local.local_executor import LocalExecutor
from scanstage.render.executors.local.machine_shares import Shares
from scanstage.render.executors.local.picture_pipeline import open_pipeline
from scanstage.render.finish.outcome import Outcome
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.inputs.catalogue import Catalogue
from scanstage.scenes.picture_sequence.identity import Identity, identity, own_version, versions
from scanstage.scenes.picture_sequence.planned_picture import Picture, planned_or_refused
from scanstage.scenes.plan import FramePlan
from scanstage.scenes.planning.preflight import open_planner
from scanstage.scenes.sight.cast_plan import Planned

SHARED_WAIT_S = 10.0
"""So long a file that another machine has just written may take to show up on a network file system."""
FINISH_S = 5.0
SAME_PATHS = "every node needs the same files under the same paths: put them on a shared folder"


@dataclass(frozen=True)
class WorkerSpec:
    """What a worker needs to know of a run besides its plans.

    Attributes:
        version: of scanstage.
        config: resolved, as JSON; ``base``: folder that its relative paths start from.
        assets, files: see :func:`identity.identity`.
        root: of the dataset, as text.
        lock: ``path`` below the root and ``text`` of the file by which the run holds the folder, so that a worker
            knows that its folder is the same one; None on a store.
        blender: executable to render with; None is the bpy wheel.
        threads, memory_bytes: see :class:`machine_shares.Shares`.
    """

    version: str
    config: dict[str, Any]
    base: str
    assets: dict[str, str]
    files: dict[str, int]
    root: str
    lock: dict[str, str] | None
    blender: str | None
    threads: int
    memory_bytes: int | None


@dataclass(frozen=True)
class Task:
    """A picture to be made: its plan as JSON, and whether another worker may have made it already."""

    index: int
    plan: str
    again: bool = False


class RemoteWorker:
    """An engine with all stages after planning. :meth:`make` may be called from several threads at once.

    Args:
        spec: of the run.
        engines: that render; None is the Blender that ``spec`` names.

    Raises:
        InputError: this machine can't take part.
        EngineCrashed, EngineError: the engine can't be started.
        OSError: a file can't be read.
    """

    def __init__(self, spec: WorkerSpec, engines: EngineFactory | None = None) -> None:
        use_one_blas_thread()
        config, base = RunConfig.model_validate(spec.config), Path(spec.base)
        self._folder = DatasetFolder(locate(spec.root, option("out")))
        _check_shared(self._folder, spec.lock)
        self._planner = open_planner(config, base)
        catalogue = self._planner.catalogue
        _check_same(identity(config, catalogue), spec, catalogue)
        engines = engines or BlenderEngines(None if spec.blender is None else Path(spec.blender))
        self._incoming: queue.Queue[Task | None] = queue.Queue()
        self._underway: dict[int, Future[Outcome]] = {}
        self._ended: BaseException | None = None
        self._lock = threading.Lock()
        with contextlib.ExitStack() as stack:
            self._pipeline = stack.enter_context(open_pipeline(config, catalogue, self._folder, engines))
            shares = Shares(1, spec.threads, spec.memory_bytes, (None,), "")
            [self._place] = self._pipeline.workers(shares)
            stack.callback(self._place.close)
            try:
                self.info = dict(vars(self._place.start().info))  # before there is a thread that waits for plans
            except StartFailed as e:
                raise e.reason from None
            self._executor = LocalExecutor(lambda: [self._place], self._finish, self._pipeline.give_up)
            self._executor.start(self._pictures(), at_once=True)
            self._open = stack.pop_all()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def report(self) -> dict[str, Any]:
        """What it says of itself: node, process id, engine, versions of packages."""
        return {"node": socket.gethostname(), "pid": os.getpid(), "info": self.info, "versions": versions()}

    def make(self, tasks: Sequence[Task]) -> list[Outcome]:
        """Make pictures; one outcome each.

        Raises:
            InputError, EngineCrashed, EngineError: the engine can't be started any more.
            OSError: the dataset's folder can't be written.
        """
        made: dict[int, Outcome] = {}
        for task in tasks:
            if task.again and (record := self._finished(task.index)) is not None:
                made[task.index] = Outcome(task.index, record)
        started = [self._start(task) for task in tasks if task.index not in made]
        return [*made.values(), *(future.result() for future in started)]

    def _start(self, task: Task) -> Future[Outcome]:
        """A picture may be sent twice, where the sender has lost the connection but not the worker."""
        with self._lock:
            if self._ended is not None:
                raise self._ended
            if task.index not in self._underway:
                self._underway[task.index] = Future()
                self._incoming.put(task)
            return self._underway[task.index]

    def stop(self, at_once: bool) -> None:
        """End the worker, in the middle of a picture or after it, and remove what lies in its scratch folder."""
        self._incoming.put(None)
        if at_once:
            self._executor.close()
        self._thread.join(timeout=FINISH_S)
        self._place.close()
        self._open.close()

    def _finished(self, index: int) -> Record | None:
        found = next(iterate_records(self._folder, [index]), None)
        return found if found is not None and image_is_whole(self._folder, found) else None

    def _pictures(self) -> Iterator[Picture]:
        """Plans as they come in, cast; until the worker is stopped."""
        for task in iter(self._incoming.get, None):
            plan = FramePlan.from_json(task.plan)
            yield planned_or_refused(task.index, partial(self._planner.planned, plan))

    def _finish(self, planned: Planned, passes: Passes, engine: Engine) -> Record:
        try:
            return self._pipeline.finish(planned, passes, engine)
        except OSError:
            self._incoming.put(None)  # which the thread that casts plans would wait for otherwise
            raise

    def _work(self) -> None:
        """One stretch of work for all its life: a picture is finished while the next one renders, across chunks."""
        ended: BaseException = InterruptedError("the worker was stopped")
        try:
            for outcome in self._executor.outcomes():
                with self._lock:
                    future = self._underway.pop(outcome.index)
                future.set_result(outcome)
        except BaseException as e:
            ended = e
        with self._lock:
            self._ended = ended
            waiting = list(self._underway.values())
        for future in waiting:
            future.set_exception(ended)


def check_version(version: str) -> None:
    """Raise InputError where this machine has another scanstage than the one that the run is of."""
    if own_version() != version:
        raise InputError(
            f"scanstage {own_version()} is installed there, the run is of {version}",
            f'install the same version on every node: pip install "scanstage[ray]=={version}"',
        )


def _check_shared(folder: DatasetFolder, lock: dict[str, str] | None) -> None:
    if lock is None:
        return
    deadline = time.monotonic() + SHARED_WAIT_S
    while True:
        with contextlib.suppress(OSError):
            if read_file(folder.root / lock["path"]).decode("utf-8", "replace") == lock["text"]:
                return
        if time.monotonic() > deadline:
            raise InputError(
                f"{folder.root}: isn't the folder there that the run writes to",
                f"choose a folder with {option('out')} that all nodes share under one path, or a URL such as s3://bucket/name",
            )
        time.sleep(0.5)


def _check_same(here: Identity, spec: WorkerSpec, catalogue: Catalogue) -> None:
    """Raise InputError where scans or files of this machine are not those that were planned with."""
    folders = {a.meta.asset_id: a.folder for a in catalogue.scans}
    problems = list(_other_scans(here.assets, spec.assets, folders))
    for path, size in spec.files.items():
        found = here.files.get(path)
        if found is None:
            problems.append(f"{path}: missing there")
        elif found != size:
            problems.append(f"{path}: another file there ({found} bytes instead of {size})")
    if problems:
        more = [f"… and {len(problems) - 10} more"] if len(problems) > 10 else []
        raise InputError(problems[:10] + more, SAME_PATHS)


def _other_scans(here: dict[str, str], there: dict[str, str], folders: dict[str, Path]) -> Iterator[str]:
    for asset_id, digest in there.items():
        if asset_id not in here:
            yield f"scan {asset_id}: missing from the library there"
        elif here[asset_id] != digest:
            yield f"{folders[asset_id]}: another scan there than the one of that name here"
