"""A run on a cluster, with actors that are played here: losses, refusals, late answers. No Ray needed."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from support.analytic_engine import INFO

import scanstage.render.executors.ray.ray_executor as module
from scanstage.assets.messages.errors import InputError
from scanstage.render.engine.engine_protocol import EngineCrashed
from scanstage.render.executors.ray.cluster_shares import ActorShares, Node
from scanstage.render.executors.ray.ray_actors import ActorLost
from scanstage.render.executors.ray.ray_executor import RENEWALS, RayExecutor
from scanstage.render.finish.outcome import Outcome
from scanstage.scenes.picture_sequence.planned_picture import Picture, PlannedPicture, RefusedPicture
from scanstage.scenes.plan import BackgroundPlan, FramePlan, PostPlan, WorldPlan
from scanstage.scenes.planning.planner import NO_CAMERA
from scanstage.scenes.planning.refusals import PlanningError


def picture(index: int) -> PlannedPicture:
    sky = WorldPlan(None, 0.0, 1.0)
    plan = FramePlan(index, 0, NO_CAMERA, (), sky, BackgroundPlan("hdri"), (), (), PostPlan())
    return PlannedPicture(SimpleNamespace(plan=plan), 0.5)  # type: ignore[arg-type]


class PlayedActors:
    """Answers from threads, as Ray does. Override what is to go wrong."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.shares = ActorShares(count, 1, 0.0, 0, None, "")
        self.made: Counter[int] = Counter()
        self.ended: list[bool] = []
        self.renewed: Counter[int] = Counter()
        self._lock = threading.Lock()

    def ask(self, place: int, what: str, *args: Any, tell) -> None:
        def answer() -> None:
            time.sleep(0.002)
            tell(getattr(self, what)(place, *args))

        threading.Thread(target=answer, daemon=True).start()

    def where(self, place: int) -> Any:
        return f"n{place}"

    def prepare(self, place: int) -> Any:
        return {"node": f"n{place}", "pid": 1, "info": dict(vars(INFO)), "versions": {}}

    def make(self, place: int, tasks) -> Any:
        for task in tasks:
            assert FramePlan.from_json(task.plan).index == task.index
            with self._lock:
                self.made[task.index] += 1
        return [Outcome(p.index, f"record {p.index}", None, {"render": 0.01}) for p in tasks]

    def renew(self, place: int) -> None:
        self.renewed[place] += 1

    def nodes(self) -> list[Node]:
        return [Node("n0", 2.0, 0.0, 4e9)]

    def end(self, at_once: bool) -> None:
        self.ended.append(at_once)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK_S", 0.02)
    monkeypatch.setattr(module, "AGAIN_S", 0.01)


class Run:
    def __init__(self, actors: PlayedActors) -> None:
        self.joined = 0
        self.met: list[str] = []
        self.given_up: list[tuple[int, str]] = []

        def join() -> Any:
            self.joined += 1
            return actors

        self.executor = RayExecutor(
            join,
            lambda info: self.met.append(info.blender),
            lambda plan, reason: self.given_up.append((plan.index, reason)),
        )

    def outcomes(self, indices: Iterable[int]) -> dict[int, Outcome]:
        return self.outcomes_of(map(picture, indices))

    def outcomes_of(self, pictures: Iterator[Picture]) -> dict[int, Outcome]:
        assert self.executor.start(pictures, at_once=True) == INFO
        made = list(self.executor.outcomes())
        assert len(made) == len({o.index for o in made})
        return {o.index: o for o in made}


def test_each_picture_is_made_once_and_nothing_is_ended() -> None:
    actors = PlayedActors(3)
    run = Run(actors)
    outcomes = run.outcomes(range(40))
    assert {i: o.record for i, o in outcomes.items()} == {i: f"record {i}" for i in range(40)}
    assert actors.made == Counter(range(40))
    assert all(set(o.seconds) == {"plan", "render"} for o in outcomes.values())
    assert 1 <= len(run.met) <= 3
    assert actors.ended == []
    assert sorted(Run(actors).outcomes(range(40, 45))) == list(range(40, 45))


def test_pictures_are_pulled_by_one_thread_of_their_own() -> None:
    threads = set()

    def pictures() -> Iterator[Picture]:
        for i in range(30):
            threads.add(threading.get_ident())
            yield picture(i)

    assert len(Run(PlayedActors(2)).outcomes_of(pictures())) == 30
    assert len(threads - {threading.get_ident()}) == len(threads) == 1


def test_planning_does_not_run_away_from_rendering() -> None:
    count = 0

    class Stuck(PlayedActors):
        def prepare(self, place: int) -> Any:
            threading.Event().wait()  # for good: an answer after the test would surprise whatever runs then

    def pictures() -> Iterator[Picture]:
        nonlocal count
        for i in range(1000):
            count += 1
            yield picture(i)

    executor = Run(Stuck(2)).executor
    threading.Thread(target=lambda: executor.start(pictures(), at_once=True), daemon=True).start()
    time.sleep(0.5)
    assert 2 <= count <= 2 * module.AHEAD + 5


def test_what_a_lost_actor_had_goes_to_others(caplog: pytest.LogCaptureFixture) -> None:
    class OneLost(PlayedActors):
        def make(self, place: int, tasks) -> Any:
            if place == 1 and not self.renewed[1] and sum(self.made.values()) > 5:
                return ActorLost("node died", gone=False)
            return super().make(place, tasks)

        def where(self, place: int) -> Any:
            if place == 1 and sum(self.made.values()) > 5:
                return ActorLost("still away", gone=False)
            return super().where(place)

    actors = OneLost(2)
    run = Run(actors)
    assert len(run.outcomes(range(60))) == 60
    assert actors.made == Counter(range(60))
    assert run.given_up == []
    assert caplog.text.count("was lost") == 1


def test_a_lost_actor_gets_work_again_once_it_answers() -> None:
    class Unsteady(PlayedActors):
        lost = 0

        def make(self, place: int, tasks) -> Any:
            if sum(self.made.values()) >= 6 * (self.lost + 1) and self.lost < 3:
                self.lost += 1
                return ActorLost("gone", gone=self.lost % 2 == 0)
            return super().make(place, tasks)

    actors = Unsteady(1)
    run = Run(actors)
    assert sorted(run.outcomes(range(40))) == list(range(40))
    assert run.given_up == []
    assert actors.renewed == {0: 1}


def test_an_answer_that_comes_after_the_loss_is_told_once() -> None:
    class Partitioned(PlayedActors):
        """Its actor is taken for lost, but lives and answers later."""

        def ask(self, place: int, what: str, *args: Any, tell) -> None:
            if what == "make" and place == 0 and not self.ended and self.made.total() < 3:
                tell(ActorLost("unavailable", gone=False))
                time.sleep(0.01)
            super().ask(place, what, *args, tell=tell)

    assert sorted(Run(Partitioned(2)).outcomes(range(30))) == list(range(30))


def test_a_picture_that_takes_its_actors_along_is_given_up() -> None:
    class Poisoned(PlayedActors):
        def make(self, place: int, tasks) -> Any:
            if any(p.index == 7 for p in tasks):
                return ActorLost("out of memory", gone=False)
            return super().make(place, tasks)

    actors = Poisoned(2)
    run = Run(actors)
    outcomes = run.outcomes(range(20))
    assert outcomes.keys() == set(range(20))
    assert [i for i, o in outcomes.items() if o.record is None] == [7]
    assert [i for i, _ in run.given_up] == [7]
    assert "memory" in outcomes[7].reason
    assert set(actors.made) == set(range(20)) - {7}


def test_a_node_that_cannot_take_part_is_named_and_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    class Other(PlayedActors):
        def prepare(self, place: int) -> Any:
            if place == 1:
                return InputError("/scans/box: another scan there", "share the folder")
            return {"lacking": "no module"} if place == 2 else super().prepare(place)

    run = Run(Other(3))
    assert len(run.outcomes(range(10))) == 10
    assert "node n1: /scans/box: another scan there" in caplog.text
    assert "node n2: scanstage isn't installed there" in caplog.text


def test_other_versions_on_a_node_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    class Mixed(PlayedActors):
        first, other = threading.Event(), threading.Event()

        def make(self, place: int, tasks) -> Any:
            self.first.set()
            self.other.wait(10)
            return super().make(place, tasks)

        def prepare(self, place: int) -> Any:
            if place:
                self.first.wait(10)
                self.other.set()
            versions = {"numpy": "2" if place else "1", "embreex": "7"}
            return {**super().prepare(place), "node": "n1" if place else "n0", "versions": versions}

    run = Run(Mixed(3))
    run.outcomes(range(300))
    assert caplog.text.count("node n1 has numpy 2 (others 1): its pictures may differ") == 1


def test_where_no_node_can_take_part_all_reasons_are_told() -> None:
    class None_(PlayedActors):
        def prepare(self, place: int) -> Any:
            return InputError(f"scan {place} is missing", "share the folder")

    with pytest.raises(InputError) as raised:
        Run(None_(2)).outcomes(range(10))
    assert raised.value.problems == ["node n0: scan 0 is missing", "node n1: scan 1 is missing"]
    assert raised.value.hint == "share the folder"


def test_an_actor_whose_blender_fails_for_good_hands_its_pictures_over() -> None:
    class Failing(PlayedActors):
        def make(self, place: int, tasks) -> Any:
            if place == 0 and self.made.total() > 4:
                return EngineCrashed("Blender can't be started any more")
            return super().make(place, tasks)

    actors = Failing(2)
    run = Run(actors)
    assert sorted(run.outcomes(range(30))) == list(range(30))
    assert actors.made == Counter(range(30))
    with pytest.raises(EngineCrashed, match="any more"):
        Run(type("All", (Failing,), {"make": lambda *a: EngineCrashed("any more")})(2)).outcomes(range(5))


def test_a_folder_that_cannot_be_written_ends_the_run() -> None:
    class Full(PlayedActors):
        def make(self, place: int, tasks) -> Any:
            return OSError(28, "No space left on device", "/out")

    actors = Full(2)
    with pytest.raises(OSError, match="No space left"):
        Run(actors).outcomes(range(5))
    assert actors.ended == [True]


def test_no_room_is_said_and_ends_after_a_while(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "NOTE_S", 0.1)
    monkeypatch.setattr(module, "ROOM_S", 0.4)

    class Nowhere(PlayedActors):
        def ask(self, place: int, what: str, *args: Any, tell) -> None:
            pass

    run = Run(Nowhere(2))
    with pytest.raises(InputError, match=r"each asks for 1 CPU; the cluster has 1 node with 2 CPUs"):
        run.outcomes(range(5))
    assert caplog.text.count("waiting") == 1


def test_all_lost_for_good_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NOTE_S", 0.1)
    monkeypatch.setattr(module, "ROOM_S", 0.4)

    class Away(PlayedActors):
        def make(self, place: int, tasks) -> Any:
            return ActorLost("node died", gone=False) if self.made.total() > 3 else super().make(place, tasks)

        def where(self, place: int) -> Any:
            return super().where(place) if self.made.total() < 2 else ActorLost("away", gone=False)

    with pytest.raises(EngineCrashed, match="all actors were lost"):
        Run(Away(1)).outcomes(range(50))


def test_an_actor_that_always_ends_is_not_renewed_for_ever() -> None:
    class Ending(PlayedActors):
        def prepare(self, place: int) -> Any:
            return ActorLost("killed at its start", gone=True)

    actors = Ending(1)
    with pytest.raises(EngineCrashed, match="again and again: killed at its start"):
        Run(actors).outcomes(range(5))
    assert actors.renewed[0] == RENEWALS


def test_closing_ends_all_at_once() -> None:
    actors = PlayedActors(2)
    executor = Run(actors).executor
    executor.start(map(picture, range(1000)), at_once=True)
    outcomes = executor.outcomes()
    next(outcomes)
    outcomes.close()
    assert actors.ended == [True]


def test_what_planning_raises_ends_the_run_before_it_begins() -> None:
    def pictures() -> Iterator[Picture]:
        raise PlanningError("picture 2: no good plan")
        yield

    class Slow(PlayedActors):
        def prepare(self, place: int) -> Any:
            time.sleep(0.2)
            return super().prepare(place)

    for at_once in (True, False):
        actors = Slow(1)
        run = Run(actors)
        with pytest.raises(InputError, match="no good plan"):
            run.executor.start(pictures(), at_once)
        assert run.met == []
        assert (run.joined, actors.ended) == ((1, [True]) if at_once else (0, []))


def test_nothing_is_made_before_outcomes_are_asked_for() -> None:
    actors = PlayedActors(2)
    run = Run(actors)
    assert run.executor.workers == 0
    run.executor.start(itertools.chain([refused(0)], map(picture, range(1, 6))), at_once=True)
    time.sleep(0.1)
    assert (run.executor.workers, actors.made.total()) == (2, 0)
    outcomes = {o.index: o for o in run.executor.outcomes()}
    assert sorted(outcomes) == list(range(6))
    assert (outcomes[0].reason, outcomes[0].hint, outcomes[0].seconds) == ("no good plan", "lower the density", {})


def refused(index: int) -> RefusedPicture:
    return RefusedPicture(index, InputError("no good plan", "lower the density"), 0.5)


def test_the_cluster_is_joined_with_the_first_planned_picture(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "NOTE_S", 0.0)
    caplog.set_level(logging.INFO)
    run = Run(PlayedActors(2))
    assert run.executor.start(iter([refused(0), refused(1)]), at_once=False) is None
    assert [o.index for o in run.executor.outcomes()] == [0, 1]
    assert (run.joined, caplog.messages) == (0, [])
    run = Run(PlayedActors(2))
    found: list[object] = []
    go_on = threading.Event()

    def pictures() -> Iterator[Picture]:
        yield refused(0)
        go_on.wait(20)
        yield picture(1)

    thread = threading.Thread(target=lambda: found.append(run.executor.start(pictures(), at_once=False)))
    thread.start()
    thread.join(0.2)
    assert (run.joined, found) == (0, [])
    go_on.set()
    thread.join(20)
    assert (run.joined, found) == (1, [INFO])
    assert sorted(o.index for o in run.executor.outcomes()) == [0, 1]


def test_a_run_that_is_given_up_after_its_start_ends_its_actors() -> None:
    actors = PlayedActors(2)
    run = Run(actors)
    run.executor.start(map(picture, range(10)), at_once=True)
    run.executor.close()
    assert actors.ended == [True]
