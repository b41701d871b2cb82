"""Joining what an evidence file's statements say of each other, after its end.

Here are the checks that need the whole file (the thread of the scope, and causes), the citations,
the two stories, the order of display, and who had read what (docs/evidence.md section 5).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from tieline.core.evidence_facts import Entry, LogFacts, Place, Report
from tieline.core.evidence_forms import Shelf
from tieline.core.ladder import RUNG_OF_KIND
from tieline.core.terms import RefRole, Rung

_WITHIN_PARTY = frozenset({RefRole.CORRECTS, RefRole.CANCELS, RefRole.SUPERSEDES})
OrderKey = tuple[int, int, int, bytes, bytes, int, bytes]


def after_the_end(report: Report) -> None:
    """Do all that had to wait for the whole file."""
    _check_thread(report)
    for entry in [entry for entry in report.entries if not entry.fault]:
        problem = _cause_problem(report, entry)
        if problem:
            _refuse(report, entry, "evidence.cause", problem)
    report.entries = [entry for entry in report.entries if not entry.fault]
    _join(report)
    report.conflicts = list(_conflicts(report.entries))
    report.shown = _in_order(report)
    if report.version > 1:
        _tell_packs(report)
    report.faults.sort(key=lambda finding: (finding.number, finding.code))
    report.gaps.sort(key=lambda finding: (finding.number, finding.code))


def _refuse(report: Report, entry: Entry, code: str, text: str) -> None:
    entry.fault = True
    report.fault(code, entry.number, f"statement {entry.position} of {entry.log.name}: {text}")


def sound(place: Place | None) -> Entry | None:
    """The statement at a place, when it has no fault."""
    if place is None or place.entry is None or place.entry.fault:
        return None
    return place.entry


def _check_thread(report: Report) -> None:
    """Refuse what no chain of references joins to the statement that the file is about."""
    scope = report.header.scope if report.header else None
    if scope is None or scope.item is None or (scope.from_ms, scope.to_ms) != (None, None):
        return
    joins: dict[bytes, list[bytes]] = {}
    for entry in report.entries:
        for ref in entry.content.refs:
            joins.setdefault(entry.digest, []).append(ref.target)
            joins.setdefault(ref.target, []).append(entry.digest)
    reached, todo = {scope.item}, [scope.item]
    while todo:
        for digest in joins.get(todo.pop(), ()):
            if digest not in reached:
                reached.add(digest)
                todo.append(digest)
    for entry in report.entries:
        if entry.digest not in reached:
            text = "no reference joins it to the statement that the file is about"
            _refuse(report, entry, "evidence.scope", text)


def _tell_packs(report: Report) -> None:
    """Tell which versions of the charter name packs that forms may be of and that are not here."""
    shelf = Shelf(report.charters, report.packs)
    lacking: dict[int, set[bytes]] = {}
    for entry in report.entries:
        away = shelf.lacks(entry.charter, entry.content)
        if away:
            lacking.setdefault(entry.charter, set()).update(away)
    for version, digests in lacking.items():
        # Item 0 is the header, and the versions of the charter follow it from 1 on.
        names = ", ".join(sorted(digest.hex()[:16] for digest in digests))
        text = (
            f"what forms under version {version} of the charter say is shown as numbers: it names"
            f" packs that are not in the file ({names})"
        )
        report.gap("gap.pack", version, text)


def _cause_problem(report: Report, entry: Entry) -> str:
    """What is wrong with what a statement builds on; empty when nothing is."""
    for tip in entry.tips:
        place = report.place(tip)
        if place is not None and place.log is entry.log:
            return "it claims to have read its own log"
    for cause in _causes(report, entry):
        if cause.charter > entry.charter:
            return "it goes back behind a version of the charter that its author had read"
    return ""


def _causes(report: Report, entry: Entry) -> Iterator[Entry]:
    """The sound statements in the file on which a statement builds directly."""
    names = entry.tips if entry.previous is None else (entry.previous, *entry.tips)
    for name in names:
        place = report.place(name)
        cause = sound(place)
        if cause is not None and cause.digest.startswith(name):
            yield cause


def _join(report: Report) -> None:
    """Hand every citation to the statement cited, and count what leads out of the file."""
    for entry in report.entries:
        cited = dict.fromkeys(ref.target for ref in entry.content.refs)
        for name in (*entry.tips, *cited):
            place = report.place(name)
            if place is None or not place.here:
                entry.left_out += 1
        for ref in entry.content.refs:
            target = sound(report.place(ref.target))
            if target is not None and target.digest == ref.target:
                target.cited_by.append((entry, int(ref.role)))


def counts(target: Entry, by: Entry, role: int) -> bool:
    """Whether a citation has effect: corrections and the like only within one party."""
    return role not in _WITHIN_PARTY or (target.party == by.party and not by.moot)


def rungs(entry: Entry) -> Iterator[tuple[Entry, Rung]]:
    """The statements that put their author's party on a human rung of this one."""
    for by, _ in entry.cited_by:
        rung = None if by.moot else RUNG_OF_KIND.get(by.content.kind)
        if rung is not None and by.content.refs[0].target == entry.digest:
            yield by, rung


def _conflicts(entries: list[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """Every second story with the statement that stands where it stands, after the same one."""
    main: dict[tuple[bytes, bytes | None], Entry] = {}
    second: dict[tuple[bytes, bytes | None], list[Entry]] = {}
    told = [entry for entry in entries if not entry.late]  # a late one may be of a stolen key
    for entry in told:
        place = (entry.log.id, entry.previous)
        if entry.second:
            second.setdefault(place, []).append(entry)
        else:
            main[place] = entry
    for entry in told:
        if not entry.second:
            continue
        place = (entry.log.id, entry.previous)
        others = [each for each in second[place][:2] if each is not entry]
        other = main.get(place) or (others[0] if others else None)
        if other is not None:
            yield entry, other


def _in_order(report: Report) -> list[Entry]:
    """Display order (protocol.md section 7), from the causes that are in the file."""
    keys: dict[bytes, OrderKey] = {}
    for first in report.entries:
        todo = [first]
        while todo:
            entry = todo[-1]
            if entry.digest in keys:
                todo.pop()
                continue
            causes = list(_causes(report, entry))
            missing = [cause for cause in causes if cause.digest not in keys]
            if missing:
                todo.extend(missing)
                continue
            todo.pop()
            keys[entry.digest] = _key(entry, [keys[cause.digest] for cause in causes])
    return sorted(report.entries, key=lambda entry: keys[entry.digest])


def _key(entry: Entry, causes: list[OrderKey]) -> OrderKey:
    latest = max((key[0] for key in causes), default=0)
    depth = 0
    if latest >= entry.time_ms:
        depth = 1 + max((key[1] for key in causes if key[0] == latest), default=0)
    place = (entry.station, entry.log.incarnation, entry.position, entry.digest)
    return (max(latest, entry.time_ms), depth, entry.time_ms, *place)


# ------------------------------------------------------------------------------ who had it when


@dataclass(slots=True)
class _Read:
    """How far the author of one log had read another: ascending sizes, and at which statement."""

    sizes: list[int] = field(default_factory=list)
    by: list[Entry] = field(default_factory=list)


class Readings:
    """Who had read and held what. Made once for a report, then asked for each statement."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._main: dict[bytes, dict[bytes, _Read]] = {}  # log read, log of the reader
        self._second: dict[bytes, dict[bytes, Entry]] = {}  # second story, log of the reader
        logs: dict[bytes, list[Entry]] = {}
        for entry in report.entries:
            logs.setdefault(entry.log.id, []).append(entry)
        for entries in logs.values():
            for entry in sorted(entries, key=lambda each: each.order):
                if not entry.late:
                    self._note(entry)
        self._held = {log.id: _held(log) for log in report.logs}

    def _note(self, reader: Entry) -> None:
        """Note what is new in what one statement's author had read."""
        own = reader.log.id
        for tip in reader.tips:
            place = self._report.place(tip)
            while place is not None and place.second:
                story = sound(place)
                if story is None:
                    break  # not sound, so where it comes from counts for nothing
                readers = self._second.setdefault(story.digest, {})
                if own in readers:
                    place = None
                    break
                readers[own] = reader
                place = self._report.place(story.previous) if story.previous else None
            if place is None or place.second:
                continue
            read = self._main.setdefault(place.log.id, {}).setdefault(own, _Read())
            if not read.sizes or place.position + 1 > read.sizes[-1]:
                read.sizes.append(place.position + 1)
                read.by.append(reader)

    def read_by(self, entry: Entry) -> list[Entry]:
        """The first statement of each other log whose author had read this one, by log."""
        if entry.second:
            found = self._second.get(entry.digest, {})
        else:
            found = {}
            for log, read in self._main.get(entry.log.id, {}).items():
                at = bisect_right(read.sizes, entry.position)
                if at < len(read.sizes):
                    found[log] = read.by[at]
        return [found[log] for log in sorted(found) if log != entry.log.id]

    def held_by(self, entry: Entry) -> list[tuple[bytes, int, int]]:
        """The first cosignature of each other station that covers it: station, size, time (s)."""
        if entry.second:
            return []
        out = []
        for station, (sizes, times) in self._held[entry.log.id].items():
            at = bisect_right(sizes, entry.position)
            if at < len(sizes):
                out.append((station, sizes[at], times[at]))
        return out


def _held(log: LogFacts) -> dict[bytes, tuple[list[int], list[int]]]:
    """The cosignatures of each station other than the author, ascending by size, then time."""
    out: dict[bytes, tuple[list[int], list[int]]] = {}
    for cover in sorted(log.covers, key=lambda each: (each.station, each.size, each.time_s)):
        if cover.station != log.station:
            sizes, times = out.setdefault(cover.station, ([], []))
            sizes.append(cover.size)
            times.append(cover.time_s)
    return out
