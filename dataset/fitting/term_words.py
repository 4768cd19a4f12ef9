"""What a config draws, in few words: ``2 to 6``, ``normal 58 ± 15 in 0 to 88``, ``log 0.36 to 0.67``."""

from __future__ import annotations

import json
from typing import Any

from scanstage.assets.messages.wording import shortened

MOST_SHARES = 6


def term_words(said: Any) -> str:
    """A constant or a distribution as a config says it; what is neither comes as JSON."""
    if isinstance(said, int | float) and not isinstance(said, bool):
        return f"{said:g}"
    if isinstance(said, str):
        return shortened(said)
    if isinstance(said, dict) and len(said) == 1:
        (kind, given), *_ = said.items()
        try:
            found = _distribution(str(kind), given)
        except (TypeError, ValueError, KeyError, AttributeError):  # nothing that a fit writes
            found = None
        if found is not None:
            return found
    return shortened(json.dumps(said))


def _distribution(kind: str, given: Any) -> str | None:
    match kind:
        case "integer" | "uniform" | "log_uniform":
            low, high = given
            return f"{'log ' if kind == 'log_uniform' else ''}{low:g} to {high:g}"
        case "normal":
            within = f" in {given['min']:g} to {given['max']:g}" if "min" in given and "max" in given else ""
            return f"normal {given['mean']:g} ± {given['std']:g}{within}"
        case "choice" if isinstance(given, dict):
            shares = [f"{value}: {share:.0%}" for value, share in given.items()]
            return _some(shares)
        case "choice":
            return _some([str(value) for value in given])
        case "switch":
            return "; ".join(f"{case}: {term_words(term)}" for case, term in given["cases"].items())
        case _:
            return None


def _some(parts: list[str]) -> str:
    more = f" and {len(parts) - MOST_SHARES} more" if len(parts) > MOST_SHARES else ""
    return ", ".join(parts[:MOST_SHARES]) + more
