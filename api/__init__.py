"""3D scans in, balanced and verified datasets out: the front door of scanstage for Python.

::

    import scanstage

    config = scanstage.load_config("configs/quickstart.yaml", {"images": 6})
    scanstage.generate(config, "output/first")
    for picture in scanstage.open_dataset("output/first"):
        print(picture.index, [label.class_name for label in picture.labels])

What is wrong with what is given raises :class:`InputError`; what goes on meanwhile is logged under ``scanstage``.
"""

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scanstage.assets.messages.errors import InputError as InputError
    from scanstage.dataset.check.check_dataset import CheckReport as CheckReport
    from scanstage.dataset.check.finding import Finding as Finding
    from scanstage.dataset.likeness.drift import Drift as Drift
    from scanstage.dataset.likeness.four_properties import Likeness as Likeness
    from scanstage.dataset_views import Dataset as Dataset
    from scanstage.dataset_views import Label as Label
    from scanstage.dataset_views import LabelledPicture as LabelledPicture
    from scanstage.functions import Config as Config
    from scanstage.functions import Export as Export
    from scanstage.functions import PicturePlan as PicturePlan
    from scanstage.functions import check as check
    from scanstage.functions import export as export
    from scanstage.functions import forecast as forecast
    from scanstage.functions import generate as generate
    from scanstage.functions import join as join
    from scanstage.functions import live as live
    from scanstage.functions import load_config as load_config
    from scanstage.functions import open_dataset as open_dataset
    from scanstage.functions import plan as plan
    from scanstage.functions import push as push
    from scanstage.functions import report as report
    from scanstage.photo_functions import compare as compare
    from scanstage.photo_functions import drift as drift
    from scanstage.photo_functions import fit as fit
    from scanstage.render.bookkeeping.progress import Progress as Progress
    from scanstage.render.bookkeeping.summary import Summary as Summary
    from scanstage.render.commands.like_photos.fit_to_photos import Fit as Fit
    from scanstage.render.commands.look.write_report import WrittenReport as WrittenReport
    from scanstage.render.commands.push import Pushed as Pushed
    from scanstage.render.engine.engine_protocol import EngineCrashed as EngineCrashed
    from scanstage.render.engine.engine_protocol import EngineError as EngineError

_HOMES = {
    "InputError": "assets.messages.errors",
    "CheckReport": "dataset.check.check_dataset",
    "Finding": "dataset.check.finding",
    "Drift": "dataset.likeness.drift",
    "Likeness": "dataset.likeness.four_properties",
    "Dataset": "dataset_views",
    "Label": "dataset_views",
    "LabelledPicture": "dataset_views",
    "Config": "functions",
    "Export": "functions",
    "PicturePlan": "functions",
    "check": "functions",
    "export": "functions",
    "forecast": "functions",
    "generate": "functions",
    "join": "functions",
    "live": "functions",
    "load_config": "functions",
    "open_dataset": "functions",
    "plan": "functions",
    "push": "functions",
    "report": "functions",
    "compare": "photo_functions",
    "drift": "photo_functions",
    "fit": "photo_functions",
    "EngineCrashed": "render.engine.engine_protocol",
    "EngineError": "render.engine.engine_protocol",
    "Fit": "render.commands.like_photos.fit_to_photos",
    "Progress": "render.bookkeeping.progress",
    "Pushed": "render.commands.push",
    "Summary": "render.bookkeeping.summary",
    "WrittenReport": "render.commands.look.write_report",
}
__all__ = sorted(_HOMES)

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    """Load what is asked for: every module of scanstage has this one imported, few need what stands here."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    found = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
