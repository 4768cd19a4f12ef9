"""Reading passes from EXR files laid out as each Blender lays them out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.exr_files import H, W, layers, write_many_parts, write_one_part

from scanstage.render.engine.passes import BrokenPasses, read_passes
from scanstage.render.engine.soft_masks import cryptomatte_hash, ids_from_cryptomatte


@pytest.mark.parametrize(
    ("write", "index_name"), [(write_one_part, "IndexOB.X"), (write_many_parts, "Object Index.X")], ids=["3.4", "5.x"]
)
@pytest.mark.parametrize("layer", ["ViewLayer", "View Layer"])
def test_both_layouts_are_read(tmp_path: Path, write: object, index_name: str, layer: str) -> None:
    assert callable(write)
    found = layers(index_name)
    write(tmp_path / "a.exr", found, layer)
    passes = read_passes(tmp_path / "a.exr", wanted=("depth", "normals"))
    for i, c in enumerate("RGB"):
        np.testing.assert_array_equal(passes.radiance[..., i], found[f"Combined.{c}"])
    np.testing.assert_array_equal(passes.alpha, found["Combined.A"])
    np.testing.assert_array_equal(passes.instance_ids, found[index_name])
    assert passes.instance_ids.dtype == np.uint16
    assert passes.depth_m is not None
    assert passes.normals is not None
    assert np.isinf(passes.depth_m[0, 0])
    np.testing.assert_array_equal(passes.depth_m[1:], found["Depth.Z"][1:])
    np.testing.assert_array_equal(passes.normals[..., 2], found["Normal.Z"])
    without = read_passes(tmp_path / "a.exr")
    assert without.depth_m is None
    assert without.normals is None


@pytest.mark.parametrize("missing", ["Combined.G", "IndexOB.X", "Depth.Z", "Normal.Y"])
def test_a_missing_pass_is_named(tmp_path: Path, missing: str) -> None:
    found = layers("IndexOB.X")
    del found[missing]
    write_one_part(tmp_path / "a.exr", found)
    named = "CryptoObject" if missing == "IndexOB.X" else missing
    with pytest.raises(BrokenPasses, match=named):
        read_passes(tmp_path / "a.exr", wanted=("depth", "normals"))


@pytest.mark.parametrize("write", [write_one_part, write_many_parts])
@pytest.mark.parametrize("kept", [0.0, 0.02, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_refused(tmp_path: Path, write: object, kept: float) -> None:
    assert callable(write)
    path = tmp_path / "a.exr"
    write(path, layers("IndexOB.X"))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(BrokenPasses):
        read_passes(path, wanted=("depth", "normals"))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenPasses):
        read_passes(tmp_path / "none.exr")


# Published test values of MurmurHash3_x86_32 with seed 0.
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hello", 0x248BFA47),
        ("hello, world", 0x149BBB7F),
        ("The quick brown fox jumps over the lazy dog", 0x2E4FF723),
    ],
)
def test_hashes_are_murmur3(name: str, expected: int) -> None:
    assert cryptomatte_hash(name) == expected


@given(st.text(max_size=30))
def test_hashes_are_finite_normal_floats(name: str) -> None:
    value = np.array([cryptomatte_hash(name)], np.uint32).view(np.float32)[0]
    assert np.isfinite(value)
    assert abs(value) >= np.finfo(np.float32).tiny


def test_ids_come_from_the_names_of_a_cryptomatte(tmp_path: Path) -> None:
    names = {f"item_{i:04d}": i + 1 for i in range(5)}
    expected = np.random.default_rng(0).integers(0, 7, (H, W)).astype(np.uint16)  # 6: an object without an id
    hashes = np.array([0, *map(cryptomatte_hash, names), cryptomatte_hash("ground")], np.uint32).view(np.float32)
    rank_0 = hashes[expected]
    seen = np.where(expected == 6, 0, expected)
    np.testing.assert_array_equal(ids_from_cryptomatte(rank_0, names), seen)
    write_one_part(tmp_path / "a.exr", layers(None) | {"CryptoObject00.r": rank_0})
    np.testing.assert_array_equal(read_passes(tmp_path / "a.exr", names).instance_ids, seen)
