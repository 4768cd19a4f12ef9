"""What labelling a picture costs before it is rendered: ten scans of 50,000 triangles at 640x480, on one core.

    python benchmarks/visibility.py [--pictures 20]

Casts plans of ten bumpy balls dropped on a table, modal and amodal, structures kept between pictures as in a run. The
first picture, which builds them, is reported apart. Needs ``pip install -e ".[benchmarks]"``. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import trimesh

from scanstage.assets.asset import AssetMeta, Material, MeshArrays
from scanstage.assets.library.stored_assets import store_asset
from scanstage.scenes.config.load import load_config
from scanstage.scenes.inputs.catalogue import open_catalogue
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.sight.visibility import Caster

TRIANGLES = 50_000
OBJECTS = 10


def store_ball(library: Path, index: int) -> None:
    """A ball of about 50,000 triangles with a bumpy surface, as class ``ball<index>``."""
    rng = np.random.default_rng(index)
    shape = trimesh.creation.uv_sphere(radius=0.05, count=[113, 113])
    vertices = np.asarray(shape.vertices) * (1 + 0.03 * rng.standard_normal((len(shape.vertices), 1)))
    vertices -= [0, 0, vertices[:, 2].min()]
    faces = np.asarray(shape.faces, np.int32)
    hull = trimesh.Trimesh(vertices, faces).convex_hull.vertices[:200].astype(np.float32)
    mesh = MeshArrays(vertices.astype(np.float32), faces, np.zeros(len(faces), np.uint16), hull)
    meta = AssetMeta(f"ball{index}/ball", f"ball{index}", (0.1, 0.1, 0.1), len(faces), (Material(),))
    store_asset(library, meta, mesh, {})


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=20)
    pictures = parser.parse_args().pictures
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "library"
        for i in range(OBJECTS):
            store_ball(library, i)
        config_path = Path(folder) / "balls.yaml"
        config_path.write_text(f"assets: {{library: {library}}}\nobjects: {{count: {OBJECTS}}}\n")
        config = load_config(config_path)
        catalogue = open_catalogue(config, Path(folder))
        planner = Planner(config, catalogue, Path(folder))
        start = time.perf_counter()
        plans = [planner.plan(i).plan for i in range(pictures)]
        planning = (time.perf_counter() - start) / pictures
        caster = Caster(catalogue.mesh, catalogue.openings)
        seconds = []
        for plan in plans:
            start = time.perf_counter()
            caster.cast(plan)
            seconds.append(time.perf_counter() - start)
    typical = statistics.median(seconds[1:])
    triangles = catalogue.asset("ball0/ball").meta.triangles
    print(f"{OBJECTS} objects of {triangles:,} triangles, 640x480, one core, {pictures} pictures")
    print(f"  cast, structures there      {typical:.3f} s (median), {max(seconds[1:]):.3f} s (slowest)")
    print(f"  cast, first picture         {seconds[0]:.3f} s (builds the structures)")
    print(f"  plan with physics and cast  {planning:.3f} s (mean)")
    figures = {
        "seconds_per_picture": round(typical, 4),
        "first_picture_seconds": round(seconds[0], 4),
        "plan_seconds": round(planning, 4),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
