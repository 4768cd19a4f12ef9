from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from scanstage.scenes.config.load import load_config
from scanstage.scenes.config.sections.light_settings import BUILTIN_HDRIS
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.randomize.environments import fits, fitting_weights, place_of, suited
from scanstage.scenes.randomize.lighting import draw_world
from scanstage.scenes.values.draws import Draws
from scanstage.scenes.values.seeding import Streams


def images(light: dict, stage: str, base: Path = Path(), count: int = 60, variables: dict | None = None) -> Counter:
    config = RunConfig.model_validate({"light": light, "variables": {"time": {"choice": ["day", "night"]}}}).light
    drawn = (
        draw_world(config, Draws(Streams(0, i), variables or {}), base, stage=stage).hdri  # type: ignore[arg-type]
        for i in range(count)
    )
    return Counter(drawn)


def listing(*names: str) -> dict:
    return {"choice": [f"builtin:{n}" for n in names]}


@pytest.mark.parametrize("stage", ["indoors", "outdoors"])
def test_by_default_light_comes_from_where_the_stage_is(stage: str) -> None:
    drawn = images({}, stage)
    assert len(drawn) > 2
    assert all(fits(place_of(str(i)), stage) for i in drawn)  # type: ignore[arg-type]
    assert "builtin:night" not in drawn
    assert len(images({}, "any")) == len(BUILTIN_HDRIS) - 1


def test_mixing_is_a_choice() -> None:
    image = listing("forest", "interior")
    assert set(images({"hdri": {"image": image}}, "indoors")) == {"builtin:interior"}
    assert set(images({"hdri": {"image": image, "place": "any"}}, "indoors")) == {"builtin:forest", "builtin:interior"}
    assert set(images({"hdri": {"image": image, "place": "outdoors"}}, "indoors")) == {"builtin:forest"}


def test_one_image_and_what_is_all_unfit_is_taken_as_it_is() -> None:
    assert set(images({"hdri": {"image": "builtin:forest"}}, "indoors")) == {"builtin:forest"}
    drawn = images({"hdri": {"image": listing("forest", "city")}}, "indoors")
    assert set(drawn) == {"builtin:forest", "builtin:city"}


def test_weights_and_switches_stay() -> None:
    weighted = {"choice": {"builtin:forest": 5, "builtin:interior": 9, "builtin:studio": 1}}
    drawn = images({"hdri": {"image": weighted}}, "indoors", count=200)
    assert set(drawn) == {"builtin:interior", "builtin:studio"}
    assert drawn["builtin:interior"] > 5 * drawn["builtin:studio"]
    switch = {"switch": {"by": "time", "cases": {"day": listing("city", "studio"), "night": "builtin:night"}}}
    for time, found in (("day", "builtin:studio"), ("night", "builtin:night")):
        assert set(images({"hdri": {"image": switch}}, "indoors", variables={"time": time})) == {found}


def test_a_list_in_which_all_fit_draws_as_it_did() -> None:
    image = listing("forest", "city", "sunset")
    stage, anywhere = (images({"hdri": {"image": image, "place": p}}, "outdoors") for p in ("stage", "any"))
    assert stage == anywhere


def test_files_say_by_their_path_where_they_were_taken(tmp_path: Path) -> None:
    for name in ("shop/indoors/a.hdr", "shop/Outdoors/b.hdr", "mixed/c.hdr", "mixed/yard_outdoors.hdr"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / name), np.ones((8, 16, 3), np.float32))
    assert [place_of(str(p)) for p in ("x/indoors/a.hdr", "indoors/outdoors/a.exr", "a/b.hdr", "k_indoors.hdr")] == [
        "indoors", "outdoors", "any", "indoors",
    ]  # fmt: skip

    def names(image: object, stage: str) -> set[str]:
        return {Path(str(i)).name for i in images({"hdri": {"image": image}}, stage, tmp_path)}

    both = {"choice": ["shop/indoors", "shop/Outdoors"]}
    assert names(both, "indoors") == {"a.hdr"}
    assert names(both, "outdoors") == {"b.hdr"}
    assert names("mixed", "indoors") == {"c.hdr"}
    assert names("mixed", "outdoors") == {"c.hdr", "yard_outdoors.hdr"}


def test_where_the_image_is_given_the_stage_follows() -> None:
    stages = ["indoors", "outdoors", "any"]
    assert fitting_weights([1, 2, 3], stages, None, "builtin:forest") == [0, 2, 3]  # type: ignore[arg-type]
    assert fitting_weights([1.0], ["indoors"], None, "builtin:forest") == [1]
    config = RunConfig.model_validate({"light": {"hdri": {"place": "any"}}}).light.hdri
    assert fitting_weights([1, 2, 3], stages, config, "builtin:forest") == [1, 2, 3]  # type: ignore[arg-type]


def test_stages_say_where_they_belong(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("stage: [{kind: table}, {kind: ground}, {kind: none}, {kind: bin, place: outdoors}]")
    assert [s.place for s in load_config(path).stage] == ["indoors", "outdoors", "any", "outdoors"]
    assert suited(["builtin:forest"], "indoors") == ["builtin:forest"]
