"""Closed-loop balancing against even placement, at planning time: no Blender, nothing rendered.

Two targets. *Uniform*: 12 classes whose sizes span 20:1, crowded, seen from low; 3,000 labels. Open loop places the
classes evenly until there are as many labels; closed loop is ``balance: {target: uniform, total: 3000}`` with the same
seed. *Long tail*: a real dataset of 60 classes with 1 to 1,977 labels is filled up to 100.

    python benchmarks/balance.py [--labels 3000] [--floor 100]

The shapes are trimesh's: needs ``pip install -e ".[benchmarks]"``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import trimesh

from scanstage.assets.asset import AssetMeta, Material, MeshArrays
from scanstage.assets.library.stored_assets import store_asset
from scanstage.scenes.config.load import load_config
from scanstage.scenes.picture_sequence.balanced_pictures import BalancedPictures, open_targets
from scanstage.scenes.picture_sequence.selection import Selection
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_inputs
from scanstage.scenes.sight.label_rules import judge

UNIFORM = """
seed: 3
assets: {library: library}
objects:
  count: {integer: [8, 14]}
  placement: {kind: upright, density: {uniform: [0.4, 0.6]}}
distractors: {count: {integer: [2, 5]}, size_m: {log_uniform: [0.05, 0.25]}}
stage: {kind: ground}
camera: {resolution: [320, 240], elevation_deg: {uniform: [8, 35]}, fill: {uniform: [0.9, 1.3]}}
labels: {min_pixels: 24, min_visible_fraction: 0.3, max_truncated_fraction: 0.5}
"""
LONG_TAIL = """
seed: 3
assets: {library: library}
objects: {count: {integer: [4, 8]}, placement: {kind: upright, density: {uniform: [0.2, 0.4]}}}
stage: {kind: ground}
camera: {resolution: [320, 240], elevation_deg: {uniform: [15, 45]}}
labels: {min_pixels: 24, min_visible_fraction: 0.3}
"""
SHAPES = (
    lambda: trimesh.creation.box((1.0, 0.7, 0.5)),
    lambda: trimesh.creation.icosphere(subdivisions=3, radius=0.5),
    lambda: trimesh.creation.cylinder(radius=0.15, height=1.0, sections=32),
    lambda: trimesh.creation.torus(0.35, 0.15),
    lambda: trimesh.creation.capsule(0.7, 0.2),
    lambda: trimesh.creation.cone(radius=0.4, height=1.0, sections=32),
)


def make_library(folder: Path, sizes_m: list[float]) -> list[str]:
    """A library with a class for each size (the longest edge), of varied shapes; returns the classes."""
    names = []
    for i, size in enumerate(sizes_m):
        shape = SHAPES[i % len(SHAPES)]()
        shape.apply_scale(size / max(shape.extents))
        low, high = shape.bounds
        shape.apply_translation([-(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, -low[2]])
        mesh = MeshArrays(
            shape.vertices.astype(np.float32),
            shape.faces.astype(np.int32),
            np.zeros(len(shape.faces), np.uint16),
            shape.convex_hull.vertices.astype(np.float32)[:200],
        )
        name = f"class_{i:02d}"
        x, y, z = map(float, shape.extents)
        store_asset(folder, AssetMeta(f"{name}/toy", name, (x, y, z), len(shape.faces), (Material(),)), mesh, {})
        names.append(name)
    return names


def open_planner(folder: Path, text: str, overrides: list[str]) -> Planner:
    """A planner of a config."""
    path = folder / "run.yaml"
    path.write_text(text)
    config = load_config(path, overrides)
    return Planner(config, open_inputs(config, folder), folder)


def open_loop(planner: Planner, labels: int) -> tuple[Counter[str], int]:
    """Even placement until there are ``labels`` labels: kept by class, and pictures."""
    kept: Counter[str] = Counter()
    pictures = 0
    while kept.total() < labels:
        planned = planner.plan(pictures)
        judged = judge(planned.plan, planned.seen, planner.config.labels)
        kept.update(str(j.item.class_name) for j in judged if j.fate == "label")
        pictures += 1
    return kept, pictures


def closed_loop(planner: Planner) -> tuple[BalancedPictures, int]:
    """A balanced run to its end: the run, and its pictures."""
    run = BalancedPictures(planner, open_targets(planner.config, planner.catalogue, planner.base))
    return run, sum(1 for _ in run.pictures(Selection()))


def uniform(folder: Path, labels: int) -> dict[str, float]:
    """Largest error of a class, of either loop, and how many more pictures the closed one needs."""
    classes = make_library(folder / "library", [0.015 * 20 ** (i / 11) for i in range(12)])
    target = labels / len(classes)
    start = time.perf_counter()
    kept, open_pictures = open_loop(open_planner(folder, UNIFORM, []), labels)
    middle = time.perf_counter()
    run, closed_pictures = closed_loop(open_planner(folder, UNIFORM, [f"balance={{total: {labels}}}"]))
    end = time.perf_counter()
    tally = run.controller.tally
    print(f"uniform, {labels} labels of {len(classes)} classes, sizes 20:1")
    print(f"{'class':<10}{'open loop':>12}{'closed loop':>13}{'placed':>9}{'yield':>8}")
    for c in classes:
        print(f"{c:<10}{kept[c]:>12}{tally.kept[c]:>13}{tally.placed[c]:>9}{tally.kept[c] / tally.placed[c]:>8.2f}")
    open_error = max(abs(kept[c] - target) / target for c in classes)
    closed_error = max(abs(tally.kept[c] - target) / target for c in classes)
    print(f"largest error: open loop {open_error:.1%}, closed loop {closed_error:.1%}")
    print(f"pictures: open loop {open_pictures}, closed loop {closed_pictures}")
    print(f"seconds: open loop {middle - start:.0f}, closed loop {end - middle:.0f}\n")
    ratio = closed_pictures / open_pictures
    return {"open_loop_max_error": open_error, "closed_loop_max_error": closed_error, "pictures_ratio": ratio}


def long_tail(folder: Path, floor: int) -> dict[str, float]:
    """Largest shortfall below the floor and excess above the target of any class, real and synthetic together."""
    rng = np.random.default_rng(0)
    classes = make_library(folder / "library", list(rng.uniform(0.04, 0.25, 60)))
    real = [round(1977 ** (1 - i / 59)) for i in range(60)]
    images = [{"id": i} for i in range(2000)]
    categories = [{"id": i + 1, "name": c} for i, c in enumerate(classes)]
    annotations = [
        {"id": len(real) * k + i, "image_id": k % 2000, "category_id": i + 1}
        for i, n in enumerate(real)
        for k in range(n)
    ]
    document = {"images": images, "categories": categories, "annotations": annotations}
    (folder / "real.json").write_text(json.dumps(document))
    start = time.perf_counter()
    planner = open_planner(folder, LONG_TAIL, [f"balance={{target: {{fill: {{coco: real.json, to: {floor}}}}}}}"])
    run, pictures = closed_loop(planner)
    seconds = time.perf_counter() - start
    kept = run.controller.tally.kept
    total = {c: n + kept[c] for c, n in zip(classes, real, strict=True)}
    wanted = {c: max(n, floor) for c, n in zip(classes, real, strict=True)}
    shortfall = max(1 - total[c] / floor for c in classes)
    excess = max(total[c] / wanted[c] - 1 for c in classes)
    print(f"long tail: 60 classes with {min(real)} to {max(real)} real labels, filled up to {floor}")
    print(f"{sum(kept.values())} labels added in {pictures} pictures, planned in {seconds:.0f} s")
    print(f"largest shortfall {max(0.0, shortfall):.1%}, largest excess {excess:.1%}\n")
    return {"lvis_max_shortfall": max(0.0, shortfall), "lvis_max_excess": excess}


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=3000)
    parser.add_argument("--floor", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
        found = uniform(Path(a), given.labels) | long_tail(Path(b), given.floor)
    print(json.dumps({k: round(v, 4) for k, v in found.items()}))


if __name__ == "__main__":
    main()
