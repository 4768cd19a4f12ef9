"""Reads recipes and lays a config over one."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from importlib import resources
from typing import Any, Literal, get_args

import yaml

from scanstage.assets.files.plain_yaml import PlainLoader
from scanstage.scenes.values.distributions import KINDS

RecipeName = Literal["detection"]
RECIPES: tuple[str, ...] = get_args(RecipeName)
WHOLE = (("stage",), ("background",), ("balance",), ("variables",), ("distractors", "source"))
"""Mappings that a config replaces as a whole: half of one stage and half of another make no place."""


INSTEAD: dict[tuple[str, ...], tuple[str, ...]] = {("camera", "focal_mm"): ("fov_deg", "intrinsics")}
"""Keys of a recipe that a config leaves out where it says the same by others beside them."""


def keys_of(name: str) -> dict[str, Any]:
    """Keys and values of a recipe, by section."""
    return yaml.load(recipe_text(name), PlainLoader)


@functools.cache
def recipe_text(name: str) -> str:
    """The YAML text of a recipe."""
    return resources.files(__package__).joinpath(f"{name}.yaml").read_text("utf-8")


def lay_over(data: dict[str, Any], name: str) -> list[tuple[str, ...]]:
    """Give a config what a recipe says and it doesn't.

    Sections are laid over each other key by key. What the config says of a value takes the place of the recipe's whole
    value, so that a distribution, a placement or another thing with a ``kind`` is never half of each;
    so it is with :data:`WHOLE`.

    Args:
        data: of the config; changed in place.
        name: of the recipe, one of :data:`RECIPES`.

    Returns where the recipe's values came to stand.
    """
    return list(_laid(data, keys_of(name), ()))


def _laid(data: dict[str, Any], recipe: dict[str, Any], at: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, value in recipe.items():
        here = (*at, key)
        if key not in data:
            if any(data.get(other) is not None for other in INSTEAD.get(here, ())):
                continue
            data[key] = value
            yield here
        elif here not in WHOLE and _is_section(data[key]) and _is_section(value):
            yield from _laid(data[key], value, here)


def _is_section(value: Any) -> bool:
    return isinstance(value, dict) and "kind" not in value and value.keys().isdisjoint(KINDS)
