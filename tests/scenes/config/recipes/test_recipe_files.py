"""Recipes: what a config doesn't say, and how the two are laid over each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.config.load import check_config, load_config
from scanstage.scenes.config.recipes import recipe_files
from scanstage.scenes.config.recipes.recipe_files import RECIPES, keys_of, lay_over


def config_file(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


def test_every_file_has_its_name_and_is_a_config() -> None:
    assert {p.stem for p in Path(recipe_files.__file__).parent.glob("*.yaml")} == set(RECIPES)
    for name in RECIPES:
        config = check_config({"recipe": name}, (), Path())
        assert config.recipe == name
        assert not {"assets", "images", "seed", "name", "workers"} & keys_of(name).keys()


def test_what_a_config_says_comes_before_its_recipe(tmp_path: Path) -> None:
    plain = load_config(config_file(tmp_path, "{}"))
    path = config_file(tmp_path, "recipe: detection\ncamera: {focal_mm: 50}\nstage: {kind: ground}\n")
    config, recipe = load_config(path), load_config(path, ["camera.focal_mm=40"])
    whole = check_config({"recipe": "detection"}, (), tmp_path)
    assert (config.camera.focal_mm, recipe.camera.focal_mm) == (50, 40)
    assert config.camera.framing == whole.camera.framing == "midst" != plain.camera.framing
    assert [s.kind for s in config.stage] == ["ground"] != [s.kind for s in whole.stage]
    assert config.objects == whole.objects != plain.objects


def test_a_value_is_never_half_of_each() -> None:
    objects = {"placement": {"kind": "upright"}, "count": {"uniform": [1, 2]}}
    data = {"objects": objects, "light": {"hdri": {"image": "builtin:city"}}, "stage": {"weight": 2}}
    at = lay_over(data, "detection")
    assert data["objects"]["placement"] == {"kind": "upright"}
    assert data["objects"]["count"] == {"uniform": [1, 2]}
    assert data["stage"] == {"weight": 2}
    assert data["light"]["hdri"] == keys_of("detection")["light"]["hdri"] | {"image": "builtin:city"}
    assert {("light", "hdri", "strength"), ("light", "lamps"), ("camera",)} <= set(at)
    assert not {("objects", "placement"), ("objects", "count"), ("light", "hdri"), ("light",)} & set(at)


def test_a_recipe_can_be_an_override(tmp_path: Path) -> None:
    path = config_file(tmp_path, "images: 5\n")
    changed = load_config(path, ["recipe=detection", "stage.0.weight=7"])
    assert (changed.recipe, changed.camera.framing, changed.stage[0].weight) == ("detection", "midst", 7)
    assert load_config(config_file(tmp_path, "recipe: detection"), ["recipe=null"]).camera.framing == "objects"


def test_an_unknown_recipe_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mine\.yaml:1: recipe: .*detection"):
        load_config(config_file(tmp_path, "recipe: detecton"))
    with pytest.raises(InputError, match=r"mine\.yaml:1: recipe: "):
        load_config(config_file(tmp_path, "recipe: {a: 1}"))


def test_a_mistake_in_what_the_recipe_gave_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe_files, "recipe_text", lambda name: "camera: {fov_deg: 1000}")
    with pytest.raises(InputError, match=r"mine\.yaml with its recipe: camera\.fov_deg"):
        load_config(config_file(tmp_path, "recipe: detection\ncamera: {roll_deg: 0}"))
