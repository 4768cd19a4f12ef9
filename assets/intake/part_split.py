"""Parts of a scan that are labelled by themselves: which face belongs to which, by the names in its file.

Faces keep their materials through everything that intake does, so a part is some materials that are its own: a material
of two parts is split into two that look the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import AssetPart
from scanstage.assets.library.class_names import class_name_of
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.messages.wording import listed, shown
from scanstage.assets.raw_scans.raw_scan import RawScan, ScanFinding
from scanstage.assets.raw_scans.reading_choices import PartChoice
from scanstage.assets.raw_scans.scan_bounds import MAX_MATERIALS

MOST_PARTS = 256
"""Of one scan: each object of a picture may have so many numbers of its 65,535."""
_COPY = re.compile(r"\.\d{3,}$|:\d+$")
"""How Blender and CAD programs number copies of what has one name."""
_NO_NAME = re.compile(r"material\d*")
"""What readers call a material that has no name."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class NamedPart:
    """A name in a scan's file that a part may be made of.

    Attributes:
        name: as the file has it.
        class_name: that its faces would have by themselves; None: they are left with what is above, or with the whole.
        triangles: of it, and of all that hangs on it.
    """

    name: str
    class_name: str | None
    triangles: int


def check_choice(choice: PartChoice | None, whole: str | None) -> None:
    """Raises InputError for a class that no part can have.

    Args:
        choice: what is asked for.
        whole: class of the whole scan; None where it isn't known.
    """
    for name, pattern in choice.patterns if choice else ():
        if class_name_of(name) == whole:
            raise InputError(
                f"{option('part')} {name}={pattern}: {shown(name)} is the class of the whole scan",
                f"call the part otherwise, for example {whole}_body; labels.parts: with_whole labels the whole as well",
            )


def split_parts(scan: RawScan, choice: PartChoice | None, whole: str) -> RawScan:
    """The scan with its parts, each with materials of its own.

    Args:
        scan: as it was read.
        choice: what becomes a part; None: nothing.
        whole: class of the whole scan.

    Raises InputError where the file has no such names, or a pattern fits none.
    """
    if choice is None:
        return scan
    check_choice(choice, whole)
    found = _NamesInFile.of(scan, choice)
    used = sorted({k for k in found.part_of[np.unique(found.face_name)].tolist() if found.classes[k] != whole} - {-1})
    if not used:
        raise InputError("nothing of it is a part", _hint(found.named(scan)))
    if len(used) > MOST_PARTS:
        hint = f"say which matter: {option('part')} CLASS=PATTERN"
        raise InputError(f"has {len(used):,} parts (at most {MOST_PARTS})", hint)
    number = np.full(len(found.part_of) + 1, -1, np.int64)  # the last is that of -1: no part
    number[used] = np.arange(len(used))
    of_face = number[found.part_of[found.face_name]]
    classes = [class_name_of(str(found.classes[k])) for k in used]
    names = list(_distinct(found.names[k] for k in used))
    split = replace(_by_part(scan, of_face, names, classes), nodes=(), face_node=None)
    return replace(split, findings=(*scan.findings, *_findings(found, of_face, classes, whole)))


def named_parts(scan: RawScan, choice: PartChoice) -> list[NamedPart]:
    """The names in a scan's file, in its order, and what they would become. Raises as :func:`split_parts`."""
    return _NamesInFile.of(scan, choice).named(scan)


def with_materials(
    parts: Sequence[AssetPart], kept: Sequence[int]
) -> tuple[tuple[AssetPart, ...], tuple[ScanFinding, ...]]:
    """Parts of an asset that keeps some of the materials, by their new numbers, and what was lost."""
    number = {k: i for i, k in enumerate(kept)}
    left = [replace(p, materials=tuple(number[k] for k in p.materials if k in number)) for p in parts]
    lost = [p.name for p in left if not p.materials]
    what = f"no triangle is left of {listed(lost, most=8)}"
    finding = ScanFinding("warning", "lost part", what, "goes on without; more triangles (--max-triangles) keep it")
    return tuple(p for p in left if p.materials), (finding,) if lost else ()


@dataclass(frozen=True)
class _NamesInFile:
    """Names in a file, parents first.

    Attributes:
        names: as the file has them; empty: it has none.
        parents: number of what each is below of; -1: of none.
        face_name: (F,) their numbers.
        classes: of each by itself; None: it names no part.
        part_of: (N,) the number of the name that each one's faces are a part by; -1: by none.
    """

    names: list[str]
    parents: list[int]
    face_name: Ints
    classes: list[str | None]
    part_of: Ints

    @classmethod
    def of(cls, scan: RawScan, choice: PartChoice) -> _NamesInFile:
        if choice.kind == "material":
            names = ["" if _NO_NAME.fullmatch(m.name) else m.name for m in scan.materials]
            parents, face_name = [-1] * len(names), scan.face_material
        else:
            names = [node.name for node in scan.nodes]
            parents = [node.parent for node in scan.nodes]
            face_name = np.zeros(0, np.int64) if scan.face_node is None else scan.face_node.astype(np.int64)
        if not any(names) or not len(face_name):
            what = {"node": "names no nodes, objects or groups", "material": "names no materials"}[choice.kind]
            raise InputError(
                f"{option('parts')} {choice.kind}: the file {what}",
                "export it as GLB with an object, or a material, for each part",
            )
        with_faces = set(np.unique(face_name).tolist())
        classes = [_class_of(n, choice, k in with_faces) for k, n in enumerate(names)]
        found = cls(names, parents, face_name, classes, _part_of(parents, classes, choice))
        found._check_patterns(choice, scan)
        return found

    def _check_patterns(self, choice: PartChoice, scan: RawScan) -> None:
        """Raises InputError for one that fits nothing."""
        for class_name, pattern in choice.patterns:
            if not any(_fits(n, pattern) for n in self.names):
                raise InputError(
                    f"{option('part')} {class_name}={pattern}: fits no {choice.kind} of the file",
                    _hint(self.named(scan)),
                )

    def named(self, scan: RawScan) -> list[NamedPart]:
        own = np.bincount(self.face_name, minlength=len(self.names))
        for k in range(len(self.names) - 1, -1, -1):
            if self.parents[k] >= 0:
                own[self.parents[k]] += own[k]
        return [
            NamedPart(name, self.classes[k], int(own[k])) for k, name in enumerate(self.names) if name and own[k] > 0
        ]


def _class_of(name: str, choice: PartChoice, has_faces: bool) -> str | None:
    if choice.patterns:
        return next((c for c, pattern in choice.patterns if _fits(name, pattern)), None)
    return _COPY.sub("", name).strip() or None if has_faces else None


def _fits(name: str, pattern: str) -> bool:
    return bool(name) and (fnmatchcase(name, pattern) or fnmatchcase(_COPY.sub("", name), pattern))


def _part_of(parents: list[int], classes: list[str | None], choice: PartChoice) -> Ints:
    """(N,) what each is a part by.

    A node that a pattern fits takes all below it: what another class's pattern fits there is a part of its own, what
    its own class's does is not, since ``wheel_*`` fits the meshes of ``wheel_left`` as well. Materials of a class are
    one part.
    """
    part_of = np.full(len(parents), -1, np.int64)
    first: dict[str, int] = {}
    for k, (parent, own) in enumerate(zip(parents, classes, strict=True)):
        above = int(part_of[parent]) if parent >= 0 else -1
        if own is None:
            part_of[k] = above
        elif choice.kind == "material":
            part_of[k] = first.setdefault(own, k)
        else:
            part_of[k] = above if choice.patterns and above >= 0 and classes[above] == own else k
    return part_of


def _hint(named: Sequence[NamedPart]) -> str:
    return f"its names: {listed(list(dict.fromkeys(n.name for n in named)))}"


def _distinct(names: Iterable[str]) -> Iterator[str]:
    """Names, with a number behind those that were there before."""
    seen: set[str] = set()
    for name in names:
        number, one = 2, name
        while one in seen:
            number, one = number + 1, f"{name} ({number})"
        seen.add(one)
        yield one


def _by_part(scan: RawScan, of_face: Ints, names: Sequence[str], classes: Sequence[str]) -> RawScan:
    """The scan with a material of its own for each pair of material and part."""
    pairs, number = np.unique(scan.face_material * (len(names) + 1) + of_face + 1, return_inverse=True)
    if len(pairs) > MAX_MATERIALS:
        raise InputError(f"its parts have {len(pairs):,} materials (at most {MAX_MATERIALS:,})", "join its materials")
    materials, parts = np.divmod(pairs, len(names) + 1)
    made = tuple(
        AssetPart(name, classes[k], tuple(np.flatnonzero(parts == k + 1).tolist())) for k, name in enumerate(names)
    )
    copies = tuple(scan.materials[k] for k in materials)
    return replace(scan, materials=copies, face_material=number.reshape(-1).astype(np.int64), parts=made)


def _findings(found: _NamesInFile, of_face: Ints, classes: Sequence[str], whole: str) -> Iterator[ScanFinding]:
    counted = Counter(classes)
    text = ", ".join(name if n == 1 else f"{n} {name}" for name, n in counted.items())
    yield ScanFinding("info", "parts", f"{len(classes)} parts: {text}", "labels each by itself")
    if whole in found.classes:
        what = f"{shown(found.names[found.classes.index(whole)])} would have the whole scan's class, {shown(whole)}"
        yield ScanFinding("warning", "no part", what, "leaves it to the whole; --part CLASS=PATTERN calls it otherwise")
    if share := float((of_face < 0).mean()):
        yield ScanFinding(
            "info", "no part", f"{share:.1%} of its triangles are of no part", "labels them with the whole"
        )
