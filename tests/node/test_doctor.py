"""The doctor names each trouble, says what to do, and is done in time."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.desk import desks
from tests.desk.desks import Desk

from tieline.carriers.pipe import NOT_PINNED
from tieline.node import doctor
from tieline.node.client import Client
from tieline.node.clockwatch import zone_hint
from tieline.node.config import Home, read_config, write_config
from tieline.node.doctor import Finding, examine
from tieline.node.view import Json


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """ALPHA's home with a charter, whose station does not run."""
    folder = tmp_path_factory.mktemp("doctor")
    alpha, bravo = Desk(folder / "alpha", passphrase=desks.PASSPHRASE), Desk(folder / "bravo")
    alpha.real = bravo.real = False
    desks.found(alpha, bravo, packs=("points-of-contact",))
    return alpha


@pytest.fixture
def home(made: Desk, tmp_path: Path) -> Home:
    """A copy of it, to be spoilt."""
    path = tmp_path / "home"
    shutil.copytree(made.home, path)
    return Home.open(path)


def look(home: Home) -> dict[str, Finding]:
    began = time.monotonic()
    found = examine(home, lambda: Client(home.socket, timeout_s=3.0))
    assert time.monotonic() - began < 100
    return {finding.what: finding for finding in found}


def trouble(home: Home, what: str) -> str:
    finding = look(home)[what]
    assert finding.bad, finding
    return finding.text


def test_a_home_in_order_has_only_what_does_not_run(home: Home) -> None:
    bad = {what for what, finding in look(home).items() if finding.bad}
    assert {what.split(" ")[0] for what in bad} == {"station", "BRAVO"}
    assert "start it with 'tieline serve'" in trouble(home, "station")


def test_a_pack_that_is_in_force_and_not_here(home: Home) -> None:
    assert look(home)["packs"].text == "in force on the line 'hotline': points-of-contact 1"
    (kept,) = (home.path / "packs").iterdir()
    kept.write_bytes(kept.read_bytes()[:-1])
    assert "cannot be read" in trouble(home, "pack")
    kept.unlink()
    told = trouble(home, "pack")
    assert f"the pack {kept.stem} is in force on the line 'hotline' and is not here" in told
    assert "tieline pack keep" in told


def test_a_clock_before_its_time(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000 * 10**9)
    assert "before this software was made; set the machine's clock" in trouble(home, "clock")


def test_a_clock_that_was_set_back(home: Home) -> None:
    ahead = time.time() + 3600
    os.utime(home.store_file, (ahead, ahead))
    assert "so it was set back; set the machine's clock to UTC" in trouble(home, "clock")


class Fake(Client):
    """A station whose answers are given."""

    def __init__(self, answers: dict[str, dict[str, Json]]) -> None:
        self._answers = answers

    def call(self, act: str, **args: Json) -> dict[str, Json]:
        return self._answers[act]

    def close(self) -> None:
        """Nothing is open."""


def test_a_clock_that_differs_from_another_partys(home: Home) -> None:
    item: dict[str, Json] = {"station": "BRAVO/ops", "claimed_ms": 700_000, "admitted_ms": 100_000}
    fake = Fake({"status": {"lines": [{"peers": []}]}, "log": {"items": [item]}})
    found = [each for each in examine(home, lambda: fake) if each.bad and each.what == "clock"]
    assert len(found) == 1
    assert "BRAVO/ops dated a message 600 s after it came here" in found[0].text
    assert "set the wrong one" in found[0].text


def test_troubles_of_a_running_station_are_told(home: Home) -> None:
    full: Json = {"code": "store.low", "text": "the disk is nearly full; make room"}
    fake = Fake({"status": {"lines": [], "troubles": [full]}})
    found = {each.what: each for each in examine(home, lambda: fake)}
    assert found["store.low"].bad


def test_a_disk_that_is_nearly_full(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=5_000_000))
    assert trouble(home, "disk").startswith("5 MB free; make room")


@pytest.mark.parametrize("name", ["keys.tlk", "root.tlk"])
def test_keys_that_others_can_read(home: Home, name: str) -> None:
    (home.path / name).chmod(0o644)
    assert f"chmod 600 {home.path / name}" in trouble(home, name)


def test_missing_keys_and_a_root_that_was_taken_away(home: Home) -> None:
    home.keys_file.unlink()
    home.root_file.unlink()
    assert "the station cannot start" in trouble(home, "keys.tlk")
    assert not look(home)["root.tlk"].bad


def test_no_charter_and_a_damaged_one(home: Home) -> None:
    path = next(home.charters.iterdir())
    path.write_text("TIELINE-CHARTER-1\nxx\nEND\n")
    assert "install the charter again" in trouble(home, path.name)
    path.unlink()
    assert "tieline charter install FILE" in trouble(home, "charter")


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes calls and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield int(taken.getsockname()[1])


def test_a_port_of_ours_that_another_program_has(home: Home, silent: int) -> None:
    text = home.config_file.read_text()
    port = home.config.listen[0].rpartition(":")[2]
    home.config_file.write_text(text.replace(port, str(silent)))
    spoilt = Home(home.path, read_config(home.config_file))
    assert "end what uses it" in trouble(spoilt, f"own port 127.0.0.1:{silent}")
    sent = [what for what in look(spoilt) if what.startswith("address 127.0.0.1:")]
    assert "does not listen on port" in trouble(spoilt, sent[0])


def test_a_peers_closed_port(home: Home) -> None:
    what = next(what for what in look(home) if what.startswith("BRAVO at"))
    assert "the port is closed to us (connection refused)" in trouble(home, what)
    assert "check the route" in trouble(home, what)


def named(monkeypatch: pytest.MonkeyPatch, answers: dict[str, str]) -> None:
    """A name service that knows these names alone. A port beside each answers."""

    def connect(place: tuple[str, int], timeout: float) -> socket.socket:
        if place[0] not in answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real((answers[place[0]], place[1]), timeout)

    real = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", connect)


def test_a_name_that_is_unknown_or_leads_to_this_machine(
    monkeypatch: pytest.MonkeyPatch, silent: int
) -> None:
    named(monkeypatch, {"bravo.example": "127.0.0.1", "localhost": "127.0.0.1"})
    names = ("bravo.exampel", "bravo.example", "localhost")
    found = doctor._reach({f"BRAVO at {name}": f"{name}:{silent}" for name in names})
    unknown, astray, meant = found
    assert unknown.bad
    assert "the name cannot be looked up; correct it in the charter, or" in unknown.text
    assert astray.bad
    assert astray.text.startswith("the name leads to this machine (127.0.0.1) and not to theirs;")
    assert not meant.bad


def test_a_name_that_leads_to_another_station_is_told_by_the_one_that_dialled(home: Home) -> None:
    cause = NOT_PINNED
    peer: Json = {"name": "BRAVO/ops", "state": "down since", "cause": cause}
    fake = Fake({"status": {"lines": [{"peers": [peer]}]}, "log": {"items": []}})
    found = {each.what: each for each in examine(home, lambda: fake)}
    assert found["station"].bad
    assert f"BRAVO/ops is down ({cause})" in found["station"].text
    assert "the address leads to another machine" in cause


@pytest.mark.parametrize(
    ("by_ms", "hours"),
    [(7_200_000, "2:00"), (7_171_000, "2:00"), (20_700_000, "5:45"), (-16_229_000, "4:30")],
)
def test_local_time_that_stands_for_utc_is_guessed_at(by_ms: int, hours: str) -> None:
    assert zone_hint(by_ms) == f", which is {hours} h: one may show local time for UTC"


@pytest.mark.parametrize("by_ms", [61_000, 900_000, 7_000_000, 7_240_000, 15 * 3_600_000])
def test_another_difference_says_nothing_of_a_time_zone(by_ms: int) -> None:
    assert not zone_hint(by_ms)


def test_a_clock_that_shows_local_time(home: Home) -> None:
    item: dict[str, Json] = {"station": "BRAVO/ops", "claimed_ms": 7_200_500, "admitted_ms": 900}
    fake = Fake({"status": {"lines": [{"peers": []}]}, "log": {"items": [item]}})
    found = [each for each in examine(home, lambda: fake) if each.bad and each.what == "clock"]
    assert "7199 s after it came here, which is 2:00 h: one may show local" in found[0].text


def test_addresses_that_never_answer_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()

    def never(*args: object, **more: object) -> socket.socket:
        done.wait(250)
        raise TimeoutError

    monkeypatch.setattr(doctor, "ALL_PROBES_S", 0.2)
    monkeypatch.setattr(socket, "create_connection", never)
    began = time.monotonic()
    probes = {f"P at 192.0.2.1:{port}": f"192.0.2.1:{port}" for port in range(1, 1025)}
    found = doctor._reach(probes)
    done.set()
    assert time.monotonic() - began < 200
    assert len(found) == doctor.MAX_PROBES + 1
    assert all("no answer in time" in finding.text for finding in found[:-1])
    assert found[-1].text == "768 further addresses were not tried"


def test_a_station_that_hangs_does_not_hang_the_doctor(home: Home) -> None:
    home.socket.parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as hung:
        here = Path.cwd()
        os.chdir(home.socket.parent)
        try:
            hung.bind(home.socket.name)
        finally:
            os.chdir(here)
        hung.listen()
        found = examine(home, lambda: Client(home.socket, timeout_s=0.2))
    station = next(finding for finding in found if finding.what == "station")
    assert "timed out" in station.text


def test_a_configuration_is_written_as_it_is_read(home: Home, tmp_path: Path) -> None:
    write_config(tmp_path / "config.toml", home.config)
    assert read_config(tmp_path / "config.toml") == home.config
