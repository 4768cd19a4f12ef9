"""Config of how objects come to lie."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field

from scanstage.scenes.config.sections.section import Section
from scanstage.scenes.config.sections.value_types import Degrees, Number, Share
from scanstage.scenes.values.distributions import AnyValue, Uniform


class Drop(Section):
    """Objects fall onto the stage, settle and rest (rigid-body physics)."""

    kind: Literal["drop"] = Field("drop", description="objects fall, settle and rest")
    density: Annotated[AnyValue, Number(0.02, 1.0)] = Field(
        Uniform(uniform=(0.25, 0.45)), description="share of the floor area that the objects cover"
    )
    upright: Share = Field(0.3, description="share of objects that are let down standing instead of tumbling")


class Upright(Section):
    """Objects stand on the stage as they were scanned, turned about the vertical."""

    kind: Literal["upright"] = Field("upright", description="objects stand as they were scanned")
    density: Annotated[AnyValue, Number(0.02, 0.8)] = Field(
        Uniform(uniform=(0.15, 0.35)), description="share of the floor area that the objects cover"
    )
    yaw_deg: Degrees = Field(Uniform(uniform=(0, 360)), description="turn about the vertical")


class Scatter(Section):
    """Objects float in a volume, in any orientation, without touching."""

    kind: Literal["scatter"] = Field("scatter", description="objects float")
    density: Annotated[AnyValue, Number(0.005, 0.3)] = Field(
        Uniform(uniform=(0.04, 0.1)), description="share of the volume that bounding spheres fill"
    )
    height_m: Annotated[AnyValue, Number(0, 1000)] = Field(0.02, description="lowest point above the stage")


Placement = Annotated[Drop | Upright | Scatter, Discriminator("kind")]
