"""Which classes a joined dataset has: those of its parts, renamed and chosen from."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from scanstage.assets.library.class_names import class_name_of
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.messages.wording import did_you_mean
from scanstage.dataset.labels.categories import Category

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClassChoice:
    """Names of classes in the whole.

    Attributes:
        names: class of a part to class of the whole.
        only: classes of the whole that it has; empty is all. Labels of others are left out, and what they show is
            background.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()

    @classmethod
    def parse(cls, renamed: Sequence[str], only: str | None) -> ClassChoice:
        """From texts: ``OLD=NEW`` each, and names with commas between. Raises InputError, naming all that is wrong."""
        problems = []
        names: dict[str, str] = {}
        for text in renamed:
            old, equals, new = (part.strip() for part in text.partition("="))
            if not (old and equals and new):
                problems.append(f"{option('classes')} {text}: isn't OLD=NEW")
            elif names.setdefault(old, class_name_of(new)) != new:
                problems.append(f"{option('classes')} {text}: {old} is {names[old]} already")
        kept = tuple(name.strip() for name in only.split(",")) if only is not None else ()
        if only is not None and not all(kept):
            problems.append(f"{option('only')} {only}: a name is empty")
        if problems:
            raise InputError(problems, f"for example {option('classes')} coke_can=can {option('only')} can,bottle")
        return cls(names, kept)

    def of(self, name: str) -> str | None:
        """What a part's class is called; None where it is left out."""
        new = self.names.get(name, name)
        return None if self.only and new not in self.only else new

    def categories(self, parts: Iterable[Sequence[Category]]) -> tuple[Category, ...]:
        """Those of the whole, in the order in which parts have them.

        Raises InputError for names that no part has, and where classes of one name have other keypoints.
        """
        found: dict[str, Category] = {}
        known: dict[str, None] = {}
        named: dict[str, None] = {}
        problems = []
        for categories in parts:
            for category in categories:
                known[category.name] = None
                named[self.names.get(category.name, category.name)] = None
                name = self.of(category.name)
                if name is None:
                    continue
                before = found.setdefault(name, Category(name, category.keypoints, category.skeleton))
                if not before.keypoints:
                    found[name] = Category(name, category.keypoints, category.skeleton)
                elif category.keypoints not in ((), before.keypoints):
                    points = [" ".join(c.keypoints) for c in (before, category)]
                    problems.append(f"{name}: one dataset has the keypoints {points[0]}, another {points[1]}")
        for what, wanted, there in (("classes", self.names, known), ("only", self.only, named)):
            problems += [
                f"{option(what)} {n}: there is no such class{did_you_mean(n, there)}" for n in wanted if n not in there
            ]
        if problems:
            raise InputError(problems)
        _note_alike(found)
        if not found:
            raise InputError("no class is left")
        return tuple(found.values())


def _note_alike(names: Iterable[str]) -> None:
    """Say where two classes may be meant to be one: nothing else would."""
    seen: dict[str, str] = {}
    for name in names:
        plain = "".join(c for c in name.casefold() if c.isalnum())
        if (before := seen.setdefault(plain, name)) != name:
            _LOG.warning(
                "%s and %s are two classes; %s makes them one", before, name, f"{option('classes')} {name}={before}"
            )
