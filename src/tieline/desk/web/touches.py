"""What a security key is asked to sign: once, within a minute, for one form of one session.

A challenge is a hash over chance and over what the touch is for: the address to which the form
goes, every field of it but secrets (so the digest of a draft, or the words of a statement), the
session and the officer. It is kept here and not in the page, and is gone with the first answer,
right or wrong. So a touch at the login releases nothing, a touch for one draft not another, and
what was recorded is good for nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tieline.core.errors import LocalError
from tieline.desk.web import ceremony
from tieline.desk.web.ceremony import Place
from tieline.desk.web.keyring import Key, Keyring
from tieline.desk.web.vault import Vault

LIFE_MS: Final = 60_000
GRANT_MS: Final = 5 * 60_000  # how long after its password an officer may have a key made
MAX_OPEN: Final = 1_000  # in the whole desk; the oldest go
ACT: Final = "desk.touch"
_SECRETS: Final = frozenset({"csrf", "password", "code", "touch", "made"})
_DOMAIN: Final = b"tieline-touch-v1\x00"
_DESK: Final = "touch desk"


@dataclass(frozen=True, slots=True)
class Bond:
    """What a challenge is for: a session, an officer, and the form that is to be confirmed.

    ``session``: its hash; ``officer``: its number; ``about``: see the function of that name.
    """

    session: bytes
    officer: int
    about: bytes


def about(address: str, fields: Iterable[tuple[str, str]]) -> bytes:
    """The digest of a form: where it goes, and what it says, but for secrets and line ends."""
    told = sorted(
        (name, value.replace("\r\n", "\n").replace("\r", "\n"))
        for name, value in fields
        if name.rpartition("_")[2] not in _SECRETS
    )
    return hashlib.sha256(_DOMAIN + json.dumps([address, told]).encode()).digest()


class Touches:
    """The challenges of one desk that wait for their answer; in memory only."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.keys = Keyring(vault)
        self._open: dict[tuple[Bond, Place, bool], tuple[bytes, int]] = {}
        self._granted: dict[tuple[bytes, int], int] = {}

    # ---------------------------------------------------------------------------- signing

    def ask(self, bond: Bond, place: Place, now_ms: int) -> dict[str, object] | None:
        """What the browser needs to have a key of the officer sign; None: no key works there."""
        keys = self.keys.good(bond.officer, place.host)
        if not keys:
            return None
        challenge = self._challenge(bond, place, now_ms, making=False)
        return ceremony.to_sign(place, challenge, [one.public for one in keys])

    def answer(self, bond: Bond, place: Place, text: str, now_ms: int) -> Key | None:
        """The key that has signed this, now and here; None: none has. The challenge is used up."""
        challenge = self._take(bond, place, now_ms, making=False)
        if challenge is None:
            return None
        keys = self.keys.good(bond.officer, place.host)
        try:
            signed = ceremony.signed(place, challenge, text, [one.public for one in keys])
        except LocalError:
            return None
        key = next(one for one in keys if one.credential == signed.credential)
        if self.keys.used(key, signed, now_ms):
            return key
        row = self._vault.row("SELECT name FROM officer WHERE id = ?", bond.officer)
        self._vault.note(now_ms, str(row[0]) if row else "", ACT, "key.counter", key.name)
        return None

    # ----------------------------------------------------------------------------- making

    def grant(self, session: bytes, officer: int, now_ms: int) -> None:
        """This officer has proved who it is: for a while it may have a key made."""
        self._granted = {k: at for k, at in self._granted.items() if 0 <= now_ms - at <= GRANT_MS}
        self._granted[session, officer] = now_ms

    def granted(self, session: bytes, officer: int, now_ms: int) -> bool:
        """Whether it may."""
        at = self._granted.get((session, officer))
        return at is not None and 0 <= now_ms - at <= GRANT_MS

    def ask_made(self, bond: Bond, place: Place, name: str, now_ms: int) -> dict[str, object]:
        """What the browser needs to have a key made for an officer of this name."""
        challenge = self._challenge(bond, place, now_ms, making=True)
        there = [one.public for one in self.keys.of(bond.officer) if one.host == place.host]
        return ceremony.to_make(place, challenge, name, self._handle(bond.officer), there)

    def keep(self, bond: Bond, place: Place, name: str, text: str, now_ms: int) -> None:
        """Keep the key that was made. Raises ``LocalError`` (``key.*``)."""
        challenge = self._take(bond, place, now_ms, making=True)
        if challenge is None or not self.granted(bond.session, bond.officer, now_ms):
            raise LocalError("key.late", "this took longer than a minute; begin again")
        made = ceremony.made(place, challenge, text)
        self.keys.keep(bond.officer, name, place.host, made, now_ms, bond.session)
        self._granted.pop((bond.session, bond.officer), None)

    # ----------------------------------------------------------------------------- inside

    def _challenge(self, bond: Bond, place: Place, now_ms: int, *, making: bool) -> bytes:
        parts = (os.urandom(32), bond.session, str(bond.officer).encode(), bond.about)
        told = b"".join(len(each).to_bytes(4, "big") + each for each in parts)
        challenge = hashlib.sha256(_DOMAIN + told + place.host.encode()).digest()
        self._open = {
            what: (each, at)
            for what, (each, at) in self._open.items()
            if 0 <= now_ms - at <= LIFE_MS
        }
        while len(self._open) >= MAX_OPEN:
            del self._open[next(iter(self._open))]
        self._open[bond, place, making] = (challenge, now_ms)
        return challenge

    def _take(self, bond: Bond, place: Place, now_ms: int, *, making: bool) -> bytes | None:
        challenge, at_ms = self._open.pop((bond, place, making), (None, 0))
        return challenge if 0 <= now_ms - at_ms <= LIFE_MS else None

    def _handle(self, officer: int) -> bytes:
        """What a key knows an officer by: nothing of it, and not the same at two desks."""
        chance = self._vault.setting(_DESK)
        if not chance:
            chance = os.urandom(16).hex()
            self._vault.set(_DESK, chance)
        return hashlib.sha256(f"{chance} {officer}".encode()).digest()[:16]
