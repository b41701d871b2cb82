"""Each row goes red under its sabotage builds; that it holds, `./dev test` plays in full."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.faults import floor, webcrowd
from tests.faults.__main__ import (
    RED,
    ROOT,
    SKIPPED,
    Result,
    main,
    note_tests,
    red,
    table,
)
from tests.faults.catalogue import GROUPS, ROWS
from tests.faults.crowd import MANNERS
from tests.faults.sabotage import BUILDS

PLAYED = [name for name, row in ROWS.items() if row.play is not None]
BARE = [name for name in PLAYED if ROWS[name].stage is None]
# Their cases start processes: one build shows here that these rows bite.
SLOW = ("failed-call", "stolen-machine")
BROKEN = [
    (name, build) for name in BARE for build in ROWS[name].sabotage[: 1 if name in SLOW else None]
]
# A floor with a desk takes seconds: these share one, and `./dev faults --sabotaged` plays all of
# the builds of its rows.
SOME = [
    ("forged-form", "origin-unchecked"),
    ("rights-by-act", "everybody-may"),
    ("secret-typed", "form-noted"),
    ("forced-errors", "words-told"),
]


@pytest.fixture(scope="module")
def desk() -> Iterator[None]:
    with floor.stage():
        yield


def playable(name: str) -> None:
    """Skip with the row's own sentence where it cannot be played."""
    if why := ROWS[name].lacks():
        pytest.skip(why)


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(("name", "build"), SOME)
def test_a_row_of_the_desk_goes_red_under_its_sabotage(name: str, build: str) -> None:
    test_a_row_goes_red_under_its_sabotage(name, build)


@pytest.mark.parametrize(
    ("name", "build"), [("page-reader", "page-believes"), ("power-in-line", "power-receipt-first")]
)
def test_a_row_with_a_stage_of_its_own_goes_red(name: str, build: str) -> None:
    test_a_row_goes_red_under_its_sabotage(name, build)


@pytest.mark.usefixtures("desk")
def test_fifty_strangers_of_every_kind_hold_no_officer_up() -> None:
    webcrowd.crowded(len(MANNERS) - 1, 50, lasts_s=0)


@pytest.mark.parametrize(("name", "build"), BROKEN)
def test_a_row_goes_red_under_its_sabotage(name: str, build: str) -> None:
    playable(name)
    _, _, said = red((name, build))
    assert said.startswith(RED), f"{BUILDS[build].what}: {said}"


def test_every_played_row_has_a_sabotage_build() -> None:
    assert [name for name in PLAYED if not ROWS[name].sabotage] == []


@pytest.mark.parametrize("build", BUILDS)
def test_what_a_build_replaces_is_there(build: str) -> None:
    """What has moved is no longer broken by it: `--sabotaged` would end in the middle."""
    patches = BUILDS[build].patches
    assert [name for target, name, _ in patches if not hasattr(target, name)] == []


def test_a_row_that_is_not_met_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--row", "another-word", "--sabotage", "words-by-the-first"]
    assert main(words) == 1
    said = capsys.readouterr().out
    assert "MISSED" in said
    assert "see it again: ./dev faults --row another-word --seed" in said
    assert main([*words[:2], "--seed", "3"]) == 0
    assert "another-word" in capsys.readouterr().out


def test_a_test_that_its_own_mark_skips_is_named_and_not_missed() -> None:
    """As where a machine lacks something; one that fails, or did not run, is missed."""
    row = next(row for row in ROWS.values() if len(row.tests) > 2)
    results = {row.name: Result(row.name, row.promise)}
    skipped, failed, absent = row.tests[:3]
    found = [(skipped, 0.0, f"{SKIPPED}dear"), (failed, 0.0, "it fails")]
    found += [(each, 0.0, "") for each in row.tests if each not in (skipped, failed, absent)]
    note_tests(results, found)
    (result,) = results.values()
    assert result.skipped == [f"{skipped}: dear"]
    assert result.missed == [f"{failed}: it fails", f"the test {absent} did not run"]
    assert f"  not played: {skipped}: dear" in table(results)


def test_the_suite_plays_the_cases_of_every_group() -> None:
    text = (ROOT / "dev").read_text("utf-8")
    lists = re.findall(r'^stations="(.*)"$|^    work (rows-.*) &', text, re.MULTILINE)
    assert set(re.findall(r"\brows-(\w+)", str(lists))) == {*GROUPS, "others"}
    assert {name for rows in GROUPS.values() for name in rows} <= ROWS.keys()


def test_a_row_of_another_group_is_a_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--row", "another-word", "--cases", "desk"])
    assert ended.value.code == 2
    assert "not of 'desk'" in capsys.readouterr().err


def test_a_seed_without_a_row_is_a_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--seed", "1"])
    assert ended.value.code == 2
    assert "--row" in capsys.readouterr().err
