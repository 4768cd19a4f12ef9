"""How often `scanstage compare` and `drift` raise a false alarm, and how often they find a change that is there.

Pictures are shaded previews of the quickstart's scenes (no Blender, see previewed_photos.py), each as another phone
would have taken it. Real and synthetic ones are different pictures of one pool, drawn anew each time, 300 against 300;
the synthetic ones are then changed:

- blur: Gaussian, sigma 1.5 px
- darker: brightness less 15 %
- classes: pictures are drawn such that the total variation of class shares is .1
- repeated: 60 of the 300 are other ones of them once more, saved at another quality
- narrower: the tenth whose labels are oddest is never drawn; spread of labels falls by about a tenth

Counted is how often anything at all is told (after correction over all figures), which is a false alarm where nothing
was changed. "Named" is how often a figure that is about the change is among what is told.

    python benchmarks/compare.py --pool /tmp/pool --write
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from odd_labels import oddness, without_odd
from previewed_photos import make_pool
from results import made_on, markdown_table, write_section

from scanstage.assets.machine.blas_threads import use_one_blas_thread
from scanstage.dataset.analysis.dataset_table import LABEL_COLUMNS, DatasetTable, Ints, PictureLabels, make_table
from scanstage.dataset.analysis.label_summaries import typical_labels
from scanstage.dataset.analysis.picture_measures import picture_hash, picture_measures
from scanstage.dataset.analysis.recorded_table import photo_table
from scanstage.dataset.join.photo_labels import PhotoSet
from scanstage.dataset.likeness.compared_pictures import SeenPictures
from scanstage.dataset.likeness.drift import find_drift
from scanstage.dataset.likeness.four_properties import gather
from scanstage.dataset.likeness.mobilenet_features import MobilenetExtractor, has_mobilenet
from scanstage.dataset.likeness.null_bands import SURE, chances, deals_anew
from scanstage.dataset.likeness.photo_snapshot import Snapshot
from scanstage.dataset.likeness.picture_features import PLAIN, Extractor, PlainExtractor
from scanstage.dataset.records.decoding import decode_rgb

TITLE = "Compare and drift"
SIDE = 300
CLASS_SHIFT, REPEATED, THROWN_AWAY, SIGMA_PX, DARKER = 0.1, 0.2, 0.1, 1.5, 0.85
VERSIONS = ("as it is", "blur", "darker", "again")
Pixels = npt.NDArray[np.uint8]
ABOUT: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "blur": ("blur",),
    "darker": ("brightness",),
    "classes": ("classes",),
    "repeated": ("near_duplicates",),
    "narrower": ("labels_spread", "coverage", "vendi"),
}
"""Figures that are about each change."""


@dataclass(frozen=True)
class Pool:
    """Pictures, measured as they are and changed.

    Attributes:
        table: of all.
        numbers, hashes: of each version and picture.
        features: (P, D) of each version, by extractor.
    """

    table: DatasetTable
    numbers: dict[str, list[dict[str, float]]]
    hashes: dict[str, list[int | None]]
    features: dict[str, dict[str, npt.NDArray[np.float64]]]

    def seen(self, rows: Ints, versions: Sequence[str], name: str) -> SeenPictures:
        """Pictures of the pool, which may come more than once, each in a version."""
        labels, columns = self.table.label_class, self.table.label_numbers
        first = np.searchsorted(self.table.label_picture, np.arange(len(self.table.pictures) + 1))
        pairs = []
        for index, (row, version) in enumerate(zip(rows, versions, strict=True)):
            part = slice(first[row], first[row + 1])
            numbers = np.stack([columns[c][part] for c in LABEL_COLUMNS], axis=1)
            held = PictureLabels(tuple(self.table.classes[c] for c in labels[part]), numbers)
            picture = replace(self.table.pictures[row], index=index, numbers=self.numbers[version][row])
            pairs.append((picture, held))
        table = make_table(name, self.table.classes, pairs, {})
        chosen = list(zip(versions, rows, strict=True))
        return SeenPictures(
            name,
            table,
            {e: np.array([of[v][r] for v, r in chosen]) for e, of in self.features.items()},
            tuple(self.hashes[v][r] for v, r in chosen),
            total=len(rows),
        )


def changed(pixels: Pixels, version: str) -> Pixels:
    """(H, W, 3) of a version."""
    if version == "blur":
        return np.asarray(cv2.GaussianBlur(pixels, (0, 0), SIGMA_PX), np.uint8)
    if version == "darker":
        return (pixels * DARKER).astype(np.uint8)
    if version == "again":
        jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
        return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)
    return pixels


def kept(path: Path, extractor: Extractor) -> Pool:
    """The pool of a COCO file; it is measured once, and kept beside it."""
    place = path.with_name(f"{extractor.name}.pickle")
    if not place.is_file():
        made = measured(path, [extractor])
        place.write_bytes(pickle.dumps((made.table, made.numbers, made.hashes, made.features)))
    return Pool(*pickle.loads(place.read_bytes()))


def measured(path: Path, extractors: Sequence[Extractor]) -> Pool:
    """The pool of a COCO file."""
    photos = PhotoSet.open(path)
    table = photo_table(photos)
    cv2.setNumThreads(1)
    numbers: dict[str, list[dict[str, float]]] = {v: [] for v in VERSIONS}
    hashes: dict[str, list[int | None]] = {v: [] for v in VERSIONS}
    features: dict[str, dict[str, list[npt.NDArray[np.float64]]]] = {
        e.name: {v: [] for v in VERSIONS} for e in extractors
    }
    for picture in table.pictures:
        pixels = decode_rgb((photos.folder / picture.file_name).read_bytes(), picture.resolution_wh)
        for version in VERSIONS:
            other = changed(pixels, version)
            numbers[version].append(picture_measures(other))
            hashes[version].append(picture_hash(other))
            for e in extractors:
                features[e.name][version].append(e.features(other))
    arrays = {e: {v: np.array(f) for v, f in of.items()} for e, of in features.items()}
    return Pool(table, numbers, hashes, arrays)


def drawn(pool: Pool, change: str, seed: int) -> tuple[SeenPictures, SeenPictures]:
    """Real and synthetic pictures of a trial: different ones of the pool."""
    rng = np.random.default_rng([29, seed])
    order = rng.permutation(len(pool.table.pictures))
    real, rest = order[:SIDE], order[SIDE:]
    version = change if change in VERSIONS else "as it is"
    versions = [version] * SIDE
    if change == "classes":
        rest = rest[_tilted(pool.table.counts[rest], rng)]
    if change == "narrower":
        odd = oddness(pool.table, typical_labels([pool.table]))
        rest = rest[without_odd(odd[rest], THROWN_AWAY)]
    rest = rest[:SIDE]
    if change == "repeated":
        copies = round(SIDE * REPEATED)
        rest = np.concatenate([rest[:-copies], rest[:copies]])
        versions = ["as it is"] * (SIDE - copies) + ["again"] * copies
    return pool.seen(real, ["as it is"] * SIDE, "real"), pool.seen(rest, versions, "synthetic")


def _tilted(counts: Ints, rng: np.random.Generator) -> Ints:
    """(SIDE,) pictures whose shares of classes are CLASS_SHIFT off in the mean: half the classes are favoured.

    Pictures are drawn without being put back (Gumbel's top-k), which evens the shares out; how much they are to be
    favoured is therefore found by trying.
    """
    half = counts.shape[1] // 2
    favoured = counts[:, :half].sum(axis=1) - counts[:, half:].sum(axis=1)
    even = counts.sum(axis=0) / counts.sum()
    noise = rng.gumbel(size=(30, len(counts)))
    low, high = 0.0, 5.0
    for _ in range(20):
        tilt = (low + high) / 2
        chosen = np.argsort(-(tilt * favoured + noise), axis=1)[:, :SIDE]
        held = counts[chosen].sum(axis=(0, 1))
        low, high = (tilt, high) if np.abs(held / held.sum() - even).sum() / 2 < CLASS_SHIFT else (low, tilt)
    found: Ints = np.argsort(-(tilt * favoured + rng.gumbel(size=len(counts))))[:SIDE]
    return found


Told = tuple[str, dict[str, list[str]], dict[str, float]]
"""The change; figures that are told of it, and seconds that it took, by command."""


def told(pool: Pool, extractor: str, trial: tuple[str, int]) -> Told:
    """What both commands say of a trial."""
    use_one_blas_thread()
    change, seed = trial
    real, synthetic = drawn(pool, change, seed)
    began = time.perf_counter()
    found = chances(gather(real, synthetic, extractor).gauges, deals_anew(SIDE, SIDE))
    names = {"compare": [name.removeprefix("factor:") for name, chance in found.items() if chance <= SURE]}
    seconds = {"compare": time.perf_counter() - began}
    if extractor == PLAIN:
        began = time.perf_counter()
        names["drift"] = [t.name for t in find_drift(Snapshot("", real), synthetic).tests if t.has_moved]
        seconds["drift"] = time.perf_counter() - began
    return change, names, seconds


def rates(run: Callable[[tuple[str, int]], Told], trials: dict[str, int]) -> list[list[str]]:
    """A row a command and change: trials, how often anything was told, and what it is about; and what was told most."""
    every = [(change, seed) for change, count in trials.items() for seed in range(count)]
    with ProcessPoolExecutor(2) as pool:
        found = []
        for one in pool.map(run, every, chunksize=2):
            found.append(one)
            if len(found) % 50 == 0:
                print(f"{len(found)} of {len(every)} trials", file=sys.stderr, flush=True)
    rows = []
    for command in found[0][1]:
        for change, count in trials.items():
            of = [names[command] for c, names, _ in found if c == change]
            named = sum(bool(set(ABOUT[change]) & set(names)) for names in of)
            most = Counter(name for names in of for name in names).most_common(4)
            cells = [command, change, str(count), f"{sum(map(bool, of)) / count:.3f}"]
            cells.append(f"{named / count:.3f}" if ABOUT[change] else "–")
            rows.append([*cells, ", ".join(f"{n} {k / count:.2f}" for n, k in most)])
        print(f"{command}: {np.median([s[command] for *_, s in found]):.1f} s a trial")
    return rows


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pool", type=Path, help="folder of the pictures, made where it is empty; default: a new one")
    parser.add_argument("--pictures", type=int, default=1200)
    parser.add_argument("--null", type=int, default=200, help="trials without a change")
    parser.add_argument("--power", type=int, default=50, help="trials of each change")
    parser.add_argument("--features", choices=("plain", "mobilenet"), default="plain")
    parser.add_argument("--write", action="store_true", help="into RESULTS.md")
    given = parser.parse_args()
    if given.features == "mobilenet" and not has_mobilenet():
        parser.error('pip install -e ".[features]"')
    extractor: Extractor = MobilenetExtractor() if given.features == "mobilenet" else PlainExtractor()
    with tempfile.TemporaryDirectory(prefix="compare-") as temporary:
        pool = kept(make_pool(given.pool or Path(temporary), given.pictures), extractor)
    trials = {change: given.power if ABOUT[change] else given.null for change in ABOUT}
    rows = rates(partial(told, pool, extractor.name), trials)
    heads = ("command", "change", "trials", "anything told", "named", "told most")
    table = markdown_table(heads, rows)
    print(table)
    if given.write:
        write_section(f"{TITLE}: {extractor.name}", f"{made_on()}\n\n{table}")
    print(json.dumps({f"{row[0]} {row[1]}": float(row[3]) for row in rows}))


if __name__ == "__main__":
    main()
