"""``alarm.toml`` in a home: what makes alarms heard.

One table for each output, ``[output.NAME]``. Without the file there is one output, ``sound``, where
this machine has a program that plays sound.
"""

from __future__ import annotations

import re
import shutil
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tieline.core.errors import LocalError

FILE: Final = "alarm.toml"
RANKS: Final = ("FLASH", "IMMEDIATE", "FAULT", "PRIORITY")
PLAYERS: Final = (("pw-play",), ("paplay",), ("aplay", "-q"))
SECRET_BYTES: Final = 16
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}")
_KINDS: Final[Mapping[str, frozenset[str]]] = {
    "sound": frozenset({"player"}),
    "hook": frozenset({"command", "message"}),
    "webhook": frozenset({"url", "secret_file", "ca_file", "message"}),
}
_ALL: Final = frozenset({"kind", "ranks", "beat_s", "limit_s"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputConfig:
    """One output.

    ``beat_s``: how often it tells the station that it works. ``limit_s``: how long one use may take
    (of a sound: beyond its length). ``message``: whether the text of a message goes out with it.
    """

    name: str
    kind: str
    ranks: frozenset[str] = frozenset(RANKS)
    beat_s: float = 5.0
    limit_s: float = 10.0
    command: tuple[str, ...] = ()
    url: str = ""
    secret: bytes = b""
    ca_file: str = ""
    message: bool = False


def read(home: Path) -> tuple[OutputConfig, ...]:
    """The outputs of a home. Raises ``LocalError`` (``alarm.config``)."""
    path = home / FILE
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        player = found_player()
        return () if player is None else (OutputConfig(name="sound", kind="sound", command=player),)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _wrong(path, f"it does not read ({error})") from error
    outputs = table.get("output")
    if set(table) != {"output"} or not isinstance(outputs, dict) or not outputs:
        raise _wrong(path, "it holds tables [output.NAME] and nothing else")
    return tuple(_output(path, home, name, each) for name, each in outputs.items())


def found_player() -> tuple[str, ...] | None:
    """The program of this machine that plays a file, if it has one."""
    return next((each for each in PLAYERS if shutil.which(each[0])), None)


def _output(path: Path, home: Path, name: str, table: object) -> OutputConfig:
    if not _NAME.fullmatch(name) or not isinstance(table, dict):
        raise _wrong(path, f"the output {name!a} has a short name of plain letters, and a table")
    where = f"[output.{name}]"
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise _wrong(path, f"{where}: 'kind' is one of {', '.join(_KINDS)}")
    unknown = sorted(set(table) - _ALL - _KINDS[kind])
    if unknown:
        raise _wrong(path, f"{where}: a {kind} has no {unknown[0]!a}")
    take = _Taker(path, where, table)
    ranks = take.texts("ranks", RANKS)
    if not ranks or set(ranks) - set(RANKS):
        raise _wrong(path, f"{where}: 'ranks' are some of {', '.join(RANKS)}")
    command = take.texts("player", found_player() or ()) if kind == "sound" else ()
    if kind == "hook":
        command = take.texts("command", ())
    if kind != "webhook" and not command:
        wants = "'player'" if kind == "sound" else "'command'"
        raise _wrong(path, f"{where}: {wants} is a program and its arguments, as a list")
    return OutputConfig(
        name=name,
        kind=kind,
        ranks=frozenset(ranks),
        beat_s=take.seconds("beat_s", 5.0, 0.2, 60.0),
        limit_s=take.seconds("limit_s", 10.0, 0.1, 120.0),
        command=command,
        url=_url(path, where, take.text("url")) if kind == "webhook" else "",
        secret=_secret(path, where, home, take.text("secret_file")) if kind == "webhook" else b"",
        ca_file=str(home / take.text("ca_file")) if take.text("ca_file") else "",
        message=take.flag("message"),
    )


class _Taker:
    """Values of one table, each checked as it is taken."""

    def __init__(self, path: Path, where: str, table: Mapping[str, object]) -> None:
        self._table = table
        self._wrong: Callable[[str], LocalError] = lambda what: _wrong(path, f"{where}: {what}")

    def text(self, name: str) -> str:
        value = self._table.get(name, "")
        if not isinstance(value, str) or "\0" in value:
            raise self._wrong(f"'{name}' is a text")
        return value

    def texts(self, name: str, standard: tuple[str, ...]) -> tuple[str, ...]:
        value = self._table.get(name)
        if value is None:
            return standard
        items = value if isinstance(value, list) else [None]
        out = tuple(each for each in items if isinstance(each, str) and "\0" not in each)
        if len(out) != len(items) or not all(out[:1]):
            raise self._wrong(f"'{name}' is a list of texts")
        return out

    def seconds(self, name: str, standard: float, least: float, most: float) -> float:
        value = self._table.get(name, standard)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self._wrong(f"'{name}' is a number of seconds")
        if not least <= value <= most:
            raise self._wrong(f"'{name}' is from {least} to {most} seconds")
        return float(value)

    def flag(self, name: str) -> bool:
        value = self._table.get(name, False)
        if not isinstance(value, bool):
            raise self._wrong(f"'{name}' is true or false")
        return value


def _url(path: Path, where: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    fine = parts.scheme in ("http", "https") and parts.hostname and not parts.username
    if not fine or not url.isascii() or not url.isprintable() or " " in url or port == 0:
        raise _wrong(path, f"{where}: 'url' is an address such as https://pager.example/tieline")
    return url


def _secret(path: Path, where: str, home: Path, name: str) -> bytes:
    """The shared secret, from a file that nobody else may read."""
    if not name:
        raise _wrong(path, f"{where}: 'secret_file' names the file with the shared secret")
    file = home / name
    try:
        mode, secret = stat.S_IMODE(file.stat().st_mode), file.read_bytes().strip()
    except OSError as error:
        raise _wrong(path, f"{where}: {file} does not read ({error.strerror})") from error
    if mode & 0o077:
        raise _wrong(path, f"{where}: others may read {file}; chmod 600 it")
    if len(secret) < SECRET_BYTES:
        raise _wrong(path, f"{where}: the secret in {file} has at least {SECRET_BYTES} bytes")
    return secret


def _wrong(path: Path, what: str) -> LocalError:
    return LocalError("alarm.config", f"{path}: {what}; see docs/operations.md, Outputs of alarms")
