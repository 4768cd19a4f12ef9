"""The fitted config: what was found stands in it, all else is as it was, and its paths lead where they led."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from scanstage.render.commands.like_photos.fitted_yaml import fitted_config, moved_paths, yaml_text
from scanstage.scenes.bank.free_values import FreeValue
from scanstage.scenes.config.load import check_config

COUNT = FreeValue("objects.count", "whole", 1, 9)
ANGLE = FreeValue("camera.elevation_deg", "number", 0, 88)


def made(data: dict[str, Any], folder: Path, terms: Any = (), others: Any = None, kinds: Any = None) -> dict[str, Any]:
    config = check_config(data, (), folder)
    return fitted_config(
        data, config, terms, others or {}, ("kind_of_picture", kinds or {}), (folder, folder / "out" / "fit")
    )


def test_what_was_found_stands_in_it(tmp_path: Path) -> None:
    data = {
        "name": "before",
        "assets": {"source": "samples"},
        "variables": {"time": {"choice": ["day", "night"]}},
        "camera": {"fov_deg": 40},
        "balance": {"target": "uniform"},
        "fit": {"bank": 300},
    }
    terms = [(COUNT, {"integer": [2, 4]}), (ANGLE, 30.0)]
    found = made(data, tmp_path, terms, {"negatives": 0.1, "assets.classes": {"mug": 1.0}})
    assert found["variables"] == {"time": {"choice": ["day", "night"]}, "objects_count": {"integer": [2, 4]}}
    assert found["objects"] == {"count": {"var": "objects_count"}}
    assert found["camera"] == {"fov_deg": 40, "elevation_deg": 30.0}
    assert found["assets"] == {"source": "samples", "classes": {"mug": 1.0}}
    assert found["balance"] == {"target": "uniform"}
    assert not found.keys() & {"fit", "name"}
    assert data["fit"] == {"bank": 300}, "what was given stays as it was"
    check_config(found, (), tmp_path)


def test_of_a_recipe_only_what_was_found_is_said(tmp_path: Path) -> None:
    data = {"recipe": "detection", "assets": {"source": "samples"}}
    found = made(data, tmp_path, [(ANGLE, 30.0), (COUNT, {"integer": [2, 4]})])
    assert found["recipe"] == "detection"
    before, after = (check_config(d, (), tmp_path) for d in (data, found))
    assert after.camera.elevation_deg == 30
    assert after.light == before.light
    assert after.stage == before.stage
    assert after.camera.focal_mm == before.camera.focal_mm


def test_kinds_of_pictures_are_a_variable_that_others_go_by(tmp_path: Path) -> None:
    term = {"switch": {"by": "kind_of_picture", "cases": {"a": {"integer": [1, 2]}, "b": 7}}}
    found = made({"assets": {"source": "samples"}}, tmp_path, [(COUNT, term)], kinds={"a": 0.7, "b": 0.3})
    assert found["variables"] == {"kind_of_picture": {"choice": {"a": 0.7, "b": 0.3}}, "objects_count": term}
    check_config(found, (), tmp_path)


def test_relative_paths_lead_where_they_led(tmp_path: Path) -> None:
    for name in ("scans", "lights", "photos"):
        (tmp_path / name).mkdir()
    for name in ("lights/a.hdr", "lights/b.hdr"):
        (tmp_path / name).touch()
    data: dict[str, Any] = {
        "assets": {"library": "scans"},
        "light": {"hdri": {"image": {"choice": ["lights/a.hdr", "builtin:studio", "lights/b.hdr"]}}},
        "background": {"kind": "backplate", "images": "photos"},
        "camera": {"intrinsics": "/etc/calibration.yaml"},
    }
    found = moved_paths(data, tmp_path, tmp_path / "out" / "fit")
    assert found["assets"]["library"] == "../../scans"
    assert found["light"]["hdri"]["image"]["choice"] == ["../../lights/a.hdr", "builtin:studio", "../../lights/b.hdr"]
    assert found["background"]["images"] == "../../photos"
    assert found["camera"]["intrinsics"] == "/etc/calibration.yaml"


@pytest.mark.parametrize("value", ["lights/*.hdr", "builtin:studio", "nowhere.hdr"])
def test_what_is_no_path_stays(value: str, tmp_path: Path) -> None:
    assert moved_paths({"image": value}, tmp_path, tmp_path / "fit") == {"image": value}


def test_it_is_plain_yaml_with_its_header(tmp_path: Path) -> None:
    data = {"name": "größe", "objects": {"count": {"integer": [2, 4]}}}
    text = yaml_text(data, ["what it is", "", "  more"])
    assert text.startswith("# what it is\n#\n#   more\n\n")
    assert yaml.safe_load(text) == data
    assert "größe" in text
