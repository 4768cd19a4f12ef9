"""The layout of a dataset on disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MAP_FOLDERS = ("depth", "normals", "instances", "semantic", "soft_masks")
"""Folders of per-pixel data beside the pictures; each is there where it is asked for."""


@dataclass(frozen=True)
class DatasetFolder:
    """Where the parts of a dataset are."""

    root: Path

    @property
    def images(self) -> Path:
        """Folder of the pictures."""
        return self.root / "images"

    @property
    def records(self) -> Path:
        """Folder of the records."""
        return self.root / "records"

    @property
    def annotations(self) -> Path:
        """Folder of exported annotations."""
        return self.root / "annotations"

    @property
    def run_file(self) -> Path:
        """What was run: config, versions, device, timings."""
        return self.root / "run.json"

    @property
    def preview(self) -> Path:
        """The contact sheet."""
        return self.root / "preview.png"

    @property
    def balance(self) -> Path:
        """Figures of a balanced run."""
        return self.root / "balance.json"

    @property
    def balance_chart(self) -> Path:
        """The same as bars."""
        return self.root / "balance.png"

    def image(self, index: int, suffix: str) -> Path:
        """Path of a picture."""
        return self.images / f"{index:06d}.{suffix}"

    def record(self, index: int) -> Path:
        """Path of a record."""
        return self.records / f"{index:06d}.json"

    @property
    def ledger(self) -> Path:
        """Of a balanced run: what each picture was asked to show, and showed."""
        return self.root / "orders.jsonl"

    @property
    def log(self) -> Path:
        """What Blender itself printed."""
        return self.root / "blender.log"

    @property
    def lock(self) -> Path:
        """Held by the run that writes to the folder; gone when it ends."""
        return self.root / ".scanstage.lock"

    def own_entries(self) -> tuple[Path, ...]:
        """All that a run writes directly below the root, whether it is there or not."""
        maps = (self.root / name for name in MAP_FOLDERS)
        balance = (self.ledger, self.balance, self.balance_chart)
        return (self.images, self.records, self.annotations, *maps, self.run_file, self.preview, *balance, self.log)

    def clear(self) -> None:
        """Delete what runs wrote, and nothing else."""
        for entry in self.own_entries():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)

    def create(self, maps: Iterable[str] = ()) -> None:
        """Make all folders, of :data:`MAP_FOLDERS` those named. Raises OSError where that can't be."""
        for folder in (self.images, self.records, self.annotations, *(self.root / name for name in maps)):
            folder.mkdir(parents=True, exist_ok=True)
