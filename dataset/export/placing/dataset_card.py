"""``README.md`` of a dataset or an export, as a Hugging Face dataset card, and ``LICENSES`` where scans ask for it.

All of it follows from ``run.json`` and the records: what was asked, what came out, what it is made of and whose it is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from scanstage.dataset.records.dataset_folder import OVERVIEW, PREVIEW
from scanstage.dataset.records.provenance import Provenance, license_of
from scanstage.dataset.records.run_file import RunFile

OWN = "scanstage"
"""A dataset as runs write it, among the formats."""
MOST_ROWS = 200
UNKNOWN = "not recorded"
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_TASKS = {
    "coco": ["object-detection", "image-segmentation"],
    "coco-panoptic": ["image-segmentation"],
    "yolo-seg": ["image-segmentation"],
    "yolo-pose": ["keypoint-detection"],
    "masks": ["image-segmentation"],
}
_LOADING = {
    OWN: """\
from pycocotools.coco import COCO
coco = COCO("annotations/instances.json")

from torchvision.datasets import CocoDetection
data = CocoDetection("images", "annotations/instances.json")

import supervision
data = supervision.DetectionDataset.from_coco("images", "annotations/instances.json")

import fiftyone
data = fiftyone.Dataset.from_dir(
    dataset_type=fiftyone.types.COCODetectionDataset,
    data_path="images", labels_path="annotations/instances.json",
)

import datasets
data = datasets.load_dataset("imagefolder", data_dir="images")  # the pictures alone; labels: `--format huggingface`

import scanstage
data = scanstage.open_dataset(".")
""",
    "coco": """\
from pycocotools.coco import COCO
coco = COCO("annotations/instances_train.json")

from torchvision.datasets import CocoDetection
data = CocoDetection("images/train", "annotations/instances_train.json")

import supervision
data = supervision.DetectionDataset.from_coco("images/train", "annotations/instances_train.json")

import datumaro
data = datumaro.Dataset.import_from(".", "coco_instances")

import fiftyone
data = fiftyone.Dataset.from_dir(
    dataset_type=fiftyone.types.COCODetectionDataset,
    data_path="images/train", labels_path="annotations/instances_train.json",
)
""",
    "yolo": """\
# yolo {task} train data=data.yaml model=yolo11n{model}.pt
from ultralytics import YOLO
YOLO("yolo11n{model}.pt").train(data="data.yaml")

import supervision
data = supervision.DetectionDataset.from_yolo("images/train", "labels/train", "data.yaml")
""",
    "voc": """\
from torchvision.datasets import VOCDetection
data = VOCDetection(".", year="2012", image_set="train")

import datumaro
data = datumaro.Dataset.import_from("VOCdevkit/VOC2012", "voc")
""",
    "huggingface": """\
import datasets
data = datasets.load_dataset("imagefolder", data_dir=".")
""",
    "parquet": """\
import datasets
data = datasets.load_dataset(".")
""",
    "webdataset": """\
import glob, webdataset
shards = sorted(glob.glob("train/*.tar"))
data = webdataset.WebDataset(shards).decode("rgb8").to_tuple("jpg;png", "json")
""",
    "fiftyone": """\
import fiftyone
data = fiftyone.Dataset.from_dir("train", dataset_type=fiftyone.types.COCODetectionDataset)
""",
}


def write_card(out: Path, run: RunFile, format_: str, parts: Mapping[str, Mapping[str, int]], pictures: int) -> None:
    """Write ``README.md`` and, where there is anybody to be named, ``LICENSES/ATTRIBUTION.md`` into an export.

    Args:
        out: its folder.
        run: of the dataset.
        format_: of the export, or :data:`OWN`.
        parts: labels by part and class.
        pictures: in all.
    """
    (out / "README.md").write_text(card(run, format_, parts, pictures), "utf-8")
    if text := attribution(run):
        (out / "LICENSES").mkdir()
        (out / "LICENSES" / "ATTRIBUTION.md").write_text(text, "utf-8")


def card(run: RunFile, format_: str, parts: Mapping[str, Mapping[str, int]], pictures: int) -> str:
    """The text of the card; see :func:`write_card`."""
    sections = [
        "---\n" + yaml.safe_dump(_header(run, format_, pictures), sort_keys=False, allow_unicode=True) + "---",
        f"# {run.name}",
        _introduction(run, pictures),
        "## Labels\n\n" + _labels(run, parts),
        *(["## What lies here\n\n" + _contents(run, pictures)] if format_ == OWN else []),
        "## How to load it\n\n" + _loading(format_),
        "## What it is made of\n\n" + _sources(run.sources),
        "## Limits\n\n" + _limits(run),
        "## How it was made\n\n" + _made(run),
    ]
    return "\n\n".join(sections) + "\n"


def _introduction(run: RunFile, pictures: int) -> str:
    what = f"{pictures:,} synthetic picture{'s' * (pictures != 1)}, rendered from 3D scans by {_maker(run)}."
    whose = "Labels of renderings" if run.holds_photos else "Labels"
    if run.holds_photos:
        what = (
            f"{pictures:,} pictures: photos, and synthetic ones rendered from 3D scans by {_maker(run)}. "
            "`provenance.jsonl` says which is which; photos have the labels that people gave them."
        )
    return (
        f"{what} {whose} follow from the scenes: they were cast through the meshes that were rendered, and compared "
        "with the engine's own view of each."
    )


def attribution(run: RunFile) -> str:
    """Whom to name for what, and under which licence; empty where nobody asks for it."""
    owed = [s for s in run.sources if s.license and not license_of(s.license).is_free]
    if not owed:
        return ""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for s in owed:
        groups.setdefault((s.license or "", s.author or "", s.url or ""), []).append(s.name)
    lines = [
        "# Attribution",
        "",
        "Pictures of this dataset show these works: scans rendered in other light and poses, photos as they are.",
    ]
    for (license_, author, url), names in sorted(groups.items()):
        lines += ["", f"## {_plain(license_)}", ""]
        lines += [*([f"By {_plain(author)}."] if author else []), *([_plain(url)] if url else []), ""]
        lines += [f"- {_plain(name)}" for name in names]
    return "\n".join(lines) + "\n"


def _header(run: RunFile, format_: str, pictures: int) -> dict[str, Any]:
    found = {license_of(s.license or "").hub for s in run.sources if s.kind in ("scan", "photo")}
    if len(found) > 1:  # what is free goes along with whatever the rest asks for
        found.discard("cc0-1.0")
    header: dict[str, Any] = {
        "pretty_name": run.name,
        "license": found.pop() if len(found) == 1 else "other",
        "task_categories": _TASKS.get(format_, ["object-detection"]),
        "size_categories": [next((name for most, name in _SIZES if pictures < most), "n>1M")],
        "tags": list(dict.fromkeys(["synthetic", "scanstage", "3d-scans", format_])),
    }
    if format_ == OWN:  # else loaders take maps and sheets for pictures, and records for samples
        files = [{"split": "train", "path": "images/*"}]
        header["configs"] = [{"config_name": "default", "data_files": files}]
    return header


def _maker(run: RunFile) -> str:
    versions, engine = run.versions or {}, run.engine or {}
    blender = f" with Blender {engine['blender']}" if engine.get("blender") else ""
    return f"scanstage {versions.get('scanstage', '')}".strip() + blender


def _labels(run: RunFile, parts: Mapping[str, Mapping[str, int]]) -> str:
    classes = [c.name for c in run.categories]
    total: Counter[str] = Counter()
    for found in parts.values():
        total.update(found)
    shown = classes if len(classes) <= MOST_ROWS else sorted(classes, key=lambda c: total[c])[:MOST_ROWS]
    several = list(parts) if len(parts) > 1 else []
    rows = [["class", "labels", *several]]
    rows += [[_plain(c), f"{total[c]:,}", *(f"{parts[p].get(c, 0):,}" for p in several)] for c in shown]
    text = _table(rows)
    if len(shown) < len(classes):
        text += f"\n\nThe {MOST_ROWS} rarest of {len(classes):,} classes."
    if run.balance is not None:
        text += f"\n\nAsked for: `{json.dumps(run.balance.get('target'), ensure_ascii=False)}` (`balance.target`)."
    return text


def _contents(run: RunFile, pictures: int) -> str:
    rows = [
        ["", ""],
        ["`images/`", "the pictures, and nothing else: what loaders are to be pointed at"],
        ["`annotations/instances.json`", "boxes, masks and keypoints as COCO"],
        ["`records/`", "all that is true of each picture: camera, poses, 3D boxes, amodal masks, the whole plan"],
        *([f"`{name}/`", "a map of each picture"] for name in run.maps),
        ["`run.json`", "config, versions, device, timings, sources"],
    ]
    if run.balance is not None:
        rows.append(["`balance.json`, `orders.jsonl`", "what balancing came to, and was asked of each picture"])
    text = _table(rows) + f"\n\n`scanstage check` compares these with each other. Sheets to look at: `{OVERVIEW}/`"
    return text + (f"\n\n![Pictures with their labels]({PREVIEW})" if pictures else "")


def _loading(format_: str) -> str:
    text = _LOADING.get("yolo" if format_.startswith("yolo") else format_)
    if text is None:
        return "See scanstage's docs/formats.md."
    names = {"yolo": ("detect", ""), "yolo-seg": ("segment", "-seg"), "yolo-pose": ("pose", "-pose")}
    if format_.startswith("yolo"):
        task, model = names.get(format_, ("obb", "-obb"))
        text = text.format(task=task, model=model)
    return f"In this folder:\n\n```python\n{text}```"


def _sources(sources: Iterable[Provenance]) -> str:
    known = list(sources)
    if not known:
        return "Sources were not recorded by the version that made it."
    rows = [["", "name", "class", "licence", "author", "from"]]
    for s in known[:MOST_ROWS]:
        name = _plain(s.name) + (f" ({s.number} files)" if s.number > 1 else "")
        own = [_plain(v or "") for v in (s.class_name, s.license or UNKNOWN, s.author, s.url)]
        rows.append([s.kind, name, *own])
    text = _table(rows)
    if len(known) > MOST_ROWS:
        text += f"\n\n… and {len(known) - MOST_ROWS:,} more; the dataset's `run.json` has all."
    if any(s.license is None for s in known):
        text += f"\n\nWhat is {UNKNOWN} has to be cleared by whoever passes this dataset on."
    return text


def _limits(run: RunFile) -> str:
    lines = [
        "- They are renderings. What scans lack (materials under other light, moving parts, wear) they lack.",
        "- Each class looks like the scans it has: "
        + ", ".join(f"{_plain(n)} {k}" for n, k in _scans_a_class(run.sources)[:20])
        + ". A detector may know these copies rather than the kind.",
        "- Objects lie as physics or the config has them, in places and lights that were drawn, not in those of use.",
    ]
    return "\n".join(lines if run.sources else [lines[0], lines[2]])


def _scans_a_class(sources: Iterable[Provenance]) -> list[tuple[str, int]]:
    found = Counter(s.class_name for s in sources if s.kind == "scan" and s.class_name)
    return sorted(((str(n), k) for n, k in found.items()), key=lambda item: (item[1], item[0]))


def _made(run: RunFile) -> str:
    text = yaml.safe_dump(run.config, sort_keys=False, allow_unicode=True)
    versions = ", ".join(f"{name} {number}" for name, number in (run.versions or {}).items())
    fence = "~" * 6
    return f"{versions}\n\n<details><summary>The whole config</summary>\n\n{fence}yaml\n{text}{fence}\n\n</details>"


def _table(rows: list[list[str]]) -> str:
    head, *body = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *body])


def _plain(text: str) -> str:
    """A name from outside as a cell of a table, which ends neither it nor begins markup."""
    kept = "".join(c if c.isprintable() else " " for c in text)
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|~" else c for c in kept)
