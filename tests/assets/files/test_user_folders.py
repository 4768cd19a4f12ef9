"""Users without a home or an entry in passwd, homes and caches that can't be written, and who else is there."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from pathlib import Path

import pytest

from scanstage.assets.files import user_folders
from scanstage.assets.files.user_folders import (
    CACHE,
    LIBRARY,
    cached,
    can_be_written,
    default_library,
    expanded,
    library_for_writing,
    private_folder,
    temporary_cache,
)
from scanstage.assets.library.primitives import primitive_assets
from scanstage.assets.messages.errors import InputError
from scanstage.assets.textures.surface_textures import surface_texture
from scanstage.render.cli.app import entrypoint

pytestmark = pytest.mark.skipif(os.name != "posix", reason="users of Unix")

ROOT = Path(__file__).parents[3]
NOBODY = 23456
CLOSED = "/dev/null/home"
"""A home in which nobody can make a folder, root neither."""


def _nobody(uid: int) -> pwd.struct_passwd:
    raise KeyError(f"getpwuid(): uid not found: {uid}")


@pytest.fixture(params=["no home", "no entry", "closed", "absent", "a file"])
def homeless(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who can write to nothing but the temporary folder, which is returned."""
    for name in (CACHE, LIBRARY, "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    if request.param in ("no home", "no entry"):
        monkeypatch.delenv("HOME")
        monkeypatch.setattr(pwd, "getpwuid", _nobody)
    elif request.param == "a file":
        (tmp_path / "home").touch()
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
    else:
        monkeypatch.setenv("HOME", {"closed": CLOSED, "absent": f"{CLOSED}/deeper"}[request.param])
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    temporary_cache.cache_clear()
    yield tmp_path / "tmp"
    temporary_cache.cache_clear()


def test_what_can_be_made_anew_is_kept_in_a_private_folder(homeless: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "scanstage")
    assert surface_texture("marble").is_file()
    assert all(asset.folder.is_relative_to(homeless) for asset in primitive_assets().values())
    [cache] = homeless.iterdir()
    assert cache.stat().st_mode & 0o777 == 0o700
    [told] = caplog.messages
    for name in (CACHE, LIBRARY, str(cache)):
        assert name in told


def test_reading_a_library_that_can_t_be_there_finds_nothing(
    homeless: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert default_library() is None
    assert entrypoint(["assets", "list"]) == 0
    assert LIBRARY in capsys.readouterr().out
    assert entrypoint(["assets", "list", "--json"]) == 0
    assert capsys.readouterr().out == "[]\n"
    assert not list(homeless.iterdir())


@pytest.mark.parametrize(
    "command",
    [["assets", "pull", "ycb"], ["assets", "add", "x.ply", "--class", "a"], ["assets", "remove", "a/b"]],
    ids=lambda c: c[1],
)
def test_writing_to_a_library_names_what_names_one(
    homeless: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert entrypoint(command) == 2
    assert LIBRARY in capsys.readouterr().err


def test_a_config_without_a_library_says_how_to_name_one(homeless: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (homeless / "c.yaml").write_text("images: 1\n")
    assert entrypoint(["plan", str(homeless / "c.yaml")]) == 2
    err = capsys.readouterr().err
    assert LIBRARY in err
    assert "source: samples" in err


@pytest.mark.parametrize("variable", [CACHE, LIBRARY])
def test_a_variable_that_needs_a_home_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "~nobody-of-that-name/place")
    with pytest.raises(InputError, match=f"{variable}=~nobody-of-that-name"):
        default_library() if variable == LIBRARY else cached("x")
    with pytest.raises(InputError, match="home folder"):
        expanded(Path("~nobody-of-that-name"))


@pytest.mark.parametrize(
    "line",
    [
        "assets: {library: TOYS}\nlight: {hdri: {image: ~nobody-there/a.exr}}",
        "assets: {library: TOYS}\ncamera: {intrinsics: ~nobody-there/a.yaml}",
        "assets: {library: ~nobody-there/a}",
    ],
)
def test_homes_that_a_config_names(
    tmp_path: Path, toy_library: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    (tmp_path / "c.yaml").write_text(f"images: 1\n{line.replace('TOYS', str(toy_library))}\n")
    assert entrypoint(["plan", str(tmp_path / "c.yaml")]) == 2
    assert "~nobody-there/a" in (err := capsys.readouterr().err)
    assert "where that home folder is" in err


def test_a_full_cache_that_can_t_be_written_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "scanstage")
    """As one that an image of a container brings along."""
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    texture = surface_texture("granite")
    monkeypatch.setattr(user_folders.os, "access", lambda path, mode: False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    temporary_cache.cache_clear()
    assert surface_texture("granite") == texture
    assert not caplog.messages
    assert surface_texture("marble").is_relative_to(tmp_path / f"scanstage-cache-{os.geteuid()}")
    assert f"{tmp_path / 'cache'} can't be written" in caplog.text
    temporary_cache.cache_clear()


def test_a_library_that_can_t_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert library_for_writing(tmp_path / "new/library") == tmp_path / "new/library"
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="scans can't be put there") as refused:
        library_for_writing(tmp_path / "file/library")
    assert LIBRARY in str(refused.value)
    monkeypatch.setattr(user_folders.os, "access", lambda path, mode: False)
    assert not can_be_written(tmp_path)


# Somebody else was first in the temporary folder


def _link(place: Path, victim: Path) -> None:
    place.symlink_to(victim)


def _dangling(place: Path, victim: Path) -> None:
    place.symlink_to(victim / "not there")


def _shared(place: Path, victim: Path) -> None:
    place.mkdir()
    place.chmod(0o777)


def _of_the_group(place: Path, victim: Path) -> None:
    place.mkdir(mode=0o700)
    place.chmod(0o770)


def _file(place: Path, victim: Path) -> None:
    place.write_text("planted")


def _pipe(place: Path, victim: Path) -> None:
    os.mkfifo(place)


def _foreign(place: Path, victim: Path) -> None:
    place.mkdir(mode=0o700)
    if os.geteuid():
        pytest.skip("needs root to make somebody else's folder")
    os.chown(place, NOBODY, NOBODY)


@pytest.mark.parametrize("plant", [_link, _dangling, _shared, _of_the_group, _file, _pipe, _foreign])
def test_what_somebody_else_put_there_is_left_alone(tmp_path: Path, plant: object) -> None:
    (victim := tmp_path / "victim").mkdir()
    (parent := tmp_path / "tmp").mkdir()
    place = parent / f"scanstage-cache-{os.geteuid()}"
    plant(place, victim)  # type: ignore[operator]
    found = private_folder(parent)
    assert found != place
    assert found.lstat().st_mode & 0o077 == 0
    assert not found.is_symlink()
    assert not list(victim.iterdir())
    place.rename(parent / "away")
    assert private_folder(parent) == place
    assert private_folder(parent) == place, "the same one each time"


# A real user


RUNS = "import scanstage.render.cli.app, cv2, subprocess, sys; subprocess.check_call([sys.executable, '-c', ''])"


def _python(folder: Path) -> tuple[str, dict[str, str]] | None:
    """An interpreter that any user can run, with our packages, and with links in a folder to where ours lies."""
    (tree := folder / "packages/scanstage").mkdir(parents=True)
    package_dir = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-dir"]
    front = ROOT / package_dir.pop("scanstage")
    for file in front.iterdir():
        (tree / file.name).symlink_to(file)
    for name, room in package_dir.items():
        (tree / name.removeprefix("scanstage.")).symlink_to(ROOT / room)
    paths = os.pathsep.join([str(tree.parent), *(p for p in sys.path if p.endswith("site-packages"))])
    for python in (sys.executable, f"/usr/bin/python{sysconfig.get_python_version()}"):
        variables = {"PYTHONPATH": paths, "PATH": "/usr/bin:/bin"}
        with_our = [
            *_as_nobody(),
            python,
            "-c",
            "import scanstage.render.cli.app, cv2, subprocess, sys; subprocess.check_call([sys.executable, '-c', ''])",
        ]
        if subprocess.run(with_our, env=variables, capture_output=True, check=False, cwd="/").returncode == 0:
            return python, variables
    return None


def _as_nobody() -> list[str]:
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="becomes another user")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv")
def test_a_user_who_is_in_no_list() -> None:
    """``docker run --user``: uncaught errors would be tracebacks."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        found = _python(Path(folder))
        if found is None:
            pytest.skip("no Python here that another user could run")
        python, variables = found
        (Path(folder) / "c.yaml").write_text("images: 1\nassets: {library: nothing}\n")
        for home in (None, "/", "/root", "/absent/home"):
            environment = variables | {"TMPDIR": folder} | ({} if home is None else {"HOME": home})
            for arguments in (["assets", "list"], ["plan", "c.yaml"], ["assets", "pull", "ycb", "--wheel", "none.whl"]):
                command = [*_as_nobody(), python, "-m", "scanstage", *arguments]
                done = subprocess.run(command, env=environment, capture_output=True, check=False, cwd=folder, text=True)
                assert "Traceback" not in done.stderr, done.stderr
                assert done.returncode == (0 if arguments[1] == "list" else 2), done.stderr
