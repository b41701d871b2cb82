"""Yesterday's backup is restored and started: no second story, and nothing of it stays lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.desk import desks
from tests.desk.desks import Desk, one_object

BEFORE, LOST = 3, 4


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Desk, Desk]]:
    yield from desks.pair(tmp_path, real=False)


def put_back(alpha: Desk, bravo: Desk, tmp_path: Path) -> Path:
    """Traffic, a backup, more traffic; then ALPHA's machine is gone, and the backup restored."""
    for number in range(BEFORE):
        alpha.ok("send", f"before {number}")
        bravo.said(f"before {number}")
    out = tmp_path / "alpha.bak"
    alpha.ok("backup", "--out", str(out))
    for number in range(LOST):
        alpha.ok("send", f"since the backup {number}")
        bravo.said(f"since the backup {number}")
    alpha.kill()
    old = tmp_path / "gone"
    alpha.home.rename(old)
    told = alpha.ok("restore", str(out))
    assert "does not go on with its old logs" in told
    assert "comes back from them" in told
    return old


def is_clean(*stations: Desk) -> None:
    """No second story anywhere, every record verifies, and both are one."""
    roots = []
    for desk in stations:
        report = one_object(desk.ok("verify", "--json"))
        logs = report["logs"]
        assert isinstance(logs, list)
        assert report["ok"] is True
        found = [log for log in logs if isinstance(log, dict)]
        assert [log["second_stories"] for log in found] == [0] * len(logs)
        roots.append(
            {str(log["log"]): (str(log["station"]), log["size"], log["root"]) for log in found}
        )
        status = one_object(desk.ok("status", "--json"))
        assert isinstance(status["lines"], list)
        assert all(isinstance(line, dict) and not line["forked"] for line in status["lines"])
        codes = {event.get("code") for event in events(desk)}
        assert not codes & {"record.two_stories", "station.two_lives"}
    assert roots[0] == roots[1]
    logs_of = [station for station, _, _ in roots[0].values()]
    assert set(logs_of) == {"ALPHA/ops", "BRAVO/ops"}
    # One more for each start on which something had to be said before the other had answered.
    assert logs_of.count("ALPHA/ops") >= 2


def events(desk: Desk) -> list[dict[str, object]]:
    said = desk.ok("watch", "--since", "0", "--until-live", "--json")
    return [json.loads(line) for line in said.splitlines()]


def has_told(alpha: Desk) -> None:
    """The officer of the restored station was told."""
    assert any(event.get("code") == "station.new_life" for event in events(alpha))


def test_with_a_peer_in_reach(both: tuple[Desk, Desk], tmp_path: Path) -> None:
    alpha, bravo = both
    put_back(alpha, bravo, tmp_path)
    alpha.serve()
    for number in range(LOST):
        alpha.said(f"since the backup {number}")  # from BRAVO
    alpha.ok("send", "we are back")
    bravo.said("we are back")
    bravo.ok("send", "good to hear you")
    alpha.said("good to hear you")
    has_told(alpha)
    is_clean(alpha, bravo)


def test_with_nobody_in_reach(both: tuple[Desk, Desk], tmp_path: Path) -> None:
    alpha, bravo = both
    put_back(alpha, bravo, tmp_path)
    bravo.kill()
    alpha.serve()
    alpha.ok("send", "is anybody there?")  # at once, whoever is there
    has_told(alpha)
    bravo.serve()
    bravo.said("is anybody there?")
    for number in range(LOST):
        alpha.said(f"since the backup {number}")
    bravo.ok("send", "we are")
    alpha.said("we are")
    is_clean(alpha, bravo)
