"""What a YAML value can be: a constant or a one-key mapping that names a distribution.

============================================  ==========================================================
``0.8``, ``wood``, ``true``                   a constant
``{uniform: [0.4, 1.2]}``                     uniform in [low, high)
``{log_uniform: [0.1, 10]}``                  uniform in the logarithm; low > 0
``{normal: {mean: 1, std: 0.1}}``             normal, cut at ``min``/``max`` and at four standard deviations
``{integer: [3, 7]}``                         a whole number, both ends included
``{choice: [a, b]}``                          one of a list, evenly
``{choice: {a: 3, b: 1}}``                    one of the keys, by weight
``{hsv: {hue: …, saturation: …, value: …}}``  a colour; each part 0..1, a constant or a distribution
``{var: name}``                               the value that ``variables:`` drew for this picture
``{switch: {by: name, cases: {…}}}``          depends on a variable; ``default`` serves values without a case
========================================  ==============================================================

Each kind is one class with one method, ``sample``; a new one is a class and a row in :data:`KINDS`.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Protocol, Union

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from scanstage.scenes.values.bounded_numbers import LARGEST, is_finite

Scalar = float | int | str | bool
Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]


def _calculable(x: float) -> float:
    if not is_finite(x):
        raise ValueError(f"expected a number from {-LARGEST:g} to {LARGEST:g}, got {x:g}")
    return x


Finite = Annotated[float, Field(allow_inf_nan=False), AfterValidator(_calculable)]
Interval = tuple[Finite, Finite]


class Distribution(Protocol):
    """Anything that can be drawn from."""

    def sample(self, rng: np.random.Generator, variables: Mapping[str, Any]) -> Any:
        """Draw one value; ``variables`` holds what the picture's shared variables drew."""
        ...


class _Kind(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def sample(self, rng: np.random.Generator, variables: Mapping[str, Any]) -> Any:
        """See :class:`Distribution`."""
        raise NotImplementedError

    def outcomes(self) -> Iterator[Any]:
        """The constants and intervals ``(low, high)`` that a draw may give, references left out."""
        raise NotImplementedError

    def references(self) -> Iterator[str]:
        """Names of the variables that a draw needs."""
        return iter(())


class Uniform(_Kind):
    """Uniform in [low, high)."""

    uniform: Interval = Field(description="low and high: evenly between")

    @field_validator("uniform")
    @classmethod
    def _ordered(cls, v: Interval) -> Interval:
        return _ordered(v)

    def sample(self, rng: np.random.Generator, variables: Mapping[str, Any]) -> float:
        """Draw one float."""
        return float(rng.uniform(*self.uniform))

    def outcomes(self) -> Iterator[Any]:
        """See :class:`_Kind`."""
        yield self.uniform


class LogUniform(_Kind):
    """exp(U(log low, log high))."""

    log_uniform: Interval = Field(description="low and high, above 0: evenly in the logarithm")

    @field_validator("log_uniform")
    @classmethod
    def _ordered(cls, v: Interval) -> Interval:
        if min(v) <= 0:
            raise ValueError("both ends must be greater than 0")
        return _ordered(v)

    def sample(self, rng: np.random.Generator, variables: Mapping[str, Any]) -> float:
        """Draw one float."""
        low, high = self.log_uniform
        return float(math.exp(rng.uniform(math.log(low), math.log(high))))

    def outcomes(self) -> Iterator[Any]:
        """See :class:`_Kind`."""
        yield self.log_uniform


class NormalParameters(_Kind):
    """Parameters of :class:`Normal`."""

    mean: Finite = Field(description="of the distribution")
    std: Annotated[Finite, Field(ge=0)] = Field(description="standard deviation")
    min: Finite | None = Field(None, description="lowest value; default: four standard deviations below the mean")
    max: Finite | None = Field(None, description="highest value; default: four above")

    @property
    def bounds(self) -> Interval:
        """Where draws can lie: four standard deviations, cut at ``min`` and ``max``."""
        low, high = self.mean - 4 * self.std, self.mean + 4 * self.std
        return (low if self.min is None else max(low, self.min), high if self.max is None else min(high, self.max))

    @model_validator(mode="after")
    def _not_empty(self) -> NormalParameters:
        if self.bounds[0] > self.bounds[1]:
            raise ValueError("min and max leave nothing within four standard deviations of the mean")
        return self


class Normal(_Kind):
    """Normal, redrawn until inside its bounds."""

    normal: NormalParameters = Field(description="mean, std, and bounds")

    def sample(self, rng: np.random.Generator, variables: Mapping[str, Any]) -> float:
        """Draw one float; after 100 draws outside the bounds, the nearer bound."""
        low, high = self.normal.bounds
        x = self.normal.mean
        for _ in range(100):
            x = float(rng.normal(self.normal.mean, self.normal.std))
            if low <= x <= high:
                return x
        return min(max(x, low), high)

    def outcomes(self) -> Iterator[Any]:
        """See :class:`_Kind`."""
        yield self.normal.bounds


class Integer(_Kind):
    """Whole numbers, both ends included."""

    integer: tuple[Whole, Whole] = Field(description="low and high: a whole number, both ends included")

    @field_validator("integer")
    @classmethod
    def _ordered(cls, v: tuple[int, int]) -> tuple[int, int]:
        _ordered(v)
        return v

    def sample(self, rng: np.random.Generator, variables: Mapping[str, Any]) -> int:
        """Draw one int."""
        return int(rng.integers(self.integer[0], self.integer[1], endpoint=True))

    def outcomes(self) -> Iterator[Any]:
        """See :class:`_Kind`."""
        yield from self.integer


class Choice(_Kind):
    """One of a list, evenly; or one of a mapping's keys, by weight."""

    choice: list[Scalar] | dict[Scalar, Annotated[Finite, Field(ge=0)]] = Field(
        description="a list: one of it, evenly; a mapping: one of its keys, by weight"
    )

    @field_validator("choice")
    @classmethod
    def _not_empty(cls, v: Any) -> Any:
        if not v:
            raise ValueError("needs at least one option")
        if isinstance(v, dict) and not sum(v.values()) > 0:
            raise ValueError("at least one weight must be greater than 0")
        return v

    def sample(self, rng: np.random.Generator, variables: Mapping[str, Any]) -> Scalar:
        """Draw one of the options, as it stands in the YAML."""
        options = list(self.choice)
        if isinstance(self.choice, dict):
            weights = np.array(list(self.choice.values()), float)
            return options[int(rng.choice(len(options), p=weights / weights.sum()))]
        return options[int(rng.integers(len(options)))]

    def outcomes(self) -> Iterator[Any]:
        """See :class:`_Kind`."""
        yield from self.choice


class HsvParameters(_Kind):
    """Parameters of :class:`Hsv`; hue in turns."""

    hue: AnyValue = Field(description="0 to 1, from red by green and blue to red")
    saturation: AnyValue = Field(description="0: grey, 1: pure")
    value: AnyValue = Field(description="0: black, 1: bright")

    @model_validator(mode="after")
    def _in_range(self) -> HsvParameters:
        for name in ("hue", "saturation", "value"):
            ends = [x for outcome in outcomes(getattr(self, name)) for x in np.atleast_1d(outcome)]
            if any(isinstance(x, (str, bool)) or not 0 <= x <= 1 for x in ends):
                raise ValueError(f"{name} must lie between 0 and 1")
        return self


class Hsv(_Kind):
    """A colour by hue, saturation and value, as ``#rrggbb``."""

    hsv: HsvParameters = Field(description="a colour by hue, saturation, value")

    def sample(self, rng: np.random.Generator, variables: Mapping[str, Any]) -> str:
        """Draw hue, saturation and value, in this order."""
        parts = [sample(getattr(self.hsv, name), rng, variables) for name in ("hue", "saturation", "value")]
        return "#" + "".join(f"{round(255 * c):02x}" for c in colorsys.hsv_to_rgb(*parts))

    def outcomes(self) -> Iterator[Any]:
        """See :class:`_Kind`."""
        yield "#000000"  # any colour; all are of this form

    def references(self) -> Iterator[str]:
        """See :class:`_Kind`."""
        for name in ("hue", "saturation", "value"):
            yield from references(getattr(self.hsv, name))


class Variable(_Kind):
    """The value that a shared variable drew for this picture."""

    var: str = Field(description="name of one of the variables")

    def sample(self, rng: np.random.Generator, variables: Mapping[str, Any]) -> Any:
        """Look the variable up; draws nothing."""
        return variables[self.var]

    def outcomes(self) -> Iterator[Any]:
        """See :class:`_Kind`."""
        return iter(())

    def references(self) -> Iterator[str]:
        """See :class:`_Kind`."""
        yield self.var


class SwitchParameters(_Kind):
    """Parameters of :class:`Switch`."""

    by: str = Field(description="name of the variable")
    cases: dict[Scalar, AnyValue] = Field(description="value by value of the variable")
    default: AnyValue | None = Field(None, description="for values without a case")


class Switch(_Kind):
    """A value that depends on what a shared variable drew."""

    switch: SwitchParameters = Field(description="a value by the value of a variable")

    def sample(self, rng: np.random.Generator, variables: Mapping[str, Any]) -> Any:
        """Draw from the case of the variable's value, else from the default."""
        chosen = self.switch.cases.get(variables[self.switch.by], self.switch.default)
        return sample(chosen, rng, variables)

    def branches(self) -> list[Any]:
        """All values that it may lead to."""
        return [*self.switch.cases.values(), *([] if self.switch.default is None else [self.switch.default])]

    def outcomes(self) -> Iterator[Any]:
        """See :class:`_Kind`."""
        for branch in self.branches():
            yield from outcomes(branch)

    def references(self) -> Iterator[str]:
        """See :class:`_Kind`."""
        yield self.switch.by
        for branch in self.branches():
            yield from references(branch)


KINDS: dict[str, type[_Kind]] = {
    "uniform": Uniform,
    "log_uniform": LogUniform,
    "normal": Normal,
    "integer": Integer,
    "choice": Choice,
    "hsv": Hsv,
    "var": Variable,
    "switch": Switch,
}


def kind_of(value: Any) -> str:
    """The tag by which pydantic picks the class: a mapping's one known key, else ``constant``."""
    if isinstance(value, _Kind):
        return next(iter(type(value).model_fields))
    if isinstance(value, dict):
        if len(value) == 1 and (key := next(iter(value))) in KINDS:
            return str(key)
        return "distribution"  # no such tag: the error then lists what there is
    return "constant"


if TYPE_CHECKING:
    AnyValue = Scalar | _Kind
else:
    # Put together here, so that a row in KINDS is all that a new one needs; what types see is above.
    _constant, *_drawn = (Annotated[kind, Tag(tag)] for tag, kind in {"constant": Scalar, **KINDS}.items())
    AnyValue = Annotated[Union[_constant, *_drawn], Discriminator(kind_of)]

HsvParameters.model_rebuild()
Hsv.model_rebuild()
SwitchParameters.model_rebuild()
Switch.model_rebuild()


def is_constant(value: Any) -> bool:
    """Whether a value is no distribution: drawing it needs no generator."""
    return not isinstance(value, _Kind)


def sample(value: Any, rng: np.random.Generator, variables: Mapping[str, Any]) -> Any:
    """Draw from a distribution; a constant is itself."""
    return value.sample(rng, variables) if isinstance(value, _Kind) else value


def outcomes(value: Any) -> Iterator[Any]:
    """Constants and ``(low, high)`` intervals that ``value`` may give, references left out."""
    if isinstance(value, _Kind):
        yield from value.outcomes()
    else:
        yield value


def references(value: Any) -> Iterator[str]:
    """Names of the variables that ``value`` refers to."""
    if isinstance(value, _Kind):
        yield from value.references()


def _ordered(v: tuple[Any, Any]) -> tuple[Any, Any]:
    if v[0] > v[1]:
        raise ValueError(f"the low end {v[0]:g} is above the high end {v[1]:g}")
    return v
