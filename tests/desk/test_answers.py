"""How every verb answers: exit codes, one JSON object each, and help that is quick."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.desk import desks
from tests.desk.desks import Desk, environment, one_object

from tieline.desk import cli
from tieline.desk.cli import build_parser

Pair = tuple[Desk, Desk]
SLOW = (
    "apsw",
    "asyncio",
    "cryptography",
    "jinja2",
    "json",
    "nacl",
    "rich",
    "segno",
    "starlette",
    "tieline.core",
    "uvicorn",
    "uvloop",
)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    yield from desks.pair(tmp_path_factory.mktemp("answers"), real=False)


def verbs() -> set[str]:
    parser = build_parser()
    return {
        name
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for name in action.choices
    }


# What each verb is asked, in an order in which each has something to do. N is the number of the
# newest statement of the other side.
DONE: list[tuple[str, ...]] = [
    ("card",), ("card", "words"), ("card", "list"),
    ("card", "verify", "alpha.tlcard", "--words", "W"),
    ("charter", "show", "hotline.charter"), ("charter", "show"),
    ("charter", "merge", "hotline.charter"), ("charter", "install", "hotline.charter"),
    ("charter", "new", "second", "--sign"),
    ("charter", "amend", "hotline.charter", "--four-eyes", "none"),
    ("charter", "sign", "hotline-2.charter"),
    ("send", "hello"), ("send", "-p", "flash", "draft"), ("drafts",), ("discard", "1"),
    ("send", "-p", "flash", "draft"), ("release", "2", "--officer", "Other"),
    ("ack", "N"), ("read-back", "N", "in our words"), ("pass-on", "N", "Unit 4"),
    ("joint", "we agree"), ("assent", "J"), ("suspend", "why"), ("resume",),
    ("staff", "off", "night"), ("staff", "on"), ("test-line",), ("status",), ("log",), ("log", "N"),
    ("verify",), ("verify", "hotline.charter"), ("export", "x.bundle"), ("doctor",),
    ("proof",), ("evidence", "--out", "line.html"), ("witness", "init", "w.example", "--key-file"),
    ("witness", "show"), ("keys",), ("keys", "show"),
    ("form",), ("obligations",), ("calendar",), ("quota",), ("pack", "list"),
    ("incident", "list"), ("desk", "officer", "list"), ("alarm", "list"), ("alarm", "outputs"),
    ("alarm", "silence"),
]  # fmt: skip


def test_every_verb_answers_with_one_json_object(line: Pair) -> None:
    alpha, bravo = line
    alpha.ok("send", "a question")
    alpha.ok("joint", "a proposal")
    given = {"N": bravo.said("a question"), "J": bravo.said("a proposal"), "W": desks.words(alpha)}
    asked = set()
    for command in DONE:
        said = bravo.run(*(given.get(word, word) for word in command), "--json")
        assert said.code == 0, (command, said)
        assert said.err == ""
        one_object(said.out)
        asked.add(command[0])
    alpha.ok("export", "y.bundle")
    desks.copy(alpha.folder / "y.bundle", bravo.folder / "y.bundle")
    one_object(bravo.ok("import", "y.bundle", "--json"))
    lines = bravo.ok("watch", "--until-live", "--json").splitlines()
    assert all(isinstance(json.loads(each), dict) for each in lines)
    asked |= {
        "import",
        "backup",
        "restore",
        "watch",
        "init",
        "serve",
        "stop",
        "explain",  # of an obligation, which this line has none of: test_agreements
        "exercise",  # takes a scenario and runs its own stations: tests/exercise
    }  # init, serve and stop: below
    assert asked == verbs()


def test_init_serve_and_stop_answer_in_json_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "one")
    desk.real = False
    made = one_object(desk.ok("init", "--party", "charlie", "--name", "C", "--key-file", "--json"))
    assert made["party"] == "CHARLIE"
    station = subprocess.Popen(
        [sys.executable, "-m", "tieline", "serve", "--json"],
        env=environment(desk.home, None),
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert station.stdout is not None
    assert one_object(station.stdout.readline())["ready"] is True
    assert one_object(desk.ok("stop", "--json")) == {"stopping": True}
    assert station.wait(100) == 0
    assert station.stdout.read() == ""
    station.stdout.close()


def test_a_station_without_a_charter_serves_and_says_what_is_missing(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "one")
    desk.real = False
    port = desks.free_port()
    desk.ok("init", "--party", "delta", "--name", "D", "--key-file", "--address", f"[::1]:{port}")
    desk.serve()
    try:
        assert "no line yet: install a charter" in desk.ok("status")
        refused = desk.run("send", "hello", "--officer", "D")
        assert (refused.code, refused.out) == (1, "")
        assert "install a charter first" in refused.err
        assert "TROUBLE  charter: none is installed" in desk.run("doctor").out
    finally:
        desk.kill()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ((), 2),
        (("nonsense",), 2),
        (("send",), 1),
        (("send", "x", "-p", "urgent"), 2),
        (("ack",), 2),
        (("ack", "999"), 1),
        (("release", "77"), 1),
        (("release", "x"), 2),
        (("log", "zz"), 1),
        (("send", "x", "--field", "a=b"), 1),
        (("send", "x", "--line", "nosuch"), 1),
        (("send", "half \udcff"), 2),
        (("charter", "new"), 1),
        (("charter", "new", "bad\u202ename"), 1),
        (("charter", "new", "x", "--four-eyes", "URGENT"), 1),
        (("charter", "new", "x", "--test-interval", "soon"), 1),
        (("charter", "new", "x", "--checkpoints", "soon"), 1),
        (("charter", "new", "x", "--checkpoints", "5m,0"), 1),
        (("card", "verify"), 1),
        (("card", "--qr", "card.gif"), 1),
        (("export", "hotline.charter"), 1),
        (("export", "nowhere/x.bundle"), 1),
        (("init", "--party", "X", "--name", "x"), 1),
        (("card", "verify", "alpha.tlcard", "--words", "wrong words"), 4),
        (("verify", "nonsense"), 4),
    ],
)
def test_refusals_have_their_exit_code_and_are_one_sentence(
    line: Pair, command: tuple[str, ...], code: int
) -> None:
    _, bravo = line
    (bravo.folder / "nonsense").write_text("nonsense\n")
    (bravo.home / "cards" / "tries.json").unlink(missing_ok=True)
    said = bravo.run(*command)
    assert said.code == code, said
    if command and command[0] != "verify":
        assert said.out == ""
        assert said.err.startswith("tieline: ")
        assert said.err.count("\n") == 1
        assert said.err.isprintable() or said.err[:-1].isprintable()
    again = bravo.run(*command, "--json")
    assert again.code == code
    if command:
        value = one_object(again.out)
        assert value["ok"] is False
        assert "error" in value or "problems" in value


def test_no_station_is_line_down(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "none")
    desk.real = False
    desk.ok("init", "--party", "alpha", "--name", "A", "--key-file", "--officer", "A")
    for command in (("status",), ("send", "x"), ("log",), ("watch",), ("stop",), ("drafts",)):
        said = desk.run(*command)
        assert said.code == 3
        assert "start it with 'tieline serve'" in said.err
        value = one_object(desk.run(*command, "--json").out)
        assert isinstance(value["error"], dict)
        assert value["error"]["code"] == "station.down"


def test_a_wrong_passphrase_opens_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "locked", passphrase=desks.PASSPHRASE)
    desk.real = False
    desk.ok("init", "--party", "alpha", "--name", "A", "--officer", "A")
    desk.passphrase = "another one altogether"
    for command in (("serve",), ("verify",)):
        said = desk.run(*command)
        assert said.code == 1
        assert "does not open: the passphrase or key file is wrong" in said.err
    desk.passphrase = None  # and no terminal to ask at
    said = desk.run("serve")
    assert said.code == 1
    assert "set TIELINE_PASSPHRASE" in said.err


@pytest.mark.parametrize(
    "bad",
    [
        ("--party", "9X"),
        ("--name", ""),
        ("--address", "a b"),
        ("--station", "two\u202ewords"),
        ("--root-from", "nowhere"),
    ],
)
def test_an_init_that_is_refused_leaves_nothing(tmp_path: Path, bad: tuple[str, str]) -> None:
    desk = Desk(tmp_path / "new")
    desk.real = False
    command = ["init", "--party", "ALPHA", "--name", "A", "--key-file", *bad]
    assert desk.run(*command).code == 1
    assert not desk.home.exists() or list(desk.home.iterdir()) == []
    desk.passphrase = "short"
    assert desk.run("init", "--party", "ALPHA", "--name", "A").code == 1
    assert list(desk.home.iterdir()) == []
    desk.ok("init", "--party", "ALPHA", "--name", "A", "--key-file")


def test_words_are_refused_for_the_day_after_three_wrong_tries(line: Pair) -> None:
    alpha, bravo = line
    tries = alpha.home / "cards" / "tries.json"
    for left in (2, 1, 0):
        wrong = alpha.run("card", "verify", "bravo.tlcard", stdin="wrong words\n")
        assert wrong.code == 4
        assert f"{left} of 3 tries are left" in wrong.err
    right = alpha.run("card", "verify", "bravo.tlcard", stdin=desks.words(bravo) + "\n")
    assert right.code == 4
    assert "3 wrong tries were made" in right.err
    tries.unlink()
    assert alpha.run("card", "verify", "bravo.tlcard").code == 1  # nothing typed is no try
    alpha.ok("card", "verify", "bravo.tlcard", stdin=desks.words(bravo) + "\n")


@pytest.mark.parametrize("command", ["--help", "--version", "send --help", "charter --help"])
def test_help_is_quick(tmp_path: Path, command: str) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seen = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tieline", *command.split()],
        env=environment(tmp_path, None),
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=200,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    imported = {row.rpartition("|")[2].strip() for row in seen.stderr.splitlines()}
    assert "argparse" in imported
    assert not [name for name in imported if name.startswith(SLOW)]
    # What the processor worked, not how long this machine, which tests much else, took: about
    # 60 ms; 300 would be felt at a quick machine too.
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < 0.3


def test_the_version_and_a_missing_verb_are_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--json", "--version"]) == 0
    assert json.loads(capsys.readouterr().out)["protocol"] == 1
    assert cli.main(["--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"
