"""The layout of a dataset, on disk or on a store."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scanstage.assets.files.stores import Location, file_sizes, make_folder, remove
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records.map_kinds import MAPS

MAP_FOLDERS = tuple(MAPS)
"""Folders of per-pixel data beside the pictures; each is there where it is asked for."""
OVERVIEW = "__overview__"
"""Folder of what people look at. Loaders that take every picture below a folder for a sample pass over such names."""
PREVIEW, BALANCE_CHART = f"{OVERVIEW}/preview.png", f"{OVERVIEW}/balance.png"
EARLIER_PLACES = {PREVIEW: "preview.png", BALANCE_CHART: "balance.png"}
"""Where versions up to 0.3.2 put them: among what a loader takes for samples."""


def record_name(index: int) -> str:
    """Path of a record below a dataset's root."""
    return f"records/{index:06d}.json"


def image_name(file_name: str) -> str:
    """Path of a picture below a dataset's root."""
    return f"images/{file_name}"


@dataclass(frozen=True)
class DatasetFolder:
    """Where the parts of a dataset are."""

    root: Location

    @property
    def images(self) -> Location:
        """Folder of the pictures."""
        return self.root / "images"

    @property
    def records(self) -> Location:
        """Folder of the records."""
        return self.root / "records"

    @property
    def annotations(self) -> Location:
        """Folder of exported annotations."""
        return self.root / "annotations"

    @property
    def coco(self) -> Location:
        """The COCO file."""
        return self.annotations / "instances.json"

    @property
    def run_file(self) -> Location:
        """What was run: config, versions, device, timings."""
        return self.root / "run.json"

    @property
    def overview(self) -> Location:
        """Folder of the sheets."""
        return self.root / OVERVIEW

    @property
    def preview(self) -> Location:
        """The contact sheet."""
        return self.root / PREVIEW

    @property
    def card(self) -> Location:
        """What lies in the dataset, for people and hubs. Who changed it keeps it."""
        return self.root / "README.md"

    @property
    def licenses(self) -> Location:
        """Folder of whom to name for what; there where somebody asks for it. Likewise."""
        return self.root / "LICENSES"

    @property
    def balance(self) -> Location:
        """Figures of a balanced run."""
        return self.root / "balance.json"

    @property
    def balance_chart(self) -> Location:
        """The same as bars."""
        return self.root / BALANCE_CHART

    def image(self, index: int, suffix: str) -> Location:
        """Path of a picture."""
        return self.images / f"{index:06d}.{suffix}"

    def record(self, index: int) -> Location:
        """Path of a record."""
        return self.records / f"{index:06d}.json"

    @property
    def ledger(self) -> Location:
        """Of a balanced run: what each picture was asked to show, and showed."""
        return self.root / "orders.jsonl"

    @property
    def log(self) -> Location:
        """What Blender itself printed."""
        return self.root / "blender.log"

    @property
    def quarantine(self) -> Location:
        """Folder of what is known about pictures that could not be made; there where there are such."""
        return self.root / "quarantine"

    def quarantined(self, index: int) -> Location:
        """Folder of a picture that could not be made."""
        return self.quarantine / f"{index:06d}"

    @property
    def shards(self) -> Location:
        """Folder of what shards note of themselves; there until the dataset is finished."""
        return self.root / "shards"

    @property
    def lock(self) -> Location:
        """Held by the run that writes to the folder; gone when it ends."""
        return self.root / ".scanstage.lock"

    def own_folders(self) -> tuple[Location, ...]:
        """All folders that a run makes directly below the root, whether they are there or not."""
        maps = (self.root / name for name in MAP_FOLDERS)
        return (self.images, self.records, self.annotations, *maps, self.overview, self.quarantine, self.shards)

    def own_entries(self) -> tuple[Location, ...]:
        """All that a run writes directly below the root, whether it is there or not."""
        earlier = (self.root / name for name in EARLIER_PLACES.values())
        files = (self.run_file, self.ledger, self.balance, *earlier, self.log)
        return (*self.own_folders(), *files, *self.card_entries())

    def card_entries(self) -> tuple[Location, ...]:
        """Those of them that may be the user's own."""
        return (self.card, self.licenses)

    def picture_folders(self) -> tuple[Location, ...]:
        """Where pictures are, and all that is told of single ones."""
        return (self.images, self.records, self.annotations, *(self.root / name for name in MAP_FOLDERS))

    @property
    def local_root(self) -> Path:
        """The root, where what is to be done needs local files. Raises InputError for a dataset on a store."""
        if isinstance(self.root, Path):
            return self.root
        tool = f"`aws s3 sync {self.root} FOLDER`" if self.root.protocol == "s3" else "with the store's own tool"
        raise InputError(f"{self.root}: this needs a local folder", f"copy it first: {tool}")

    def clear(self) -> None:
        """Delete what runs wrote, and nothing else: the card, which may be the user's, is for who knows whose it is."""
        entries = [entry for entry in self.own_entries() if entry not in self.card_entries()]
        if isinstance(self.card, Path) and self.card.exists():
            # Versions that put sheets here wrote no card: what has their names is the user's.
            entries = [entry for entry in entries if entry.name not in EARLIER_PLACES.values()]
        if not isinstance(self.root, Path):
            remove(self.root, [entry.name for entry in entries])
            return
        for entry in entries:
            assert isinstance(entry, Path)
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)

    def create(self, maps: Iterable[str] = ()) -> None:
        """Make all folders, of :data:`MAP_FOLDERS` those named. Raises OSError where that can't be."""
        for folder in (self.images, self.records, self.annotations, *(self.root / name for name in maps)):
            make_folder(folder)

    def stored_sizes(self) -> dict[str, int] | None:
        """Sizes in bytes of pictures, records and maps by path below the root; None for a local folder.

        A store is listed once, where a local folder's files are looked up one by one. Raises OSError.
        """
        if isinstance(self.root, Path):
            return None
        return file_sizes(self.root, (self.images.name, self.records.name, *MAP_FOLDERS))
