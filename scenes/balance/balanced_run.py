"""A balanced run: plans its pictures wave by wave, as the controller orders them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.balance.attributes import find_attributes
from scanstage.scenes.balance.controller import Controller
from scanstage.scenes.balance.factors import picture_factors, side_of
from scanstage.scenes.balance.ledger import Ledger
from scanstage.scenes.balance.targets import Targets, make_targets
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.inputs.catalogue import Catalogue
from scanstage.scenes.order import Entry, Order, Shown
from scanstage.scenes.plan import FramePlan
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.refusals import PlanningError
from scanstage.scenes.sight.keep_policy import Judgement, judge
from scanstage.scenes.sight.planned import CastPlan, Planned

CANDIDATES = 6
"""Plans of one picture that are compared where something speaks against the first ones."""
VIEWS = 2
"""How many of them may show the same arrangement."""


class BalancedRun:
    """Plans pictures in order and keeps the books. Used by one thread.

    Args:
        planner: of the run.
        targets: see :func:`open_targets`.
        ledger: of an earlier part of the run, or empty.

    Attributes:
        controller: decides what pictures show.
        ledger, targets: of the run.
        expected: pictures of the whole run, as far as is known; certain at its end.
        exact: whether their number was given.
    """

    def __init__(self, planner: Planner, targets: Targets, ledger: Ledger | None = None) -> None:
        config = planner.config
        assert config.balance is not None
        self.planner, self.ledger, self.targets = planner, ledger or Ledger(), targets
        catalogue = planner.catalogue
        self.controller = Controller(
            config.balance,
            targets,
            {c: [a.meta.asset_id for a in catalogue.by_class[c]] for c in catalogue.classes},
            find_attributes(config, planner.base),
            config.variables,
            config.seed,
            fixed_images(config, targets),
            planner.count_labelled,
        )
        self.expected = self.controller.expected_pictures()
        self.exact = self.controller.images is not None
        self._given = 0
        self._order: Order | None = None
        self._refusal: InputError | None = None
        self._wanted: Mapping[str, float] = {}

    def take_over(self, given: int) -> None:
        """Keep the first ``given`` entries of the ledger as they are, whatever this run's targets would have ordered.

        So a dataset that was made for lower targets can be gone on with.

        Raises InputError where the ledger lacks some of them: nothing that is there tells how they came about.
        """
        if len(self.ledger.entries) < given:
            raise InputError(
                f"{self.ledger.loaded}: holds the orders of {len(self.ledger.entries)} pictures; this dataset was "
                f"extended, and those of its first {given} can't be computed again",
                "bring the file back; or generate anew, with --fresh or into another folder (--out)",
            )
        self._given = given

    def indices(self, wanted: Callable[[int], bool], last: int | None = None) -> Iterator[int]:
        """Pictures to be made; each has to be planned with :meth:`plan` before the next is asked for.

        Args:
            wanted: whether a picture is to be made (now); what isn't is only accounted for.
            last: pictures after it are not even accounted for; None goes on to the end.

        Raises:
            InputError: a target can't be reached, or a picture could not be planned for another reason than what it
                is to show (a scan is gone): what comes after would depend on that.
        """
        given = [self.ledger.entries[i] for i in range(self._given)]
        for order in (e.order for e in given):
            if last is not None and order.index > last:
                return
            self._order = order
            if wanted(order.index):
                yield order.index
        self.controller.take_over(given)
        while orders := self.controller.next_wave():
            self._wanted = self.controller.lacking()
            noted = []
            for order in orders:
                if last is not None and order.index > last:
                    return
                entry = self.ledger.entries.get(order.index)
                if entry is not None and entry.order != order:
                    self.ledger.forget_from(order.index)
                    entry = None
                self._order = order
                if wanted(order.index):
                    yield order.index
                elif entry is None:
                    with contextlib.suppress(PlanningError):
                        self._choose(order)
                noted.append(self._noted(order.index))
            for entry in noted:
                self.controller.note(entry)
            self.expected = self.controller.expected_pictures()

    def plan(self, index: int) -> Planned:
        """Plan the picture that :meth:`indices` gave last. Raises PlanningError."""
        order = self._order
        assert order is not None
        assert order.index == index
        entry = self.ledger.entries.get(index)
        if index < self._given and entry is not None and entry.attempt is None:
            raise PlanningError(f"picture {index}: could not be planned for the targets it was ordered for")
        if entry is not None and entry.attempt is not None:
            return self.planner.attempt(index, order, entry.attempt)
        return self.planner.complete(self._choose(order))

    def _noted(self, index: int) -> Entry:
        """The entry of a picture that has been gone through. Raises InputError where planning it ended without one."""
        entry = self.ledger.entries.get(index)
        if entry is None:
            assert self._refusal is not None, f"picture {index} was given, but not planned"
            raise self._refusal
        return entry

    def _choose(self, order: Order) -> CastPlan:
        """The first plan that nothing speaks against, or the best of several. It goes into the ledger, as does failure.

        Raises:
            PlanningError: there is none.
            InputError: planning itself failed, which tells nothing about the order: the ledger doesn't hold it.
        """
        best: tuple[float, CastPlan, Entry] | None = None
        try:
            for attempt in itertools.islice(self.planner.attempts(order.index, order, VIEWS), CANDIDATES):
                entry = entry_of(order, attempt, self.planner.config)
                against = self.controller.flaw(entry.objects, entry.factors, self._wanted)
                if best is None or against < best[0]:
                    best = against, attempt, entry
                if against == 0:
                    break
        except PlanningError:
            self.ledger.add(Entry(order, None, (), {}))
            raise
        except InputError as e:
            self._refusal = e
            raise
        assert best is not None  # attempts() raises where there is none
        self.ledger.add(best[2])
        return best[1]


def entry_of(order: Order, attempt: CastPlan, config: RunConfig) -> Entry:
    """What a planned picture shows, for the ledger."""
    plan = attempt.plan
    objects = [
        Shown(j.item.class_name, j.item.asset_id, side_of(plan, j.item), _lost_by(j))
        for j in judge(plan, attempt.seen, config.labels)
        if j.item.class_name is not None
    ]
    return Entry(order, plan.attempt, tuple(objects), factors_of(order, plan))


def _lost_by(judged: Judgement) -> str | None:
    """The rule by which an object has no proper label; None where it has one."""
    if judged.fate == "label":
        return None
    return "no visible pixel" if judged.violation is None else judged.violation.rule


def factors_of(order: Order, plan: FramePlan) -> dict[str, str]:
    """Factors of a picture, and its variables that were set: these may be numbers too."""
    return picture_factors(plan) | {name: str(value) for name, value in order.fixed.items()}


def fixed_images(config: RunConfig, targets: Targets) -> int | None:
    """Pictures in all where their number is given, or the target doesn't say how many labels there are to be."""
    return config.images if "images" in config.model_fields_set or targets.counts is None else None


def open_targets(config: RunConfig, catalogue: Catalogue, base: Path) -> Targets:
    """The targets of a run's ``balance``. Raises InputError."""
    assert config.balance is not None
    return make_targets(config.balance, catalogue.classes, base)
