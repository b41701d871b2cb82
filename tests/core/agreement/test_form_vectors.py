"""The vectors of form fields, which were made without our code, read and write as they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.core.agreement.made import CITE, form_of, pack_of

from tieline.core import encode
from tieline.core.agreement import plain, radio, slash
from tieline.core.agreement.layout import Sheet, lay_out
from tieline.core.agreement.message import Values, examine
from tieline.core.agreement.model import CodeItem, Field, FieldType, Form, Pack, Phrase, Special
from tieline.core.agreement.phrases import is_expected
from tieline.core.agreement.radio import check_word
from tieline.core.agreement.tongue import Tongue
from tieline.core.agreement.value import Problem, read_value, wire_value
from tieline.core.terms import Precedence

FOLDER = Path(__file__).parents[3] / "vectors" / "form"


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return loaded


ITEMS = tuple(
    CodeItem(number=int(number), id=id_, cite=CITE)
    for number, id_ in load("values")["codes"].items()
)


def free(kind: str) -> Field:
    return Field(
        number=1, id="f", type=FieldType(kind), cite=CITE, codes="list", specials=frozenset(Special)
    )


def test_every_value_reads_and_writes_as_it_says() -> None:
    for case in load("values")["cases"]:
        wire = bytes.fromhex(case["wire"])
        answer = read_value(free(case["type"]), encode.loads(wire), ITEMS)
        assert not isinstance(answer, Problem), case
        assert encode.dumps(wire_value(answer)) == wire
        assert plain.write(answer) == case["text"] or case["type"] == "position"
        assert plain.write(answer, '"') == case["text"] or case["type"] != "position"
        assert plain.read(free(case["type"]), case["text"], ITEMS) == answer


def test_what_is_no_value_is_refused_by_name() -> None:
    for case in load("refuse")["cases"]:
        wire = encode.loads(bytes.fromhex(case["wire"]))
        got = read_value(free(case["type"]), wire, ITEMS)
        assert isinstance(got, Problem), case
        assert got.code == case["code"], case


def field(data: dict[str, Any]) -> Field:
    return Field(
        number=data["number"],
        id=data["id"],
        type=FieldType(data["type"]),
        cite=CITE,
        codes="list",
        required=data.get("required", False),
        high=data.get("high"),
        max_chars=data.get("max_chars", 0),
        specials=frozenset(Special(one) for one in data.get("specials", [])),
        repeat=tuple(data.get("repeat", (0, 1))),
        fields=tuple(field(one) for one in data.get("fields", [])),
    )


def leaves(known: tuple[Field, ...], values: Values, at: str) -> Iterator[tuple[str, str]]:
    for one in known:
        value = values.get(one.number)
        if isinstance(value, tuple):
            for index, inner in enumerate(value, 1):
                yield from leaves(one.fields, inner, f"{at}{one.id}[{index}].")
        elif value is not None:
            yield at + one.id, plain.write(value)


def test_messages_read_as_far_as_they_do_and_their_faults_are_named() -> None:
    data = load("messages")
    form = form_of(*(field(one) for one in data["form"]))
    pack = pack_of(form)
    pack.codes["list"] = ITEMS
    for case in data["cases"]:
        fields = encode.loads(bytes.fromhex(case["fields"]))
        assert isinstance(fields, dict)
        values, errors = examine(pack, form, fields.items())
        assert dict(leaves(form.fields, values, "")) == case["reads"]
        assert [[error.path, error.problem.code] for error in errors] == case["faults"]


def test_check_words() -> None:
    for case in load("checkwords")["cases"]:
        assert check_word(case["path"], case["text"]) == case["word"]


def book_of(data: dict[str, Any]) -> Pack:
    said = [
        Phrase(
            id=one["id"], number=at, code=one["code"], cite=CITE,
            fields=tuple(field(each) for each in one["fields"]), response=tuple(one["response"]),
        )
        for at, one in enumerate(data["phrases"], 1)
    ]  # fmt: skip
    made = pack_of(*(form_of(id_=id_) for id_ in data["forms"]), phrases=tuple(said))
    return replace(made, tag=data["tag"], version=data["version"])


def found(book: Pack, wire: str) -> tuple[Pack, Form] | None:
    tag, slash_, name = wire.partition("/")
    form = book.form(name) if slash_ and tag == book.tag else None
    return None if form is None else (book, form)


def test_phrases_are_named_read_written_and_answered_as_they_say() -> None:
    data = load("phrases")
    book = book_of(data["book"])
    for wire, what in data["names"].items():
        known = found(book, wire)
        kind = "form" if known is None or known[1].phrase is None else "phrase"
        assert ("" if known is None else f"{kind} {known[1].id.lstrip(':')}") == what, wire
        assert known is None or book.form_id(known[1]) == wire
    for case in data["messages"]:
        named = encode.loads(bytes.fromhex(case["form"]))
        fields = encode.loads(bytes.fromhex(case["fields"]))
        assert isinstance(named, tuple)
        assert isinstance(fields, dict)
        known = found(book, str(named[0]))
        assert known is not None
        assert named[1] == book.version
        values, errors = examine(*known, fields.items())
        assert dict(leaves(known[1].fields, values, "")) == case["reads"]
        assert [[error.path, error.problem.code] for error in errors] == case["faults"]
        sheet = Sheet(
            pack=book, form=known[1], values=values, sender="ALPHA", to=("BRAVO",),
            precedence=Precedence.ROUTINE, time_ms=0, number=1,
        )  # fmt: skip
        assert slash.write(sheet).startswith(case["msgid"] + "\n")
        assert case["radio"] in radio.write(lay_out(sheet, Tongue(book, {}))).split("\n")
    for case in data["replies"]:
        asked = found(book, case["phrase"])
        assert asked is not None
        assert asked[1].phrase is not None
        reply = found(book, case["reply"])
        assert is_expected(book, asked[1].phrase, reply) is case["expected"], case
