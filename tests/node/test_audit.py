"""The audit on all cores says yes to exactly what the replay through the record says yes to."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.core.world import Net, kits, sign_all
from tests.node import journals
from tests.node.journals import Journal, cast

from tieline.core.charter import finish
from tieline.core.journal import Fact, FactKind
from tieline.core.statement import statement_digest
from tieline.node import audit, auditrun, auditwork
from tieline.node.audit import Audit, audit_store, clean_report, store_ranges
from tieline.node.auditwork import Range, Row
from tieline.node.view import Json
from tieline.store import chain
from tieline.store.reader import Reader
from tieline.store.sqlite import SqliteStore

KEY = b"k" * 32
ROUNDS = 40


@dataclass(frozen=True, slots=True)
class Held:
    """A range of a journal in memory."""

    all: Sequence[Row]
    first: int
    last: int

    def rows(self) -> Sequence[Row]:
        return self.all[self.first - 1 : self.last]

    def part(self, first: int) -> Held:
        return Held(self.all, first, self.last)

    def leaves(self, line: bytes, log: bytes, start: int, stop: int) -> bytes:
        return b"".join(
            statement_digest(row[4])
            for row in self.all
            if row[3] == line and row[6] == log and start <= row[7] < stop
        )


def replay(facts: Sequence[Fact]) -> dict[str, Json]:
    """What the record says, statement by statement."""
    judge = Audit(cast().members[0].station, cast().realm)
    for seq, fact in enumerate(facts, 1):
        judge.fact(seq, fact)
    return judge.report()


def by_ranges(facts: Sequence[Fact], size: int) -> dict[str, Json] | None:
    """What the audit by ranges of so many entries says; None when it leaves it to the record."""
    rows = journals.rows(facts)

    def deal() -> Iterator[Range]:
        for first in range(1, len(rows) + 1, size):
            yield Held(rows, first, min(first + size - 1, len(rows)))

    clean = auditrun.run(deal, cast().members[0].station, cast().realm, workers=0)
    return None if clean is None else clean_report(clean)


@pytest.fixture(scope="module")
def whole() -> list[Fact]:
    return journals.usual(ROUNDS).facts


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 100_000])
@pytest.mark.parametrize("window", [1, 64])
def test_a_good_journal_has_the_report_of_the_record(
    whole: list[Fact], monkeypatch: pytest.MonkeyPatch, size: int, window: int
) -> None:
    monkeypatch.setattr(auditrun, "_WINDOW", window)
    monkeypatch.setattr(auditrun, "_BORDERS", 5)
    monkeypatch.setattr(auditrun, "_DEFERRED", 4)
    expected = replay(whole)
    assert expected["ok"] is True
    assert expected["receipts"] == sum(fact.kind == FactKind.RECEIPT for fact in whole)
    assert by_ranges(whole, size) == expected


def test_every_beginning_of_a_good_journal_is_good(whole: list[Fact]) -> None:
    for count in range(0, len(whole), 9):
        assert by_ranges(whole[:count], 8) == replay(whole[:count])


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
def test_a_changed_journal_is_judged_as_the_record_does(whole: list[Fact], change: Change) -> None:
    chance = random.Random(change.__name__)
    bad = 0
    for _ in range(40):
        facts = list(whole[: chance.choice([60, 120, len(whole)])])
        change(facts, chance.randrange(1, len(facts)), chance)
        verdict = replay(facts)
        found = by_ranges(facts, chance.choice([5, 16, 400]))
        if verdict["ok"] and not any(fact.kind == FactKind.SECOND_STORY for fact in facts):
            assert found == verdict
        else:
            assert found is None
            bad += 1
    assert bad > 10


def _second_story(made: Journal) -> None:
    one = made.authors[0]
    before = [fact for fact in made.facts if fact.log == one.log][-2]
    last, previous = one.tree.size - 1, statement_digest(before.body)
    made.say(0, kind=FactKind.SECOND_STORY, position=last, previous=previous)


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
    "a second story": _second_story,
}


@pytest.mark.parametrize("how", WRONG)
@pytest.mark.parametrize("size", [4, 10_000])
def test_what_is_signed_and_wrong_is_left_to_the_record(how: str, size: int) -> None:
    made = journals.usual(9)
    made.say(0)
    WRONG[how](made)
    assert by_ranges(made.facts, size) is None
    assert replay(made.facts)["ok"] is (how == "a second story")


# ------------------------------------------------------------------------------------ real stores


@pytest.fixture
def store(tmp_path: Path, whole: list[Fact]) -> Iterator[SqliteStore]:
    made = SqliteStore.create(tmp_path / "store.db", KEY)
    made.commit(whole)
    yield made
    made.close()


def test_processes_beside_a_station_that_holds_the_store_audit_it(
    store: SqliteStore, tmp_path: Path, whole: list[Fact], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditrun, "RANGE", 40)
    ranges = store_ranges(tmp_path / "store.db", KEY, store.last())
    own = cast().members[0].station

    def never(*_: object) -> None:
        raise AssertionError("it was replayed")

    with monkeypatch.context() as patch:
        patch.setattr(audit, "Audit", never)
        report = audit_store(store, own, cast().realm, ranges, workers=2)
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
    clean = auditrun.run(lambda: iter([Held(rows, 1, len(rows))]), own, cast().realm, workers=2)
    assert clean is not None
    assert clean_report(clean) == replay(whole)
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
    rows = journals.rows([*post.facts, forged])
    judge = Audit(post.who.id, "")
    for seq, fact in enumerate([*post.facts, forged], 1):
        judge.fact(seq, fact)
    assert "does not list exactly the parties that leave" in judge.problems[0]

    def deal(last: int) -> Iterator[Range]:
        yield Held(rows, 1, last)

    assert auditrun.run(lambda: deal(len(rows) - 1), post.who.id, "", workers=0) is not None
    assert auditrun.run(lambda: deal(len(rows)), post.who.id, "", workers=0) is None
