"""What a picture is asked to show, and what it then shows: the entries of a run's ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError


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

    index: int
    wave: int
    classes: tuple[str, ...]
    assets: tuple[str, ...]
    fixed: dict[str, Any] = field(default_factory=dict)
    hdri: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """One labelled object of a planned picture.

    Attributes:
        class_name, asset_id: what it is.
        side: see :func:`scenes.balance.factors.side_of`.
        lost_by: the rule of the keep policy that it breaks; None where its label is kept.
    """

    class_name: str
    asset_id: str
    side: int
    lost_by: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """An order and how it was planned.

    Attributes:
        attempt: of the plan; None where the picture could not be planned.
        objects: its labelled objects, kept or lost.
        factors: see :func:`scenes.balance.factors.picture_factors`.
    """

    order: Order
    attempt: int | None
    objects: tuple[Shown, ...]
    factors: dict[str, str]

    def to_json(self) -> str:
        """Serialise to one line of JSON."""
        return _ADAPTER.dump_json(self).decode("utf-8")

    @classmethod
    def from_json(cls, text: str) -> Entry:
        """Parse :meth:`to_json`'s text. Raises ValueError on anything else."""
        try:
            return _ADAPTER.validate_json(text)
        except ValidationError as e:
            raise ValueError(f"not an entry of a ledger: {e.errors()[0]['msg']}") from e


_ADAPTER = TypeAdapter(Entry)
