"""How an officer proves who it is: a password (Argon2id) and, where set, a code (TOTP).

Both are checked in constant time as far as Python allows. A password's form says how it was made,
so that stronger settings can come later; a code changes each half minute, is good in that one and
its neighbours, and never twice.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import unicodedata
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from tieline.core.errors import LocalError

MIN_PASSWORD: Final = 10  # characters
MAX_PASSWORD: Final = 256
STEP_S: Final = 30
DIGITS: Final = 6
LETTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"  # none that is taken for another
# 19 MiB and two passes: a login is answered in about 30 ms, and ten at once do not need a gigabyte.
_MEMORY_KIB: Final = 19_456
_PASSES: Final = 2


def check_password(text: str) -> None:
    """Raises ``LocalError`` (``officer.password``) unless it may be a password."""
    if not MIN_PASSWORD <= len(text) <= MAX_PASSWORD:
        raise LocalError(
            "officer.password",
            f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters; a few words in a row are"
            " easy to keep in mind",
        )


def hashed(password: str) -> bytes:
    """What is kept of a password."""
    made = Argon2id(
        salt=os.urandom(16), length=32, iterations=_PASSES, lanes=1, memory_cost=_MEMORY_KIB
    )
    return made.derive_phc_encoded(_plain(password)).encode("ascii")


def fits(password: str, kept: bytes) -> bool:
    """Whether a password is the one of which this was kept. Takes as long when it is not."""
    if len(password) > MAX_PASSWORD:
        return False
    try:
        Argon2id.verify_phc_encoded(_plain(password), kept.decode("ascii"))
    except (InvalidKey, ValueError):
        return False
    return True


def code_at(secret: bytes, step: int) -> str:
    """The code of a half minute (RFC 6238, SHA-1, six digits, as every authenticator has it)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), hashlib.sha1)
    at = digest[-1] & 15
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def step_of(secret: bytes, code: str, now_ms: int, used: int) -> int | None:
    """The half minute whose code this is; None when it is none, or one not later than ``used``."""
    digits = "".join(code.split())
    now = now_ms // 1000 // STEP_S
    for step in (now, now - 1, now + 1):
        if step > used and hmac.compare_digest(code_at(secret, step).encode(), digits.encode()):
            return step
    return None


def spelled(letters: int) -> str:
    """A fresh secret of so many letters (5 bits each), in groups of four, easy to read aloud."""
    made = "".join(secrets.choice(LETTERS) for _ in range(letters))
    return "-".join(made[at : at + 4] for at in range(0, letters, 4))


def _plain(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
