"""What glTF says of a surface comes through to the library: coats, fabric, brushing, old workflows, moved textures."""

from __future__ import annotations

import base64
import copy
import importlib.util
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.gltf_files import GltfParts, textured_ball
from support.scan_files import gradient_image, png_bytes

from scanstage.assets.asset import Asset, Material
from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import RawScan
from scanstage.assets.readers.read_scan import read_scan
from scanstage.assets.textures.basis_textures import png_of_basis
from scanstage.assets.textures.srgb import linear_from_srgb
from scanstage.assets.textures.texture_coding import decode_rgb

EXTENSIONS: dict[str, dict[str, Any]] = {
    "clearcoat": {"clearcoatFactor": 0.7, "clearcoatRoughnessFactor": 0.2},
    "sheen": {"sheenColorFactor": [0.3, 0.4, 0.5], "sheenRoughnessFactor": 0.6},
    "anisotropy": {"anisotropyStrength": 0.8, "anisotropyRotation": 1.0},
    "emissive_strength": {"emissiveStrength": 5.0},
    "specular": {"specularFactor": 0.5, "specularColorFactor": [0.9, 0.8, 0.7]},
    "ior": {"ior": 1.7},
}
TEXTURES = {
    "clearcoat": ("clearcoatTexture", "clearcoatRoughnessTexture", "clearcoatNormalTexture"),
    "sheen": ("sheenColorTexture", "sheenRoughnessTexture"),
    "anisotropy": ("anisotropyTexture",),
    "specular": ("specularTexture", "specularColorTexture"),
}
# An image of 8 x 8 of four colours, compressed by Basis Universal's own encoder: as UASTC, and as ETC1S.
QUARTERS = [[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 255)]]
UASTC = (
    "q0tUWCAyMLsNChoKAAAAAAEAAAAIAAAACAAAAAAAAAAAAAAAAQAAAAEAAAAAAAAAaAAAACwAAACUAAAALAAAAAAAAAAAAAAAAAAAAAAAAADAAAAA"
    "AAAAAEAAAAAAAAAAQAAAAAAAAAAsAAAAAAAAAAIAKACmAQIAAwMAABAAAAAAAAAAAAB/AAAAAAAAAAAA/////x8AAABLVFh3cml0ZXIAQmFzaXMg"
    "VW5pdmVyc2FsIDIuMTAAAAQAAAB/fwAA9x8A4B96AAAAAAAAAAAAABfgH+AfAg8AAAAAAAAAAAAXAOD/HwLgAQAAAAAAAAAA9////x987wEAAAAAAAAA"
    "AA=="
)
ETC1S = (
    "q0tUWCAyMLsNChoKAAAAAAEAAAAIAAAACAAAAAAAAAAAAAAAAQAAAAEAAAABAAAAaAAAACwAAACUAAAAJAAAALgAAAAAAAAAiQAAAAAAAABBAQAA"
    "AAAAAAIAAAAAAAAAAAAAAAAAAAAsAAAAAAAAAAIAKACjAQIAAwMAAAgAAAAAAAAAAAA/AAAAAAAAAAAA/////x8AAABLVFh3cml0ZXIAQmFzaXMg"
    "VW5pdmVyc2FsIDIuMTAAAAQAAgArAAAACQAAAC0AAAAAAAAAAAAAAAAAAAACAAAAAAAAAAAAAAAgwEQAAAAAAADiBAQwEQAAAAAAgCQQACYAAAAA"
    "AAAQAoAJAAAAAAAABDA2rKqqqlJVVVUFAMFEAAAAAAAA8l+NAJgBAAAAAABAwggwIUAAAAAABJFTCgAmAAAAAAAAEEAAEAY="
)
needs_decoder = pytest.mark.skipif(
    importlib.util.find_spec("opengl_basisu") is None, reason="opengl_basisu isn't installed"
)


def layered(**given: Any) -> dict[str, Any]:
    """A material with all extensions, the given ones in place of ours."""
    named = {f"KHR_materials_{k}": dict(v) for k, v in (EXTENSIONS | given).items()}
    return {"emissiveFactor": [1, 0.5, 0], "pbrMetallicRoughness": {"metallicFactor": 0.3}, "extensions": named}


def read(parts: GltfParts, folder: Path) -> RawScan:
    return read_scan(parts.write(folder / "a.glb"))


def taken(parts: GltfParts, folder: Path) -> tuple[Material, Asset]:
    asset = take_in(parts.write(folder / "a.glb"), IntakeOptions("ball"), folder / "library")
    again = Asset.open(asset.folder)
    assert again.meta == asset.meta
    return again.meta.materials[0], again


def test_layers_survive_into_the_library(tmp_path: Path) -> None:
    material, asset = taken(textured_ball(layered()), tmp_path)
    assert (material.coat, material.coat_roughness) == (0.7, 0.2)
    assert (material.sheen_color, material.sheen_roughness) == ((0.3, 0.4, 0.5), 0.6)
    assert (material.anisotropy, material.anisotropy_rad) == (0.8, 1.0)
    assert (material.emissive, material.emissive_strength) == ((1.0, 0.5, 0.0), 5.0)
    assert (material.specular, material.specular_color, material.ior) == (0.5, (0.9, 0.8, 0.7), 1.7)
    assert not asset.meta.intake["findings"]


def test_their_textures_too(tmp_path: Path) -> None:
    parts = textured_ball(layered())
    for name, keys in TEXTURES.items():
        for k, key in enumerate(keys):
            image = png_bytes(Image.new("RGBA", (4, 4), (10 * k, len(name), 200, 90)))
            parts.json["materials"][0]["extensions"][f"KHR_materials_{name}"][key] = parts.image(image)
    material, asset = taken(parts, tmp_path)
    names = [v for k, v in vars(material).items() if k.endswith("_texture") and v]
    assert len(names) == 8
    for key in ("sheen_roughness_texture", "specular_texture"):
        with Image.open(asset.folder / getattr(material, key)) as image:
            assert image.getpixel((0, 0))[3] == 90, "their data are in the alpha"


def test_a_brushed_surface_without_uvs_is_left_even_and_says_so(tmp_path: Path) -> None:
    parts = textured_ball(layered())
    del parts.json["meshes"][0]["primitives"][0]["attributes"]["TEXCOORD_0"]
    material, asset = taken(parts, tmp_path)
    assert material.anisotropy == 0
    assert any("brushed" in note for note in asset.meta.intake["findings"])


@pytest.mark.parametrize("value", [float("nan"), -3, 1e30])
def test_numbers_out_of_range_become_the_nearest(tmp_path: Path, value: float) -> None:
    changed = {
        k: {n: [value] * 3 if isinstance(v, list) else value for n, v in e.items()} for k, e in EXTENSIONS.items()
    }
    material, asset = taken(textured_ball(layered(**changed)), tmp_path)
    assert any(note.startswith("material: ") for note in asset.meta.intake["findings"])
    assert 0 <= material.coat <= 1
    assert 0 <= material.emissive_strength <= 1e4
    assert np.isfinite(material.anisotropy_rad)


def test_what_is_not_taken_is_named(tmp_path: Path) -> None:
    material = {"name": "soap", "extensions": {"KHR_materials_iridescence": {"iridescenceFactor": 1}}}
    findings = read(textured_ball(material), tmp_path).findings
    assert [(f.topic, "KHR_materials_iridescence" in f.what) for f in findings] == [("material", True)]


def test_unlit_shines_and_reflects_nothing(tmp_path: Path) -> None:
    unlit = {"pbrMetallicRoughness": {"baseColorFactor": [0.2, 0.4, 0.6, 1]}, "extensions": {"KHR_materials_unlit": {}}}
    material, asset = taken(textured_ball(unlit), tmp_path)
    assert (material.unlit, material.metallic) == (True, 0.0)
    assert material.base_color == (0.2, 0.4, 0.6, 1.0)
    assert asset.meta.intake["findings"][0].startswith("unlit: ")


def moved(scale: list[float], rotation: float, offset: list[float]) -> dict[str, Any]:
    return {"extensions": {"KHR_texture_transform": {"scale": scale, "rotation": rotation, "offset": offset}}}


def place_by_khronos(uv: np.ndarray, scale: list[float], rotation: float, offset: list[float]) -> np.ndarray:
    """The extension's own matrices: translation * rotation * scale."""
    c, s = np.cos(rotation), np.sin(rotation)
    return uv @ (np.array([[c, s], [-s, c]]) @ np.diag(scale)).T + offset


def test_each_texture_keeps_its_own_transform(tmp_path: Path) -> None:
    """The mesh's UVs are those of the base colour; of the normal map they go on by its transform, V up."""
    parts = textured_ball({"pbrMetallicRoughness": {}})
    color, normal = ([2.0, 3.0], 0.5, [0.1, 0.2]), ([0.5, 4.0], -1.0, [0.7, 0.3])
    image = png_bytes(gradient_image(8))
    parts.json["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"] = parts.image(image, **moved(*color))
    parts.json["materials"][0]["normalTexture"] = parts.image(image, **moved(*normal), scale=0.4)
    plain = read(textured_ball({}), tmp_path)
    scan = read(parts, tmp_path)
    assert plain.corner_uv is not None
    assert scan.corner_uv is not None
    down = plain.corner_uv.reshape(-1, 2) * [1, -1] + [0, 1]
    first, second = (place_by_khronos(down, *t) * [1, -1] + [0, 1] for t in (color, normal))
    uv = scan.corner_uv.reshape(-1, 2)
    np.testing.assert_allclose(uv, first, atol=1e-5)
    material, _ = taken(parts, tmp_path)
    (transform,) = material.texture_transforms
    assert (transform.key, material.normal_scale) == ("normal_texture", 0.4)
    matrix = np.array(transform.matrix).reshape(2, 3)
    np.testing.assert_allclose(uv @ matrix[:, :2].T + matrix[:, 2], second, atol=1e-4)


def test_a_texture_of_another_uv_set_is_left_out_and_told(tmp_path: Path) -> None:
    parts = textured_ball({"pbrMetallicRoughness": {}}, uv_sets=2)
    image = png_bytes(gradient_image(8))
    parts.json["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"] = parts.image(image)
    parts.json["materials"][0]["normalTexture"] = parts.image(image, texCoord=1)
    scan = read(parts, tmp_path)
    assert scan.materials[0].normal_texture is None
    assert [(f.topic, "UV set 1" in f.what) for f in scan.findings] == [("texture", True)]


BESIDE_TEXTURES: dict[str, dict[str, Any]] = {
    "emissiveTexture": {"emissiveFactor": [1, 1, 1]},
    "metallicRoughnessTexture": {"pbrMetallicRoughness": {}},
    "transmissionTexture": {"extensions": {"KHR_materials_transmission": {"transmissionFactor": 1}}},
    "clearcoatTexture": {"extensions": {"KHR_materials_clearcoat": {"clearcoatFactor": 1}}},
    "sheenColorTexture": {"extensions": {"KHR_materials_sheen": {"sheenColorFactor": [1, 1, 1]}}},
    "anisotropyTexture": {"extensions": {"KHR_materials_anisotropy": {"anisotropyStrength": 1}}},
}
"""What exporters write beside a texture that says it all."""
WITHOUT_THEM: dict[str, dict[str, Any]] = {
    "emissiveTexture": {"emissive": (0.0, 0.0, 0.0)},
    "metallicRoughnessTexture": {"metallic": 0.0, "roughness": 0.6},
    "transmissionTexture": {"transmission": 0.0},
    "clearcoatTexture": {"coat": 0.0},
    "sheenColorTexture": {"sheen_color": (0.0, 0.0, 0.0)},
    "anisotropyTexture": {"anisotropy": 0.0},
}


def beside_texture(key: str, info: dict[str, Any]) -> dict[str, Any]:
    """A material with a base colour, and with a texture of this key."""
    material = copy.deepcopy(BESIDE_TEXTURES[key])
    places = [material.get("pbrMetallicRoughness"), *material.get("extensions", {}).values(), material]
    place = next(place for place in places if place is not None)
    place[key] = info
    material.setdefault("pbrMetallicRoughness", {"metallicFactor": 0, "roughnessFactor": 1})
    return material


@pytest.mark.parametrize("lost", ["UV set", "file"])
@pytest.mark.parametrize("key", BESIDE_TEXTURES)
def test_a_surface_whose_texture_is_left_out_is_as_without_it(tmp_path: Path, key: str, lost: str) -> None:
    """By the factor of 1 that stands beside it all of the surface would be a lamp, a mirror, glass …"""
    parts = textured_ball({}, uv_sets=2)
    image = png_bytes(gradient_image(8))
    base = parts.image(image)
    info = parts.image(image, texCoord=int(lost == "UV set"))
    parts.json["materials"] = [{"name": "m"} | beside_texture(key, info)]
    parts.json["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"] = base
    whole = read(parts, tmp_path) if lost == "file" else None
    if whole is not None:
        assert not whole.findings
        assert any(getattr(whole.materials[0], k) != v for k, v in WITHOUT_THEM[key].items()), "it is as it says"
        parts.json["images"][1] = {"uri": "gone.png"}
    scan = read(parts, tmp_path)
    (material,) = scan.materials
    assert {k: getattr(material, k) for k in WITHOUT_THEM[key]} == WITHOUT_THEM[key]
    assert (material.base_color, material.base_color_texture) == ((1.0, 1.0, 1.0, 1.0), "image0")
    assert [f.topic for f in scan.findings] == ["texture" if lost == "UV set" else "missing texture", "texture"]
    assert "'m'" in scan.findings[1].what
    assert "by a texture that is left out" in scan.findings[1].what


@pytest.mark.parametrize(("factor", "roughness"), [(0.25, 0.25), (0.9, 0.6)])
def test_without_its_texture_it_is_no_rougher_than_its_factor(tmp_path: Path, factor: float, roughness: float) -> None:
    parts = textured_ball({}, uv_sets=2)
    image = png_bytes(gradient_image(8))
    surface = {"roughnessFactor": factor, "metallicFactor": 0.5, "baseColorTexture": parts.image(image)}
    surface["metallicRoughnessTexture"] = parts.image(image, texCoord=1)
    parts.json["materials"] = [{"pbrMetallicRoughness": surface}]
    (material,) = read(parts, tmp_path).materials
    assert (material.metallic, material.roughness) == (0.0, roughness)


def glossy(diffuse: Any, specular: Any, shine: float, **textures: Any) -> dict[str, Any]:
    entry = {"diffuseFactor": [*diffuse, 1], "specularFactor": list(specular), "glossinessFactor": shine, **textures}
    return {"extensions": {"KHR_materials_pbrSpecularGlossiness": entry}}


@pytest.mark.parametrize(
    ("diffuse", "specular", "color", "metallic"),
    [
        ((0.5, 0.25, 0.1), (0.04, 0.04, 0.04), (0.5, 0.25, 0.1), 0.0),  # paint: 4 % is what metallic 0 reflects
        ((0, 0, 0), (0.9, 0.6, 0.2), (0.9, 0.6, 0.2), 1.0),  # bare metal: all of its colour is in what it reflects
        ((0.5, 0.5, 0.5), (0.0, 0.0, 0.0), (0.5 / 0.96,) * 3, 0.0),
    ],
)
def test_specular_and_gloss_become_metal_and_roughness(
    tmp_path: Path, diffuse: Any, specular: Any, color: Any, metallic: float
) -> None:
    material, _ = taken(textured_ball(glossy(diffuse, specular, 0.7)), tmp_path)
    np.testing.assert_allclose(material.base_color[:3], color, atol=0.01)
    assert material.metallic == pytest.approx(metallic, abs=0.02)
    assert material.roughness == pytest.approx(0.3)
    assert (material.base_color_texture, material.metallic_roughness_texture) == (None, None)


@pytest.mark.parametrize("lost", ["UV set", "file"])
def test_without_their_texture_specular_and_gloss_are_no_mirror(tmp_path: Path, lost: str) -> None:
    """White specular beside a texture would be all metal: it is paint of its diffuse colour, sRGB 188 is 0.5029."""
    parts = textured_ball({}, uv_sets=2)
    paint = png_bytes(Image.new("RGB", (4, 4), (188, 188, 188)))
    diffuse, specular = parts.image(paint), parts.image(paint, texCoord=int(lost == "UV set"))
    if lost == "file":
        parts.json["images"][1] = {"uri": "gone.png"}
    textures = {"diffuseTexture": diffuse, "specularGlossinessTexture": specular}
    parts.json["materials"] = [glossy((1, 1, 1), (1, 1, 1), 1.0, **textures)]
    scan = read(parts, tmp_path)
    (material,) = scan.materials
    assert (material.metallic, material.roughness) == (0.0, pytest.approx(0.6))
    assert (material.base_color_texture, material.metallic_roughness_texture) == ("image0", None)
    assert material.base_color == (1.0, 1.0, 1.0, 1.0)
    assert any("matt" in f.action for f in scan.findings)


def test_their_textures_are_converted_by_pixel(tmp_path: Path) -> None:
    """Left half paint, right half gold; gloss is in the specular texture's alpha, which is twice as large."""
    paint, gold = (188, 137, 89), (243, 201, 104)  # sRGB
    diffuse, specular = Image.new("RGB", (4, 4), paint), Image.new("RGBA", (8, 8), (55, 55, 55, 51))
    diffuse.paste((0, 0, 0), (2, 0, 4, 4))
    specular.paste((*gold, 204), (4, 0, 8, 8))
    parts = textured_ball({})
    textures = {"diffuseTexture": parts.image(png_bytes(diffuse))}
    textures["specularGlossinessTexture"] = parts.image(png_bytes(specular))
    parts.json["materials"] = [glossy((1, 1, 1), (1, 1, 1), 1.0, **textures)]
    scan = read(parts, tmp_path)
    (material,) = scan.materials
    color = decode_rgb(scan.images[material.base_color_texture or ""], "color")
    packed = decode_rgb(scan.images[material.metallic_roughness_texture or ""], "packed")
    assert color.shape == packed.shape == (8, 8, 3)
    np.testing.assert_allclose(color[0, 0], paint, atol=3)
    np.testing.assert_allclose(color[0, 7], gold, atol=3)
    np.testing.assert_allclose(packed[0, [0, 7], 1], [204, 51], atol=1)
    np.testing.assert_allclose(packed[0, [0, 7], 2] / 255, [0, 1], atol=0.03)
    assert (material.metallic, material.roughness) == (1.0, 1.0)
    assert len(scan.images) == 2, "the textures that they were made of are not kept"


@needs_decoder
@pytest.mark.parametrize("coded", [UASTC, ETC1S], ids=["uastc", "etc1s"])
def test_basis_textures_come_in_as_png(tmp_path: Path, coded: str) -> None:
    parts = textured_ball({"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}})
    parts.image(base64.b64decode(coded))
    parts.json["textures"] = [{"extensions": {"KHR_texture_basisu": {"source": 0}}}]
    parts.json["extensionsRequired"] = ["KHR_texture_basisu"]
    material, asset = taken(parts, tmp_path)
    with Image.open(asset.folder / str(material.base_color_texture)) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape == (8, 8, 3)
    np.testing.assert_allclose(
        linear_from_srgb(pixels[[[0, 0], [7, 7]], [[0, 7], [0, 7]]]), np.array(QUARTERS) / 255, atol=0.08
    )
    assert not asset.meta.intake["findings"]


def test_without_a_decoder_basis_textures_are_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    parts = textured_ball({"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}})
    parts.image(base64.b64decode(UASTC))
    parts.json["textures"] = [{"extensions": {"KHR_texture_basisu": {"source": 0}}}]
    with pytest.raises(InputError) as e:
        read(parts, tmp_path)
    assert "scanstage[ktx2]" in str(e.value.hint)
    parts.json["images"].append({"bufferView": parts.view(png_bytes(gradient_image(8)))})
    parts.json["textures"][0]["source"] = 1  # for readers that don't know the extension
    assert set(read(parts, tmp_path).images) == {"image1"}


@pytest.mark.parametrize("kind", ["cut", "huge", "garbage"])
def test_broken_basis_textures_are_refused(kind: str) -> None:
    data = base64.b64decode(UASTC)
    broken = {"cut": data[:30], "huge": data[:20] + b"\xff\xff\xff\x7f" + data[24:], "garbage": data[:80] + b"\7" * 300}
    with pytest.raises(InputError):
        png_of_basis(broken[kind], "a")


def test_emission_has_its_texture_where_it_is_the_only_one(tmp_path: Path) -> None:
    parts = textured_ball({"emissiveFactor": [1, 1, 1]}, uv_sets=2)
    buffer = io.BytesIO()
    gradient_image(8).save(buffer, "JPEG")
    parts.json["materials"][0]["emissiveTexture"] = parts.image(buffer.getvalue(), texCoord=1)
    scan = read(parts, tmp_path)
    assert scan.materials[0].emissive_texture == "image0"
    assert not scan.findings
