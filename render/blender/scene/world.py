"""Light from all around: the scene's world from a ``WorldPlan``."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ..exchange.plan_types import ShiningLamp, WorldJson
from .bright_spots import BrightSpot, split_light
from .image_cache import ImageCache, MissingFile
from .nodes.node_graph import NodeGraph

BUILTIN = "builtin:"
OF_THE_WORLD = "hdri_sun"
"""Kind of the lamps that stand for an HDRI's bright spots."""
_KEPT_HDRIS = 4  # images of a few thousand pixels are dear to keep and cheap to read again
_KEPT_SPLITS = 8  # of 9 MB each
_DIFFUSE_PX = 256
"""Width of what matt surfaces are lit by: a pixel of 1.4 degrees, which no shading resolves."""
_MIRRORED_PX = 1024
"""Width of what glossy surfaces mirror; also where bright spots are looked for."""


def builtin_folder() -> str:
    """Where this Blender keeps its own HDRIs; empty if it has none."""
    return bpy.utils.system_resource("DATAFILES", path="studiolights/world") or ""


def builtin_hdris() -> list[str]:
    """Names that ``builtin:<name>`` can take."""
    folder = builtin_folder()
    return sorted(file.stem for file in Path(folder).glob("*.exr")) if folder else []


def resolve_hdri(hdri: str) -> str:
    """The file of an HDRI's name. That it exists is checked when it is loaded.

    Raises MissingFile where a builtin's name leads elsewhere.
    """
    if not hdri.startswith(BUILTIN):
        return hdri
    file = hdri[len(BUILTIN) :] + ".exr"
    if Path(file).name != file:
        raise MissingFile(f"{hdri}: there is no such HDRI")
    return str(Path(builtin_folder(), file))


@dataclass(frozen=True)
class SplitHdri:
    """An HDRI as light: bright spots for lamps, and small images of the rest."""

    spots: list[BrightSpot]
    diffuse: Any
    mirrored: Any


class WorldStage:
    """Two worlds, one with an image and one without, kept for the session and adjusted for each picture.

    Args:
        images: loads HDRIs.
        map_px: width of the HDRI's importance map; 0 is automatic.
        split: light by lamps and small images (see :mod:`bright_spots`), while the camera sees the image as it is.
    """

    def __init__(self, images: ImageCache, map_px: int, split: bool) -> None:
        self._images, self._split = images, split
        self._recent: OrderedDict[str, Any] = OrderedDict()
        self._splits: OrderedDict[str, SplitHdri] = OrderedDict()
        self._flat = bpy.data.worlds.new("flat")
        self._flat_background = _single_background(self._flat)
        self._flat.cycles.sampling_method = "NONE"
        self._hdri = bpy.data.worlds.new("hdri")
        # Settings of Cycles must be in place before the first render: under persistent data later changes are missed.
        # Importance sampling is worth its cost: at equal CPU time it gave 1 to 10 dB more under six HDRIs.
        self._hdri.cycles.sampling_method = "MANUAL" if map_px else "AUTOMATIC"
        if map_px:
            self._hdri.cycles.sample_map_resolution = map_px
        self._applied: tuple[WorldJson, bool] | None = None
        self._sky = _Sky(self._hdri, split)
        self._lamps: list[ShiningLamp] = []

    def apply(self, scene: Any, plan: WorldJson, in_view: bool) -> list[ShiningLamp]:
        """Set the scene's world.

        Rotation is counter-clockwise seen from above: what the unrotated image shows at azimuth a appears at a +
        rotation.

        Args:
            scene: to be lit.
            plan: a ``WorldPlan`` as JSON.
            in_view: whether the camera sees the world as the picture's background.

        Returns:
            Lamps that belong to it, of a kind of their own.

        Raises:
            MissingFile: the HDRI can't be read.
        """
        if (plan, in_view) == self._applied:
            return self._lamps  # touching the world makes Cycles build its importance map again
        self._applied = None
        self._lamps = []
        if plan["hdri"] is None:
            self._flat_background.inputs["Color"].default_value = (*plan["color"], 1.0)
            self._flat_background.inputs["Strength"].default_value = plan["strength"]
            world = self._flat
        else:
            self._set_sky(plan["hdri"], plan["rotation"], plan["strength"], in_view)
            world = self._hdri
        world.update_tag()
        scene.world = world
        self._applied = (plan, in_view)
        return self._lamps

    def _set_sky(self, hdri: str, rotation: float, strength: float, in_view: bool) -> None:
        path = resolve_hdri(hdri)
        if not self._split:
            self._sky.set([self._load(path)], rotation, strength)
            return
        split = self._split_up(path)
        # Where nobody sees the large image, nobody has to load it.
        seen = self._load(path) if in_view else split.mirrored
        self._sky.set([seen, split.diffuse, split.mirrored], rotation, strength)
        self._lamps = [_lamp(spot, rotation, strength) for spot in split.spots]

    def _split_up(self, path: str) -> SplitHdri:
        if path not in self._splits:
            image = self._load(path, check=False)  # splitting decodes it, and tells where that can't be done
            try:
                self._splits[path] = _split(image, path)
            except MissingFile:
                self._images.release(self._recent.pop(path))
                raise
        self._splits.move_to_end(path)
        while len(self._splits) > _KEPT_SPLITS:
            _, oldest = self._splits.popitem(last=False)
            self._sky.forget()
            for image in (oldest.diffuse, oldest.mirrored):
                bpy.data.images.remove(image)
        return self._splits[path]

    def _load(self, path: str, check: bool = True) -> Any:
        image = self._images.get(path, check=check and path not in self._recent)
        self._recent[path] = image
        self._recent.move_to_end(path)
        while len(self._recent) > _KEPT_HDRIS:
            _, oldest = self._recent.popitem(last=False)
            self._images.release(oldest)
        return image


class _Sky:
    """The nodes of the world with an image: by kind of ray, as seen, for diffuse light and as mirrored, if split."""

    def __init__(self, world: Any, split: bool) -> None:
        graph = NodeGraph(world)
        direction = graph.node("TexCoord").outputs["Generated"]
        self._textures, self._backgrounds = [], []
        for kind in range(3 if split else 1):
            # What the camera sees is enlarged manyfold: linear interpolation shows the pixels as a grid of diamonds.
            texture = graph.node("TexEnvironment", interpolation="Linear" if kind else "Cubic")
            background = graph.node("Background")
            graph.feed(texture.inputs["Vector"], direction)
            graph.feed(background.inputs["Color"], texture.outputs["Color"])
            self._textures.append(texture)
            self._backgrounds.append(background)
        surface = self._backgrounds[0].outputs[0]
        if split:
            rays = graph.node("LightPath")
            seen, diffuse, mirrored = (background.outputs[0] for background in self._backgrounds)
            light = _either(graph, rays.outputs["Is Glossy Ray"], mirrored, diffuse)
            surface = _either(graph, rays.outputs["Is Camera Ray"], seen, light)
        graph.feed(graph.node("OutputWorld").inputs["Surface"], surface)

    def set(self, images: list[Any], rotation: float, strength: float) -> None:
        """Show images, in the order of the class's description, turned and scaled."""
        for texture, background, image in zip(self._textures, self._backgrounds, images, strict=True):
            texture.image = image
            # The mapping turns the direction that is looked up, so the image turns the other way. That of the node
            # itself is a matrix, where a node for it would work out sines and cosines at every ray.
            texture.texture_mapping.rotation = (0.0, 0.0, -rotation)
            background.inputs["Strength"].default_value = strength

    def forget(self) -> None:
        """Let go of all images."""
        for texture in self._textures:
            texture.image = None


def _single_background(world: Any) -> Any:
    graph = NodeGraph(world)
    background, output = graph.node("Background"), graph.node("OutputWorld")
    graph.feed(output.inputs["Surface"], background.outputs[0])
    return background


def _either(graph: NodeGraph, condition: Any, yes: Any, no: Any) -> Any:
    mix = graph.node("MixShader")
    for socket, value in zip(mix.inputs, (condition, no, yes), strict=True):
        graph.feed(socket, value)
    return mix.outputs[0]


def _split(image: Any, path: str) -> SplitHdri:
    """Raises MissingFile where the image has no pixels."""
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    if not pixels.size:
        raise MissingFile(f"{path}: Blender can't read this image")
    image.pixels.foreach_get(pixels)
    image.buffers_free()
    spots, mirrored, diffuse = split_light(pixels.reshape(height, width, 4)[..., :3], _MIRRORED_PX, _DIFFUSE_PX)
    return SplitHdri(spots, _image(diffuse, image), _image(mirrored, image))


def _image(radiance: Any, like: Any) -> Any:
    """A float image of (H, W, 3) pixels in the colour space of the image ``like``."""
    height, width, _ = radiance.shape
    image = bpy.data.images.new("light", width, height, float_buffer=True)
    image.colorspace_settings.name = like.colorspace_settings.name
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = radiance
    image.pixels.foreach_set(pixels.ravel())
    image.update()
    return image


def _lamp(spot: BrightSpot, rotation: float, strength: float) -> ShiningLamp:
    turned = Matrix.Rotation(rotation, 4, "Z") @ Vector(spot.towards)
    pose = turned.to_track_quat("Z", "Y").to_matrix().to_4x4()  # a lamp shines along its -Z
    brightest = max(spot.irradiance)
    return {
        "kind": OF_THE_WORLD,
        "lamp_to_world": [list(row) for row in pose],
        "power": strength * brightest,
        "color": [value / brightest for value in spot.irradiance],
        "size": 2 * spot.radius,
    }
