"""Pictures while there is hope that any can be planned."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.picture_sequence.picture_source import HOPELESS, hopeful
from scanstage.scenes.picture_sequence.planned_picture import Picture, PlannedPicture, RefusedPicture


def pictures(text: str) -> Iterator[Picture]:
    """``p`` for each that is planned, ``r`` for each that is refused."""
    for index, letter in enumerate(text):
        if letter == "p":
            yield PlannedPicture(SimpleNamespace(plan=SimpleNamespace(index=index)), 0.1)  # type: ignore[arg-type]
        else:
            yield RefusedPicture(index, InputError(f"picture {index}: no good plan", "lower the density"), 0.1)


@pytest.mark.parametrize("text", ["", "p", "rp", "rrp", "prrrrr", "rrprrrrrp"])
def test_all_go_on_in_their_order_once_one_is_planned(text: str) -> None:
    for resumed in (False, True):
        assert [p.index for p in hopeful(pictures(text), resumed)] == list(range(len(text)))


def test_refused_ones_are_held_back_until_one_is_planned() -> None:
    pulled: list[int] = []

    def noted() -> Iterator[Picture]:
        for picture in pictures("rrpr"):
            pulled.append(picture.index)
            yield picture

    found = hopeful(noted(), resumed=False)
    assert next(found).index == 0
    assert pulled == [0, 1, 2]
    assert [p.index for p in found] == [1, 2, 3]


@pytest.mark.parametrize("text", ["r", "rr", "rrr", "rrrr", "rrrp"])
def test_where_none_can_be_planned_the_run_ends(text: str) -> None:
    last = min(len(text), HOPELESS) - 1
    with pytest.raises(InputError, match=f"picture {last}: no good plan") as refused:
        list(hopeful(pictures(text), resumed=False))
    assert refused.value.hint == "lower the density"
    assert len(list(hopeful(pictures(text), resumed=True))) == len(text)
