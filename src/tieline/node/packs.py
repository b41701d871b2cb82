"""Packs on disk: folders of TOML that people write, and ``*.pack`` files that stations keep.

A folder is read whole under limits and given to ``core.agreement.load``, which says everything
that is wrong with it. What a station keeps is the canonical encoding under its hash
(``packs/<hash>.pack`` in the home): those bytes are what the parties signed; folders may change.

This module does not know what a pack means.
"""

from __future__ import annotations

import datetime
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tieline.core.agreement.kinds import MAX_FAULTS, Source
from tieline.core.agreement.load import MAX_PACK_BYTES, load, pack_from_bytes, read_words
from tieline.core.agreement.meaning import Act
from tieline.core.agreement.model import Pack
from tieline.core.errors import LocalError, PackFault, PackUnfit, RemoteError, ShellError
from tieline.node import tomllines
from tieline.node.wholefile import write_file

# In the repository a link to its folder packs/, resolved here; in an installed package the files.
SHIPPED: Final = (Path(__file__).resolve().parents[1] / "packs").resolve()
ENGINE: Final = "engine"  # the folder of the engine's own words, which is no pack
MAX_FILES: Final = 64
MAX_FILE_BYTES: Final = 512 * 1024
MAX_BYTES: Final = 1024 * 1024
MAX_VALUES: Final = 20_000
CASES: Final = "cases.toml"  # tests of a pack, no part of it
MAX_CASE_VALUES: Final = 60_000
SUFFIX: Final = ".pack"
_FOLDERS: Final = ("", "forms", "words")


def shipped() -> list[str]:
    """The names of the packs that come with the software."""
    return sorted(
        path.parent.name for path in SHIPPED.glob("*/pack.toml") if path.parent.name != ENGINE
    )


def find(name: str) -> Pack:
    """The pack of a name: a shipped one, a folder, or a ``*.pack`` file.

    Raises ``LocalError`` (``pack.missing``) when there is none, and what reading it raises.
    """
    path = Path(name)
    if path.is_dir():
        return read_folder(path)
    if path.is_file():
        return read_file(path)
    return read_folder(folder_of(name))


def folder_of(name: str) -> Path:
    """The folder of a pack: a path as it is, or the name of a shipped pack."""
    path = Path(name)
    if path.is_dir():
        return path
    if path.is_file() and path.name == "pack.toml":
        return path.parent
    if name in shipped():
        return SHIPPED / name
    known = ", ".join(shipped()) or "none"
    raise LocalError(
        "pack.missing",
        f"there is no pack {name}; give a folder, a {SUFFIX} file, or the name of one that comes "
        f"with the software: {known}",
    )


def read_folder(folder: Path) -> Pack:
    """Read a pack from its folder.

    Raises ``PackUnfit`` (``pack.unfit``) with everything that is wrong, with files and lines, and
    ``ShellError`` (``pack.read``) when the disk refuses.
    """
    sources, faults = read_sources(folder)
    pack = load(sources, faults)
    if SHIPPED in folder.resolve().parents and pack.id != folder.name:
        raise PackUnfit(
            (
                PackFault(
                    file="pack.toml",
                    line=0,
                    text=f"the id must be that of the folder: {folder.name}",
                ),
            )
        )
    return pack


def read_sources(folder: Path) -> tuple[list[Source], list[PackFault]]:
    """The parsed files of a folder, and what is wrong with the files as such.

    Raises ``PackUnfit`` where it is not worth reading on.
    """
    sources: list[Source] = []
    faults: list[PackFault] = []
    left_bytes, left_values = MAX_BYTES, MAX_VALUES
    for name, path in _files(folder):
        if len(sources) == MAX_FILES or len(faults) == MAX_FAULTS:
            fault = PackFault(name, 0, f"a pack has at most {MAX_FILES} files; join some")
            raise PackUnfit((*faults[: MAX_FAULTS - 1], fault))
        try:
            data = _read(path, min(MAX_FILE_BYTES, left_bytes))
            left_bytes -= len(data)
            source, values = parse(name, data, left_values)
            left_values -= values
            sources.append(source)
        except tomllines.TooMany as refused:
            raise PackUnfit((*faults, PackFault(name, refused.line, refused.text))) from None
        except tomllines.BadFile as refused:
            faults.append(PackFault(name, refused.line, refused.text))
    return sources, faults


def read_cases(folder: Path) -> Source | None:
    """The tests of a pack, ``cases.toml``; ``None`` when it has none.

    Raises ``PackUnfit`` when the file is no TOML, or too large, and ``ShellError`` (``pack.read``).
    """
    path = folder / CASES
    if not path.exists():
        return None
    try:
        return parse(CASES, _read(path, MAX_FILE_BYTES), MAX_CASE_VALUES)[0]
    except tomllines.BadFile as bad:
        raise PackUnfit((PackFault(CASES, bad.line, bad.text),)) from None


def engine_words() -> dict[str, dict[str, str]]:
    """The words of the engine itself, by language and key: headings, special answers, refusals.

    Raises ``PackUnfit`` when a file of them is broken, and ``ShellError`` (``pack.read``).
    """
    folder = SHIPPED / ENGINE / "words"
    out: dict[str, dict[str, str]] = {}
    for path in sorted(folder.glob("*.toml")):
        name = f"words/{path.name}"
        try:
            source, _ = parse(name, _read(path, MAX_FILE_BYTES))
        except tomllines.BadFile as bad:
            raise PackUnfit((PackFault(name, bad.line, bad.text),)) from None
        out[path.stem] = read_words(source)
    return out


def _files(folder: Path) -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = []
    for below in _FOLDERS:
        try:
            entries = sorted(entry.name for entry in os.scandir(folder / below))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise _unread(folder / below, error) from error
        names = [name for name in entries if name.endswith(".toml") and (below or name != CASES)]
        found += [(f"{below}/{name}" if below else name, folder / below / name) for name in names]
        if len(found) > MAX_FILES:
            break
    return found[: MAX_FILES + 1]


def _read(path: Path, most: int) -> bytes:
    try:
        # Without NONBLOCK a named pipe would make us wait for a writer.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise _unread(path, error) from error
    if len(data or b"") > most:
        raise tomllines.BadFile(
            0,
            f"a file may have {MAX_FILE_BYTES} bytes and a pack {MAX_BYTES}; make them smaller",
        )
    return data


def _unread(path: Path, error: OSError) -> ShellError:
    return ShellError(
        "pack.read", f"{path} cannot be read ({error.strerror}); put that right and try again"
    )


def parse(name: str, data: bytes, most_values: int = MAX_VALUES) -> tuple[Source, int]:
    """One TOML file with the lines of its keys, and how many values it has.

    Raises ``tomllines.BadFile``.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise tomllines.BadFile(line, "the text is not UTF-8; save the file as UTF-8") from None
    lines, values = tomllines.scan(text.replace("\r\n", "\n"), most_values)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax(str(error), text) from None
    except (RecursionError, ValueError):
        raise tomllines.BadFile(0, "a number or a nesting is too large; make it smaller") from None
    plain = _plain(table)
    return Source(name, plain if isinstance(plain, dict) else {}, lines), values


def _syntax(message: str, text: str) -> tomllines.BadFile:
    found = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    line = int(found[1]) if found and found[1] else text.count("\n") + 1
    what = message[: found.start()] if found else message
    what = what[:1].lower() + what[1:200]
    return tomllines.BadFile(line, f"this is no TOML: {what}; correct the line")


def _plain(value: object) -> object:
    """The value with every time as a text, since the core knows no calendar library."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        utc = value.astimezone(datetime.UTC).replace(tzinfo=None)
        return utc.isoformat() + "Z"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return value


# ------------------------------------------------------------------------------------------ *.pack


def read_file(path: Path) -> Pack:
    """Read a ``*.pack`` file.

    Raises ``ShellError`` (``pack.read``), ``RemoteError`` (``pack.bytes`` and those of ``encode``),
    ``PackUnfit``.
    """
    try:
        data = _read(path, MAX_PACK_BYTES)
    except tomllines.BadFile:
        raise RemoteError(
            "pack.bytes", f"{path.name} is larger than a pack can be; ask for the pack anew"
        ) from None
    return pack_from_bytes(data)


def kept(home: Path, digest: bytes) -> Path:
    """Where a home keeps the pack of this hash."""
    return home / "packs" / f"{digest.hex()}{SUFFIX}"


def of_exercises(pack: Pack) -> bool:
    """Whether a pack is for exercises only: it has a form that ends one."""
    return any(form.act is Act.ENDEX for form in pack.forms.values())


def check_realm(pack: Pack, realm: str) -> Pack:
    """The pack, if it may be used in this realm. Raises ``LocalError`` (``pack.exercise``)."""
    if of_exercises(pack) and not realm:
        raise LocalError(
            "pack.exercise",
            f"the pack {pack.id} is for exercises only, and this home is for real traffic; make a"
            " station of an exercise with 'tieline init --exercise ID'",
        )
    return pack


def keep(home: Path, pack: Pack) -> Path:
    """Write the pack's canonical bytes into the home, under its hash; again changes nothing.

    Raises ``ShellError`` (``pack.write``).
    """
    path = kept(home, pack.hash)
    try:
        write_file(path, pack.body)
    except OSError as error:
        raise ShellError(
            "pack.write", f"{path} cannot be written ({error.strerror}); make room and try again"
        ) from error
    return path


def load_kept(home: Path, digest: bytes) -> Pack | None:
    """The pack of this hash that the home keeps, or ``None``.

    Raises ``RemoteError`` (``pack.bytes``) when the file is not what its name says.
    """
    path = kept(home, digest)
    if not path.exists():
        return None
    pack = read_file(path)
    if pack.hash != digest:
        raise RemoteError(
            "pack.bytes", f"{path.name} is not the pack of its name; take the file away"
        )
    return pack
