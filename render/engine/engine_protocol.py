"""What an engine is to the rest of scanstage: it turns plans into passes.

Three implementations:

- :mod:`blender_session`: a Blender in a process of its own, the default;
- the analytic engine of the tests (``tests/support/analytic_engine.py``), in numpy, in this process;
- the stand-in of the fault harness (``tests/faults/fake_blender.py``), which is one step further out: it implements
  the worker's side of the protocol between :mod:`blender_session` and Blender, and is given as ``--blender``.

What engines can't do stands in :mod:`engine_traits` where it follows from the engine's name, and in
:class:`EngineInfo` where it depends on what is installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scanstage.assets.messages.errors import LOG_MARK
from scanstage.render.engine.passes import Passes
from scanstage.scenes.config.sections.render_settings import RenderSettings
from scanstage.scenes.plan import FramePlan


class EngineError(Exception):
    """A picture failed; the engine lives on and takes the next.

    Attributes:
        kind: the name of the error inside the worker, such as ``MissingFile``.
    """

    def __init__(self, message: str, kind: str = "EngineError") -> None:
        super().__init__(message)
        self.kind = kind


class EngineCrashed(Exception):
    """The engine's process died, hung or broke the protocol: a new one is needed.

    Attributes:
        log_tail: the last lines that it printed.
    """

    def __init__(self, message: str, log_tail: Sequence[str] = ()) -> None:
        super().__init__(LOG_MARK.join([message, *log_tail]))
        self.log_tail = list(log_tail)


@dataclass(frozen=True)
class EngineInfo:
    """What an engine says of itself.

    Attributes:
        blender: version, such as ``4.5.15 LTS``.
        engine: Blender's identifier of the render engine.
        device, device_names, device_reason: what renders, and why that (see ``DeviceChoice``).
        devices: names of all devices by backend.
        denoiser: whether OpenImageDenoise is there.
        builtin_hdris: names that ``builtin:<name>`` can take.
        notes: what was asked for that this Blender can't do, one sentence each.
    """

    blender: str
    engine: str
    device: str
    device_names: list[str]
    device_reason: str
    devices: dict[str, list[str]]
    denoiser: bool
    builtin_hdris: list[str]
    notes: list[str]


@dataclass(frozen=True)
class PictureStats:
    """Where the time of the last picture went, in seconds, and the worker's memory after it (None where unknown).

    ``sync_s``: setting the scene; ``render_s``: Blender's render calls with writing; ``check_s``: of that, the
    render of labels' passes that a picture with blur needs; ``read_s``: reading the passes; ``datablocks``: how many
    Blender holds, which stays level unless something leaks.
    """

    sync_s: float
    check_s: float
    render_s: float
    read_s: float
    rss_bytes: int | None
    datablocks: int


class Engine(Protocol):
    """Renders plans, one after the other. Used by one thread; :meth:`kill` may come from another."""

    @property
    def info(self) -> EngineInfo:
        """What it says of itself."""
        ...

    @property
    def alive(self) -> bool:
        """Whether it can still render; after EngineCrashed it can't."""
        ...

    @property
    def printed(self) -> str:
        """The end of what it has printed."""
        ...

    @property
    def last(self) -> PictureStats | None:
        """Of the last picture; None before the first, or where nothing is known of it."""
        ...

    def render(self, plan: FramePlan, asset_folders: Mapping[str, Path], timeout_s: float) -> Passes:
        """Render a plan.

        With depth of field or motion blur, ``instance_ids``, ``depth_m`` and ``normals`` are those of a pinhole at the
        middle of the exposure, from a render of their own; radiance, alpha and soft masks are blurred.

        Args:
            plan: the picture.
            asset_folders: folders by asset id, of all that the plan shows (more does no harm).
            timeout_s: how long it may take before the engine is taken to hang and is ended.

        Raises:
            EngineError: this picture can't be rendered; the engine lives on.
            EngineCrashed: the engine died, hung or took too much memory; a new one is needed.
        """
        ...

    def save_scene(self, path: Path, timeout_s: float) -> None:
        """Save what was rendered last as a ``.blend`` that refers to textures where they are now.

        Raises EngineError, EngineCrashed as :meth:`render` does.
        """
        ...

    def kill(self) -> None:
        """End it at once; a render that waits in another thread then raises EngineCrashed."""
        ...

    def close(self) -> None:
        """End it, wait until it is gone, and remove what it has in the scratch folder. May be called again."""
        ...


class EngineFactory(Protocol):
    """Starts engines."""

    def __call__(
        self,
        settings: RenderSettings,
        scratch: Path,
        log: Path,
        *,
        memory_bytes: int | None = None,
        gpu: int | None = None,
    ) -> Engine:
        """Start an engine.

        Args:
            settings: fixed for its life.
            scratch: an existing folder, best in memory, where passes may lie for the moment between writing and
                reading.
            log: file that gets the end of what it prints, when it ends.
            memory_bytes: resident memory that it may take before it is ended; None is any.
            gpu: which of the devices found it is to use; None is all.

        Raises:
            InputError: it can't be used here, or the device isn't there; with the hint.
            EngineCrashed, EngineError: it failed to start for another reason.
            OSError: the scratch folder or the log can't be written, or the system has no room for another process.
        """
        ...
