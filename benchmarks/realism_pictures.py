"""The pictures of docs/realism.md: of each thing that it tells of, the same scene with and without, or all its kinds.

    python benchmarks/realism_pictures.py [--only looks texture] [--out docs/images]

Everything is rendered from the sample scans and a few more (:mod:`realism_scans`), with the preset ``standard``; each
sheet takes a minute on two cores.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from realism_scans import library, of_hulls

import scanstage

OUT = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZE = (480, 360)
WIDTH = 1280
QUALITY = 88
CAPTION_PX = 26

Image = npt.NDArray[np.uint8]
Overrides = dict[str, Any]

PLAIN: dict[str, Any] = {
    "assets": {"source": "samples"},
    "objects": {"count": 5, "placement": {"kind": "drop", "density": 0.4, "upright": 0.7}},
    "stage": {"kind": "table", "looks": {"texture": "wood_planks"}},
    "light": {
        "hdri": {"image": "builtin:interior"},
        "lamps": [{"kind": "area", "power": 20, "elevation_deg": 45, "azimuth_deg": 60, "size_m": 0.4}],
    },
    "camera": {"resolution": list(SIZE), "elevation_deg": 30, "fill": 1.0, "look": None},
    "render": {"preset": "standard"},
}
"""What a sheet changes something of."""


@dataclass(frozen=True)
class Panel:
    """One picture of a sheet: its caption, what it changes, and which picture of the run it is."""

    caption: str
    overrides: Overrides
    index: int = 0
    without: tuple[str, ...] = ()
    """Keys of :data:`PLAIN`, or of a section of it, that it leaves out."""


@dataclass(frozen=True)
class Sheet:
    """Panels side by side; ``window`` (left, top, right, bottom, as shares) is what is shown of each, enlarged."""

    panels: Sequence[Panel]
    columns: int
    window: tuple[float, float, float, float] = (0, 0, 1, 1)


CLOTH: Overrides = {"seed": 3, "stage.looks.texture": "linen", "camera.elevation_deg": 22}
DETECTION = ("objects", "stage", "light", "camera.fill", "camera.elevation_deg", "camera.look")
WORN: Overrides = {
    "seed": 14,
    "assets.classes": ["can", "carton", "bottle"],
    "objects": {"count": 3, "placement": {"kind": "drop", "density": 0.5, "upright": 1}},
    "camera.fill": 1.4,
    "camera.resolution": [960, 720],
}
STAGE = {"seed": 11, "camera.look": "phone"}
SHEETS: dict[str, Sheet] = {
    "texture": Sheet(
        [
            Panel("denoise: fast", {**CLOTH, "render.denoise": "fast"}),
            Panel("denoise: light", {**CLOTH, "render.denoise": "light"}),
        ],
        2,
        (0.25, 0.3, 0.75, 0.8),
    ),
    "composition": Sheet(
        [
            Panel("default framing", {"seed": 5}),
            Panel("default framing", {"seed": 5}, 1),
            Panel("recipe: detection", {"seed": 5, "recipe": "detection"}, 0, DETECTION),
            Panel("recipe: detection", {"seed": 5, "recipe": "detection"}, 1, DETECTION),
        ],
        2,
    ),
    "looks": Sheet(
        [
            Panel(look, {"seed": 8, "camera.look": look, "camera.resolution": [1280, 960]})
            for look in ("clean", "phone", "webcam", "industrial")
        ],
        4,
        (0.35, 0.3, 0.65, 0.7),
    ),
    "places": Sheet(
        [
            Panel("table", {**STAGE, "stage": {"kind": "table"}}),
            Panel("desk", {**STAGE, "stage": {"kind": "desk"}}),
            Panel("corner", {**STAGE, "stage": {"kind": "corner"}}),
            Panel(
                "shelf",
                {
                    **STAGE,
                    "stage": {"kind": "shelf"},
                    "objects.placement": {"kind": "upright"},
                    "camera.elevation_deg": 8,
                },
            ),
            Panel("bin", {**STAGE, "stage": {"kind": "bin"}, "objects.count": 9, "camera.elevation_deg": 55}),
            Panel("conveyor", {**STAGE, "stage": {"kind": "conveyor"}}),
        ],
        3,
    ),
    "wear": Sheet(
        [Panel("as scanned", WORN), Panel("wear: 1", {**WORN, "objects.wear": 1})],
        2,
        (0.25, 0.28, 0.9, 0.85),
    ),
    "lens": Sheet(
        [
            Panel("everything sharp but the HDRI", {"seed": 17, "light.hdri.image": "builtin:city"}),
            Panel(
                "depth_of_field.match_background: 1",
                {
                    "seed": 17,
                    "light.hdri.image": "builtin:city",
                    "camera.depth_of_field": {"f_number": "none", "match_background": 1},
                },
            ),
            Panel("stage: corner", {"seed": 17, "stage": {"kind": "corner"}}),
        ],
        3,
    ),
}


def main() -> None:
    """Render the sheets that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[*SHEETS, *BUILT], default=[*SHEETS, *BUILT])
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.only:
        with tempfile.TemporaryDirectory() as folder:
            sheet = SHEETS[name] if name in SHEETS else BUILT[name](Path(folder))
            shown = [captioned(cut(render(panel, Path(folder)), sheet.window), panel.caption) for panel in sheet.panels]
        picture = tiled(shown, sheet.columns)
        height = round(picture.shape[0] * WIDTH / picture.shape[1])
        picture = np.asarray(cv2.resize(picture, (WIDTH, height), interpolation=cv2.INTER_AREA), np.uint8)
        file = args.out / f"{name}.jpg"
        cv2.imwrite(str(file), picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        print(f"{file}: {picture.shape[1]}x{picture.shape[0]}, {file.stat().st_size // 1000} kB", flush=True)


def backplates(folder: Path) -> Sheet:
    """Objects in a photo of a floor: what stands in for the photo is rendered, with a phone's look."""
    empty = Panel(
        "",
        {"seed": 23, "objects.count": 0, "stage": {"kind": "corner"}, "camera.look": "phone", "camera.distance_m": 1.4},
    )
    photo = folder / "photo.jpg"
    cv2.imwrite(str(photo), render(empty, folder), [cv2.IMWRITE_JPEG_QUALITY, 80])
    background = {"kind": "backplate", "images": str(photo), "horizon": -0.3, "floor": [0.25, 0.5, 0.75, 0.9]}
    common = {"seed": 4, "stage": {"kind": "ground"}, "objects.count": 4, "camera.fill": 0.6}
    return Sheet(
        [
            Panel("the photo", empty.overrides),
            Panel(
                "light of its own, match: false",
                {**common, "background": {**background, "match": False}},
                0,
                ("camera.elevation_deg",),
            ),
            Panel(
                "light, noise, softness of the photo",
                {**common, "background": background},
                0,
                ("light", "camera.elevation_deg"),
            ),
        ],
        3,
    )


def physics(folder: Path) -> Sheet:
    """Balls let down over bowls that collide by their hulls, and by parts."""
    shown = {
        "seed": 2,
        "objects": {"count": 14, "placement": {"kind": "drop", "density": 0.9, "upright": 1}},
        "camera.elevation_deg": 38,
    }
    parts = library(folder / "parts", "bowl", "ball")
    hulls = of_hulls(parts, folder / "hulls")
    return Sheet(
        [
            Panel("by convex hulls", {**shown, "assets": of(hulls, "bowl", "ball")}),
            Panel("by convex parts", {**shown, "assets": of(parts, "bowl", "ball")}),
        ],
        2,
    )


def glass(folder: Path) -> Sheet:
    """A drinking glass whose material is read without its transmission, and with it."""
    shown = {"seed": 6, "objects.count": 5, "camera.elevation_deg": 20, "camera.fill": 1.3}
    white = library(folder / "white", "glass", clear=False)
    clear = library(folder / "clear", "glass")
    return Sheet(
        [
            Panel("without", {**shown, "assets": of(white, "glass")}),
            Panel("with KHR_materials_transmission", {**shown, "assets": of(clear, "glass")}),
        ],
        2,
    )


def of(folder: Path, *classes: str) -> Overrides:
    """The section ``assets`` for classes of a library."""
    return {"source": "library", "library": str(folder), "classes": [*classes]}


BUILT: dict[str, Callable[[Path], Sheet]] = {"backplate": backplates, "physics": physics, "glass": glass}
"""Sheets that need files of their own."""


def render(panel: Panel, folder: Path) -> Image:
    """(H, W, 3) uint8 BGR: the picture of a panel."""
    data = copy.deepcopy(PLAIN)
    for key in panel.without:
        section, _, entry = key.rpartition(".")
        (data[section] if section else data).pop(entry)
    config = scanstage.load_config(data, {**panel.overrides, "images": panel.index + 1})
    out = Path(tempfile.mkdtemp(dir=folder)) / "set"
    summary = scanstage.generate(config, out, frames=(panel.index, panel.index))
    if summary.failed:
        raise SystemExit(f"{panel.caption}: {summary.failed}")
    file = next((out / "images").iterdir())
    return np.asarray(cv2.imread(str(file)), np.uint8)


def cut(image: Image, window: tuple[float, float, float, float]) -> Image:
    """What a window shows of an image."""
    height, width = image.shape[:2]
    left, top, right, bottom = window
    return image[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]


def captioned(image: Image, text: str) -> Image:
    """An image on a sheet's scale, with its caption below."""
    height = round(image.shape[0] * SIZE[0] / image.shape[1])
    how = cv2.INTER_AREA if image.shape[1] > SIZE[0] else cv2.INTER_CUBIC
    shown = cv2.resize(image, (SIZE[0], height), interpolation=how)
    below = np.full((CAPTION_PX, SIZE[0], 3), 255, np.uint8)
    cv2.putText(below, text, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (40, 40, 40), 1, cv2.LINE_AA)
    return np.concatenate([shown, below])


def tiled(images: Sequence[Image], columns: int) -> Image:
    """Images of one size in rows, four white pixels apart."""
    framed = [cv2.copyMakeBorder(i, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255)) for i in images]
    rows = [np.concatenate(framed[i : i + columns], axis=1) for i in range(0, len(framed), columns)]
    return np.concatenate(rows)


if __name__ == "__main__":
    main()
