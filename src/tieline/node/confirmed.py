"""What somebody at this station has checked of a pack against the authentic text.

A local note beside the pack's file: it is never sent, binds nobody, and changes neither the pack
nor its hash. It belongs to one hash, so that a new version of a pack has to be checked anew.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tieline.core.agreement.model import Pack
from tieline.core.errors import LocalError, ShellError, TielineError
from tieline.core.terms import dtg
from tieline.node import packs
from tieline.node.wholefile import write_file

MAX_BYTES: Final = 256 * 1024
MAX_CHARS: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Who checked a rule or a form (``what``) against what, and when (UTC ms)."""

    what: str
    by: str
    source: str
    at_ms: int
    note: str = ""

    def told(self) -> str:
        """As it stands beside the provenance."""
        note = f" ({self.note})" if self.note else ""
        return (
            f"checked here by {self.by} against {self.source} on {dtg(self.at_ms)}{note}"
            " (this station only)"
        )


def _file(home: Path, digest: bytes) -> Path:
    return home / "packs" / f"{digest.hex()}.checked"


def checks(home: Path, digest: bytes) -> dict[str, Check]:
    """What was checked of the pack of a hash, by rule or form. A damaged note says nothing."""
    try:
        with _file(home, digest).open("rb") as file:
            rows = json.loads(file.read(MAX_BYTES))
        return {row["what"]: Check(**row) for row in rows}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def earlier(home: Path, pack: Pack, what: str) -> tuple[int, Check] | None:
    """The newest other version of a pack that this home keeps and of which it was checked."""
    found: list[tuple[int, Check]] = []
    for path in sorted((home / "packs").glob("*.checked")):
        try:
            digest = bytes.fromhex(path.stem)
            check = checks(home, digest).get(what)
            other = None if check is None or digest == pack.hash else packs.load_kept(home, digest)
        except (ValueError, TielineError):
            continue  # no file of ours, or a pack that is damaged: it is told elsewhere
        if check is not None and other is not None and other.id == pack.id:
            found.append((other.version, check))
    return max(found, key=lambda one: one[0], default=None)


def confirm(home: Path, pack: Pack, check: Check, *, withdraw: bool = False) -> None:
    """Note that a rule or a form was checked, or take that back; the pack is kept in the home.

    Raises ``LocalError`` (``pack.confirm``) and ``ShellError`` (``pack.write``).
    """
    if check.what not in pack.rules and check.what not in pack.forms:
        raise LocalError(
            "pack.confirm",
            f"{pack.id} has no rule and no form {check.what}; 'tieline pack show {pack.id}' lists"
            " both",
        )
    texts = (check.by, check.source, check.note)
    lacking = not withdraw and not (check.by and check.source)
    if lacking or any(len(one) > MAX_CHARS or not (one + "x").isprintable() for one in texts):
        raise LocalError(
            "pack.confirm",
            "say who checked it (--by) and against which text (--source), in at most"
            f" {MAX_CHARS} printable characters each",
        )
    known = checks(home, pack.hash)
    if withdraw:
        known.pop(check.what, None)
    else:
        known[check.what] = check
    body = json.dumps([asdict(known[name]) for name in sorted(known)], ensure_ascii=False, indent=1)
    if len(body.encode()) > MAX_BYTES:  # more would not be read again
        raise LocalError(
            "pack.confirm",
            f"what was checked here of {pack.id} fills {MAX_BYTES // 1024} KiB, and no more is"
            " kept; take one back (--withdraw), or say it in fewer words",
        )
    packs.keep(home, pack)
    path = _file(home, pack.hash)
    try:
        write_file(path, body.encode())
    except OSError as error:
        raise ShellError(
            "pack.write", f"{path} cannot be written ({error.strerror}); make room and try again"
        ) from error


def told(home: Path | None, pack: Pack, what: str) -> str:
    """What is to be said beside a rule or form: checked, checked in another version, or nothing."""
    if home is None:
        return ""
    found = checks(home, pack.hash).get(what)
    if found is not None:
        return found.told()
    before = earlier(home, pack, what)
    if before is None:
        return ""
    return f"version {before[0]} was {before[1].told()}; version {pack.version} was not checked"
