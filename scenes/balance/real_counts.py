"""How often each class occurs in a real dataset, from its COCO or LVIS annotation file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scanstage.assets.files.outside_files import open_outside
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.wording import MOST_TOLD, bounded, did_you_mean, shortened, shown
from scanstage.scenes.balance.coco_entries import CocoEntries, read_entries

_HINT = "expected COCO's or LVIS's JSON: images, categories with id and name, annotations with category_id and image_id"


@dataclass(frozen=True)
class RealCounts:
    """Frequencies of classes in a real dataset.

    Attributes:
        instances: annotations by class; crowd regions and ignored ones don't count.
        images: images with at least one annotation, by class.
        total_images: images in all, those without annotations included.
    """

    instances: dict[str, int]
    images: dict[str, int]
    total_images: int

    def renamed(self, names: Mapping[str, str]) -> RealCounts:
        """The same with classes renamed; classes that get the same name are summed.

        Images that hold several of them are then counted several times, up to ``total_images``.
        """
        instances: Counter[str] = Counter()
        images: Counter[str] = Counter()
        for name in self.instances:
            instances[names.get(name, name)] += self.instances[name]
            images[names.get(name, name)] += self.images[name]
        return RealCounts(dict(instances), {c: min(n, self.total_images) for c, n in images.items()}, self.total_images)


def read_real_counts(path: Path, names: Mapping[str, str] | None = None) -> RealCounts:
    """Count a real dataset's labels.

    LVIS's categories carry ``instance_count`` and ``image_count``, which may be those of another file (a subset keeps
    them); they are taken where all have them, and the file holds no annotations.

    Args:
        path: annotation file, of any size: it is read piece by piece.
        names: class in the file to class here; see :meth:`RealCounts.renamed`.

    Raises:
        InputError: not such a file, or ``names`` renames a class that it doesn't have, with the nearest that it has.
    """
    try:
        with open_outside(path) as file:
            found = _counted(read_entries(file))
    except OSError as e:
        raise InputError(f"{path}: {e.strerror or e}", "paths in a config are relative to its own folder") from None
    except ValueError as e:
        raise InputError(f"{path}: not a COCO file: {shortened(' '.join(str(e).split()))}", _HINT) from None
    unknown = [n for n in names or {} if n not in found.instances]
    hints = [did_you_mean(n, found.instances) for n in unknown[:MOST_TOLD]] + [""] * len(unknown[MOST_TOLD:])
    if unknown:
        raise InputError(
            bounded(
                [
                    f"balance.target: map: {path} has no category {shown(n)}{hint}"
                    for n, hint in zip(unknown, hints, strict=True)
                ]
            )
        )
    return found.renamed(names or {})


def _counted(found: CocoEntries) -> RealCounts:
    """Raises ValueError where annotations are of categories that there aren't."""
    names = found.names
    if not found.annotations and len(found.stated) == len(names):
        stated = {names[i]: counts for i, counts in found.stated.items()}
        return RealCounts({n: c[0] for n, c in stated.items()}, {n: c[1] for n, c in stated.items()}, found.images)
    if unknown := [i for i in found.instances if i not in names]:
        raise ValueError(f"annotation of an unknown category_id {shown(unknown[0])}")
    holding, images = found.images_by_category()
    return RealCounts(
        {name: found.instances.get(i, 0) for i, name in names.items()},
        {name: holding.get(i, 0) for i, name in names.items()},
        max(found.images, images),
    )
