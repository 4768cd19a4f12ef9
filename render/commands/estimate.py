"""What a whole run will take, from its pilots: time, disk, memory."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scanstage.assets.files.stores import Location
from scanstage.render.bookkeeping.progress import OnProgress, Progress, ignore_progress
from scanstage.render.bookkeeping.run_options import default_out
from scanstage.render.commands.pilots import STAGES, Pilot, PilotReport, run_pilots
from scanstage.render.engine.engine_protocol import EngineFactory
from scanstage.render.executors.local.machine_shares import Machine, Shares, shares_of, this_machine
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.picture_sequence.picture_source import open_source
from scanstage.scenes.planning.preflight import open_planner

IN_WORKER = ("sync", "render", "read")


def estimate(
    config: RunConfig,
    base: Path,
    out: Location | None,
    engines: EngineFactory,
    on_progress: OnProgress = ignore_progress,
) -> dict[str, Any]:
    """Make three pictures of a run and reckon what all will take; see :func:`reckon`.

    Args:
        config: of the run.
        base: folder that relative paths in it start from.
        out: folder that the dataset is to go to; None is ``output/<name>``.
        engines: make the engine that renders.
        on_progress: told what is being done.

    Raises:
        InputError: the config, its files or the engine can't be used.
        EngineCrashed, EngineError: a picture can't be made.
    """
    on_progress(Progress("reading scans"))
    planner = open_planner(config, base)
    machine = this_machine(config)
    shares = shares_of(machine, config, open_source(planner).expected)
    on_progress(Progress("making three pictures"))
    found = run_pilots(planner, shares, engines)
    free = free_bytes(out or default_out(config))
    return {"name": config.name, **reckon(found, shares, machine, free)}


def reckon(report: PilotReport, shares: Shares, machine: Machine, free: int | None) -> dict[str, Any]:
    """The estimate as data, ready for JSON.

    Args:
        report: what pilots showed.
        shares: the run's workers.
        machine: what there is.
        free: bytes on the disk that the dataset goes to; None is unknown.

    Returns:
        ``pictures``, ``exact``, ``workers``, ``threads``, ``why``, ``engine``, ``pilots``;

        ``time``, seconds: ``start_s``; ``stages`` (each ``mean``, ``slowest`` a picture); ``interval_s`` between
        pictures (``likely``, ``slowest``: were all like the slowest pilot); ``total_s`` likewise; ``bound``: what
        decides them;

        ``disk``, bytes: ``kinds`` (each ``mean``, ``largest`` a picture, ``total``); ``total``; ``most``; ``free``;

        ``memory``, bytes: ``worker``, ``workers``, ``coordinator``, ``total``, ``available``, ``bound``.
    """
    return {
        "pictures": report.pictures,
        "exact": report.exact,
        "workers": shares.workers,
        "threads": shares.threads,
        "why": shares.why,
        "engine": report.engine,
        "pilots": [asdict(p) for p in report.pilots],
        "time": _time(report, shares, machine),
        "disk": _disk(report) | {"free": free},
        "memory": _memory(report, shares, machine),
    }


def _time(report: PilotReport, shares: Shares, machine: Machine) -> dict[str, Any]:
    n, pilots = report.pictures, report.pilots
    stages = {
        stage: {"mean": _mean([p.seconds.get(stage, 0.0) for p in pilots]), "slowest": _most(pilots, stage)}
        for stage in STAGES
    }
    on_cpu = report.engine.get("device") == "CPU"
    each = [_intervals(p.seconds, shares, machine, on_cpu) for p in pilots]
    reasons = {reason: _mean([i[reason] for i in each]) for reason in each[0]}
    bound = max(reasons, key=lambda reason: reasons[reason])
    likely, slowest = reasons[bound], max(max(i.values()) for i in each)
    return {
        "start_s": report.start_s,
        "stages": stages,
        "bound": bound,
        "interval_s": {"likely": likely, "slowest": slowest},
        "total_s": {"likely": report.start_s + n * likely, "slowest": report.start_s + n * slowest},
    }


def _intervals(seconds: dict[str, float], shares: Shares, machine: Machine, on_cpu: bool) -> dict[str, float]:
    """Seconds between pictures if only one thing took time, were all pictures like this one. The longest decides.

    Workers render at the same time; one thread plans and one finishes. All of them share the cores, and a GPU renders
    one picture at a time.
    """
    busy = sum(seconds.get(stage, 0.0) for stage in IN_WORKER)
    plan, finish = seconds.get("plan", 0.0), seconds.get("finish", 0.0)
    found = {"workers": busy / shares.workers, "planning": plan, "finishing": finish}
    if on_cpu:
        threads = min(shares.threads or machine.cores, machine.cores)
        found["cores"] = (busy * threads + plan + finish) / machine.cores
    else:
        found["GPU"] = seconds.get("render", 0.0) / max(1, min(machine.gpus, shares.workers))
    return found


def _disk(report: PilotReport) -> dict[str, Any]:
    n, pilots = report.pictures, report.pilots
    kinds: dict[str, dict[str, float]] = {}
    for kind in dict.fromkeys(kind for p in pilots for kind in p.files):
        sizes = [float(p.files.get(kind, 0)) for p in pilots]
        kinds[kind] = {"mean": _mean(sizes), "largest": max(sizes), "total": n * _mean(sizes)}
    for name, size in report.together.items():
        each = size / len(pilots)
        kinds[name] = {"mean": each, "largest": each, "total": n * each}
    most = sum(n * kind["largest"] for kind in kinds.values())
    return {"kinds": kinds, "total": sum(kind["total"] for kind in kinds.values()), "most": most}


def _memory(report: PilotReport, shares: Shares, machine: Machine) -> dict[str, Any]:
    worker = report.worker_bytes
    workers = None if worker is None else worker * shares.workers
    return {
        "worker": worker,
        "workers": workers,
        "coordinator": report.coordinator_bytes,
        "total": None if workers is None else workers + report.coordinator_bytes,
        "available": machine.memory_bytes,
        "bound": shares.memory_bytes,
    }


def free_bytes(folder: Location) -> int | None:
    """Bytes free where a folder is, or will be; None where that can't be known (a store)."""
    if not isinstance(folder, Path):
        return None
    there = next((p for p in (folder.resolve(), *folder.resolve().parents) if p.is_dir()), None)
    return None if there is None else shutil.disk_usage(there).free


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _most(pilots: tuple[Pilot, ...], stage: str) -> float:
    return max(p.seconds.get(stage, 0.0) for p in pilots)
