"""P1 and P7: a disk that is gone, that is slow, and small volumes of their own file system.

All with real stores, the real runtime and the machine's own mark. ``Ledger`` is an account of what
a station has promised, held against what its store had committed at that moment. A volume is an
ext4 file system in a file, mounted for one case; ``no_volume`` says why there can be none.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.core.world import message
from tests.faults.rows import need, scratch
from tests.faults.stores import Home, Wire, wires

from tieline.core import sync
from tieline.core.errors import ShellError, StoreFull
from tieline.core.events import Done, Reply, Speak, Transmit
from tieline.core.journal import Fact, FactKind
from tieline.core.statement import parse
from tieline.core.sync import Receipts
from tieline.core.terms import Precedence, Rung
from tieline.node.roomwatch import RoomWatch
from tieline.store import disk
from tieline.store.sqlite import SqliteStore


class Ledger:
    """What a station has promised, and what was durable then. ``slow_ms`` is how long a sync takes.

    The wire's time passes while the station commits.
    """

    def __init__(self, wire: Wire, home: Home, slow_ms: int = 0) -> None:
        self.early: list[str] = []
        self.shown: dict[bytes, int] = {}  # when watchers were shown a statement
        self.held: set[bytes] = set()
        self._sizes: Counter[bytes] = Counter()
        self._wire, self._home, self._slow_ms = wire, home, slow_ms
        assert home.runtime is not None
        store = home.runtime.store
        for _, fact in store.facts():
            self._note(fact)
        self._commit, self._said = store.commit, home.transmit
        self._reply, self._published = home.reply, home.published
        for owner, name in ((home, "transmit"), (home, "reply"), (home, "published")):
            setattr(owner, name, getattr(self, name))
        store.commit = self.commit  # type: ignore[method-assign]

    def _note(self, fact: Fact) -> None:
        if fact.kind == FactKind.STATEMENT and fact.log is not None:
            self._sizes[fact.log] += 1
            self.held.add(parse("", fact.body).digest)

    def commit(self, facts: Sequence[Fact]) -> int:
        last = self._commit(facts)
        self._wire.ms += self._slow_ms
        for fact in facts:
            self._note(fact)
        return last

    def transmit(self, effect: Transmit) -> str:
        opened = sync.unpack(effect.envelope)
        for receipt in opened.receipts if isinstance(opened, Receipts) else ():
            if receipt.cosigner == self._home.who.id and receipt.size > self._sizes[receipt.log]:
                self.early.append(f"a receipt for {receipt.size} statements")
        return self._said(effect)

    def reply(self, effect: Reply) -> None:
        done = effect.result
        if isinstance(done, Done) and done.item and done.item not in self.held:
            self.early.append("the answer that a word was said")
        self._reply(effect)

    def published(self, first: int, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if fact.kind == FactKind.STATEMENT:
                digest = parse("", fact.body).digest
                self.shown[digest] = self._wire.ms
                if digest not in self.held:
                    self.early.append("a statement on the desk")
        self._published(first, facts)


def say(home: Home, text: str, precedence: Precedence = Precedence.FLASH) -> bytes:
    """An officer speaks at a station: the statement's digest. Raises the refusal."""
    act = Speak(
        token=home.token(), line=home.line.id, content=message(text, precedence), officer="Ada"
    )
    return home.act(act).item


def received(home: Home, digest: bytes, party: str) -> bool:
    """Whether a station has a party's receipt for a statement."""
    item = home.line.item(digest)
    return item is not None and Rung.RECEIVED in home.line.ladder.rungs(item, party)


# ------------------------------------------------------------------------- a disk that is gone


def lost_disk(seed: int) -> None:
    """A station's data is deleted and its keys are put back: the others bring what they had."""
    chance = random.Random(f"gone {seed}")
    with wires(2 + seed % 2) as wire:
        alpha, bravo, *others = wire.homes
        for number in range(chance.randint(4, 30)):
            chance.choice(wire.homes).say(f"word {number}")
            if chance.random() < 0.3:
                wire.settle(1)
        bravo.say("the last that all have")
        wire.settle()
        for again in range(1 + (seed % 3 == 0)):
            known = set(alpha.order())
            for other in (alpha, *others):
                wire.part(other, bravo)
            for number in range(chance.randint(0, 3)):
                bravo.say(f"nobody has heard {again} {number}")
            bravo.kill()
            shutil.rmtree(bravo.folder)
            bravo.make()
            bravo.start()
            bravo.install(wire.signed)
            alone = [bravo.say("before anybody is in reach")] if chance.random() < 0.5 else []
            wire.join(chance.choice((alpha, *others)), bravo)
            wire.settle()
            alone.append(bravo.say("at work again"))
            for other in (alpha, *others):
                if not any(bravo in pair and other in pair for pair in wire._open):
                    wire.join(other, bravo)
            wire.settle()
            lost = known - set(bravo.order())
            need(not lost, f"{len(lost)} statements that were acknowledged did not come back")
            for home in wire.homes:
                need(set(alone) <= set(home.order()), f"{home.who.party} lacks what is new")
                need(home.order() == alpha.order(), "two orders of one record")
        need(not wire.reused(), f"{len(wire.reused())} numbers bear two statements")
        need(not wire.codes(), f"an honest station is accused: {sorted(wire.codes())}")


# ------------------------------------------------------------------------------ a slow disk

SLOW_MS = (300, 5_000)


def slow_disk(seed: int) -> None:
    """Each sync takes 0.3 to 5 s at one station or both: all comes late, and nothing early."""
    chance = random.Random(f"slow {seed}")
    with wires(2) as wire:
        alpha, bravo = wire.homes
        wire.settle()
        took = [chance.randint(*SLOW_MS), chance.choice((0, chance.randint(*SLOW_MS)))]
        theirs, ours = Ledger(wire, bravo, took[0]), Ledger(wire, alpha, took[1])
        for number in range(chance.randint(2, 5)):
            began = wire.ms
            digest = say(alpha, f"flash {number}")
            need(wire.ms - began >= took[1], "it was said before a sync could have ended")
            began = wire.ms
            wire.carry()
            need(theirs.shown[digest] - began >= took[0], "it was shown before it was stored")
            need(theirs.shown[digest] - began <= 3 * took[0] + took[1], "it was shown too late")
            need(received(alpha, digest, "BRAVO"), "its receipt has not come")
            if chance.random() < 0.5:
                say(bravo, f"answer {number}", Precedence.PRIORITY)
                wire.settle(1)
        wire.settle()
        need(not theirs.early + ours.early, f"too early: {(theirs.early + ours.early)[:3]}")
        need(alpha.order() == bravo.order(), "one of them lacks something")
        need(not wire.codes(), f"an honest station is accused: {sorted(wire.codes())}")


# ------------------------------------------------------------------------------ small volumes


@cache
def no_volume() -> str:
    """Why no volume can be mounted here; empty when one can."""
    lacking = [each for each in ("mkfs.ext4", "e2fsck", "mount") if shutil.which(each) is None]
    if lacking:
        return f"no small volume can be made here: {', '.join(lacking)} is missing"
    try:
        with volume(8):
            return ""
    except (OSError, subprocess.CalledProcessError):
        return "no small volume can be mounted here: that takes root and a loop device"


@contextmanager
def volume(mib: int, *options: str) -> Iterator[Path]:
    """An ext4 volume of so many MiB; at its end its file system must be in order."""
    with scratch() as name:
        image, folder = Path(name, "image"), Path(name, "volume")
        folder.mkdir()
        with image.open("wb") as file:
            file.truncate(mib << 20)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", *options, str(image))
        _run("mount", "-o", "loop", str(image), str(folder))
        try:
            yield folder
        finally:
            _run("umount", str(folder))
        checked = subprocess.run(
            ["e2fsck", "-fn", str(image)], capture_output=True, text=True, check=False
        )
        need(checked.returncode == 0, f"the file system is not in order: {checked.stdout[-300:]}")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def fill(folder: Path, leave: int = 0) -> Path:
    """Take all room of a volume but for so many bytes; the file to delete to give it back."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as out:
        for size in (65_536, 4_096, 512):
            with contextlib.suppress(OSError):
                while (stat := os.statvfs(folder)).f_bavail * stat.f_frsize >= leave + size:
                    out.write(os.urandom(size))
    return filler


def fill_names(folder: Path) -> None:
    """Take all that a volume has for new files."""
    (folder / "names").mkdir()
    with contextlib.suppress(OSError):
        for number in range(100_000):
            (folder / "names" / str(number)).touch()


@contextmanager
def housed(wire: Wire, folder: Path) -> Iterator[Home]:
    """BRAVO moves to a volume; it is stopped at the end, so that the volume can go."""
    bravo = wire.homes[1]
    bravo.kill()
    shutil.copytree(bravo.folder, folder / "BRAVO")
    bravo.folder = folder / "BRAVO"
    bravo.start()
    wire.join(wire.homes[0], bravo)
    wire.settle()
    try:
        yield bravo
    finally:
        bravo.kill()


KINDS = ("in commits", "at the start", "no inodes", "read-only")
LEFT = (0, 4_096, 65_536, 300_000)
MOST_WORDS = 200  # 23 were seen to fill it; each takes a page of the log at least


def small_volume(seed: int) -> None:
    """A volume of 8 MiB gets full, has no inodes left, or can only be read."""
    kind, left, words, more = KINDS[seed % 4], LEFT[seed // 4 % 4], 3, 0
    if seed >= len(KINDS) * len(LEFT):  # all of these have been: the fill may stop anywhere
        chance = random.Random(f"small volume {seed}")
        left, words, more = (
            chance.randint(0, LEFT[-1]),
            chance.randint(1, 9),
            chance.randint(0, 900),
        )
    with volume(8, "-N", "64") as folder, wires(2) as wire, housed(wire, folder) as bravo:
        alpha = wire.homes[0]
        kept = [say(bravo, f"before {number} " + "x" * more) for number in range(words)]
        wire.settle()
        if kind == "read-only":
            _read_only(wire, folder, bravo)
        elif kind == "no inodes":
            fill_names(folder)
            _restart(wire, bravo)
            kept.append(say(bravo, "with no inodes left"))
            shutil.rmtree(folder / "names")
        else:
            (bravo.folder / "store.db.reserve").unlink()
            filler = fill(folder, left)
            if kind == "at the start":
                _restart(wire, bravo)
            _until_full(wire, bravo, kept)
            filler.unlink()
            wire.settle(10)  # seconds
        kept.append(say(bravo, "there is room again"))
        wire.settle()
        for home in wire.homes:
            need(set(kept) <= set(home.order()), f"{home.who.party} lacks what was acknowledged")
        need(alpha.order() == bravo.order(), "one of them lacks something")
        _whole(bravo)


def _restart(wire: Wire, bravo: Home) -> None:
    bravo.kill()
    bravo.start()
    wire.join(wire.homes[0], bravo)


def _until_full(wire: Wire, bravo: Home, kept: list[bytes]) -> None:
    """Speak on both sides until nothing more goes in; what is there stays readable."""
    alpha, ledger = wire.homes[0], Ledger(wire, bravo)
    for number in range(MOST_WORDS):
        try:
            kept.append(say(bravo, f"word {number} " + "x" * 300))
        except StoreFull:
            break
        wire.settle(1)
    else:
        need(False, "the volume never got full")
    flash = say(alpha, "while there is no room")
    wire.settle(1)
    need(set(kept) <= set(bravo.order()), "what was said before is not read")
    need(flash in ledger.held or not received(alpha, flash, "BRAVO"), "a receipt of nothing")
    need(not ledger.early, f"too early: {ledger.early[:3]}")
    kept.append(flash)


def _read_only(wire: Wire, folder: Path, bravo: Home) -> None:
    """It is refused in words, and starts with all that it had once it can write."""
    bravo.kill()
    _run("mount", "-o", "remount,ro", str(folder))
    try:
        refused = ""
        try:
            bravo.start()
        except ShellError as error:
            refused = error.message
        need(refused, "a station runs on a volume that cannot be written")
        need("read-only" in refused, f"it says: {refused}")
    finally:
        _run("mount", "-o", "remount,rw", str(folder))
    bravo.start()
    wire.join(wire.homes[0], bravo)


def _whole(home: Home) -> None:
    assert home.runtime is not None
    store = home.runtime.store
    assert isinstance(store, SqliteStore)
    need(store.damage() == [], f"the store is not whole: {store.damage()}")


URGENT = 100


def reserve(seed: int) -> None:
    """A volume fills slowly: alarms at 10 % and 5 %, and room for a hundred FLASH after that."""
    mib = (24, 32, 40, 28, 36)[seed % 5]
    with volume(mib) as folder, wires(2) as wire, housed(wire, folder) as bravo:
        alpha = wire.homes[0]
        assert bravo.runtime is not None
        store = bravo.runtime.store
        assert isinstance(store, SqliteStore)
        watch, rang = RoomWatch(store), Counter[str]()
        filler = folder / "filler"
        while (free := disk.room(folder, 0, full=False)).free >= 65_536:
            with filler.open("ab") as out:
                out.write(os.urandom(min(262_144, free.free - 32_768)))
                os.fsync(out.fileno())
            wire.ms += 1_000
            bravo.turn(*watch.look(wire.now().real_ms))
            _as_told(store.room(), bravo)
        fill(folder)
        sent, flash = 0, say(alpha, "flash 0")
        wire.settle(1)
        while received(alpha, flash, "BRAVO") and sent < 1_000:
            sent, flash = sent + 1, say(alpha, f"flash {sent + 1}")
            wire.settle(1)
        rang.update(alarm.code for alarm in bravo.alarms)
        need(sent >= URGENT, f"{sent} FLASH had their receipt on a full disk")
        filler.unlink()
        wire.settle(10)
        need(received(alpha, flash, "BRAVO"), "there is room, and the last one has no receipt")
        need(rang["store.low"] == rang["store.critical"] == 1, f"alarms: {dict(rang)}")
        _whole(bravo)


def _as_told(room: disk.Room, home: Home) -> None:
    """What the station has rung is what is free, by the test's own reckoning."""
    rang = {alarm.code for alarm in home.alarms}
    need(("store.low" in rang) == (room.free * 10 < room.total), "10 % are free, and that")
    need(("store.critical" in rang) == (room.free * 20 < room.total), "5 % are free, and that")
