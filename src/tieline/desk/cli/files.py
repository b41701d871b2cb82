"""Files that the command line reads and writes: cards, charters, bundles.

What is read is bounded and is a plain file; what is written is there whole, durably, or not at all.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tieline.core import identity
from tieline.core.charter import SignedCharter, dearmor_charter
from tieline.core.errors import LocalError, RemoteError
from tieline.core.identity import Card, CardStation

MAX_TEXT: Final = 4 * 1024 * 1024
_SPACE: Final = " \t\n"


def read_bytes(path: Path, limit: int) -> bytes:
    """A file of at most ``limit`` bytes. Raises ``LocalError`` (``file.read``)."""
    try:
        # Without NONBLOCK a named pipe would make us wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise LocalError("file.read", f"{path} is no plain file; name the right one")
            data = file.read(limit + 1)
    except OSError as error:
        why = (error.strerror or "no reason given").lower()
        raise LocalError(
            "file.read", f"{path} cannot be read ({why}); name a file that can"
        ) from error
    if len(data) > limit:
        raise LocalError(
            "file.read", f"{path} is larger than {limit} bytes; it is no file of this kind"
        )
    if not data:
        raise LocalError("file.empty", f"{path} is empty; have it sent again")
    return data


def read_text(path: Path) -> str:
    """An armored text that may have come by mail: line ends and spaces around it are mended.

    Nothing else is: a byte that some programs take for a line end is a damaged byte here.

    Raises ``LocalError`` (``file.*``).
    """
    try:
        text = read_bytes(path, MAX_TEXT).decode("ascii")
    except UnicodeDecodeError:
        raise LocalError(
            "file.read", f"{path} is no card or charter of Tieline; name the right file"
        ) from None
    lines = text.replace("\r", "\n" if "\n" not in text else "").strip(_SPACE).split("\n")
    return "".join(line.strip(_SPACE) + "\n" for line in lines)


def read_card(path: Path) -> Card:
    """A card file. Raises ``LocalError`` or ``RemoteError`` with the file's name."""
    try:
        return identity.parse_card(identity.dearmor(read_text(path)))
    except RemoteError as error:
        raise RemoteError(error.code, f"{path}: {error.message}") from error


def read_charter(path: Path) -> SignedCharter:
    """A charter file. Raises ``LocalError`` or ``RemoteError`` with the file's name."""
    try:
        return dearmor_charter(read_text(path))
    except RemoteError as error:
        raise RemoteError(error.code, f"{path}: {error.message}") from error


def write(path: Path, data: bytes) -> None:
    """Write a file, over an older one if there is one. Raises ``LocalError`` (``file.write``)."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        part.rename(path)
        folder = os.open(path.absolute().parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        why = (error.strerror or "no reason given").lower()
        if part.is_file():
            part.unlink()
        raise LocalError(
            "file.write", f"{path} cannot be written ({why}); name another place"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write an armored text. Raises ``LocalError`` (``file.write``)."""
    write(path, text.encode("ascii"))


def check_usable(stations: Iterable[CardStation]) -> None:
    """One TLS certificate that cannot be read would keep every station of a line from starting.

    Raises ``RemoteError``.
    """
    from tieline.node.pinned import check_certificate_keys

    for station in stations:
        check_certificate_keys(station.certificate)
