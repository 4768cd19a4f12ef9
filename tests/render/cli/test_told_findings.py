"""What a reader warns of is printed by `assets add` too."""

from __future__ import annotations

from scanstage.assets.readers.cad.step_files import _findings
from scanstage.assets.readers.cad.step_text import MendedStep
from scanstage.render.cli.shared.taking_in import _TOLD
from scanstage.render.engine.blender_conversion import _TOLD_OF


def test_adding_tells_what_blender_and_open_cascade_lose() -> None:
    of_blender = [f"{topic}: {what}" for _, severity, topic, what, _ in _TOLD_OF if severity == "warning"]
    of_step = [
        f"{f.topic}: {f.what}" for f in _findings(MendedStep(b"", 0, 1, 1, 1, unitless=1)) if f.severity == "warning"
    ]
    assert len(of_step) == 4
    assert [line for line in (*of_blender, *of_step) if not line.startswith(_TOLD)] == []
