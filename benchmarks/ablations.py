"""Which sets `training.py` compares: a config, and the same with one thing switched off."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.config.load import load_config
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.planning.preflight import open_planner

SWITCHES: dict[str, tuple[str, ...]] = {
    "many objects": ("objects.count={integer: [8, 18]}",),
    "the camera amid them": ("camera.framing=objects", "camera.fill={uniform: [0.7, 1.0]}", "camera.off_center=0"),
    "room between them": ("objects.placement.density=0.6",),
    "standing": ("objects.placement.upright=0.3",),
    "less glare": ("objects.material.roughness={uniform: [-0.1, 0.1]}", "objects.material.specular=1"),
    "clear views only": ("labels.min_visible_fraction=0.05",),
    "clutter": ("distractors.count=0",),
    "neighbours of the same scan": ("objects.repeat=0",),
    "negatives": ("negatives=0",),
    "places": ("stage={kind: table}",),
    "lamps": ("light.lamps=[]",),
    "camera look": ("camera.look=null",),
    "clean pictures": ("camera.look={choice: [phone, webcam, industrial, clean]}",),
    "exposure": ("camera.exposure_bias_ev=0",),
    "roll": ("camera.roll_deg=0",),
    "wear": ("objects.wear=0",),
    "kept texture": ("render.denoise=fast",),
}
"""By what is switched off: the overrides that do it. Those that change nothing of a config make no row."""


@dataclass(frozen=True)
class Row:
    """A set: its name, the overrides that make it of the config, or the folder where it is already."""

    name: str
    overrides: tuple[str, ...] = ()
    dataset: Path | None = None

    def folder(self, config: Path, images: int) -> str:
        """A folder's name that tells sets of different content apart."""
        resolved = _resolved(config, self.overrides).model_dump(mode="json", exclude={"images", "workers"})
        content = json.dumps([resolved, str(config.resolve().parent), images])
        return f"{config.stem}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def ablations(config: Path, overrides: Sequence[str], only: Sequence[str] = ()) -> list[Row]:
    """The config itself, then a row for each switch that changes it; ``only`` keeps those with one of these words."""
    whole = _resolved(config, overrides)
    rows = [Row(config.stem, tuple(overrides))]
    for name, off in SWITCHES.items():
        if only and not any(word in name for word in only):
            continue
        try:
            if _resolved(config, (*overrides, *off)) != whole:
                rows.append(Row(f"without {name}", (*overrides, *off)))
        except InputError:
            continue  # the config has something with which this can't be off
    return rows


def _resolved(config: Path, overrides: Sequence[str]) -> RunConfig:
    return load_config(config, list(overrides))


def rare_rows(config: Path, overrides: Sequence[str], rare: int, share: float) -> tuple[list[str], list[Row]]:
    """Every so many classes of a config made rare, and the same mended by ``balance``.

    Args:
        config: of the sets.
        overrides: of all rows.
        rare: how many classes; they are taken at even distances from the sorted names.
        share: how often a rare class is placed, in shares of another.

    Returns:
        The rare classes, and rows: rare, balanced.
    """
    planner = open_planner(_resolved(config, overrides), config.resolve().parent)
    names = sorted(planner.catalogue.classes)
    if not 0 < rare < len(names):
        raise InputError(f"--rare {rare}: there are {len(names)} classes")
    chosen = [names[i * len(names) // rare] for i in range(rare)]
    weights = {n: share if n in chosen else 1 for n in names}
    skewed = (*overrides, f"assets.classes={json.dumps(weights)}")
    return chosen, [
        Row(f"{rare} classes at {share:g}", skewed),
        Row("the same, balanced", (*skewed, "balance.target=uniform")),
    ]
