"""Restored stores and copied homes: real files, the real runtime and the machine's own mark.

A ``Home`` is a folder with an encrypted store, ``machine.id`` and ``machine.mark``, and a station
that is started on it and killed. ``Wire`` carries envelopes between homes and keeps an account of
its own: every statement that has ever left a station, by log and number.
"""

from __future__ import annotations

import random
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from unittest import mock

from tests.core.world import START_MS, PartyKit, StationKit, chaff, found, kits, message
from tests.faults.liars import ACCUSING
from tests.faults.rows import need, scratch
from tests.faults.verifier import verdict

from tieline.core import sync
from tieline.core.charter import SignedCharter
from tieline.core.errors import TielineError
from tieline.core.events import (
    Arrived,
    Connected,
    Done,
    Event,
    Install,
    Lost,
    Reply,
    Speak,
    Tick,
    Transmit,
)
from tieline.core.journal import Alarm, Fact, FactKind
from tieline.core.life import Life, Standing
from tieline.core.line import Line
from tieline.core.statement import parse
from tieline.core.sync import Push
from tieline.core.terms import Now
from tieline.node import machine
from tieline.node.machine import HomeMachine
from tieline.node.runtime import Runtime
from tieline.store import disk
from tieline.store.sqlite import SqliteStore

Places = dict[tuple[bytes, int], set[bytes]]
OURS = ("store.db", "store.db-wal", "store.db-shm")
ROUND_MS = 1_000


class Hand:
    """A ``ports.Signer`` with the keys of one station."""

    def __init__(self, who: StationKit) -> None:
        self._who = who

    def sign(self, message: bytes, key: bytes = b"") -> bytes:
        return self._who.sign_key.sign(message)

    def cosign(self, message: bytes, key: bytes = b"") -> bytes:
        return self._who.cosign_key.sign(message)

    def cosign_mldsa(self, message: bytes, key: bytes = b"") -> bytes:
        raise AssertionError


class Home:
    """One station's folder, and its process while there is one (``node.runtime.World``)."""

    def __init__(self, wire: Wire, who: StationKit, folder: Path) -> None:
        self.wire, self.who, self.folder = wire, who, folder
        self.key = chaff(f"store {who.party}", 32)
        self.runtime: Runtime | None = None
        self.alarms: list[Alarm] = []
        self._answers: dict[int, Done | TielineError] = {}
        self._token = self._lives = 0
        self._machine: HomeMachine | None = None

    def make(self) -> None:
        """A new home with an empty store."""
        self.folder.mkdir()
        SqliteStore.create(self.folder / "store.db", self.key).close()

    def start(self) -> None:
        store = SqliteStore.open(self.folder / "store.db", self.key)
        self._machine = HomeMachine.open(self.folder)
        self.runtime = Runtime(
            self.who.id,
            "",
            store,
            Hand(self.who),
            self,
            self.wire.now(),
            machine=self._machine,
            boot=self.wire.boot,
        )
        self.turn(Tick())

    def kill(self) -> None:
        """The process ends: its files are left as they are, and its peers notice."""
        if self.runtime is None:
            return
        self.wire.drop(self)
        store = self.runtime.store
        assert isinstance(store, SqliteStore)
        assert self._machine is not None
        store.close()
        self._machine.close()
        self.runtime = None

    def lines(self) -> list[Line]:
        assert self.runtime is not None
        return list(self.runtime.station.lines.values())

    @property
    def line(self) -> Line:
        return self.lines()[0]

    def turn(self, *events: Event) -> None:
        assert self.runtime is not None
        self.runtime.turn(events, self.wire.now())
        while self.runtime.owes:
            self.runtime.turn((), self.wire.now())

    def act(self, event: Install | Speak) -> Done:
        self.turn(event)
        answer = self._answers.pop(event.token)
        if isinstance(answer, TielineError):
            raise answer
        return answer

    def install(self, signed: SignedCharter) -> None:
        """What an officer does at a station without a line; the log's id is drawn anew."""
        self._lives += 1
        life = chaff(f"life {self.who.party} {self._lives}", 8)
        self.act(Install(token=self.token(), charter=signed, incarnation=life))

    def say(self, text: str) -> bytes:
        """An officer speaks: the statement's digest."""
        act = Speak(token=self.token(), line=self.line.id, content=message(text), officer="Ada")
        return self.act(act).item

    def token(self) -> int:
        self._token += 1
        return self._token

    def order(self) -> list[bytes]:
        return [item.statement.digest for item in self.line.record.order]

    # --- what the runtime does outside

    def transmit(self, effect: Transmit) -> str:
        return self.wire.take(self, effect)

    def reply(self, effect: Reply) -> None:
        self._answers[effect.token] = effect.result

    def peers_changed(self) -> None:
        """The wires do not depend on the charter."""

    def published(self, first: int, facts: Sequence[Fact]) -> None:
        self.alarms += [Alarm.decode(f.body) for f in facts if f.kind == FactKind.ALARM]


class Wire:
    """Homes, the wires between them, one clock, and the account of what has been said."""

    def __init__(self, folder: Path, parties: Sequence[PartyKit]) -> None:
        self.folder = folder
        self.ms = 0
        self.set_ms = 0  # by so much somebody has set the wall clock
        self.boot, self.boot_ms = b"first", 0  # the run of the machines, and when it began
        self.signed = found(parties)
        self.homes: list[Home] = []
        self.places: Places = {}
        self._open: list[tuple[Home, Home]] = []
        self._way: deque[tuple[Home, Home, bytes]] = deque()
        for party in parties:
            home = Home(self, party.stations[0], folder / party.code)
            home.make()
            home.start()
            home.install(self.signed)
            self.homes.append(home)

    def now(self) -> Now:
        steady_ms = self.ms - self.boot_ms
        return Now(START_MS + self.ms + self.set_ms, steady_ms, steady_ms)

    def take(self, sender: Home, effect: Transmit) -> str:
        self.note(sender, effect.envelope)
        for pair in self._open:
            if sender in pair:
                other = pair[0] if pair[1] is sender else pair[1]
                if other.who.id == effect.peer:
                    self._way.append((sender, other, effect.envelope))
                    return "wire"
        return ""

    def note(self, sender: Home, envelope: bytes) -> None:
        opened = sync.unpack(envelope)
        for raw in opened.statements if isinstance(opened, Push) else ():
            said = parse("", raw)
            self.places.setdefault((said.log, said.place.position), set()).add(said.digest)

    def join(self, one: Home, other: Home) -> None:
        self._open.append((one, other))
        for here, there in ((one, other), (other, one)):
            here.turn(Connected(carrier="wire", peer=there.who.id, address="test"))
        self.settle()

    def part(self, one: Home, other: Home) -> None:
        for pair in [pair for pair in self._open if one in pair and other in pair]:
            self._open.remove(pair)
            for here, there in ((one, other), (other, one)):
                if here.runtime is not None:
                    here.turn(Lost(carrier="wire", peer=there.who.id, cause="cut"))

    def drop(self, home: Home) -> None:
        """Its process has ended."""
        self._way = deque(each for each in self._way if home not in each[:2])
        for pair in [pair for pair in self._open if home in pair]:
            self._open.remove(pair)
            other = pair[0] if pair[1] is home else pair[1]
            other.turn(Lost(carrier="wire", peer=home.who.id, cause="gone"))

    def carry(self) -> None:
        while self._way:
            sender, other, envelope = self._way.popleft()
            if other.runtime is not None:
                other.turn(
                    Arrived(carrier="wire", peer=sender.who.id, envelope=envelope, live=True)
                )

    def settle(self, rounds: int = 3) -> None:
        """Let what is under way arrive, and what waits for its moment, too."""
        self.carry()
        for _ in range(rounds):
            self.ms += ROUND_MS
            for home in self.running():
                home.turn(Tick())
            self.carry()

    def running(self) -> list[Home]:
        members = [*self.homes, *(home for pair in self._open for home in pair)]
        return [home for home in dict.fromkeys(members) if home.runtime is not None]

    def reused(self) -> list[tuple[bytes, int]]:
        """The numbers that bear two statements, in what was said and in what is kept."""
        whole = {place: set(digests) for place, digests in self.places.items()}
        for home in self.running():
            for item in home.line.record.order:
                place = (item.statement.log, item.statement.place.position)
                whole.setdefault(place, set()).add(item.statement.digest)
        return [place for place, digests in whole.items() if len(digests) > 1]

    def codes(self) -> set[str]:
        return {alarm.code for home in self.homes for alarm in home.alarms} & ACCUSING


SMALL_RESERVE = 65_536


@contextmanager
def wires(count: int, *, whole_reserve: bool = True) -> Iterator[Wire]:
    """A line in a folder of its own. Without ``whole_reserve`` stores keep little room back.

    Two MiB of random bytes for each new store are a fifth of a case that is not about full disks.
    """
    small = partial(disk.Reserve, size=SMALL_RESERVE)
    with (
        scratch() as name,
        nullcontext() if whole_reserve else mock.patch.object(disk, "Reserve", small),
    ):
        made = Wire(Path(name), kits(count))
        for index, one in enumerate(made.homes):
            for other in made.homes[index + 1 :]:
                made.join(one, other)
        try:
            yield made
        finally:
            for home in made.running():
                home.kill()


# --------------------------------------------------------------------------------- old backups

KINDS = ("store", "snapshot", "copied", "live", "no wal")
REACH = ("late peer", "peer", "nobody", "twice")


def copy_of(home: Home, kind: str, place: Path) -> None:
    """A backup of a kind, as careless people make it. ``live`` is of a running station."""
    if kind == "live":
        place.mkdir()
        shutil.copy2(home.folder / "store.db", place / "store.db")
        return
    running = home.runtime is not None
    if running:
        home.kill()
    shutil.copytree(home.folder, place)
    if running:
        home.start()


def put_back(home: Home, kind: str, place: Path) -> None:
    """The backup takes the place of what there is."""
    home.kill()
    if kind == "snapshot":
        for path in sorted(place.iterdir()):  # in place, so that the file's number stays
            (home.folder / path.name).write_bytes(path.read_bytes())
        for path in sorted(home.folder.iterdir()):
            if not (place / path.name).exists():
                path.unlink()
    elif kind == "copied":
        shutil.rmtree(home.folder)
        shutil.copytree(place, home.folder)
    elif kind == "no wal":
        for name in OURS[1:]:
            (home.folder / name).unlink(missing_ok=True)
        shutil.copy2(place / "store.db", home.folder / "store.db")
    else:
        for name in OURS:
            (home.folder / name).unlink(missing_ok=True)
            if (place / name).exists():
                shutil.copy2(place / name, home.folder / name)


def old_backup(seed: int) -> None:
    """A store of before is put back, and the officer goes on as if nothing had happened."""
    kind, reach = KINDS[seed % len(KINDS)], REACH[seed // len(KINDS) % len(REACH)]
    chance = random.Random(f"restore {seed}")
    with wires(
        3 if reach == "late peer" and kind != "snapshot" else 2, whole_reserve=False
    ) as wire:
        alpha, bravo = wire.homes[:2]
        late = wire.homes[2] if len(wire.homes) > 2 else None
        for number in range(chance.randint(1, 3)):
            bravo.say(f"kept {number}")
        wire.settle(1)
        place = wire.folder / "backup"
        copy_of(bravo, kind, place)
        if late is not None:
            for other in (alpha, bravo):
                wire.part(other, late)
        wire.part(alpha, bravo)
        wire.join(alpha, bravo)
        lost = [bravo.say(f"lost {number}") for number in range(chance.randint(1, 3))]
        wire.settle(1)
        for again in range(2 if reach == "twice" else 1):
            try:
                put_back(bravo, kind, place)
                bravo.start()
            except TielineError:
                need(kind in ("live", "no wal"), f"a backup of kind {kind!r} did not start")
                return  # the store itself says that it is not whole: nothing is signed
            _go_on(wire, reach, late, again)
        for home in (alpha, *((late,) if late is not None else ())):
            if not any(home in pair and bravo in pair for pair in wire._open):
                wire.join(home, bravo)
        wire.settle()
        last = bravo.say("at the end")
        wire.settle()
        for home in wire.homes:
            need(last in home.order(), f"{home.who.party} has not heard the last word")
            need(set(lost) <= set(home.order()), f"{home.who.party} lacks what was lost")
        need(not wire.reused(), f"{len(wire.reused())} numbers bear two statements")
        need(not wire.codes(), f"an honest station is accused: {sorted(wire.codes())}")


def _go_on(wire: Wire, reach: str, late: Home | None, again: int) -> None:
    """The officer speaks as soon as it is let."""
    alpha, bravo = wire.homes[:2]
    if not bravo.lines():  # what the copy holds was written before the line was founded
        bravo.install(wire.signed)
    if reach == "peer":
        wire.join(alpha, bravo)
    elif reach == "late peer" and late is not None:
        wire.join(late, bravo)  # it knows no more than the backup, and confirms it in good faith
    for number in range(2):
        bravo.say(f"today {again} {number}")
    wire.settle(1)


# ------------------------------------------------------------------- with the guard cut out


@contextmanager
def unguarded(station: bytes) -> Iterator[None]:
    """One station, and no other, goes on with its log whatever happened to its store."""
    real = Life.standing.fget  # type: ignore[attr-defined]

    def standing(self: Life) -> Standing:
        if self.own == station:
            return Standing.WRITING
        found: Standing = real(self)
        return found

    with mock.patch.object(Life, "standing", property(standing)):
        yield


def restored_signs_again(seed: int) -> None:
    """An old store without its guard signs a second story, and everybody finds out."""
    chance = random.Random(f"unguarded {seed}")
    with wires(3, whole_reserve=False) as wire:
        alpha, bravo, charlie = wire.homes
        bravo.say("kept")
        wire.settle(1)
        copy_of(bravo, "store", wire.folder / "backup")
        wire.join(alpha, bravo)
        for number in range(chance.randint(1, 3)):
            bravo.say(f"lost {number}")
        wire.settle()
        with unguarded(bravo.who.id):
            put_back(bravo, "store", wire.folder / "backup")
            bravo.start()
            for number in range(chance.randint(1, 2)):
                bravo.say(f"a second story {number}")
            first = chance.choice((alpha, charlie))
            wire.join(first, bravo)
            wire.settle()
            bravo.kill()
        _proved(wire, (alpha, charlie), bravo)


def _proved(wire: Wire, honest: tuple[Home, ...], liar: Home) -> None:
    need(wire.reused(), "no number was used twice, and one should have been")
    for home in honest:
        told = [alarm for alarm in home.alarms if alarm.code == "record.two_stories"]
        need(told, f"{home.who.party} holds two stories, and is silent")
        need({alarm.party for alarm in told} == {liar.who.party}, "another party is accused")
        files = [each.encoded for held in home.line.proofs.values() for each in held]
        need(files, f"{home.who.party} has no proof")
        for data in files:
            need(verdict(data).station == liar.who.id, "a proof names another station")


# ----------------------------------------------------------------------------- two with one key


def two_nodes_one_key(seed: int) -> None:
    """A copy of a home runs beside it: on the same machine, on another, and as a perfect clone."""
    how = ("one host", "another host", "a clone")[seed % 3]
    chance = random.Random(f"clone {seed}")
    with wires(2, whole_reserve=False) as wire:
        alpha, bravo = wire.homes
        bravo.say("one machine")
        wire.settle(1)
        if how == "one host":
            twin = Home(wire, bravo.who, bravo.folder)
            try:
                twin.start()
            except TielineError as error:
                need(error.code == "store.locked", f"it was refused for {error.code}")
            else:
                need(False, "two processes write one store")
            bravo.say("the first goes on")
            return
        bravo.kill()
        twin = Home(wire, bravo.who, wire.folder / "twin")
        shutil.copytree(bravo.folder, twin.folder)
        tags = {} if how == "another host" else {twin.folder: machine.machine_tag(bravo.folder)}
        real = machine.machine_tag
        with mock.patch.object(machine, "machine_tag", lambda home: tags.get(home) or real(home)):
            try:
                _both_run(wire, twin, chance)
                if how == "another host":
                    _both_warned(wire, alpha, bravo, twin)
                else:
                    _proved(wire, (alpha,), bravo)
            finally:
                twin.kill()


def _both_run(wire: Wire, twin: Home, chance: random.Random) -> None:
    """Each has the wire for a while, and its officer speaks."""
    alpha, bravo = wire.homes
    both = [bravo, twin]
    chance.shuffle(both)
    for home in both:
        home.start()
    # Each is confirmed by a peer that knows of neither's new words, and speaks then.
    for home in both:
        wire.join(alpha, home)
        wire.part(alpha, home)
    for home in both:
        home.say(f"{home.folder.name} is the one")
    for _ in range(2):
        for home in both:
            wire.join(alpha, home)
            wire.settle(1)
            home.say(f"{home.folder.name} is still here")
            wire.settle(1)
            wire.part(alpha, home)
    for home in both:
        wire.join(alpha, home)
        wire.settle(1)
        wire.part(alpha, home)


def _both_warned(wire: Wire, alpha: Home, bravo: Home, twin: Home) -> None:
    need(not wire.reused(), "two machines have signed one number")
    for home in (alpha, bravo, twin):
        codes = {alarm.code for alarm in home.alarms}
        need("station.two_lives" in codes or "station.other_life" in codes,
             f"{home.folder.name} is not told of two machines")  # fmt: skip
        need("record.two_stories" not in codes, f"{home.folder.name} is told of two stories")
