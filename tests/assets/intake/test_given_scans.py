"""Which files of a folder are scans by themselves."""

from __future__ import annotations

from pathlib import Path

from scanstage.assets.intake.given_scans import scan_files


def layer(path: Path, *names: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("#usda 1.0\n" + "".join(f'def "x" (references = @{name}@) {{\n}}\n' for name in names))


def test_layers_of_a_usd_in_the_same_folder_are_no_scans_of_their_own(tmp_path: Path) -> None:
    layer(tmp_path / "car.usda", "./parts/wheel.usda", "parts/wheel.usda", "./gone.usda")
    layer(tmp_path / "parts" / "wheel.usda", "../parts/nut.usda")
    layer(tmp_path / "parts" / "nut.usda", "./nut.usda")
    layer(tmp_path / "parts" / "other.usda")
    (tmp_path / "parts" / "a.stl").write_bytes(b"solid")
    (tmp_path / "bad.usd").write_bytes(b"PXR-USDC")
    found = [p.relative_to(tmp_path).as_posix() for p in scan_files([tmp_path])]
    assert found == ["bad.usd", "car.usda", "parts/a.stl", "parts/other.usda"]
    assert scan_files([tmp_path / "parts" / "nut.usda"]) == [tmp_path / "parts" / "nut.usda"]


def test_layers_that_only_name_each_other_are_kept(tmp_path: Path) -> None:
    layer(tmp_path / "a.usda", "b.usda")
    layer(tmp_path / "b.usda", "a.usda")
    assert len(scan_files([tmp_path])) == 2
