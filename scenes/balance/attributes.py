"""Factors that every class is to meet alike: which values they have, and which of them a picture gets."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from assets.errors import InputError
from scenes.balance.factors import OBJECT_FACTORS, PICTURE_FACTORS
from scenes.config.model import RunConfig
from scenes.config.references import deep_outcomes
from scenes.files import HDRI_SUFFIXES, list_images, located
from scenes.lighting import hdri_config
from scenes.seeding import Streams

HDRI = "hdri"


@dataclass(frozen=True)
class Attribute:
    """One of them.

    Attributes:
        name: of a variable, or of a factor.
        values: those that it is to have equally often, as what is set (variables' values, images); empty where it is
            left as it is drawn and only kept independent of the class.
    """

    name: str
    values: tuple[Any, ...] = ()

    def value_of(self, seed: int, index: int) -> Any:
        """The value of picture ``index``: every value once in each run of as many pictures, in drawn orders."""
        cycle, place = divmod(index, len(self.values))
        order = Streams(seed, cycle).rng(f"balance.{self.name}").permutation(len(self.values))
        return self.values[int(order[place])]

    def shown_as(self, value: Any) -> str:
        """The value as :func:`scenes.balance.factors.picture_factors` names it."""
        return PurePath(value).name.removeprefix("builtin:") if self.name == HDRI else str(value)


def find_attributes(config: RunConfig, base: Path) -> tuple[Attribute, ...]:
    """The attributes of a run's ``balance``.

    Raises:
        InputError: all that can't be: unknown names, values that never occur, factors that can't be set.
    """
    assert config.balance is not None
    found, problems = [], []
    for name, wanted in config.balance.attributes.items():
        known = (*config.variables, *PICTURE_FACTORS, *OBJECT_FACTORS)
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"
            problems.append(f"balance.attributes: there is no variable or factor {name!r}{hint}")
        elif wanted == "independent":
            found.append(Attribute(name))
        else:
            possible = _possible(name, config, base)
            values = possible if wanted == "uniform" else wanted
            if not possible:
                found.append(Attribute(name))  # can't be set, only be chosen among what is planned
                if wanted != "uniform":
                    problems.append(f"balance.attributes.{name}: its values can't be listed; use uniform")
            elif absent := [v for v in values if v not in possible]:
                problems.append(
                    f"balance.attributes.{name}: never {', '.join(map(repr, absent))}; "
                    f"it is one of {', '.join(map(repr, possible))}"
                )
            else:
                found.append(Attribute(name, tuple(values)))
    if problems:
        raise InputError(problems, "see balance.attributes in `scanstage schema`")
    return tuple(found)


def _possible(name: str, config: RunConfig, base: Path) -> list[Any]:
    """Values that can be set: those of a variable with a choice, and environment images. Empty for all else."""
    if name in config.variables:
        values = list(dict.fromkeys(deep_outcomes(config.variables[name], config)))
        return [] if any(isinstance(v, tuple) for v in values) else values
    if name != HDRI:
        return []
    hdri = hdri_config(config.light)
    if hdri is None:
        return []
    images: list[Any] = []
    for value in dict.fromkeys(deep_outcomes(hdri.image, config)):
        builtin = str(value).startswith("builtin:")
        images += [value] if builtin else [str(p) for p in list_images(located(Path(str(value)), base), HDRI_SUFFIXES)]
    return images


def set_values(attributes: tuple[Attribute, ...], seed: int, index: int) -> Mapping[str, Any]:
    """What the attributes that have values set for picture ``index``, by name."""
    return {a.name: a.value_of(seed, index) for a in attributes if a.values}
