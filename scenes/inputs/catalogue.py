"""Which assets a run may place, by class, and their arrays on demand."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import Asset, MeshArrays
from scanstage.assets.files.user_folders import LIBRARY, NO_LIBRARY, default_library
from scanstage.assets.library.assets_by_id import AssetsById
from scanstage.assets.library.collision_file import load_collision
from scanstage.assets.library.openings import Openings, openings_of
from scanstage.assets.library.stored_assets import list_assets
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.wording import MOST_TOLD, bounded, did_you_mean, listed, shown
from scanstage.assets.samples.sample_library import sample_assets
from scanstage.scenes.config.sections.label_settings import PartsLabelled
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.inputs.clutter_scans import ScansByClass, clutter_scans
from scanstage.scenes.inputs.image_files import located
from scanstage.scenes.plan import FramePlan

CACHED_TRIANGLES = 20_000_000


class Catalogue:
    """The assets of a run.

    Args:
        assets: scans to choose from; those of distractor classes included.
        labelled: classes of scans that are no distractors, in the order in which the config has them.
        library: folder that they lie in, absolute; None is the built-in samples.
        clutter: see below; none by default.
        parts: what becomes of scans that have parts, see :class:`LabelsConfig`.

    Attributes:
        classes: of scans that are no distractors: what objects are drawn by.
        label_classes: what labels are of, in the order of their category ids: the same, but for parts and for classes
            whose scans all have parts that are labelled in their place.
        by_class: class to its assets, sorted by id.
        library: see above.
        clutter: scans that serve as distractors by kind of source and class, beside those of ``by_class``.
        files: sizes in bytes of the image files that the run may show, by path.
    """

    def __init__(
        self,
        assets: list[Asset],
        labelled: list[str],
        library: Path | None = None,
        clutter: Mapping[str, ScansByClass] | None = None,
        parts: PartsLabelled = "alone",
    ) -> None:
        self.library = library
        self.clutter = dict(clutter or {})
        self.files: dict[str, int] = {}
        self.classes = tuple(labelled)
        self.by_class: dict[str, list[Asset]] = {}
        for asset in sorted(assets, key=lambda a: a.meta.asset_id):
            self.by_class.setdefault(asset.meta.class_name, []).append(asset)
        self.label_classes = label_classes(self.classes, self.by_class, parts)
        self._parts_labelled = parts
        others = [a for group in self.clutter.values() for found in group.values() for a in found]
        # Where a sample was taken in to the library too, that one is meant.
        self._scans = {a.meta.asset_id: a for a in (*reversed(others), *assets)}
        self._by_id = AssetsById(self._scans)
        self._meshes: OrderedDict[str, MeshArrays] = OrderedDict()
        self._bounds: dict[str, npt.NDArray[np.float64]] = {}
        self._parts: dict[str, tuple[npt.NDArray[np.float64], ...]] = {}

    @property
    def scans(self) -> list[Asset]:
        """All scans that pictures may show, labelled or not, by id."""
        return [self._scans[asset_id] for asset_id in sorted(self._scans)]

    def part_classes(self) -> dict[str, tuple[str, ...]]:
        """Classes of parts that are labelled, and those of the scans that have them."""
        if self._parts_labelled == "none":
            return {}
        own = {c: {p.class_name for a in self.by_class.get(c, ()) for p in a.meta.parts} for c in self.classes}
        found = {name: tuple(c for c in self.classes if name in own[c]) for name in self.label_classes}
        return {name: wholes for name, wholes in found.items() if wholes}

    def asset(self, asset_id: str) -> Asset:
        """The asset of an id. Raises InputError where the run has none of that id."""
        asset = self._by_id.get(asset_id)
        if asset is None:
            raise InputError(f"there is no asset {asset_id!r}", "it may have been removed from the library")
        return asset

    def folders_of(self, plan: FramePlan) -> dict[str, Path]:
        """Folders of the assets that a picture shows, by id. Raises InputError as :meth:`asset` does."""
        return {asset_id: self.asset(asset_id).folder for asset_id in plan.asset_ids()}

    def mesh(self, asset_id: str) -> MeshArrays:
        """The arrays of an asset, kept for later pictures within a bound on triangles."""
        if asset_id in self._meshes:
            self._meshes.move_to_end(asset_id)
            return self._meshes[asset_id]
        mesh = self._meshes[asset_id] = self.asset(asset_id).mesh()
        while len(self._meshes) > 1 and sum(len(m.faces) for m in self._meshes.values()) > CACHED_TRIANGLES:
            self._meshes.popitem(last=False)
        return mesh

    def openings(self, asset_id: str, mesh: MeshArrays) -> Openings | None:
        """What is cut out of an asset, whose arrays are given, by alpha; None for most.

        Raises InputError where a texture is broken.
        """
        return openings_of(self.asset(asset_id), mesh)

    def collision_parts(self, asset_id: str) -> tuple[npt.NDArray[np.float64], ...]:
        """Convex parts that an asset collides by, each (N, 3), metres, asset frame: none where its hull will do."""
        if asset_id not in self._parts:
            parts = load_collision(self.asset(asset_id).folder)
            self._parts[asset_id] = tuple(p.astype(np.float64) for p in parts)
        return self._parts[asset_id]

    def bounds(self, asset_id: str) -> npt.NDArray[np.float64]:
        """(2, 3) lowest and highest corner of an asset's mesh, metres, asset frame."""
        if asset_id not in self._bounds:
            rows = self.mesh(asset_id).vertices.T
            self._bounds[asset_id] = np.stack([rows.min(axis=1), rows.max(axis=1)]).astype(np.float64)
        return self._bounds[asset_id]


def label_classes(
    classes: Sequence[str], by_class: Mapping[str, Sequence[Asset]], parts: PartsLabelled
) -> tuple[str, ...]:
    """What labels are of: the classes of scans, then those of their parts by name.

    Args:
        classes: of scans.
        by_class: their scans.
        parts: see :class:`LabelsConfig`.
    """
    if parts == "none":
        return tuple(classes)
    found = sorted({p.class_name for c in classes for a in by_class.get(c, ()) for p in a.meta.parts})
    whole = [
        c
        for c in classes
        if parts == "with_whole" or c in found or not by_class.get(c) or any(not a.meta.parts for a in by_class[c])
    ]
    return (*whole, *(name for name in found if name not in whole))


def library_folder(config: RunConfig, base: Path) -> Path | None:
    """The library that a config reads, absolute; None for the built-in samples.

    Raises InputError where the config names none, and this user has none and can't have one.
    """
    if config.assets.source == "samples":
        return None
    named = config.assets.library
    library = default_library() if named is None else located(named, base)
    if library is None:
        samples = "or use the samples: `assets: {source: samples}`"
        raise InputError(NO_LIBRARY, f"name one: set {LIBRARY}, or `assets: {{library: FOLDER}}`; {samples}")
    return library.resolve()


def open_catalogue(config: RunConfig, base: Path) -> Catalogue:
    """Find the assets that a config names.

    Raises:
        InputError: an empty library, or every class that has no scan, with the nearest class that has.
    """
    library = library_folder(config, base)
    if library is None:
        assets, place = sample_assets(), "the built-in samples"
    else:
        assets, place = list_assets(library), f"the library {library}"
        if not assets:
            raise InputError(
                f"{place} holds no scans",
                "fill it: `scanstage assets pull ycb`, or `scanstage assets add PATH --class NAME`; "
                "or use the samples: `assets: {source: samples}`",
            )
    known = sorted({a.meta.class_name for a in assets})
    source = config.distractors.source
    clutter = source if isinstance(source, list) else []
    wanted = list(config.assets.classes) if config.assets.classes != "all" else [c for c in known if c not in clutter]
    problems = _unknown_classes("assets.classes", wanted, known, place)
    problems += _unknown_classes("distractors.source", clutter, known, place)
    both = sorted(set(wanted) & set(clutter))
    problems += [f"distractors.source: {shown(name)} is a labelled class too; it can't be both" for name in both]
    if not wanted:
        problems.append("assets.classes: every class serves as a distractor; none is left to label")
    if problems:
        raise InputError(bounded(problems), f"Classes there: {listed(known)}")
    samples = sample_assets() if "samples" in config.distractors.weights else []
    chosen = [a for a in assets if a.meta.class_name in {*wanted, *clutter}]
    named = Catalogue(chosen, wanted, library, parts=config.labels.parts).label_classes
    others = clutter_scans(config.distractors, assets, samples, list(dict.fromkeys((*wanted, *named))))
    _check_clutter_parts(clutter, chosen, named)
    return Catalogue(chosen, wanted, library, others, config.labels.parts)


def _check_clutter_parts(clutter: Iterable[str], assets: Iterable[Asset], labelled: Collection[str]) -> None:
    """Refuse distractors of which a part, or the whole, has a label elsewhere in the picture. Raises InputError."""
    problems = {}
    for asset in assets:
        meta = asset.meta
        same = next((n for n in (meta.class_name, *(p.class_name for p in meta.parts)) if n in labelled), None)
        if meta.class_name in clutter and same is not None:
            what = (
                "it is a class of labelled parts" if same == meta.class_name else f"its part {shown(same)} has labels"
            )
            problems[meta.class_name] = f"distractors.source: {shown(meta.class_name)} can't be a distractor: {what}"
    if problems:
        raise InputError(bounded(list(problems.values())), "leave it out, or set labels.parts: none")


def _unknown_classes(key: str, names: Iterable[str], known: list[str], place: str) -> list[str]:
    """A sentence for each class without a scan; with the nearest that has some, where it will be told."""
    there = set(known)
    absent = [name for name in names if name not in there]
    hints = [did_you_mean(name, known) for name in absent[:MOST_TOLD]]
    return [
        f"{key}: there is no scan of class {shown(name)} in {place}{hint}"
        for name, hint in zip_longest(absent, hints, fillvalue="")
    ]
