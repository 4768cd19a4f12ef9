"""What Ctrl-C and a scheduler's SIGTERM do: the first one stops a run in order, a second one at once."""

from __future__ import annotations

import os
import signal
from types import FrameType

from scanstage.render.engine.worker_process import kill_all

_received = 0


def stop_on_signals() -> None:
    """Handle both signals from now on. To be called in the main thread."""
    global _received
    _received = 0
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)


def _stop(signum: int, frame: FrameType | None) -> None:
    global _received
    _received += 1
    if _received == 1:
        raise KeyboardInterrupt
    # Whatever the first one's way out is waiting for: nobody wants to wait for it any longer.
    try:
        kill_all()
        if _received == 2:  # a stderr that takes nothing must not keep the next one from ending it
            os.write(2, b"\nstopped at once; the same command goes on, and tidies up\n")
    finally:
        os._exit(128 + signum)
