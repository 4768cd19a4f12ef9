"""``train=0.8,val=0.1,test=0.1``: the parts of a dataset, and how much of it each gets."""

from __future__ import annotations

import math
import re

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option

Shares = dict[str, float]
"""Of the pictures, by the name of the part, in the order given; they add up to 1."""

TRAIN = "train"
"""The part that is trained on; the others are what it is judged by."""
ALL: Shares = {TRAIN: 1.0}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}", re.ASCII)
_EXAMPLE = "for example train=0.8,val=0.1,test=0.1"


def parse_shares(text: str) -> Shares:
    """Read shares. Raises InputError, naming all that is wrong."""
    shares: Shares = {}
    problems = []
    for part in text.split(","):
        name, equals, number = (p.strip() for p in part.partition("="))
        share = _share(number)
        if not equals or share is None:
            problems.append(f"{part.strip()!r} isn't NAME=SHARE with a share above 0 and up to 1")
        elif not _NAME.fullmatch(name):
            problems.append(f"{name!r} can't be a folder's name in every format: letters, digits, - and _")
        elif name in shares:
            problems.append(f"{name!r} is there twice")
        else:
            shares[name] = share
    if not problems and abs(sum(shares.values()) - 1) > 1e-6:
        problems.append(f"the shares add up to {sum(shares.values()):g}, not to 1")
    if problems:
        raise InputError([f"{option('split')} {text}: {p}" for p in problems], _EXAMPLE)
    return shares


def _share(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) and 0 < found <= 1 else None
