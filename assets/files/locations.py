"""From what a user names, a path or a URL, to a place that can be read and written."""

from __future__ import annotations

import errno
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from scanstage.assets.files.stores import Location, make_folder, put, remove_file
from scanstage.assets.messages.errors import InputError

if TYPE_CHECKING:
    from upath import UPath

EXTRAS = {"s3": "s3", "s3a": "s3"}
"""Our extras, by protocol."""
PACKAGES = {"gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "abfss": "adlfs", "sftp": "paramiko"}
CREDENTIALS = {
    "s3": "for S3, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "gs": "for Google Cloud, `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS",
    "az": "for Azure, set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
READ_ONLY = ("http", "https")
PROBE = ".scanstage.probe"
_SHORT_OF_SLASHES = re.compile(
    rf"({'|'.join(sorted({*EXTRAS, *PACKAGES, *READ_ONLY, 'file', 'local', 'memory'}))}):/?([^/].*)", re.IGNORECASE
)


def locate(text: str, named_by: str, written: bool = False) -> Location:
    """A local path, made absolute, or the place that a URL names; nothing is looked up there.

    Args:
        text: a path, or a URL of any protocol that fsspec knows: ``s3://bucket/prefix``.
        named_by: the option or argument, for errors.
        written: whether something will be written there.

    Raises:
        InputError: a protocol that isn't known, can't do that or whose package is missing, or a URL that can't be a
            folder.
    """
    if "://" not in text:
        short = _SHORT_OF_SLASHES.fullmatch(text)
        if short is not None and not Path(text).exists():
            raise InputError(f"{named_by} {text}: a URL has two slashes", f"did you mean {short[1]}://{short[2]} ?")
        return Path(text).resolve()
    protocol, _, rest = text.partition("://")
    if written and protocol.lower() in READ_ONLY:
        known = "name a folder, or a store: s3://, gs://, abfs://, sftp://, …"
        raise InputError(f"{named_by} {text}: {protocol} can't be written to", known)
    if protocol.lower() in ("file", "local"):
        return Path(rest).resolve()
    if "::" in text or any(c in text for c in "*?[]#"):
        raise InputError(f"{named_by} {text}: chained URLs, and * ? [ ] # in them, can't be used", "use another prefix")
    if not rest.strip("/") or (rest.startswith("/") and protocol in (*EXTRAS, "gs", "gcs", "az", "abfs", "abfss")):
        raise InputError(f"{named_by} {text}: names no bucket", f"say {protocol}://BUCKET/PREFIX")
    return _opened(text, protocol, named_by)


def locate_local(text: str, named_by: str) -> Path:
    """A folder to write to, which has to be on this machine; ``named_by`` says how it was given. Raises InputError."""
    found = locate(text, named_by, written=True)
    if isinstance(found, Path):
        return found
    raise InputError(f"{named_by} {text}: has to be a folder on this machine", "name a path, and copy it afterwards")


def _opened(text: str, protocol: str, named_by: str) -> UPath:
    import fsspec
    from upath import UPath

    try:
        fsspec.get_filesystem_class(protocol)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a protocol has no class of its own
            place = UPath(text).resolve()
            _ = place.fs
    except ImportError as e:
        if extra := EXTRAS.get(protocol):
            hint = f'pip install "scanstage[{extra}]"'
        elif package := PACKAGES.get(protocol):
            hint = f"pip install {package}"
        else:
            hint = str(e)
        raise InputError(f"{named_by} {text}: the package for {protocol}:// is not installed", hint) from None
    except ValueError as e:
        known = "s3://, gs://, abfs://, sftp://, … are known, where their package is installed"
        raise InputError(f"{named_by} {text}: {e}", known) from None
    except Exception as e:  # whatever a client library raises: some connect at once
        raise InputError(f"{named_by} {text}: can't be opened ({e})", _reached(protocol)) from None
    return place


def probe(folder: UPath) -> None:
    """Write a small file and delete it: the store is there and takes what will be made.

    Raises InputError: no such bucket, no credentials, no network, read only.
    """
    target = folder / PROBE
    try:
        make_folder(folder)
        put(target, b"scanstage\n")
    except OSError as e:
        raise unusable(folder, e) from None
    try:
        remove_file(target)
    except OSError:
        return  # a store from which nothing may be deleted takes a dataset all the same


def unusable(folder: UPath, error: OSError) -> InputError:
    """What to say where a store refuses its first requests."""
    text = error.strerror or str(error)
    protocol = folder.protocol
    name = {"s3a": "s3", "gcs": "gs", "abfs": "az", "abfss": "az"}.get(protocol, protocol)
    if error.errno == errno.ENOENT:
        hint = "make the bucket first, or correct its name"
    elif error.errno in (errno.EACCES, errno.EPERM) or "credential" in text.lower():
        hint = CREDENTIALS.get(name, "give the store's client library credentials") + ", with access to this place"
    else:
        hint = _reached(name)
    return InputError(f"{folder}: can't be used ({text})", hint)


def _reached(protocol: str) -> str:
    text = "check the URL and the network"
    return f"{text}; a store other than Amazon's is named with AWS_ENDPOINT_URL" if protocol == "s3" else text
