"""Looks through a built site: links and anchors that lead nowhere, and what a browser would ask other hosts for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {
    "img": "src",
    "script": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "link": "href",
}
"""Attributes that a browser follows by itself. Of links of the head, not those that only tell of other addresses."""
_ONLY_TELLS = {"canonical", "prev", "next", "alternate"}
_ABROAD = re.compile(r"(?:https?:)?//")
_IN_CSS = re.compile(r"(?:url\(|@import\s+)[\"']?((?:https?:)?//[^\"')]+)")


class _Page(HTMLParser):
    """What a page refers to, and what in it can be referred to."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See :class:`HTMLParser`."""
        given = {name: value or "" for name, value in attrs}
        self.anchors.update(given[name] for name in ("id", "name") if name in given)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in _LOADED and _LOADED[tag] in given and given.get("rel") not in _ONLY_TELLS:
            self.loaded.append(given[_LOADED[tag]])


def check_built(site: Path) -> list[str]:
    """A sentence for each fault of the site in a folder."""
    pages: dict[Path, _Page] = {}
    for file in sorted(site.rglob("*.html")):
        pages[file] = _Page()
        pages[file].feed(file.read_text("utf-8"))
    faults = [fault for file, page in pages.items() for fault in _faults(site, file, page, pages)]
    for file in sorted(site.rglob("*.css")):
        faults += [
            f"{file.relative_to(site)}: asks {host} for something" for host in _IN_CSS.findall(file.read_text("utf-8"))
        ]
    return faults


def _faults(site: Path, file: Path, page: _Page, pages: dict[Path, _Page]) -> Iterator[str]:
    where = file.relative_to(site)
    for link in page.loaded:
        if _ABROAD.match(link):
            yield f"{where}: asks {link} for something"
    for link in (*page.links, *page.loaded):
        parts = urlsplit(link)
        # The page for what isn't found is shown at any address: its links begin at the top.
        if parts.scheme or parts.netloc or (file.name == "404.html" and link.startswith("/")):
            continue
        target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
        if target.is_dir():
            target /= "index.html"
        if not target.is_file():
            yield f"{where}: {link} leads nowhere"
        elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
            yield f"{where}: {link}: there is no such place on that page"
