"""Actors on a cluster as a run sees them: places that answer, are lost, or can't take part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from scanstage.render.executors.ray.cluster_shares import ActorShares, Node
from scanstage.render.executors.ray.ray_actors import Tell


class Actors(Protocol):
    """Actors by place, see :class:`ray_actors.RayActors`."""

    count: int
    shares: ActorShares

    def ask(self, place: int, what: str, *args: Any, tell: Tell) -> None:
        """Ask an actor; its answer comes to ``tell``."""
        ...

    def renew(self, place: int) -> None:
        """Replace an actor that is gone."""
        ...

    def nodes(self) -> list[Node]:
        """The cluster as it is now."""
        ...

    def end(self, at_once: bool) -> None:
        """End all of them."""
        ...


@dataclass(frozen=True)
class Answer:
    """What an actor said.

    Attributes:
        life: of the actor, when it was asked; see :class:`Place`.
        chunk: None where it wasn't asked to make one.
    """

    place: int
    life: int
    what: str
    value: Any
    chunk: int | None


@dataclass
class Place:
    """What is known of the actor at a place.

    Attributes:
        node: where it is, once it has told.
        ask_at: when to ask it again; None: it has been asked, or has work.
        closed: why it can't take part.
        life: how often it was lost: everything that a lost one was asked is answered so, and counts as one loss.
        renewals: how often it has been replaced.
    """

    node: str | None = None
    ask_at: float | None = None
    closed: Exception | None = None
    life: int = 0
    renewals: int = 0
