"""A finished dataset, opened for what derives from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from scanstage.assets.asset import Asset
from scanstage.assets.files.stores import Location
from scanstage.assets.library.stored_assets import list_assets
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.samples.sample_library import sample_assets
from scanstage.dataset.labels.categories import Category
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.own_files import BOOK_BYTES, read_own, refuse_misplaced
from scanstage.dataset.records.record import Record
from scanstage.dataset.records.record_store import iterate_records
from scanstage.dataset.records.run_file import RunFile, parse_run_file


@dataclass(frozen=True)
class FinishedDataset:
    """A dataset on disk.

    Attributes:
        folder: where its parts are.
        run: content of ``run.json``.
    """

    folder: DatasetFolder
    run: RunFile

    @property
    def categories(self) -> tuple[Category, ...]:
        """Labelled classes, in the order of their ids."""
        return self.run.categories

    @property
    def name(self) -> str:
        """Of the dataset."""
        return self.run.name

    def records(self) -> Iterator[Record]:
        """All finished pictures, by index, one in memory at a time."""
        return iterate_records(self.folder)

    def assets(self) -> dict[str, Asset]:
        """The scans that the run could place, by id, as they are now. Raises InputError where there are none."""
        library = self.run.library
        if library is None and self.run.uses_samples:
            return {a.meta.asset_id: a for a in sample_assets()}
        found = {} if library is None else {a.meta.asset_id: a for a in list_assets(Path(library))}
        if not found:
            raise InputError(
                f"{library}: the library that this dataset was made from is gone or empty",
                f"models of the scans are taken from there: bring it back, or name it with {option('library')}",
            )
        return {a.meta.asset_id: a for a in sample_assets()} | found if self.run.samples_clutter else found


def open_dataset(root: Location, library: Path | None = None) -> FinishedDataset:
    """Open a dataset.

    Args:
        root: folder of the dataset.
        library: where its scans are now, in place of where they were.

    Raises InputError where ``root`` isn't one.
    """
    root = root.resolve() if isinstance(root, Path) else root
    folder = DatasetFolder(root)
    hint = "name the folder that `scanstage generate` wrote"
    if isinstance(root, Path) and not root.is_dir():
        raise InputError(f"{root}: no such folder", hint)
    try:
        refuse_misplaced(folder)
        run = parse_run_file(read_own(folder, folder.run_file.name, BOOK_BYTES))
    except OSError as e:
        if isinstance(root, Path) and (root / "config.yaml").is_file():
            hint = f"it is a project: `scanstage generate {root / 'config.yaml'}` makes its dataset, elsewhere"
        raise InputError(f"{folder.run_file}: can't be read ({e.strerror or e})", hint) from e
    except ValueError as e:
        raise InputError(f"{folder.run_file}: isn't what a run of scanstage writes ({e})", hint) from e
    if library is not None:
        if not library.is_dir():
            raise InputError(f"{option('library')} {library}: no such folder")
        run = replace(run, library=str(library.resolve()))
    return FinishedDataset(folder, run)
