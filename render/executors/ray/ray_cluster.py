"""Joining a Ray cluster, and leaving it again without a trace on the console."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.render.executors.ray.cluster_shares import Node

CONNECT_S = 5.0
STORE_BYTES = 128 << 20
"""Of a Ray that is started for a run alone: only plans and records pass through it."""
START_ONE = "start one with `ray start --head`, and join it on every other machine with `ray start --address=HOST:PORT`"
JOIN_IT = (
    "run scanstage on a machine of the cluster (`ray start --address=HOST:PORT` makes it one), with the same versions "
    "of Python and Ray"
)


def cluster_nodes(ray: Any) -> list[Node]:
    """The nodes that are up, with what Ray was told they have."""
    return [
        Node(
            str(node["NodeManagerHostname"]),
            node["Resources"].get("CPU", 0.0),
            node["Resources"].get("GPU", 0.0),
            node["Resources"].get("memory", 0.0),
        )
        for node in ray.nodes()
        if node["Alive"]
    ]


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """The ``ray`` module, connected to a cluster; leaves it in the end, and ends it where it was started for this.

    Args:
        address: ``host:port`` of the cluster, ``auto``: one that this machine is part of; None: the same, or else a
            Ray of this machine alone.

    Raises:
        InputError: Ray isn't installed, or the cluster can't be joined.
    """
    ray = _import_ray()
    if ray.is_initialized():
        yield ray
        return
    here = threading.current_thread() is threading.main_thread()
    handlers = {s: signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)} if here else {}
    resolved = _resolved(address)
    try:
        with _silent(ray):
            try:
                _join(ray, resolved)
                # Ray puts an exit of its own in the place of what a signal does here.
                for number, handler in handlers.items():
                    signal.signal(number, handler)
                yield ray
            finally:
                ray.shutdown()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _import_ray() -> Any:
    # Before the import, which reads them. Nothing is sent to Ray's makers unless the user wants that.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as e:
        raise InputError(
            f"{option('executor')} ray: Ray isn't installed ({e})", 'pip install "scanstage[ray]"'
        ) from None
    return ray


def _resolved(address: str | None) -> str:
    """``host:port`` of a cluster that answers, ``auto`` or ``local``. Raises InputError.

    Ray itself tries an address for more than a minute, and then ends the process. A cluster that this machine is part
    of stays ``auto``: only then does Ray take the token that it is locked with from where it keeps it.
    """
    address = (address or os.environ.get("RAY_ADDRESS") or "").strip() or None
    if address is None or address == "auto":
        running = _last_started()
        if running is not None and _failure(running) is None:
            return "auto"
        if address is None:
            return "local"
        raise InputError(f"{option('address')} auto: this machine is part of no Ray cluster", START_ONE)
    host, colon, port = address.rpartition(":")
    if address != "local" and (not (colon and host and port.isascii() and port.isdigit()) or "/" in host):
        hint = "for example 10.0.0.1:6379, or auto: the cluster that this machine is part of"
        raise InputError(f"{option('address')} {address}: expected host:port", hint)
    if address != "local" and (failure := _failure(address)) is not None:
        raise InputError(f"{option('address')} {address}: no Ray cluster answers there ({failure})", START_ONE)
    return address


def _last_started() -> str | None:
    """The cluster that this machine last joined, from the file that Ray keeps of it."""
    temporary = Path(os.environ.get("RAY_TMPDIR") or "/tmp")
    with contextlib.suppress(OSError):
        return (temporary / "ray" / "ray_current_cluster").read_text("utf-8").strip() or None
    return None


def _failure(address: str) -> str | None:
    """Why nothing answers at ``host:port``, or None."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except (OSError, OverflowError, ValueError) as e:
        return getattr(e, "strerror", None) or str(e)
    return None


def _join(ray: Any, address: str) -> None:
    """``ray.init``; its failures as InputErrors."""
    own = {"object_store_memory": STORE_BYTES, "include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except SystemExit:
        raise KeyboardInterrupt from None  # what Ray makes of SIGTERM while it starts
    except (ConnectionError, RuntimeError, ValueError) as e:
        raise _refusal(address, e) from None


def _refusal(address: str, error: BaseException) -> InputError:
    reasons = [error]
    while (cause := reasons[-1].__cause__ or reasons[-1].__context__) is not None:
        reasons.append(cause)
    if any("AuthToken" in str(e) or type(e).__name__ == "AuthenticationError" for e in reasons):
        problem = f"{option('address')} {address}: the cluster asks for a token, and none is known here or another one"
        return InputError(problem, "set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN to what the cluster was started with")
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return InputError(f"{option('address')} {address}: the cluster can't be joined: {line}", JOIN_IT)


@contextmanager
def _silent(ray: Any) -> Iterator[None]:
    """What befalls actors is told by us: Ray prints it over the progress bar, whatever ``log_to_driver`` says."""
    worker: Any = getattr(getattr(ray, "_private", None), "worker", None)
    before = getattr(worker, "print_worker_logs", None)
    if before is None:
        yield
        return
    worker.print_worker_logs = lambda *args, **kwargs: None
    try:
        yield
    finally:
        worker.print_worker_logs = before
