"""What a config says of light: an environment image, ambient light, lamps."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from scanstage.scenes.config.sections.section import Section
from scanstage.scenes.config.sections.value_types import (
    Color,
    Degrees,
    Elevation,
    Number,
    Place,
    Text,
    Whole,
)
from scanstage.scenes.values.distributions import AnyValue, Choice, Uniform

BUILTIN_PLACES: dict[str, Place] = {
    "city": "outdoors",
    "courtyard": "any",  # below a roof, open to one side
    "forest": "outdoors",
    "interior": "indoors",
    "night": "outdoors",
    "studio": "indoors",
    "sunrise": "outdoors",
    "sunset": "outdoors",
}
"""CC0 environment images that every Blender carries, and where each was taken."""
BUILTIN_HDRIS = tuple(BUILTIN_PLACES)


class HdriConfig(Section):
    """Light from an environment image."""

    image: Annotated[AnyValue, Text()] = Field(
        Choice(choice=[f"builtin:{name}" for name in BUILTIN_HDRIS if name != "night"]),
        description=f"builtin (any of those that every Blender carries), builtin:<name> ({', '.join(BUILTIN_HDRIS)}), "
        "a .hdr or .exr file, or a folder of such",
    )
    place: Literal["stage", "indoors", "outdoors", "any"] = Field(
        "stage",
        description="which images of a list or a folder are taken: those from where the stage belongs (stage: its "
        "place), from indoors, from outdoors, or any. A file's place is the nearest part of its path that ends in "
        "indoors or outdoors; one that doesn't say is taken everywhere, and where none fits, all are",
    )
    rotation_deg: Degrees = Field(Uniform(uniform=(0, 360)), description="about the vertical")
    strength: Annotated[AnyValue, Number(0, 1000)] = Field(1.0, description="factor on the image's radiance")

    @field_validator("image", mode="before")
    @classmethod
    def _all_builtin(cls, v: Any) -> Any:
        return {"choice": [f"builtin:{name}" for name in BUILTIN_HDRIS]} if v == "builtin" else v


class AmbientConfig(Section):
    """Even light from all around, in place of an HDRI."""

    color: Color = Field("#ffffff", description="sRGB")
    strength: Annotated[AnyValue, Number(0, 1000)] = Field(0.5, description="radiance")


class LampConfig(Section):
    """One lamp, or ``count`` of a kind; aimed at the objects."""

    kind: Literal["sun", "area", "point"] = Field(
        description="sun: parallel light from far away; area: a square that shines; point: all around"
    )
    count: Annotated[AnyValue, Whole(0, 16)] = Field(1, description="how many, each drawn by itself")
    power: Annotated[AnyValue, Number(0, 1e6)] = Field(description="watts; for a sun W/m²")
    temperature_k: Annotated[AnyValue, Number(1000, 20000)] = Field(5500, description="colour temperature in kelvin")
    azimuth_deg: Degrees = Field(Uniform(uniform=(0, 360)), description="where it stands")
    elevation_deg: Elevation = Field(Uniform(uniform=(25, 80)), description="above the horizon")
    distance_m: Annotated[AnyValue, Number(0.01, 1000)] = Field(
        2.0, description="from the objects' centre; a sun has none"
    )
    size_m: Annotated[AnyValue, Number(0, 100)] = Field(
        0.3, description="edge of an area lamp, radius of a point lamp: larger is softer"
    )
    angle_deg: Annotated[AnyValue, Number(0, 90)] = Field(
        0.53, description="angular diameter of a sun: larger is softer"
    )


class LightConfig(Section):
    """All light of a picture. With neither ``hdri`` nor ``ambient`` there is the default HDRI choice."""

    hdri: HdriConfig | None = Field(
        None, description="light from an environment image; default, without ambient: one of the built-in ones"
    )
    ambient: AmbientConfig | None = Field(None, description="even light in place of an environment image")
    lamps: list[LampConfig] = Field(default_factory=list, max_length=64, description="beside either")

    @model_validator(mode="after")
    def _one_environment(self) -> LightConfig:
        if self.hdri is not None and self.ambient is not None:
            raise ValueError("hdri and ambient exclude each other: give one of them")
        return self
