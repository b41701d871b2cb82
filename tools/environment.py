"""Make or renew .venv from the lock files: the part of ./dev that is easier said in Python.

Called as ``python tools/environment.py LEVEL STAMP`` by the Python that is to be used, with nothing
installed. LEVEL is ``runtime`` or ``dev``; STAMP is written to ``.venv/.tieline-LEVEL`` at the end,
so that an interrupted install is done again.

Rules: only what the lock files name, with their hashes; the project itself is installed in place,
without dependencies and without a build environment of its own. The pip of the Python at hand fills
the environment, which then needs none, and is made 4 s sooner; where there is none, or one that
cannot do that, the environment brings its own (ensurepip); where Debian and Ubuntu have taken that
apart too (python3-venv), apt is asked for one of both, if it may be.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LEVELS = ("runtime", "dev")


class CannotMakeError(Exception):
    """The environment cannot be made; the text says what to do."""


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(f"./dev: {text}", file=sys.stderr, flush=True)


def run(command: Sequence[str], *, quiet: bool = False) -> bool:
    """Run a command; False when it fails. Quiet ones are tried for their outcome only."""
    sink = subprocess.DEVNULL if quiet else None
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, check=False
    )
    return done.returncode == 0


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Hold off another process that wants the same, by a lock on a folder of the repository.

    ``requirements`` stands for the environment, ``tools`` for apt-get, which ./dev locks as well.
    """
    folder = os.open(ROOT / name, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def root_by() -> list[str] | None:
    """What stands before apt-get to install without asking anybody, or that it cannot be done."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None or not run(["sudo", "-n", "true"], quiet=True):
        return None
    return ["sudo", "-n"]


def apt(prefix: Sequence[str], package: str) -> bool:
    """Install a system package; False when apt-get cannot."""
    say(f"installing {package}")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    install = [*prefix, "apt-get", "install", "-y", "--no-install-recommends", package]
    with alone("tools"):  # ./dev test installs packages meanwhile
        if run(install, quiet=True):
            return True
        run([*prefix, "apt-get", "update"], quiet=True)
        return run(install, quiet=True)


def works(python: Path) -> bool:
    """Whether the environment's Python starts, is this Python, and sees what is installed there."""
    asked = (
        "import os, sys, sysconfig;"
        "print(*sys.version_info[:2], sys.base_prefix);"
        "sys.exit(not os.path.isdir(sysconfig.get_path('purelib')))"
    )
    try:
        done = subprocess.run(
            [str(python), "-c", asked], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    return done.stdout.strip() == f"{sys.version_info[0]} {sys.version_info[1]} {sys.base_prefix}"


def pip_for(python: Path) -> list[str] | None:
    """The command that installs into the environment, if there is one."""
    if run([str(python), "-m", "pip", "--version"], quiet=True):
        return [str(python), "-m", "pip"]
    if run([sys.executable, "-m", "pip", "--python", str(python), "--version"], quiet=True):
        return [sys.executable, "-m", "pip", "--python", str(python)]
    return None


def tried(python: Path) -> list[str] | None:
    """Make .venv, and return the pip command that fills it; ``None`` and no .venv without one."""
    shutil.rmtree(VENV, ignore_errors=True)
    if run([sys.executable, "-m", "venv", "--without-pip", str(VENV)], quiet=True):
        pip = pip_for(python)
        if pip is not None:
            return pip
    shutil.rmtree(VENV, ignore_errors=True)
    if run([sys.executable, "-m", "venv", str(VENV)], quiet=True):
        return [str(python), "-m", "pip"]
    shutil.rmtree(VENV, ignore_errors=True)
    return None


def make() -> list[str]:
    """Make sure that .venv is there, and return the pip command that fills it."""
    python = VENV / "bin" / "python"
    if works(python):
        pip = pip_for(python)
        if pip is not None:
            return pip
    say("making .venv")
    pip = tried(python)
    if pip is not None:
        return pip
    prefix = root_by()
    if prefix is None:
        why = "apt-get may not be used from here"
    elif apt(prefix, "python3-venv") or apt(prefix, "python3-pip"):
        pip = tried(python)
        if pip is not None:
            return pip
        why = "the packages python3-venv and python3-pip are for another Python"
    else:
        why = "apt-get could not install python3-venv (by hand it says why)"
    raise CannotMakeError(
        f"{sys.executable} comes without venv and pip, and {why}. Have them installed, on Debian"
        " and Ubuntu as root by: apt-get install python3-venv. Then run this again. Or name another"
        " Python with PYTHON=/path/to/python."
    )


def fill(pip: list[str], level: str) -> None:
    """Install what the lock files name, and the project itself in place."""
    say(f"installing requirements/{level}.txt")
    # Python compiles what it loads when it loads it, which is a small part of what is installed.
    quiet = ["-qq", "--disable-pip-version-check", "--no-input", "--no-compile"]
    locks = ["-r", "requirements/build.txt", "-r", f"requirements/{level}.txt"]
    if not run(
        [*pip, "install", *quiet, "--no-deps", "--require-hashes", "--only-binary", ":all:", *locks]
    ):
        raise CannotMakeError(
            f"the packages of requirements/{level}.txt could not be installed; pip's own words"
            " are above. Check that this machine reaches a package index, and run it again."
        )
    itself = ["--no-deps", "--no-index", "--no-build-isolation", "-e", "."]
    if not run([*pip, "install", *quiet, *itself]):
        raise CannotMakeError(
            "Tieline itself could not be installed in place; pip's own words are above."
        )


def main(arguments: Sequence[str]) -> int:
    """Make or renew the environment. 0 when it is as the locks say, 2 when it cannot be."""
    if len(arguments) != 2 or arguments[0] not in LEVELS:
        say("tools/environment.py is called by ./dev with a level and a stamp.")
        return 2
    level, stamp = arguments
    try:
        with alone("requirements"):
            mark = VENV / f".tieline-{level}"
            if mark.exists() and mark.read_text().strip() == stamp and works(VENV / "bin/python"):
                return 0
            pip = make()
            fill(pip, level)
            for name in LEVELS[: LEVELS.index(level) + 1]:  # dev holds all that runtime needs
                (VENV / f".tieline-{name}").write_text(stamp + "\n")
    except CannotMakeError as error:
        say(str(error))
        return 2
    except OSError as error:
        say(f"{error.filename or VENV}: {error.strerror}; the environment was not made.")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
