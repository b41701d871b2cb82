"""An exercise that ends with a signature goes on until its officers have read it."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
from rich.console import Console
from tests.exercise.plays import SMALL

from tieline.exercise.runner import Options, run
from tieline.exercise.script import read

pytestmark = pytest.mark.timeout(600)  # two real stations


def test_a_text_that_is_signed_in_the_last_minute_binds_at_every_desk(tmp_path: Path) -> None:
    # The last signature comes a minute before the end; ALPHA's officers read it after the end.
    scenario = read(SMALL.replace('"H+2"', '"H+1:11"').encode(), "short.toml")
    console = Console(file=io.StringIO(), width=100)
    summary = asyncio.run(run(scenario, console, Options(keep=tmp_path / "homes")))
    assert summary.promises_broken == ()
    assert (summary.joint_signed, summary.joint_bound) == (1, 1)
