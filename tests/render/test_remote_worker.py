"""What runs on a node of a cluster, without a cluster: it checks that it can take part, and makes what it is sent."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from test_generate import CONFIG, FakeSession, digest, use_analytic_engine

import render.remote_worker as module
from assets.asset import META_FILE
from assets.errors import InputError
from dataset.folder import DatasetFolder
from render.generate import generate
from render.options import GenerateOptions
from render.remote_worker import Errand, Parcel, RemoteWorker, check_version
from render.session import EngineCrashed
from scenes.config import RunConfig, load_config
from scenes.identity import identity, own_version
from scenes.planner import Planner
from scenes.preflight import open_inputs

HERE = {"path": ".scanstage.lock", "text": '{"pid": 1, "host": "somewhere"}'}


class Place:
    """A config, its plans, and a dataset's folder that a run holds."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.library = folder / "library"
        shutil.copytree(library, self.library)
        self.path = folder / "toys.yaml"
        self.path.write_text(CONFIG % self.library)
        config = load_config(self.path, [])
        self.planner = Planner(config, open_inputs(config, folder), folder)
        self.folder = DatasetFolder(folder / "out")
        self.folder.create()
        (self.folder.root / HERE["path"]).write_text(HERE["text"])
        decided = identity(config, self.planner.catalogue, folder)
        self.errand = Errand(
            own_version(),
            config.model_dump(mode="json"),
            str(folder),
            decided["assets"],
            decided["files"],
            str(self.folder.root),
            HERE,
            None,
            1,
            None,
        )

    def parcel(self, index: int, again: bool = False) -> Parcel:
        return Parcel(index, self.planner.plan(index).plan.to_json(), again)


@pytest.fixture
def place(tmp_path: Path, toy_library: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    use_analytic_engine(monkeypatch, tmp_path)
    return Place(tmp_path, toy_library)


def test_it_makes_the_same_bytes_as_a_local_run(place: Place, tmp_path: Path) -> None:
    worker = RemoteWorker(place.errand)
    outcomes = [*worker.make([place.parcel(i) for i in (0, 1, 2)]), *worker.make([place.parcel(3)])]
    worker.stop(at_once=False)
    assert [o.index for o in outcomes] == [0, 1, 2, 3]
    assert FakeSession.opened == 1
    assert all(o.record is not None and o.reason is None for o in outcomes)
    generate(place.path, GenerateOptions(out=tmp_path / "local", frames=(0, 3)), Console(quiet=True))
    assert digest(tmp_path / "out", "images", "records") == digest(tmp_path / "local", "images", "records")


def test_the_config_survives_its_journey(place: Place) -> None:
    assert RunConfig.model_validate(place.errand.config) == place.planner.config


def test_chunks_that_overlap_are_answered_each(place: Place) -> None:
    worker = RemoteWorker(place.errand)
    parcels = [place.parcel(i) for i in range(4)]
    found: dict[str, list[int]] = {}

    def make(name: str, some: list[Parcel]) -> None:
        found[name] = sorted(o.index for o in worker.make(some))

    threads = [
        threading.Thread(target=make, args=(name, some))
        for name, some in (("a", parcels[:3]), ("b", parcels[1:]), ("c", parcels[:1]))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    worker.stop(at_once=False)
    assert found == {"a": [0, 1, 2], "b": [1, 2, 3], "c": [0]}


def test_a_finished_picture_that_is_sent_again_is_not_rendered_again(place: Place) -> None:
    worker = RemoteWorker(place.errand)
    [first] = worker.make([place.parcel(2)])
    FakeSession.troubles = {i: [AssertionError("rendered again")] for i in (2, 3)}
    [again] = worker.make([place.parcel(2, again=True)])
    assert again.record == first.record
    place.folder.image(2, "jpg").write_bytes(b"cut off")
    FakeSession.troubles = {}
    [mended] = worker.make([place.parcel(2, again=True)])
    assert mended.record == first.record
    assert place.folder.image(2, "jpg").stat().st_size > 100
    worker.stop(at_once=False)


def test_a_picture_that_cannot_be_made_is_quarantined_where_it_fails(place: Place) -> None:
    FakeSession.troubles = {1: [EngineCrashed("segfault") for _ in range(9)]}
    worker = RemoteWorker(place.errand)
    outcomes = {o.index: o for o in worker.make([place.parcel(i) for i in (0, 1, 2)])}
    worker.stop(at_once=False)
    assert [i for i, o in outcomes.items() if o.record is None] == [1]
    assert "segfault" in outcomes[1].reason
    assert (place.folder.quarantined(1) / "plan.json").is_file()


def test_what_differs_from_the_sender_is_said_with_its_path(place: Place) -> None:
    meta = place.library / "box" / "toy" / META_FILE
    meta.write_text(meta.read_text() + " ")
    errand = replace(
        place.errand,
        assets={**place.errand.assets, "box/gone": "0" * 16},
        files={"/photos/sky.exr": 17},
    )
    with pytest.raises(InputError) as raised:
        RemoteWorker(errand)
    text = "\n".join(raised.value.problems)
    assert f"{meta.parent}: another scan there" in text
    assert "box/gone: missing" in text
    assert "/photos/sky.exr: missing there" in text
    assert len(raised.value.problems) == 3
    assert "shared" in raised.value.mend
    assert FakeSession.opened == 0


def test_a_folder_that_is_not_shared_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHARED_WAIT_S", 0.1)
    (place.folder.root / HERE["path"]).write_text("another run's")
    with pytest.raises(InputError, match="isn't the folder there that the run writes to"):
        RemoteWorker(place.errand)
    shutil.rmtree(place.folder.root)
    with pytest.raises(InputError, match="isn't the folder there"):
        RemoteWorker(place.errand)
    assert not place.folder.root.exists()


def test_another_version_is_refused() -> None:
    check_version(own_version())
    with pytest.raises(InputError, match="the run is of 99"):
        check_version("99")


def test_after_its_end_it_takes_nothing_more(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = RemoteWorker(place.errand)

    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("render.finish.write_atomically", fail)
    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            worker.make([place.parcel(0)])
    worker.stop(at_once=True)
