"""Config of fitting: which values are to be found from real photos, and how. Runs ignore it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from scanstage.scenes.config.sections.section import Section

Bound = Annotated[float, Field(ge=-1e6, le=1e6)]
MOST_FREE = 24
FEWEST_RENDERED = 20


class ParitySettings(Section):
    """How far classes may differ in what they go along with, though the real photos' do."""

    weight: Annotated[float, Field(ge=0, le=1)] = Field(
        1.0, description="1: classes are evened out until they keep within the slack; 0: left as in the photos"
    )
    slack: Annotated[float, Field(ge=0, le=1)] = Field(
        0.05, description="total variation distance to what all classes meet, that a class may keep"
    )


class FitSettings(Section):
    """What ``scanstage fit`` may change of the config, and what it goes by."""

    holdout: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.2, description="share of the photos that are kept out of the fit, to test it; near duplicates stay together"
    )
    map: dict[str, str] = Field(default_factory=dict, description="class in the photos' file: name of the class here")
    free: dict[str, tuple[Bound, Bound] | list[str]] = Field(
        default_factory=dict,
        max_length=MOST_FREE,
        description="dotted key: lowest and highest value to be looked at, or a list of texts; default: all that "
        "labels can tell",
    )
    fixed: dict[str, Literal["exif"] | Bound | str] = Field(
        default_factory=dict, description="dotted key: a value that it is to have; exif takes it from the photos"
    )
    joint: Literal["none", "tree"] = Field(
        "tree",
        description="none: values are drawn independently of each other; tree: kinds of pictures are told apart where "
        "held-out photos bear it out",
    )
    bank: Annotated[int, Field(ge=200, le=1_000_000)] = Field(10_000, description="pictures to plan, never rendered")
    appearance: Annotated[int, Field(ge=0, le=1000)] = Field(
        100,
        description="pictures to render, and to develop over and over, for exposure, colours, blur and noise to be "
        "found from photos' pixels; 0: renders none, and goes by labels alone",
    )

    parity: ParitySettings = Field(
        default_factory=lambda: ParitySettings(weight=0.0), description="whether biases of the photos are evened out"
    )

    @field_validator("free")
    @classmethod
    def _has_room(cls, v: dict[str, tuple[float, float] | list[str]]) -> dict[str, tuple[float, float] | list[str]]:
        for key, given in v.items():
            if isinstance(given, tuple) and given[0] >= given[1]:
                raise ValueError(f"{key}: the low end {given[0]:g} isn't below the high end {given[1]:g}")
            if isinstance(given, list) and len(set(given)) < max(2, len(given)):
                raise ValueError(f"{key}: needs two different texts at least")
        return v

    @field_validator("appearance")
    @classmethod
    def _says_something(cls, v: int) -> int:
        if 0 < v < FEWEST_RENDERED:
            raise ValueError(f"{v} pictures say nothing: 0 for none, or {FEWEST_RENDERED} and more")
        return v
