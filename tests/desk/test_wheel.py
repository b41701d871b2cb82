"""An installed package: the packs and the engine's words come with it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sysconfig
import venv
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from tieline.node import packs

ROOT = Path(__file__).parents[2]
NEEDED = 77  # [build-system] in pyproject.toml


def can_build() -> bool:
    try:
        new_enough = int(version("setuptools").split(".")[0]) >= NEEDED
    except PackageNotFoundError:
        return False
    return new_enough and importlib.util.find_spec("ensurepip") is not None


def run(*command: str | Path, cwd: Path) -> str:
    """Run it without this checkout on the path; its output."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(not can_build(), reason=f"needs ensurepip, and setuptools {NEEDED} or later")
@pytest.mark.timeout(300)
def test_a_wheel_in_a_fresh_environment_has_the_packs_and_the_words(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "src", "packs"):
        run("cp", "-a", ROOT / name, source, cwd=tmp_path)  # a build writes into its source
    fresh = tmp_path / "fresh"
    venv.create(fresh, with_pip=True)
    python = fresh / "bin" / "python"
    pip = (python, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "uninstall", "--yes", "setuptools", cwd=tmp_path)  # of an older Python: too old
    # The dependencies are those of this environment; tieline itself must be the fresh one.
    (there,) = fresh.glob("lib/python*/site-packages")
    (there / "dependencies.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    alone = ("--no-deps", "--no-index")
    out = ("--no-build-isolation", "--wheel-dir", tmp_path)
    run(*pip, "wheel", *alone, *out, source, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    run(*pip, "install", *alone, "--ignore-installed", wheel, cwd=tmp_path)
    tieline = fresh / "bin" / "tieline"
    listed = json.loads(run(tieline, "pack", "list", "--json", cwd=tmp_path))
    assert [row["id"] for row in listed["packs"]] == packs.shipped() != []
    assert {row["hash"] for row in listed["packs"]} == {
        packs.find(name).hash.hex() for name in packs.shipped()
    }
    told = "from tieline.node import packs; print(packs.SHIPPED, *sorted(packs.engine_words()))"
    where, *languages = run(python, "-c", told, cwd=tmp_path).split()
    assert Path(where).is_relative_to(there)
    assert languages == sorted(packs.engine_words()) != []
    said = "from tieline.desk.words import LANGUAGES, Words; print(Words(LANGUAGES[-1]).direction)"
    assert run(python, "-c", said, cwd=tmp_path).split() == ["rtl"]
