"""A page of the docs as a script: its commands one after the other, in a folder that has what pages take for granted.

What they are given is small: configs with few pictures of 96x72, two toy scans, datasets of three pictures.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import trimesh
import yaml
from PIL import Image

from scanstage.render.cli.app import entrypoint
from scanstage.render.engine.engine_protocol import EngineFactory
from support.doc_blocks import ROOT, Command, blocks, commands
from support.toy_car import write_car, write_fox
from support.toy_runs import store_toy

PICTURES = 3
SIZE = [96, 72]
RENDERS = {"generate", "estimate", "replay"}
WITH_CONFIG = {"generate", "estimate", "plan", "preview"}
RENDER_SMALL = {"preset": "draft", "samples": 1, "denoise": "off"}
NOT_RUN = {
    "push": "asks the hub",
    "assets pull": "downloads",
    "doctor": "is about this machine",
    "view": "serves until it is ended",
    "compare": "takes ten pictures and more",
    "drift": "takes ten photos and more",
    "fit": "takes ten photos and more",
    "like": "takes ten photos and more",
    "survey": "takes six photos and more, and people",
}
"""Commands that are only parsed, and why."""
FAR = ("s3://", "hf://", "ray", "/", "--blender", "--shard", "--extend", "--surface")
"""Arguments that name what a test has not: a store, a cluster, a mounted folder, another Blender, other machines, an
extra."""


def why_not(command: Command) -> str | None:
    """Why a command isn't run; None where it is."""
    words = command.argv[1:]
    for name, reason in NOT_RUN.items():
        if " ".join(words).startswith(name):
            return reason
    far = next((word for word in words if word.startswith(FAR)), None)
    return None if far is None else f"names {far}"


def runnable(page: Path) -> bool:
    """Whether a page has a command that is run."""
    return any(why_not(command) is None for block in blocks(page) for command in commands(block))


def missing(command: Command, folder: Path) -> list[str]:
    """Files that a command names and that aren't there: the reader's own, which no page makes.

    What pages call ``configs/…`` and ``output/…`` is there, or made by them: it isn't looked for.
    """
    words = list(command.argv[2:])
    if "--out" in words:
        del words[words.index("--out") : words.index("--out") + 2]
    if command.argv[1] in ("init", "merge"):
        words = words[1:] if command.argv[1] == "init" else words
    paths = [w for w in words if (w.endswith((".yaml", ".json", "/")) or command.argv[1] == "merge") and "=" not in w]
    given = [p for p in paths if not p.startswith(("configs/", "output/", "-")) and p != "stats.json"]
    return [p for p in given if not (folder / p).exists()]


def lay_out(folder: Path) -> None:
    """What pages take for granted: configs/, scans/, a car and a fox, photos/, annotations, a library with a can."""
    shutil.copytree(ROOT / "configs", folder / "configs")
    for config in (folder / "configs").glob("*.yaml"):
        make_small(config)
    owl, bolt = trimesh.creation.box((0.08, 0.06, 0.05)), trimesh.creation.cylinder(0.012, 0.1, sections=12)
    for name, shape in {"scans/owl/a.obj": owl, "scans/bolt/b.stl": bolt, "owl.obj": owl}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shape.export(folder / name)
    (folder / "scans/bolts").mkdir()
    bolt.copy().apply_scale(1000).export(folder / "scans/bolts/m8.stl")
    write_car(folder / "car.glb")
    write_fox(folder / "fox.glb")
    store_toy(folder / "library", "can", trimesh.creation.cylinder(0.035, 0.1), (0.6, 0.2, 0.1))
    _photos(folder / "photos")


def make_small(config: Path) -> None:
    """Samples in the place of scans that have to be downloaded, few and small pictures."""
    data = yaml.safe_load(config.read_text("utf-8"))
    if not isinstance(data, dict):
        return
    assets = data.setdefault("assets", {})
    if config.parent.name == "configs" and assets.get("source") != "samples":  # pulled from afar
        data["assets"] = {"source": "samples"}
    if "intrinsics" not in data.get("camera", {}):
        data.setdefault("camera", {})["resolution"] = SIZE
    photos = data.get("background", {}).get("images")
    if photos and not (folder := config.parent / photos).exists():
        _photos(folder)
    if "balance" not in data:
        data["images"] = PICTURES
    data["render"] = RENDER_SMALL
    data["workers"] = {"count": 1}
    data.setdefault("labels", {}).setdefault("min_pixels", 4)
    config.write_text(yaml.safe_dump(data), "utf-8")


def smaller(argv: tuple[str, ...]) -> list[str]:
    """A command with fewer pictures than it says, of those that it is about."""
    words, short = list(argv[1:]), []
    while words:
        word = words.pop(0)
        if word == "--images" and words:
            short += [word, str(min(int(words.pop(0)), PICTURES))]
        elif word in ("--frame", "--image") and words:
            short += [word, str(min(int(words.pop(0)), PICTURES - 1))]
        elif word == "--frames" and words:
            words.pop(0)
            short += [word, f"0-{PICTURES - 1}"]
        elif word == "--size" and words:
            words.pop(0)
            short += [word, f"{2 * SIZE[0]}x{2 * SIZE[1]}"]
        elif word == "--set" and words and words[0].startswith("render.samples"):
            words.pop(0)
        else:
            short.append(word)
    return short


def run(command: Command, folder: Path, engines: EngineFactory) -> int:
    """Exit code of a command in the working directory, which is ``folder``, with Blender or other engines."""
    argv = smaller(command.argv)
    if argv[0] in WITH_CONFIG:
        config = folder / next(word for word in argv[1:] if not word.startswith("-"))
        if config.exists() and config.parent.name != "configs":
            make_small(config)
    return entrypoint(argv, engines)


def _photos(folder: Path) -> None:
    folder.mkdir()
    noise = np.random.default_rng(0)
    images, annotations = [], []
    for i in range(4):
        Image.fromarray(noise.integers(90, 160, (72, 96, 3), np.uint8)).save(folder / f"{i}.jpg")
        images.append({"id": i, "file_name": f"{i}.jpg", "width": 96, "height": 72})
        annotations.append(
            {
                "id": i,
                "image_id": i,
                "category_id": 1,
                "bbox": [10, 10, 20, 20],
                "area": 400,
                "iscrowd": 0,
                "segmentation": [[10, 10, 30, 10, 30, 30, 10, 30]],
            }
        )
    coco = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "duck"}]}
    (folder / "instances.json").write_text(json.dumps(coco), "utf-8")
