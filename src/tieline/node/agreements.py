"""The agreements in force on a station's lines: packs by hash, and a ledger over each record.

A charter names packs by their hashes; the bytes lie in the home (``packs``). A pack that is named
and not here, or whose file is damaged, is said to be missing, and its messages are shown as they
are on the wire: nothing on the line waits for it.

A ledger is made of a record when it is first asked for, in slices, so that the line goes on
meanwhile; after that it takes what is new. It is made anew when the charter changes, or a missing
pack is brought. Nothing of it is kept on disk: it follows from the record, the packs and the clock.
Who asks and goes away stops nothing: the reading is nobody's, and goes on for the next who asks.

What reads packs and judges obligations is loaded when the first charter names a pack: a station
without agreements does not hold it.

A message that breaks its form, and a second story, are in the record and not in the ledger. A
message of an earlier version of a pack counts as it would under the present one when it says the
same under both; else it is read, and not counted. A pack that was taken out counts no more.
"""

from __future__ import annotations

import asyncio
import logging
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tieline.core.agreement.meaning import Act
from tieline.core.agreement.tongue import ENGLISH, EngineWords
from tieline.core.errors import TielineError
from tieline.core.line import Line, Reading
from tieline.core.record import Item
from tieline.core.statement import Content
from tieline.core.terms import Kind, RefRole
from tieline.node import collector
from tieline.node.gate import spawn
from tieline.node.passage import NEAR, PIECE, Brief, Passages, Progress, news
from tieline.node.slices import Slices
from tieline.ports import Past

if TYPE_CHECKING:
    from tieline.core.agreement.ledger import Ledger
    from tieline.core.agreement.message import Message, Values
    from tieline.core.agreement.model import Field, Form, Pack
    from tieline.node.bookmark import Found

_log: Final = logging.getLogger(__name__)
LATELY_MS: Final = 10_000
RENEWED: Final = 32  # matters that are looked at anew in one go
SETTLED: Final = 500  # statements after which what was read is put out of the collector's sight


@dataclass(frozen=True, slots=True)
class InForce:
    """The packs of a line's present charter: those that are here, and the hashes of the others.

    ``damaged``: why the file of one that is missing cannot be read.
    """

    packs: tuple[Pack, ...]
    missing: tuple[bytes, ...]
    damaged: tuple[str, ...] = ()

    def by_id(self, name: str) -> Pack | None:
        """The pack of an id or a tag."""
        return next((pack for pack in self.packs if name in (pack.id, pack.tag)), None)


@dataclass(slots=True)
class _Reader:
    """The ledger of one line, and how far it has read."""

    ledger: Ledger
    line: Line  # a turn that is undone leaves another one
    hashes: tuple[bytes, ...]
    parties: tuple[str, ...]
    ends: tuple[int, ...]  # versions that ended logs: what was late then was read before
    read: dict[bytes, int] = field(default_factory=dict)
    # By log: place of each form statement in it, and how much of it each station covered.
    forms: dict[bytes, array[int]] = field(default_factory=dict)
    covered: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    begun: dict[int, dict[str, int]] = field(default_factory=dict)  # version: party: first time
    voices: dict[bytes, str] = field(default_factory=dict)  # by station: its party
    asked_ms: int = 0
    reading: asyncio.Task[None] | None = None
    settled: bool = False
    taken: int = 0  # statements of the first reading that were taken in
    of: int = 0
    whole: bool = False  # the first reading is done
    waiting: list[asyncio.Future[None]] = field(default_factory=list)  # for what is known so far


class Agreements:
    """What a station's agreements say of its lines.

    ``home``: where the packs are kept; without one there are none. ``language``: its officers'.
    """

    def __init__(self, home: Path | None = None, language: str = ENGLISH) -> None:
        self._home = home
        self.language = language
        self._packs: dict[bytes, Pack] = {}
        self._damaged: dict[bytes, tuple[tuple[int, int], str]] = {}  # what the file was, and why
        self._engine: EngineWords | None = None
        self._readers: dict[bytes, _Reader] = {}
        self._over: dict[bytes, int] = {}  # by line of an exercise: when the first ENDEX was signed
        self.passages = Passages(self.bookmark)
        self.past: Past | None = None  # where bookmarks are; without it there are none

    @property
    def engine(self) -> EngineWords:
        """The engine's own words. Without them keys are shown; nothing waits for words."""
        if self._engine is None:
            from tieline.node import packs

            try:
                self._engine = packs.engine_words()
            except TielineError as error:
                _log.warning("the engine's words cannot be read: %s", error.message)
                self._engine = {}
        return self._engine

    @staticmethod
    def named(line: Line) -> bool:
        """Whether any charter of a line names a pack: until one does, nothing here is needed."""
        return bool(line.charter.packs) or any(x.charter.packs for x in line.charters.values())

    async def ready(self, lines: Iterable[Line]) -> None:
        """Read what these lines' charters name, apart from the line's own work. Never raises."""
        lines = tuple(lines)
        for line in lines:
            if line.reads is None:
                line.reads = partial(self.reads, line)
        named = {
            digest
            for line in lines
            for signed in line.charters.values()
            for digest in signed.charter.packs
        }
        if named and self._engine is None:
            await asyncio.to_thread(lambda: self.engine)
        for digest in named - set(self._packs):
            await asyncio.to_thread(self._pack, digest)

    def loaded(self, lines: Iterable[Line]) -> bool:
        """Whether all that ``ready`` would read of these lines' charters in force is read."""
        named = {digest for line in lines for digest in line.charter.packs}
        return not named or (self._engine is not None and named <= self._packs.keys())

    async def packs_of(self, line: Line) -> dict[bytes, Pack]:
        """The packs, by hash, that any version of the line's charter names and that are here."""
        await self.ready([line])
        named = {digest for signed in line.charters.values() for digest in signed.charter.packs}
        found = {digest: self._pack(digest) for digest in named}
        return {digest: pack for digest, pack in found.items() if pack is not None}

    def checked(self, pack: Pack, what: str) -> str:
        """What this station has checked of a rule or form against the authentic text, in words."""
        from tieline.node import confirmed

        return confirmed.told(self._home, pack, what)

    def reads(self, line: Line, content: Content, charter: int | None) -> Reading:
        """What a form says of an incident; nothing of one that breaks its rules."""
        found = self.form_of(line, content, charter)
        if found is None:
            return Reading(None, known=False)
        from tieline.core.agreement.message import examine
        from tieline.core.incident.entry import read_said

        pack, form = found
        cancels = any(ref.role is RefRole.CANCELS for ref in content.refs)
        values, errors = examine(pack, form, content.body.fields or (), cancels=cancels)
        return Reading(None if errors else read_said(pack, form, values), known=True)

    def in_force(self, line: Line) -> InForce:
        """The packs of the line's charter."""
        found = [(digest, self._pack(digest)) for digest in line.charter.packs]
        missing = tuple(digest for digest, pack in found if pack is None)
        return InForce(
            tuple(pack for _, pack in found if pack is not None),
            missing,
            tuple(self._damaged[digest][1] for digest in missing if digest in self._damaged),
        )

    def at_hand(self, line: Line) -> tuple[bytes, ...]:
        """The hashes of the packs that any charter of the line has named, and that are here."""
        named = {digest for signed in line.charters.values() for digest in signed.charter.packs}
        return tuple(digest for digest in sorted(named) if self._pack(digest) is not None)

    def bookmark(self, line: Line) -> Found | None:
        """The bookmark in a line's record. Raises ``StoreFailed``."""
        if self.past is None or not self.named(line):
            return None
        from tieline.node.bookmark import find, mark_of

        return find(line, self.past, mark_of(line, self.at_hand(line)))

    def form_of(
        self, line: Line, content: Content, charter: int | None = None
    ) -> tuple[Pack, Form] | None:
        """The pack and form of a statement, as they were when it was signed.

        ``charter``: the version it was signed under; ``None`` for what is yet to be signed.
        """
        tag, slash, name = content.form.partition("/")
        if not slash:
            return None
        for version, signed in sorted(line.charters.items(), reverse=True):
            if charter is not None and version > charter:
                continue
            for digest in signed.charter.packs:
                pack = self._pack(digest)
                if pack is None or (pack.tag, pack.version) != (tag, content.form_version):
                    continue
                form = pack.form(name)
                if form is not None:
                    return pack, form
        return None

    def form_of_item(self, line: Line, item: Item) -> tuple[Pack, Form] | None:
        """The pack and form of a statement that stands in the record."""
        statement = item.statement
        return self.form_of(line, statement.content, statement.place.charter)

    def over_ms(self, line: Line) -> int | None:
        """When the exercise on a line was ended, as far as its ledger was read; ``None`` if not.

        The earliest time that any ENDEX of the record claims: so every desk that holds the same
        record says the same. A real line is never over.
        """
        return self._over.get(line.id)

    def until(self, line: Line, now_ms: int) -> int:
        """Now, or the end of the exercise: no clock of an agreement runs beyond it."""
        return min(now_ms, self._over.get(line.id, now_ms))

    def message(self, line: Line, item: Item) -> Message | None:
        """A form statement as the rules see it; ``None`` for all else and for what is unfit.

        Phrases are for people: no rule names one, and none counts one.
        """
        content = item.statement.content
        if content.kind is not Kind.MESSAGE or not content.form or not line.heard(item):
            return None
        found = self.form_of_item(line, item)
        if found is None:
            return None
        pack, form = found
        if form.phrase is not None:
            return None
        refs = tuple((ref.role, ref.target) for ref in content.refs)
        cancels = any(role is RefRole.CANCELS for role, _ in refs)
        from tieline.core.agreement.message import Message, examine

        values, errors = examine(pack, form, content.body.fields or (), cancels=cancels)
        if errors or not self.says_the_same(line, pack, form, content, values):
            return None
        sender = line.party_of(item.statement.place.station)
        return Message(
            digest=item.statement.digest,
            sender=sender,
            to=line.addressed(item),
            time_ms=item.statement.place.time_ms,
            pack=pack.id,
            form=form.id,
            values=values,
            refs=refs,
            relayed=bool(content.body.through),
        )

    def says_the_same(
        self, line: Line, pack: Pack, form: Form, content: Content, values: Values
    ) -> bool:
        """Whether a message of a pack that has changed since says the same under the present one.

        The ledger knows the present version only: fields that moved would count for others.
        """
        present = next((one for one in self.in_force(line).packs if one.id == pack.id), None)
        if present is None or present.hash == pack.hash:
            return present is not None
        now = present.forms.get(form.id)
        if now is None or not _same_fields(form.fields, now.fields, values):
            return False
        cancels = any(ref.role is RefRole.CANCELS for ref in content.refs)
        from tieline.core.agreement.message import examine

        read, errors = examine(present, now, content.body.fields or (), cancels=cancels)
        return not errors and read == values

    def moment(self, line: Line, now_ms: int) -> int:
        """For when its ledger is asked: now, or the end of the exercise.

        Who waited for the ledger may find that it was asked a moment later meanwhile; to ask for an
        earlier time would have it look at everything anew.
        """
        reader = self._readers.get(line.id)
        last_ms = 0 if reader is None else reader.ledger.asked_ms
        return self.until(line, last_ms if 0 < last_ms - now_ms < LATELY_MS else now_ms)

    def progress(self, line: Line) -> Progress | None:
        """How far a long record has been read for what is owed; ``None``: as far as there is."""
        reader = self._readers.get(line.id)
        if reader is None:  # nobody has begun yet
            long = len(line.record.refs) > NEAR and self.named(line)
            return Progress(0, len(line.record.refs)) if long else None
        if reader.whole or reader.of <= NEAR:
            return None
        return Progress(min(reader.taken, reader.of), reader.of)

    async def soon(
        self, line: Line, now_ms: int, *, whole: bool = False
    ) -> tuple[Ledger, Progress | None]:
        """The ledger as far as it is read, and how far that is when a long record is being read.

        Only who shows lists takes this: what is not read may be owed, met or taken back. ``whole``:
        wait for all of it.
        """
        reader = self._reader(line)
        if whole or reader.whole or len(line.record.refs) <= NEAR:
            return await self.ledger(line, now_ms), None
        reader.asked_ms = now_ms or reader.asked_ms
        reading = self._begin_reading(line, reader)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        reader.waiting.append(turn)
        await turn
        if reading.done():
            await reading  # raises what it failed of
        if self._is_replaced(reader):
            return await self.soon(line, now_ms)
        progress = self.progress(line)
        if progress is None:  # little is left to be read
            return await self.ledger(line, now_ms), None
        return reader.ledger, progress

    async def ledger(self, line: Line, now_ms: int = 0) -> Ledger:
        """The ledger of a line, with all that the record holds now, looked at for ``now_ms``."""
        while True:
            reader = self._reader(line)
            if now_ms:
                reader.asked_ms = now_ms
            joined = reader.reading
            if joined is None:
                await asyncio.shield(self._begin_reading(line, reader))
                if self._is_replaced(reader):
                    continue  # an ENDEX was read: what came after it is not counted
                return reader.ledger
            # Another's reading began before we asked: what came since then is read after it.
            await asyncio.wait((joined,))

    def _is_replaced(self, reader: _Reader) -> bool:
        """Whether what was read is of the past; of another line of the name nothing is."""
        now = self._readers.get(reader.line.id)
        return now is not reader and (now is None or now.line is reader.line)

    def join(self, line: Line) -> None:
        """A long record is being read for incidents: read it for what is owed as well."""
        reader = self._reader(line)
        if len(line.record.refs) > NEAR and not reader.read:
            self._begin_reading(line, reader)

    def _begin_reading(self, line: Line, reader: _Reader) -> asyncio.Task[None]:
        if reader.reading is None:
            reader.reading = spawn(self._read, line, reader)
            reader.reading.add_done_callback(partial(_rest, reader))
        return reader.reading

    def _reader(self, line: Line) -> _Reader:
        """The reader of a line; a new one when the charter has changed, or a pack was brought."""
        parties = line.charter.voices()
        present = self.in_force(line).packs
        hashes = tuple(pack.hash for pack in present)
        reader = self._readers.get(line.id)
        ends = tuple(n for n, one in line.charters.items() if one.charter.closed is not None)
        known = None if reader is None else (reader.hashes, reader.parties, reader.ends)
        if reader is None or reader.line is not line or known != (hashes, parties, ends):
            from tieline.core.agreement.ledger import Ledger

            if reader is not None and reader.settled:
                collector.unsettle()
            ledger = Ledger(present, parties)
            reader = self._readers[line.id] = _Reader(ledger, line, hashes, parties, ends)
        return reader

    def _pack(self, digest: bytes) -> Pack | None:
        found = self._packs.get(digest)
        if found is not None or self._home is None:
            return found
        from tieline.node import packs

        try:
            status = packs.kept(self._home, digest).stat()
        except OSError:
            self._damaged.pop(digest, None)
            return None
        mark = (status.st_mtime_ns, status.st_size)
        if self._damaged.get(digest, ((), ""))[0] == mark:
            return None
        try:
            found = packs.load_kept(self._home, digest)
        except TielineError as error:
            self._damaged[digest] = (mark, error.message)
            _log.warning("a pack in force cannot be read: %s", error.message)
            return None
        if found is not None:
            self._packs[digest] = found
            self._damaged.pop(digest, None)
        return found

    async def _read(self, line: Line, reader: _Reader) -> None:
        """Take in what is new: statements, then the receipts for them, then what they change."""
        slices, taken = Slices(), 0
        if not reader.read:
            await self._read_all(line, reader, slices)
            taken = reader.taken
        for item in self._new(line, reader):
            if isinstance(item, Brief):
                self._begin(line, reader, item.station, item.charter, item.time_ms)
            else:
                self._take(line, reader, item)
            taken += 1
            if taken % SETTLED == 0:
                _settle(reader)  # by statements of any kind: a look is as long as what was made
            await slices.turn()
        for log in list(reader.forms):
            for told in self._receipts(line, reader, log):
                if told is not None:
                    reader.ledger.receipt(*told)
                await self._show(line, reader, slices)
                await slices.turn()
        await self._catch_up(line, reader, slices, settles=taken >= SETTLED)
        reader.whole = True

    async def _read_all(self, line: Line, reader: _Reader, slices: Slices) -> None:
        """Read a record from its first statement, beside whoever else does."""
        passage = self.passages.of(line)
        reader.read.update(passage.sizes)
        reader.of = len(passage)
        for start in range(0, len(passage), PIECE):
            for item in passage.piece(start):
                if isinstance(item, Brief):
                    self._begin(line, reader, item.station, item.charter, item.time_ms)
                elif not item.second_story:
                    self._take(line, reader, item)
                await slices.turn()
            reader.taken = start + PIECE
            if reader.taken % SETTLED < PIECE:
                _settle(reader)
            await self._show(line, reader, slices)

    async def _show(self, line: Line, reader: _Reader, slices: Slices) -> None:
        """Let those have the ledger who take it as far as it is read."""
        if reader.waiting:
            await self._catch_up(line, reader, slices, settles=False)
            _served(reader)
            await asyncio.sleep(0)

    async def _catch_up(
        self, line: Line, reader: _Reader, slices: Slices, *, settles: bool
    ) -> None:
        looks, asked_ms = 0, self.moment(line, reader.asked_ms)
        while asked_ms and not reader.ledger.catch_up(asked_ms, RENEWED):
            looks += RENEWED
            if settles and looks % SETTLED < RENEWED:
                _settle(reader)
            await slices.turn()
            asked_ms = self.moment(line, asked_ms)

    def _take(self, line: Line, reader: _Reader, item: Item) -> None:
        if self._ends(line, item):
            self._readers.pop(line.id, None)
        place = item.statement.place
        self._begin(line, reader, place.station, place.charter, place.time_ms)
        message = self.message(line, item)
        if message is not None and message.time_ms <= self.until(line, message.time_ms):
            reader.ledger.admit(message)
            places = reader.forms.setdefault(item.statement.log, array("Q"))
            places.append(place.position)

    def _ends(self, line: Line, item: Item) -> bool:
        """Whether an item ends the exercise, or ends it earlier than was known."""
        found = self.form_of_item(line, item) if line.realm else None
        at_ms = item.statement.place.time_ms
        if found is None or found[1].act is not Act.ENDEX or not line.heard(item):
            return False
        known = self._over.get(line.id)
        if known is not None and known <= at_ms:
            return False
        self._over[line.id] = at_ms
        return True

    def _begin(
        self, line: Line, reader: _Reader, station: bytes, charter: int, time_ms: int
    ) -> None:
        """Note when a party first spoke under a charter."""
        parties = reader.begun.setdefault(charter, {})
        sender = reader.voices.get(station)
        if sender is None:
            sender = reader.voices[station] = line.party_of(station)
        if sender not in parties:
            parties[sender] = time_ms
            self._date(line, reader)

    def _date(self, line: Line, reader: _Reader) -> None:
        """A pack is in force since the first statement under the charter that brought it.

        Our own party's first statement counts where there is one: another's clock may lie, and
        would otherwise begin a calendar in 1970.
        """
        for pack in self.in_force(line).packs:
            versions = [
                version
                for version, signed in line.charters.items()
                if pack.hash in signed.charter.packs
            ]
            since = [
                parties for version, parties in reader.begun.items() if version >= min(versions)
            ]
            own = [parties[line.party] for parties in since if line.party in parties]
            begun = own or [time_ms for parties in since for time_ms in parties.values()]
            if begun:
                reader.ledger.since(min(begun), pack.id)

    def _new(self, line: Line, reader: _Reader) -> Iterator[Item | Brief]:
        """What was not read yet, causes before effects, of what the record holds at this moment."""
        record = line.record
        fresh = {
            log.id: (reader.read.get(log.id, 0), log.size)
            for log in record.logs.values()
            if log.size > reader.read.get(log.id, 0)
        }
        reader.read.update({log: stop for log, (_, stop) in fresh.items()})
        return news(record, fresh)

    def _receipts(
        self, line: Line, reader: _Reader, log: bytes
    ) -> Iterator[tuple[bytes, str, int] | None]:
        """Which statement of a log came to which party, and when, beyond what was told before.

        ``None`` for one without a receipt: going past many takes its time too.
        """
        placed, held = reader.forms[log], line.record.logs[log]
        for station in line.charter.stations():
            party = line.party_of(station)
            before = reader.covered.get((log, station), 0)
            covered = min(line.ladder.covered(log, station), reader.read[log])
            reader.covered[log, station] = covered
            for place in islice(placed, bisect_left(placed, before), None):
                if place >= min(covered, held.size):  # a charter may have ended the log meanwhile
                    break
                at_ms = line.ladder.received_ms(log, place, party)
                yield None if at_ms is None else (held.digest(place), party, at_ms)


def _settle(reader: _Reader) -> None:
    """A full look of the collector at a long ledger would hold up the line."""
    collector.settle()
    reader.settled = True


def _served(reader: _Reader) -> None:
    """Let all go on who wait for the ledger as far as it is read."""
    for turn in reader.waiting:
        if not turn.done():
            turn.set_result(None)
    reader.waiting.clear()


def _rest(reader: _Reader, done: asyncio.Task[None]) -> None:
    """A reading has ended. One that failed has read less than it noted: the next begins anew."""
    reader.reading = None
    _served(reader)
    if done.cancelled() or done.exception() is not None:
        reader.hashes = (b"",)


def _same_fields(old: tuple[Field, ...], new: tuple[Field, ...], values: Values) -> bool:
    """Whether each field that was answered has the same number, name and type in both."""
    known = {one.number: one for one in new}
    for was in old:
        value = values.get(was.number)
        other = known.get(was.number)
        if value is None:
            continue
        if other is None or (was.id, was.type) != (other.id, other.type):
            return False
        if isinstance(value, tuple) and not all(
            _same_fields(was.fields, other.fields, one) for one in value
        ):
            return False
    return True
