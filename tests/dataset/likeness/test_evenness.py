from __future__ import annotations

import numpy as np
import pytest
from support.tables import table

from scanstage.dataset.analysis.dataset_table import DatasetTable
from scanstage.dataset.likeness.evenness import circumstances, evenness_gauge, parity_tables
from scanstage.dataset.likeness.null_bands import standings


def drawn(seed: int, pictures: int = 80, owls_by_night: float = 0.5) -> DatasetTable:
    rng = np.random.default_rng(seed)
    light = rng.uniform(0.1, 0.9, pictures)
    held = []
    for bright in light:
        owls = owls_by_night if bright < 0.37 else 0.5
        names = ["owl" if rng.random() < owls else "mouse" for _ in range(4)]
        held.append([(n, (*rng.uniform(0, 60, 2), *rng.uniform(5, 20, 2))) for n in names])
    return table(held, numbers=[{"brightness": float(b)} for b in light], name=f"drawn {seed}")


def test_ratios_are_those_of_the_parity_tables() -> None:
    real, synthetic = drawn(1), drawn(2)
    met = {c.name: c for c in circumstances(real, synthetic)}
    assert set(met) == {"brightness_third", "size_third", "across", "down"}, "all pictures have one size"
    first = (np.arange(160) < 80)[None]
    for c in met.values():
        tables = parity_tables(c, real, synthetic)
        gauge = evenness_gauge(c, real, synthetic)
        of_synthetic = tables["synthetic"]["disparate_impact_ratio"]
        assert gauge.shown(first, ~first)[0] == pytest.approx(of_synthetic)
        gap = tables["real"]["disparate_impact_ratio"] - of_synthetic
        assert gauge.surprise(first, ~first)[0] == pytest.approx(gap)
        counts = [sum(tables[k]["counts"]["owl"].values()) for k in ("real", "synthetic", "both")]
        assert counts[0] + counts[1] == counts[2]


def test_thirds_are_those_of_the_real_set() -> None:
    real, synthetic = drawn(1), drawn(2)
    found = next(c for c in circumstances(real, synthetic) if c.name == "brightness_third")
    by_real = np.bincount(found.codes[: real.labels], minlength=3) / real.labels
    np.testing.assert_allclose(by_real, 1 / 3, atol=0.02)


def test_a_class_that_is_seen_by_night_alone_is_told() -> None:
    tied = circumstances(drawn(1), drawn(2, owls_by_night=1.0))
    gauges = {c.name: evenness_gauge(c, drawn(1), drawn(2, owls_by_night=1.0)) for c in tied}
    found = standings(gauges, 80, 80, 199)
    assert [name for name, s in found.items() if s.verdict != "alike"] == ["brightness_third"]


def test_one_class_has_nothing_to_compare_with() -> None:
    alone = table([[("owl", (1.0, 1.0, 9.0, 9.0))]] * 12)
    gauge = evenness_gauge(circumstances(drawn(1), alone)[-1], drawn(1), alone)
    first = (np.arange(92) < 80)[None]
    assert np.isnan(gauge.shown(first, ~first)).all()
