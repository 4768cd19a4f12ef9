"""The table of engines has every engine that a config can name, and is what configs are judged by."""

from __future__ import annotations

from typing import get_args

from scanstage.scenes.config.sections.engine_traits import ENGINES
from scanstage.scenes.config.sections.render_settings import PRESETS, EngineName


def test_every_engine_has_its_traits() -> None:
    assert tuple(ENGINES) == get_args(EngineName)
    for traits in ENGINES.values():
        assert 0 < traits.least_iou < 1
        assert traits.most_box_px >= 1
        assert traits.samples is None or set(traits.samples) == set(PRESETS)


def test_an_engine_that_lacks_a_fisheye_has_another_to_point_to() -> None:
    assert any(traits.fisheye for traits in ENGINES.values())
