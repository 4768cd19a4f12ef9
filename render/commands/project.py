"""A project to begin with: a folder with scans taken in, and a config that says in comments what else can be asked."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

import yaml

from scanstage.assets.messages.errors import InputError

CONFIG, LIBRARY = "config.yaml", "library"

_HEAD = """\
# {name}: made by `scanstage init`. What each key means: `scanstage schema`, and the examples in scanstage's configs/.
#
#   scanstage preview {config}      # what pictures will show, in seconds
#   scanstage generate {config}     # renders them to output/{name}

name: {name}
images: 100
seed: 1                         # another seed, other pictures

assets:
  library: {library}            # here; `scanstage assets list --library {path}/{library}`

"""

_PLACES = """\
# Many objects in clear view, in many places, lights and cameras: what teaches a detector most (docs/realism.md). Any
# key given here goes before the recipe's.
recipe: detection

camera:
  resolution: [640, 480]
  # look: {choice: [phone, webcam, industrial]}     # what such cameras do to a picture, if your trainer doesn't

# stage:                        # where objects are; the recipe's are tables, rooms, grounds, and floating ones
#   - {kind: shelf}
#   - {kind: bin}
"""

_PHOTOS = """\
# Before your own photos, lit by them and standing on their floor (docs/backplates.md).
background:
  kind: backplate
  images: {photos}
  # horizon: -0.4               # as share of the photos' height from the top, if you know it: things stand better
  # floor: [0.2, 0.4, 0.8, 0.9] # left, top, right, bottom of where objects may stand

stage: {{kind: ground}}           # unseen: the photo's floor

objects:
  count: {{integer: [3, 8]}}

camera:
  resolution: [640, 480]
  fill: {{uniform: [0.4, 0.9]}}
"""

_BALANCE = """
# Every class as often as the others, counted in what is really visible: small and often hidden ones are placed more.
balance:
  target: uniform
  # target: {{{rare}: 300, "*": 50}}     # or so many labels of each; then leave out `images`, which follows
"""

_FILL = """
# What the real dataset lacks: as many labels as bring every class to so many, real and synthetic together. How many
# pictures that takes follows; `images` above would make shares of it.
balance:
  target: {{fill: {{coco: {real}, to: 300}}}}
  # map: {{"their name": "the scan's class"}} beside `to`, where names differ
"""


def project_config(folder: Path, classes: Sequence[str], photos: Path | None = None, real: Path | None = None) -> str:
    """The text of a project's config.

    Args:
        folder: of the project.
        classes: that its scans are of.
        photos: folder of backgrounds.
        real: COCO file of real photos that pictures are to complete.
    """
    name = project_name(folder)
    head = _HEAD.format(name=name, config=folder / CONFIG, path=folder, library=LIBRARY)
    if real is not None:
        head = head.replace("images: 100\n", "# images: 100\n")
    place = _PLACES if photos is None else _PHOTOS.format(photos=_from(folder, photos))
    if real is not None:
        return head + place + _FILL.format(real=_from(folder, real))
    return head + place + (_BALANCE.format(rare=_scalar(classes[0])) if len(classes) > 1 else "")


def training_command(dataset: str, real: Path | None) -> str:
    """The command that makes a dataset ready for training: with the photos, where it fills up what they lack."""
    if real is None:
        return f"scanstage export {dataset} --format yolo"
    return f"scanstage join {dataset} --real {shlex.quote(str(real))} --out {dataset}-joined --format yolo"


def project_name(folder: Path) -> str:
    """Of its dataset: the folder's, as far as a dataset can have it."""
    name = "".join(c if c.isascii() and (c.isalnum() or c in "_-.") else "-" for c in folder.resolve().name)
    return name.strip("-.")[:100] or "dataset"


def check_new(folder: Path) -> None:
    """Raise InputError where a project can't be begun: something is there already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: is there already, and not empty", "name a new folder")


def _from(folder: Path, path: Path) -> str:
    """A path as it stands in the folder's config: from there, where both lie below the working directory."""
    here, there = folder.resolve(), path.resolve()
    root = Path.cwd()
    near = here.is_relative_to(root) and there.is_relative_to(root)
    return _scalar(Path(os.path.relpath(there, here)).as_posix() if near else str(there))


def _scalar(text: str) -> str:
    """A text as YAML has it within a flow mapping."""
    return yaml.safe_dump([text], default_flow_style=True, allow_unicode=True, width=10_000).strip()[1:-1]
