"""The stages of a picture after planning, as the executor calls them: open a session, render, finish."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from assets.surface_textures import surface_texture
from dataset.folder import DatasetFolder
from dataset.record import Record
from render.finish import finish, with_texture_files
from render.passes import Passes
from render.session import BlenderSession
from scenes.catalogue import Catalogue
from scenes.config import RunConfig
from scenes.plan import ObjectPlan
from scenes.planner import Planned
from scenes.render_settings import RenderSettings

PICTURE_TIMEOUT_S = 1800.0


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
    settings: RenderSettings
    blender: Path | None
    scratch: Path
    console: Console
    begin: Callable[[], None]
    info: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self) -> BlenderSession:
        """Start a worker; the first one's engine and device are printed and noted."""
        session = BlenderSession(self.settings, self.blender, self.scratch, self.scratch / "blender.log")
        with self._lock:
            if not self.info:
                self._note(session)
                self.begin()
        return session

    def _note(self, session: BlenderSession) -> None:
        found = session.info
        names = f" ({', '.join(found.device_names)})" if found.device_names else ""
        text = f"Blender {found.blender}, {found.engine} on {found.device}{names}: {found.device_reason}"
        self.console.print(escape(text), highlight=False)
        for note in found.notes:
            self.console.print(f"[yellow]note:[/] {escape(note)}", highlight=False)
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
        shown = {o.asset_id for o in plan.objects} | {s.asset_id for s in plan.surfaces}
        folders = {a: self.catalogue.asset(a).folder for a in shown}
        return session.render(plan, folders, PICTURE_TIMEOUT_S)

    def finish(self, planned: Planned, passes: Passes, session: BlenderSession) -> Record:
        """Check, develop and write a picture."""
        engine = {"engine": self.settings.engine, "blender": session.info.blender, "device": session.info.device}
        cut_out = {o.instance_id for o in planned.plan.objects if self._is_cut_out(o)}
        return finish(planned, passes, self.folder, self.config, self.catalogue.classes, engine, cut_out)

    def _is_cut_out(self, item: ObjectPlan) -> bool:
        materials = self.catalogue.asset(item.asset_id).meta.materials
        return any(m.alpha_mode != "OPAQUE" for m in materials)
