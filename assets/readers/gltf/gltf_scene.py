"""Where a glTF scene puts its meshes: nodes, their instances, and the joints of skins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.scan_bounds import MAX_NODES, MAX_PARTS
from scanstage.assets.readers.gltf.gltf_document import GltfDocument, extension_of, numbers

Floats = npt.NDArray[np.float64]
_INSTANCING = "EXT_mesh_gpu_instancing"


@dataclass(frozen=True)
class PlacedMesh:
    """A mesh where a node puts it.

    Attributes:
        mesh: its number.
        matrix: (4, 4) mesh to world; of no account where there is a skin.
        skin: number of the skin whose joints carry it.
        weights: of its morph targets; () where none are given.
    """

    mesh: Any
    matrix: Floats
    skin: Any = None
    weights: tuple[float, ...] = ()


def placed_meshes(document: GltfDocument) -> list[PlacedMesh]:
    """Of each node of the scene; of each mesh once where the file has no nodes. Raises InputError."""
    if not document.items("nodes"):
        return [PlacedMesh(k, np.eye(4), None, _weights(document, k, {})) for k in range(len(document.items("meshes")))]
    placed: list[PlacedMesh] = []
    for index, matrix in _walk(document):
        node = document.item("nodes", index)
        if "mesh" not in node:
            continue
        weights, skin = _weights(document, node["mesh"], node), node.get("skin")
        instances = _instances(document, node)
        if instances is None or skin is not None:
            placed.append(PlacedMesh(node["mesh"], matrix, skin, weights))
        else:
            placed += [PlacedMesh(node["mesh"], matrix @ one, None, weights) for one in instances]
        if len(placed) > MAX_PARTS:
            raise InputError(f"places more than {MAX_PARTS:,} meshes", "join them")
    return placed


def _walk(document: GltfDocument) -> Iterator[tuple[Any, Floats]]:
    """(node, node to world) of the scene's nodes that are to be seen, parents before children."""
    nodes = document.items("nodes")
    if document.items("scenes"):
        roots = document.item("scenes", document.json.get("scene", 0)).get("nodes", [])
    else:
        children = {c for n in nodes for c in n.get("children", [])}
        roots = [k for k in range(len(nodes)) if k not in children]
    stack: list[tuple[Any, Floats]] = [(r, np.eye(4)) for r in reversed(roots)]
    placed = len(stack)
    while stack:
        index, parent = stack.pop()
        node = document.item("nodes", index)
        if extension_of(node, "KHR_node_visibility").get("visible") is False:
            document.folder.note("hidden", "holds hidden nodes", "leaves them out, and what they carry", "info")
            continue
        placed += len(node.get("children", []))
        if placed > max(MAX_NODES, 2 * len(nodes)):  # a node that is its own ancestor, or has very many parents
            raise InputError("its nodes form a loop or multiply without end")
        matrix = parent @ local_matrix(node)
        yield index, matrix
        stack += [(c, matrix) for c in reversed(node.get("children", []))]


def _weights(document: GltfDocument, mesh: Any, node: dict[str, Any]) -> tuple[float, ...]:
    """The node's own, else the mesh's (section 3.7.2.2)."""
    given = node.get("weights", document.item("meshes", mesh).get("weights", []))
    return tuple(float(w) for w in given) if isinstance(given, list) else ()


def _instances(document: GltfDocument, node: dict[str, Any]) -> Floats | None:
    """(N, 4, 4) instance to node, by EXT_mesh_gpu_instancing; None without."""
    attributes = extension_of(node, _INSTANCING).get("attributes", {})
    known = {k: attributes[k] for k in ("TRANSLATION", "ROTATION", "SCALE") if k in attributes}
    if not known:
        return None
    counts = {document.declared(index)[0] for index in known.values()}
    count = counts.pop()
    if counts or count > MAX_PARTS:
        raise InputError(f"has instances without all of their values, or more than {MAX_PARTS:,}", "join them")
    plain = {"TRANSLATION": [0.0] * 3, "ROTATION": [0.0, 0.0, 0.0, 1.0], "SCALE": [1.0] * 3}
    values = {k: document.floats(known[k]) if k in known else np.tile(v, (count, 1)) for k, v in plain.items()}
    if any(values[k].shape != (count, len(v)) for k, v in plain.items()):
        raise InputError("has instances whose place, turn or scale are none")
    document.folder.note("instances", f"{count:,} instances of a mesh", "places each of them", "info")
    matrices = np.tile(np.eye(4), (count, 1, 1))
    matrices[:, :3, :3] = rotations(values["ROTATION"]) * values["SCALE"][:, None, :]
    matrices[:, :3, 3] = values["TRANSLATION"]
    return matrices


class JointMatrices:
    """Where the joints of skins put what hangs on them."""

    def __init__(self, document: GltfDocument) -> None:
        self._document = document
        self._world: dict[Any, Floats] = {}
        self._skins: dict[Any, Floats] = {}
        self._parents: dict[Any, Any] | None = None

    def of(self, skin: Any) -> Floats:
        """(J, 4, 4) mesh to world by each joint: its place times its inverse bind matrix. Raises InputError."""
        if skin not in self._skins:
            self._skins[skin] = self._joints(self._document.item("skins", skin))
        return self._skins[skin]

    def _joints(self, skin: dict[str, Any]) -> Floats:
        joints = skin.get("joints", [])
        if not joints:
            raise InputError("has a skin without joints")
        world = np.stack([self._node_to_world(joint) for joint in joints])
        if "inverseBindMatrices" not in skin:
            return world
        bind = self._document.floats(skin["inverseBindMatrices"])
        if bind.shape[1] != 16 or len(bind) < len(joints):
            raise InputError("has a skin with fewer bind matrices than joints")
        result: Floats = world @ bind[: len(joints)].reshape(-1, 4, 4).transpose(0, 2, 1)  # columns first
        return result

    def _node_to_world(self, index: Any) -> Floats:
        chain: list[Any] = []
        while index is not None and index not in self._world:
            chain.append(index)
            if len(chain) > len(self._document.items("nodes")):
                raise InputError("its nodes form a loop")
            index = self._parent(index)
        matrix = np.eye(4) if index is None else self._world[index]
        for node in reversed(chain):
            matrix = matrix @ local_matrix(self._document.item("nodes", node))
            self._world[node] = matrix
        return matrix

    def _parent(self, index: Any) -> Any:
        if self._parents is None:
            nodes = self._document.items("nodes")
            self._parents = {child: k for k, node in enumerate(nodes) for child in node.get("children", [])}
        return self._parents.get(index)


def local_matrix(node: dict[str, Any]) -> Floats:
    """Node to parent, from ``matrix`` (column-major) or translation, rotation (x, y, z, w) and scale."""
    if "matrix" in node:
        return numbers(node["matrix"], 16).reshape(4, 4).T
    matrix = np.eye(4)
    rotation = rotations(numbers(node.get("rotation", [0, 0, 0, 1]), 4)[None])[0]
    matrix[:3, :3] = rotation * numbers(node.get("scale", [1, 1, 1]), 3)
    matrix[:3, 3] = numbers(node.get("translation", [0, 0, 0]), 3)
    return matrix


def rotations(quaternions: Floats) -> Floats:
    """(N, 3, 3) of (N, 4) unit quaternions, x, y, z, w."""
    x, y, z, w = quaternions.T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
