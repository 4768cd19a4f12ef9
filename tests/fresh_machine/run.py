"""The README's two commands on a machine that has nothing but what the README names.

    sudo python tests/fresh_machine/run.py [--wheels DIR] [--keep]

Makes a bare Debian 12 (``debootstrap --variant=minbase``), installs the packages of the README's ``apt-get`` line, and
in it, as a user without a name, a home or a language (``LC_ALL=C``), runs the README's command in a copy of the last
commit and a fresh virtual environment; then ``scanstage check``. Prints a transcript with times. Ends with 0 where all
pictures are there and right, with 1 where not, and with 77 where it can't be tried: it needs root (mounts, chroot),
Linux, and Debian's package debootstrap.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
USER = 12345  # in no passwd file
PICTURES = 24
CANNOT_TRY = 77
HOST_TOOLS = ("debootstrap", "chroot", "unshare", "mount", "git")
COMPILERS = ("cc", "gcc", "g++", "c++", "clang")


def main() -> int:
    """Parse, try, clean up."""
    parser = argparse.ArgumentParser(description="The README's two commands on a bare Debian.")
    parser.add_argument(
        "--wheels", type=Path, help="folder with all wheels needed, which pip takes instead of an index"
    )
    parser.add_argument("--keep", action="store_true", help="leave the root file system where it is")
    arguments = parser.parse_args()
    if why := cannot_try():
        print(f"skipped: {why}")
        return CANNOT_TRY
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    folder = Path(tempfile.mkdtemp(prefix="fresh-machine-"))
    folder.chmod(0o755)
    try:
        return try_readme(folder / "root", arguments.wheels)
    except subprocess.CalledProcessError as e:
        print(f"FAILED with exit code {e.returncode}")
        return 1
    finally:
        # All mounts were made in a namespace of their own, which is gone: nothing of this machine is below the folder.
        if arguments.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def cannot_try() -> str | None:
    """Why this machine can't make another one."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "needs root on Linux"
    if missing := [tool for tool in HOST_TOOLS if not shutil.which(tool)]:
        return f"needs {', '.join(missing)} (apt-get install debootstrap git util-linux)"
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True).returncode:
        return "needs the right to mount (in Docker: --privileged)"
    return None


def try_readme(root: Path, wheels: Path | None) -> int:
    """Make the root file system and do what the README says. Raises CalledProcessError where a command fails."""
    packages, command = readme_lines()
    step("a bare Debian", ["debootstrap", "--variant=minbase", SUITE, str(root), mirror()], quiet=True)
    for name in ("resolv.conf", "hosts"):
        shutil.copy(f"/etc/{name}", root / "etc" / name)
    step("what the README names", inside(root, f"apt-get update -qq && apt-get install -y -qq {packages}"), quiet=True)
    if found := [c for c in COMPILERS if any((root / d / c).exists() for d in ("usr/bin", "usr/local/bin"))]:
        print(f"FAILED: the machine isn't bare, it has {', '.join(found)}")
        return 1
    clone(root / "checkout")
    binds, variables = pip_settings(root)
    if wheels:
        binds.append((wheels.resolve(), "/wheels"))
        variables |= {"PIP_FIND_LINKS": "/wheels", "PIP_NO_INDEX": "1"}
    session = [
        *("set -e", "cd /checkout", "python3 -m venv .venv", ". .venv/bin/activate", "set -x"),
        f"id; {command} || exit 1",
        "scanstage check output/quickstart",
    ]
    step("the README's command", inside(root, "\n".join(session), binds, variables, USER))
    pictures = len(list((root / "checkout/output/quickstart/images").glob("*.jpg")))
    print(f"{pictures} pictures of {PICTURES}")
    return 0 if pictures == PICTURES else 1


def readme_lines() -> tuple[str, str]:
    """The packages to install, and the command that installs and runs the main job, as the README has them."""
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    packages = re.search(r"^    sudo apt-get install -y (.+)$", text, re.MULTILINE)
    command = re.search(r"^    (pip install -e \. && scanstage generate .+)$", text, re.MULTILINE)
    assert packages, "the README has no apt-get line"
    assert command, "the README has no line that installs and generates"
    return packages[1], command[1]


def mirror() -> str:
    """Where this machine gets the suite from, if it does."""
    known = ["apt-get", "indextargets", "--format", "$(REPO_URI)", f"Codename: {SUITE}"]
    listed = subprocess.run(known, capture_output=True, text=True).stdout.split() if shutil.which("apt-get") else []
    return next((uri.rstrip("/") for uri in listed if uri.startswith("http")), MIRROR)


def clone(target: Path) -> None:
    """The last commit, or what lies here where there is no history, owned by the user."""
    target.mkdir()
    git = ["git", "-c", f"safe.directory={CHECKOUT}", "-C", str(CHECKOUT)]
    if subprocess.run([*git, "rev-parse", "--verify", "-q", "HEAD"], capture_output=True).returncode == 0:
        pack = [*git, "archive", "HEAD"]
    else:
        pack = ["tar", "-c", "-C", str(CHECKOUT), "--exclude=./output", "--exclude=./.[!.]*", "."]
    packed = subprocess.Popen(pack, stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", str(target)], stdin=packed.stdout, check=True)
    if packed.wait():
        raise subprocess.CalledProcessError(packed.returncode, pack[0])
    subprocess.run(["chown", "-R", f"{USER}:{USER}", str(target)], check=True)


def pip_settings(root: Path) -> tuple[list[tuple[Path, str]], dict[str, str]]:
    """How pip reaches its index from here: put into the root's pip.conf; what to mount, and variables to set.

    Whatever file or folder a setting names is mounted at the same place, read-only; of an index in a folder the folder
    around it, where its files may be.
    """
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True).stdout
    lines = ["[global]"]
    values = [v for k, v in os.environ.items() if k.startswith("PIP_")]
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.partition(".")
        if section in ("global", "download", "install"):
            values.append(str(ast.literal_eval(value)))
            lines.append(f"{key} = {values[-1]}".replace("\n", "\n    "))
    (root / "etc/pip.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
    words = [word for value in values for word in value.split()]
    paths = {Path(w.removeprefix("file://")).parent if w.startswith("file://") else Path(w) for w in words}
    binds = [(path, str(path)) for path in sorted(paths) if path.is_absolute() and path.exists()]
    kept = {k: v for k, v in os.environ.items() if k.startswith("PIP_") or k.lower().endswith("_proxy")}
    return binds, kept


def inside(
    root: Path,
    command: str,
    binds: list[tuple[Path, str]] | None = None,
    variables: dict[str, str] | None = None,
    user: int = 0,
) -> list[str]:
    """A shell command in the root, with mounts and processes in namespaces of their own: they end with it."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    environment |= {k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")} | (variables or {})
    pairs = [f"{k}={v}" for k, v in environment.items()]
    shell = ["/bin/sh", "-ec", command]
    enter = ["env", "-i", *pairs, "chroot", f"--userspec={user}:{user}", "--groups=", str(root), *shell]
    script = [*mounts(root, binds or []), f"exec {shlex.join(enter)}"]
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", "\n".join(script)]


def mounts(root: Path, binds: list[tuple[Path, str]]) -> Iterator[str]:
    """Shell commands: a machine's /proc and /dev/shm, a few devices, and what is to be seen of the host."""
    yield f"mount -t proc proc {shlex.quote(str(root / 'proc'))}"
    yield f"mkdir -p {shlex.quote(str(root / 'dev/shm'))}"
    yield f"mount -t tmpfs -o mode=1777 tmpfs {shlex.quote(str(root / 'dev/shm'))}"
    devices = [(Path("/dev") / name, f"/dev/{name}") for name in ("null", "zero", "full", "random", "urandom")]
    for source, target in [*devices, *binds]:
        at, folder = shlex.quote(f"{root}{target}"), shlex.quote(str(Path(f"{root}{target}").parent))
        yield f"mkdir -p {folder}; " + (f"mkdir -p {at}" if source.is_dir() else f"[ -e {at} ] || : > {at}")
        yield f"mount --bind {shlex.quote(str(source))} {at}"
    for _, target in binds:
        yield f"mount -o remount,bind,ro {shlex.quote(f'{root}{target}')}"


def step(name: str, command: list[str], quiet: bool = False) -> None:
    """Run it, and say how long it took; a quiet one's output is shown only where it fails."""
    print(f"== {name}", flush=True)
    start = time.monotonic()
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if quiet and done.returncode:
        print(done.stdout)
    done.check_returncode()
    print(f"   {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
