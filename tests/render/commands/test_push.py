"""What is pushed to the hub, and what isn't; a stand-in takes it, held to the real client where that is installed."""

from __future__ import annotations

import inspect
import json
import shutil
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.analytic_engine import AnalyticEngines
from support.toy_runs import command, generated, toy_config

import scanstage
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.formats import export_dataset
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.render.bookkeeping.run_options import GenerateOptions
from scanstage.render.commands.push import push, repository

CONFIG = """
images: 2
assets: {library: %s, classes: [box, ball]}
objects: {count: 2}
camera: {resolution: [80, 60]}
"""


class Refusal(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(f"{status} Client Error:\n no")
        self.response = SimpleNamespace(status_code=status)


class Hub:
    """Stands in for the client and what is behind it."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.token: str | None = "hf_x"
        self.refusal: Exception | None = None

    def get_token(self) -> str | None:
        return self.token

    def HfApi(self) -> Hub:
        return self

    def create_repo(self, *args: Any, **kwargs: Any) -> str:
        self.calls.append(("create_repo", args, kwargs))
        if self.refusal:
            raise self.refusal
        self.repositories.setdefault(args[0], {".gitattributes": b""})
        self.private.setdefault(args[0], bool(kwargs["private"]))
        return f"https://huggingface.co/datasets/{args[0]}"

    def repo_info(self, *args: Any, **kwargs: Any) -> SimpleNamespace:
        self.calls.append(("repo_info", args, kwargs))
        return SimpleNamespace(private=self.private[args[0]])

    def list_repo_files(self, *args: Any, **kwargs: Any) -> list[str]:
        self.calls.append(("list_repo_files", args, kwargs))
        return list(self.repositories[args[0]])

    def upload_folder(self, **kwargs: Any) -> None:
        self.calls.append(("upload_folder", (), kwargs))
        files, root = self.repositories[kwargs["repo_id"]], Path(kwargs["folder_path"])

        def matches(name: str, patterns: str) -> bool:
            return any(fnmatchcase(name, p) for p in kwargs[patterns])

        for name in [n for n in files if matches(n, "delete_patterns")]:
            del files[name]
        for path in root.rglob("*"):
            name = path.relative_to(root).as_posix()
            if path.is_file() and matches(name, "allow_patterns") and not matches(name, "ignore_patterns"):
                files[name] = path.read_bytes()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    stand_in = Hub()
    monkeypatch.setitem(sys.modules, "huggingface_hub", stand_in)
    return stand_in


@pytest.fixture(scope="module")
def made(toy_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patched:
        config = toy_config(CONFIG, toy_library, patched, tmp_path_factory.mktemp("push"))
        return Path(str(generated(config, GenerateOptions(out=config.parent / "d"), AnalyticEngines()).folder.root))


@pytest.fixture
def dataset(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "d"))


def exported(dataset: Path, name: str = "yolo", images: str = "hardlink") -> Path:
    out = dataset.with_name("out")
    export_dataset(open_dataset(dataset), name, out, ExportOptions.parse({"images": images}))
    return out


def test_a_dataset_goes_with_its_card_and_without_what_is_ours_alone(dataset: Path, hub: Hub) -> None:
    (dataset / "blender.log").write_text("x")
    (dataset / "thesis.txt").write_text("mine")
    (dataset / "images/.leftover").write_text("x")
    pushed = push(dataset, "hf://me/toys")
    there = set(hub.repositories["me/toys"]) - {".gitattributes"}
    assert there == {
        *(f"images/00000{i}.jpg" for i in range(2)),
        *(f"records/00000{i}.json" for i in range(2)),
        *("annotations/instances.json", "run.json", "README.md", "__overview__/preview.png"),
    }
    assert pushed.files == len(there)
    assert pushed.bytes == sum((dataset / name).stat().st_size for name in there)
    assert pushed.url == "https://huggingface.co/datasets/me/toys"
    assert hub.private == {"me/toys": False}


@pytest.mark.parametrize("images", ["hardlink", "link"])
def test_an_export_goes_and_a_later_one_takes_its_place(dataset: Path, hub: Hub, images: str) -> None:
    out = exported(dataset, images=images)
    (out / "README.md").write_text("my own words")
    scanstage.push(out, "hf://datasets/me/toys", private=True)
    there = hub.repositories["me/toys"]
    assert there["README.md"] == b"my own words"
    assert sum(name.startswith("images/") for name in there) == 2
    assert hub.private == {"me/toys": True}
    there["images/train/of_before.jpg"] = b"x"
    push(out, "hf://me/toys")
    assert "images/train/of_before.jpg" not in there


def test_the_command(dataset: Path, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["push", str(dataset), "hf://me/toys", "--private"]) == 0
    assert "8 files" in capsys.readouterr().out
    hub.private["me/toys"] = False
    assert command(["push", str(dataset), "hf://me/toys", "--private"]) == 2
    assert "public" in (text := capsys.readouterr().err)
    assert "leave --private out" in text


def unfinished(root: Path) -> None:
    run = json.loads((root / "run.json").read_text())
    del run["pictures"]
    (root / "run.json").write_text(json.dumps(run))


WRONG = {
    "isn't finished": unfinished,
    "run.json says 2 pictures, there are 1": lambda root: (root / "records/000001.json").unlink(),
    "has no annotations": lambda root: (root / "annotations/instances.json").unlink(),
    "can't be read": lambda root: (root / "run.json").unlink(),
    "images/secret.jpg: a link": lambda root: (root / "images/secret.jpg").symlink_to("/etc/hostname"),
    "README.md: a link": lambda root: ((root / "README.md").unlink(), (root / "README.md").symlink_to("/etc/hostname")),
    "LICENSES: a link": lambda root: (root / "LICENSES").symlink_to("/etc"),
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_incomplete_or_leads_out_is_refused(dataset: Path, hub: Hub, text: str) -> None:
    WRONG[text](dataset)
    with pytest.raises(InputError, match=text):
        push(dataset, "hf://me/toys")
    assert hub.repositories == {}


def test_an_export_with_files_gone_or_elsewhere_is_refused(dataset: Path, hub: Hub) -> None:
    out = exported(dataset)
    mark = out / "scanstage_export.json"
    content = json.loads(mark.read_text())
    mark.write_text(json.dumps({**content, "files": {**content["files"], "/etc/hostname": [1, 1]}}))
    with pytest.raises(InputError, match="lists files elsewhere"):
        push(out, "hf://me/toys")
    (out / "data.yaml").unlink()
    with pytest.raises(InputError, match=r"1 file of the export are gone: data\.yaml|gone"):
        push(out, "hf://me/toys")
    assert hub.repositories == {}


@pytest.mark.parametrize(
    "target", ["hf://me", "s3://me/x", "me/x", "hf://me/a/b", "hf://me/a--b", "hf://-me/a", "hf://me/a.git"]
)
def test_what_is_no_name_is_refused(target: str) -> None:
    with pytest.raises(InputError, match="TARGET"):
        repository(target)
    assert repository("hf://me/a.b-c_2") == "me/a.b-c_2"


def test_whatever_else_is_missing_is_told(dataset: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repositories["me/toys"] = {"weights.bin": b"x"}
    with pytest.raises(InputError, match="holds something that scanstage didn't push"):
        push(dataset, "hf://me/toys")
    assert hub.repositories["me/toys"] == {"weights.bin": b"x"}
    hub.refusal = Refusal(403)
    with pytest.raises(InputError, match=r"the hub refuses \(403 Client Error: no\)[\s\S]*may write there"):
        push(dataset, "hf://me/other")
    hub.token = None
    with pytest.raises(InputError, match=r"no token[\s\S]*hf auth login[\s\S]*HF_TOKEN"):
        push(dataset, "hf://me/other")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"not installed[\s\S]*scanstage\[hub\]"):
        push(dataset, "hf://me/other")


def test_the_real_client_takes_these_calls(dataset: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    push(dataset, "hf://me/toys", private=True)
    monkeypatch.undo()
    real = pytest.importorskip("huggingface_hub")
    for name, args, kwargs in hub.calls:
        inspect.signature(getattr(real.HfApi, name)).bind(None, *args, **kwargs)
    assert len(hub.calls) == 4
    assert callable(real.get_token)


def test_a_later_push_leaves_nothing_of_an_earlier_one(dataset: Path, hub: Hub) -> None:
    """A picture that was in val and is in train now would be in both."""
    push(exported(dataset), "hf://a/b")
    first = set(hub.repositories["a/b"])
    assert any(name.startswith("images/val/") for name in first)
    shutil.rmtree(dataset.with_name("out"))
    push(exported(dataset, "huggingface"), "hf://a/b")
    now = set(hub.repositories["a/b"])
    listed = {
        p.relative_to(dataset.with_name("out")).as_posix() for p in dataset.with_name("out").rglob("*") if p.is_file()
    }
    assert now == listed | {".gitattributes"}


@pytest.mark.parametrize("name", ["images/private.txt", "records/secret.env", "records/mine/x.json"])
def test_files_of_the_user_within_folders_are_not_pushed(dataset: Path, hub: Hub, name: str) -> None:
    (dataset / name).parent.mkdir(exist_ok=True)
    (dataset / name).write_text("mine")
    with pytest.raises(InputError, match=f"{name}: not of scanstage"):
        push(dataset, "hf://a/b")
    out = exported(dataset)
    (out / "labels/train/notes.md").write_text("mine")
    with pytest.raises(InputError, match=r"labels/train/notes\.md: not of scanstage"):
        push(out, "hf://a/b")
    assert not hub.repositories
