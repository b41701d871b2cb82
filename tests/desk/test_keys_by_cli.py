"""Keys change on a line of four real stations, one of them away; what the commands say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.desk.desks import Desk, copy, one_object, words
from tests.desk.fours import CODES, Four, four

from tieline.desk.cli import files

pytestmark = pytest.mark.timeout(600)  # four stations, and dozens of commands


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Four]:
    with four(tmp_path) as made:
        yield made


def version(desk: Desk) -> int:
    shown = desk.call("charter_show")["version"]
    assert isinstance(shown, int)
    return shown


def said_everywhere(line: Four, code: str, text: str, *hearers: str) -> None:
    line[code].ok("send", text)
    for hearer in hearers:
        line[hearer].said(text)


def rotated(line: Four) -> str:
    """ALPHA's station gets fresh keys, and every party signs the version that names them."""
    line["ALPHA"].ok("keys", "rotate", "--days", "365")
    made = line["ALPHA"].ok(
        "charter", "amend", str(line["ALPHA"].home / "charters" / first(line["ALPHA"])), "--card",
        str(line["ALPHA"].home / "card.tlcard"), "--out", "north-2.charter", "--sign", "--yes",
    )  # fmt: skip
    assert "log ends:" in made
    line.sign("north-2.charter", *CODES)
    return "north-2.charter"


def first(desk: Desk) -> str:
    return next(path.name for path in (desk.home / "charters").glob("*-1.charter"))


def test_a_station_rotates_its_keys_and_one_that_was_away_catches_up(line: Four) -> None:
    alpha, bravo, charlie, delta = (line[code] for code in CODES)
    said_everywhere(line, "ALPHA", "under the old keys", "BRAVO", "CHARLIE", "DELTA")
    old = int(alpha.said("under the old keys"))
    delta.kill()
    name = rotated(line)
    sets = one_object(alpha.ok("keys", "--json"))["sets"]
    assert isinstance(sets, list)
    assert [entry["lines"] for entry in sets if isinstance(entry, dict)] == [0, 1]
    line.hand(name, "DELTA", "BRAVO")
    bravo.ok("charter", "install", name)
    # What ALPHA said before it has the version would be late: its officer is told to say it again.
    alpha.until(lambda event: event.get("type") == "charter", since=old)
    said_everywhere(line, "ALPHA", "under the new keys", "BRAVO", "CHARLIE")
    assert version(alpha) == version(bravo) == version(charlie) == 2
    for desk in (bravo, charlie):
        desk.kill()

    delta.serve()  # it pins ALPHA's former certificate, and nobody else is there
    delta.said("under the new keys")
    assert version(delta) == 2
    said_everywhere(line, "DELTA", "and back", "ALPHA")
    for desk in (bravo, charlie):
        desk.serve()
        desk.said("and back")
    for desk in line.desks.values():
        assert one_object(desk.ok("verify", "--json"))["ok"] is True
        assert "under the old keys" in desk.ok("log")
        desk.kill()
        assert one_object(desk.ok("verify", "--json"))["ok"] is True
    assert "1 former sets" in alpha.ok("keys", "forget")
    assert len(sets) == 2
    alpha.serve()
    bravo.serve()
    said_everywhere(line, "ALPHA", "with one set of keys again", "BRAVO")


def test_a_party_that_is_taken_off_the_line_is_told_at_its_desk(line: Four) -> None:
    alpha, bravo, delta = (line[code] for code in ("ALPHA", "BRAVO", "DELTA"))
    said_everywhere(line, "DELTA", "the last of us", "ALPHA", "BRAVO")
    name = "north-2.charter"
    alpha.ok(
        "charter", "amend", str(alpha.home / "charters" / first(alpha)), "--remove", "DELTA",
        "--out", name, "--sign", "--yes",
    )  # fmt: skip
    line.sign(name, *CODES)
    line.hand(name, "DELTA", "ALPHA")
    alpha.ok("charter", "install", name)
    delta.until(lambda event: event.get("code") == "charter.removed", since=0)
    shown = delta.ok("status")
    assert "REMOVED: this charter does not name this station" in shown
    watched = delta.ok("watch", "--since", "0", "--until-live")
    assert "takes this station, and with it DELTA, off the line" in watched
    assert "does not name this station" in delta.run("send", "one more").err
    said_everywhere(line, "ALPHA", "without DELTA", "BRAVO")
    assert "the last of us" in bravo.ok("log")


def test_a_request_is_signed_where_the_root_is(tmp_path: Path) -> None:
    made = Four(tmp_path)
    made.init("ALPHA")
    made.init("BRAVO")
    alpha = made["ALPHA"]
    safe = tmp_path / "safe"
    safe.mkdir()
    for name in ("root.tlk", "key", "card.tlcard", "config.toml"):
        copy(alpha.home / name, safe / name)
        (safe / name).chmod(0o600)
    (alpha.home / "root.tlk").unlink()
    refused = alpha.run("keys", "rotate")
    assert refused.code == 1
    assert "--request FILE" in refused.err
    before = (alpha.home / "card.tlcard").read_bytes()
    alpha.ok("keys", "rotate", "--request", "first.req")
    alpha.ok("keys", "rotate", "--request", "alpha.req")  # the first is void
    alpha.ok("keys", "sign", "first.req", "--home", str(safe), "--out", "first.tlcard")
    late = alpha.run("keys", "accept", "first.tlcard", "--json")
    assert "keys.not_asked" in late.out
    copy(alpha.home / "card.tlcard", safe / "card.tlcard")
    alpha.ok("keys", "sign", "alpha.req", "--home", str(safe), "--out", "new.tlcard")
    assert (alpha.home / "card.tlcard").read_bytes() == before
    assert "has fresh keys" in alpha.ok("keys", "accept", "new.tlcard")
    assert (alpha.home / "card.tlcard").read_bytes() != before
    alpha.ok("keys", "accept", "new.tlcard")  # again changes nothing
    assert len(json.loads(alpha.ok("keys", "--json"))["sets"]) == 2
    # Another party's root, another station's request, a changed request.
    bravo = made["BRAVO"]
    copy(alpha.folder / "alpha.req", bravo.folder / "alpha.req")
    assert "request.stranger" in bravo.run("keys", "sign", "alpha.req", "--json").out
    text = (alpha.folder / "alpha.req").read_text("ascii")
    (alpha.folder / "bad.req").write_text(text.replace(text[400:404], text[404:408]), "ascii")
    assert alpha.run("keys", "sign", "bad.req", "--home", str(safe)).code == 1


def test_a_root_is_replaced_by_the_ceremony(line: Four) -> None:
    alpha, bravo, charlie, delta = (line[code] for code in CODES)
    said_everywhere(line, "ALPHA", "under the old root", "BRAVO", "CHARLIE", "DELTA")
    old = first(bravo)
    delta.kill()
    alpha.kill()  # its machine is lost, with the root
    fresh = line.desks["ALPHA"] = Desk(alpha.home.parent / "alpha2")
    fresh.real = False
    line.init("ALPHA")
    card = "alpha-new.tlcard"
    for desk in (bravo, charlie, delta):
        copy(fresh.home / "card.tlcard", desk.folder / card)
    amend = (
        "charter", "amend", str(bravo.home / "charters" / old), "--card", card, "--out",
        "north-2.charter", "--sign", "--yes", "--json",
    )  # fmt: skip
    assert "card.unverified" in bravo.run(*amend, "--reroot").out
    bravo.ok("card", "verify", card, stdin=words(fresh) + "\n")
    assert "charter.root_changed" in bravo.run(*amend).out
    bravo.ok(*amend, "--reroot")
    copy(bravo.folder / "north-2.charter", charlie.folder / "north-2.charter")
    unverified = charlie.run("charter", "sign", "north-2.charter", "--yes", "--json")
    assert "card.unverified" in unverified.out  # nobody signs before the words were typed in
    for desk in (charlie, delta):
        desk.ok("card", "verify", card, stdin=words(fresh) + "\n")
    line.introduce("BRAVO", "ALPHA")
    line.introduce("CHARLIE", "ALPHA")
    line.introduce("DELTA", "ALPHA")
    line.sign("north-2.charter", "BRAVO", "CHARLIE", "DELTA", "ALPHA")
    line.hand("north-2.charter", "ALPHA", "BRAVO", "CHARLIE")
    copy(bravo.home / "charters" / old, fresh.folder / "north-1.charter")
    fresh.ok("charter", "install", "north-1.charter", "north-2.charter")
    bravo.ok("charter", "install", "north-2.charter")
    fresh.serve()
    fresh.said("under the old root")
    said_everywhere(line, "ALPHA", "under the new root", "BRAVO", "CHARLIE")
    delta.serve()
    delta.said("under the new root")
    for desk in line.desks.values():
        assert one_object(desk.ok("verify", "--json"))["ok"] is True
        log = desk.ok("log")
        assert log.count(" ALPHA ") >= 2
        assert "under the old root" in log


def test_a_stations_keys_are_revoked_on_its_partys_card(tmp_path: Path) -> None:
    made = Four(tmp_path)
    made.init("ALPHA")
    alpha = made["ALPHA"]
    only = alpha.run("keys", "revoke", "--station", identity_names(alpha)[0])
    assert only.code == 1
    assert "--replace NAME" in only.err
    alpha.ok(
        "init", "--home", str(tmp_path / "two"), "--root-from", str(alpha.home), "--party", "ALPHA",
        "--name", "Force Alpha", "--station", "two", "--address", "127.0.0.1:1", "--key-file",
    )  # fmt: skip
    copy(tmp_path / "two" / "card.tlcard", alpha.home / "card.tlcard")
    both = identity_names(alpha)
    assert len(both) == 2
    stranger = alpha.run("keys", "revoke", "--station", "three", "--json")
    assert "keys.revoke" in stranger.out
    first_one = next(name for name in both if name != "two")
    said = alpha.ok("keys", "revoke", "--station", first_one)
    assert identity_names(alpha) == ["two"]
    for step in ("charter amend", "charter sign", "charter install", "until an amendment"):
        assert step in said


def identity_names(desk: Desk) -> list[str]:
    card = files.read_card(desk.home / "card.tlcard")
    return [entry.certificate.station_name for entry in card.stations]
