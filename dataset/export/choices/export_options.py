"""What a person may choose of an export, whatever its format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, get_args

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.export.splits.shares import Shares, parse_shares

HoldOut = Literal["asset", "hdri", "background"]
Images = Literal["hardlink", "link", "copy"]
Masks = Literal["rle", "polygons"]
Obb = Literal["mask", "ground"]

_CHOICES = {"hold_out": HoldOut, "images": Images, "masks": Masks, "obb": Obb}


@dataclass(frozen=True)
class ExportOptions:
    """None: not chosen, the format's own default.

    Attributes:
        split: parts of the dataset and their shares.
        hold_out: what no two parts share: whole scans (``asset``: those held out of training are in none of its
            pictures), light (``hdri``), or what is behind (``background``: photo, environment, colour).
        images: how pictures get into the export: ``hardlink`` (no room taken; copied where that can't be), ``link``
            (symbolic), or ``copy``.
        masks: of COCO: ``rle``, exact and small, or ``polygons``.
        obb: of YOLO's oriented boxes: the smallest rectangle about the ``mask``, or the outline of the box in space
            on the ``ground``.
        amodal: COCO's annotations have ``segmentation_amodal`` too: the mask within the picture that the object alone
            would have.
    """

    split: Shares | None = None
    hold_out: HoldOut | None = None
    images: Images | None = None
    masks: Masks | None = None
    obb: Obb | None = None
    amodal: bool | None = None

    @classmethod
    def parse(cls, given: Mapping[str, str | None], amodal: bool = False) -> ExportOptions:
        """From texts by name of the option, and whether amodal masks are asked for.

        Raises InputError, naming all that is wrong.
        """
        problems: list[str] = []
        hints: list[str] = []
        found: dict[str, object] = {}
        for name, text in given.items():
            if text is None:
                continue
            if name == "split":
                try:
                    found[name] = parse_shares(text)
                except InputError as e:
                    problems += e.marked_problems
                    hints += [str(e.marked_hint)] if e.marked_hint else []
            elif text in (choices := get_args(_CHOICES[name])):
                found[name] = text
            else:
                problems.append(f"{option(name)} {text}: there are {', '.join(choices)}")
        if problems:
            raise InputError(problems, hints[0] if hints else None)
        return cls(**found, amodal=amodal or None)  # type: ignore[arg-type]

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of the options that were given."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) is not None)
