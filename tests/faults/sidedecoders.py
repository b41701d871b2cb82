"""Decoders beside the line, for the fuzzer: tables, sources, HTTP, addresses, the journal."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final, Protocol, cast

from openpyxl import Workbook
from tests.core.world import START_MS, chaff
from tests.faults.golden import vector
from tests.faults.rows import need

from tieline.core import journal
from tieline.core.agreement.kinds import Source
from tieline.core.agreement.load import load
from tieline.core.errors import PackFault, PackUnfit, RemoteError
from tieline.core.terms import Precedence, Rung
from tieline.node import httpd, packs, tomllines
from tieline.node.httpd import Answer, Bounds
from tieline.node.sheet import read_sheet
from tieline.node.witnessurl import parse_url

FILE: Final = "forms.toml"  # of the golden pack's sources: this one is changed


# ------------------------------------------------------------------------------ sources of packs


@cache
def _sources() -> tuple[Source, ...]:
    """The golden pack's other files."""
    files = vector("pack/accept")["cases"][0]["files"]
    return tuple(
        packs.parse(name, text.encode())[0] for name, text in files.items() if name != FILE
    )


def _source(data: bytes) -> object:
    try:
        source, _ = packs.parse(FILE, data)
    except tomllines.BadFile as bad:
        raise PackUnfit((PackFault(FILE, bad.line, bad.text),)) from bad
    return load((source, *_sources()))


# ------------------------------------------------------------------------------------------ HTTP


class _Writer:
    """Takes what is answered."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def write(self, data: bytes) -> None:
        self.taken += data

    def write_eof(self) -> None:
        """Nobody reads it."""

    async def drain(self) -> None:
        """There is always room."""


class _Written(Protocol):
    def encode(self) -> bytes: ...


class _Runs(Protocol):
    async def run(self) -> None: ...


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _request(data: bytes) -> object:
    """All that comes on one connection, which then ends: each request has its answer."""
    writer = _Writer()

    async def talk() -> None:
        reader = asyncio.StreamReader(limit=httpd._CHUNK)
        reader.feed_data(data)
        reader.feed_eof()
        answer = Answer(status=200, body=b"taken\n")
        talking = cast("Callable[..., _Runs]", httpd._Talk)
        await talking(reader, writer, lambda *_: answer, Bounds()).run()

    _loop().run_until_complete(talk())
    status = bytes(writer.taken[9:12])
    if not status:
        raise RemoteError("http.silence", "it ends before it asks, and has no answer")
    if status != b"200":
        raise RemoteError(f"http.{status.decode()}", bytes(writer.taken[-200:]).decode("latin-1"))
    return None


# ----------------------------------------------------------------------------------- the journal

_ENTRIES: Final = (
    journal.Origin, journal.Attempt, journal.StateChange, journal.Refusal, journal.Handed,
    journal.Lived,
)  # fmt: skip


def _entry(data: bytes) -> object:
    """An entry of the kind that the first byte names, without the chain that it stands behind."""
    if not data:
        raise RemoteError("journal.kind", "there is no kind")
    kind, body = data[0] % (len(_ENTRIES) + 1), data[1:]
    if kind < len(_ENTRIES):
        return _ENTRIES[kind].decode(body)
    at_sight = journal._alarm_at_sight(body)
    if at_sight is not None:
        need(at_sight == journal._alarm_by_item(body), f"read apart: {body.hex()}")
    return journal.Alarm.decode(body)


def _entries() -> Iterator[bytes]:
    made: tuple[_Written, ...] = (
        journal.Origin(carrier="wire", peer=chaff("peer", 8), key="k", officer="o", draft=3),
        journal.Attempt(station=chaff("s", 8), carrier="wire", address="a:1", outcome="failed"),
        journal.StateChange(station=chaff("s", 8), state="up", cause="it came", since_ms=START_MS),
        journal.Refusal(code="statement.forged", text="no", carrier="wire", peer=chaff("s", 8)),
        journal.Handed(station=chaff("s", 8), carrier="wire", items=(chaff("i", 32),)),
        journal.Lived(incarnation=chaff("l", 8), tag=b"tag", cause="a start"),
        journal.Alarm(code="message", precedence=Precedence.FLASH, text="all stop",
                      item=chaff("i", 32), party="BRAVO", rung=Rung.RECEIVED, about=chaff("a", 32)),
    )  # fmt: skip
    for kind, entry in enumerate(made):
        yield bytes((kind,)) + entry.encode()


# --------------------------------------------------------------------------------------- together


def of_text(take: Callable[[str], object]) -> Callable[[bytes], object]:
    """A decoder of bytes from one of text."""
    return lambda data: take(data.decode("utf-8", "replace"))


def _workbook() -> bytes:
    book = Workbook()
    sheet = book.active
    if sheet is None:
        raise AssertionError("a new workbook has no sheet")
    for row in (("place", "from"), ("33UXP04", "0600Z")):
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


DECODERS: Final[dict[str, Callable[[bytes], object]]] = {
    "table": lambda data: read_sheet(Path("table.csv"), data),
    "pack source": _source,
    "http request": _request,
    "witness address": of_text(parse_url),
    "journal entry": _entry,
}


def begun_with() -> Iterator[bytes]:
    """Something that each of them takes."""
    yield b"place;from;to\n33UXP04;0600Z;0900Z\n\"a, b\";'x';\n"
    yield "place,from\n33UXP04,0600Z\n".encode("utf-16")
    yield _workbook()
    yield vector("pack/accept")["cases"][0]["files"][FILE].encode()
    yield b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 5\r\n\r\nold 7"
    yield b"GET / HTTP/1.1\r\nhost: w\r\n\r\n" * 2
    yield b"POST / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    yield b"https://witness.example/prefix/"
    yield b"http://[2001:db8::1]:8080"
    yield from _entries()
