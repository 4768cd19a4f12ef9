"""WebDataset: tar archives of pictures and their labels, to be streamed: ``train/train-000000.tar``.

A sample is ``000017.jpg`` (or ``.png``) and ``000017.json``. There are no times in archives: the same records give the
same bytes.
"""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from scanstage.dataset.export.choices.export_job import ExportJob
from scanstage.dataset.export.hubs.plain_labels import plain_picture

SAMPLES_A_SHARD = 1000


def write_webdataset(job: ExportJob, out: Path) -> dict[str, Any]:
    """Write it into an empty folder, ``classes.json`` beside the parts; returns figures. Raises InputError, OSError."""
    ids = {c.name: i for i, c in enumerate(job.dataset.categories, 1)}
    for part in job.parts:
        (out / part).mkdir()
    with contextlib.ExitStack() as opened:
        shards = {part: opened.enter_context(_Shards(out / part, part)) for part in job.parts}
        for part, record in job.records():
            text = json.dumps(
                {**plain_picture(record, ids), **job.origin(record)}, ensure_ascii=False, separators=(",", ":")
            )
            picture = job.pictures.read(record)
            shards[part].add({record.image.file_name: picture, f"{record.index:06d}.json": text.encode("utf-8")})
    told = {str(i): name for name, i in ids.items()}
    (out / "classes.json").write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return {"shards": sum(s.number for s in shards.values())}


class _Shards:
    """The archives of a part, one after the other."""

    def __init__(self, folder: Path, name: str) -> None:
        self.number = 0
        self._folder, self._name, self._samples = folder, name, 0
        self._shard: tarfile.TarFile | None = None

    def add(self, files: dict[str, bytes]) -> None:
        """The files of a sample, by name."""
        if self._shard is None or self._samples == SAMPLES_A_SHARD:
            self.close()
            path = self._folder / f"{self._name}-{self.number:06d}.tar"
            self._shard = tarfile.TarFile(path, "w", format=tarfile.GNU_FORMAT)
            self.number, self._samples = self.number + 1, 0
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            self._shard.addfile(entry, io.BytesIO(content))
        self._samples += 1

    def close(self) -> None:
        """End the archive that is open."""
        if self._shard is not None:
            self._shard.close()

    def __enter__(self) -> _Shards:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
