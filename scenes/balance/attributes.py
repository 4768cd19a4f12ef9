"""Factors that every class is to meet alike: which values they have, and which of them a picture gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.wording import bounded, did_you_mean, listed, shown
from scanstage.scenes.balance.factors import OBJECT_FACTORS, PICTURE_FACTORS
from scanstage.scenes.config.references import deep_outcomes
from scanstage.scenes.config.sections.light_settings import HdriConfig
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.inputs.image_files import HDRI_SUFFIXES, list_images, located
from scanstage.scenes.randomize.environments import suited, wanted_place
from scanstage.scenes.randomize.lighting import hdri_config
from scanstage.scenes.values.distributions import references
from scanstage.scenes.values.seeding import Streams

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
        """The value as :func:`factors.picture_factors` names it."""
        return PurePath(value).name.removeprefix("builtin:") if self.name == HDRI else str(value)


def find_attributes(config: RunConfig, base: Path) -> tuple[Attribute, ...]:
    """The attributes of a run's ``balance``.

    Raises:
        InputError: all that can't be: unknown names, values that never occur, factors that can't be set.
    """
    assert config.balance is not None
    found, problems = [], []
    for name, wanted in config.balance.attributes.items():
        try:
            found.append(_attribute(name, wanted, config, base))
        except ValueError as e:
            problems.append(f"balance.attributes.{name}: {e}")
    if problems:
        raise InputError(bounded(problems), "see balance.attributes in `scanstage schema`")
    return tuple(found)


def _attribute(name: str, wanted: str | Sequence[Any], config: RunConfig, base: Path) -> Attribute:
    """Raises ValueError where it can't be."""
    known = (*config.variables, *PICTURE_FACTORS, *OBJECT_FACTORS)
    if name not in known:
        hint = did_you_mean(name, known) or f"; known: {listed(known)}"
        raise ValueError(f"there is no such variable or factor{hint}")
    possible = _possible(name, config, base)
    set_ = possible and wanted != "independent"
    if name in config.variables and not set_:
        outcomes = possible or list(deep_outcomes(config.variables[name], config))
        if not all(isinstance(v, (str, bool)) for v in outcomes):
            raise ValueError("is a number; give the variable a choice of values, and ask for uniform")
    if not set_:
        if not isinstance(wanted, str):
            raise ValueError("its values can't be listed; use uniform")
        return Attribute(name)  # can't be set, only be chosen among what is planned
    if others := list(dict.fromkeys(references(_source(name, config)))):
        raise ValueError(f"follows from the variable {others[0]}: balance that one")
    return Attribute(name, tuple(possible if isinstance(wanted, str) else _listed(name, wanted, possible)))


def _listed(name: str, wanted: Sequence[Any], possible: Sequence[Any]) -> list[Any]:
    """The values that a list names; images may be named by their file alone. Raises ValueError."""
    if name == HDRI:
        by_name = {Attribute(HDRI).shown_as(v): v for v in possible}
        wanted = [by_name.get(Attribute(HDRI).shown_as(v), v) for v in wanted]
    there = set(possible)
    if absent := [v for v in wanted if v not in there]:
        raise ValueError(f"never {listed(absent, shown)}; it is one of {listed(possible, Attribute(name).shown_as)}")
    return list(dict.fromkeys(wanted))


def _source(name: str, config: RunConfig) -> Any:
    """What the config gives for something that can be set."""
    if name != HDRI:
        return config.variables[name]
    hdri = None if config.lit_by_photo else hdri_config(config.light)
    return None if hdri is None else hdri.image


def _possible(name: str, config: RunConfig, base: Path) -> list[Any]:
    """Values that can be set: those of a variable with a choice, and environment images. Empty for all else."""
    if name in config.variables:
        values = list(dict.fromkeys(deep_outcomes(config.variables[name], config)))
        return [] if any(isinstance(v, tuple) for v in values) else values
    if name != HDRI or (source := _source(name, config)) is None:
        return []
    images: list[Any] = []
    for value in dict.fromkeys(deep_outcomes(source, config)):
        builtin = str(value).startswith("builtin:")
        images += [value] if builtin else [str(p) for p in list_images(located(Path(str(value)), base), HDRI_SUFFIXES)]
    # What no stage goes with is never drawn.
    hdri = hdri_config(config.light) or HdriConfig()
    used = {str(i) for stage in config.stage for i in suited(images, wanted_place(hdri, stage.place))}
    return [image for image in images if str(image) in used]


def set_values(attributes: tuple[Attribute, ...], seed: int, index: int) -> Mapping[str, Any]:
    """What the attributes that have values set for picture ``index``, by name."""
    return {a.name: a.value_of(seed, index) for a in attributes if a.values}
