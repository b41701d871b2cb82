"""Troubles that stand without an event: no backup or an old one, and keys that end soon.

They are made of what ``status`` shows, so that a watch reads them where it reads all others. None
rings by itself here: the keys' own alarms ring once for each step (``key.expires_30d``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tieline.core.journal import Alarm
from tieline.core.terms import Precedence, dtg
from tieline.node.view import Json

DAY_MS: Final = 86_400_000
BACKUP_DAYS: Final = 7
MISSING: Final = "backup.missing"
OLD: Final = "backup.old"
# Of what is spoken: the days that are left, and the code.
STEPS: Final = ((0, "key.expired"), (1, "key.expires_1d"), (7, "key.expires_7d"),
                (30, "key.expires_30d"))  # fmt: skip
NO_MATTER: Final = "no matter"  # instead of a backup: an exercise has none
CODES: Final = frozenset({MISSING, OLD, *(code for _, code in STEPS)})


def told(found: list[Alarm], backup: Json, lines: list[Json], now_ms: int) -> list[Json]:
    """The troubles as ``status`` has them: those found elsewhere, and those that stand.

    ``backup`` and ``lines``: as ``status`` has them; ``NO_MATTER`` where none is missed.
    """
    found = found + ([] if backup == NO_MATTER else backups(backup, now_ms))
    for line in lines:
        found += keys(line, now_ms) if isinstance(line, dict) else ()
    return [
        {"code": each.code, "text": each.text, "party": each.party,
         "precedence": each.precedence.name}
        for each in found
    ]  # fmt: skip


def backups(last: Json, now_ms: int) -> list[Alarm]:
    """Whether the last backup is one to rely on. ``last``: as ``status`` has it."""
    made_ms = last.get("made_ms") if isinstance(last, dict) else None
    how = "'tieline backup --out FILE', or the desk's page Administration, makes one; keep it apart"
    if not isinstance(made_ms, int):
        text = f"no backup of this station is known; {how}"
        return [Alarm(code=MISSING, precedence=Precedence.ROUTINE, text=text)]
    days = (now_ms - made_ms) // DAY_MS
    if days < BACKUP_DAYS:
        return []
    text = f"the last backup of this station is {days} days old; {how}"
    return [Alarm(code=OLD, precedence=Precedence.ROUTINE, text=text)]


def keys(line: Mapping[str, Json], now_ms: int) -> list[Alarm]:
    """The keys of a line, ours and the others', that have ended or end within 30 days."""
    peers = line.get("peers")
    others = [one for one in peers if isinstance(one, dict)] if isinstance(peers, list) else []
    found = []
    for view in (line, *others):
        end_ms = view.get("keys_end_ms")
        if not isinstance(end_ms, int):
            continue
        left_ms = end_ms - now_ms
        code = next((code for days, code in STEPS if left_ms <= days * DAY_MS), None)
        if code is None:
            continue
        ended = "ended" if left_ms <= 0 else "end"
        if view is line:
            text = (
                f"our keys on line '{line.get('name')}' {ended} on {dtg(end_ms)}, and work on;"
                " make fresh ones with 'tieline keys rotate', then have the charter amended"
            )
        else:
            text = (
                f"the keys of {view.get('name')} on line '{line.get('name')}' {ended} on"
                f" {dtg(end_ms)}, and work on; remind that party: it makes fresh ones, then the"
                " charter is amended"
            )
        party = "" if view is line else str(view.get("party") or "")
        rank = Precedence.PRIORITY if left_ms <= DAY_MS else Precedence.ROUTINE
        found.append(Alarm(code=code, precedence=rank, text=text, party=party))
    return found
