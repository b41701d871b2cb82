"""The simulator on the real core: a few seeds, and the same run for the same seed anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tieline.sim.__main__ import main
from tieline.sim.plan import draw
from tieline.sim.world import World

HOURS = 0.7


@pytest.mark.parametrize("seed", range(14))
def test_all_invariants_hold(seed: int) -> None:
    outcome = World(draw(seed, HOURS)).run()
    assert not outcome.invariant, f"{outcome.text}\n" + "\n".join(outcome.trace[-20:])
    assert outcome.statements


def test_plans_are_drawn_from_their_seed_alone() -> None:
    assert draw(7, 1.0) == draw(7, 1.0)
    assert draw(7, 1.0) != draw(8, 1.0)


def test_a_seed_is_the_same_run_in_every_process() -> None:
    source = Path(__file__).resolve().parents[2] / "src"
    digests = []
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(source)}
        words = ["--seed", "3", "--hours", "0.5", "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "tieline.sim", *words],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        digests.append(json.loads(done.stdout)["digests"])
    assert digests[0] == digests[1]


def test_a_failure_is_told_and_replays(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--seeds", "3", "--hours", "0.3", "--workers", "1"]
    words += ["--mutant", "receipt-before-commit"]
    seen = []
    for _ in range(2):
        assert main(words) == 1
        seen.append(capsys.readouterr().out.rsplit("\n", 2)[0])
    assert seen[0] == seen[1]
    assert "invariant 1" in seen[0]
    assert "--mutant receipt-before-commit --trace" in seen[0]


def test_wrong_usage_ends_two(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--seeds", "0"])
    assert ended.value.code == 2
    assert "at least 1" in capsys.readouterr().err
