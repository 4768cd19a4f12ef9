"""Image files of a few bytes that claim to be enormous, and whole ones to compare them with."""

from __future__ import annotations

import struct
import zlib

_EXR_START = b"\x76\x2f\x31\x01"


def png(width: int, height: int, depth: int = 16, kind: int = 6, rows: int | None = None) -> bytes:
    """A PNG of zeros, of ``rows`` rows where it says ``height``; RGBA of 16 bits unless told otherwise."""
    channels = {0: 1, 2: 3, 6: 4}[kind]
    row = b"\0" + bytes(width * channels * depth // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(height if rows is None else rows)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def tiff(width: int, height: int) -> bytes:
    """A TIFF of one strip of eight bytes, 8-bit grey, that claims a size."""
    entries = (
        *((256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1)),
        *((273, 4, 200), (277, 3, 1), (278, 4, height), (279, 4, 8)),
    )
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", t, k, 1, v) for t, k, v in entries)
    return (b"II*\0" + struct.pack("<I", 8) + directory + bytes(4)).ljust(200, b"\0") + bytes(8)


def bmp(width: int, height: int) -> bytes:
    """The header of a BMP, 24 bits a pixel."""
    return struct.pack("<2sIHHI", b"BM", 54, 0, 0, 54) + struct.pack(
        "<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 2835, 2835, 0, 0
    )


def jpeg(width: int, height: int) -> bytes:
    """Start, size and end of a grey JPEG."""
    return b"\xff\xd8\xff\xc0" + struct.pack(">HBHHBBBB", 11, 8, height, width, 1, 1, 0x11, 0) + b"\xff\xd9"


def radiance(width: int, height: int, before: bytes = b"") -> bytes:
    """A Radiance file without pixels."""
    return b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n" + before + b"\n" + f"-Y {height} +X {width}\n".encode()


def box(width: int, height: int) -> bytes:
    """An OpenEXR window from (0, 0)."""
    return struct.pack("<4i", 0, 0, width - 1, height - 1)


def channels(names: tuple[str, ...] = ("B", "G", "R")) -> bytes:
    """An OpenEXR list of half channels."""
    return b"".join(n.encode() + b"\0" + struct.pack("<iB3xii", 1, 0, 1, 1) for n in names) + b"\0"


def attribute(name: str, kind: str, data: bytes, length: int | None = None) -> bytes:
    """An attribute of an OpenEXR header, which may lie about its length."""
    return b"\0".join((name.encode(), kind.encode(), struct.pack("<i", len(data) if length is None else length))) + data


def exr(*more: bytes, window: bytes = box(64, 32), display: bytes | None = None, flags: int = 0) -> bytes:
    """The header of a scanline OpenEXR image with more attributes, and room for the table of its lines."""
    header = (
        attribute("dataWindow", "box2i", window),
        attribute("displayWindow", "box2i", window if display is None else display),
        *more,
        *(() if any(m.startswith(b"channels\0") for m in more) else (attribute("channels", "chlist", channels()),)),
    )
    return _EXR_START + struct.pack("<I", 2 | flags) + b"".join(header) + b"\0" + bytes(32 * 8)
