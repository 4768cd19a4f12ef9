"""The folder that a fit writes into: what a person has written there stays."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from scanstage.assets.files.outside_files import read_input
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.fitting.fit_record import CONFIG_FILE, FIT_FILE, read_fit

MOST_BYTES = 1 << 24


def check_replaceable(out: Path, base: Path | None) -> None:
    """Before anything is done: is a config that lies there already the one that a fit wrote?

    Args:
        out: folder to write into.
        base: file of the config that is to be fitted; None where it is none.

    Raises InputError where it is the base itself, was changed since, or was never of a fit.
    """
    path = out / CONFIG_FILE
    if not path.exists():
        return
    other = f"name another folder with {option('out')}"
    hint = f"{other}, or give the config another name: mv {path} {out / 'mine.yaml'}"
    if base is not None and base.exists() and path.samefile(base):
        raise InputError(f"{option('out')} {out}: its {CONFIG_FILE} is the config that is to be fitted", other)
    written = ""
    if (out / FIT_FILE).exists():
        written = read_fit(out / FIT_FILE).config_sha256
    if not written:
        raise InputError(f"{path}: would be written over, and no fit has written it", hint)
    if hashlib.sha256(read_input(path, MOST_BYTES)).hexdigest() != written:
        raise InputError(f"{path}: would be written over, and was changed since `scanstage fit` wrote it", hint)


def check_writable(out: Path) -> None:
    """Before minutes are spent. Raises InputError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as e:
        said = "is a file" if isinstance(e, FileExistsError) else e.strerror
        raise InputError(f"{option('out')} {out}: can't be written into: {said}", "name another folder") from None
