"""Dealing pictures out to places that come and go, on a simulated cluster."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scanstage.render.executors.ray.dispatch import IN_FLIGHT, LONGEST_CHUNK, LOSSES, Chunk, Dispatch, SentPicture


def filled(count: int) -> Dispatch:
    dispatch = Dispatch()
    for index in range(count):
        dispatch.add(SentPicture(index, "{}"))
    return dispatch


def deal_all(dispatch: Dispatch) -> list[tuple[int, Chunk]]:
    return list(iter(dispatch.deal, None))


def test_nothing_is_dealt_before_a_place_has_joined() -> None:
    dispatch = filled(3)
    assert dispatch.deal() is None
    dispatch.join(5)
    assert dispatch.deal()[0] == 5


def test_every_place_gets_work_before_any_gets_more() -> None:
    dispatch = filled(50)
    for place in range(4):
        dispatch.join(place)
    dealt = deal_all(dispatch)
    assert {place for place, _ in dealt[:4]} == {0, 1, 2, 3}
    assert Counter(place for place, _ in dealt) == dict.fromkeys(range(4), IN_FLIGHT)


def test_chunks_grow_where_pictures_are_quick_and_stay_single_where_they_are_slow() -> None:
    for seconds, longest in ((0.01, LONGEST_CHUNK), (1.9, 2), (60.0, 1)):
        dispatch = filled(100)
        dispatch.join(0)
        _, first = dispatch.deal()
        assert len(first.pictures) == 1
        dispatch.done(0, first.number, [seconds])
        assert {len(chunk.pictures) for _, chunk in deal_all(dispatch)} == {longest}


def test_the_last_pictures_are_shared_out() -> None:
    dispatch = filled(1)
    dispatch.join(0)
    dispatch.done(0, dispatch.deal()[1].number, [0.001])
    for index in range(1, 7):
        dispatch.add(SentPicture(index, "{}"))
    for place in range(3):
        dispatch.join(place)
    first = [chunk for _, chunk in deal_all(dispatch)][:3]
    assert [len(chunk.pictures) for chunk in first] == [2, 2, 1]


def test_a_suspect_is_alone_with_its_place() -> None:
    dispatch = filled(20)
    dispatch.join(0)
    dispatch.join(1)
    dealt = deal_all(dispatch)
    lost = {picture.index for place, chunk in dealt if place == 1 for picture in chunk.pictures}
    assert dispatch.leave(1, blame=True) == []
    assert dispatch.deal() is None  # place 0 is busy still, and gets nothing more before a suspect has had its turn
    for place, chunk in dealt:
        if place == 0:
            dispatch.done(0, chunk.number, [0.001] * len(chunk.pictures))
    for _ in range(len(lost)):
        [(place, chunk)] = deal_all(dispatch)
        assert place == 0
        assert len(chunk.pictures) == 1
        lost.remove(chunk.pictures[0].index)
        dispatch.done(0, chunk.number, [0.001])
    assert not lost
    assert len(deal_all(dispatch)) == IN_FLIGHT


def test_a_picture_that_takes_its_places_along_is_given_up_alone() -> None:
    dispatch = filled(4)
    for index in range(4):
        dispatch.join(index)
    given_up, made = [], set()
    for _ in range(100):
        dealt = dispatch.deal()
        if dealt is None:
            break
        place, chunk = dealt
        if any(picture.index == 2 for picture in chunk.pictures):
            given_up += dispatch.leave(place, blame=True)
            dispatch.join(place)
        else:
            made |= {
                picture.index for picture in dispatch.done(place, chunk.number, [1.0] * len(chunk.pictures)).pictures
            }
    assert [(picture.index, picture.losses) for picture in given_up] == [(2, LOSSES)]
    assert made == {0, 1, 3}


def test_a_place_that_leaves_in_order_blames_nobody() -> None:
    dispatch = filled(4)
    dispatch.join(0)
    deal_all(dispatch)
    for _ in range(LOSSES + 1):
        assert dispatch.leave(0, blame=False) == []
        dispatch.join(0)
        assert dispatch.waiting == 4
        deal_all(dispatch)


def test_an_answer_from_a_place_that_was_given_up_does_not_count() -> None:
    dispatch = filled(1)
    dispatch.join(0)
    _, chunk = dispatch.deal()
    dispatch.leave(0, blame=True)
    assert dispatch.done(0, chunk.number, [1.0]) is None
    dispatch.join(0)
    _, again = dispatch.deal()
    assert again.number != chunk.number
    assert dispatch.done(0, chunk.number, [1.0]) is None
    assert dispatch.done(0, again.number, [1.0]) is again
    assert dispatch.done(0, again.number, [1.0]) is None
    assert not dispatch.busy


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), places=st.integers(1, 5), pictures=st.integers(0, 40), poison=st.integers(0, 60))
def test_whatever_happens_each_picture_ends_once(seed: int, places: int, pictures: int, poison: int) -> None:
    """Places are lost and come back at random; one picture always takes its place along. It alone may be given up,
    but for pictures that chance hits three times."""
    rng = np.random.default_rng(seed)
    dispatch = Dispatch()
    away = set(range(places))
    held: list[tuple[int, Chunk]] = []
    ended: Counter[int] = Counter()
    given_up: set[int] = set()
    unlucky: Counter[int] = Counter()
    planned = 0
    for step in range(5000):
        chaos = step < 300
        if planned < pictures and rng.random() < 0.7:
            dispatch.add(SentPicture(planned, "{}"))
            planned += 1
        for place in sorted(away):
            if not chaos or rng.random() < 0.5:
                away.discard(place)
                dispatch.join(place)
        held += deal_all(dispatch)
        assert Counter(place for place, _ in held) <= Counter(dict.fromkeys(range(places), IN_FLIGHT))
        if held:
            place, chunk = held[int(rng.integers(len(held)))]
            if any(picture.index == poison for picture in chunk.pictures) or (chaos and rng.random() < 0.1):
                for _, lost in [h for h in held if h[0] == place]:
                    unlucky.update(picture.index for picture in lost.pictures)
                held = [h for h in held if h[0] != place]
                for picture in dispatch.leave(place, blame=True):
                    ended[picture.index] += 1
                    given_up.add(picture.index)
                away.add(place)
            else:
                held.remove((place, chunk))
                ended.update(
                    picture.index
                    for picture in dispatch.done(place, chunk.number, [0.5] * len(chunk.pictures)).pictures
                )
        if planned == pictures and not dispatch.busy and not dispatch.waiting:
            break
    assert ended == Counter(range(pictures))
    assert given_up == {index for index, losses in unlucky.items() if losses >= LOSSES}
    assert poison >= pictures or poison in given_up
