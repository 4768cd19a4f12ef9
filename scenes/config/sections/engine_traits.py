"""What tells render engines apart: the one table that is asked what an engine can't do, and how exact it is.

Only what follows from an engine's name stands here. What depends on the Blender that is installed, such as
OpenImageDenoise, which Debian's lacks, its worker finds out and says (``EngineInfo``). ``render/blender/`` can't import
this: it runs in a bare Blender.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scanstage.scenes.config.sections.render_settings import EEVEE_SAMPLES, Preset


@dataclass(frozen=True)
class EngineTraits:
    """An engine's traits.

    Attributes:
        title: for people.
        fisheye: whether it has a fisheye camera.
        chooses_gpu: whether a worker can be told which of several GPUs it is to use.
        needs_graphics: whether it needs a graphics context, and with it a driver, which a headless machine may lack.
        samples: in place of the presets', which are paths of Cycles.
        least_iou: of the masks of cast and engine, for an object of some size.
        most_box_px: by which a box of cast and engine may differ.
    """

    title: str
    fisheye: bool
    chooses_gpu: bool
    needs_graphics: bool
    samples: Mapping[Preset, int] | None
    least_iou: float
    most_box_px: int


ENGINES: Mapping[str, EngineTraits] = {
    "cycles": EngineTraits(
        title="Cycles",
        fisheye=True,
        chooses_gpu=True,
        needs_graphics=False,
        samples=None,
        least_iou=0.98,
        most_box_px=1,
    ),
    # It has no object index, which in Cycles is sampled at the pixel's centre, as the cast is. The first rank of a
    # Cryptomatte stands in: what covers most of a pixel, which differs by up to half a pixel along outlines.
    "eevee": EngineTraits(
        title="EEVEE",
        fisheye=False,
        chooses_gpu=False,
        needs_graphics=True,
        samples=EEVEE_SAMPLES,
        least_iou=0.9,
        most_box_px=2,
    ),
}
