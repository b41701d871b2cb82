"""Four parties' machines, each with a real station, and a line between them by the commands."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from tests.desk.desks import Desk, copy, free_port, words

CODES = ("ALPHA", "BRAVO", "CHARLIE", "DELTA")


class Four:
    """The desks of four parties, by code; ``where`` is the folder of all."""

    def __init__(self, where: Path) -> None:
        self.desks = {code: Desk(where / code.lower()) for code in CODES}
        for desk in self.desks.values():
            desk.real = False

    def __getitem__(self, code: str) -> Desk:
        return self.desks[code]

    def init(self, code: str, *more: str) -> None:
        self[code].ok(
            "init", "--party", code, "--name", f"Party {code.title()}", "--key-file", "--officer",
            f"Watch {code[0]}", "--address", f"127.0.0.1:{free_port()}", *more,
        )  # fmt: skip

    def introduce(self, code: str, *others: str) -> None:
        """The others verify a party's card by its words."""
        spoken = words(self[code])
        for other in others:
            desk = self[other]
            copy(self[code].home / "card.tlcard", desk.folder / f"{code.lower()}.tlcard")
            desk.ok("card", "verify", f"{code.lower()}.tlcard", stdin=spoken + "\n")

    def sign(self, name: str, *codes: str) -> None:
        """A charter file goes round; each party in turn signs it. It ends with the last."""
        for before, after in pairwise(codes):
            copy(self[before].folder / name, self[after].folder / name)
            self[after].ok("charter", "sign", name, "--yes")

    def hand(self, name: str, giver: str, *takers: str) -> None:
        for taker in takers:
            copy(self[giver].folder / name, self[taker].folder / name)

    def found(self) -> None:
        for code in CODES:
            self.init(code)
        for code in CODES:
            self.introduce(code, *(other for other in CODES if other != code))
        self["ALPHA"].ok("charter", "new", "north", "--four-eyes", "none", "--sign", "--yes")
        self.sign("north.charter", *CODES)
        self.hand("north.charter", "DELTA", *CODES[:3])
        for code in CODES:
            self[code].ok("charter", "install", "north.charter")


@contextlib.contextmanager
def four(where: Path) -> Iterator[Four]:
    """Four parties on one line, all serving."""
    made = Four(where)
    try:
        made.found()
        for code in CODES:
            made[code].serve()
        yield made
    finally:
        for desk in made.desks.values():
            desk.kill()
