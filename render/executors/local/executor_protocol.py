"""What an executor is to a run, wherever its pictures are made."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Protocol

from scanstage.render.engine.engine_protocol import EngineInfo
from scanstage.render.finish.outcome import Outcome
from scanstage.scenes.picture_sequence.planned_picture import Picture


class Executor(Protocol):
    """Makes the pictures of a run somewhere: :meth:`start`, then :meth:`outcomes`, once each."""

    workers: int
    """How many engines work at once; certain once :meth:`start` has returned."""

    def start(self, pictures: Iterator[Picture], at_once: bool) -> EngineInfo | None:
        """Begin to plan, and start workers.

        Args:
            pictures: pulled one after the other, in one thread of its own.
            at_once: it is certain that a picture is due, so engines start while the first is being planned. Else no
                engine is started, no cluster joined and nothing logged before the first planned picture is there.

        Returns:
            What the first engine that works says of itself; or None where ``pictures`` has ended without any planned
            picture (refused ones may be among the outcomes).

        Raises:
            InputError: the engine can't be used; or what ``pictures`` raises.
            EngineCrashed, EngineError: no engine can be started.
            OSError: the system has no room for engines.
        """
        ...

    def outcomes(self) -> Generator[Outcome, None, None]:
        """Finish pictures and yield one outcome each, in the order in which they are done.

        Nothing is written into the dataset's folder before this is called. Closing the generator ends all work.

        Raises:
            InputError: what ``pictures`` raises, or the engine can't be used any more.
            EngineCrashed, EngineError: no engine can be started any more.
            OSError: the dataset's folder can't be written.
        """
        ...
