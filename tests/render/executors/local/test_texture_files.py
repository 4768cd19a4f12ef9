"""Which file of a texture a surface shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.unit_boxes import at, make_plan

from scanstage.render.executors.local.texture_files import with_texture_files
from scanstage.scenes.plan import SurfaceMaterial, SurfacePlan, WorldPlan

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCANSTAGE_CACHE", str(tmp_path))


def _shown(material: SurfaceMaterial, edge_m: float) -> SurfaceMaterial:
    surface = SurfacePlan("floor", "primitive/plane", at(0, 0, 0, edge_m), material)
    return with_texture_files(make_plan((), (surface,), (), WorldPlan(None, 1.0, 0.0))).surfaces[0].material


def test_what_would_repeat_is_wide() -> None:
    tiles = SurfaceMaterial((0, 0, 0), (1, 1, 1), "builtin:tiles", texture_size_m=0.6)
    small, large = _shown(tiles, 1.1), _shown(tiles, 6.0)
    assert (Path(small.texture or "").name, small.texture_size_m) == ("tiles.png", 0.6)
    assert (Path(large.texture or "").name, large.texture_size_m) == ("tiles_wide.png", pytest.approx(1.8))
    assert Path(large.texture or "").is_file()


def test_a_photo_and_a_paint_stay() -> None:
    for material in (SurfaceMaterial((0, 0, 0), (1, 1, 1)), SurfaceMaterial((0, 0, 0), (1, 1, 1), None, "/photo.png")):
        assert _shown(material, 6.0) == material
