"""The peer's way of making pictures, in plain bpy: a process of its own that :mod:`peer` talks to.

Settings are those that BlenderProc 2.8 publishes as its defaults, apart from the number of samples, which the issue
fixes: Cycles with persistent data and spatial splits, exactly 32 samples, three bounces (diffuse 3, glossy 0,
transmission 0, transparent 8, volume 0), Blender's own importance map, light tree off, the object-index pass as an EXR
file, normal and albedo passes, OIDN in the compositor with accurate prefilter (colour, albedo, normals are denoised),
JPEG. A picture is rendered as an animation of one frame, written, read back, and written beside the COCO file.

Requests are JSON lines: ``hello`` (``threads``), ``load`` (``folders``), ``render`` (``plan``, ``folders``, ``out``),
``keep`` (``out``), ``truth`` (``plan``, ``folders``, ``window``, ``out``), ``quit``. Only for bpy 4.5.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")

import numpy as np

from scanstage.render.blender.worker import Channel

SAMPLES = 32
TRUTH_SAMPLES = 1024
JPEG_QUALITY = 95
PEER_BOUNCES = {"max": 3, "diffuse": 3, "glossy": 0, "transmission": 0, "transparent_max": 8, "volume": 0}
TRUTH_BOUNCES = {"max": 12, "diffuse": 12, "glossy": 12, "transmission": 12, "transparent_max": 12, "volume": 0}


class PlainLoop:
    """A session.

    Args:
        threads: of the CPU; 0 is all.
    """

    def __init__(self, threads: int) -> None:
        import bpy
        from peer_scene import PlainScene

        self._bpy = bpy
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self._scene = scene = bpy.context.scene
        render = scene.render
        render.engine, scene.cycles.device = "CYCLES", "CPU"
        render.use_persistent_data = True
        render.threads_mode = "FIXED" if threads else "AUTO"
        if threads:
            render.threads = threads
        scene.cycles.debug_use_spatial_splits = True
        scene.cycles.use_light_tree = False
        scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = False
        scene.view_settings.view_transform = "Filmic"
        layer = scene.view_layers[0]
        layer.use_pass_object_index = layer.use_pass_normal = layer.use_pass_diffuse_color = True
        layer.pass_alpha_threshold = 0.05
        self._temporary = Path(tempfile.mkdtemp(prefix="peer-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self._set_quality(SAMPLES, PEER_BOUNCES)
        self._compose()
        hdris = bpy.utils.system_resource("DATAFILES", path="studiolights/world")
        self._stage = PlainScene(scene, Path(hdris))
        self.version = bpy.app.version_string

    def load(self, folders: dict[str, str]) -> None:
        """Load all scans that pictures may show."""
        self._stage.load(folders)

    def render(self, plan: dict[str, Any], folders: dict[str, str], out: Path) -> None:
        """Make a picture: ``out/images`` gets the JPEG, ``out/coco_annotations.json`` its labels."""
        import cv2
        from peer_coco import append_picture

        names = self._stage.apply(plan, folders)
        image = self._scene.render.image_settings
        image.file_format, image.color_mode, image.quality = "JPEG", "RGB", JPEG_QUALITY
        self._render_frame(self._temporary / "rgb_")
        pixels = cv2.imread(str(self._temporary / "rgb_0000.jpg"))
        (out / "images").mkdir(parents=True, exist_ok=True)
        name = f"images/{plan['index']:06d}.jpg"
        cv2.imwrite(str(out / name), pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        append_picture(out / "coco_annotations.json", name, self._read_ids(), names)

    def keep(self, out: Path) -> None:
        """Write the picture rendered last as it left the compositor: linear radiance, an EXR file."""
        image = self._scene.render.image_settings
        image.file_format, image.color_mode, image.color_depth = "OPEN_EXR", "RGB", "32"
        self._bpy.data.images["Render Result"].save_render(str(out), scene=self._scene)

    def truth(self, plan: dict[str, Any], folders: dict[str, str], window: list[int], out: Path) -> None:
        """Write the linear radiance of a window (x, y, width, height) of a picture without any short cut, as EXR.

        But Cycles' filter of glossy paths, which both sides have: without it single paths outshine a thousand others.
        Afterwards the session renders the truth alone.
        """
        self._stage.apply(plan, folders)
        scene, cycles = self._scene, self._scene.cycles
        self._set_quality(TRUTH_SAMPLES, TRUTH_BOUNCES)
        cycles.sample_clamp_indirect = cycles.sample_clamp_direct = 0.0
        cycles.caustics_reflective = cycles.caustics_refractive = False
        render, (x, y, width, height) = scene.render, window
        render.use_compositing = False
        render.use_border = render.use_crop_to_border = True
        frame_wh = plan["camera"]["resolution_wh"]
        # A quarter of a pixel inwards: Blender rounds down.
        render.border_min_x, render.border_max_x = (x + 0.25) / frame_wh[0], (x + width + 0.25) / frame_wh[0]
        bottom = frame_wh[1] - y - height
        render.border_min_y, render.border_max_y = (bottom + 0.25) / frame_wh[1], (bottom + height + 0.25) / frame_wh[1]
        image = render.image_settings
        image.file_format, image.color_mode, image.color_depth = "OPEN_EXR", "RGB", "32"
        self._render_frame(self._temporary / "truth_")
        shutil.move(str(self._temporary / "truth_0000.exr"), out)

    def close(self) -> None:
        """Remove what lies in the temporary folder."""
        shutil.rmtree(self._temporary, ignore_errors=True)

    def _render_frame(self, path: Path) -> None:
        scene = self._scene
        scene.frame_start = scene.frame_end = 0
        scene.render.filepath = str(path)
        self._bpy.ops.render.render(animation=True, write_still=True)

    def _read_ids(self) -> Any:
        import cv2

        found = cv2.imread(str(self._temporary / "segmap_0000.exr"), cv2.IMREAD_UNCHANGED)
        return np.rint(found if found.ndim == 2 else found[..., 0]).astype(np.uint16)

    def _set_quality(self, samples: int, bounces: dict[str, int]) -> None:
        cycles = self._scene.cycles
        cycles.samples = samples
        for name, value in bounces.items():
            setattr(cycles, f"{name}_bounces", value)

    def _compose(self) -> None:
        scene = self._scene
        scene.use_nodes = scene.render.use_compositing = True
        nodes, links = scene.node_tree.nodes, scene.node_tree.links
        nodes.clear()
        layers, denoise = nodes.new("CompositorNodeRLayers"), nodes.new("CompositorNodeDenoise")
        composite, indices = nodes.new("CompositorNodeComposite"), nodes.new("CompositorNodeOutputFile")
        denoise.prefilter, denoise.use_hdr = "ACCURATE", True
        links.new(layers.outputs["Image"], denoise.inputs["Image"])
        links.new(layers.outputs["Normal"], denoise.inputs["Normal"])
        links.new(layers.outputs["DiffCol"], denoise.inputs["Albedo"])
        links.new(denoise.outputs["Image"], composite.inputs["Image"])
        indices.base_path, indices.format.file_format = str(self._temporary), "OPEN_EXR"
        indices.file_slots[0].path = "segmap_"
        links.new(layers.outputs["IndexOB"], indices.inputs[0])


def main() -> None:
    """Serve requests until told to quit."""
    channel = Channel()
    loop: PlainLoop | None = None
    while True:
        request = channel.next()
        try:
            if request["op"] == "hello":
                loop = PlainLoop(request["threads"])
                channel.answer(request, result={"blender": loop.version})
                continue
            assert loop is not None
            if request["op"] == "quit":
                loop.close()
                channel.answer(request, result={})
                sys.stderr.flush()
                os._exit(0)
            if request["op"] == "load":
                loop.load(request["folders"])
            elif request["op"] == "render":
                loop.render(request["plan"], request["folders"], Path(request["out"]))
            elif request["op"] == "keep":
                loop.keep(Path(request["out"]))
            else:
                loop.truth(request["plan"], request["folders"], request["window"], Path(request["out"]))
            channel.answer(request, result={})
        except Exception as e:
            channel.answer(request, error={"kind": type(e).__name__, "message": str(e)})


if __name__ == "__main__":
    main()
