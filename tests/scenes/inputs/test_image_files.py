"""Images that a config names: what may lie in their place, and what their headers may claim."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import OpenEXR
import pytest
from PIL import Image, ImageFile
from support import image_bombs as bombs

import scanstage.scenes.inputs.image_files as files
from scanstage.assets.messages.errors import InputError
from scanstage.scenes.config.load import load_config
from scanstage.scenes.config.sections.run_config import BackplateBackground
from scanstage.scenes.inputs.image_files import (
    HDRI_SUFFIXES,
    MAX_HDRI_BYTES,
    MAX_PHOTO_BYTES,
    PHOTO_SUFFIXES,
    hdri_width,
    list_images,
    read_photo,
)
from scanstage.scenes.plan import BackgroundPlan, SurfaceMaterial, WorldPlan
from scanstage.scenes.planning.preflight import open_inputs

TILED, DEEP, PARTS = 0x200, 0x800, 0x1000

PHOTO_BOMBS = {
    "a.png": (bombs.png(50_000, 50_000, rows=1), "more than 160,000,000 pixels"),
    "wide.png": (bombs.png(100_000, 1, 8, 0), "100000 x 1"),
    "many.png": (bombs.png(16_000, 10_001, 8, 0, rows=1), "16000 x 10001"),
    "a.tif": (bombs.tiff(60_000, 60_000), "more than 160,000,000 pixels"),
    "a.bmp": (bombs.bmp(60_000, -60_000), "more than 160,000,000 pixels"),
    "a.jpg": (bombs.jpeg(65_500, 65_500), "more than 160,000,000 pixels"),
    "gif.png": (b"GIF89a" + bytes(40), "can't be read as an image"),
    "script.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "can't be read as an image"),
    "cut.png": (bombs.png(64, 64)[:-30], "can't be read as an image"),
}
HDRI_BOMBS = {
    "claims.exr": (bombs.exr(window=bombs.box(100_000, 100_000)), "100000 x 100000"),
    "display.exr": (bombs.exr(display=bombs.box(100_000, 100_000)), "100000 x 100000"),
    "long.exr": (bombs.exr(window=bombs.box(1, 2**31 - 1)), "1 x 2147483647"),
    "negative.exr": (bombs.exr(window=struct.pack("<4i", 10, 10, -20, -20)), "-29 x -29"),
    "overflow.exr": (bombs.exr(window=struct.pack("<4i", -(2**31), 0, 2**31 - 1, 0)), "4294967296 x 1"),
    "channels.exr": (
        bombs.exr(
            bombs.attribute("channels", "chlist", bombs.channels(tuple(f"c{i}" for i in range(900)))),
            window=bombs.box(2048, 1024),
        ),
        "1,887,436,800 numbers",
    ),
    "tile.exr": (
        bombs.exr(bombs.attribute("tiles", "tiledesc", struct.pack("<IIB", 2**32 - 1, 2**32 - 1, 0)), flags=TILED),
        "4294967295 x 4294967295",
    ),
    "tiles.exr": (
        bombs.exr(
            bombs.attribute("tiles", "tiledesc", struct.pack("<IIB", 1, 1, 0)),
            window=bombs.box(16_000, 10_000),
            flags=TILED,
        ),
        "160,000,000 pieces",
    ),
    "parts.exr": (
        bombs.exr(flags=PARTS)[: -32 * 8] + bombs.exr(window=bombs.box(60_000, 60_000))[8:],
        "60000 x 60000",
    ),
    "deep.exr": (bombs.exr(flags=DEEP), "deep"),
    "name.exr": (bombs.exr()[:8] + b"n" * 5000, "no end"),
    "length.exr": (bombs.exr(bombs.attribute("x", "y", b"", -1)), "has -1 bytes"),
    "skips.exr": (bombs.exr(bombs.attribute("x", "y", b"", 2**31 - 1)), "cut short"),
    "cut.exr": (bombs.exr()[:60], "cut short"),
    "nothing.exr": (bombs.exr()[:8] + b"\0", "without a header"),
    "windowless.exr": (bombs.exr()[:8] + bombs.attribute("a", "b", b"") + b"\0", "doesn't say how large"),
    "kind.exr": (bombs.exr()[:8] + bombs.attribute("dataWindow", "box2f", bytes(16)) + b"\0", "is no dataWindow"),
    "claims.hdr": (bombs.radiance(100_000, 100_000), "100000 x 100000"),
    "digits.hdr": (bombs.radiance(10**30, 2), "how large it is"),
    "endless.hdr": (b"#?RADIANCE\n" + b"x=" + b"9" * 200_000, "how large it is"),
    "lines.hdr": (bombs.radiance(4, 4, before=b"# comment\n" * 9000), "how large it is"),
    "other.hdr": (b"P6 100000 100000 255\n", "not an OpenEXR or Radiance"),
    "other.exr": (bombs.radiance(70_000, 3), "70000 x 3"),
}


@pytest.fixture(autouse=True)
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused is refused by its header."""

    def refuse(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)


@pytest.mark.parametrize("name", PHOTO_BOMBS)
def test_photos_that_claim_too_much_are_refused_by_their_header(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, told = PHOTO_BOMBS[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=told) as caught:
        list_images(tmp_path / name, PHOTO_SUFFIXES)
    assert name in caught.value.problems[0]
    monkeypatch.setattr(cv2, "imdecode", None)
    with pytest.raises(InputError, match=told):
        read_photo(tmp_path / name)


@pytest.mark.parametrize("name", HDRI_BOMBS)
def test_hdris_that_claim_too_much_are_refused_by_their_header(tmp_path: Path, name: str) -> None:
    data, told = HDRI_BOMBS[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=told) as caught:
        list_images(tmp_path / name, HDRI_SUFFIXES)
    assert name in caught.value.problems[0]


def write_exr(path: Path, compression: int = OpenEXR.ZIP_COMPRESSION, tiled: bool = False, parts: int = 1) -> None:
    header = {"compression": compression, "type": OpenEXR.tiledimage if tiled else OpenEXR.scanlineimage}
    if tiled:
        header["tiles"] = OpenEXR.TileDescription()
    pixels = np.ones((32, 64, 3), np.float32)
    if parts == 1:
        OpenEXR.File(header, {"RGB": pixels}).write(str(path))
    else:
        OpenEXR.File([OpenEXR.Part(dict(header), {"RGB": pixels}, f"p{i}") for i in range(parts)]).write(str(path))


@pytest.mark.parametrize(
    "make",
    [
        write_exr,
        lambda p: write_exr(p, OpenEXR.NO_COMPRESSION),
        lambda p: write_exr(p, OpenEXR.PIZ_COMPRESSION),
        lambda p: write_exr(p, OpenEXR.DWAB_COMPRESSION),
        lambda p: write_exr(p, tiled=True),
        lambda p: write_exr(p, parts=3),
        lambda p: p.write_bytes(bombs.radiance(64, 32)),
        lambda p: p.write_bytes(bombs.radiance(64, 32, before=b"EXPOSURE= 1.0\n# made by hand\n")),
    ],
)
def test_sound_hdris_are_taken(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(path := tmp_path / "sky.exr")
    assert list_images(tmp_path, HDRI_SUFFIXES) == (path,)


def test_what_opencv_writes_as_radiance_is_taken(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "sky.hdr"), np.ones((32, 64, 3), np.float32))
    assert list_images(tmp_path / "sky.hdr", HDRI_SUFFIXES)


@pytest.mark.parametrize("suffix", PHOTO_SUFFIXES)
def test_a_photo_is_read_as_opencv_reads_it(tmp_path: Path, suffix: str) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (300, 200, 3), np.uint8)
    cv2.imwrite(str(path := tmp_path / f"a{suffix}"), pixels)
    assert list_images(path, PHOTO_SUFFIXES) == (path,)
    np.testing.assert_array_equal(read_photo(path), cv2.imread(str(path)))
    np.testing.assert_array_equal(read_photo(path, 100), cv2.imread(str(path), cv2.IMREAD_REDUCED_COLOR_2))


def test_a_photo_lies_as_its_camera_was_held(tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(60, dtype=np.uint8).reshape(4, 5, 3) * 4)
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(path := tmp_path / "a.jpg", exif=exif)
    assert read_photo(path).shape == (5, 4, 3) == cv2.imread(str(path)).shape


posix = pytest.mark.skipif(os.name != "posix", reason="pipes and devices of POSIX")


@posix
@pytest.mark.parametrize(("suffix", "suffixes"), [(".jpg", PHOTO_SUFFIXES), (".exr", HDRI_SUFFIXES)])
def test_what_is_no_file_is_named_and_never_waited_for(tmp_path: Path, suffix: str, suffixes: tuple[str, ...]) -> None:
    os.mkfifo(tmp_path / f"pipe{suffix}")
    (tmp_path / f"endless{suffix}").symlink_to("/dev/zero")
    (tmp_path / f"nowhere{suffix}").symlink_to(tmp_path / "none")
    (tmp_path / f"large{suffix}").touch()
    os.truncate(tmp_path / f"large{suffix}", max(MAX_PHOTO_BYTES, MAX_HDRI_BYTES) + 1)
    (tmp_path / f"folder{suffix}").mkdir()
    with pytest.raises(InputError) as caught:
        list_images(tmp_path, suffixes)
    told = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 4, told
    for word in ("pipe, not a file", "device, no file", "No such file", "at most"):
        assert word in told
    with pytest.raises(InputError, match="no image in this folder"):
        list_images(tmp_path / f"folder{suffix}", suffixes)
    with pytest.raises(InputError, match="expected one of"):
        list_images(Path("/dev/zero"), suffixes)


@posix
@pytest.mark.parametrize(
    "override",
    [
        "light.hdri.image={}.exr",
        "light.hdri.image={{choice: [{}.exr, builtin:city]}}",
        "background={{kind: backplate, images: {}.jpg}}",
        "stage={{kind: room, walls: {{image: {}.jpg}}}}",
        "distractors={{count: 1, looks: {{image: {}.jpg}}}}",
    ],
)
def test_pipes_are_refused_wherever_a_config_or_the_command_line_names_them(
    tmp_path: Path, toy_library: Path, override: str
) -> None:
    (tmp_path / "c.yaml").write_text(f"assets: {{library: {toy_library}}}\nobjects: {{placement: {{kind: upright}}}}")
    for suffix in (".exr", ".jpg"):
        os.mkfifo(tmp_path / f"pipe{suffix}")
    config = load_config(tmp_path / "c.yaml", [override.format(tmp_path / "pipe")])
    with pytest.raises(InputError, match="pipe, not a file"):
        open_inputs(config, tmp_path)


@pytest.mark.parametrize("name", ["a\0b.jpg", "~nobody-of-this-name/a.jpg", "x" * 5000 + ".jpg", "loop/a.jpg"])
def test_paths_of_no_file_are_mistakes_in_a_config(tmp_path: Path, toy_library: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "c.yaml").write_text(f"assets: {{library: {toy_library}}}\nstage: {{kind: ground}}")
    config = load_config(tmp_path / "c.yaml")
    config = config.model_copy(update={"background": BackplateBackground(images=Path(name))})
    with pytest.raises(InputError):
        open_inputs(config, tmp_path)


def plan_with(**named: object) -> SimpleNamespace:
    plain = {"world": WorldPlan(None, 0, 1), "background": BackgroundPlan("hdri"), "surfaces": (), "objects": ()}
    return SimpleNamespace(**(plain | named))


@posix
def test_images_are_checked_again_just_before_they_are_used(tmp_path: Path) -> None:
    """What was an image when the run began may be a pipe, or a bomb, by the time that it is drawn."""
    sky, photo = tmp_path / "sky.exr", tmp_path / "photo.png"
    sky.write_bytes(bombs.exr())
    photo.write_bytes(bombs.png(8, 8))
    material = SurfaceMaterial((0, 0, 0), (1, 1, 1), image=str(photo))
    plans = [
        plan_with(world=WorldPlan(str(sky), 0, 1)),
        plan_with(background=BackgroundPlan("backplate", image=str(photo))),
        plan_with(surfaces=(SimpleNamespace(material=material),)),
        plan_with(objects=(SimpleNamespace(surface=replace(material, image=None, texture=str(photo))),)),
    ]
    for plan in plans:
        files.check_images(plan)
    list_images(tmp_path, HDRI_SUFFIXES)
    sky.write_bytes(bombs.exr(window=bombs.box(100_000, 100_000)))
    photo.unlink()
    os.mkfifo(photo)
    for plan, told in zip(plans, ("100000 x", "pipe", "pipe", "pipe"), strict=True):
        with pytest.raises(InputError, match=told):
            files.check_images(plan)
    with pytest.raises(InputError, match="device"):
        files.check_images(plan_with(world=WorldPlan("/dev/zero", 0, 1)))


def test_an_image_is_looked_into_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(bombs.png(8, 8))
    plan = plan_with(background=BackgroundPlan("backplate", image=str(tmp_path / "a.png")))
    files.check_images(plan)
    monkeypatch.setattr(files, "open_outside", None)
    for _ in range(3):
        files.check_images(plan)


def test_the_width_of_an_environment_image_is_in_its_header(tmp_path: Path) -> None:
    (tmp_path / "a.exr").write_bytes(bombs.exr())
    (tmp_path / "b.hdr").write_bytes(cv2.imencode(".hdr", np.ones((3, 7, 3), np.float32))[1].tobytes())
    assert [hdri_width(tmp_path / name) for name in ("a.exr", "b.hdr")] == [64, 7]
    (tmp_path / "c.hdr").write_bytes(b"P6")
    for name in ("c.hdr", "none.hdr"):
        with pytest.raises(InputError, match=name):
            hdri_width(tmp_path / name)
