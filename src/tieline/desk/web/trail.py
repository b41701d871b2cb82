"""Reading the log of who did what: filtered, newest first, and its chain checked from the start."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Final

from tieline.desk.web import chain
from tieline.desk.web.chain import Entry
from tieline.desk.web.vault import Row, Vault

SLICE: Final = 500
_PAGES: Final = frozenset({"item", "incident"})
_WHOLE: Final = re.compile(r"[0-9a-f]{64}")
_FIELDS: Final = "id, at_ms, officer, act, outcome, detail"


@dataclass(frozen=True, slots=True)
class Check:
    """What a check of the chain found.

    ``entries`` were checked, of which ``older`` have no hash, since they are older than the chain;
    ``broken`` is the number of the first that is wrong, None: none is; ``head`` the newest hash.
    """

    entries: int
    older: int
    broken: int | None
    head: str


def entries(
    vault: Vault, *, officer: str = "", act: str = "", before: int = 0, limit: int = 100
) -> list[Entry]:
    """The newest entries, or those before a number, of one officer or act if it is named."""
    rows = vault.rows(
        f"SELECT {_FIELDS} FROM audit WHERE (?1 = 0 OR id < ?1)"  # noqa: S608
        " AND ?2 IN ('', officer) AND ?3 IN ('', act)"
        " ORDER BY id DESC LIMIT ?4",
        before, officer, act, limit,
    )  # fmt: skip
    return [_entry(row) for row in rows]


def acts(vault: Vault) -> list[str]:
    """The acts that stand among the newest entries, for a list to choose from."""
    rows = vault.rows(
        "SELECT DISTINCT act FROM (SELECT act FROM audit ORDER BY id DESC LIMIT 2000) ORDER BY act"
    )
    return [str(row[0]) for row in rows]


def head(vault: Vault) -> tuple[int, str]:
    """The number of the newest entry and its hash, as hexadecimal; 0 and empty for no entry."""
    row = vault.row("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1")
    match row:
        case (int(number), bytes(found)):
            return number, found.hex()
        case _:
            return 0, ""


def told(detail: str) -> list[tuple[str, str, str]]:
    """What an entry is about: of each thing its name, what it is, and its page at this desk.

    A detail that has no names is one text with an empty name; a page may be empty, too.
    """
    try:
        found = json.loads(detail)
    except ValueError:  # told in words, or cut off
        found = None
    if not isinstance(found, dict):
        return [("", detail, "")] if detail else []
    out = []
    for name, value in found.items():
        some = value if isinstance(value, list) else [value]
        text = ", ".join(str(each) for each in some)
        place = f"/{name}/{text}" if name in _PAGES and _WHOLE.fullmatch(text) else ""
        out.append((str(name), text[:12] if place else text, place))
    return out


async def check(vault: Vault) -> Check:
    """Follow the whole chain, a slice at a time, so that the desk answers others meanwhile."""
    last, before, count, older = 0, b"", 0, 0
    while True:
        rows = vault.rows(
            f"SELECT {_FIELDS}, hash FROM audit WHERE id > ? ORDER BY id LIMIT ?",  # noqa: S608
            last, SLICE,
        )  # fmt: skip
        found = [(_entry(row[:6]), row[6] if isinstance(row[6], bytes) else b"") for row in rows]
        if not found:
            return Check(count, older, None, before.hex())
        wrong = _gap(found, last, before) or chain.broken(before, found)
        if wrong is not None:
            return Check(count, older, wrong, "")
        older += sum(not kept for _, kept in found)
        last, before, count = found[-1][0].number, found[-1][1] or before, count + len(found)
        await asyncio.sleep(0)


def _gap(found: list[tuple[Entry, bytes]], last: int, before: bytes) -> int | None:
    """The first entry after one that is not there any more; the hashes tell of those in between."""
    first = found[0][0].number
    return first if first != last + 1 and not before else None


def _entry(row: Row) -> Entry:
    number, at_ms, officer, act, outcome, detail = row
    return Entry(int(str(number)), int(str(at_ms)), str(officer), str(act), str(outcome),
                 str(detail))  # fmt: skip
