"""Intel's Open Image Denoise, called on arrays: the library that the bpy wheel carries, without a Blender.

Its C interface is that of https://www.openimagedenoise.org/documentation.html (2.x). The library is loaded where it
lies; ``bpy`` itself is not imported.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_LIBRARIES = {
    "linux": "libOpenImageDenoise.so.2",
    "darwin": "libOpenImageDenoise.2.dylib",
    "win32": "OpenImageDenoise.dll",
}
_KINDS = {"CPU": 1, "ONEAPI": 2, "CUDA": 3, "OPTIX": 3, "HIP": 4, "METAL": 5}
"""The library's kinds of device, by the backends that Cycles renders on."""
_FLOAT3 = 3
_QUALITY_FAST, _QUALITY_HIGH = 4, 6


class DenoiserFailed(Exception):
    """The library refused; the message is its own."""


def denoiser_file() -> Path | None:
    """The library of this Python's bpy wheel; None where there is none."""
    try:
        found = importlib.util.find_spec("bpy")
    except (ImportError, ValueError):
        return None
    name = _LIBRARIES.get(sys.platform)
    if found is None or found.origin is None or name is None:
        return None
    file = Path(found.origin).parent / "lib" / name
    return file if file.is_file() else None


@lru_cache(maxsize=1)
def _library() -> Any:
    """The loaded library with the types of what is called; None where there is none that can be loaded."""
    file = denoiser_file()
    if file is None:
        return None
    try:
        library = ctypes.CDLL(str(file))
    except OSError:
        return None
    handle, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    for name, result, arguments in (
        ("oidnNewDevice", handle, [ctypes.c_int]),
        ("oidnSetDeviceInt", None, [handle, text, ctypes.c_int]),
        ("oidnSetDeviceBool", None, [handle, text, ctypes.c_bool]),
        ("oidnCommitDevice", None, [handle]),
        ("oidnGetDeviceError", ctypes.c_int, [handle, ctypes.POINTER(text)]),
        ("oidnReleaseDevice", None, [handle]),
        ("oidnNewFilter", handle, [handle, text]),
        ("oidnNewBuffer", handle, [handle, size]),
        ("oidnWriteBuffer", None, [handle, size, size, handle]),
        ("oidnReadBuffer", None, [handle, size, size, handle]),
        ("oidnReleaseBuffer", None, [handle]),
        ("oidnSetFilterImage", None, [handle, text, handle, ctypes.c_int, size, size, size, size, size]),
        ("oidnSetFilterBool", None, [handle, text, ctypes.c_bool]),
        ("oidnSetFilterInt", None, [handle, text, ctypes.c_int]),
        ("oidnCommitFilter", None, [handle]),
        ("oidnExecuteFilter", None, [handle]),
        ("oidnReleaseFilter", None, [handle]),
    ):
        function = getattr(library, name, None)
        if function is None:  # of a version before 2
            return None
        function.restype, function.argtypes = result, arguments
    return library


def has_array_denoiser() -> bool:
    """Whether arrays can be denoised in this process."""
    return _library() is not None


class Denoiser:
    """A device of the library. Not to be shared between threads.

    Args:
        threads: how many the CPU's may take; 0 is all cores.
        backend: what Cycles renders on, ``CPU`` or one of its GPU backends: the first device of the same kind.

    Raises:
        DenoiserFailed: there is none (see :func:`has_array_denoiser`), or it can't work here.
    """

    def __init__(self, threads: int = 0, backend: str = "CPU") -> None:
        self._oidn = _library()
        if self._oidn is None:
            raise DenoiserFailed("this Python has no bpy wheel with Open Image Denoise")
        self._device = self._oidn.oidnNewDevice(_KINDS[backend])
        if not self._device:
            self._check()
            raise DenoiserFailed(f"Open Image Denoise has no device for {backend}")
        if backend == "CPU":
            self._oidn.oidnSetDeviceInt(self._device, b"numThreads", threads)
            self._oidn.oidnSetDeviceBool(self._device, b"setAffinity", False)  # bound threads wait for each other
        self._oidn.oidnCommitDevice(self._device)
        try:
            self._check()
        except DenoiserFailed:
            self.close()
            raise

    def denoise(self, image: Floats, fast: bool = False) -> Floats:
        """An (H, W, 3) image of linear radiance, of any range, without its noise. Raises DenoiserFailed.

        ``fast`` takes half the time; on reflections it costs less than 0.1 dB, on diffuse light a tenth more FLIP.
        """
        source = np.ascontiguousarray(image, np.float32)
        height, width, _ = source.shape
        result = np.empty_like(source)
        oidn, size = self._oidn, source.nbytes
        # One buffer of the device's own memory: a GPU can't read arrays where they lie. It is filtered in place.
        buffer = oidn.oidnNewBuffer(self._device, size)
        filter = oidn.oidnNewFilter(self._device, b"RT")
        try:
            self._check()
            oidn.oidnWriteBuffer(buffer, 0, size, source.ctypes.data)
            for name in (b"color", b"output"):
                oidn.oidnSetFilterImage(filter, name, buffer, _FLOAT3, width, height, 0, 0, 0)
            oidn.oidnSetFilterBool(filter, b"hdr", True)
            oidn.oidnSetFilterInt(filter, b"quality", _QUALITY_FAST if fast else _QUALITY_HIGH)
            oidn.oidnCommitFilter(filter)
            oidn.oidnExecuteFilter(filter)
            oidn.oidnReadBuffer(buffer, 0, size, result.ctypes.data)
            self._check()
        finally:
            oidn.oidnReleaseFilter(filter)
            oidn.oidnReleaseBuffer(buffer)
        return result

    def close(self) -> None:
        """Let go of the device. May be called again."""
        if self._device is not None:
            self._oidn.oidnReleaseDevice(self._device)
            self._device = None

    def _check(self) -> None:
        message = ctypes.c_char_p()
        if self._oidn.oidnGetDeviceError(self._device, ctypes.byref(message)):
            raise DenoiserFailed((message.value or b"unknown error").decode("utf-8", "replace"))
