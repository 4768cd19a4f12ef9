"""How machines that are made up are shared out."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from scanstage.render.executors.local.graphics_cards import (
    amd_gpus,
    count_gpus,
    listed_by_nvidia_smi,
    smallest_gpu_bytes,
    visible,
)
from scanstage.render.executors.local.machine_shares import (
    COORDINATOR_BYTES,
    MOST_WORKERS,
    WORKER_BYTES,
    Machine,
    shares_of,
    this_machine,
)
from scanstage.scenes.config.sections.run_config import RunConfig

PLENTY = 1 << 40
MACHINES = [
    Machine(cores, memory, gpus)
    for cores, memory, gpus in itertools.product((1, 2, 3, 8, 32, 128), (1 << 30, 4 << 30, PLENTY), (0, 1, 4))
]


def config(**workers: object) -> RunConfig:
    threads = workers.pop("threads", 0)
    return RunConfig.model_validate({"workers": workers, "render": {"threads": threads}})


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("pictures", [1, 2, 7, 100_000])
def test_nothing_is_given_out_twice(machine: Machine, pictures: int) -> None:
    shares = shares_of(machine, config(), pictures)
    assert 1 <= shares.workers <= pictures
    assert len(shares.gpus) == shares.workers
    assert shares.threads >= 1
    assert shares.workers * shares.threads <= machine.cores
    assert shares.memory_bytes is not None
    if shares.workers > 1:
        assert shares.memory_bytes >= WORKER_BYTES
        assert shares.workers * shares.memory_bytes + COORDINATOR_BYTES <= machine.memory_bytes
    used = {g for g in shares.gpus if g is not None}
    assert used <= set(range(machine.gpus))
    if machine.gpus > 1 and shares.workers >= machine.gpus:
        assert len(used) == machine.gpus
        counts = [shares.gpus.count(g) for g in used]
        assert max(counts) - min(counts) <= 1
    elif shares.workers == 1:
        assert shares.gpus == (None,), "one worker has them all"


@pytest.mark.parametrize(
    ("cores", "workers", "threads"), [(1, 1, 1), (2, 1, 2), (3, 1, 3), (8, 4, 2), (32, 16, 2), (128, MOST_WORKERS, 4)]
)
def test_cores_of_a_machine_without_a_gpu(cores: int, workers: int, threads: int) -> None:
    shares = shares_of(Machine(cores, PLENTY), config(), 10_000)
    assert (shares.workers, shares.threads) == (workers, threads)
    assert str(cores) in shares.why


def test_what_decides_is_said() -> None:
    assert "memory" in shares_of(Machine(8, 4 * WORKER_BYTES), config(), 1000).why
    assert "pictures" in shares_of(Machine(8, PLENTY), config(), 4).why
    assert "GPU" in shares_of(Machine(8, PLENTY, 1), config(), 1000).why
    assert "asked" in shares_of(Machine(8, PLENTY, 1), config(count=3), 1000).why


def test_what_is_asked_for_is_given() -> None:
    machine = Machine(8, 40 * 10**9, 2)
    shares = shares_of(machine, config(count=5), 1000)
    assert (shares.workers, shares.threads, shares.gpus) == (5, 1, (0, 1, 0, 1, 0))
    assert shares_of(machine, config(count=5), 3).workers == 3
    assert shares_of(machine, config(count=16, threads=3, memory_gb=20), 1000).threads == 3
    bounded = shares_of(Machine(8, 40 * 10**9), config(memory_gb=20), 1000)
    assert (bounded.workers, bounded.memory_bytes) == (1, 20 * 10**9)
    assert shares_of(Machine(8, PLENTY), config(threads=3), 1000).workers == 2
    assert shares_of(Machine(2, PLENTY), config(threads=5), 1000).workers == 1


def test_eevee_cannot_be_told_which_gpu() -> None:
    eevee = RunConfig.model_validate({"render": {"engine": "eevee"}})
    assert set(shares_of(Machine(8, PLENTY, 4), eevee, 1000).gpus) == {None}


def test_this_machine_has_something_to_give() -> None:
    machine = this_machine(RunConfig.model_validate({"render": {"device": "cpu"}}))
    assert machine.cores >= 1
    assert machine.memory_bytes > 0
    assert machine.gpus == 0


@pytest.mark.parametrize(
    ("gpu_gb", "cores", "workers"), [(None, 16, 2), (3, 16, 1), (8, 16, 2), (24, 16, 6), (141, 16, 8), (141, 4, 4)]
)
def test_a_gpu_is_shared_by_as_many_as_its_memory_holds(gpu_gb: int | None, cores: int, workers: int) -> None:
    machine = Machine(cores, PLENTY, 1, gpu_gb and gpu_gb * 10**9)
    assert shares_of(machine, config(), 10_000).workers == workers
    two = Machine(64, PLENTY, 2, machine.gpu_bytes)
    assert (
        shares_of(two, config(), 10_000).workers
        == 2 * shares_of(Machine(64, PLENTY, 1, machine.gpu_bytes), config(), 10_000).workers
    )


def test_the_smallest_card_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"text": "143771\n24576\n"}
    monkeypatch.setattr("scanstage.render.executors.local.graphics_cards._nvidia_smi", lambda *_: said["text"])
    assert smallest_gpu_bytes("auto") == 24576 << 20
    assert smallest_gpu_bytes("hip") is None
    said["text"] = "[N/A]\n"
    assert smallest_gpu_bytes("optix") is None
    said["text"] = "No devices were found\n"
    assert smallest_gpu_bytes("cuda") is None


def test_a_part_of_a_divided_card_counts_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"-L": LISTING}
    monkeypatch.setattr(
        "scanstage.render.executors.local.graphics_cards._nvidia_smi",
        lambda *asked: said.get(asked[0], "40960\n40960\n"),
    )
    assert smallest_gpu_bytes("auto") == 5 << 30
    said["-L"] = "GPU 0: NVIDIA A100 (UUID: GPU-1)\n  MIG 1c.3g.20gb  Device  0: (UUID: MIG-1)\n"
    assert smallest_gpu_bytes("auto") == 20 << 30


LISTING = """GPU 0: NVIDIA A100 (UUID: GPU-1)
  MIG 1g.5gb Device 0: (UUID: MIG-1)
  MIG 1g.5gb Device 1: (UUID: MIG-2)
GPU 1: NVIDIA A100 (UUID: GPU-2)
"""


def test_gpus_are_counted_as_the_driver_lists_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert listed_by_nvidia_smi(LISTING) == 2
    assert listed_by_nvidia_smi("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver") == 0
    for node, simds in enumerate((0, 304, 304)):  # the first is the CPU
        (tmp_path / str(node)).mkdir()
        (tmp_path / str(node) / "properties").write_text(f"cpu_cores_count 0\nsimd_count {simds}\n")
    assert amd_gpus({}, tmp_path) == 2
    assert amd_gpus({"HIP_VISIBLE_DEVICES": "1"}, tmp_path) == 1
    monkeypatch.setattr("scanstage.render.executors.local.graphics_cards._nvidia_smi", lambda *_: LISTING)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [count_gpus(d) for d in ("auto", "optix", "cuda", "cpu", "hip")] == [2, 2, 2, 0, 0]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert count_gpus("cuda") == 0


@pytest.mark.parametrize(
    ("value", "count"),
    [(None, 4), ("", 0), ("-1", 0), ("0", 1), ("2,0", 2), ("0,9,1", 1), ("GPU-8f, GPU-1", 2), ("0,,1", 1)],
)
def test_devices_before_the_first_invalid_one_are_visible(value: str | None, count: int) -> None:
    assert visible(value, 4) == count
