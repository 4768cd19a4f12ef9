"""Finished datasets of any size without rendering: a few pictures of the workload, planned, cast, labelled, repeated.

Records are those that ``finish`` writes, of passes made from the cast: each with its own index, and a picture that is
the same file under many names. For benchmarks of what happens to labels after rendering.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.record import Record
from scanstage.dataset.records.run_file import write_run_file
from scanstage.render.bookkeeping.run_outputs import begun
from scanstage.render.engine.passes import Passes
from scanstage.render.finish.finish_picture import finish
from scanstage.scenes.config.load import load_config
from scanstage.scenes.picture_sequence.picture_source import open_source
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_inputs
from scanstage.scenes.sight.cast_plan import Planned

WORKLOAD = Path(__file__).with_name("workload.yaml")
BASES = 4


def base_pictures(root: Path, count: int = BASES) -> list[tuple[Record, Planned]]:
    """A few finished pictures of the workload in the folder ``root``, grey instead of rendered."""
    config = load_config(WORKLOAD, [])
    catalogue = open_inputs(config, WORKLOAD.parent)
    planner = Planner(config, catalogue, WORKLOAD.parent)
    folder = DatasetFolder(root)
    folder.create()
    write_run_file(folder, begun(open_source(planner)))
    made = []
    for index in range(count):
        planned = planner.plan(index)
        shape = planned.engine_ids.shape
        grey = np.full((*shape, 3), 0.18, np.float32)
        passes = Passes(grey, np.ones(shape, np.float32), planned.engine_ids)
        made.append((finish(planned, passes, folder, config, catalogue.classes, {"engine": "none"}), planned))
    return made


def repeat(root: Path, bases: list[Record], count: int) -> None:
    """Fill the dataset in ``root`` with the records ``bases`` again and again until there are ``count``."""
    folder = DatasetFolder(root)
    for index, record in numbered(bases, count):
        place = Path(str(folder.record(index)))
        if not place.exists():
            place.write_text(record.to_json(), "utf-8")
        image = Path(str(folder.image(index, "jpg")))
        if not image.exists():
            os.link(str(folder.images / bases[index % len(bases)].image.file_name), image)


def numbered(bases: list[Record], count: int) -> Iterator[tuple[int, Record]]:
    """The records with indices from 0 on."""
    for index in range(count):
        base = bases[index % len(bases)]
        yield index, replace(base, index=index, image=replace(base.image, file_name=f"{index:06d}.jpg"))
