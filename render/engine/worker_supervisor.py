"""A place for one engine: started when it is needed, replaced when it crashes, stalls or grows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from scanstage.assets.messages.errors import InputError
from scanstage.render.engine.engine_protocol import Engine, EngineCrashed, EngineError
from scanstage.render.engine.passes import Passes
from scanstage.scenes.sight.cast_plan import Planned

TRIES = 3
RECYCLE_SHARE = 0.75
"""An engine that has taken this share of its memory bound is replaced after its picture, before it must be ended in the
middle of one."""

OpenEngine = Callable[[], Engine]
Render = Callable[[Engine, Planned], Passes]


class Stopped(Exception):
    """The run was ended from outside."""


class StartFailed(Exception):
    """An engine could not be started; ``reason`` is what it raised."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


class PictureFailed(Exception):
    """A picture can't be rendered.

    Attributes:
        log: what the engine printed, as far as it tells something.
    """

    def __init__(self, reason: str, log: str = "") -> None:
        super().__init__(reason)
        self.log = log


@dataclass(frozen=True)
class Rendered:
    """A rendered picture: its passes, the engine that made it, and the seconds of each stage."""

    passes: Passes
    engine: Engine
    seconds: dict[str, float]


class SupervisedWorker:
    """Holds one engine at a time. Used by one thread; :meth:`kill` may come from another.

    Args:
        open_engine: starts an engine.
        render: renders with it.
        memory_bytes: what it may take; None is any.
    """

    def __init__(self, open_engine: OpenEngine, render: Render, memory_bytes: int | None = None) -> None:
        self._open, self._render, self._memory_bytes = open_engine, render, memory_bytes
        self._engine: Engine | None = None
        self._lock = threading.Lock()
        self._killed = False

    def start(self) -> Engine:
        """The engine that is running, or a new one.

        Raises:
            StartFailed: no engine can be started.
            Stopped: after :meth:`kill`.
        """
        engine = self._engine
        if engine is not None and engine.alive:
            return engine
        self.close()
        if self._killed:
            raise Stopped
        try:
            engine = self._open()
        except (InputError, EngineCrashed, EngineError, OSError) as e:
            raise StartFailed(e) from e
        with self._lock:
            self._engine = engine
            if not self._killed:
                return engine
        self.close()
        raise Stopped

    def render(self, planned: Planned) -> Rendered:
        """Render a plan, with as many engines as it takes within :data:`TRIES`.

        Raises:
            PictureFailed: the engine refuses it, or engines were lost each time.
            StartFailed: no engine can be started (any more).
            Stopped: after :meth:`kill`.
        """
        for attempt in range(TRIES):
            engine = self.start()
            try:
                passes = self._render(engine, planned)
            except EngineCrashed as e:
                if self._killed:
                    raise Stopped from None
                if attempt + 1 == TRIES:
                    reason = f"Blender ended {TRIES} times on it; the last time: {e}"
                    raise PictureFailed(reason, engine.printed) from e
            except (EngineError, InputError) as e:
                raise PictureFailed(str(e), engine.printed) from e
            else:
                return Rendered(passes, engine, self._account(engine))
        raise AssertionError

    def _account(self, engine: Engine) -> dict[str, float]:
        """Seconds of the picture just made; an engine that has grown leaves."""
        stats = engine.last
        if stats is None:
            return {}
        if self._memory_bytes and (stats.rss_bytes or 0) > RECYCLE_SHARE * self._memory_bytes:
            self.close()
        return {"sync": stats.sync_s, "render": stats.render_s, "read": stats.read_s}

    def kill(self) -> None:
        """End its engine at once, for good; a render that waits in another thread ends with :class:`Stopped`."""
        with self._lock:
            self._killed = True
            engine = self._engine
        if engine is not None:
            engine.kill()

    def close(self) -> None:
        """End its engine and wait until it is gone; another one may be started."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()
