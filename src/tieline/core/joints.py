"""The joint statements of a line: its record as the rules of ``core.incident.joint`` want it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from tieline.core.incident.entry import Entry, OrderKey
from tieline.core.incident.joint import AMENDS, chains
from tieline.core.incident.signing import Chain, Fault, Moot
from tieline.core.incident.states import JointState
from tieline.core.line import Line, Reads
from tieline.core.record import Item
from tieline.core.statement import Content
from tieline.core.terms import Kind

MAX_ENTRIES: Final = 4_096  # of one chain; beyond that nothing more is weighed, and nothing binds


class Known:
    """Who knew what, as the record of a line has it. A view: it holds nothing.

    ``coming``: a statement that is not written yet; its author will have read all that is here.
    """

    def __init__(self, line: Line, coming: Entry | None = None) -> None:
        self._line = line
        self._coming = coming

    def saw(self, later: Entry, earlier: Entry) -> bool:
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
    return _entry(
        statement.content,
        reads or line.reads,
        place.charter,
        digest=statement.digest,
        log=statement.log,
        position=place.position,
        station=place.station,
        party=line.party_of(place.station) if party is None else party,
        to=line.addressed(item) if to is None else to,
        time_ms=place.time_ms,
        key=item.key,
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
        terms=body.terms or (),
    )


def chain_of(line: Line, digest: bytes) -> Chain | None:
    """The chain of a joint statement, by any statement that is part of it."""
    kept = line.weighed.get(digest)
    if kept is not None and kept[0] == _stamp(line, kept[1], kept[2]):
        return kept[1]
    found = _gather(line, [digest])
    held = {item.statement.digest for item in found}
    for chain in chains((entry_of(line, item) for item in found), Known(line)):
        texts = {version.digest for version in chain.versions}
        touched = {one.by.digest for version in chain.versions for one in version.signed}
        if digest in texts or digest in touched or _cites(line, digest, texts):
            if len(line.weighed) > MAX_ENTRIES:
                line.weighed.clear()
            whole = replace(chain, full=len(held) >= MAX_ENTRIES)
            names = frozenset(held)
            stamp = _stamp(line, whole, names)
            for name in (digest, *texts):
                line.weighed[name] = (stamp, whole, names)
            return whole
    return None


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


def _cites(line: Line, digest: bytes, texts: set[bytes]) -> bool:
    item = line.item(digest)
    return item is not None and any(ref.target in texts for ref in item.statement.content.refs)


def trial(line: Line, content: Content, now_ms: int) -> tuple[Chain | None, Moot | None]:
    """What an act would come to if our station said it now: its chain, and why it moved nothing."""
    coming = coming_of(line, content, now_ms)
    found = _gather(line, [ref.target for ref in content.refs])
    entries = [*(entry_of(line, item) for item in found), coming]
    for chain in chains(entries, Known(line, coming)):
        for moot in chain.moot:
            if moot.by is coming:
                return chain, moot
        if any(version.entry is coming for version in chain.versions) or any(
            one.by is coming for version in chain.versions for one in version.signed
        ):
            return chain, None
    return None, None


def _gather(line: Line, start: Iterable[bytes]) -> list[Item]:
    """What the versions of a chain are made of, found from any of it."""
    found: dict[bytes, Item] = {}
    todo = list(start)
    while todo and len(found) < MAX_ENTRIES:
        digest = todo.pop()
        item = None if digest in found else line.item(digest)
        if item is None or not line.heard(item):
            continue
        content = item.statement.content
        found[digest] = item
        if content.kind is Kind.JOINT:
            todo += [ref.target for ref in content.refs if ref.role in AMENDS]
            todo += line.joint_acts(digest)
        elif content.kind is Kind.ASSENT:
            todo += [content.refs[0].target, *line.joint_acts(digest)]
        elif content.kind is Kind.MESSAGE:
            todo += [ref.target for ref in content.refs if _is_text(line, ref.target)]
    return list(found.values())


def _is_text(line: Line, digest: bytes) -> bool:
    item = line.item(digest)
    return item is not None and item.statement.content.kind in (Kind.JOINT, Kind.ASSENT)


__all__ = ["Fault", "Known", "chain_of", "entry_of", "trial"]
