"""What a config draws, in few words; and no text of others makes it fail."""

from __future__ import annotations

from typing import Any

import pytest

from scanstage.dataset.fitting.term_words import term_words


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (3, "3"),
        (0.31415, "0.31415"),
        ("linen", "linen"),
        ({"integer": [2, 6]}, "2 to 6"),
        ({"uniform": [0.126, 0.697]}, "0.126 to 0.697"),
        ({"log_uniform": [0.358, 0.669]}, "log 0.358 to 0.669"),
        ({"normal": {"mean": 58.2, "std": 15.0, "min": 0.0, "max": 88.0}}, "normal 58.2 ± 15 in 0 to 88"),
        ({"normal": {"mean": 1, "std": 2}}, "normal 1 ± 2"),
        ({"choice": {2: 0.25, 3: 0.75}}, "2: 25%, 3: 75%"),
        ({"choice": {str(k): 0.1 for k in range(10)}}, "0: 10%, 1: 10%, 2: 10%, 3: 10%, 4: 10%, 5: 10% and 4 more"),
        ({"switch": {"by": "kind", "cases": {"a": {"integer": [1, 2]}, "b": 7}}}, "a: 1 to 2; b: 7"),
        ({"beta": [1, 2]}, '{"beta": [1, 2]}'),
        ({"normal": [1, 2]}, '{"normal": [1, 2]}'),
        ({"uniform": ["a", 2]}, '{"uniform": ["a", 2]}'),
        ({"switch": {"by": "kind"}}, '{"switch": {"by": "kind"}}'),
        (True, "true"),
    ],
)
def test_terms_in_words(said: Any, words: str) -> None:
    assert term_words(said) == words


def test_long_ones_are_cut() -> None:
    assert len(term_words({"x": "y" * 500})) <= 200
