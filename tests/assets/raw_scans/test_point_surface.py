"""Point clouds: refused with the way out, or made into a surface where that is asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from support.scan_files import triangle_gltf, write_gltf

from scanstage.assets.intake.inspection import inspect_scan
from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.reading_choices import ReadingChoices
from scanstage.assets.readers.gltf.gltf_reader import read_gltf
from scanstage.assets.readers.read_scan import read_scan


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


POISSON = ReadingChoices(surface="poisson")


def ball_cloud(path: Path, rng: np.random.Generator, normals: bool = True, open_below: float = -1.0) -> Path:
    """Points on a ball of 5 cm, red where x is positive and else blue; without those whose z is below a share of it."""
    out = rng.normal(size=(6000, 3))
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    out = out[out[:, 2] > open_below]
    head = ["ply", "format ascii 1.0", f"element vertex {len(out)}"]
    head += [f"property float {p}" for p in ("x", "y", "z", *(("nx", "ny", "nz") if normals else ()))]
    head += [f"property uchar {c}" for c in ("red", "green", "blue")] + ["end_header"]
    colors = np.where(out[:, :1] > 0, [[250, 0, 0]], [[0, 0, 250]])
    rows = np.column_stack([0.05 * out, *([out] if normals else []), colors])
    path.write_text("\n".join([*head, *(" ".join(f"{v:.6g}" for v in row) for row in rows)]) + "\n")
    return path


@pytest.mark.parametrize("normals", [True, False])
def test_a_cloud_is_shown_the_way_out(tmp_path: Path, rng: np.random.Generator, normals: bool) -> None:
    path = ball_cloud(tmp_path / "a.ply", rng, normals)
    with pytest.raises(InputError, match=r"point cloud: 6,000 points(,| with normals)") as e:
        read_scan(path, choices=ReadingChoices() if normals else POISSON)
    assert "`surface` poisson" in (e.value.hint or "")
    assert ("Compute Normals" in (e.value.hint or "")) != normals
    inspection = inspect_scan(path)
    assert inspection.refused
    assert "--surface poisson" in inspection.findings[-1].action


def test_points_of_obj_and_gltf_are_clouds_too(tmp_path: Path) -> None:
    """With a normal each they can become a surface; glTF's come placed, and its normals turned as its surfaces are."""
    normals, bare = "v 1 2 3\nvn 0 0 1\nv 4 5 6\nvn 0 1 0\n", "v 1 2 3\nv 4 5 6\nvn 0 0 1\n"
    for text, words in ((normals, "2 points with normals"), (bare, "2 points, no faces and no normals")):
        (tmp_path / "a.obj").write_text(text)
        with pytest.raises(InputError, match=words):
            read_scan(tmp_path / "a.obj")
    document, binary = triangle_gltf()
    primitive = document["meshes"][0]["primitives"][0]
    primitive |= {"mode": 0}
    with pytest.raises(InputError, match="point cloud: 3 points, no faces and no normals"):
        read_scan(write_gltf(tmp_path / "a.gltf", document, binary))
    primitive["attributes"]["NORMAL"] = primitive["attributes"]["POSITION"]
    document["nodes"] = [{"mesh": 0, "scale": [1, 2, 1], "translation": [0, 0, 5]}]
    path = write_gltf(tmp_path / "a.gltf", document, binary)
    with pytest.raises(InputError, match="3 points with normals"):
        read_scan(path)
    cloud = read_gltf(path)
    assert cloud.normals is not None
    np.testing.assert_allclose(cloud.vertices, [[0, 0, 5], [0.1, 0, 5], [0, 0.2, 5]], atol=1e-6)
    np.testing.assert_allclose(
        cloud.normals, [[0, 0, 0], [0.2, 0, 0], [0, 0.1, 0]], atol=1e-6
    )  # as (1, 1/2, 1), times 2


def test_without_the_extra_it_is_named(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "open3d", None)
    with pytest.raises(InputError, match="Open3D") as e:
        read_scan(ball_cloud(tmp_path / "a.ply", rng), choices=POISSON)
    assert e.value.hint == 'pip install "scanstage[surface]"'


def test_a_surface_is_made_where_there_are_points(tmp_path: Path, rng: np.random.Generator) -> None:
    pytest.importorskip("open3d")
    scan = read_scan(ball_cloud(tmp_path / "a.ply", rng, open_below=-0.5), choices=POISSON)
    at = scan.vertices[scan.faces]
    radius = np.linalg.norm(at.reshape(-1, 3), axis=1)
    np.testing.assert_allclose(radius, 0.05, rtol=0.04)  # at the rim of what was measured
    np.testing.assert_allclose(np.quantile(radius, (0.02, 0.98)), 0.05, rtol=0.01)
    area = np.linalg.norm(np.cross(at[:, 1] - at[:, 0], at[:, 2] - at[:, 0]), axis=1).sum() / 2
    assert area == pytest.approx(2 * np.pi * 0.05**2 * 1.5, rel=0.12)  # 2 pi r h: not closed where nothing was measured
    assert scan.vertex_color is not None
    for side, channel in ((1, 0), (-1, 2)):
        clear = side * scan.vertices[:, 0] > 0.01
        assert np.median(scan.vertex_color[clear, channel]) > 230
    options = IntakeOptions("ball", unit="m", up="z", reading=POISSON)
    asset = take_in(tmp_path / "a.ply", options, tmp_path / "library")
    assert asset.meta.intake["reconstructed"] == "poisson"
    assert any(note.startswith("reconstructed: ") for note in asset.meta.intake["findings"])
    assert asset.meta.extents_m[0] == pytest.approx(0.1, rel=0.02)
    with pytest.raises(InputError, match="too few"):
        read_scan(ball_cloud(tmp_path / "b.ply", rng, open_below=0.99), choices=POISSON)
