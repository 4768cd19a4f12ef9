"""The pictures of the config's reference: of each key that changes what one sees, three values side by side.

    python docs/make/strips.py                    # those that are missing
    python docs/make/strips.py camera.fill looks  # these, anew; the beginning of a name means all that begin so
    python docs/make/strips.py --all

Everything is rendered from the sample scans, with one Blender for each setting of the renderer. Which values, on what
base: :mod:`strip_table`.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from strip_table import BASES, OVERVIEW, PHOTOS, SIZE, STRIPS, Overrides, Panel, Strip

import scanstage
from scanstage.dataset.labels.instances import Instance
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.record import Record
from scanstage.dataset.report.label_drawing import class_colors, draw_labels
from scanstage.render.engine.blender_session import BlenderEngines
from scanstage.render.engine.engine_protocol import Engine
from scanstage.render.executors.local.picture_pipeline import open_pipeline
from scanstage.render.finish.map_output import engine_settings, wanted_maps
from scanstage.scenes.config.sections.render_settings import RenderSettings
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.picture_sequence.picture_source import open_source, plan_one
from scanstage.scenes.planning.preflight import open_planner

OUT = Path(__file__).resolve().parents[1] / "images" / "keys"
EVERY = {**STRIPS, "overview": OVERVIEW}
QUALITY = 78
MOST_BYTES = 25_000
GAP = 6
PHOTO_WIDTH = 480

Image = npt.NDArray[np.uint8]


def main() -> None:
    """Render the strips that are asked for, or missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="KEY", help="keys whose strips are made anew")
    parser.add_argument("--all", action="store_true", help="make all anew")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    chosen = [n for n in EVERY if args.all or any(n.startswith(p) for p in args.names)]
    if unknown := [p for p in args.names if not any(n.startswith(p) for n in EVERY)]:
        parser.error(f"no strip begins with {', '.join(unknown)}")
    if not args.names and not args.all:
        chosen = [n for n in EVERY if not place_of(n, args.out).exists()]
    with tempfile.TemporaryDirectory() as folder, Studio(Path(folder)) as studio:
        for number, name in enumerate(chosen, 1):
            try:
                strip = EVERY[name]
                data = encoded(tiled([shown(studio, strip, panel) for panel in strip.panels], strip))
            except scanstage.InputError as e:
                print(f"{name}: {e}", flush=True)
                continue
            place_of(name, args.out).write_bytes(data)
            print(f"{number} of {len(chosen)}: {name}, {len(data) / 1000:.0f} kB", flush=True)


def place_of(name: str, out: Path) -> Path:
    """The file of a strip."""
    return (out if name in STRIPS else out.parent) / f"{name}.webp"


class Studio:
    """Renders configs, and keeps one engine for each setting of the renderer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._engines: dict[RenderSettings, Engine] = {}
        self._done: dict[str, tuple[DatasetFolder, Record]] = {}

    def __enter__(self) -> Studio:
        return self

    def __exit__(self, *_: object) -> None:
        for engine in self._engines.values():
            engine.close()

    def render(self, data: Mapping[str, Any]) -> tuple[DatasetFolder, Record]:
        """Picture 0 of a config: its dataset's folder and its record. The same config is rendered once."""
        known = repr(data)
        for name in PHOTOS:
            if f"photos/{name}.jpg" in known:
                self._take_photo(name)
        if known not in self._done:
            self._done[known] = self._render(scanstage.load_config(data, base=self.folder).run)
        return self._done[known]

    def _take_photo(self, name: str) -> None:
        """Render what stands in for a photo, unless it is there."""
        file = self.folder / "photos" / f"{name}.jpg"
        if file.exists():
            return
        size = {"camera.resolution": [PHOTO_WIDTH, PHOTO_WIDTH * 3 // 4]}
        folder, record = self.render(merged(BASES["empty"], PHOTOS[name], size))
        pixels = cv2.imread(str(folder.images / record.image.file_name))
        assert pixels is not None
        file.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(file), pixels, [cv2.IMWRITE_JPEG_QUALITY, 80])

    def _render(self, config: RunConfig) -> tuple[DatasetFolder, Record]:
        planner = open_planner(config, self.folder)
        planned = plan_one(open_source(planner), 0)
        folder = DatasetFolder(Path(tempfile.mkdtemp(dir=self.folder)))
        folder.create(wanted_maps(config.output))
        settings = engine_settings(config)
        with open_pipeline(config, planner.catalogue, folder, self._engine) as pipeline:
            if settings not in self._engines and len(self._engines) > 2:
                # More than a few Blenders at once would take the memory of others.
                self._engines.pop(next(iter(self._engines))).close()
            engine = pipeline.open_engine()
            return folder, pipeline.finish(planned, pipeline.render(engine, planned), engine)

    def _engine(
        self,
        settings: RenderSettings,
        scratch: Path,
        log: Path,
        *,
        memory_bytes: int | None = None,
        gpu: int | None = None,
    ) -> Engine:
        """See :class:`EngineFactory`; scratch folders of single pictures are gone before the engine is."""
        if settings not in self._engines:
            (place := self.folder / "scratch").mkdir(exist_ok=True)
            self._engines[settings] = BlenderEngines()(settings, place, place / "blender.log")
        return self._engines[settings]


def merged(base: Mapping[str, Any], *changes: Overrides) -> dict[str, Any]:
    """A config with values at dotted paths; ``without`` names sections and keys that are left out."""
    data: dict[str, Any] = copy.deepcopy(dict(base))
    for change in changes:
        for path in change.get("without", ()):
            *above, last = path.split(".")
            _at(data, above).pop(last, None)
        for path, value in change.items():
            if path != "without":
                *above, last = path.split(".")
                _at(data, above)[last] = copy.deepcopy(value)
    return data


def _at(data: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    for key in keys:
        data = data.setdefault(key, {})
    return data


def shown(studio: Studio, strip: Strip, panel: Panel) -> Image:
    """(H, W, 3) uint8 BGR of a panel."""
    data = merged(BASES[strip.base], strip.common, panel.overrides)
    scale = abs(strip.zoom)
    data.setdefault("camera", {}).setdefault("resolution", [round(scale * SIZE[0]), round(scale * SIZE[1])])
    data.setdefault("output", {}).setdefault("format", "png" if "quality" not in data.get("output", {}) else "jpg")
    folder, record = studio.render(data)
    picture = np.asarray(cv2.imread(str(folder.images / record.image.file_name)), np.uint8)
    if panel.map == "labels":
        picture = with_labels(picture, record)
    elif panel.map:
        picture = drawn_map(panel.map, folder, record)
    width, height = picture.shape[1], picture.shape[0]
    if panel.map == "labels" or scale == 1:
        how = cv2.INTER_NEAREST if width < SIZE[0] else cv2.INTER_AREA
        return np.asarray(cv2.resize(picture, SIZE, interpolation=how), np.uint8)
    left = round(np.clip(strip.at[0] * width - SIZE[0] / 2, 0, width - SIZE[0]))
    top = round(np.clip(strip.at[1] * height - SIZE[1] / 2, 0, height - SIZE[1]))
    return picture[top : top + SIZE[1], left : left + SIZE[0]]


def with_labels(picture: Image, record: Record) -> Image:
    """A picture with its labels."""
    names = sorted({o.class_name for o in record.plan.objects if o.class_name})
    instances: tuple[Instance, ...] = record.instances
    drawn = draw_labels(picture[..., ::-1].copy(), instances, class_colors(names))
    return np.asarray(drawn, np.uint8)[..., ::-1]


def drawn_map(name: str, folder: DatasetFolder, record: Record) -> Image:
    """A map in colours that people can tell apart."""
    if name == "normals":
        return np.asarray(cv2.imread(str(folder.root / record.maps["normals_png"].path)), np.uint8)
    path = str(folder.root / record.maps[name].path)
    if name == "soft_masks":
        return np.asarray(cv2.cvtColor(np.load(path)["coverage"].max(0), cv2.COLOR_GRAY2BGR), np.uint8)
    values = np.asarray(cv2.imread(path, cv2.IMREAD_UNCHANGED), np.float32)
    there = values > 0
    if name == "depth":
        low, high = np.percentile(values[there], [1, 90])
        grey = (255 * np.clip((high - values) / (high - low), 0, 1)).astype(np.uint8)
        colored = cv2.applyColorMap(grey, cv2.COLORMAP_VIRIDIS)
    else:
        colored = cv2.applyColorMap((values * 67 % 256).astype(np.uint8), cv2.COLORMAP_TURBO)
    return np.where(there[..., None], colored, 0).astype(np.uint8)


def tiled(images: list[Image], strip: Strip) -> Image:
    """Images of one size in rows, a few white pixels apart."""
    columns = strip.columns or len(images)
    rows = []
    for i in range(0, len(images), columns):
        row = [np.pad(image, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for image in images[i : i + columns]]
        rows.append(np.concatenate(row, axis=1))
    return np.concatenate(rows)[:-GAP, :-GAP]


def encoded(picture: Image) -> bytes:
    """WebP of at most :data:`MOST_BYTES` for each row of panels."""
    rows = round(picture.shape[0] / SIZE[1])
    for quality in range(QUALITY, 10, -6):
        done, data = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, quality])
        assert done
        if len(data) <= MOST_BYTES * rows:
            break
    return data.tobytes()


if __name__ == "__main__":
    main()
