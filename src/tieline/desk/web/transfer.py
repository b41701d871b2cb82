"""Files that leave a desk or come to it: private folders for a moment, and names that are ours.

No name of a file is ever taken from outside: what is uploaded is kept under a fixed name, and what
is downloaded has one made of the party's line, the time and, in an exercise, the word EXERCISE.
A file is unlinked before it is given out, so that nothing stays when the desk ends in the middle.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from starlette.datastructures import UploadFile
from starlette.responses import Response, StreamingResponse

from tieline.core.errors import LocalError
from tieline.core.terms import dtg

CHUNK: Final = 256 * 1024
PREFIX: Final = "desk-"
_STRANGE: Final = re.compile(r"[^A-Za-z0-9-]+")


@contextlib.contextmanager
def private(run: Path) -> Iterator[Path]:
    """A folder that only this user may enter, gone at the end; ``run`` is the station's own.

    Raises ``LocalError`` (``desk.room``) when the disk has no room for it.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=run))
    except OSError as error:
        raise no_room(error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(run: Path) -> None:
    """Remove what a desk left that was killed in the middle."""
    for folder in run.glob(f"{PREFIX}[0-9]*-*"):
        number = folder.name.split("-")[1]
        if number.isdigit() and not Path(f"/proc/{number}").exists():
            shutil.rmtree(folder, ignore_errors=True)


async def keep(upload: UploadFile, path: Path) -> int:
    """Write an uploaded file there, and return its size. Raises ``LocalError`` (``desk.room``)."""
    size = 0
    try:
        with path.open("xb") as file:
            while piece := await upload.read(CHUNK):
                await asyncio.to_thread(file.write, piece)
                size += len(piece)
    except OSError as error:
        raise no_room(error) from error
    return size


def no_room(error: OSError) -> LocalError:
    """What is said when a file cannot be kept for a moment."""
    return LocalError(
        "desk.room",
        f"the desk cannot keep the file for a moment ({error.strerror}); make room on the disk;"
        " nothing was sent or changed",
    )


def name(what: str, line: str, realm: str, now_ms: int, ending: str) -> str:
    """A file's name, of letters, digits and hyphens whatever the values are."""
    day = dtg(now_ms).replace(" ", "")
    parts = ["tieline", what, *(["EXERCISE", realm] if realm else []), line[:8], day]
    return "-".join(_STRANGE.sub("", part)[:40] for part in parts) + ending


def give(file: BinaryIO, named: str) -> Response:
    """The bytes of an open file as a download, which no browser shows as a page."""
    size = os.fstat(file.fileno()).st_size
    return StreamingResponse(
        _pieces(file), headers={**_headers(named), "content-length": f"{size}"}
    )


def give_bytes(data: bytes, named: str) -> Response:
    """Bytes as a download."""
    return Response(data, headers=_headers(named))


def _headers(named: str) -> dict[str, str]:
    return {
        "content-type": "application/octet-stream",
        "content-disposition": f'attachment; filename="{named}"',
        "cache-control": "no-store",
    }


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        while piece := await asyncio.to_thread(file.read, CHUNK):
            yield piece
