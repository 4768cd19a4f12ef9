from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.likeness_sets import photos, seen

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.join.photo_labels import PhotoSet
from scanstage.dataset.likeness.compared_pictures import renamed
from scanstage.dataset.likeness.drift import Drift, find_drift, holm
from scanstage.dataset.likeness.photo_snapshot import Snapshot, is_snapshot, make_snapshot, read_snapshot
from scanstage.dataset.likeness.picture_features import PLAIN


def moved(found: Drift) -> set[str]:
    return {t.name for t in found.tests if t.has_moved}


def test_nothing_moves_by_itself() -> None:
    told = sum(find_drift(Snapshot("", seen(40, k)), seen(40, k + 500), deals=399).is_stale for k in range(40))
    assert told <= 6  # 2 expected, binomial, 3 standard deviations


def test_what_moved_is_named() -> None:
    found = find_drift(Snapshot("2026-11-27", seen(90, 1)), seen(70, 2, brighter=0.12), "2026-11-27")
    assert moved(found) == {"brightness", "pictures_mmd"}
    assert found.is_stale
    assert found.differences == ()
    first = found.tests[0]
    assert first.corrected <= 0.01
    brightness = next(t for t in found.tests if t.name == "brightness")
    assert brightness.middles == pytest.approx((0.5, 0.62), abs=0.04)
    assert brightness.moved_by == pytest.approx(0.12, abs=0.04)
    again = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert again["stale"] is True
    assert set(again["moved"]) == {"brightness", "pictures_mmd"}
    classes = find_drift(Snapshot("", seen(90, 1)), seen(90, 2, owls=0.75))
    assert "classes" in moved(classes)


def test_spread_that_is_lost_is_told_before_a_tenth_of_it_is() -> None:
    found = find_drift(Snapshot("", seen(400, 1)), seen(400, 2, narrower=0.08))
    assert moved(found) >= {"labels_spread", "pictures_spread"}
    lost = next(t for t in found.tests if t.name == "pictures_spread")
    assert lost.spreads is not None
    assert lost.spreads[1] / lost.spreads[0] == pytest.approx(0.92, abs=0.02)
    assert lost.distance == pytest.approx(np.log(lost.spreads[0] / lost.spreads[1]))
    assert lost.to_json()["spreads"] == pytest.approx(lost.spreads, rel=1e-5)


def test_what_never_varies_has_no_spread() -> None:
    blank = {PLAIN: np.zeros((40, 3))}
    found = find_drift(Snapshot("", replace(seen(40, 1), features=blank)), replace(seen(40, 2), features=blank))
    names = {t["name"] for t in json.loads(json.dumps(found.to_json(), allow_nan=False))["tests"]}
    assert {"labels_spread", "pictures_mmd"} <= names
    assert "pictures_spread" not in names


def test_classes_and_cameras_come_first() -> None:
    older = replace(seen(40, 1), cameras=Counter({"Canon EOS 5": 40}))
    table = renamed(seen(40, 2).table, {"mouse": "rat"})
    large = replace(table, pictures=tuple(replace(p, resolution_wh=(200, 160)) for p in table.pictures))
    newer = replace(seen(40, 2), table=large, cameras=Counter({"Nikon Z": 30}))
    found = find_drift(Snapshot("", older), newer)
    assert found.new_classes == ("rat",)
    assert found.is_stale, "a fit knows nothing of a new class"
    assert found.differences == (
        "Classes that are new: rat. Their labels are left out of the tests.",
        "Classes that are gone: mouse. Their labels are left out of the tests.",
        "Sizes of photos differ: 100 x 80 (100%); now 200 x 160 (100%).",
        "Cameras differ: Canon EOS 5 (100%); now Nikon Z (75%), unknown (25%).",
    )
    both = renamed(seen(40, 2).table, {"owl": "eagle", "mouse": "rat"})
    with pytest.raises(InputError, match="no class in common"):
        find_drift(Snapshot("", older), replace(newer, table=both))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_snapshot_comes_back_as_it_was(tmp_path: Path) -> None:
    coco = photos(tmp_path / "a", 14, 1)
    counted: list[tuple[int, int]] = []
    made = make_snapshot(PhotoSet.open(coco), {"mouse": "rat"}, "2026-11-27", lambda *n: counted.append(n))
    assert counted[-1] == (14, 14)
    path = tmp_path / "reference.json"
    made.write(path)
    assert is_snapshot(path)
    assert not is_snapshot(coco)
    again = read_snapshot(path)
    assert again.date == "2026-11-27"
    assert again.seen.table.classes == ("owl", "rat")
    assert again.seen.edge_px == 64, "photos are measured no larger than they are"
    np.testing.assert_array_equal(again.seen.table.counts, made.seen.table.counts)
    np.testing.assert_allclose(again.seen.features[PLAIN], made.seen.features[PLAIN], atol=1e-4)
    first, second = (s.seen.table.picture_numbers("brightness") for s in (made, again))
    np.testing.assert_allclose(first, second, atol=1e-6)
    assert not find_drift(again, made.seen).is_stale, "photos are like themselves"


def changed(at: tuple[Any, ...], value: Any) -> Any:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for key in at[:-1]:
            place = place[key]
        place[at[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (changed(("format",), 2), "format"),
        (changed(("extractor",), "other"), "extractor"),
        (changed(("pictures",), []), "pictures"),
        (changed(("pictures", 0, "labels"), [[7, 1, 1, 4, 4, 16]]), "a label is of no class"),
        (changed(("pictures", 0, "labels"), [[0, 1, 1, 0, 4, 0]]), "a label has no size"),
        (changed(("pictures", 0, "features"), [1.0]), "different numbers of features"),
        (changed(("pictures", 0, "width"), 10**12), "width"),
        (changed(("classes",), ["owl", "owl"]), "a class is there twice"),
    ],
)
def test_a_snapshot_that_is_none(tmp_path: Path, change: Any, told: str) -> None:
    path = tmp_path / "reference.json"
    made = Snapshot("2026-11-27", seen(12, 1))
    document = made.to_json()
    change(document)
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(InputError, match=told) as caught:
        read_snapshot(path)
    assert "scanstage fit" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": "scanstage reference"}', '{"kind": 1e999}'])
def test_no_json_at_all(tmp_path: Path, text: str) -> None:
    path = tmp_path / "reference.json"
    path.write_text(text)
    with pytest.raises(InputError, match="not a snapshot"):
        read_snapshot(path)
