"""Where a glTF scene puts its meshes: nodes, their instances, and the joints of skins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import ScanNode
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
        node: index into :attr:`PlacedScene.nodes` of what it hangs on; instances have one each.
    """

    mesh: Any
    matrix: Floats
    skin: Any = None
    weights: tuple[float, ...] = ()
    node: int = 0


@dataclass(frozen=True)
class PlacedScene:
    """All meshes of a scene, and the nodes that they hang on, parents first."""

    meshes: list[PlacedMesh]
    nodes: tuple[ScanNode, ...]


def placed_scene(document: GltfDocument) -> PlacedScene:
    """Of each node of the scene its mesh; of each mesh once where the file has no nodes. Raises InputError."""
    meshes = range(len(document.items("meshes")))
    if not document.items("nodes"):
        placed = [PlacedMesh(k, np.eye(4), None, _weights(document, k, {}), k) for k in meshes]
        return PlacedScene(placed, tuple(ScanNode(_name(document.item("meshes", k))) for k in meshes))
    placed, nodes = [], []
    for index, matrix, parent in _walk(document):
        node = document.item("nodes", index)
        here = ScanNode(_name(node), parent)
        nodes.append(here)
        if "mesh" not in node:
            continue
        nodes[-1] = here = here if here.name else replace(here, name=_name(document.item("meshes", node["mesh"])))
        weights, skin = _weights(document, node["mesh"], node), node.get("skin")
        instances = _instances(document, node)
        if instances is None or skin is not None:
            placed.append(PlacedMesh(node["mesh"], matrix, skin, weights, len(nodes) - 1))
        else:
            placed += [PlacedMesh(node["mesh"], matrix @ one, None, weights, len(nodes) - 1) for one in instances]
        if len(placed) > MAX_PARTS:
            raise InputError(f"places more than {MAX_PARTS:,} meshes", "join them")
    return PlacedScene(*_each_by_itself(placed, nodes))


def _name(named: dict[str, Any]) -> str:
    return str(named.get("name") or "")


def _each_by_itself(placed: list[PlacedMesh], nodes: list[ScanNode]) -> tuple[list[PlacedMesh], tuple[ScanNode, ...]]:
    """Instances of one node as nodes of their own beside it, with its name."""
    seen: set[int] = set()
    apart = []
    for one in placed:
        if one.node in seen:
            nodes.append(nodes[one.node])
            one = replace(one, node=len(nodes) - 1)
        seen.add(one.node)
        apart.append(one)
    return apart, tuple(nodes)


def _walk(document: GltfDocument) -> Iterator[tuple[Any, Floats, int]]:
    """(node, node to world, how many came before its parent, -1: it has none) of those to be seen, parents first."""
    nodes = document.items("nodes")
    if document.items("scenes"):
        roots = document.item("scenes", document.json.get("scene", 0)).get("nodes", [])
    else:
        children = {c for n in nodes for c in n.get("children", [])}
        roots = [k for k in range(len(nodes)) if k not in children]
    stack: list[tuple[Any, Floats, int]] = [(r, np.eye(4), -1) for r in reversed(roots)]
    placed, number = len(stack), -1
    while stack:
        index, parent, above = stack.pop()
        node = document.item("nodes", index)
        if extension_of(node, "KHR_node_visibility").get("visible") is False:
            document.folder.note("hidden", "holds hidden nodes", "leaves them out, and what they carry", "info")
            continue
        placed += len(node.get("children", []))
        if placed > max(MAX_NODES, 2 * len(nodes)):  # a node that is its own ancestor, or has very many parents
            raise InputError("its nodes form a loop or multiply without end")
        matrix = parent @ local_matrix(node)
        number += 1
        yield index, matrix, above
        stack += [(c, matrix, number) for c in reversed(node.get("children", []))]


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
