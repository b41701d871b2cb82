"""The second factor of an officer: codes of an authenticator (TOTP), and codes for when it is lost.

An enrolment counts only once a code of it was typed in, so that nobody locks himself out with a
picture that was never scanned. The recovery codes are shown once; each is good once, in the place
of a code.

Whose last second factor an administrator has taken away comes in once by a code that it was given
(``give``), and can then do nothing but set up another one.
"""

from __future__ import annotations

import base64
import hashlib
import os
from typing import Final
from urllib.parse import quote

from tieline.desk.web import credentials
from tieline.desk.web.vault import Vault

SECRET_BYTES: Final = 20
RECOVERY_CODES: Final = 8
RECOVERY_LETTERS: Final = 12  # 60 bits; with its two hyphens as long as a login form takes
GIVEN_MS: Final = 24 * 3_600_000  # how long what an administrator gave is good


class Factors:
    """The second factors of one desk's officers, by the officer's number."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def has(self, officer: int) -> bool:
        """Whether a code is asked of this officer at its login."""
        return self._secret(officer, "totp") is not None

    def left(self, officer: int) -> int:
        """How many recovery codes have not been used."""
        row = self._vault.row(
            "SELECT count(*) FROM credential WHERE officer = ? AND kind = 'recovery'", officer
        )
        return row[0] if row and isinstance(row[0], int) else 0

    def begin(self, officer: int, now_ms: int) -> bytes:
        """A fresh secret, which asks for nothing until ``confirm``."""
        secret = os.urandom(SECRET_BYTES)
        self._keep(officer, "totp-new", "", secret, now_ms)
        return secret

    def begun(self, officer: int) -> bytes | None:
        """The secret of an enrolment that is not confirmed yet."""
        return self._secret(officer, "totp-new")

    def confirm(self, officer: int, code: str, now_ms: int, session: bytes) -> list[str] | None:
        """From now on a code is asked for: the recovery codes. None: the code is not right.

        ``session``: the hash of the one in which it is confirmed.
        """
        secret = self.begun(officer)
        step = None if secret is None else credentials.step_of(secret, code, now_ms, 0)
        if secret is None or step is None:
            return None
        codes = [credentials.spelled(RECOVERY_LETTERS) for _ in range(RECOVERY_CODES)]
        with self._vault.together():
            self.take_away(officer)
            enrolled(self._vault, officer, session)
            self._keep(officer, "totp", "", secret, now_ms, step)
            for each in codes:
                self._keep(officer, "recovery", _hash(each).hex(), b"", now_ms)
        return codes

    def give(self, officer: int, now_ms: int) -> str:
        """A code to come in by, once and within a day, and set up a second factor; none before."""
        made = credentials.spelled(RECOVERY_LETTERS)
        self._keep(officer, "given", "", _hash(made), now_ms)
        return made

    def take_away(self, officer: int) -> None:
        """No code is asked for any more."""
        self._vault.do(
            "DELETE FROM credential WHERE officer = ?"
            " AND kind IN ('totp', 'totp-new', 'recovery')",
            officer,
        )  # fmt: skip

    def _secret(self, officer: int, kind: str) -> bytes | None:
        row = self._vault.row(
            "SELECT body FROM credential WHERE officer = ? AND kind = ?", officer, kind
        )
        return row[0] if row is not None and isinstance(row[0], bytes) else None

    def _keep(
        self, officer: int, kind: str, name: str, body: bytes, now_ms: int, used: int = 0
    ) -> None:
        self._vault.do(
            "INSERT OR REPLACE INTO credential (officer, kind, name, body, made_ms, used)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            officer, kind, name, body, now_ms, used,
        )  # fmt: skip


def asked(vault: Vault, officer: int) -> bool:
    """Whether a second factor is asked of this officer: a code, or a security key.

    A code that was given is asked for also after it was used: the password alone leads nowhere.
    """
    row = vault.row(
        "SELECT EXISTS (SELECT 1 FROM credential WHERE officer = ?1 AND kind IN ('totp', 'given'))"
        " OR EXISTS (SELECT 1 FROM security_key WHERE officer = ?1)",
        officer,
    )
    return row is None or row[0] != 0


def code_fits(vault: Vault, officer: int, code: str, now_ms: int) -> bool:
    """Whether the code is one of this officer's, which is then used up.

    True where no second factor is set, false where only keys are.
    """
    row = vault.row(
        "SELECT id, body, used FROM credential WHERE officer = ? AND kind = 'totp'", officer
    )
    if row is None:
        return not asked(vault, officer)
    number, secret, used = row
    if not isinstance(secret, bytes) or not isinstance(used, int):
        return False
    step = credentials.step_of(secret, code, now_ms, used)
    if step is None:
        return _recovers(vault, officer, code)
    changed = vault.do(
        "UPDATE credential SET used = ? WHERE id = ? AND used < ?", step, number, step
    )
    return changed == 1


def admitted(vault: Vault, officer: int, code: str, now_ms: int) -> bool:
    """Whether the code was given to this officer to come in by; it is then used up."""
    if len(_letters(code)) != RECOVERY_LETTERS:
        return False
    return vault.do(
        "UPDATE credential SET used = 1 WHERE officer = ? AND kind = 'given' AND used = 0"
        " AND body = ? AND made_ms > ?",
        officer, _hash(code), now_ms - GIVEN_MS,
    ) == 1  # fmt: skip


def enrolled(vault: Vault, officer: int, session: bytes) -> None:
    """It has a second factor of its own again: nothing more is wanted of it.

    Other sessions that the password alone had opened end: they have shown no factor.
    """
    vault.do(
        "DELETE FROM session WHERE officer = ?1 AND hash <> ?2"
        " AND EXISTS (SELECT 1 FROM officer WHERE id = ?1 AND enrol_ms > 0)",
        officer, session,
    )  # fmt: skip
    vault.do("UPDATE officer SET enrol_ms = 0 WHERE id = ?", officer)
    vault.do("DELETE FROM credential WHERE officer = ? AND kind = 'given'", officer)


def typed(secret: bytes) -> str:
    """A secret as an authenticator takes it by hand, in groups of four."""
    plain = base64.b32encode(secret).decode("ascii").rstrip("=")
    return " ".join(plain[at : at + 4] for at in range(0, len(plain), 4))


def address(secret: bytes, officer: str, party: str) -> str:
    """A secret as an authenticator reads it from a picture (``otpauth``)."""
    plain = typed(secret).replace(" ", "")
    issuer = quote(f"Tieline {party}".strip(), safe="")
    return f"otpauth://totp/{issuer}:{quote(officer, safe='')}?secret={plain}&issuer={issuer}"


def _recovers(vault: Vault, officer: int, code: str) -> bool:
    if len(_letters(code)) != RECOVERY_LETTERS:
        return False
    return vault.do(
        "DELETE FROM credential WHERE officer = ? AND kind = 'recovery' AND name = ?",
        officer, _hash(code).hex(),
    ) == 1  # fmt: skip


def _letters(code: str) -> str:
    return "".join(code.split()).replace("-", "").lower()


def _hash(code: str) -> bytes:
    return hashlib.sha256(b"tieline-recovery\x00" + _letters(code).encode()).digest()
