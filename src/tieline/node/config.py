"""The home folder of a station, and its configuration file.

Layout: ``config.toml`` (this module), ``keys.tlk`` and ``root.tlk`` (private keys, encrypted),
``key`` (the key file for unattended start, when there is one), ``card.tlcard`` (our public card),
``cards/`` (the others' cards, verified), ``charters/``, ``packs/`` (agreements in force, by hash),
``store.db`` (the record, encrypted) and ``run/station.sock`` (the officers' API).

A configuration file is read whole or refused whole: an unknown table or key, a value of the wrong
type or out of bounds is named with its file and place, and nothing starts half.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tieline.core.address import parse_address
from tieline.core.errors import LocalError, TielineError
from tieline.core.terms import LANGUAGE, Role
from tieline.node.wholefile import write_file
from tieline.node.witnessurl import parse_url

MAX_CONFIG_BYTES: Final = 65_536
ROLES: Final = tuple(role.name.lower().replace("_", "-") for role in Role if role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A station's settings.

    * ``listen``: addresses this station answers on; ``dial_from``: the source address it calls
      from, empty for whatever the machine chooses;
    * ``key_file``: a file beside the keys that unlocks them without a passphrase, empty for none;
    * ``officer`` and ``role``: who speaks when the command line does not say;
    * ``language``: in which forms and rules are shown, where an agreement has it;
    * ``controlled_clock_ms``: where exercise control's clock starts (UTC ms); None on real time;
    * ``ping_s``, ``lost_s``, ``backoff_max_s``: the direct carrier's rhythm in seconds;
    * ``witnesses``: pairs of a witness's name in the charter and the URL where it is asked.
    """

    listen: tuple[str, ...] = ("127.0.0.1:7411",)
    dial_from: str = ""
    key_file: str = ""
    officer: str = ""
    role: str = "watch-officer"
    language: str = "en"
    controlled_clock_ms: int | None = None
    ping_s: float = 2.0
    lost_s: float = 6.0
    backoff_max_s: float = 30.0
    witnesses: tuple[tuple[str, str], ...] = ()


# Where each setting stands in the file: table, then key.
_PLACES: Final = {
    ("station", "listen"): "listen",
    ("station", "dial_from"): "dial_from",
    ("station", "key_file"): "key_file",
    ("officer", "name"): "officer",
    ("officer", "role"): "role",
    ("officer", "language"): "language",
    ("exercise", "controlled_clock"): "controlled_clock_ms",
    ("carrier", "ping_s"): "ping_s",
    ("carrier", "lost_s"): "lost_s",
    ("carrier", "backoff_max_s"): "backoff_max_s",
}


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one station."""

    path: Path
    config: Config = field(default_factory=Config)

    @property
    def config_file(self) -> Path:
        return self.path / "config.toml"

    @property
    def keys_file(self) -> Path:
        return self.path / "keys.tlk"

    @property
    def root_file(self) -> Path:
        return self.path / "root.tlk"

    @property
    def card_file(self) -> Path:
        return self.path / "card.tlcard"

    @property
    def cards(self) -> Path:
        return self.path / "cards"

    @property
    def charters(self) -> Path:
        return self.path / "charters"

    @property
    def packs(self) -> Path:
        return self.path / "packs"

    @property
    def store_file(self) -> Path:
        return self.path / "store.db"

    @property
    def socket(self) -> Path:
        return self.path / "run" / "station.sock"

    @staticmethod
    def open(path: Path) -> Home:
        """Open an existing home. Raises ``LocalError`` (``home.missing``, ``config.*``)."""
        home = Home(path.absolute())
        if not home.config_file.exists():
            raise LocalError(
                "home.missing",
                f"there is no station in {path}; make one with 'tieline init', or name its folder"
                " with --home",
            )
        return Home(home.path, read_config(home.config_file))


def read_config(path: Path) -> Config:
    """Read ``config.toml``. Raises ``LocalError`` (``config.*``) naming file, key and remedy."""
    try:
        data = path.read_bytes()
    except OSError as error:
        why = (error.strerror or "no reason given").lower()
        raise LocalError("config.read", f"{path} cannot be read ({why}); put that right") from error
    if len(data) > MAX_CONFIG_BYTES:
        raise LocalError(
            "config.size", f"{path} is larger than {MAX_CONFIG_BYTES} bytes; it is no configuration"
        )
    try:
        tables = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LocalError("config.form", f"{path} is not TOML ({error}); mend that place") from error
    found: dict[str, object] = {}
    for table, entries in tables.items():
        if not isinstance(entries, dict):
            raise _unknown(path, table)
        if table == "witnesses":
            found[table] = tuple((name, _url(path, name, url)) for name, url in entries.items())
            continue
        for key, value in entries.items():
            name = _PLACES.get((table, key))
            if name is None:
                raise _unknown(path, f"{table}.{key}")
            found[name] = _check(path, f"{table}.{key}", name, value)
    return Config(**found)  # type: ignore[arg-type]  # each value was checked for its own field


def write_config(path: Path, config: Config) -> None:
    """Write a configuration file that ``read_config`` gives back, with only what differs.

    It is written whole or not at all. Raises ``OSError``.
    """
    standard = Config()
    tables: dict[str, list[str]] = {}
    for (table, key), name in _PLACES.items():
        value = getattr(config, name)
        if value != getattr(standard, name) or name == "listen":
            tables.setdefault(table, []).append(f"{key} = {_toml(name, value)}")
    if config.witnesses:
        tables["witnesses"] = [f"{_toml('', n)} = {_toml('', url)}" for n, url in config.witnesses]
    text = ["# A Tieline station. Every key is explained in docs/operations.md."]
    for table, lines in tables.items():
        text += ["", f"[{table}]", *lines]
    write_file(path, ("\n".join(text) + "\n").encode("utf-8"))


def with_witness(config: Config, name: str, url: str) -> Config:
    """The configuration with one witness's URL set, or taken away when it is empty.

    Raises ``LocalError`` (``witness.url``, ``witness.name``).
    """
    if url:
        parse_url(url)
    elif name not in dict(config.witnesses):
        raise LocalError("witness.name", f"no witness '{name}' is set here; look into config.toml")
    kept = {**dict(config.witnesses), name: url}
    return replace(config, witnesses=tuple((n, each) for n, each in sorted(kept.items()) if each))


def _url(path: Path, name: str, value: object) -> str:
    try:
        parse_url(str(value))
    except LocalError as error:
        raise LocalError("config.value", f"{path}: witnesses.{name}: {error.message}") from error
    return str(value)


def _toml(name: str, value: object) -> str:
    if name == "controlled_clock_ms" and isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC).strftime('"%Y-%m-%dT%H:%M:%SZ"')
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml("", part) for part in value) + "]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return repr(value)


def _unknown(path: Path, place: str) -> LocalError:
    names = ", ".join(f"{table}.{key}" for table, key in _PLACES)
    return LocalError("config.unknown", f"{path}: '{place}' is not a setting; there are {names}")


def _check(path: Path, place: str, name: str, value: object) -> object:
    if name == "listen":
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            _addresses(path, place, value)
            return tuple(value)
        raise _wrong(path, place, "a list of texts")
    if name == "controlled_clock_ms":
        return _time(path, place, value)
    if name in ("ping_s", "lost_s", "backoff_max_s"):
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        if fits and 0.05 <= float(str(value)) <= 3600:
            return float(str(value))
        raise _wrong(path, place, "a number of seconds from 0.05 to 3600")
    if not isinstance(value, str):
        raise _wrong(path, place, "a text")
    if name == "role" and value not in ROLES:
        raise _wrong(path, place, f"one of {', '.join(ROLES)}")
    if name == "language" and not LANGUAGE.match(value):
        raise _wrong(path, place, "a language tag, such as 'fr'")
    return value


def _addresses(path: Path, place: str, values: list[str]) -> None:
    for value in values:
        try:
            parse_address(value)
        except TielineError as error:
            raise LocalError("config.value", f"{path}: {place}: {error.message}") from error


def _time(path: Path, place: str, value: object) -> int:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or moment.year < 1970:
        raise _wrong(path, place, "a time with its zone, such as '2022-11-15T14:40:00Z'")
    return int(moment.timestamp() * 1000)


def _wrong(path: Path, place: str, what: str) -> LocalError:
    return LocalError("config.value", f"{path}: '{place}' must be {what}")


if {entry.name for entry in fields(Config)} != {*_PLACES.values(), "witnesses"}:
    raise TypeError("every setting needs a place in the file")
