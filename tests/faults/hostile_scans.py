"""Scans that disappear in mid-run, and scans that harm whoever reads them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import trimesh
from dataset_digest import differences, digest, half_written
from fake_blender import plant
from kills import is_finished
from observation import Observation, Scenario
from support.scan_bombs import BOMBS
from support.scan_files import gradient_image, textured_patch, write_obj
from support.strange_places import put_sparse
from workplace import SLOW, Workplace

from scanstage.assets.library.stored_assets import list_assets
from scanstage.assets.messages.errors import InputError
from scanstage.render.engine.blender_conversion import convert_with_blender
from scanstage.render.engine.file_view import READABLE

PATIENCE_S = 120.0
MEMORY_KB = 4 << 20


def disappears(work: Workplace, seen: Observation, times: int) -> None:
    """A scan is deleted at a random moment: what needs it fails by name, and is made once it is back."""
    work.own_library()
    reference = work.reference(config := work.config())
    for _ in range(times):
        out, moment = work.out(), reference.midway(work.rng)
        scan = work.library / str(work.rng.choice(["box", "ball", "brick"])) / "toy"
        running = work.generate(config, out, pace=SLOW)
        moment.wait(running, out)
        scan.rename(work.root / "gone")
        ended = running.wait()
        there = len(list(out.glob("records/*.json")))
        seen.count(f"exit {ended.code}")
        seen.promise(ended.code in (0, 1, 2), ended.tail())
        seen.promise(ended.code != 0 or there == reference.pictures, f"exit 0 with {there} pictures")
        seen.promise(not ended.traceback, f"traceback: {ended.err[-800:]}")
        named = scan.parent.name in ended.out + ended.err
        seen.promise(ended.code == 0 or named, f"doesn't name the scan: {ended.tail()}")
        seen.promise(not (wrong := half_written(out)), f"half-written: {wrong}")
        before = digest(out)
        refused = work.generate(config, out).wait()
        seen.promise(refused.code == 2, f"goes on without a scan: {refused.tail()}")
        seen.promise(not refused.traceback, f"traceback: {refused.err[-800:]}")
        seen.promise(not (wrong := differences(out, before)), f"changed by a refused run: {wrong}")
        (work.root / "gone").rename(scan)
        is_finished(seen, work, out, reference.digest, work.generate(config, out).wait())
        seen.times += 1


def harms_blender(work: Workplace, seen: Observation, times: int) -> None:
    """A file that makes Blender's importer crash, end without a word, write rubbish, or take memory and be killed."""
    source = work.root / "scan.fbx"
    source.write_bytes(b"Kaydara FBX Binary  \0\x1a\0" + bytes(200))
    library = work.root / "taken"
    kinds = ("crash", "mute", "cut", "exit")
    for i in range(times):
        library.mkdir()
        fault = plant(work.faults, kinds[i % len(kinds)], "import")
        running = work.start("assets", "add", source, "--class", "thing", "--library", library, "--blender", work.fake)
        ended = running.wait()
        seen.promise(ended.code in (1, 2), f"{fault.name}: {ended.tail()}")
        seen.promise("scan.fbx" in ended.out + ended.err, f"{fault.name} doesn't name the scan: {ended.tail()}")
        seen.promise(not ended.traceback, f"traceback: {ended.err[-800:]}")
        seen.promise(not (left := running.orphans(1.0)), f"processes left: {left}")
        _is_clean(seen, library, 0)
        fault.unlink()
        ended = work.start(
            "assets", "add", source, "--class", "thing", "--library", library, "--blender", work.fake
        ).wait()
        seen.promise(ended.code == 0, f"a sound scan: {ended.tail()}")
        _is_clean(seen, library, 1)
        shutil.rmtree(library)
        seen.times += 1


def outlasts(work: Workplace, seen: Observation, times: int) -> None:
    """A file over which Blender's importer never ends, and one over which it takes all memory."""
    source, target = work.root / "scan.usdz", work.root / "scan.glb"
    source.write_bytes(b"PK\3\4" + bytes(200))
    os.environ |= {name: work.environment()[name] for name in ("FAKE_BLENDER_FAULTS", READABLE)}
    try:
        for kind, bounds in (("hang", {"timeout_s": 2}), ("grow", {"memory_bytes": 300_000_000})) * times:
            fault = plant(work.faults, kind, "import")
            start = time.monotonic()
            try:
                convert_with_blender(source, target, None, work.fake, **bounds)
                seen.promise(False, f"{kind}: no error")
            except InputError as e:
                wanted = "didn't finish" if kind == "hang" else "memory"
                seen.promise(wanted in str(e), f"{kind}: {e}")
            seen.promise(time.monotonic() - start < 20, f"{kind}: took {time.monotonic() - start:.0f} s")
            seen.promise(not target.exists() and not list(work.root.glob(".converting-*")), f"{kind}: leaves files")
            fault.unlink()
            seen.times += 1
    finally:
        del os.environ["FAKE_BLENDER_FAULTS"], os.environ[READABLE]


def _is_clean(seen: Observation, library: Path, scans: int) -> None:
    """A library holds whole scans and nothing else."""
    try:
        assets = list_assets(library)
        for asset in assets:
            asset.mesh()
        seen.promise(len(assets) == scans, f"{len(assets)} scans in the library instead of {scans}")
    except InputError as e:
        seen.promise(False, f"the library is broken: {e}")
    seen.promise(not (left := [str(p) for p in library.rglob(".*")]), f"left in the library: {left}")


def garbled(work: Workplace, seen: Observation, times: int) -> None:
    """Scans with bytes changed, cut short or repeated, in all formats that are read without Blender, added at once."""
    folder, library = work.root / "garbled", work.root / "taken-in"
    folder.mkdir()
    library.mkdir()
    shape = trimesh.creation.icosphere(subdivisions=2, radius=0.05)
    kinds = ("obj", "ply", "glb", "stl")
    for i in range(times):
        data = shape.export(file_type=kinds[i % len(kinds)])
        garbled = _garble(data.encode() if isinstance(data, str) else data, work.rng)
        (folder / f"{i:04d}.{kinds[i % len(kinds)]}").write_bytes(garbled)
    ended = work.start("assets", "add", folder, "--class", "thing", "--library", library, "--unit", "m").wait()
    seen.promise(ended.code in (0, 1, 2), ended.tail())
    seen.promise(not ended.traceback, f"traceback: {(ended.out + ended.err)[-1500:]}")
    taken = len(list_assets(library))
    _is_clean(seen, library, taken)
    seen.promise(ended.code != 0 or taken == times, f"exit 0 with {taken} of {times} scans taken in")
    seen.count("taken in", taken)
    seen.count("refused", times - taken)
    seen.times += times


STRANGE: dict[str, Callable[[Path], None]] = {
    "a pipe": lambda path: os.mkfifo(path),
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "a terminal": lambda path: path.symlink_to("/dev/tty"),
    "a sparse file": put_sparse,
    "a folder": lambda path: path.mkdir(),
    "a link elsewhere": lambda path: path.symlink_to("/etc/passwd"),
}


HARMED = (".obj", ".ply", ".glb", ".stl", ".usdz", "+.mtl", "skin.png", "+.keypoints.yaml")


def is_no_file(work: Workplace, seen: Observation, times: int) -> None:
    """A pipe, a device, a folder, a link or something endless in place of a scan, or of a file that goes with it."""
    patch = textured_patch(4)
    for i in range(times):
        (folder := work.root / f"strange-{i}").mkdir()
        (library := work.root / f"strange-library-{i}").mkdir()
        paths: list[Path] = []
        cases = [(kind, suffix) for kind in STRANGE for suffix in HARMED if (kind, suffix[0]) != ("a folder", ".")]
        for number, (kind, suffix) in enumerate(cases):
            (place := folder / str(number)).mkdir()
            gradient_image(8).save(place / "skin.png")
            path = write_obj(place / f"s{number}.obj", *patch)
            harmed = place / (f"s{number}{suffix}" if suffix.startswith((".", "+")) else suffix).replace("+", "")
            harmed.unlink(missing_ok=True)
            STRANGE[kind](harmed)
            paths.append(harmed if suffix.startswith(".") else path)
            seen.count(kind)
        paths = [paths[k] for k in work.rng.permutation(len(paths))]
        told = ("--class", "thing", "--library", library, "--unit", "m", "--allow-plain")
        running = work.start("assets", "add", *paths, *told)
        ended = running.wait(PATIENCE_S)
        seen.promise(ended.code == 1, ended.tail())  # some come in, without their textures
        seen.promise(not ended.traceback, f"traceback: {(ended.out + ended.err)[-1500:]}")
        seen.promise("root:" not in ended.out + ended.err, "a line of the linked file is shown")
        unnamed = [p for p in paths if str(p.with_suffix("")) not in ended.err and f"thing/{p.stem}-" not in ended.out]
        seen.promise(not unnamed, f"not told of: {unnamed}")
        _is_clean(seen, library, len(list_assets(library)))
        seen.times += 1


def bombs(work: Workplace, seen: Observation, times: int) -> None:
    """Small files that declare much, under a limit of memory: taken in, or refused by name."""
    names = list(BOMBS)
    for i in work.rng.permutation(max(times, len(names)))[:times]:
        name = names[i % len(names)]
        (folder := work.root / f"bomb-{i}-{name}").mkdir()
        path, library = BOMBS[name](folder), work.root / f"bomb-library-{i}"
        library.mkdir()
        running = work.start(
            "assets",
            "add",
            path,
            "--class",
            "thing",
            "--library",
            library,
            "--unit",
            "m",
            wrap=f"ulimit -v {MEMORY_KB}",
        )
        ended = running.wait(PATIENCE_S)
        seen.count("taken in" if ended.code == 0 else "refused")
        seen.promise(ended.code in (0, 2), f"{name}: {ended.tail()}")
        seen.promise(ended.code == 0 or path.name in ended.err, f"{name} isn't named: {ended.tail()}")
        seen.promise("memory" not in ended.err, f"{name} took all memory first: {ended.tail()}")
        seen.promise(not ended.traceback, f"{name}: traceback: {(ended.out + ended.err)[-1500:]}")
        _is_clean(seen, library, int(ended.code == 0))
        shutil.rmtree(folder)
        seen.times += 1


def _garble(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    match int(rng.integers(4)):
        case 0:
            del changed[int(rng.integers(len(changed))) :]
        case 1:
            for at in rng.integers(len(changed), size=int(rng.integers(1, 60))):
                changed[int(at)] = int(rng.integers(256))
        case 2:
            a, b = sorted(map(int, rng.integers(len(changed), size=2)))
            del changed[a:b]
        case 3:  # the header, where counts and offsets stand
            for at in rng.integers(min(200, len(changed)), size=3):
                changed[int(at)] = int(rng.choice([0, 0x39, 0x7F, 0xFF]))
    return bytes(changed)


SCENARIOS = (
    Scenario("scan-gone", "fails by name, exit 1; refused without it; made once it is back", disappears, 0, share=0.2),
    Scenario("scan-crashes-importer", "refused by name, library whole", harms_blender, 1, share=0.14),
    Scenario(
        "scan-outlasts-importer", "ended at its bound of time or memory, refused by name", outlasts, 1, share=0.07
    ),
    Scenario(
        "scan-is-no-file", "refused by name, nothing waited for, nothing of elsewhere shown", is_no_file, 1, share=0.1
    ),
    Scenario("scan-bomb", "refused by name or taken in, within 4 GB of address space", bombs, 3, share=0.7),
    Scenario("garbled-scan", "taken in whole or refused; never a traceback", garbled, 12, share=4.0),
)
