"""A member with good keys says anything at all, well signed: nobody stops, and nothing is lost.

``BRAVO`` is only a pair of keys. Hypothesis lets it send any statements (every kind, any body that
parses, references, *seen*, positions, charter versions, other lines and realms), and any envelopes
and receipts, to an honest ALPHA that has an honest CHARLIE beside it. Whatever it sends, the door
raises nothing, what waits stays bounded, the journal rebuilds the same station, an audit of it
finds nothing wrong, and honest words still pass.
"""

from __future__ import annotations

import contextlib
import random
from dataclasses import replace
from functools import cache

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.core.test_journal import picture
from tests.core.world import CODES, START_MS, Net, Post, StationKit, found, kits, message, sign_all
from tests.examples import tries

from tieline.core import charter as charters
from tieline.core import crypto, encode, exchange, record, statement, sync
from tieline.core.charter import SignedCharter
from tieline.core.checkpoint import Receipt, body, cosign_message, origin
from tieline.core.encode import Value
from tieline.core.errors import RemoteError
from tieline.core.events import Arrived, Connected, Lost
from tieline.core.statement import Statement
from tieline.core.succession import amend
from tieline.core.sync import CharterOffer, Have, Head, Push, Receipts
from tieline.core.terms import MAX_TIME_MS, Kind, Rung
from tieline.node.auditreplay import Audit

LIVES = (b"roguelog", b"otherlog", b"third-lg")
_BODY = statement._BODY
_KEYS = {name: key for key, name in statement._BODY_KEYS.items()}

# Without the phase that explains a failure: it traces every line, at several times the cost.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)


@cache
def charters_of() -> tuple[SignedCharter, ...]:
    """Three versions of one charter: BRAVO leaves with the third."""
    rules = {"tests": charters.Tests(interval_s=3_600, window_s=300)}
    first = found(kits(3), **rules)  # type: ignore[arg-type]
    second = sign_all(amend(first.charter, silence_s=60), kits(3))
    third = sign_all(amend(second.charter, leave=("BRAVO",)), kits(3))
    return first, second, third


class Rogue:
    """Makes anything, signed with BRAVO's keys; ``chance`` decides everything."""

    def __init__(self, net: Net, victim: Post, who: StationKit, chance: random.Random) -> None:
        self.net, self.victim, self.who, self.chance = net, victim, who, chance
        self.made: list[Statement] = []

    # ------------------------------------------------------------------------- statements

    def story(self) -> bytes:
        """A signed statement, mostly one that could be admitted."""
        payload = encode.dumps(self._payload())
        realm = self.chance.choice(("",) * 9 + ("DRILL-1",))
        signature = self.who.sign_key.sign(statement.to_sign(realm, payload))
        if self.chance.random() < 0.05:
            signature = bytes(64)
        raw = crypto.pack_sign1(payload, signature)
        with contextlib.suppress(RemoteError):  # what does not parse is sent all the same
            self.made.append(statement.parse("", raw))
        return raw

    def _payload(self) -> dict[int, Value]:
        chance, line = self.chance, self.victim.line
        life = chance.choice(LIVES)
        mine = [made for made in self.made if made.place.incarnation == life]
        here = [made for made in mine if made.digest in line.record.by_digest]
        mine = here if chance.random() < 0.9 else mine
        before = mine[-1] if mine else None
        if before is not None and chance.random() < 0.2:
            before = chance.choice(mine)
        kind = chance.choice((*[int(kind) for kind in Kind if kind is not Kind.UNKNOWN], 77))
        out: dict[int, Value] = {
            1: line.id if chance.random() < 0.97 else bytes(16),
            2: self.who.id if chance.random() < 0.95 else self.victim.who.id,
            3: life,
            4: 0 if before is None else before.place.position + 1,
            7: chance.choice((0, START_MS, START_MS + self.net.ms, MAX_TIME_MS)),
            8: chance.randrange(4),
            9: kind,
            10: chance.choice((*[line.latest()] * 8, 1, 2, 3, 9)),
        }
        if before is not None:
            out[5] = before.digest
        if chance.random() < 0.05:
            out[4] = chance.randrange(2**40)
        tips = {self._digest()[:16] for _ in range(chance.choice((0, 0, 1, 2, 5)))}
        if tips:
            out[6] = tuple(sorted(tips))
        if chance.random() < 0.3:
            out[11] = chance.randrange(1, 4)
        if chance.random() < 0.3:
            codes = {chance.choice((*CODES, "ZULU")) for _ in range(2)}
            out[12] = tuple(sorted(codes))
        if chance.random() < 0.4:
            out[13] = chance.randrange(8)
        if chance.random() < 0.2:
            out[14] = ("crisis/form", chance.randrange(3))
        out |= self._cites(kind) | self._body(kind)
        if chance.random() < 0.1:
            out[chance.randrange(17, 99)] = chance.choice((1, b"new", ("x", None)))
        return out

    def _cites(self, kind: int) -> dict[int, Value]:
        targeted = kind in {int(each) for each in statement.TARGETED}
        count = self.chance.choice((1, 1, 2) if targeted else (0, 0, 1, 2))
        roles = [1 if targeted else self.chance.randrange(1, 7)]
        roles += [self.chance.randrange(1, 7) for _ in range(count)]
        flat = [part for role in roles[:count] for part in (self._digest(), role)]
        return {15: tuple(flat)} if flat else {}

    def _digest(self) -> bytes:
        known: list[bytes] = [*self.victim.line.record.by_digest]
        own = [made.digest for made in self.made[-8:]]
        return self.chance.choice([*known[-12:], *own, self.chance.randbytes(32)])

    def _body(self, kind: int) -> dict[int, Value]:
        known = kind in [int(each) for each in _BODY]
        required, optional = _BODY[Kind(kind)] if known else (frozenset(_KEYS), frozenset())
        names = set(required) | {name for name in optional if self.chance.random() < 0.5}
        if self.chance.random() < 0.03:
            names ^= {self.chance.choice(sorted(_KEYS))}
        if "text" in names and "lang" in optional:
            names.add("lang")
        out = {_KEYS[name]: self._field(name) for name in sorted(names)}
        if self.chance.random() < 0.1:
            out[self.chance.randrange(20, 40)] = b"newer"
        return {16: out} if out else {}

    def _field(self, name: str) -> Value:
        chance = self.chance
        log = chance.choice([*self.victim.line.record.logs, bytes(8)])
        odd: tuple[Value, ...] = (1, -1, "x", (None, b"y"), {3: True})
        values: dict[str, Value] = {
            "text": chance.choice(("", "all quiet", "\u202e\x00\x1b[2J", "x" * 5_000)),
            "lang": chance.choice(("en", "x-very-odd")),
            "fields": {chance.randrange(9): chance.choice(odd)},
            "unit": "unit\n7",
            "at_ms": chance.choice((0, START_MS, MAX_TIME_MS)),
            "cause": chance.choice(("", "storm", "x" * 200)),
            "staffed": chance.random() < 0.5,
            "slot": chance.choice((0, START_MS // 3_600_000 + chance.randrange(5), MAX_TIME_MS)),
            "holds": ((log, chance.randrange(1, 2**64), bytes(32)),) * chance.randrange(3),
            "parties": tuple(sorted({chance.choice((*CODES, "ZULU")) for _ in range(3)})),
            "rung": int(chance.choice(list(Rung))),
            "party": chance.choice((*CODES, "ZULU")),
            "due_ms": chance.choice((0, MAX_TIME_MS)),
            "attempts": chance.choice((0, MAX_TIME_MS)),
            "effective_ms": chance.choice((0, START_MS, MAX_TIME_MS)),
            "late_binds": chance.random() < 0.9,  # false is never written
            "reserve": chance.random() < 0.9,
            "through": chance.choice(("CHARLIE", "The mission", "\u202e", "x" * 80)),
            "terms": {chance.randrange(9): chance.choice(odd)},
        }
        return values[name]

    # -------------------------------------------------------------------------- envelopes

    def envelope(self) -> bytes:
        """Any envelope: mostly statements, then claims, receipts, charters and noise."""
        chance, name = self.chance, self.victim.line.id
        what = chance.random()
        if what < 0.6:
            stories = tuple(self.story() for _ in range(chance.choice((1, 1, 2, 8))))
            data = sync.pack(Push(name, tuple(chance.sample(stories, len(stories)))))
        elif what < 0.75:
            data = sync.pack(self._have(name))
        elif what < 0.9:
            data = sync.pack(Receipts(name, tuple(self._receipt() for _ in range(3))))
        elif what < 0.95:
            data = sync.pack(CharterOffer(name, self._charter()))
        else:
            data = encode.dumps((chance.randrange(6), name, chance.choice(((), 1, b"", True))))
        if chance.random() < 0.03:
            data = data[: chance.randrange(len(data))] + chance.randbytes(chance.randrange(3))
        return data

    def _have(self, name: bytes) -> Have:
        chance = self.chance
        logs = {chance.choice([*self.victim.line.record.logs, chance.randbytes(8)])
                for _ in range(chance.randrange(9))}  # fmt: skip
        sizes = (1, 2, 3, 2**48)
        heads = [
            Head(log, chance.choice(sizes), self._digest(), self._tips()) for log in sorted(logs)
        ]
        return Have(name, chance.choice((0, 1, 2, 2**16)), chance.random() < 0.5, tuple(heads))

    def _tips(self) -> bytes:
        tips = {self._digest()[:16] for _ in range(self.chance.choice((0, 0, 1, 4)))}
        return b"".join(sorted(tips))

    def _receipt(self) -> Receipt:
        chance, line = self.chance, self.victim.line
        log = chance.choice([*line.record.logs.values()])
        size = chance.choice((1, log.size, max(1, log.size - 1), log.size + 2, 2**48))
        time_s = chance.choice((0, START_MS // 1000, MAX_TIME_MS // 1000))
        root = log.tree.root(min(size, log.size))
        text = body(origin(line.id, log.station, log.incarnation), size, root)
        cosigner = chance.choice((self.who.id, self.who.id, self.victim.who.id, bytes(8)))
        return Receipt(
            log=chance.choice((log.id, log.id, log.id, chance.randbytes(8))),
            size=size, cosigner=cosigner, time_s=time_s,
            signature=self.who.cosign_key.sign(cosign_message(time_s, text)),
        )  # fmt: skip

    def _charter(self) -> bytes:
        signed = self.chance.choice(charters_of()[:2])
        if self.chance.random() < 0.4:
            signed = replace(signed, signatures=signed.signatures[:2])
        return signed.encode()


def check_bounds(post: Post, rogue: Rogue) -> None:
    """What waits, and what is noted of a peer, has a limit that no peer moves."""
    line = post.line
    told = post.station.exchanges[line.id]
    assert line.record.held <= record.MAX_HELD
    assert sum(map(len, told._unproven.values())) <= exchange.MAX_UNPROVEN * len(line.peers)
    assert len(told._refusals) <= exchange.MAX_REFUSALS_NOTED
    for peer in line.peers.values():
        assert len(peer.theirs) <= sync.MAX_CLAIMED
    assert all(log.station == rogue.who.id for log in post.line.record.forked())


def check_rebuilt(post: Post) -> None:
    """The journal alone gives the same station, and an audit of it finds nothing."""
    again = post.reload().lines[post.line.id]
    assert picture(post, again) == picture(post, post.line)
    audit = Audit(post.who.id, "")
    for seq, fact in enumerate(post.facts, 1):
        audit.fact(seq, fact)
    assert audit.report()["problems"] == []


def world(seed: int) -> tuple[Net, Post, Rogue]:
    net = Net(kits(3), charters_of()[0])
    alpha, charlie = net.post("ALPHA"), net.post("CHARLIE")
    rogue = Rogue(net, alpha, net.parties[1].stations[0], random.Random(seed))
    del net.posts[rogue.who.id]
    net.connect(alpha, charlie)
    alpha.step(Connected(carrier="wire", peer=rogue.who.id, address="rogue"))
    alpha.speak(message("from ALPHA"))
    net.deliver()
    return net, alpha, rogue


@settings(
    max_examples=tries(8), deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck)
)
@given(st.integers(0, 2**32), st.integers(5, 60))
def test_an_honest_station_outlives_whatever_a_member_sends(seed: int, rounds: int) -> None:
    net, alpha, rogue = world(seed)
    charlie = net.post("CHARLIE")
    for _ in range(rounds):
        arrived = Arrived(carrier="wire", peer=rogue.who.id, envelope=rogue.envelope())
        alpha.step(arrived)
        if rogue.chance.random() < 0.1:
            alpha.step(Lost(carrier="wire", peer=rogue.who.id, cause="gone"))
            alpha.step(Connected(carrier="wire", peer=rogue.who.id, address="rogue"))
        if rogue.chance.random() < 0.2:
            net.pass_time(rogue.chance.choice((0.5, 40, 4_000)))
    said = [alpha.speak(message("still here")).item, charlie.speak(message("here too")).item]
    net.deliver()
    net.pass_time(130)
    for post in (alpha, charlie):
        assert set(said) <= set(post.order())
        check_rebuilt(post)
    assert Rung.RECEIVED in alpha.rungs(said[0], "CHARLIE")
    assert alpha.order() == charlie.order()
    check_bounds(alpha, rogue)


@settings(
    max_examples=tries(6), deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck)
)
@given(st.integers(0, 2**32))
def test_who_has_left_the_line_is_heard_no_more(seed: int) -> None:
    net, alpha, rogue = world(seed)
    for signed in charters_of()[1:]:
        alpha.install(signed)
    net.deliver()
    for _ in range(20):
        arrived = Arrived(carrier="wire", peer=rogue.who.id, envelope=rogue.envelope())
        alpha.step(arrived)
    assert {place.station for place in (i.statement.place for i in alpha.line.record.order)} == {
        alpha.who.id, net.post("CHARLIE").who.id
    }  # fmt: skip
    check_rebuilt(alpha)


def test_the_rogue_is_worth_its_name() -> None:
    """What it makes must get past the parser, and every kind be admitted, or it tests nothing."""
    kinds: set[Kind] = set()
    refused: set[str] = set()
    forked = 0
    for seed in range(12):
        _, alpha, rogue = world(seed)
        for _ in range(60):
            arrived = Arrived(carrier="wire", peer=rogue.who.id, envelope=rogue.envelope())
            alpha.step(arrived)
        kinds |= {
            item.statement.content.kind
            for item in alpha.line.record.order
            if item.statement.place.station == rogue.who.id
        }
        refused |= set(alpha.refusals())
        forked += sum(1 for _ in alpha.line.record.forked())
    assert kinds == set(Kind)
    assert forked
    assert {"statement.forged", "receipt.forged", "charter.incomplete"} <= refused
