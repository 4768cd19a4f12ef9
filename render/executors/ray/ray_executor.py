"""Makes a run's pictures on a Ray cluster: plans here, renders and finishes there.

One thread plans. All else happens in the thread that starts the run and asks for outcomes: it waits for what the
planning thread and the actors have to say, and deals pictures out (:mod:`dispatch`).
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

from scanstage.assets.messages.errors import InputError
from scanstage.render.engine.engine_protocol import EngineCrashed, EngineError, EngineInfo
from scanstage.render.engine.worker_supervisor import Stopped
from scanstage.render.executors.ray.actor_troubles import VersionWatch, at_node, not_installed, on_node, together
from scanstage.render.executors.ray.cluster_shares import in_words
from scanstage.render.executors.ray.dispatch import LOSSES, Dispatch, SentPicture
from scanstage.render.executors.ray.ray_actors import ActorLost, Answer, Place, RayActors
from scanstage.render.executors.ray.remote_worker import Task
from scanstage.render.finish.outcome import Outcome
from scanstage.scenes.picture_sequence.planned_picture import Picture, PlannedPicture
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

log = logging.getLogger(__name__)


class RayExecutor:
    """See :class:`executor_protocol.Executor`.

    Args:
        join: joins the cluster and gives the actors that render and finish. They are the caller's: still there after
            the run has come to its end by itself, ended where it didn't.
        meet: told of each actor that is ready, from the thread that starts the run and asks for outcomes.
        give_up: told of a picture that takes its actors along: plan, reason. Called from the same thread.
    """

    def __init__(
        self,
        join: Callable[[], RayActors],
        meet: Callable[[EngineInfo], None],
        give_up: Callable[[FramePlan, str], None],
    ) -> None:
        self._join, self._meet, self._give_up = join, meet, give_up
        self._actors: RayActors | None = None
        self.workers = 0  # before the cluster is joined
        self._dispatch, self._places = Dispatch(), list[Place]()
        self._inbox: queue.Queue[Answer | Outcome | BaseException | None] = queue.Queue()
        self._planned: queue.Queue[SentPicture | None] = queue.Queue()
        self._ahead = threading.Semaphore(AHEAD)
        self._early: list[Outcome] = []
        self._info: EngineInfo | None = None
        self._all_planned = self._complete = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._without_since = time.monotonic()
        self._noted = False
        self._versions = VersionWatch()

    def start(self, pictures: Iterator[Picture], at_once: bool) -> EngineInfo | None:
        """See :class:`executor_protocol.Executor`."""
        try:
            self._thread = threading.Thread(target=self._planning, args=(pictures,), daemon=True)
            self._thread.start()
            if not at_once and not self._is_any_planned():
                return None
            self._begin(self._join())
            while self._info is None and not self._finished():
                self._early += self._next()
                self._take_in()
            return self._info
        except BaseException:
            self.close()
            raise

    def _begin(self, actors: RayActors) -> None:
        self._actors, self.workers = actors, actors.count
        for _ in range(AHEAD * (self.workers - 1)):
            self._ahead.release()
        self._without_since = time.monotonic()
        for place in range(self.workers):
            self._places.append(Place())
            self._ask(place, "where")

    def _is_any_planned(self) -> bool:
        """Wait for the first planned picture; False where there is none. Raises what planning raises."""
        while not self._dispatch.waiting and not self._all_planned:
            news = self._inbox.get()
            if isinstance(news, BaseException):
                raise news
            if isinstance(news, Outcome):
                self._early.append(news)
            self._take_in()
        return self._dispatch.waiting > 0

    def outcomes(self) -> Generator[Outcome, None, None]:
        """See :class:`executor_protocol.Executor`."""
        try:
            yield from self._early
            while not self._finished():
                yield from self._next()
                self._take_in()
                self._deal()
            self._complete = True
        finally:
            self.close()

    def close(self) -> None:
        """Stop planning; unless the run is complete, actors are ended at once. May be called again."""
        if self._stop.is_set():
            return
        self._stop.set()
        if not self._complete and self._actors is not None:
            self._actors.end(at_once=True)
        if self._thread is not None:
            self._thread.join(timeout=5.0)

    def _finished(self) -> bool:
        return self._all_planned and not self._dispatch.busy and not self._dispatch.waiting and self._inbox.empty()

    def _planning(self, pictures: Iterator[Picture]) -> None:
        try:
            for picture in pictures:
                if isinstance(picture, PlannedPicture):
                    self._put(SentPicture(picture.index, picture.planned.plan.to_json(), picture.seconds))
                else:
                    self._inbox.put(Outcome.refused(picture))
                if self._stop.is_set():
                    return
            self._put(None)
        except Stopped:
            pass
        except BaseException as e:
            self._inbox.put(e)

    def _put(self, picture: SentPicture | None) -> None:
        while not self._ahead.acquire(timeout=0.2):
            if self._stop.is_set():
                raise Stopped
        self._planned.put(picture)
        self._inbox.put(None)

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
        if answer.life != self._places[answer.place].life:
            return
        if isinstance(answer.value, ActorLost):
            yield from self._lost(answer.place, answer.value)
        elif answer.chunk is not None:
            yield from self._made(answer.place, answer.chunk, answer.value)
        elif isinstance(answer.value, Exception):
            self._close(answer.place, on_node(answer.value, self._places[answer.place].node))
        elif answer.what == "where":
            self._places[answer.place].node = answer.value
            self._ask(answer.place, "prepare")
        elif "lacking" in answer.value:
            self._close(answer.place, on_node(not_installed(answer.value["lacking"]), self._places[answer.place].node))
        else:
            self._ready(answer.place, answer.value)

    def _ready(self, place: int, report: dict[str, Any]) -> None:
        info = EngineInfo(**report["info"])
        self._meet(info)
        self._info = self._info or info
        self._places[place].node = report["node"]
        self._versions.look_at(report)
        self._dispatch.join(place)

    def _made(self, place: int, number: int, value: Any) -> Iterator[Outcome]:
        if isinstance(value, (InputError, EngineCrashed, EngineError)):
            return self._close(place, on_node(value, self._places[place].node))
        if isinstance(value, BaseException):
            raise value
        outcomes: Sequence[Outcome] = value
        chunk = self._dispatch.done(place, number, [sum(o.seconds.values()) for o in outcomes])
        if chunk is None:
            return  # it was taken for lost: others have made it, or will
        planned = {p.index: p.seconds for p in chunk.pictures}
        for outcome in outcomes:
            outcome.seconds["plan"] = planned[outcome.index]
            yield outcome

    def _lost(self, place: int, lost: ActorLost) -> Iterator[Outcome]:
        known = self._places[place]
        known.life += 1
        had_work = self._dispatch.has_work(place)
        for picture in self._dispatch.leave(place, blame=True):
            reason = f"the {LOSSES} actors that had it were lost; most likely it takes more memory than a node has"
            self._give_up(FramePlan.from_json(picture.plan), reason)
            yield Outcome(picture.index, None, reason, {"plan": picture.seconds})
        if had_work:
            text = "was lost; its pictures go to others, or wait for it to come back"
            log.warning("an actor%s %s", at_node(known.node), text)
        if lost.gone:
            known.renewals += 1
            if known.renewals > RENEWALS:
                return self._close(place, EngineCrashed(f"an actor{at_node(known.node)} ends again and again: {lost}"))
            self._joined().renew(place)
        known.node, known.ask_at = None, time.monotonic() + AGAIN_S

    def _close(self, place: int, reason: Exception) -> None:
        """An actor can't take part. Others may; when none is left, the run ends."""
        self._dispatch.leave(place, blame=False)
        self._places[place].closed = reason
        reasons = [p.closed for p in self._places if p.closed is not None]
        if len(reasons) == self.workers:
            raise together(reasons)
        log.warning("%s", reason)

    def _joined(self) -> RayActors:
        assert self._actors is not None
        return self._actors

    def _ask(self, place: int, what: str, *args: Any, chunk: int | None = None) -> None:
        known, inbox = self._places[place], self._inbox
        known.ask_at, life = None, known.life

        def tell(value: Any) -> None:
            inbox.put(Answer(place, life, what, value, chunk))

        self._joined().ask(place, what, *args, tell=tell)

    def _take_in(self) -> None:
        """Let planned pictures in, so many that each actor finds one."""
        while self._dispatch.waiting <= self.workers and not self._planned.empty():
            picture = self._planned.get()
            self._ahead.release()
            if picture is None:
                self._all_planned = True
            else:
                self._dispatch.add(picture)

    def _deal(self) -> None:
        while (dealt := self._dispatch.deal()) is not None:
            place, chunk = dealt
            tasks = [Task(p.index, p.plan, p.sent > 1) for p in chunk.pictures]
            self._ask(place, "make", tasks, chunk=chunk.number)

    def _look_around(self) -> None:
        if not self._places:  # the cluster isn't joined: there was no picture for it
            return
        now = time.monotonic()
        for place, known in enumerate(self._places):
            if known.ask_at is not None and known.ask_at <= now and known.closed is None:
                self._ask(place, "where")
        if self._dispatch.places:
            self._without_since, self._noted = now, False
        elif all(p.node is None or p.closed is not None for p in self._places):
            self._wait_for_room(now - self._without_since)
        else:
            self._without_since = now  # some actor has its place, and is starting

    def _wait_for_room(self, seconds: float) -> None:
        if seconds < NOTE_S or (self._noted and seconds < ROOM_S):
            return
        actors = self._joined()
        nodes = actors.nodes()
        worked = self._info is not None
        state = "all actors were lost, and none finds room again" if worked else "no actor has found room yet"
        text = f"{state}: each asks for {actors.shares.asked()}; the cluster has {in_words(nodes)}"
        if seconds >= ROOM_S and worked:
            raise EngineCrashed(text)
        if seconds >= ROOM_S:
            raise InputError(f"{text}, which others seem to use", "wait until there is room, or add nodes")
        self._noted = True
        log.warning("%s; waiting", text)
