"""``scanstage view`` in a browser: pictures appear while a run writes them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from support.browser import chromium, opened
from support.toy_runs import CONFIG, run, toy_config

from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.render.commands.look.live_view import open_view

pytestmark = pytest.mark.browser


def test_new_pictures_appear_without_a_reload(
    toy_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = toy_config(CONFIG, toy_library, monkeypatch, tmp_path)
    root = run(config, out=tmp_path / "toys", frames=(0, 2)).folder.root
    assert isinstance(root, Path)
    with open_view(DatasetFolder(root), "toys") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with chromium() as browser, opened(browser, server.url) as page:
                page.call("window.before = 1")
                assert page.call("document.querySelectorAll('#gallery-list a').length") == 3
                page.page.select_option("#filters [name=sort]", "brightness")
                run(config, out=root, frames=(3, 5))
                page.wait("document.querySelectorAll('#gallery-list a').length === 6")
                assert page.page.inner_text("#head b >> nth=0") == "6"
                assert page.call("window.before") == 1, "the page was not loaded anew"
                assert page.page.input_value("#filters [name=sort]") == "brightness", "what was chosen stays"
                page.page.click("#gallery-list a[data-index='4']")
                page.wait("Boolean(open && open.detail) && document.getElementById('under').naturalWidth === 160")
                pixels = page.call(
                    """() => { const c = document.getElementById('overlay');
                    return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v > 0); }"""
                )
                assert pixels
                assert page.complaints == []
                assert all(r.startswith(server.url) for r in page.requests)
        finally:
            server.shutdown()
            thread.join()
