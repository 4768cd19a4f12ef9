"""The turns that may leave an asset as it was, as a person is asked about them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from scanstage.assets.library.symmetry_search import ANY, SymmetryCandidate
from scanstage.assets.raw_scans.units import metres_text
from scanstage.assets.symmetry import Symmetries, Vector3

_PARTS = {2: "half", 3: "third", 4: "quarter", 5: "fifth", 6: "sixth"}


def symmetry_table(candidates: Sequence[SymmetryCandidate]) -> Table:
    """A row for each, with the number that it is accepted by, from 1."""
    table = Table("", "turn", "shape off by", "other colour on", "", show_edge=False)
    for number, c in enumerate(candidates, 1):
        angle = "any turn" if c.turns == ANY else f"{_PARTS[c.turns]} turns"
        color = "has one colour" if c.other_color is None else f"{c.other_color:.1%} of it"
        verdict = "[yellow]shape only[/]" if c.shape_only else "[green]looks the same[/]"
        off = f"{metres_text(c.off_m)}, {c.off:.1%} of its width"
        table.add_row(str(number), f"{angle} about {axis_text(c.axis)}", off, color, verdict)
    return table


def axis_text(axis: Vector3) -> str:
    """``z``, or its three numbers: without brackets, which would be read as markup."""
    for name, value in zip("xyz", axis, strict=True):
        if value > 1 - 1e-9:
            return name
    return "(" + ", ".join(f"{v + 0.0:.3f}" for v in axis) + ")"


def symmetries_text(symmetries: Symmetries) -> str:
    """How many there are."""
    if not symmetries:
        return "no symmetries"
    axes, turns = len(symmetries.continuous), len(symmetries.discrete)
    words = [f"any turn about {axes} {'axis' if axes == 1 else 'axes'}"] if axes else []
    words += [f"{turns} single {'turn' if turns == 1 else 'turns'}"] if turns else []
    return " and ".join(words)
