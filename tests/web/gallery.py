"""The pictures of the desk's screens in ``docs/pictures``: which there are, and how they are kept.

``tests/web/test_pictures.py`` makes them when the tests run with ``--pictures``; without it nothing
is written. ``tests/docs/test_pictures.py`` sees that each is there and shown in ``docs/desk.md``.
"""

from __future__ import annotations

import struct
import sys
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[2] / "docs" / "pictures"
MOST_BYTES: Final = 150_000
WIDTH, HEIGHT = 1280, 800
NARROW: Final = 390


@dataclass(frozen=True, slots=True)
class Picture:
    """One file ``desk-NAME.png``: of which scene, from which element on, how wide (pixels).

    ``scene`` is a name of ``tests/web/scenes.py``, or empty where the test gets there by itself.
    ``do`` runs in the page before the picture. ``paper``: as it is printed.
    """

    name: str
    scene: str = ""
    at: str = ""
    width: int = WIDTH
    do: str = ""
    paper: bool = False

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return FOLDER / f"desk-{self.name}.png"


PICTURES: Final = (
    Picture("watch", "watch"),
    Picture("watch-narrow", "watch", width=NARROW),
    Picture("login", "login"),
    Picture("login-second"),
    Picture("compose"),
    Picture("drafts", "drafts"),
    Picture("release", "draft"),
    Picture("leaving", "leaving"),
    Picture("item", "item-flash"),
    Picture("incidents", "incidents"),
    Picture("incident", "incident"),
    Picture("incident-accounts", "incident", at="[data-live=accounts]"),
    Picture("incident-map", "incident", at="[data-live=map]"),
    Picture("joint", "joint"),
    Picture("agreements", "agreements"),
    Picture("agreement-why", "agreements-why"),
    Picture("record", "record"),
    Picture("verify", "check"),
    Picture("charter", "record-charter"),
    Picture("handover", "handover"),
    Picture("handover-kept", "handover-kept"),
    Picture("exercise"),
    Picture("account", "account"),
    Picture("keys", "manner"),
    Picture("officers", "officers"),
    Picture("log", "officers-log"),
    Picture("admin", "admin"),
    Picture("ceremony", "ceremony"),
    Picture("alarms", "alarms"),
    Picture("why", "why"),
    Picture("print", "print", paper=True),
    Picture("degraded"),
)


def pixels(data: bytes) -> tuple[int, int, bytes]:
    """Width, height and the RGB bytes of a PNG as Chromium makes it: 8 bits, not interlaced."""
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        chunks[kind] = chunks.get(kind, b"") + data[at + 8 : at + 8 + size]
        at += size + 12
    width, height, depth, colour, *_, woven = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    if (depth, colour in {2, 6}, woven) != (8, True, 0):
        raise ValueError("no picture as Chromium makes it: 8 bits of RGB, not interlaced")
    step = 4 if colour == 6 else 3
    rows = zlib.decompress(chunks[b"IDAT"])
    size = width * step
    before = bytes(size)
    out = bytearray()
    for each in range(height):
        start = each * (size + 1)
        before = _unfiltered(rows[start], rows[start + 1 : start + 1 + size], before, step)
        out += before
    if step == 4:
        del out[3::4]
    return width, height, bytes(out)


def _unfiltered(kind: int, row: bytes, above: bytes, step: int) -> bytes:
    """A row of pixels without its filter (PNG, second edition, 9.2)."""
    if kind == 0:
        return row
    out = bytearray(row)
    lefts = bytearray(step) + out  # what stands ``step`` bytes before, filled as it becomes known
    corners = bytes(step) + above
    for at, given in enumerate(row):
        left, up = lefts[at], above[at]
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = up
        elif kind == 3:
            guess = (left + up) // 2
        else:
            guess = _paeth(left, up, corners[at])
        lefts[at + step] = out[at] = (given + guess) & 255
    return bytes(out)


def _paeth(left: int, up: int, corner: int) -> int:
    """The neighbour that is nearest to what the three lead to (PNG, second edition, 9.4)."""
    to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    if to_left <= to_up and to_left <= to_corner:
        return left
    return up if to_up <= to_corner else corner


def shrunk(data: bytes, most: int = 256) -> bytes:
    """The same picture with a table of colours: those that are there most often."""
    width, height, flat = pixels(data)
    dots = [*zip(flat[0::3], flat[1::3], flat[2::3], strict=True)]
    seen = Counter(dots)
    table = [colour for colour, _ in seen.most_common(most)]
    place = {colour: number for number, colour in enumerate(table)}
    for colour in seen:
        if colour not in place:
            place[colour] = min(
                range(len(table)),
                key=lambda one: sum((a - b) ** 2 for a, b in zip(table[one], colour, strict=True)),
            )
    body = bytes(place[dot] for dot in dots)
    rows = b"".join(b"\0" + body[at : at + width] for at in range(0, len(body), width))
    return b"".join((
        b"\x89PNG\r\n\x1a\n",
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        _chunk(b"PLTE", bytes(part for colour in table for part in colour)),
        _chunk(b"IDAT", zlib.compress(rows, 9)),
        _chunk(b"IEND", b""),
    ))  # fmt: skip


def kept(data: bytes) -> bytes:
    """A picture small enough to be kept, with as many colours as that allows."""
    for most in (256, 128, 64, 32):
        small = shrunk(data, most)
        if len(small) <= MOST_BYTES:
            return small
    raise ValueError("too much for one picture: show less")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


if __name__ == "__main__":  # python -m tests.web.gallery FILE...: make pictures small in place
    for name in sys.argv[1:]:
        file = Path(name)
        file.write_bytes(kept(file.read_bytes()))
