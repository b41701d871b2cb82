"""Who may sit at the desk: accounts, their roles, and how guessing at a password is slowed.

An officer's name is what others read on the statements it speaks, so two accounts never have names
that look alike. Accounts are switched off and never removed: the log of who did what names them.

After a wrong password the next one is not looked at for a while that doubles from half a second up
to a minute; after ``LOCK_AFTER`` in a row the account is locked until an administrator opens it, at
the desk or on the command line (``tieline desk officer unlock NAME``), or ``LOCK_MS`` has passed.
Names that do not exist are treated alike, and take as long. What was typed as a name and is none is
kept nowhere, since it may be a password in the wrong field: a hash under a key stands for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from tieline.core.errors import LocalError
from tieline.desk.web import credentials, factors
from tieline.desk.web.vault import Row, Vault
from tieline.desk.words import LANGUAGES
from tieline.node.text import mixed, visible

WATCH, TREATY, RELEASER = "watch-officer", "treaty-officer", "releaser"
ADMINISTRATOR, OBSERVER = "administrator", "observer"
ROLES: Final = (WATCH, TREATY, RELEASER, ADMINISTRATOR, OBSERVER)
SPEAKING: Final = (WATCH, TREATY, RELEASER)  # the roles that a statement can name
THEMES: Final = ("auto", "light", "dark")
MAX_NAME: Final = 60
FREE_GUESSES: Final = 2
LOCK_AFTER: Final = 12
LOCK_MS: Final = 15 * 60_000
GIVEN_LETTERS: Final = 16
ONE_TIME_MS: Final = factors.GIVEN_MS  # how long a password that an administrator gave is good
UNKNOWN: Final = "unknown name"
_GUESS_KEY: Final = "guess key"
_FIELDS: Final = "id, name, roles, language, theme, keys, active, renew, enrol_ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Officer:
    """One account. ``keys``: whether single keys act; ``roles`` in the order of ``ROLES``.

    ``renew``: its password was given to it and is good for a day; it can do nothing but change it.
    ``enrol_ms``: its last second factor was taken away, and until then (UTC ms) it may come in, to
    set up another one and nothing else; 0: nothing of the kind.
    """

    id: int
    name: str
    roles: tuple[str, ...]
    language: str
    theme: str
    keys: bool
    active: bool
    renew: bool = False
    enrol_ms: int = 0

    @property
    def ready(self) -> bool:
        """Whether it may do what its roles may: nothing of its own account is wanted first."""
        return self.active and not self.renew and not self.enrol_ms

    @property
    def role(self) -> str:
        """The role in which it speaks; empty for who does not speak."""
        return next((role for role in self.roles if role in SPEAKING), "")


# Judges what a security key has signed: whether it is of that officer, here and now.
Touch = Callable[[Officer], bool]


class Officers:
    """The accounts of one desk."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        # Officers and browsers in which one has logged in before do not wait behind strangers.
        self._one = {known: asyncio.Semaphore(1) for known in (False, True)}

    def all(self) -> list[Officer]:
        """Every account, by name."""
        found = self._vault.rows(f"SELECT {_FIELDS} FROM officer ORDER BY folded")  # noqa: S608
        return [_officer(row) for row in found]

    def find(self, number: int) -> Officer | None:
        """The account of this number."""
        row = self._vault.row(f"SELECT {_FIELDS} FROM officer WHERE id = ?", number)  # noqa: S608
        return None if row is None else _officer(row)

    def named(self, name: str) -> Officer:
        """The account of this name. Raises ``LocalError`` (``officer.unknown``)."""
        row = self._vault.row(
            f"SELECT {_FIELDS} FROM officer WHERE folded = ?",  # noqa: S608
            folded(name),
        )
        if row is None:
            raise LocalError("officer.unknown", "no officer of this desk has that name")
        return _officer(row)

    def add(self, name: str, roles: tuple[str, ...], password: str, now_ms: int) -> Officer:
        """Make an account. Raises ``LocalError`` (``officer.*``)."""
        name = " ".join(name.split())
        check_name(name)
        credentials.check_password(password)
        ordered = ordered_roles(roles)
        if self._vault.row("SELECT id FROM officer WHERE folded = ?", folded(name)):
            raise LocalError(
                "officer.exists", "an officer of this name, or one that looks like it, is there"
            )
        with self._vault.together():
            self._vault.do(
                "INSERT INTO officer (name, folded, roles, language, theme, keys, active, made_ms)"
                " VALUES (?, ?, ?, ?, ?, 1, 1, ?)",
                name, folded(name), json.dumps(ordered), LANGUAGES[0], THEMES[0], now_ms,
            )  # fmt: skip
            made = self.named(name)
            self._set_password(made.id, password, now_ms)
        return made

    def set_password(self, officer: Officer, password: str, now_ms: int) -> None:
        """Give it another password; its sessions end. Raises ``LocalError``."""
        credentials.check_password(password)
        with self._vault.together():
            self._set_password(officer.id, password, now_ms)
            self._vault.do("UPDATE officer SET renew = 0 WHERE id = ?", officer.id)
            self._vault.do("DELETE FROM session WHERE officer = ?", officer.id)

    def give_password(self, officer: Officer, now_ms: int) -> str:
        """A fresh password, good once and for a day; second factors go, wrong guesses too."""
        made = credentials.spelled(GIVEN_LETTERS)
        with self._vault.together():
            self.set_password(officer, made, now_ms)
            self._vault.do("UPDATE officer SET renew = 1 WHERE id = ?", officer.id)
            self.forget_codes(officer, now_ms)
            self.unlock(officer.name)
        return made

    def enrol_anew(self, officer: Officer, now_ms: int) -> str:
        """A code by which who has no second factor left comes in, once; its sessions end.

        For a day it can then do nothing but set up another one; after that it cannot log in until
        it is given another code.
        """
        with self._vault.together():
            self._enrol(officer, now_ms + ONE_TIME_MS)
            self._vault.do("DELETE FROM session WHERE officer = ?", officer.id)
            return factors.Factors(self._vault).give(officer.id, now_ms)

    def _enrol(self, officer: Officer, until_ms: int) -> None:
        self._vault.do("UPDATE officer SET enrol_ms = ? WHERE id = ?", until_ms, officer.id)

    def set_roles(self, officer: Officer, roles: tuple[str, ...]) -> None:
        """Change what it may do. Raises ``LocalError`` (``officer.*``)."""
        ordered = ordered_roles(roles)
        if ADMINISTRATOR not in ordered:
            self._check_not_last(officer)
        self._vault.do("UPDATE officer SET roles = ? WHERE id = ?", json.dumps(ordered), officer.id)

    def set_active(self, officer: Officer, *, active: bool) -> None:
        """Let it in or keep it out; its sessions end. Raises ``LocalError`` (``officer.last``)."""
        if not active:
            self._check_not_last(officer)
        with self._vault.together():
            self._vault.do("UPDATE officer SET active = ? WHERE id = ?", int(active), officer.id)
            self._vault.do("DELETE FROM session WHERE officer = ?", officer.id)

    def set_manner(self, officer: Officer, *, language: str, theme: str, keys: bool) -> None:
        """How the desk looks to it. Raises ``LocalError`` (``officer.manner``)."""
        if language not in LANGUAGES or theme not in THEMES:
            raise LocalError("officer.manner", "this desk has no such language or theme")
        self._vault.do(
            "UPDATE officer SET language = ?, theme = ?, keys = ? WHERE id = ?",
            language, theme, int(keys), officer.id,
        )  # fmt: skip

    def _set_password(self, number: int, password: str, now_ms: int) -> None:
        self._vault.do(
            "INSERT OR REPLACE INTO credential (officer, kind, name, body, made_ms, used)"
            " VALUES (?, 'password', '', ?, ?, 0)",
            number, credentials.hashed(password), now_ms,
        )  # fmt: skip

    def forget_codes(self, officer: Officer, now_ms: int) -> None:
        """Take its second factors away, for who has lost the device and gets another password.

        Who had one sets up another at the first login with that, within a day.
        """
        standing = self.find(officer.id) or officer
        with self._vault.together():
            if standing.enrol_ms or self.more_asked(officer):
                self._enrol(officer, now_ms + ONE_TIME_MS)
            self._vault.do(
                "DELETE FROM credential WHERE officer = ? AND kind <> 'password'", officer.id
            )
            self._vault.do("DELETE FROM security_key WHERE officer = ?", officer.id)

    def _check_not_last(self, officer: Officer) -> None:
        others = [
            each
            for each in self.all()
            if each.active and ADMINISTRATOR in each.roles and each.id != officer.id
        ]
        if ADMINISTRATOR in officer.roles and not others:
            raise LocalError(
                "officer.last", "this is the last administrator; make another one first"
            )

    # ------------------------------------------------------------------------------- login

    def typed(self, name: str) -> str:
        """What the log may say of a name that was typed: an officer's, or a mark in its place."""
        row = self._vault.row("SELECT name FROM officer WHERE folded = ?", folded(name))
        return str(row[0]) if row is not None else f"{UNKNOWN} {self._guessed(name)[:9]}"

    def _guessed(self, name: str) -> str:
        """Under what guesses at a name are counted: an officer's as it is, another hashed."""
        plain = folded(name)
        if self._vault.row("SELECT id FROM officer WHERE folded = ?", plain) is not None:
            return plain
        key = self._vault.setting(_GUESS_KEY)
        if not key:
            key = secrets.token_hex(32)
            self._vault.set(_GUESS_KEY, key)
        return "?" + hmac.digest(bytes.fromhex(key), plain.encode(), "sha256").hex()

    def unlock(self, name: str) -> None:
        """Forget wrong guesses at a name."""
        self._vault.do("DELETE FROM guess WHERE name = ?", self._guessed(name))

    def wait_ms(self, name: str, now_ms: int) -> int:
        """How long until the next guess at a name is looked at; 0: now."""
        row = self._guesses(name)
        if row is None or not isinstance(row[0], int) or not isinstance(row[1], int):
            return 0
        failures, last_ms = row[0], row[1]
        if failures <= FREE_GUESSES:
            return 0
        pause = LOCK_MS if failures >= LOCK_AFTER else min(60_000, 500 << (failures - 3))
        return max(0, min(pause, last_ms + pause - now_ms))

    async def login(
        self,
        name: str,
        password: str,
        code: str,
        now_ms: int,
        touch: Touch | None = None,
        *,
        known: bool = False,
    ) -> Officer | None:
        """The officer, if it proves to be that one; None otherwise, which counts as a guess.

        A code that was given to come in by is good here. ``touch``: judges what a security key has
        signed, in the place of a code. ``known``: it does not wait with strangers. Raises
        ``LocalError`` (``login.wait``) while guesses at this name are not looked at.
        """
        found = await self._first(name, password, now_ms, known=known)
        return found if found is not None and self._second(found, code, now_ms, touch) else None

    async def begin(
        self, name: str, password: str, now_ms: int, *, known: bool = False
    ) -> Officer | None:
        """The officer of this password, who may have to show a second factor yet.

        As ``login``; a password that fits is no guess, also where more is asked.
        """
        before = self._guesses(name)
        found = await self._first(name, password, now_ms, known=known)
        if found is not None:
            self._uncount(found, before)
        return found

    def _guesses(self, name: str) -> Row | None:
        return self._vault.row(
            "SELECT failures, last_ms FROM guess WHERE name = ?", self._guessed(name)
        )

    def _uncount(self, officer: Officer, before: Row | None) -> None:
        """A password that fits was no guess, and forgets none where more than it is asked.

        Else who knows a password could guess at the codes for ever, with the password between.
        """
        name = folded(officer.name)
        if not self.more_asked(officer):
            self.unlock(officer.name)
        elif before is None:
            self._vault.do("DELETE FROM guess WHERE name = ? AND failures = 1", name)
        else:  # unless another has guessed meanwhile
            self._vault.do(
                "UPDATE guess SET failures = ?2, last_ms = ?3 WHERE name = ?1"
                " AND failures = ?2 + 1",
                name, *before,
            )  # fmt: skip

    def stamp(self, officer: Officer) -> bytes:
        """What is another one as soon as an officer has another password."""
        return hashlib.sha256(b"tieline-password\x00" + (self._kept(officer.id) or b"")).digest()

    def more_asked(self, officer: Officer) -> bool:
        """Whether a second factor is asked of this officer."""
        return factors.asked(self._vault, officer.id)

    def second(self, officer: Officer, code: str, now_ms: int, touch: Touch | None) -> bool:
        """Whether the second factor of who has given its password is right; as ``login``."""
        if self.wait_ms(officer.name, now_ms):
            raise LocalError("login.wait", "too many wrong guesses; wait, and try again")
        self._count(officer.name, now_ms)
        return self._second(officer, code, now_ms, touch)

    def _second(self, officer: Officer, code: str, now_ms: int, touch: Touch | None) -> bool:
        if touch is None:
            good = factors.code_fits(self._vault, officer.id, code, now_ms) or factors.admitted(
                self._vault, officer.id, code, now_ms
            )
        else:
            good = touch(officer)
        if good:
            self.unlock(officer.name)
        return good

    async def _first(self, name: str, password: str, now_ms: int, *, known: bool) -> Officer | None:
        if self.wait_ms(name, now_ms):
            raise LocalError("login.wait", "too many wrong guesses; wait, and try again")
        # Counted before it is looked at, so that many at once are not many free ones.
        self._count(name, now_ms)
        row = self._vault.row(
            "SELECT officer.id, body FROM officer JOIN credential ON officer = officer.id"
            " WHERE folded = ? AND kind = 'password' AND active = 1"
            " AND (renew = 0 OR credential.made_ms > ?) AND (enrol_ms = 0 OR enrol_ms > ?)",
            folded(name), now_ms - ONE_TIME_MS, now_ms,
        )  # fmt: skip
        number, kept = (row[0], row[1]) if row is not None else (None, nobody())
        good = isinstance(kept, bytes) and await self._fits(password, kept, known=known)
        if not good or not isinstance(number, int) or self._kept(number) != kept:
            return None  # the last: it has got another password while this one was looked at
        return self.find(number)

    def _kept(self, number: int) -> bytes | None:
        """The hash of an officer's password."""
        row = self._vault.row(
            "SELECT body FROM credential WHERE officer = ? AND kind = 'password'", number
        )
        return row[0] if row is not None and isinstance(row[0], bytes) else None

    async def check_again(
        self, officer: Officer, password: str, code: str, now_ms: int, touch: Touch | None = None
    ) -> bool:
        """Whether the one at the desk is still this officer: before it releases or signs.

        Never by what only opens the page of its account.
        """
        standing = self.find(officer.id)
        if standing is None or not standing.ready:
            return False
        found = await self.login(officer.name, password, code, now_ms, touch, known=True)
        return found is not None

    async def password_fits(self, officer: Officer, password: str, now_ms: int) -> bool:
        """Whether this is the officer's password; a wrong one counts as a guess."""
        if self.wait_ms(officer.name, now_ms):
            raise LocalError("login.wait", "too many wrong guesses; wait, and try again")
        before, kept = self._guesses(officer.name), self._kept(officer.id)
        self._count(officer.name, now_ms)
        good = kept is not None and await self._fits(password, kept, known=True)
        if good:
            self._uncount(officer, before)
        return good

    async def _fits(self, password: str, kept: bytes, *, known: bool) -> bool:
        async with self._one[known]:  # a crowd of strangers cannot take the machine's memory
            return await asyncio.to_thread(credentials.fits, password, kept)

    def _count(self, name: str, now_ms: int) -> None:
        self._vault.do(
            "INSERT INTO guess (name, failures, last_ms) VALUES (?1, 1, ?2)"
            " ON CONFLICT (name) DO UPDATE SET failures = failures + 1, last_ms = ?2",
            self._guessed(name), now_ms,
        )  # fmt: skip
        self._vault.do("DELETE FROM guess WHERE last_ms < ?", now_ms - 24 * 3_600_000)


@cache
def nobody() -> bytes:
    """What no password fits: the time of a check is spent for names that do not exist, too."""
    return credentials.hashed("nobody has this password")


def check_name(name: str) -> None:
    """Raises ``LocalError`` (``officer.name``) unless it may be an officer's name."""
    if not 1 <= len(name) <= MAX_NAME or visible(name) != name or any(map(mixed, name.split())):
        raise LocalError(
            "officer.name",
            f"an officer's name has 1 to {MAX_NAME} letters of one script, and no signs that are"
            " not seen",
        )


def ordered_roles(roles: tuple[str, ...]) -> tuple[str, ...]:
    """The roles in their order. Raises ``LocalError`` (``officer.role``)."""
    if not roles or set(roles) - set(ROLES):
        raise LocalError("officer.role", f"an officer has one or more of {', '.join(ROLES)}")
    return tuple(role for role in ROLES if role in roles)


def folded(name: str) -> str:
    """What two names have in common that one could be taken for the other by."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(plain.split())[: 4 * MAX_NAME]


def _officer(row: Row) -> Officer:
    number, name, roles, language, theme, keys, active, renew, enrol_ms = row
    return Officer(
        id=int(str(number)),
        name=str(name),
        roles=tuple(json.loads(str(roles))),
        language=str(language),
        theme=str(theme),
        keys=bool(keys),
        active=bool(active),
        renew=bool(renew),
        enrol_ms=int(str(enrol_ms)),
    )
