"""What Cycles must deliver so that light is denoised apart from the colours that it falls on.

``render/denoise/`` does it, outside of Blender; see there for what the passes are for.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .exchange.plan_types import PlanJson
from .exchange.worker_messages import SettingsJson
from .scene.blur import is_moving
from .scene.nodes.node_graph import ALBEDO_ONLY, ALBEDO_PASS
from .scene.properties import assign

_OTHER_SEED = 0x5EED0000
WHOLE_SAMPLES = 1.25
"""Of those of a picture whose light is denoised apart: what colours alone cost there goes to light here."""


def denoises_light(settings: SettingsJson) -> bool:
    """Whether pictures are to come as passes of light."""
    return settings["engine"] == "cycles" and settings["denoise"] == "light"


def can_part(plan: PlanJson) -> bool:
    """Whether light and colour of this picture can be told apart.

    Where something moves during the exposure, a pixel sees too many colours for its few paths to tell which (a lens
    blurs less, and mostly one surface). What only catches shadows has a colour in no pass.
    """
    return not is_moving(plan) and not any(s["shadow_catcher"] for s in plan["surfaces"])


def set_light_passes(scene: Any) -> None:
    """Ask for them, for the session."""
    layer = scene.view_layers[0]
    layer.use_pass_diffuse_direct = layer.use_pass_diffuse_indirect = layer.use_pass_diffuse_color = True
    layer.use_pass_emit = layer.use_pass_environment = True
    aov = layer.aovs.add()
    aov.name, aov.type = ALBEDO_PASS, "COLOR"
    scene[ALBEDO_ONLY] = 0.0
    # Of two kinds of render, the one with more samples sets the length of the automatic pattern for what follows: a
    # picture would depend on those before it. This pattern's length is fixed; at so few samples it is no worse.
    with contextlib.suppress(TypeError):  # older ones, whose patterns have another name, don't do that
        scene.cycles.sampling_pattern = "TABULATED_SOBOL"


@contextmanager
def quality_for_albedo(scene: Any, samples: int) -> Iterator[None]:
    """Render the albedo of surfaces and the sky, without any light: a sixth of the cost of a sample."""
    # Of other places in the pixel than the light's: the same ones again would tell nothing more.
    wanted = {"samples": samples, "use_adaptive_sampling": False, "seed": scene.cycles.seed ^ _OTHER_SEED}
    kept = {name: getattr(scene.cycles, name) for name in wanted}
    assign(scene.cycles, wanted)
    _switch(scene, 1.0)
    try:
        yield
    finally:
        assign(scene.cycles, kept)
        _switch(scene, 0.0)


@contextmanager
def whole_denoised(scene: Any) -> Iterator[None]:
    """Render with Blender's own denoiser, which sees the picture whole, and the samples that it needs for that."""
    samples = scene.cycles.samples
    assign(scene.cycles, {"use_denoising": True, "samples": math.ceil(samples * WHOLE_SAMPLES)})
    try:
        yield
    finally:
        assign(scene.cycles, {"use_denoising": False, "samples": samples})


def _switch(scene: Any, albedo_only: float) -> None:
    scene[ALBEDO_ONLY] = albedo_only
    scene.update_tag()  # setting a custom property alone doesn't tell the renderer
