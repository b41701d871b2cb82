"""`python bench/start.py`: how long a station with a long record takes to start, and what it holds.

A home is filled with the journal that a line of three parties would have left: messages in turn,
an acknowledgement of each by the two others, every station's receipts, and hand-overs, all really
signed. Then the station is started as an operator would start it, and timed from the start of the
process to its first answer to ``status``; its peak of resident memory is read after that answer.
``cpu_seconds`` is what the processor did for it: on a busy machine the better figure.
``first`` starts without what an earlier life has left for the next one, ``again`` after a clean
stop. With ``--cache FOLDER`` the home is kept for the next run (one of 1,000,000 statements takes
minutes to make and more to start for the first time), which then measures ``again`` alone. With
``--forms N`` so many of the statements are forms of two packs: first words that promise a next one,
and the words that keep most of these promises. The station reads them after its first answer. The
floor is reading the store's bytes from the same disk, and a start with an empty record.

The JSON (schema ``tieline-bench-start/1``) only grows. Statuses: 0 measured, 2 usage.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import stations
import wire
from figures import Json, environment
from tieline.core import statement
from tieline.core.charter import Release, SignedCharter, make_charter
from tieline.core.checkpoint import Receipt, body, cosign_message, origin
from tieline.core.crypto import pack_sign1, sha256
from tieline.core.journal import Fact, FactKind, Handed, Origin
from tieline.core.statement import Body, Content, Place, Ref
from tieline.core.terms import Kind, RefRole, Role
from tieline.core.tree import Tree
from tieline.node import homekeys, packs, secrets
from tieline.node.config import Config, Home, write_config
from tieline.store import schema
from tieline.store.sqlite import SqliteStore

SCHEMA = "tieline-bench-start/1"
CODES = ("ALPHA", "BRAVO", "CHARLIE")
START_MS = 1_668_523_200_000
STEP_MS = 20_000
BATCH = 900
TEXT = "x" * 200
FIRST, WORD = "cr/first", "cr/update"


class Author:
    """One station: its keys and how far its log is."""

    def __init__(self, new: homekeys.NewHome, line: bytes) -> None:
        self.keys = new.station
        self.id = new.station.certificate.station
        self.incarnation = self.id
        self.log = statement.log_id(line, self.id, self.incarnation)
        self.origin = origin(line, self.id, self.incarnation)
        self.tree = Tree()
        self.previous: bytes | None = None
        self.seen: dict[bytes, bytes] = {}


class Story:
    """Makes the facts of a line, as the first author's journal has them."""

    def __init__(
        self, made: Sequence[homekeys.NewHome], signed: SignedCharter, each: int = 0
    ) -> None:
        self.signed = signed
        self.each = each  # of so many messages one is a form; 0: none
        self.promised: dict[bytes, bytes] = {}  # by author: the first word that waits for a next
        self.forms = 0
        self.version = packs.find("crisis").version if each else 0
        self.line = signed.charter.line
        self.authors = [Author(new, self.line) for new in made]
        self.now_ms = START_MS

    def facts(self, count: int) -> Iterator[list[Fact]]:
        """The charter, then about ``count`` statements with what belongs to them."""
        charter = self.signed.encode()
        own = self.authors[0]
        yield [
            Fact(
                kind=FactKind.CHARTER, at_ms=START_MS, line=self.line, body=charter,
                meta=own.incarnation,
            )
        ]  # fmt: skip
        opening = Content(kind=Kind.OPEN, body=Body(cause="founded"))
        yield [self._say(author, opening)[1] for author in self.authors]
        for number in range(max(0, count - len(self.authors)) // len(self.authors)):
            yield self._round(number)

    def seen_by(self, facts: Sequence[Fact], place: int) -> list[Fact]:
        """The same facts as the journal of another author has them; it notes no hand-overs."""
        own, out = self.authors[place], []
        for fact in facts:
            if fact.kind == FactKind.CHARTER:
                out.append(replace(fact, meta=own.incarnation))
            elif fact.kind == FactKind.STATEMENT:
                author = next(one for one in self.authors if one.log == fact.log)
                ours = author is own
                meta = Origin(officer="bench") if ours else Origin(carrier="tls", peer=author.id)
                out.append(replace(fact, meta=meta.encode()))
            elif fact.kind != FactKind.HANDED_OVER:
                out.append(fact)
        return out

    def _round(self, number: int) -> list[Fact]:
        """One message, the acknowledgements of the others, and everybody's receipts."""
        self.now_ms += STEP_MS
        turn = number % len(self.authors)
        author = self.authors[turn]
        said = Content(kind=Kind.MESSAGE, role=Role.WATCH_OFFICER, body=Body(text=TEXT, lang="en"))
        coded = self.each and number % self.each == 0
        if coded:
            said = self._form(author)
        digest, fact = self._say(author, said, key=f"key-{number}")
        if coded and said.form == FIRST:
            self.promised[author.id] = digest
        facts = [fact]
        answer = Content(
            kind=Kind.ACKNOWLEDGE, role=Role.WATCH_OFFICER,
            refs=(Ref(digest, RefRole.ANSWERS),),
        )  # fmt: skip
        facts.extend(self._say(each, answer)[1] for each in self.authors if each is not author)
        own = self.authors[0]
        for peer in self.authors[1:]:
            handed = Handed(station=peer.id, carrier="tls", items=(own.previous or b"",))
            facts.append(self._fact(FactKind.HANDED_OVER, handed.encode()))
        for of in self.authors:
            text = body(of.origin, of.tree.size, of.tree.root())
            others = [by for by in self.authors if by is not of]
            facts.extend(self._fact(FactKind.RECEIPT, self._receipt(of, by, text)) for by in others)
        return facts

    def _form(self, author: Author) -> Content:
        """A first word that promises a next one, or that word; every fifth promise is not kept."""
        self.forms += 1
        begun = self.promised.pop(author.id, None)
        next_s = (self.now_ms + 1_800_000) // 1000
        if begun is None or self.forms % 5 == 0:
            form, refs, next_ = FIRST, (), next_s
        else:
            form, refs, next_ = WORD, (Ref(begun, RefRole.PREDECESSOR),), False
        fields = ((1, 2), (2, 1), (3, next_))
        return Content(
            kind=Kind.MESSAGE, role=Role.WATCH_OFFICER, form=form,
            form_version=self.version, refs=refs, body=Body(fields=fields),
        )  # fmt: skip

    def _receipt(self, of: Author, by: Author, text: bytes) -> bytes:
        time_s = self.now_ms // 1000
        signature = by.keys.cosign(cosign_message(time_s, text))
        return Receipt(
            log=of.log, size=of.tree.size, cosigner=by.id, time_s=time_s, signature=signature
        ).encode()

    def _say(self, author: Author, content: Content, key: str = "") -> tuple[bytes, Fact]:
        self.now_ms += 1
        place = Place(
            line=self.line,
            station=author.id,
            incarnation=author.incarnation,
            position=author.tree.size,
            previous=author.previous,
            seen=tuple(sorted(tip[: statement.TIP_BYTES] for tip in author.seen.values())),
            time_ms=self.now_ms,
            charter=1,
        )
        # The parser's check of what was composed is left out: the station's start makes it.
        payload = statement.encode.dumps(statement._payload(place, content))  # noqa: SLF001
        raw = pack_sign1(payload, author.keys.sign(statement.to_sign("", payload)))
        digest = sha256(b"\0" + raw)
        author.tree.append(digest)
        author.previous = digest
        author.seen.clear()
        for other in self.authors:
            if other is not author:
                other.seen[author.id] = digest
        own = author is self.authors[0]
        meta = Origin(key=key, officer="bench") if own else Origin(carrier="tls", peer=author.id)
        return digest, self._fact(
            FactKind.STATEMENT, raw, meta.encode(), author.log, place.position
        )

    def _fact(
        self,
        kind: FactKind,
        data: bytes,
        meta: bytes = b"",
        log: bytes | None = None,
        position: int | None = None,
    ) -> Fact:
        return Fact(
            kind=kind, at_ms=self.now_ms, line=self.line, body=data, meta=meta, log=log,
            position=position,
        )  # fmt: skip


def make_home(folder: Path, count: int, forms: int = 0) -> Home:
    """A home whose store holds a line with ``count`` statements, of which some are forms."""
    return make_homes(folder, count, forms, 1)[0]


def make_homes(folder: Path, count: int, forms: int, stores: int) -> list[Home]:
    """The homes of the first ``stores`` parties, each with the record of the one line they share.

    Two of them know each other's address, and talk when they are started.
    """
    named = [packs.find(name) for name in ("crisis", "incident")] if forms else []
    ports = stations.free_ports()
    homes: list[Home] = []
    made: list[homekeys.NewHome] = []
    for place, code in enumerate(CODES):
        listen = (f"127.0.0.1:{ports[place]}",) if place < len(ports) else ()
        home = Home(folder / code, Config(listen=listen, key_file="key"))
        for part in (home.path, home.cards, home.charters, home.socket.parent):
            part.mkdir(parents=True)
        homes.append(home)
        made.append(
            homekeys.create_home_keys(
                home.path,
                party=code,
                party_name=code.title(),
                realm="",
                station_name="ops",
                unlock_with=secrets.create_key_file(home.path / "key"),
                addresses=listen if stores > 1 and place < stores else (),
            )
        )
    signed = SignedCharter(
        charter=make_charter(
            name="bench",
            cards=[new.card for new in made],
            nonce=os.urandom(16),
            release=Release(four_eyes=frozenset()),
            packs=tuple(sorted(one.hash for one in named)),
        )
    )
    for new in made:
        signed = signed.add_signature(new.root.party, new.root.sign_charter(signed.charter))
    opened: list[SqliteStore] = []
    for place, home in enumerate(homes[:stores]):
        write_config(home.config_file, home.config)
        for one in named:
            packs.keep(home.path, one)
        opened.append(SqliteStore.create(home.store_file, made[place].station.db_key))
    _fill(opened, Story(made, signed, max(1, count // (3 * forms)) if forms else 0), count)
    for store in opened:
        store.close()
    return homes[:stores]


def _fill(stores: Sequence[SqliteStore], story: Story, count: int) -> None:
    gathered: list[Fact] = []
    for facts in chain(story.facts(count), ([],)):
        gathered += facts
        if len(gathered) >= BATCH or not facts:
            stores[0].commit(gathered)
            for place, store in enumerate(stores[1:], 1):
                store.commit(story.seen_by(gathered, place))
            gathered.clear()


def home_of(folder: Path, count: int, forms: int = 0) -> Home:
    """A home with so many statements; an earlier run's is used again."""
    coded = f"-forms-{forms}" if forms else ""
    made = folder / f"statements-{count}{coded}-store-{schema.MIGRATIONS[-1].version}"
    if not (made / "done").exists():
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        make_home(made, count, forms)
        (made / "done").touch()
    return Home.open(made / CODES[0])


def start(home: Home, limit_s: float) -> Json:
    """Start a station, wait for its first answer, stop it; seconds and megabytes."""
    stations.START_S = limit_s
    begun = time.perf_counter()
    process = stations.start(home)
    try:
        asyncio.run(stations.ready(home))
        taken = time.perf_counter() - begun
        peak = wire.peak_bytes(process.pid)
        cpu = wire.cpu_seconds(process.pid)
        now = wire.resident_bytes(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=limit_s)
    return {
        "seconds": round(taken, 2),
        "cpu_seconds": round(cpu, 2),
        "peak_rss_mb": round(peak / 1_000_000, 1),
        "rss_mb": round(now / 1_000_000, 1),
        "stop_seconds": round(time.perf_counter() - begun - taken, 2),
    }


def raw_read(home: Home) -> float:
    """Seconds to read the store's bytes."""
    begun = time.perf_counter()
    with home.store_file.open("rb") as file:
        while file.read(1 << 20):
            pass
    return time.perf_counter() - begun


def measure(folder: Path, cache: Path, *, count: int, forms: int, limit_s: float) -> Json:
    """Fill a home, start it twice, and an empty one once."""
    empty = start(make_home(folder, 0), limit_s)
    begun = time.perf_counter()
    home = home_of(cache, count, forms)
    filled = time.perf_counter() - begun
    read = raw_read(home)
    started = home.path.parent / "started"
    first = None if started.exists() else start(home, limit_s)
    started.touch()
    again = start(home, limit_s)
    return {
        "schema": SCHEMA,
        "environment": environment(folder),
        "settings": {"statements": count, "forms": forms},
        "store_mb": round(home.store_file.stat().st_size / 1_000_000, 1),
        "made_in_s": round(filled, 1),
        "floor": {"empty": empty, "raw_read_s": round(read, 3)},
        "first": first,
        "again": again,
    }


def main(argv: Sequence[str]) -> int:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(
        prog="bench start", description="measure the start of a station with a long record"
    )
    parser.add_argument("--json", action="store_true", help="print the result on one line")
    parser.add_argument("--statements", type=int, default=100_000, help="how long the record is")
    parser.add_argument("--forms", type=int, default=0, help="how many of them are forms")
    parser.add_argument("--limit", type=float, default=1_800.0, help="seconds to wait for a start")
    parser.add_argument("--dir", type=Path, help="measure on the disk that holds this folder")
    parser.add_argument("--cache", type=Path, help="keep the home here for the next run")
    parser.add_argument("--out", type=Path, help="also write the JSON to this file")
    args = parser.parse_args(argv)
    if args.statements < 1:
        parser.error("there is at least 1 statement")
    if not 0 <= args.forms * len(CODES) <= args.statements:
        parser.error(f"at most one statement in {len(CODES)} is a form")
    folder = Path(tempfile.mkdtemp(prefix="tieline-bench-", dir=args.dir))
    try:
        (folder / "empty").mkdir()
        cache = args.cache or folder
        result = measure(
            folder / "empty", cache, count=args.statements, forms=args.forms, limit_s=args.limit
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if args.out is not None:
        args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=None if args.json else 2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
