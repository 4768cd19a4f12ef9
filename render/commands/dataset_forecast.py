"""What a config will give: plans many pictures, and says what the dataset will hold."""

from __future__ import annotations

from typing import Any

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option, shell_only
from scanstage.dataset.report.balance_report import balance_figures
from scanstage.render.bookkeeping.progress import OnProgress, Progress
from scanstage.render.bookkeeping.resume import refuse_nothing
from scanstage.scenes.picture_sequence.balanced_pictures import BalancedPictures
from scanstage.scenes.picture_sequence.forecast import forecast
from scanstage.scenes.picture_sequence.picture_source import HOPELESS, PictureSource, open_source
from scanstage.scenes.picture_sequence.selection import Frames, Selection, in_words
from scanstage.scenes.picture_sequence.statistics import PictureFacts, dataset_statistics
from scanstage.scenes.planning.planner import Planner


def forecast_dataset(planner: Planner, frames: Frames, workers: int, on_progress: OnProgress) -> dict[str, Any]:
    """Plan pictures, and count what they show.

    Args:
        planner: of the run.
        frames: first and last picture, both included; None is all.
        workers: processes; 0 chooses.
        on_progress: told how far it has come.

    Returns:
        ``name``, ``seed``, all of :func:`statistics.dataset_statistics`, ``balance`` of a balanced run (see
        :func:`balance_report.balance_figures`), ``seconds_a_picture``.

    Raises:
        InputError: there are no such pictures, or the first ones can't be planned.
    """
    source = open_source(planner)
    asked = pictures_of(source, frames)
    selection = Selection(frames, through=None if frames is None else frames[1])
    facts: list[PictureFacts] = []
    on_progress(Progress("planning", len(asked)))
    for known in forecast(source, selection, workers):
        facts.append(known)
        on_progress(Progress("planning", len(asked) if frames else source.expected, len(facts), len(facts)))
        if len(facts) == min(HOPELESS, len(asked)) and all(f.failure for f in facts):
            problems = [f"picture {f.index}: {f.failure}" for f in facts]
            raise InputError(problems, "`scanstage preview` shows what can be planned; relax what it asks for")
    if not facts:
        refuse_nothing(frames, source)
    found = dataset_statistics(facts, planner.catalogue.label_classes)
    if source.balance is not None and planner.config.balance is not None:
        entries = [e for i, e in source.balance.ledger.entries.items() if not frames or i in asked]
        targets, classes = source.balance.targets, planner.catalogue.classes
        found["balance"] = balance_figures(entries, targets, planner.config.balance, classes)
    if isinstance(source, BalancedPictures):
        found["notes"] = source.notes()
    seconds = sum(f.seconds for f in facts) / len(facts)
    return {"name": planner.config.name, "seed": planner.config.seed, **found, "seconds_a_picture": round(seconds, 4)}


def pictures_of(source: PictureSource, frames: Frames) -> range:
    """Pictures asked for; where the run's number of pictures follows from a target, perhaps more than there will be.

    Raises InputError where the run has no such pictures.
    """
    last = source.expected - 1
    wanted = frames or (0, last)
    if wanted[0] < 0:
        raise InputError(f"{option('frames')} {in_words(wanted)}: pictures are counted from 0")
    if wanted[0] > wanted[1]:
        raise InputError(f"{option('frames')} {in_words(wanted)}: the end is before the start")
    if wanted[1] > last and source.exact:
        raise InputError(
            f"{option('frames')} {in_words(wanted)}: pictures are 0 to {last}",
            "raise images in the config" + shell_only(" or --images"),
        )
    return range(wanted[0], wanted[1] + 1)
