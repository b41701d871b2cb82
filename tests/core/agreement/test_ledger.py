"""The ledger gives what a slow reading of the whole record gives, in whatever steps it was fed."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from tests.core.agreement import rulepack
from tests.core.agreement.oracle import Oracle
from tests.core.agreement.rulepack import DAY, HOUR, MINUTE, PARTIES, at
from tests.examples import tries

from tieline.core.agreement.ledger import Ledger
from tieline.core.agreement.message import Message
from tieline.core.agreement.model import Deadline, Quota, Special, Validity
from tieline.core.agreement.reason import UNSETTLED, Obligation
from tieline.core.terms import RefRole

BEGIN = at(2027, 12, 10)
TRIGGERS = ("ask", "visit", "visit", "notify", "notify", "convoy", "units", "list", "nothing",
            "seal", "seal", "gift")  # fmt: skip
EFFECTS = ("waive", "contest", "hold", "resume", "hold", "resume")
STEPS = (0, 1, MINUTE, 2 * MINUTE, HOUR, 12 * HOUR, 2 * DAY, 9 * DAY)
OFFSETS = (-2 * DAY, -1, 0, 1, 36 * HOUR, 5 * DAY, 42 * DAY, 43 * DAY, 400 * DAY)
TROOPS = (0, 59, 60, 61, 300, 301, 8999, 9000, 9000, 40_000, 40_001)
Refs = tuple[tuple[RefRole, bytes], ...]


class World:
    """A line on which everything happens that rules know, by chance and near what is due."""

    def __init__(self) -> None:
        self.pack = rulepack.pack(status=rulepack.STATUS)
        self.ledger = Ledger([self.pack], PARTIES)
        self.since: int | None = None
        self.record: list[Message] = []
        self.receipts: list[tuple[bytes, str, int]] = []
        self.now = BEGIN

    def step(self, chance: Random) -> None:
        """One thing more."""
        acts = (self.begin, self.act, self.act, self.effect, self.amend, self.receive,
                self.receive, self.receive)  # fmt: skip
        self.now = self.some_time(chance) if chance.random() < 0.3 else self.now
        self.now += chance.choice(STEPS)
        if self.since is None and chance.random() < 0.2:
            self.since = BEGIN
            self.ledger.since(BEGIN)
        chance.choice(acts if self.record else (self.begin,))(chance)

    def some_time(self, chance: Random) -> int:
        """A time at which something may turn, or one beside it."""
        rows = self.ledger.obligations(self.now)[-12:]
        ends = [e for one in rows for b in (one.due, one.not_before) if b is not None
                for e in (b.earliest, b.latest) if e is not None]  # fmt: skip
        return max(chance.choice([*ends, self.now]) + chance.choice((-1, 0, 1)), 0)

    def send(self, form: str, sender: str, time_ms: int, refs: Refs, chance: Random,
             to: tuple[str, ...] = ()) -> None:  # fmt: skip
        others = [one for one in PARTIES if one != sender]
        if not to:
            to = tuple(others) if chance.random() < 0.5 else (chance.choice(others),)
        message = rulepack.message(
            len(self.record), form, sender, time_ms, to=to, refs=refs,
            fields=self.fields(form, others, chance),
        )  # fmt: skip
        self.record.append(message)
        self.ledger.admit(message)

    def seal(self, name: object, sender: str, refs: Refs, chance: Random) -> None:
        """A commitment of one round of all parties."""
        time_ms = max(self.now + chance.choice((0, -HOUR, HOUR)), 0)
        message = rulepack.message(
            ("seal", name), "seal", sender, time_ms, refs=refs, fields={"object": "2028"}
        )
        self.record.append(message)
        self.ledger.admit(message)

    def fields(self, form: str, others: list[str], chance: Random) -> dict[str, object]:
        start = max(self.now + chance.choice(OFFSETS), 0)
        made: dict[str, object] = {"kind": chance.choice(("plain", "urgent"))}
        if form in ("visit", "convoy"):
            made |= {"asked": chance.choice(others), "object": chance.choice(("1st", "2nd"))}
            if chance.random() < 0.1:
                made |= {chance.choice(("start", "until")): Special.NIL}
            elif chance.random() < 0.9:
                made["start"] = (start, chance.choice((0, 30 * MINUTE)))
                made["until"] = (start + 12 * HOUR, 0)
        elif form == "notify":
            made |= {"date": start, "last": start + chance.choice(STEPS),
                     "troops": chance.choice(TROOPS), "command": chance.choice("AB"),
                     "serial": chance.randrange(1, 9)}  # fmt: skip
        elif form == "units":
            made["troops"] = chance.choice(TROOPS)
        elif form in ("list", "verdict"):
            made["object"] = chance.choice(("1st", "2nd"))
        elif form in ("seal", "open"):
            made["object"] = chance.choice(("2028", "2029"))
        return made

    # -------------------------------------------------------------------------- what happens

    def begin(self, chance: Random) -> None:
        form = chance.choice(TRIGGERS)
        time_ms = max(self.now + chance.choice((0, 0, 0, -HOUR, HOUR)), 0)
        self.send(form, chance.choice(PARTIES), time_ms, (), chance)

    def act(self, chance: Random) -> None:
        """A debtor does what it owes, about when it is due."""
        rows = [one for one in self.ledger.obligations(self.now)
                if one.state in UNSETTLED or one.strict in UNSETTLED]  # fmt: skip
        if not rows:
            self.begin(chance)
            return
        one = chance.choice(rows[-8:])
        made = self.pack.rules[one.rule]
        form = "list"
        refs: Refs = ()
        if isinstance(made, Deadline) and made.by:
            form = chance.choice(made.by)
            if isinstance(made.link, RefRole):
                refs = ((made.link, self.version(one.trigger, chance)),)
        elif one.rule == "together":
            form, mine = "open", [m for m in self.record
                                  if m.form == "seal" and m.sender == one.debtor]  # fmt: skip
            refs = tuple((RefRole.PREDECESSOR, m.digest) for m in mine[-1:])
        to = one.creditors if chance.random() < 0.7 else (chance.choice(one.creditors),)
        time_ms = self.some_time_of(one, chance)
        self.send(form, one.debtor, time_ms, refs, chance, to=to)

    def some_time_of(self, one: Obligation, chance: Random) -> int:
        ends = [e for b in (one.due, one.not_before) if b is not None
                for e in (b.earliest, b.latest) if e is not None]  # fmt: skip
        return max(chance.choice([*ends, self.now]) + chance.choice((-1, 0, 1)), 0)

    def version(self, digest: bytes, chance: Random) -> bytes:
        """A message, or one that corrects it."""
        some = [m.digest for m in self.record if (RefRole.CORRECTS, digest) in m.refs]
        return chance.choice([digest, *some])

    def effect(self, chance: Random) -> None:
        form, sender = chance.choice(EFFECTS), chance.choice(PARTIES)
        role = chance.choice((RefRole.CONCERNS, RefRole.PREDECESSOR))
        refs: Refs = ((role, chance.choice(self.record[-8:]).digest),)
        if chance.random() < 0.25:
            form, refs = chance.choice(("suspend", "resume", "contest")), ()
        held = [m for m in self.record if m.form in ("hold", "suspend")]
        if form == "resume" and held and chance.random() < 0.5:
            one = chance.choice(held)
            sender, refs = one.sender, ((role, one.digest),)
        time_ms = self.some_time(chance) if chance.random() < 0.4 else self.now
        self.send(form, sender, time_ms, refs, chance)

    def amend(self, chance: Random) -> None:
        """The sender corrects, cancels, supersedes or affirms something of its own."""
        role = chance.choice((RefRole.CORRECTS, RefRole.CORRECTS, RefRole.CANCELS,
                              RefRole.SUPERSEDES, RefRole.CONCERNS))  # fmt: skip
        one = chance.choice(self.record[-12:])
        refs: Refs = ((role, one.digest),)
        if chance.random() < 0.7:
            refs += tuple(ref for ref in one.refs if ref[0] is RefRole.ANSWERS)
        form = one.form if chance.random() < 0.8 else "reply"
        time_ms = self.some_time(chance) if chance.random() < 0.4 else self.now
        self.send(form, one.sender, time_ms, refs, chance)

    def receive(self, chance: Random) -> None:
        message = chance.choice(self.record[-8:])
        when = message.time_ms + chance.choice((0, MINUTE, HOUR, 2 * DAY, -MINUTE, -HOUR))
        if chance.random() < 0.3:
            when = self.some_time(chance)
        for party in PARTIES if chance.random() < 0.6 else (chance.choice(PARTIES),):
            self.receipts.append((message.digest, party, max(when, 0)))
            self.ledger.receipt(*self.receipts[-1])

    # ------------------------------------------------------------------------------ checking

    def check(self, now: int) -> None:
        """Engine and oracle say the same of everything."""
        oracle = Oracle(self.pack, PARTIES, self.record, self.receipts, self.since, now)
        rows = self.ledger.obligations(now)
        assert {one.id: told(one) for one in rows} == oracle.obligations()
        loose = [one.id for one in rows if one.state in UNSETTLED]
        found = self.ledger.obligations(now, open_only=True)
        assert sorted(loose) == sorted(one.id for one in found)
        some = {one.digest for one in self.record[::3]}
        about = [one for one in rows if one.trigger in some or one.by in some]
        assert self.ledger.about(some, now) == about
        for one in rows:
            assert self.ledger.explain(one.id, now) is not None
        for state in self.ledger.quotas(now):
            made = self.pack.rules[state.rule]
            assert isinstance(made, Quota)
            said = (state.used, state.pending, state.limit, list(state.over))
            assert said == oracle.quota(made, state.party, state.last_year), state
        for window in self.ledger.validities(now):
            kind = self.pack.rules[window.rule]
            assert isinstance(kind, Validity)
            said_of = oracle.validity(kind, oracle.known[window.message])
            assert (window.state.value, window.until_ms) == said_of, window

    def check_in_another_order(self, chance: Random) -> None:
        """Causes first, but else by chance, all at once, and receipts before their messages."""
        other = Ledger([self.pack], PARTIES)
        if self.since is not None:
            other.since(self.since)
        for receipt in chance.sample(self.receipts, len(self.receipts)):
            other.receipt(*receipt)
        for message in shuffled(self.record, chance):
            other.admit(message)
        for now in (self.now, self.now + 60 * DAY, self.now - DAY):
            assert other.obligations(now) == self.ledger.obligations(now)
            assert other.quotas(now) == self.ledger.quotas(now)
            assert other.validities(now) == self.ledger.validities(now)
            assert other.exchanges(now) == self.ledger.exchanges(now)
            assert other.calendar(now, now + 90 * DAY, now) == self.ledger.calendar(
                now, now + 90 * DAY, now
            )
        assert other.round_states() == self.ledger.round_states()
        assert other.questions() == self.ledger.questions()
        assert other.serial_gaps() == self.ledger.serial_gaps()
        assert other.lacking() == self.ledger.lacking()


def told(one: Obligation) -> object:
    opens = (None, None)
    if one.not_before is not None:
        opens = (one.not_before.earliest, one.not_before.latest)  # type: ignore[assignment]
    return one.state.value, one.strict.value, (one.due.earliest, one.due.latest), opens


def shuffled(record: list[Message], chance: Random) -> list[Message]:
    """Another order in which what is cited comes first."""
    left, out, seen = list(record), [], set[bytes]()
    while left:
        one = chance.choice([one for one in left if all(d in seen for _, d in one.refs)])
        left.remove(one)
        out.append(one)
        seen.add(one.digest)
    return out


class Lines(RuleBasedStateMachine):
    """The same world, its steps chosen and made fewer by Hypothesis."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @rule(seeds=st.lists(st.integers(0, 2**16), min_size=1, max_size=4))
    def go_on(self, seeds: list[int]) -> None:
        for seed in seeds:
            self.world.step(Random(seed))

    @rule(seed=st.integers(0, 2**16))
    def ask(self, seed: int) -> None:
        self.world.check(self.world.some_time(Random(seed)))

    def teardown(self) -> None:
        self.world.check(self.world.now)
        self.world.check_in_another_order(Random(len(self.world.record)))


# Shrinking runs both readings hundreds of times over; a failing run names its steps as it is.
Lines.TestCase.settings = settings(
    max_examples=tries(8), stateful_step_count=15, deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)  # fmt: skip
TestLines = Lines.TestCase


@settings(max_examples=tries(20), deadline=None)
@given(chance=st.randoms(use_true_random=False), count=st.integers(1, 24))
def test_which_of_many_commitments_binds_hangs_on_no_order(chance: Random, count: int) -> None:
    """Sealed over and over, taken back or replaced, and had by the others whenever."""
    world = World()
    for number in range(count):
        world.now += chance.choice(STEPS[:6])
        before = [one for one in world.record if one.form == "seal" and one.sender == "ALPHA"]
        cited = chance.choice(before) if before and chance.random() < 0.5 else None
        role = chance.choice((RefRole.CANCELS, RefRole.SUPERSEDES, RefRole.CORRECTS))
        world.seal(number, "ALPHA", () if cited is None else ((role, cited.digest),), chance)
        if chance.random() < 0.2:
            world.seal(("other", number), chance.choice(PARTIES[1:]), (), chance)
        for _ in range(chance.randrange(3)):
            world.receive(chance)
        if chance.random() < 0.3:
            world.act(chance)
            world.check(world.now)
    world.check(world.now)
    world.check_in_another_order(chance)


def test_who_took_back_many_commitments_is_bound_by_the_next() -> None:
    world, chance = World(), Random(0)
    for number in range(9):
        world.seal(number, "ALPHA", (), chance)
        if number < 8:
            seal = ((RefRole.CANCELS, world.record[-1].digest),)
            world.seal(("back", number), "ALPHA", seal, chance)
    (found,) = world.ledger.round_states()
    assert found.commitments == (("ALPHA", rulepack.digest(("seal", 8))),)
    assert len(found.second) == 8


@pytest.mark.parametrize("seed", range(20))
def test_a_long_record_by_chance(seed: int) -> None:
    chance, world = Random(seed), World()
    for turn in range(70):
        world.step(chance)
        if turn % 6 == 5:
            world.check(world.some_time(chance))
    world.check(world.now)
    world.check_in_another_order(chance)
