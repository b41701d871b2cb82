"""The agreements in force on a station's lines: packs by hash, and a ledger over each record.

A charter names packs by their hashes; the bytes lie in the home (``packs``). A pack that is named
and not here is said to be missing, and its messages are shown as they are on the wire: nothing on
the line waits for it.

A ledger is made of a record when it is first asked for, in slices, so that the line goes on
meanwhile; after that it takes what is new. It is made anew when the charter changes, or a missing
pack is brought. Nothing of it is kept on disk: it follows from the record, the packs and the clock.

A message that breaks its form, and a second story, are in the record and not in the ledger.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tieline.core.agreement.ledger import Ledger
from tieline.core.agreement.message import Message, examine
from tieline.core.agreement.model import Form, Pack
from tieline.core.agreement.tongue import ENGLISH
from tieline.core.line import Line
from tieline.core.record import STORY, Item
from tieline.core.statement import Content
from tieline.core.terms import Kind, RefRole, Rung
from tieline.node import packs

SLICE: Final = 200  # statements read before others have their turn


@dataclass(frozen=True, slots=True)
class InForce:
    """The packs of a line's present charter: those that are here, and the hashes of the others."""

    packs: tuple[Pack, ...]
    missing: tuple[bytes, ...]

    def by_id(self, name: str) -> Pack | None:
        """The pack of an id or a tag."""
        return next((pack for pack in self.packs if name in (pack.id, pack.tag)), None)


@dataclass(slots=True)
class _Reader:
    """The ledger of one line, and how far it has read."""

    ledger: Ledger
    hashes: tuple[bytes, ...]
    parties: tuple[str, ...]
    read: dict[bytes, int] = field(default_factory=dict)
    # By log: place and item of each form statement in it, and how much of it each station covered.
    forms: dict[bytes, list[tuple[int, Item]]] = field(default_factory=dict)
    covered: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    begun: dict[int, int] = field(default_factory=dict)  # charter version: its first claimed time
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)


class Agreements:
    """What a station's agreements say of its lines.

    ``home``: where the packs are kept; without one there are none. ``language``: its officers'.
    """

    def __init__(self, home: Path | None = None, language: str = ENGLISH) -> None:
        self._home = home
        self.language = language
        self._packs: dict[bytes, Pack] = {}
        self._readers: dict[bytes, _Reader] = {}

    def in_force(self, line: Line) -> InForce:
        """The packs of the line's charter. Raises ``RemoteError`` (``pack.bytes``)."""
        found = [(digest, self._pack(digest)) for digest in line.charter.packs]
        return InForce(
            tuple(pack for _, pack in found if pack is not None),
            tuple(digest for digest, pack in found if pack is None),
        )

    def form_of(self, line: Line, content: Content) -> tuple[Pack, Form] | None:
        """The pack and form of a statement, as they were when it was signed."""
        tag, slash, name = content.form.partition("/")
        if not slash:
            return None
        for _, signed in sorted(line.charters.items(), reverse=True):
            for digest in signed.charter.packs:
                pack = self._pack(digest)
                if pack is None or (pack.tag, pack.version) != (tag, content.form_version):
                    continue
                form = pack.forms.get(name)
                return None if form is None else (pack, form)
        return None

    def message(self, line: Line, item: Item) -> Message | None:
        """A form statement as the rules see it; ``None`` for all else and for what is unfit."""
        content = item.statement.content
        if content.kind is not Kind.MESSAGE or not content.form:
            return None
        found = self.form_of(line, content)
        if found is None:
            return None
        pack, form = found
        refs = tuple((ref.role, ref.target) for ref in content.refs)
        cancels = any(role is RefRole.CANCELS for role, _ in refs)
        values, errors = examine(pack, form, content.body.fields or (), cancels=cancels)
        if errors:
            return None
        sender = line.party_of(item.statement.place.station)
        every = (party.code for party in line.charter_of(item).parties)
        return Message(
            digest=item.statement.digest,
            sender=sender,
            to=content.to or tuple(code for code in every if code != sender),
            time_ms=item.statement.place.time_ms,
            pack=pack.id,
            form=form.id,
            values=values,
            refs=refs,
        )

    async def ledger(self, line: Line) -> Ledger:
        """The ledger of a line, with all that the record holds now."""
        parties = tuple(party.code for party in line.charter.parties)
        present = self.in_force(line).packs
        hashes = tuple(pack.hash for pack in present)
        reader = self._readers.get(line.id)
        if reader is None or (reader.hashes, reader.parties) != (hashes, parties):
            reader = self._readers[line.id] = _Reader(Ledger(present, parties), hashes, parties)
        async with reader.busy:
            await self._read(line, reader)
        return reader.ledger

    def _pack(self, digest: bytes) -> Pack | None:
        if digest not in self._packs:
            found = None if self._home is None else packs.load_kept(self._home, digest)
            if found is None:
                return None
            self._packs[digest] = found
        return self._packs[digest]

    async def _read(self, line: Line, reader: _Reader) -> None:
        """Take in what is new: first the statements, then the receipts for them."""
        for number, item in enumerate(self._new(line, reader)):
            place = item.statement.place
            if place.charter not in reader.begun:
                reader.begun[place.charter] = place.time_ms
                self._date(line, reader)
            message = self.message(line, item)
            if message is not None:
                reader.ledger.admit(message)
                reader.forms.setdefault(item.statement.log, []).append((place.position, item))
            if number % SLICE == SLICE - 1:
                await asyncio.sleep(0)
        for log in list(reader.forms):
            self._receipts(line, reader, log)
            await asyncio.sleep(0)

    def _date(self, line: Line, reader: _Reader) -> None:
        """A pack is in force since the first statement under the charter that brought it."""
        for pack in self.in_force(line).packs:
            versions = [
                version
                for version, signed in line.charters.items()
                if pack.hash in signed.charter.packs
            ]
            begun = [
                time_ms for version, time_ms in reader.begun.items() if version >= min(versions)
            ]
            if begun:
                reader.ledger.since(min(begun), pack.id)

    def _new(self, line: Line, reader: _Reader) -> Iterable[Item]:
        """What was not read yet, causes before effects, as the record is at this moment."""
        record = line.record
        fresh = {
            log.id: (reader.read.get(log.id, 0), log.size)
            for log in record.logs.values()
            if log.size > reader.read.get(log.id, 0)
        }
        if not fresh:
            return
        reader.read.update({log: stop for log, (_, stop) in fresh.items()})
        if len(reader.read) == len(fresh) and not any(start for start, _ in fresh.values()):
            # From nothing: by references in display order, which outlive what comes meanwhile.
            for ref in tuple(record.refs):
                if not ref & STORY:
                    yield record.item(ref)
            return
        items = [
            record.logs[log].items[place]
            for log, (start, stop) in fresh.items()
            for place in range(start, stop)
        ]
        yield from sorted(items)

    def _receipts(self, line: Line, reader: _Reader, log: bytes) -> None:
        placed = reader.forms[log]
        for station in line.charter.stations():
            party = line.party_of(station)
            before = reader.covered.get((log, station), 0)
            covered = min(line.ladder.covered(log, station), reader.read[log])
            reader.covered[log, station] = covered
            start = bisect_left(placed, before, key=_position)
            for place, item in placed[start:]:
                if place >= covered:
                    break
                mark = line.ladder.rungs(item, party).get(Rung.RECEIVED)
                if mark is not None:
                    reader.ledger.receipt(item.statement.digest, party, mark.at_ms)


def _position(entry: tuple[int, Item]) -> int:
    return entry[0]
