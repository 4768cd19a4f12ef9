"""Named points of some samples, and the keypoint files that lie beside their scans."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.spatial import KDTree

from scanstage.assets.raw_scans.keypoint_files import SUFFIX
from scanstage.assets.samples.sample_model import Model

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Landmarks:
    """Points near a sample's surface, centimetres in the model's frame, and pairs of them that belong together."""

    points: dict[str, Point]
    skeleton: tuple[tuple[str, str], ...]


_DUCK = Landmarks(
    {
        "beak": (5.2, 0.0, 6.2),
        "left_eye": (3.2, 1.45, 6.95),
        "right_eye": (3.2, -1.45, 6.95),
        "crown": (1.9, 0.0, 8.3),
        "left_wing": (-0.8, 3.6, 3.1),
        "right_wing": (-0.8, -3.6, 3.1),
        "tail": (-5.2, 0.0, 5.1),
    },
    (
        ("beak", "left_eye"),
        ("beak", "right_eye"),
        ("left_eye", "crown"),
        ("right_eye", "crown"),
        ("crown", "left_wing"),
        ("crown", "right_wing"),
        ("left_wing", "tail"),
        ("right_wing", "tail"),
    ),
)

LANDMARKS: dict[str, Landmarks] = {
    "rubber-duck": _DUCK,
    "mallard": _DUCK,
    "gnome": Landmarks(
        {
            "hat": (-1.4, 0.0, 18.9),
            "nose": (4.3, 0.0, 9.85),
            "left_hand": (4.2, 2.4, 4.95),
            "right_hand": (4.2, -2.4, 4.95),
            "left_foot": (3.6, 1.65, 0.9),
            "right_foot": (3.6, -1.65, 0.9),
        },
        (
            ("hat", "nose"),
            ("nose", "left_hand"),
            ("nose", "right_hand"),
            ("left_hand", "left_foot"),
            ("right_hand", "right_foot"),
        ),
    ),
    "mug": Landmarks(
        {
            "handle": (7.2, 0.0, 5.0),
            "rim_near": (3.9, 0.0, 9.6),
            "rim_far": (-3.9, 0.0, 9.6),
            "foot_near": (4.0, 0.0, 0.3),
            "foot_far": (-4.0, 0.0, 0.3),
        },
        (
            ("handle", "rim_near"),
            ("handle", "foot_near"),
            ("rim_near", "rim_far"),
            ("rim_far", "foot_far"),
            ("foot_far", "foot_near"),
        ),
    ),
    "oil-bottle": Landmarks(
        {"cork": (0.0, 0.0, 25.3), "label": (0.0, -3.4, 9.0), "foot": (0.0, -3.3, 0.4)},
        (("cork", "label"), ("label", "foot")),
    ),
    "teapot": Landmarks(
        {"spout": (9.7, 0.0, 9.1), "lid": (0.0, 0.0, 11.4), "handle": (-9.2, 0.0, 6.0), "foot": (0.0, -3.2, 0.3)},
        (("handle", "lid"), ("lid", "spout"), ("lid", "foot")),
    ),
}
"""By the sample's name. Each point is moved to the nearest vertex of its model."""


def with_landmarks(name: str, model: Model) -> Model:
    """The model of a sample, with its landmarks where it has any."""
    if name not in LANDMARKS:
        return model
    near = np.array(list(LANDMARKS[name].points.values()))
    return replace(model, landmarks=model.vertices[KDTree(model.vertices).query(near)[1]])


def write_landmarks(scan: Path, name: str, model: Model) -> None:
    """Write the keypoint file beside a scan, in its frame and unit."""
    if model.landmarks is None:
        return
    entry = LANDMARKS[name]
    lines = ["keypoints:"]
    lines += [f"  {n}: [{x:.6g}, {y:.6g}, {z:.6g}]" for n, (x, y, z) in zip(entry.points, model.landmarks, strict=True)]
    lines += ["skeleton:", *(f"  - [{a}, {b}]" for a, b in entry.skeleton)]
    scan.with_name(scan.stem + SUFFIX).write_text("\n".join(lines) + "\n", "utf-8")
