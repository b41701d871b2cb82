"""How every verb answers: exit codes, one JSON object each, and help that is quick."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.desk import desks
from tests.desk.desks import Desk, environment, one_object

from tieline.desk import cli
from tieline.desk.cli.parser import Parser
from tieline.desk.cli.verbs import build

Pair = tuple[Desk, Desk]
SLOW = (
    "apsw", "asyncio", "bz2", "cryptography", "dataclasses", "inspect", "ipaddress", "jinja2",
    "json", "lzma", "nacl", "pathlib", "rich", "segno", "shutil", "socket", "starlette",
    "tieline.core", "tieline.node", "tomllib", "typing", "urllib", "uvicorn", "uvloop",
)  # fmt: skip
# Of the command line, what help needs: the parser and the words of the verbs.
OF_HELP = (
    "parser", "verbs", "deskverbs", "incidentverbs", "jointverbs", "ruleverbs", "sendverb",
    "stationverbs",
)  # fmt: skip


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    yield from desks.pair(tmp_path_factory.mktemp("answers"), real=False)


def verbs() -> set[str]:
    return set(choices(build(None)))


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
    taken = bravo.run("import", "y.bundle", "--json")
    # The line has brought it before; a receipt that comes in that moment counts as news.
    assert taken.code in (0, 5)
    one_object(taken.out)
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


def imported(*given: str, home: Path) -> set[str]:
    """The modules that a Python loads which is called with these words."""
    seen = subprocess.run(
        [sys.executable, "-X", "importtime", *given],
        env=environment(home, None) | {"COLUMNS": "100"},
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=200,
    )
    return {row.rpartition("|")[2].strip() for row in seen.stderr.splitlines()}


@pytest.mark.parametrize("command", ["--help", "--version", "send --help", "charter --help"])
def test_help_loads_its_words_and_nothing_slow(tmp_path: Path, command: str) -> None:
    # What any program loads that parses its words with this Python is not ours to leave out.
    words = "import argparse, resource; argparse.ArgumentParser(formatter_class=lambda prog:"
    least = imported(
        "-c", f"{words} argparse.HelpFormatter(prog, width=78)).print_help()", home=tmp_path
    )
    found = imported("-m", "tieline", *command.split(), home=tmp_path)
    assert "argparse" in found
    ours = {name for name in found if name.partition(".")[0] == "tieline"}
    assert ours == {"tieline", "tieline.desk", "tieline.desk.cli", "tieline.desk.confined"} | {
        f"tieline.desk.cli.{name}" for name in OF_HELP
    }
    assert not [name for name in found - least if name.startswith(SLOW)]


def test_a_command_makes_no_verb_but_its_own() -> None:
    whole, one = choices(build(None)), choices(build(["incident", "open", "--json"]))
    assert list(one) == list(whole)  # help and a wrong verb's refusal name them all
    assert {name for name, verb in one.items() if not verb.empty} == {"incident"}
    actions = choices(one["incident"])
    assert list(actions) == list(choices(whole["incident"]))
    assert {name for name, action in actions.items() if not action.empty} == {"open"}


def test_what_one_verb_takes_is_what_it_takes_among_all() -> None:
    whole = choices(build(None))
    for name, verb in whole.items():
        alone = choices(build([name]))[name]
        assert alone.format_help() == verb.format_help()
        assert alone._defaults == verb._defaults
    for name, action in choices(whole["incident"]).items():
        alone = choices(choices(build(["incident", name]))["incident"])[name]
        assert alone.format_help() == action.format_help()
        assert alone._defaults == action._defaults


@pytest.mark.parametrize(("given", "wide"), [("60", 60), ("100", 100), ("0", 80), ("x", 80)])
def test_help_is_as_wide_as_the_terminal(
    monkeypatch: pytest.MonkeyPatch, given: str, wide: int
) -> None:
    monkeypatch.setenv("COLUMNS", given)
    monkeypatch.setattr(sys, "__stdout__", None)  # no terminal
    rows = build(["send"]).format_help().splitlines()
    assert wide - 20 < max(len(row) for row in rows) <= wide


def choices(parser: argparse.ArgumentParser) -> dict[str, Parser]:
    found: dict[str, Parser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found.update(action.choices)
    return found


def test_the_version_and_a_missing_verb_are_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--json", "--version"]) == 0
    assert json.loads(capsys.readouterr().out)["protocol"] == 1
    assert cli.main(["--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"
