from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from scanstage.assets.asset import META_FILE, Asset
from scanstage.assets.meshes.parametric import grid_patch
from scanstage.assets.samples import sample_library as catalogue
from scanstage.assets.samples.distance import blend, carve, mesh_of, sphere
from scanstage.assets.samples.making import SampleSource, add_samples, write_sample_sources
from scanstage.assets.samples.sample_library import sample_assets
from scanstage.assets.samples.sample_model import Finish, Model
from scanstage.assets.samples.scanner_imitation import PER_CM, Scanner, scanned
from scanstage.assets.textures.noise import AnyFloats, FloatArray

pytestmark = pytest.mark.slow

# Longest side in metres, lowest and highest that a reader would believe.
SIZES = {
    "apple": (0.07, 0.095), "banana": (0.13, 0.22), "bottle": (0.22, 0.32), "can": (0.09, 0.13), "carton": (0.12, 0.2),
    "duck": (0.08, 0.13), "gnome": (0.15, 0.25), "mug": (0.09, 0.13), "mushroom": (0.07, 0.12), "pear": (0.09, 0.13),
    "pumpkin": (0.12, 0.2), "teapot": (0.15, 0.24),
}  # fmt: skip
TALL = {"bottle", "can", "carton", "gnome", "pear"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[SampleSource]:
    names = ["apple", "tomato-can", "tea-carton", "mallard", "fly-agaric", "pear"]  # every format, unit and axis
    return write_sample_sources(tmp_path_factory.mktemp("sources"), names)


@pytest.fixture(scope="module")
def samples() -> list[Asset]:
    return sample_assets()


def test_classes_are_those_of_the_samples(samples: list[Asset]) -> None:
    assert sorted({a.meta.class_name for a in samples}) == sorted(SIZES)
    assert [a.meta.asset_id for a in samples] == sorted(a.meta.asset_id for a in samples)


def test_samples_have_believable_sizes_and_stand_upright(samples: list[Asset]) -> None:
    for asset in samples:
        low, high = SIZES[asset.meta.class_name]
        x, y, z = asset.meta.extents_m
        assert low <= max(x, y, z) <= high, asset.meta.asset_id
        assert (z > max(x, y)) == (asset.meta.class_name in TALL | {"apple", "mushroom"}) or not TALL & {
            asset.meta.class_name
        }, asset.meta.asset_id
        vertices = asset.mesh().vertices
        assert vertices[:, 2].min() == pytest.approx(0, abs=1e-6)


def test_samples_are_dense_and_coloured(samples: list[Asset]) -> None:
    for asset in samples:
        mesh = asset.mesh()
        assert 40_000 <= asset.meta.triangles <= 120_000
        textured = {m.base_color_texture for m in asset.meta.materials} - {None}
        assert bool(textured) != (mesh.vertex_color is not None), asset.meta.asset_id
        if mesh.vertex_color is not None:
            assert mesh.vertex_color[:, :3].std(axis=0).max() > 15
        else:
            assert mesh.corner_uv is not None
        assert asset.meta.source["license"] == "CC0-1.0"


def test_no_print_is_mirrored(samples: list[Asset]) -> None:
    """Seen from outside, UV triangles turn the same way as the surface: text reads from left to right."""
    seen = 0
    for asset in samples:
        mesh = asset.mesh()
        if mesh.corner_uv is None:
            continue
        uv = mesh.corner_uv.reshape(-1, 3, 2).astype(float)
        e1, e2 = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
        area = (e1[:, 0] * e2[:, 1] - e1[:, 1] * e2[:, 0]) / 2
        assert area[area < 0].sum() > -0.01 * area.sum(), asset.meta.asset_id
        seen += 1
    assert seen >= 6


def test_faces_look_outwards(samples: list[Asset]) -> None:
    for asset in samples:
        mesh = asset.mesh()
        solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=True)
        assert solid.volume > 0.1 * np.prod(asset.meta.extents_m) * (asset.meta.class_name not in ("banana", "mug"))


def load(source: SampleSource) -> trimesh.Trimesh:
    """An independent reader's view of the source."""
    return trimesh.load(source.path, force="mesh", process=False)


def test_sources_are_awkward_as_scans_are(sources: list[SampleSource]) -> None:
    assert {s.unit for s in sources} == {"mm", "cm", "m"}
    assert {s.up for s in sources} == {"y", "z"}
    assert {s.path.suffix for s in sources} == {".obj", ".ply", ".glb"}
    kinds = set()
    for source in sources:
        mesh = load(source)
        kinds.add(mesh.visual.kind)
        assert 40_000 <= len(mesh.faces) <= 120_000
        size_m = np.ptp(mesh.vertices, axis=0) * 0.01 / PER_CM[source.unit]
        low, high = SIZES[source.class_name]
        assert low <= size_m.max() <= high * 1.05
        centre_m = mesh.vertices.mean(0) * 0.01 / PER_CM[source.unit]
        assert np.linalg.norm(centre_m) > 0.08  # off-centre
        welded = trimesh.Trimesh(np.round(mesh.vertices / np.ptp(mesh.vertices), 7), mesh.faces, process=True)
        assert not welded.is_watertight  # holes
    assert kinds == {"texture", "vertex"}


def test_sources_are_the_same_bytes_every_time(sources: list[SampleSource], tmp_path: Path) -> None:
    again = write_sample_sources(tmp_path, ["tea-carton", "mallard"])
    assert [s.path.stem for s in again] == ["tea-carton", "mallard"]
    assert len(list(tmp_path.iterdir())) == 5  # OBJ, MTL, texture; PLY, its keypoints
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (sources[0].path.parent / path.name).read_bytes(), path.name


def sheet() -> Model:
    """A flat square of 10 cm at a height of 1 cm."""
    x, y = np.meshgrid(np.linspace(0, 10, 101), np.linspace(0, 10, 101))
    patch = grid_patch(np.stack([x, y, np.ones_like(x)], -1), wrap=False)
    return Model(patch.vertices, patch.faces, (Finish(0.5),), np.zeros(len(patch.faces), np.int64))


@pytest.mark.parametrize(("unit", "up", "axis"), [("mm", "z", 2), ("m", "y", 1)])
def test_scanning_adds_the_noise_and_holes_it_names(unit: str, up: str, axis: int) -> None:
    model = sheet()
    out = scanned(model, Scanner(unit, up, noise_cm=0.01, holes=5), np.random.default_rng(3))
    height_cm = out.vertices[:, axis] / PER_CM[unit]
    assert 0.004 < height_cm.std() < 0.02
    assert 0.5 < (len(out.faces) / len(model.faces)) < 1
    assert np.ptp(np.delete(out.vertices, axis, 1), axis=0).min() / PER_CM[unit] > 9.9
    assert len(np.unique(out.faces)) == len(out.vertices)
    smooth = scanned(model, Scanner(unit, up, noise_cm=0.0, holes=0), np.random.default_rng(3))
    assert len(smooth.faces) == len(model.faces)
    assert np.ptp(smooth.vertices[:, axis]) / PER_CM[unit] < 1e-9


def test_meshed_distance_lies_on_the_surface_and_looks_outwards() -> None:
    def ball(p: AnyFloats) -> FloatArray:
        return sphere(p, (0.3, -0.2, 0.1), 2.0)

    vertices, faces, normals = mesh_of(ball, (-2.5, -2.5, -2.5), (2.5, 2.5, 2.5), 0.11)
    away = vertices - [0.3, -0.2, 0.1]
    np.testing.assert_allclose(np.linalg.norm(away, axis=1), 2.0, atol=2e-3)
    assert np.einsum("ij,ij->i", normals, away).min() > 1.9
    mesh = trimesh.Trimesh(vertices, faces)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 8, rel=0.01)


def test_blend_and_carve_bound_their_parts() -> None:
    a, b = (np.random.default_rng(0).normal(size=500).astype(np.float32) for _ in range(2))
    assert (blend(a, b, 0.3) <= np.minimum(a, b) + 1e-6).all()
    assert (blend(a, b, 0.3) >= np.minimum(a, b) - 0.3 / 4 - 1e-6).all()
    assert (carve(a, b, 0.3) >= np.maximum(a, -b) - 1e-6).all()


def test_losing_the_race_to_another_process_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCANSTAGE_CACHE", str(tmp_path))
    library = tmp_path / f"samples-v{catalogue.SAMPLES_VERSION}"
    original = sample_assets_of(tmp_path / "model")

    def fill(staging: Path) -> None:
        (staging / "library").mkdir()
        target = library / original.meta.asset_id  # the other process finishes first
        target.parent.mkdir(parents=True)
        (target).mkdir()
        (target / META_FILE).write_text(original.meta.to_json(), "utf-8")

    monkeypatch.setattr(catalogue, "_fill", fill)
    assert [a.meta for a in sample_assets()] == [original.meta]
    assert [p.name for p in tmp_path.iterdir() if p.name != "model"] == [library.name]


def test_an_interrupted_first_use_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCANSTAGE_CACHE", str(tmp_path))

    def fill(staging: Path) -> None:
        (staging / "library" / "mug").mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(catalogue, "_fill", fill)
    with pytest.raises(KeyboardInterrupt):
        sample_assets()
    assert list(tmp_path.iterdir()) == []


def sample_assets_of(folder: Path) -> Asset:
    """One small sample, taken in for itself."""
    folder.mkdir()
    add_samples(folder, ["rubber-duck"])
    return Asset.open(next((folder / "library").glob("*/*")))
