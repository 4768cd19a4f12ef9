"""Config of surveys: what people are asked, and how it is found out whose answers count. Runs ignore it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from scanstage.scenes.config.sections.section import Section

ScaleEnd = Annotated[int, Field(ge=0, le=10)]
Scale = tuple[ScaleEnd, ScaleEnd]
MOST_GOLDS = 500


class AcceptSettings(Section):
    """Which answers to a gold are right. What counts as good and as corrupt in the report, too."""

    real: Scale = Field((8, 10), description="least and highest answer to a real photo that is right")
    corrupt: Scale = Field((0, 3), description="the same of a corrupt picture; what the scale hasn't doesn't matter")


class GoldSettings(Section):
    """Pictures of which the answer is known."""

    real: Annotated[int, Field(ge=6, le=MOST_GOLDS)] = Field(20, description="real photos")
    corrupt: Annotated[int, Field(ge=6, le=MOST_GOLDS)] = Field(20, description="pictures that were broken on purpose")
    accept: AcceptSettings = Field(default_factory=AcceptSettings, description="which answers to them are right")
    hidden: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.12, description="share of a rater's pictures after the test that are golds, without a word"
    )


class ScreenSettings(Section):
    """The entry test: Wald's sequential probability ratio test on right answers to golds."""

    good: Annotated[float, Field(gt=0, lt=1)] = Field(0.9, description="share that a good rater has right, at least")
    bad: Annotated[float, Field(gt=0, lt=1)] = Field(0.5, description="share that a bad rater has right, at most")
    error: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        0.02, description="chance that a try ends wrongly, for a rater who is as good, or as bad, as that"
    )
    tries: Annotated[int, Field(ge=1, le=5)] = Field(2, description="of the test, with training before each")

    @model_validator(mode="after")
    def _apart(self) -> ScreenSettings:
        if self.bad >= self.good:
            raise ValueError(f"bad {self.bad:g} isn't below good {self.good:g}")
        return self


class SurveySettings(Section):
    """What ``scanstage survey`` asks, of whom, and how often."""

    scale: Scale = Field((1, 10), description="lowest and highest answer; the keys 1 to 9, and 0 for 10, give them")
    pictures: Annotated[int, Field(ge=1, le=10_000)] = Field(
        50, description="of each dataset that are asked about, drawn from all"
    )
    ratings_per_picture: Annotated[int, Field(ge=1, le=100)] = Field(
        5, description="answers of accepted raters that each picture is to have"
    )
    session: Annotated[int, Field(ge=5, le=1000)] = Field(
        60, description="pictures that a rater is given after the test, hidden golds among them"
    )
    pair_by_plan: bool = Field(
        True, description="ask about the same plans in every dataset, and compare picture by picture"
    )
    gold: GoldSettings = Field(default_factory=GoldSettings, description="pictures of which the answer is known")
    screen: ScreenSettings = Field(default_factory=ScreenSettings, description="the entry test")

    @property
    def hidden(self) -> int:
        """Golds among the pictures that a rater is given after the test."""
        return round(self.gold.hidden * self.session)

    @property
    def asked(self) -> int:
        """Pictures that a rater gives answers that count to."""
        return self.session - self.hidden

    @field_validator("scale")
    @classmethod
    def _has_steps(cls, v: Scale) -> Scale:
        if v[1] - v[0] < 4:
            raise ValueError(f"{v[0]} to {v[1]}: needs five answers at least")
        if v[0] == 0 and v[1] == 10:
            raise ValueError("0 to 10: the key 0 can't be both; take 1 to 10, or 0 to 9")
        return v

    @model_validator(mode="after")
    def _accepts_some(self) -> SurveySettings:
        low, high = self.scale
        for name, given in (("real", self.gold.accept.real), ("corrupt", self.gold.accept.corrupt)):
            if given[0] > given[1] or given[1] < low or given[0] > high:
                raise ValueError(f"gold.accept.{name}: {given[0]} to {given[1]} holds no answer from {low} to {high}")
        if self.gold.accept.corrupt[1] >= self.gold.accept.real[0]:
            raise ValueError("gold.accept: an answer would be right for both kinds")
        return self
