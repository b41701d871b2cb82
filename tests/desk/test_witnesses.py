"""Two stations and two witnesses, real processes, with a charter that needs both witnesses."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.desk.desks import Desk, environment, free_port, one_object
from tests.node.pair import CODES, make_homes

from tieline.core.charter import Witness
from tieline.core.checkpoint import vkey
from tieline.core.crypto import ALG_COSIGNATURE, ALG_ED25519, ALG_MLDSA
from tieline.core.errors import LocalError
from tieline.core.provisions import Intervals
from tieline.core.tlogwitness import read_vkey
from tieline.desk.cli.charters import _witnesses
from tieline.node.secrets import LateKey, SeedKey
from tieline.node.view import Json

NAMES = ("w1.example", "w2.example")


class Watcher:
    """A witness's machine."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.desk = Desk(folder / name)
        self.desk.real = False
        made = one_object(
            self.desk.ok(
                "witness",
                "init",
                name,
                "--key-file",
                "--listen",
                f"127.0.0.1:{free_port()}",
                "--json",
            )
        )
        self.vkey = str(made["vkey"])
        self.url = ""
        self.process: subprocess.Popen[str] | None = None

    def serve(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tieline", "witness", "serve"],
            env=environment(self.desk.home, None),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        found = re.search(r"listens on (\S+);", said)
        assert found is not None, said
        self.url = f"http://{found[1]}"

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(100)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None


@dataclass
class Stage:
    desks: list[Desk]
    watchers: list[Watcher]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    watchers = [Watcher(tmp_path, name) for name in NAMES]
    named = [Witness(name=w.name, key=read_vkey(w.vkey)[2]) for w in watchers]
    ports = (free_port(), free_port())
    _, text = make_homes(
        tmp_path / "homes",
        ports,
        witnesses=named,
        quorum=2,
        intervals=Intervals(checkpoint_s=1, seal_s=86_400),
    )
    made = Stage([Desk(tmp_path / "homes" / code) for code in CODES], watchers)
    try:
        for watcher in watchers:
            charter = watcher.desk.folder / "line.charter"
            charter.write_text(text, encoding="ascii")
            watcher.desk.ok("witness", "add-log", "--charter", "line.charter")
            watcher.serve()
        for desk in made.desks:
            desk.real = False
            for code in CODES:
                card = (tmp_path / "homes" / code / "card.tlcard").read_bytes()
                (desk.home / "cards" / f"{code}.tlcard").write_bytes(card)
            (desk.folder / "line.charter").write_text(text, encoding="ascii")
            desk.ok("charter", "install", "line.charter")
            for watcher in watchers:
                desk.ok("witness", "url", watcher.name, watcher.url)
            desk.serve()
        for desk in made.desks:
            desk.up()
            desk.writing()
        yield made
    finally:
        for desk in made.desks:
            desk.kill()
        for watcher in watchers:
            watcher.kill()


def witnesses(desk: Desk) -> dict[str, Json]:
    lines = desk.call("status")["lines"]
    assert isinstance(lines, list)
    (line,) = lines
    assert isinstance(line, dict)
    found = line["witnesses"]
    assert isinstance(found, dict)
    return found


def until_cosigned(desk: Desk, size: int) -> None:
    """Follow the station's events until both witnesses have cosigned so much."""

    def done(event: dict[str, Json]) -> bool:
        view = witnesses(desk)
        return event.get("type") == "note" and view["have"] == 2 and view["size"] == size

    if not (witnesses(desk)["have"] == 2 and witnesses(desk)["size"] == size):
        desk.until(done)


@pytest.mark.timeout(300)
def test_two_stations_and_two_witnesses(stage: Stage, tmp_path: Path) -> None:
    alpha, bravo = stage.desks
    alpha.ok("send", "the first", "--officer", "A. Okafor")
    bravo.said("the first")
    until_cosigned(alpha, 2)
    said = alpha.ok("status")
    assert "cosigned by 2 of 2 witnesses; the quorum of 2 has cosigned up to 2" in said

    # One witness is away: everything is delivered as before, and the status says who is missing.
    stage.watchers[1].kill()
    alpha.ok("send", "the second", "--officer", "A. Okafor")
    bravo.said("the second")
    stage.watchers[1].serve()
    alpha.ok("witness", "url", NAMES[1], stage.watchers[1].url)
    until_cosigned(alpha, 3)

    # The log as tiles, with both cosignatures, for somebody who has neither station nor record.
    alpha.ok("log", "tiles", "log")
    stranger = Desk(tmp_path / "stranger")
    stranger.real = False
    shutil.copytree(alpha.folder / "log", stranger.folder / "log")
    told = stranger.ok("verify", "log")
    assert "2 of its 2 witnesses cosigned it" in told
    assert "3 entries hash to their leaves" in told
    bravo.ok("log", "tiles", "sealed", "--log", "ALPHA/ops", "--entries", "sealed")
    assert "3 entries hash to their leaves" in bravo.ok("verify", "sealed")
    shutil.copytree(bravo.folder / "sealed", stranger.folder / "sealed")
    assert "not for this station" in stranger.ok("verify", "sealed")

    # A witness that was put back does not start again.
    watcher = stage.watchers[0]
    shown = one_object(watcher.desk.ok("witness", "show", "--json"))
    assert isinstance(shown["logs"], list)
    assert len(shown["logs"]) == 2
    assert shown["conflicts"] == []
    folder = watcher.desk.home / "witness"
    kept = (folder / "heads.db").read_bytes()
    alpha.ok("send", "the third", "--officer", "A. Okafor")
    until_cosigned(alpha, 4)
    watcher.kill()
    (folder / "heads.db").write_bytes(kept)
    refused = watcher.desk.run("witness", "serve")
    assert refused.code == 1
    assert "put back from an older copy" in refused.err


def test_the_keys_of_a_witness_as_they_are_given() -> None:
    """Its Ed25519 key first, and then the one of ML-DSA-44, in one version or in two."""
    key, late = SeedKey(bytes(32)).public, LateKey(bytes(32)).public
    one = vkey("w.example", ALG_COSIGNATURE, key)
    two = vkey("w.example", ALG_MLDSA, late)

    def named(old: list[Witness], *keys: str, gone: tuple[str, ...] = ()) -> list[Witness]:
        return _witnesses(Namespace(witness=list(keys), no_witness=list(gone)), old)

    both = [Witness(name="w.example", key=key, mldsa=late)]
    assert named([], one, two) == both
    assert named(named([], one), two) == both
    assert named(both, one) == [Witness(name="w.example", key=key)]  # a new key: it brings both
    assert named(both, gone=("w.example",)) == []
    for wrong in (two, vkey("w.example", ALG_ED25519, key)):
        with pytest.raises(LocalError) as caught:
            named([], wrong)
        assert caught.value.code == "vkey.type"
