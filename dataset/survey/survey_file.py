"""``survey.json``: what is asked about, and what is known of it. Raters never get to see it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.files.outside_files import read_input
from scanstage.assets.files.plain_json import parse_json, placed_error
from scanstage.assets.messages.errors import InputError
from scanstage.scenes.config.sections.survey_settings import SurveySettings

ItemKind = Literal["picture", "real", "corrupt"]
FILE, GOLDS_FILE, PICTURES = "survey.json", "golds.json", "pictures"
FORMAT = 1
MOST_BYTES = 1 << 28
ItemId = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]


@dataclass(frozen=True)
class SurveyItem:
    """A picture that people are asked about.

    Attributes:
        item_id: its name, which tells nothing.
        file_name: below ``pictures/``.
        kind: one of ours, or a gold.
        dataset: of one of ours: name of the dataset, else empty.
        index: of one of ours: in its dataset, else -1.
        plan: what it shows, as a digest: the same for the same plan in another dataset.
        how: of a corrupt gold: what was done to it; of a real one: its file.
        factors: circumstances by name, see :func:`factors.picture_factors`.
        classes: that are labelled in it.
        numbers: what was measured of it.
    """

    item_id: ItemId
    file_name: str
    kind: ItemKind
    dataset: str = ""
    index: int = -1
    plan: str = ""
    how: str = ""
    factors: Mapping[str, str] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def broken_by(self) -> str:
        """What was done to a corrupt gold, which raters may be told after their answer; else empty."""
        return self.how if self.kind == "corrupt" else ""


@dataclass(frozen=True)
class Survey:
    """What is asked about.

    Attributes:
        datasets: names, in the order that they were given: each is held against the one before.
        items: all pictures.
        seed: orders of raters follow from it.
        settings: how it is asked.
        format: see :data:`FORMAT`.
    """

    datasets: tuple[str, ...]
    items: tuple[SurveyItem, ...]
    seed: int
    settings: SurveySettings
    format: int = FORMAT

    @cached_property
    def by_id(self) -> dict[str, SurveyItem]:
        """Items by their names."""
        return {item.item_id: item for item in self.items}

    @cached_property
    def pictures(self) -> list[SurveyItem]:
        """Those that aren't golds."""
        return self.of_kind("picture")

    def of_kind(self, kind: ItemKind) -> list[SurveyItem]:
        """In the order of the file."""
        return self._by_kind.get(kind, [])

    @cached_property
    def _by_kind(self) -> dict[ItemKind, list[SurveyItem]]:
        found: dict[ItemKind, list[SurveyItem]] = {}
        for item in self.items:
            found.setdefault(item.kind, []).append(item)
        return found

    @cached_property
    def gold_orders(self) -> dict[str, tuple[str, ...]]:
        """Kept of :func:`rater_flow.gold_order`, which is asked for with every picture, by rater."""
        return {}

    def without(self, dropped: Sequence[str]) -> Survey:
        """The survey without some golds."""
        gone = set(dropped)
        return Survey(
            self.datasets, tuple(i for i in self.items if i.item_id not in gone), self.seed, self.settings, self.format
        )

    def is_right(self, item: SurveyItem, score: int) -> bool:
        """Whether an answer to a gold is in the range of its kind."""
        low, high = getattr(self.settings.gold.accept, item.kind)
        return bool(low <= score <= high)

    def outcome(self, item: SurveyItem, score: int) -> Literal["right", "near", "gross"]:
        """Of an answer to a gold."""
        if self.is_right(item, score):
            return "right"
        return "gross" if self.is_gross(item, score) else "near"

    def is_gross(self, item: SurveyItem, score: int) -> bool:
        """Whether an answer to a gold is nearer to what the other kind deserves."""
        accept = self.settings.gold.accept
        middle = (accept.real[0] + accept.corrupt[1]) / 2
        return score < middle if item.kind == "real" else score > middle


@dataclass(frozen=True)
class GoldScreening:
    """What a person said of the golds: ids that may stay, and ids that are taken out."""

    kept: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


_SURVEY, _SCREENING = TypeAdapter(Survey), TypeAdapter(GoldScreening)


def item_id(seed: int, text: str) -> str:
    """A name that tells nothing of what it names."""
    return hashlib.blake2s(f"{seed}/{text}".encode(), digest_size=6).hexdigest()


def write_survey(folder: Path, survey: Survey) -> None:
    """Write ``survey.json``. Raises OSError."""
    data: dict[str, Any] = json.loads(_SURVEY.dump_json(survey))
    write_atomically(folder / FILE, (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode("utf-8"))


def read_survey(folder: Path, whole: bool = False) -> Survey:
    """The survey of a folder. Raises InputError where it is none.

    Args:
        folder: of the survey.
        whole: with golds that a person has taken out.
    """
    path = folder / FILE
    data = read_input(path, MOST_BYTES, "name the folder that `scanstage survey make` wrote")
    try:
        survey = _SURVEY.validate_python(parse_json(data))
    except ValidationError as e:
        raise InputError(f"{path}: isn't what `scanstage survey make` writes ({placed_error(e)})") from None
    except ValueError as e:
        raise InputError(f"{path}: isn't what `scanstage survey make` writes ({e})") from None
    if survey.format != FORMAT:
        raise InputError(f"{path}: of format {survey.format}; this version of scanstage reads format {FORMAT}")
    if odd := [i.file_name for i in survey.items if i.file_name not in (f"{i.item_id}.jpg", f"{i.item_id}.png")]:
        raise InputError(f"{path}: names {odd[0]!r}, which is no picture of a survey")
    return survey if whole else survey.without(read_screening(folder).dropped)


def read_screening(folder: Path) -> GoldScreening:
    """What a person said of the golds; nothing where nobody did. Raises InputError for a file that says nothing."""
    path = folder / GOLDS_FILE
    if not path.exists():
        return GoldScreening()
    try:
        return _SCREENING.validate_python(parse_json(read_input(path, MOST_BYTES)))
    except ValueError as e:
        told = placed_error(e) if isinstance(e, ValidationError) else e
        raise InputError(f"{path}: isn't what `scanstage survey gold` writes ({told})", "take it away") from None


def write_screening(folder: Path, screening: GoldScreening) -> None:
    """Write ``golds.json``. Raises OSError."""
    write_atomically(folder / GOLDS_FILE, (json.dumps(asdict(screening), indent=1) + "\n").encode("utf-8"))
