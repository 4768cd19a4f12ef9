"""Names of classes as people have them, and the folders below a library that stand for them."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from scanstage.assets.messages.errors import InputError

LONGEST = 100
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", re.ASCII)
"""Names that are their own folders."""
_RESERVED = "primitive"  # ids below it name the built-in shapes


def class_name_of(text: str) -> str:
    """The name as it will stand in every export: composed Unicode (NFC), so that two ways to write é are one class.

    Raises InputError where it is empty, too long, has signs that can't be seen, or spaces at its ends.
    """
    name = unicodedata.normalize("NFC", text)
    if not name or name != name.strip() or not name.isprintable():
        hint = f"for example {' '.join(name.split())!r}" if name.split() else None
        raise InputError(f"class name {text!r}: has to be text on one line, without spaces at its ends", hint)
    if len(name) > LONGEST:
        raise InputError(f"class name {name[:20]!r}…: has {len(name)} characters, at most {LONGEST} are taken")
    if name == _RESERVED:
        raise InputError(f"class name {name!r} is taken by the built-in shapes", "choose another, for example 'shape'")
    return name


def class_folder(name: str) -> str:
    """The folder of a class below its library: its name where every file system has it, else what is plain of it.

    A few digits of its hash then keep ``traffic sign/stop`` and ``traffic sign stop`` apart.
    """
    if _PLAIN.fullmatch(name):
        return name
    ascii_ = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", ascii_).strip("-._")[:60]
    return f"{plain or 'class'}-{hashlib.sha256(name.encode('utf-8')).hexdigest()[:6]}"
