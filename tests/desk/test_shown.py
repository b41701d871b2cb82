"""What an officer is shown: words in any order, what was replaced, and how a line is judged."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from tieline.desk.cli import build_parser, incidents, main, record, talk
from tieline.desk.cli.show import (
    draft_lines,
    event_line,
    item_line,
    status_lines,
    unstored_lines,
)
from tieline.node import doctor
from tieline.node.view import Json

View = dict[str, Json]


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ("card verify --words W f.tlcard", "file", Path("f.tlcard")),
        ("card --json verify f.tlcard", "file", Path("f.tlcard")),
        ("charter sign --yes a.charter", "files", [Path("a.charter")]),
        ("charter install a --json b", "files", [Path("a"), Path("b")]),
        ("staff off --line north why", "cause", "why"),
        ("read-back 7 --lang de words", "text", "words"),
        ("send -p flash words", "text", "words"),
        ("send words -p flash", "precedence", "FLASH"),
        ("send -- -9", "text", "-9"),
    ],
)
def test_options_and_arguments_come_in_any_order(given: str, name: str, value: object) -> None:
    assert getattr(build_parser().parse_args(given.split()), name) == value


def test_what_is_too_much_is_still_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for given in ("card verify a b", "send a b", "ack 1 --nope", "ack", "staff maybe"):
        assert main(given.split()) == 2
        assert capsys.readouterr().err.startswith("tieline: ")


def test_the_log_says_what_was_replaced() -> None:
    plain: View = {"seq": 3, "item": "11" * 32, "kind": "message", "text": "two crossed"}
    assert "two crossed" in item_line(plain)
    assert "[" not in item_line(plain)
    shown = item_line({**plain, "cancelled_by": "ab" * 32, "corrected_by": "cd" * 32})
    assert shown.endswith("two crossed  [corrected by cdcdcdcd, cancelled by abababab]")


def _status(*peers: View, member: bool = True) -> View:
    line: View = {"name": "north", "line": "00", "version": 2, "party": "ALPHA", "member": member}
    return {"party": "ALPHA", "station_name": "ops", "lines": [{**line, "peers": [*peers]}]}


def _peer(party: str, state: str, *carriers: str) -> View:
    return {"party": party, "name": f"{party}/x", "state": state, "carriers": [*carriers]}


@pytest.mark.parametrize(
    ("peers", "code"),
    [
        ([], 0),
        ([_peer("BRAVO", "up", "tls")], 0),
        ([_peer("BRAVO", "suspended", "tls")], 0),
        ([_peer("BRAVO", "suspended")], 3),
        ([_peer("BRAVO", "down"), _peer("CHARLIE", "unstaffed", "tls")], 0),
        ([_peer("ALPHA", "up", "tls"), _peer("BRAVO", "down")], 3),
    ],
)
def test_a_line_is_down_when_no_other_party_is_reached(peers: list[View], code: int) -> None:
    with mock.patch.object(talk, "client", return_value=_answers(_status(*peers))):
        assert main(["status", "--json"]) == code


def _answers(result: View) -> mock.Mock:
    return mock.Mock(call=mock.Mock(return_value=result))


def test_a_suspended_peer_that_is_cut_off_is_said_to_be() -> None:
    connected = status_lines(_status(_peer("BRAVO", "suspended", "tls")))
    assert "not connected" not in "\n".join(connected)
    assert "not connected" in "\n".join(status_lines(_status(_peer("BRAVO", "suspended"))))


def test_a_station_that_a_charter_left_out_is_told() -> None:
    assert not any("REMOVED" in line for line in status_lines(_status()))
    shown = status_lines(_status(member=False))
    assert shown[0].startswith("ALPHA/ops")
    assert any("REMOVED" in line for line in shown)
    connect: Callable[[], mock.Mock] = lambda: _answers(_status(member=False))  # noqa: E731
    running, _, _ = doctor._station(connect)
    assert "does not name this station" in running.text
    assert "every peer" not in running.text


@pytest.mark.parametrize(
    ("result", "said", "code"),
    [
        ({"added": 2, "held": 0, "news": True}, "2 statements were new", 0),
        ({"added": 0, "held": 0, "news": True}, "no statement was new; receipts or", 0),
        ({"added": 0, "held": 0}, "nothing new: all of it is here already", 5),
        ({"added": 0, "held": 3}, "nothing new; 3 wait for others that they build on", 5),
        (
            {"added": 0, "held": 3, "news": True},
            "no statement of it stands in the record yet; 3",
            0,
        ),
        ({"added": 0, "held": 0, "refused": ["forged"]}, "nothing of it was taken in", 1),
    ],
)
def test_an_import_says_what_became_of_it(
    result: View, said: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.bundle").write_bytes(b"x")
    with mock.patch.object(record, "client", return_value=_answers({"from": "BRAVO", **result})):
        assert main(["import", str(tmp_path / "a.bundle")]) == code
    assert f"bundle of BRAVO: {said}" in capsys.readouterr().out


EVENTS: list[View] = [
    {"type": "statement", "kind": "message", "text": "drill"},
    {"type": "receipt", "items": ["aa"], "station": "BRAVO/ops"},
    {"type": "alarm", "precedence": "FLASH", "text": "acknowledge it"},
    {"type": "state", "state": "down", "station": "BRAVO/ops"},
    {"type": "refused", "code": "statement.forged", "text": "forged"},
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: str(event["type"]))
def test_every_line_of_an_exercise_bears_its_mark(event: View) -> None:
    assert event_line({**event, "exercise": "EX1"}).startswith("EXERCISE ")
    assert "EXERCISE" not in event_line({**event, "exercise": ""})


def test_a_draft_of_an_exercise_bears_its_mark() -> None:
    draft: View = {"draft": 1, "officer": "Abel", "kind": "message", "text": "drill"}
    assert draft_lines([{**draft, "exercise": "EX1"}])[0].startswith("EXERCISE ")
    assert "EXERCISE" not in draft_lines([draft])[0]


def test_what_is_not_stored_yet_is_shown_with_what_it_says_and_taken_back() -> None:
    alarm: View = {"text": "FLASH from BRAVO has arrived", "said": {"text": "stop", "lang": "en"}}
    form: View = {"text": "FLASH from BRAVO has arrived", "said": {"form": "incident/flash"}}
    event: View = {"type": "unstored", "exercise": "", "alarms": [alarm, form]}
    head = "NOT STORED  FLASH from BRAVO has arrived"
    assert unstored_lines(event) == [f"{head}: stop", f"{head}: incident/flash"]
    assert unstored_lines({**event, "exercise": "EX1"})[0].startswith("EXERCISE NOT STORED")
    over: View = {"type": "unstored-over", "exercise": "", "stored": False}
    (back,) = unstored_lines(over)
    assert "could not be stored" in back
    assert unstored_lines({**over, "stored": True}) == []
    assert unstored_lines({"type": "statement"}) == []


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
@pytest.mark.parametrize("words", ["send -", "incident word 1 --text -"])
def test_bytes_on_standard_input_that_are_no_text_are_refused(
    words: str, errors: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By Python's configuration they end the reading, or come as half characters."""
    given = io.TextIOWrapper(io.BytesIO(b"half \xff\n"), "utf-8", errors)
    named = {"officer": "Ada", "role": "watch-officer"}
    with (
        mock.patch.object(sys, "stdin", given),
        mock.patch.object(talk, "officer", return_value=named),
        mock.patch.object(incidents, "officer", return_value=named),
    ):
        assert main(words.split()) == 1
    assert "no text in this terminal's code" in capsys.readouterr().err
