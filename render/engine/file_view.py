"""Run a command that sees few files: ``file_view.py READ WRITE COMMAND…``, for programs that read untrusted files.

Linux does it for any user from 5.13 on (Landlock, https://docs.kernel.org/userspace-api/landlock.html): the command may
read the system, its own interpreter and the folders READ, write the folders WRITE, and make no connections; so a file
that it is made to open elsewhere can't be opened. Where the kernel can't do it, the command simply runs.

It needs nothing but the standard library, as it runs in a process of its own: what is given up can't be had back.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

READABLE = "SCANSTAGE_IMPORT_READS"
"""Environment variable with more folders that may be read, for installations in unusual places."""
_SYSTEM = (
    *("/bin", "/dev", "/etc", "/gnu", "/lib", "/lib32", "/lib64", "/nix", "/opt", "/proc", "/sbin", "/snap", "/sys"),
    *("/usr", "/run/current-system", "/run/opengl-driver"),
)
_CREATE, _ADD, _RESTRICT = 444, 445, 446  # of Linux's calls, the same on all processors
_BENEATH, _ASK_VERSION, _NO_NEW_PRIVILEGES = 1, 1, 38
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_ALL_OF_FIRST = (1 << 13) - 1
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_CONNECTIONS = 0b11  # to bind, and to connect


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def limited(command: list[str], read: Iterable[Path], write: Iterable[Path]) -> list[str]:
    """The command that runs ``command`` with a limited view.

    Args:
        command: its first word is the program's absolute path.
        read: folders that it may read besides the system and its own program's.
        write: folders in which it may do anything.
    """
    if not sys.platform.startswith("linux"):
        return command
    lists = (os.pathsep.join(map(str, paths)) for paths in (read, write))
    return [sys.executable, str(Path(__file__).absolute()), *lists, *command]


def available() -> int:
    """The version of what this kernel can do to limit what a process sees; 0 where it can't, or isn't Linux."""
    return max(0, _version(ctypes.CDLL(None))) if sys.platform.startswith("linux") else 0


def limit(read: Iterable[str], write: Iterable[str]) -> bool:
    """Limit this process, and all that it starts, for ever; whether the kernel can. Raises OSError where it fails."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = _version(libc)
    if version < 1:
        return False
    files = _ALL_OF_FIRST | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    rules = _Ruleset(files, _CONNECTIONS if version >= 4 else 0)
    size = ctypes.sizeof(rules) if version >= 4 else 8
    ruleset = _checked(libc.syscall(_CREATE, ctypes.byref(rules), ctypes.c_size_t(size), 0))
    for paths, allowed in ((read, _READ), (("/dev",), _READ | _WRITE_FILE), (write, files)):
        for path in paths:
            _allow(libc, ruleset, path, allowed & files)
    _checked(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _checked(libc.syscall(_RESTRICT, ruleset, 0))
    return True


def _version(libc: ctypes.CDLL) -> int:
    return int(libc.syscall(_CREATE, None, ctypes.c_size_t(0), _ASK_VERSION))


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, allowed: int) -> None:
    try:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return  # what isn't there needs no leave
    try:
        if not stat.S_ISDIR(os.fstat(folder).st_mode):
            allowed &= _ON_FILES
        rule = _Beneath(allowed, folder)
        _checked(libc.syscall(_ADD, ruleset, _BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(folder)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _own_places(program: str) -> set[str]:
    """Where this interpreter, its packages and libraries are, and the program's folder."""
    places = {sys.prefix, sys.base_prefix, *(p for p in sys.path if p), str(Path(program).resolve().parent)}
    places |= {p for name in ("LD_LIBRARY_PATH", READABLE) for p in os.environ.get(name, "").split(os.pathsep) if p}
    with contextlib.suppress(ImportError, ValueError):
        spec = importlib.util.find_spec("bpy")  # some installers link packages to a store
        places |= {str(Path(p).resolve().parent) for p in (spec and spec.submodule_search_locations) or ()}
    with contextlib.suppress(OSError):
        mapped = (line.split(None, 5)[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "/" in line)
        places |= {str(Path(file).parent) for file in mapped if file.startswith("/")}
    return places - {"/"} | ({"/"} & {os.environ.get(READABLE, "")})


def main() -> None:
    """Limit the view and become the command."""
    read, write, *command = sys.argv[1:]
    limit(
        (*_SYSTEM, *_own_places(command[0]), *read.split(os.pathsep)),
        [folder for folder in write.split(os.pathsep) if folder],
    )
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
