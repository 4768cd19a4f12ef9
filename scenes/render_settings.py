"""How a run is rendered: engine, device, quality. Fixed for a run, apart from the plans of its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Engine = Literal["cycles", "eevee"]
Device = Literal["auto", "optix", "cuda", "hip", "oneapi", "metal", "cpu"]
Preset = Literal["draft", "standard", "final"]


@dataclass(frozen=True)
class RenderSettings:
    """Everything an engine needs to know besides a plan.

    Attributes:
        device: ``auto`` takes the first of OPTIX, CUDA, HIP, ONEAPI, METAL that has a device, then the CPU. A named
            device that is absent is an error, never a silent fallback.
        samples: paths a pixel at most (Cycles), or EEVEE's render samples.
        noise_threshold: adaptive sampling stops a pixel below it; 0 turns adaptive sampling off.
        min_samples: samples a pixel before adaptive sampling may stop it.
        denoise: ``off``, ``fast`` (OIDN with fast prefilter) or ``high`` (accurate prefilter).
        max_bounces: light bounces in all.
        clamp_indirect: upper bound of an indirect sample's radiance (fireflies); 0 is unbounded.
        world_map_px: width of the HDRI's importance map; 0 lets Cycles choose.
        threads: CPU threads; 0 is all.
        passes: additional passes wanted, of ``depth``, ``normals`` and ``soft_masks``.
    """

    engine: Engine = "cycles"
    device: Device = "auto"
    samples: int = 32
    noise_threshold: float = 0.02
    min_samples: int = 8
    denoise: Literal["off", "fast", "high"] = "fast"
    max_bounces: int = 5
    clamp_indirect: float = 10.0
    world_map_px: int = 256
    threads: int = 0
    passes: tuple[str, ...] = ()


PRESETS: dict[Preset, RenderSettings] = {
    "draft": RenderSettings(samples=6, noise_threshold=0.1, min_samples=4, max_bounces=3),
    "standard": RenderSettings(samples=24, noise_threshold=0.02, min_samples=12, max_bounces=4),
    "final": RenderSettings(
        samples=256, noise_threshold=0.005, min_samples=32, denoise="high", max_bounces=8, world_map_px=1024
    ),
}
