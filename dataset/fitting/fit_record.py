"""``fit.json``: all that a fit found. Written and read here, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.files.outside_files import read_input
from scanstage.assets.files.plain_json import first_error, parse_json
from scanstage.assets.messages.errors import InputError

CONFIG_FILE, FIT_FILE = "config.yaml", "fit.json"
"""Names in the folder of a fit."""
KIND_OF_FILE = "scanstage fit"
FORMAT = 1
MOST_BYTES, MOST_STRUCTURE = 1 << 24, 1 << 24
TOLD_APART = 0.6
"""Area under the curve from which on a classifier does clearly better than guessing."""
_AGAIN = "name the folder that `scanstage fit` wrote, or fit again with this version"
Json = dict[str, Any]
Number = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class RecordedValue:
    """One value that was to be found.

    Attributes:
        key: of the config, dotted.
        explained: share of its variance over the range that the labels of one picture explain.
        determined: whether that is enough for it to be found.
        said: what the fitted config says of it, a constant or a distribution; None where it stays as it was.
        mean: of what is drawn, in the value's unit; None of a choice, and of what stays.
        mean_90: its 90 % interval.
    """

    key: str
    explained: Number
    determined: bool
    said: Annotated[Any, Field(validation_alias="is")] = None
    mean: Number | None = None
    mean_90: tuple[Number, Number] | None = None

    @property
    def variable(self) -> str:
        """Name of the config's variable that draws it, where it is no constant."""
        return self.key.replace(".", "_")


@dataclass(frozen=True)
class RecordedPhotos:
    """The photos.

    Attributes:
        name: of the set.
        fitted, held_out: how many were fitted, and how many kept out, to test the fit.
        labels: of those that were fitted.
        independent: groups of photos that have nothing to do with each other, as near duplicates do.
        without_labels: share of photos without a label.
        notes: what to know of them, a sentence each.
    """

    name: str
    fitted: int
    labels: int
    held_out: int
    independent: int
    without_labels: Number = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecordedKinds:
    """Classes in several kinds of pictures, see :class:`kind_mix.KindMix`."""

    impact: tuple[Number, Number]
    evened: Number
    weights: dict[str, tuple[Number, ...]] | None = None


@dataclass(frozen=True)
class RecordedClasses:
    """How often classes come.

    Attributes:
        photos: shares of the photos' labels.
        weights: that the config picks by; None where it picks evenly, or the config balances.
        unseen: that no photo shows.
        kinds: the same by kinds of pictures; None where there is one only.
    """

    photos: dict[str, Number]
    weights: dict[str, Number] | None = None
    unseen: tuple[str, ...] = ()
    kinds: RecordedKinds | None = None


@dataclass(frozen=True)
class RecordedLikeness:
    """Photos against pictures of a config, by labels.

    Attributes:
        auc: of a classifier that is to tell them apart; .5 where it can't.
        mmd2: maximum mean discrepancy, squared.
    """

    auc: Number
    mmd2: Number


@dataclass(frozen=True)
class RecordedTest:
    """How well the fit does.

    Attributes:
        held_out: whether on photos that weren't fitted.
        before, after: of the config as it was, and as it became.
        copies: whether pictures are nearer to fitted photos than other photos are.
        giveaways: numbers of labels that still tell pictures, and by how much the AUC falls without them.
    """

    held_out: bool
    before: RecordedLikeness
    after: RecordedLikeness
    copies: bool = False
    giveaways: tuple[tuple[str, Number], ...] = ()


@dataclass(frozen=True)
class RecordedBackground:
    """Of one number of backgrounds, see :class:`backgrounds.BackgroundDifference`."""

    above: Number
    differs: bool


@dataclass(frozen=True)
class RecordedAppearance:
    """What pixels told of the camera.

    Attributes:
        left: why nothing was looked for; empty where something was.
        photos, rendered: how many were compared.
        values: that were to be found.
        backgrounds: how the photos' differ, by the number's name.
        tested: how well it does; None where nothing was looked for.
    """

    left: str = ""
    photos: int = 0
    rendered: int = 0
    values: tuple[RecordedValue, ...] = ()
    backgrounds: dict[str, RecordedBackground] = field(default_factory=dict)
    tested: RecordedTest | None = None


@dataclass(frozen=True)
class FitRecord:
    """All that a fit found.

    Attributes:
        date: ISO 8601, of the day.
        base: the config that was fitted.
        photos: that it was fitted to.
        values: that were to be found.
        kinds: of pictures, with their shares; empty where there is one only.
        classes: how often they come.
        tested: how well it does.
        appearance: the same of pixels; None where they weren't looked at.
        notes: what to know, a sentence each.
        config_sha256: of the config that was written.
        facts: all of it, as the file has it.
    """

    date: str
    base: str
    photos: RecordedPhotos
    values: tuple[RecordedValue, ...]
    classes: RecordedClasses
    tested: RecordedTest
    kinds: dict[str, Number] = field(default_factory=dict)
    appearance: RecordedAppearance | None = None
    notes: tuple[str, ...] = ()
    config_sha256: str = ""
    facts: Json = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> FitRecord:
        """The record of what ``fit.json`` holds. Raises ValueError where that isn't what a fit writes."""
        if facts.get("kind") != KIND_OF_FILE:
            raise ValueError(f'"kind" isn\'t "{KIND_OF_FILE}"')
        if facts.get("format") != FORMAT:
            raise ValueError(f"it has format {facts.get('format')!r}; this version knows {FORMAT}")
        try:
            return _RECORD.validate_python({**facts, "facts": dict(facts)})
        except ValidationError as e:
            where = e.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]
            raise ValueError(f"{'.'.join(map(str, where))}: {first_error(e)}") from None

    def to_json(self) -> Json:
        """As the file has it."""
        return dict(self.facts)

    def write(self, folder: Path) -> None:
        """Write the file. Raises OSError."""
        write_atomically(folder / FIT_FILE, (json.dumps(self.facts, indent=1) + "\n").encode("utf-8"))


_RECORD = TypeAdapter(FitRecord)


def read_fit(path: Path) -> FitRecord:
    """Read a file. Raises InputError where it isn't what a fit of this version writes."""
    data = read_input(path, MOST_BYTES, _AGAIN)
    try:
        content = parse_json(data, MOST_STRUCTURE)
        if not isinstance(content, dict):
            raise ValueError("no JSON object")
        return FitRecord.of(content)
    except ValueError as e:
        raise InputError(f"{path}: isn't what `scanstage fit` writes: {e}", _AGAIN) from None
