"""The pictures of a balanced run: planned wave by wave, as the controller orders them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scanstage.assets.messages.errors import InputError, Lines
from scanstage.assets.messages.option_names import option
from scanstage.assets.messages.wording import listed
from scanstage.scenes.balance.attributes import find_attributes
from scanstage.scenes.balance.controller import Controller
from scanstage.scenes.balance.factors import picture_factors, side_of
from scanstage.scenes.balance.ledger import Ledger
from scanstage.scenes.balance.target_notes import target_notes
from scanstage.scenes.balance.targets import Targets, make_targets
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.inputs.catalogue import Catalogue
from scanstage.scenes.picture_order import Entry, Order, Shown
from scanstage.scenes.picture_sequence.identity import Aims
from scanstage.scenes.picture_sequence.planned_picture import Picture, planned_or_refused
from scanstage.scenes.picture_sequence.selection import Selection
from scanstage.scenes.plan import FramePlan
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.refusals import PlanningError
from scanstage.scenes.sight.cast_plan import CastPlan, Planned
from scanstage.scenes.sight.label_rules import Judgement, judge

CANDIDATES = 6
"""Plans of one picture that are compared where something speaks against the first ones."""
VIEWS = 2
"""How many of them may show the same arrangement."""


@dataclass(frozen=True)
class Balance:
    """What a balanced run is to come to, and has come to."""

    targets: Targets
    ledger: Ledger


_LOOKED_AT = 200
"""Pictures by which it is told how many objects all hold."""


class BalancedPictures:
    """See :class:`PictureSource`. What a picture shows follows from those before it, which the ledger keeps.

    Args:
        planner: of the run.
        targets: see :func:`open_targets`.

    Attributes:
        controller: decides what pictures show.
        targets: of the run.
        ledger: what each picture was asked to show, and showed.
        balance: both.
    """

    def __init__(self, planner: Planner, targets: Targets) -> None:
        config = planner.config
        assert config.balance is not None
        self.planner, self.targets, self.ledger = planner, targets, Ledger()
        self.balance: Balance | None = Balance(targets, self.ledger)
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
        self.aims = Aims(self.controller.images, dict(targets.counts or targets.shares))
        self._given = 0
        self._refusal: InputError | None = None
        self._wanted: Mapping[str, float] = {}

    def notes(self) -> list[str]:
        """What a person should know of the targets before pictures are made."""
        images = self.controller.images
        objects = 0
        if images is not None:
            looked_at = min(images, _LOOKED_AT)
            few = sum(self.planner.count_labelled(i, {}) for i in range(looked_at))
            objects = round(few * images / looked_at)
        return target_notes(self.targets, self.planner.catalogue.classes, images, objects)

    def take_over(self, given: int) -> None:
        """Keep the first ``given`` entries of the ledger as they are, whatever this run's targets would have ordered.

        So a dataset that was made for lower targets can be gone on with.

        Raises InputError where the ledger lacks some of them: nothing that is there tells how they came about.
        """
        if len(self.ledger.entries) < given:
            raise InputError(
                f"{self.ledger.loaded}: holds the orders of {len(self.ledger.entries)} pictures; this dataset was "
                f"extended, and those of its first {given} can't be computed again",
                f"bring the file back; or generate anew, with {option('fresh')} or into another folder "
                f"({option('out')})",
            )
        self._given = given

    def pictures(self, selection: Selection) -> Iterator[Picture]:
        """See :class:`PictureSource`.

        Raises:
            InputError: a target can't be reached, or a picture could not be planned for another reason than what it
                is to show (a scan is gone): what comes after would depend on that.
        """
        entries = self.ledger.entries
        given = [entries[i] for i in range(self._given)]
        for entry in given:
            if selection.through is not None and entry.order.index > selection.through:
                return
            if entry.order.index in selection:
                yield self._picture(entry.order)
        self.controller.take_over(given)
        while orders := self.controller.next_wave():
            self._wanted = self.controller.lacking()
            noted = []
            for order in orders:
                if selection.through is not None and order.index > selection.through:
                    return
                known = self.ledger.entries.get(order.index)
                if known is not None and known.order != order:
                    self.ledger.forget_from(order.index)
                    known = None
                if order.index in selection:
                    yield self._picture(order)
                elif known is None:
                    with contextlib.suppress(PlanningError):
                        self._choose(order)
                noted.append(self._noted(order.index))
            for entry in noted:
                self.controller.note(entry)
            self.expected = self.controller.expected_pictures()

    def _picture(self, order: Order) -> Picture:
        return planned_or_refused(order.index, partial(self._plan, order))

    def _plan(self, order: Order) -> Planned:
        """Plan a picture as it is ordered. Raises PlanningError."""
        index = order.index
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
    try:
        return make_targets(config.balance, catalogue.classes, base)
    except InputError as e:
        if not (parts := catalogue.part_classes()):
            raise
        about = f"targets count whole objects: classes of parts ({listed(list(parts))}) can't have any"
        raise InputError(e.marked_problems, Lines.of([e.marked_hint, about] if e.marked_hint else [about])) from e
