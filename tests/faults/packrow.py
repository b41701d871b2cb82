"""P11: under the hash that a charter names lies another pack, and nobody takes it for that one.

What must not pass are sound packs that are not the one: an older version, the same version with
other bytes, one for something else; and what is cut or has more behind it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from tests.faults.rows import need, scratch
from tests.node import pair

from tieline.core.agreement.model import Pack
from tieline.core.charter import dearmor_charter
from tieline.core.errors import RemoteError
from tieline.core.line import Line
from tieline.desk.cli import charterpacks
from tieline.node import packs
from tieline.node.agreements import Agreements

NAME: Final = "crisis"


@cache
def signed() -> Pack:
    """The pack that both parties have signed."""
    return packs.find(NAME)


def _edited(file: str, old: str, new: str) -> Pack:
    with scratch() as name:
        folder = Path(name) / NAME
        shutil.copytree(packs.SHIPPED / NAME, folder)
        path = folder / file
        text = path.read_text("utf-8")
        need(old in text, f"{file} has no {old}")
        path.write_text(text.replace(old, new, 1), "utf-8")
        return packs.read_folder(folder)


def _other_version() -> bytes:
    return _edited("pack.toml", f"version = {signed().version}", "version = 9").body


def _other_bytes() -> bytes:
    title = signed().words["en"]["pack.title"]
    made = _edited("words/en.toml", title, title + " indeed")
    need((made.id, made.version) == (signed().id, signed().version), "another version")
    return made.body


VARIANTS: Final[tuple[Callable[[], bytes], ...]] = (
    _other_version,
    _other_bytes,
    lambda: packs.find("incsea").body,
    lambda: signed().body[:-1],
    lambda: signed().body + b"\0",
    lambda: b"",
)
ROADS: Final = ("read", "signed", "running")
CELLS: Final = len(VARIANTS) * len(ROADS)


def pack_variant(seed: int) -> None:
    """A variant lies in a home under the hash of what was signed, and a road leads to it."""
    variant, road = VARIANTS[seed % len(VARIANTS)](), ROADS[seed // len(VARIANTS) % len(ROADS)]
    need(variant != signed().body, "it is the pack that was signed")
    with scratch() as name:
        seats, text = pair.make_homes(Path(name), packs=(signed().hash,))
        home, charter = seats[0].home, dearmor_charter(text)
        packs.keep(home.path, signed())
        packs.kept(home.path, signed().hash).write_bytes(variant)
        if road == "running":
            line, book = Line(seats[0].keys.station, charter), Agreements(home.path)
            need(book.in_force(line).packs == (), "a station uses a pack that nobody has signed")
            return
        refused = ""
        try:
            if road == "read":
                packs.load_kept(home.path, signed().hash)
            else:
                charterpacks.to_sign(home, charter.charter)
        except RemoteError as error:
            refused = error.code
        need(refused.startswith(("pack.", "encode.")), f"{road}: it is taken, {refused!r}")
