"""Sets properties of Blender's objects, of which versions have different ones."""

from __future__ import annotations

from typing import Any


def assign(owner: Any, values: dict[str, Any]) -> None:
    """Set properties."""
    for name, value in values.items():
        setattr(owner, name, value)


def assign_known(owner: Any, values: dict[str, Any]) -> None:
    """Set what this Blender has."""
    assign(owner, {name: value for name, value in values.items() if hasattr(owner, name)})
