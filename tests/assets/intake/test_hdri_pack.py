"""The environment images, from a stand-in archive: no test goes to the network."""

from __future__ import annotations

import base64
import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from scanstage.assets.intake import hdri_pack, pinned_download
from scanstage.assets.intake.hdri_pack import INDOORS, OUTDOORS, pull_hdris
from scanstage.assets.messages.errors import InputError

EXR = b"\x76\x2f\x31\x01 and what follows"


def pack_up(path: Path, texts: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in texts.items():
            member = tarfile.TarInfo(f"package/hdri/{name}.exr.js")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    monkeypatch.setattr(hdri_pack, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def script(image: bytes) -> bytes:
    return b"export default 'data:application/octet-stream;base64," + base64.b64encode(image) + b"'\n"


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    texts = {name: script(EXR + name.encode()) for name in (*INDOORS, *OUTDOORS)}
    return pack_up(tmp_path / "assets.tgz", texts, monkeypatch)


def test_images_lie_in_folders_that_say_where_they_were_taken(tmp_path: Path, archive: Path) -> None:
    result = pull_hdris(tmp_path / "library", archive)
    assert [f.name for f in result.folders] == ["indoors", "outdoors"]
    assert len(result.added) == 18
    for folder, names in zip(result.folders, (INDOORS, OUTDOORS), strict=True):
        assert {f.name: f.read_bytes() for f in folder.iterdir()} == {f"{n}.exr": EXR + n.encode() for n in names}


def test_what_is_missing_is_completed_and_nothing_else_fetched(tmp_path: Path, archive: Path, monkeypatch) -> None:
    library = tmp_path / "library"
    pull_hdris(library, archive)
    monkeypatch.setattr(hdri_pack, "_fetch", lambda _: pytest.fail("fetched again"))
    assert pull_hdris(library).present == 18
    (library / "hdris/indoors/hall.exr").unlink()
    again = pull_hdris(library, archive)
    assert [f.name for f in again.added] == ["hall.exr"]


def test_another_archive_is_refused(tmp_path: Path, archive: Path) -> None:
    archive.write_bytes(archive.read_bytes() + b"\0")
    with pytest.raises(InputError, match="sha256"):
        pull_hdris(tmp_path / "library", archive)
    with pytest.raises(InputError, match="can't be read"):
        pull_hdris(tmp_path / "library", tmp_path / "none.tgz")
    assert not (tmp_path / "library").exists()


@pytest.mark.parametrize("text", [b"export default 1", script(b"GIF89a"), b"base64,AAA"])
def test_what_is_no_image_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes) -> None:
    texts = {name: script(EXR) for name in (*INDOORS, *OUTDOORS)} | {"sky": text}
    with pytest.raises(InputError, match=r"sky\.exr\.js: holds no EXR"):
        pull_hdris(tmp_path / "library", pack_up(tmp_path / "a.tgz", texts, monkeypatch))
    assert not (tmp_path / "library").exists()


def test_npm_fetches_where_it_is_installed(tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def packs(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        Path(command[command.index("--pack-destination") + 1], "assets.tgz").write_bytes(archive.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(hdri_pack.shutil, "which", lambda _: "/usr/bin/npm")
    monkeypatch.setattr(pinned_download.subprocess, "run", packs)
    assert len(pull_hdris(tmp_path / "library").added) == 18
    assert commands[0][1:3] == ["pack", "@pmndrs/assets@1.7.0"]


def test_no_network_is_said_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "npm error code ENOTFOUND\n")

    monkeypatch.setattr(pinned_download.subprocess, "run", fails)
    monkeypatch.setattr(hdri_pack, "ADDRESS", (tmp_path / "nothing").as_uri())
    for npm in ("/usr/bin/npm", None):
        monkeypatch.setattr(hdri_pack.shutil, "which", lambda _, npm=npm: npm)
        with pytest.raises(InputError, match="can't be fetched") as caught:
            pull_hdris(tmp_path / "library")
        assert "`archive`" in str(caught.value.hint)
