"""What those see who install, cite or read about a version: all places agree, and the licence comes along."""

from __future__ import annotations

import re
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
import yaml
from support.wheel import build_wheel

ROOT = Path(__file__).parent.parent
ABOUT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = ABOUT["project"]


def citation() -> dict[str, object]:
    return yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))


def headings() -> list[str]:
    return re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)


@pytest.fixture(scope="module")
def metadata(tmp_path_factory: pytest.TempPathFactory) -> tuple[Message, dict[str, str]]:
    """METADATA of the wheel, and its licence files by name."""
    wheel = build_wheel(tmp_path_factory.mktemp("wheel"))
    with zipfile.ZipFile(wheel) as archive:
        texts = {n: archive.read(n).decode() for n in archive.namelist() if ".dist-info/" in n}
    about = next(text for name, text in texts.items() if name.endswith("/METADATA"))
    licences = {n.rpartition("/licenses/")[2]: text for n, text in texts.items() if "/licenses/" in n}
    return Parser().parsestr(about), licences


def test_the_newest_release_is_the_version_everywhere() -> None:
    newest, date = re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", headings()[1]).groups()  # type: ignore[union-attr]
    assert PROJECT["version"] == citation()["version"] == newest
    assert str(citation()["date-released"]) == date


def test_the_changelog_has_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert headings()[0] == "[Unreleased]"
    released = [re.fullmatch(r"\[(.+)\] - .+", h)[1] for h in headings()[1:]]  # type: ignore[index]
    assert released == sorted(released, key=lambda v: [int(n) for n in v.split(".")], reverse=True)
    links = dict(re.findall(r"^\[(.+?)\]: (\S+)$", text, re.MULTILINE))
    assert list(links) == ["Unreleased", *released]
    assert links["Unreleased"].endswith(f"/compare/v{released[0]}...HEAD")
    groups = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert groups <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_licence_is_named_alike_and_comes_with_the_wheel(metadata: tuple[Message, dict[str, str]]) -> None:
    about, licences = metadata
    assert about["License-Expression"] == PROJECT["license"] == citation()["license"] == "Apache-2.0"
    assert licences == {"LICENSE": (ROOT / "LICENSE").read_text("utf-8")}
    assert "Version 2.0, January 2004" in licences["LICENSE"]


def test_all_places_name_one_repository(metadata: tuple[Message, dict[str, str]]) -> None:
    home = PROJECT["urls"]["Homepage"]
    assert citation()["repository-code"] == home
    assert all(url.startswith(home) for url in PROJECT["urls"].values())
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert {u.startswith(home + "/") for u in re.findall(r"^\[.+?\]: (\S+)$", changelog, re.MULTILINE)} == {True}
    assert set(metadata[0].get_all("Project-URL") or []) == {f"{k}, {v}" for k, v in PROJECT["urls"].items()}
    assert metadata[0]["Version"] == PROJECT["version"]


def test_the_pythons_named_are_those_that_bpy_has() -> None:
    """Whoever adds a Python adds its Blender."""
    wheels = {m[1] for d in PROJECT["dependencies"] if (m := re.match(r"bpy==.*python_version == '(.+)'", d))}
    prefix = "Programming Language :: Python :: 3."
    assert {"3." + c.removeprefix(prefix) for c in PROJECT["classifiers"] if c.startswith(prefix)} == wheels
    assert PROJECT["requires-python"] == f">={min(wheels)}"
