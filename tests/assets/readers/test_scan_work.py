"""Reading a scan takes work in proportion to its size: work is counted at one size and at twice that, never timed."""

from __future__ import annotations

import re
import re._constants as constants  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from support.scan_files import gradient_image, png_bytes, textured_patch, triangle_gltf, write_gltf, write_obj

from scanstage.assets.intake import see_through
from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.meshes import color_baking
from scanstage.assets.meshes.surface_mesh import make_sound
from scanstage.assets.meshes.topology import groups
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.scan_bounds import MAX_CLIPPED, MAX_MATERIALS
from scanstage.assets.raw_scans.scan_folder import ScanFolder
from scanstage.assets.readers.parsing import polygons
from scanstage.assets.readers.parsing.polygons import triangulate
from scanstage.assets.readers.read_scan import read_scan
from scanstage.assets.readers.wavefront import mtl_text, mtl_textures, obj
from scanstage.assets.textures.texture_coding import decode_rgb

OPTIONS = IntakeOptions("thing", unit="m")
CORNER = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\n"
TRIANGLE = f"{CORNER}f 1/1 2/1 3/1\n"


def lines_run(action: Callable[[], object]) -> int:
    """Lines of Python that are run, also those of the standard library."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return count


def _obj(text: Callable[[int], str], materials: Callable[[int], str] = lambda _: "") -> Callable[[Path, int], Path]:
    def write(folder: Path, n: int) -> Path:
        (folder / "a.mtl").write_text(materials(n))
        (folder / "a.obj").write_text(text(n))
        return folder / "a.obj"

    return write


def _ply(header: Callable[[int], str], rows: Callable[[int], str] = lambda _: "") -> Callable[[Path, int], Path]:
    points = "element vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    faces = "element face 1\nproperty list uchar int vertex_indices\n"

    def write(folder: Path, n: int) -> Path:
        body = f"{header(n)}end_header\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n{rows(n)}"
        (folder / "a.ply").write_text(f"ply\nformat ascii 1.0\n{points}{faces}{body}")
        return folder / "a.ply"

    return write


def _stl(text: Callable[[int], str]) -> Callable[[Path, int], Path]:
    def write(folder: Path, n: int) -> Path:
        facet = "facet\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendfacet\n"
        (folder / "a.stl").write_text(f"solid\n{text(n)}{facet}endsolid\n")
        return folder / "a.stl"

    return write


def _gltf(change: Callable[[dict[str, Any], int], None]) -> Callable[[Path, int], Path]:
    def write(folder: Path, n: int) -> Path:
        document, binary = triangle_gltf()
        change(document, n)
        return write_gltf(folder / "a.glb", document, binary)

    return write


def _with_materials(document: dict[str, Any], n: int) -> None:
    part = document["meshes"][0]["primitives"][0]
    document["images"] = [{"uri": f"gone{k}.png"} for k in range(n)]
    document["textures"] = [{"source": k} for k in range(n)]
    document["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": k}}} for k in range(n)]
    document["meshes"][0]["primitives"] = [part | {"material": k} for k in range(n)]


def _chain(document: dict[str, Any], n: int) -> None:
    document["nodes"] = [*({"children": [k + 1]} for k in range(n)), {"mesh": 0}]


def _wide(document: dict[str, Any], n: int) -> None:
    document["nodes"] = [{"children": [*range(1, n)]}, *([{"mesh": 0}] * n)]


def _repeat(document: dict[str, Any], n: int) -> None:
    document["meshes"][0]["primitives"] *= n


def _extensions(document: dict[str, Any], n: int) -> None:
    document["extensionsRequired"] = [f"E{k}" for k in range(n)]


def _in_a_full_folder(folder: Path, n: int) -> Path:
    """As many textures that are missing as there are files among which each is looked for."""
    for k in range(n):
        (folder / f"other{k}").touch()
    return _obj(_uses, lambda m: "".join(f"newmtl m{k}\nmap_Kd gone{k}.png\n" for k in range(m)))(folder, n)


def _uses(n: int) -> str:
    return "mtllib a.mtl\n" + CORNER + "".join(f"usemtl m{k}\nf 1/1 2/1 3/1\n" for k in range(n))


SHAPES: dict[str, tuple[Callable[[Path, int], Path], int]] = {
    "OBJ: blank lines": (_obj(lambda n: "\n" * n + TRIANGLE), 2000),
    "OBJ: indented lines": (_obj(lambda n: CORNER + "\t f 1 2 3\n" * n), 500),
    "OBJ: materials": (_obj(_uses), 500),
    "OBJ: materials in turn": (_obj(lambda n: CORNER + "usemtl a\nf 1 2 3\nusemtl b\nf 1 2 3\n" * n), 500),
    "OBJ: one library, spelled differently": (
        _obj(
            lambda n: "".join(f"mtllib x{k}/../a.mtl\n" for k in range(n)) + TRIANGLE,
            lambda n: "".join(f"newmtl m{k}\n" for k in range(n)),
        ),
        200,
    ),
    "OBJ: libraries in a line": (_obj(lambda n: f"mtllib {'x ' * n}\n{TRIANGLE}"), 300),
    "OBJ: groups": (_obj(lambda n: CORNER + "".join(f"g {k}\no {k}\nf 1 2 3\n" for k in range(n))), 500),
    "OBJ: comments": (_obj(lambda n: "# unit unit\n" * n + TRIANGLE), 1000),
    "OBJ: continued lines": (_obj(lambda n: CORNER + "f 1 \\\n 2 \\\n 3\n" * n), 500),
    "OBJ: indices from the end": (_obj(lambda n: CORNER + "f -3 -2 -1\n" * n), 500),
    "OBJ: mixed corners": (_obj(lambda n: CORNER + "f 1/1 2 3//1\n" * n), 500),
    "OBJ: convex polygons": (
        _obj(lambda n: "v 0 0 0\nv 2 0 0\nv 3 1 0\nv 2 2 0\nv 0 2 0\n" + "f 1 2 3 4 5\n" * n),
        500,
    ),
    "OBJ: polygons with a notch": (
        _obj(lambda n: "v 0 0 0\nv 2 0 0\nv 2 2 0\nv 1 .2 0\nv 0 2 0\n" + "f 1 2 3 4 5\n" * n),
        100,
    ),
    "OBJ: polygons of all sizes": (
        _obj(lambda n: CORNER * 2 + "".join("f" + " 1 2 3" * (2 + k % 40) + "\n" for k in range(n))),
        200,
    ),
    "MTL: materials": (
        _obj(lambda _: "mtllib a.mtl\n" + TRIANGLE, lambda n: "".join(f"newmtl {k}\n" for k in range(n))),
        1000,
    ),
    "MTL: statements": (_obj(lambda _: "mtllib a.mtl\n" + TRIANGLE, lambda n: "newmtl a\n" + "Kd 1 1 1\n" * n), 1000),
    "MTL: options": (
        _obj(lambda _: "mtllib a.mtl\nusemtl a\n" + TRIANGLE, lambda n: f"newmtl a\nmap_Kd {'-o 1 ' * n}a\n"),
        300,
    ),
    "a full folder": (_in_a_full_folder, 200),
    "STL: blank lines": (_stl(lambda n: "\n" * n), 2000),
    "STL: facets": (_stl(lambda n: "facet\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendfacet\n" * n), 500),
    "PLY: comments": (_ply(lambda n: "comment unit unit\n" * n), 500),
    "PLY: textures": (_ply(lambda n: "".join(f"comment TextureFile {k}.png\n" for k in range(n))), 300),
    "PLY: elements": (
        _ply(lambda n: "".join(f"element e{k} 1\nproperty int a\n" for k in range(n)), lambda n: "1\n" * n),
        300,
    ),
    "PLY: rows of different lengths": (
        _ply(
            lambda n: f"element e {n}\nproperty list int int a\n",
            lambda n: "".join("1 1\n2 1 1\n" for _ in range(n // 2)),
        ),
        400,
    ),
    "glTF: primitives": (_gltf(_repeat), 100),
    "glTF: a chain of nodes": (_gltf(_chain), 200),
    "glTF: nodes side by side": (_gltf(_wide), 200),
    "glTF: materials": (_gltf(_with_materials), 100),
    "glTF: extensions": (_gltf(_extensions), 500),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_work_grows_with_the_file_and_no_faster(tmp_path: Path, shape: str) -> None:
    write, n = SHAPES[shape]

    def work(size: int) -> int:
        (folder := tmp_path / str(size)).mkdir()
        path = write(folder, size)
        read_scan(path)  # imports what is needed
        return lines_run(lambda: read_scan(path))

    assert work(2 * n) < 2.3 * work(n)


MODULES = [m for name, m in sorted(sys.modules.items()) if name.startswith("scanstage.assets.")]
PATTERNS = {
    f"{module.__name__}.{name}": value
    for module in MODULES
    for name, value in vars(module).items()
    if isinstance(value, re.Pattern)
}


def matches_newline(kind: Any, value: Any) -> bool:
    """Whether one item of a parsed pattern can match the end of a line."""
    if kind is constants.IN:
        inside = [item for item in value if item[0] is not constants.NEGATE]
        return any(matches_newline(*item) for item in inside) != (len(inside) < len(value))
    if kind is constants.CATEGORY:
        return value in (constants.CATEGORY_SPACE, constants.CATEGORY_NOT_DIGIT, constants.CATEGORY_NOT_WORD)
    if kind is constants.RANGE:
        return bool(value[0] <= 10 <= value[1])
    return (kind is constants.LITERAL and value == 10) or (kind is constants.NOT_LITERAL and value != 10)


def repeats(items: Any, first: bool = True, within: bool = False) -> Iterator[tuple[bool, bool, Any]]:
    """Each repetition without a bound: whether the pattern begins with it, if it is within another, and of what."""
    for kind, value in items:
        if kind in (constants.MAX_REPEAT, constants.MIN_REPEAT):
            endless = value[1] is constants.MAXREPEAT
            if endless:
                yield first, within, value[2]
            yield from repeats(value[2], first, within or endless)
            first = False
        elif kind is constants.SUBPATTERN:
            yield from repeats(value[-1], first, within)
            first = False
        elif kind is constants.BRANCH:
            for branch in value[1]:
                yield from repeats(branch, first, within)
            first = False
        elif kind is not constants.AT:
            first = False


@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_can_be_tried_over_the_same_text_again_and_again(name: str) -> None:
    """What a search begins with must not run over line ends, else each of a million blank lines runs over the rest."""
    pattern = PATTERNS[name]
    for first, within, items in repeats(parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)):
        assert not within, "a repetition within a repetition"
        assert not (first and any(matches_newline(*item) for item in items)), "begins by running over line ends"


def test_the_patterns_of_old_would_be_found() -> None:
    for pattern in (rb"^\s*f[^\n]*-", rb"^\s*vertex\s([^\r\n]*)"):
        found = [(first, [*items]) for first, _, items in repeats(parser.parse(pattern, re.M))]
        assert any(first and any(matches_newline(*item) for item in items) for first, items in found)
    assert len(PATTERNS) > 5


class Counting(str):
    """A text that counts how often it is compared."""

    compared = 0
    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        Counting.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_names_of_materials_are_not_looked_for_one_by_one(tmp_path: Path) -> None:
    """A search in a list runs no line of Python: so names are compared by ones that count it."""
    n = 2000
    statements = obj._Statements(materials=[(k, Counting(f"m{k}")) for k in range(n)])
    Counting.compared = 0
    folder = ScanFolder(tmp_path / "a.obj")
    materials, _, of_polygon, _ = obj._materials(statements, folder, np.arange(n), n, None)
    assert len(materials) == n
    assert of_polygon.tolist() == [*range(n)]
    assert Counting.compared < 10 * n


@pytest.mark.parametrize("n", [MAX_MATERIALS + 1, 20_000])
def test_materials_are_bounded(tmp_path: Path, n: int) -> None:
    path = _obj(_uses)(tmp_path, n)
    with pytest.raises(InputError, match="materials"):
        read_scan(path)
    path = _gltf(_with_materials)(tmp_path, n)
    with pytest.raises(InputError, match="materials"):
        read_scan(path)
    path = _obj(lambda _: "mtllib a.mtl\n" + TRIANGLE, lambda m: "".join(f"newmtl {k}\n" for k in range(m)))(
        tmp_path, n
    )
    with pytest.raises(InputError, match="materials"):
        read_scan(path)


def test_statements_of_any_length_are_looked_at_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name in quotes was read letter by letter, each onto a copy of all before."""
    lengths: list[int] = []
    map_of, floats = mtl_text._map_of, mtl_text._floats
    monkeypatch.setattr(mtl_text, "_map_of", lambda rest: lengths.append(len(rest)) or map_of(rest))
    monkeypatch.setattr(mtl_text, "_floats", lambda rest: lengths.append(len(rest)) or floats(rest))
    path = _obj(
        lambda _: "mtllib a.mtl\nusemtl a\n" + TRIANGLE,
        lambda n: f'newmtl a\nmap_Kd "{"a" * n}"\nnorm {"-bm 1 " * n}\nKd {"1 " * n}\nbump {" " * n}x',
    )(tmp_path, 1_000_000)
    read_scan(path)
    assert len(lengths) >= 4
    assert max(lengths) < 10_000


def test_each_texture_is_decoded_once_however_many_materials_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through each part of intake that looks at pixels: opacity, baked colours, the asset's own textures."""
    n = 40
    document, binary = triangle_gltf()
    _with_materials(document, n)
    document["images"] = [{"uri": "a.png"}, {"uri": "b.png"}]
    document["textures"] = [{"source": k % 2} for k in range(n)]
    for material in document["materials"]:
        material["alphaMode"] = "BLEND"
    uvs = len(binary) + len(binary) % 4
    binary = binary.ljust(uvs, b"\0") + np.zeros((3, 2), "<f4").tobytes()
    document["bufferViews"].append({"buffer": 0, "byteOffset": uvs, "byteLength": 24})
    document["accessors"].append({"bufferView": 2, "componentType": 5126, "count": 3, "type": "VEC2"})
    for primitive in document["meshes"][0]["primitives"]:
        primitive["attributes"]["TEXCOORD_0"] = 2
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png_bytes(gradient_image(8).convert("RGBA")))
    path = write_gltf(tmp_path / "a.glb", document, binary)
    decoded: list[str] = []
    channel = see_through.alpha_channel
    monkeypatch.setattr(see_through, "alpha_channel", lambda d, name: decoded.append(name) or channel(d, name))
    monkeypatch.setattr(color_baking, "decode_rgb", lambda d, name: decoded.append(name) or decode_rgb(d, name))
    scan = read_scan(path)
    see_through.settle_see_through(scan)
    assert sorted(decoded) == ["image0", "image1"]
    decoded.clear()
    color_baking.bake_colors(make_sound(scan)[0], scan)
    assert len(decoded) <= 2
    assert len(list(take_in(path, OPTIONS, tmp_path / "library").folder.glob("base_color*"))) <= 2


def test_each_pair_of_textures_is_joined_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n = 30
    path = _obj(_uses, lambda m: "".join(f"newmtl m{k}\nmap_Kd c.png\nmap_d d.png\nmap_Pr d.png\n" for k in range(m)))(
        tmp_path, n
    )
    (tmp_path / "c.png").write_bytes(png_bytes(gradient_image(8)))
    (tmp_path / "d.png").write_bytes(png_bytes(gradient_image(8).convert("L")))
    joined: list[str] = []
    for name in ("with_alpha", "pack_channels"):
        join = getattr(mtl_textures, name)

        def counted(*images: bytes, name: str = name, join: Callable[..., Any] = join) -> Any:
            joined.append(name)
            return join(*images)

        counted.__name__ = name
        monkeypatch.setattr(mtl_textures, name, counted)
    scan = read_scan(path)
    assert len(scan.materials) == n
    assert sorted(joined) == ["pack_channels", "with_alpha"]


def test_groups_are_the_positions_of_each_number() -> None:
    numbers = np.random.default_rng(3).integers(0, 500, 3000).astype(np.uint16)
    found = groups(numbers)
    assert sorted(found) == np.unique(numbers).tolist()
    assert all((np.flatnonzero(numbers == k) == at).all() for k, at in found.items())
    assert groups(numbers[:0]) == {}


def zigzag(n: int) -> np.ndarray:
    """(n, 3) a polygon whose every other corner is a notch."""
    angle = np.arange(n) * 2 * np.pi / n
    radius = np.where(np.arange(n) % 2, 1.0, 0.999)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), 0 * angle], axis=1)


def tangle(n: int) -> np.ndarray:
    """(n, 3) a polygon that crosses itself everywhere: hardly a corner is an ear."""
    angle = np.arange(n) * 1.0
    return np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1).round(2)


@pytest.mark.parametrize("make", [zigzag, tangle])
def test_polygons_cost_no_more_than_their_budget(
    make: Callable[[int], np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clipping ears takes the cube of the corners at worst; what is left when the budget is used up becomes a fan."""
    looked = [0]
    turn = polygons._turn

    def counted(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        looked[0] += 1
        return turn(a, b, c)

    monkeypatch.setattr(polygons, "_turn", counted)
    monkeypatch.setattr(polygons, "MAX_CLIPPED", MAX_CLIPPED // 200)
    ring = make(400)
    corners, owner = triangulate(np.full(50, 400), np.tile(np.arange(400), 50), ring)
    assert len(corners) == 50 * 398
    assert np.bincount(owner).tolist() == [398] * 50
    assert looked[0] < 5 * MAX_CLIPPED // 200 // polygons._CALL


def test_ordinary_polygons_are_within_the_budget() -> None:
    corners, _ = triangulate(np.array([200]), np.arange(200), zigzag(200))
    a, b, c = (zigzag(200)[corners[:, k]] for k in range(3))
    signed = np.cross(b - a, c - a)[:, 2] / 2
    assert (signed > -1e-12).all()


def test_a_file_is_read_no_more_often_than_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Intake opens the scan for its first bytes, its content, and its digest; each of its files once."""
    from scanstage.assets.files import outside_files

    gradient_image(8).save(tmp_path / "skin.png")
    path = write_obj(tmp_path / "a.obj", *textured_patch(3))
    opened: list[str] = []
    as_file = outside_files._as_file
    monkeypatch.setattr(outside_files, "_as_file", lambda h, p, m: opened.append(p.name) or as_file(h, p, m))
    take_in(path, OPTIONS, tmp_path / "library")
    assert opened.count("a.obj") <= 3
    assert opened.count("skin.png") == 1
