"""The states of alarms, played at random against a model that is written otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.examples import tries

from tieline.core.heed import Does, Heed
from tieline.core.journal import Alarm, Fact, FactKind, StateChange
from tieline.core.terms import Precedence
from tieline.node.alarmbook import AlarmBook, Ring, State, sounds

LINE = bytes(range(16))
PEER = bytes(32)
CODES = {
    "arrived.flash": Precedence.FLASH,
    "arrived.immediate": Precedence.IMMEDIATE,
    "overdue.received": Precedence.PRIORITY,
    "key.expires_30d": Precedence.ROUTINE,
    "record.two_heads": Precedence.FLASH,
}
FAULT = 60_000


@dataclass
class Known:
    """What the model knows of one alarm."""

    code: str
    since: int
    item: int = -1
    shelved: tuple[int, int] | None = None
    seen: bool = False


class Watch(RuleBasedStateMachine):
    """An officer's watch. The model keeps intervals; the book keeps facts."""

    def __init__(self) -> None:
        super().__init__()
        self.facts: list[Fact] = []
        self.book = AlarmBook(FAULT)
        self.now = 1_000_000
        self.model: dict[int, Known] = {}
        self.silence = (0, 0, 0)
        self.down = 0

    def put(self, kind: FactKind, body: bytes, line: bytes = b"") -> int:
        fact = Fact(kind=kind, at_ms=self.now, line=line, body=body)
        self.facts.append(fact)
        self.book.take(len(self.facts), fact)
        return len(self.facts)

    def heed(self, heed: Heed) -> int:
        return self.put(FactKind.HEED, heed.encode())

    @rule(code=st.sampled_from(sorted(CODES)), item=st.integers(0, 2))
    def ring(self, code: str, item: int) -> None:
        alarm = Alarm(code=code, precedence=CODES[code], text="x", item=bytes([item]) * 32)
        number = self.put(FactKind.ALARM, alarm.encode(), LINE)
        if not any((known.code, known.item) == (code, item) for known in self.model.values()):
            self.model[number] = Known(code, self.now, item)

    @rule(bad=st.booleans())
    def line(self, bad: bool) -> None:
        change = StateChange(
            station=PEER, state="down" if bad else "up", cause="", since_ms=self.now
        )
        number = self.put(FactKind.STATE, change.encode(), LINE)
        if bad and not self.down:
            self.down = number
            self.model[number] = Known("line.down", self.now)
        elif not bad and self.down:
            del self.model[self.down]
            self.down = 0

    @rule(ms=st.sampled_from([1, 1_000, 29_999, 30_000, 60_000, 3_600_000]))
    def wait(self, ms: int) -> None:
        self.now += ms

    @rule(ms=st.sampled_from([1, 20_000, 4_000_000]))
    def clock_goes_back(self, ms: int) -> None:
        self.now = max(0, self.now - ms)

    @rule()
    def silence_all(self) -> None:
        until = self.now + 30_000
        number = self.heed(Heed(does=Does.SILENCED, officer="B", until_ms=until))
        self.silence = (number, self.now, until)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), hours=st.integers(1, 8))
    def shelve(self, data: st.DataObject, hours: int) -> None:
        number = data.draw(st.sampled_from(sorted(self.model)))
        until = self.now + hours * 3_600_000
        self.heed(Heed(does=Does.SHELVED, about=number, until_ms=until, text="why"))
        self.model[number].shelved = (self.now, until)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def see(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.model)))
        self.heed(Heed(does=Does.SEEN, about=number, text="yes"))
        if number == self.down:
            self.model[number].seen = True
        else:
            del self.model[number]

    @rule()
    def restart(self) -> None:
        book = AlarmBook(FAULT)
        for number, fact in enumerate(self.facts, 1):
            book.take(number, fact)
        self.book = book

    def expected(self, number: int, known: Known) -> State:
        if known.seen:
            return State.SEEN
        line = known.code == "line.down"
        if line and 0 <= self.now - known.since < FAULT:
            return State.PENDING
        if known.code == "key.expires_30d":
            return State.QUIET
        if known.shelved and known.shelved[0] <= self.now < known.shelved[1]:
            return State.SHELVED
        by, at, until = self.silence
        rang = known.since + (FAULT if line else 0)
        silent = at <= self.now < until and number < by and rang <= at
        return State.SILENCED if silent else State.SOUNDING

    @invariant()
    def the_book_says_what_the_model_says(self) -> None:
        rings: dict[int, Ring] = {ring.number: ring for ring in self.book.rings.values()}
        assert rings.keys() == self.model.keys()
        for number, known in self.model.items():
            assert self.book.state(rings[number], self.now) is self.expected(number, known)
        tone, some = sounds((r, self.book.state(r, self.now)) for r in rings.values())
        loud = {n for n, k in self.model.items() if self.expected(n, k) is State.SOUNDING}
        assert {ring.number for ring in some} == loud
        urgent = {"arrived.flash", "record.two_heads"}
        assert (tone == "flash") == any(self.model[n].code in urgent for n in loud)
        # Silence is short: what was silenced sounds again when 30 seconds are over.
        for ring in rings.values():
            if self.book.state(ring, self.now) is State.SILENCED:
                later = self.book.state(ring, self.now + 30_000)
                assert later in (State.SOUNDING, State.SHELVED)

    @invariant()
    def it_says_when_time_alone_changes_it(self) -> None:
        soon = self.book.next_ms(self.now) or self.now + 3_600_000
        for ring in self.book.rings.values():
            for moment in (self.now, (self.now + soon) // 2, soon - 1):
                if moment >= self.now:
                    state = self.book.state(ring, self.now)
                    assert self.book.state(ring, moment) is state


TestWatch = Watch.TestCase
TestWatch.settings = settings(max_examples=tries(20), stateful_step_count=20, deadline=None)
