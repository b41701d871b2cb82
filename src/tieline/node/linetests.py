"""What the watch shows of a line's tests, each way, and of what the other side holds of ours.

Pure. The newest test of each station is known to who asks (``tieline.node.traffic``).
"""

from __future__ import annotations

from collections.abc import Mapping

from tieline.core.journal import Alarm
from tieline.core.line import Line
from tieline.core.linetest import initiator, slot_at, slot_start_ms
from tieline.core.terms import Precedence, Rung
from tieline.node.view import Json, station_name


def tests_view(line: Line, newest: Mapping[bytes, bytes], now_ms: int) -> dict[str, Json]:
    """The tests of a line. ``newest``: the digest of the newest one of each station, if any.

    ``next``: when the next one by the plan is due, and whose turn it is; None without a plan.
    ``answered_by``: ``officer`` or ``station``.
    """
    peers: list[Json] = [
        _peer(line, station, newest, now_ms)
        for station in sorted(line.links, key=lambda one: (line.party_of(one), one))
    ]
    by = line.charter.tests.answered_by
    return {"next": _next(line, now_ms), "answered_by": by, "peers": peers}


def _next(line: Line, now_ms: int) -> Json:
    slot = slot_at(now_ms, line.charter)
    if slot is None or not line.member:
        return None
    return {
        "at_ms": slot_start_ms(slot + 1, line.charter),
        "party": initiator(slot + 1, line.charter),
    }


def _peer(
    line: Line, station: bytes, newest: Mapping[bytes, bytes], now_ms: int
) -> dict[str, Json]:
    """One station: both last tests, what it has signed for of ours, what we hold of its.

    ``ours`` and ``theirs``: None where nobody has tested since before the look-back.
    """
    party = line.party_of(station)
    logs = [log for log in line.record.logs.values() if log.station == station]
    return {
        "station": station.hex(),
        "name": station_name(line, station),
        "party": party,
        "ours": _test(line, newest.get(line.own), party),
        "theirs": _test(line, newest.get(station), line.party),
        "missed_ms": _missed(line, party, now_ms),
        "hold": line.ladder.covered(line.own_log, station),
        "of": line.record.size(line.own_log),
        "held": sum(log.size for log in logs),
    }


def _test(line: Line, digest: bytes | None, party: str) -> Json:
    """A test as the other side took it: ``result`` is ``sent``, ``received`` or ``acknowledged``.

    ``at_ms``: when that was; the receipt has whole seconds of its station's clock. ``overdue``: it
    is not acknowledged though its time is over.
    """
    item = None if digest is None else line.item(digest)
    if item is None:
        return None
    rungs = line.ladder.rungs(item, party)
    result, at_ms = "sent", item.statement.place.time_ms
    if party == line.party:
        result, at_ms = "received", item.admitted_ms
    for rung in (Rung.RECEIVED, Rung.ACKNOWLEDGED):
        if rung in rungs:
            result, at_ms = rung.name.lower(), rungs[rung].at_ms
    late = any(each == party for each, _ in line.ladder.overdue.get(item.statement.digest, set()))
    return {
        "item": item.statement.digest.hex(),
        "sent_ms": item.statement.place.time_ms,
        "result": result,
        "at_ms": at_ms,
        "overdue": late and result != "acknowledged",
    }


def _missed(line: Line, party: str, now_ms: int) -> int | None:
    """When a party's turn was that it let go by last, if it has not called one since."""
    charter = line.charter
    slot = slot_at(now_ms - charter.tests.window_s * 1000, charter)
    if slot is None:
        return None
    for each in range(slot, max(-1, slot - len(charter.voices())), -1):
        if initiator(each, charter) == party:
            missed = Alarm(code="test.missed", precedence=Precedence.PRIORITY, text="",
                           party=party, item=each.to_bytes(8, "big"))  # fmt: skip
            return slot_start_ms(each, charter) if missed.cause in line.alarms else None
    return None
