"""Textures that Basis Universal compressed (KTX2, as glTF's KHR_texture_basisu has them), as PNG."""

from __future__ import annotations

import importlib.util
import io
import struct

import numpy as np
from PIL import Image

from scanstage.assets.machine.confined_process import ConfinedError, run_confined
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.scan_bounds import MAX_PX

_HEADER = struct.Struct("<12s5I")  # identifier, vkFormat, typeSize, width, height, depth
_MEMORY_BYTES = 6 << 30
_LIMIT_S = 120
_PROGRAM = """
import os
out = os.dup(1)
os.dup2(2, 1)
import opengl_basisu
texture = opengl_basisu.open(sys.stdin.buffer.read())
pixels = texture.transcode("rgba8").data.tobytes()
with os.fdopen(out, "wb") as f:
    f.write(pixels)
"""


def png_of_basis(data: bytes, name: str) -> bytes:
    """A KTX2 texture's largest picture as PNG.

    The transcoder is native code, so it runs in a process of its own. Raises InputError where it isn't installed, for
    what it can't read, and for pictures that are too large.
    """
    if len(data) < _HEADER.size:
        raise InputError(f"{name}: the KTX2 texture is cut off")
    width, height = _HEADER.unpack_from(data)[3:5]
    if not 1 <= width <= MAX_PX or not 1 <= height <= MAX_PX:
        raise InputError(f"{name}: a KTX2 texture of {width} x {height} pixels is refused", f"at most {MAX_PX} a side")
    if importlib.util.find_spec("opengl_basisu") is None:
        raise InputError(
            f"{name}: is a KTX2 texture (KHR_texture_basisu), and what decodes it isn't installed",
            'pip install "scanstage[ktx2]", or export the scan with PNG or JPEG textures',
        )
    try:
        pixels = run_confined(_PROGRAM, given=data, memory_bytes=_MEMORY_BYTES, limit_s=_LIMIT_S)
    except ConfinedError as e:
        hint = "export the scan with PNG or JPEG textures"
        raise InputError(f"{name}: the KTX2 texture can't be decoded ({e})", hint) from e
    if len(pixels) != 4 * width * height:
        raise InputError(f"{name}: the KTX2 texture holds another size than it says")
    picture = Image.fromarray(np.frombuffer(pixels, np.uint8).reshape(height, width, 4))
    buffer = io.BytesIO()
    opaque = picture.getchannel("A").getextrema() == (255, 255)
    (picture.convert("RGB") if opaque else picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
