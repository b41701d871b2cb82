"""Records made to be slow: work is counted, and must grow no faster than the record.

Counted are the calls of our own functions: unlike seconds they are the same on every machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FrameType

import pytest
from tests.core.agreement import rulepack
from tests.core.agreement.rulepack import DAY, HOUR, PARTIES, SECOND, at, message

from tieline.core.agreement.ledger import Ledger
from tieline.core.agreement.message import Message
from tieline.core.terms import RefRole

T = at(2028, 1, 1)
ANSWERS, CORRECTS, CONCERNS = RefRole.ANSWERS, RefRole.CORRECTS, RefRole.CONCERNS


def ref(name: object, role: RefRole = ANSWERS) -> tuple[tuple[RefRole, bytes], ...]:
    return ((role, rulepack.digest(name)),)


def answers_to_one(n: int) -> Iterator[Message]:
    yield message("on", "ask", "ALPHA", T, fields={"kind": "urgent"})
    for i in range(n):
        yield message(i, "reply", "BRAVO", T + (n - i) * SECOND, refs=ref("on"))


def triggers_of_one_answer(n: int) -> Iterator[Message]:
    for i in range(n):
        yield message(i, "visit", "ALPHA", T + i, fields={"asked": "BRAVO", "start": T + DAY})
    for i in range(n):
        yield message(("back", i), "reply", "BRAVO", T + 2 * n - i)


def one_chain_of_corrections(n: int) -> Iterator[Message]:
    yield message(0, "notify", "ALPHA", T, fields={"date": T + 60 * DAY, "troops": 9000})
    for i in range(1, n):
        yield message(i, "notify", "ALPHA", T + i, refs=ref(i - 1, CORRECTS),
                      fields={"date": T + 60 * DAY, "troops": 9000})  # fmt: skip


def taken_back_over_and_over(n: int) -> Iterator[Message]:
    yield from one_chain_of_corrections(n)
    for i in range(n):
        role = RefRole.CANCELS if i % 2 else RefRole.SUPERSEDES
        yield message(("end", i), "notify", "ALPHA", T + 2 * n - i, refs=ref(i // 2, role))


def windows_that_all_overlap(n: int) -> Iterator[Message]:
    for i in range(n):
        yield message(i, "notify", "ALPHA", T + i,
                      fields={"date": T + 60 * DAY, "last": T + 90 * DAY,
                              "troops": 9000})  # fmt: skip


def parts_of_one(n: int) -> Iterator[Message]:
    for i in range(n):
        yield message(i, "notify", "ALPHA", T + i,
                      fields={"date": T + 60 * DAY, "last": T + 90 * DAY, "troops": 1,
                              "command": "one"})  # fmt: skip


def suspended_and_resumed(n: int) -> Iterator[Message]:
    for i in range(n):
        yield message(i, "ask", "ALPHA", T + i)
    for i in range(n):
        yield message(("s", i), "resume" if i % 2 else "suspend", "BRAVO", T + n + i)


def holds_of_one(n: int) -> Iterator[Message]:
    yield message("on", "convoy", "ALPHA", T, fields={"start": T + DAY, "until": T + 9 * DAY})
    for i in range(n):
        yield message(i, "resume" if i % 2 else "hold", "BRAVO", T + i, refs=ref("on", CONCERNS))


def waived_and_contested(n: int) -> Iterator[Message]:
    yield message("on", "ask", "ALPHA", T)
    for i in range(n):
        yield message(i, "waive" if i % 2 else "contest", "BRAVO", T + n - i, refs=ref("on"))


def seals_of_one_round(n: int) -> Iterator[Message]:
    for i in range(n):
        yield message(i, "seal", "ALPHA", T + n - i, fields={"object": "2028"})


def absurd_serials(n: int) -> Iterator[Message]:
    for i in range(n):
        yield message(i, "gift", "ALPHA", T + i, fields={"serial": 10**15 - 2 * i})


RECORDS: list[Callable[[int], Iterator[Message]]] = [
    answers_to_one, triggers_of_one_answer, one_chain_of_corrections, taken_back_over_and_over,
    windows_that_all_overlap, parts_of_one, suspended_and_resumed, holds_of_one,
    waived_and_contested, seals_of_one_round, absurd_serials,
]  # fmt: skip


def work(record: Callable[[int], Iterator[Message]], n: int) -> int:
    """Calls of our functions for a record of this size, fed at once and asked about at the end."""
    messages = list(record(n))
    ledger = Ledger([rulepack.pack(status=rulepack.STATUS)], PARTIES)
    ledger.since(T)
    calls = [0]

    def count(frame: FrameType, event: str, _: object) -> None:
        calls[0] += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        for one in messages:
            ledger.admit(one)
            for party in PARTIES:
                ledger.receipt(one.digest, party, one.time_ms + HOUR)
        now = T + 100 * DAY
        ledger.obligations(now)
        ledger.quotas(now)
        ledger.validities(now)
        ledger.questions()
        ledger.serial_gaps()
        ledger.calendar(T, now, now)
    finally:
        sys.setprofile(None)
    return calls[0]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_work_grows_no_faster_than_the_record(record: Callable[[int], Iterator[Message]]) -> None:
    small, large = work(record, 100), work(record, 400)
    assert large <= 5 * small  # four times as much, and a logarithm; quadratic would be sixteen


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_one_message_more_costs_the_same_in_a_long_record(
    record: Callable[[int], Iterator[Message]],
) -> None:
    """``admit`` alone: whatever the record holds already."""
    last = [admitting(record, n) for n in (50, 400)]
    assert last[1] <= last[0] + 12  # a logarithm of the record may stand in a search


def admitting(record: Callable[[int], Iterator[Message]], n: int) -> int:
    messages = list(record(n))
    ledger = Ledger([rulepack.pack()], PARTIES)
    for one in messages[:-1]:
        ledger.admit(one)
    calls = [0]

    def count(frame: FrameType, event: str, _: object) -> None:
        calls[0] += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        ledger.admit(messages[-1])
    finally:
        sys.setprofile(None)
    return calls[0]
