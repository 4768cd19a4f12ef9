"""Which place on a cluster gets which pictures, and what follows when a place is lost. Knows nothing of the cluster."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

LOSSES = 3
"""So many lost places, the last ones over it alone, make a picture one that is given up."""
IN_FLIGHT = 2
"""Chunks a place has at a time: it goes on with the second while the answer to the first is on its way."""
CHUNK_S = 4.0
LONGEST_CHUNK = 8


@dataclass
class SentPicture:
    """A planned picture on its way to a place.

    Attributes:
        plan: a ``FramePlan`` as JSON.
        seconds: that its planning took.
        losses: places that were lost while they had it.
        sent: how often it was sent to a place.
    """

    index: int
    plan: str
    seconds: float = 0.0
    losses: int = 0
    sent: int = 0


@dataclass(frozen=True)
class Chunk:
    """Pictures that go to a place together, by a number of their own."""

    number: int
    pictures: tuple[SentPicture, ...]


@dataclass
class Dispatch:
    """Deals planned pictures out in chunks of about :data:`CHUNK_S` seconds of work.

    A picture whose place was lost may have been the cause. It waits until some place has nothing else, and is sent
    alone: so the next loss tells which one it is, and its neighbours aren't blamed again.
    """

    _fresh: deque[SentPicture] = field(default_factory=deque)
    _suspect: deque[SentPicture] = field(default_factory=deque)
    _held: dict[int, dict[int, Chunk]] = field(default_factory=dict)
    _sent: int = 0
    _seconds: float | None = None

    def add(self, picture: SentPicture) -> None:
        """Take in a picture that has just been planned."""
        self._fresh.append(picture)

    def join(self, place: int) -> None:
        """Give work to a place from now on."""
        self._held.setdefault(place, {})

    def leave(self, place: int, blame: bool) -> list[SentPicture]:
        """Give no more work to a place; what it has goes to others.

        Args:
            place: that is gone.
            blame: whether one of the pictures that it had may be why.

        Returns:
            Pictures that are given up.
        """
        given_up = []
        for picture in [picture for chunk in self._held.pop(place, {}).values() for picture in chunk.pictures]:
            picture.losses += blame
            if picture.losses >= LOSSES:
                given_up.append(picture)
            elif picture.losses:
                self._suspect.append(picture)
            else:
                self._fresh.appendleft(picture)
        return given_up

    def done(self, place: int, number: int, seconds: Iterable[float]) -> Chunk | None:
        """Note that a place has made a chunk; None where it isn't that place's (any more): its answer came too late.

        Args:
            place: that answers.
            number: of the chunk.
            seconds: that each of its pictures took there.
        """
        chunk = self._held.get(place, {}).pop(number, None)
        if chunk is not None:
            for value in seconds:
                self._seconds = value if self._seconds is None else 0.8 * self._seconds + 0.2 * value
        return chunk

    def deal(self) -> tuple[int, Chunk] | None:
        """The next place and what to send there; None where nothing can be sent now."""
        if not self._held or not self.waiting:
            return None
        place = min(self._held, key=lambda p: (self._is_alone(p), len(self._held[p]), self._load(p), p))
        if self._suspect:
            return None if self._held[place] else (place, self._send(place, [self._suspect.popleft()]))
        if self._is_alone(place) or len(self._held[place]) == IN_FLIGHT:
            return None
        return place, self._send(place, [self._fresh.popleft() for _ in range(self._length())])

    def has_work(self, place: int) -> bool:
        """Whether a place has any picture."""
        return bool(self._held.get(place))

    @property
    def waiting(self) -> int:
        """Pictures that no place has."""
        return len(self._fresh) + len(self._suspect)

    @property
    def busy(self) -> bool:
        """Whether any place has a picture."""
        return any(self._held.values())

    @property
    def places(self) -> int:
        """How many get work."""
        return len(self._held)

    def _send(self, place: int, pictures: list[SentPicture]) -> Chunk:
        self._sent += 1
        for picture in pictures:
            picture.sent += 1
        chunk = Chunk(self._sent, tuple(pictures))
        self._held[place][chunk.number] = chunk
        return chunk

    def _load(self, place: int) -> int:
        return sum(len(chunk.pictures) for chunk in self._held[place].values())

    def _is_alone(self, place: int) -> bool:
        return any(picture.losses for chunk in self._held[place].values() for picture in chunk.pictures)

    def _length(self) -> int:
        """At least one; no more than leaves something for every other place."""
        fair = math.ceil(len(self._fresh) / len(self._held))
        paced = 1 if self._seconds is None else int(CHUNK_S / max(self._seconds, 1e-3))
        return max(1, min(fair, paced, LONGEST_CHUNK, len(self._fresh)))
