"""USD and FBX through Blender: size, orientation and texture survive; broken files are the user's error."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from support.toy_car import car_shapes, write_car

from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.library.part_meshes import part_of_faces
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.reading_choices import PartChoice, ReadingChoices
from scanstage.assets.readers.read_scan import read_scan
from scanstage.render.engine import blender_conversion as blender_import
from scanstage.render.engine import file_view
from scanstage.render.engine.blender_conversion import convert_with_blender

pytestmark = [
    pytest.mark.blender,
    pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="no bpy wheel in this Python"),
]

# A brick of 0.3 x 0.2 x 0.1 m, 0.5 m up, with an 8x8 texture.
EXPORT = """
import os, sys
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.mesh.primitive_cube_add(size=1, location=(0, 0, 0.5))
brick = bpy.context.object
brick.scale = (0.3, 0.2, 0.1)
image = bpy.data.images.new("paint", 8, 8)
image.pixels[:] = [0.9, 0.1, 0.1, 1.0] * 64
image.filepath_raw = os.path.join(sys.argv[1], "paint.png")
image.file_format = "PNG"
image.save()
material = bpy.data.materials.new("painted")
if bpy.app.version < (5, 0, 0):
    material.use_nodes = True
node = material.node_tree.nodes.new("ShaderNodeTexImage")
node.image = image
bsdf = next(n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
material.node_tree.links.new(node.outputs["Color"], bsdf.inputs["Base Color"])
brick.data.materials.append(material)
bpy.ops.wm.usd_export(filepath=os.path.join(sys.argv[1], "brick.usdc"))
bpy.ops.wm.usd_export(filepath=os.path.join(sys.argv[1], "brick.usdz"))
bpy.ops.export_scene.fbx(filepath=os.path.join(sys.argv[1], "brick.fbx"), path_mode="COPY", embed_textures=True)
os.mkdir(os.path.join(sys.argv[1], "elsewhere"))
for suffix, export in (("fbx", bpy.ops.export_scene.fbx), ("usda", bpy.ops.wm.usd_export)):
    options = {"path_mode": "RELATIVE"} if suffix == "fbx" else {"export_textures_mode": "KEEP"}
    export(filepath=os.path.join(sys.argv[1], "elsewhere", "thief." + suffix), **options)
bpy.ops.wm.usd_export(filepath=os.path.join(sys.argv[1], "elsewhere", "thief.usdc"), export_textures_mode="KEEP")
os.makedirs(os.path.join(sys.argv[1], "here", "tex"))
image.filepath_raw = os.path.join(sys.argv[1], "here", "tex", "paint.png")
image.save()
bpy.ops.export_scene.fbx(filepath=os.path.join(sys.argv[1], "here", "brick.fbx"), path_mode="ABSOLUTE")
sys.stdout.flush()
os._exit(0)
"""


LAYER = '#usda 1.0\n(\n defaultPrim = "a"\n{}\n)\ndef Xform "a" {{\n{}\n}}\n'
TRIANGLE = """def Mesh "m" {
 int[] faceVertexCounts = [3]
 int[] faceVertexIndices = [0, 1, 2]
 point3f[] points = [(0, 0, 0), (0.1, 0, 0), (0, 0.1, 0)]
}"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bricks")
    subprocess.run([sys.executable, "-c", EXPORT, str(folder)], check=True, capture_output=True, timeout=120)
    return folder


@pytest.mark.parametrize("suffix", ["usdc", "usdz", "fbx"])
def test_a_brick_survives(sources: Path, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / "brick.glb"
    convert_with_blender(sources / f"brick.{suffix}", target)
    scene = trimesh.load_scene(target)
    extents, centre = scene.extents, scene.bounds.mean(axis=0)
    np.testing.assert_allclose(extents, (0.3, 0.1, 0.2), atol=1e-4)  # glTF: Y up
    np.testing.assert_allclose(centre, (0.0, 0.5, 0.0), atol=1e-4)
    (mesh,) = scene.geometry.values()
    texture = mesh.visual.material.baseColorTexture
    assert texture is not None
    assert texture.size == (8, 8)
    red, green, _ = np.asarray(texture.convert("RGB"))[4, 4]
    assert red > 200 > 120 > green
    assert [p.name for p in tmp_path.iterdir()] == ["brick.glb"]


@pytest.mark.parametrize("suffix", ["fbx", "usda", "usdc"])
def test_images_from_outside_the_folder_are_refused(sources: Path, suffix: str) -> None:
    """The texture lies one folder up: a scan could name any image of this machine."""
    with pytest.raises(InputError, match=r"outside its own folder.*paint\.png"):
        read_scan(sources / "elsewhere" / f"thief.{suffix}", never)


def test_fbx_in_text_is_refused_with_both_ways_out(tmp_path: Path) -> None:
    """Blender's importer knows the binary form alone."""
    (tmp_path / "a.fbx").write_text("; FBX 7.4.0 project file\nFBXHeaderExtension:  {\n\tFBXVersion: 7400\n}\n")
    with pytest.raises(InputError, match="ASCII FBX") as e:
        read_scan(tmp_path / "a.fbx", convert_with_blender)
    assert "binary FBX, or convert it to GLB" in str(e.value.hint)


def never(source: Path, target: Path, folder: Path) -> None:
    raise AssertionError("Blender was asked to read it")


@pytest.mark.parametrize("suffix", ["fbx", "usda"])
@pytest.mark.parametrize("sees_all", [False, True])
def test_blender_itself_takes_no_images_from_outside(
    sources: Path, tmp_path: Path, suffix: str, sees_all: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were a name overlooked: the kernel shows Blender nothing else, and where it can't, what came in is looked at."""
    source, out = sources / "elsewhere" / f"thief.{suffix}", tmp_path / "out.glb"
    if sees_all:
        monkeypatch.setattr(blender_import, "limited", lambda command, *_: command)
        with pytest.raises(InputError, match="outside its own folder"):
            convert_with_blender(source, out)
        assert not out.exists()
    else:
        with contextlib.suppress(InputError):
            convert_with_blender(source, out)
        assert not out.exists() or not read_scan(out).images


@pytest.mark.skipif(not file_view.available(), reason="this kernel can't limit what a process sees")
def test_what_blender_may_not_see_it_does_not_read(tmp_path: Path) -> None:
    """The layer below lies outside and is named in the last way that would be thought of."""
    (scan := tmp_path / "scan").mkdir()
    (tmp_path / "secret.usda").write_text(LAYER.format("", TRIANGLE))
    (scan / "a.usda").write_text(LAYER.format("", f'def "b" (references=@{tmp_path}/secret.usda@) {{\n}}\n'))
    with pytest.raises(InputError, match=r"aren't there, or can't be read: \.\./secret\.usda"):
        convert_with_blender(scan / "a.usda", tmp_path / "out.glb")


def test_layers_are_not_looked_for_where_the_user_happens_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """USD looks for ``layer.usda`` in the process's folder too, and wherever the environment says."""
    for folder in ("scan", "here", "there"):
        (tmp_path / folder).mkdir()
    (tmp_path / "here" / "one.usda").write_text(LAYER.format("", TRIANGLE))
    (tmp_path / "there" / "two.usda").write_text(LAYER.format("", TRIANGLE))
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("PXR_AR_DEFAULT_SEARCH_PATH", str(tmp_path / "there"))
    monkeypatch.setattr(blender_import, "limited", lambda command, *_: command)
    for layer in ("one", "two"):
        (tmp_path / "scan" / "a.usda").write_text(LAYER.format("", f'def "b" (references=@{layer}.usda@) {{\n}}\n'))
        with pytest.raises(InputError, match=rf"aren't there, or can't be read: {layer}\.usda"):
            read_scan(tmp_path / "scan" / "a.usda", convert_with_blender)


def test_layers_and_textures_of_the_scans_own_folder_come_in(sources: Path, tmp_path: Path) -> None:
    """What isn't refused isn't lost: a layer below, and the texture that it names from there."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(sources / "elsewhere" / "thief.usda", tmp_path / "parts" / "brick.usda")
    shutil.copy(sources / "paint.png", tmp_path / "paint.png")
    prim = re.search(r'defaultPrim = "(\w+)"', (tmp_path / "parts" / "brick.usda").read_text())
    assert prim
    (tmp_path / "a.usda").write_text(LAYER.format("", 'def "b" (references=@./parts/brick.usda@) {\n}\n'))
    scan = read_scan(tmp_path / "a.usda", convert_with_blender)
    assert len(scan.faces) == 12
    assert len(scan.images) == 1


def test_layers_of_a_sibling_folder_come_in_where_the_folder_of_both_is_named(sources: Path, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "scene").mkdir()
    shutil.copy(sources / "brick.usdc", tmp_path / "parts" / "brick.usdc")
    shutil.copytree(sources / "textures", tmp_path / "parts" / "textures")
    about, brick = ' metersPerUnit = 1\n upAxis = "Z"', 'def "b" (references=@../parts/brick.usdc@) {\n}\n'
    (tmp_path / "scene" / "a.usda").write_text(LAYER.format(about, brick))
    choices = ReadingChoices(within=tmp_path)
    scan = read_scan(tmp_path / "scene" / "a.usda", convert_with_blender, choices)
    assert np.ptp(scan.vertices, axis=0) == pytest.approx((0.3, 0.1, 0.2), abs=1e-4)
    assert len(scan.images) == 1
    assert [f.what for f in scan.findings if f.topic == "layers"] == ["names parts/brick.usdc as layers of it"]
    with pytest.raises(InputError, match="outside its own folder") as refusal:
        read_scan(tmp_path / "scene" / "a.usda", never)
    assert "name the folder that holds both" in str(refusal.value)


@pytest.mark.parametrize("name", ["C:/jane/paint.png", "/home/jane/paint.png"])
def test_a_texture_of_another_machine_is_found_by_blender_too(sources: Path, tmp_path: Path, name: str) -> None:
    text = (sources / "elsewhere" / "thief.usda").read_text()
    (tmp_path / "a.usda").write_text(re.sub(r"@[^@]*paint\.png@", f"@{name}@", text))
    (tmp_path / "tex").mkdir()
    shutil.copy(sources / "paint.png", tmp_path / "tex" / "paint.png")
    scan = read_scan(tmp_path / "a.usda", convert_with_blender)
    assert len(scan.images) == 1
    assert [f.topic for f in scan.findings if f.severity == "warning"] == ["moved texture"]


def test_an_fbx_that_was_made_here_keeps_its_texture(sources: Path) -> None:
    """It names it by an absolute path, as every FBX does."""
    assert str(sources).encode() in (sources / "here" / "brick.fbx").read_bytes()
    assert len(read_scan(sources / "here" / "brick.fbx", convert_with_blender).images) == 1


@pytest.mark.parametrize("suffix", ["usdc", "usda", "usdz", "fbx"])
@pytest.mark.parametrize("content", [b"", b"not a scan at all" * 20], ids=["empty", "rubbish"])
def test_a_broken_file_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    source = tmp_path / f"bad.{suffix}"
    source.write_bytes(content)
    with pytest.raises(InputError, match=source.name):
        convert_with_blender(source, tmp_path / "out.glb")
    assert not (tmp_path / "out.glb").exists()


def test_a_hang_is_ended(sources: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="didn't finish"):
        convert_with_blender(sources / "brick.fbx", tmp_path / "out.glb", timeout_s=0.05)


@pytest.mark.skipif(shutil.which("blender") is None, reason="no blender on PATH")
def test_a_blender_executable_serves_too(sources: Path, tmp_path: Path) -> None:
    blender = Path(shutil.which("blender") or "")
    convert_with_blender(sources / "brick.fbx", tmp_path / "out.glb", blender=blender)
    np.testing.assert_allclose(trimesh.load_scene(tmp_path / "out.glb").extents, (0.3, 0.1, 0.2), atol=1e-4)
    version = subprocess.run([blender, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    if version.startswith("Blender 3.4.1"):  # Debian's, built without USD
        with pytest.raises(InputError, match="can't read USD") as refusal:
            convert_with_blender(sources / "brick.usdc", tmp_path / "usd.glb", blender=blender)
        assert "bpy wheel" in str(refusal.value)


@pytest.mark.parametrize("trial", ["no_bpy", "bpy_broken", "failed"])
def test_a_file_can_t_have_itself_read_without_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trial: str
) -> None:
    """What the process says that has read the file may be the file's words."""
    (source := tmp_path / "scan.fbx").write_bytes(b"Kaydara FBX Binary  ")
    asked: list[tuple[bool, bool]] = []

    def run(command: list[str], *limits: object) -> dict[str, object]:
        asked.append((str(source) in command, "file_view.py" in " ".join(command)))
        return {"error": trial if len(asked) == 2 else "no_bpy", "message": "x"}

    monkeypatch.setattr(blender_import, "_run", run)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(InputError):
        convert_with_blender(source, tmp_path / "scan.glb")
    with_limits, without_the_file, without_limits = (True, True), (False, True), (True, False)
    assert asked == [with_limits, without_the_file] + [without_limits] * (trial != "failed")


@pytest.mark.parametrize("line", ["", "{", "[]", "7", "[" * 10_000])
def test_what_is_no_report_is_none(tmp_path: Path, line: str) -> None:
    code = f"print('SCANSTAGE-IMPORT ' + {line!r})"
    report = blender_import._run([sys.executable, "-c", code], 20, 1 << 40, tmp_path, str(tmp_path))
    assert report["error"] == "failed"


@pytest.mark.parametrize(("unit", "up", "size"), [(0.01, "Z", 30), (0.01, "Y", 30), (1, "Z", 40), (0.0254, "Y", 10)])
def test_usd_is_as_large_as_it_says_and_stands(tmp_path: Path, unit: float, up: str, size: float) -> None:
    """A plate that stands: its height is along the axis that the file calls up, in the unit that it names."""
    points = f"(0, 0, 0), ({size / 2}, 0, 0), " + (f"(0, 0, {size})" if up == "Z" else f"(0, {size}, 0)")
    mesh = (
        'def Mesh "m" {\n int[] faceVertexCounts = [3]\n int[] faceVertexIndices = [0, 1, 2]\n'
        f" point3f[] points = [{points}]\n}}"
    )
    about = f'metersPerUnit = {unit}\n upAxis = "{up}"'
    (tmp_path / "a.usda").write_text(LAYER.format(about, mesh))
    asset = take_in(tmp_path / "a.usda", IntakeOptions("plate"), tmp_path / "library", convert_with_blender)
    assert asset.meta.intake["unit_origin"] == "declared"
    x, y, z = asset.meta.extents_m
    assert (x, z) == pytest.approx((size / 2 * unit, size * unit), rel=1e-4)
    assert y == pytest.approx(0, abs=1e-5)


CAR_EXPORT = """
import os, sys
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.import_scene.gltf(filepath=os.path.join(sys.argv[1], "car.glb"))
for suffix in ("usda", "usdc", "usdz"):
    bpy.ops.wm.usd_export(filepath=os.path.join(sys.argv[1], "car." + suffix))
bpy.ops.export_scene.fbx(filepath=os.path.join(sys.argv[1], "car.fbx"))
sys.stdout.flush()
os._exit(0)
"""
WHEEL_PATTERNS = ("wheel=wheel_*", "window=cabin")


@pytest.fixture(scope="module")
def cars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cars")
    write_car(folder / "car.glb")
    subprocess.run([sys.executable, "-c", CAR_EXPORT, str(folder)], check=True, capture_output=True, timeout=120)
    return folder


def part_areas(path: Path, library: Path, kind: str, *patterns: str) -> dict[tuple[str, str], float]:
    """m² by name and class of each part, and by ("", "") of what is of none."""
    options = IntakeOptions("car", reading=ReadingChoices(parts=PartChoice.parse(kind, patterns)))
    asset = take_in(path, options, library, convert_with_blender)
    mesh, parts = asset.mesh(), asset.meta.parts
    area = trimesh.triangles.area(mesh.vertices[mesh.faces].astype(np.float64))
    of_face = part_of_faces(mesh, parts)
    found = {(p.name, p.class_name): float(area[of_face == k].sum()) for k, p in enumerate(parts)}
    return found | ({("", ""): float(area[of_face == -1].sum())} if (of_face == -1).any() else {})


@pytest.mark.parametrize("suffix", ["usda", "usdz", "fbx"])
def test_objects_of_usd_and_fbx_are_parts(cars: Path, tmp_path: Path, suffix: str) -> None:
    """USD has an Xform with the object's name around a mesh with the data's; dots aren't allowed in names there."""
    found = part_areas(cars / f"car.{suffix}", tmp_path / "library", "node", *WHEEL_PATTERNS)
    expected = {}
    for name, (shape, _) in car_shapes().items():
        written = name if suffix == "fbx" else name.replace(".", "_")
        key = ("", "") if name == "body" else (written, "window" if name == "cabin" else "wheel")
        expected[key] = shape.area
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("suffix", ["usdc", "fbx"])
def test_materials_of_usd_and_fbx_are_parts(cars: Path, tmp_path: Path, suffix: str) -> None:
    found = part_areas(cars / f"car.{suffix}", tmp_path / "library", "material", "tyre=rub*")
    areas = {name: shape.area for name, (shape, _) in car_shapes().items()}
    whole = areas["body"] + areas["cabin"]
    expected = {("rubber", "tyre"): sum(areas.values()) - whole, ("", ""): whole}
    assert found == pytest.approx(expected, rel=1e-4)


def square(name: str, corner: tuple[float, float], side: float) -> str:
    (x, y), s = corner, side
    return f"""def Mesh "{name}" {{
 int[] faceVertexCounts = [4]
 int[] faceVertexIndices = [0, 1, 2, 3]
 point3f[] points = [({x}, {y}, 0), ({x + s}, {y}, 0), ({x + s}, {y + s}, 0), ({x}, {y + s}, 0)]
}}"""


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ((), {("lid", "lid"): 0.01, ("a", "a"): 0.04, ("b", "b"): 0.09}),
        (("top=Mesh_012", "rest=box"), {("Mesh_012", "top"): 0.01, ("box", "rest"): 0.13}),
    ],
    ids=["as named", "by patterns"],
)
def test_a_mesh_of_usd_has_the_name_of_what_holds_it_alone(
    tmp_path: Path, patterns: tuple[str, ...], expected: dict[tuple[str, str], float]
) -> None:
    """As phones and Maya write it, in centimetres; both names can be asked for."""
    lid = f'def Xform "lid" {{\n double3 xformOp:translate = (0, 0, 50)\n uniform token[] xformOpOrder = \
["xformOp:translate"]\n{square("Mesh_012", (0, 0), 10)}\n}}'
    box = f'def Xform "box" {{\n{square("a", (20, 0), 20)}\n{square("b", (50, 0), 30)}\n}}'
    (tmp_path / "a.usda").write_text(LAYER.format(" metersPerUnit = 0.01", f"{lid}\n{box}"))
    found = part_areas(tmp_path / "a.usda", tmp_path / "library", "node", *patterns)
    assert found == pytest.approx(expected, rel=1e-4)


def placed(name: str, about: str, x: float, inside: str = "") -> str:
    """A prim that stands ``x`` units to the right."""
    return f"""def Xform "{name}" ({about}
) {{
 double3 xformOp:translate = ({x}, 0, 0)
 uniform token[] xformOpOrder = ["xformOp:translate"]
 {inside}
}}"""


@pytest.mark.parametrize("kind", ["class", "over", "layer"])
def test_instances_stand_where_they_are_by_their_own_names_and_no_prototype_does(tmp_path: Path, kind: str) -> None:
    """Two squares of 10 cm, from -20 to 30 cm, of a prototype that is no thing by itself."""
    geometry = square("geo", (0, 0), 10)
    of_proto = "@./parts/proto.usda@" if kind == "layer" else "</Protos/Foot>"
    about = f"\n instanceable = true\n references = {of_proto}"
    text = LAYER.format(" metersPerUnit = 0.01", placed("left", about, -20) + "\n" + placed("right", about, 20))
    if kind == "layer":
        (tmp_path / "parts").mkdir()
        (tmp_path / "parts" / "proto.usda").write_text(LAYER.format(" metersPerUnit = 0.01", geometry))
    else:
        text += f'{kind} "Protos" {{\ndef Xform "Foot" {{\n{geometry}\n}}\n}}\n'
    (tmp_path / "a.usda").write_text(text)
    found = part_areas(tmp_path / "a.usda", tmp_path / "library", "node")
    assert found == pytest.approx({("left", "left"): 0.01, ("right", "right"): 0.01}, rel=1e-4)
    vertices = read_scan(tmp_path / "a.usda", convert_with_blender).vertices
    assert (vertices.min(), vertices.max()) == pytest.approx((-0.2, 0.3))


INSTANCES_EXPORT = """
import os, sys
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.mesh.primitive_cube_add(size=0.1)
nut = bpy.context.object
nut.name = nut.data.name = "nut"
nut.data.materials.append(bpy.data.materials.new("steel"))
collection = bpy.data.collections.new("nuts")
collection.objects.link(nut)
bpy.context.scene.collection.objects.unlink(nut)
for x in (0.2, 0.4, 0.6):
    one = bpy.data.objects.new("here", None)
    one.instance_type, one.instance_collection, one.location = "COLLECTION", collection, (x, 0, 0)
    bpy.context.scene.collection.objects.link(one)
bpy.ops.wm.usd_export(filepath=os.path.join(sys.argv[1], "nuts.usdc"), use_instancing=True)
sys.stdout.flush()
os._exit(0)
"""


def test_instances_that_blender_exports_come_back(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", INSTANCES_EXPORT, str(tmp_path)], check=True, capture_output=True, timeout=120
    )
    found = part_areas(tmp_path / "nuts.usdc", tmp_path / "library", "node")
    assert {class_name for _, class_name in found} == {"nut"}
    assert list(found.values()) == pytest.approx([0.06] * 3, rel=1e-4)
    scan = read_scan(tmp_path / "nuts.usdc", convert_with_blender)
    assert [m.name for m in scan.materials] == ["steel"]
    assert np.ptp(scan.vertices, axis=0) == pytest.approx((0.5, 0.1, 0.1), abs=1e-5)


POINTS = """def PointInstancer "all" {{
 point3f[] positions = [(0, 0, 0), (100, 0, 0)]
 quath[] orientations = [(1, 0, 0, 0), (0.70710678, 0, 0, 0.70710678)]
 float3[] scales = [(1, 1, 1), (2, 1, 1)]
 int[] protoIndices = [0, 1]
 rel prototypes = [</a/all/kinds/nut>, </a/all/kinds/askew>]
 def "kinds" {{
  {}
  def Xform "askew" {{
   float xformOp:rotateZ = 45
   uniform token[] xformOpOrder = ["xformOp:rotateZ"]
   {}
  }}
 }}
}}"""


def test_a_point_instancer_comes_in_as_what_it_shows(tmp_path: Path) -> None:
    """Square 2 is turned by 45 degrees, made twice as wide, which is no turn and scale any more, and turned by 90."""
    nut = placed("nut", "", 50, square("geo", (0, 0), 10))
    (tmp_path / "a.usda").write_text(
        LAYER.format(' metersPerUnit = 0.01\n upAxis = "Z"', POINTS.format(nut, square("flat", (0, 0), 10)))
    )
    scan = read_scan(tmp_path / "a.usda", convert_with_blender)
    assert len(scan.faces) == 4
    corners = {(round(float(x) * 100, 2) + 0.0, round(float(-z) * 100, 2) + 0.0) for x, _, z in scan.vertices}
    d = 7.07
    upright = {(50, 0), (60, 0), (60, 10), (50, 10)}
    # (x, y) turned by 45 degrees: (0, 0), (d, d), (0, 2d), (-d, d); x doubled; by 90: (-y, x); 100 to the right.
    assert corners == upright | {(100, 0), (100 - d, 2 * d), (100 - 2 * d, 0), (100 - d, -2 * d)}
    found = part_areas(tmp_path / "a.usda", tmp_path / "library", "node", "nut=nut*", "askew=askew*")
    assert {kind: area for (_, kind), area in found.items()} == pytest.approx({"nut": 0.01, "askew": 0.02}, rel=1e-3)


@pytest.mark.parametrize("how", ["references", "payload", "subLayers"])
def test_usd_of_which_a_layer_is_missing_is_refused_by_name(tmp_path: Path, how: str) -> None:
    about = " subLayers = [@./gone/foot.usda@]" if how == "subLayers" else ""
    below = "" if how == "subLayers" else placed("b", f"\n {how} = @./gone/foot.usda@", 1)
    (tmp_path / "a.usda").write_text(LAYER.format(about, f"{TRIANGLE}\n{below}"))
    with pytest.raises(InputError, match=r"a\.usda: files that .* aren't there, .*: gone/foot\.usda"):
        read_scan(tmp_path / "a.usda", convert_with_blender)


def told_of(path: Path, topic: str) -> list[str]:
    return [f.what for f in read_scan(path, convert_with_blender).findings if f.topic == topic]


def test_what_of_a_usd_isn_t_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.usda").write_text(LAYER.format("", f"{TRIANGLE}\n{placed('b', chr(10) + ' references = </c>', 1)}"))
    assert told_of(tmp_path / "a.usda", "missing prim") == ["refers to /c, which isn't there"]


def test_a_layer_of_nothing_but_materials_is_told(tmp_path: Path) -> None:
    """It is there, and OpenUSD may or may not be built to read it; Blender makes nothing of it."""
    (tmp_path / "looks.mtlx").write_text('<?xml version="1.0"?>\n<materialx version="1.38">\n</materialx>\n')
    looks = 'def "looks" (\n references = @./looks.mtlx@</MaterialX>\n) {\n}'
    (tmp_path / "a.usda").write_text(LAYER.format("", f"{TRIANGLE}\n{looks}"))
    assert told_of(tmp_path / "a.usda", "missing material file") == ["takes materials of looks.mtlx, which isn't read"]


HIDDEN_EXPORT = """
import os, sys
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
group = bpy.data.objects.new("group", None)
bpy.context.scene.collection.objects.link(group)
bpy.ops.object.armature_add()
bones = bpy.context.object
for name, size, parent in (("seen", 0.1, bones), ("UCX_seen", 1, None), ("below", 2, group)):
    bpy.ops.mesh.primitive_cube_add(size=size)
    bpy.context.object.name, bpy.context.object.parent = name, parent
for name in sys.argv[2:]:
    bpy.data.objects[name].hide_viewport = True
bones.hide_viewport = True
bpy.ops.export_scene.fbx(filepath=os.path.join(sys.argv[1], "a.fbx"))
sys.stdout.flush()
os._exit(0)
"""


def export_hidden(folder: Path, *names: str) -> Path:
    command = [sys.executable, "-c", HIDDEN_EXPORT, str(folder), *names]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return folder / "a.fbx"


def test_what_an_fbx_hides_is_left_out_and_told(tmp_path: Path) -> None:
    """A collision hull by itself, a cube with the group that holds it; the bones hide no mesh."""
    scan = read_scan(export_hidden(tmp_path, "UCX_seen", "group"), convert_with_blender)
    assert np.ptp(scan.vertices, axis=0) == pytest.approx((0.1, 0.1, 0.1), abs=1e-4)
    assert len(scan.faces) == 12
    assert told_of(tmp_path / "a.fbx", "hidden") == ["holds objects that are hidden: 'UCX_seen', 'below'"]


def test_an_fbx_that_hides_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="all that it holds is hidden: seen, UCX_seen, below"):
        read_scan(export_hidden(tmp_path, "seen", "UCX_seen", "group"), convert_with_blender)


MOVING_EXPORT = """
import os, sys
import bpy
folder, kind, how = sys.argv[1:]
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.mesh.primitive_cube_add(size=0.2, location=(0, 0, 0.1))
box, scene = bpy.context.object, bpy.context.scene
box.name = "box"
if how == "bones":
    bpy.ops.object.armature_add()
    bones = bpy.context.object
    box.select_set(True)
    bpy.ops.object.parent_set(type="ARMATURE_AUTO")
    moved, field, ends = bones.pose.bones[0], "location", ((0, 0, 0), (0, 0.5, 0))
else:
    box.shape_key_add(name="as it is")
    moved, field, ends = box.shape_key_add(name="twice"), "value", (0, 1)
    for point in moved.data:
        point.co *= 2
for frame, end in zip((10, 30), ends):
    setattr(moved, field, end)
    moved.keyframe_insert(field, frame=frame)
scene.frame_start, scene.frame_end = 10, 30
scene.frame_set(20)
if kind == "fbx":
    bpy.ops.export_scene.fbx(filepath=os.path.join(folder, "a.fbx"))
else:
    bpy.ops.wm.usd_export(filepath=os.path.join(folder, "a.usda"), export_animation=kind == "usda")
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.parametrize(
    ("kind", "how", "low", "high", "told"),
    [
        ("fbx", "bones", 0.25, 0.45, "holds the animation 'Armature|ArmatureAction'"),
        ("usda", "bones", 0.0, 0.2, "moves 'Armature'"),
        ("still usda", "bones", 0.25, 0.45, ""),
        ("fbx", "shapes", -0.05, 0.25, ""),
        ("usda", "shapes", 0.0, 0.2, "moves 'Cube'"),
    ],
)
def test_what_moves_comes_in_at_a_moment_that_is_told(
    tmp_path: Path, kind: str, how: str, low: float, high: float, told: str
) -> None:
    """Half a metre up in 20 frames, or twice as large about its middle; saved half-way. USD comes in as it begins."""
    command = [sys.executable, "-c", MOVING_EXPORT, str(tmp_path), kind, how]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (made,) = tmp_path.glob("a.*")
    scan = read_scan(made, convert_with_blender)
    assert np.quantile(scan.vertices[:, 1], (0, 1)) == pytest.approx((low, high), abs=1e-4)
    assert [re.sub(r"\.\d+", "", f.what) for f in scan.findings if f.topic == "animation"] == ([told] if told else [])


def painted(shader: str) -> str:
    mesh = square("m", (0, 0), 1).replace('"m" {', '"m" (\n prepend apiSchemas = ["MaterialBindingAPI"]\n) {')
    uvs = 'texCoord2f[] primvars:st = [(0, 0), (1, 0), (1, 1), (0, 1)] (interpolation = "faceVarying")'
    mesh = mesh.removesuffix("}") + f" rel material:binding = </a/paint>\n {uvs}\n}}"
    return LAYER.format("", f'{mesh}\ndef Material "paint" {{\n{shader}\n}}')


TEXTURED = """ token outputs:surface.connect = </a/paint/s.outputs:surface>
 def Shader "s" {{
  uniform token info:id = "UsdPreviewSurface"
  color3f inputs:{}.connect = </a/paint/t.outputs:rgb>
  token outputs:surface
 }}
 def Shader "t" {{
  uniform token info:id = "UsdUVTexture"
  asset inputs:file = @paint.png@
  float2 inputs:st.connect = </a/paint/r.outputs:result>
  float4 inputs:scale = (0.5, 0.25, 1, 1)
  float4 inputs:bias = ({}, 0, 0, 0)
  float3 outputs:rgb
 }}
 def Shader "r" {{
  uniform token info:id = "UsdPrimvarReader_float2"
  string inputs:varname = "st"
  float2 outputs:result
 }}"""


@pytest.mark.parametrize("network", ["mdl", "mtlx"])
def test_a_material_of_usd_that_blender_doesn_t_read_is_told(tmp_path: Path, network: str) -> None:
    shader = ' def Shader "s" {\n  token outputs:out\n }'
    text = painted(f" token outputs:{network}:surface.connect = </a/paint/s.outputs:out>\n{shader}")
    (tmp_path / "a.usda").write_text(text)
    (told,) = told_of(tmp_path / "a.usda", "material")
    assert re.match("the materials 'paint' have no UsdPreviewSurface", told)


@pytest.mark.parametrize(("socket", "bias"), [("diffuseColor", 0), ("diffuseColor", 0.1), ("emissiveColor", 0)])
def test_what_a_texture_of_usd_is_multiplied_by_comes_in_or_is_told(
    sources: Path, tmp_path: Path, socket: str, bias: float
) -> None:
    (tmp_path / "a.usda").write_text(painted(TEXTURED.format(socket, bias)))
    shutil.copy(sources / "paint.png", tmp_path)
    scan = read_scan(tmp_path / "a.usda", convert_with_blender)
    told = [f.what for f in scan.findings if f.topic == "material"]
    if socket == "diffuseColor" and not bias:
        (material,) = scan.materials
        assert material.base_color_texture
        assert material.base_color[:3] == pytest.approx((0.5, 0.25, 1), abs=1e-6)
        assert told == []
    else:
        assert told == ["the materials 'paint' change the colours of a texture (scale and bias) as glTF can't"]


@pytest.mark.parametrize("name", ["skin.<UDIM>.png", "./skin.<UDIM>.png"])
def test_udim_tiles_of_usd_by_their_pattern_come_in(tmp_path: Path, name: str) -> None:
    """One square in each of two tiles: Blender's GLB has a material for each."""
    shades = {"1001": (200, 0, 0), "1002": (0, 200, 0)}
    for tile, shade in shades.items():
        Image.new("RGB", (8, 8), shade).save(tmp_path / f"skin.{tile}.png")
    text = re.sub(r"  float4 inputs:.*\n", "", painted(TEXTURED.format("diffuseColor", 0))).replace("paint.png", name)
    left = text[text.index("def Mesh") : text.index("def Material")]
    right = left.replace('"m"', '"n"').replace("[(0, 0), (1, 0), (1, 1), (0, 1)]", "[(1, 0), (2, 0), (2, 1), (1, 1)]")
    right = right.replace("[(0, 0, 0), (1, 0, 0), (1, 1, 0), (0", "[(2, 0, 0), (3, 0, 0), (3, 1, 0), (2")
    (tmp_path / "a.usda").write_text(text.replace(left, left + right))
    scan = read_scan(tmp_path / "a.usda", convert_with_blender)
    textures = [str(scan.materials[k].base_color_texture) for k in scan.face_material]
    seen = [Image.open(io.BytesIO(scan.images[t])).convert("RGB").getpixel((4, 4)) for t in textures]
    at_right = scan.vertices[scan.faces].mean(axis=1)[:, 0] > 0.015
    assert seen == [shades["1002" if is_right else "1001"] for is_right in at_right]
    assert sorted(at_right) == [False, False, True, True]


def test_materials_that_are_only_called_alike_stay_apart(tmp_path: Path) -> None:
    """Three of the name "m": two are the same, one is of another colour."""
    prims = []
    for prim, colour, x in (("a", 0.5, 0), ("b", 0.5, 20), ("c", 0.25, 40)):
        shader = f"""def Material "m" {{
 token outputs:surface.connect = </a/{prim}/m/s.outputs:surface>
 def Shader "s" {{
  uniform token info:id = "UsdPreviewSurface"
  color3f inputs:diffuseColor = ({colour}, 0, 0)
  token outputs:surface
 }}
}}"""
        mesh = square("g", (x, 0), 10).removesuffix("}") + f" rel material:binding = </a/{prim}/m>\n}}"
        mesh = mesh.replace('"g" {', '"g" (\n prepend apiSchemas = ["MaterialBindingAPI"]\n) {')
        prims.append(f'def Xform "{prim}" {{\n{mesh}\n{shader}\n}}')
    (tmp_path / "a.usda").write_text(LAYER.format("", "\n".join(prims)))
    scan = read_scan(tmp_path / "a.usda", convert_with_blender)
    colours = [scan.materials[k].base_color[0] for k in scan.face_material]
    assert sorted(colours) == pytest.approx([0.25] * 2 + [0.5] * 4, abs=1e-6)
    assert len(scan.materials) == 2
