"""The incidents of a station's lines: what the record says, as the incident layer sees it.

A book is made of a record when it is first asked for, in slices, so that the line goes on
meanwhile; after that it takes what is new. What belongs to no incident it does not keep: that is
read again from the record when somebody asks for it. It is made anew when a charter comes, for that
may end a log, and when a pack is brought that was missing. It follows from the record and the
packs; kept on disk is only which statements a later life need not read again (``bookmark``).

A form is read by the pack that was in force when it was signed: what a party said then, it said in
those words. A form that breaks its pack is in the record, and shown; it says nothing here, and
neither does a form of which the pack is not here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from tieline.core.agreement.meaning import Act
from tieline.core.incident.book import Book
from tieline.core.incident.entry import Entry, Placed
from tieline.core.incident.loose import Spot, is_plain
from tieline.core.incident.notices import Notices
from tieline.core.incident.score import counted
from tieline.core.incident.standing import Contest, Standings
from tieline.core.joints import Known as RecordKnowing
from tieline.core.line import Line
from tieline.core.record import Item
from tieline.core.terms import Kind
from tieline.node import collector
from tieline.node.agreements import SETTLED, Agreements
from tieline.node.bookmark import NEWS, Taken, early, mark_of, take
from tieline.node.gate import spawn
from tieline.node.passage import BRIEF, NEAR, PIECE, Brief, Progress, made, news
from tieline.node.past import APART, Past
from tieline.node.slices import Slices, through

MESSAGES: Final = 4_096  # an exercise has some hundreds; each is about a kilobyte


@dataclass(slots=True)
class _Reader:
    """The book of one line, how far it has read, and of what it was made."""

    book: Book
    notices: Notices
    standings: Standings
    past: Past
    line: Line  # a turn that is undone leaves another one
    mark: tuple[int, tuple[bytes, ...]]
    read: dict[bytes, int] = field(default_factory=dict)
    stories: int = 0
    early: list[Item] = field(default_factory=list)  # stories that were read before their place was
    reading: asyncio.Task[None] | None = None
    taken: int = 0  # statements of the first reading that were taken in
    of: int = 0
    whole: bool = False  # the first reading is done
    versions: dict[bytes, int] = field(default_factory=dict)  # of the charter, last seen in a log
    count: int = 0  # statements that were read
    marked: int = 0  # and how many when a bookmark was last taken
    standing: bool | None = None  # whether an agreement in force has a form for it, once asked
    part: _Part | None = None  # what was made last of a part of it
    said: _Said | None = None

    def held(self) -> tuple[tuple[tuple[bytes, int], ...], int]:
        """How far it has read: what is made of it holds as long as this is so."""
        return tuple(self.read.items()), self.stories


@dataclass(frozen=True, slots=True)
class _Part:
    """The book of what was said by a time."""

    at_ms: int
    held: object
    book: Book


@dataclass(frozen=True, slots=True)
class _Said:
    """The messages of a book, or of a part of one."""

    at_ms: int | None
    held: object
    entries: list[Entry]


class Incidents:
    """What the lines of a station say of incidents."""

    def __init__(self, agreements: Agreements) -> None:
        self._agreements = agreements
        self._readers: dict[bytes, _Reader] = {}
        agreements.passages.begins.append(self._join)

    def _join(self, line: Line) -> None:
        """A long record is being read for what is owed: read it for incidents as well."""
        if len(line.record.refs) > NEAR:
            self._begin_reading(line, self._reader(line))

    def progress(self, line: Line) -> Progress | None:
        """How far a long record has been read for incidents; ``None``: as far as there is."""
        reader = self._readers.get(line.id)
        if reader is None or reader.whole or reader.of <= NEAR:
            return None
        return Progress(min(reader.taken, reader.of), reader.of)

    async def soon(self, line: Line) -> tuple[Book, Progress | None]:
        """The book as far as it is read, and how far that is when a long record is being read.

        Only who shows lists takes this.
        """
        reader = self._reader(line)
        if reader.whole or len(line.record.refs) <= NEAR:
            return await self.book(line), None
        reading = self._begin_reading(line, reader)
        await asyncio.sleep(0)  # it notes how much there is
        if reading.done():
            await reading  # raises what it failed of
        progress = self.progress(line)
        if progress is None or self._readers.get(line.id) is not reader:
            return await self.book(line), None
        return reader.book, progress

    async def book(self, line: Line) -> Book:
        """The book of a line, with all that the record holds now."""
        return (await self._read_up(line)).book

    async def until(self, line: Line, at_ms: int) -> Book:
        """A book of what was said by a time, such as the end of an exercise.

        It is made by reading the record, and kept until that has more or another time is asked for.
        """
        reader, slices = await self._read_up(line), Slices()
        held, known = reader.held(), reader.part
        if known is not None and (known.at_ms, known.held) == (at_ms, held):
            return known.book
        part = Book(RecordKnowing(line), self._past(line))
        for entry in reader.book.entries():
            if entry.time_ms <= at_ms:
                part.admit(entry)
            await slices.turn()
        reader.part = _Part(at_ms, held, part)
        return part

    async def messages(self, line: Line, at_ms: int | None = None) -> list[Entry]:
        """What officers said, in display order; up to a time, or all. Kept as ``until`` is.

        Of a record that has more than ``MESSAGES`` it is read again each time.
        """
        reader = await self._read_up(line)
        held, known = reader.held(), reader.said
        if known is not None and (known.at_ms, known.held) == (at_ms, held):
            return known.entries
        slices, found = Slices(), list[Entry]()
        for entry in reader.book.entries():
            if counted(entry) and (at_ms is None or entry.time_ms <= at_ms):
                found.append(entry)
            await slices.turn()
        reader.said = _Said(at_ms, held, found) if len(found) <= MESSAGES else None
        return found

    async def notices(self, line: Line) -> Notices:
        """The notices of a line beside its incidents, with all that the record holds now."""
        return (await self._read_up(line)).notices

    async def standings(self, line: Line) -> Standings:
        """The words on standing of a line, with all that the record holds now."""
        return (await self._read_up(line)).standings

    def so_far(self, line: Line) -> tuple[Notices, Standings]:
        """The notices and the words on standing of a line, as far as the record is read."""
        reader = self._reader(line)
        return reader.notices, reader.standings

    async def near(self, line: Line) -> None:
        """Have the words on standing at hand, if that takes no long reading.

        After a start a long record is read when an incident is first asked for; till then no list
        of messages waits for it.
        """
        reader = self._reader(line)
        if not (reader.whole or len(line.record.refs) <= NEAR):
            return
        if reader.standing is None:  # asked for each batch that a watcher is told
            reader.standing = self._said_of_standing(line)
        if reader.standing:
            await self._read_up(line)

    def beside(self, line: Line, item: Item) -> tuple[Contest, ...]:
        """Who contests the standing of the author of a statement, as far as the record is read."""
        reader, statement = self._readers.get(line.id), item.statement
        if reader is None:
            return ()
        if not reader.standings.contested(line.party_of(statement.place.station)):
            return ()
        entry = reader.book.entry(statement.digest)
        return () if entry is None else reader.standings.beside(entry)

    def wanted(self) -> bool:
        """Whether a long record was read of which a later life has no bookmark yet."""
        return any(
            reader.whole and not reader.marked and reader.count > NEAR and reader.reading is None
            for reader in self._readers.values()
        )

    def bookmarks(self, lines: Iterable[Line], *, last: bool = False) -> list[Taken]:
        """The bookmarks that are due, of what is read at this moment.

        ``last``: the station stops; what is new is worth one, however little.
        """
        out: list[Taken] = []
        for line in lines:
            reader = self._readers.get(line.id)
            if reader is None or reader.reading is not None or not reader.whole:
                continue
            few = 1 if last else NEWS
            if reader.count <= NEAR or reader.count - reader.marked < few:
                continue
            loose = reader.book.loose
            if loose is not None and reader.mark == self._mark(line) and _holds(line, reader):
                mark = mark_of(line, reader.mark[1])
                out.append(take(line, loose, mark, reader.read, reader.stories))
            reader.marked = reader.count
        return out

    def _said_of_standing(self, line: Line) -> bool:
        """Whether an agreement in force has a form for it."""
        packs = self._agreements.in_force(line).packs
        return any(form.act is Act.STANDING for pack in packs for form in pack.forms.values())

    def _reader(self, line: Line) -> _Reader:
        """The reader of a line; a new one when the charter has changed, or a pack was brought."""
        mark = self._mark(line)
        reader = self._readers.get(line.id)
        if reader is None or reader.mark != mark or reader.line is not line:
            if reader is not None:
                collector.unsettle()
            knowing, past = RecordKnowing(line), self._past(line)
            book = Book(knowing, past)
            reader = self._readers[line.id] = _Reader(
                book, Notices(book), Standings(book, knowing), past, line, mark
            )
        return reader

    def _mark(self, line: Line) -> tuple[int, tuple[bytes, ...]]:
        return line.latest(), self._agreements.at_hand(line)

    def _past(self, line: Line) -> Past:
        return Past(line, partial(self._agreements.reads, line))

    async def _read_up(self, line: Line) -> _Reader:
        """A reader that has read all that the record holds now."""
        while True:
            reader = self._reader(line)
            joined = reader.reading
            if joined is None:
                await asyncio.shield(self._begin_reading(line, reader))
                return reader
            # Another's reading began before we asked: what came since then is read after it.
            await asyncio.wait((joined,))

    def _begin_reading(self, line: Line, reader: _Reader) -> asyncio.Task[None]:
        if reader.reading is None:
            reader.reading = spawn(self._read, line, reader)
            reader.reading.add_done_callback(partial(_rest, reader))
        return reader.reading

    async def _read(self, line: Line, reader: _Reader) -> None:
        slices = Slices()
        if not reader.read:
            await self._read_all(line, reader, slices)
        for taken, found in enumerate(_new(line, reader), 1):
            item = self._skim(line, reader, found)
            if item is not None:
                self._take(line, reader, item)
            if taken % SETTLED == 0:
                collector.settle()  # a full look at a long book would hold up the line
            await slices.turn()
        await through(reader.book.settle_steps())
        reader.count = sum(reader.read.values()) + reader.stories
        if not reader.whole and reader.count > NEAR:
            collector.give_back()
        reader.whole = True

    async def _read_all(self, line: Line, reader: _Reader, slices: Slices) -> None:
        """Read a record from its first statement, beside whoever else does."""
        self._agreements.join(line)
        passage = self._agreements.passages.of(line, resumes=True)
        reader.read.update(passage.sizes)
        reader.stories, reader.of = passage.stories, len(passage)
        reader.early = early(line.record, line.record.stories[: passage.stories], passage.sizes)
        if passage.found is not None and (loose := reader.book.loose) is not None:
            loose.resume(passage.found.noted)
            reader.marked = sum(passage.found.sizes.values()) + passage.found.stories
        for start in range(0, len(passage), PIECE):
            for found in passage.piece(start):
                item = self._skim(line, reader, found)
                if item is not None:
                    self._take(line, reader, item)
                await slices.turn()
            reader.taken = start + PIECE
            if reader.taken % SETTLED < PIECE:
                collector.settle()

    def _skim(self, line: Line, reader: _Reader, found: Item | Brief) -> Item | None:
        """Take in what is plain and of no incident; the rest as items."""
        if not isinstance(found, Brief):
            return found
        self._spoke(reader, found, found.charter)
        if not line.hears(found.station, found.charter):
            return None
        is_loose = is_plain(found.kind, (role for role, _ in found.refs))
        if is_loose and reader.book.skim(found, found.refs):
            return None
        return made(line.record, found)

    def _spoke(self, reader: _Reader, spot: Placed, version: int) -> None:
        """Have what first goes by another version of the charter read again by a later life.

        The ledger counts the time of an agreement from it.
        """
        if reader.versions.get(spot.log) != version:
            reader.versions[spot.log] = version
            reader.book.again(spot)

    def _take(self, line: Line, reader: _Reader, item: Item) -> None:
        statement = item.statement
        content = statement.content
        spot = Spot(statement.digest, statement.log, statement.place.position)
        if not item.second_story:
            self._spoke(reader, spot, statement.place.charter)
            if content.form or content.kind is Kind.PASS_ON:
                reader.book.again(spot)  # for the ledger or the notices, be it of no incident
        if content.kind in APART or not line.heard(item):
            return
        if content.kind in BRIEF and not content.form and not item.second_story:
            refs = tuple((ref.role, ref.target) for ref in content.refs)
            if is_plain(content.kind, (role for role, _ in refs)) and reader.book.skim(spot, refs):
                return
        entry = reader.past.made(item)
        reader.book.admit(entry)
        reader.notices.admit(entry)
        reader.standings.admit(entry)


def _rest(reader: _Reader, done: asyncio.Task[None]) -> None:
    """A reading has ended. One that failed has read less than it noted: the next begins anew."""
    reader.reading = None
    if done.cancelled() or done.exception() is not None:
        reader.mark = (0, (b"",))


def _holds(line: Line, reader: _Reader) -> bool:
    """Whether who reads the record now would make of it what was made.

    It was read of this very record: another one is there when a turn was undone. And no second
    story was read before its log had come so far, and has now: what the first one there has read
    shows when it comes, and what cites the story may count for more since.
    """
    return reader.line is line and len(early(line.record, reader.early)) == len(reader.early)


def _new(line: Line, reader: _Reader) -> Iterator[Item | Brief]:
    """What was not read yet, of what the record holds at this moment, causes before effects.

    Second stories too.
    """
    record = line.record
    fresh = {
        log.id: (reader.read.get(log.id, 0), log.size)
        for log in record.logs.values()
        if log.size > reader.read.get(log.id, 0)
    }
    stories = record.stories[reader.stories :]
    reader.read.update({log: stop for log, (_, stop) in fresh.items()})
    reader.stories += len(stories)
    reader.early += early(record, stories)
    return news(record, fresh, stories)
