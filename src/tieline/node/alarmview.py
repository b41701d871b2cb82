"""An alarm as the API shows it, and why it sounds, in words.

The reasons are a list of keys with values, so that a desk can say them in any language; ``why`` is
the same in English.
"""

from __future__ import annotations

from typing import Final

from tieline.core.line import Line
from tieline.core.terms import dtg
from tieline.node.alarmbook import (
    OUTPUT,
    AlarmBook,
    Family,
    Note,
    Ring,
    State,
    Tone,
)
from tieline.node.view import Json, station_name, word

WHY: Final = {
    "arrived": "{party} sent this with {rank}; it came at {at} and waits for our acknowledgement.",
    "unstored": "{party} sent this with {rank}. It is here and is not yet stored, because the disk"
    " is slow. Nothing can be done about it before it is.",
    "due": "By the clocks of the line we have until {due}.",
    "late": "That time is over, so it sounds as {as} until it is acknowledged.",
    "ends_ack": "Only an acknowledgement, which {party} gets, ends it. Opening it or silencing the"
    " sound sends nothing and ends nothing.",
    "theirs": "{party} has not done in time what it owes us.",
    "ours": "We have not done in time what we owe.",
    "ends_met": "It ends when that is done, or when an officer notes that it was seen.",
    "line": "Since {at} nothing comes from {station} by any carrier. A line rings when it has been"
    " gone for {seconds} seconds.",
    "ends_line": "It ends when the line carries again, or when an officer notes that it was seen.",
    "test": "{party} did not call a line test when it was its turn.",
    "ends_test": "It ends with a later line test, or when an officer notes that it was seen.",
    "station": "This station has found a fault of its own at {at}.",
    "output": "An output that should make alarms heard does not work; so the others say it.",
    "ends_station": "It ends when the fault is over, or when an officer notes that it was seen.",
    "notice": "The station found this in the record at {at}.",
    "ends_seen": "It ends when an officer notes that it was seen.",
    "silenced": "{officer} silenced what sounded, at {at}. It sounds again at {until} unless it has"
    " ended. Nothing was sent.",
    "shelved": "{officer} shelved it at {at} until {until}, and wrote: {reason}",
    "seen": "{officer} noted at {at} that it was seen. {reason}",
    "over_acknowledged": "It ended at {at}: it was acknowledged.",
    "over_met": "It ended at {at}: what was owed was done.",
    "over_recovered": "It ended at {at}: the fault was over.",
    "over_seen": "It ended at {at} with an officer's note.",
    "over_again": "It ended at {at}: the same rang anew.",
    "over_old": "It ended at {at}: it had waited for a note for three days.",
    "over_left": "It ended at {at}: what it was about is on no line of this station any more.",
}  # fmt: skip


def alarm_view(ring: Ring, state: State, line: Line | None, book: AlarmBook) -> dict[str, Json]:
    """One alarm with its state and its reasons."""
    alarm = ring.alarm
    until: int | None = None
    if state is State.SILENCED and book.silence is not None:
        until = book.silence.until_ms
    elif state is State.SHELVED and ring.shelf is not None:
        until = ring.shelf.until_ms
    because = reasons(ring, state, line, book)
    return {
        "alarm": ring.number,
        "code": alarm.code,
        "rank": ring.rank,
        "family": ring.family.value,
        "line": ring.line.hex(),
        "line_name": line.charter.name if line is not None else "",
        "since_ms": ring.at_ms,
        "text": _text(ring, line),
        "item": alarm.item.hex() if line is not None and line.item(alarm.item) else None,
        "party": _party(ring, line),
        "station": station_name(line, ring.station) if line and ring.station else None,
        "rung": word(alarm.rung.name) if alarm.rung else None,
        "incident": alarm.about.hex() if alarm.about else None,
        "state": state.value,
        "until_ms": until,
        "tone": Tone.NONE.value if state is State.OVER else ring.tone.value,
        "due_ms": ring.due_ms,
        "late": ring.late,
        "ended": ring.ended or None,
        "ended_ms": ring.ended_ms or None,
        "can": list(_can(ring, state, line)),
        "because": because,
        "why": [sentence(one) for one in because],
    }


def _can(ring: Ring, state: State, line: Line | None) -> tuple[str, ...]:
    """What an officer can do about it besides silencing it."""
    if state is State.OVER or not ring.number:
        return ()
    if ring.family is Family.ARRIVED and line is not None and line.member:
        return ("acknowledge",)
    seen = () if state is State.SEEN else ("see",)
    if state is State.SHELVED:
        return (*seen, "unshelve")
    return (*seen, "shelve") if ring.shelvable and state is not State.SEEN else seen


def _text(ring: Ring, line: Line | None) -> str:
    if not ring.station or line is None:
        return ring.alarm.text
    link = line.links.get(ring.station)
    state = str(link.state).removesuffix(" since") if link is not None else "gone"
    cause = f": {ring.alarm.text}" if ring.alarm.text else ""
    return f"the line to {station_name(line, ring.station)} is {state}{cause}"


def _party(ring: Ring, line: Line | None) -> str:
    if ring.station and line is not None:
        return line.party_of(ring.station)
    return ring.alarm.party


def reasons(ring: Ring, state: State, line: Line | None, book: AlarmBook) -> list[Json]:
    """Why an alarm sounds, or does not, and what ends it."""
    party, at = _party(ring, line), ring.at_ms
    out = _cause(ring, line, book, party)
    if state is State.SILENCED and book.silence is not None:
        out.append(_noted("silenced", book.silence))
    if state is State.SHELVED and ring.shelf is not None:
        out.append(_noted("shelved", ring.shelf))
    if ring.seen is not None:
        out.append(_noted("seen", ring.seen))
    if ring.ended:
        out.append({"key": f"over_{ring.ended}", "at_ms": ring.ended_ms or at})
    return out


def _cause(ring: Ring, line: Line | None, book: AlarmBook, party: str) -> list[Json]:
    at = ring.at_ms
    match ring.family:
        case Family.ARRIVED:
            out: list[Json] = [{"key": "arrived", "party": party, "rank": ring.rank, "at_ms": at}]
            if ring.due_ms is not None:
                out.append({"key": "due", "due_ms": ring.due_ms})
            if ring.late and ring.tone in (Tone.FLASH, Tone.IMMEDIATE) and ring.rank != "FLASH":
                out.append({"key": "late", "as": ring.tone.value.upper()})
            return [*out, {"key": "ends_ack", "party": party}]
        case Family.DEADLINE:
            ours = line is not None and party == line.party
            return [{"key": "ours" if ours else "theirs", "party": party}, {"key": "ends_met"}]
        case Family.LINE if ring.station and line is not None:
            name, seconds = station_name(line, ring.station), book.fault_ms // 1000
            return [
                {"key": "line", "station": name, "at_ms": at, "seconds": seconds},
                {"key": "ends_line"},
            ]
        case Family.LINE:
            return [{"key": "test", "party": party}, {"key": "ends_test"}]
        case Family.STATION:
            key = "output" if ring.alarm.code == OUTPUT else "station"
            return [{"key": key, "at_ms": at}, {"key": "ends_station"}]
        case _:
            return [{"key": "notice", "at_ms": at}, {"key": "ends_seen"}]


def _noted(key: str, note: Note) -> dict[str, Json]:
    return {"key": key, "officer": note.officer, "at_ms": note.at_ms, "until_ms": note.until_ms,
            "reason": note.text}  # fmt: skip


def sentence(reason: Json) -> str:
    """One reason in English."""
    if not isinstance(reason, dict):
        return ""
    values = {
        name.removesuffix("_ms"): dtg(value) if name.endswith("_ms") and isinstance(value, int)
        else str(value)
        for name, value in reason.items()
    }  # fmt: skip
    return WHY[str(reason["key"])].format(**values).strip()
