"""The journal: every fact reads back as it was written, and gives the same station again."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.world import Net, Post, answer, found, kit, kits, message, sign_all
from tests.examples import tries

from tieline.core import charter as charters
from tieline.core import encode, journal, sync
from tieline.core.charter import Clocks
from tieline.core.charter import Release as Rules
from tieline.core.encode import Value
from tieline.core.errors import LocalError, RemoteError
from tieline.core.events import Arrived, Discard, Failed, Release, Trouble
from tieline.core.journal import (
    Alarm,
    Attempt,
    Fact,
    FactKind,
    Handed,
    Lived,
    Origin,
    Refusal,
    StateChange,
)
from tieline.core.line import Line
from tieline.core.statement import Body, Content, Ref
from tieline.core.succession import amend
from tieline.core.terms import Kind, Precedence, RefRole, Role, Rung

short = st.text(max_size=20)
ids = st.binary(min_size=8, max_size=8)
FACTS = st.one_of(
    st.builds(
        Origin,
        carrier=short,
        peer=ids | st.just(b""),
        key=short,
        officer=short,
        draft=st.integers(0, 2**48),
        releaser=short,
    ),
    st.builds(
        Alarm,
        code=short,
        precedence=st.sampled_from(Precedence),
        text=short,
        item=st.binary(max_size=32),
        party=st.text("ABC", max_size=12),
        rung=st.none() | st.sampled_from(Rung),
    ),
    st.builds(Attempt, station=ids, carrier=short, address=short, outcome=short, cause=short),
    st.builds(StateChange, station=ids, state=short, cause=short, since_ms=st.integers(0, 2**48)),
    st.builds(Refusal, code=short, text=short, carrier=short, peer=ids | st.just(b"")),
    st.builds(Handed, station=ids, carrier=short, items=st.lists(ids, max_size=3).map(tuple)),
    st.builds(Lived, incarnation=ids, tag=ids | st.just(b""), cause=short, closed=st.booleans()),
)


@given(FACTS)
def test_a_fact_reads_back_as_it_was_written(fact: Any) -> None:
    assert type(fact).decode(fact.encode()) == fact


def test_no_cause_however_long_or_broken_keeps_a_station_from_starting_again() -> None:
    """An error of the world around us goes into the journal, and comes out of it."""
    hostile = "\udcff" + "x" * 100_000
    net = Net(kits(2))
    alpha, bravo = net.post("ALPHA"), net.post("BRAVO")
    net.fail(alpha, bravo, hostile)
    net.connect(alpha, bravo)
    net.cut(alpha, bravo, hostile)
    alpha.step(Failed(carrier="wire", peer=bravo.who.id, address=hostile, cause=""))
    alpha.step(Trouble(code="disk." + hostile, text=hostile))
    alpha.step(Trouble(code="disk.empty", text=""))
    alpha.speak(message(precedence=Precedence.FLASH))
    net.fail(alpha, bravo, hostile)
    net.pass_time(601)
    assert alpha.statements(Kind.SILENCE)
    again = alpha.reload()
    assert again.lines[alpha.line.id].record.order
    kept = [Attempt.decode(f.body) for f in alpha.facts if f.kind == FactKind.ATTEMPT]
    assert max(len(attempt.cause) for attempt in kept) == 2_000
    assert kept[0].cause.startswith("?x")


@given(FACTS, st.binary(max_size=40))
def test_a_damaged_fact_is_refused_and_never_a_defect(fact: Any, noise: bytes) -> None:
    encoded = fact.encode()
    for data in (encoded + b"\0", encoded[:-1], b"\x80"):
        if data or type(fact) is not Origin:
            with pytest.raises(RemoteError):
                type(fact).decode(data)
    with suppress(RemoteError):
        type(fact).decode(noise)


@pytest.mark.parametrize(("key", "value"), [(2, 0), (2, 5), (6, 6)])
def test_an_alarm_of_no_precedence_and_of_no_rung_is_refused(key: int, value: int) -> None:
    good: dict[int, Value] = {1: "disk.full", 2: 4, 3: "the disk is full"}
    assert Alarm.decode(encode.dumps(good)).precedence is Precedence.FLASH
    with pytest.raises(RemoteError) as caught:
        Alarm.decode(encode.dumps({**good, key: value}))
    assert caught.value.code == "journal_alarm.field"


@settings(max_examples=tries(200))
@given(
    st.builds(
        Alarm,
        code=st.sampled_from(["arrived.flash", "overdue.read_back", "Odd", "x" * 23, "x" * 24]),
        precedence=st.sampled_from(Precedence),
        text=st.text(max_size=40) | st.text("ab\u0436", min_size=200, max_size=300),
        item=st.binary(min_size=32, max_size=32) | st.binary(max_size=33),
        party=st.sampled_from(["", "ALPHA", "B"]),
        rung=st.none() | st.sampled_from(Rung),
        about=st.binary(max_size=33),
    ),
    st.lists(st.tuples(st.integers(0, 400), st.integers(-1, 255)), max_size=2),
)
def test_an_alarm_read_at_sight_is_the_one_that_is_read_by_item(
    alarm: Alarm, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(alarm.encode())
    for at, value in changes:
        if value < 0:
            del data[at % len(data)]
        else:
            data[at % len(data)] = value
    try:
        wanted: object = journal._alarm_by_item(bytes(data))
    except RemoteError as error:
        wanted = error.code, error.message
    try:
        found: object = Alarm.decode(bytes(data))
    except RemoteError as error:
        found = error.code, error.message
    assert found == wanted


def test_the_alarm_of_a_statement_is_read_at_sight() -> None:
    alarm = Alarm(
        code="arrived.immediate", precedence=Precedence.IMMEDIATE, item=ITEM, party="BRAVO",
        text="IMMEDIATE from BRAVO, written 151440Z NOV 22: acknowledge it",
    )  # fmt: skip
    for one in (alarm, replace(alarm, rung=Rung.READ_BACK), replace(alarm, about=b"a", party="")):
        assert journal._alarm_at_sight(one.encode()) == one


ITEM = bytes(range(32))
FORMS = [
    (Origin(carrier="tls", peer=b"p" * 8, key="k", officer="Ada", draft=2**48, releaser="Bob"),
     {1: "tls", 2: b"p" * 8, 3: "k", 4: "Ada", 5: 2**48, 6: "Bob"}),
    (Origin(), {}),
    (Alarm(code="c", precedence=Precedence.FLASH, text="t", item=ITEM, party="ALPHA",
           rung=Rung.PASSED_ON, about=b"a"),
     {1: "c", 2: 4, 3: "t", 4: ITEM, 5: "ALPHA", 6: 5, 7: b"a"}),
    (Alarm(code="c", precedence=Precedence.ROUTINE, text="t"), {1: "c", 2: 1, 3: "t"}),
    (Attempt(station=b"s" * 8, carrier="tls", address="host", outcome="failed", cause="why"),
     {1: b"s" * 8, 2: "tls", 3: "host", 4: "failed", 5: "why"}),
    (StateChange(station=b"s" * 8, state="down", cause="why", since_ms=2**60),
     {1: b"s" * 8, 2: "down", 3: "why", 4: 2**60}),
    (Refusal(code="c", text="t", carrier="tls", peer=b"p" * 8),
     {1: "c", 2: "t", 3: "tls", 4: b"p" * 8}),
    (Handed(station=b"s" * 8, carrier="tls", items=(ITEM,)), {1: b"s" * 8, 2: "tls", 3: (ITEM,)}),
    (Lived(incarnation=b"i" * 8, tag=b"t", cause="why", closed=True),
     {1: b"i" * 8, 2: b"t", 3: "why", 4: True}),
    (Lived(incarnation=b"i" * 8), {1: b"i" * 8}),
]  # fmt: skip


@pytest.mark.parametrize(("fact", "form"), FORMS)
def test_the_forms_in_the_journal_never_change(fact: Any, form: dict[int, Any]) -> None:
    """A store of yesterday is read by the program of tomorrow."""
    assert encode.loads(fact.encode()) == form
    assert type(fact).decode(encode.dumps(form)) == fact


def test_the_kinds_of_facts_keep_their_numbers() -> None:
    names = (
        "CHARTER STATEMENT SECOND_STORY RECEIPT DRAFT SETTLED HANDED_OVER ATTEMPT ALARM STATE"
        " REFUSED LIFE NOTE PROOF HEED"
    )
    assert [(kind.name, kind.value) for kind in FactKind] == [
        (name, number) for number, name in enumerate(names.split(), 1)
    ]


def test_what_the_world_says_is_cut_to_the_length_that_reads() -> None:
    long = "x" * 3_000
    attempt = Attempt(station=b"s", carrier=long, address=long, outcome="failed", cause=long)
    refusal = Refusal(code=long, text=long, carrier=long)
    alarm = Alarm(code=long, precedence=Precedence.FLASH, text=long)
    kept = Attempt.decode(attempt.encode())
    assert (len(kept.carrier), len(kept.address), len(kept.cause)) == (64, 300, 2_000)
    told = Refusal.decode(refusal.encode())
    assert (len(told.code), len(told.text), len(told.carrier)) == (64, 2_000, 64)
    rung = Alarm.decode(alarm.encode())
    assert (len(rung.code), len(rung.text)) == (64, 2_000)
    late = StateChange(station=b"s", state="up", cause=long, since_ms=0)
    assert len(StateChange.decode(late.encode()).cause) == 2_000
    assert len(Lived.decode(Lived(incarnation=b"i", cause=long).encode()).cause) == 2_000
    assert len(Origin.decode(Origin(carrier=long).encode()).carrier) == 64
    assert len(Handed.decode(Handed(station=b"s", carrier=long, items=()).encode()).carrier) == 64


def test_the_cause_of_an_alarm_tells_its_party_rung_and_second_thing() -> None:
    plain = Alarm(code="c", precedence=Precedence.FLASH, text="t", item=ITEM)
    assert plain.cause == ("c", ITEM, "", 0)
    full = replace(
        plain, party="ALPHA", rung=Rung.RECEIVED, about=bytes.fromhex("0123456789abcdef")
    )
    assert full.cause == ("c.0123456789abcdef", ITEM, "ALPHA", 2)
    assert replace(full, about=full.about + b"more").cause == full.cause


# ------------------------------------------------------------------------ the station again


def picture(post: Post, line: Line) -> dict[str, object]:
    """Everything that an officer is shown or a peer is promised."""
    ladder = line.ladder
    items = line.record.order
    return {
        "order": [(item.statement.raw, item.admitted_ms, item.second_story) for item in items],
        "logs": {name: (g.size, g.head, g.tree.root()) for name, g in line.record.logs.items()},
        "rungs": [
            [ladder.rungs(item, party.code) for party in line.charter.parties] for item in items
        ],
        "overdue": {name: set(found) for name, found in ladder.overdue.items() if found},
        "receipts": list(ladder.latest_receipts()),
        "drafts": line.drafts,
        "last_draft": line.last_draft,
        "keys": line.keys,
        "released": line.released,
        "suspended": {code: word.cause for code, word in line.suspended.items()},
        "unstaffed": {code: word.cause for code, word in line.unstaffed.items()},
        "neglected": line.neglected,
        "replaced": line.replaced,
        "assents": line.assents,
        "tests": line.tests,
        "alarms": line.alarms,
        "charters": {v: signed.encode() for v, signed in line.charters.items()},
        "own": (line.incarnation, line.own_log, line.party),
        "flags": [line.flags(item) for item in items],
    }  # fmt: skip


ACTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["say", "flash", "answer", "release", "discard", "suspend", "resume", "watch",
             "correct", "joint", "assent", "cut", "connect", "wait", "long", "amend", "trouble",
             "clone"]
        ),
        st.integers(0, 2),
        st.integers(0, 9),
    ),
    max_size=25,
)  # fmt: skip


class Life:
    """Things happen in any order; what the rules forbid is refused, and that is fine."""

    def __init__(self) -> None:
        parties = (kit("ALPHA", ("main", "spare")), kit("BRAVO"))
        rules = Rules(four_eyes=frozenset({Precedence.FLASH}))
        tests = charters.Tests(interval_s=3600, window_s=600)
        self.net = Net(parties, found(parties, release=rules, tests=tests))
        self.posts = list(self.net)
        self.version = self.net.signed

    def do(self, act: str, who: int, what: int) -> None:
        post = self.posts[who]
        with suppress(LocalError, RemoteError):
            getattr(self, f"_{act}")(post, what)
        self.net.deliver()

    def target(self, post: Post, what: int) -> bytes:
        order = post.order()
        return order[what % len(order)]

    def _say(self, post: Post, what: int) -> None:
        post.speak(message(f"say {what}"), key=f"k{what}" if what % 3 == 0 else "")

    def _flash(self, post: Post, what: int) -> None:
        post.speak(message(f"flash {what}", Precedence.FLASH), key=f"f{what}")

    def _answer(self, post: Post, what: int) -> None:
        kind = (Kind.ACKNOWLEDGE, Kind.READ_BACK, Kind.PASS_ON)[what % 3]
        theirs = [
            s.digest for s in (i.statement for i in post.line.record.order)
            if s.content.kind is Kind.MESSAGE
        ]  # fmt: skip
        if theirs:
            post.speak(answer(kind, theirs[what % len(theirs)]))

    def _release(self, post: Post, what: int) -> None:
        for draft in list(post.line.drafts)[:1]:
            post.act(Release(token=0, line=post.line.id, draft=draft, officer="Bob"))

    def _discard(self, post: Post, what: int) -> None:
        for draft in list(post.line.drafts)[:1]:
            post.act(Discard(token=0, line=post.line.id, draft=draft, officer="Ada"))

    def _suspend(self, post: Post, what: int) -> None:
        post.speak(Content(kind=Kind.SUSPEND, body=Body(cause=f"cause {what}")))

    def _resume(self, post: Post, what: int) -> None:
        post.speak(Content(kind=Kind.RESUME))

    def _watch(self, post: Post, what: int) -> None:
        post.speak(Content(kind=Kind.WATCH, body=Body(staffed=what % 2 == 0)))

    def _correct(self, post: Post, what: int) -> None:
        ref = Ref(self.target(post, what), RefRole(2 + what % 3))
        post.speak(replace(message("corrected"), refs=(ref,)))

    def _joint(self, post: Post, what: int) -> None:
        body = Body(text="both", lang="en", parties=("ALPHA", "BRAVO"))
        post.speak(Content(kind=Kind.JOINT, body=body, role=Role.TREATY_OFFICER))

    def _assent(self, post: Post, what: int) -> None:
        for joint in post.statements(Kind.JOINT):
            post.speak(answer(Kind.ASSENT, joint.digest))

    def _cut(self, post: Post, what: int) -> None:
        other = self.posts[(self.posts.index(post) + 1) % 3]
        self.net.cut(post, other)

    def _connect(self, post: Post, what: int) -> None:
        self.net.connect(post, self.posts[(self.posts.index(post) + 1) % 3])

    def _wait(self, post: Post, what: int) -> None:
        self.net.pass_time(what)

    def _long(self, post: Post, what: int) -> None:
        self.net.pass_time(700 * (1 + what))

    def _amend(self, post: Post, what: int) -> None:
        newer = amend(self.version.charter, clocks=Clocks(flash=(60 + what,) * 5))
        self.version = sign_all(newer, self.net.parties)
        post.install(self.version)

    def _trouble(self, post: Post, what: int) -> None:
        post.step(Trouble(code=f"test.{what}", text="something is wrong with the disk"))

    def _clone(self, post: Post, what: int) -> None:
        """Two machines with one key and one life: a second story, if both speak."""
        twin = Post(post.who, post.realm, self.net)
        twin.facts = list(post.facts)
        twin.station = twin.reload()
        twin.speak(message(f"from a copy {what}"))
        told = twin.line.record.logs[twin.line.own_log].items[-1].statement

        push = sync.pack(sync.Push(post.line.id, (told.raw,)))
        for other in self.posts:
            if other is not post:
                other.step(Arrived(carrier="wire", peer=post.who.id, envelope=push))


@given(ACTS)
@settings(max_examples=tries(20))
def test_replayed_the_journal_gives_the_same_station(
    acts: list[tuple[str, int, int]],
) -> None:
    life = Life()
    for act in acts:
        life.do(*act)
    for post in life.posts:
        again = post.reload()
        assert again.lines.keys() == post.station.lines.keys()
        line = again.lines[post.line.id]
        before, after = picture(post, post.line), picture(post, line)
        for what in before:
            assert after[what] == before[what], what
        # A second replay, and one of what the first wrote down, say the same.
        assert picture(post, post.reload().lines[line.id]) == after


def test_a_journal_cut_at_any_turn_is_a_station_that_goes_on() -> None:
    """Whatever was durable when the lights went out, the rest comes back from the peers."""
    net = Net(kits(2))
    net.connect_all()
    alpha, bravo = net.post("ALPHA"), net.post("BRAVO")
    turns = [len(bravo.facts)]
    for number in range(4):
        alpha.speak(message(f"number {number}"))
        net.deliver()
        turns.append(len(bravo.facts))
    everything = bravo.order()
    facts = list(bravo.facts)
    for end in turns:
        bravo.facts = facts[:end]
        net.restart(bravo)
        assert bravo.order() == everything[: len(bravo.order())]
        net.connect(alpha, bravo)
        net.pass_time(10)
        assert bravo.order() == everything
        assert alpha.line.ladder.covered(alpha.line.own_log, bravo.who.id) == 5
        bravo.facts = facts[:end]


def test_a_damaged_statement_in_the_journal_is_told_and_not_passed_over() -> None:
    net = Net(kits(2))
    net.connect_all()
    alpha = net.post("ALPHA")
    alpha.speak(message("to be damaged"))
    at = max(n for n, fact in enumerate(alpha.facts) if fact.kind == FactKind.STATEMENT)
    good = alpha.facts[at]
    for position in range(0, len(good.body), 3):
        body = bytearray(good.body)
        body[position] ^= 1
        alpha.facts[at] = replace(good, body=bytes(body))
        try:
            station = alpha.reload()
        except (LocalError, RemoteError):
            continue
        # Left is only what a signature covers, which the audit checks: 'tieline verify'.
        raw = station.lines[alpha.line.id].record.order[-1].statement.raw
        assert raw == bytes(body)
    alpha.facts[at:] = []
    lost: list[Fact] = [fact for fact in alpha.facts if fact.kind != FactKind.STATEMENT]
    alpha.facts = [*lost, good]
    with pytest.raises(LocalError) as caught:
        alpha.reload()
    assert caught.value.code == "record.damaged"
