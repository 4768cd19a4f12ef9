"""Presets, single overrides, and what engines make of them."""

from __future__ import annotations

import pytest

from scanstage.scenes.config.sections.render_settings import EEVEE_SAMPLES, PRESETS, Preset
from scanstage.scenes.config.sections.run_config import RenderConfig


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_what_is_rendered_unless_overridden(preset: Preset) -> None:
    assert RenderConfig(preset=preset).settings() == PRESETS[preset]
    changed = RenderConfig(preset=preset, samples=7, hdri_light="exact").settings()
    assert (changed.samples, changed.hdri_light, changed.denoise) == (7, "exact", PRESETS[preset].denoise)


@pytest.mark.parametrize("preset", PRESETS)
def test_eevee_has_samples_of_its_own(preset: Preset) -> None:
    assert RenderConfig(preset=preset, engine="eevee").settings().samples == EEVEE_SAMPLES[preset]
    assert RenderConfig(preset=preset, engine="eevee", samples=3).settings().samples == 3


def test_presets_go_from_quick_to_good() -> None:
    draft, standard, final = (PRESETS[name] for name in ("draft", "standard", "final"))
    assert draft.samples < standard.samples < final.samples
    assert final.hdri_light == "exact", "the best preset takes no short cut"
