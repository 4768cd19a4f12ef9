"""What a person may say about how a scan's file is to be read, where the file itself doesn't say it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.raw_scans.scan_pose import ScanPose

COLOR_SPACES = ("auto", "srgb", "linear")
SURFACES = ("none", "poisson")


@dataclass(frozen=True)
class ReadingChoices:
    """How a scan is read.

    Attributes:
        vertex_colors: what the numbers of an OBJ's or PLY's vertex colours are: ``srgb``, ``linear`` or ``auto``, which
            is what the file says, else sRGB. (glTF's are linear, by its specification.)
        surface: ``poisson`` makes a surface of a cloud of points with normals; ``none`` refuses it.
        within: folder, above the scan's own, whose files the scan may use too; None: only those of its own folder.
        pose: a moment of a glTF's animation; None is the pose that its nodes stand in.
    """

    vertex_colors: str = "auto"
    surface: str = "none"
    within: Path | None = None
    pose: ScanPose | None = None

    def check(self) -> None:
        """Raises InputError for a choice that there isn't."""
        for name, known in (("vertex_colors", COLOR_SPACES), ("surface", SURFACES)):
            if (given := getattr(self, name)) not in known:
                raise InputError(f"{option(name)} {given!r} is not known", f"one of {', '.join(known)}")


AS_IT_SAYS = ReadingChoices()
"""Nothing was said."""
