"""Config of stages: what objects rest on and what stands around them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Discriminator, Field

from scanstage.assets.textures.surface_textures import SURFACES
from scanstage.scenes.config.sections.placement_settings import Placement
from scanstage.scenes.config.sections.section import Section
from scanstage.scenes.config.sections.value_types import Color, Number, Place, Share, Text, Weight, Whole
from scanstage.scenes.values.distributions import AnyValue, Choice, Integer, Uniform


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
    roughness: Share | None = Field(None, description="0 mirrors, 1 is matt; default: the texture's own range")
    metallic: Share | None = Field(None, description="0 or 1 mostly; default: the texture's own")
    bump: Annotated[AnyValue, Number(0, 10)] = Field(1.0, description="factor on the texture's relief")


class _Stage(Section):
    weight: Weight = Field(1.0, description="how often, where several stages are listed")
    place: Place = Field("indoors", description="where it stands: what HDRIs are chosen from, see light.hdri.place")
    placement: Placement | None = Field(
        None, description="how objects come to lie on this stage; default: as objects.placement says"
    )


class NoStage(_Stage):
    """Nothing to rest on: for scattered objects."""

    kind: Literal["none"] = Field(description="nothing to rest on")
    place: Place = Field("any", description="where it is: what HDRIs are chosen from, see light.hdri.place")


class Ground(_Stage):
    """A square of ground."""

    kind: Literal["ground"] = Field(description="a square of ground")
    place: Place = Field("outdoors", description="where it lies: what HDRIs are chosen from, see light.hdri.place")
    size_m: Annotated[AnyValue, Number(0.01, 1e4)] = Field(6.0, description="edge of the square")
    looks: Looks = Field(default_factory=Looks, description="of the ground")


class Table(_Stage):
    """A table: top and legs, in front of whatever the background is."""

    kind: Literal["table"] = Field("table", description="a table")
    width_m: Annotated[AnyValue, Number(0.1, 100)] = Field(
        Uniform(uniform=(1.2, 1.8)), description="of its top, along X"
    )
    depth_m: Annotated[AnyValue, Number(0.1, 100)] = Field(
        Uniform(uniform=(0.8, 1.2)), description="of its top, along Y"
    )
    looks: Looks = Field(default_factory=Looks, description="of its top")
    legs: bool = Field(True, description="four, down to a floor that isn't seen")


class Shelf(_Stage):
    """A shelf on a wall: back, sides and boards; objects stand on the boards. Its open side faces azimuth 0."""

    kind: Literal["shelf"] = Field(description="a shelf on a wall")
    width_m: Annotated[AnyValue, Number(0.1, 100)] = Field(Uniform(uniform=(0.8, 1.2)), description="of its boards")
    depth_m: Annotated[AnyValue, Number(0.05, 100)] = Field(Uniform(uniform=(0.25, 0.4)), description="of its boards")
    boards: Annotated[AnyValue, Whole(1, 12)] = Field(Integer(integer=(2, 3)), description="boards that carry objects")
    gap_m: Annotated[AnyValue, Number(0.05, 10)] = Field(Uniform(uniform=(0.28, 0.36)), description="between boards")
    looks: Looks = Field(default_factory=Looks, description="of its boards, sides and back")
    wall: Looks | None = Field(default_factory=Looks, description="the wall behind it; null for none")
    neighbours: bool = Field(True, description="bays full of cartons at its left and right, so that it ends nowhere")


class Room(_Stage):
    """A box-like room: floor, four walls, ceiling and a ceiling light; objects on the floor. No HDRI shines in."""

    kind: Literal["room"] = Field(description="a closed room")
    size_m: Annotated[AnyValue, Number(0.5, 1000)] = Field(Uniform(uniform=(3.5, 5.5)), description="edge of the floor")
    height_m: Annotated[AnyValue, Number(0.5, 1000)] = Field(2.6, description="of the ceiling")
    floor: Looks = Field(default_factory=Looks, description="of the floor")
    walls: Looks = Field(default_factory=Looks, description="of the walls")
    light_w: Annotated[AnyValue, Number(0, 1e6)] = Field(Uniform(uniform=(60, 140)), description="ceiling light, watts")
    light_k: Annotated[AnyValue, Number(1000, 20000)] = Field(
        Uniform(uniform=(2700, 6000)), description="colour temperature of the ceiling light"
    )


class Bin(_Stage):
    """A carton, tote or metal bin: floor and walls; objects lie in it, heaped. The camera looks in from above.

    Where neither sizes nor a camera's elevation are given, both fit: the floor to the objects, the view to the walls.
    """

    kind: Literal["bin"] = Field(description="a carton, tote or metal bin")
    made_of: Annotated[AnyValue, Text("cardboard", "plastic", "metal")] = Field(
        Choice(choice=["cardboard", "plastic", "metal"]),
        description="decides walls, rim and flaps, and suits texture any",
    )
    width_m: Annotated[AnyValue, Number(0.02, 100)] | None = Field(
        None, description="inside; default: fits the objects"
    )
    depth_m: Annotated[AnyValue, Number(0.02, 100)] | None = Field(
        None, description="inside; default: fits the objects"
    )
    height_m: Annotated[AnyValue, Number(0.005, 100)] | None = Field(
        None, description="of the walls inside; default: fits the objects"
    )
    heaped: Annotated[AnyValue, Number(0.05, 20)] = Field(
        Uniform(uniform=(0.5, 1.2)),
        description="footprints of all objects by the area of a floor that fits them: above 1 they lie on each other",
    )
    flaps: Share = Field(0.6, description="share of cartons whose flaps hang open")
    looks: Looks = Field(default_factory=Looks, description="of its walls and floor")
    stands_on: Annotated[AnyValue, Text("table", "floor")] = Field(
        Choice(choice=["table", "floor"]), description="what is around it"
    )
    under: Looks = Field(default_factory=Looks, description="of the table or floor")


class Corner(_Stage):
    """A floor with one or two walls and skirting boards behind it, open to the rest and lit from there."""

    kind: Literal["corner"] = Field(description="a floor before walls")
    width_m: Annotated[AnyValue, Number(0.1, 100)] = Field(
        Uniform(uniform=(1.2, 2.0)), description="of the part of the floor that objects stand on"
    )
    depth_m: Annotated[AnyValue, Number(0.1, 100)] = Field(Uniform(uniform=(0.8, 1.4)), description="of that part")
    walls: Annotated[AnyValue, Text("back", "left", "right")] = Field(
        Choice(choice=["back", "left", "right"]), description="the back one alone, or with one at its left or right"
    )
    skirting: bool = Field(True, description="boards along the foot of the walls")
    floor: Looks = Field(default_factory=Looks, description="of the floor")
    wall: Looks = Field(default_factory=Looks, description="of the walls")


class Desk(_Stage):
    """A desk or counter before a wall, with other things along its back: books, cartons, jars, a screen."""

    kind: Literal["desk"] = Field(description="a desk before a wall")
    width_m: Annotated[AnyValue, Number(0.3, 100)] = Field(
        Uniform(uniform=(1.4, 2.0)), description="of its top, along the wall"
    )
    depth_m: Annotated[AnyValue, Number(0.2, 100)] = Field(
        Uniform(uniform=(0.65, 0.85)), description="of its top, away from the wall"
    )
    clutter: Annotated[AnyValue, Whole(0, 20)] = Field(Integer(integer=(3, 6)), description="things along its back")
    looks: Looks = Field(default_factory=Looks, description="of its top")
    wall: Looks | None = Field(default_factory=Looks, description="the wall behind it; null for none")
    floor: Looks | None = Field(default_factory=Looks, description="the floor below it; null for none")


class Conveyor(_Stage):
    """A conveyor belt along X with rails at its sides, over a floor."""

    kind: Literal["conveyor"] = Field(description="a conveyor belt")
    width_m: Annotated[AnyValue, Number(0.05, 100)] = Field(Uniform(uniform=(0.4, 0.65)), description="of the belt")
    length_m: Annotated[AnyValue, Number(0.2, 1000)] = Field(4.0, description="of the belt")
    rails: Annotated[AnyValue, Number(0, 1)] = Field(
        Uniform(uniform=(0.02, 0.09)), description="height of the rails above the belt, metres; 0: none"
    )
    belt: Looks = Field(default_factory=Looks, description="of the belt's surface")
    frame: Looks = Field(default_factory=Looks, description="of rails and frame")
    floor: Looks | None = Field(default_factory=Looks, description="the floor below it; null for none")


Stage = Annotated[NoStage | Ground | Table | Shelf | Room | Bin | Corner | Desk | Conveyor, Discriminator("kind")]
