"""Coats, fabric, brushing, brightness and moved textures of a glTF reach the inputs of Blender's shader."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.gltf_files import GltfParts, textured_ball
from support.scan_files import png_bytes
from support.unit_boxes import ENGINES, SETTINGS, WHEEL, at, look, make_plan, render_once

from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.render.engine.blender_session import BlenderSession
from scanstage.scenes.plan import CameraPlan, ObjectPlan, WorldPlan

pytestmark = pytest.mark.blender

QUALITY = dataclasses.replace(SETTINGS, samples=16, max_bounces=1)
CAMERA = CameraPlan((48, 48), 48.0, 48.0, 24.0, 24.0, look((0.0, -1.5, 0.5), (0.0, 0.0, 0.5)))
DARK = WorldPlan(None, 0.0, 0.0)
LAYERS = {
    "KHR_materials_clearcoat": {"clearcoatFactor": 0.7, "clearcoatRoughnessFactor": 0.2},
    "KHR_materials_sheen": {"sheenColorFactor": [0.3, 0.4, 0.5], "sheenRoughnessFactor": 0.6},
    "KHR_materials_anisotropy": {"anisotropyStrength": 0.8, "anisotropyRotation": 1.0},
    "KHR_materials_emissive_strength": {"emissiveStrength": 5.0},
    "KHR_materials_specular": {"specularFactor": 0.5, "specularColorFactor": [0.9, 0.8, 0.7]},
    "KHR_materials_ior": {"ior": 1.7},
}
LAYERED = {"emissiveFactor": [1, 0.5, 0], "pbrMetallicRoughness": {"metallicFactor": 0.3}, "extensions": LAYERS}
OLD_NAMES = {"Coat Weight": "Clearcoat", "Coat Roughness": "Clearcoat Roughness", "Sheen Weight": "Sheen"}
_SHADERS = """
import json, os, sys
import bpy
path, out = sys.argv[-2:]
if path.endswith(".blend"):
    bpy.ops.wm.open_mainfile(filepath=path)
else:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=path)
found = []
for material in bpy.data.materials:
    for node in material.node_tree.nodes if material.node_tree else ():
        if node.type == "BSDF_PRINCIPLED":
            values = {i.name: i.default_value for i in node.inputs if hasattr(i, "default_value") and not i.is_linked}
            found.append({k: list(v) if hasattr(v, "__len__") else v for k, v in values.items()})
open(out, "w").write(json.dumps(found))
os._exit(0)
"""


def shaders_of(path: Path, engine: Path | None) -> list[dict[str, Any]]:
    """Unlinked inputs of the Principled BSDFs in a .blend, or that Blender's importer makes of a glTF."""
    out, script = path.with_suffix(".json"), path.with_name("look.py")
    script.write_text(_SHADERS)
    start = [sys.executable, str(script)] if engine is None else [str(engine), "-b", "--python", str(script), "--"]
    subprocess.run([*start, str(path), str(out)], check=True, capture_output=True, timeout=120)
    return list(json.loads(out.read_text()))


def folder_of(parts: GltfParts, root: Path, name: str) -> Path:
    (root / name).mkdir()
    return take_in(parts.write(root / name / "a.glb"), IntakeOptions("ball"), root / name / "library").folder


def shown(asset_id: str, size: float = 10.0) -> tuple[ObjectPlan, ...]:
    return (ObjectPlan(1, asset_id, "ball", at(0.0, 0.0, 0.0, size)),)


@pytest.mark.parametrize("engine", ENGINES)
def test_layers_reach_the_shader(engine: Path | None, tmp_path: Path) -> None:
    """As Blender's own importer sets them, where it knows them."""
    folders = {"scan/a": folder_of(textured_ball(LAYERED), tmp_path, "a")}
    with BlenderSession(SETTINGS, engine, tmp_path, tmp_path / "log") as session:
        render_once(make_plan(shown("scan/a"), camera=CAMERA), folders, session)
        session.save_scene(tmp_path / "scene.blend", 60)
        old = session.info.blender < "4"
    (shader,) = shaders_of(tmp_path / "scene.blend", engine)
    expected = {"Coat Weight": 0.7, "Coat Roughness": 0.2, "Anisotropic": 0.8, "Anisotropic Rotation": 1 / (2 * np.pi)}
    expected |= {"Emission Strength": 5.0, "IOR": 1.7, "Sheen Weight": 0.5 if old else 1.0}
    for name, value in expected.items():
        assert shader[OLD_NAMES.get(name, name) if old else name] == pytest.approx(value), name
    if old:
        return
    np.testing.assert_allclose(shader["Sheen Tint"], [0.3, 0.4, 0.5, 1])
    np.testing.assert_allclose(shader["Specular Tint"], [0.9, 0.8, 0.7, 1])
    assert shader["Sheen Roughness"] == pytest.approx(0.6)
    if engine is None and WHEEL:
        (judged,) = shaders_of(tmp_path / "a" / "a.glb", None)
        same = shader.keys() & judged.keys() & {*expected, "Sheen Tint", "Specular Tint", "Sheen Roughness"}
        assert len(same) == 10
        for name in same:
            np.testing.assert_allclose(shader[name], judged[name], atol=1e-6, err_msg=name)


@pytest.mark.parametrize("engine", ENGINES)
def test_light_of_a_surface_in_the_dark(engine: Path | None, tmp_path: Path) -> None:
    """Emission times its strength; an unlit surface in its base colour; both see nothing of a sky."""
    unlit = {"pbrMetallicRoughness": {"baseColorFactor": [0.2, 0.4, 0.6, 1]}, "extensions": {"KHR_materials_unlit": {}}}
    black = {"baseColorFactor": [0, 0, 0, 1], "metallicFactor": 0}
    strong = {
        "KHR_materials_emissive_strength": {"emissiveStrength": 4.0},
        "KHR_materials_specular": {"specularFactor": 0},
    }
    bright = {"emissiveFactor": [0.5, 0.25, 0.125], "pbrMetallicRoughness": black, "extensions": strong}
    kinds = {"unlit": (unlit, [0.2, 0.4, 0.6]), "bright": (bright, [2.0, 1.0, 0.5])}
    folders = {f"scan/{name}": folder_of(textured_ball(m), tmp_path, name) for name, (m, _) in kinds.items()}
    with BlenderSession(QUALITY, engine, tmp_path, tmp_path / "log") as session:
        for name, (_, light) in kinds.items():
            for world in (DARK, WorldPlan(None, 0.0, 1.0)):
                radiance = render_once(make_plan(shown(f"scan/{name}"), world=world, camera=CAMERA), folders, session)
                np.testing.assert_allclose(radiance.radiance[24, 24], light, rtol=0.01, err_msg=name)


@pytest.mark.parametrize("engine", ENGINES)
def test_textures_lie_where_their_transform_puts_them(engine: Path | None, tmp_path: Path) -> None:
    """Emission by a picture of four colours, moved: the middle of the ball is at U 3/4, V 1/2 (down)."""
    image = Image.new("RGB", (2, 2))
    image.putdata([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)])
    image = image.resize((64, 64), Image.Resampling.NEAREST)
    moves = {
        "green": ({"offset": [0, -0.25]}, [0, 1, 0]),
        "red": ({"offset": [0.5, -0.25]}, [1, 0, 0]),
        "white": ({"scale": [1, 1.5]}, [1, 1, 1]),
        "turned": ({"rotation": float(np.pi / 2), "offset": [0.25, 0]}, [0, 1, 0]),  # to (v, -u): (3/4, 1/4)
        "turned back": ({"rotation": float(-np.pi / 2), "offset": [0.25, 0]}, [1, 1, 1]),  # to (-v, u)
    }
    folders = {}
    for name, (move, _) in moves.items():
        parts = textured_ball({"pbrMetallicRoughness": {"metallicFactor": 0, "baseColorFactor": [0, 0, 0, 1]}})
        material = parts.json["materials"][0]
        material["pbrMetallicRoughness"]["baseColorTexture"] = parts.image(png_bytes(image))
        moved = parts.image(png_bytes(image), extensions={"KHR_texture_transform": move})
        material |= {"emissiveFactor": [1, 1, 1], "emissiveTexture": moved}
        folders[f"scan/{name}"] = folder_of(parts, tmp_path, name)
    with BlenderSession(QUALITY, engine, tmp_path, tmp_path / "log") as session:
        for name, (_, color) in moves.items():
            passes = render_once(make_plan(shown(f"scan/{name}"), world=DARK, camera=CAMERA), folders, session)
            np.testing.assert_allclose(passes.radiance[24, 24], color, atol=0.02, err_msg=name)
