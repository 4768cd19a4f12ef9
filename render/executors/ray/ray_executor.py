"""Makes a run's pictures on a Ray cluster: plans here, renders and finishes there.

One thread plans. All else happens where the outcomes are asked for: it waits for what the planning thread and the
actors have to say, and deals pictures out (:mod:`dispatch`).
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from scanstage.assets.messages.errors import InputError
from scanstage.render.engine.blender_session import EngineCrashed, EngineError, EngineInfo
from scanstage.render.engine.supervised_worker import Stopped
from scanstage.render.executors.local.local_executor import Plan, plan_all
from scanstage.render.executors.ray.actor_places import Actors, Answer, Place
from scanstage.render.executors.ray.actor_troubles import at_node, not_installed, on_node, together
from scanstage.render.executors.ray.cluster_shares import in_words
from scanstage.render.executors.ray.dispatch import LOSSES, Dispatch, Picture
from scanstage.render.executors.ray.ray_actors import ActorLost
from scanstage.render.executors.ray.remote_worker import Task
from scanstage.render.finish.outcome import Outcome
from scanstage.render.terminal.console import Console, print_note
from scanstage.scenes.plan import FramePlan

AHEAD = 4
"""So many pictures are planned for each actor before it takes them."""
TICK_S = 0.5
AGAIN_S = 1.0
"""An actor out of reach is asked again after so long."""
NOTE_S = 15.0
ROOM_S = 300.0
"""So long a run goes without any actor, until it ends: at its start, and when all have been lost."""
RENEWALS = 5


@dataclass(frozen=True)
class RayExecutor:
    """See :class:`local_executor.Executor`. The actors are the caller's, as a local executor's seats are.

    Args:
        plan: plans a picture; called from one thread.
        actors: that render and finish.
        meet: told of each actor that is ready, from the thread that asks for outcomes.
        give_up: told of a picture that takes its actors along: plan, reason.
        console: for what befalls actors.
        resumed: whether other pictures are finished already: then no failure to plan ends the run.
    """

    plan: Plan
    actors: Actors
    meet: Callable[[EngineInfo], None]
    give_up: Callable[[FramePlan, str], None]
    console: Console
    resumed: bool = False

    def map(self, indices: Iterable[int]) -> Generator[Outcome, None, None]:
        """See :class:`local_executor.Executor`."""
        yield from _RayRun(self).outcomes(indices)


@dataclass
class _RayRun:
    """One call of ``map``."""

    executor: RayExecutor
    dispatch: Dispatch = field(default_factory=Dispatch)
    places: list[Place] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._inbox: queue.Queue[Answer | Outcome | BaseException | None] = queue.Queue()
        self._planned: queue.Queue[Picture | None] = queue.Queue(maxsize=max(1, AHEAD * self.executor.actors.count))
        self._all_planned = False
        self._stop = threading.Event()
        self._without_since = time.monotonic()
        self._noted = False
        self._joined = False
        self._usual: dict[str, str] = {}
        self._told: set[str] = set()

    def outcomes(self, indices: Iterable[int]) -> Generator[Outcome, None, None]:
        thread = threading.Thread(target=self._planning, args=(indices,), daemon=True)
        thread.start()
        complete = False
        try:
            for place in range(self.executor.actors.count):
                self.places.append(Place())
                self._ask(place, "where")
            while not self._finished():
                yield from self._next()
                self._deal()
            complete = True
        finally:
            self._stop.set()
            if not complete:
                self.executor.actors.end(at_once=True)
            thread.join(timeout=5.0)

    def _finished(self) -> bool:
        return self._all_planned and not self.dispatch.busy and not self.dispatch.waiting and self._inbox.empty()

    def _planning(self, indices: Iterable[int]) -> None:
        try:
            for item in plan_all(indices, self.executor.plan, self.executor.resumed):
                if isinstance(item, Outcome):
                    self._inbox.put(item)
                else:
                    self._put(Picture(item.index, item.planned.plan.to_json(), item.seconds["plan"]))
            self._put(None)
        except Stopped:
            pass
        except BaseException as e:
            self._inbox.put(e)

    def _put(self, picture: Picture | None) -> None:
        while not self._stop.is_set():
            try:
                self._planned.put(picture, timeout=0.2)
                return self._inbox.put(None)
            except queue.Full:
                continue
        raise Stopped

    def _next(self) -> Iterator[Outcome]:
        try:
            news = self._inbox.get(timeout=TICK_S)
        except queue.Empty:
            news = None
        if isinstance(news, BaseException):
            raise news
        if isinstance(news, Outcome):
            yield news
        elif news is not None:
            yield from self._take(news)
        self._look_around()

    def _take(self, answer: Answer) -> Iterator[Outcome]:
        if answer.life != self.places[answer.place].life:
            return
        if isinstance(answer.value, ActorLost):
            yield from self._lost(answer.place, answer.value)
        elif answer.chunk is not None:
            yield from self._made(answer.place, answer.chunk, answer.value)
        elif isinstance(answer.value, Exception):
            self._close(answer.place, on_node(answer.value, self.places[answer.place].node))
        elif answer.what == "where":
            self.places[answer.place].node = answer.value
            self._ask(answer.place, "prepare")
        elif "lacking" in answer.value:
            self._close(answer.place, on_node(not_installed(answer.value["lacking"]), self.places[answer.place].node))
        else:
            self._ready(answer.place, answer.value)

    def _ready(self, place: int, report: dict[str, Any]) -> None:
        self.executor.meet(EngineInfo(**report["info"]))
        self.places[place].node = report["node"]
        self._compare(report)
        self.dispatch.join(place)
        self._joined = True

    def _compare(self, report: dict[str, Any]) -> None:
        """Tell where a node has other versions than the first one that was ready: nothing else can tell bytes apart."""
        found = {**report["versions"], "Blender": report["info"]["blender"]}
        found.pop("system", None)
        self._usual = self._usual or found
        other = [f"{k} {v} (others {self._usual.get(k)})" for k, v in found.items() if self._usual.get(k) != v]
        if other and report["node"] not in self._told:
            self._told.add(report["node"])
            self._say(f"node {report['node']} has {', '.join(other)}: its pictures may differ in their last digits")

    def _made(self, place: int, number: int, value: Any) -> Iterator[Outcome]:
        if isinstance(value, (InputError, EngineCrashed, EngineError)):
            return self._close(place, on_node(value, self.places[place].node))
        if isinstance(value, BaseException):
            raise value
        outcomes: Sequence[Outcome] = value
        chunk = self.dispatch.done(place, number, [sum(o.seconds.values()) for o in outcomes])
        if chunk is None:
            return  # it was taken for lost: others have made it, or will
        planned = {p.index: p.seconds for p in chunk.pictures}
        for outcome in outcomes:
            outcome.seconds["plan"] = planned[outcome.index]
            yield outcome

    def _lost(self, place: int, lost: ActorLost) -> Iterator[Outcome]:
        known = self.places[place]
        known.life += 1
        had_work = self.dispatch.has_work(place)
        for picture in self.dispatch.leave(place, blame=True):
            reason = f"the {LOSSES} actors that had it were lost; most likely it takes more memory than a node has"
            self.executor.give_up(FramePlan.from_json(picture.plan), reason)
            yield Outcome(picture.index, None, reason, {"plan": picture.seconds})
        if had_work:
            self._say(f"an actor{at_node(known.node)} was lost; its pictures go to others, or wait for it to come back")
        if lost.gone:
            known.renewals += 1
            if known.renewals > RENEWALS:
                return self._close(place, EngineCrashed(f"an actor{at_node(known.node)} ends again and again: {lost}"))
            self.executor.actors.renew(place)
        known.node, known.ask_at = None, time.monotonic() + AGAIN_S

    def _close(self, place: int, reason: Exception) -> None:
        """An actor can't take part. Others may; when none is left, the run ends."""
        self.dispatch.leave(place, blame=False)
        self.places[place].closed = reason
        reasons = [p.closed for p in self.places if p.closed is not None]
        if len(reasons) == self.executor.actors.count:
            raise together(reasons)
        self._say(str(reason))

    def _ask(self, place: int, what: str, *args: Any, chunk: int | None = None) -> None:
        known, inbox = self.places[place], self._inbox
        known.ask_at, life = None, known.life

        def tell(value: Any) -> None:
            inbox.put(Answer(place, life, what, value, chunk))

        self.executor.actors.ask(place, what, *args, tell=tell)

    def _deal(self) -> None:
        while self.dispatch.waiting <= self.executor.actors.count and not self._planned.empty():
            picture = self._planned.get()
            if picture is None:
                self._all_planned = True
            else:
                self.dispatch.add(picture)
        while (dealt := self.dispatch.deal()) is not None:
            place, chunk = dealt
            tasks = [Task(p.index, p.plan, p.sent > 1) for p in chunk.pictures]
            self._ask(place, "make", tasks, chunk=chunk.number)

    def _look_around(self) -> None:
        now = time.monotonic()
        for place, known in enumerate(self.places):
            if known.ask_at is not None and known.ask_at <= now and known.closed is None:
                self._ask(place, "where")
        if self.dispatch.places:
            self._without_since, self._noted = now, False
        elif all(p.node is None or p.closed is not None for p in self.places):
            self._wait_for_room(now - self._without_since)
        else:
            self._without_since = now  # some actor has its place, and is starting

    def _wait_for_room(self, seconds: float) -> None:
        if seconds < NOTE_S or (self._noted and seconds < ROOM_S):
            return
        actors = self.executor.actors
        nodes = actors.nodes()
        state = "all actors were lost, and none finds room again" if self._joined else "no actor has found room yet"
        text = f"{state}: each asks for {actors.shares.asked()}; the cluster has {in_words(nodes)}"
        if seconds >= ROOM_S and self._joined:
            raise EngineCrashed(text)
        if seconds >= ROOM_S:
            raise InputError(f"{text}, which others seem to use", "wait until there is room, or add nodes")
        self._noted = True
        self._say(f"{text}; waiting")

    def _say(self, text: str) -> None:
        print_note(self.executor.console, text)
