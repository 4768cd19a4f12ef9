"""Config of balancing: how many labels of each class a dataset is to have, and what must not go along with a class."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from scanstage.scenes.config.sections.section import Section

Share = Annotated[float, Field(ge=0, le=1)]
MOST_LABELS = 100_000_000
Count = Annotated[int, Field(ge=0, le=MOST_LABELS)]


class Source(Section):
    """Where real frequencies come from: exactly one of both."""

    coco: Path | None = Field(None, description="a COCO or LVIS annotation file")
    counts: dict[str, Count] | None = Field(None, description="real labels by class")
    map: dict[str, str] = Field(default_factory=dict, description="name in the file: name of the class here")

    @model_validator(mode="after")
    def _one_source(self) -> Source:
        if (self.coco is None) == (self.counts is None):
            raise ValueError("needs real frequencies: either coco (a file) or counts (a mapping), not both")
        return self


class Tempered(Source):
    """Shares in proportion to real frequencies to a power: 1 keeps them, 0 is uniform."""

    power: Share = Field(description="1 keeps real frequencies, 0 evens them out")


class RepeatFactor(Source):
    """Shares as LVIS's repeat-factor sampling gives them (Gupta et al. 2019)."""

    repeat_factor: Annotated[float, Field(gt=0, le=1)] = Field(description="the threshold t on the share of images")


class EffectiveNumber(Source):
    """Shares as class-balanced weights give them (Cui et al. 2019)."""

    effective_number: Annotated[float, Field(ge=0, lt=1)] = Field(description="beta; 0 keeps frequencies")


class FillSource(Source):
    """What is to be filled, and up to where."""

    to: Annotated[int, Field(ge=1, le=MOST_LABELS)] = Field(
        description="labels of each class, real and synthetic together"
    )


class Fill(Section):
    """Add exactly what a real dataset lacks."""

    fill: FillSource = Field(description="labels that each class is to have at least, together with the real ones")


KINDS = ("power", "repeat_factor", "effective_number", "fill")


def _target_kind(value: Any) -> str:
    if isinstance(value, str):
        return "uniform"
    given = set(value) if isinstance(value, dict) else set(getattr(type(value), "model_fields", ()))
    return next((k for k in KINDS if k in given), "counts")


Target = Annotated[
    Annotated[Literal["uniform"], Tag("uniform")]
    | Annotated[Tempered, Tag("power")]
    | Annotated[RepeatFactor, Tag("repeat_factor")]
    | Annotated[EffectiveNumber, Tag("effective_number")]
    | Annotated[Fill, Tag("fill")]
    | Annotated[dict[str, Count], Tag("counts")],
    Discriminator(_target_kind),
]


class BalanceConfig(Section):
    """Closed-loop balancing of what is really visible."""

    target: Target = Field(
        "uniform",
        description='uniform, counts by class ("*": every other), or one of power, repeat_factor, effective_number, '
        "fill with where the real frequencies come from",
    )
    total: Annotated[int, Field(ge=1, le=MOST_LABELS)] | None = Field(
        None, description="labels in all, for targets that are shares; default: as many as `images` pictures give"
    )
    count: Literal["instances", "images"] = Field(
        "instances", description="what is counted: labels, or images with at least one label of the class"
    )
    tolerance: Share = Field(0.02, description="a class this near to its target counts as done")
    context: Share = Field(
        0.0,
        description="share of objects that may be of classes which have all they need, so that rare ones don't "
        "only meet each other; these go beyond their targets",
    )
    attributes: dict[str, Literal["uniform", "independent"] | list[str | float | bool]] = Field(
        default_factory=dict,
        max_length=100,
        description="factors that every class is to meet alike: names of variables, or hdri, background, stage, "
        "surface, lamp_temperature, distance, viewing_direction, elevation; uniform or a list of values: all equally "
        "often; independent: as often as they are drawn",
    )
    most_repeats: Annotated[float, Field(ge=1, le=1e9)] = Field(
        2.0, description="no asset, and no side of an asset, is shown more than this multiple of its even share"
    )

    @model_validator(mode="after")
    def _total_of_shares(self) -> BalanceConfig:
        if self.total is not None and isinstance(self.target, (dict, Fill)):
            raise ValueError("total is for targets that are shares; counts and fill say themselves how many labels")
        return self
