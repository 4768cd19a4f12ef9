"""How a run is rendered: engine, device, quality, workers. Fixed for a run, apart from the plans of its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from scanstage.scenes.config.sections.section import Section

EngineName = Literal["cycles", "eevee"]
Device = Literal["auto", "optix", "cuda", "hip", "oneapi", "metal", "cpu"]
Preset = Literal["draft", "standard", "final"]
Denoise = Literal["off", "fast", "balanced", "high", "light"]
HdriLight = Literal["split", "exact"]


@dataclass(frozen=True)
class RenderSettings:
    """Everything an engine needs to know besides a plan.

    Attributes:
        device: ``auto`` takes the first of OPTIX, CUDA, HIP, ONEAPI, METAL that has a device, then the CPU. A named
            device that is absent is an error, never a silent fallback.
        samples: paths a pixel at most (Cycles), or EEVEE's render samples.
        noise_threshold: adaptive sampling stops a pixel below it; 0 turns adaptive sampling off.
        min_samples: samples a pixel before adaptive sampling may stop it.
        denoise: ``off``, or OIDN: ``fast``, which filters picture and guides together and leaves a little grain;
            ``balanced``, which prefilters the guides accurately, with the small filter: smoother, at twice the time;
            ``high``, with the large one. ``light`` (Cycles) filters what falls on surfaces, apart from their colours:
            it keeps texture at few samples (see ``render/denoise/``). Pictures with blur or shadow catchers are
            filtered whole, as with ``fast``.
        albedo_samples: for ``light``: samples a pixel of colours and sky alone, in a render of their own; each costs a
            seventh of one with light. 0 has none but those with light.
        max_bounces: light bounces in all.
        diffuse_bounces, glossy_bounces: of these, off matt and off glossy surfaces. Scans are opaque and mostly matt:
            beyond the fourth, they add little light to pay for.
        clamp_indirect: upper bound of an indirect sample's radiance (fireflies); 0 is unbounded.
        world_map_px: width of the HDRI's importance map; 0 lets Cycles choose.
        hdri_light: ``split``: bright spots of an HDRI light as lamps, the rest of it as a small image, which takes far
            fewer samples; ``exact``: the image lights as it is. The camera sees the image itself either way.
        threads: CPU threads; 0 is all.
        passes: additional passes wanted, of ``depth``, ``normals`` and ``soft_masks``.
    """

    engine: EngineName = "cycles"
    device: Device = "auto"
    samples: int = 32
    noise_threshold: float = 0.02
    min_samples: int = 8
    denoise: Denoise = "fast"
    albedo_samples: int = 32
    max_bounces: int = 5
    diffuse_bounces: int = 4
    glossy_bounces: int = 4
    clamp_indirect: float = 10.0
    world_map_px: int = 256
    hdri_light: HdriLight = "split"
    threads: int = 0
    passes: tuple[str, ...] = ()


# Chosen from the time-quality curve that benchmarks/quality.py draws.
PRESETS: dict[Preset, RenderSettings] = {
    "draft": RenderSettings(samples=3, noise_threshold=0.0, max_bounces=3),
    "standard": RenderSettings(samples=8, noise_threshold=0.0, max_bounces=4, denoise="light"),
    "final": RenderSettings(
        samples=256,
        noise_threshold=0.005,
        min_samples=32,
        denoise="high",
        max_bounces=8,
        world_map_px=1024,
        hdri_light="exact",
    ),
}

EEVEE_SAMPLES: dict[Preset, int] = {"draft": 8, "standard": 16, "final": 64}
"""In place of the presets' samples, which are paths of Cycles; EEVEE smooths edges and soft shadows with them."""


class WorkersConfig(Section):
    """Blender processes: how many, and when one is taken to have failed. Nothing here changes a picture."""

    count: Annotated[int, Field(ge=0, le=256)] = Field(
        0, description="Blender processes; 0 chooses by cores, memory and GPUs"
    )
    picture_timeout_s: Annotated[float, Field(gt=0, le=604_800)] = Field(
        1800.0, description="a worker that takes longer over a picture is taken to hang: it is replaced"
    )
    memory_gb: Annotated[float, Field(gt=0, le=1e6)] | None = Field(
        None, description="a worker that takes more is replaced; default: an equal share of this machine's memory"
    )
