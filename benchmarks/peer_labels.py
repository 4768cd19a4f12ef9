"""What the labels of one more picture cost with so many in the dataset, on both sides of :mod:`peer`; nothing rendered.

Ours: a record is written into a folder of ``n``; and the export at the end, shared by its pictures. Theirs: a picture
is added to a COCO file of ``n``, which is read and written anew. CPU seconds of this process, files in the system's
temporary folder.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from peer_coco import append_picture
from synthetic_dataset import base_pictures, repeat

from scanstage.assets.files.atomic import write_atomically
from scanstage.dataset.export.placing.in_place_export import export
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.records.record import Record

WRITES = 20


@dataclass(frozen=True)
class LabelCost:
    """CPU seconds of the labels of picture ``pictures``: ours by record and share of the export, and theirs."""

    pictures: int
    record_s: float
    export_s: float
    append_s: float

    @property
    def ours_s(self) -> float:
        """Record and export together."""
        return self.record_s + self.export_s


def label_costs(counts: list[int], root: Path) -> list[LabelCost]:
    """Costs for each number of pictures, in rising order; files go to the folder ``root``."""
    made = base_pictures(root / "dataset")
    records = [record for record, _ in made]
    ids = np.asarray(made[0][1].engine_ids, np.uint16)
    names = {o.instance_id: o.class_name or "" for o in made[0][1].plan.objects}
    found = []
    for count in sorted(counts):
        repeat(root / "dataset", records, count)
        coco = root / "coco.json"
        _coco_of_many(coco, ids, names, count)
        append_s = _cpu_s(partial(append_picture, coco, "images/new.jpg", ids, names))
        coco.unlink()
        dataset = open_dataset(root / "dataset")
        record_s = _cpu_s(partial(_write_more, dataset.folder, records[0])) / WRITES
        for path in (root / "dataset" / "records").glob("9*.json"):
            path.unlink()
        export_s = _cpu_s(partial(export, dataset.folder, dataset.run)) / max(count, len(records))
        found.append(LabelCost(count, record_s, export_s, append_s))
    return found


def _cpu_s(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _write_more(folder: DatasetFolder, record: Record) -> None:
    for i in range(WRITES):
        more = replace(record, index=9_000_000 + i)
        write_atomically(folder.record(more.index), more.to_json().encode("utf-8"))


def _coco_of_many(path: Path, ids: npt.NDArray[np.uint16], names: dict[int, str], count: int) -> None:
    """A COCO file of so many pictures that are all alike, as ``json.dump`` would write it."""
    path.unlink(missing_ok=True)
    append_picture(path, "images/000000.jpg", ids, names)
    one = json.loads(path.read_text("utf-8"))
    with path.open("w", encoding="utf-8") as f:
        f.write(f'{{"categories": {json.dumps(one["categories"])}')
        for key, kept in (("images", {}), ("annotations", {"image_id": 0})):
            f.write(f', "{key}": [')
            for i in range(count):
                owner = dict.fromkeys(kept, i)
                f.write(", " if i else "")
                f.write(", ".join(json.dumps(_numbered(item, i, one[key]) | owner) for item in one[key]))
            f.write("]")
        f.write("}")


def _numbered(item: dict[str, Any], picture: int, items: list[dict[str, Any]]) -> dict[str, Any]:
    return item | {"id": picture * len(items) + item["id"]}
