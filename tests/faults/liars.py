"""Malicious signers: a station with its real key that tells different parties different things.

The honest stations are the real core in one process; the liar's statements and checkpoints are
signed by hand. Whoever has both branches, or has met somebody who has, must hold both, have rung
and have a proof that the independent reader accepts; and nobody else is accused, ever.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from tests.core.test_notes import hand, origin_of, signed
from tests.core.world import START_MS, Key, Net, Post, found, founded, kits, message, write
from tests.faults.rows import need
from tests.faults.verifier import verdict

from tieline.core import bundle, checkpoint, sync
from tieline.core.events import Arrived, Witnessed
from tieline.core.provisions import Witness
from tieline.core.statement import Statement
from tieline.core.sync import Push
from tieline.core.tlogwitness import Granted, LogKey, format_request, judge, parse_request
from tieline.core.tree import Tree

WITNESS = Key("the witness of the rows")
NAME = "w.example/rows"
ROUND_S = 1.0  # what a station waits before it passes on another one's words (sync.Pace)
SHAPES = ("disjoint", "witness", "late", "three")
ACCUSING = frozenset(
    {"record.two_stories", "record.two_heads", "station.two_lives", "station.other_life"}
)


def accused(net: Net) -> set[str]:
    """Which parties are accused of anything, by anybody."""
    return {alarm.party for post in net for alarm in post.alarms() if alarm.code in ACCUSING}


def proved(post: Post, station: bytes) -> list[bytes]:
    """The proofs against a station that a post holds; each must convince the other reader."""
    out: list[bytes] = []
    for held in post.line.proofs.values():
        files = [each.encoded for each in held]
        out += [data for data in files if verdict(data).station == station]
    return out


def line_of(chance: random.Random, count: int, **provisions: Any) -> Net:
    """A line with a little history."""
    parties = kits(count)
    net = Net(parties, found(parties, **provisions) if provisions else founded(count))
    net.connect_all()
    for _ in range(chance.randint(1, 3)):
        for post in net:
            if chance.random() < 0.7:
                post.speak(message(f"word {chance.randrange(1000)}"))
        net.deliver()
    return net


@dataclass(slots=True)
class Branch:
    """One story of the liar: statements from a position on."""

    said: list[Statement] = field(default_factory=list)


@dataclass(slots=True)
class Liar:
    """The last party: its station is taken off the wires, and its key signs what we like."""

    net: Net
    chance: random.Random

    @property
    def post(self) -> Post:
        return list(self.net)[-1]

    @property
    def honest(self) -> list[Post]:
        return list(self.net)[:-1]

    def leave(self) -> None:
        for other in self.honest:
            if frozenset((other.who.id, self.post.who.id)) in self.net.open:
                self.net.cut(other, self.post)

    def branch(self, start: int, length: int) -> Branch:
        """A story that leaves the log at a position."""
        log = self.post.line.record.logs[self.post.line.own_log]
        made = self.branch_of(log.items[start - 1].statement)
        while len(made.said) < length:
            made.said += self.branch_of(made.said[-1]).said
        return made

    def branch_of(self, last: Statement) -> Branch:
        """One statement more after some statement."""
        place = replace(
            last.place,
            position=last.place.position + 1,
            previous=last.digest,
            seen=(),
            time_ms=START_MS + self.net.ms + self.chance.randint(-60_000, 60_000),
        )
        content = message(f"a story {self.chance.randrange(10**9)}")
        return Branch(said=[write(self.post.who, "", place, content)])

    def tell(self, post: Post, branch: Branch) -> None:
        raws = tuple(each.raw for each in branch.said)
        envelope = sync.pack(Push(post.line.id, raws))
        post.step(Arrived(carrier="wire", peer=self.post.who.id, envelope=envelope, live=True))


def by_file(one: Post, other: Post) -> None:
    """All that one holds and the other lacks, carried by hand."""
    plain, _ = bundle.contents(one.line, (other.who.id,))
    for envelope in bundle.envelopes_of(plain):
        other.step(Arrived(carrier="bundle", peer=one.who.id, envelope=envelope))


def separate(net: Net, posts: list[Post]) -> None:
    for index, one in enumerate(posts):
        for other in posts[index + 1 :]:
            net.cut(one, other)


def meet(net: Net, posts: list[Post], chance: random.Random) -> None:
    """Honest stations come into touch: in a chain, by wire or by file, some after a restart."""
    order = posts[:]
    chance.shuffle(order)
    for post in order:
        if chance.random() < 0.25:
            net.restart(post)
    files = chance.random() < 0.3
    pairs = list(pairwise(order))
    if files:  # to the end of the chain, and back
        for one, other in [*pairs, *((b, a) for a, b in reversed(pairs))]:
            by_file(one, other)
        return
    for one, other in pairs:
        net.connect(one, other)
    net.deliver()


def malicious_signer(seed: int) -> None:
    """One case: a shape, and where and how the honest ones meet."""
    shape = SHAPES[seed % len(SHAPES)]
    chance = random.Random(f"malicious {seed}")
    if shape == "witness":
        _peer_and_witness(chance)
        return
    count = 4 if shape == "three" else chance.choice((3, 4))
    net = line_of(chance, count)
    liar = Liar(net, chance)
    honest = liar.honest
    size = liar.post.line.record.size(liar.post.line.own_log)
    start = chance.randint(1, size)
    if shape == "late":
        # All hold one story and have gone on from it; the other is told to one of them, later.
        liar.leave()
        if start == size:
            only = liar.branch(start, chance.randint(1, 3))
            for post in honest:
                liar.tell(post, only)
        for post in honest:
            post.speak(message("we have read that"))
        net.deliver()
        net.pass_time(chance.choice((1, 8, 60)))
        liar.tell(chance.choice(honest), liar.branch(start, chance.randint(1, 3)))
        net.deliver()
    else:
        liar.leave()
        separate(net, honest)
        branches = 3 if shape == "three" else 2
        told = [liar.branch(start, chance.randint(1, 4)) for _ in range(branches)]
        for index, post in enumerate(honest):
            liar.tell(post, told[index % branches])
            if chance.random() < 0.5:
                post.speak(message("we have read that"))
        meet(net, honest, chance)
    net.pass_time(ROUND_S * (len(honest) - 1))
    _all_know(net, liar, start)
    _line_goes_on(net, honest)


def _all_know(net: Net, liar: Liar, start: int) -> None:
    station, party = liar.post.who.id, liar.post.who.party
    heads = {
        item.statement.digest
        for post in liar.honest
        for item in post.line.record.order
        if item.statement.place.station == station
        and item.statement.log == liar.post.line.own_log
        and item.statement.place.position >= start
    }
    for post in liar.honest:
        mine = set(post.order())
        need(heads <= mine, f"{post.who.party} lacks {len(heads - mine)} statements of a branch")
        codes = {alarm.code for alarm in post.alarms() if alarm.party == party}
        need("record.two_stories" in codes, f"{post.who.party} was told two stories, and is silent")
        files = proved(post, station)
        need(files, f"{post.who.party} has no proof of two stories")
        need(
            any(verdict(data).at == start for data in files),
            f"{post.who.party} proves another place than number {start}",
        )
    need(accused(net) == {party}, f"accused are {sorted(accused(net))}")


def _line_goes_on(net: Net, honest: list[Post]) -> None:
    """Two stories of one station keep nobody from speaking and being read."""
    for index, one in enumerate(honest):
        for other in honest[index + 1 :]:
            if frozenset((one.who.id, other.who.id)) not in net.open:
                net.connect(one, other)
    said = [post.speak(message(f"{post.who.party} goes on")).item for post in honest]
    net.deliver()
    for post in honest:
        need(set(said) <= set(post.order()), f"the line of {post.who.party} has stopped")


# ------------------------------------------------------------------------- a peer and a witness


def cosigned(liar: Liar, text: checkpoint.SignedNote, tree: Tree) -> checkpoint.SignedNote:
    """What an honest witness makes of it, who has never seen the log."""
    request = parse_request(format_request(0, tree.consistency(0, tree.size), text.format()))
    key = LogKey(name=origin_of(liar.post), key=liar.post.who.sign_key.public)
    need(isinstance(judge(request, (key,), None), Granted), "the witness declined a first head")
    time_s = START_MS // 1000
    signature = WITNESS.sign(checkpoint.cosign_message(time_s, text.body))
    line = checkpoint.cosignature(NAME, WITNESS.public, time_s, signature)
    return checkpoint.SignedNote(body=text.body, signatures=(*text.signatures, line))


def _peer_and_witness(chance: random.Random) -> None:
    """One story to a peer, the head of another one to a witness, and then the peer asks that."""
    witness = (Witness(name=NAME, key=WITNESS.public),)
    net = line_of(chance, 3, witnesses=witness, quorum=1)
    liar = Liar(net, chance)
    liar.leave()
    one, other = liar.honest
    separate(net, [one, other])
    log = liar.post.line.record.logs[liar.post.line.own_log]
    start = chance.randint(1, log.size)
    if start == log.size:
        liar.tell(one, liar.branch(start, chance.randint(1, 3)))
    known = one.line.record.logs[log.id]
    hidden = Tree()
    for item in log.items[:start]:
        hidden.append(item.statement.digest)
    for each in liar.branch(start, chance.randint(1, 3)).said:
        hidden.append(each.digest)
    shown = cosigned(liar, signed(liar.post, hidden.size, hidden.root()), hidden)
    hand(one, liar.post, signed(liar.post, known.size, known.tree.root()))
    first, then = (one, other) if chance.random() < 0.5 else (other, one)
    first.step(Witnessed(line=first.line.id, note=shown.format()))
    if chance.random() < 0.25:
        net.restart(then)
    net.connect(one, other)
    if hidden.size > known.size:  # that head runs ahead of what is held: the peer is told more
        for _ in range(known.size, hidden.size):
            known = one.line.record.logs[log.id]
            liar.tell(one, liar.branch_of(known.items[-1].statement))
        net.deliver()
        known = one.line.record.logs[log.id]
        hand(one, liar.post, signed(liar.post, known.size, known.tree.root()))
    net.pass_time(ROUND_S)
    station, party = liar.post.who.id, liar.post.who.party
    for post in (one, other):
        codes = {alarm.code for alarm in post.alarms() if alarm.party == party}
        need("record.two_heads" in codes, f"{post.who.party} knows both heads, and is silent")
        need(proved(post, station), f"{post.who.party} has no proof of two heads")
    need(accused(net) == {party}, f"accused are {sorted(accused(net))}")
    _line_goes_on(net, [one, other])
