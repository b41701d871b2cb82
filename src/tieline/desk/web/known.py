"""Browsers in which an officer has logged in lately: at a login they wait in a row of their own.

A flood of strangers holds up everybody who is not logged in. A browser that an officer of this desk
has used says so with a mark that the desk has made: it opens nothing, is no part of a login, and
names an officer by its number. Whoever steals one gets into that row and no further.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Final

from tieline.desk.web.officers import Officers
from tieline.desk.web.vault import Vault

LIFE_MS: Final = 90 * 86_400_000
_KEY: Final = "known key"
_MOST: Final = 120  # characters of a mark


class Known:
    """The marks of one desk."""

    def __init__(self, vault: Vault, officers: Officers) -> None:
        self._vault, self._officers = vault, officers

    def mark(self, officer: int, now_ms: int) -> str:
        """A mark for the browser in which this officer has just logged in."""
        told = f"{officer}.{now_ms}"
        return f"{told}.{self._mac(told)}"

    def whose(self, mark: str, now_ms: int) -> int | None:
        """The officer's number of a mark that is ours, not too old, and of an account in use."""
        told, _, mac = mark[:_MOST].rpartition(".")
        officer, _, at = told.partition(".")
        if not (officer.isascii() and officer.isdigit() and at.isascii() and at.isdigit()):
            return None
        if not hmac.compare_digest(self._mac(told).encode(), mac.encode()):
            return None
        found = self._officers.find(int(officer)) if 0 <= now_ms - int(at) <= LIFE_MS else None
        return found.id if found is not None and found.active else None

    def _mac(self, told: str) -> str:
        key = self._vault.setting(_KEY)
        if not key:
            key = secrets.token_hex(32)
            self._vault.set(_KEY, key)
        return hmac.digest(bytes.fromhex(key), b"tieline-known\x00" + told.encode(), "sha256").hex()
