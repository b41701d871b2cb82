"""How ./dev finds a Python, and sees that an environment is no longer of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import environment  # noqa: E402


def dev(tmp: Path, path: str, *, own: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
    """A copy of ./dev, with nothing else, asked for a verb that needs an environment.

    Not ``own``: on a system that has no Python of its own.
    """
    for name in ("dev", "pyproject.toml", "requirements"):
        part = ROOT / name
        if part.is_dir():
            shutil.copytree(part, tmp / name)
        else:
            shutil.copy(part, tmp / name)
    if not own:
        script = (tmp / "dev").read_text(encoding="utf-8")
        assert "/usr/bin/python3" in script
        (tmp / "dev").write_text(script.replace("/usr/bin/python3", "/nowhere/python3"), "utf-8")
    return subprocess.run(
        ["./dev", "demo", "--list"],
        cwd=tmp,
        env={"PATH": path} | more,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_who_names_a_python_gets_no_other(tmp_path: Path) -> None:
    told = dev(tmp_path, os.environ["PATH"], PYTHON="/nowhere/python3")
    assert told.returncode == 2
    assert "PYTHON=/nowhere/python3 is not there" in told.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("sh", "dirname", "cat", "sed", "cksum"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / "bin" / name).symlink_to(found)
    old = tmp_path / "bin" / "python3"
    old.write_text("#!/bin/sh\n[ $1 = -V ] || exit 1\necho Python 3.9.2\n")
    old.chmod(0o755)
    told = dev(tmp_path, str(tmp_path / "bin"), own=False)
    assert told.returncode == 2
    assert "(python3 is Python 3.9.2)" in told.stderr
    assert "apt-get install python3" in told.stderr


@pytest.fixture(name="made")
def _made(tmp_path: Path) -> Path:
    made = tmp_path / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(made)], check=True)
    return made


def test_an_environment_of_this_python_works(made: Path) -> None:
    assert environment.works(made / "bin" / "python")


def test_one_that_was_filled_for_another_version_does_not(made: Path) -> None:
    # As after an upgrade of the distribution: the link leads to a Python that looks elsewhere.
    (lib,) = (made / "lib").glob("python3*")
    lib.rename(made / "lib" / "python3.2")
    assert not environment.works(made / "bin" / "python")


def test_one_whose_python_is_gone_does_not(made: Path) -> None:
    python = made / "bin" / "python"
    python.unlink()
    python.symlink_to(made / "gone")
    assert not environment.works(python)


def test_whole_sees_the_same_in_the_shell(made: Path) -> None:
    body = (ROOT / "dev").read_text(encoding="utf-8")
    whole = "whole() {" + body.split("\nwhole() {", 1)[1].split("\n}\n", 1)[0] + "\n}\n"
    (made / "bin" / "python").unlink()
    real = made.parent / f"python3.{sys.version_info[1]}"
    shutil.copy("/bin/true", real)
    (made / "bin" / "python").symlink_to(real)

    def says(**more: str) -> int:
        return subprocess.run(
            ["sh", "-euc", whole + "whole"],
            cwd=made.parent,
            env={"PATH": os.environ["PATH"]} | more,
            check=False,
        ).returncode

    assert says() == 0
    assert says(PYTHON=str(real)) == 0
    assert says(PYTHON="/bin/false") != 0
    (lib,) = (made / "lib").glob("python3*")
    lib.rename(made / "lib" / "python3.2")
    assert says() != 0
