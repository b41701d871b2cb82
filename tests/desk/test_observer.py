"""Three real stations, by their command lines: DELTA observes, first honestly and then not.

The dishonest one is the same program with its one check taken out: what it signs is well formed,
and ALPHA and BRAVO keep it, mark it, and heed none of it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from tests.desk.desks import Desk, environment, one_object
from tests.desk.fours import Four
from tests.desk.test_incidents import OWN, released, rows, shown

from tieline.node.view import Json

CODES = ("ALPHA", "BRAVO", "DELTA")
# The station of an observer that says what its officer types.
HOSTILE = (
    "from tieline.core import speech\n"
    "speech._check_voice = lambda line: None\n"
    "from tieline.desk.cli import main\n"
    "main(['serve'])\n"
)
FIRST = ("--sure", "partly", "--own-forces", "unknown", "--next", "now+30m")


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Desk, Desk]]:
    made = Four(tmp_path_factory.mktemp("observer"))
    try:
        for code in CODES:
            made.init(code)
        for code in CODES:
            made.introduce(code, *(other for other in CODES if other != code))
        told = made["ALPHA"].ok(
            "charter", "new", "north", "--four-eyes", "none", "--observer", "delta",
            "--pack", "crisis", "--pack", "incident", "--sign", "--yes",
        )  # fmt: skip
        assert "party DELTA: OBSERVER, reads all and is not heard" in told
        made.sign("north.charter", *CODES)
        made.hand("north.charter", "DELTA", "ALPHA", "BRAVO")
        for code in CODES:
            assert "OBSERVER" in made[code].ok("charter", "show", "north.charter")
            made[code].ok("charter", "install", "north.charter")
            made[code].serve()
        yield made["ALPHA"], made["BRAVO"], made["DELTA"]
    finally:
        for desk in made.desks.values():
            desk.kill()


def say(who: Desk, others: tuple[Desk, ...], *command: str) -> str:
    """Say something; its digest, once all have it."""
    said = one_object(who.ok("--json", *command))
    for other in others:
        released(who, other, said)
    return str(said["item"])


def unlike(views: list[dict[str, Json]]) -> set[str]:
    """What three desks show otherwise, but for what goes by the receipts that each of them holds.

    A third desk may be told of a later receipt only: when a party had something is later there, and
    so is what is due from then.
    """
    one, *others = views
    return {
        name for other in others for name in one.keys() - OWN
        if bare(one[name]) != bare(other[name])
    }  # fmt: skip


def bare(view: Json) -> Json:
    if isinstance(view, dict):
        kept = view.keys() - OWN - {"arrived_ms", "due"}
        return {name: bare(view[name]) for name in kept}
    return [bare(each) for each in view] if isinstance(view, list) else view


def log_of(desk: Desk) -> list[dict[str, Json]]:
    return rows(desk.call("log"), "items")


def item(desk: Desk, digest: str) -> dict[str, Json]:
    return desk.call("item", item=digest)


def part(view: dict[str, Json], *names: str) -> dict[str, Json]:
    found: Json = view
    for name in names:
        assert isinstance(found, dict)
        found = found[name]
    assert isinstance(found, dict)
    return found


def test_an_observer_reads_all_is_asked_nothing_and_says_nothing(
    line: tuple[Desk, Desk, Desk],
) -> None:
    alpha, bravo, delta = line
    opened = say(alpha, (bravo, delta), "incident", "open", *FIRST, "--name", "North field")
    asked = say(alpha, (bravo, delta), "incident", "ask", "North field", "--of", "bravo", "--by",
                "now+1h", "--about", "what", "What flew?")  # fmt: skip
    say(bravo, (alpha, delta), "incident", "account", "North field", "--count", "2")
    # It sees the incident as the others do, with nothing owed by it or to it.
    views = [shown(desk, "North field") for desk in line]
    until = time.monotonic() + 120
    # Each desk's own log begins with an opening, which a loaded machine may bring late.
    while time.monotonic() < until and unlike(views):
        views = [shown(desk, "North field") for desk in line]
    assert not unlike(views)
    assert views[2]["parties"] == ["ALPHA", "BRAVO"]
    owed = rows(delta.call("obligations"), "obligations")
    assert owed
    assert not [one for one in owed if "DELTA" in f"{one['debtor']} {one['creditors']}"]
    # Its receipt is shown at the author's, and it is no addressee.
    alpha.until(
        lambda event: event.get("type") == "receipt" and str(event["station"]).startswith("DELTA")
    )
    seen = item(alpha, opened)
    assert (seen["to"], seen["observers"]) == ([], ["DELTA"])
    assert "received" in part(seen, "ladder", "DELTA")
    assert "(observer: owes nothing)" in alpha.ok("log", opened[:12])
    assert "OBSERVER: our party reads this line" in delta.ok("status")
    for refused in (
        ("send", "we saw it too"),
        ("ack", asked[:12]),
        ("incident", "account", "North field", "--count", "3"),
        ("incident", "open", *FIRST),
        ("joint", "all firing stops"),
        ("suspend", "we leave"),
        ("test-line",),
    ):
        said = delta.run(*refused)
        assert (said.code, "is an observer on the line" in said.err) == (1, True), said
    assert alpha.run("send", "and you?", "--to", "DELTA").err.count(
        "DELTA is an observer: it reads"
    )
    assert {one["party"] for one in log_of(delta) if one["kind"] != "open"} == {"ALPHA", "BRAVO"}


def test_a_text_for_all_parties_is_signed_without_the_observer(
    line: tuple[Desk, Desk, Desk],
) -> None:
    alpha, bravo, delta = line
    text = say(alpha, (bravo, delta), "joint", "All firing stops at once.")
    signed = say(bravo, (alpha, delta), "joint", "sign", text[:12])
    say(alpha, (bravo, delta), "ack", signed[:12])
    for desk in line:
        found = item(desk, text)
        assert found["parties"] == ["ALPHA", "BRAVO"]
        assert part(found, "joint")["state"] == "binds"


def test_what_a_hostile_observer_signs_is_kept_and_heeded_by_nobody(
    line: tuple[Desk, Desk, Desk],
) -> None:
    alpha, bravo, delta = line
    before = rows(alpha.call("obligations"), "obligations")
    listed = rows(alpha.call("incidents", all=True), "incidents")
    asked = say(alpha, (bravo, delta), "send", "who has seen it?", "--precedence", "FLASH")
    text = say(alpha, (bravo, delta), "joint", "Observers are told.")
    delta.kill()
    delta.station = subprocess.Popen(
        [sys.executable, "-c", HOSTILE],
        env=environment(delta.home, None), cwd=delta.folder, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, encoding="utf-8",
    )  # fmt: skip
    assert delta.station.stdout is not None
    assert "listens on" in delta.station.stdout.readline()
    both = (alpha, bravo)
    said = [
        say(delta, both, "send", "we have seen it", "--precedence", "FLASH"),
        say(delta, both, "ack", asked[:12]),
        say(delta, both, "incident", "open", *FIRST, "--name", "South field"),
        say(delta, both, "incident", "account", "North field", "--count", "9"),
        say(delta, both, "suspend", "by order"),
    ]
    for desk in both:
        for digest in said:
            found = item(desk, digest)
            assert (found["heard"], "not heard" in str(found["flags"])) == (False, True)
        assert "[OBSERVER: NOT HEARD]" in desk.ok("log")
        assert not desk.ok("status").count("SUSPENDED")
        assert rows(desk.call("incidents", all=True), "incidents") == listed
        (incident,) = [shown(desk, "North field")]
        assert incident["parties"] == ["ALPHA", "BRAVO"]
        assert not {str(one["item"]) for one in rows(incident, "messages")} & set(said)
        rung = desk.until(lambda event: event.get("code") == "observer.spoke")
        assert (rung["party"], rung["precedence"]) == ("DELTA", "PRIORITY")
        assert part(item(desk, text), "joint")["state"] == "signed by some"
    assert "acknowledged" not in part(item(alpha, asked), "ladder", "DELTA")
    assert [one["id"] for one in rows(alpha.call("obligations"), "obligations")] == [
        one["id"] for one in before
    ]
    # What an outsider reads of it says the same.
    alpha.ok("evidence", "--out", "north.html")
    told = alpha.ok("verify", "north.html")
    assert "OBSERVER: statement" in told
