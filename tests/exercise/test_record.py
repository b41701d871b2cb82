"""What is compared between two runs: who said what on what, in which order, and who read it."""

from __future__ import annotations

import pytest
from tests.exercise.plays import shown

from tieline.core.errors import LocalError
from tieline.exercise.answer import Entry, Json
from tieline.exercise.record import content

RECORD = [
    shown("ALPHA-0", "open"),
    shown("ALPHA-1", more={"ladder": {"BRAVO": {"received": 5, "acknowledged": 9}}}),
    shown("BRAVO-0", "open"),
    shown("BRAVO-1", "acknowledge", refs=[("item ALPHA-1", "answers")]),
]


def told(record: list[dict[str, Json]]) -> list[Json]:
    return content(Entry(event, "a log") for event in record)


def _renamed(record: list[dict[str, Json]]) -> list[dict[str, Json]]:
    """The same story with other keys, hashes and times."""
    out: list[dict[str, Json]] = []
    for event in record:
        refs: list[Json] = [
            {"item": ref.text("item") + " b", "role": ref.text("role")}
            for ref in Entry(event, "a log").entries("refs")
        ]
        names = {key: f"{event[key]} b" for key in ("item", "log", "station_id")}
        out.append({**event, **names, "refs": refs, "claimed_ms": 7})
    return out


def test_keys_hashes_times_and_the_order_of_arrival_do_not_count() -> None:
    assert told(RECORD) == told(_renamed(RECORD)) == told(RECORD[::-1])


def _one_changed(number: int, **changes: Json) -> list[dict[str, Json]]:
    return [{**event, **(changes if n == number else {})} for n, event in enumerate(RECORD)]


@pytest.mark.parametrize(
    "record",
    [
        RECORD[:3],
        _one_changed(1, text="all is not quiet"),
        _one_changed(1, precedence="FLASH"),
        _one_changed(1, ladder={"BRAVO": {"received": 5}}),
        _one_changed(1, crossed=["item BRAVO-0"]),
        _one_changed(1, wants=["acknowledged"]),
        _one_changed(3, kind="read back"),
        _one_changed(3, refs=[{"item": "item ALPHA-0", "role": "answers"}]),
        [RECORD[0], shown("ALPHA-1", text="new"), shown("ALPHA-2"), *RECORD[2:]],
    ],
    ids=["shorter", "text", "precedence", "ladder", "crossed", "wants", "kind", "refs", "longer"],
)
def test_everything_that_was_said_counts(record: list[dict[str, Json]]) -> None:
    assert told(record) != told(RECORD)


def _silence(position: int, about: str) -> dict[str, Json]:
    more: dict[str, Json] = {"about_party": about, "rung": "received", "cause": f"cause {position}"}
    return shown(f"ALPHA-{position}", "silence", more=more)


def test_silences_of_one_moment_have_no_order() -> None:
    one = [RECORD[0], _silence(1, "BRAVO"), _silence(2, "CHARLIE")]
    other = [RECORD[0], _silence(1, "CHARLIE"), _silence(2, "BRAVO")]
    assert told(one) == told(other)
    later = [other[0], other[1], {**other[2], "claimed_ms": 1_767_225_700_000}]
    assert told(later) != told(one)


def test_a_gap_is_refused() -> None:
    with pytest.raises(LocalError):
        told([RECORD[0], shown("ALPHA-2")])
