"""What a person may say about how a scan's file is to be read, where the file itself doesn't say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.messages.wording import shown
from scanstage.assets.raw_scans.scan_pose import ScanPose

COLOR_SPACES = ("auto", "srgb", "linear")
SURFACES = ("none", "poisson")
PART_KINDS = ("node", "material")


@dataclass(frozen=True)
class PartChoice:
    """What of a scan becomes a part with a label of its own.

    Attributes:
        kind: ``node``: what its file names as nodes, objects or groups; ``material``: its materials.
        patterns: (class, pattern of names) each, of which the first that fits counts; none: each name is a class.
    """

    kind: str
    patterns: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, kind: str | None, given: Sequence[str] = ()) -> PartChoice | None:
        """Of ``CLASS=PATTERN`` each; None where nothing is asked for. Raises InputError."""
        if kind is None:
            if given:
                hint = f"say of what: {option('parts')} node, or material"
                raise InputError(f"{option('part')} {shown(given[0])}: needs {option('parts')}", hint)
            return None
        if kind not in PART_KINDS:
            raise InputError(f"{option('parts')} {shown(kind)} is not known", f"one of {', '.join(PART_KINDS)}")
        pairs = [(name.strip(), pattern.strip()) for name, _, pattern in (text.partition("=") for text in given)]
        for text, pair in zip(given, pairs, strict=True):
            if not all(pair):
                hint = "a class and what its names look like, for example wheel=wheel_*"
                raise InputError(f"{option('part')} {shown(text)}: expected CLASS=PATTERN", hint)
        return cls(kind, tuple(pairs))


@dataclass(frozen=True)
class ReadingChoices:
    """How a scan is read.

    Attributes:
        vertex_colors: what the numbers of an OBJ's or PLY's vertex colours are: ``srgb``, ``linear`` or ``auto``, which
            is what the file says, else sRGB. (glTF's are linear, by its specification.)
        surface: ``poisson`` makes a surface of a cloud of points with normals; ``none`` refuses it.
        within: folder, above the scan's own, whose files the scan may use too; None: only those of its own folder.
        pose: a moment of a glTF's animation; None is the pose that its nodes stand in.
        parts: what of it is labelled by itself; None: nothing.
    """

    vertex_colors: str = "auto"
    surface: str = "none"
    within: Path | None = None
    pose: ScanPose | None = None
    parts: PartChoice | None = None

    @property
    def names_nodes(self) -> bool:
        """Whether a reader is to say which node each face belongs to."""
        return self.parts is not None and self.parts.kind == "node"

    def check(self) -> None:
        """Raises InputError for a choice that there isn't."""
        for name, known in (("vertex_colors", COLOR_SPACES), ("surface", SURFACES)):
            if (given := getattr(self, name)) not in known:
                raise InputError(f"{option(name)} {given!r} is not known", f"one of {', '.join(known)}")


AS_IT_SAYS = ReadingChoices()
"""Nothing was said."""
