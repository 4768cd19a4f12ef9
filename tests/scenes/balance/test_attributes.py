from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.balance.attributes import Attribute, find_attributes, set_values
from scanstage.scenes.config.sections.run_config import RunConfig

VARIABLES = {
    "time": {"choice": {"day": 9, "night": 1}},
    "wet": {"choice": [True, False]},
    "lamps": {"choice": [1, 2, 3]},
    "warmth": {"uniform": [2400, 4200]},
    "place": {"switch": {"by": "time", "cases": {"day": "park", "night": {"choice": ["bar", "club"]}}}},
}


def find(attributes: dict[str, Any], base: Path = Path(), **more: Any) -> dict[str, tuple[Any, ...]]:
    config = RunConfig.model_validate({"variables": VARIABLES, "balance": {"attributes": attributes}} | more)
    return {a.name: a.values for a in find_attributes(config, base)}


def hdri(image: object) -> dict[str, Any]:
    return {"light": {"hdri": {"image": image}}}


@given(st.lists(st.text(max_size=3), min_size=1, max_size=7, unique=True), st.integers(0, 9), st.integers(0, 5))
def test_every_value_comes_once_in_each_cycle(values: list[str], seed: int, cycle: int) -> None:
    attribute = Attribute("time", tuple(values))
    n = len(values)
    shown = Counter(attribute.value_of(seed, i) for i in range(cycle * n, (cycle + 1) * n))
    assert shown == Counter(values)


def test_cycles_are_of_drawn_orders_that_follow_from_the_seed() -> None:
    attribute, other = Attribute("time", ("a", "b", "c")), Attribute("place", ("a", "b", "c"))
    run = [attribute.value_of(1, i) for i in range(60)]
    assert run == [attribute.value_of(1, i) for i in range(60)]
    assert run != [attribute.value_of(2, i) for i in range(60)]
    assert run != [other.value_of(1, i) for i in range(60)], "factors are not in step"
    assert len({tuple(run[i : i + 3]) for i in range(0, 60, 3)}) > 1


def test_only_attributes_with_values_are_set() -> None:
    assert set_values((Attribute("time", ("a",)), Attribute("elevation")), 0, 7) == {"time": "a"}


def test_values_of_variables() -> None:
    assert find({"time": "uniform"}) == {"time": ("day", "night")}
    assert find({"time": ["night"]}) == {"time": ("night",)}
    assert find({"time": ["night", "day", "night"]}) == {"time": ("night", "day")}
    assert find({"time": "independent", "wet": "uniform"}) == {"time": (), "wet": (True, False)}
    assert find({"lamps": "uniform"}) == {"lamps": (1, 2, 3)}
    assert find({"place": "independent"}) == {"place": ()}


def test_factors_that_can_only_be_chosen() -> None:
    names = ["background", "stage", "surface", "lamp_temperature", "distance", "viewing_direction", "elevation"]
    assert find(dict.fromkeys(names, "uniform")) == dict.fromkeys(names, ())


def test_environment_images(tmp_path: Path) -> None:
    images = tmp_path / "skies"
    images.mkdir()
    for name in ("b.hdr", "a.hdr"):
        (images / name).write_bytes(b"#?RADIANCE\n\n-Y 1 +X 2\n")
    config = hdri({"choice": ["builtin:studio", "skies"]})
    everything = ("builtin:studio", str(images / "a.hdr"), str(images / "b.hdr"))
    assert find({"hdri": "uniform"}, tmp_path, **config) == {"hdri": everything}
    assert find({"hdri": ["a.hdr", "builtin:studio"]}, tmp_path, **config) == {"hdri": (everything[1], everything[0])}
    assert find({"hdri": ["skies/b.hdr", "studio"]}, tmp_path, **config) == {"hdri": (everything[2], everything[0])}
    assert [Attribute("hdri").shown_as(v) for v in everything] == ["studio", "a.hdr", "b.hdr"]
    assert find({"hdri": "independent"}, tmp_path, **config) == {"hdri": ()}
    assert len(find({"hdri": "uniform"})["hdri"]) == 3, "those of the default choice that are indoors, as a table is"
    assert len(find({"hdri": "uniform"}, stage=[{"kind": "table"}, {"kind": "ground"}])["hdri"]) == 7
    assert find({"hdri": "uniform"}, light={"ambient": {}}) == {"hdri": ()}
    with pytest.raises(InputError, match=r"never 'attic'; it is one of studio, a\.hdr, b\.hdr"):
        find({"hdri": ["attic"]}, tmp_path, **config)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no image in this folder"):
        find({"hdri": "uniform"}, tmp_path, **hdri("empty"))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"tome": "uniform"}, r"balance\.attributes\.tome: there is no such variable or factor; did you mean time\?"),
        ({"qqqq": "uniform"}, "known: time, wet, lamps, warmth, place, hdri"),
        ({"time": ["day", "noon"]}, "never 'noon'; it is one of day, night"),
        ({"warmth": "uniform"}, "is a number; give the variable a choice of values"),
        ({"warmth": "independent"}, "is a number"),
        ({"lamps": "independent"}, "is a number"),
        ({"distance": [1, 2]}, "its values can't be listed; use uniform"),
        ({"place": "uniform"}, "follows from the variable time: balance that one"),
    ],
)
def test_what_cannot_be_is_refused(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        find(attributes)


def test_images_that_follow_from_a_variable_are_not_set() -> None:
    switch = {"switch": {"by": "time", "cases": {"day": "builtin:city", "night": "builtin:night"}}}
    with pytest.raises(InputError, match=r"attributes\.hdri: follows from the variable time"):
        find({"time": "uniform", "hdri": "uniform"}, **hdri(switch))
    assert find({"time": "uniform", "hdri": "independent"}, **hdri(switch))["hdri"] == ()


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        find({"tome": "uniform", "time": ["noon"], "warmth": "uniform"})
    assert len(caught.value.problems) == 3
