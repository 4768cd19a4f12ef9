"""How often each class occurs in a real dataset, from its COCO or LVIS annotation file."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ijson

from assets.errors import InputError

STREAMED_FROM_BYTES = 300_000_000
"""Larger files are read piece by piece: parsed as a whole they take ten times their size in memory."""
_MEND = "expected COCO's or LVIS's JSON: images, categories with id and name, annotations with category_id and image_id"


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
    them); they are taken where all have them, and the file holds no annotations or is too large to be read at once.

    Args:
        path: annotation file.
        names: class in the file to class here; see :meth:`RealCounts.renamed`.

    Raises:
        InputError: not such a file, or ``names`` renames a class that it doesn't have, with the nearest that it has.
    """
    try:
        with path.open("rb") as file:
            found = _streamed(path) if path.stat().st_size > STREAMED_FROM_BYTES else _parsed(json.load(file), path)
    except OSError as e:
        raise InputError(f"{path}: {e.strerror or e}", "paths in a config are relative to its own folder") from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError, ijson.JSONError) as e:
        raise InputError(f"{path}: not a COCO file: not valid JSON ({e})", _MEND) from None
    except KeyError as e:
        raise InputError(f"{path}: not a COCO file: an entry lacks {e}", _MEND) from None
    except (ValueError, TypeError, AttributeError) as e:
        raise InputError(f"{path}: not a COCO file: an entry is not what it should be ({e})", _MEND) from None
    unknown = [n for n in names or {} if n not in found.instances]
    if unknown:
        raise InputError([f"balance.target: map: {path} has no category {_with_nearest(n, found)}" for n in unknown])
    return found.renamed(names or {})


def _with_nearest(name: str, found: RealCounts) -> str:
    near = difflib.get_close_matches(name, found.instances, 1)
    return f"{name!r}; did you mean {near[0]!r}?" if near else repr(name)


def _parsed(data: Any, path: Path) -> RealCounts:
    if not isinstance(data, dict) or not isinstance(data.get("categories"), list) or not data["categories"]:
        raise InputError(f"{path}: not a COCO file: has no categories", _MEND)
    names = _category_names(data["categories"], path)
    images = len({i["id"] for i in data.get("images", [])})
    annotations = data.get("annotations", [])
    known = None if annotations else _from_categories(data["categories"], images)
    return known or _counted(annotations, names, images, path)


def _streamed(path: Path) -> RealCounts:
    with path.open("rb") as file:
        categories = list(ijson.items(file, "categories.item", use_float=True))
    if not categories:
        raise InputError(f"{path}: not a COCO file: has no categories", _MEND)
    names = _category_names(categories, path)
    with path.open("rb") as file:
        images = sum(1 for _ in ijson.items(file, "images.item.id"))
    if (known := _from_categories(categories, images)) is not None:
        return known
    with path.open("rb") as file:
        return _counted(ijson.items(file, "annotations.item", use_float=True), names, images, path)


def _category_names(categories: list[Any], path: Path) -> dict[int, str]:
    names = {int(c["id"]): str(c["name"]) for c in categories}
    if len(set(names.values())) != len(categories):
        raise InputError(f"{path}: not a COCO file: two categories have the same id or name", _MEND)
    return names


def _from_categories(categories: list[Any], images: int) -> RealCounts | None:
    if not all("instance_count" in c and "image_count" in c for c in categories):
        return None
    return RealCounts(
        {c["name"]: int(c["instance_count"]) for c in categories},
        {c["name"]: int(c["image_count"]) for c in categories},
        images,
    )


def _counted(annotations: Iterable[Any], names: dict[int, str], images: int, path: Path) -> RealCounts:
    instances = dict.fromkeys(names.values(), 0)
    seen: set[tuple[int, Any]] = set()
    for annotation in annotations:
        category = annotation["category_id"]
        if category not in names:
            raise InputError(f"{path}: not a COCO file: annotation of an unknown category_id {category!r}", _MEND)
        if annotation.get("iscrowd") or annotation.get("ignore"):
            continue
        instances[names[category]] += 1
        seen.add((category, annotation["image_id"]))
    holding = Counter(names[category] for category, _ in seen)
    return RealCounts(instances, {n: holding[n] for n in instances}, max(images, len({i for _, i in seen})))
