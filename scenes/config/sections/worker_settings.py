"""How a run is carried out. Nothing here changes a picture."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from scanstage.scenes.config.sections.section import Section


class WorkersConfig(Section):
    """Blender processes: how many, and when one is taken to have failed."""

    count: Annotated[int, Field(ge=0, le=256)] = Field(
        0, description="Blender processes; 0 chooses by cores, memory and GPUs"
    )
    picture_timeout_s: Annotated[float, Field(gt=0, le=604_800)] = Field(
        1800.0, description="a worker that takes longer over a picture is taken to hang: it is replaced"
    )
    memory_gb: Annotated[float, Field(gt=0, le=1e6)] | None = Field(
        None, description="a worker that takes more is replaced; default: an equal share of this machine's memory"
    )
