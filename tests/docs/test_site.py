"""The site: what is looked for in what was built, links that are moved, and pages that the navigation leads to."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from build_site import MOVED, NAVIGATION, copy_pages, navigation, navigation_toml, unlisted, with_links
from built_links import check_built
from support.doc_blocks import ROOT

PAGE = '<html><head>{head}</head><body id="top"><h2 id="here">Here</h2>{body}</body></html>'


def built(folder: Path, body: str = "", head: str = "") -> list[str]:
    (folder / "sub").mkdir()
    (folder / "index.html").write_text(PAGE.format(head=head, body=body), "utf-8")
    (folder / "sub/other.html").write_text(PAGE.format(head="", body='<a href="../index.html#here">back</a>'), "utf-8")
    (folder / "own.css").write_text("a { background: url('own.png') }", "utf-8")
    return check_built(folder)


@pytest.mark.parametrize(
    "body",
    [
        '<a href="#here">a</a><a href="sub/other.html#here">b</a><a href="own.css">c</a>',
        '<a href="https://example.org/page#somewhere">elsewhere</a><a href="mailto:a@example.org">post</a>',
    ],
)
def test_a_sound_site_has_no_faults(body: str, tmp_path: Path) -> None:
    assert (
        built(tmp_path, body, '<link rel="stylesheet" href="own.css"><link rel="canonical" href="https://a.org/">')
        == []
    )


@pytest.mark.parametrize(
    ("body", "head", "told"),
    [
        ('<a href="sub/none.html">a</a>', "", "sub/none.html leads nowhere"),
        ('<a href="sub/other.html#there">a</a>', "", "no such place"),
        ('<a href="#there">a</a>', "", "no such place"),
        ('<img src="none.png">', "", "none.png leads nowhere"),
        ('<img src="https://example.org/a.png">', "", "asks https://example.org/a.png"),
        ("", '<script src="//cdn.example.org/a.js"></script>', "asks //cdn.example.org/a.js"),
        ("", '<link rel="stylesheet" href="https://fonts.example.org/css">', "asks https://fonts.example.org/css"),
    ],
)
def test_a_fault_is_told(body: str, head: str, told: str, tmp_path: Path) -> None:
    (fault,) = built(tmp_path, body, head)
    assert told in fault


def test_a_style_that_asks_others_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text('@import "https://fonts.example.org/css"; b { c: url(//d.org/e.png) }', "utf-8")
    assert len(check_built(tmp_path)) == 2


def test_links_hold_at_their_new_place() -> None:
    source, page = ROOT / "docs/guide/labels.md", Path("guide/labels.md")
    text = "[a](../formats.md#yolo) [b](../../README.md) [c](../../configs/ycb.yaml) [d](https://a.org) [e](#f)"
    moved = with_links(text, source, page)
    assert "[a](../formats.md#yolo) [b](../index.md)" in moved
    assert re.search(
        r"\[c\]\(https://github\.com/\S+/blob/main/configs/ycb\.yaml\) \[d\]\(https://a\.org\) \[e\]\(#f\)", moved
    )
    code = "```yaml\na: [b](../../README.md)\n```\n"
    assert with_links(code, source, page) == code
    assert with_links("[a](docs/formats.md)", ROOT / "SECURITY.md", Path("project/security.md")) == "[a](../formats.md)"


def test_every_page_is_in_the_navigation_once(tmp_path: Path) -> None:
    copy_pages(tmp_path / "docs")
    assert unlisted(tmp_path / "docs") == []
    pages = [page for section in navigation(tmp_path / "docs").values() for page in section]
    assert len(pages) == len(set(pages))
    listed = tomllib.loads(navigation_toml(tmp_path / "docs"))["nav"]
    assert [name for entry in listed for name in entry] == [s for s in NAVIGATION if s in navigation(tmp_path / "docs")]
    assert all((ROOT / name).is_file() for name in MOVED)
