"""What makes a run another one than that which a folder holds a part of."""

from __future__ import annotations

import dataclasses

from scanstage.render.bookkeeping.same_run import differences
from scanstage.scenes.picture_sequence.identity import Identity, completed


def identity_of(**keys: object) -> Identity:
    return Identity(completed(keys), ("box",), scanstage="0.3.0")


def test_a_key_that_came_later_is_taken_to_have_had_its_default() -> None:
    now = identity_of()
    early = {**now.config, "camera": {k: v for k, v in now.config["camera"].items() if k != "framing"}}
    del early["labels"]
    before = dataclasses.replace(now, config=early)
    assert list(differences(before, now)) == []
    changed = dict(differences(before, identity_of(camera={"framing": "object"}, labels={"min_pixels": 3})))
    assert changed.keys() == {"config.camera.framing", "config.labels.min_pixels"}
    assert changed["config.camera.framing"] == 'camera.framing was "objects", is "object"'


def test_a_key_that_is_gone_is_told() -> None:
    now = identity_of()
    before = dataclasses.replace(now, config={**now.config, "weather": "rain"})
    assert list(differences(before, now)) == [("config.weather", 'weather was "rain", is null')]
