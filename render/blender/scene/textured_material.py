"""Materials of grounds, tables, walls and primitives: textures laid on by box projection, in metres.

One node tree serves all surfaces with the same image; colours, size, offset and finish are properties of the object.
Boxes and planes get the projection as UVs of a mesh of their own: tables and walls fill the frame, and reading a UV is
far cheaper for each of a picture's millions of shading points than projecting (a third of a picture's time). Only
curved shapes are projected by nodes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..exchange.plan_types import MatrixJson, SurfaceMaterialJson
from .image_cache import ImageCache
from .mesh_data import UV_NAME
from .nodes.node_graph import NodeGraph

COLOR_A, COLOR_B = "surface_color_a", "surface_color_b"
SCALE = "surface_scale"  # the object's own scale: object coordinates times it are metres
LAYOUT = "surface_layout"  # (repetitions per metre, rotation in radians, height of the relief in metres)
OFFSET = "surface_offset"  # (u, v) in repetitions, and the roughness of joints
FINISH = "surface_finish"  # (roughness, metallic, specular)

# How far roughness swings about its value as the texture goes from black to white.
_ROUGHNESS_SWING = 0.15
# Joints end where the texture is as light as this; the edges of what they part are between the two.
_JOINT_BELOW = 0.75
# Sharpness of the blend between the three projections of a curved surface.
_BLEND_POWER = 6.0


def surface_properties(material: SurfaceMaterialJson, matrix: MatrixJson) -> dict[str, list[float]]:
    """The object properties that carry a ``SurfaceMaterial``, for an object with ``object_to_world`` ``matrix``."""
    scale = [math.sqrt(sum(matrix[row][column] ** 2 for row in range(3))) for column in range(3)]
    return {
        COLOR_A: list(material["color_a"]),
        COLOR_B: list(material["color_b"]),
        SCALE: scale,
        LAYOUT: [1.0 / material["texture_size_m"], material["texture_rotation"], material["bump_m"]],
        OFFSET: [*material["texture_offset"], material["joint_roughness"] or 0.0],
        FINISH: [material["roughness"], material["metallic"], material["specular"]],
    }


def build_surface_material(
    material: Any, description: SurfaceMaterialJson, flat_faced: bool, images: ImageCache, albedo_apart: bool = False
) -> None:
    """Make the nodes of ``material`` from a ``SurfaceMaterial`` as JSON.

    Args:
        material: a material datablock.
        description: ``texture``, ``image`` and whether there are relief and joints shape the tree; object properties
            do the rest.
        flat_faced: the object is a box or a plane, whose mesh has the projection as UVs (:func:`projected_uv`).
            Otherwise three projections are blended by the normal.
        images: the cache that loads the image.
        albedo_apart: see :meth:`NodeGraph.principled`.

    Raises:
        MissingFile: the image can't be read.
    """
    photo = description["image"]
    path = photo or description["texture"]
    graph = NodeGraph(material)
    roughness, metallic, specular = graph.split(graph.object_property(FINISH))
    normal = None
    if path is None:
        color = graph.object_property(COLOR_A)
    else:
        image = images.get(path, data=photo is None, check=photo is not None)
        texel = _by_uv(graph, image) if flat_faced else _projected(graph, image)
        grey, _, _ = graph.split(texel)
        color = texel if photo else graph.mix(graph.object_property(COLOR_A), graph.object_property(COLOR_B), grey)
        swing = graph.math("MULTIPLY_ADD", grey, -_ROUGHNESS_SWING, _ROUGHNESS_SWING / 2)
        roughness = graph.math("ADD", roughness, swing, clamp=True)
        if description["joint_roughness"] is not None:
            roughness = _with_joints(graph, roughness, grey)
        if description["bump_m"] > 0:
            bump = graph.node("Bump")
            graph.feed(bump.inputs["Distance"], graph.split(graph.object_property(LAYOUT))[2])
            graph.feed(bump.inputs["Height"], grey)
            normal = bump.outputs[0]
    graph.principled(
        albedo_apart=albedo_apart,
        Base_Color=color,
        Roughness=roughness,
        Metallic=metallic,
        Specular_IOR_Level=specular,
        Normal=normal,
    )


def _with_joints(graph: NodeGraph, roughness: Any, grey: Any) -> Any:
    """Glossy grout would sparkle in every joint: a pixel of many joints never settles, nor looks like any floor."""
    _, _, joint = graph.split(graph.object_property(OFFSET))
    share = graph.math("MULTIPLY_ADD", grey, -1.0 / _JOINT_BELOW, 1.0, clamp=True)
    return graph.math("MULTIPLY_ADD", graph.math("SUBTRACT", joint, roughness), share, roughness)


def projected_uv(
    vertices: npt.NDArray[np.float32], faces: npt.NDArray[np.int32], properties: dict[str, list[float]]
) -> npt.NDArray[np.float32]:
    """(F * 3, 2) corner UVs that lay a texture on along the axis that each face looks to, as the nodes would.

    Args:
        vertices: (V, 3), of the asset.
        faces: (F, 3).
        properties: of the object, see :func:`surface_properties`.
    """
    corners = vertices[faces].astype(np.float64) * properties[SCALE]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    axis = np.abs(normals).argmax(axis=1)
    sign = np.sign(np.take_along_axis(normals, axis[:, None], axis=1))
    x, y, z = np.moveaxis(corners, -1, 0)
    across = np.select([axis[:, None] == 0, axis[:, None] == 1], [y * sign, -x * sign], x * sign)
    up = np.where(axis[:, None] == 2, y, z)
    per_metre, rotation, _ = properties[LAYOUT]
    c, s = math.cos(rotation), math.sin(rotation)  # turning what is looked up by -rotation turns the picture by it
    u = (c * across + s * up) * per_metre + properties[OFFSET][0]
    v = (c * up - s * across) * per_metre + properties[OFFSET][1]
    return np.stack([u, v], axis=-1).reshape(-1, 2).astype(np.float32)


def _by_uv(graph: NodeGraph, image: Any) -> Any:
    return graph.image(image, graph.node("UVMap", uv_map=UV_NAME).outputs[0]).outputs["Color"]


def _projected(graph: NodeGraph, image: Any) -> Any:
    """The image laid on along the axis that the surface faces; seen from outside it is never mirrored."""
    coordinates = graph.node("TexCoord")
    metres = graph.vector("MULTIPLY", coordinates.outputs["Object"], graph.object_property(SCALE))
    x, y, z = graph.split(metres)
    normal = coordinates.outputs["Normal"]
    sign_x, sign_y, sign_z = (graph.math("SIGN", component) for component in graph.split(normal))
    along = (
        graph.join(graph.math("MULTIPLY", y, sign_x), z),
        graph.join(graph.math("MULTIPLY", x, graph.math("MULTIPLY", sign_y, -1.0)), z),
        graph.join(graph.math("MULTIPLY", x, sign_z), y),
    )
    return _weighted_sum(graph, tuple(_lookup(graph, image, uv) for uv in along), _blend(graph, normal))


def _blend(graph: NodeGraph, normal: Any) -> tuple[Any, Any, Any]:
    """Weights that sum to one and fall off steeply away from the nearest axis."""
    powers = [graph.math("POWER", c, _BLEND_POWER) for c in graph.split(graph.vector("ABSOLUTE", normal))]
    total = graph.math("ADD", graph.math("ADD", powers[0], powers[1]), powers[2])
    x, y, z = (graph.math("DIVIDE", p, total) for p in powers)
    return x, y, z


def _weighted_sum(graph: NodeGraph, values: tuple[Any, ...], weights: tuple[Any, ...]) -> Any:
    total: Any = (0.0, 0.0, 0.0)
    for value, weight in zip(values, weights, strict=True):
        total = graph.vector("MULTIPLY_ADD", value, weight, total)
    return total


def _lookup(graph: NodeGraph, image: Any, metres: Any) -> Any:
    per_metre, rotation, _ = graph.split(graph.object_property(LAYOUT))
    turned = graph.node("VectorRotate", rotation_type="Z_AXIS")
    graph.feed(turned.inputs["Vector"], metres)
    graph.feed(
        turned.inputs["Angle"], graph.math("MULTIPLY", rotation, -1.0)
    )  # turning what is looked up turns it back
    uv = graph.vector("MULTIPLY_ADD", turned.outputs[0], per_metre, graph.object_property(OFFSET))
    return graph.image(image, uv).outputs["Color"]
