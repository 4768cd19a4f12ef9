"""What Linux's control groups leave a process: containers and batch schedulers limit cores and memory through them.

Both versions are read: https://docs.kernel.org/admin-guide/cgroup-v2.html (``cpu.max``, ``memory.max``) and
https://docs.kernel.org/admin-guide/cgroup-v1 (``cpu.cfs_quota_us``, ``memory.limit_in_bytes``). A limit of any ancestor
holds as well. A container often sees its own group as the root, whatever path the process is told; so levels that
aren't there are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def cpu_quota(root: Path = ROOT, membership: Path = MEMBERSHIP) -> float | None:
    """CPU seconds a second that this process may take together with its group; None: no limit is set.

    Args:
        root: where control groups are mounted.
        membership: the process's own groups.
    """
    found = []
    for level in _levels("cpu", root, membership):
        quota, _, period = (_text(level / "cpu.max") or "max").partition(" ")
        if quota == "max":
            quota, period = _text(level / "cpu.cfs_quota_us") or "-1", _text(level / "cpu.cfs_period_us") or "0"
        if quota.isdigit() and period.isdigit() and int(period) > 0:
            found.append(int(quota) / int(period))
    return min(found, default=None)


def memory_left(root: Path = ROOT, membership: Path = MEMBERSHIP) -> int | None:
    """Bytes of memory that this process's group may still take, counting file caches as free; None: no limit is set."""
    found = []
    for level in _levels("memory", root, membership):
        for limit, used, cache in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            most, taken = _text(level / limit), _text(level / used)
            if most and taken and most.isdigit() and taken.isdigit():
                found.append(max(0, int(most) - int(taken) + _statistic(level / "memory.stat", cache)))
    return min(found, default=None)


def _levels(controller: str, root: Path, membership: Path) -> Iterator[Path]:
    """Folders of the process's group and of all above it, of both versions, as far as they are there."""
    for line in (_text(membership) or "0::/").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = root / controllers if controllers else root
        places = [top] if controllers else [top, root / "unified"]
        inner = PurePosixPath(path.lstrip("/"))
        for place in places:
            yield from (folder for p in (inner, *inner.parents) if (folder := place / p).is_dir())


def _statistic(path: Path, name: str) -> int:
    for line in (_text(path) or "").splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdigit():
            return int(value)
    return 0


def _text(path: Path) -> str | None:
    try:
        return path.read_text("ascii").strip()
    except (OSError, ValueError):
        return None
