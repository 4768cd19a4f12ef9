"""Which scans lie about without a label: none that could be taken for what is labelled."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import trimesh
from support.toy_runs import store_toy

from scanstage.assets.asset import Asset
from scanstage.assets.library.stored_assets import list_assets
from scanstage.assets.messages.errors import InputError
from scanstage.scenes.config.load import load_config
from scanstage.scenes.inputs import catalogue as catalogue_module
from scanstage.scenes.inputs.clutter_scans import clutter_scans
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_planner

CUBE = trimesh.creation.box((0.05, 0.05, 0.05))


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Asset]:
    """What stands for the built-in samples: as quick to read, and of names like theirs."""
    folder = tmp_path_factory.mktemp("samples")
    for name in ("mug", "can", "carton", "duck"):
        store_toy(folder, name, CUBE, (0.3, 0.3, 0.3))
    return list_assets(folder)


@pytest.fixture(autouse=True)
def _samples_are_toys(samples: list[Asset], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_module, "sample_assets", lambda: samples)


def planner(folder: Path, library: Path, distractors: str, classes: str = "all") -> Planner:
    path = folder / "c.yaml"
    path.write_text(
        f"assets: {{library: {library}, classes: {classes}}}\ncamera: {{resolution: [64, 48]}}\n"
        f"objects: {{count: 1, scale: 0.5}}\ndistractors: {{{distractors}}}\n"
    )
    return open_planner(load_config(path), folder)


def clutter(it: Planner, pictures: int = 6) -> list[str]:
    plans = [it.plan(i).plan for i in range(pictures)]
    return [o.asset_id.partition("/")[0] for p in plans for o in p.objects if o.class_name is None]


@pytest.mark.parametrize(
    ("labelled", "left"),
    [
        (["ball"], {"mug", "can", "carton", "duck"}),
        (["coffee_mug"], {"can", "carton", "duck"}),
        (["002_SodaCans"], {"mug", "carton", "duck"}),
        (["Cracker box", "cups"], {"can", "duck"}),
        (["canister", "mugshot"], {"mug", "can", "carton", "duck"}),
    ],
)
def test_no_sample_serves_that_a_labelled_class_resembles(
    tmp_path: Path, toy_library: Path, samples: list[Asset], labelled: list[str], left: set[str]
) -> None:
    config = planner(tmp_path, toy_library, "source: samples, count: 1", "[ball]").config.distractors
    assert set(clutter_scans(config, [], samples, labelled)["samples"]) == left


def test_samples_lie_about_in_their_own_size_without_a_label(tmp_path: Path, toy_library: Path) -> None:
    it = planner(tmp_path, toy_library, "source: samples, count: 3")
    found = clutter(it)
    assert len(found) == 18
    assert set(found) == {"mug", "can", "duck"}, "a carton is a box, which has a label"
    assert all(len(set(found[i : i + 3])) == 3 for i in range(0, 18, 3)), "no class twice while there are others"
    planned = it.plan(0)
    assert {o.class_name for o in planned.plan.objects} - {None} <= {"box", "ball", "rod"}
    sample = next(o for o in planned.plan.objects if o.class_name is None)
    assert abs(sum(row[0] ** 2 for row in sample.object_to_world) ** 0.5 - 1) < 1e-6


def test_the_library_serves_with_what_has_no_label(tmp_path: Path, toy_library: Path) -> None:
    it = planner(tmp_path, toy_library, "source: library, count: 2", "[ball]")
    assert set(clutter(it)) == {"box", "rod"}
    it = planner(tmp_path, toy_library, "source: library, count: 2, exclude: [rod]", "[ball]")
    assert set(clutter(it)) == {"box"}


def test_a_mixture_has_each_by_its_weight(tmp_path: Path, toy_library: Path) -> None:
    mixed = "source: {primitives: 1, samples: 1, library: 1}, count: 4"
    found = clutter(planner(tmp_path, toy_library, mixed, "[ball]"), 8)
    assert {"primitive", "rod"} < set(found)
    assert set(found) & {"mug", "can", "duck"}
    only = clutter(planner(tmp_path, toy_library, "source: {primitives: 0, samples: 1}, count: 4"), 3)
    assert set(only) == {"mug", "can", "duck"}


def test_other_sources_draw_what_they_drew(tmp_path: Path, toy_library: Path) -> None:
    alone = planner(tmp_path, toy_library, "source: primitives, count: 3")
    mapped = planner(tmp_path, toy_library, "source: {primitives: 2}, count: 3")
    assert alone.plan(1).plan == mapped.plan(1).plan


def test_a_sample_that_was_taken_in_is_the_librarys(tmp_path: Path, toy_library: Path) -> None:
    library = tmp_path / "library"
    shutil.copytree(toy_library, library)
    store_toy(library, "duck", CUBE, (0.9, 0.8, 0.1))
    it = planner(tmp_path, library, "source: {samples: 1, library: 1}, count: 2", "[ball]")
    assert it.catalogue.asset("duck/toy").folder.is_relative_to(library)
    assert "duck/toy" in {a.meta.asset_id for a in it.catalogue.scans}


def test_a_source_without_a_scan_leaves_it_to_the_others(tmp_path: Path, toy_library: Path) -> None:
    it = planner(tmp_path, toy_library, "source: {library: 5, primitives: 1}, count: 3", "all")
    unlabelled = [o.asset_id for o in it.plan(0).plan.objects if o.class_name is None]
    assert len(unlabelled) == 3
    assert all(name.startswith("primitive/") for name in unlabelled)


@pytest.mark.parametrize(
    ("distractors", "classes", "told"),
    [
        ("source: library", "all", "library holds no class that is neither labelled nor excluded"),
        ("source: samples, exclude: [mug, can, duck]", "all", "samples holds no class"),
        ("source: {library: 1, samples: 1}, exclude: [mug, can, duck]", "all", "samples holds no class"),
        ("source: samples, exclude: [mugs]", "all", "there is no class 'mugs'; did you mean mug?"),
        ("source: {samples: 0}", "all", "no source has a weight above 0"),
        ("source: {pictures: 1}", "all", "distractors.source"),
    ],
)
def test_what_cant_be_is_told(tmp_path: Path, toy_library: Path, distractors: str, classes: str, told: str) -> None:
    with pytest.raises(InputError) as e:
        planner(tmp_path, toy_library, distractors, classes)
    assert told in str(e.value)
