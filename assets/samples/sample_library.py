"""The samples in the cache, and their way there on first use."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scanstage.assets.asset import META_FILE, Asset
from scanstage.assets.files.user_folders import cached
from scanstage.assets.library.stored_assets import list_assets

logger = logging.getLogger(__name__)

# Raise it when a sample or what intake makes of it changes: caches of other versions are then left alone, not mixed.
SAMPLES_VERSION = 3

HELPER = """
import sys
from scanstage.assets.samples import making
making.__file__ == sys.argv[1] or sys.exit("another scanstage than the caller's")
making.add_samples(sys.argv[2], sys.argv[3:])
"""


def sample_assets() -> list[Asset]:
    """The built-in samples, sorted by id: made on first use in the cache, by the same intake as any scan.

    Raises OSError where the cache can't be written, InputError where it was damaged.
    """
    library = cached(f"samples-v{SAMPLES_VERSION}")
    if not library.is_dir():
        _make(library)
    return list_assets(library)


def _make(library: Path) -> None:
    """Fill a folder beside ``library`` and rename it: other processes see all of the samples or none."""
    library.parent.mkdir(parents=True, exist_ok=True)
    # The first command would otherwise be silent for as long as a broken one.
    logger.info("making the built-in samples, once, in %s: about half a minute", library, extra={"aside": True})
    staging = Path(tempfile.mkdtemp(prefix=f".{library.name}-", dir=library.parent))
    try:
        _fill(staging)
        (staging / "library").rename(library)
    except OSError:
        # Another process was first: what it renamed is complete.
        if not any(library.glob(f"*/*/{META_FILE}")):
            raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _fill(staging: Path) -> None:
    """Make all samples in ``staging/library``, a second process helping where there is a second core."""
    from scanstage.assets.samples import making  # a second of imports that a run hardly ever needs

    theirs = making.SAMPLE_NAMES[1::2] if (os.cpu_count() or 1) > 1 else ()
    helper = None
    if theirs:
        # A plain child, not multiprocessing: that would run the caller's main module again.
        quiet = subprocess.DEVNULL
        command = [sys.executable, "-c", HELPER, making.__file__, str(staging), *theirs]
        helper = subprocess.Popen(command, stdout=quiet, stderr=quiet)
    try:
        done = making.add_samples(staging, [n for n in making.SAMPLE_NAMES if n not in theirs])
        # Whatever the helper could not do, or why, is done or told by this process.
        if helper is None or helper.wait() != 0:
            making.add_samples(staging, [n for n in making.SAMPLE_NAMES if n not in done])
    finally:
        if helper is not None and helper.poll() is None:
            helper.kill()
            helper.wait()
