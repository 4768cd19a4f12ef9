"""glTF scenes of points alone: clouds, of which a surface can be made where they have normals, and Gaussian splats."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import Material
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.gaussian_splats import splat_refusal
from scanstage.assets.raw_scans.raw_scan import RawScan
from scanstage.assets.raw_scans.scan_bounds import MAX_PARTS, check_room
from scanstage.assets.readers.gltf.gltf_document import GltfDocument
from scanstage.assets.readers.gltf.gltf_scene import PlacedMesh
from scanstage.assets.readers.gltf.gltf_shapes import Floats, vertex_colors

_POINTS = 0  # mode of a primitive


def read_points(document: GltfDocument, placed: list[PlacedMesh]) -> RawScan | None:
    """The points of a scene, with normals and colours where each has some; None where there are no points.

    Raises InputError for Gaussian splats (KHR_gaussian_splatting).
    """
    found: list[tuple[PlacedMesh, dict[str, Any]]] = []
    for one in placed:
        for primitive in document.item("meshes", one.mesh).get("primitives", []):
            if primitive.get("mode") == _POINTS and "POSITION" in primitive.get("attributes", {}):
                found.append((one, primitive))
    if not found:
        return None
    counts = [document.declared(primitive["attributes"]["POSITION"])[0] for _, primitive in found]
    if len(found) > MAX_PARTS:
        raise InputError(f"places {len(found):,} pieces of meshes (at most {MAX_PARTS:,})", "join them")
    if any("gaussian_splat" in name for _, primitive in found for name in primitive.get("extensions", {})):
        raise splat_refusal(document.folder.source, sum(counts))
    check_room(0, sum(counts))
    parts = [_placed(document, one, primitive["attributes"]) for one, primitive in found]
    positions, normals, colors = zip(*parts, strict=True)
    return RawScan(
        vertices=np.concatenate(positions),
        faces=np.zeros((0, 3), np.int64),
        face_material=np.zeros(0, np.int64),
        materials=(Material(),),
        vertex_color=None if any(c is None for c in colors) else np.concatenate(colors),
        unit="m",
        up="y",
        usual_up="y",
        findings=document.folder.findings,
        normals=None if any(n is None for n in normals) else np.concatenate(normals),
    )


def _placed(
    document: GltfDocument, place: PlacedMesh, attributes: dict[str, Any]
) -> tuple[Floats, Floats | None, npt.NDArray[np.uint8] | None]:
    """Positions and normals in the world, and colours."""
    points = document.floats(attributes["POSITION"])
    normals = document.floats(attributes["NORMAL"]) if "NORMAL" in attributes else None
    colors = vertex_colors(document, attributes["COLOR_0"]) if "COLOR_0" in attributes else None
    sound = all(values is None or len(values) == len(points) for values in (normals, colors))
    if points.shape[1] != 3 or not sound or (normals is not None and normals.shape[1] != 3):
        raise InputError("its points don't have three coordinates, and a normal or a colour each")
    linear = place.matrix[:3, :3]
    if normals is not None:
        # Normals go with the inverse transpose, which is the cofactors' matrix but for a positive factor.
        cofactors = np.stack([np.cross(linear[(k + 1) % 3], linear[(k + 2) % 3]) for k in range(3)])
        normals = normals @ cofactors.T * (1.0 if np.linalg.det(linear) >= 0 else -1.0)
    return points @ linear.T + place.matrix[:3, 3], normals, colors
