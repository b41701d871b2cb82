"""The models hold, and each of their broken variants does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.models.play import HERE, RUNS, Run, lacking, play

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(900)  # processor time is little; on a busy machine it takes long
@pytest.mark.skipif(bool(lacking()), reason=lacking() or "nothing lacks")
@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_a_model_holds_and_a_broken_one_does_not(run: Run, tmp_path: Path) -> None:
    played = play(run, tmp_path)
    assert played.good, f"{run.about}: {played.found or 'nothing was found'}"


def test_each_broken_variant_of_a_model_is_played() -> None:
    for path in sorted(HERE.glob("*.pml")):
        there = set(re.findall(r"BROKEN == (\d+)", path.read_text("utf-8")))
        played = {
            each.partition("=")[2]
            for run in RUNS
            if run.model == path.stem
            for each in run.defines
            if each.startswith("BROKEN=")
        }
        assert there == played, path.name


def test_what_a_model_says_that_it_models_is_there() -> None:
    named = re.compile(r"((?:src/tieline/)?(?:core|node)/\w+\.py) \(([^)]*)\)")
    for path in sorted(HERE.glob("*.pml")):
        head = path.read_text("utf-8").partition("*/")[0].replace("\n * ", " ")
        found = named.findall(head)
        assert found, path.name
        for file, names in found:
            text = (ROOT / "src/tieline" / file.removeprefix("src/tieline/")).read_text("utf-8")
            for name in re.findall(r"\w+", names):
                assert re.search(rf"\b(def|class) {name}\b", text), f"{path.name}: {file} {name}"
