"""Takes scans in one after the other, and says what came of each: for ``assets add`` and ``init``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from scanstage.assets.asset import Asset, AssetPart
from scanstage.assets.files.user_folders import default_library
from scanstage.assets.intake.given_scans import given_folder
from scanstage.assets.intake.take_in import IntakeOptions, file_sha256, take_in
from scanstage.assets.library.asset_ids import asset_id_of
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.wording import listed
from scanstage.assets.raw_scans.raw_scan import UNITS_M, ScanFinding
from scanstage.assets.raw_scans.scan_pose import ScanPose
from scanstage.assets.raw_scans.units import SURE_OF_UP, extents_text, metres_text
from scanstage.render.terminal.console import Console, outside, print_hint, quoting
from scanstage.render.terminal.symmetry_table import symmetries_text

# Findings that change how a scan looks or is used.
_TOLD = (
    *("missing ", "no texture: ", "texture: ", "see-through: ", "collision: ", "keypoints: '", "symmetries: declared"),
    *("odd colors: ", "moved ", "reconstructed: "),
    *("animation: ", "morph: ", "skin: ", "extension: ", "points or lines: ", "unlit: "),
    *("material: the material", "material: is brushed", "material: light", "material: holds properties"),
    *("material: binds", "color: bodies", "color: shapes", "colors: its triangles", "bump map: "),
    *("udim: ", "uv: ", "unit: ", "hidden: ", "layers: ", "printing: "),
    *("no part: ", "lost part: ", "color: colours of", "placement: ", "shear: ", "holes: ", "Blender: "),
)


def take_in_all(
    classes: Mapping[Path, str],
    given: Sequence[Path],
    options: IntakeOptions,
    library: Path,
    blender: Path | None,
    console: Console,
    keep_going: bool = True,
    poses: Sequence[ScanPose] = (),
) -> tuple[int, list[InputError]]:
    """Take scans in, with a line for each.

    Args:
        classes: the scans' files, and their labels.
        given: the files and folders that a person named; scans may use what lies in these folders.
        options: of all, but for the label.
        library: that they go into.
        blender: that reads what only a Blender can.
        console: to print to.
        keep_going: after a bad scan, go on with the others.
        poses: of each scan, every one an asset of its own; none is the pose that it comes in.

    Returns how many came in, and what is wrong with the others. Raises InputError for a single scan, or where it isn't
    gone on.
    """
    problems: list[InputError] = []
    taken: dict[str, Path] = {}
    done = 0
    wanted: list[tuple[Path, IntakeOptions]] = []
    for path, class_name in classes.items():
        reading = replace(options.reading, within=given_folder(path, given))
        each = [replace(reading, pose=pose) for pose in poses] or [reading]
        wanted += [(path, replace(options, class_name=class_name, reading=one)) for one in each]
    for path, own in wanted:
        try:
            _check_first(path, own, taken)
            with console.status(f"taking in {outside(path.name)} ({done + len(problems) + 1} of {len(wanted)})"):
                asset = take_in(path, own, library, converter(blender))
        except InputError as e:
            if not keep_going or len(wanted) == 1:
                raise
            problems.append(e)
            console.print(f"[red]✗[/] {outside(path)}", soft_wrap=True)
            continue
        done += 1
        taken[asset.meta.asset_id] = path
        _print_taken(console, asset, library)
        for note in asset.meta.intake["findings"]:
            if note.startswith(_TOLD):
                console.print(f"  [yellow]{outside(note)}[/]", soft_wrap=True)
    return done, problems


def _print_taken(console: Console, asset: Asset, library: Path) -> None:
    """A green tick; yellow where its size is a guess that may as well be another."""
    others = asset.meta.intake.get("unit_alternatives", [])
    mark = "[yellow]?[/]" if others else "[green]✓[/]"
    console.print(f"{mark} {outside(one_line_of(asset))}", soft_wrap=True)
    place = "" if library == default_library() else f" --library {library}"
    for unit in others:
        size = max(asset.meta.extents_m) * UNITS_M[unit] / UNITS_M[asset.meta.intake["unit"]]
        command = f"scanstage assets edit {asset.meta.asset_id} --unit {unit}{place}"
        console.print(
            f"  [yellow]if {metres_text(size)} is right, its file is in {unit}:[/] {outside(command)}",
            soft_wrap=True,
        )


def _check_first(path: Path, options: IntakeOptions, taken: dict[str, Path]) -> None:
    """Refuse a copy within one call: it would replace the first, whose textures may be others."""
    if not taken or not path.is_file():
        return
    asset_id = asset_id_of(options.class_name, path.name, file_sha256(path), options.reading.pose)
    if asset_id in taken:
        raise InputError(
            f"{path}: is the same file as {taken[asset_id]}, which has come in as {asset_id}",
            "leave one of them out, or rename one if their textures differ: the name is part of the id",
        )


def report(problems: list[InputError], done: int) -> None:
    """Print what went wrong; exit code 1 if something came in, 2 if nothing did."""
    if not problems:
        return
    errors = Console(stderr=True)
    for e in problems:
        for line in e.marked_problems:
            errors.print(f"[red]{quoting(line)}[/]", soft_wrap=True)
        print_hint(errors, e.marked_hint, indent="  ")
    raise typer.Exit(1 if done else 2)


def one_line_of(asset: Asset) -> str:
    """What a person wants to know of an asset."""
    meta = asset.meta
    size = extents_text(meta.extents_m)
    came = meta.intake.get("source_triangles", meta.triangles)
    fewer = f" of {came:,}" if came != meta.triangles else ""
    noun = "triangle" if came == 1 else "triangles"
    unit, up = meta.intake.get("unit"), str(meta.intake.get("up", "")).upper()
    guess = " (guessed)" if str(meta.intake.get("unit_origin")).startswith("guessed") else ""
    likely = " (guessed)" if meta.intake.get("up_origin") not in SURE_OF_UP else ""
    named = f", {len(meta.keypoints)} keypoints" if meta.keypoints else ""
    turned = f", {symmetries_text(meta.symmetries)}" if meta.symmetries else ""
    shape = f"{size}, {meta.triangles:,}{fewer} {noun}"
    return f"{meta.asset_id}: {shape}, unit {unit}{guess}, up {up}{likely}{named}{turned}{_parts_text(meta.parts)}"


def _parts_text(parts: Sequence[AssetPart]) -> str:
    counted = Counter(part.class_name for part in parts)
    each = [name if n == 1 else f"{n} {name}" for name, n in counted.items()]
    return f", parts: {listed(each, most=8)}" if parts else ""


def converter(blender: Path | None) -> Any:
    """Reads what only Blender can; see :data:`read_scan.Convert`."""

    def convert(source: Path, target: Path, folder: Path) -> tuple[ScanFinding, ...]:
        from scanstage.render.engine.blender_conversion import (
            convert_with_blender,  # starts nothing, but is needed by few scans
        )

        return convert_with_blender(source, target, folder, blender)

    return convert
