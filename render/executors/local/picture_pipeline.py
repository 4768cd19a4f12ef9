"""What becomes of a picture after planning: an engine is opened, renders it, and what it gives is finished and written.

:func:`open_pipeline` is the one way to set that up: a run's executors, pilots, replays and the worker on another
machine all use it.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.record import Record
from scanstage.render.engine.blender_session import BlenderEngines
from scanstage.render.engine.engine_protocol import Engine, EngineFactory, EngineInfo
from scanstage.render.engine.log_tail import DATASET_LOG_BYTES, joined
from scanstage.render.engine.passes import Passes
from scanstage.render.engine.photo_world import with_photo_world
from scanstage.render.engine.scratch import passes_bytes, scratch_folder
from scanstage.render.engine.worker_supervisor import SupervisedWorker
from scanstage.render.executors.local.machine_shares import Shares
from scanstage.render.executors.local.texture_files import with_texture_files
from scanstage.render.finish.film_edges import with_clean_edges, with_floor_shadows
from scanstage.render.finish.finish_picture import finish
from scanstage.render.finish.map_output import engine_settings
from scanstage.render.finish.quarantine import quarantine, quarantined, release
from scanstage.scenes.config.sections.render_settings import RenderSettings
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.inputs.catalogue import Catalogue
from scanstage.scenes.plan import FramePlan, ObjectPlan
from scanstage.scenes.sight.cast_plan import Planned
from scanstage.scenes.sight.coverage import can_sample, coverage
from scanstage.scenes.sight.ground_shadows import ground_shadows
from scanstage.scenes.sight.visibility import Caster

KEPT_LOGS = 32
"""Of engines that have ended; the scratch folder is in memory."""

log = logging.getLogger(__name__)


@dataclass
class PicturePipeline:
    """The stages of a picture after planning, as executors call them.

    Attributes:
        catalogue, config: of the run.
        folder: that pictures are written to.
        engines: that render.
        scratch: folder for the moment between rendering and reading.
        announce: whether the first engine that works is logged.
        info: filled with what that engine says of itself.
    """

    catalogue: Catalogue
    folder: DatasetFolder
    config: RunConfig
    engines: EngineFactory
    scratch: Path
    announce: bool = True
    info: dict[str, Any] = field(default_factory=dict)
    _quarantined: set[int] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _opened: Iterator[int] = field(default_factory=itertools.count)
    _living: dict[Path, Engine] = field(default_factory=dict)
    _ended_logs: deque[Path] = field(default_factory=deque)

    @cached_property
    def settings(self) -> RenderSettings:
        """How the engine renders."""
        return engine_settings(self.config)

    @cached_property
    def _caster(self) -> Caster:
        """Of finished pictures alone: planning goes on in another thread."""
        return Caster(self.catalogue.mesh, self.catalogue.openings)

    def workers(self, shares: Shares) -> list[SupervisedWorker]:
        """A worker for each share of the machine; its engine is started when it is needed. They are to be closed."""
        settings = replace(self.settings, threads=shares.threads)
        memory = shares.memory_bytes
        return [
            SupervisedWorker(partial(self.open_engine, settings, memory, gpu), self.render, memory)
            for gpu in shares.gpus
        ]

    def open_engine(
        self, settings: RenderSettings | None = None, memory_bytes: int | None = None, gpu: int | None = None
    ) -> Engine:
        """Start an engine; what the first one says of itself is logged and noted.

        Raises:
            InputError, EngineCrashed, EngineError, OSError: see :class:`EngineFactory`.
        """
        file = self.scratch / f"blender-{next(self._opened):06d}.log"
        self._remove_logs()
        try:
            engine = self.engines(settings or self.settings, self.scratch, file, memory_bytes=memory_bytes, gpu=gpu)
        except BaseException:
            with self._lock:
                self._ended_logs.append(file)
            raise
        with self._lock:
            self._living[file] = engine
        self.meet(engine.info)
        return engine

    @contextmanager
    def one_engine(self) -> Iterator[Engine]:
        """An engine for a single picture or a few, closed in the end. Raises as :meth:`open_engine` does."""
        with contextlib.closing(self.open_engine()) as engine:
            yield engine

    def _remove_logs(self) -> None:
        """Remove logs of engines that ended long ago, and never one that is still written to."""
        with self._lock:
            ended = [file for file, engine in self._living.items() if not engine.alive]
            for file in ended:
                del self._living[file]
            self._ended_logs.extend(ended)
            while len(self._ended_logs) > KEPT_LOGS:
                with contextlib.suppress(OSError):
                    self._ended_logs.popleft().unlink()

    def meet(self, found: EngineInfo) -> None:
        """Take note that an engine works, here or on another machine: of the first one."""
        with self._lock:
            if self.info:
                return
            self.info |= {
                "engine": self.settings.engine,
                "blender": found.blender,
                "device": found.device,
                "device_names": list(found.device_names),
                "device_reason": found.device_reason,
                "notes": list(found.notes),
            }
        if self.announce:
            names = f" ({', '.join(found.device_names)})" if found.device_names else ""
            device = f"{found.device}{names}: {found.device_reason}"
            log.info("Blender %s, %s on %s", found.blender, found.engine, device)
            for note in found.notes:
                log.warning("%s", note)

    def render(self, engine: Engine, planned: Planned) -> Passes:
        """Render a plan. Raises as :meth:`Engine.render` does, and InputError where a texture can't be made."""
        plan = with_texture_files(with_photo_world(planned.engine_plan, self.scratch))
        return engine.render(plan, self.catalogue.folders_of(plan), self.config.workers.picture_timeout_s)

    def finish(self, planned: Planned, passes: Passes, engine: Engine) -> Record:
        """Check, develop and write a picture that ``engine`` has rendered.

        Raises:
            LabelMismatch: the engine disagrees with the labels.
            OSError: the folder can't be written.
        """
        made_by = {"engine": self.settings.engine, "blender": engine.info.blender, "device": engine.info.device}
        clear = self._clear(planned)
        passes = self.over_background(planned, passes)
        record = finish(planned, passes, self.folder, self.config, self.catalogue.label_classes, made_by, clear)
        self._release(planned.plan.index)
        return record

    def over_background(self, planned: Planned, passes: Passes) -> Passes:
        """The passes as they are to be composed over what lies behind, in the pixels that the engine rendered."""
        if planned.plan.background.kind == "hdri":
            return passes
        return self._on_film(planned.engine_plan, passes, bool(self._clear(planned)))

    def _clear(self, planned: Planned) -> set[int]:
        """Instance ids of scans that something shines through (BLEND); those that are cut out (MASK) the cast knows."""
        return {o.instance_id for o in planned.plan.objects if self._is_clear(o)}

    def _on_film(self, plan: FramePlan, passes: Passes, clear: bool) -> Passes:
        """The passes of a transparent film as they are to be composed over what lies behind."""
        if plan.world.horizon is not None:
            passes = with_floor_shadows(passes, ground_shadows(plan, self._caster))
        # Where a stage is seen, the film holds more than objects and their shadows.
        alone = all(surface.shadow_catcher for surface in plan.surfaces)
        if alone and not clear and can_sample(plan.camera):
            passes = with_clean_edges(passes, coverage(plan, self._caster))
        return passes

    def _release(self, index: int) -> None:
        """Take a picture out of the quarantine, of which a store would be asked too often."""
        if self._quarantined is None:
            self._quarantined = quarantined(self.folder)
        if index in self._quarantined:
            release(self.folder, index)

    def give_up(self, planned: Planned, reason: str, printed: str) -> None:
        """Keep what is known of a picture that can't be made. Raises OSError."""
        quarantine(self.folder, planned.plan, reason, printed)

    def printed(self) -> bytes:
        """The end of what each engine has printed, one after the other; in all no more than a dataset keeps."""
        with self._lock:
            living = {file: engine for file, engine in self._living.items() if engine.alive}
        texts = []
        for file in sorted({*self.scratch.glob("blender-*.log"), *living}):
            with contextlib.suppress(OSError):  # removed meanwhile
                texts.append(living[file].printed.encode("utf-8") if file in living else file.read_bytes())
        return joined(texts, DATASET_LOG_BYTES)

    def _is_clear(self, item: ObjectPlan) -> bool:
        materials = self.catalogue.asset(item.asset_id).meta.materials
        return any(m.alpha_mode == "BLEND" for m in materials)


@contextmanager
def open_pipeline(
    config: RunConfig,
    catalogue: Catalogue,
    folder: DatasetFolder,
    engines: EngineFactory | None = None,
    *,
    workers: int = 1,
    resolution_wh: tuple[int, int] | None = None,
    announce: bool = True,
) -> Iterator[PicturePipeline]:
    """A pipeline with its scratch folder. No engine is started yet, and nothing is written to ``folder``.

    Args:
        config, catalogue: of the run.
        folder: that pictures are written to.
        engines: that render; None is Blender, the bpy wheel.
        workers: engines that may work at once: so much room is needed.
        resolution_wh: width and height of pictures; None is the config's.
        announce: whether the first engine that works is logged.
    """
    need = workers * passes_bytes(engine_settings(config), resolution_wh or config.camera.resolution)
    with scratch_folder(need) as scratch:
        yield PicturePipeline(catalogue, folder, config, engines or BlenderEngines(), scratch, announce)
