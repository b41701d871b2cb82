"""The invariants, checked after every step (DESIGN section 2; the numbers are its numbers).

1. A receipt that leaves a station covers only what is durable there, and what it covers is there
   for ever, after any crash. The same holds for what an officer was told is said.
2. A statement comes up at a desk once for each journal.
3. Each display order extends cause and effect; what has been shown is never shown in another
   order; two stations with the same statements show the same order.
4. Who was brought two statements under one number has the proof in its journal, and both.
   No honest station is ever accused. Of stations that collude: see ``colludecheck``.
7. and 8. An officer can always speak, and what did not come is on record: see ``cutcheck``.
6. No place of a log of an honest station is ever said twice differently, whatever becomes of its
   stores and machines; and no honest station is said to run on two machines, unless it does.
5. Nothing is admitted, and no receipt counted, that its signer has not signed in just these bytes.
   An honest observer signs nothing but the openings of its logs; and nothing is due of one (8).
   Nor any cosignature of a witness, nor more of them than there are: see ``watchcheck``.
10. (At the end.) All records are equal.

Of *late* statements (docs/protocol.md, section 7.1; ``endings`` counts which are) it demands this.
From the commit on that brings a version which ends a log, nothing late comes into a log, what was
held beyond the end has left it, and the officers are told (5, 1). All that was kept is kept and
shown in its place, late or not, and what an officer was told is said stays in that station's
record; a receipt stands for what is before the end, and none is told that covers more (1). What is
late accuses nobody and is in no comparison of records (4, 10). At the end, a station has let in
after that commit only what some statement names as its predecessor or as read which it keeps, or
which was brought to it, is genuine and is not late (5): such a one may wait for ever for something
else that its author withholds, or has lost.

The checker trusts nothing of the core but its parser: it keeps its own account of what was signed,
of what is durable where, and computes Merkle roots and cause and effect by itself. It does not know
why a station did what it did.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tieline.core import statement as statements
from tieline.core import sync
from tieline.core.charter import Charter, parse_signed_charter
from tieline.core.checkpoint import Receipt, body, cosign_message, origin
from tieline.core.errors import TielineError
from tieline.core.journal import Alarm, Fact, FactKind
from tieline.core.line import Line
from tieline.core.statement import Statement
from tieline.core.sync import Push, Receipts
from tieline.core.terms import Kind
from tieline.sim.endings import Endings
from tieline.sim.notecheck import Head, NoteChecker
from tieline.sim.peaks import Peaks, grown, root_of
from tieline.sim.shown import Shown
from tieline.sim.violation import Violation


@dataclass(slots=True)
class Ledger:
    """What one machine's journal holds, as the checker itself has counted it."""

    station: bytes
    honest: bool
    logs: dict[bytes, list[bytes]] = field(default_factory=dict)
    kept: set[bytes] = field(default_factory=set)
    second: set[bytes] = field(default_factory=set)
    places: dict[tuple[bytes, int], list[bytes]] = field(default_factory=dict)
    accused: set[bytes] = field(default_factory=set)
    promised: dict[bytes, int] = field(default_factory=dict)
    shown: Shown = field(default_factory=Shown)
    endings: Endings = field(default_factory=Endings)
    heads: dict[Head, None] = field(default_factory=dict)  # in the order in which they came


class Checker:
    """All invariants of one world with one line."""

    def __init__(
        self,
        line: bytes,
        realm: str,
        stations: dict[bytes, bool],
        observers: Mapping[bytes, str] = MappingProxyType({}),
    ) -> None:
        """``stations`` says for each station id whether it is honest.

        ``observers``: the stations of parties that only read, with their codes.
        """
        self._observers = observers
        self._line = line
        self._realm = realm
        self._honest = stations
        self._signed: dict[bytes, dict[bytes, bytes]] = {station: {} for station in stations}
        self._cosigned: dict[bytes, dict[bytes, bytes]] = {station: {} for station in stations}
        self._orders: dict[int, bytes] = {}
        self._parsed: dict[bytes, Statement] = {}
        self._tips: dict[bytes, bytes] = {}
        # Stations that run on two machines; what is said of their two lives is true.
        self.cloned: set[bytes] = set()
        # Statements signed with an honest station's key that had ended, by who has stolen it.
        self.stolen: set[bytes] = set()
        # What was brought to each station and is genuine, whether it came to be kept or not.
        self._brought: dict[bytes, dict[bytes, Statement]] = {}
        # What has left any station, of every place of every log of the honest ones.
        self._said: dict[tuple[bytes, int], bytes] = {}
        # For each statement of a main branch: the complete subtrees of its log up to it. A digest
        # names all that comes before it, so the branches of a forked log do not get mixed up.
        self._peaks: dict[bytes, Peaks] = {}
        self.notes = NoteChecker(self._honest, self._signed)
        self.statements = 0
        self.second_stories = 0

    # -------------------------------------------------------------------------- signing

    def note_signature(self, station: bytes, message: bytes, signature: bytes) -> None:
        """A station's statement key was used."""
        self._signed[station][message] = signature

    def note_cosignature(self, station: bytes, message: bytes, signature: bytes) -> None:
        """A station's receipt key was used."""
        self._cosigned[station][message] = signature

    # -------------------------------------------------------------------------- journal

    def statements_of(self, facts: list[Fact]) -> list[Statement]:
        """The statements among facts, as a desk sees them come up."""
        kinds = (FactKind.STATEMENT, FactKind.SECOND_STORY)
        return [self._read(fact.body) for fact in facts if fact.kind in kinds]

    def committed(self, ledger: Ledger, facts: tuple[Fact, ...]) -> None:
        """Facts became durable."""
        ledger.endings.going.clear()
        self.notes.committed(ledger.heads, facts)
        shown: list[Statement] = []
        for fact in facts:
            if fact.kind in (FactKind.STATEMENT, FactKind.SECOND_STORY):
                shown.append(self._statement(ledger, fact))
            elif fact.kind == FactKind.RECEIPT:
                self._receipt(Receipt.decode(fact.body), ledger)
            elif fact.kind == FactKind.ALARM:
                self._alarm(ledger, Alarm.decode(fact.body))
            elif fact.kind == FactKind.CHARTER:
                self._charter(ledger, parse_signed_charter(fact.body).charter)
        for parsed in shown:
            if parsed.digest not in ledger.endings.late:
                self._second_stories(ledger, parsed)

    def _charter(self, ledger: Ledger, charter: Charter) -> None:
        """A version that ends logs: what is held beyond is none of the record from now on."""
        endings = ledger.endings
        endings.add(charter)
        for name, log in ledger.logs.items():
            keep = next(
                (n for n, d in enumerate(log) if endings.is_late(self._parsed[d])), len(log)
            )
            endings.cut(name, log[keep:])
            ledger.second.update(log[keep:])
            del log[keep:]
            if name in ledger.promised:
                ledger.promised[name] = min(keep, ledger.promised[name])

    def _statement(self, ledger: Ledger, fact: Fact) -> Statement:
        parsed = self._read(fact.body)
        if parsed.digest in ledger.kept:
            raise Violation(2, f"statement {_name(parsed.digest)} came up at one desk twice")
        place = parsed.place
        made = self._signed.get(place.station, {}).get(parsed.signed)
        if made is None or made != parsed.signature or place.line != self._line:
            raise Violation(
                5,
                f"statement {_name(parsed.digest)} was admitted as number {place.position} of"
                f" station {place.station.hex()}, which never signed it",
            )
        mute = place.station in self._observers and self._honest[place.station]
        stolen = parsed.digest in self.stolen
        if mute and parsed.content.kind is not Kind.OPEN and not stolen:
            raise Violation(5, f"an observer has signed a {parsed.content.kind.name}")
        late = ledger.endings.is_late(parsed)
        if late:
            ledger.endings.let_in(parsed.digest)
            if fact.kind != FactKind.SECOND_STORY:
                raise Violation(
                    5,
                    f"statement {_name(parsed.digest)} of station {place.station.hex()} came into"
                    " its log after the charter had ended it, signed with a key that had ended",
                )
        ledger.kept.add(parsed.digest)
        ledger.places.setdefault((parsed.log, place.position), []).append(parsed.digest)
        if fact.kind == FactKind.SECOND_STORY:
            ledger.second.add(parsed.digest)
            if self._honest[place.station] and not late:
                told = len(ledger.places[(parsed.log, place.position)]) > 1
                raise Violation(
                    6 if told else 4,
                    f"honest station {place.station.hex()} "
                    + ("has told" if told else "is said to have told")
                    + " a second story",
                )
        else:
            log = ledger.logs.setdefault(parsed.log, [])
            if fact.position != len(log):
                raise Violation(
                    1, f"number {fact.position} of a log was kept where {len(log)} is next"
                )
            if parsed.digest not in self._peaks:
                before = self._peaks[log[-1]] if log else ()
                self._peaks[parsed.digest] = grown(before, parsed.digest)
            log.append(parsed.digest)
        self.statements += 1
        return parsed

    def _receipt(self, receipt: Receipt, believer: Ledger) -> None:
        """A receipt that a station counts was signed by its cosigner, in just these terms."""
        held = believer.logs.get(receipt.log, [])
        if receipt.cosigner == believer.station and receipt.size > len(held):
            raise Violation(
                1, f"a receipt for {receipt.size} statements is made where {len(held)} are held"
            )
        made: bytes | None = None
        if receipt.size <= len(held):
            message = self._cosigned_message(receipt, held)
            made = self._cosigned.get(receipt.cosigner, {}).get(message)
        if believer.honest and made != receipt.signature:
            raise Violation(
                5, f"a receipt by station {receipt.cosigner.hex()} is counted that it never gave"
            )

    def _alarm(self, ledger: Ledger, alarm: Alarm) -> None:
        two = alarm.code == "station.two_lives" and self._honest[alarm.item]
        if two and alarm.item not in self.cloned:
            raise Violation(6, f"{alarm.party} is said to run on two machines, and does not")
        told_of_second = alarm.code == "station.other_life" and ledger.honest
        if told_of_second and ledger.station not in self.cloned:
            raise Violation(6, f"{_who(ledger)} is told of a second machine that is not there")
        if alarm.rung is not None and alarm.party in self._observers.values():
            raise Violation(8, f"{alarm.party} observes, and is said to owe {alarm.rung.name}")
        if alarm.code != "record.two_stories":
            return
        ledger.accused.add(alarm.item)
        found = self._parsed.get(alarm.item)
        if found is None or self._honest[found.place.station]:
            raise Violation(4, f"{alarm.party} is accused of two stories and told only one")

    def _second_stories(self, ledger: Ledger, parsed: Statement) -> None:
        rivals = ledger.places[(parsed.log, parsed.place.position)]
        if len(rivals) < 2:
            return
        self.second_stories += 1
        heads = {d for d in rivals if self._parsed[d].place.previous == parsed.place.previous}
        if len(heads) > 1 and not any(rival in ledger.accused for rival in rivals):
            raise Violation(
                4,
                f"two statements stand under number {parsed.place.position} of one log and no"
                " proof was recorded",
            )

    def bringing(self, ledger: Ledger, envelopes: list[bytes]) -> None:
        """Envelopes are about to be taken: what they bring may be waited for from now on."""
        brought = self._brought.setdefault(ledger.station, {})
        for raw in _pushed(envelopes):
            try:
                parsed = statements.parse(self._realm, raw)
            except TielineError:
                continue
            if self._is_genuine(parsed):
                brought[parsed.digest] = parsed

    def _is_genuine(self, parsed: Statement) -> bool:
        made = self._signed.get(parsed.place.station, {}).get(parsed.signed)
        return made == parsed.signature

    def brought(self, ledger: Ledger, envelopes: list[bytes], charter: int) -> bool:
        """Envelopes have been taken: a second story that they brought is kept.

        Whatever it builds on must be held, since it waits for that; ``charter`` is the newest
        version held, and it waits for a newer one likewise. Returns whether there was anything to
        look at: statements, in a world where somebody lies.
        """
        if all(self._honest.values()):
            return False
        pushed = list(_pushed(envelopes))
        for raw in pushed:
            self._rival_kept(ledger, raw, charter)
        return bool(pushed)

    def _rival_kept(self, ledger: Ledger, raw: bytes, charter: int) -> None:
        try:
            parsed = statements.parse(self._realm, raw)
        except TielineError:
            return
        place = parsed.place
        if parsed.digest in ledger.kept or place.line != self._line or place.charter > charter:
            return
        causes = [self._tips.get(tip, b"") for tip in place.seen]
        if place.previous is not None:
            causes.append(place.previous)
        if not all(cause in ledger.kept for cause in causes):
            return
        if ledger.endings.is_late(parsed):
            return
        if self._is_genuine(parsed) and ledger.places.get((parsed.log, place.position)):
            raise Violation(
                4,
                f"a second statement for number {place.position} of station"
                f" {place.station.hex()} was brought to {_who(ledger)} and not kept",
            )

    def _read(self, raw: bytes) -> Statement:
        digest = hashlib.sha256(b"\0" + raw).digest()
        found = self._parsed.get(digest)
        if found is None:
            try:
                found = statements.parse(self._realm, raw)
            except TielineError as error:
                raise Violation(5, f"bytes were admitted that do not parse: {error}") from error
            self._parsed[digest] = found
            self._tips[digest[: statements.TIP_BYTES]] = digest
        return found

    # -------------------------------------------------------------------------- promises

    def leaving(self, ledger: Ledger, envelope: bytes) -> None:
        """An envelope leaves a station: its own receipts must be covered by its journal.

        No place of a log of an honest station is ever said with two different statements.
        """
        opened = sync.unpack(envelope)
        if isinstance(opened, Push):
            for raw in opened.statements:
                self._left(raw)
        if not isinstance(opened, Receipts):
            return
        for receipt in opened.receipts:
            if receipt.cosigner != ledger.station:
                continue
            held = ledger.logs.get(receipt.log, [])
            size = min(receipt.size, len(held))
            # Made before the version that ended the log, in the same turn: it was true then.
            held = [*held, *ledger.endings.going.get(receipt.log, ())]
            if receipt.size > len(held):
                raise Violation(
                    1,
                    f"a receipt for {receipt.size} statements left station"
                    f" {ledger.station.hex()}, whose journal holds {len(held)}",
                )
            message = self._cosigned_message(receipt, held)
            if self._cosigned[ledger.station].get(message) != receipt.signature:
                raise Violation(1, "a receipt is over another log head than the one held")
            before = ledger.promised.get(receipt.log, 0)
            ledger.promised[receipt.log] = max(before, size)

    def _left(self, raw: bytes) -> None:
        parsed = self._read(raw)
        place = parsed.place
        if not self._honest.get(place.station):
            return
        first = self._said.setdefault((parsed.log, place.position), parsed.digest)
        if first != parsed.digest:
            raise Violation(
                6,
                f"station {place.station.hex()} has signed {_name(first)} and"
                f" {_name(parsed.digest)} under number {place.position} of one log",
            )

    def refilled(self, ledger: Ledger, facts: tuple[Fact, ...]) -> Ledger:
        """The account of a machine whose store is another one from now on: these facts."""
        fresh = Ledger(ledger.station, ledger.honest)
        self.committed(fresh, facts)
        return fresh

    def told(self, ledger: Ledger, digest: bytes) -> None:
        """An officer was told that this statement is said."""
        if digest not in ledger.kept:
            raise Violation(1, f"statement {_name(digest)} was confirmed to its officer, unkept")

    def difference(self, ledgers: list[Ledger], lines: list[Line]) -> str:
        """Why honest stations do not yet know the same; empty when they do."""
        first, line = ledgers[0], lines[0]
        for ledger, other in zip(ledgers[1:], lines[1:], strict=True):
            lack = len(_record(first) ^ _record(ledger))
            if lack:
                return f"{_who(first)} and {_who(ledger)} differ by {lack} statements"
            if _order(first, line) != _order(ledger, other):
                return f"{_who(first)} and {_who(ledger)} show another order"
            if line.charters.keys() != other.charters.keys():
                return f"{_who(first)} and {_who(ledger)} hold other charters"
        heads = [ledger.heads for ledger in ledgers]
        return _unreceipted(ledgers, lines) or self.notes.unaware(heads, lines)

    def _cosigned_message(self, receipt: Receipt, held: list[bytes]) -> bytes:
        place = self._parsed[held[0]].place
        name = origin(place.line, place.station, place.incarnation)
        root = root_of(self._peaks[held[receipt.size - 1]])
        return cosign_message(receipt.time_s, body(name, receipt.size, root))

    def reloaded(self, ledger: Ledger, line: Line) -> None:
        """A station came back from its journal: everything promised must be there."""
        for log, size in ledger.promised.items():
            found = line.record.logs.get(log)
            here = [] if found is None else [i.statement.digest for i in found.items[:size]]
            if here != ledger.logs[log][:size]:
                raise Violation(1, f"{size} statements were receipted, {len(here)} came back")
        if {item.statement.digest for item in line.record.order} != ledger.kept:
            raise Violation(1, "a station came back with another record than its journal holds")
        self._logs_end(ledger, line)

    def _logs_end(self, ledger: Ledger, line: Line) -> None:
        """What a charter has cut is in no log and its officers know; all else is in its log."""
        for name, gone in ledger.endings.gone.items():
            found = line.record.logs.get(name)
            here = [] if found is None else [item.statement.digest for item in found.items]
            if here != ledger.logs[name]:
                raise Violation(
                    5,
                    f"log {name.hex()} has {len(here)} statements in {_who(ledger)},"
                    f" and the charter ends it at {len(ledger.logs[name])}",
                )
            if gone and not any(alarm.code == "record.late" for alarm in line.alarms.values()):
                raise Violation(1, f"{len(gone)} statements are late, and no officer was told")

    def end(self, ledgers: list[Ledger], lines: list[Line]) -> None:
        """At the end: the whole order is what was shown of it turn by turn, and ``met``."""
        for ledger, line in zip(ledgers, lines, strict=True):
            self.displayed(ledger, line, whole=True)
        self.met(ledgers)

    def met(self, ledgers: list[Ledger]) -> None:
        """At the end: only what somebody had read was let in of what a key said after its end."""
        for ledger in ledgers:
            cited: set[bytes] = set()
            readers = [self._parsed[digest] for digest in ledger.kept]
            brought = self._brought.get(ledger.station, {}).values()
            readers += [each for each in brought if not ledger.endings.is_late(each)]
            for place in (each.place for each in readers):
                cited.update(self._tips.get(tip, b"") for tip in place.seen)
                cited.add(place.previous or b"")
            for digest in sorted(ledger.endings.admitted - cited):
                raise Violation(
                    5, f"{_who(ledger)} let in {_name(digest)}, late and read by nobody"
                )

    # ----------------------------------------------------------------------------- order

    def displayed(
        self, ledger: Ledger, line: Line, *, idle: bool = False, whole: bool = False
    ) -> None:
        """The order shown after a turn only grows, extends cause and effect, and is its set's.

        ``idle``: the turn has kept nothing. ``whole``: all of it is looked at.
        """
        shown = ledger.shown
        changed = ledger.endings.changed
        if idle and not changed and shown.unmoved(line.record):
            return
        fresh = shown.look(line.record, whole=changed or whole)
        if changed:
            ledger.endings.changed = False
            self._logs_end(ledger, line)
        if not fresh:
            return
        for item in fresh:
            self._causes_first(line, item.statement.digest, shown.where)
        if not ledger.honest:
            return
        print_of = shown.print_of()
        if self._orders.setdefault(shown.union, print_of) != print_of:
            raise Violation(3, "two stations hold the same statements and show them differently")

    def _causes_first(self, line: Line, digest: bytes, where: dict[bytes, int]) -> None:
        effect = self._read_shown(line, digest)
        here = where[digest]
        before = effect.place.previous
        if before is not None and where.get(before, here) >= here:
            raise Violation(3, f"{_name(digest)} is not shown after its predecessor")
        for tip in effect.place.seen:
            cause = self._tips.get(tip, b"")
            if where.get(cause, here) >= here:
                raise Violation(3, f"{_name(digest)} is not shown after what its author had read")

    def _read_shown(self, line: Line, digest: bytes) -> Statement:
        item = line.record.by_digest.get(digest)
        if item is None:
            raise Violation(3, f"{_name(digest)} is in the display order and not in the record")
        return self._read(item.statement.raw)


def _pushed(envelopes: list[bytes]) -> Iterator[bytes]:
    """The statements that envelopes bring, as bytes; of an envelope that does not open, none."""
    for envelope in envelopes:
        try:
            opened = sync.unpack(envelope)
        except TielineError:
            continue
        if isinstance(opened, Push):
            yield from opened.statements


def _record(ledger: Ledger) -> set[bytes]:
    """What is kept and not late; of what is late, each keeps what it had come to read."""
    return ledger.kept - ledger.endings.late


def _order(ledger: Ledger, line: Line) -> list[bytes]:
    late = ledger.endings.late
    digests = [item.statement.digest for item in line.record.order]
    return [digest for digest in digests if digest not in late]


def _unreceipted(ledgers: list[Ledger], lines: list[Line]) -> str:
    """Whose statements are not yet covered by everybody's receipt, where all may be."""
    for ledger, line in zip(ledgers, lines, strict=True):
        log = line.record.logs.get(line.own_log)
        if log is None or log.forks:
            continue
        for other in ledgers:
            if other is ledger:
                continue
            covered = line.ladder.covered(line.own_log, other.station)
            if covered < log.size:
                return (
                    f"{_who(ledger)} has the receipt of {_who(other)} for {covered}"
                    f" of {log.size} statements"
                )
    return ""


def _who(ledger: Ledger) -> str:
    return f"station {ledger.station.hex()}"


def _name(digest: bytes) -> str:
    return digest.hex()[:12]
