"""The stages of a picture after planning, as the executor calls them: open a session, render, finish."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from scanstage.assets.textures.surface_textures import surface_texture
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.record import Record
from scanstage.render.engine.blender_session import BlenderSession, EngineInfo
from scanstage.render.engine.log_tail import DATASET_LOG_BYTES, joined
from scanstage.render.engine.passes import Passes
from scanstage.render.engine.supervised_worker import SupervisedWorker
from scanstage.render.executors.local.machine_shares import Shares
from scanstage.render.finish.finish_picture import finish, with_texture_files
from scanstage.render.finish.map_output import engine_settings
from scanstage.render.finish.quarantine import quarantine, quarantined, release
from scanstage.render.terminal.console import Console, outside, print_note
from scanstage.scenes.config.sections.render_settings import RenderSettings
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.inputs.catalogue import Catalogue
from scanstage.scenes.plan import ObjectPlan
from scanstage.scenes.sight.planned import Planned

KEPT_LOGS = 32
"""Of workers that have ended; the scratch folder is in memory."""


@dataclass
class Stages:
    """What the stages of a run share.

    Attributes:
        begin: called once, when the first session is known to work and before anything is written.
        info: filled with what the engine says of itself.
    """

    catalogue: Catalogue
    folder: DatasetFolder
    config: RunConfig
    blender: Path | None
    scratch: Path
    console: Console
    begin: Callable[[], None]
    info: dict[str, Any] = field(default_factory=dict)
    _quarantined: set[int] | None = None
    _refusal: Exception | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _opened: Iterator[int] = field(default_factory=itertools.count)
    _living: dict[Path, BlenderSession] = field(default_factory=dict)
    _ended_logs: deque[Path] = field(default_factory=deque)

    @cached_property
    def settings(self) -> RenderSettings:
        """How the engine renders."""
        return engine_settings(self.config)

    def workers(self, shares: Shares) -> list[SupervisedWorker]:
        """A seat for each worker, with its share of the machine."""
        settings = replace(self.settings, threads=shares.threads)
        return [
            SupervisedWorker(partial(self.open, settings, shares.memory_bytes, gpu), self.render, shares.memory_bytes)
            for gpu in shares.gpus
        ]

    def open(
        self, settings: RenderSettings | None = None, memory_bytes: int | None = None, gpu: int | None = None
    ) -> BlenderSession:
        """Start a worker; the first one's engine and device are printed and noted."""
        log = self.scratch / f"blender-{next(self._opened):06d}.log"
        self._remove_logs()
        try:
            session = BlenderSession(
                settings or self.settings, self.blender, self.scratch, log, memory_bytes=memory_bytes, gpu=gpu
            )
        except BaseException:
            with self._lock:
                self._ended_logs.append(log)
            raise
        with self._lock:
            self._living[log] = session
        try:
            self.meet(session.info)
        except BaseException:
            session.kill()
            raise
        return session

    def _remove_logs(self) -> None:
        """Remove logs of workers that ended long ago, and never one that is still written to."""
        with self._lock:
            ended = [log for log, session in self._living.items() if not session.alive]
            for log in ended:
                del self._living[log]
            self._ended_logs.extend(ended)
            while len(self._ended_logs) > KEPT_LOGS:
                with contextlib.suppress(OSError):
                    self._ended_logs.popleft().unlink()

    def meet(self, found: EngineInfo) -> None:
        """Take note that a worker has started; the first one means that the run can begin.

        Raises what ``begin`` raised, for every worker: a run that couldn't begin must not go on with the next one.
        """
        with self._lock:
            if self._refusal is not None:
                raise self._refusal
            if not self.info:
                self._note(found)
                try:
                    self.begin()
                except Exception as e:
                    self._refusal = e
                    raise

    def note(self, text: str) -> None:
        """Tell a person something."""
        print_note(self.console, text)

    def _note(self, found: EngineInfo) -> None:
        names = f" ({', '.join(found.device_names)})" if found.device_names else ""
        text = f"Blender {found.blender}, {found.engine} on {found.device}{names}: {found.device_reason}"
        self.console.print(outside(text))
        for note in found.notes:
            self.note(note)
        self.info |= {
            "engine": self.settings.engine,
            "blender": found.blender,
            "device": found.device,
            "device_names": list(found.device_names),
            "device_reason": found.device_reason,
            "notes": list(found.notes),
        }

    def render(self, session: BlenderSession, planned: Planned) -> Passes:
        """Render a plan with a session."""
        plan = with_texture_files(planned.engine_plan, surface_texture)
        return session.render(plan, self.catalogue.folders_of(plan), self.config.workers.picture_timeout_s)

    def finish(self, planned: Planned, passes: Passes, session: BlenderSession) -> Record:
        """Check, develop and write a picture."""
        engine = {"engine": self.settings.engine, "blender": session.info.blender, "device": session.info.device}
        cut_out = {o.instance_id for o in planned.plan.objects if self._is_cut_out(o)}
        record = finish(planned, passes, self.folder, self.config, self.catalogue.classes, engine, cut_out)
        self._release(planned.plan.index)
        return record

    def _release(self, index: int) -> None:
        """Take a picture out of the quarantine, of which a store would be asked too often."""
        if self._quarantined is None:
            self._quarantined = quarantined(self.folder)
        if index in self._quarantined:
            release(self.folder, index)

    def give_up(self, planned: Planned, reason: str, log: str) -> None:
        """Keep what is known of a picture that can't be made. Raises OSError."""
        quarantine(self.folder, planned.plan, reason, log)

    def printed(self) -> bytes:
        """The end of what each worker has printed, one after the other; in all no more than a dataset keeps."""
        with self._lock:
            living = {log: session for log, session in self._living.items() if session.alive}
        texts = []
        for log in sorted({*self.scratch.glob("blender-*.log"), *living}):
            with contextlib.suppress(OSError):  # removed meanwhile
                texts.append(living[log].printed.encode("utf-8") if log in living else log.read_bytes())
        return joined(texts, DATASET_LOG_BYTES)

    def _is_cut_out(self, item: ObjectPlan) -> bool:
        materials = self.catalogue.asset(item.asset_id).meta.materials
        return any(m.alpha_mode != "OPAQUE" for m in materials)
