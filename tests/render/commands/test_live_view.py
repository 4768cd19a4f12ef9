"""``scanstage view``: what it serves, and to whom."""

from __future__ import annotations

import html
import http.client
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.toy_runs import CONFIG, command, run, toy_config

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.render.commands.look.live_view import LOOPBACK, ViewServer, open_view


@pytest.fixture
def dataset(toy_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    config = toy_config(CONFIG, toy_library, monkeypatch, tmp_path)
    return run(config, out=tmp_path / "toys", overrides=("output.depth=true",)).folder.root  # type: ignore[return-value]


@pytest.fixture
def server(dataset: Path) -> Iterator[ViewServer]:
    with open_view(DatasetFolder(dataset), "toys") as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def ask(
    server: ViewServer, path: str, method: str = "GET", host: str | None = None, token: str | None = None
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection(LOOPBACK, server.server_port)
    given = {"Host": host} if host else {}
    connection.request(method, f"/{server.token if token is None else token}/{path}", headers=given)
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read()
    connection.close()
    return found


def facts_of(page: bytes) -> dict[str, object]:
    text = page.decode().partition('id="data-facts">')[2].partition("</script>")[0]
    found: dict[str, object] = json.loads(text)
    return found


def test_the_page_and_what_it_asks_for(server: ViewServer, dataset: Path) -> None:
    status, headers, page = ask(server, "")
    assert status == 200
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "connect-src 'self'" in html.unescape(page.decode())
    assert b'id="data-pictures"' not in page
    facts = facts_of(page)
    assert facts["pictures"] == 6
    assert facts["maps"] == ["depth"]
    assert ask(server, "state")[2] == str(facts["state"]).encode()
    status, headers, image = ask(server, "image/3")
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    assert image == (dataset / "images" / "000003.jpg").read_bytes()
    assert ask(server, "depth/3")[1]["Content-Type"] == "image/webp"
    detail = json.loads(ask(server, "detail/3")[2])
    record = json.loads((dataset / "records" / "000003.json").read_text())
    assert [label["box"] for label in detail["labels"]] == [i["bbox_xywh"] for i in record["instances"]]


def test_new_pictures_appear_and_made_anew_ones_too(server: ViewServer, dataset: Path) -> None:
    before = ask(server, "state")[2]
    assert ask(server, "state")[2] == before, "nothing has changed"
    away = dataset.parent / "away.json"
    shutil.move(dataset / "records" / "000005.json", away)
    less = ask(server, "state")[2]
    assert less != before
    assert facts_of(ask(server, "")[2])["pictures"] == 5
    shutil.move(away, dataset / "records" / "000005.json")
    assert ask(server, "state")[2] != less
    assert facts_of(ask(server, "")[2])["pictures"] == 6


@pytest.mark.parametrize(
    "path",
    [
        "image/99",
        "image/..%2f..%2frun.json",
        "../run.json",
        "images/000000.jpg",
        "image/0/",
        "detail/-1",
        "normals/0",
        "x",
    ],
)
def test_nothing_else_is_there(server: ViewServer, path: str) -> None:
    assert ask(server, path)[0] == 404


def test_only_who_knows_the_token_and_the_name(server: ViewServer) -> None:
    assert ask(server, "", token="")[0] == 404
    assert ask(server, "", token=server.token[:-1] + "~")[0] == 404
    assert ask(server, "", host="evil.example")[0] == 404
    assert ask(server, "", host=f"localhost:{server.server_port}")[0] == 200
    assert server.server_address[0] == LOOPBACK
    assert len(server.token) >= 24


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_it_can_be_read_alone(server: ViewServer, method: str) -> None:
    assert ask(server, "", method)[0] == 501
    assert ask(server, "", "HEAD")[2] == b""


def test_what_could_not_be_made_is_made_later(server: ViewServer, dataset: Path) -> None:
    before = ask(server, "state")[2]
    away, run = dataset.parent / "away.json", dataset / "run.json"
    shutil.move(dataset / "records" / "000005.json", dataset.parent / "000005.json")
    shutil.move(run, away)
    assert ask(server, "state")[0] == 503
    shutil.move(away, run)
    assert ask(server, "state")[2] != before
    assert facts_of(ask(server, "")[2])["pictures"] == 5


def test_a_run_that_ends_is_noticed(server: ViewServer, dataset: Path) -> None:
    before = ask(server, "state")[2]
    run = json.loads((dataset / "run.json").read_text())
    (dataset / "run.json").write_text(json.dumps(run | {"failed": [{"index": 6, "reason": "no light"}]}))
    assert ask(server, "state")[2] != before
    assert b"no light" in ask(server, "")[2]


def test_labels_of_a_class_that_the_run_has_not(server: ViewServer, dataset: Path) -> None:
    path = dataset / "records" / "000002.json"
    path.write_text(path.read_text().replace('"class_name":"box"', '"class_name":"zzz"'))
    assert ask(server, "state")[0] == 200
    assert ask(server, "")[0] == 200


def test_a_folder_that_is_gone(server: ViewServer, dataset: Path) -> None:
    shutil.rmtree(dataset)
    assert ask(server, "state")[0] == 503


def test_mistakes_are_told(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_view(DatasetFolder(dataset), "toys") as first, pytest.raises(InputError, match="port"):
        open_view(DatasetFolder(dataset), "toys", first.server_port)
    assert command(["view", str(tmp_path / "nothing")]) == 2
    assert "no such folder" in capsys.readouterr().err
    assert command(["view", "s3://bucket/run"]) == 2
