"""Gaussian splats are no scans, and are told so with a way out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.scan_files import triangle_gltf, write_gltf

from scanstage.assets.intake.given_scans import scan_files
from scanstage.assets.intake.inspection import inspect_scan
from scanstage.assets.messages.errors import InputError
from scanstage.assets.readers.read_scan import read_scan

KINDS = {
    "trained": ("x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2", "rot_0"),
    "without scales": ("x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"),
    "packed": ("packed_position", "packed_rotation", "packed_scale", "packed_color"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_splats_are_told_what_they_are(tmp_path: Path, kind: str) -> None:
    number = "uint" if kind == "packed" else "float"
    head = ["ply", "format binary_little_endian 1.0", "element vertex 7"]
    head += [*(f"property {number} {name}" for name in KINDS[kind]), "end_header", ""]
    (tmp_path / "a.ply").write_bytes("\n".join(head).encode() + np.zeros((7, len(KINDS[kind])), "<f4").tobytes())
    with pytest.raises(InputError, match="is a Gaussian splat of 7 Gaussians") as e:
        read_scan(tmp_path / "a.ply")
    assert "photogrammetry" in (e.value.hint or "")
    inspection = inspect_scan(tmp_path / "a.ply")
    assert inspection.refused
    assert "Gaussian splat" in inspection.findings[-1].what


@pytest.mark.parametrize("suffix", ["splat", "KSPLAT", "spz", "sog"])
def test_other_files_of_splats(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a.{suffix}").write_bytes(bytes(64))
    with pytest.raises(InputError, match="is a Gaussian splat"):
        read_scan(tmp_path / f"a.{suffix}")
    with pytest.raises(InputError, match="is a Gaussian splat"):
        scan_files([tmp_path])


def test_colors_alone_make_no_splat(tmp_path: Path) -> None:
    head = ["ply", "format ascii 1.0", "element vertex 3"]
    head += [f"property float {name}" for name in ("x", "y", "z", "f_dc_0")]
    head += ["element face 1", "property list uchar int vertex_indices", "end_header"]
    (tmp_path / "a.ply").write_text("\n".join([*head, "0 0 0 1", "1 0 0 1", "0 1 0 1", "3 0 1 2"]) + "\n")
    assert len(read_scan(tmp_path / "a.ply").faces) == 1


def test_splats_of_gltf(tmp_path: Path) -> None:
    document, binary = triangle_gltf()
    primitive = document["meshes"][0]["primitives"][0]
    primitive |= {"mode": 0, "extensions": {"KHR_gaussian_splatting": {"kernel": "ellipse"}}}
    with pytest.raises(InputError, match="is a Gaussian splat of 3 Gaussians"):
        read_scan(write_gltf(tmp_path / "a.gltf", document, binary))
