"""An engine for any scan without Blender: grey shapes, whose instance ids are the cast's own. It verifies no label."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scanstage.assets.asset import MESH_FILE, MeshArrays
from scanstage.render.engine.engine_protocol import EngineError, EngineInfo, PictureStats
from scanstage.render.engine.passes import Passes
from scanstage.scenes.config.sections.light_settings import BUILTIN_HDRIS
from scanstage.scenes.config.sections.render_settings import RenderSettings
from scanstage.scenes.plan import FramePlan
from scanstage.scenes.sight.visibility import Caster


class CastEngine:
    """Lighter where it is nearer; see :class:`engine_protocol.Engine`."""

    info = EngineInfo("none", "CAST", "CPU", [], "a test", {}, False, [*BUILTIN_HDRIS], [])
    printed = ""
    last: PictureStats | None = None
    alive = True

    def render(self, plan: FramePlan, asset_folders: Mapping[str, Path], timeout_s: float) -> Passes:
        """See :class:`engine_protocol.Engine`."""
        caster = Caster(lambda asset_id: MeshArrays.load(asset_folders[asset_id] / MESH_FILE))
        depth_m, ids = caster.depth(plan), caster.instance_ids(plan)
        light = (1 / (1 + depth_m)).astype(np.float32)
        return Passes(np.repeat(light[..., None], 3, axis=-1), np.ones_like(light), ids, depth_m)

    def save_scene(self, path: Path, timeout_s: float) -> None:
        """It has none."""
        raise EngineError("there is no scene")

    def kill(self) -> None:
        """Nothing runs outside this process."""
        self.alive = False

    def close(self) -> None:
        """See :meth:`kill`."""
        self.alive = False


class CastEngines:
    """See :class:`engine_protocol.EngineFactory`."""

    def __call__(
        self,
        settings: RenderSettings,
        scratch: Path,
        log: Path,
        *,
        memory_bytes: int | None = None,
        gpu: int | None = None,
    ) -> CastEngine:
        """Start one."""
        return CastEngine()
