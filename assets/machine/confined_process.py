"""A short Python program in a process of its own: for native code that reads files of others.

What crashes, hangs or takes too much memory there is a message here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

_LIMITS = """
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[2]), int(sys.argv[2]) + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except (ImportError, ValueError, OSError):
    pass
"""
TOO_LONG = "it takes too long"
_CPU_SIGNAL = 24  # SIGXCPU, which Windows hasn't
_BUSY = 4  # by which factor a crowded machine, or one that can't count CPU seconds, may take longer


class ConfinedError(Exception):
    """The program gave nothing; the message says why, in a few words."""


def run_confined(
    program: str, arguments: Sequence[str] = (), given: bytes = b"", *, memory_bytes: int, limit_s: int
) -> bytes:
    """What a program writes to its output.

    Args:
        program: Python, whose own arguments begin at ``sys.argv[3]``.
        arguments: those.
        given: its input.
        memory_bytes: address space that it may take (where the system can bound it).
        limit_s: CPU seconds that it may take.

    Raises ConfinedError where it fails, crashes or takes too long.
    """
    command = [sys.executable, "-P", "-c", _LIMITS + program, str(memory_bytes), str(limit_s), *arguments]
    try:
        done = subprocess.run(
            command,
            input=given,
            capture_output=True,
            timeout=_BUSY * limit_s,
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired as e:
        raise ConfinedError(TOO_LONG) from e
    except OSError as e:
        raise ConfinedError(f"no process could be started: {e.strerror or e}") from e
    if done.returncode in (-_CPU_SIGNAL, -9):
        raise ConfinedError(TOO_LONG)
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ConfinedError(lines[-1][:200] if lines and done.returncode > 0 else f"it ended with {done.returncode}")
    return done.stdout
