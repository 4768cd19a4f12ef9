from __future__ import annotations

from pathlib import Path

import pytest
from support.painted_photos import discs, write_photo

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.backplates.photo_facts import photo_facts


@pytest.mark.parametrize("quality", [40, 75, 92])
def test_the_quality_of_a_jpeg_is_told_by_its_tables(tmp_path: Path, quality: int) -> None:
    assert photo_facts(write_photo(tmp_path / "a.jpg", discs(), quality)).jpeg_quality == pytest.approx(quality, abs=1)
    assert photo_facts(write_photo(tmp_path / "a.png", discs())).jpeg_quality is None


def test_the_focal_length_is_exifs_and_turns_with_the_photo(tmp_path: Path) -> None:
    plain = photo_facts(write_photo(tmp_path / "a.jpg", discs(), focal_35mm=27))
    assert plain.size_wh == (320, 240)
    assert plain.focal_px == pytest.approx(320 * 27 / 36)
    turned = photo_facts(write_photo(tmp_path / "b.jpg", discs(), focal_35mm=27, orientation=6))
    assert turned.size_wh == (240, 320)
    assert turned.focal_px == plain.focal_px, "the sensor's long side stays the long one"
    assert photo_facts(write_photo(tmp_path / "c.jpg", discs(), focal_35mm=0)).focal_px is None


def test_a_file_beside_it_says_more(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "a.jpg", discs(), focal_35mm=27)
    (tmp_path / "a.yaml").write_text("horizon: -0.2\nfov_deg: 90\nheight_m: 1.5\nfloor: [0, 0.5, 1, 1]\n")
    facts = photo_facts(photo)
    assert facts.focal_px == pytest.approx(160)
    assert (facts.sidecar.horizon, facts.sidecar.height_m, facts.sidecar.floor) == (-0.2, 1.5, (0, 0.5, 1, 1))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("horizn: 0.2", "horizn"),
        ("horizon: 2", "less than or equal to 0.9"),
        ("floor: [0.5, 0, 0.5, 1]", "left below right"),
        ("[1, 2", "can't be read as YAML"),
        ("- 1", "a.yaml"),
    ],
)
def test_mistakes_in_it_are_told(tmp_path: Path, text: str, match: str) -> None:
    photo = write_photo(tmp_path / "a.jpg", discs())
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(InputError, match=match):
        photo_facts(photo)


def test_a_missing_photo_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        photo_facts(tmp_path / "none.jpg")
