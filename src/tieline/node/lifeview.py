"""What an officer's tools are shown of the lives of stations: their present log, and others."""

from __future__ import annotations

from tieline.core.journal import Lived
from tieline.core.life import Standing
from tieline.core.line import Line

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
TWO_LIVES = "station.two_lives"


def life_view(line: Line) -> dict[str, Json]:
    """The present log of this station: whether it may be written on, and why it was opened."""
    life = line.life
    standing = life.standing
    out: dict[str, Json] = {
        "log": life.log.hex(),
        "incarnation": life.incarnation.hex(),
        "standing": str(standing),
        "cause": life.cause,
        "opened_ms": life.opened_ms,
    }
    if standing is Standing.CLOSED:
        out["closed_for"] = life.why
    return out


def lives_view(line: Line, names: dict[bytes, str]) -> list[Json]:
    """The stations that have opened more than one log on a line, with their count.

    ``names`` are theirs, as shown. ``two_machines``: two of them have read each other, so two
    machines write with one key.
    """
    counts: dict[bytes, int] = {}
    for log in line.record.logs.values():
        counts[log.station] = counts.get(log.station, 0) + 1
    proven = {alarm.item for alarm in line.alarms.other.values() if alarm.code == TWO_LIVES}
    return [
        {
            "station": station.hex(),
            "name": names.get(station, station.hex()),
            "logs": count,
            "two_machines": station in proven,
        }
        for station, count in sorted(counts.items())
        if count > 1
    ]


def life_event(fact: Lived) -> dict[str, Json]:
    """An entry of the journal on a log that was opened, or closed for ever."""
    return {
        "incarnation": fact.incarnation.hex(),
        "cause": fact.cause,
        "closed": fact.closed,
    }
