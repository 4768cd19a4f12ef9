"""What a picture is asked to show, and what it then shows: the entries of a run's ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, FailFast, TypeAdapter, ValidationError

from scanstage.assets.files.plain_json import first_error
from scanstage.scenes.plan import Index, Int32


@dataclass(frozen=True, slots=True)
class Order:
    """What a picture is asked to show.

    Attributes:
        index: of the picture.
        wave: number of the wave it belongs to.
        classes, assets: of its labelled objects.
        fixed: shared variables that are not drawn, by name.
        hdri: its environment image, where that is not drawn.
    """

    index: Index
    wave: Int32
    classes: Annotated[tuple[str, ...], FailFast()]
    assets: Annotated[tuple[str, ...], FailFast()]
    fixed: dict[str, Any] = field(default_factory=dict)
    hdri: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """One labelled object of a planned picture.

    Attributes:
        class_name, asset_id: what it is.
        side: see :func:`factors.side_of`.
        lost_by: the rule of the keep policy that it breaks; None where its label is kept.
    """

    class_name: str
    asset_id: str
    side: Int32
    lost_by: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """An order and how it was planned.

    Attributes:
        attempt: of the plan; None where the picture could not be planned.
        objects: its labelled objects, kept or lost.
        factors: see :func:`factors.picture_factors`.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(allow_inf_nan=False)

    order: Order
    attempt: Int32 | None
    objects: Annotated[tuple[Shown, ...], FailFast()]
    factors: dict[str, str]

    def to_json(self) -> str:
        """Serialise to one line of JSON."""
        return _ADAPTER.dump_json(self).decode("utf-8")

    @classmethod
    def from_json(cls, text: str | bytes) -> Entry:
        """Parse :meth:`to_json`'s text. Raises ValueError on anything else."""
        try:
            return _ADAPTER.validate_json(text)
        except ValidationError as e:
            raise ValueError(f"not an entry of a ledger: {first_error(e)}") from None


_ADAPTER = TypeAdapter(Entry)
