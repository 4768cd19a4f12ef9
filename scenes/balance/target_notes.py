"""What a person should know of a run's targets before it is made: what they come to, and what they leave out."""

from __future__ import annotations

from collections.abc import Sequence

from scanstage.assets.messages.wording import listed
from scanstage.scenes.balance.targets import OTHERS, Targets, shared_out

_NAMED = 8


def target_notes(targets: Targets, classes: Sequence[str], images: int | None, objects: int) -> list[str]:
    """Sentences; none where all is as it reads.

    Args:
        targets: of the run.
        classes: that it labels.
        images: how many pictures were asked for; None where the targets decide that.
        objects: labelled objects that so many pictures hold.
    """
    notes = []
    if targets.counts is not None and images is not None:
        asked = sum(targets.counts.values())
        reachable = {c: n for c, n in shared_out(objects, targets.shares).items() if targets.counts[c]}
        told = listed([f"{name} {n} of {targets.counts[name]}" for name, n in reachable.items()], most=_NAMED)
        notes.append(
            f"balance.target asks for {asked:,} labels, but `images: {images}` decides how many pictures there are: "
            f"the counts are taken as shares. {images} pictures hold about {objects:,} objects ({told}). "
            "Leave out `images` to have exactly the counts"
        )
    if not targets.real and (none := [c for c in classes if not targets.shares.get(c)]):
        notes.append(
            f"balance.target asks for no {listed(none, most=_NAMED)}: not placed, unless as context. Give a count, or "
            f'one for "{OTHERS}", which is every other class'
        )
    return notes
