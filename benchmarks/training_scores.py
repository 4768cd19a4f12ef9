"""What a training scored, and the folder where scores are kept: a table that was broken off goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Budget:
    """What every set is given alike."""

    iterations: int
    size_wh: tuple[int, int]
    threads: int


@dataclass(frozen=True)
class Score:
    """Of one training: COCO's AP and AP50, and by class AP50 and recall at IoU 0.5 (None: no such object)."""

    ap: float
    ap50: float
    by_class: Mapping[str, tuple[float, float] | None]


@dataclass(frozen=True)
class Made:
    """A set: pictures and labels that are trained on, and the CPU seconds that it took to make (None: not known)."""

    pictures: int
    labels: int
    cpu_s: float | None


DETECTOR = "b"
"""To be changed with what is trained: scores of another aren't comparable."""


def score_file(folder: Path, real: Path, budget: Budget, seed: int, limit: int) -> Path:
    """Where the score of a training on the set in ``folder`` is kept: beside it."""
    width, height = budget.size_wh
    of_all = f"first{limit}" if limit else "all"
    return folder.with_name(
        f"{folder.name}.{real.resolve().name}-{of_all}-{budget.iterations}x{width}x{height}{DETECTOR}-{seed}.json"
    )


def keep(file: Path, score: Score, made: Made) -> None:
    """Write a score."""
    file.write_text(json.dumps({"score": asdict(score), "made": asdict(made)}), "utf-8")


def kept(file: Path) -> tuple[Score, Made] | None:
    """A score that was kept; None where there is none."""
    if not file.is_file():
        return None
    found = json.loads(file.read_text("utf-8"))
    by_class = {n: v and (float(v[0]), float(v[1])) for n, v in found["score"]["by_class"].items()}
    return Score(found["score"]["ap"], found["score"]["ap50"], by_class), Made(**found["made"])
