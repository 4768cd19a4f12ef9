"""A loop around Cycles as lean as can be, in a Blender process of its own: moves the objects, renders, and no more.

Run by ``overhead.py``; answers JSON lines as scanstage's own worker does. The scene, the settings and the light are
those of scanstage, made by the same code, so that the same picture is computed; but there is no instance pass, nothing
is written, read, checked or labelled, and plans come as plain data in one go.

Requests: ``hello`` with ``settings``; ``loop`` with ``pictures`` (pairs of plan and folders) renders them, and answers
for each the seconds, CPU seconds, and of these the ones that setting the scene took; ``quit``.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "render" / "blender"))

from worker import Channel, few_cores, import_blender, load_package  # type: ignore[import-not-found]

CACHE_BYTES = 2 << 30
Pictures = list[tuple[dict[str, Any], dict[str, str]]]


class BareLoop:
    """Cycles at the given ``RenderSettings``, with the colour pass alone."""

    def __init__(self, settings: dict[str, Any]) -> None:
        with few_cores(settings["threads"]):
            import_blender()
        load_package()
        import bpy
        from scanstage_blender.rendering import Renderer

        self._renderer = Renderer(settings, CACHE_BYTES)
        self._bpy, self._scene = bpy, bpy.context.scene
        layer = self._scene.view_layers[0]
        layer.use_pass_object_index = layer.use_pass_z = layer.use_pass_normal = False
        layer.use_pass_cryptomatte_object = False

    def loop(self, pictures: Pictures) -> list[tuple[float, float, float]]:
        """Render pictures; seconds, CPU seconds, and CPU seconds for setting the scene, of each."""
        spent = []
        for plan, folders in pictures:
            start, cpu = time.perf_counter(), time.process_time()
            self._renderer.set_scene(plan, folders)
            set_cpu = time.process_time() - cpu
            self._bpy.ops.render.render(write_still=False)
            spent.append((time.perf_counter() - start, time.process_time() - cpu, set_cpu))
        return spent


def main() -> None:
    """Serve requests until told to quit."""
    channel = Channel()
    request = channel.next()
    bare = BareLoop(request["settings"])
    channel.answer(request, result={})
    while (request := channel.next())["op"] != "quit":
        channel.answer(request, result={"spent": bare.loop(request["pictures"])})
    channel.answer(request, result={})
    sys.stderr.flush()
    os._exit(0)  # a process that imported bpy may hang at its own exit


if __name__ == "__main__":
    main()
