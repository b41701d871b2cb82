"""Desks at real stations: homes, command lines and station processes on loopback."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from tests import ports

from tieline.desk.cli import main
from tieline.node import secrets
from tieline.node.client import Client
from tieline.node.unlocking import Passphrase, Unlock
from tieline.node.view import Json

SRC = Path(__file__).parents[2] / "src"
PASSPHRASE = "a passphrase of an exercise"


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


_stretch = secrets._derive
_once = functools.cache(_stretch)


def derive(unlock_with: Unlock, salt: bytes) -> bytes:
    """The key of a key store. A passphrase is stretched once (0.2 s); a key file may change."""
    return (_once if isinstance(unlock_with, Passphrase) else _stretch)(unlock_with, salt)


def free_port() -> int:
    return ports.free()[0]


def environment(home: Path, passphrase: str | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TIELINE")}
    more = {"TIELINE_HOME": str(home), "PYTHONPATH": str(SRC), "PYTHONUTF8": "1", "USER": ""}
    if passphrase is not None:
        more["TIELINE_PASSPHRASE"] = passphrase
    return kept | more


class Desk:
    """One party's machine."""

    def __init__(self, home: Path, *, passphrase: str | None = None) -> None:
        self.home = home
        self.passphrase = passphrase
        self.folder = home.parent / f"{home.name}-files"
        self.folder.mkdir(parents=True)
        self.station: subprocess.Popen[str] | None = None
        self.real = True

    def run(self, *args: str, stdin: str = "") -> Said:
        """A command: a process of its own while ``real``, else in this one, which is quicker."""
        if not self.real:
            return self._here(*args, stdin=stdin)
        done = subprocess.run(
            [sys.executable, "-m", "tieline", *args],
            env=environment(self.home, self.passphrase),
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=200,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def _here(self, *args: str, stdin: str) -> Said:
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, environment(self.home, self.passphrase), clear=True),
            mock.patch.object(sys, "stdin", io.StringIO(stdin)),
            mock.patch.object(secrets, "_derive", derive),
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = main(list(args))
        return Said(code, out.getvalue(), err.getvalue())

    def ok(self, *args: str, stdin: str = "") -> str:
        said = self.run(*args, stdin=stdin)
        assert said.code == 0, said
        return said.out

    def call(self, act: str, **args: Json) -> dict[str, Json]:
        """An act over the API."""
        client = Client(self.socket)
        try:
            return client.call(act, **args)
        finally:
            client.close()

    @property
    def socket(self) -> Path:
        return self.home / "run" / "station.sock"

    def serve(self) -> str:
        """Start the station; the first line that it says, once it answers."""
        self.station = subprocess.Popen(
            [sys.executable, "-m", "tieline", "serve"],
            env=environment(self.home, self.passphrase),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        assert self.station.stdout is not None
        line = self.station.stdout.readline()
        assert "listens on" in line, line
        return line

    def kill(self, how: int = signal.SIGKILL) -> None:
        if self.station is not None:
            self.station.send_signal(how)
            self.station.wait(100)
            assert self.station.stdout is not None
            self.station.stdout.close()
            self.station = None

    def until(self, found: Callable[[dict[str, Json]], bool], since: int = 0) -> dict[str, Json]:
        """The first event that is the one; the test's own time limit ends a vain wait."""
        client = Client(self.socket)
        try:
            return next(event for event in client.watch(since) if found(event))
        finally:
            client.close()

    def said(self, text: str) -> str:
        """Wait for a statement with this text, and give its number here."""
        return str(self.until(lambda event: event.get("text") == text)["seq"])

    def up(self) -> None:
        self.until(lambda event: event.get("type") == "state" and event.get("state") == "up")

    def writing(self) -> None:
        """Wait until the peers have confirmed the logs: what is said before that opens another."""

        def done() -> bool:
            lines = self.call("status")["lines"]
            assert isinstance(lines, list)
            lives = [line["life"] for line in lines if isinstance(line, dict)]
            return all(isinstance(life, dict) and life["standing"] == "writing" for life in lives)

        if not done():
            self.until(lambda _: done())


def one_object(text: str) -> dict[str, Json]:
    """The one JSON object that a command wrote, in plain ASCII."""
    assert text.isascii()
    assert text.count("\n") == 1
    value = json.loads(text)
    assert isinstance(value, dict)
    return value


def words(desk: Desk) -> str:
    return desk.ok("card", "words").strip()


def copy(there: Path, here: Path) -> None:
    """Carry a file to the other machine."""
    here.write_bytes(there.read_bytes())


def found(
    alpha: Desk,
    bravo: Desk,
    *,
    apart: bool = False,
    packs: tuple[str, ...] = (),
    exercise: str = "",
) -> None:
    """The steps of docs/quickstart.md up to the two stations' start; of an ``exercise``, if named.

    With ``apart`` the stations listen elsewhere than their cards say, so neither reaches the other.
    """
    for desk, party, more in ((alpha, "ALPHA", ()), (bravo, "BRAVO", ("--key-file",))):
        elsewhere: tuple[str, ...] = ("--listen", f"127.0.0.1:{free_port()}") if apart else ()
        elsewhere += ("--exercise", exercise) if exercise else ()
        made = desk.ok(
            "init", "--party", party, "--name", f"Party {party.title()}", "--address",
            f"127.0.0.1:{free_port()}", "--officer", f"Watch {party[0]}", *more, *elsewhere,
        )  # fmt: skip
        assert f"{party}/ops is ready in {desk.home}" in made
        assert "tieline card verify FILE" in made
    copy(alpha.home / "card.tlcard", bravo.folder / "alpha.tlcard")
    copy(bravo.home / "card.tlcard", alpha.folder / "bravo.tlcard")
    assert "BRAVO (Party Bravo) is verified" in alpha.ok(
        "card", "verify", "bravo.tlcard", stdin=words(bravo).upper().replace(" ", "-") + "\n"
    )
    assert "ALPHA (Party Alpha) is verified" in bravo.ok(
        "card", "verify", "alpha.tlcard", stdin=words(alpha) + "\n"
    )
    named = [part for pack in packs for part in ("--pack", pack)]
    made = alpha.ok("charter", "new", "hotline", "--four-eyes", "FLASH,IMMEDIATE", "--sign", *named)
    assert "it waits for the signature of BRAVO" in made
    assert "tieline charter sign hotline.charter --install" in made
    copy(alpha.folder / "hotline.charter", bravo.folder / "hotline.charter")
    signed = bravo.ok("charter", "sign", "hotline.charter", "--install")
    assert "party ALPHA: words" in signed  # what is signed is shown
    assert "every party has signed it, and it is in force here" in signed
    copy(bravo.folder / "hotline.charter", alpha.folder / "hotline.charter")
    assert "is in force here" in alpha.ok("charter", "install", "hotline.charter")


def pair(
    folder: Path,
    *,
    apart: bool = False,
    real: bool = True,
    packs: tuple[str, ...] = (),
    exercise: str = "",
) -> Iterator[tuple[Desk, Desk]]:
    """ALPHA with a passphrase and BRAVO with a key file, both serving.

    With ``real`` the steps until then are processes of their own too; later commands are not.
    """
    alpha, bravo = Desk(folder / "alpha", passphrase=PASSPHRASE), Desk(folder / "bravo")
    alpha.real = bravo.real = real
    try:
        found(alpha, bravo, apart=apart, packs=packs, exercise=exercise)
        alpha.real = bravo.real = False
        alpha.serve()
        bravo.serve()
        if not apart:
            for desk in (alpha, bravo):
                desk.up()
                desk.writing()
        yield alpha, bravo
    finally:
        alpha.kill()
        bravo.kill()
