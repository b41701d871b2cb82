"""A station rebuilt from its journal must be the station that ran.

What officers see, what was promised and what is still owed is a fold over the journal; so reading
the journal again gives the same, field by field. Left out is only what is true while a process runs
(sessions, what is under way to a peer) and the deadlines' place on a monotonic clock that dies with
the process.
"""

from __future__ import annotations

from tieline.core.line import Line
from tieline.core.station import Station
from tieline.sim.machine import Machine
from tieline.sim.violation import Violation

Picture = dict[bytes, dict[str, object]]


def taken(machine: Machine) -> Picture | None:
    """What the running station knows; None while it holds what is not on its journal yet."""
    runtime = machine.runtime
    if runtime is None or runtime.full or runtime.owes:
        return None
    return _pictures(runtime.station)


def compare(machine: Machine) -> None:
    """Rebuild a station beside the one that runs, and ``match`` them."""
    before = taken(machine)
    if before is not None:
        machine.schedule.count("check rebuilt")
        facts = (fact for _, fact in machine.disk.facts())
        again = Station.load(machine.station, machine.realm, facts, machine.clock.now())
        match(before, again)


def match(before: Picture, again: Station) -> None:
    """Raise ``Violation`` (invariant 1: what an officer saw is gone) where the two differ."""
    after = _pictures(again)
    if after.keys() != before.keys():
        raise Violation(1, "a station rebuilt from its journal keeps other lines")
    for name, parts in before.items():
        for part, value in parts.items():
            if value != after[name][part]:
                raise Violation(
                    1,
                    f"rebuilt from its journal, station {again.own.hex()} has another"
                    f" '{part}': {_where(value, after[name][part])}",
                )


def _pictures(station: Station) -> Picture:
    return {name: picture(line) for name, line in station.lines.items()}


def picture(line: Line) -> dict[str, object]:
    """Everything of a line that must survive a restart, in comparable form."""
    record, ladder = line.record, line.ladder
    return {
        "charters": {n: signed.charter.hash for n, signed in line.charters.items()},
        "own log": (line.incarnation, line.own_log),
        "order": [(item.statement.digest, item.key, item.second_story) for item in record.order],
        "admission times": {d: item.admitted_ms for d, item in record.by_digest.items()},
        "logs": {
            name: [i.statement.digest for i in log.items] for name, log in record.logs.items()
        },
        "roots": {name: log.tree.root() for name, log in record.logs.items()},
        "receipts": list(ladder.latest_receipts()),
        "rungs": dict(ladder.marks),
        "hand-overs": {digest: to for digest, to in ladder.handed.items() if to},
        "overdue": {digest: missed for digest, missed in ladder.overdue.items() if missed},
        "drafts": line.drafts,
        "released": dict(line.released),
        "act keys": dict(line.keys),
        "suspended": {code: word.cause for code, word in line.suspended.items()},
        "unstaffed": {code: word.cause for code, word in line.unstaffed.items()},
        "neglected": line.neglected,
        "stated causes": line.stated,
        "replacements": dict(line.replaced),
        "tests": line.tests,
        "assents": dict(line.assents),
        "alarms": dict(line.alarms),
    }


def _where(before: object, after: object) -> str:
    """The first place in which two parts differ, short enough for a report."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before:
            if key not in after:
                return f"{_short(key)} is gone"
            if before[key] != after[key]:
                return f"{_short(key)}: {_where(before[key], after[key])}"
        for key in after:
            if key not in before:
                return f"{_short(key)} is new"
    if isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            return f"{len(before)} entries and {len(after)}"
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            if one != other:
                return f"entry {index}: {_short(one)} and {_short(other)}"
    return f"{_short(before)} and {_short(after)}"


def _short(value: object) -> str:
    text = value.hex()[:16] if isinstance(value, bytes) else repr(value)
    return text[:300]
