"""The twelve fixed scenes that quality is measured on: eight HDRIs, darkness with a lamp, gloss, clutter, a room."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from scanstage.render.executors.local.texture_files import with_texture_files
from scanstage.scenes.config.load import load_config
from scanstage.scenes.config.sections.light_settings import BUILTIN_HDRIS
from scanstage.scenes.plan import FramePlan
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_inputs


@dataclass(frozen=True)
class QualityScene:
    """A picture to be rendered in many ways: its plan, and the folders of what it shows by asset id."""

    name: str
    plan: FramePlan
    folders: dict[str, Path]


def scene_configs(width: int, height: int) -> dict[str, str]:
    """Configs by name, as YAML; the first picture of each is the scene."""
    lamp = {"kind": "area", "power": 20, "elevation_deg": 45, "size_m": 0.4}
    glossy: dict[str, object] = {"material": {"roughness": {"uniform": [-0.5, -0.35]}}}
    found = {hdri: _config(seed, hdri) for seed, hdri in enumerate(BUILTIN_HDRIS, start=1)}
    found["night_lamp"] = _config(11, "night", stage="table", lamps=[lamp])
    found["glossy"] = _config(12, "sunset", objects=glossy)
    found["clutter"] = _config(13, "city", objects={"count": 10}, distractors={"count": 25})
    in_room = {"kind": "area", "power": 30, "size_m": 0.6}
    found["room"] = _config(14, "interior", stage="room", placement="upright", lamps=[in_room])
    for config in found.values():
        config["camera"]["resolution"] = [width, height]
    return {name: yaml.safe_dump(config) for name, config in found.items()}


def _config(
    seed: int,
    hdri: str,
    stage: str = "ground",
    placement: str = "drop",
    lamps: list[dict[str, object]] | None = None,
    objects: dict[str, object] | None = None,
    distractors: dict[str, object] | None = None,
) -> dict[str, dict[str, object]]:
    config: dict[str, object] = {
        "images": 1,
        "seed": seed,
        "assets": {"source": "samples"},
        "objects": {"count": 5, "placement": {"kind": placement}} | (objects or {}),
        "stage": {"kind": stage},
        "light": {"hdri": {"image": f"builtin:{hdri}"}, "lamps": lamps or []},
        "camera": {
            "elevation_deg": {"uniform": [18, 55]},
            "fill": {"uniform": [0.9, 1.15]},
            "focal_mm": {"uniform": [30, 55]},
        },
    }
    return config | ({"distractors": distractors} if distractors else {})  # type: ignore[return-value]


def quality_scenes(width: int, height: int) -> list[QualityScene]:
    """The scenes, planned; makes the sample scans if need be. Raises InputError."""
    scenes = []
    with tempfile.TemporaryDirectory() as folder:
        for name, text in scene_configs(width, height).items():
            path = Path(folder, f"{name}.yaml")
            path.write_text(text, "utf-8")
            config = load_config(path, [])
            catalogue = open_inputs(config, path.parent)
            plan = with_texture_files(Planner(config, catalogue, path.parent).plan(0).engine_plan)
            scenes.append(QualityScene(name, plan, catalogue.folders_of(plan)))
    return scenes
