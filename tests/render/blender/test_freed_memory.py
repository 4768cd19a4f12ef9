"""What is freed leaves the process; measured on a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHURN = """
import os
import sys
from pathlib import Path
from scanstage.render.blender.freed_memory import return_freed_memory
if sys.argv[1] == "yes":
    return_freed_memory()
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
first = libc.malloc(30_000_000)  # once it is freed, glibc takes blocks of this size from its heap
libc.free(first)
blocks = [libc.malloc(20_000_000) for _ in range(10)]
for block in blocks:
    ctypes.memset(block, 1, 20_000_000)
for block in blocks[:-1]:
    libc.free(block)
print(int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_freed_blocks_go_back_to_the_system() -> None:
    left = {}
    for answer in ("no", "yes"):
        command = [sys.executable, "-c", CHURN, answer]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
        left[answer] = int(done.stdout)
    if left["no"] < 150_000_000:
        pytest.skip("this C library doesn't keep freed blocks")
    assert left["yes"] < left["no"] - 100_000_000
