from __future__ import annotations

import numpy as np
import pytest
import trimesh

from scanstage.assets.library.bevelled_boxes import LARGEST, SMALLEST, bevelled_box, bevelled_box_id, build_bevelled_box

SOME = [(3, 3, 3), (9, 8, 3), (3, 14, 7)]


@pytest.mark.parametrize("exponents", SOME)
def test_it_is_a_closed_unit_box_without_its_edges(exponents: tuple[int, int, int]) -> None:
    mesh = build_bevelled_box(exponents)
    np.testing.assert_allclose([mesh.vertices.min(0), mesh.vertices.max(0)], [[-0.5, -0.5, 0], [0.5, 0.5, 1]])
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=True)  # welded: flat faces share no vertex with a bevel
    assert solid.is_watertight
    assert solid.is_winding_consistent
    # An edge rounded by a and b loses (1 - pi / 4) a b of its cross-section, of which there are four along each axis;
    # three steps a quarter turn cut a little deeper, corners are counted three times.
    x, y, z = (2.0**-e for e in exponents)
    lost = 4 * (1 - np.pi / 4) * (x * y + y * z + z * x)
    assert 0.5 * lost < 1 - solid.volume < 1.6 * lost


@pytest.mark.parametrize("exponents", SOME)
def test_sides_stay_flat_under_smooth_shading(exponents: tuple[int, int, int]) -> None:
    """Vertices that a side uses belong to nothing else: a normal averaged over faces is the side's own."""
    mesh = build_bevelled_box(exponents)
    corners = mesh.vertices[mesh.faces].astype(float)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    sides = np.abs(normals).max(axis=1) > 1 - 1e-9
    assert sides.sum() == 12
    assert not np.isin(mesh.faces[~sides], mesh.faces[sides]).any()


@pytest.mark.parametrize("size", [(1.5, 0.9, 0.03), (0.06, 0.06, 0.7), (8.0, 0.1, 2.6)])
@pytest.mark.parametrize("bevel_m", [0.001, 0.003])
def test_scaled_into_place_the_bevel_is_about_the_one_asked_for(size, bevel_m: float) -> None:
    exponents = [int(e) for e in bevelled_box_id(size, bevel_m).rsplit("/", 1)[1].split("_")[1:]]
    for edge, exponent in zip(size, exponents, strict=True):
        assert 2**-0.51 < edge * 2.0**-exponent / bevel_m < 2**0.51


def test_a_bevel_never_eats_its_box() -> None:
    assert bevelled_box_id((0.001, 1, 1000), 0.003) == f"primitive/box_{LARGEST}_8_{SMALLEST}"


def test_what_is_stored_is_what_was_built() -> None:
    asset = bevelled_box("primitive/box_9_8_3")
    assert asset is not None
    np.testing.assert_array_equal(asset.mesh().vertices, build_bevelled_box((9, 8, 3)).vertices)
    assert bevelled_box("primitive/box_9_8_3").mesh().faces.shape == asset.mesh().faces.shape  # from the cache


@pytest.mark.parametrize(
    "other", ["primitive/box", "primitive/box_2_3_3", "primitive/box_3_3_15", "primitive/box_03_3_3"]
)
def test_other_ids_are_no_bevelled_boxes(other: str) -> None:
    assert bevelled_box(other) is None
