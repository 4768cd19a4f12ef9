"""Whether EEVEE can work here: it needs a graphics context, through EGL on a machine without a display."""

from __future__ import annotations

from typing import Any

import bpy


def open_graphics(scene: Any) -> str:
    """Open the graphics context and name its renderer.

    A tiny picture by Workbench, which compiles next to no shaders, does it in a second or two. Blender ends its process
    where there is no context; whoever started this process takes that for the answer.
    """
    render = scene.render
    kept = render.engine, render.resolution_x, render.resolution_y
    render.engine, render.resolution_x, render.resolution_y = "BLENDER_WORKBENCH", 8, 8
    bpy.ops.render.render()
    render.engine, render.resolution_x, render.resolution_y = kept
    try:
        import gpu

        return str(gpu.platform.renderer_get())
    except Exception:
        return "unnamed graphics device"
