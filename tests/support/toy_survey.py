"""A small survey of grey pictures, whose answers are known by their brightness; and somebody who answers it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from scanstage.dataset.survey.survey_file import PICTURES, Survey, SurveyItem, item_id, write_survey
from scanstage.scenes.config.sections.survey_settings import SurveySettings

VERSIONS = ("v1", "v2")
TRUTH = {"real": 9, "corrupt": 2, "picture": 5}


def toy_survey(folder: Path, plans: int = 6, **settings: object) -> Survey:
    """Two versions of a few plans, with golds. Written to a folder that isn't there yet."""
    (folder / PICTURES).mkdir(parents=True)
    chosen = SurveySettings.model_validate({"pictures": plans, "session": 10, "ratings_per_picture": 1, **settings})
    items = []
    for version in VERSIONS:
        for index in range(plans):
            name = item_id(0, f"{version}/{index}")
            factors = {"stage": "table" if index % 2 else "bin"}
            items.append(SurveyItem(name, f"{name}.jpg", "picture", version, index, f"plan{index}", factors=factors))
    for kind in ("real", "corrupt"):
        for number in range(20):
            name = item_id(0, f"{kind}/{number}")
            items.append(SurveyItem(name, f"{name}.jpg", kind))  # type: ignore[arg-type]
    for item in items:
        noise = np.random.default_rng(int(item.item_id[:8], 16)).integers(0, 60, (96, 128, 3))
        cv2.imwrite(str(folder / PICTURES / item.file_name), (noise + 15 * TRUTH[item.kind]).astype(np.uint8))
    survey = Survey(VERSIONS, tuple(sorted(items, key=lambda i: i.item_id)), 0, chosen)
    write_survey(folder, survey)
    return survey


def deserved(item: SurveyItem) -> int:
    """What somebody who looks says of a picture."""
    return TRUTH[item.kind] + (int(item.item_id, 16) % 3 if item.kind == "picture" else 0)
