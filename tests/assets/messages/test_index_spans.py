"""How messages count and name pictures."""

from __future__ import annotations

from scanstage.assets.messages.index_spans import MOST_SPANS, counted, spans


def test_pictures_are_counted() -> None:
    assert [counted(n) for n in (0, 1, 2)] == ["0 pictures", "1 picture", "2 pictures"]


def test_runs_of_indices_are_named_by_their_ends() -> None:
    assert spans([]) == ""
    assert spans([8, 5, 6, 7, 7, 1]) == "1, 5-8"
    assert spans(range(100_000)) == "0-99999"
    assert spans(range(0, 100, 2)).endswith(f"{2 * MOST_SPANS - 2} and {50 - MOST_SPANS} more")
