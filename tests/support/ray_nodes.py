"""Ray nodes as processes of their own on this machine, one of which may be killed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

STORE_BYTES = 80_000_000
START_S = 180.0


@dataclass
class Cluster:
    """A cluster on this machine.

    Attributes:
        address: ``host:port``.
        folder: of Ray's own files; short, since Unix sockets lie in it.
    """

    address: str
    folder: Path
    nodes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *options: str, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start a node with one CPU, a process group of its own."""
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1", *options]
        command += ["--disable-usage-stats", f"--object-store-memory={STORE_BYTES}"]
        with (self.folder / f"node-{len(self.nodes)}.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0", **environment},
            )
        self.nodes.append(process)
        return process

    @staticmethod
    def kill(node: subprocess.Popen[bytes]) -> None:
        """Kill a node at once, with all that runs on it, as a power cut does."""
        try:
            family = [*psutil.Process(node.pid).children(recursive=True), psutil.Process(node.pid)]
        except psutil.NoSuchProcess:
            family = []
        for process in family:
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        node.wait()


@contextmanager
def cluster(environments: list[Mapping[str, str]]) -> Iterator[Cluster]:
    """A cluster of as many nodes as there are environments, the first one its head."""
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    found = Cluster(f"127.0.0.1:{port}", folder)
    try:
        head = ["--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}"]
        found.start(*head, environment=environments[0])
        _wait_for(port)
        for environment in environments[1:]:
            found.start(f"--address={found.address}", environment=environment)
        yield found
    finally:
        for node in found.nodes:
            found.kill(node)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("the head of the cluster didn't start")
