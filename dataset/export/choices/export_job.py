"""What a format is given to write: pictures by part, what was chosen, and the way of the pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.choices.labelled_source import LabelledImage, LabelledSource
from scanstage.dataset.export.choices.picture_transfer import PictureTransfer
from scanstage.dataset.export.splits.shares import ALL, Shares
from scanstage.dataset.export.splits.split import Split
from scanstage.dataset.records.provenance import license_number, licenses_of
from scanstage.dataset.records.record_store import count_labels


@dataclass
class ExportJob:
    """One export.

    Attributes:
        dataset: what is exported.
        options: as they were given; split, hold_out and images are seen to here.
        default_shares: parts of a format, where none were asked for.
        split: which picture is in which part, filled by :meth:`records`.
        origins: of pictures, by their files' names, as far as there is something to be noted; filled likewise.
        pictures: puts them in place.
    """

    dataset: LabelledSource
    options: ExportOptions = ExportOptions()  # noqa: RUF009 (frozen)
    default_shares: Shares = field(default_factory=ALL.copy)
    split: Split = field(init=False)
    origins: dict[str, Mapping[str, Any]] = field(default_factory=dict, init=False)
    pictures: PictureTransfer = field(init=False)

    def __post_init__(self) -> None:
        self.split = Split(self.options.split or self.default_shares, self.options.hold_out)
        self.pictures = PictureTransfer(self.dataset, self.options.images)
        self._licenses = licenses_of(self.dataset.run.sources)

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts, in their order."""
        return tuple(self.split.shares)

    def records(self) -> Iterator[tuple[str, LabelledImage]]:
        """All pictures by index, each with its part; the first one makes the split.

        Raises InputError where things can't be kept apart as asked, OSError.
        """
        for picture in self.dataset.pictures():
            if origin := self.origin(picture):
                self.origins[picture.image.file_name] = origin
            yield self.split.part_of(picture.index, count_labels(picture), self.dataset.facts), picture

    def noted(self, picture: LabelledImage) -> dict[str, Any]:
        """What COCO's ``images`` say of a picture beside its file: ``license``, an id, and where it comes from."""
        return license_number(self._licenses, self.dataset.license_of(picture)) | dict(self.origin(picture))

    def origin(self, picture: LabelledImage) -> Mapping[str, Any]:
        """What is noted of where a picture comes from."""
        return self.dataset.origin(picture)
