"""Certificates that end: a warning at each stage, for our own keys and for those of peers.

A date is never a cut: an expired key signs and is believed as before, and its sessions go on. What
it means is that its party has not changed it when it wanted to, so officers are told, once at each
stage: 30, 7 and 1 days before, and when it has ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from tieline.core.crypto import sha256
from tieline.core.identity import Certificate
from tieline.core.journal import Alarm
from tieline.core.line import Line
from tieline.core.terms import MAX_TIME_MS, Precedence, dtg
from tieline.core.turn import Turn

DAY_MS: Final = 86_400_000
# How long before the end, the alarm, how urgent it is; the last stage first.
# How long before the end, and the alarm; the last stage first.
_STAGES: Final = (
    (0, Alarm(code="key.expired", precedence=Precedence.IMMEDIATE, text="keys have ended")),
    (DAY_MS, Alarm(code="key.expires_1d", precedence=Precedence.IMMEDIATE, text="keys end soon")),
    (
        7 * DAY_MS,
        Alarm(code="key.expires_7d", precedence=Precedence.PRIORITY, text="keys end soon"),
    ),
    (
        30 * DAY_MS,
        Alarm(code="key.expires_30d", precedence=Precedence.ROUTINE, text="keys end soon"),
    ),
)


def tick(line: Line, turn: Turn) -> None:
    """Raise what is due. A clock that was ahead and went back takes no alarm back."""
    now_ms = turn.now.wall_ms
    if line.expiry_due_ms is None or now_ms < line.expiry_due_ms:
        return
    line.expiry_due_ms = None
    for certificate in _ending(line):
        end_ms = certificate.not_after_ms
        later = [end_ms - before for before, _ in _STAGES if end_ms - before > now_ms]
        if later:
            due: int | None = line.expiry_due_ms
            line.expiry_due_ms = min(later) if due is None else min(due, *later)
        for before, stage in _STAGES:
            if end_ms - before <= now_ms:
                turn.ring(line, _told(line, certificate, stage))
                break


def wakeup(line: Line, wall_ms: int, mono_ms: int) -> int | None:
    """When the next stage is due, in ``mono_ms``."""
    if line.expiry_due_ms is None:
        return None
    return mono_ms + max(0, line.expiry_due_ms - wall_ms)


def _ending(line: Line) -> Iterator[Certificate]:
    """The certificates in force that end, ours among them, while this station is on the line."""
    for station in line.charter.stations() if line.member else ():
        entry = line.charter.station(station)
        if entry is not None and entry.certificate.not_after_ms < MAX_TIME_MS:
            yield entry.certificate


def _told(line: Line, certificate: Certificate, stage: Alarm) -> Alarm:
    ours = certificate.station == line.own
    whose = "this station" if ours else f"{certificate.party}/{certificate.station_name}"
    verb = "ended" if stage.code == "key.expired" else "end"
    todo = (
        "make fresh ones with 'tieline keys rotate' and have the charter amended"
        if certificate.party == line.party
        else f"ask {certificate.party} for its new card"
    )
    return replace(
        stage,
        text=f"the keys of {whose} {verb} on {dtg(certificate.not_after_ms)}: {todo}; they work on,"
        " and nothing is cut",
        item=sha256(certificate.encoded),
        party=certificate.party,
    )
