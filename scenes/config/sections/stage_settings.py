"""Config of stages: what objects rest on and what stands around them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Discriminator, Field

from scanstage.assets.textures.surface_textures import SURFACES
from scanstage.scenes.config.sections.placement_settings import Placement
from scanstage.scenes.config.sections.section import Section
from scanstage.scenes.config.sections.value_types import Color, Number, Share, Text, Weight, Whole
from scanstage.scenes.values.distributions import AnyValue, Integer, Uniform


class Looks(Section):
    """A surface's material. What is not given follows the drawn texture's own, realistic range."""

    texture: Annotated[AnyValue, Text("any", "none", *SURFACES)] = Field(
        "any", description="a built-in texture, any (one that suits the place), or none: a flat colour"
    )
    image: Path | None = Field(None, description="a photo, or a folder of photos, used in place of texture")
    color: Color | None = Field(None, description="main colour; default: from the texture's palettes")
    texture_size_m: Annotated[AnyValue, Number(1e-3, 1e4)] | None = Field(
        None, description="edge of one repetition; of a photo 1 m unless given"
    )
    roughness: Share | None = None
    metallic: Share | None = None
    bump: Annotated[AnyValue, Number(0, 10)] = Field(1.0, description="factor on the texture's relief")


class _Stage(Section):
    weight: Weight = Field(1.0, description="how often, where several stages are listed")
    placement: Placement | None = Field(
        None, description="how objects come to lie on this stage; default: as objects.placement says"
    )


class NoStage(_Stage):
    """Nothing to rest on: for scattered objects."""

    kind: Literal["none"]


class Ground(_Stage):
    """A square of ground."""

    kind: Literal["ground"]
    size_m: Annotated[AnyValue, Number(0.01, 1e4)] = Field(6.0, description="edge of the square")
    looks: Looks = Field(default_factory=Looks)


class Table(_Stage):
    """A table: top and legs, in front of whatever the background is."""

    kind: Literal["table"] = "table"
    width_m: Annotated[AnyValue, Number(0.1, 100)] = Field(Uniform(uniform=(1.2, 1.8)))
    depth_m: Annotated[AnyValue, Number(0.1, 100)] = Field(Uniform(uniform=(0.8, 1.2)))
    looks: Looks = Field(default_factory=Looks)
    legs: bool = True


class Shelf(_Stage):
    """A shelf on a wall: back, sides and boards; objects stand on the boards. Its open side faces azimuth 0."""

    kind: Literal["shelf"]
    width_m: Annotated[AnyValue, Number(0.1, 100)] = Field(Uniform(uniform=(0.8, 1.2)))
    depth_m: Annotated[AnyValue, Number(0.05, 100)] = Field(Uniform(uniform=(0.25, 0.4)))
    boards: Annotated[AnyValue, Whole(1, 12)] = Field(Integer(integer=(2, 3)), description="boards that carry objects")
    gap_m: Annotated[AnyValue, Number(0.05, 10)] = Field(Uniform(uniform=(0.28, 0.36)), description="between boards")
    looks: Looks = Field(default_factory=Looks)
    wall: Looks | None = Field(default_factory=Looks, description="the wall behind it; null for none")


class Room(_Stage):
    """A box-like room: floor, four walls, ceiling and a ceiling light; objects on the floor. No HDRI shines in."""

    kind: Literal["room"]
    size_m: Annotated[AnyValue, Number(0.5, 1000)] = Field(Uniform(uniform=(3.5, 5.5)), description="edge of the floor")
    height_m: Annotated[AnyValue, Number(0.5, 1000)] = Field(2.6)
    floor: Looks = Field(default_factory=Looks)
    walls: Looks = Field(default_factory=Looks)
    light_w: Annotated[AnyValue, Number(0, 1e6)] = Field(Uniform(uniform=(60, 140)), description="ceiling light, watts")
    light_k: Annotated[AnyValue, Number(1000, 20000)] = Field(
        Uniform(uniform=(2700, 6000)), description="colour temperature of the ceiling light"
    )


Stage = Annotated[NoStage | Ground | Table | Shelf | Room, Discriminator("kind")]
