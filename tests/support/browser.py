"""A page in a real browser: the machine's own Chromium, by Playwright."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

PATIENCE_S = 60
NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser. The test is skipped where there is none, but for CI."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("there is no Chromium: apt-get install chromium")
        pytest.skip("there is no Chromium")
    with sync_playwright() as playwright:
        # Root, as in a container, has no sandbox; the pages are ours.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page that is open, and what it did that it shouldn't.

    Attributes:
        page: Playwright's.
        complaints: lines of the console that warn or tell of errors, and what was thrown.
        requests: addresses that were asked for, but for the page itself and data that lie in it.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def call(self, script: str, value: Any = None) -> Any:
        """What a script in the page gives."""
        return self.page.evaluate(script, value)

    def wait(self, condition: str) -> None:
        """Wait until an expression is true. (Playwright's own way is an eval, which the page's policy forbids.)"""
        end = time.monotonic() + PATIENCE_S
        while not self.call(condition):
            assert time.monotonic() < end, f"never came true: {condition}"
            self.page.wait_for_timeout(20)


@contextmanager
def opened(
    browser: Browser, address: str, width: int = 1280, height: int = 900, scheme: str = "light"
) -> Iterator[Opened]:
    """A page of an address, once it says that it is ready."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    found = Opened(page)
    page.on("console", lambda m: found.complaints.append(m.text) if m.type in ("warning", "error") else None)
    page.on("pageerror", lambda e: found.complaints.append(str(e)))
    page.on("request", lambda r: found.requests.append(r.url) if not r.url.startswith(("data:", "blob:")) else None)
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    yield found
    context.close()
