"""Field types of the config: a value (constant or distribution) together with what it must be.

An :class:`Expect` stands in the field's annotation. It checks the constants and the ends of distributions when the
YAML is read; values that come through ``{var: …}`` are checked against it once all variables are known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from scanstage.assets.messages.wording import shown
from scanstage.scenes.values.bounded_numbers import is_finite
from scanstage.scenes.values.distributions import AnyValue, outcomes

Place = Literal["indoors", "outdoors", "any"]
"""Where a stage, or an environment image, belongs."""

_HEX = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Expect:
    """What every outcome of a value must be.

    Attributes:
        kind: ``number``, ``whole``, ``text``, ``color`` (``#rrggbb``) or ``number_or_text``.
        low, high: closed bounds of numbers.
        options: allowed texts; empty allows all.
    """

    kind: str
    low: float | None = None
    high: float | None = None
    options: tuple[str, ...] = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def check(self, value: Any) -> Any:
        """Return ``value``; raises ValueError where an outcome does not fit."""
        for outcome in outcomes(value):
            self.check_outcome(outcome)
        return value

    def check_outcome(self, outcome: Any) -> None:
        """Raise ValueError where one constant or ``(low, high)`` interval does not fit."""
        ends = outcome if isinstance(outcome, tuple) else (outcome,)
        for x in ends:
            if isinstance(x, bool) or not self._is_of_kind(x, is_interval=isinstance(outcome, tuple)):
                raise ValueError(f"expected {self.describe()}, got {shown(x)}")
            if isinstance(x, (int, float)) and not self._within(x):
                raise ValueError(f"expected {self.describe()}, got {f'{x:g}' if is_finite(x) else shown(x)}")

    def _is_of_kind(self, x: Any, is_interval: bool) -> bool:
        number = isinstance(x, (int, float))
        match self.kind:
            case "number":
                return number
            case "whole":
                return number and is_finite(x) and float(x).is_integer() and not is_interval
            case "color":
                return isinstance(x, str) and _HEX.fullmatch(x) is not None
            case "number_or_text":
                return number or x in self.options
            case _:
                return isinstance(x, str) and (not self.options or x in self.options)

    def _within(self, x: float) -> bool:
        return is_finite(x) and (self.low is None or x >= self.low) and (self.high is None or x <= self.high)

    def describe(self) -> str:
        """For error messages: ``a number from 0 to 1``."""
        bounds = ""
        if self.low is not None and self.high is not None:
            bounds = f" from {self.low:g} to {self.high:g}"
        elif self.low is not None:
            bounds = f" of at least {self.low:g}"
        elif self.high is not None:
            bounds = f" of at most {self.high:g}"
        options = ", ".join(self.options)
        match self.kind:
            case "number":
                return f"a finite number{bounds}" if not bounds else f"a number{bounds}"
            case "whole":
                return f"a whole number{bounds} (a constant, integer or choice)"
            case "color":
                return 'a colour "#rrggbb"'
            case "number_or_text":
                return f"a number{bounds} or {options}"
            case _:
                return f"one of {options}" if options else "a text"


def Number(low: float | None = None, high: float | None = None) -> Expect:
    """A number within closed bounds, or a distribution of such: ``Annotated[AnyValue, Number(0, 1)]``."""
    return Expect("number", low, high)


def Whole(low: int | None = None, high: int | None = None) -> Expect:
    """A whole number within closed bounds, or a distribution of such."""
    return Expect("whole", low, high)


def Text(*options: str) -> Expect:
    """A text (one of ``options`` where given), or a distribution of such."""
    return Expect("text", options=options)


def NumberOr(*options: str, low: float, high: float) -> Expect:
    """A number within closed bounds or one of ``options``, or a distribution of such."""
    return Expect("number_or_text", low, high, options)


Color = Annotated[AnyValue, Expect("color")]
"""An sRGB colour ``#rrggbb``, or a distribution of such."""
Share = Annotated[AnyValue, Number(0, 1)]
Factor = Annotated[AnyValue, Number(0, 4)]
Degrees = Annotated[AnyValue, Number(-1e6, 1e6)]
Weight = Annotated[AnyValue, Number(0, 1e9)]
"""How often something is to come, beside others."""
Elevation = Annotated[AnyValue, Number(-90, 90)]
