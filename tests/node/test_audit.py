"""The audit on all cores says yes to exactly what the replay through the record says yes to."""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.core.world import Net, kits, sign_all
from tests.node import journals, verdicts
from tests.node.journals import Author, Journal, cast
from tests.node.verdicts import Held

from tieline.core import record, sketch
from tieline.core.charter import finish
from tieline.core.journal import Fact, FactKind
from tieline.node import audit, auditrun, auditwork
from tieline.node.audit import audit_file
from tieline.node.auditrun import Verdict
from tieline.node.auditwork import Range
from tieline.node.view import Json
from tieline.store import chain
from tieline.store.reader import Reader
from tieline.store.sqlite import SqliteStore

KEY = b"k" * 32
ROUNDS = 40


def replay(facts: Sequence[Fact]) -> dict[str, Json]:
    return verdicts.replay(facts, cast().members[0].station, cast().realm)


def agree(facts: Sequence[Fact], *sizes: int) -> Verdict:
    return verdicts.agree(facts, cast().members[0].station, cast().realm, *sizes)


@pytest.fixture(scope="module")
def whole() -> list[Fact]:
    return journals.usual(ROUNDS).facts


@pytest.fixture(scope="module")
def rare() -> list[Fact]:
    return journals.rare(ROUNDS).facts


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 100_000])
@pytest.mark.parametrize("window", [1, 64])
def test_a_good_journal_has_the_report_of_the_record(
    whole: list[Fact], monkeypatch: pytest.MonkeyPatch, size: int, window: int
) -> None:
    monkeypatch.setattr(auditrun, "_WINDOW", window)
    monkeypatch.setattr(sketch, "MAX_BORDERS", 5)
    monkeypatch.setattr(auditrun, "_DEFERRED", 4)
    verdict = agree(whole, size)
    assert verdict.ok
    assert verdict.receipts == sum(fact.kind == FactKind.RECEIPT for fact in whole)


def test_every_beginning_of_a_good_journal_is_good(whole: list[Fact]) -> None:
    for count in range(0, len(whole), 23):
        assert agree(whole[:count], 8).ok


@pytest.mark.parametrize("size", [1, 3, 50, 100_000])
@pytest.mark.parametrize("window", [1, 64])
def test_what_is_lawful_and_rare_is_right(
    rare: list[Fact], monkeypatch: pytest.MonkeyPatch, size: int, window: int
) -> None:
    monkeypatch.setattr(auditrun, "_WINDOW", window)
    monkeypatch.setattr(sketch, "MAX_BORDERS", 5)
    monkeypatch.setattr(auditrun, "_DEFERRED", 4)
    verdict = agree(rare, size)
    assert verdict.ok
    stories = [log["second_stories"] for log in verdict.logs if isinstance(log, dict)]
    assert sum(map(int, stories)) == sum(fact.kind == FactKind.SECOND_STORY for fact in rare) > 5  # type: ignore[arg-type]


def test_only_what_is_not_plain_is_judged_entry_by_entry(
    whole: list[Fact], monkeypatch: pytest.MonkeyPatch
) -> None:
    walked: list[tuple[int, int]] = []

    def noted(part: Range, realm: str, keys: auditwork.SignKeys) -> auditwork.Survey:
        walked.append((part.first, part.last))
        return auditwork.survey(part, realm, keys)

    monkeypatch.setattr(auditrun, "survey", noted)
    made = journals.usual(ROUNDS)
    agree(made.facts, 20)
    assert walked == []
    made.fork(0, 4)
    for number in range(60):
        made.say(number % 4)
        made.receipt(number % 4, (number + 1) % 4)
    at = next(
        seq for seq, fact in enumerate(made.facts, 1) if fact.kind == FactKind.SECOND_STORY
    )  # fmt: skip
    assert agree(made.facts, 20).ok
    assert len(walked) == 1
    assert walked[0][0] <= at <= walked[0][1]


# --------------------------------------------------------------------------------- what is wrong

Change = Callable[[list[Fact], int, random.Random], None]


def _flip(facts: list[Fact], at: int, chance: random.Random) -> None:
    data = bytearray(facts[at].body)
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    facts[at] = replace(facts[at], body=bytes(data))


def _swap(facts: list[Fact], at: int, chance: random.Random) -> None:
    other = (at + chance.choice([1, 2, 3, 20])) % len(facts)
    facts[at], facts[other] = facts[other], facts[at]


def _drop(facts: list[Fact], at: int, chance: random.Random) -> None:
    del facts[at]


def _twice(facts: list[Fact], at: int, chance: random.Random) -> None:
    facts.insert((at + chance.choice([1, 4, 30])) % len(facts), facts[at])


def _refile(facts: list[Fact], at: int, chance: random.Random) -> None:
    fact = facts[at]
    change = chance.choice(["line", "log", "position", "kind"])
    if change == "kind" or fact.log is None or fact.position is None:
        facts[at] = replace(fact, kind=chance.choice([2, 3, 4, 8, 1]))
    elif change == "line":
        facts[at] = replace(fact, line=bytes(16))
    elif change == "log":
        facts[at] = replace(fact, log=b"another.")
    else:
        facts[at] = replace(fact, position=fact.position + chance.choice([1, -1]))


def _early(facts: list[Fact], at: int, chance: random.Random) -> None:
    """A receipt or a citation before what it is for."""
    fact = facts.pop(at)
    facts.insert(max(1, at - chance.choice([1, 3, 9])), fact)


@pytest.mark.parametrize("change", [_flip, _swap, _drop, _twice, _refile, _early])
@pytest.mark.parametrize("kind", ["whole", "rare"])
def test_a_changed_journal_is_judged_as_the_record_does(
    request: pytest.FixtureRequest, kind: str, change: Change
) -> None:
    held: list[Fact] = request.getfixturevalue(kind)
    chance = random.Random(change.__name__)
    bad = 0
    for _ in range(12):
        facts = list(held[: chance.choice([60, 120, len(held)])])
        change(facts, chance.randrange(1, len(facts)), chance)
        bad += not agree(facts, chance.choice([5, 16, 400])).ok
    assert bad > 2


def _story_again(made: Journal) -> None:
    """What is in the log is kept beside it too."""
    made.facts.append(replace(made.facts[-1], kind=FactKind.SECOND_STORY, log=None, position=None))


def _two_wrong(made: Journal) -> None:
    """A receipt that does not verify, and later what may not stand there."""
    made.receipt(0, 1)
    fact = made.facts[-1]
    made.facts[-1] = replace(fact, body=fact.body[:-1] + bytes([fact.body[-1] ^ 1]))
    made.say(0)
    made.say(0, position=1)
    made.receipt(0, 1)


def _early_receipt(made: Journal) -> None:
    made.receipt(0, 2)
    made.facts.insert(-2, made.facts.pop())


def _late_reader(made: Journal) -> None:
    """What was read stands in a range before."""
    for _ in range(12):
        made.other()
    made.say(3, charter=1)


def _older_charter(made: Journal) -> None:
    """Its predecessor stands in a range before, and it has read nothing since."""
    for _ in range(12):
        made.other()
    made.say(0, charter=1, reads=False)


# Statements that are well signed, and yet not what may stand there.
WRONG: dict[str, Callable[[Journal], object]] = {
    "another predecessor": lambda made: made.say(0, previous=made.authors[2].last),
    "a number left out": lambda made: made.say(0, position=made.authors[0].tree.size + 1),
    "an old number": lambda made: made.say(0, position=made.authors[0].tree.size - 1),
    "its own log read": lambda made: made.say(0, seen=((made.authors[0].last or b"")[:16],)),
    "what nobody wrote": lambda made: made.say(0, seen=(b"t" * 16,)),
    "another line": lambda made: made.say(0, line=bytes(16)),
    "an older charter": lambda made: made.say(0, charter=1),
    "an older charter than it read": lambda made: made.say(3, charter=1),
    "an older charter than it read before": _late_reader,
    "an older charter than the one before": _older_charter,
    "a charter to come": lambda made: made.say(0, charter=3),
    "another station": lambda made: made.say(0, station=made.authors[2].member.station),
    "a life that did not begin": lambda made: made.say(0, incarnation=b"unknown."),
    "a receipt for more": _early_receipt,
    "a second story": lambda made: made.fork(0, 1),
    "one that is in the log": _story_again,
    "one after what nobody wrote": lambda made: made.tell(0, 2, b"t" * 32),
    "one after another log": lambda made: made.tell(0, 2, made.authors[2].last),
    "one at the end": lambda made: made.tell(0, made.authors[0].tree.size, made.authors[0].last),
    "a bad receipt, and a bad number": _two_wrong,
}


@pytest.mark.parametrize("how", WRONG)
@pytest.mark.parametrize("size", [4, 10_000])
def test_what_is_signed_and_wrong_is_named_as_the_record_names_it(how: str, size: int) -> None:
    made = journals.usual(9)
    made.say(0)
    WRONG[how](made)
    made.say(2)
    assert agree(made.facts, size).ok is (how == "a second story")


@pytest.mark.parametrize("size", [2, 10_000])
def test_one_log_too_many_is_refused_also_when_all_are_opened_in_one_range(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(record, "MAX_LOGS_PER_STATION", 3)
    monkeypatch.setattr(auditrun, "MAX_LOGS_PER_STATION", 3)
    made = Journal()
    for life in range(4):
        assert agree(made.facts, size).ok
        made.authors[0] = Author(made.authors[0].member, life.to_bytes(8, "big"))
        made.say(0, reads=False)
    assert not agree(made.facts, size).ok


# ------------------------------------------------------------------------------------ real stores


@pytest.fixture
def store(tmp_path: Path, whole: list[Fact]) -> Iterator[SqliteStore]:
    made = SqliteStore.create(tmp_path / "store.db", KEY)
    made.commit(whole)
    yield made
    made.close()


def test_a_long_journal_is_read_on_all_cores_that_the_process_may_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 4, 6})
    assert audit.workers_for(auditrun.SMALL + 1) == 3
    assert audit.workers_for(auditrun.SMALL) == 0  # a process costs more than it spares there


def test_processes_beside_a_station_that_holds_the_store_audit_it(
    store: SqliteStore, tmp_path: Path, whole: list[Fact], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditrun, "RANGE", 40)
    monkeypatch.setattr(audit, "workers_for", lambda _: 2)
    own = cast().members[0].station

    def never(*_: object) -> None:
        raise AssertionError("it was replayed")

    with monkeypatch.context() as patch:
        patch.setattr(audit, "Audit", never)
        report = audit_file(
            tmp_path / "store.db", KEY, store.last(), own, cast().realm, store.log_damage()
        )
    assert report == replay(whole)


def test_a_reader_sees_what_was_changed(store: SqliteStore, tmp_path: Path) -> None:
    reader = Reader(tmp_path / "store.db", KEY)
    last = store.last()
    rows = reader.facts(1, last)
    assert [row[0] for row in reader.facts(20, 30)] == list(range(20, 31))
    with pytest.raises(Exception, match="is missing"):
        reader.facts(last, last + 1)
    connection = store._connection
    for seq, column, value in ((7, "body", b"x"), (30, "at_ms", 5), (9, "chain", bytes(32))):
        ask = f"SELECT {column} FROM fact WHERE seq = ?"  # noqa: S608
        update = f"UPDATE fact SET {column} = ? WHERE seq = ?"  # noqa: S608
        old = connection.execute(ask, (seq,)).fetchall()
        connection.execute(update, (value, seq))
        with pytest.raises(Exception, match=f"entry {seq} of the journal is not what was written"):
            reader.facts(seq - 2, seq + 2)
        connection.execute(update, (old[0][0], seq))
    assert reader.facts(1, last) == rows
    reader.close()


def test_a_range_leaves_nothing_behind(whole: list[Fact]) -> None:
    """Workers hardly ever look for what refers to itself, so it would be as good as kept."""
    rows = journals.rows(whole)
    part, realm = Held(rows, 1, len(rows)), cast().realm
    collected: list[int] = []
    for step in (auditwork.check, auditwork.survey):
        step(part, realm, {})
        gc.collect()
        gc.disable()
        step(part, realm, {})
        collected.append(gc.collect())
        gc.enable()
    assert collected == [0, 0]


def test_a_row_is_chained_as_its_fact_is(whole: list[Fact]) -> None:
    for before, row in zip([chain.START, *(r[8] for r in journals.rows(whole))],
                           journals.rows(whole), strict=False):  # fmt: skip
        assert chain.link_row(before, row) == row[8]


def test_workers_that_cannot_be_had_are_done_without(
    whole: list[Fact], monkeypatch: pytest.MonkeyPatch
) -> None:
    from concurrent.futures.process import BrokenProcessPool

    def broken(*_: object, **__: object) -> None:
        raise BrokenProcessPool("no room for processes")

    monkeypatch.setattr(auditrun, "ProcessPoolExecutor", broken)
    rows = journals.rows(whole)
    own = cast().members[0].station
    verdict = auditrun.run(lambda: iter([Held(rows, 1, len(rows))]), own, cast().realm, workers=2)
    assert verdict.report() == replay(whole)
    auditwork.close()


def test_a_version_that_does_not_follow_is_noticed() -> None:
    """It is signed by all that it names, and has one party less without saying so."""
    post = Net(kits(3)).post("ALPHA")
    old = post.line.charter
    parties = tuple(party for party in old.parties if party.code != "BRAVO")
    new = finish(replace(old, version=2, previous=old.hash, parties=parties))
    signed = sign_all(new, kits(3))
    assert signed.complete
    forged = Fact(kind=FactKind.CHARTER, at_ms=0, line=new.line, body=signed.encode())
    assert verdicts.agree(post.facts, post.who.id, "", 1, 100).ok
    verdict = verdicts.agree([*post.facts, forged], post.who.id, "", 1, 100)
    assert verdict.last == len(post.facts) + 1
    assert "does not list exactly the parties that leave" in verdict.problems[0]
