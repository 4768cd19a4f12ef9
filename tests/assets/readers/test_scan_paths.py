"""What a scan names, and what lies in its files' places: nothing from elsewhere comes in, nothing is waited for."""

from __future__ import annotations

import json
import os
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.scan_files import (
    gradient_image,
    textured_patch,
    triangle_gltf,
    write_bop_ply,
    write_glb,
    write_gltf,
    write_msh,
    write_obj,
)

from scanstage.assets.asset import META_FILE, Asset
from scanstage.assets.intake.inspection import inspect_scan
from scanstage.assets.intake.packs import pull_pack
from scanstage.assets.intake.take_in import IntakeOptions, file_sha256, take_in
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.scan_bounds import MAX_NAMED_FILES, MAX_NOTES
from scanstage.assets.raw_scans.scan_folder import ScanFolder
from scanstage.assets.readers.blender_copies.blender_copy import copy_for_blender
from scanstage.assets.readers.blender_copies.usd_names import usd_names
from scanstage.assets.readers.read_scan import read_scan

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes, devices and links of POSIX")
OPTIONS = IntakeOptions("thing", unit="m")
WRITERS: dict[str, Callable[..., Path]] = {"obj": write_obj, "ply": write_bop_ply, "glb": write_glb, "msh": write_msh}


def as_pipe(path: Path) -> None:
    os.mkfifo(path)


def as_endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def as_terminal(path: Path) -> None:
    path.symlink_to("/dev/tty")


def as_sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 42)


def as_loop(path: Path) -> None:
    path.symlink_to(path.name)


def as_dangling(path: Path) -> None:
    path.symlink_to("gone")


STRANGE = [as_pipe, as_endless, as_terminal, as_sparse, Path.mkdir, as_loop, as_dangling]


@pytest.mark.parametrize("make", STRANGE)
@pytest.mark.parametrize("suffix", ["obj", "ply", "glb", "gltf", "stl", "msh", "usdz", "fbx"])
def test_what_lies_in_a_scans_place_is_refused_by_name(
    tmp_path: Path, suffix: str, make: Callable[[Path], None]
) -> None:
    path = tmp_path / f"a.{suffix}"
    make(path)
    with pytest.raises(InputError, match=str(path)):
        read_scan(path, never)
    assert inspect_scan(path).refused
    with pytest.raises(InputError, match=str(path)):
        file_sha256(path)


def never(source: Path, target: Path, folder: Path) -> None:
    raise AssertionError("Blender was asked to read it")


@pytest.mark.parametrize("make", STRANGE)
@pytest.mark.parametrize("kind", ["texture", "material file", "buffer", "beside", "image of a glTF"])
def test_what_lies_in_place_of_a_file_that_a_scan_names(
    tmp_path: Path, kind: str, make: Callable[[Path], None]
) -> None:
    """Refused by name or left out as missing: never waited for, never read without end."""
    patch = textured_patch(3)
    if kind in ("texture", "material file"):
        path, harmed = write_obj(tmp_path / "a.obj", *patch), "skin.png" if kind == "texture" else "a.mtl"
    elif kind == "beside":
        path, harmed = write_msh(tmp_path / "a.msh", *patch), "a.png"
    else:
        document, binary = triangle_gltf(
            images=[{"uri": "skin.png"}],
            textures=[{"source": 0}],
            materials=[{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        )
        document["meshes"][0]["primitives"][0]["material"] = 0
        (tmp_path / "a.bin").write_bytes(binary)
        path = write_gltf(tmp_path / "a.gltf", document, binary, uri="a.bin")
        harmed = "a.bin" if kind == "buffer" else "skin.png"
    (tmp_path / harmed).unlink(missing_ok=True)
    make(tmp_path / harmed)
    try:
        scan = read_scan(path)
    except InputError as e:
        assert harmed in e.problems[0]  # noqa: PT017 - either is right
    else:
        assert not scan.images
        if kind == "texture":
            assert any(harmed in f.what for f in scan.findings)


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("through", ["file", "middle", "parents"])
def test_a_scan_that_is_a_link_out_of_its_folder(tmp_path: Path, suffix: str, through: str) -> None:
    """Someone else made the folder, and the link leads to a file of the user's."""
    (tmp_path / "download").mkdir()
    (tmp_path / "private").mkdir()
    gradient_image().save(tmp_path / "private" / "skin.png")
    secret = WRITERS[suffix](tmp_path / "private" / f"secret.{suffix}", *textured_patch(3))
    path = tmp_path / "download" / f"a.{suffix}"
    if through == "middle":
        (tmp_path / "download" / "b").symlink_to(secret)
    path.symlink_to({"file": secret, "middle": "b", "parents": f"../private/secret.{suffix}"}[through])
    with pytest.raises(InputError, match="link that leads out of its folder") as e:
        take_in(path, OPTIONS, tmp_path / "library")
    assert str(secret) in (e.value.hint or "")
    assert "cp -L" in (e.value.hint or "")
    with pytest.raises(InputError, match="leads out of its folder"):
        file_sha256(path)
    assert not (tmp_path / "library").exists()
    assert take_in(secret, OPTIONS, tmp_path / "library").meta.triangles == 8  # the mend works


def test_links_within_the_folder_and_folders_that_are_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real" / "data").mkdir(parents=True)
    gradient_image().save(tmp_path / "real" / "skin.png")
    path = write_obj(tmp_path / "real" / "a.obj", *textured_patch(3))
    path.rename(tmp_path / "real" / "data" / "b.obj")
    path.symlink_to("data/b.obj")
    (tmp_path / "alias").symlink_to("real")
    scan = read_scan(tmp_path / "alias" / "a.obj")
    assert len(scan.faces) == 8
    assert len(scan.images) == 1


COMPRESSED = ["KHR_draco_mesh_compression", "EXT_meshopt_compression"]
OUT = [
    "../secret.bin",
    "%2e%2e/secret.bin",
    "{outside}/secret.bin",
    "file://{outside}/secret.bin",
    "link.bin",
    "..\\secret.bin",
]


@pytest.mark.parametrize("extension", COMPRESSED)
@pytest.mark.parametrize("uri", OUT)
@pytest.mark.parametrize("key", ["buffers", "images"])
def test_compressed_gltf_is_confined_before_blender_sees_it(tmp_path: Path, extension: str, uri: str, key: str) -> None:
    (tmp_path / "scan").mkdir()
    (tmp_path / "secret.bin").write_bytes(b"secret" * 100)
    (tmp_path / "scan" / "link.bin").symlink_to(tmp_path / "secret.bin")
    document, binary = triangle_gltf(images=[{"uri": "skin.png"}], extensionsRequired=[extension])
    path = write_gltf(tmp_path / "scan" / "a.gltf", document, binary, uri="a.bin")
    (tmp_path / "scan" / "a.bin").write_bytes(binary)
    document = json.loads(path.read_text())
    document[key][0]["uri"] = uri.format(outside=tmp_path)
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="leads out of the scan's folder"):
        read_scan(path, never)


def test_blender_is_given_a_folder_with_just_what_the_gltf_names(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    document, binary = triangle_gltf(
        images=[{"uri": "sub/skin.png"}, {"uri": "gone.png"}], extensionsRequired=COMPRESSED[:1]
    )
    gradient_image(8).save(tmp_path / "sub" / "skin.png")
    (tmp_path / "private.png").write_bytes(b"not named")
    path = write_gltf(tmp_path / "a.gltf", document, binary, uri="a.bin")
    (tmp_path / "a.bin").write_bytes(binary)
    seen: dict[str, bytes] = {}

    def convert(source: Path, target: Path, folder: Path) -> None:
        seen.update({p.name: p.read_bytes() for p in source.parent.rglob("*") if p.is_file()})
        write_gltf(target, *triangle_gltf())

    scan = read_scan(path, convert)
    assert sorted(seen) == ["buffers0", "images0", "scan.gltf"]
    assert seen["buffers0"] == binary
    assert seen["images0"] == (tmp_path / "sub" / "skin.png").read_bytes()
    assert "a.bin" not in seen["scan.gltf"].decode()
    assert any("gone.png" in f.what for f in scan.findings)


def usda(reference: str) -> bytes:
    return f'#usda 1.0\ndef "a" (references = {reference}) {{\n}}\n'.encode()


def literal_tokens(*tokens: str) -> bytes:
    """A binary layer of version 0.8 with these tokens: one LZ4 block of literals."""
    text = b"".join(t.encode() + b"\0" for t in tokens)
    lengths = bytearray([0xF0])
    rest = len(text) - 15
    assert rest >= 0
    lengths += b"\xff" * (rest // 255) + bytes([rest % 255])
    return crate(bytes([0]) + bytes(lengths) + text, len(text))


def crate(packed: bytes, size: int, version: tuple[int, int, int] = (0, 8, 0)) -> bytes:
    section = struct.pack("<3Q", 1, size, len(packed)) + packed
    head = b"PXR-USDC" + bytes(version) + bytes(5)
    start = 24
    return (
        head
        + struct.pack("<q", start + len(section))
        + section
        + struct.pack("<Q16sqq", 1, b"TOKENS", start, len(section))
    )


def package(path: Path, **members: bytes) -> bytes:
    with zipfile.ZipFile(path, "w") as z:
        for name, data in members.items():
            z.writestr(name.replace("_", "."), data)
    return path.read_bytes()


LAYERS: dict[str, Callable[[Path, str], bytes]] = {
    "text": lambda _, name: usda(f"@{name}@"),
    "text in three": lambda _, name: usda(f"@@@{name}@@@</b>"),
    "arguments": lambda _, name: usda(f"@{name}:SDF_FORMAT_ARGS:a=b@"),
    "string": lambda _, name: usda("@./b.usda@") + f'string c = "{name}"'.encode(),
    "escaped": lambda _, name: usda("@./b.usda@") + f"string c = '{name}'".replace("..", "\\x2e.").encode(),
    "in a package of it": lambda _, name: usda(f"@{name}[0/b.png]@"),
    "binary": lambda _, name: literal_tokens("a", "references", name),
    "package": lambda folder, name: package(folder / "p.zip", a_usda=usda(f"@{name}@")),
    "binary in a package": lambda folder, name: package(
        folder / "p.zip", a_usdc=literal_tokens("abcdefghijklmn", name)
    ),
}


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("name", ["../secret.usda", "{outside}/secret.usda", "./x/../../secret.usda", "../secret"])
def test_usd_that_names_a_file_outside_is_refused_before_blender_sees_it(tmp_path: Path, kind: str, name: str) -> None:
    (tmp_path / "scan").mkdir()
    for secret in ("secret.usda", "secret"):
        (tmp_path / secret).write_bytes(usda("@./b.usda@"))
    path = tmp_path / "scan" / "a.usd"
    path.write_bytes(LAYERS[kind](tmp_path, name.format(outside=tmp_path)))
    path = path.rename(path.with_suffix(".usdz")) if "package" in kind and "of it" not in kind else path
    with pytest.raises(InputError, match="outside its own folder"):
        read_scan(path, never)


@pytest.mark.parametrize("name", ['`"${A}/secret.usda"`', "../clip.#.usda", "../skin.<UDIM>.png", "link.usda"])
def test_names_that_usd_completes_itself_are_not_left_to_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "scan").mkdir()
    (tmp_path / "secret.usda").write_bytes(usda("@./b.usda@"))
    (tmp_path / "scan" / "link.usda").symlink_to(tmp_path / "secret.usda")
    (tmp_path / "scan" / "a.usda").write_bytes(usda(f"@{name}@"))
    with pytest.raises(InputError, match=r"outside its own folder|leads out"):
        read_scan(tmp_path / "scan" / "a.usda", never)


def test_layers_below_are_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / "scan" / "b").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "scan" / "a.usda").write_bytes(usda("@b/b.usda@"))
    (tmp_path / "scan" / "b" / "b.usda").write_bytes(usda("@../c.usdc@"))
    (tmp_path / "scan" / "c.usdc").write_bytes(literal_tokens("some other token", "../secret.png"))
    with pytest.raises(InputError, match=r"outside its own folder: \.\./secret\.png"):
        read_scan(tmp_path / "scan" / "a.usda", never)


def test_blender_is_given_just_what_the_layers_name(tmp_path: Path) -> None:
    (source := tmp_path / "scan").mkdir()
    (source / "b").mkdir()
    (source / "a.usda").write_bytes(usda("@b/b.usda@") + b'"C:\\\\jane\\\\beside.png" @/home/jane/absent.png@')
    (source / "b" / "b.usda").write_bytes(usda("@../a.usda@") + b"@../skin.<UDIM>.png@ @near.png@")
    for name in ("skin.1001.png", "skin.1002.png", "skin.png", "beside.png", "private.png", "b/near.png", "notes.txt"):
        (source / name).write_bytes(b"x")
    copy = copy_for_blender(source / "a.usda", target := tmp_path / "copy")
    assert copy.file == target / "scan.usda"
    found = {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()}
    assert found == {
        *("scan.usda", "a.usda", "b/b.usda", "b/near.png", "beside.png", "skin.1001.png", "skin.1002.png"),
    }


FBX = b"Kaydara FBX Binary  \0\x1a\0" + bytes(20)


@pytest.mark.parametrize("name", ["../secret.png", "{outside}/secret.png", "..\\secret.png", "x/../../secret.PNG"])
def test_fbx_that_names_an_image_outside_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "scan").mkdir()
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "secret.PNG").write_bytes(b"secret")
    text = name.format(outside=tmp_path).encode()
    path = tmp_path / "scan" / "a.fbx"
    path.write_bytes(FBX + b"RelativeFilenameS" + struct.pack("<I", len(text)) + text + bytes(50))
    with pytest.raises(InputError, match="outside its own folder"):
        read_scan(path, never)


def test_paths_of_an_fbx_author_are_no_attack(tmp_path: Path) -> None:
    """Every FBX holds the absolute paths of the machine that it was made on; the image lies beside it now."""
    (source := tmp_path / "scan").mkdir()
    (source / "skin.png").write_bytes(b"x")
    for name in (b"C:\\Users\\jane\\skin.png", b"/home/jane/skin.png", b"..\\textures\\skin.png"):
        (source / "a.fbx").write_bytes(FBX + b"S" + struct.pack("<I", len(name)) + name + bytes(50))
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        copy_for_blender(source / "a.fbx", tmp_path / "copy")
        assert (tmp_path / "copy" / "skin.png").read_bytes() == b"x"


def moved(source: Path, target: Path) -> list[str]:
    return [f.what for f in copy_for_blender(source, target).findings if f.topic == "moved texture"]


def test_images_that_lie_beside_in_place_of_where_they_should_are_told(tmp_path: Path) -> None:
    (tmp_path / "Skin.PNG").write_bytes(b"x")
    for name in (b"C:/jane/skin.png", b"./tex/skin.png"):
        (tmp_path / "a.usda").write_bytes(b"#usda 1.0\nasset a = @" + name + b"@\n")
        (told,) = moved(tmp_path / "a.usda", tmp_path / "copy")
        assert told == f"the texture {name.decode()!r} is not where it says; Skin.PNG has its name"
    texts = (b"C:\\jane\\skin.png", b"skin.png")  # an FBX has both
    (tmp_path / "a.fbx").write_bytes(FBX + b"".join(b"S" + struct.pack("<I", len(t)) + t for t in texts) + bytes(50))
    assert moved(tmp_path / "a.fbx", tmp_path / "copy") == []


def test_an_image_that_an_fbx_names_in_three_ways_is_told_once(tmp_path: Path) -> None:
    names = (b"skin.png", b"C:\\Users\\jane\\tex\\skin.png", b"..\\tex\\skin.png", b"other\\skin.png")
    texts = b"".join(b"S" + struct.pack("<I", len(name)) + name + bytes(50) for name in names)
    (tmp_path / "a.fbx").write_bytes(FBX + texts)
    copy = copy_for_blender(tmp_path / "a.fbx", tmp_path / "copy")
    assert copy.lost == ("C:/Users/jane/tex/skin.png", "other/skin.png")


def test_an_fbx_that_was_made_here_may_name_its_own_folder(tmp_path: Path) -> None:
    """By an absolute path, which Blender may not open: its copy names the image beside it, in as many bytes."""
    (source := tmp_path / "scan").mkdir()
    (source / "a.fbm").mkdir()
    (source / "a.fbm" / "skin.png").write_bytes(b"x")
    name = str(source / "a.fbm" / "skin.png").encode()
    (source / "a.fbx").write_bytes(FBX + b"S" + struct.pack("<I", len(name)) + name + bytes(50))
    copy = copy_for_blender(source / "a.fbx", tmp_path / "copy")
    data = copy.file.read_bytes()
    assert len(data) == (source / "a.fbx").stat().st_size
    start = data.index(b"./")
    named = data[start : start + len(name)].decode()
    assert named.endswith("/skin.png")
    assert os.path.normpath(named) == "skin.png"
    assert (copy.file.parent / named).read_bytes() == b"x"
    (source / "a.fbm" / "skin.png").unlink()
    (tmp_path / "secret.png").write_bytes(b"secret")
    (source / "a.fbm" / "skin.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(InputError, match=r"leads out|outside its own folder"):
        copy_for_blender(source / "a.fbx", tmp_path / "again")


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("name", ["C:/jane/skin.png", "/home/jane/skin.png", "../maps/skin.png", r"C:\jane\skin.png"])
def test_usd_finds_an_image_that_lies_elsewhere(tmp_path: Path, name: str, binary: bool) -> None:
    """Text is changed; in a binary layer only what is a path below the copy on this system can be put there."""
    (source := tmp_path / "scan").mkdir()
    (source / "tex").mkdir()
    (source / "tex" / "skin.png").write_bytes(b"x")
    (source / "a.usd").write_bytes(literal_tokens("asset", name) if binary else usda(f"@{name}@"))
    copy = copy_for_blender(source / "a.usd", tmp_path / "copy")
    if not binary:
        assert b"@skin.png@" in copy.file.read_bytes()
        assert (copy.file.parent / "skin.png").read_bytes() == b"x"
    elif name == "C:/jane/skin.png":
        assert (copy.file.parent / name).read_bytes() == b"x"
    else:
        assert copy.lost == (name.replace("\\", "/"),)
        assert not copy.images
    assert bool(copy.findings) == bool(copy.images)  # "takes that" is said of what is taken


def test_tokens_of_binary_layers_are_unpacked() -> None:
    """A match that reaches into what it writes, several chunks, and the format before compression."""
    block = bytes([0x3B]) + b"../" + struct.pack("<H", 3)
    block += bytes([0x60]) + b"x.png\0"
    assert "../" * 6 + "x.png" in list(usd_names(crate(b"\0" + block, 24)))
    chunk = bytes([0x60]) + b"x.png\0"
    chunks = b"\x02" + 2 * (struct.pack("<i", len(chunk)) + chunk)
    assert list(usd_names(crate(chunks, 12)))[:2] == ["x.png", "x.png"]
    old = b"PXR-USDC" + bytes((0, 3, 0)) + bytes(5)
    section = struct.pack("<2Q", 1, 9) + b"../a.png\0"
    old += struct.pack("<q", 24 + len(section)) + section + struct.pack("<Q16sqq", 1, b"TOKENS", 24, len(section))
    assert "../a.png" in list(usd_names(old))


@pytest.mark.parametrize(
    "data",
    [
        crate(b"\0" + bytes([0x1F]) + b"a" + struct.pack("<H", 1) + b"\xff" * 1000 + b"\0", 1 << 40),
        crate(b"\0" + bytes([0x1F]) + b"a" + struct.pack("<H", 1) + b"\xff" * 1000 + b"\0", 100),
        crate(b"\0" + bytes([0x1F]) + b"a" + struct.pack("<H", 9) + b"\0", 100),
        crate(b"\xff" + b"\xff" * 8, 100),
        b"PXR-USDC" + bytes(8) + struct.pack("<q", 1 << 60),
        b"PXR-USDC" + bytes(8) + struct.pack("<q", -8),
        b"PXR-USDC",
        b"PK\x03\x04" + bytes(100),
        b"#usd",
    ],
)
def test_broken_layers_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.usd").write_bytes(data)
    with pytest.raises(InputError, match="broken one"):
        read_scan(tmp_path / "a.usd", never)


def test_packages_that_unpack_into_more_than_they_are(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.usdz", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("a.usda", "#usda 1.0\n" + " " * (1 << 24))
    with pytest.raises(InputError, match="compressed"):
        read_scan(tmp_path / "a.usdz", never)
    inner = package(tmp_path / "inner.zip", a_usda=b"#usda 1.0")
    for _ in range(5):
        inner = package(tmp_path / "inner.zip", a_usdz=inner)
    (tmp_path / "a.usdz").write_bytes(inner)
    with pytest.raises(InputError, match="too many files"):
        read_scan(tmp_path / "a.usdz", never)


def test_a_file_named_in_many_ways_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gradient_image(8).save(tmp_path / "skin.png")
    (tmp_path / "sub").mkdir()
    (tmp_path / "alias.png").symlink_to("skin.png")
    reads: list[str] = []
    folder = ScanFolder(tmp_path / "a.obj")
    read = folder._read
    monkeypatch.setattr(folder, "_read", lambda place, kind: reads.append(place) or read(place, kind))
    for name in ("skin.png", "./skin.png", "sub/../skin.png", "SKIN.PNG", '"skin.png"', ".\\skin.png", "alias.png"):
        assert folder.read(name, "texture") == (tmp_path / "skin.png").read_bytes()
    assert reads == ["skin.png"]


def test_folders_are_listed_once_and_names_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each missing texture is looked for whatever its case: in a folder of many files that was quadratic."""
    listed: list[object] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    folder = ScanFolder(tmp_path / "a.obj")
    for k in range(MAX_NAMED_FILES):
        assert folder.find(f"missing{k}.png", "texture") is None
    assert len(listed) == 2  # once as the folder that they are named in, once as all that may hold them
    with pytest.raises(InputError, match="more than 10,000 files"):
        folder.find("one more.png", "texture")


def test_findings_are_told_once_and_not_without_end(tmp_path: Path) -> None:
    folder = ScanFolder(tmp_path / "a.obj")
    for k in range(1000):
        folder.note("missing texture", f"{'x' * 1000}{k}", "goes on")
        folder.note("missing texture", f"'{k}' is missing", "goes on")
        folder.note("other", "the same each time", "goes on")
    assert len(folder.findings) == MAX_NOTES + 2
    assert folder.findings[-1].what == "981 more like these"
    assert all(len(f.what) < 400 for f in folder.findings)


@pytest.mark.parametrize("make", STRANGE)
@pytest.mark.parametrize("name", [META_FILE, "mesh.npz"])
def test_what_lies_in_place_of_an_assets_files(tmp_path: Path, name: str, make: Callable[[Path], None]) -> None:
    gradient_image(8).save(tmp_path / "skin.png")
    asset = take_in(write_obj(tmp_path / "a.obj", *textured_patch(3)), OPTIONS, tmp_path / "library")
    (asset.folder / name).unlink()
    make(asset.folder / name)
    with pytest.raises(InputError, match=name):
        Asset.open(asset.folder).mesh()


@pytest.mark.parametrize("name", ["../secret.png", "/etc/hostname", "sub/skin.png", "..", "C:\\secret.png", "", 7])
def test_an_asset_names_no_textures_elsewhere(tmp_path: Path, name: object) -> None:
    gradient_image(8).save(tmp_path / "skin.png")
    asset = take_in(write_obj(tmp_path / "a.obj", *textured_patch(3)), OPTIONS, tmp_path / "library")
    meta = json.loads((asset.folder / META_FILE).read_text())
    for key in ("base_color_texture", "normal_texture"):
        meta["materials"][0] |= {"base_color_texture": None, key: name}
        (asset.folder / META_FILE).write_text(json.dumps(meta))
        with pytest.raises(InputError, match="not the name of a texture"):
            Asset.open(asset.folder)


@pytest.mark.parametrize("make", STRANGE)
def test_what_lies_in_place_of_a_packs_wheel(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(wheel := tmp_path / "a.whl")
    with pytest.raises(InputError, match=r"a\.whl"):
        pull_pack("ycb", tmp_path / "library", wheel)


def test_meshes_of_a_library_are_no_bombs(tmp_path: Path) -> None:
    gradient_image(8).save(tmp_path / "skin.png")
    asset = take_in(write_obj(tmp_path / "a.obj", *textured_patch(3)), OPTIONS, tmp_path / "library")
    arrays = dict(np.load(asset.folder / "mesh.npz"))

    def refused(match: str) -> None:
        with pytest.raises(InputError, match=match):
            asset.mesh()

    np.savez_compressed(asset.folder / "mesh.npz", **(arrays | {"hull": np.zeros((1 << 20, 3), np.float32)}))
    refused("is compressed")
    np.savez(asset.folder / "mesh.npz", **(arrays | {"faces": arrays["faces"] + 100}))
    refused("names a vertex")
    np.savez(asset.folder / "mesh.npz", **(arrays | {"vertices": arrays["vertices"].astype(np.float64)}))
    refused("float64")
    np.savez(asset.folder / "mesh.npz", **{f"a{k}": np.zeros(1) for k in range(100)})
    refused("more than a mesh has")
