"""What a format is given to write: the dataset, what was chosen, and its pictures by part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.choices.picture_transfer import PictureTransfer
from scanstage.dataset.export.splits.shares import ALL, Shares
from scanstage.dataset.export.splits.split import Split
from scanstage.dataset.records.finished_dataset import FinishedDataset
from scanstage.dataset.records.record import Record


@dataclass
class ExportJob:
    """One export.

    Attributes:
        dataset: what is exported.
        options: as they were given; split, hold_out and images are seen to here.
        default_shares: parts of a format, where none were asked for.
        split: which picture is in which part, filled by :meth:`records`.
        pictures: puts them in place.
    """

    dataset: FinishedDataset
    options: ExportOptions = ExportOptions()  # noqa: RUF009 (frozen)
    default_shares: Shares = field(default_factory=ALL.copy)
    split: Split = field(init=False)
    pictures: PictureTransfer = field(init=False)

    def __post_init__(self) -> None:
        self.split = Split(self.options.split or self.default_shares, self.options.hold_out)
        self.pictures = PictureTransfer(self.dataset.folder, self.options.images or "hardlink")

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts, in their order."""
        return tuple(self.split.shares)

    def records(self) -> Iterator[tuple[str, Record]]:
        """All finished pictures by index, each with its part; the first one makes the split.

        Raises InputError where things can't be kept apart as asked, OSError.
        """
        return self.split.records(self.dataset)
