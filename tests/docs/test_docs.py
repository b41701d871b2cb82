"""The documentation is right, and each of its checks can say that it is not."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import docs  # noqa: E402  # a script of the repository, not a package
import errorcodes  # noqa: E402


def test_the_documentation_says_what_is() -> None:
    assert docs.findings(ROOT, write=False) == []


# ----------------------------------------------------------------------------------------- links


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("# One head\n\n## `tieline` and *more*\n", "utf-8")
    text = (
        "# Here\n[a](b.md) [b](b.md#one-head) [c](#here) [d](https://x.example/y) `[e](e.md)`\n"
        "[f](b.md#tieline-and-more)\n```\n[g](g.md)\n```\n"
        "[h](c.md) ![i](i.svg) [j](b.md#no-head) [k](#nor-this)\n"
    )
    (tmp_path / "a.md").write_text(text, "utf-8")
    found = docs.check_links(docs.pages(tmp_path), tmp_path)
    assert [line.split()[-1] for line in found] == ["nowhere", "nowhere", "heading", "heading"]
    assert "c.md" in found[0]
    assert "i.svg" in found[1]


@pytest.mark.parametrize(
    "text", ["see /" + "work/x", "in `/" + "root/.cache`", "/home/anna/x", "/Users/a/b"]
)
def test_paths_of_a_machine_are_found(text: str) -> None:
    assert docs.check_machine({"a.md": text})


@pytest.mark.parametrize("text", ["~/.tieline", "src/root/x", "$HOME/work/x", "/etc/tieline"])
def test_other_paths_are_not(text: str) -> None:
    assert docs.check_machine({"a.md": text}) == []


def test_files_that_are_not_there_are_found(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    text = "`src/` `src/no.py` `tests/x` `out/y` `src/no.py --option`\n```\n`src/fenced`\n```\n"
    assert docs.check_paths({"a.md": text}, tmp_path) == [
        "a.md: there is no src/no.py",
        "a.md: there is no tests/x",
    ]


# -------------------------------------------------------------------------------------- commands


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="tieline")
    made.add_argument("--version", action="store_true", help="say it")
    verbs = made.add_subparsers()
    card = verbs.add_parser("card", description="show a card")
    card.add_argument("action", nargs="?", choices=("show", "verify"))
    card.add_argument("file", nargs="?", help="a card file")
    card.add_argument("--out", metavar="FILE", help="where to")
    card.add_argument("--home", help="where")
    verbs.add_parser("log", description="the record.")
    actions = verbs.add_parser("incident", description="incidents").add_subparsers(dest="action")
    actions.add_parser("show", description="one of them").add_argument("name", help="which")
    return made


USAGE = "  demo [--headless --out DIR]   play\n  help    this\n"


@pytest.mark.parametrize(
    "text",
    [
        "`tieline card show|verify --out x`",
        "`tieline --version`",
        "```\n$ TIELINE_HOME=a tieline card verify b.card --out c   # --nothing\n```",
        "```\ntieline card \\\n  --out a\n```",
        '```\ntieline card --out "a --b"\n```',
        "`./dev demo --headless --out DIR`",
        "`./dev`",
        "`tieline log | grep --count x`",
        "say tieline wrong --bad without marks",
        "`tieline incident show x`",
    ],
)
def test_commands_that_exist_pass(text: str) -> None:
    assert docs.check_commands({"a.md": text}, parser(), USAGE) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("`tieline nothing`", "no verb nothing"),
        ("`tieline card|nothing`", "no verb nothing"),
        ("`tieline card --nothing`", "no option --nothing"),
        ("`tieline log --out x`", "no option --out"),
        ("`tieline card show|hide`", "hide is none of"),
        ("```\n.venv/bin/tieline log -x\n```", "no option -x"),
        ("`tieline incident hide`", "no verb hide"),
        ("`./dev fly`", "no verb fly"),
        ("`./dev demo --fast`", "no option --fast"),
    ],
)
def test_commands_that_do_not_are_found(text: str, what: str) -> None:
    (found,) = docs.check_commands({"a.md": text}, parser(), USAGE)
    assert what in found


def test_the_page_of_commands_follows_the_parser() -> None:
    page = docs.commands_page(parser())
    assert "## card\n\nShow a card.\n\n`tieline card [show|verify] [FILE]`" in page
    assert "| `--out FILE` | where to |" in page
    assert "--home`" not in page
    assert "## log\n\nThe record.\n\n`tieline log`\n\n## incident\n" in page
    assert "### incident show\n\nOne of them.\n\n`tieline incident show NAME`" in page


def test_made_pages_that_are_old_are_found(tmp_path: Path) -> None:
    (tmp_path / "src" / "tieline").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    (tmp_path / "dev").write_text(USAGE, "utf-8")
    (tmp_path / "docs" / "errors.md").write_text("# Old\n", "utf-8")
    found = docs.findings(tmp_path, write=False)
    assert sum("would be now" in line for line in found) == 3
    found = docs.findings(tmp_path, write=True)
    assert not [line for line in found if "would be now" in line]


# ----------------------------------------------------------------------------------------- errors

SOURCE = """
def plain():
    raise RemoteError("encode.bad", "the bytes are bad; send others")

def made(part, what):
    return LocalError(f"charter.{part}", f"the charter {what}; make it anew")

def calls():
    raise made("clocks", "has no clocks")

def further(part):
    raise made(part, "is odd")

def deep():
    further("tests")

def fields(value):
    return Fields(value, "statement body")

def again(error):
    raise RemoteError(error.code, error.message)

def answer():
    return {"code": "api.long", "message": "the line is too long"}

FULL = "store.full"

def constant():
    return Alarm(code=FULL, text="no room")

def refuse(code, message):
    return {"code": code, "message": message}

def refused(error):
    refuse("station.gone", "no station answers")
    refuse(error.code, error.message)

def variable(kind):
    return kind("charter.root", "another root")
"""


def test_codes_are_followed_to_where_they_are_made() -> None:
    codes = errorcodes.Codes({"m": SOURCE})
    assert codes.unclear == []
    assert sorted(codes.found) == [
        "api.long",
        "charter.clocks",
        "charter.root",
        "charter.tests",
        "encode.bad",
        "statement_body.field",
        "station.gone",
        "store.full",
    ]
    assert codes.found["encode.bad"].sentences == ["the bytes are bad; send others"]
    assert codes.found["encode.bad"].kinds == {"theirs"}


def test_sentences_come_from_the_calls() -> None:
    source = SOURCE.split("def further", maxsplit=1)[0]
    codes = errorcodes.Codes({"m": source})
    assert codes.found["charter.clocks"].sentences == ["the charter has no clocks; make it anew"]


def test_a_code_that_cannot_be_followed_is_a_finding() -> None:
    source = "def f(x):\n    y = x.z()\n    raise LocalError(y, 'text')\n"
    codes = errorcodes.Codes({"m": source})
    assert len(codes.unclear) == 1
    assert "m.f" in docs.check_errors(codes)[0]


def test_families_and_sentences_are_held_against_the_source() -> None:
    source = "def f():\n    raise LocalError('unheard.of', make())\n"
    found = docs.check_errors(errorcodes.Codes({"m": source}))
    assert "tools/errorfamilies.py: the family 'unheard' has no line in FAMILIES" in found
    assert "tools/errorfamilies.py: no error has the family 'encode'" in found
    assert "tools/errorfamilies.py: no error has the code 'tls.pin'" in found
    assert [line for line in found if "'unheard.of' has no sentence" in line]


def test_a_page_that_names_a_code_which_is_not_raised_is_found() -> None:
    codes = errorcodes.Codes({"m": SOURCE})
    text = "`encode.bad` `encode.worse` `other.thing` `api.md`\n```\n`encode.fenced`\n```\n"
    assert docs.check_named_codes({"a.md": text}, codes) == [
        "a.md: no error has the code encode.worse"
    ]
