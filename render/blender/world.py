"""Light from all around: the scene's world from a ``WorldPlan``."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import bpy

from .images import ImageCache
from .node_graph import NodeGraph

BUILTIN = "builtin:"
_KEPT_HDRIS = 4  # images of a few thousand pixels are dear to keep and cheap to read again


def builtin_folder() -> str:
    """Where this Blender keeps its own HDRIs; empty if it has none."""
    return bpy.utils.system_resource("DATAFILES", path="studiolights/world") or ""


def builtin_hdris() -> list[str]:
    """Names that ``builtin:<name>`` can take."""
    folder = builtin_folder()
    return sorted(file.stem for file in Path(folder).glob("*.exr")) if folder else []


def resolve_hdri(hdri: str) -> str:
    """The file of an HDRI's name. That it exists is checked when it is loaded."""
    return str(Path(builtin_folder(), hdri[len(BUILTIN) :] + ".exr")) if hdri.startswith(BUILTIN) else hdri


class WorldStage:
    """Two worlds, one with an image and one without, kept for the session and adjusted for each picture."""

    def __init__(self, images: ImageCache, map_px: int) -> None:
        self._images = images
        self._recent: OrderedDict[str, Any] = OrderedDict()
        self._flat, self._flat_background = _new_world("flat")
        self._flat.cycles.sampling_method = "NONE"
        self._hdri, self._hdri_background = _new_world("hdri")
        # Settings of Cycles must be in place before the first render: under persistent data later changes are missed.
        # Importance sampling is worth its cost: at equal CPU time it gave 1 to 10 dB more under six HDRIs.
        self._hdri.cycles.sampling_method = "MANUAL" if map_px else "AUTOMATIC"
        if map_px:
            self._hdri.cycles.sample_map_resolution = map_px
        self._applied: dict[str, Any] | None = None
        self._mapping, self._environment = _environment(self._hdri, self._hdri_background)

    def apply(self, scene: Any, plan: dict[str, Any]) -> None:
        """Set the scene's world.

        Rotation is counter-clockwise seen from above: what the unrotated image shows at azimuth a appears at a +
        rotation.

        Raises:
            MissingFile: the HDRI can't be read.
        """
        if plan == self._applied:
            return  # touching the world makes Cycles build its importance map again
        self._applied = None
        if plan["hdri"] is None:
            self._flat_background.inputs["Color"].default_value = (*plan["color"], 1.0)
            self._flat_background.inputs["Strength"].default_value = plan["strength"]
            world = self._flat
        else:
            self._environment.image = self._load(resolve_hdri(plan["hdri"]))
            # The mapping turns the direction that is looked up, so the image turns the other way.
            self._mapping.inputs["Rotation"].default_value = (0.0, 0.0, -plan["rotation"])
            self._hdri_background.inputs["Strength"].default_value = plan["strength"]
            world = self._hdri
        world.update_tag()
        scene.world = world
        self._applied = plan

    def _load(self, path: str) -> Any:
        image = self._images.get(path, check=path not in self._recent)
        self._recent[path] = image
        self._recent.move_to_end(path)
        while len(self._recent) > _KEPT_HDRIS:
            _, oldest = self._recent.popitem(last=False)
            self._images.release(oldest)
        return image


def _new_world(name: str) -> tuple[Any, Any]:
    world = bpy.data.worlds.new(name)
    graph = NodeGraph(world)
    background, output = graph.node("Background"), graph.node("OutputWorld")
    graph.feed(output.inputs["Surface"], background.outputs[0])
    return world, background


def _environment(world: Any, background: Any) -> tuple[Any, Any]:
    nodes, links = world.node_tree.nodes, world.node_tree.links
    coordinates, mapping = nodes.new("ShaderNodeTexCoord"), nodes.new("ShaderNodeMapping")
    environment = nodes.new("ShaderNodeTexEnvironment")
    links.new(coordinates.outputs["Generated"], mapping.inputs["Vector"])
    links.new(mapping.outputs[0], environment.inputs["Vector"])
    links.new(environment.outputs["Color"], background.inputs["Color"])
    return mapping, environment
