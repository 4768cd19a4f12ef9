"""Every text in a USD layer that may be the name of a file: layers and images, however the layer refers to them.

There is no telling which texts USD will follow (references, payloads, sublayers, clips, textures, metadata), so all of
them are given, and the caller asks whether one leads to a file.
Formats: https://openusd.org/release/spec_usdz.html and ``pxr/usd/sdf/crateFile.cpp`` of OpenUSD.
"""

from __future__ import annotations

import codecs
import io
import re
import struct
import zipfile
from collections.abc import Iterator

from scanstage.assets.messages.errors import InputError

MAX_NAME = 4096
_MAX_TOKENS_BYTES = 16 << 20
_MAX_MEMBERS = 10_000
_DEEPEST = 3  # packages in packages
_CRATE, _PACKAGE = b"PXR-USDC", b"PK\x03\x04"
_ESCAPE = re.compile(rb"\\(.?)", re.DOTALL)
_ESCAPED = {bytes([c]) for c in b"\\'\"abfnrtvxuUN\n01234567"}
_BROKEN = "is no USD file, or a broken one"


def usd_names(data: bytes, depth: int = 0) -> Iterator[str]:
    """Texts of a layer or package, of whatever USD format. Raises InputError where it is none."""
    if data.startswith(_CRATE):
        yield from _crate_tokens(data)
    elif data.startswith(_PACKAGE):
        yield from _package_names(data, depth)
    elif data.startswith((b"#usda", b"#sdf")):
        yield from _quoted(data)
    else:
        raise InputError(_BROKEN, "export it again")


def _quoted(data: bytes) -> Iterator[str]:
    """What stands between quotes or ``@`` in a text layer; rather too much than too little."""
    for mark in (b"@@@", b"@", b'"', b"'"):
        for piece in data.split(mark):
            if len(piece) <= MAX_NAME:
                yield (text := piece.decode("utf-8", "surrogateescape"))
                if "\\" in text:
                    yield codecs.decode(_ESCAPE.sub(_kept, piece), "unicode_escape", "replace")


def _kept(escape: re.Match[bytes]) -> bytes:
    """A backslash that begins no escape, as in a Windows path, is one; Python warns of such."""
    return escape[0] if escape[1] in _ESCAPED else b"\\" + escape[0]


def _package_names(data: bytes, depth: int) -> Iterator[str]:
    """Of all layers in a package. Its files lie in it as they are, by the specification: nothing is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            members = package.infolist()
            if len(members) > _MAX_MEMBERS or depth >= _DEEPEST:
                raise InputError("holds too many files for a USD package")
            if any(member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1 for member in members):
                raise InputError("is a USD package with compressed files, which USD doesn't allow")
            if sum(member.file_size for member in members) > len(data):  # they overlap
                raise InputError(_BROKEN, "export it again")
            for member in members:
                if member.filename.lower().endswith((".usd", ".usda", ".usdc", ".usdz")):
                    yield from usd_names(package.read(member), depth + 1)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, struct.error, OSError) as e:
        raise InputError(_BROKEN, "export it again") from e


def _crate_tokens(data: bytes) -> Iterator[str]:
    """All tokens of a binary layer: paths of assets and all strings are among them."""
    try:
        version = struct.unpack_from("3B", data, 8)
        (contents,) = struct.unpack_from("<q", data, 16)
        (sections,) = struct.unpack_from("<Q", data, contents)
        for k in range(min(sections, 64)):
            name, start, size = struct.unpack_from("<16sqq", data, contents + 8 + 32 * k)
            if name.rstrip(b"\0") == b"TOKENS":
                if start < 0 or start + size > len(data):
                    break
                yield from _tokens(data[start : start + size], version)
                return
    except (struct.error, IndexError) as e:
        raise InputError(_BROKEN, "export it again") from e
    raise InputError(_BROKEN, "export it again")


def _tokens(section: bytes, version: tuple[int, ...]) -> Iterator[str]:
    if version < (0, 4, 0):
        text = section[16:]
    else:
        _, size, packed = struct.unpack_from("<3Q", section)
        if size > _MAX_TOKENS_BYTES or packed > len(section) - 24:
            raise InputError(_BROKEN, "export it again")
        text = _unpacked(section[24 : 24 + packed], size)
    for token in text.split(b"\0"):
        if len(token) <= MAX_NAME:
            yield token.decode("utf-8", "surrogateescape")


def _unpacked(data: bytes, size: int) -> bytes:
    """TfFastCompression: LZ4 blocks, one after the other where a first byte counts them."""
    if not data[0]:
        return _lz4_block(data[1:], size)
    at, pieces, left = 1, [], size
    for _ in range(data[0]):
        (length,) = struct.unpack_from("<i", data, at)
        pieces.append(_lz4_block(data[at + 4 : at + 4 + max(0, length)], left))
        at, left = at + 4 + max(0, length), left - len(pieces[-1])
    return b"".join(pieces)


def _lz4_block(data: bytes, most: int) -> bytes:
    """https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md; at most so many bytes."""
    out = bytearray()
    at = 0
    while at < len(data):
        token = data[at]
        literals, at = _lz4_length(data, at + 1, token >> 4)
        if literals > len(data) - at or len(out) + literals > most:
            raise InputError(_BROKEN, "export it again")
        out += data[at : at + literals]
        at += literals
        if at >= len(data):  # the last sequence ends with its literals
            break
        (offset,) = struct.unpack_from("<H", data, at)
        length, at = _lz4_length(data, at + 2, token & 15)
        length += 4
        if not 0 < offset <= len(out) or len(out) + length > most:
            raise InputError(_BROKEN, "export it again")
        start = len(out) - offset
        seen = bytes(out[start : start + length])  # where it reaches into what it writes, it repeats
        out += (seen * (length // offset + 1))[:length] if offset < length else seen
    return bytes(out)


def _lz4_length(data: bytes, at: int, nibble: int) -> tuple[int, int]:
    if nibble < 15:
        return nibble, at
    length = 15
    while True:
        more, at = data[at], at + 1
        length += more
        if more < 255:
            return length, at
