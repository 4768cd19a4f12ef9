"""Shortcuts of drawing give what the long way gives: plans must not change with them."""

from __future__ import annotations

from scanstage.scenes.values.distributions import Uniform
from scanstage.scenes.values.draws import Draws
from scanstage.scenes.values.seeding import Streams


def draws() -> Draws:
    return Draws(Streams(3, 5, 1), {})


def test_an_even_pick_is_the_generators_own_choice() -> None:
    options = list("abcdefghijk")
    names = [f"objects.{i}.class" for i in range(300)]
    picked = [draws().pick(options, name) for name in names]
    assert picked == [options[int(draws().rng(name).choice(len(options)))] for name in names]
    assert len(set(picked)) == len(options)


def test_constants_are_themselves_and_distributions_draw_from_their_stream() -> None:
    assert draws().value("oak", "a") == "oak"
    assert draws().number(2, "a") == 2.0
    assert draws().number(Uniform(uniform=(1.0, 2.0)), "a") == draws().rng("a").uniform(1.0, 2.0)
