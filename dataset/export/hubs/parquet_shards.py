"""Parquet, pictures and labels in one file: what Hugging Face's hub shows and streams. Needs the extra ``parquet``.

A row is what the imagefolder's ``metadata.jsonl`` has for a picture, with the picture itself as ``image``. The schema
names the types that ``datasets`` gives them, so that images are images and classes have their names.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.export.choices.export_job import ExportJob
from scanstage.dataset.export.choices.labelled_source import LabelledImage
from scanstage.dataset.export.hubs.huggingface_folder import picture_row

SHARD_BYTES = 400 << 20
"""Of pictures; the hub asks for files of about 500 MB."""
GROUP_ROWS = 100
"""That are read at once, so that the hub's viewer need not read a whole file."""


def write_parquet(job: ExportJob, out: Path) -> dict[str, Any]:
    """Write ``data/train-00000-of-00001.parquet`` and on; returns figures. Raises InputError, OSError."""
    try:
        import pyarrow as pa
    except ImportError as e:
        raise InputError(f"pyarrow isn't installed ({e})", 'pip install "scanstage[parquet]"') from e
    if wrong := [part for part in job.parts if "-" in part]:
        raise InputError(f"{option('split')}: {', '.join(wrong)}: `datasets` has no - in names of parts", "write _")
    names = [c.name for c in job.dataset.categories]
    ids = {name: i for i, name in enumerate(names)}
    (out / "data").mkdir()
    objects = 0
    with contextlib.ExitStack() as opened:
        shards = {
            part: opened.enter_context(_ParquetShards(out / "data", part, _schema(pa, names))) for part in job.parts
        }
        for part, record in job.records():
            shards[part].add(_row(record, ids, job))
            objects += len(record.instances)
    return {"objects": objects, "files": sum(s.name_all() for s in shards.values())}


def _row(record: LabelledImage, ids: dict[str, int], job: ExportJob) -> dict[str, Any]:
    row = picture_row(record, ids)
    name = row.pop("file_name")
    source = job.origin(record).get("source")
    image = {"bytes": job.pictures.read(record), "path": name}
    return {"image": image, **row, "source": None if source is None else json.dumps(source, ensure_ascii=False)}


def _schema(pa: Any, names: list[str]) -> Any:
    """Of Arrow, with the features of ``datasets`` as its metadata."""
    box = pa.list_(pa.float64())
    mask = pa.struct({"size": pa.list_(pa.int64()), "counts": pa.string()})
    columns = {
        "id": pa.int64(), "category": pa.string(), "category_id": pa.int64(), "bbox": box, "area": pa.int64(),
        "iscrowd": pa.int64(), "segmentation": mask,
    }  # fmt: skip
    schema = {
        "image": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
        "image_id": pa.int64(),
        "width": pa.int64(),
        "height": pa.int64(),
        "objects": pa.struct({name: pa.list_(kind) for name, kind in columns.items()}),
        "source": pa.string(),
    }
    integer, text = {"dtype": "int64", "_type": "Value"}, {"dtype": "string", "_type": "Value"}
    features = {
        "id": integer, "category": text, "category_id": {"names": names, "_type": "ClassLabel"},
        "bbox": _sequence({"dtype": "float64", "_type": "Value"}), "area": integer, "iscrowd": integer,
        "segmentation": {"size": _sequence(integer), "counts": text},
    }  # fmt: skip
    whole = {
        "image": {"_type": "Image"}, "image_id": integer, "width": integer, "height": integer,
        "objects": {name: _sequence(feature) for name, feature in features.items()}, "source": text,
    }  # fmt: skip
    return pa.schema(schema, metadata={"huggingface": json.dumps({"info": {"features": whole}}, ensure_ascii=False)})


def _sequence(feature: dict[str, Any]) -> Any:
    """A list of a feature; of one with fields, in the form that every version reads as just that."""
    return [feature] if "_type" not in feature else {"feature": feature, "_type": "Sequence"}


class _ParquetShards:
    """The files of a part, one after the other; their names say how many there are, which is known at the end."""

    def __init__(self, folder: Path, part: str, schema: Any) -> None:
        self._folder, self._part, self._schema = folder, part, schema
        self._rows: list[dict[str, Any]] = []
        self._files: list[Path] = []
        self._writer: Any = None
        self._bytes = 0

    def add(self, row: dict[str, Any]) -> None:
        """The next row."""
        self._rows.append(row)
        self._bytes += len(row["image"]["bytes"])
        if len(self._rows) >= GROUP_ROWS or self._bytes >= SHARD_BYTES:
            self._flush()
        if self._bytes >= SHARD_BYTES:
            self.close()

    def name_all(self) -> int:
        """Give all files their names; returns their number."""
        for number, path in enumerate(self._files):
            path.rename(self._folder / f"{self._part}-{number:05d}-of-{len(self._files):05d}.parquet")
        return len(self._files)

    def close(self) -> None:
        """End the file that is open."""
        if self._rows or not self._files:
            self._flush()
        if self._writer is not None:
            self._writer.close()
        self._writer, self._bytes = None, 0

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._writer is None:
            self._files.append(self._folder / f".{self._part}-{len(self._files)}")
            self._writer = pq.ParquetWriter(self._files[-1], self._schema)
        self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
        self._rows = []

    def __enter__(self) -> _ParquetShards:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
