"""One session's renderer: a scene that is set for each plan, rendered and written as one multilayer EXR."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import bpy

from .engine_setup import has_denoiser, quality_for_labels, set_bounces, set_up_engine
from .exchange.plan_types import PlanJson
from .exchange.worker_messages import HelloAnswer, RenderAnswer, SettingsJson
from .graphics import open_graphics
from .light_passes import can_part, denoises_light, quality_for_albedo, whole_denoised
from .scene.blur import is_blurred
from .scene.stage_meshes import Stage
from .scene.world import builtin_hdris

_SOFTWARE_RENDERERS = ("llvmpipe", "softpipe", "swrast")


class RenderFailed(Exception):
    """Blender didn't deliver the picture."""


class Renderer:
    """Renders plans.

    Args:
        settings: ``RenderSettings`` as JSON.
        cache_bytes: bound of the asset cache.
        gpu: which of the GPUs found to render on; None: all of them.

    Raises:
        DeviceAbsent: a named device isn't there.
    """

    def __init__(self, settings: SettingsJson, cache_bytes: int, gpu: int | None = None) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self._scene = bpy.context.scene
        self._cycles = settings["engine"] == "cycles"
        self._bounces = settings["max_bounces"]
        device, devices, notes = set_up_engine(self._scene, settings, gpu)
        names = list(device.names)
        self._light = denoises_light(settings)
        self._in_place = self._light and has_denoiser()
        self._albedo_samples = settings["albedo_samples"]
        split = settings["hdri_light"] == "split"
        self._stage = Stage(
            self._scene,
            cache_bytes,
            settings["world_map_px"],
            split,
            shadow_catchers=self._cycles,
            albedo_apart=self._light,
        )
        if not self._cycles:
            names = [open_graphics(self._scene)]
            if any(software in names[0].lower() for software in _SOFTWARE_RENDERERS):
                notes.append(
                    f"EEVEE finds no graphics card and runs on the CPU ({names[0]}): half an hour for a first picture"
                )
        self.info: HelloAnswer = {
            "blender": bpy.app.version_string,
            "engine": self._scene.render.engine,
            "device": device.backend,
            "device_names": names,
            "device_reason": device.reason,
            "devices": devices,
            "denoiser": has_denoiser(),
            "builtin_hdris": builtin_hdris(),
            "notes": notes,
        }

    def render(self, plan: PlanJson, folders: dict[str, str], output: str, sharp: str, albedo: str) -> RenderAnswer:
        """Render a plan into the file ``output``.

        With depth of field or motion blur, Cycles takes ids, depth and normals from a random point of the lens and
        moment of the exposure. Then ``sharp`` is rendered first, without either, for the passes that labels need.

        Args:
            plan: the ``FramePlan``.
            folders: asset folders by asset id.
            output: file for the picture.
            sharp: file for the passes without blur; written only where the plan has blur.
            albedo: file for colours and sky alone, of many samples; written only where light is denoised by itself.

        Raises:
            RenderFailed, MissingFile, UnknownAsset, UnsupportedLens: what is wrong with this picture; the next may well
                work.
        """
        start = time.perf_counter()
        names = self.set_scene(plan, folders)
        synced = time.perf_counter()
        blurred = is_blurred(plan)
        if blurred:
            with quality_for_labels(self._scene):
                self._write(sharp)
        checked = time.perf_counter()
        light = self._light and can_part(plan)
        sampled_apart = light and self._albedo_samples > 0
        try:
            if blurred:
                self._stage.blur(plan)
            if sampled_apart:
                with quality_for_albedo(self._scene, self._albedo_samples):
                    self._write(albedo)
            with whole_denoised(self._scene) if self._in_place and not light else contextlib.nullcontext():
                self._write(output)
        finally:
            self._stage.unblur()
        return {
            "names": names,
            "blurred": blurred,
            "light": light,
            "albedo": sampled_apart,
            "sync_s": synced - start,
            "check_s": checked - synced,
            "render_s": time.perf_counter() - synced,
            "rss_bytes": _resident_bytes(),
            "datablocks": _count_datablocks(),
        }

    def set_scene(self, plan: PlanJson, folders: dict[str, str]) -> dict[str, int]:
        """Make the scene that of a plan, as a pinhole at the middle of the exposure sees it; see :meth:`render`.

        Returns instance ids by object name. Raises MissingFile, UnknownAsset, UnsupportedLens.
        """
        names = self._stage.apply(plan, folders)
        if self._cycles:
            set_bounces(self._scene, self._bounces, self._stage.shows_glass)
            # Another noise pattern in each picture, the same one whenever this picture is rendered.
            self._scene.cycles.seed = (plan["index"] * 9973 + plan["attempt"]) % 2**31
        return names

    def save(self, path: str) -> None:
        """Save the scene, as it was rendered last, as a ``.blend``. Raises RenderFailed."""
        for image in bpy.data.images:
            if image.source == "GENERATED":  # the light of split HDRIs, which no file holds
                image.pack()
        try:
            bpy.ops.wm.save_as_mainfile(filepath=path, copy=True, check_existing=False, relative_remap=False)
        except RuntimeError as e:
            raise RenderFailed(str(e).strip()) from e

    def _write(self, output: str) -> None:
        self._scene.render.filepath = output
        try:
            outcome = bpy.ops.render.render(write_still=True)
        except RuntimeError as e:
            raise RenderFailed(str(e).strip()) from e
        if "FINISHED" not in outcome or not Path(output).is_file():
            raise RenderFailed(f"Blender ended the render with {', '.join(sorted(outcome))}; the log may say why")


def _resident_bytes() -> int | None:
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _count_datablocks() -> int:
    shown = ("objects", "meshes", "materials", "images", "textures", "lights", "worlds", "cameras")
    kinds = (*shown, "node_groups", "actions")
    return sum(len(getattr(bpy.data, kind)) for kind in kinds)
