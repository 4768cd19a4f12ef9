"""What a Blender can do here, for ``scanstage doctor``."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from scanstage.assets.messages.errors import InputError
from scanstage.render.engine.blender_session import BlenderEngines
from scanstage.render.engine.engine_protocol import EngineCrashed, EngineError, EngineInfo
from scanstage.render.engine.worker_process import one_line
from scanstage.scenes.config.sections.render_settings import EngineName, RenderSettings

_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class BlenderProbe:
    """The findings.

    Attributes:
        version: of Blender, or None where it doesn't start.
        devices: names by backend (``CPU``, ``OPTIX`` …).
        device, device_reason: what ``device: auto`` takes, and why.
        denoiser: whether it has OpenImageDenoise.
        builtin_hdris: names for ``builtin:<name>``.
        eevee: the graphics device that EEVEE would use, or None where it can't work.
        problems: what is wrong, each with the command that mends it (empty where none is known).
    """

    version: str | None = None
    devices: dict[str, list[str]] = field(default_factory=dict)
    device: str | None = None
    device_reason: str | None = None
    denoiser: bool = False
    builtin_hdris: list[str] = field(default_factory=list)
    eevee: str | None = None
    problems: list[tuple[str, str]] = field(default_factory=list)


def probe(blender: Path | None, eevee: bool = True) -> BlenderProbe:
    """Start ``blender`` (None: the bpy wheel) and see. Takes seconds; never raises for what is wrong with Blender.

    Args:
        blender: a Blender executable, or None.
        eevee: also try whether EEVEE gets a graphics context, in a process of its own, since it crashes where not.
    """
    problems: list[tuple[str, str]] = []
    info = _start(blender, "cycles", problems)
    if info is None:
        return BlenderProbe(problems=problems)
    graphics = _start(blender, "eevee", problems) if eevee else None
    if not info.denoiser:
        problems.append((f"Blender {info.blender} has no OpenImageDenoise", "use the bpy wheel or an official Blender"))
    return BlenderProbe(
        version=info.blender,
        devices=info.devices,
        device=info.device,
        device_reason=info.device_reason,
        denoiser=info.denoiser,
        builtin_hdris=info.builtin_hdris,
        eevee=graphics.device_names[0] if graphics else None,
        problems=problems,
    )


def _start(blender: Path | None, engine: EngineName, problems: list[tuple[str, str]]) -> EngineInfo | None:
    settings = RenderSettings(engine=engine)
    with tempfile.TemporaryDirectory(prefix="scanstage-probe-") as folder:
        try:
            engines = BlenderEngines(blender, _TIMEOUT_S)
            with contextlib.closing(engines(settings, Path(folder), Path(folder) / "log")) as started:
                return started.info
        except InputError as e:
            problems.append(("; ".join(e.marked_problems), e.marked_hint or ""))
        except (EngineError, EngineCrashed) as e:
            problems.append((f"Blender doesn't start with {engine}: {one_line(e)}", ""))
    return None
