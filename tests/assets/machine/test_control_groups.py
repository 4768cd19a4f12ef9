"""Limits of control groups, on made-up file trees of both versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanstage.assets.machine import processors
from scanstage.assets.machine.control_groups import cpu_quota, memory_left


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


@pytest.fixture
def member(tmp_path: Path):
    """Write the groups that the process is in."""

    def write_membership(text: str) -> Path:
        path = tmp_path / "membership"
        path.write_text(text + "\n")
        return path

    return write_membership


def test_version_2_takes_the_tightest_of_all_levels(tmp_path: Path, member) -> None:
    root, own = tmp_path / "cgroup", member("0::/slurm/job_7")
    write(root, {"cpu.max": "max 100000", "slurm/cpu.max": "150000 100000", "slurm/job_7/cpu.max": "400000 100000"})
    write(root, {"slurm/memory.max": "8000", "slurm/memory.current": "3000", "slurm/memory.stat": "inactive_file 500"})
    write(root, {"slurm/job_7/memory.max": "max", "slurm/job_7/memory.current": "2000"})
    assert cpu_quota(root, own) == 1.5
    assert memory_left(root, own) == 8000 - 3000 + 500


def test_version_1_has_a_folder_for_each_controller(tmp_path: Path, member) -> None:
    root, own = tmp_path / "cgroup", member("4:memory:/box\n2:cpu,cpuacct:/box\n0::/")
    write(root, {"cpu,cpuacct/box/cpu.cfs_quota_us": "250000", "cpu,cpuacct/box/cpu.cfs_period_us": "100000"})
    write(root, {"memory/box/memory.limit_in_bytes": "9000", "memory/box/memory.usage_in_bytes": "4000"})
    write(root, {"memory/box/memory.stat": "inactive_file 1\ntotal_inactive_file 1000"})
    assert cpu_quota(root, own) == 2.5
    assert memory_left(root, own) == 6000


def test_a_container_sees_its_group_as_the_root(tmp_path: Path, member) -> None:
    root, own = tmp_path / "cgroup", member("4:memory:/docker/0123\n1:cpu:/docker/0123")
    write(root, {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"})
    write(root, {"memory/memory.limit_in_bytes": "7000", "memory/memory.usage_in_bytes": "7500"})
    assert cpu_quota(root, own) == 0.5
    assert memory_left(root, own) == 0, "more than the limit is taken for a moment before something is ended"


@pytest.mark.parametrize("quota", ["-1", "max", "junk", ""])
def test_without_a_limit_there_is_none(tmp_path: Path, member, quota: str) -> None:
    root, own = tmp_path / "cgroup", member("1:cpu:/\n0::/")
    write(root, {"cpu/cpu.cfs_quota_us": quota, "cpu/cpu.cfs_period_us": "100000", "cpu.max": "max 100000"})
    write(root, {"memory.max": "max", "memory.current": "17"})
    assert cpu_quota(root, own) is None
    assert memory_left(root, own) is None
    assert cpu_quota(tmp_path / "none", tmp_path / "none either") is None


def test_a_part_of_a_core_counts_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    for quota, cores in ((None, 8), (0.2, 1), (1.0, 1), (2.5, 3), (64.0, 8)):
        monkeypatch.setattr(processors, "cpu_quota", lambda quota=quota: quota)
        assert processors.usable_cores() == cores
