"""The analytic engine as scanstage takes engines: handed in as a factory, in place of Blender's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scanstage.render.engine.engine_protocol import EngineCrashed, EngineInfo, PictureStats
from scanstage.render.engine.passes import Passes
from scanstage.scenes.config.sections.render_settings import RenderSettings
from scanstage.scenes.plan import FramePlan
from support import analytic

INFO = EngineInfo("analytic", "ANALYTIC", "CPU", [], "a test", {}, True, [], ["slow"])


class AnalyticEngine:
    """An :class:`Engine` in this process. To be derived from for one that goes wrong."""

    def __init__(self, engines: AnalyticEngines, settings: RenderSettings) -> None:
        self.engines, self.settings = engines, settings
        self.info, self.alive, self.printed = INFO, True, "chatter"
        self.last: PictureStats | None = None

    def render(self, plan: FramePlan, asset_folders: Mapping[str, Path], timeout_s: float) -> Passes:
        """See :class:`Engine`."""
        shown = {o.asset_id for o in plan.objects} | {s.asset_id for s in plan.surfaces}
        assert shown <= set(asset_folders)
        assert all((folder / "mesh.npz").is_file() for folder in asset_folders.values())
        for material in [s.material for s in plan.surfaces]:
            assert material.texture is None or Path(material.texture).is_file()
        if errors := self.engines.troubles.get(plan.index):
            error = errors.pop(0)
            self.alive = not isinstance(error, EngineCrashed)
            raise error
        return analytic.render(plan)

    def save_scene(self, path: Path, timeout_s: float) -> None:
        """See :class:`Engine`."""
        path.write_bytes(b"BLENDER")

    def kill(self) -> None:
        """See :class:`Engine`."""
        self.alive = False

    def close(self) -> None:
        """See :class:`Engine`."""
        self.alive = False


class AnalyticEngines:
    """An :class:`EngineFactory`.

    Args:
        kind: of the engines.
        troubles: maps a picture to errors that are raised on it in turn, whatever engine renders it.

    Attributes:
        opened: how many have been started.
    """

    def __init__(
        self, kind: type[AnalyticEngine] = AnalyticEngine, troubles: dict[int, list[Exception]] | None = None
    ) -> None:
        self.kind, self.troubles, self.opened = kind, troubles or {}, 0

    def __call__(
        self,
        settings: RenderSettings,
        scratch: Path,
        log: Path,
        *,
        memory_bytes: int | None = None,
        gpu: int | None = None,
    ) -> AnalyticEngine:
        """See :class:`EngineFactory`."""
        self.opened += 1
        return self.kind(self, settings)
