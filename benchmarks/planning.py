"""What planning a picture costs: draws, placement, physics, camera, cast and labels; one core, nothing rendered.

    python benchmarks/planning.py [--plans 30] [--seeds 3] [--write]

Ten sample scans of 50,000 triangles at 640x480: dropped on the ground (physics), standing on it, and floating. Each
kind is planned with several seeds after a warm-up that loads the scans, builds their structures and, as if each had
been shown often, their hulls. A second run of the same plans is timed by stage. A fourth kind, crowded and with a keep
policy that asks for other plans, tells how many attempts a plan takes and what a refused view costs.

Rates are of wall time and of CPU time; on a busy machine the latter says more about the core. The last line is JSON.
"""

from __future__ import annotations

import os

if __name__ == "__main__" and hasattr(os, "sched_setaffinity"):
    # Before numpy counts the cores: its BLAS would start threads, all of which would share the one.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import argparse
import functools
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from results import made_on, markdown_table, write_section

from scanstage.scenes.config.load import load_config
from scanstage.scenes.inputs.catalogue import open_catalogue
from scanstage.scenes.planning import planner as planning
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.randomize.physics import World
from scanstage.scenes.sight import visibility
from scanstage.scenes.sight.shapes import HULL_FROM_USE
from scanstage.scenes.sight.visibility import Caster

WORKLOAD = Path(__file__).with_name("workload.yaml")
OBJECTS = 10
KINDS: dict[str, dict[str, Any]] = {
    "drop": {},
    "upright": {"objects": {"count": OBJECTS, "placement": {"kind": "upright"}}},
    "scatter": {"objects": {"count": OBJECTS, "placement": {"kind": "scatter"}}, "stage": {"kind": "none"}},
    "replan": {
        "objects": {"count": OBJECTS, "placement": {"kind": "drop", "density": 0.6}},
        "labels": {"min_visible_fraction": 0.2, "on_violation": "replan"},
    },
}
STAGES: tuple[tuple[str, Any, str], ...] = (
    ("draws", planning, "draw_labelled"),
    ("draws", planning, "draw_distractors"),
    ("draws", planning, "draw_stage"),
    ("placement", planning, "place"),
    ("physics: model", World, "__init__"),
    ("physics: steps", World, "settle"),
    ("overlaps", World, "overlaps"),
    ("camera", Planner, "_look"),
    ("cast: rays", visibility, "_distances"),
    ("cast: windows", visibility, "object_window"),
    ("cast: rest", Caster, "cast"),
    ("keep policy", planning, "judge"),
    ("keep policy", planning, "find_flaw"),
    ("keypoints, bounds", Planner, "complete"),
)
"""Name, owner and attribute of what is timed; time of one inside another counts for the inner one only."""
VIEW = ("camera", "cast", "keep")
"""How the names of stages begin that each view goes through."""


@dataclass
class Stopwatch:
    """CPU seconds by stage, each without the stages that it calls."""

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    calls: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    _inner: list[float] = field(default_factory=lambda: [0.0])

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        @functools.wraps(function)
        def call(*args: Any, **given: Any) -> Any:
            self._inner.append(0.0)
            start = time.process_time()
            try:
                return function(*args, **given)
            finally:
                took = time.process_time() - start
                self.seconds[stage] += took - self._inner.pop()
                self._inner[-1] += took
                self.calls[function.__name__] += 1

        return call

    def attach(self) -> None:
        """Time all stages from now on."""
        for stage, owner, name in STAGES:
            setattr(owner, name, self.timed(stage, getattr(owner, name)))


@dataclass(frozen=True)
class Figures:
    """Of one kind.

    Attributes:
        rate, cpu_rate: plans a second of wall and of CPU time, the median of the seeds.
        stages: CPU milliseconds a plan by stage.
        casts, arrangements: a plan.
        refused: attempts a plan that came to nothing.
    """

    rate: float
    cpu_rate: float
    stages: dict[str, float]
    casts: float
    arrangements: float
    refused: float

    @property
    def view_ms(self) -> float:
        """CPU milliseconds of a camera, its cast and its judgement: what a view costs that is refused."""
        return sum(ms for stage, ms in self.stages.items() if stage.startswith(VIEW)) / self.casts


def open_planners(kind: str, seeds: int, folder: Path) -> list[Planner]:
    """One planner a seed, all of one catalogue and with one set of structures, as in a run."""
    planners: list[Planner] = []
    for seed in range(seeds):
        document = yaml.safe_load(WORKLOAD.read_text("utf-8"))
        document["objects"]["count"] = OBJECTS
        document |= {**KINDS[kind], "seed": seed}
        path = folder / f"{kind}-{seed}.yaml"
        path.write_text(yaml.safe_dump(document), "utf-8")
        config = load_config(path)
        catalogue = planners[0].catalogue if planners else open_catalogue(config, folder)
        planner = Planner(config, catalogue, folder)
        if planners:
            planner.caster = planners[0].caster
        planners.append(planner)
    return planners


def warm_up(planner: Planner) -> None:
    """Load every scan and build what is kept of it."""
    for assets in planner.catalogue.by_class.values():
        for asset in assets:
            shape = planner.caster.shapes[asset.meta.asset_id]
            for _ in range(HULL_FROM_USE):
                shape.points()
    planner.plan(0)


def measure_rates(planners: list[Planner], plans: int) -> tuple[float, float]:
    """Plans a second of wall and of CPU time."""
    rates, cpu_rates = [], []
    for planner in planners:
        start, cpu_start = time.perf_counter(), time.process_time()
        for index in range(1, plans + 1):
            planner.plan(index)
        rates.append(plans / (time.perf_counter() - start))
        cpu_rates.append(plans / (time.process_time() - cpu_start))
    return statistics.median(rates), statistics.median(cpu_rates)


def measure_stages(planners: list[Planner], plans: int, watch: Stopwatch) -> dict[str, float]:
    """CPU milliseconds a plan by stage; ``other`` is what no stage covers."""
    watch.seconds.clear()
    watch.calls.clear()
    start, refused = time.process_time(), 0
    for planner in planners:
        for index in range(1, plans + 1):
            refused += sum(planner.plan(index).refused.values())
    total = time.process_time() - start
    number = plans * len(planners)
    watch.calls["refused"] = refused
    other = total - sum(watch.seconds.values())
    return {stage: 1000 * s / number for stage, s in {**watch.seconds, "other": other}.items()}


def measure(plans: int, seeds: int) -> dict[str, Figures]:
    """Figures by kind."""
    with tempfile.TemporaryDirectory() as folder:
        planners = {kind: open_planners(kind, seeds, Path(folder)) for kind in KINDS}
        for some in planners.values():
            warm_up(some[0])
        rates = {kind: measure_rates(some, plans) for kind, some in planners.items()}
        watch, figures = Stopwatch(), {}
        watch.attach()
        for kind, some in planners.items():
            stages = measure_stages(some, plans, watch)
            made = {k: n / (plans * seeds) for k, n in watch.calls.items()}
            counts = made["cast"], made["place"], made["refused"]
            figures[kind] = Figures(*rates[kind], stages, *counts)
        return figures


def table(figures: dict[str, Figures]) -> str:
    """The figures as Markdown."""
    kinds = list(figures)
    rows = [
        ["plans a second", *(f"{figures[k].rate:.1f}" for k in kinds)],
        ["plans a CPU second", *(f"{figures[k].cpu_rate:.1f}" for k in kinds)],
        ["arrangements, casts a plan", *(f"{figures[k].arrangements:.2f}, {figures[k].casts:.2f}" for k in kinds)],
        ["refused attempts a plan", *(f"{figures[k].refused:.2f}" for k in kinds)],
        ["one view, CPU ms", *(f"{figures[k].view_ms:.1f}" for k in kinds)],
    ]
    stages = dict.fromkeys([*(stage for stage, _, _ in STAGES), "other"])
    for stage in stages:
        rows.append([f"{stage}, CPU ms a plan", *(f"{figures[k].stages.get(stage, 0.0):.1f}" for k in kinds)])
    return markdown_table(["", *kinds], rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plans", type=int, default=30, help="a seed and kind")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    given = parser.parse_args()
    figures = measure(given.plans, given.seeds)
    text = (
        f"{OBJECTS} sample scans of 50,000 triangles, 640x480, one core, {given.seeds} seeds with {given.plans} plans "
        "each; `replan` is crowded, and nothing less than a fifth visible is let through.\n\n" + table(figures)
    )
    print(text)
    if given.write:
        write_section("Planning on one core (`planning.py`)", f"{made_on()}\n\n{text}")
    static = min(("upright", "scatter"), key=lambda k: figures[k].rate)
    numbers = {
        "plans_per_second_physics": figures["drop"].rate,
        "plans_per_second_static": figures[static].rate,
        "plans_per_cpu_second_physics": figures["drop"].cpu_rate,
        "plans_per_cpu_second_static": min(figures[k].cpu_rate for k in ("upright", "scatter")),
        "plans_per_second_replan": figures["replan"].rate,
        "refused_attempts_per_plan_replan": figures["replan"].refused,
    }
    print(json.dumps({k: round(v, 2) for k, v in numbers.items()}))


if __name__ == "__main__":
    main()
