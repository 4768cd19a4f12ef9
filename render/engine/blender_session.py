"""A Blender worker seen from the coordinator: plans go in, passes come out."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType

from scanstage.assets.messages.errors import InputError
from scanstage.render.denoise.demodulated import denoise_light
from scanstage.render.denoise.oidn import Denoiser, DenoiserFailed, has_array_denoiser
from scanstage.render.engine.blender_launch import start_failure, worker_command
from scanstage.render.engine.engine_protocol import Engine, EngineCrashed, EngineError, EngineInfo, PictureStats
from scanstage.render.engine.passes import BrokenPasses, Passes, read_albedo, read_light, read_passes, with_sharp
from scanstage.render.engine.worker_process import CommandFailed, WorkerProcess
from scanstage.scenes.config.sections.render_settings import RenderSettings
from scanstage.scenes.plan import FramePlan

_START_TIMEOUT_S = 180.0
# Before its first picture a GPU backend may have to compile its kernels.
_FIRST_PICTURE_GRACE_S = 1200.0
_CACHE_BYTES = 2 << 30
_BARE_BYTES = 600_000_000
"""What a worker takes without any asset."""
_LEAST_CACHE_BYTES = 128 << 20


def cache_share(memory_bytes: int | None) -> int:
    """Bound of a worker's cache of assets, such that a full one doesn't make it outgrow its memory.

    Half of what is left for assets: a picture that shows more than the cache holds loads it all the same.
    """
    if memory_bytes is None:
        return _CACHE_BYTES
    return max(_LEAST_CACHE_BYTES, min(_CACHE_BYTES, round(0.75 * memory_bytes - _BARE_BYTES) // 2))


def _denoiser_beside(device: str, of_cpu: Denoiser) -> tuple[Denoiser, list[str]]:
    """What denoises beside a renderer on ``device``: that GPU where it can, the CPU where not, and a note on it."""
    if device == "CPU":
        return of_cpu, []
    try:
        found = Denoiser(backend=device)
    except DenoiserFailed as e:
        return of_cpu, [f"light is denoised on the CPU: {e}"]
    of_cpu.close()
    return found, []


def _denoiser_for(settings: RenderSettings) -> tuple[RenderSettings, Denoiser | None, list[str]]:
    """What denoises the light of pictures, where that is asked for; or settings that go without, and a note on it."""
    if settings.denoise != "light" or settings.engine != "cycles":
        return settings, None, []
    reason = "no bpy wheel in this Python"
    if has_array_denoiser():
        try:
            return settings, Denoiser(settings.threads), []
        except DenoiserFailed as e:
            reason = str(e)
    note = f"can't denoise light apart from colours ({reason}): pictures are denoised whole, by Blender"
    return replace(settings, denoise="fast"), None, [note]


@dataclass(frozen=True)
class BlenderEngines:
    """Starts Blender workers: the :class:`EngineFactory` of real runs.

    Attributes:
        blender: a Blender executable, 3.4 or later; None uses the bpy wheel of this Python.
        start_timeout_s: how long it may take to start.
    """

    blender: Path | None = None
    start_timeout_s: float = _START_TIMEOUT_S

    def __call__(
        self,
        settings: RenderSettings,
        scratch: Path,
        log: Path,
        *,
        memory_bytes: int | None = None,
        gpu: int | None = None,
    ) -> Engine:
        """See :class:`EngineFactory`."""
        return BlenderSession(
            settings,
            self.blender,
            scratch,
            log,
            memory_bytes=memory_bytes,
            gpu=gpu,
            start_timeout_s=self.start_timeout_s,
        )


class BlenderSession:
    """One Blender worker for the length of a run: an :class:`Engine`. Not to be shared between threads.

    Args:
        settings: fixed for the session.
        blender: a Blender executable, 3.4 or later; None uses the bpy wheel of this Python.
        scratch: an existing folder, best in memory, where passes lie for the moment between writing and reading.
        log: file that gets the end of Blender's own output when the session ends.
        cache_bytes: bound of the worker's cache of meshes and textures (an estimate of Blender's share); None follows
            from ``memory_bytes``, see :func:`cache_share`.
        memory_bytes: resident memory that the worker may take before it is ended; None is any.
        gpu: which of the devices found it is to use; None is all.
        start_timeout_s: how long Blender may take to start.

    Raises:
        InputError: this Blender can't be used, or the device isn't there; with the hint.
        EngineCrashed, EngineError: it failed to start for another reason.
        OSError: the scratch folder or the log can't be written, or the system has no room for another process.
    """

    def __init__(
        self,
        settings: RenderSettings,
        blender: Path | None,
        scratch: Path,
        log: Path,
        *,
        cache_bytes: int | None = None,
        memory_bytes: int | None = None,
        gpu: int | None = None,
        start_timeout_s: float = _START_TIMEOUT_S,
        command: list[str] | None = None,
    ) -> None:
        settings, self._denoiser, notes = _denoiser_for(settings)
        self._settings = settings
        self._pictures = 0
        self.last: PictureStats | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="passes-", dir=scratch.absolute()))
        try:
            self._worker = WorkerProcess(command or worker_command(blender), log, memory_bytes)
        except CommandFailed as e:
            self._let_go()
            raise InputError(
                f"can't start {blender or 'Python'}: {e}", "give a Blender executable, 3.4 or later"
            ) from e
        except BaseException:
            self._let_go()
            raise
        cache_bytes = cache_share(memory_bytes) if cache_bytes is None else cache_bytes
        hello = {"op": "hello", "settings": asdict(settings), "cache_bytes": cache_bytes, "gpu": gpu}
        try:
            info = EngineInfo(**self._worker.ask(hello, start_timeout_s))
            if self._denoiser is not None:
                self._denoiser, more = _denoiser_beside(info.device, self._denoiser)
                notes += more
            self.info = replace(info, notes=[*info.notes, *notes])
        except (EngineError, EngineCrashed) as e:
            self.close()
            raise start_failure(blender, e, settings.engine) from e
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> BlenderSession:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether the worker still runs; after EngineCrashed it doesn't."""
        return self._worker.alive

    @property
    def printed(self) -> str:
        """The end of what Blender has printed in this session."""
        return self._worker.printed()

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._worker.pid

    def render(self, plan: FramePlan, asset_folders: Mapping[str, Path], timeout_s: float) -> Passes:
        """See :class:`Engine`."""
        output, sharp, albedo = (self._folder / f"{self._pictures}{kind}.exr" for kind in ("", "-sharp", "-albedo"))
        request = {
            "op": "render",
            "plan": json.loads(plan.to_json()),
            "folders": {a: str(Path(asset_folders[a]).absolute()) for a in plan.asset_ids() if a in asset_folders},
            "output": str(output),
            "sharp": str(sharp),
            "albedo": str(albedo),
        }
        grace = _FIRST_PICTURE_GRACE_S if self._pictures == 0 and self.info.device != "CPU" else 0.0
        self._pictures += 1
        try:
            answer = self._worker.ask(request, timeout_s + grace)
            start = time.perf_counter()
            names, light, albedo_apart = (answer.pop(key) for key in ("names", "light", "albedo"))
            passes = (
                self._denoised(plan, output, names, albedo if albedo_apart else None)
                if light
                else read_passes(output, names, self._settings.passes)
            )
            self._check_size(plan, passes)
            if answer.pop("blurred"):
                of_labels = tuple(p for p in self._settings.passes if p != "soft_masks")
                passes = with_sharp(passes, read_passes(sharp, names, of_labels))
        except BrokenPasses as e:
            raise EngineError(str(e), "BrokenPasses") from e
        finally:
            output.unlink(missing_ok=True)
            sharp.unlink(missing_ok=True)
            albedo.unlink(missing_ok=True)
        self.last = PictureStats(read_s=time.perf_counter() - start, **answer)
        return passes

    def _denoised(self, plan: FramePlan, output: Path, names: Mapping[str, int], albedo: Path | None) -> Passes:
        """A picture whose light is denoised here. Raises BrokenPasses, EngineError."""
        if self._denoiser is None:
            raise EngineError("the engine left a picture noisy that nothing here denoises", "DenoiserFailed")
        sky = plan.background.kind == "hdri"
        passes, light = read_light(output, self._settings.samples, names, self._settings.passes, sky)
        more = None if albedo is None else read_albedo(albedo, self._settings.albedo_samples, sky)
        try:
            radiance, alpha = denoise_light(light, more, self._denoiser)
        except DenoiserFailed as e:
            raise EngineError(f"the light can't be denoised: {e}", "DenoiserFailed") from e
        return replace(passes, radiance=radiance, alpha=alpha)

    def save_scene(self, path: Path, timeout_s: float) -> None:
        """See :class:`Engine`."""
        self._worker.ask({"op": "save", "path": str(path.absolute())}, timeout_s)

    @staticmethod
    def _check_size(plan: FramePlan, passes: Passes) -> None:
        width, height = plan.camera.resolution_wh
        if passes.alpha.shape != (height, width):
            raise BrokenPasses(f"the engine rendered {passes.alpha.shape[::-1]} pixels instead of {(width, height)}")

    def kill(self) -> None:
        """End the worker at once; a render that waits in another thread then raises EngineCrashed."""
        self._worker.kill()

    def close(self) -> None:
        """End the worker, wait until it is gone, and remove what lies in the scratch folder. May be called again."""
        self._worker.close()
        self._let_go()

    def _let_go(self) -> None:
        if self._denoiser is not None:
            self._denoiser.close()
        shutil.rmtree(self._folder, ignore_errors=True)
