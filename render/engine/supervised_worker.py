"""A place for one Blender worker: started when it is needed, replaced when it crashes, stalls or grows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from scanstage.assets.messages.errors import InputError
from scanstage.render.engine.blender_session import BlenderSession, EngineCrashed, EngineError
from scanstage.render.engine.passes import Passes
from scanstage.scenes.sight.planned import Planned

TRIES = 3
RECYCLE_SHARE = 0.75
"""A worker that has taken this share of its memory bound is replaced after its picture, before it must be ended in the
middle of one."""

OpenSession = Callable[[], BlenderSession]
Render = Callable[[BlenderSession, Planned], Passes]


class Stopped(Exception):
    """The run was ended from outside."""


class StartFailed(Exception):
    """A worker could not be started; ``reason`` is what it raised."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


class PictureFailed(Exception):
    """A picture can't be rendered.

    Attributes:
        log: what Blender printed, as far as it tells something.
    """

    def __init__(self, reason: str, log: str = "") -> None:
        super().__init__(reason)
        self.log = log


@dataclass(frozen=True)
class Rendered:
    """A rendered picture: its passes, the session that made it, and the seconds of each stage."""

    passes: Passes
    session: BlenderSession
    seconds: dict[str, float]


class SupervisedWorker:
    """Holds one session at a time. Used by one thread; :meth:`kill` may come from another.

    Args:
        open_session: starts a worker.
        render: renders with it.
        memory_bytes: what a worker may take; None is any.
    """

    def __init__(self, open_session: OpenSession, render: Render, memory_bytes: int | None = None) -> None:
        self._open, self._render, self._memory_bytes = open_session, render, memory_bytes
        self._session: BlenderSession | None = None
        self._lock = threading.Lock()
        self._killed = False

    def start(self) -> BlenderSession:
        """The session that is open, or a new one.

        Raises:
            StartFailed: no worker can be started.
            Stopped: after :meth:`kill`.
        """
        session = self._session
        if session is not None and session.alive:
            return session
        self.close()
        if self._killed:
            raise Stopped
        try:
            session = self._open()
        except (InputError, EngineCrashed, EngineError, OSError) as e:
            raise StartFailed(e) from e
        with self._lock:
            self._session = session
            if not self._killed:
                return session
        self.close()
        raise Stopped

    def render(self, planned: Planned) -> Rendered:
        """Render a plan, with as many workers as it takes within :data:`TRIES`.

        Raises:
            PictureFailed: the engine refuses it, or its workers were lost each time.
            StartFailed: no worker can be started (any more).
            Stopped: after :meth:`kill`.
        """
        for attempt in range(TRIES):
            session = self.start()
            try:
                passes = self._render(session, planned)
            except EngineCrashed as e:
                if self._killed:
                    raise Stopped from None
                if attempt + 1 == TRIES:
                    reason = f"Blender ended {TRIES} times on it; the last time: {e}"
                    raise PictureFailed(reason, session.printed) from e
            except (EngineError, InputError) as e:
                raise PictureFailed(str(e), session.printed) from e
            else:
                return Rendered(passes, session, self._account(session))
        raise AssertionError

    def _account(self, session: BlenderSession) -> dict[str, float]:
        """Seconds of the picture just made; a worker that has grown leaves."""
        stats = session.last
        if stats is None:
            return {}
        if self._memory_bytes and (stats.rss_bytes or 0) > RECYCLE_SHARE * self._memory_bytes:
            self.close()
        return {"sync": stats.sync_s, "render": stats.render_s, "read": stats.read_s}

    def kill(self) -> None:
        """End its worker at once, for good; a render that waits in another thread ends with :class:`Stopped`."""
        with self._lock:
            self._killed = True
            session = self._session
        if session is not None:
            session.kill()

    def close(self) -> None:
        """End its worker and wait until it is gone; another one may be started."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()
