"""The loop on a simulated world: what is placed is kept by the toss of a coin, at a rate of each class's own."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.simulated_world import ROOM, counted, make_controller, run, show

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.balance.attributes import Attribute
from scanstage.scenes.balance.targets import Targets
from scanstage.scenes.picture_order import Entry, Order, Shown

RATES = {"owl": 0.9, "mouse": 0.5, "moth": 0.2, "cat": 0.7}
EVEN = dict.fromkeys(RATES, 60)
SHARES = Targets(None, {"owl": 0.5, "mouse": 0.25, "moth": 0.25, "cat": 0.0}, {})


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(st.sampled_from("abcdefghij"), st.integers(0, 60), min_size=1).filter(lambda d: any(d.values())),
    st.sampled_from(["instances", "images"]),
    st.integers(0, 99),
)
def test_counts_are_reached_exactly_and_never_exceeded(asked: dict[str, int], count: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rates = {c: float(rng.uniform(0.15, 1)) for c in asked}
    controller = make_controller(counted(asked), count=count, seed=seed)
    entries = run(controller, rates)
    assert {c: controller.counted[c] for c in asked} == asked
    assert [e.order.index for e in entries] == list(range(len(entries)))
    assert controller.next_wave() == []
    for c, n in asked.items():
        assert n or not controller.tally.placed[c], "what isn't wanted isn't placed"


def test_placements_make_up_for_what_is_lost() -> None:
    """Open loop would keep as many of each as their rates say: 4.5 to 1."""
    controller = make_controller(counted(EVEN))
    run(controller, RATES)
    placed = controller.tally.placed
    assert placed["moth"] > 3 * placed["owl"]
    for c, rate in RATES.items():
        # The number placed until 60 are kept has mean 60 / r and variance 60 (1 - r) / r².
        assert abs(placed[c] - 60 / rate) < 4 * np.sqrt(60 * (1 - rate)) / rate + 1


def test_pictures_are_full_until_the_end() -> None:
    controller = make_controller(counted(EVEN))
    entries = run(controller, RATES)
    sizes = [len(e.order.classes) for e in entries]
    needed = sum(60 / r for r in RATES.values()) / ROOM
    assert len(entries) < 1.35 * needed
    assert sizes[: len(sizes) // 2] == [ROOM] * (len(sizes) // 2)


def test_a_picture_shows_no_more_than_it_has_room_for() -> None:
    rooms = [3, 7, 1, 5]
    controller = make_controller(counted(EVEN), room=lambda index, fixed: rooms[index % 4])
    for entry in run(controller, RATES):
        assert 1 <= len(entry.order.classes) <= rooms[entry.order.index % 4]


def test_room_follows_from_variables_that_are_set() -> None:
    attributes = (Attribute("time", ("day", "night")), Attribute("hdri", ("builtin:city", "/x/attic.exr")))
    controller = make_controller(
        counted(EVEN),
        attributes=attributes,
        variables=["time"],
        room=lambda index, fixed: 8 if fixed.get("time") == "day" else 2,
    )
    entries = run(controller, RATES)
    for entry in entries:
        assert set(entry.order.fixed) == {"time"}
        assert entry.order.hdri in ("builtin:city", "/x/attic.exr")
        assert len(entry.order.classes) <= (8 if entry.order.fixed["time"] == "day" else 2)
    times = Counter(e.order.fixed["time"] for e in entries)
    assert abs(times["day"] - times["night"]) <= 1


@pytest.mark.parametrize("seed", range(4))
def test_every_class_meets_a_set_value_as_often_as_the_others(seed: int) -> None:
    asked = {f"c{i:02d}": 40 for i in range(12)}
    attributes = (Attribute("time", ("day", "night")),)
    rates = {c: 0.95 - 0.05 * (i % 5) for i, c in enumerate(asked)}
    controller = make_controller(counted(asked), attributes=attributes, variables=["time"], seed=seed)
    run(controller, rates)
    for c in asked:
        assert 17 <= controller.tally.cells[c, "time", "day"] <= 23, "of 40; by chance three classes would miss this"


def test_a_class_that_is_never_kept_ends_the_run_with_the_rule() -> None:
    controller = make_controller(counted(EVEN))
    with pytest.raises(InputError, match=r"class 'moth': of \d+ objects placed only 0 are labelled; lost \d+ by min_p"):
        run(controller, RATES | {"moth": 0.0})
    assert controller.tally.placed["moth"] < 400, "after bounded tries"
    for c in ("owl", "mouse", "cat"):
        assert controller.tally.kept[c] > 0


def test_pictures_that_can_never_be_planned_end_the_run() -> None:
    controller = make_controller(counted(EVEN))

    def shown(order: Order) -> Entry:
        return Entry(order, None, (), {}) if "moth" in order.classes else show(order, RATES)

    with pytest.raises(InputError, match=r"class 'moth'.*lost \d+ with pictures that can't be planned"):
        run(controller, RATES, shown=shown)
    assert controller.tally.failed["moth"] < 400


def test_pictures_that_fail_now_and_then_are_made_up_for() -> None:
    controller = make_controller(counted(EVEN))

    def shown(order: Order) -> Entry:
        return Entry(order, None, (), {}) if order.index % 3 == 0 else show(order, RATES)

    run(controller, RATES, shown=shown)
    assert dict(controller.tally.kept) == EVEN


def test_images_are_what_is_counted_where_they_are_asked_for() -> None:
    controller = make_controller(counted(EVEN), count="images")
    entries = run(controller, RATES)
    images = Counter(c for e in entries for c in {o.class_name for o in e.objects if o.lost_by is None})
    assert dict(images) == EVEN
    assert sum(controller.tally.kept.values()) >= sum(EVEN.values())


@pytest.mark.parametrize("count", ["instances", "images"])
def test_with_a_number_of_pictures_the_target_is_a_share(count: str) -> None:
    controller = make_controller(SHARES, images=150, count=count)
    entries = run(controller, RATES)
    assert len(entries) == 150
    total = sum(controller.counted.values())
    for c, share in SHARES.shares.items():
        assert controller.counted[c] / total == pytest.approx(share, abs=0.02)
    if count == "instances":
        assert sum(len(e.order.classes) for e in entries) == 150 * ROOM, "no room is wasted"


def test_counts_are_shares_too_where_pictures_are_given() -> None:
    controller = make_controller(counted({"owl": 400, "mouse": 200}), images=40)
    assert len(run(controller, RATES)) == 40
    kept = controller.tally.kept
    assert kept["owl"] / kept["mouse"] == pytest.approx(2, abs=0.15)


def test_shares_alone_need_a_number_of_pictures() -> None:
    with pytest.raises(ValueError, match="number of images"):
        make_controller(SHARES)


def test_context_is_bounded_and_only_of_classes_that_have_enough() -> None:
    asked = {"owl": 10, "mouse": 10, "moth": 200, "cat": 0}
    plain, social = make_controller(counted(asked)), make_controller(counted(asked), context=0.25)
    run(plain, RATES)
    entries = run(social, RATES)
    assert dict(plain.tally.kept) == asked
    assert social.tally.kept["moth"] == 200
    assert social.tally.kept["cat"] > 0
    placed, kept = Counter[str](), Counter[str]()
    for _, wave in groups(entries):
        objects = [o for e in wave for o in e.objects]
        context = sum(kept[o.class_name] >= asked[o.class_name] for o in objects)
        assert context <= 0.25 * len(objects) + 1
        placed.update(o.class_name for o in objects)
        kept.update(o.class_name for o in objects if o.lost_by is None)
    assert placed["cat"] > 0


def groups(entries: list[Entry]) -> list[tuple[int, list[Entry]]]:
    """Entries by wave."""
    waves: dict[int, list[Entry]] = {}
    for entry in entries:
        waves.setdefault(entry.order.wave, []).append(entry)
    assert list(waves) == sorted(waves)
    return list(waves.items())


@pytest.mark.parametrize("known", [1, 17, 40])
def test_a_resumed_run_gives_the_same_orders(known: int) -> None:
    whole = run(make_controller(counted(EVEN), scans=3), RATES)
    assert run(make_controller(counted(EVEN), scans=3), RATES, known=whole[:known]) == whole


def test_orders_of_a_wave_do_not_depend_on_what_it_shows() -> None:
    """So a picture can be planned while others of its wave are."""
    a, b = make_controller(counted(EVEN)), make_controller(counted(EVEN))
    first = a.next_wave()
    assert b.next_wave() == first
    for order in first:
        a.note(show(order, RATES))
        b.note(show(order, dict.fromkeys(RATES, 0.5)))
    assert a.next_wave() != b.next_wave(), "but the next wave does"


def test_seeds_differ() -> None:
    orders = [make_controller(counted(EVEN), seed=s).next_wave() for s in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


def test_scans_of_a_class_take_turns() -> None:
    controller = make_controller(counted(EVEN), scans=5)
    run(controller, RATES)
    for c in RATES:
        used = [controller.tally.used[f"{c}/{k}"] for k in range(5)]
        assert max(used) - min(used) <= 1


def picture(*objects: tuple[str, int, bool]) -> tuple[Shown, ...]:
    return tuple(Shown(c, f"{c}/0", side, None if kept else "min_pixels") for c, side, kept in objects)


def test_a_plan_that_adds_nothing_wanted_is_flawed() -> None:
    controller = make_controller(counted(EVEN))
    wanted = {"owl": 1.0, "mouse": 0.0, "moth": 3.0, "cat": 0.0}
    assert controller.flaw(picture(("owl", 0, True), ("mouse", 0, True)), {}, wanted) == 0
    nothing = controller.flaw(picture(("owl", 0, False), ("mouse", 0, True)), {}, wanted)
    assert nothing > controller.flaw(picture(("owl", 0, True)), {}, wanted)


def test_a_side_that_is_repeated_speaks_against_a_plan() -> None:
    controller = make_controller(counted(EVEN))
    order = Order(0, 0, ("owl",), ("owl/0",))
    for _ in range(12):
        controller.note(Entry(order, 0, picture(("owl", 5, True)), {}))
    for side in range(6, 9):
        controller.note(Entry(order, 0, picture(("owl", side, True)), {}))
    # Side 5 has been seen 12 times, three others once: even is (15 + 1) / 4 = 4, twice that 8; 13 / 8 - 1 = 0.625.
    wanted = dict.fromkeys(RATES, 1.0)
    assert controller.flaw(picture(("owl", 5, True)), {}, wanted) == pytest.approx(0.625)
    assert controller.flaw(picture(("owl", 6, True)), {}, wanted) == 0
    assert controller.flaw(picture(("owl", 20, True)), {}, wanted) == 0


def test_a_value_that_a_class_meets_too_often_speaks_against_a_plan() -> None:
    controller = make_controller(counted(EVEN), attributes=(Attribute("elevation"),))
    order = Order(0, 0, ("owl",), ("owl/0",))
    for c, value in [("owl", "low")] * 9 + [("mouse", "high")] * 9:
        controller.note(Entry(order, 0, picture((c, len(value), True)), {"elevation": value}))
    wanted = dict.fromkeys(RATES, 1.0)
    owl = replace(picture(("owl", 1, True))[0], asset_id="owl/other")
    assert controller.flaw((owl,), {"elevation": "low"}, wanted) > 0
    assert controller.flaw((owl,), {"elevation": "high"}, wanted) == 0


def test_classes_do_not_meet_their_neighbours_in_the_alphabet_only() -> None:
    asked = {f"c{i:02d}": 4 for i in range(60)}
    entries = run(make_controller(counted(asked)), dict.fromkeys(asked, 0.9))
    met = [abs(int(a[1:]) - int(b[1:])) for e in entries for a in e.order.classes for b in e.order.classes if a < b]
    # Of two different numbers out of 60 that have nothing to do with each other the mean distance is 61 / 3.
    assert np.mean(met) == pytest.approx(61 / 3, rel=0.15)


def test_room_for_context_is_used_while_no_class_has_enough() -> None:
    controller = make_controller(counted(EVEN), context=0.75)
    assert {len(order.classes) for order in controller.next_wave()} == {ROOM}


def test_where_images_are_counted_there_are_at_least_as_many_to_come() -> None:
    controller = make_controller(counted({"owl": 90, "mouse": 5}), count="images")
    assert controller.expected_pictures() >= 90
    assert all("owl" in order.classes for order in controller.next_wave())


@pytest.mark.parametrize(
    ("placed", "kept", "hopeless"), [(79, 0, False), (90, 0, True), (90, 1, False), (160, 1, True)]
)
def test_a_class_is_given_up_on_evidence_only(placed: int, kept: int, hopeless: bool) -> None:
    controller = make_controller(counted({"owl": 60}))
    order = Order(0, 0, ("owl",), ("owl/0",))
    for i in range(placed):
        controller.note(Entry(order, 0, picture(("owl", i % 24, i < kept)), {}))
    if hopeless:
        with pytest.raises(InputError, match="can't be reached"):
            controller.next_wave()
    else:
        assert controller.next_wave()


def test_thousands_of_classes_cost_little() -> None:
    """Of several seconds that planning a wave takes, the controller's part can't be felt."""
    asked = {f"c{i:04d}": 3 for i in range(1200)}
    attributes = (Attribute("time", ("day", "night")), Attribute("hdri"), Attribute("viewing_direction"))
    controller = make_controller(counted(asked), attributes=attributes, variables=["time"])
    rates = dict.fromkeys(asked, 0.9)
    start, pictures = time.process_time(), 0
    while pictures < 300:
        wanted = controller.lacking()
        entries = [show(order, rates) for order in controller.next_wave()]
        for entry in entries:
            controller.flaw(entry.objects, entry.factors, wanted)
            controller.note(entry)
        pictures += len(entries)
    assert (time.process_time() - start) / pictures < 0.02


def test_choosing_among_plans_evens_classes_out_and_prefers_no_value() -> None:
    """Values that are drawn equally often stay so, and classes meet them more alike than by chance."""
    asked = {f"c{i}": 180 for i in range(8)}
    values = 7
    controller = make_controller(counted(asked), attributes=(Attribute("hdri"),))
    rng = np.random.default_rng(1)
    pictures = np.zeros(values)

    def chosen(order: Order) -> Entry:
        base = show(order, dict.fromkeys(asked, 0.9))
        best: tuple[float, Entry] | None = None
        for _ in range(6):
            entry = replace(base, factors={"hdri": str(rng.integers(values))})
            against = controller.flaw(entry.objects, entry.factors, dict.fromkeys(asked, 1.0))
            if best is None or against < best[0]:
                best = against, entry
            if against == 0:
                break
        assert best is not None
        pictures[int(best[1].factors["hdri"])] += 1
        return best[1]

    run(controller, {}, shown=chosen)
    even = pictures.sum() / values
    assert np.abs(pictures - even).max() < 4 * np.sqrt(even), pictures
    met = np.array([[controller.tally.cells[c, "hdri", str(v)] for v in range(values)] for c in asked], float)
    expected = met.sum(axis=0) * met.sum(axis=1, keepdims=True) / met.sum()
    # Independent of each other, chi square is about (8 - 1) (7 - 1) = 42.
    assert ((met - expected) ** 2 / expected).sum() < 42
