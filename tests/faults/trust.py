"""No downgrade: ended keys, older or other charters, stores of before, and edited handshakes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace

import cbor2
from nacl.signing import SigningKey
from tests.carriers import stations
from tests.core.test_keys_change import FRESH, REBORN, bring, ends
from tests.core.world import (
    START_MS,
    Key,
    Net,
    PartyKit,
    Post,
    StationKit,
    found,
    kits,
    message,
    sign_all,
    write,
)
from tests.faults.liars import accused
from tests.faults.rows import need
from tests.faults.stores import Home, Wire, copy_of, put_back, wires

from tieline.core import statement as statements
from tieline.core import sync
from tieline.core.charter import (
    Charter,
    SignedCharter,
    charter_message,
    finish,
    parse_signed_charter,
)
from tieline.core.errors import TielineError
from tieline.core.events import Arrived, Install
from tieline.core.life import Standing
from tieline.core.provisions import LogEnd
from tieline.core.statement import Place, Statement
from tieline.core.succession import amend
from tieline.core.sync import CharterOffer, Push

ALPHA, BRAVO, CHARLIE = kits(3)
SPARE = PartyKit("ALPHA", ("spare",))
DAY_MS = 86_400_000

# ------------------------------------------------------------------------------------ ended keys

HOW = ("rotated", "revoked", "root replaced")
WHERE = (
    "at the end",
    "a log of its own",
    "a number that is taken",
    "read by nobody before the end",
)
DATED = (1_000, DAY_MS, 365 * DAY_MS, START_MS)  # earlier than now, ms
VERSION = (1, 2)
ROAD = ("pushed", "in a file", "before the charter")
WAIT_S = 2.0
BEACONS_S = 65.0
CELLS = len(HOW) * len(WHERE) * len(DATED) * len(VERSION) * len(ROAD)


def ended_key(seed: int) -> None:
    """One cell: what a key signs after the charter has ended it, dated earlier."""
    how = HOW[seed % 3]
    where = WHERE[seed // 3 % 4]
    dated = DATED[seed // 12 % 4]
    version = VERSION[seed // 48 % 2]
    road = ROAD[seed // 96 % 3]
    net = Net((ALPHA, BRAVO, CHARLIE))
    net.connect_all()
    _, bravo, charlie = net
    for post in net:
        post.speak(message(f"{post.who.party} is here"))
    net.deliver()
    before = bravo.order()
    second = _ending(net, how)
    net.ms += 3_600_000
    loot = _loot(net, where, dated, version)
    early = road == "before the charter"
    if early:
        bring(bravo, charlie, loot)
        if version == 1:
            need(loot.digest in bravo.order(), "the key was good until then")
    for post in (bravo, charlie):
        post.install(second)
    if not early:
        # In a file, it stands between what its bringer holds; the reader judges each by itself.
        carrier = "bundle" if road == "in a file" else "wire"
        envelope = sync.pack(Push(bravo.line.id, (loot.raw,)))
        bravo.step(Arrived(carrier=carrier, peer=charlie.who.id, envelope=envelope, live=False))
    net.pass_time(2)
    log = bravo.line.record.logs.get(loot.log)
    inside = log is not None and any(each.statement.digest == loot.digest for each in log.items)
    need(not inside, f"what an ended key signed {where} ({road}) stands in its log")
    if not early:
        need(loot.digest not in bravo.order(), f"what an ended key signed {where} was let in")
        need(bravo.refusals(), "the refusal is not on record")
    need(set(before) <= set(bravo.order()), "what was said before the end is gone")
    said = bravo.speak(message("and on")).item
    net.deliver()
    # Who lacks the other story that this has read hears of it with the next beacon.
    net.pass_time(BEACONS_S if early and where == WHERE[2] else WAIT_S)
    need(said in charlie.order(), "the line has stopped")
    accusing = accused(net) - ({"ALPHA"} if early and where == WHERE[2] else set())
    need(not accusing, f"accused are {sorted(accusing)}")


def _ending(net: Net, how: str) -> SignedCharter:
    """The version that ends ALPHA's key where everybody has read it."""
    old = ALPHA.stations[0].id
    closed: list[LogEnd] = ends(net.post("BRAVO"), old)
    if how == "rotated":
        return sign_all(amend(net.signed.charter, cards=[FRESH.card()], closed=closed), net.parties)
    if how == "revoked":
        return sign_all(amend(net.signed.charter, cards=[SPARE.card()], closed=closed), net.parties)
    new = amend(net.signed.charter, cards=[REBORN.card()], closed=closed, reroot=True)
    return sign_all(new, (REBORN, BRAVO, CHARLIE))


def _loot(net: Net, where: str, dated: int, version: int) -> Statement:
    who: StationKit = ALPHA.stations[0]
    line = net.post("BRAVO").line
    log = next(each for each in line.record.logs.values() if each.station == who.id)
    place = Place(
        line=line.id, station=who.id, incarnation=log.incarnation, position=log.size,
        previous=log.head, seen=(), time_ms=max(0, START_MS + net.ms - dated), charter=version,
    )  # fmt: skip
    if where == "a log of its own":
        place = replace(place, incarnation=b"a thief!", position=0, previous=None)
    elif where == "a number that is taken":
        last = log.items[-1].statement.place
        place = replace(last, time_ms=place.time_ms, charter=version)
    elif where == "read by nobody before the end":
        other = next(each for each in line.record.logs.values() if each.station != who.id)
        place = replace(place, seen=(other.head[: statements.TIP_BYTES],))
    return write(who, "", place, message("we attack at dawn"))


# --------------------------------------------------------------------------------- charters

Variant = Callable[[Charter, SignedCharter], SignedCharter]


def _again(first: Charter, **changes: object) -> Charter:
    return amend(first, **changes)  # type: ignore[arg-type]


def _stranger(_first: Charter, second: SignedCharter) -> SignedCharter:
    """One signature is that of somebody else."""
    text = charter_message(second.charter.body)
    bad = dict(second.signatures)
    bad["BRAVO"] = Key("nobody").sign(text)
    return replace(second, signatures=tuple(sorted(bad.items())))


def _swapped(_first: Charter, second: SignedCharter) -> SignedCharter:
    """Two parties' signatures have changed places."""
    bad = dict(second.signatures)
    bad["ALPHA"], bad["BRAVO"] = bad["BRAVO"], bad["ALPHA"]
    return replace(second, signatures=tuple(sorted(bad.items())))


def _third(second: SignedCharter) -> Charter:
    return _again(second.charter, silence_s=120)


PARTIES = (ALPHA, BRAVO, CHARLIE)
VARIANTS: dict[str, Variant] = {
    "the version before": lambda first, _: sign_all(first, PARTIES),
    "the same version, other bytes": lambda first, _: sign_all(
        _again(first, silence_s=77), PARTIES
    ),
    "the same version, other bytes, one signature": lambda first, _: sign_all(
        _again(first, silence_s=77), (CHARLIE,)
    ),
    "the next version, unsigned": lambda _, second: SignedCharter(charter=_third(second)),
    "the next version, signed by one": lambda _, second: sign_all(_third(second), (CHARLIE,)),
    "the next version, signed by all but one": lambda _, second: sign_all(
        _third(second), (BRAVO, CHARLIE)
    ),
    "the next version, signed by a stranger": lambda first, second: _stranger(
        first, sign_all(_third(second), PARTIES)
    ),
    "the next version, signatures swapped": lambda first, second: _swapped(
        first, sign_all(_third(second), PARTIES)
    ),
    "a next version of the one before": lambda first, second: sign_all(
        finish(replace(_third(second), previous=first.hash)), PARTIES
    ),
    "the version after the next": lambda _, second: sign_all(
        _again(_third(second), silence_s=180), PARTIES
    ),
    "the first of another line": lambda _, second: found(PARTIES, name="ANOTHER LINE"),
}
CHARTER_ROADS = ("installed", "offered", "in a file")


def charter_variant(seed: int) -> None:
    """One cell: a charter that is not the next complete version, by each road."""
    name = list(VARIANTS)[seed % len(VARIANTS)]
    road = CHARTER_ROADS[seed // len(VARIANTS) % len(CHARTER_ROADS)]
    net = Net(PARTIES)
    net.connect_all()
    alpha, bravo, charlie = net
    first = net.signed.charter
    second = sign_all(amend(first, silence_s=90), PARTIES)
    alpha.install(second)
    net.deliver()
    need(all(post.line.latest() == 2 for post in net), "the second version did not go round")
    try:
        bad = VARIANTS[name](first, second)
    except TielineError:
        return  # it cannot even be made
    refused = _hand_charter(bravo, charlie, bad, road)
    net.deliver()
    for post in net:
        need(post.line.latest() == 2, f"{post.who.party} goes by {name}")
        need(post.line.charter.hash == second.charter.hash, f"{name} has taken another's place")
    # One is known already; the other is a line of its own, which an officer may well found.
    silent = name in ("the version before", "the first of another line")
    need(refused or silent, f"{name} was {road}, and nothing was said")
    if name == "the same version, other bytes":
        for each in (bad.charter.hash, second.charter.hash):
            need(each.hex()[:16] in refused, "the refusal does not show both hashes")


def _hand_charter(post: Post, bringer: Post, bad: SignedCharter, road: str) -> str:
    """Bring it; what was said against it."""
    if road == "installed":
        try:
            post.install(parse_signed_charter(bad.encode()))
        except TielineError as error:
            return f"{error.code} {error.message}"
        return ""
    before = len(post.refusals())
    envelope = sync.pack(CharterOffer(post.line.id, bad.encode()))
    carrier = "wire" if road == "offered" else "bundle"
    post.step(Arrived(carrier=carrier, peer=bringer.who.id, envelope=envelope))
    texts = [fact.body.decode("utf-8", "replace") for fact in post.facts if b"charter" in fact.body]
    return " ".join([*post.refusals()[before:], *texts[-1:]]) if post.refusals()[before:] else ""


# ----------------------------------------------------------------------------- store of before


def trust_store_back(seed: int) -> None:
    """The store goes back to before a key was ended; the thief of that key comes first."""
    chance = random.Random(f"trust {seed}")
    with wires(3, whole_reserve=False) as wire:
        alpha, bravo, charlie = wire.homes
        for home in wire.homes:
            home.say("here")
        wire.settle()
        kept = wire.folder / "before"
        copy_of(bravo, "store", kept)
        for other in (alpha, charlie):
            wire.join(other, bravo)
        bravo.say("later")
        wire.settle(1)
        second = _rotation(wire, charlie)
        charlie.act(Install(token=charlie.token(), charter=second, incarnation=bytes(8)))
        wire.settle()
        need(all(home.line.latest() == 2 for home in wire.homes), "not all hold the new version")
        loot = _stolen(wire, bravo)
        put_back(bravo, "store", kept)
        bravo.start()
        need(bravo.line.latest() == 1, "the store did not go back")
        early = chance.random() < 0.5
        envelope = sync.pack(Push(bravo.line.id, (loot.raw,)))
        if early:  # nobody can know better yet
            bravo.turn(Arrived(carrier="bundle", peer=charlie.who.id, envelope=envelope))
        need(bravo.line.life.standing is Standing.CLOSED, "nobody notices that the store went back")
        wire.join(bravo, charlie)
        bravo.turn(Arrived(carrier="bundle", peer=charlie.who.id, envelope=envelope))
        wire.settle()
        need(bravo.line.latest() == 2, "it goes by the older version, beside one that has the new")
        log = bravo.line.record.logs.get(loot.log)
        size = 0 if log is None else log.size
        need(size <= loot.place.position, "what the ended key signed stands in its log")
        if early:
            codes = {alarm.code for alarm in bravo.alarms}
            need("record.late" in codes, "nobody is told that it was taken back")
        bravo.say("and on")
        wire.settle()
        need(not wire.reused(), "a number bears two statements")
        need(not wire.codes(), f"an honest station is accused: {sorted(wire.codes())}")


def _rotation(wire: Wire, by: Home) -> SignedCharter:
    old = ALPHA.stations[0].id
    logs = [log for log in by.line.record.logs.values() if log.station == old]
    closed = [LogEnd(log=log.id, size=log.size, last=log.head) for log in logs]
    return sign_all(amend(wire.signed.charter, cards=[FRESH.card()], closed=closed), PARTIES)


def _stolen(wire: Wire, at: Home) -> Statement:
    who = ALPHA.stations[0]
    log = next(log for log in at.line.record.logs.values() if log.station == who.id)
    place = Place(
        line=at.line.id, station=who.id, incarnation=log.incarnation, position=log.size,
        previous=log.head, seen=(), time_ms=START_MS, charter=1,
    )  # fmt: skip
    return write(who, "", place, message("we attack at dawn"))


# ------------------------------------------------------------------------- stripped and edited


def _sign1(key: SigningKey, protected: bytes, bare: dict[int, object], payload: bytes) -> bytes:
    aad = b"tieline-statement-v1\0"
    text = cbor2.dumps(["Signature1", protected, aad, payload], canonical=True)
    signature = key.sign(text).signature
    return cbor2.dumps([protected, bare, payload, signature], canonical=True)


HEADERS: dict[str, tuple[bytes, dict[int, object]]] = {
    "no algorithm": (b"", {}),
    "an empty header": (b"\xa0", {}),
    "the algorithm outside the signature": (b"", {1: -8}),
    "in both places": (bytes.fromhex("a10127"), {1: -8}),
    "ES256": (bytes.fromhex("a10126"), {}),
    "HMAC": (bytes.fromhex("a10105"), {}),
    "a key id beside it": (bytes.fromhex("a201270441aa"), {}),
    "critical headers": (bytes.fromhex("a20127028101"), {}),
}


def stripped(seed: int) -> None:
    """One header that says another algorithm or none, signed well under what it says."""
    name = list(HEADERS)[seed % len(HEADERS)]
    net = Net(PARTIES)
    net.connect_all()
    alpha, bravo, charlie = net
    log = bravo.line.record.logs[alpha.line.own_log]
    place = Place(
        line=bravo.line.id, station=alpha.who.id, incarnation=log.incarnation, position=log.size,
        previous=log.head, seen=(), time_ms=START_MS, charter=1,
    )  # fmt: skip
    payload = statements.compose(place, message("no algorithm"))
    protected, bare = HEADERS[name]
    raw = _sign1(alpha.who.sign_key._key, protected, bare, payload)
    before = bravo.order()
    bring_raw(bravo, charlie, raw)
    need(bravo.order() == before, f"a statement with {name} was let in")
    need(bravo.refusals(), "the refusal is not on record")
    good = _sign1(alpha.who.sign_key._key, bytes.fromhex("a10127"), {}, payload)
    bring_raw(bravo, charlie, good)
    need(len(bravo.order()) == len(before) + 1, "the true one was refused")


def bring_raw(post: Post, carrier: Post, raw: bytes) -> None:
    envelope = sync.pack(Push(post.line.id, (raw,)))
    post.step(Arrived(carrier="wire", peer=carrier.who.id, envelope=envelope))


EDITS = 64
_TUNING = replace(stations.FAST, attempt_s=0.6, handshake_s=0.6, challenge_s=0.3)


class Editor:
    """A road on which one byte of the first connection's first flight is changed."""

    def __init__(self, target: str, at: int, *, back: bool) -> None:
        self.target, self.at, self.back = target, at, back
        self.calls = 0
        self.edited = 0  # the number of the call that was edited
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        number = self.calls
        host, _, port = self.target.rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        ways = (
            asyncio.ensure_future(self._pump(reader, back, 0 if self.back else number)),
            asyncio.ensure_future(self._pump(there, writer, number if self.back else 0)),
        )
        self._tasks.update(ways)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, call: int
    ) -> None:
        try:
            while data := await reader.read(65_536):
                if call and not self.edited:
                    # The version of the outer record is the one thing that TLS 1.3 does not read.
                    spots = [0, *range(3, min(len(data), 120))]
                    spot = spots[self.at % len(spots)]
                    data = data[:spot] + bytes([data[spot] ^ 1 << self.at % 8]) + data[spot + 1 :]
                    self.edited = call
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


def edited_hello(seed: int) -> None:
    """One byte of one side's first flight is changed on the way."""
    stations.run(_edited(seed))


async def _edited(seed: int) -> None:
    async with stations.World() as world:
        alpha = await world.station("ALPHA", tuning=_TUNING)
        bravo = await world.station("BRAVO", tuning=_TUNING)
        editor = Editor(bravo.address, seed // 2, back=bool(seed % 2))
        server = await asyncio.start_server(editor.take, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        bravo.carrier.set_peers([alpha.endpoint()])
        alpha.carrier.set_peers([bravo.endpoint(f"127.0.0.1:{port}")])
        try:
            async with asyncio.timeout(90):
                await alpha.events.count("connected", peer=bravo.id)
        finally:
            server.close()
            await editor.close()
        need(editor.edited, "nothing was edited")
        need(editor.calls > editor.edited, "a session stands on an edited handshake")
        said = [cause for what, _, cause in alpha.events.seen if what in ("failed", "lost")]
        need(said, "the failure is not on record")
