"""Fit, compare and drift from Python: the example of the docs, and what is given and told there."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from support.analytic_engine import AnalyticEngines
from support.planned_photos import made_up, planned_photos, write_photos

import scanstage
from scanstage.photo_functions import _given
from scanstage.render.commands.like_photos import fit_to_photos as module
from scanstage.scenes.config.load import check_config

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
BASE = """
assets: {library: %s, classes: [box, ball]}
objects: {count: {integer: [2, 6]}, placement: {kind: scatter}}
camera: {resolution: [96, 72]}
labels: {min_pixels: 8}
fit: {bank: 240, appearance: 0, free: {objects.count: [1, 8]}}
"""


@pytest.mark.slow
def test_the_docs_example_works(
    toy_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "base.yaml").write_text(BASE % toy_library, "utf-8")
    hidden = {
        "assets": {"library": str(toy_library), "classes": ["box", "ball"]},
        "objects": {"count": {"integer": [3, 4]}, "placement": {"kind": "scatter"}},
        "camera": {"resolution": [96, 72]},
    }
    planned_photos(tmp_path / "photos", check_config(hidden, (), tmp_path), tmp_path, 40)
    planned_photos(tmp_path / "photos" / "new", check_config({**hidden, "seed": 5}, (), tmp_path), tmp_path, 30)
    generate = scanstage.generate

    def quick(config: scanstage.Config, out: str) -> scanstage.Summary:
        return generate(config, out, engines=AnalyticEngines())

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "TRIED", 40)
    monkeypatch.setattr(scanstage, "generate", quick)
    block = re.search(r"## Photos\n.*?\n\n((?:    [^\n]*\n|\n)+)", PAGE.read_text("utf-8"), re.DOTALL)
    assert block is not None
    script = textwrap.dedent(block[1]).replace("workers=0", "workers=1")
    exec(compile(script, "python.md", "exec"), {"__name__": "__main__"})
    told = capsys.readouterr()
    assert "objects.count {'integer': [3, 4]}" in told.out
    assert "a classifier's AUC:" in told.out
    assert re.search(r"labels in a picture .*alike", told.out)
    assert told.err == ""
    assert scanstage.open_dataset("like").name == "base-fitted"
    facts = scanstage.report("like").facts["fit"]
    assert facts["photos"]["name"] == "instances"
    assert facts["changed"] == 0


@pytest.mark.parametrize("as_what", ["path", "config of a path", "keys", "config of keys"])
def test_a_config_may_be_given_in_any_way(as_what: str, tmp_path: Path) -> None:
    """What was said in it is what is fitted, and no default is said for it."""
    keys: dict[str, Any] = {"assets": {"source": "samples"}, "camera": {"elevation_deg": {"uniform": [10, 30]}}}
    path = tmp_path / "base.yaml"
    path.write_text("assets: {source: samples}\ncamera: {elevation_deg: {uniform: [10, 30]}}\n", "utf-8")
    config: Any = {
        "path": path,
        "config of a path": scanstage.load_config(path, {"seed": 4}),
        "keys": keys,
        "config of keys": scanstage.load_config(keys, {"seed": 4}),
    }[as_what]
    given = _given(config)
    assert given.data["camera"] == keys["camera"]
    assert "render" not in given.data
    assert given.data.get("seed") == (4 if "config" in as_what else None)
    assert check_config(given.data, (), given.folder).camera == given.config.camera


def test_mistakes_are_told_to_a_caller_of_python(tmp_path: Path) -> None:
    """Options have the names that they have here."""
    write_photos(tmp_path / "photos", made_up(20))
    real = tmp_path / "photos" / "instances.json"
    keys = {"assets": {"source": "samples"}}
    (tmp_path / "empty").mkdir()
    with pytest.raises(scanstage.InputError, match="is in none of") as e:
        scanstage.fit(real, keys, tmp_path / "fit", photos=tmp_path / "empty")
    assert "`photos`" in str(e.value)
    with pytest.raises(scanstage.InputError, match="there is no such extractor"):
        scanstage.compare(real, real, features="plane")  # type: ignore[arg-type]
    with pytest.raises(scanstage.InputError, match="there is no such file"):
        scanstage.drift(real, tmp_path / "nowhere.json")
    with pytest.raises(scanstage.InputError, match="no config"):
        scanstage.fit(real, 7)  # type: ignore[arg-type]


def test_labels_alone_are_compared_without_opening_a_picture(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_photos(tmp_path / name, made_up(30, seed=len(name)))
        for picture in (tmp_path / name / "images").iterdir():
            picture.write_bytes(b"")
    found = scanstage.compare(
        tmp_path / "a" / "instances.json", tmp_path / "b" / "instances.json", labels_only=True, map={"apple": "apple"}
    )
    assert found.verdict() == "alike"
    assert found.extractor is None
    assert found.to_json()["classes"] == ["apple", "mug"]
