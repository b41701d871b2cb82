"""Cases inside packs: those that ship hold, and one that does not is found."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import pytest
from tests.core.agreement import small

from tieline.core.agreement.cases import Played, run, schema
from tieline.core.agreement.load import load
from tieline.core.agreement.model import Pack
from tieline.core.errors import PackUnfit
from tieline.node import packs

CASES = """\
[[case]]
id = "in-time"
about = "The reply comes at the limit."
parties = ["ALPHA", "CHARLIE"]
[[case.message]]
as = "ask"
from = "ALPHA"
form = "ask"
at = 2028-02-28T09:00:00Z
fields = { what = "know", phase = [{ troops = 8999 }, { troops = [9000, 50] }] }
received = { CHARLIE = 2028-02-28T10:00:00Z }
[[case.message]]
as = "reply"
from = "CHARLIE"
form = "reply"
at = 2028-03-01T10:00:00Z
answers = "ask"
fields = { text = "It is an exercise." }
[[case.expect]]
at = 2028-03-01T11:00:00Z
rule = "reply-in-time"
debtor = "CHARLIE"
state = "met"
due = 2028-03-01T10:00:00Z
[[case.expect]]
at = 2028-03-01T11:00:00Z
rule = "notifiable"
message = "ask"
state = "crossed"
"""


def pack(**changed: str) -> Pack:
    files = {**small.FILES, **{f"{name}.toml": text for name, text in changed.items()}}
    return load(packs.parse(name, text.encode())[0] for name, text in files.items())


def play(text: str = CASES, made: Pack | None = None) -> list[Played]:
    return run(made or pack(), packs.parse("cases.toml", text.encode())[0])


def said(played: Sequence[Played]) -> list[str]:
    return [str(fault) for each in played for fault in each.faults]


@pytest.mark.parametrize("name", [n for n in packs.shipped() if packs.find(n).rules])
def test_the_cases_of_a_shipped_pack_hold(name: str) -> None:
    folder = packs.folder_of(name)
    source = packs.read_cases(folder)
    assert source is not None
    played = run(packs.read_folder(folder), source)
    assert said(played) == []
    jsonschema = importlib.import_module("jsonschema")
    validator = jsonschema.Draft202012Validator(schema())
    assert [each.message for each in validator.iter_errors(source.table)] == []
    ids = [each.case.id for each in played]
    assert len(set(ids)) == len(ids) > 0


@pytest.mark.parametrize("name", ["crisis", "humanitarian-notification", "ceasefire-monitoring"])
def test_every_rule_has_a_case(name: str) -> None:
    folder = packs.folder_of(name)
    source = packs.read_cases(folder)
    assert source is not None
    made = packs.read_folder(folder)
    played = run(made, source)
    tried = {wanted.rule for each in played for wanted in each.case.expected}
    assert tried == set(made.rules)


def test_a_case_that_holds_has_no_fault() -> None:
    assert said(play()) == []


@pytest.mark.parametrize(
    ("old", "new", "want"),
    [
        ("at = 2028-03-01T10:00:00Z\nanswers", "at = 2028-03-01T10:00:01Z\nanswers",
         "cases.toml:19: state should be met and is late"),
        ('state = "crossed"', 'state = "below"',
         "cases.toml:25: state should be below and is crossed"),
        ("due = 2028-03-01T10:00:00Z", "due = 2028-03-01T09:00:00Z",
         "cases.toml:19: due should be 2028-03-01T09:00:00Z and is 2028-03-01T10:00:00Z"),
        ('answers = "ask"', 'answers = "query"',
         "cases.toml:17: no earlier message is called 'query'"),
        ('what = "know"', 'what = "knew"',
         "cases.toml:10: 'what' is not written as a code is in a case"),
        ("troops = 8999", "troops = 8999000",
         "cases.toml:10: the answer of 'phase[1].troops' is wrong: field.range"),
        ("{ troops = 8999 }", "{ troop = 8999 }",
         "cases.toml:10: there is no field 'troop' (perhaps 'troops')"),
        ('rule = "notifiable"', 'rule = "noted"',
         "cases.toml:25: there is no rule 'noted'; correct the name"),
        ('form = "reply"', 'form = "answer"',
         "cases.toml:15: there is no form 'answer'; correct the name"),
        ("{ CHARLIE = 2028-02-28T10:00:00Z }", "{ DELTA = 2028-02-28T10:00:00Z }",
         "cases.toml:11: 'received' holds a UTC time by each party's code"),
        ('from = "CHARLIE"', 'from = "DELTA"',
         "cases.toml:12: 'DELTA' is none of the parties of the case; add it there"),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_said_with_its_line(old: str, new: str, want: str) -> None:
    assert CASES.count(old) == 1
    assert want in said(play(CASES.replace(old, new)))


def test_a_rule_that_is_changed_fails_its_case() -> None:
    changed = pack(rules=small.RULES.replace("48h", "47h59m59s"))
    assert said(play(made=changed)) == [
        "cases.toml:19: state should be met and is late",
        "cases.toml:19: due should be 2028-03-01T10:00:00Z and is 2028-03-01T09:59:59Z",
    ]


def test_a_file_that_is_no_file_of_cases_is_refused() -> None:
    with pytest.raises(PackUnfit) as refused:
        play(CASES.replace("[[case.expect]]", "[[case.expects]]"))
    assert "has no key 'expects' (perhaps 'expect')" in refused.value.message
