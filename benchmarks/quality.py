"""Time against quality: fixed scenes rendered in many ways, compared with 1,024 samples without denoising.

    python benchmarks/quality.py [--size 256x192] [--timed-size 640x480] [--scenes city room …] [--truth FOLDER]
                                 [--pictures FOLDER] [--write]

The truth of a scene is Cycles with 1,024 samples a pixel, 12 bounces, no clamping, the HDRI as it is with Cycles' own
importance map, not denoised; it takes minutes a scene, so it is kept in the folder and made only where it is missing.
The reference is 32 samples at the peer's published settings (3 bounces, none off glossy surfaces; automatic importance
map; OIDN at high quality with accurate prefilter); ``reference, all bounces`` is the same with Blender's own 12
bounces. Candidates take turns at each scene. CPU time is measured on larger pictures of some of the scenes, since small
ones would make much of what a picture costs whatever its size: that of worker and coordinator for a scene that is
loaded but not the one shown before, for setting the scene, importance map, sampling, denoising and writing. All are
developed with the exposure of the truth; PSNR and SSIM compare the 8-bit pictures, FLIP (Andersson et al. 2020) at 67
pixels a degree. Detail is that of textured regions, as a share of the truth's (``picture_quality.fine_detail``): the
least and the most of all, 1 is right. ``--pictures`` keeps strips of truth, reference and presets; ``--write`` rewrites
the section in RESULTS.md and draws docs/time_quality.png. Needs ``pip install -e ".[benchmarks]"``. The last line is
JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import flip_evaluator
import numpy as np
import numpy.typing as npt
import psutil
from picture_quality import Pixels, developed, fine_detail, psnr_db
from PIL import Image
from pipeline import stamp
from quality_scenes import QualityScene, quality_scenes
from results import made_on, markdown_table, write_section
from rich.console import Console
from rich.table import Table
from skimage.metrics import structural_similarity

from scanstage.render.engine.blender_session import BlenderSession
from scanstage.render.engine.passes import Passes
from scanstage.render.finish.develop import meter
from scanstage.scenes.config.sections.render_settings import PRESETS, RenderSettings

TIMEOUT_S = 7200.0
CURVE = Path(__file__).parents[1] / "docs" / "time_quality.png"

EXACT = RenderSettings(
    device="cpu", noise_threshold=0.0, denoise="high", max_bounces=12, world_map_px=0, hdri_light="exact"
)
TRUTH = replace(EXACT, samples=1024, denoise="off", clamp_indirect=0.0)
REFERENCE = "reference"
ALL_BOUNCES = "reference, all bounces"


def candidates() -> dict[str, RenderSettings]:
    """Ways of rendering, by name."""
    found = {
        REFERENCE: replace(EXACT, samples=32, max_bounces=3, diffuse_bounces=3, glossy_bounces=0),
        ALL_BOUNCES: replace(EXACT, samples=32),
    }
    found |= {name: replace(PRESETS[name], device="cpu") for name in ("draft", "standard")}
    for samples in (8, 16):
        found[f"exact {samples}"] = replace(EXACT, samples=samples)
    light = replace(PRESETS["standard"], device="cpu")
    for samples, albedo_samples in ((4, 16), (6, 16), (6, 24), (8, 16), (8, 32), (12, 32), (16, 32)):
        found[f"light {samples}+{albedo_samples}"] = replace(light, samples=samples, albedo_samples=albedo_samples)
    split = replace(light, denoise="fast")
    for samples in (2, 4, 6, 8, 10, 12, 16, 32):
        found[f"split {samples}"] = replace(split, samples=samples)
    for samples in (4, 8, 16):
        found[f"split balanced {samples}"] = replace(split, samples=samples, denoise="balanced")
    return found


@dataclass(frozen=True)
class Judgement:
    """How a way of rendering did on a scene: distances from the truth, and its share of fine detail by region."""

    psnr_db: float
    ssim: float
    flip: float
    detail: dict[str, float]


def truth_of(scene: QualityScene, folder: Path) -> Passes:
    """The truth, from the folder or rendered now. What scans look like isn't part of the key."""
    kept = {k: v for k, v in asdict(TRUTH).items() if k not in ("threads", "device")}
    key = hashlib.sha256(f"{scene.plan.to_json()} {json.dumps(kept, sort_keys=True)}".encode()).hexdigest()[:16]
    file = folder / f"{scene.name}-{key}.npz"
    if not file.is_file():
        print(f"rendering the truth of {scene.name}", flush=True)
        with open_session(TRUTH) as session:
            passes = session.render(scene.plan, scene.folders, TIMEOUT_S)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(file, radiance=passes.radiance, alpha=passes.alpha, ids=passes.instance_ids)
    with np.load(file) as kept_file:
        return Passes(kept_file["radiance"], kept_file["alpha"], kept_file["ids"])


@contextlib.contextmanager
def open_session(settings: RenderSettings) -> Iterator[BlenderSession]:
    """A worker with a scratch folder of its own."""
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder,
        BlenderSession(settings, None, Path(folder), Path(folder, "log")) as session,
    ):
        yield session


def judge(truth: Pixels, image: Pixels, ids: npt.NDArray[np.uint16]) -> Judgement:
    """Compare (H, W, 3) uint8 images that show these objects."""
    ssim = float(structural_similarity(truth, image, channel_axis=2))
    pair = (part.astype(np.float32) / 255 for part in (truth, image))
    _, flip, _ = flip_evaluator.evaluate(*pair, "LDR", applyMagma=False)
    return Judgement(psnr_db(truth, image), ssim, float(flip), fine_detail(truth, image, ids))


def measure(
    scenes: list[QualityScene], ways: dict[str, RenderSettings], truths: Path, pictures: Path | None
) -> dict[str, dict[str, Judgement]]:
    """Judgements by way and scene."""
    known = {scene.name: truth_of(scene, truths) for scene in scenes}
    found: dict[str, dict[str, Judgement]] = {way: {} for way in ways}
    with open_all(ways, scenes) as sessions:
        for scene in scenes:
            exposure_ev = meter(known[scene.name])
            truth = developed(known[scene.name], scene.plan, exposure_ev)
            images = {"truth": truth}
            for way, session in sessions.items():
                images[way] = developed(session.render(scene.plan, scene.folders, TIMEOUT_S), scene.plan, exposure_ev)
                found[way][scene.name] = judge(truth, images[way], known[scene.name].instance_ids)
            print(f"{scene.name}: " + ", ".join(f"{w} {found[w][scene.name].psnr_db:.1f}" for w in ways), flush=True)
            if pictures:
                keep_strip(images, pictures / f"{scene.name}.png")
    return found


def time_all(scenes: list[QualityScene], ways: dict[str, RenderSettings]) -> dict[str, float]:
    """Mean CPU seconds a picture, by way."""
    spent = dict.fromkeys(ways, 0.0)
    with open_all(ways, scenes) as sessions:
        for scene in scenes:
            for way, session in sessions.items():
                process = psutil.Process(session.pid)
                before = sum(process.cpu_times()[:2]) + time.process_time()
                session.render(scene.plan, scene.folders, TIMEOUT_S)
                spent[way] += (sum(process.cpu_times()[:2]) + time.process_time() - before) / len(scenes)
            print(f"timed {scene.name}", flush=True)
    return spent


@contextlib.contextmanager
def open_all(ways: dict[str, RenderSettings], scenes: list[QualityScene]) -> Iterator[dict[str, BlenderSession]]:
    """A worker for each way, with all scenes loaded."""
    with contextlib.ExitStack() as stack:
        sessions = {way: stack.enter_context(open_session(settings)) for way, settings in ways.items()}
        for session in sessions.values():
            for scene in scenes:
                session.render(stamp(scene.plan), scene.folders, TIMEOUT_S)
        yield sessions


def keep_strip(images: dict[str, Pixels], file: Path) -> None:
    """Truth, reference and presets side by side."""
    file.parent.mkdir(parents=True, exist_ok=True)
    shown = [images[name] for name in ("truth", REFERENCE, "standard", "draft") if name in images]
    Image.fromarray(np.concatenate(shown, axis=1)).save(file)


def mean(judgements: dict[str, Judgement], key: str) -> float:
    """Over scenes."""
    return statistics.mean(getattr(j, key) for j in judgements.values())


def detail_range(judgements: dict[str, Judgement]) -> str:
    """Least and most of all textured regions."""
    shares = [share for j in judgements.values() for share in j.detail.values()]
    return f"{min(shares):.2f} to {max(shares):.2f}" if shares else "none"


def draw(found: dict[str, dict[str, Judgement]], cpu_s: dict[str, float], file: Path) -> None:
    """The time-quality curve: CPU seconds against PSNR and FLIP."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
    for panel, key, label in zip(
        panels, ("psnr_db", "flip"), ("PSNR, dB (more is better)", "FLIP (less is better)"), strict=True
    ):
        for family, title in (
            ("exact", "HDRI as it is"),
            ("split", "split HDRI"),
            ("light", "split, light denoised apart"),
            ("split balanced", "split, accurate prefilter"),
        ):
            members = [w for w in found if w.rpartition(" ")[0] == family]
            members += [ALL_BOUNCES] if family == "exact" else []
            at = sorted((cpu_s[w], mean(found[w], key)) for w in members)
            panel.plot(*zip(*at, strict=True), marker="o", label=title)
        for way, marker in ((REFERENCE, "X"), ("standard", "D"), ("draft", "s")):
            if way in found:
                panel.plot(cpu_s[way], mean(found[way], key), marker, ms=10, label=way)
        panel.set_xscale("log")
        panel.set_xlabel("CPU seconds a picture")
        panel.set_ylabel(label)
        panel.grid(True, which="both", alpha=0.3)
    panels[0].legend()
    figure.savefig(file, dpi=110)


def report(
    found: dict[str, dict[str, Judgement]], cpu_s: dict[str, float], timed: list[str], options: argparse.Namespace
) -> None:
    """Print the table and the JSON line; write the section of results."""
    names = next(iter(found.values()))
    reference = cpu_s[REFERENCE]
    title = f"means over {len(names)} scenes of {options.size}; CPU of {', '.join(timed)} at {options.timed_size}"
    table = Table(title=title)
    heads = ("way", "CPU s", "of reference", "PSNR dB", "least", "SSIM", "FLIP", "detail")
    rows = []
    for way, judged in found.items():
        psnr = mean(judged, "psnr_db")
        least = min(judged.values(), key=lambda j: j.psnr_db).psnr_db
        rows.append((way, f"{cpu_s[way]:.2f}", f"{cpu_s[way] / reference:.3f}", f"{psnr:.2f}", f"{least:.1f}",
                     f"{mean(judged, 'ssim'):.4f}", f"{mean(judged, 'flip'):.4f}", detail_range(judged)))  # fmt: skip
    for head in heads:
        table.add_column(head, justify="left" if head == "way" else "right")
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)
    figures = {
        "standard_cpu_ratio": round(cpu_s["standard"] / reference, 3),
        "draft_cpu_ratio": round(cpu_s["draft"] / reference, 3),
        "standard_psnr": round(mean(found["standard"], "psnr_db"), 2),
        "reference_psnr": round(mean(found[REFERENCE], "psnr_db"), 2),
        "draft_psnr": round(mean(found["draft"], "psnr_db"), 2),
        "standard_flip": round(mean(found["standard"], "flip"), 4),
        "reference_flip": round(mean(found[REFERENCE], "flip"), 4),
        "standard_detail": detail_range(found["standard"]),
        "reference_detail": detail_range(found[REFERENCE]),
        "all_bounces_psnr": round(mean(found[ALL_BOUNCES], "psnr_db"), 2),
        "cpu_s": {way: round(seconds, 2) for way, seconds in cpu_s.items()},
        "ways": {way: {s: asdict(j) for s, j in judged.items()} for way, judged in found.items()},
    }
    if options.write:
        told = f"{made_on()}\n\nThe {title}. The reference is 32 samples at the peer's settings."
        write_section("Quality for time (`quality.py`)", f"{told}\n\n{markdown_table(heads, rows)}")
        draw(found, cpu_s, CURVE)
    print(json.dumps(figures))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="256x192")
    parser.add_argument("--scenes", nargs="+", help="of them; default: all")
    parser.add_argument("--ways", nargs="+", help="of rendering, besides references and presets; default: all")
    parser.add_argument("--truth", type=Path, default=Path("output/truth"), help="folder that keeps the truth")
    parser.add_argument("--pictures", type=Path, help="folder for strips of truth, reference, standard and draft")
    parser.add_argument("--write", action="store_true", help="rewrite the section in RESULTS.md and the curve")
    parser.add_argument("--timed-size", default="640x480", help="of the pictures whose CPU time is measured")
    parser.add_argument("--timed-scenes", nargs="+", default=["city", "interior", "night_lamp", "clutter"])
    options = parser.parse_args()
    scenes = [s for s in scenes_of(options.size) if not options.scenes or s.name in options.scenes]
    timed = [s for s in scenes_of(options.timed_size) if s.name in options.timed_scenes]
    always = (REFERENCE, ALL_BOUNCES, "standard", "draft")
    ways = {w: s for w, s in candidates().items() if w in always or not options.ways or w in options.ways}
    found = measure(scenes, ways, options.truth, options.pictures)
    report(found, time_all(timed, ways), [s.name for s in timed], options)


def scenes_of(size: str) -> list[QualityScene]:
    """The scenes at a size like ``640x480``."""
    width, height = map(int, size.split("x"))
    return quality_scenes(width, height)


if __name__ == "__main__":
    main()
