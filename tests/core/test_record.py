"""The record: any order of arrival gives one order of display, and nothing is lost or let in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.core.world import START_MS, Key, StationKit, chaff, kit, kits, message, write
from tests.examples import tries

from tieline.core import crypto, record
from tieline.core.errors import LocalError
from tieline.core.record import Admitted, Duplicate, Forked, Held, Outcome, Record, Refused
from tieline.core.statement import Body, Content, Place, Statement, log_id, parse
from tieline.core.terms import Kind

LINE = chaff("line", 16)
KITS = kits(4)


class Keys:
    """A charter of two versions; DELTA comes with the second."""

    def __init__(self, latest: int = 2) -> None:
        self.version = latest

    def sign_key(self, version: int, station: bytes) -> bytes | None:
        for party in KITS[: 3 if version == 1 else 4]:
            if party.stations[0].id == station:
                return party.stations[0].sign_key.public
        return None

    def latest(self) -> int:
        return self.version


KEYS = Keys()
OPENING = Content(kind=Kind.OPEN, body=Body(cause="first start"))


def take(held: Record, statement: Statement, keys: Keys = KEYS) -> list[Outcome]:
    """Judge a statement, and whatever it sets free, as a station does."""
    outcomes: list[Outcome] = []
    queue = [statement]
    while queue:
        one = queue.pop(0)
        outcome = held.judge(one, keys, START_MS)
        outcomes.append(outcome)
        if isinstance(outcome, Held):
            assert held.hold(one, outcome)
        elif isinstance(outcome, Admitted | Forked):
            queue.extend(held.released(one.digest))
    return outcomes


class Author:
    """A station that writes: its own record, and its own end of its log."""

    def __init__(self, number: int, life: int = 1) -> None:
        self.who: StationKit = KITS[number].stations[0]
        self.life = bytes((life,)) * 8
        self.log = log_id(LINE, self.who.id, self.life)
        self.record = Record(LINE, "")
        self.own: list[Statement] = []

    def clone(self) -> Author:
        """The same station with the same keys once more, on another machine."""
        other = Author(0)
        other.who, other.life, other.log = self.who, self.life, self.log
        other.own = list(self.own)
        other.learn(self)
        return other

    def place(self, at_ms: int = 0) -> Place:
        return Place(
            line=LINE,
            station=self.who.id,
            incarnation=self.life,
            position=len(self.own),
            previous=self.own[-1].digest if self.own else None,
            seen=self.record.frontier(self.log),
            time_ms=START_MS + at_ms,
            charter=2,
        )

    def write(self, at_ms: int = 0, text: str = "x") -> Statement:
        content = (
            message(text) if self.own else Content(kind=Kind.OPEN, body=Body(cause="first start"))
        )
        made = write(self.who, "", self.place(at_ms), content)
        outcome = take(self.record, made)[0]
        assert not isinstance(outcome, Held | Refused), outcome  # two clones may say the same
        self.own.append(made)
        return made

    def learn(self, other: Author) -> None:
        for item in list(other.record.order):
            take(self.record, item.statement)


def causes(statement: Statement, known: dict[bytes, Statement]) -> list[Statement]:
    """What a statement names as read: its predecessor, and the tips of its *seen*."""
    place = statement.place
    tips = [] if place.previous is None else [place.previous]
    return [known[d] for d in known if d in tips or d[:16] in place.seen]


def ancestors(everything: Iterable[Statement]) -> dict[bytes, set[bytes]]:
    """For each statement all that its author had read, by the names in the statements alone."""
    known = {statement.digest: statement for statement in everything}
    out: dict[bytes, set[bytes]] = {}

    def walk(statement: Statement) -> set[bytes]:
        if statement.digest not in out:
            found: set[bytes] = set()
            for cause in causes(statement, known):
                found |= {cause.digest} | walk(cause)
            out[statement.digest] = found
        return out[statement.digest]

    for statement in known.values():
        walk(statement)
    return out


class History(RuleBasedStateMachine):
    """Authors write and read in any order, two of them may be one; two readers get everything."""

    @initialize()
    def begin(self) -> None:
        self.authors = [Author(number) for number in range(3)]
        self.said: list[Statement] = []
        self.readers = [Record(LINE, ""), Record(LINE, "")]
        self.proofs: list[list[tuple[Statement, Statement]]] = [[], []]
        self.clones = 0

    @rule(author=st.integers(0, 5), at_ms=st.integers(-3, 3), text=st.sampled_from("ab"))
    def write(self, author: int, at_ms: int, text: str) -> None:
        who = self.authors[author % len(self.authors)]
        self.said.append(who.write(at_ms * 1000, text))

    @rule(author=st.integers(0, 5), other=st.integers(0, 5))
    def read(self, author: int, other: int) -> None:
        count = len(self.authors)
        self.authors[author % count].learn(self.authors[other % count])

    @rule(author=st.integers(0, 2))
    def copy_a_key(self, author: int) -> None:
        if self.clones < 2:
            self.clones += 1
            self.authors.append(self.authors[author].clone())

    @rule(reader=st.integers(0, 1), which=st.integers(0, 1 << 16))
    def arrive(self, reader: int, which: int) -> None:
        if self.said:
            self.deliver(reader, self.said[which % len(self.said)])

    def deliver(self, reader: int, statement: Statement) -> None:
        for outcome in take(self.readers[reader], statement):
            assert not isinstance(outcome, Refused), outcome
            if isinstance(outcome, Forked) and outcome.proof is not None:
                self.proofs[reader].append(outcome.proof)

    @invariant()
    def everything_shown_stands_after_its_causes(self) -> None:
        before = ancestors(self.said)
        for reader in self.readers:
            shown: set[bytes] = set()
            for item in reader.order:
                assert before[item.statement.digest] <= shown
                shown.add(item.statement.digest)
            assert shown == set(reader.by_digest)
            assert reader.run(reader.refs) == list(reader.order)

    def teardown(self) -> None:
        for number in range(2):
            for statement in self.said[:: 1 if number else -1]:
                self.deliver(number, statement)
        one, other = self.readers
        digests = [item.statement.digest for item in one.order]
        assert digests == [item.statement.digest for item in other.order]
        assert set(digests) == {statement.digest for statement in self.said}
        assert one.held == other.held == 0
        self.check_saw()
        self.check_proofs()

    def check_saw(self) -> None:
        before = ancestors(self.said)
        for reader in self.readers:
            for later in reader.order:
                if later.second_story:
                    continue
                for earlier in reader.order:
                    if earlier.statement.log == later.statement.log:
                        continue
                    expected = earlier.statement.digest in before[later.statement.digest]
                    saw = reader.saw(later.statement, earlier.statement)
                    # Of a key on two machines each names what is new to the log as it knows it.
                    forked = bool(reader.logs[later.statement.log].forks)
                    assert saw is expected or (forked and not saw)

    def check_proofs(self) -> None:
        """Every place with two statements is proven to each reader, and the proof stands alone."""
        stories: dict[tuple[bytes, bytes | None], set[bytes]] = {}
        for said in self.said:
            stories.setdefault((said.log, said.place.previous), set()).add(said.digest)
        forked = {place for place, found in stories.items() if len(found) > 1}
        for proofs in self.proofs:
            proven = set()
            for one, other in proofs:
                assert one.digest != other.digest
                assert (one.log, one.place.position) == (other.log, other.place.position)
                for each in (one, other):
                    key = KEYS.sign_key(2, each.place.station)
                    assert key is not None
                    assert crypto.verify(key, each.signed, each.signature)
                proven.add((one.log, one.place.previous))
            assert proven == forked


History.TestCase.settings = settings(max_examples=tries(30), stateful_step_count=30, deadline=None)
TestHistory = History.TestCase


# ------------------------------------------------------------------------- small histories


def dialogue() -> list[Statement]:
    """Three authors, each answering the one before, with clocks that disagree."""
    alpha, bravo, charlie = (Author(number) for number in range(3))
    said = [alpha.write(5_000), alpha.write(6_000)]
    bravo.learn(alpha)
    said.append(bravo.write(-9_000))
    charlie.learn(bravo)
    said.append(charlie.write(0))
    alpha.learn(charlie)
    said.append(alpha.write(-20_000))
    return said


def test_every_order_of_arrival_gives_the_order_in_which_it_was_said() -> None:
    said = dialogue()
    for arrival in permutations(said):
        held = Record(LINE, "")
        for statement in (*arrival, *arrival):
            take(held, statement)
        assert [item.statement.digest for item in held.order] == [s.digest for s in said]
        assert held.held == 0


def test_concurrent_statements_stand_by_claimed_time_then_station() -> None:
    authors = [Author(number) for number in range(3)]
    said = [
        author.write(at_ms) for author, at_ms in zip(authors, (2_000, 1_000, 1_000), strict=True)
    ]
    by_rule = sorted(said, key=lambda s: (s.place.time_ms, s.place.station))
    for arrival in permutations(said):
        held = Record(LINE, "")
        for statement in arrival:
            take(held, statement)
        assert [item.statement.digest for item in held.order] == [s.digest for s in by_rule]


def test_what_comes_again_is_a_duplicate_and_changes_nothing() -> None:
    said = dialogue()
    held = Record(LINE, "")
    for statement in said:
        take(held, statement)
    before = [item.key for item in held.order]
    for statement in said:
        assert take(held, statement) == [Duplicate(statement.digest)]
    assert [item.key for item in held.order] == before


def test_what_comes_too_early_is_held_and_names_what_it_waits_for() -> None:
    said = dialogue()
    held = Record(LINE, "")
    last = held.judge(said[4], KEYS, START_MS)
    assert isinstance(last, Held)
    assert last.need == said[1].digest[:16]
    assert held.hold(said[4], last)
    assert (held.held, len(held.order)) == (1, 0)
    for statement in said[:4]:
        take(held, statement)
    assert (held.held, len(held.order)) == (0, 5)


def test_a_statement_under_a_later_charter_waits_for_that_version() -> None:
    delta = Author(3)
    opening = delta.write()
    held, keys = Record(LINE, ""), Keys(latest=1)
    outcome = held.judge(opening, keys, START_MS)
    assert outcome == Held(charter=2)
    assert held.hold(opening, Held(charter=2))
    assert held.released(1) == []
    keys.version = 2
    assert held.released(2) == [opening]
    assert isinstance(held.judge(opening, keys, START_MS), Admitted)


def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "MAX_HELD", 3)
    author = Author(0)
    said = [author.write() for _ in range(6)]
    held = Record(LINE, "")
    verdicts = []
    for statement in said[1:]:
        outcome = held.judge(statement, KEYS, START_MS)
        assert isinstance(outcome, Held)
        verdicts.append(held.hold(statement, outcome))
    assert verdicts == [True, True, True, False, False]
    held.drop_held()
    assert held.held == 0
    for statement in said:
        take(held, statement)
    assert len(held.order) == 6


# --------------------------------------------------------------------------- what is refused


def refusal(held: Record, statement: Statement) -> str:
    outcome = held.judge(statement, KEYS, START_MS)
    assert isinstance(outcome, Refused), outcome
    return outcome.code


def test_strangers_forgeries_and_other_lines_are_refused_and_leave_no_trace() -> None:
    alpha = Author(0)
    first = alpha.write()
    place = alpha.place()
    held = Record(LINE, "")
    take(held, first)
    bravo = KITS[1].stations[0]
    forger = StationKit("ALPHA", alpha.who.certificate, Key("forger"), Key("forger"))
    stranger = kit("STRANGER").stations[0]
    cases = {
        "statement.forged": [
            write(bravo, "", place, message()),
            write(forger, "", place, message()),
            write(alpha.who, "DRILL-7", place, message()),
        ],
        "statement.other_line": [
            write(alpha.who, "", replace(place, line=chaff("other", 16)), message())
        ],
        "statement.stranger": [
            write(who, "", replace(place, station=who.id, charter=charter), message())
            for who, charter in ((stranger, 2), (KITS[3].stations[0], 1))
        ],
        "statement.chain": [
            write(alpha.who, "", replace(place, position=2, previous=first.digest), message()),
            write(bravo, "", replace(place, station=bravo.id, previous=first.digest), message()),
        ],
        "statement.seen": [
            write(alpha.who, "", replace(place, seen=(first.digest[:16],)), message())
        ],
    }  # fmt: skip
    for code, statements in cases.items():
        for statement in statements:
            read = replace(statement, signed=_as_read_here(statement))
            assert refusal(held, read) == code
    assert [item.statement for item in held.order] == [first]
    assert held.held == 0
    take(held, write(alpha.who, "", place, message()))
    assert len(held.order) == 2


def _as_read_here(statement: Statement) -> bytes:
    """The bytes under the signature when a statement is read as real traffic."""
    return parse("", statement.raw).signed


def test_the_logs_of_one_station_and_their_forks_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(record, "MAX_LOGS_PER_STATION", 3)
    monkeypatch.setattr(record, "MAX_FORKS_PER_LOG", 2)
    held = Record(LINE, "")
    lives = [Author(0, life).write() for life in range(1, 6)]
    codes = [type(take(held, life)[0]) for life in lives]
    assert codes == [Admitted, Admitted, Admitted, Refused, Refused]
    alpha = Author(0)
    stories = [write(alpha.who, "", alpha.place(n), message(str(n))) for n in range(4)]
    kinds = [type(take(held, story)[0]) for story in stories]
    assert kinds == [Forked, Forked, Refused, Refused]
    # The other lives, and the other stations, go on.
    assert isinstance(take(held, Author(1).write())[0], Admitted)


def test_a_second_story_is_kept_beside_the_first_whichever_comes_first() -> None:
    alpha = Author(0)
    opening = alpha.write()
    other = alpha.clone()
    one, two = alpha.write(1_000, "one"), other.write(2_000, "two")
    more = other.write(3_000, "more of the second")
    orders = []
    for arrival in permutations([one, two, more]):
        held = Record(LINE, "")
        outcomes = [o for s in (opening, *arrival) for o in take(held, s)]
        proofs = [o.proof for o in outcomes if isinstance(o, Forked) and o.proof]
        assert [{p[0].digest, p[1].digest} for p in proofs] == [{one.digest, two.digest}]
        assert len(held.order) == 4
        assert [log.id for log in held.forked()] == [alpha.log]
        orders.append([item.statement.digest for item in held.order])
        again = [held.judge(each, KEYS, START_MS) for each in (opening, *arrival)]
        assert again == [Duplicate(each.digest) for each in (opening, *arrival)]
    assert len({tuple(order) for order in orders}) == 1


def test_what_was_kept_is_taken_back_and_damage_is_told() -> None:
    said = dialogue()
    held = Record(LINE, "")
    for statement in said:
        held.restore(statement, START_MS, second_story=False)
    assert [item.statement for item in held.order] == said
    broken = Record(LINE, "")
    for second, statement in ((False, said[1]), (True, said[0])):
        with pytest.raises(LocalError) as caught:
            broken.restore(statement, START_MS, second_story=second)
        assert caught.value.code == "record.damaged"


def test_the_part_of_the_order_after_an_item() -> None:
    held = Record(LINE, "")
    for statement in dialogue():
        take(held, statement)
    assert list(held.since(None)) == list(held.order)
    for at, item in enumerate(held.order):
        assert list(held.since(item)) == held.order[at + 1 :]
