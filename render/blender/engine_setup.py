"""What is fixed for a session: engine, device, quality and passes, from ``RenderSettings`` as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bpy

from .device_choice import GPU_BACKENDS, DeviceChoice, choose_device, devices_in_use
from .exchange.worker_messages import SettingsJson
from .light_passes import denoises_light, set_light_passes
from .scene.properties import assign, assign_known

_SOFT_LEVELS = 6  # objects told apart within a pixel
_GLASS_WALLS = 8  # two bottles, each in and out of its front and its back
_EEVEE = {
    # until 4.1
    "use_gtao": True,
    "gtao_distance": 0.2,
    "use_soft_shadows": True,
    "use_shadow_high_bitdepth": True,
    "shadow_cascade_size": "4096",
    "shadow_cube_size": "1024",
    "gi_cubemap_resolution": "1024",
    "use_ssr": True,
    "use_ssr_halfres": False,
    "use_ssr_refraction": True,
    "use_overscan": True,  # else what lies just outside of the frame is missing from reflections and contact shadows
    "overscan_size": 5.0,
    # from 4.2
    "use_shadows": True,
    "shadow_ray_count": 2,
    "shadow_step_count": 8,
    "use_raytracing": True,
    "use_fast_gi": True,
    "fast_gi_method": "GLOBAL_ILLUMINATION",
    "fast_gi_resolution": "1",
    "fast_gi_ray_count": 2,
}
_RAY_TRACING = {"resolution_scale": "1", "screen_trace_quality": 0.5}  # from 4.2


def report_devices() -> dict[str, list[str]]:
    """Device names by backend, as Cycles reports them."""
    preferences = bpy.context.preferences.addons["cycles"].preferences
    offered = {item[0] for item in preferences.get_device_types(bpy.context)}
    found: dict[str, list[str]] = {}
    for backend in (b for b in GPU_BACKENDS if b in offered):
        preferences.compute_device_type = backend
        preferences.refresh_devices()
        names = [d.name for d in preferences.devices if d.type == backend]
        if names:
            found[backend] = names
    preferences.compute_device_type = "NONE"
    preferences.refresh_devices()
    found["CPU"] = [d.name for d in preferences.devices if d.type == "CPU"][:1] or ["CPU"]
    return found


def has_denoiser() -> bool:
    """Whether this Blender was built with OpenImageDenoise."""
    import _cycles

    return bool(_cycles.with_openimagedenoise)


def engine_id(engine: str) -> str:
    """Blender's identifier for ``cycles`` or ``eevee``."""
    if engine == "cycles":
        return "CYCLES"
    return "BLENDER_EEVEE_NEXT" if (4, 2, 0) <= bpy.app.version < (5, 0, 0) else "BLENDER_EEVEE"


def set_up_engine(
    scene: Any, settings: SettingsJson, gpu: int | None = None
) -> tuple[DeviceChoice, dict[str, list[str]], list[str]]:
    """Prepare the scene for a session.

    Args:
        scene: to be prepared.
        settings: ``RenderSettings`` as JSON.
        gpu: which of the chosen backend's devices to use; None: all of them. EEVEE can't choose.

    Returns:
        The device, what devices there are, and notes on what this Blender can't do.

    Raises:
        DeviceAbsent: the named device isn't there.
    """
    notes: list[str] = []
    devices = report_devices()
    render = scene.render
    render.engine = engine_id(settings["engine"])
    render.use_persistent_data = True
    render.use_compositing = render.use_sequencer = False
    render.threads_mode = "FIXED" if settings["threads"] else "AUTO"
    if settings["threads"]:
        render.threads = settings["threads"]
    if settings["engine"] == "cycles":
        device = choose_device(settings["device"], devices)
        _use_device(scene, device, gpu)
        _set_quality(scene, settings)
        notes += _set_denoiser(scene, settings["denoise"], device)
    else:
        device = _graphics_device(settings["device"])
        _set_eevee_quality(scene, settings)
        notes.append("EEVEE has no shadow catcher: on a backplate only its own light casts shadows")
        if "soft_masks" in settings["passes"]:
            notes.append("EEVEE's soft masks show no blur by depth of field or motion")
    _set_passes(scene, settings)
    _set_output(scene)
    return device, devices, notes


def _graphics_device(wanted: str) -> DeviceChoice:
    if wanted not in ("auto", "cpu"):
        reason = f"EEVEE renders through the graphics driver; {wanted} is for Cycles"
    else:
        reason = "EEVEE renders through the graphics driver"
    return DeviceChoice("GRAPHICS", (), reason)


def _use_device(scene: Any, device: DeviceChoice, gpu: int | None) -> None:
    preferences = bpy.context.preferences.addons["cycles"].preferences
    if device.backend == "CPU":
        scene.cycles.device = "CPU"
        return
    preferences.compute_device_type = device.backend
    preferences.refresh_devices()
    used = devices_in_use([d.type for d in preferences.devices], device.backend, gpu)
    for d, use in zip(preferences.devices, used, strict=True):
        d.use = use
    scene.cycles.device = "GPU"


def _set_quality(scene: Any, settings: SettingsJson) -> None:
    cycles = scene.cycles
    cycles.samples = settings["samples"]
    cycles.use_adaptive_sampling = settings["noise_threshold"] > 0
    cycles.adaptive_threshold = settings["noise_threshold"]
    cycles.adaptive_min_samples = min(settings["min_samples"], settings["samples"])
    bounces = settings["max_bounces"]
    cycles.diffuse_bounces = min(bounces, settings["diffuse_bounces"])
    cycles.glossy_bounces = min(bounces, settings["glossy_bounces"])
    set_bounces(scene, bounces)
    cycles.volume_bounces = 0
    cycles.sample_clamp_indirect = settings["clamp_indirect"]
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.blur_glossy = 1.0
    if hasattr(cycles, "texture_limit_render"):
        cycles.texture_limit_render = "OFF"


def set_bounces(scene: Any, bounces: int, through_glass: bool = False) -> None:
    """How often light may bounce in the picture in hand (Cycles); each wall of glass between takes one bounce more."""
    more = _GLASS_WALLS if through_glass else 0
    cycles = scene.cycles
    cycles.max_bounces = cycles.transmission_bounces = bounces + more
    cycles.transparent_max_bounces = max(8, bounces) + more  # layers of leaves with cut-out alpha


@contextmanager
def quality_for_labels(scene: Any) -> Iterator[None]:
    """Render little that labels don't need: in Cycles one path a pixel, through its centre, without bounces.

    EEVEE's instance pass is coverage, which needs all samples.
    """
    if scene.render.engine != "CYCLES":
        yield
        return
    least = {"samples": 1, "use_adaptive_sampling": False, "use_denoising": False, "max_bounces": 0}
    kept = {name: getattr(scene.cycles, name) for name in least}
    assign(scene.cycles, least)
    try:
        yield
    finally:
        assign(scene.cycles, kept)


def _set_denoiser(scene: Any, wanted: str, device: DeviceChoice) -> list[str]:
    cycles = scene.cycles
    cycles.use_denoising = False
    if wanted == "off":
        return []
    if wanted == "light" and not has_denoiser():
        return [f"Blender {bpy.app.version_string} has no OpenImageDenoise: what is blurred is left as it is"]
    if not has_denoiser():
        return [f"Blender {bpy.app.version_string} has no OpenImageDenoise: rendering without denoising"]
    cycles.use_denoising = wanted != "light"  # which switches it on for single pictures
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
    # Texture is kept by the prefilter of albedo and normals, more than by the quality of the filter itself.
    cycles.denoising_prefilter = "FAST" if wanted in ("fast", "light") else "ACCURATE"
    if hasattr(cycles, "denoising_quality"):
        # With the fast prefilter, high quality costs no more than fast and is better (benchmarks/quality.py).
        cycles.denoising_quality = "FAST" if wanted == "balanced" else "HIGH"
    if hasattr(cycles, "denoising_use_gpu"):
        cycles.denoising_use_gpu = device.backend != "CPU"
    return []


def _set_eevee_quality(scene: Any, settings: SettingsJson) -> None:
    scene.eevee.taa_render_samples = settings["samples"]
    assign_known(scene.eevee, _EEVEE)
    if hasattr(scene.eevee, "ray_tracing_options"):
        assign_known(scene.eevee.ray_tracing_options, _RAY_TRACING)


def _set_passes(scene: Any, settings: SettingsJson) -> None:
    layer = scene.view_layers[0]
    layer.use_pass_combined = True
    if settings["engine"] == "cycles":
        layer.use_pass_object_index = True
        # Glass is there although one sees through it; only what is cut away entirely is not.
        layer.pass_alpha_threshold = 1.0 / 255.0
    soft = "soft_masks" in settings["passes"]
    # EEVEE has no object index: the first rank of a Cryptomatte stands in.
    layer.use_pass_cryptomatte_object = soft or settings["engine"] != "cycles"
    layer.pass_cryptomatte_depth = _SOFT_LEVELS if soft else 2
    layer.use_pass_z = "depth" in settings["passes"]
    layer.use_pass_normal = "normals" in settings["passes"]
    if denoises_light(settings):
        set_light_passes(scene)


def _set_output(scene: Any) -> None:
    image = scene.render.image_settings
    if hasattr(image, "media_type"):  # 5.0 and later
        image.media_type = "MULTI_LAYER_IMAGE"
    image.file_format = "OPEN_EXR_MULTILAYER"
    image.color_depth = "32"
    image.exr_codec = "NONE"  # the file lives in memory for a moment: compressing it only costs time
    scene.render.use_file_extension = False
    scene.render.use_overwrite = True
    for name in ("use_stamp_date", "use_stamp_time", "use_stamp_render_time", "use_stamp_filename", "use_stamp_camera"):
        setattr(scene.render, name, False)
