"""``scanstage plan`` and ``scanstage preview``: what they print and write, and their exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from scanstage.render.cli.app import entrypoint
from scanstage.scenes.plan import FramePlan

ROOT = Path(__file__).parents[3]


@pytest.fixture
def config(tmp_path: Path, toy_library: Path) -> Path:
    path = tmp_path / "toys.yaml"
    text = f"images: 5\nassets: {{library: {toy_library}}}\nobjects: {{count: 4}}\ncamera: {{resolution: [160, 120]}}\n"
    path.write_text(text + "variables: {mood: {choice: [calm]}}\n")
    return path


def call(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    code = entrypoint([str(a) for a in args])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


def test_a_plan_is_printed_whole(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "plan", config, "--frame", 3)
    assert code == 0
    assert FramePlan.from_json(out).index == 3


def test_statistics_as_a_table_and_as_json(config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = call(capsys, "plan", config, "--stats", "--json", tmp_path / "deep" / "stats.json")
    assert code == 0
    found = json.loads((tmp_path / "deep" / "stats.json").read_text())
    assert found["all"]["placed"] == 20
    for name in ("ball", "box", "rod", "5 of 5 pictures"):
        assert name in out
    code, out, _ = call(capsys, "plan", config, "--stats", "--json", "-", "--frames", "1-2")
    assert code == 0
    some = json.loads(out)
    assert (some["pictures"], some["all"]["placed"]) == (2, 8)


def test_the_table_fits_many_classes(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    from scanstage.render.terminal.forecast_tables import print_statistics
    from scanstage.scenes.picture_sequence.statistics import ObjectFacts, PictureFacts, dataset_statistics

    names = [f"class_number_{i:02d}" for i in range(80)]
    pictures = [
        PictureFacts(
            k, tuple(ObjectFacts(names[(k * j) % 80], "label", None, (20, 30), 600, 1.0, 0.0) for j in (1, 2, 3))
        )
        for k in range(100)
    ]
    print_statistics(Console(width=80), dataset_statistics(pictures, names))
    out = capsys.readouterr().out
    assert max(len(line) for line in out.splitlines()) <= 80
    assert all(name in out for name in names)
    assert "pairs never are" in out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--json", "x.json"), "--json belongs to --stats"),
        (("--frames", "0-1"), "--frames belongs to --stats"),
        (("--stats", "--frames", "3-9"), "pictures are 0 to 4"),
        (("--stats", "--frames", "3-1"), "the end is before the start"),
        (("--stats", "--frames", "x"), "expected A-B"),
        (("--stats", "--set", "labels.min_pixels=1000000"), "no object is visible enough"),
        (("--stats", "--set", "labels.min_pixel=10"), "did you mean"),
    ],
)
def test_mistakes_of_plan(config: Path, capsys: pytest.CaptureFixture[str], args: tuple[str, ...], said: str) -> None:
    code, _, err = call(capsys, "plan", config, *args)
    assert code == 2
    assert said in err


def test_a_preview_is_a_sheet(config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "sheets" / "p.png"
    code, printed, _ = call(capsys, "preview", config, "--frames", "0-3", "--out", out)
    assert code == 0
    assert printed.strip() == str(out)
    sheet = cv2.imread(str(out))
    assert sheet.shape == (6 + 2 * (480 + 20 + 6), 6 + 3 * 646, 3)
    for row, column in ((0, 0), (0, 1), (0, 2), (1, 0)):
        cell = sheet[30 + row * 506 : 500 + row * 506, 10 + column * 646 : 640 + column * 646]
        assert cell.std() > 5
    assert sheet[520:, 660:].std() == 0  # there is no fifth picture
    assert list(out.parent.iterdir()) == [out]


def test_a_preview_shows_what_cannot_be_planned(
    config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "p.png"
    code, _, _ = call(capsys, "preview", config, "--frames", "2", "--out", out, "--set", "labels.min_pixels=1000000")
    assert code == 1
    assert out.is_file()


@pytest.mark.parametrize(("args", "said"), [(("--out", "p.jpg"), "PNG"), (("--frames", "9"), "pictures are 0 to 4")])
def test_mistakes_of_preview(
    config: Path, capsys: pytest.CaptureFixture[str], args: tuple[str, ...], said: str
) -> None:
    code, _, err = call(capsys, "preview", config, *args)
    assert code == 2
    assert said in err


def test_neither_needs_blender(config: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from scanstage.render.cli.app import entrypoint; "
        f"entrypoint(['preview', {str(config)!r}, '--frames', '0', '--out', {str(tmp_path / 'p.png')!r}]); "
        f"entrypoint(['plan', {str(config)!r}, '--stats', '--frames', '0']); "
        "assert 'bpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    assert (tmp_path / "p.png").is_file()


def test_a_preview_of_so_many_pictures(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheets = {}
    for name, given in (("two", ("--images", 2)), ("frames", ("--frames", "0-1")), ("twelve", ("--images", 12))):
        code, _, _ = call(capsys, "preview", config, "--out", tmp_path / f"{name}.png", *given)
        assert code == 0
        sheets[name] = cv2.imread(str(tmp_path / f"{name}.png"))
    assert (sheets["two"] == sheets["frames"]).all()
    assert sheets["twelve"].size > 3 * sheets["two"].size
    code, _, err = call(capsys, "preview", config, "--images", 2, "--frames", "0-1")
    assert code == 2
    assert "--images and --frames: either of them" in err
