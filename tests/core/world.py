"""Parties with keys that follow from their names, and stations joined in memory without a runtime.

Nothing here judges anything: a test builds parties, signs a charter, steps real stations by hand
and looks. ``Net`` has one clock for all; no time passes unless a test says so.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric import mldsa
from nacl.signing import SigningKey

from tieline.core import statement as statements
from tieline.core.charter import Charter, SignedCharter, charter_message, make_charter
from tieline.core.crypto import pack_sign1, sha256
from tieline.core.errors import TielineError
from tieline.core.events import (
    Arrived,
    CallTest,
    Connected,
    Discard,
    Done,
    Effect,
    Event,
    Failed,
    ForReceipt,
    ForSeal,
    HandedOver,
    Install,
    Keep,
    Lost,
    Release,
    Reply,
    Sign,
    SignCheckpoint,
    Signed,
    SignFailed,
    Speak,
    Tick,
    Transmit,
)
from tieline.core.identity import (
    SEAL_KEY_BYTES,
    Card,
    CardStation,
    Certificate,
    card_message,
    card_payload,
    certificate_message,
    certificate_payload,
    parse_card,
    parse_certificate,
)
from tieline.core.journal import Alarm, Fact, FactKind, Refusal
from tieline.core.ladder import Ladder
from tieline.core.life import Mark, Run, Standing
from tieline.core.line import Line
from tieline.core.record import Item
from tieline.core.statement import Body, Content, Place, Ref, Statement
from tieline.core.station import Station
from tieline.core.terms import MAX_TIME_MS, Kind, Now, Precedence, RefRole, Role, Rung

T = TypeVar("T")

START_MS = 1_668_523_200_000  # 15 NOV 2022, 14:40Z
CODES = ("ALPHA", "BRAVO", "CHARLIE", "DELTA")


class Key:
    """A signing key that follows from a label."""

    def __init__(self, label: str) -> None:
        self._key = SigningKey(hashlib.sha256(b"test key " + label.encode()).digest())
        self.public = bytes(self._key.verify_key)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message).signature


def chaff(label: str, size: int) -> bytes:
    """Bytes that follow from a label."""
    return hashlib.shake_256(label.encode()).digest(size)


@dataclass(frozen=True, slots=True)
class StationKit:
    """A station's keys and certificate."""

    party: str
    certificate: Certificate
    sign_key: Key
    cosign_key: Key
    mldsa: mldsa.MLDSA44PrivateKey | None = None

    def seal(self, message: bytes) -> bytes:
        """The ML-DSA-44 key and its signature, as a key store gives them."""
        if self.mldsa is None:
            raise AssertionError
        return self.mldsa.public_key().public_bytes_raw() + self.mldsa.sign(message)

    @property
    def id(self) -> bytes:
        return self.certificate.station


class PartyKit:
    """A party's root and its stations."""

    not_after_ms = MAX_TIME_MS

    def __init__(
        self,
        code: str,
        names: tuple[str, ...] = ("main",),
        realm: str = "",
        life: str = "",
        *,
        keys: str = "",
        sealing: bool = False,
    ) -> None:
        self.code, self.realm, self.life, self.sealing = code, realm, life, sealing
        self.root = Key(f"{code}/{realm}/{life}/root")
        self.stations = tuple(self._station(name, keys) for name in names)

    def _station(self, name: str, keys: str = "") -> StationKit:
        label = f"{self.code}/{self.realm}/{self.life}/{name}{keys}"
        sign_key, cosign_key = Key(f"{label}/sign"), Key(f"{label}/cosign")
        late = mldsa.MLDSA44PrivateKey.from_seed_bytes(chaff(label, 32)) if self.sealing else None
        payload = certificate_payload(
            root_key=self.root.public,
            party=self.code,
            realm=self.realm,
            station_name=name,
            sign_key=sign_key.public,
            cosign_key=cosign_key.public,
            seal_key=chaff(label, SEAL_KEY_BYTES),
            tls_der=b"\x30\x20" + chaff(f"{label}/tls", 32),
            not_before_ms=0,
            not_after_ms=self.not_after_ms,
            mldsa_hash=sha256(late.public_key().public_bytes_raw()) if late else None,
        )
        encoded = pack_sign1(payload, self.root.sign(certificate_message(payload)))
        certificate = parse_certificate(encoded, self.root.public)
        return StationKit(self.code, certificate, sign_key, cosign_key, late)

    def card(self, *, name: str = "", addresses: tuple[str, ...] = ()) -> Card:
        payload = card_payload(
            party=self.code,
            party_name=name or self.code.title(),
            realm=self.realm,
            root_key=self.root.public,
            stations=[CardStation(certificate=s.certificate, addresses=addresses)
                      for s in self.stations],
        )  # fmt: skip
        return parse_card(pack_sign1(payload, self.root.sign(card_message(payload))))

    def signature(self, charter: Charter) -> bytes:
        return self.root.sign(charter_message(charter.body))


@cache
def kit(code: str, names: tuple[str, ...] = ("main",), realm: str = "") -> PartyKit:
    return PartyKit(code, names, realm)


def kits(count: int, realm: str = "") -> tuple[PartyKit, ...]:
    """The first parties, or as many as are wanted."""
    codes = [*CODES, *(f"P{number}Q" for number in (*range(100, 180),))]
    return tuple(kit(code, ("main",), realm) for code in codes[:count])


def sign_all(charter: Charter, parties: Iterable[PartyKit]) -> SignedCharter:
    signed = SignedCharter(charter=charter)
    wanted = charter.signers()
    for party in parties:
        if party.code in wanted:
            signed = signed.add_signature(party.code, party.signature(charter))
    return signed


def found(
    parties: Iterable[PartyKit], name: str = "TEST LINE", **provisions: object
) -> SignedCharter:
    """A complete charter, version 1, in which one officer may release."""
    from tieline.core.charter import Release as ReleaseRules

    given = tuple(parties)
    provisions.setdefault("release", ReleaseRules(four_eyes=frozenset()))
    provisions.setdefault("nonce", bytes(16))
    charter = make_charter(name, [party.card() for party in given], **provisions)  # type: ignore[arg-type]
    return sign_all(charter, given)


@cache
def founded(count: int) -> SignedCharter:
    """The charter of the first parties, made once."""
    return found(kits(count))


def write(
    who: StationKit,
    realm: str,
    place: Place,
    content: Content,
) -> Statement:
    """A statement signed by hand, as a peer would make it."""
    payload = statements.compose(place, content)
    return statements.seal(realm, payload, who.sign_key.sign(statements.to_sign(realm, payload)))


def clocks(ladder: Ladder) -> list[tuple[bytes, str, int, int, int]]:
    """The clocks that run: statement, party, rung, wall time at their end, length (ms)."""
    return [
        (digest, party, int(rung), due_ms, wait_ms)
        for _, _, digest, party, rung, due_ms, wait_ms in sorted(ladder._heap)
    ]


def message(text: str = "all quiet", precedence: Precedence = Precedence.ROUTINE) -> Content:
    return Content(
        kind=Kind.MESSAGE,
        body=Body(text=text, lang="en"),
        precedence=precedence,
        role=Role.WATCH_OFFICER,
    )


def answer(kind: Kind, target: bytes) -> Content:
    """An acknowledgement, a read-back or a pass-on of a statement."""
    body = {
        Kind.READ_BACK: Body(text="you say that all is quiet", lang="en"),
        Kind.PASS_ON: Body(unit="duty room 2", at_ms=START_MS),
    }.get(kind, Body())
    refs = (Ref(target, RefRole.ANSWERS),)
    return Content(kind=kind, body=body, refs=refs, role=Role.WATCH_OFFICER)


class Post:
    """One station with its journal and its keys; everything it wants of the world is kept."""

    runs = 0

    def __init__(self, who: StationKit, realm: str, net: Net) -> None:
        self.who, self.realm, self.net = who, realm, net
        self.facts: list[Fact] = []
        self.answers: dict[int, Done | TielineError] = {}
        self.out: deque[Transmit] = deque()
        self._token = 0
        self.lives = 0
        self.sealed = False  # whether its key signs nothing
        self.ring: list[StationKit] = []  # the keys that it may have to go over to
        # What the machine knows outside the journal. A test that puts a store back keeps it.
        self.tag = chaff(f"machine {who.party}/{who.id.hex()}", 16)
        self.marks: dict[bytes, Mark] = {}
        self.station = Station(who.id, realm, run=self.run())

    def run(self, tag: bytes | None = None) -> Run:
        """A new run on this machine, or on another one."""
        self.runs += 1
        entropy = chaff(f"run {self.who.id.hex()} {self.runs}", 32)
        return Run(tag=tag or self.tag, entropy=entropy, marks=dict(self.marks))

    def step(self, *events: Event) -> None:
        """Take the events of one turn, sign what it wants signed, and gather the rest."""
        queue: deque[Event | None] = deque(events)  # None: the end of the turn
        while queue:
            signed: list[Event] = []
            one, now = queue.popleft(), self.net.now()
            for effect in self.station.finish(now) if one is None else self.station.step(one, now):
                self._take(effect, signed)
            queue.extendleft(reversed(signed))
            if one is not None and not queue:
                queue.append(None)
        self._remember()

    def _remember(self) -> None:
        for name, line in self.station.lines.items():
            log = line.record.logs.get(line.own_log)
            if log is not None and line.life.standing is Standing.WRITING:
                self.marks[name] = Mark(log.id, log.size, log.head)

    def _take(self, effect: Effect, signed: list[Event]) -> None:
        match effect:
            case Keep(fact=fact):
                self.facts.append(fact)
            case Sign(purpose=purpose) if self.sealed:
                signed.append(SignFailed(purpose=purpose, cause="it is sealed"))
            case Sign(purpose=purpose, message=text, key=wanted):
                if isinstance(purpose, ForSeal):
                    signed.append(Signed(purpose=purpose, signature=self.who.seal(text)))
                    return
                cosign = isinstance(purpose, ForReceipt)
                held = [
                    who.cosign_key if cosign else who.sign_key for who in (self.who, *self.ring)
                ]
                key = next((key for key in held if key.public == wanted), held[0])
                signed.append(Signed(purpose=purpose, signature=key.sign(text)))
            case Transmit():
                self.out.append(effect)
            case Reply(token=token, result=result):
                self.answers[token] = result

    def act(self, event: Install | Speak | Release | Discard | CallTest | SignCheckpoint) -> Done:
        """An officer's act; its refusal is raised."""
        self._token += 1
        self.step(replace(event, token=self._token))
        result = self.answers[self._token]
        if isinstance(result, TielineError):
            raise result
        return result

    def install(self, signed: SignedCharter, incarnation: bytes | None = None) -> Done:
        self.lives += 1
        life = incarnation or self.who.id[:7] + bytes((self.lives,))
        return self.act(Install(token=0, charter=signed, incarnation=life))

    def speak(self, content: Content, officer: str = "Ada", key: str = "") -> Done:
        return self.act(
            Speak(token=0, line=self.line.id, content=content, officer=officer, key=key)
        )

    def reload(self, run: Run | None = None) -> Station:
        """The station that the journal alone gives."""
        return Station.load(
            self.who.id, self.realm, self.facts, self.net.now(), run=run or self.run()
        )

    @property
    def line(self) -> Line:
        return next(iter(self.station.lines.values()))

    def order(self) -> list[bytes]:
        return [item.statement.digest for item in self.line.record.order]

    def item(self, digest: bytes) -> Item:
        return self.line.record.by_digest[digest]

    def alarms(self) -> list[Alarm]:
        return [Alarm.decode(f.body) for f in self.facts if f.kind == FactKind.ALARM]

    def refusals(self) -> list[str]:
        return [Refusal.decode(f.body).code for f in self.facts if f.kind == FactKind.REFUSED]

    def statements(self, kind: Kind) -> list[Statement]:
        return [
            item.statement for item in self.line.record.order if item.statement.content.kind is kind
        ]

    def rungs(self, digest: bytes, party: str) -> set[Rung]:
        return set(self.line.ladder.rungs(self.item(digest), party))


class Net:
    """Stations on one line, and the wires between them."""

    def __init__(self, parties: Iterable[PartyKit], signed: SignedCharter | None = None) -> None:
        self.parties = tuple(parties)
        self.ms = 0
        self.skew_ms = 0
        self.signed = signed or found(self.parties)
        realm = self.signed.charter.realm
        self.posts = {
            station.id: Post(station, realm, self)
            for party in self.parties
            for station in party.stations
        }
        self.open: set[frozenset[bytes]] = set()
        self.lossy = False
        self.deaf: bytes | None = None  # what is carried to this station is lost
        for post in self.posts.values():
            post.install(self.signed)

    def __iter__(self) -> Iterator[Post]:
        return iter(self.posts.values())

    def post(self, code: str, number: int = 0) -> Post:
        party = next(p for p in self.parties if p.code == code)
        return self.posts[party.stations[number].id]

    def now(self) -> Now:
        return Now(START_MS + self.ms + self.skew_ms, self.ms, self.ms)

    def connect(self, one: Post, other: Post) -> None:
        self.open.add(frozenset((one.who.id, other.who.id)))
        for here, there in ((one, other), (other, one)):
            here.step(Connected(carrier="wire", peer=there.who.id, address="test"))
        self.deliver()

    def connect_all(self) -> None:
        posts = list(self.posts.values())
        for index, one in enumerate(posts):
            for other in posts[index + 1 :]:
                self.connect(one, other)

    def cut(self, one: Post, other: Post, cause: str = "the wire was cut") -> None:
        self.open.discard(frozenset((one.who.id, other.who.id)))
        for here, there in ((one, other), (other, one)):
            here.step(Lost(carrier="wire", peer=there.who.id, cause=cause))

    def fail(self, here: Post, there: Post, cause: str) -> None:
        here.step(Failed(carrier="wire", peer=there.who.id, address="test", cause=cause))

    def deliver(self) -> None:
        """Carry what is under way until nothing moves."""
        moved = True
        while moved:
            moved = False
            for post in self.posts.values():
                while post.out:
                    moved = True
                    self._carry(post, post.out.popleft())

    def _carry(self, post: Post, sent: Transmit) -> None:
        if frozenset((post.who.id, sent.peer)) not in self.open:
            return
        if self.lossy or sent.peer == self.deaf:
            return
        there = self.posts[sent.peer]
        there.step(Arrived(carrier="wire", peer=post.who.id, envelope=sent.envelope, live=True))
        if sent.items:
            post.step(HandedOver(line=sent.line, carrier="wire", peer=sent.peer, items=sent.items))

    def pass_time(self, seconds: float) -> None:
        """Let time pass, waking each station whenever it asked for it."""
        end = self.ms + round(seconds * 1000)
        while True:
            wanted = [self._wake(post) for post in self.posts.values()]
            due = min((at for at in wanted if at is not None), default=end)
            self.ms = min(end, max(due, self.ms))
            for post, at in zip(self.posts.values(), wanted, strict=True):
                if self.ms == end or (at is not None and at <= self.ms):
                    post.step(Tick())
            self.deliver()
            if self.ms >= end:
                return

    def _wake(self, post: Post) -> int | None:
        wakeup = post.station.wakeup(self.now())
        return min((at for at in (wakeup.mono_ms, wakeup.real_ms) if at is not None), default=None)

    def restart(self, post: Post) -> None:
        """A new life of a station, from its journal; its wires are down."""
        post.station = post.reload()
        post.out.clear()
        for pair in [pair for pair in self.open if post.who.id in pair]:
            self.open.discard(pair)
            other = next(iter(pair - {post.who.id}))
            self.posts[other].step(Lost(carrier="wire", peer=post.who.id, cause="gone"))


def signed_size(content: Content, *, other_logs: int = 0) -> int:
    """Bytes of the signed statement that a content becomes, deep in a log that is not new.

    ``other_logs``: how many other logs moved since the author's last statement. Raises
    ``LocalError`` as ``compose`` does.
    """
    place = Place(
        line=bytes(16),
        station=bytes(8),
        incarnation=bytes(8),
        position=2**16,
        previous=bytes(32),
        seen=tuple(at.to_bytes(statements.TIP_BYTES, "big") for at in range(other_logs)),
        time_ms=2**40,
        charter=2**8,
    )
    return len(pack_sign1(statements.compose(place, content), bytes(64)))


def silence_waits() -> tuple[Net, bytes]:
    """Two posts: of ALPHA's message the deadline is reported, and what says so waits in memory.

    ALPHA has begun anew before the deadline, so its log waits for a confirmation. The message.
    """
    net = Net(kits(2))
    alpha, bravo = net
    net.connect(alpha, bravo)
    sent = alpha.speak(message("answer this")).item
    net.deliver()
    net.pass_time(6 * 3600 - 10)
    net.restart(alpha)
    net.pass_time(12)
    return net, sent
