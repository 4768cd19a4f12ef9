"""What a fit writes, without fitting."""

from __future__ import annotations

from typing import Any


def made_up_fit(**changes: Any) -> dict[str, Any]:
    """The content of a ``fit.json`` for a config with boxes and balls."""
    bell = {"normal": {"mean": 58.2, "std": 15.0, "min": 0.0, "max": 88.0}}
    values = [
        {"key": "objects.count", "explained": 0.95, "determined": True, "is": {"integer": [2, 5]}}
        | {"mean": 3.5, "mean_90": [3.2, 3.9]},
        {"key": "camera.elevation_deg", "explained": 0.4, "determined": False, "is": bell}
        | {"mean": 57.1, "mean_90": [54.8, 59.6]},
        {"key": "camera.roll_deg", "explained": -0.03, "determined": False, "is": None},
    ]
    return {
        "kind": "scanstage fit",
        "format": 1,
        "date": "2026-11-27",
        "base": "own/base.yaml",
        "photos": {
            "name": "shelf",
            "fitted": 240,
            "labels": 967,
            "held_out": 60,
            "independent": 250,
            "without_labels": 0.02,
            "notes": ["2 photos can't be read and are left out: a.jpg and b.jpg."],
        },
        "values": values,
        "kinds": {"a": 0.7, "b": 0.3},
        "classes": {
            "photos": {"ball": 0.25, "box": 0.745, "rod": 0.005},
            "yield": {"ball": 1.0, "box": 0.9, "rod": 0.9},
            "weights": {"ball": 0.3, "box": 1.0, "rod": 0.01},
            "unseen": ["rod"],
            "kinds": {"chance": 0.001, "impact": [0.2, 0.85], "evened": 0.7, "weights": {"box": [1.0, 0.5]}},
        },
        "tested": {
            "held_out": True,
            "before": {"auc": 0.98, "mmd2": 0.3},
            "after": {"auc": 0.71, "mmd2": 0.01},
            "after_on_fitted": {"auc": 0.6, "mmd2": 0.01},
            "copying_z": 0.1,
            "copies": False,
            "giveaways": [["labels", 0.04]],
        },
        "appearance": {
            "rendered": 100,
            "photos": 240,
            "size": [400, 300],
            "values": [
                {"key": "camera.exposure_bias_ev", "explained": 0.9, "determined": True, "is": {"uniform": [-0.5, 0.1]}}
                | {"mean": -0.2, "mean_90": [-0.3, -0.1]},
                {"key": "camera.vignetting", "explained": 0.1, "determined": False, "is": None},
            ],
            "backgrounds": {
                "brightness": {"photos": 0.2, "pictures": 0.5, "above": 0.1, "differs": True},
                "busyness": {"photos": 0.2, "pictures": 0.2, "above": 0.5, "differs": False},
            },
            "tested": {
                "held_out": True,
                "before": {"auc": 0.97, "mmd2": 0.3},
                "after": {"auc": 0.66, "mmd2": 0.01},
                "giveaways": [["noise_dark", 0.02]],
            },
        },
        "notes": [],
        "config_sha256": "0" * 64,
        **changes,
    }
