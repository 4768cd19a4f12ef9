"""Glass: closed bodies keep their volume, open ones become walls in the colour of theirs; lengths are in metres."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from support.scan_files import write_gltf

from scanstage.assets.asset import META_FILE, Asset
from scanstage.assets.intake.inspection import inspect_scan
from scanstage.assets.intake.take_in import IntakeOptions, take_in

OPTIONS = IntakeOptions("glass", unit="m")
VOLUME = {"thicknessFactor": 0.02, "attenuationDistance": 0.01, "attenuationColor": [0.5, 1.0, 1.0]}


def glass_file(path: Path, mesh: trimesh.Trimesh, transmission: dict[str, Any], **extensions: Any) -> Path:
    """A GLB of one mesh of this glass; ``extensions`` by the ends of their names."""
    positions, indices = mesh.vertices.astype("<f4").tobytes(), mesh.faces.astype("<u4").tobytes()
    named = {f"KHR_materials_{k}": v for k, v in ({"transmission": transmission} | extensions).items()}
    document = {
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"metallicFactor": 0, "roughnessFactor": 0}, "extensions": named}],
        "extensionsRequired": sorted(named),
        "bufferViews": [
            {"buffer": 0, "byteLength": len(positions)},
            {"buffer": 0, "byteOffset": len(positions), "byteLength": len(indices)},
        ],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": len(mesh.vertices), "type": "VEC3"},
            {"bufferView": 1, "componentType": 5125, "count": mesh.faces.size, "type": "SCALAR"},
        ],
    }
    return write_gltf(path, document, positions + indices)


def ball(rings: int = 0) -> trimesh.Trimesh:
    """A ball of 10 cm; without its first faces."""
    whole = trimesh.creation.icosphere(subdivisions=3, radius=0.05)
    return trimesh.Trimesh(whole.vertices, whole.faces[rings:], process=False)


def topics(asset: Asset) -> list[str]:
    return [note.split(":")[0] for note in asset.meta.intake["findings"]]


def test_a_closed_body_keeps_what_the_file_says(tmp_path: Path) -> None:
    path = glass_file(tmp_path / "a.glb", ball(), {"transmissionFactor": 0.9}, ior={"ior": 1.7}, volume=VOLUME)
    asset = take_in(path, OPTIONS, tmp_path / "library")
    (material,) = asset.meta.materials
    assert (material.transmission, material.ior, material.single_wall) == (0.9, 1.7, False)
    assert (material.thickness_m, material.attenuation_m) == (0.02, 0.01)
    assert material.attenuation_color == (0.5, 1.0, 1.0)
    assert "see-through" in topics(asset)
    assert not {"open glass", "extension", "material"} & {*topics(asset)}
    assert Asset.open(asset.folder).meta == asset.meta


def test_lengths_follow_the_unit(tmp_path: Path) -> None:
    path = glass_file(tmp_path / "a.glb", ball(), {"transmissionFactor": 1}, volume=VOLUME)
    (material,) = take_in(path, replace(OPTIONS, unit="cm"), tmp_path / "library").meta.materials
    assert material.thickness_m == pytest.approx(0.0002)
    assert material.attenuation_m == pytest.approx(0.0001)


def test_an_open_surface_is_a_wall_with_the_colour_of_its_volume(tmp_path: Path) -> None:
    path = glass_file(tmp_path / "a.glb", ball(300), {"transmissionFactor": 1}, volume=VOLUME)
    asset = take_in(path, OPTIONS, tmp_path / "library")
    (material,) = asset.meta.materials
    assert (material.thickness_m, material.attenuation_m, material.single_wall) == (0.0, None, True)
    np.testing.assert_allclose(material.base_color, [0.25, 1, 1, 1])  # twice its distance thick
    assert {"see-through", "open glass"} <= {*topics(asset)}
    told = {f.topic for f in inspect_scan(path).findings}
    assert {"see-through", "open glass"} <= told


def test_each_body_is_looked_at_by_itself_and_pinholes_are_forgiven(tmp_path: Path) -> None:
    bowl = ball(300).apply_translation([0.2, 0, 0])
    fine = trimesh.creation.icosphere(subdivisions=5, radius=0.05)
    pricked = trimesh.Trimesh(fine.vertices, fine.faces[1:], process=False)
    path = glass_file(
        tmp_path / "a.glb", trimesh.util.concatenate([pricked, bowl]), {"transmissionFactor": 1}, volume=VOLUME
    )
    asset = take_in(path, OPTIONS, tmp_path / "library")
    solid, wall = asset.meta.materials
    assert (solid.thickness_m, wall.thickness_m, wall.single_wall) == (0.02, 0.0, True)
    mesh = asset.mesh()
    assert np.bincount(mesh.face_material).tolist() == [len(pricked.faces), len(bowl.faces)]


@pytest.mark.parametrize("volume", [{}, {"thicknessFactor": 0.0, "attenuationDistance": 0.1}])
def test_without_thickness_it_is_a_thin_wall(tmp_path: Path, volume: dict[str, Any]) -> None:
    path = glass_file(tmp_path / "a.glb", ball(), {"transmissionFactor": 1}, volume=volume)
    asset = take_in(path, OPTIONS, tmp_path / "library")
    assert (asset.meta.materials[0].thickness_m, asset.meta.materials[0].single_wall) == (0.0, False)
    assert any("thin wall" in note for note in asset.meta.intake["findings"])


def test_nothing_passes_where_transmission_is_0(tmp_path: Path) -> None:
    path = glass_file(tmp_path / "a.glb", ball(), {"transmissionFactor": 0}, volume=VOLUME)
    asset = take_in(path, OPTIONS, tmp_path / "library")
    assert asset.meta.materials[0].transmission == 0
    assert "see-through" not in topics(asset)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1.0, 1e300, -float("inf"), "glass", None, [1]])
@pytest.mark.parametrize(
    "place", ["transmissionFactor", "ior", "thicknessFactor", "attenuationDistance", "attenuationColor"]
)
def test_numbers_are_in_range_or_refused(tmp_path: Path, place: str, number: Any) -> None:
    value = [number] * 3 if place == "attenuationColor" else number
    transmission = {"transmissionFactor": 1, **({place: value} if place == "transmissionFactor" else {})}
    volume = {**VOLUME, **({place: value} if place in VOLUME else {})}
    ior = {"ior": value if place == "ior" else 1.5}
    path = glass_file(tmp_path / "a.glb", ball(), transmission, ior=ior, volume=volume)
    if not isinstance(number, float):
        refused = inspect_scan(path).refused
        assert refused == (place != "attenuationDistance" or number is not None)
        return
    (material,) = take_in(path, OPTIONS, tmp_path / "library").meta.materials
    assert 0 <= material.transmission <= 1
    assert 1 <= material.ior <= 3
    assert 0 <= material.thickness_m <= 1e6
    assert material.attenuation_m is None or 0 < material.attenuation_m <= 1e6
    assert all(0 <= share <= 1 for share in material.attenuation_color)


def test_assets_of_before_still_load(tmp_path: Path) -> None:
    asset = take_in(glass_file(tmp_path / "a.glb", ball(), {}), OPTIONS, tmp_path / "library")
    meta = json.loads((asset.folder / META_FILE).read_text())
    for material in meta["materials"]:
        for key in ("transmission", "transmission_texture", "ior", "thickness_m", "single_wall"):
            del material[key]
        del material["attenuation_color"], material["attenuation_m"]
    (asset.folder / META_FILE).write_text(json.dumps(meta))
    assert Asset.open(asset.folder).meta == asset.meta
