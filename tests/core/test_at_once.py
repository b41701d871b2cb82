"""Many statements of one log that come at once are judged as each of them would be by itself.

What plainly continues a log is judged by what the statement before it was. Whatever is wrong in
the midst of it, the record, the journal, what is told to whom and every refusal are as without.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.world import START_MS, Net, Post, answer, clocks, kit, kits, message, write
from tests.examples import tries

from tieline.core import sync
from tieline.core.events import Arrived
from tieline.core.record import Record
from tieline.core.statement import Body, Content, Place
from tieline.core.terms import Kind, Precedence

COUNT = 30
GONE = bytes(16)


def met() -> Net:
    """Three stations that have opened their logs and spoken; C is heard of and not connected."""
    net = Net(kits(3))
    alpha, bravo, charlie = net
    net.connect(alpha, bravo)
    net.connect(bravo, charlie)
    for post in net:
        post.speak(message("a word"))
        net.deliver()
    net.pass_time(30)
    return net


def contents(chance: random.Random, known: list[bytes]) -> Content:
    text = "x" * chance.choice((3, 30, 300))
    match chance.randrange(8):
        case 0:
            return answer(Kind.ACKNOWLEDGE, chance.choice(known))
        case 1:
            return Content(kind=Kind.WATCH, body=Body(staffed=chance.random() < 0.5))
        case 2:
            return replace(message(text), to=("ALPHA",), wants=chance.choice((0, 3, 7)))
        case _:
            return message(text, chance.choice([*Precedence]))


def story(net: Net, chance: random.Random) -> list[bytes]:
    """What B pushes: its log from its end on, with something wrong here and there."""
    line, bravo = net.post("ALPHA").line, kit("BRAVO").stations[0]
    log = next(log for log in line.record.logs.values() if log.station == bravo.id)
    known = [*line.record.by_digest]
    tips = [
        digest[:16]
        for digest in known
        if digest not in {item.statement.digest for item in log.items}
    ]
    raws: list[bytes] = []
    previous, position, charter = log.head, log.size, 1
    for _ in range(COUNT):
        place = Place(
            line=line.id, station=bravo.id, incarnation=log.incarnation, position=position,
            previous=previous, seen=(), time_ms=START_MS + chance.choice((0, 60_000, 10**9)),
            charter=charter,
        )  # fmt: skip
        wrong = chance.choice((*["nothing"] * 9, *WRONG))
        who = kit("CHARLIE").stations[0] if wrong == "forged" else bravo
        told = chance.choice((previous, known[0], bytes(32)))
        changes: dict[str, dict[str, Any]] = {
            "seen": {"seen": (chance.choice([*tips, GONE]),)},
            "version": {"charter": 2},
            "line": {"line": bytes(16)},
            "life": {"incarnation": bytes(8)},
            "station": {"station": kit("DELTA").stations[0].id},
            "chain": {"previous": told},
            "number": {"position": position + chance.choice((1, 2, 2**40))},
        }
        made = write(who, "", replace(place, **changes.get(wrong, {})), contents(chance, known))
        raw = made.raw
        if wrong == "bytes":
            at = chance.randrange(len(raw))
            raw = raw[:at] + bytes((raw[at] ^ 1 << chance.randrange(8),)) + raw[at + 1 :]
        raws.append(raw)
        if wrong == "twice":
            raws.append(raw)
        if wrong == "story":
            raws.append(write(bravo, "", place, message("another story")).raw)
        if wrong == "lost":
            raws.pop()
        if wrong in {"nothing", "twice", "story", "lost", "seen", "early"} or chance.random() < 0.2:
            previous, position = made.digest, position + 1
            known.append(made.digest)
        if wrong == "early" and len(raws) > 1:
            raws[-1], raws[-2] = raws[-2], raws[-1]
    return raws


WRONG = ("forged", "bytes", "seen", "version", "line", "life", "station", "chain", "number",
         "twice", "story", "lost", "early")  # fmt: skip


def taken(seed: int, share: int, *, singly: bool) -> tuple[object, ...]:
    """All that comes of it at A."""
    with pytest.MonkeyPatch.context() as patch:
        if singly:
            patch.setattr(Record, "_is_next", lambda *_: False)
        net = met()
        alpha, bravo = net.post("ALPHA"), net.post("BRAVO")
        raws = story(net, random.Random(seed))
        known = len(alpha.facts)
        sent: list[tuple[object, ...]] = []
        for start in range(0, len(raws), share):
            push = sync.Push(alpha.line.id, tuple(raws[start : start + share]))
            came = Arrived(carrier="wire", peer=bravo.who.id, envelope=sync.pack(push), live=True)
            alpha.step(came)
            sent += [(one.peer, one.envelope) for one in alpha.out]
            alpha.out.clear()
            net.ms += 400
        return (*seen_by(alpha), tuple(alpha.facts[known:]), tuple(sent))


def seen_by(post: Post) -> tuple[object, ...]:
    """What a station knows of its line."""
    line = post.line
    record = line.record
    return (
        tuple(item.key for item in record.order),
        tuple((item.statement.raw, item.second_story, item.admitted_ms) for item in record.order),
        {name: (log.size, log.size and log.tree.root(), tuple(log.leaves), tuple(log.forks))
         for name, log in record.logs.items()},
        {name: {other: (*map(tuple, read),) for other, read in log.seen.items()}
         for name, log in record.logs.items()},
        record.held,
        clocks(line.ladder),
        dict(line.relayable), list(line.relay_queue),
        {station: (peer.theirs, peer.shared) for station, peer in line.peers.items()},
        [*line.alarms], line.neglected, sorted(line.unstaffed),
    )  # fmt: skip


@settings(max_examples=tries(40), deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1, 4, COUNT * 2]))
def test_what_comes_at_once_is_judged_as_one_by_one(seed: int, share: int) -> None:
    assert taken(seed, share, singly=False) == taken(seed, share, singly=True)


def test_what_is_wrong_in_the_midst_is_refused_and_what_stood_before_it_is_kept() -> None:
    """The property above has it all: each kind of refusal comes in it, and most is taken."""
    codes, sizes = set[str](), set[int]()
    for seed in range(40):
        net = met()
        alpha, bravo = net.post("ALPHA"), net.post("BRAVO")
        raws = story(net, random.Random(seed))
        before = len(alpha.line.record.refs)
        push = sync.Push(alpha.line.id, tuple(raws))
        alpha.step(Arrived(carrier="wire", peer=bravo.who.id, envelope=sync.pack(push)))
        codes |= set(alpha.refusals())
        sizes.add(len(alpha.line.record.refs) - before)
    assert {
        "statement.forged",
        "statement.other_line",
        "statement.chain",
        "statement.stranger",
    } <= codes
    assert max(sizes) > COUNT // 2
