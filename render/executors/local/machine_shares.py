"""How a machine is shared out among Blender workers: how many, and what each may take of cores, memory and GPUs.

On the CPU a worker has two threads as long as memory and the number of pictures allow. Reason: some of a worker's
threads idle while it sets its scene, builds trees, writes. Let ``s`` be the seconds of that and ``p`` the CPU seconds
of the rest; then ``C`` cores in workers of ``t`` threads make ``C / (t s + p)`` pictures a second. With 0.3 and 8 s,
two threads make 3 % fewer pictures than one, in half the memory, with half the Blenders to start and scans to load, and
the first picture in half the time. On 2 cores (``benchmarks/scaling.py``) one worker of two threads made 5 % fewer
pictures than two of one once they had started, and more of the first eight. For more the rule is that model's, not
measured:

- 8 cores: 4 workers with two threads each;
- 32 cores: 16 workers with two threads each;
- 128 cores: 32 with four threads each. One planner with physics makes 12 plans a second (``benchmarks/planning.py``),
  about what so many cores render; beyond that, shards (``--shard``) plan at the same time.

With a GPU a worker sets its scene and reads passes most of the time, while the card waits: on an H200 with 16 cores
one made 110 pictures a minute, four 383 and eight 554 (``benchmarks/gpu.py``), each with 1.1 CPU-seconds a picture. So
there are as many as the card's memory holds, up to eight.

A worker starts in some seconds and loads its scans first, so each should make :data:`PICTURES_EACH` at least.
"""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from scanstage.assets.machine.control_groups import memory_left
from scanstage.assets.machine.processors import usable_cores
from scanstage.render.executors.local.graphics_cards import count_gpus, smallest_gpu_bytes
from scanstage.scenes.config.sections.engine_traits import ENGINES
from scanstage.scenes.config.sections.run_config import RunConfig

MOST_WORKERS = 32
PICTURES_EACH = 2
THREADS_EACH = 2
"""Of a worker on the CPU."""
WORKERS_A_GPU = 2
"""Where the card's memory isn't known: while one sets a scene or writes passes, the other renders."""
MOST_A_GPU = 8
GPU_BYTES_A_WORKER = 4_000_000_000
"""Twelve with OptiX held 3.5 GB each of a card that had plenty."""
WORKER_BYTES = 1_500_000_000
"""What a worker is expected to take: 0.6 GB with the sample scans, more with large scans and textures."""
COORDINATOR_BYTES = 1_000_000_000
"""Scans, casts, pictures on their way to the disk."""
LEAST_BYTES = 500_000_000
"""Less than that would end every worker at its start."""


@dataclass(frozen=True)
class Machine:
    """What a run may use of a machine.

    Attributes:
        cores: CPUs that this process may run on.
        memory_bytes: memory that is free, or given back when asked for.
        gpus: that the run's device allows.
        gpu_bytes: memory of the smallest of them; None: not known.
    """

    cores: int
    memory_bytes: int
    gpus: int = 0
    gpu_bytes: int | None = None


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


def this_machine(config: RunConfig) -> Machine:
    """What a run with this config may use of this machine."""
    free, left = psutil.virtual_memory().available, memory_left()
    device = config.render.settings().device
    memory = free if left is None else min(free, left)
    gpus = count_gpus(device)
    return Machine(usable_cores(), memory, gpus, smallest_gpu_bytes(device) if gpus else None)


def share_out(config: RunConfig, pictures: int) -> Shares:
    """The workers of a run that is to make so many pictures, on this machine."""
    return shares_of(this_machine(config), config, pictures)


def shares_of(machine: Machine, config: RunConfig, pictures: int) -> Shares:
    """The workers of a run on a machine.

    ``workers.count``, ``workers.memory_gb`` and ``render.threads`` are taken as they are; what is left open is chosen.

    Args:
        machine: what there is.
        config: of the run.
        pictures: how many are to be made; there are never more workers.
    """
    asked = config.workers.count
    workers, reason = (asked, "as asked for") if asked else _chosen(machine, config, pictures)
    if workers > max(1, pictures):
        workers, reason = max(1, pictures), "as there is no more to do"
    threads = config.render.threads or max(1, machine.cores // workers)
    memory = _memory_each(machine, config, workers)
    return Shares(
        workers, threads, memory, _gpus(machine, config, workers), _sentence(machine, reason, threads, memory)
    )


def _chosen(machine: Machine, config: RunConfig, pictures: int) -> tuple[int, str]:
    """How many workers, and which of all bounds decided that."""
    bounds = {
        f"one for each {PICTURES_EACH} pictures": -(-pictures // PICTURES_EACH),
        f"as many as {_free(machine) / 1e9:.1f} GB of free memory hold": _free(machine) // _expected_bytes(config),
        f"as many as one planner keeps busy (shards split a run among more, of {machine.cores} cores)": MOST_WORKERS,
    }
    if machine.gpus:
        cards = "the GPU" if machine.gpus == 1 else f"each of {machine.gpus} GPUs"
        each = _workers_a_gpu(machine)
        bounds[f"{each} for {cards}"] = each * machine.gpus
        bounds[f"one a core of {machine.cores}"] = machine.cores
    elif config.render.threads:
        bounds[f"as many as {machine.cores} cores hold"] = machine.cores // config.render.threads
    else:
        bounds[f"one for each {THREADS_EACH} of {machine.cores} cores"] = machine.cores // THREADS_EACH
    reason = min(bounds, key=lambda name: bounds[name])
    return max(1, bounds[reason]), reason


def _workers_a_gpu(machine: Machine) -> int:
    if machine.gpu_bytes is None:
        return WORKERS_A_GPU
    return max(1, min(MOST_A_GPU, machine.gpu_bytes // GPU_BYTES_A_WORKER))


def _free(machine: Machine) -> int:
    return max(0, machine.memory_bytes - COORDINATOR_BYTES)


def _asked_bytes(config: RunConfig) -> int | None:
    return None if config.workers.memory_gb is None else round(config.workers.memory_gb * 1e9)


def _expected_bytes(config: RunConfig) -> int:
    return _asked_bytes(config) or WORKER_BYTES


def _memory_each(machine: Machine, config: RunConfig, workers: int) -> int:
    """The bound as asked for, or such that all workers together fit."""
    return _asked_bytes(config) or max(LEAST_BYTES, _free(machine) // workers)


def _gpus(machine: Machine, config: RunConfig, workers: int) -> tuple[int | None, ...]:
    """Workers take turns at the GPUs; a single worker has all of them, and so has one that can't be told which."""
    if machine.gpus < 2 or workers == 1 or not ENGINES[config.render.engine].chooses_gpu:
        return (None,) * workers
    return tuple(i % machine.gpus for i in range(workers))


def _sentence(machine: Machine, reason: str, threads: int, memory: int) -> str:
    each = f"{threads} thread{'s' if threads > 1 else ''}" + (" beside the GPU" if machine.gpus else "")
    return f"{reason}; {each} and at most {memory / 1e9:.1f} GB each"
