"""The security keys of a desk's officers: their public halves, counters, when each was last used.

A key counts its signatures. One whose counter does not go on has a copy somewhere, or was put back:
it is not used any more until it is taken away, and the desk says so on every page. Keys that do not
count say nought each time, and are taken as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tieline.core.errors import LocalError
from tieline.desk.web import factors
from tieline.desk.web.ceremony import Made, Signed
from tieline.desk.web.vault import Row, Vault

MAX_KEYS: Final = 10  # of one officer
MAX_NAME: Final = 40
_FIELDS: Final = "id, officer, name, host, credential, public, made_ms, used_ms, suspect_ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One security key. ``host``: the host name at which it was made, and works.

    ``used_ms``: when it last signed, 0 for never; ``suspect_ms``: when its counter went back, 0 for
    never (UTC ms).
    """

    id: int
    officer: int
    name: str
    host: str
    credential: bytes
    public: bytes
    made_ms: int
    used_ms: int
    suspect_ms: int


class Keyring:
    """The security keys of one desk."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def of(self, officer: int) -> list[Key]:
        """All keys of an officer, by name."""
        rows = self._vault.rows(
            f"SELECT {_FIELDS} FROM security_key WHERE officer = ? ORDER BY name",  # noqa: S608
            officer,
        )
        return [_key(row) for row in rows]

    def good(self, officer: int, host: str) -> list[Key]:
        """Those that work at a host name."""
        return [one for one in self.of(officer) if one.host == host and not one.suspect_ms]

    def hosts(self, officer: int) -> list[str]:
        """The host names at which an officer has a key that works, in order."""
        return sorted({one.host for one in self.of(officer) if not one.suspect_ms})

    def suspects(self) -> list[tuple[str, str]]:
        """Officer and name of each key that may have been copied, by officer."""
        rows = self._vault.rows(
            "SELECT officer.name, security_key.name FROM security_key"
            " JOIN officer ON officer.id = officer WHERE suspect_ms > 0 ORDER BY folded LIMIT 20"
        )
        return [(str(officer), str(name)) for officer, name in rows]

    def check_name(self, officer: int, name: str) -> str:
        """The name under which a key is kept. Raises ``LocalError`` (``key.name``)."""
        plain = " ".join(name.split())
        taken = {one.name.casefold() for one in self.of(officer)}
        if not 1 <= len(plain) <= MAX_NAME or not plain.isprintable() or plain.casefold() in taken:
            raise LocalError(
                "key.name",
                f"a key has a name of its own, of 1 to {MAX_NAME} letters; nothing was kept",
            )
        return plain

    def keep(
        self, officer: int, name: str, host: str, made: Made, now_ms: int, session: bytes = b""
    ) -> None:
        """Keep a key that was made in a session. Raises ``LocalError`` (``key.*``)."""
        name = self.check_name(officer, name)
        if len(self.of(officer)) >= MAX_KEYS:
            raise LocalError("key.many", f"an officer has at most {MAX_KEYS} keys; take one away")
        added = self._vault.do(
            "INSERT OR IGNORE INTO security_key (officer, name, host, credential, public, counter,"
            " made_ms, used_ms, suspect_ms) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0)",
            officer, name, host, made.credential, made.public, made.counter, now_ms,
        )  # fmt: skip
        if added != 1:
            raise LocalError("key.there", "this key is at this desk already; nothing was kept")
        factors.enrolled(self._vault, officer, session)

    def used(self, key: Key, signed: Signed, now_ms: int) -> bool:
        """Note that it has signed. False: its counter did not go on, and it is good no more."""
        went_on = self._vault.do(
            "UPDATE security_key SET counter = ?2, used_ms = ?3 WHERE id = ?1 AND suspect_ms = 0"
            " AND (counter < ?2 OR (counter = 0 AND ?2 = 0))",
            key.id, signed.counter, now_ms,
        )  # fmt: skip
        if went_on == 1:
            return True
        self._vault.do(
            "UPDATE security_key SET suspect_ms = ? WHERE id = ? AND suspect_ms = 0", now_ms, key.id
        )
        return False

    def take_away(self, officer: int, number: int) -> str | None:
        """Take one key of an officer away; its name. None: there is no such key."""
        found = next((one for one in self.of(officer) if one.id == number), None)
        if found is None:
            return None
        self._vault.do("DELETE FROM security_key WHERE id = ?", found.id)
        return found.name


def _key(row: Row) -> Key:
    number, officer, name, host, credential, public, made_ms, used_ms, suspect_ms = row
    if not isinstance(credential, bytes) or not isinstance(public, bytes):
        raise TypeError("a key of the desk is bytes")
    return Key(
        id=int(str(number)),
        officer=int(str(officer)),
        name=str(name),
        host=str(host),
        credential=credential,
        public=public,
        made_ms=int(str(made_ms)),
        used_ms=int(str(used_ms)),
        suspect_ms=int(str(suspect_ms)),
    )
