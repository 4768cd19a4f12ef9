"""What runs on a node of a cluster, without a cluster: it checks that it can take part, and makes what it is sent."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from support.analytic_engine import AnalyticEngine, AnalyticEngines
from support.toy_runs import CONFIG, digest, run

import scanstage.render.executors.ray.remote_worker as module
from scanstage.assets.asset import META_FILE
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.render.engine.engine_protocol import EngineCrashed
from scanstage.render.executors.ray.remote_worker import RemoteWorker, Task, WorkerSpec, check_version
from scanstage.scenes.config.load import load_config
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.picture_sequence.identity import identity, own_version
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_inputs

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
        decided = identity(config, self.planner.catalogue)
        self.engines = AnalyticEngines()
        self.spec = WorkerSpec(
            own_version(),
            config.model_dump(mode="json"),
            str(folder),
            decided.assets,
            decided.files,
            str(self.folder.root),
            HERE,
            None,
            1,
            None,
        )

    def worker(self) -> RemoteWorker:
        return RemoteWorker(self.spec, self.engines)

    def task(self, index: int, again: bool = False) -> Task:
        return Task(index, self.planner.plan(index).plan.to_json(), again)


@pytest.fixture
def place(tmp_path: Path, toy_library: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path, toy_library)


def test_it_makes_the_same_bytes_as_a_local_run(place: Place, tmp_path: Path) -> None:
    worker = place.worker()
    outcomes = [*worker.make([place.task(i) for i in (0, 1, 2)]), *worker.make([place.task(3)])]
    worker.stop(at_once=False)
    assert [o.index for o in outcomes] == [0, 1, 2, 3]
    assert place.engines.opened == 1
    assert all(o.record is not None and o.reason is None for o in outcomes)
    run(place.path, out=tmp_path / "local", frames=(0, 3))
    assert digest(tmp_path / "out", "images", "records") == digest(tmp_path / "local", "images", "records")


def test_the_config_survives_its_journey(place: Place) -> None:
    assert RunConfig.model_validate(place.spec.config) == place.planner.config


def test_chunks_that_overlap_are_answered_each(place: Place) -> None:
    worker = place.worker()
    tasks = [place.task(i) for i in range(4)]
    found: dict[str, list[int]] = {}

    def make(name: str, some: list[Task]) -> None:
        found[name] = sorted(o.index for o in worker.make(some))

    threads = [
        threading.Thread(target=make, args=(name, some))
        for name, some in (("a", tasks[:3]), ("b", tasks[1:]), ("c", tasks[:1]))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    worker.stop(at_once=False)
    assert found == {"a": [0, 1, 2], "b": [1, 2, 3], "c": [0]}


def test_a_finished_picture_that_is_sent_again_is_not_rendered_again(place: Place) -> None:
    worker = place.worker()
    [first] = worker.make([place.task(2)])
    place.engines.troubles = {i: [AssertionError("rendered again")] for i in (2, 3)}
    [again] = worker.make([place.task(2, again=True)])
    assert again.record == first.record
    place.folder.image(2, "jpg").write_bytes(b"cut off")
    place.engines.troubles = {}
    [mended] = worker.make([place.task(2, again=True)])
    assert mended.record == first.record
    assert place.folder.image(2, "jpg").stat().st_size > 100
    worker.stop(at_once=False)


def test_a_picture_that_cannot_be_made_is_quarantined_where_it_fails(place: Place) -> None:
    place.engines.troubles = {1: [EngineCrashed("segfault") for _ in range(9)]}
    worker = place.worker()
    outcomes = {o.index: o for o in worker.make([place.task(i) for i in (0, 1, 2)])}
    worker.stop(at_once=False)
    assert [i for i, o in outcomes.items() if o.record is None] == [1]
    assert "segfault" in outcomes[1].reason
    assert (place.folder.quarantined(1) / "plan.json").is_file()


def test_what_differs_from_the_sender_is_said_with_its_path(place: Place) -> None:
    meta = place.library / "box" / "toy" / META_FILE
    meta.write_text(meta.read_text() + " ")
    spec = replace(
        place.spec,
        assets={**place.spec.assets, "box/gone": "0" * 16},
        files={"/photos/sky.exr": 17},
    )
    with pytest.raises(InputError) as raised:
        RemoteWorker(spec, place.engines)
    text = "\n".join(raised.value.problems)
    assert f"{meta.parent}: another scan there" in text
    assert "box/gone: missing" in text
    assert "/photos/sky.exr: missing there" in text
    assert len(raised.value.problems) == 3
    assert "shared" in raised.value.hint
    assert place.engines.opened == 0


def test_a_folder_that_is_not_shared_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHARED_WAIT_S", 0.1)
    (place.folder.root / HERE["path"]).write_text("another run's")
    with pytest.raises(InputError, match="isn't the folder there that the run writes to"):
        place.worker()
    shutil.rmtree(place.folder.root)
    with pytest.raises(InputError, match="isn't the folder there"):
        place.worker()
    assert not place.folder.root.exists()


def test_another_version_is_refused() -> None:
    check_version(own_version())
    with pytest.raises(InputError, match="the run is of 99"):
        check_version("99")


def test_after_its_end_it_takes_nothing_more(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = place.worker()

    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("scanstage.render.finish.finish_picture.write_atomically", fail)
    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            worker.make([place.task(0)])
    worker.stop(at_once=True)


def test_a_worker_that_is_stopped_at_once_answers_what_waits(place: Place) -> None:
    entered, go_on = threading.Event(), threading.Event()

    class Long(AnalyticEngine):
        def render(self, plan, asset_folders, timeout_s):
            entered.set()
            go_on.wait(20)
            raise EngineCrashed("killed")

        def kill(self) -> None:
            self.alive = False
            go_on.set()

    place.engines = AnalyticEngines(Long)
    worker, found = place.worker(), []

    def make() -> None:
        try:
            worker.make([place.task(0)])
        except InterruptedError as e:
            found.append(str(e))

    thread = threading.Thread(target=make)
    thread.start()
    assert entered.wait(20)
    worker.stop(at_once=True)
    thread.join(10)
    assert found == ["the worker was stopped"]
