"""What a worker is asked, and what it answers. A request also has an ``id``, which its answer repeats."""

from __future__ import annotations

from typing import Literal, TypedDict

from .plan_types import PlanJson


class SettingsJson(TypedDict):
    """``RenderSettings``, see there."""

    engine: Literal["cycles", "eevee"]
    device: Literal["auto", "optix", "cuda", "hip", "oneapi", "metal", "cpu"]
    samples: int
    noise_threshold: float
    min_samples: int
    denoise: Literal["off", "fast", "balanced", "high", "light"]
    albedo_samples: int
    max_bounces: int
    diffuse_bounces: int
    glossy_bounces: int
    clamp_indirect: float
    world_map_px: int
    hdri_light: Literal["split", "exact"]
    threads: int
    passes: list[str]


class HelloRequest(TypedDict):
    """The first one; answered by :class:`HelloAnswer`. ``gpu``: which of the devices found to use; None: all."""

    op: Literal["hello"]
    settings: SettingsJson
    cache_bytes: int
    gpu: int | None


class RenderRequest(TypedDict):
    """Render a plan into ``output``, and where need be into ``sharp`` and ``albedo``; see :class:`RenderAnswer`.

    ``folders``: asset folders by asset id.
    """

    op: Literal["render"]
    plan: PlanJson
    folders: dict[str, str]
    output: str
    sharp: str
    albedo: str


class SaveRequest(TypedDict):
    """Save the scene as a ``.blend``; answered by an empty object."""

    op: Literal["save"]
    path: str


class QuitRequest(TypedDict):
    """End the process; answered by an empty object."""

    op: Literal["quit"]


class HelloAnswer(TypedDict):
    """What a worker says of itself; see ``EngineInfo``."""

    blender: str
    engine: str
    device: str
    device_names: list[str]
    device_reason: str
    devices: dict[str, list[str]]
    denoiser: bool
    builtin_hdris: list[str]
    notes: list[str]


class RenderAnswer(TypedDict):
    """A picture that was rendered.

    ``names``: instance ids by object name; ``blurred``: whether ``sharp`` was written; ``light``: whether ``output``
    was left noisy, with the passes by which its light is denoised; ``albedo``: whether ``albedo`` was written;
    ``sync_s``: seconds for setting the scene; ``render_s``: for rendering with writing, of which ``check_s`` for
    ``sharp``; ``rss_bytes``: memory of the process afterwards, None where unknown; ``datablocks``: how many Blender
    holds.
    """

    names: dict[str, int]
    blurred: bool
    light: bool
    albedo: bool
    sync_s: float
    check_s: float
    render_s: float
    rss_bytes: int | None
    datablocks: int
