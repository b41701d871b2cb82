"""Files of a pack: read whole, or refused with every fault and its line."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.agreement import small

from tieline.core import encode
from tieline.core.agreement import load as loading
from tieline.core.agreement import model, vocabulary
from tieline.core.agreement.load import pack_from_bytes, to_bytes
from tieline.core.agreement.model import Pack
from tieline.core.errors import PackUnfit, RemoteError
from tieline.core.terms import MAX_TIME_MS, rfc3339
from tieline.node.packs import parse, read_folder


def small_pack() -> Pack:
    return loading.load(parse(name, text.encode())[0] for name, text in small.FILES.items())


def faults(**changed: str) -> list[str]:
    files = {**small.FILES, **{f"{k.replace('_', '/')}.toml": v for k, v in changed.items()}}
    with pytest.raises(PackUnfit) as refused:
        loading.load(parse(name, text.encode())[0] for name, text in files.items())
    assert str(refused.value.faults[0]) in refused.value.message
    return [str(fault) for fault in refused.value.faults]


def line_of(text: str, needle: str, count: int = 1) -> int:
    """The line of the count-th occurrence of a text."""
    at = -1
    for _ in range(count):
        at = text.index(needle, at + 1)
    return text.count("\n", 0, at) + 1


def test_a_whole_pack_is_read_as_it_is_written() -> None:
    pack = small_pack()
    what = pack.forms["ask"].fields[0]
    assert what.cite == model.Cite("IV", model.Provenance.READ)
    assert what.specials == {model.Special.WITHHELD, model.Special.NOT_KNOWN}
    assert pack.codes["knowledge"][1].cite == model.Cite("IV.2", model.Provenance.MEMORY)
    rule = pack.rules["reply-in-time"]
    assert isinstance(rule, model.Deadline)
    assert rule.not_after_ms == 48 * 3_600_000
    assert rule.when == (model.Condition(path="what", one_of=("know",)),)
    assert pack.status[0].since_ms == 1_676_937_600_000
    assert pack.form_id(pack.forms["ask"]) == "sm/ask"
    assert pack.words["fr"] == {"pack.title": "Un petit recueil"}


# What to change in which file, on which occurrence of it the fault stands, and what is said of it.
BROKEN = [
    ("forms", 'id = "reply"\nnumber = 2', 'id = "reply"\nnumber = 1', "number 1 of form 'reply'"),
    ("forms", 'id = "reply"', 'id = "ask"', "the form 'ask' is there twice"),
    ("forms", 'codes = "knowledge"', 'codes = "nowledge"', "no code list 'nowledge' (perhaps"),
    ("forms", 'type = "count"', 'type = "float"', "'type' must be one of code, count"),
    ("forms", "low = 0", "low = 5.5", "'low' must be a whole number"),
    ("forms", "low = 0", "low = 2000000", "at least 2000000 and at most 1000000"),
    ("forms", "repeat = [1, 9]", "repeat = [9, 1]", "'repeat' must be two numbers"),
    ("forms", "flash = true", "flush = true", "no key 'flush' (perhaps 'flash')"),
    ("forms", 'answers = ["ask"]', 'answers = ["asked"]', "no form 'asked' (perhaps 'ask')"),
    ("forms", 'id = "troops"', 'id = "Troops"', "'id' must be a name of lower-case letters"),
    ("forms", 'id = "start"', 'id = "troops"', "the field 'phase.troops' is in form 'ask' twice"),
    ("rules", 'on = "ask"', 'on = "query"', "no form 'query'"),
    ("rules", '"48h"', '"48 hours"', "'not_after' must be a period"),
    ("rules", '"48h"', '"999999d"', "a hundred years at most"),
    ("rules", 'not_after = "48h"', 'not_after = "1h"\nnot_before = "2h"', "begins after it ends"),
    ("rules", 'not_after = "48h"', "lapses = true", "what has no bound never lapses"),
    ("rules", 'not_after = "48h"', 'threshold = "many"', "there is no threshold 'many'"),
    ("rules", 'not_after = "48h"', "month = 2", "only the base 'calendar' has a month"),
    ("rules", 'one_of = ["know"]', 'one_of = ["knew"]', "'knew' (perhaps 'know')"),
    ("rules", 'base = "receipt"', 'base = "start"', "needs the field of its time"),
    ("rules", "at_least = 9000", "at_least = 2000000", "so 2000000 is never reached"),
    ("rules", "phase.troops", "phase.start", "is of type time, and count is needed"),
    ("rules", 'label = "notifiable"', 'label = "observable"', "lacks the text 'observable'"),
    ("words_en", '"form.ask.title"', '"form.asked.title"', "nothing in the pack uses the text"),
    ("words_en", "form.ask.title", "Form.ask.title", "must be the key of a text"),
    ("words_fr", "recueil", "rec\\u202eueil", "must be a text without control characters"),
    ("pack", "version = 3", "version = 0", "'version' must be a whole number from 1"),
    ("pack", '"fr"', '"de"', "there is no words/de.toml"),
    ("pack", "number = 2", "number = 1", "number 1 of item 'do-not-know'"),
    ("pack", '["ALPHA", "BRAVO"]', '["BRAVO", "ALPHA"]', "in alphabetical order"),
    ("pack", "since = 2023-02-21T00:00:00Z", "since = 2023-02-21", "must be a UTC time"),
    ("pack", "format = 1", "format = 2", "written in format 2 and this software reads format 1"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "said"), BROKEN, ids=[row[3] for row in BROKEN])
def test_a_fault_is_said_with_its_file(name: str, old: str, new: str, said: str) -> None:
    before = small.FILES[f"{name.replace('_', '/')}.toml"]
    assert old in before
    found = faults(**{name: before.replace(old, new, 1)})
    (mine,) = [line for line in found if said in line]
    assert mine.startswith(f"{name.replace('_', '/')}.toml:")
    assert not mine.endswith(".")
    assert "\n" not in mine


def test_every_fault_is_said_at_once_and_at_its_line() -> None:
    forms = (
        small.FORMS.replace('codes = "knowledge"', 'codes = "nowledge"')
        .replace("low = 0", "low = 2000000")
        .replace("required = true\n[[form.field]]", "requird = true\n[[form.field]]", 1)
    )
    rules = small.RULES.replace('"phase.troops"', '"phase.troop"')
    found = faults(forms=forms, rules=rules)
    want = [
        f"forms.toml:{line_of(forms, 'nowledge')}: ",
        f"forms.toml:{line_of(forms, 'requird')}: ",
        f"forms.toml:{line_of(forms, 'low = 2000000')}: ",
        f"rules.toml:{line_of(rules, 'any_of')}: ",
    ]
    for start in want:
        assert [line for line in found if line.startswith(start)], (start, found)


def test_missing_english_is_said_where_the_thing_stands() -> None:
    words = small.EN.replace('"field.ask.phase.troops" = "Troops"\n', "")
    where = line_of(small.FORMS, "[[form.field.field]]")
    assert faults(words_en=words) == [
        f"forms.toml:{where}: words/en.toml lacks the text 'field.ask.phase.troops'; add it"
    ]


def test_faults_end_at_the_bound() -> None:
    many = "".join(f'"form.ask.x{n}" = "y"\n' for n in range(200))
    files = {**small.FILES, "words/en.toml": small.EN + many}
    with pytest.raises(PackUnfit) as refused:
        loading.load(parse(name, text.encode())[0] for name, text in files.items())
    assert len(refused.value.faults) == 50
    assert "49 or more further" in refused.value.message


def test_predecessors_in_a_circle_and_answers_without_end_are_refused() -> None:
    circle = small.FORMS.replace(
        "flash = true",
        'flash = true\nanswers = ["reply"]\n[[form.predecessor]]\nforms = ["reply"]\n'
        'role = "answers"\nrequired = true',
    )
    found = faults(forms=circle)
    assert sum("can never be sent" in line for line in found) == 2
    endless = small.FORMS.replace("flash = true", 'flash = true\nanswers = ["reply"]')
    rules = small.RULES.replace('when = [{ path = "what", one_of = ["know"] }]', "") + (
        '[[deadline]]\nid = "again"\non = "reply"\nbase = "issue"\nwho = "receivers"\n'
        'by = ["ask"]\nnot_after = "1h"\n'
    )
    words = small.EN + '"rule.again.title" = "Again"\n'
    found = faults(forms=endless, rules=rules, words_en=words)
    assert sum("answering never ends" in line for line in found) == 2


# --------------------------------------------------------------------------------- canonical bytes


def test_the_canonical_bytes_give_the_same_pack() -> None:
    pack = small_pack()
    again = pack_from_bytes(pack.body)
    for each in fields(Pack):
        assert getattr(again, each.name) == getattr(pack, each.name), each.name
    assert to_bytes(again) == pack.body


def test_the_hash_is_that_of_what_is_said_and_not_of_how() -> None:
    files = dict(small.FILES)
    before = small_pack().hash
    files["forms.toml"] = "# a remark\n" + files["forms.toml"].replace(" = ", "=")
    files["pack.toml"] = files["pack.toml"].replace("+00:00", "Z")
    files["forms/second.toml"] = files["forms.toml"][files["forms.toml"].index('[[form]]\nid="r') :]
    files["forms.toml"] = files["forms.toml"].removesuffix(files["forms/second.toml"])
    same = loading.load(parse(name, text.encode())[0] for name, text in files.items())
    assert same.hash == before
    files["words/fr.toml"] = files["words/fr.toml"].replace("petit", "grand")
    other = loading.load(parse(name, text.encode())[0] for name, text in files.items())
    assert other.hash != before


@given(st.data())
def test_changed_bytes_are_refused_or_another_canonical_pack(data: st.DataObject) -> None:
    body = bytearray(small_pack_body())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at] = data.draw(st.integers(0, 255))
    try:
        pack = pack_from_bytes(bytes(body))
    except (RemoteError, PackUnfit):
        return
    assert to_bytes(pack) == pack.body == bytes(body)


_BODY: list[bytes] = []


def small_pack_body() -> bytes:
    if not _BODY:
        _BODY.append(small_pack().body)
    return _BODY[0]


def _parts() -> dict[int, encode.Value]:
    value = encode.loads(small_pack_body(), loading.LIMITS)
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize(
    ("part", "change"),
    [
        (1, lambda forms: (*forms, forms[0])),  # a form twice
        (1, lambda forms: ({**forms[0], 99: 1}, *forms[1:])),  # an unknown key
        (1, lambda forms: ({**forms[0], 13: True}, *forms[1:])),  # a default written out
        (3, lambda rules: ({**rules[0], 0: 9}, *rules[1:])),  # an unknown kind of rule
        (3, lambda rules: tuple({k: v for k, v in r.items() if k} for r in rules)),
        (4, lambda words: words[:1]),  # a language without its words
        (4, lambda words: ({**words[0], 5: words[0][5][2:] + words[0][5][:2]}, words[1])),
        (0, lambda head: {**head, 3: 2}),  # a newer format
        (5, lambda _: 1),
    ],
)
def test_what_is_not_canonical_is_refused(part: int, change: object) -> None:
    parts = _parts()
    assert callable(change)
    parts[part] = change(parts.get(part))
    with pytest.raises(RemoteError) as refused:
        pack_from_bytes(encode.dumps(parts))
    assert refused.value.code == "pack.bytes"


def test_a_pack_in_bytes_must_fit_together_too() -> None:
    parts = _parts()
    rules = parts[3]
    assert isinstance(rules, tuple)
    assert isinstance(rules[0], dict)
    parts[3] = ({**rules[0], 4: "query"}, *rules[1:])
    with pytest.raises(PackUnfit, match="no form 'query'"):
        pack_from_bytes(encode.dumps(parts))


def test_the_numbers_of_the_canonical_encoding_stand() -> None:
    """Old packs are read by them: they change in no version."""
    shapes = (*loading.FILES, *vocabulary.RULES, vocabulary.ITEM, vocabulary.FIELD,
              vocabulary.PREDECESSOR, vocabulary.FORM, vocabulary.PHRASE)  # fmt: skip
    for shape in shapes:
        numbers = [key.number for key in shape.keys]
        assert numbers == list(range(3, 3 + len(numbers)))
    assert small_pack().hash.hex() == small.HASH


@given(st.integers(0, MAX_TIME_MS // 1000))
def test_an_instant_is_read_as_it_is_written(second: int) -> None:
    assert vocabulary.instant(rfc3339(second * 1000)) == second * 1000


@pytest.mark.parametrize(
    "text",
    [
        "2023-02-29T00:00:00Z",
        "2023-02-28T24:00:00Z",
        "1969-12-31T23:59:59Z",
        "2023-13-01T00:00:00Z",
        "2023-01-00T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "2023-01-01 00:00:00Z",
    ],
)
def test_what_is_no_instant_is_none(text: str) -> None:
    assert vocabulary.instant(text) is None


def test_a_folder_is_read_by_its_files(tmp_path: Path) -> None:
    assert read_folder(small.write(tmp_path)).hash == small_pack().hash


VECTORS = Path(__file__).parents[3] / "vectors" / "pack"


def cases(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((VECTORS / name).read_text("utf-8"))["cases"]
    return found


@pytest.mark.parametrize("case", cases("accept.json"), ids=lambda case: case["name"])
def test_a_golden_pack_stands(case: dict[str, Any]) -> None:
    """Made without this code: the bytes and the hash change with no version of it."""
    made = loading.load(parse(n, text.encode())[0] for n, text in case["files"].items())
    assert made.body.hex() == case["body"]
    assert made.hash.hex() == case["hash"]
    assert pack_from_bytes(bytes.fromhex(case["body"])).hash == made.hash


@pytest.mark.parametrize("case", cases("refuse.json"), ids=lambda case: case["name"])
def test_what_is_no_pack_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises((RemoteError, PackUnfit)) as refused:
        pack_from_bytes(bytes.fromhex(case["body"]))
    assert refused.value.code == case["code"]
