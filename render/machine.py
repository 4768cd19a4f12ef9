"""How a machine is shared out among Blender workers."""

from __future__ import annotations

from dataclasses import dataclass

from assets.processors import usable_cores
from scenes.config import RunConfig


@dataclass(frozen=True)
class Shares:
    """What each worker gets.

    Attributes:
        workers: how many there are.
        threads: CPU threads of each; 0 is all.
        memory_bytes: resident memory that each may take; None is any.
        gpus: for each worker which of the GPUs found it uses; None is all of them, or none.
        why: one sentence for people.
    """

    workers: int
    threads: int
    memory_bytes: int | None
    gpus: tuple[int | None, ...]
    why: str


def share_out(config: RunConfig, pictures: int) -> Shares:
    """The workers of a run that is to make so many pictures."""
    workers = config.workers.count or 1
    threads = config.render.threads
    if workers > 1 and threads == 0:
        threads = max(1, usable_cores() // workers)
    memory = config.workers.memory_gb
    bound = None if memory is None else round(memory * 1e9)
    return Shares(workers, threads, bound, (None,) * workers, "as asked for" if config.workers.count else "one")
