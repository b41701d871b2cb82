"""A real line by the command line alone, as docs/quickstart.md has it: real stations and keys."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.desk import desks
from tests.desk.desks import Desk, copy, one_object

from tieline.node.view import Json

Pair = tuple[Desk, Desk]


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    yield from desks.pair(tmp_path_factory.mktemp("line"))


def test_a_message_climbs_the_ladder(line: Pair) -> None:
    alpha, bravo = line
    assert "released as statement" in alpha.ok("send", "Radar contact", "-p", "priority")
    number = bravo.said("Radar contact")
    assert "ALPHA > all      PRIORITY  Radar contact" in bravo.ok("log")
    bravo.ok("ack", number)
    bravo.ok("read-back", f"#{number}", "ALPHA sees a contact")
    bravo.ok("pass-on", number, "Air wing 4")
    alpha.until(lambda event: event.get("unit") == "Air wing 4")
    here = alpha.said("Radar contact")
    assert "Radar contact  [BRAVO:P]" in alpha.ok("log")
    ladder = alpha.ok("log", here).splitlines()[-1]
    for rung in ("handed over", "received", "acknowledged", "read back", "passed on"):
        assert rung in ladder


def test_a_flash_needs_two_people(line: Pair) -> None:
    alpha, bravo = line
    said = one_object(alpha.ok("--json", "send", "-p", "flash", "Aircraft down"))
    draft = str(said["draft"])
    assert said["released"] is False
    assert f"draft {draft}  FLASH" in alpha.ok("drafts")
    refused = alpha.run("release", draft)
    assert refused.code == 1
    assert "a second officer must release it" in refused.err
    assert "released as statement" in alpha.ok("release", draft, "--officer", "Second A")
    bravo.said("Aircraft down")
    draft = str(one_object(alpha.ok("--json", "send", "-p", "flash", "Not this"))["draft"])
    assert "withdrawn" in alpha.ok("discard", draft)
    assert alpha.ok("drafts") == "no draft waits\n"


def test_suspension_and_watch_are_states_of_their_own(line: Pair) -> None:
    alpha, bravo = line
    since = alpha.call("status")["journal"]
    assert isinstance(since, int)
    bravo.ok("suspend", "maintenance")
    alpha.until(lambda event: str(event.get("state")).startswith("suspended"), since)
    assert "SUSPENDED by BRAVO" in alpha.ok("status")
    bravo.ok("resume")
    alpha.until(lambda event: event.get("state") == "up", since)
    bravo.ok("staff", "off", "night")
    alpha.until(lambda event: event.get("state") == "unstaffed", since)
    assert "UNSTAFFED" in alpha.ok("status")
    bravo.ok("staff", "on")
    alpha.until(lambda event: event.get("kind") == "watch" and event.get("staffed") is True, since)


def test_a_line_test_and_a_joint_statement(line: Pair) -> None:
    alpha, bravo = line
    alpha.ok("test-line")
    bravo.until(lambda event: event.get("kind") == "test" and event.get("party") == "ALPHA")
    alpha.ok("joint", "Both sides stand down")
    bravo.ok("assent", bravo.said("Both sides stand down"))
    alpha.until(lambda event: event.get("kind") == "assent")
    text = alpha.said("Both sides stand down")
    assert "SIGNED BY ALL, NOT CONFIRMED" in alpha.ok("log", text)
    alpha.ok("send", "we have read that both have signed", "--without-prejudice")
    shown = alpha.ok("log", text)
    assert "state    BINDS" in shown
    assert "signed   by BRAVO" in shown
    bravo.until(lambda event: "both have signed" in str(event.get("text")))
    assert "[WITHOUT PREJUDICE] we have read" in bravo.ok("log")
    assert "next: it binds" in bravo.ok("joint", "show", bravo.said("Both sides stand down"))


def test_a_joint_statement_is_amended_declined_and_taken_back(line: Pair) -> None:
    alpha, bravo = line
    alpha.ok("joint", "propose", "All firing stops at 17:00.", "--effective", "now+2h")
    old = bravo.said("All firing stops at 17:00.")
    bravo.ok("joint", "amend", old, "All firing stops at 18:00.", "--through", "the mission",
             "--effective", "none")  # fmt: skip
    new = alpha.said("All firing stops at 18:00.")
    shown = alpha.ok("joint", "show", new)
    assert "[-17:00.-]{+18:00.+}" in shown
    assert "[THROUGH the mission]" in shown
    assert "becomes none" in shown
    old = alpha.said("All firing stops at 17:00.")
    alpha.ok("joint", "withdraw", old)
    assert "[THROUGH the mission]" in alpha.ok("joint", "list")
    refused = alpha.run("joint", "withdraw", old)
    assert "has no signature on it" in refused.err
    refused = alpha.run("joint", "decline", new)
    assert "has a form to decline with" in refused.err
    alpha.ok("joint", "sign", new)
    refused = alpha.run("assent", new)
    assert "has already signed it" in refused.err


def test_a_charter_is_shown_amended_merged_and_installed(line: Pair) -> None:
    alpha, bravo = line
    assert "signed by every party" in alpha.ok("charter", "show", "hotline.charter")
    assert "line: hotline" in alpha.ok("charter", "show")
    changed = alpha.ok("charter", "amend", "hotline.charter", "--test-interval", "6h")
    assert "+ line tests: every 21600 s" in changed
    copy(alpha.folder / "hotline-2.charter", bravo.folder / "hotline-2.charter")
    alpha.ok("charter", "sign", "hotline-2.charter")
    refused = alpha.run("charter", "install", "hotline-2.charter")
    assert refused.code == 1
    assert "lacks the signature of BRAVO" in refused.err
    bravo.ok("charter", "sign", "hotline-2.charter")  # both signed their own copy
    copy(bravo.folder / "hotline-2.charter", alpha.folder / "theirs.charter")
    merged = alpha.ok("charter", "merge", "hotline-2.charter", "theirs.charter", "--install")
    assert "it is in force here" in merged
    copy(alpha.folder / "hotline-2.charter", bravo.folder / "hotline-2.charter")
    bravo.ok("charter", "install", "hotline-2.charter")
    assert "charter 2" in bravo.ok("status")


def test_doctor_verify_and_a_second_station_on_one_home(line: Pair) -> None:
    alpha, _ = line
    assert "TROUBLE" not in alpha.ok("doctor")
    assert "verified: " in alpha.ok("verify")
    assert "a card of BRAVO" in alpha.ok("verify", "bravo.tlcard")
    (alpha.folder / "no.bundle").write_bytes(b"something else")
    assert alpha.run("verify", "no.bundle").code == 4
    second = alpha.run("serve")
    assert second.code == 1
    assert "is in use by process" in second.err
    alpha.ok("status")  # and the first one goes on


def test_a_watch_shows_what_was_and_can_be_told_where_to_begin(line: Pair) -> None:
    alpha, _ = line
    item = str(one_object(alpha.ok("--json", "send", "before the watch"))["item"])
    alpha.until(lambda event: item in str(event.get("items")))  # its receipt: no more is to come
    shown = alpha.ok("watch", "--until-live")
    assert "before the watch" in shown
    last = alpha.call("status")["journal"]
    assert alpha.ok("watch", "--until-live", "--since", str(last)) == ""


def test_a_watch_outlives_its_station(line: Pair) -> None:
    alpha, bravo = line
    last = bravo.call("status")["journal"]
    watch = subprocess.Popen(
        [sys.executable, "-m", "tieline", "watch", "--since", str(last), "--json"],
        env=desks.environment(bravo.home, None),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert watch.stdout is not None
    assert watch.stderr is not None
    seen: list[dict[str, Json]] = []

    def until(text: str) -> None:
        assert watch.stdout is not None
        while not seen or seen[-1].get("text") != text:
            seen.append(json.loads(watch.stdout.readline()))

    alpha.ok("send", "while it watches")
    until("while it watches")
    bravo.kill(signal.SIGKILL)
    assert "waiting for it" in watch.stderr.readline()
    alpha.ok("send", "while it waits")
    bravo.serve()
    until("while it waits")
    watch.send_signal(signal.SIGINT)
    assert watch.wait(100) == 0
    assert "go on from here with: tieline watch --since" in watch.stderr.read()
    watch.stdout.close()
    watch.stderr.close()
    numbers = [event["seq"] for event in seen if event.get("type") != "live"]
    assert len(set(map(str, numbers))) == len(numbers)


def test_nothing_is_lost_by_kill_9(line: Pair) -> None:
    alpha, bravo = line
    texts = [f"kill {number}" for number in range(6)]
    for text in texts[:3]:
        alpha.ok("send", text)
    bravo.said("kill 2")
    bravo.kill(signal.SIGKILL)
    for text in texts[3:]:
        alpha.ok("send", text)
    alpha.kill(signal.SIGKILL)  # right after it said that it has them
    down = alpha.run("status")
    assert (down.code, down.out) == (3, "")
    assert "start it with 'tieline serve'" in down.err
    assert "verified: " in alpha.ok("verify")  # a store that was left as it stood
    alpha.serve()
    bravo.serve()
    bravo.said("kill 5")
    for desk in (alpha, bravo):
        items = desk.call("log")["items"]
        assert isinstance(items, list)
        said = [item.get("text") for item in items if isinstance(item, dict)]
        assert [text for text in said if text in texts] == texts
        assert desk.run("verify").code == 0


def test_a_line_whose_peer_is_gone_is_down(line: Pair) -> None:
    alpha, bravo = line
    since = alpha.call("status")["journal"]
    assert isinstance(since, int)
    assert "the station is stopping" in bravo.ok("stop")
    alpha.until(lambda event: event.get("state") in ("silent since", "down"), since)
    assert alpha.run("status").code == 3
    troubled = alpha.run("doctor")
    assert troubled.code == 1
    assert "TROUBLE  BRAVO at 127.0.0.1:" in troubled.out
    assert "check the route" in troubled.out
    sent = alpha.ok("send", "while you were away")  # an officer can always still send
    assert "now: it goes there as soon as it can" in sent
    bravo.kill(signal.SIGTERM)
    bravo.serve()
    bravo.said("while you were away")


def test_bundles_carried_by_hand_where_there_is_no_connection(tmp_path: Path) -> None:
    for alpha, bravo in desks.pair(tmp_path, apart=True, real=False):
        alpha.ok("send", "by hand")
        assert "statements are sealed in news.bundle" in alpha.ok("export", "news.bundle")
        assert alpha.run("export", "news.bundle").code == 1  # never over another one
        copy(alpha.folder / "news.bundle", bravo.folder / "news.bundle")
        assert "a bundle of" in bravo.ok("verify", "news.bundle")
        assert "statements were new" in bravo.ok("import", "news.bundle")
        again = bravo.run("import", "news.bundle")
        assert again.code == 5
        assert "nothing new: all of it is here already" in again.out
        bravo.ok("ack", bravo.said("by hand"))
        bravo.ok("export", "back.bundle", "--to", "alpha")
        copy(bravo.folder / "back.bundle", alpha.folder / "back.bundle")
        alpha.ok("import", "back.bundle")
        assert "by hand  [BRAVO:A]" in alpha.ok("log")
        damaged = bytearray((alpha.folder / "back.bundle").read_bytes())
        damaged[-1] ^= 1
        (alpha.folder / "back.bundle").write_bytes(damaged)
        refused = alpha.run("import", "back.bundle")
        assert refused.code == 1
        assert "nothing has changed" in refused.err
        assert alpha.run("verify", "back.bundle").code == 4


def test_a_stick_that_two_put_in_at_once(tmp_path: Path) -> None:
    for alpha, bravo in desks.pair(tmp_path, apart=True, real=False):
        alpha.ok("send", "by hand")
        alpha.ok("export", "news.bundle")
        copy(alpha.folder / "news.bundle", bravo.folder / "news.bundle")
        bravo.real = True  # commands are processes of their own
        with ThreadPoolExecutor(3) as pool:
            tries = [pool.submit(bravo.run, "import", "news.bundle") for _ in range(3)]
            said = [each.result() for each in tries]
        assert sorted(each.code for each in said) == [0, 5, 5]
        bravo.kill()
        bravo.serve()
        assert bravo.run("import", "news.bundle", "--json").code == 5
        items = bravo.call("log")["items"]
        assert isinstance(items, list)
        assert [each.get("text") for each in items if isinstance(each, dict)].count("by hand") == 1


def test_a_party_with_two_stations_and_a_third_party_that_joins(tmp_path: Path) -> None:
    alpha, bravo, second, charlie = (
        Desk(tmp_path / name, passphrase=desks.PASSPHRASE if name in ("alpha", "two") else None)
        for name in ("alpha", "bravo", "two", "charlie")
    )
    every = (alpha, bravo, second, charlie)
    for desk in every:
        desk.real = False
    try:
        desks.found(alpha, bravo)
        for desk in (alpha, bravo):
            desk.serve()
        alpha.up()
        first = f"127.0.0.1:{desks.free_port()}"
        second.ok(
            "init", "--party", "ALPHA", "--name", "Party Alpha", "--station", "relay",
            "--root-from", str(alpha.home), "--address", first, "--officer", "Relay",
        )  # fmt: skip
        charlie.ok(
            "init", "--party", "CHARLIE", "--name", "C", "--key-file", "--officer", "Watch C",
            "--address", f"127.0.0.1:{desks.free_port()}",
        )  # fmt: skip
        for desk, others in (
            (alpha, (charlie,)),
            (bravo, (charlie,)),
            (second, (bravo, charlie)),
            (charlie, (alpha, bravo)),
        ):
            for other in others:
                name = f"{other.home.name}.tlcard"
                copy(other.home / "card.tlcard", desk.folder / name)
                desk.ok("card", "verify", name, stdin=desks.words(other) + "\n")
        copy(second.home / "card.tlcard", alpha.folder / "both.tlcard")
        changed = alpha.ok(
            "charter", "amend", "hotline.charter", "--card", "both.tlcard", "--card",
            "charlie.tlcard", "--sign",
        )  # fmt: skip
        assert f"+ party ALPHA: station relay at {first}" in changed
        path = "hotline-2.charter"
        copy(alpha.folder / path, bravo.folder / path)
        bravo.ok("charter", "sign", path)
        copy(bravo.folder / path, charlie.folder / path)
        charlie.ok("charter", "sign", path)
        for desk in every:
            if desk is not charlie:
                copy(charlie.folder / path, desk.folder / path)
            copy(alpha.folder / "hotline.charter", desk.folder / "hotline.charter")
            desk.ok("charter", "install", "hotline.charter", path)
        for desk in (second, charlie):
            desk.serve()
        alpha.ok("send", "all of us")
        for desk in (bravo, second, charlie):
            desk.said("all of us")
    finally:
        for desk in every:
            desk.kill()
