"""A Blender worker: reads requests as JSON lines on standard input, answers on a private copy of standard output.

Run by path, ``python worker.py`` where the bpy wheel is installed, or ``blender -b --python worker.py -- …``.

Requests are objects with ``op``, of the types in ``exchange/worker_messages.py``; answers repeat the request's ``id``
and hold either ``result`` or ``error`` (``kind``, ``message``). The first request is ``hello``; then any number of
``render`` and ``save``; ``quit``, or the end of the input, ends the process.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:  # a script by itself until load_package() is done
    from .exchange.worker_messages import HelloRequest, QuitRequest, RenderAnswer, RenderRequest, SaveRequest
    from .rendering import Renderer

PACKAGE = "scanstage_blender"


class Failure(Exception):
    """An error to be answered, with a ``kind`` that the coordinator knows."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Channel:
    """Requests in, answers out, apart from whatever Blender and its libraries print."""

    def __init__(self) -> None:
        sys.stdout.flush()
        self._answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)  # all chatter goes to the log
        self._requests: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with os.fdopen(os.dup(0), encoding="utf-8") as stream:
            for line in stream:
                self._requests.put(json.loads(line))
        os._exit(0)  # the coordinator is gone: even in the middle of a picture there is nobody to hand it to

    def next(self) -> Any:
        """The next request, whatever JSON object it is; blocks."""
        return self._requests.get()

    def answer(self, request: Mapping[str, object], **content: Any) -> None:
        """Answer a request."""
        self._answers.write(json.dumps({"id": request.get("id"), **content}) + "\n")
        self._answers.flush()


def load_package() -> None:
    """Make this folder importable as a package of its own name, whatever ``sys.path`` holds."""
    folder = Path(__file__).resolve().parent
    sys.path[:] = [p for p in sys.path if Path(p).resolve() != folder]  # our names must shadow nobody's modules
    init = folder / "__init__.py"
    spec = importlib.util.spec_from_file_location(PACKAGE, init, submodule_search_locations=[str(folder)])
    if spec is None or spec.loader is None:
        raise Failure("broken_install", f"{init} is missing")
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)


@contextlib.contextmanager
def few_cores(threads: int) -> Iterator[None]:
    """Let this process see only so many cores (0: all) while libraries count them to size their pools of threads.

    Blender limits TBB to the threads that a render may take, but its pool keeps one for each core, and those beyond the
    limit don't sleep: they spin all through the render (seen with the oneTBB of Blender 4.5). Afterwards every thread
    may run anywhere again. Does nothing where a process can't choose its cores, or is Blender itself: it has its pools.
    """
    if not threads or not hasattr(os, "sched_setaffinity"):
        yield
        return
    everywhere = os.sched_getaffinity(0)
    first = os.getpid()  # workers that start together take turns
    cores = sorted(everywhere)
    os.sched_setaffinity(0, {cores[(first + i) % len(cores)] for i in range(threads)})
    try:
        yield
    finally:
        # Threads that were started meanwhile inherited the narrow choice.
        for task in Path("/proc/self/task").iterdir():
            with contextlib.suppress(OSError):  # ended by now
                os.sched_setaffinity(int(task.name), everywhere)


def import_blender() -> None:
    """Import bpy and what we need of it, telling apart what can be missing."""
    try:
        import bpy
    except ModuleNotFoundError as e:
        raise Failure("no_bpy", f"Python {sys.version.split()[0]} at {sys.executable} has no bpy ({e})") from e
    except ImportError as e:
        raise Failure("bpy_broken", str(e)) from e
    if bpy.app.version < (3, 4, 0):
        raise Failure("too_old", f"this is Blender {bpy.app.version_string}; 3.4 or later is needed")
    try:
        import numpy  # noqa: F401
    except ImportError as e:
        raise Failure("no_numpy", f"the Python of Blender {bpy.app.version_string} has no numpy ({e})") from e


def main() -> None:
    """Serve requests until told to quit."""
    channel = Channel()
    hello: HelloRequest = channel.next()
    try:
        with few_cores(hello["settings"]["threads"]):
            import_blender()
        load_package()
        from scanstage_blender import freed_memory, rendering

        freed_memory.return_freed_memory()
        renderer: Renderer = rendering.Renderer(hello["settings"], hello["cache_bytes"], hello.get("gpu"))
        channel.answer(hello, result=renderer.info)
    except BaseException as e:  # whatever it is, the coordinator must hear of it
        _report(channel, hello, e)
        _leave(1)
    while True:
        request: RenderRequest | SaveRequest | QuitRequest = channel.next()
        if request["op"] == "quit":
            channel.answer(request, result={})
            _leave(0)
        try:
            channel.answer(request, result=_done(renderer, request))
        except Exception as e:
            _report(channel, request, e)


def _done(renderer: Renderer, request: RenderRequest | SaveRequest) -> RenderAnswer | dict[str, object]:
    """The answer to a request, once it is done. Raises what the renderer raises."""
    if request["op"] == "save":
        renderer.save(request["path"])
        return {}
    return renderer.render(request["plan"], request["folders"], request["output"], request["sharp"], request["albedo"])


def _report(channel: Channel, request: Mapping[str, object], error: BaseException) -> None:
    traceback.print_exc()
    kind = getattr(error, "kind", type(error).__name__)
    channel.answer(request, error={"kind": kind, "message": str(error) or type(error).__name__})


def _leave(code: int) -> NoReturn:
    """End without the interpreter's own exit, in which a process that imported bpy can hang or crash."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
