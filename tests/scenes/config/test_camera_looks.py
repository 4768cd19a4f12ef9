"""Looks: every key of theirs can be drawn, and gives way to the config's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from scanstage.scenes.config.camera_looks import LOOK_KEYS, LOOKS, OFF, draw_look, with_look
from scanstage.scenes.config.sections.camera_settings import LOOK_NAMES, CameraConfig
from scanstage.scenes.config.sections.run_config import OutputConfig
from scanstage.scenes.plan import PostPlan
from scanstage.scenes.randomize.lens_effects import draw_post
from scanstage.scenes.values.draws import Draws
from scanstage.scenes.values.seeding import Streams


def drawn(index: int, **keys: Any) -> PostPlan:
    config = CameraConfig.model_validate(keys)
    draws = Draws(Streams(4, index), {})
    return draw_post(with_look(config, draw_look(config, draws)), config, OutputConfig(), draws)


def test_each_name_has_a_look_and_each_look_a_name() -> None:
    assert set(LOOKS) == set(LOOK_NAMES)
    for look in LOOKS.values():
        assert look.model_fields_set <= set(LOOK_KEYS)


def test_without_a_look_and_with_a_clean_one_nothing_is_added() -> None:
    assert drawn(0) == PostPlan()
    assert drawn(0, look="clean") == PostPlan()


def test_a_look_draws_another_camera_for_each_picture() -> None:
    for look in ("phone", "webcam", "industrial"):
        posts = [drawn(i, look=look) for i in range(50)]
        assert len({p.blur_px for p in posts}) == 50
        assert all(p.noise is not None and p.processor is not None for p in posts)
        assert 0.15 < np.std([p.bias_ev for p in posts]) < 0.6
        gains = np.array([p.processor.white_balance for p in posts if p.processor])
        np.testing.assert_allclose(gains @ (0.2126, 0.7152, 0.0722), 1.0)  # a grey card stays as bright


def test_looks_differ_as_such_cameras_do() -> None:
    def mean(look: str, key: str) -> float:
        return float(np.mean([getattr(p, key) for p in (drawn(i, look=look) for i in range(60))]))

    assert mean("webcam", "blur_px") > 1.4 * mean("phone", "blur_px")
    assert mean("webcam", "vignetting") > 2 * mean("phone", "vignetting")
    for i in range(20):
        phone, webcam, industrial = (
            drawn(i, look=look, native_width_px="none") for look in ("phone", "webcam", "industrial")
        )
        qualities = [p.processor.stream_quality if p.processor else None for p in (phone, webcam, industrial)]
        assert 0 < (qualities[1] or 0) < (qualities[0] or 0)
        assert qualities[2] is None
        assert industrial.processor is not None
        assert industrial.processor.sharpening == 0
        assert (phone.tone, industrial.tone) == ("filmic", "standard")


def test_what_the_config_gives_stands_above_the_look() -> None:
    own = {"vignetting": 0.0, "noise": {"read": 0.01}, "stream_quality": "none", "tone": "filmic", "sharpening": {}}
    post = drawn(3, look="webcam", **own)
    assert post.vignetting == 0
    assert post.noise is not None
    assert (post.noise.shot, post.noise.read) == (0.0, 0.01)
    assert post.processor is not None
    assert post.processor.stream_quality is None
    assert post.processor.sharpening == 0
    assert post.blur_px > 0, "the rest is still the look's"
    again = CameraConfig.model_validate(CameraConfig(look="webcam", vignetting=0.0).model_dump(mode="json"))
    assert with_look(again, "webcam").blur_px == LOOKS["webcam"].blur_px, "also once a config was written and read"
    assert with_look(again, "webcam").vignetting == 0


def test_other_keys_draw_the_same_with_and_without_a_look() -> None:
    keys = {"vignetting": {"uniform": [0, 1]}, "noise": {"read": {"uniform": [0, 1]}}}
    bare, looked = drawn(5, **keys), drawn(5, look="phone", **keys)
    assert (bare.vignetting, bare.noise) == (looked.vignetting, looked.noise)


def test_every_key_of_a_look_can_be_left_to_it() -> None:
    for key in LOOK_KEYS:
        assert CameraConfig.model_fields[key].default is None
    assert set(OFF) < set(LOOK_KEYS)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"look": "fone"}, "expected one of clean, industrial, phone, webcam, got 'fone'"),
        ({"look": {"choice": ["phone", "dslr"]}}, "expected one of clean, industrial, phone, webcam, got 'dslr'"),
        ({"blur_px": -1}, "expected a number from 0 to 100, got -1"),
        ({"stream_quality": "no"}, "expected a number from 1 to 100 or none, got 'no'"),
        ({"stream_quality": {"uniform": [0, 50]}}, "expected a number from 1 to 100 or none, got 0"),
        ({"white_balance": {"shift_mired": -200}}, "expected a number from -110 to 400, got -200"),
        ({"sharpening": {"radius": 1}}, "Extra inputs are not permitted"),
        ({"depth_of_field": {"f_number": "no"}}, "expected a number from 0.1 to 256 or none, got 'no'"),
        ({"tone": "log"}, "expected one of filmic, standard, got 'log'"),
        ({"detail": 0}, "expected a number from 0.05 to 1, got 0"),
    ],
)
def test_mistakes_are_told(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as e:
        CameraConfig.model_validate(keys)
    assert words in str(e.value)
