"""Screenshots of a report for the documentation: overview, filtered gallery, a picture, comparison, phone, dark.

    python benchmarks/report_pictures.py report.html docs/images --picture 3 --finding blurred

Needs Chromium, and Playwright (in the extra ``test``). The report should be one with ``--against``.
"""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

QUALITY = 82


def main() -> None:
    """Parse and take them all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("report", type=Path, help="a page that `scanstage report --against` wrote")
    parser.add_argument("out", type=Path, help="folder of the pictures")
    parser.add_argument("--picture", type=int, default=0, help="that is shown large")
    parser.add_argument("--filters", default="sort=blur&order=down", help="of the gallery, as a link has them")
    given = parser.parse_args()
    path = next((p for name in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        address = given.report.resolve().as_uri()
        large = f"#picture={given.picture}"
        for name, link, width, height, scheme, section in (
            ("overview", "", 1280, 900, "light", None),
            ("gallery", f"#{given.filters}", 1280, 900, "light", "#gallery"),
            ("picture", large, 1280, 800, "light", None),
            ("labels", "", 1280, 900, "light", "#labels"),
            ("against", "", 1280, 900, "light", "#against"),
            ("dark", "", 1280, 900, "dark", "#ties"),
            ("phone_picture", large, 390, 844, "dark", None),
        ):
            shot = take(browser, address + link, width, height, scheme, section)
            Image.open(io.BytesIO(shot)).convert("RGB").save(
                given.out / f"report_{name}.webp", quality=QUALITY, method=6
            )
        browser.close()


def take(browser: Browser, address: str, width: int, height: int, scheme: str, section: str | None) -> bytes:
    """A picture of a window of the page: from a section on, with all charts drawn."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    page: Page = context.new_page()
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    page.evaluate("drawAll()")
    if "picture=" in address:
        page.wait_for_selector("#picture-facts table")
        page.check("#show-solids")
    elif section is not None:
        page.evaluate("s => document.querySelector(s).scrollIntoView()", section)
    page.wait_for_timeout(800)
    shot = page.screenshot()
    context.close()
    return shot


if __name__ == "__main__":
    main()
