"""Who is logged in: opaque random names of sessions, of which only a hash is kept.

A session gets a fresh name at each login, so one that was planted is worth nothing. It ends when
its officer logs out, after ``IDLE_MS`` without a request of a person's (what a page fetches by
itself counts as one: a desk that is watched stays open through a watch), and after ``LIFE_MS`` at
the latest. Drafts belong to the officer and not to the session: they are there at the next login.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
from dataclasses import dataclass
from typing import Final

from tieline.core.errors import ShellError
from tieline.desk.web.officers import Officer, Officers
from tieline.desk.web.vault import Vault

IDLE_MS: Final = 60 * 60_000
LIFE_MS: Final = 16 * 3_600_000
TOUCH_MS: Final = 60_000  # how often a session's last use is written down
MAX_SESSIONS: Final = 32  # of one officer; the oldest end
MAX_SHOWN: Final = 100
NAME_LETTERS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One login. ``token`` stands in each of its forms and is needed to change anything."""

    hash: bytes
    token: str
    officer: Officer
    made_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A session as an administrator sees it: ``name`` tells it apart and opens nothing."""

    name: str
    officer: str
    made_ms: int
    seen_ms: int


class Sessions:
    """The sessions of one desk."""

    def __init__(self, vault: Vault, officers: Officers) -> None:
        self._vault = vault
        self._officers = officers

    def begin(self, officer: Officer, now_ms: int) -> str:
        """Log an officer in; the name of the new session, for its cookie."""
        name, token = os.urandom(32), os.urandom(32)
        with self._vault.together():
            self._vault.do(
                "DELETE FROM session WHERE seen_ms < ? OR made_ms < ?",
                now_ms - IDLE_MS, now_ms - LIFE_MS,
            )  # fmt: skip
            self._vault.do(
                "DELETE FROM session WHERE officer = ?1 AND hash NOT IN (SELECT hash FROM session"
                " WHERE officer = ?1 ORDER BY seen_ms DESC LIMIT ?2)",
                officer.id, MAX_SESSIONS - 1,
            )  # fmt: skip
            self._vault.do(
                "INSERT INTO session (hash, officer, token, made_ms, seen_ms)"
                " VALUES (?, ?, ?, ?, ?)",
                _hash(name), officer.id, token, now_ms, now_ms,
            )  # fmt: skip
        return _text(name)

    def find(self, name: str, now_ms: int) -> Session | None:
        """The session of this name, if it has not ended."""
        try:
            key = _hash(base64.urlsafe_b64decode(name + "=" * (-len(name) % 4)))
        except ValueError:
            return None
        row = self._vault.row(
            "SELECT officer, token, made_ms, seen_ms FROM session WHERE hash = ?", key
        )
        match row:
            case (int(number), bytes(token), int(made_ms), int(seen_ms)):
                officer = self._officers.find(number)
            case _:
                return None
        over = now_ms - seen_ms > IDLE_MS or now_ms - made_ms > LIFE_MS
        if officer is None or not officer.active or over:
            self._vault.do("DELETE FROM session WHERE hash = ?", key)
            return None
        if abs(now_ms - seen_ms) > TOUCH_MS:
            with contextlib.suppress(ShellError):  # a full disk logs nobody out
                self._vault.do("UPDATE session SET seen_ms = ? WHERE hash = ?", now_ms, key)
        return Session(hash=key, token=_text(token), officer=officer, made_ms=made_ms)

    def standing(self, now_ms: int) -> list[Standing]:
        """The sessions that have not ended, the one used last first; at most ``MAX_SHOWN``."""
        rows = self._vault.rows(
            "SELECT lower(hex(hash)), name, session.made_ms, seen_ms FROM session"
            " JOIN officer ON officer.id = officer WHERE seen_ms >= ? AND session.made_ms >= ?"
            " ORDER BY seen_ms DESC LIMIT ?",
            now_ms - IDLE_MS, now_ms - LIFE_MS, MAX_SHOWN,
        )  # fmt: skip
        return [
            Standing(
                name=str(key)[:NAME_LETTERS],
                officer=str(officer),
                made_ms=int(str(made)),
                seen_ms=int(str(seen)),
            )
            for key, officer, made, seen in rows
        ]

    def end_named(self, name: str) -> int:
        """End the session that ``standing`` calls so; how many there were."""
        return self._vault.do(
            "DELETE FROM session WHERE substr(lower(hex(hash)), 1, ?) = ?", NAME_LETTERS, name
        )

    def stands(self, session: Session) -> bool:
        """Whether it has not ended since it was found."""
        return self._vault.row("SELECT 1 FROM session WHERE hash = ?", session.hash) is not None

    def end(self, session: Session) -> int:
        """Log out; 0 when it has ended already."""
        return self._vault.do("DELETE FROM session WHERE hash = ?", session.hash)


def _hash(name: bytes) -> bytes:
    return hashlib.sha256(b"tieline-session\x00" + name).digest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
