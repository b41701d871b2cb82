"""Lines that were played, and evidence made of them: shared by the tests of evidence."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.core.world import START_MS, Net, PartyKit, Post, answer, found, kit, message, write

from tieline.core import sync
from tieline.core.checkpoint import SignedNote, body, log_signature, origin
from tieline.core.errors import TielineError
from tieline.core.events import Arrived
from tieline.core.evidence import Header, Scope
from tieline.core.evidence_facts import Report
from tieline.core.evidence_reader import read
from tieline.core.evidence_writer import Source, Writer
from tieline.core.line import Line
from tieline.core.provisions import Intervals
from tieline.core.record import Item
from tieline.core.statement import Content, Place, Ref
from tieline.core.terms import Kind, RefRole

CODES = ("ALPHA", "BRAVO", "CHARLIE", "DELTA")
ANSWERS = (Kind.ACKNOWLEDGE, Kind.READ_BACK, Kind.PASS_ON)
MADE_MS = START_MS + 86_400_000


def play(
    seed: int, acts: int = 30, realm: str = "", *, fork: bool = False, sealing: bool = False
) -> Net:
    """A line of four on which officers talk, cite, answer, and are cut off at times."""
    chance = random.Random(seed)
    if sealing:
        parties = [PartyKit(code, realm=realm, sealing=True) for code in CODES]
        net = Net(parties, found(parties, intervals=Intervals(checkpoint_s=20, seal_s=50)))
    else:
        net = Net([kit(code, ("main",), realm) for code in CODES])
    net.connect_all()
    posts = list(net)
    for number in range(acts):
        post = chance.choice(posts)
        known = [item for item in post.line.record.order if item.statement.content.kind]
        step = chance.random()
        if step < 0.15:
            one, other = chance.sample(posts, 2)
            if frozenset((one.who.id, other.who.id)) in net.open:
                net.cut(one, other)
            else:
                net.connect(one, other)
        elif step < 0.3:
            net.pass_time(chance.randrange(1, 90))
        elif step < 0.65 or not known:
            post.speak(_said(chance, number, known))
        else:
            target = chance.choice(known).statement.digest
            try:
                post.speak(answer(chance.choice(ANSWERS), target))
            except TielineError:
                continue  # answered before, or its own
        net.deliver()
        if fork and number == acts // 2:
            second_story(net, net.post("DELTA"))
    net.connect_all()
    net.pass_time(40)
    return net


def _said(chance: random.Random, number: int, known: list[Item]) -> Content:
    refs = tuple(
        Ref(item.statement.digest, RefRole.CONCERNS)
        for item in chance.sample(known, min(len(known), chance.choice((0, 0, 0, 1, 2))))
    )
    said = message(f"canary {number:04d} {chance.randrange(10**12):012d}")
    return Content(kind=said.kind, body=said.body, role=said.role, refs=refs)


def second_story(net: Net, post: Post) -> None:
    """The station's key writes another statement under its last number, and BRAVO is told."""
    log = post.line.record.logs[post.line.own_log]
    if log.size < 2:
        post.speak(message("a first story to tell another one of"))
        net.deliver()
    last = log.items[log.size - 1].statement.place
    place = Place(
        line=last.line, station=last.station, incarnation=last.incarnation,
        position=last.position, previous=last.previous, seen=(), time_ms=net.now().wall_ms,
        charter=last.charter,
    )  # fmt: skip
    other = write(post.who, post.realm, place, message("canary of the second story"))
    bravo = net.post("BRAVO")
    push = sync.pack(sync.Push(last.line, (other.raw,)))
    bravo.step(Arrived(carrier="wire", peer=net.post("CHARLIE").who.id, envelope=push))
    net.deliver()


def notes_of(net: Net, post: Post, size: int = 0) -> dict[bytes, list[bytes]]:
    """A checkpoint of every log without a second story, signed by its own station.

    ``size``: at that many statements, and not at all that there are.
    """
    out: dict[bytes, list[bytes]] = {}
    for log in post.line.record.logs.values():
        if log.forks:
            continue
        name = origin(post.line.id, log.station, log.incarnation)
        at = size or log.size
        text = body(name, at, log.tree.root(at))
        key = net.posts[log.station].who.sign_key
        line = log_signature(name, key.public, key.sign(text))
        out[log.id] = [SignedNote(body=text, signatures=(line,)).format()]
    return out


def source_of(line: Line, notes: dict[bytes, list[bytes]] | None = None) -> Source:
    """What the evidence of a line is made of."""
    return Source(
        charters=[line.charters[number] for number in sorted(line.charters)],
        record=line.record,
        ladder=line.ladder,
        notes=notes or {},
    )


def evidence_of(
    line: Line, scope: Scope | None = None, notes: dict[bytes, list[bytes]] | None = None
) -> bytes:
    """The evidence bytes of a line."""
    header = Header(line.id, line.realm, MADE_MS, line.own, scope or Scope())
    return b"".join(Writer(source_of(line, notes), header).items())


def read_whole(data: bytes) -> Report:
    """A reading that finds nothing wrong."""
    report = read([data])
    assert [(fault.code, fault.text) for fault in report.faults] == []
    return report


def items_of(data: bytes) -> Iterator[tuple[int, int]]:
    """Where each item begins and ends."""
    from tieline.core.evidence import MAGIC, span

    at = len(MAGIC)
    while at < len(data):
        end = span(data, at)
        assert end is not None
        yield at, end
        at = end
