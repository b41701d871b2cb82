"""The joint statements of a line: its record as the rules of ``core.incident.joint`` want it."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from tieline.core.agreement.meaning import Act
from tieline.core.incident.entry import Entry, OrderKey, Placed
from tieline.core.incident.joint import doing
from tieline.core.incident.signing import Chain, Does, Fault, Moot
from tieline.core.incident.states import JointState
from tieline.core.incident.weighing import Taken, Weighing, parent
from tieline.core.line import Line, Reads
from tieline.core.record import Item
from tieline.core.statement import Content
from tieline.core.terms import JOINT_ACTS, Kind, RefRole

_ON_TEXTS: Final = frozenset({Act.COMPLY, Act.DECLINE, Act.WITHDRAW})
MAX_KEPT: Final = 4_096  # texts of which what they came to is kept


class Known:
    """Who knew what, as the record of a line has it. A view: it holds nothing.

    ``coming``: a statement that is not written yet; its author will have read all that is here.
    """

    def __init__(self, line: Line, coming: Entry | None = None) -> None:
        self._line = line
        self._coming = coming

    def saw(self, later: Placed, earlier: Placed) -> bool:
        """Whether the author of ``later`` had read ``earlier`` when writing it."""
        if later is self._coming:
            return earlier is not later
        record = self._line.record
        log = record.logs.get(later.log)
        if log is None or earlier is self._coming:
            return False
        of = record.logs.get(earlier.log)
        if of is not None and earlier.digest in of.forks:
            return log.read_forks.get(earlier.digest, later.position + 1) <= later.position
        return record.known_at(later.log, later.position, earlier.log) > earlier.position

    def arrived_ms(self, entry: Entry, party: str) -> int | None:
        """By a party's own signed receipt, when the first of its stations held it.

        Of our own station it is when it took the statement in, which its receipts say.
        """
        if entry.story or entry is self._coming:
            return None  # a receipt is for the branch whose head it signs
        line, ladder = self._line, self._line.ladder
        found = [
            one.time_s * 1000
            for station in ladder.stations.get(party, ())
            if station != entry.station
            and (one := ladder.receipt_at(entry.log, entry.position, station)) is not None
        ]
        if party == line.party and entry.station != line.own:
            item = line.item(entry.digest)
            found += [] if item is None else [item.admitted_ms]
        return min(found, default=None)

    def read_at(self, log: bytes, entry: Entry) -> tuple[int, int] | None:
        """The first statement of a log whose author had read an entry: position, claimed time."""
        held = self._line.record.logs.get(log)
        if held is None or entry is self._coming:
            return None
        if entry.log == log:
            position: int | None = entry.position + 1
        else:
            position = self._line.record.read_at(log, entry.digest, entry.log, entry.position)
        if position is None or position >= held.size:
            return None
        return position, held.items[position].statement.place.time_ms


def entry_of(
    line: Line,
    item: Item,
    *,
    reads: Reads | None = None,
    party: str | None = None,
    to: tuple[str, ...] | None = None,
) -> Entry:
    """A statement as the incident layer sees it, with what its form says by the packs at hand.

    ``reads``: how a form is read, if not as the line does. ``party``: of its author, and ``to``:
    who must act on it, if known.
    """
    statement = item.statement
    place = statement.place
    # An entry outlives the item: of what all of a log have in common it holds the log's own.
    of = line.record.logs.get(statement.log)
    log, station, incarnation = (
        (statement.log, place.station, place.incarnation)
        if of is None
        else (of.id, of.station, of.incarnation)
    )
    key = item.key
    return _entry(
        statement.content,
        reads or line.reads,
        place.charter,
        digest=statement.digest,
        log=log,
        position=place.position,
        station=station,
        party=line.party_of(place.station) if party is None else party,
        to=line.addressed(item) if to is None else to,
        time_ms=place.time_ms,
        key=(key[0], key[1], place.time_ms, station, incarnation, place.position, statement.digest),
        story=item.second_story,
    )


def coming_of(line: Line, content: Content, now_ms: int) -> Entry:
    """What our station is about to say, as the incident layer will see it."""
    log = line.own_log
    return _entry(
        content,
        line.reads,
        None,
        digest=bytes(32),
        log=log,
        position=line.record.size(log),
        station=line.own,
        party=line.party,
        to=content.to,
        time_ms=now_ms,
        key=(1 << 62, 0, now_ms, line.own, log, 1 << 48, bytes(32)),
        story=False,
    )


def _entry(  # noqa: PLR0913 - where a statement stands, in full
    content: Content,
    reads: Reads | None,
    charter: int | None,
    *,
    digest: bytes,
    log: bytes,
    position: int,
    station: bytes,
    party: str,
    to: tuple[str, ...],
    time_ms: int,
    key: OrderKey,
    story: bool,
) -> Entry:
    body = content.body
    message = content.kind is Kind.MESSAGE
    read = reads(content, charter) if message and reads and content.form else None
    coded = message and "/" in content.form
    return Entry(
        digest=digest,
        log=log,
        position=position,
        station=station,
        party=party,
        to=to,
        kind=content.kind,
        time_ms=time_ms,
        key=key,
        role=content.role,
        precedence=content.precedence,
        refs=tuple((ref.role, ref.target) for ref in content.refs),
        text=body.text or "",
        lang=body.lang or "",
        said=read.said if read else None,
        parties=body.parties or (),
        unit=body.unit or "",
        at_ms=body.at_ms,
        effective_ms=body.effective_ms,
        late_binds=bool(body.late_binds),
        reserve=bool(body.reserve),
        through=body.through or "",
        story=story,
        unread=coded and (read is None or not read.known),
        coded=coded,
        terms=body.terms or (),
    )


def chain_of(line: Line, digest: bytes) -> Chain | None:
    """The chain of a joint statement, by any statement that is part of it, or beyond a purse."""
    kept = line.weighed.get(digest)
    if kept is not None and kept[0] == _stamp(line, kept[1], kept[2]):
        return kept[1]
    known = Known(line)
    first = _above(line, known, [digest])
    entry = first.get(digest)
    if entry is None:
        return None
    kept = next((row for name in first if (row := line.weighed.get(name)) is not None), None)
    if kept is not None and kept[0] == _stamp(line, kept[1], kept[2]):
        # What it stands upon is weighed: it is of that chain, or beyond.
        if digest in kept[2] or digest in _parts(kept[1]):
            return kept[1]
        if entry.kind is Kind.JOINT:
            return _told_beyond(kept[1], entry)
    weighed, names, beyond = _weigh(line, known, first)
    for chain in weighed:
        if digest in _parts(chain) or set(entry.cites()) & _parts(chain):
            _keep(line, chain, names, digest)
            return chain
    if digest in beyond and weighed:
        return _told_beyond(weighed[0], entry)
    return None


def _parts(chain: Chain) -> set[bytes]:
    """The texts of a chain, and the signatures on them that stand."""
    texts = {version.digest for version in chain.versions}
    return texts | {one.by.digest for version in chain.versions for one in version.signed}


def _keep(line: Line, chain: Chain, names: frozenset[bytes], digest: bytes) -> None:
    if len(line.weighed) > MAX_KEPT:
        line.weighed.clear()
    stamp = _stamp(line, chain, names)
    for name in (digest, *(version.digest for version in chain.versions)):
        line.weighed[name] = (stamp, chain, names)


def _told_beyond(chain: Chain, entry: Entry) -> Chain:
    """A chain for who asks after an entry that is beyond a purse: it moves nothing there."""
    if any(moot.by.digest == entry.digest for moot in chain.moot):
        return chain
    return replace(chain, moot=(*chain.moot, _spent(entry)))


def _spent(entry: Entry) -> Moot:
    target = next(iter(entry.cites()), b"")
    does = doing(entry) or Does.WITHDRAW
    return Moot(by=entry, does=does, version=target, fault=Fault.SPENT)


def _stamp(line: Line, chain: Chain, names: frozenset[bytes]) -> tuple[object, ...]:
    """What a chain follows from, in short: while it stays so, the chain does.

    It follows from what cites its texts and signatures; of a version that all have signed, from
    what the logs say after it; and, for its effective time, from when signatures came to a party.
    """
    acts = sum(_acts_on(line, name) for name in names)
    waits = bool(chain.unread) or any(one.state is JointState.COMPLETE for one in chain.versions)
    timed = [
        one for one in chain.versions
        if one.entry.effective_ms is not None and (one.open_at or one.late)
    ]  # fmt: skip
    known = Known(line)
    came = [
        known.arrived_ms(signature.by, party)
        for version in timed
        for signature in version.signed
        for party in chain.parties
    ]
    return line.latest(), acts, len(line.record.refs) if waits else 0, tuple(came)


def _acts_on(line: Line, digest: bytes) -> int:
    """How many acts cite a joint statement, or a signature of one."""
    tally = line.ladder.tallies.get(digest)
    return 0 if tally is None else len(tally.acts) + len(tally.assents)


def trial(line: Line, content: Content, now_ms: int) -> tuple[Chain | None, Moot | None]:
    """What an act would come to if our station said it now: its chain, and why it moved nothing."""
    coming = coming_of(line, content, now_ms)
    known = Known(line, coming)
    first = _above(line, known, [ref.target for ref in content.refs])
    weighed, _, beyond = _weigh(line, known, {**first, coming.digest: coming})
    if coming.digest in beyond:
        chain = next(iter(weighed), None)
        free = coming.kind is Kind.MESSAGE and coming.act not in _ON_TEXTS
        return chain, None if free and not coming.cites(RefRole.CANCELS) else _spent(coming)
    for chain in weighed:
        for moot in chain.moot:
            if moot.by is coming:
                return chain, moot
        if any(version.entry is coming for version in chain.versions) or any(
            one.by is coming for version in chain.versions for one in version.signed
        ):
            return chain, None
    return None, None


# ------------------------------------------------------------------------------------- gathering


def _above(line: Line, known: Known, start: Iterable[bytes]) -> dict[bytes, Entry]:
    """Some statements, with the texts and signatures that they stand upon, up to the first text.

    Of a text that is the next of more than all logs have to say in a chain, nothing: it is beyond.
    """
    found: dict[bytes, Entry] = {}
    most = JOINT_ACTS * (len(line.record.logs) + 1)
    for digest in start:
        todo, steps = [digest], 0
        while todo and steps <= most:
            name = todo.pop()
            item = None if name in found else line.item(name)
            if item is None or not line.heard(item):
                continue
            steps += 1
            entry = found[name] = entry_of(line, item)
            match entry.kind:
                case Kind.JOINT:
                    before = parent(entry, lambda target: _text(line, target), known)
                    todo += [before] if before else []
                case Kind.ASSENT:
                    todo += [entry.refs[0][1]]
                case Kind.MESSAGE:
                    todo += [target for _, target in entry.refs if _is_text(line, target)]
                case _:
                    continue
        if steps > most:
            return {}
    return found


def _text(line: Line, digest: bytes) -> Entry | None:
    """A joint statement, unless it is a second story."""
    item = line.item(digest)
    if item is None or item.second_story or item.statement.content.kind is not Kind.JOINT:
        return None
    entry = entry_of(line, item)
    return entry if entry.parties and line.heard(item) else None


def _is_text(line: Line, digest: bytes) -> bool:
    item = line.item(digest)
    return item is not None and item.statement.content.kind in (Kind.JOINT, Kind.ASSENT)


Row = tuple[OrderKey, int, Entry, Iterator[bytes], bytes]


def _weigh(
    line: Line, known: Known, first: Mapping[bytes, Entry]
) -> tuple[tuple[Chain, ...], frozenset[bytes], frozenset[bytes]]:
    """The chains of what was gathered, with all that cites their texts and signatures.

    Of each log one act on each text is taken at a time, and no more once it has spent its purse: so
    it costs what is weighed, and not what was said. Returns also what was looked at, and what of it
    is beyond.
    """
    weighing = Weighing(known)
    count = itertools.count()
    none: Iterator[bytes] = iter(())
    todo: list[Row] = [(one.key, next(count), one, none, b"") for one in first.values()]
    heapq.heapify(todo)
    looked: set[bytes] = set()
    beyond: set[bytes] = set()

    def push(acts: Iterator[bytes], on: bytes) -> None:
        item = next((found for by in acts if (found := line.item(by)) and line.heard(found)), None)
        if item is not None and not weighing.spent(on, item.statement.log):
            entry = entry_of(line, item)
            heapq.heappush(todo, (entry.key, next(count), entry, acts, on))

    while todo:
        _, _, entry, rest, on = heapq.heappop(todo)
        push(rest, on)
        name = entry.digest
        if name in looked:
            continue
        if entry.kind is Kind.JOINT and name not in first:
            before = parent(entry, lambda target: _text(line, target), known)
            if not entry.story and (before is None or before not in looked):
                weighing.beside(entry)
                continue  # of another chain
        looked.add(name)
        taken = weighing.take(entry)
        if taken is Taken.BEYOND:
            beyond.add(name)
        if taken is Taken.WEIGHED:
            for acts in _by_log(line, name):
                push(iter(acts), name)
    return weighing.chains(), frozenset(looked), frozenset(beyond)


def _by_log(line: Line, digest: bytes) -> list[list[bytes]]:
    """What may move a text or a signature, of each log in its order.

    Each second story by itself: its place among those of the first one says nothing of its order.
    """
    found: dict[bytes, list[tuple[int, bytes]]] = {}
    tallies = line.ladder.tallies
    for by in line.joint_acts(digest):
        log, position = line.record.where(by)
        found.setdefault(by if tallies.is_story(by) else log, []).append((position, by))
    return [[by for _, by in sorted(some)] for some in found.values()]


__all__ = ["Fault", "Known", "chain_of", "entry_of", "trial"]
