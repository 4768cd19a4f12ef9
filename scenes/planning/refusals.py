"""Why attempts at a picture were refused: counted, and told where no attempt was good."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from statistics import median

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.sight.label_rules import Judgement

WIDEN = "widen camera, stage or objects in the config; `scanstage plan CONFIG --frame N` shows a plan"
RELAX = (
    "relax the rule, let it `on_violation: ignore` or drop_label, or make it easier to keep: lower objects.count or "
    "objects.placement.density, a higher camera.elevation_deg, a smaller camera.fill"
)


class PlanningError(InputError):
    """No attempt at a picture was good.

    Attributes:
        reasons: attempts by why they were refused.
    """

    def __init__(
        self, problems: str | list[str], hint: str | None = None, reasons: Mapping[str, int] | None = None
    ) -> None:
        self.reasons = dict(reasons or {})
        super().__init__(problems, hint)


class Refusals:
    """Counts reasons; one picture's worth.

    Attributes:
        counted: attempts by reason.
    """

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self._broken: defaultdict[tuple[str, str, float], list[float]] = defaultdict(list)
        self._misplaced: InputError | None = None

    def misplaced(self, error: InputError) -> None:
        """Objects found no place."""
        self._misplaced = error
        self.counted["objects could not be placed"] += 1

    def flawed(self, reason: str) -> None:
        """The plan as a whole can't be used."""
        self.counted[reason] += 1

    def broke(self, judgements: list[Judgement]) -> None:
        """Objects break rules that ask for another plan."""
        self.counted["an object breaks a rule of labels with on_violation: replan"] += 1
        for j in judgements:
            if j.violation is not None:
                v = j.violation
                self._broken[str(j.item.class_name), v.rule, v.limit].append(v.value)

    def only_misplaced(self) -> bool:
        """Whether nothing but places was wanting."""
        return len(self.counted) == 1 and self._misplaced is not None

    def error(self, index: int) -> PlanningError:
        """What to raise about picture ``index``."""
        counted = "; ".join(f"{n} times: {reason}" for reason, n in self.counted.most_common(3))
        problems = [f"picture {index}: no good plan in {self.counted.total()} attempts: {counted}"]
        hint = WIDEN
        if self._broken:
            problems.append(f"fails most often: {'; '.join(self._worst())}")
            hint = RELAX
        if self._misplaced is not None:
            problems.append(f"for example: {self._misplaced.marked_problems[0]}")
            hint = self._misplaced.marked_hint or hint
        return PlanningError(problems, hint, self.counted)

    def _worst(self) -> list[str]:
        most = sorted(self._broken.items(), key=lambda pair: (-len(pair[1]), pair[0]))[:3]
        told = []
        for (name, rule, limit), values in most:
            best = min(values) if rule.startswith("max") else max(values)
            form = ".0f" if rule in ("min_pixels", "min_box_px") else ".3g"
            numbers = f"median {median(values):{form}}, at best {best:{form}}"
            told.append(f"{name} breaks labels.{rule} {limit:g} {len(values)} times ({numbers})")
        return told
