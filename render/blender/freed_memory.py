"""Memory that was freed goes back to the system at once, instead of being kept for later by the C library."""

from __future__ import annotations

import ctypes
import sys

# Of glibc's malloc.h. Left to itself, glibc raises both thresholds with every large block that is freed, so that
# pictures, textures and BVHs come from its heap, which holes keep from shrinking.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_TRIM_BYTES, _MMAP_BYTES = 1_000_000, 262_144


def return_freed_memory() -> None:
    """Set glibc's thresholds, for this process, for good; does nothing where there is another C library.

    A worker takes a tenth less memory with it, the coordinator a seventh; no difference in time was measured.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl
        return
    mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES)
    mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)
