"""An S3 server on this machine, for tests of stores."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


class S3Server:
    """moto's server; what is in it outlives :meth:`stop`."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._kind = ThreadedMotoServer
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        self.port = self._server.get_host_and_port()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """No request is answered from now on."""
        self._server.stop()

    def restart(self) -> None:
        self._server = self._kind(ip_address="127.0.0.1", port=self.port, verbose=False)
        self._server.start()

    def environment(self) -> dict[str, str]:
        """What a process needs to find the server."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
        }


@contextmanager
def s3_prefix(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """URL of an empty prefix in a bucket, with the environment that leads to it."""
    import s3fs

    for key, value in server.environment().items():
        monkeypatch.setenv(key, value)
    s3fs.S3FileSystem.clear_instance_cache()
    bucket = f"bucket-{uuid.uuid4().hex[:8]}"
    s3fs.S3FileSystem().mkdir(bucket)
    yield f"s3://{bucket}/made/toys"
    s3fs.S3FileSystem.clear_instance_cache()
