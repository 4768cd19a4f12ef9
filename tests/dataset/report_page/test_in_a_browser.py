"""The report as a browser shows it."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from pycocotools import mask as coco_mask
from support.browser import Opened, chromium, opened

from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.report_page.build_report import Report, build_report
from scanstage.dataset.report_page.other_dataset import open_other
from scanstage.dataset.report_page.page import render_page

pytestmark = pytest.mark.browser
Json = dict[str, Any]
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def address(report: Report, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "a report, näher.html"
    path.write_bytes(report.html)
    return path.as_uri()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Opened]:
    with opened(browser, address) as found:
        yield found
        assert found.complaints == []
        assert {r.partition("#")[0] for r in found.requests} == {address}, "no request leaves the page"


def cards(page: Opened) -> list[int]:
    """Numbers of the pictures in the gallery, in their order."""
    found = page.call("[...document.querySelectorAll('#gallery-list a')].map(a => Number(a.dataset.index))")
    return [int(i) for i in found]


def choose(page: Opened, **values: str) -> None:
    for name, value in values.items():
        field = page.page.locator(f"#filters [name={name}]")
        if field.evaluate("e => e.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)


def kept(record: Json) -> list[Json]:
    return [i for i in record["instances"] if not i["ignore"]]


def test_filters_filter_and_sorting_sorts(page: Opened, raw_records: list[Json], report: Report) -> None:
    everything = [r["index"] for r in raw_records]
    assert cards(page) == everything
    choose(page, **{"class": "ball"})
    with_ball = [r["index"] for r in raw_records if any(i["class_name"] == "ball" for i in kept(r))]
    assert cards(page) == with_ball != everything
    choose(page, factor="time", value="night")
    nights = [r["index"] for r in raw_records if r["plan"]["factors"]["variables"]["time"] == "night"]
    assert cards(page) == [i for i in with_ball if i in nights]
    page.page.click("#filters [type=reset]")
    page.wait(f"document.querySelectorAll('#gallery-list a').length === {len(everything)}")
    choose(page, number="2, 5-7")
    assert cards(page) == [2, 5, 6, 7]
    assert page.page.inner_text("#gallery-count") == "4 of 14 pictures"
    choose(page, number="", visible="0.75")
    assert cards(page) == [r["index"] for r in raw_records if any(i["visible_fraction"] <= 0.75 for i in kept(r))]
    choose(page, visible="", size="s")
    assert cards(page) == [r["index"] for r in raw_records if any(i["area_px"] <= 32**2 for i in kept(r))]
    choose(page, size="", sort="brightness", order="down")
    brightness = {row["index"]: row["numbers"]["brightness"] for row in report.facts["rows"]}
    assert cards(page) == sorted(everything, key=lambda i: (-brightness[i], i))


def test_every_chart_shows_the_records(page: Opened, raw_records: list[Json], report: Report) -> None:
    """Numbers that were drawn, out of Vega itself, against records read as plain JSON; and one mark for each."""
    page.call("drawAll()")
    names = page.call("[...document.querySelectorAll('[data-chart]')].map(e => e.dataset.chart)")
    drawn = page.call(
        "Object.fromEntries([...drawn].map(([place, made]) => [place.dataset.chart, made.view.data('rows')]))"
    )
    assert sorted(drawn) == sorted(set(names))
    labels = [i for r in raw_records for i in kept(r)]
    counts = Counter(i["class_name"] for i in labels)
    placed = Counter(o["class_name"] for r in raw_records for o in r["plan"]["objects"] if o["class_name"])
    assert {(r["class"], r["what"]): r["n"] for r in drawn["classes"]} == {
        **{(c, "labels"): counts[c] for c in counts},
        **{(c, "placed"): placed[c] for c in placed},
    }
    together = Counter(
        (a, b)
        for r in raw_records
        for a in {i["class_name"] for i in kept(r)}
        for b in {i["class_name"] for i in kept(r)}
        if a != b
    )
    assert {(r["row"], r["column"]): r["n"] for r in drawn["together"] if r["row"] != r["column"]} == {
        (a, b): together[a, b] for a in counts for b in counts if a != b
    }
    assert sum(r["n"] for r in drawn["centers"]) == len(labels)
    assert sum(r["properties"]["n"] for r in drawn["directions"]) == len(labels)
    hdris = Counter(r["plan"]["world"]["hdri"].removeprefix("builtin:") for r in raw_records)
    assert {r["value"]: r["n"] for r in drawn["factor-hdri"]} == hdris
    times = {r["index"]: r["plan"]["factors"]["variables"]["time"] for r in raw_records}
    met = Counter((i["class_name"], times[r["index"]]) for r in raw_records for i in kept(r))
    assert {(r["row"], r["column"]): r["n"] for r in drawn["tie-time"]} == {
        (c, t): met[c, t] for c in counts for t in ("day", "night")
    }
    for name, rows in drawn.items():
        if name.startswith("figure-"):
            figure = report.facts["figures"][name.removeprefix("figure-")]
            assert [r["n"] for r in rows] == figure["counts"], name
            assert [r["from"] for r in rows] == figure["edges"][:-1], name
    bars = page.call(
        """[...document.querySelectorAll(`[data-chart='figure-box_size_px'] .role-mark path`)]
        .map(p => p.getBBox().height)"""
    )
    shown = report.facts["figures"]["box_size_px"]["counts"]
    assert len(bars) == len(shown)
    assert np.allclose(np.array(bars) / max(bars), np.array(shown) / max(shown), atol=0.02), (
        "bars are as high as counts"
    )


def test_charts_of_one_class(page: Opened, report: Report) -> None:
    page.call("drawAll()")
    page.page.select_option("#shown-class", "ball")
    rows = page.call("[...drawn].find(([p]) => p.dataset.chart === 'figure-aspect')[1].view.data('rows')")
    assert [r["n"] for r in rows] == report.facts["figures"]["aspect"]["by_class"]["ball"]
    page.page.click("[data-numbers='figure-aspect'] summary")
    told = page.page.inner_text("[data-numbers='figure-aspect'] table")
    assert sum(int(line.split("\t")[-1]) for line in told.splitlines()[1:]) == sum(r["n"] for r in rows)


def open_picture(page: Opened, index: int) -> None:
    page.page.click(f"#gallery-list a[data-index='{index}']")
    page.wait("Boolean(open && open.detail)")


def overlay(page: Opened, *shown: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """(H, W, 4) pixels of the overlay, with these switched on."""
    names = ("boxes", "names", "masks", "amodal", "keypoints", "solids")
    page.call(
        """shown => { for (const n of shown[0]) element(`show-${n}`).checked = shown[1].includes(n);
        redraw(); }""",
        [names, shown],
    )
    png = page.call("document.getElementById('overlay').toDataURL('image/png')").partition(",")[2]
    pixels = cv2.imdecode(np.frombuffer(base64.b64decode(png), np.uint8), cv2.IMREAD_UNCHANGED)
    return np.asarray(pixels, np.uint8)


def test_overlays_sit_on_their_object(page: Opened, raw_records: list[Json]) -> None:
    for record in raw_records[:4]:
        open_picture(page, record["index"])
        width, height = record["image"]["resolution_wh"]

        def whole(key: str, record: Json = record, size: tuple[int, int] = (height, width)) -> np.ndarray[Any, Any]:
            codes = [{"size": size, "counts": i[key]["counts"].encode()} for i in kept(record)]
            return np.any([coco_mask.decode(code) for code in codes], axis=0)

        for names, mask in ((("masks",), whole("mask")),):
            pixels = overlay(page, *names)
            scale = pixels.shape[1] / width
            assert scale > 4, "the picture is shown large"
            rows, columns = ((np.arange(n) + 0.5) * scale for n in (height, width))
            seen = pixels[np.ix_(rows.astype(int), columns.astype(int))][..., 3] > 0
            crowd = [i for i in record["instances"] if i["ignore"]]
            hatched = np.zeros_like(mask)
            for item in crowd:
                hatched |= coco_mask.decode({"size": (height, width), "counts": item["mask"]["counts"].encode()}) > 0
            assert (seen == mask)[~hatched.astype(bool)].all(), "to the pixel"
            if crowd:
                assert 0.2 < seen[hatched.astype(bool)].mean() < 0.8, "what is to be ignored is hatched"
        boxes = overlay(page, "boxes")[..., 3] > 0
        for item in record["instances"]:
            x, y, w, h = (v * scale for v in item["bbox_xywh"])
            on = [(y, x + w / 2), (y + h - 1, x + w / 2), (y + h / 2, x), (y + h / 2, x + w - 1)]
            for row, column in on:
                near = boxes[max(0, int(row) - 3) : int(row) + 4, max(0, int(column) - 6) : int(column) + 7]
                assert near.any()
        page.page.keyboard.press("Escape")


def test_keypoints_and_cuboids_are_drawn(page: Opened, raw_records: list[Json]) -> None:
    record = next(r for r in raw_records if any(k["visibility"] == 2 for i in r["instances"] for k in i["keypoints"]))
    open_picture(page, record["index"])
    points = overlay(page, "keypoints")
    scale = points.shape[1] / record["image"]["resolution_wh"][0]
    for item in record["instances"]:
        for point in item["keypoints"]:
            if point["visibility"] == 2:
                x, y = (int(v * scale) for v in point["xy_px"])
                assert points[y, x, 3] == 255
    solids = overlay(page, "solids")[..., 3] > 0
    for item in record["instances"]:
        for corner in item["box_3d"]["corners_px"]:
            if corner is None or not (2 < corner[0] < 158 and 2 < corner[1] < 118):
                continue
            x, y = (int(v * scale) for v in corner)
            assert solids[max(0, y - 4) : y + 5, max(0, x - 4) : x + 5].any()
    assert not overlay(page).any()


def test_depth_is_shown(page: Opened) -> None:
    open_picture(page, 0)
    first = page.page.get_attribute("#under", "src")
    page.page.click("#under-depth")
    second = page.page.get_attribute("#under", "src")
    assert first != second
    assert page.page.is_disabled("#under-normals")
    page.page.keyboard.press("ArrowRight")
    page.wait("document.getElementById('picture-title').textContent === 'Picture 1'")
    assert page.page.get_attribute("#under-depth", "aria-pressed") == "true", "what is looked at stays"


def test_keys_and_links(page: Opened, address: str, browser: Browser) -> None:
    choose(page, sort="brightness", order="down")
    order = cards(page)
    open_picture(page, order[3])
    title = page.page.locator("#picture-title")
    assert title.inner_text() == f"Picture {order[3]}"
    page.page.keyboard.press("ArrowRight")
    page.wait(f"document.getElementById('picture-title').textContent === 'Picture {order[4]}'")
    page.page.keyboard.press("ArrowLeft")
    page.page.keyboard.press("ArrowLeft")
    page.wait(f"document.getElementById('picture-title').textContent === 'Picture {order[2]}'")
    before = page.page.is_checked("#show-masks")
    page.page.keyboard.press("m")
    assert page.page.is_checked("#show-masks") is not before
    link = page.call("location.hash")
    page.page.keyboard.press("Escape")
    assert page.page.is_hidden("#picture")
    assert page.call("document.activeElement.dataset.index") == str(order[2]), "focus goes back"
    with opened(browser, address + link) as again:
        assert again.page.inner_text("#picture-title") == f"Picture {order[2]}"
        assert cards(again) == order
        assert again.complaints == []


def test_facts_beside_a_picture(page: Opened, paged: Path, raw_records: list[Json]) -> None:
    record = next(r for r in raw_records if r["unlabelled"] or kept(r))
    open_picture(page, record["index"])
    text = page.page.inner_text("#picture-facts")
    assert f"--image {record['index']}" in text
    assert str(paged) in text
    for item in kept(record):
        assert item["class_name"] in text
    page.page.click("#picture-facts details:last-of-type summary")
    assert "builtin:" in page.page.inner_text("#picture-facts")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_serious_fault_of_accessibility(browser: Browser, address: str, width: int, scheme: str) -> None:
    with opened(browser, address, width, scheme=scheme) as page:
        page.call("drawAll()")
        assert page.call("document.documentElement.scrollWidth") <= width, "nothing sticks out"
        faults(page)
        open_picture(page, 0)
        faults(page)
        assert page.complaints == []


def faults(page: Opened) -> None:
    found = Axe().run(page.page).response["violations"]
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    assert not serious, json.dumps([(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in serious], indent=1)


def test_a_hostile_name_stays_text(browser: Browser, paged: Path, report: Report, tmp_path: Path) -> None:
    facts = json.loads(json.dumps(report.facts).replace("ball", HOSTILE))
    facts["name"] = HOSTILE
    path = tmp_path / "hostile.html"
    pictures = json.loads(re.search(rb'id="data-pictures">(.*?)</script>', report.html, re.DOTALL)[1])  # type: ignore[index]
    path.write_bytes(render_page(facts, {int(k): v for k, v in pictures.items()}))
    with opened(browser, path.as_uri()) as page:
        alerts = []
        page.page.on("dialog", lambda d: (alerts.append(d.message), d.dismiss()))
        page.call("drawAll()")
        open_picture(page, 0)
        assert HOSTILE in page.page.inner_text("h1")
        assert HOSTILE in page.page.inner_text("#classes-charts table")
        assert alerts == []
        assert page.complaints == []


def test_against_another(browser: Browser, paged: Path, tmp_path: Path) -> None:
    other = open_other(paged / "annotations" / "instances.json", paged / "images")
    found = build_report(open_dataset(paged), "here", other)
    path = tmp_path / "against.html"
    path.write_bytes(found.html)
    with opened(browser, path.as_uri()) as page:
        page.call("drawAll()")
        drawn = page.call(
            "Object.fromEntries([...drawn].map(([place, made]) => [place.dataset.chart, made.view.data('rows')]))"
        )
        for difference in found.facts["against"]["differences"]:
            rows = drawn[f"against-{difference['name']}"]
            for place, name in enumerate((found.facts["name"], "instances")):
                shares = [r["share"] for r in rows if r["of"] == name]
                expected = (
                    [pair[1 + place] for pair in difference["shares"]]
                    if "shares" in difference
                    else [n / sum(difference["counts"][place]) for n in difference["counts"][place]]
                )
                assert np.allclose(shares[: len(expected)], expected), difference["name"]
        assert page.complaints == []


def test_sizes_are_those_of_the_chosen_class(page: Opened, raw_records: list[Json]) -> None:
    choose(page, **{"class": "box", "size": "s"})
    expected = [
        r["index"] for r in raw_records if any(i["class_name"] == "box" and i["area_px"] <= 32**2 for i in kept(r))
    ]
    assert cards(page) == expected


def came_to_rest(page: Opened) -> None:
    """Wait until the page has scrolled to where it was sent."""
    places = [-1.0]
    while len(places) < 6 or len(set(places[-6:])) > 1:
        page.page.wait_for_timeout(60)
        places.append(page.call("scrollY"))


def test_sections_are_where_links_lead(page: Opened) -> None:
    for name in ("ties", "sources", "quality", "labels"):
        page.call("scrollTo({ top: 0, behavior: 'instant' })")
        page.page.click(f"nav a[href='#{name}']")
        came_to_rest(page)
        top = page.call(f"document.getElementById('{name}').getBoundingClientRect().top")
        bottom = page.call("document.documentElement.scrollHeight - scrollY - innerHeight")
        assert abs(top) < 120 or bottom < 5, (name, top)


def test_zoom_keeps_overlays_on_their_objects(page: Opened, raw_records: list[Json]) -> None:
    record = raw_records[0]
    open_picture(page, 0)
    before = page.call("document.getElementById('frame').getBoundingClientRect().width")
    page.page.keyboard.press("+")
    page.page.keyboard.press("+")
    assert page.call("document.getElementById('frame').getBoundingClientRect().width") > 2 * before
    page.page.wait_for_timeout(100)
    masks = overlay(page, "masks")[..., 3] > 0
    width, height = record["image"]["resolution_wh"]
    codes = [{"size": (height, width), "counts": i["mask"]["counts"].encode()} for i in record["instances"]]
    whole = np.any([coco_mask.decode(code) for code in codes], axis=0)
    scale = masks.shape[1] / width
    rows, columns = (((np.arange(n) + 0.5) * scale).astype(int) for n in (height, width))
    assert (masks[np.ix_(rows, columns)] & ~whole).sum() == 0
    page.page.keyboard.press("0")
    assert page.call("document.getElementById('frame').getBoundingClientRect().width") == before


def test_a_closed_picture_leads_back(page: Opened) -> None:
    page.call("scrollTo({ top: 0, behavior: 'instant' })")
    page.page.click("#glance a[href^='#picture']")
    page.wait("Boolean(open && open.detail)")
    page.page.keyboard.press("Escape")
    assert page.call("scrollY") == 0
    assert page.call("document.activeElement.closest('#glance') !== null")
