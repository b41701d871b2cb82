"""What shipped forms say of an incident, by their marks."""

from __future__ import annotations

from functools import cache

import pytest

from tieline.core.agreement.meaning import Act, Means
from tieline.core.agreement.message import check_values
from tieline.core.agreement.model import Pack
from tieline.core.agreement.places import Circle, Position
from tieline.core.agreement.tongue import Tongue
from tieline.core.agreement.value import Number
from tieline.core.incident.entry import Said, Told, read_said
from tieline.node import packs
from tieline.node.reading import read_answers

NOW_MS = 1_668_523_200_000


@cache
def pack(name: str) -> Pack:
    return packs.find(name)


def said(name: str, form: str, **answers: str) -> Said:
    """What a form says whose answers were typed; ``__`` is a dot, a digit before it the repeat."""
    found = pack(name)
    rules = found.forms[form]
    typed = {path.replace("__", ".").replace("_", "-"): text for path, text in answers.items()}
    read = read_answers(found, rules, typed, Tongue(found, {}), now_ms=NOW_MS)
    assert not read.errors, read.errors
    assert not check_values(found, rules, read.values)
    out = read_said(found, rules, read.values)
    assert out is not None
    return out


def test_each_row_of_a_violation_record_states_its_aspects_and_by_what() -> None:
    rows: dict[str, str] = {"observer": "48.1N 37.8E"}
    for number, count in ((1, "3"), (2, "12")):
        rows |= {
            f"events[{number}]__when": "now-1h",
            f"events[{number}]__place": "circle 48.1N 37.8E radius 500 m",
            f"events[{number}]__means": "1",
            f"events[{number}]__number": count,
            f"events[{number}]__observation": "1",
            f"events[{number}]__description": "1",
            f"events[{number}]__weapon": "1",
        }
    found = said("ceasefire-monitoring", "violation", **rows)
    assert found.act is Act.OPEN
    counts = [one.value.answer for one in found.stated if one.aspect is Means.COUNT and one.value]
    assert counts == [Number(3), Number(12)]
    places = [one.value.answer for one in found.stated if one.aspect is Means.WHERE and one.value]
    assert [type(place) for place in places] == [Circle, Circle]
    assert all(one.source is not None for one in found.stated)
    assert {one.aspect for one in found.stated} == {
        Means.WHAT, Means.WHEN, Means.WHERE, Means.COUNT,
    }  # fmt: skip


def test_a_notice_shows_every_area_that_it_names() -> None:
    found = said(
        "humanitarian-notification", "site-add", organisation="Relief", until="2099-03-01",
        sites__site="A", sites__name="Clinic", sites__function="clinic", sites__point="15N 44E",
        sites__footprint="circle 15N 44E radius 200 m", sites__marking="roof",
    )  # fmt: skip
    assert found.act is Act.NOTICE
    assert [type(one.answer) for one in found.areas] == [Position, Circle]
    assert [one.path for one in found.areas] == ["sites.point", "sites.footprint"]


def test_a_form_says_which_units_were_told_and_when() -> None:
    found = said(
        "humanitarian-notification", "passed", **{
            "units[1]__unit": "Battery 2", "units[1]__level": "artillery",
            "units[1]__at": "2022-11-15T14:00Z", "units[2]__unit": "withheld",
            "units[2]__level": "air", "units[2]__at": "2022-11-15T14:10Z",
        },
    )  # fmt: skip
    at_ms = 1_668_520_800_000
    assert (found.act, found.told) == (
        Act.PASSED, (Told("Battery 2", at_ms), Told(None, at_ms + 600_000)),
    )  # fmt: skip
    reply = {"assurance": "1", "from": "2022-11-15T14:00Z", "until": "2022-11-15T15:00Z"}
    yes = said("ceasefire-monitoring", "window-reply", **reply, told="2022-11-15T14:00Z")
    assert yes.told == (Told(None, at_ms),)
    found_ = pack("ceasefire-monitoring")
    rules = found_.forms["window-reply"]
    for told in ({}, {"told": "nil"}):
        read = read_answers(found_, rules, {**reply, **told}, Tongue(found_, {}), now_ms=NOW_MS)
        assert not read.errors
        none = read_said(found_, rules, read.values)
        assert none is None or none.told == ()


@pytest.mark.parametrize("name", packs.shipped())
def test_what_is_marked_can_be_taken_as_it_is_meant(name: str) -> None:
    found = pack(name)
    for form in found.forms.values():
        means = [field.means for field in form.fields if field.means is not Means.NONE]
        single = [one for one in means if one not in (Means.AREA, Means.WORDS)]
        assert len(single) == len(set(single)), form.id  # two fields of one meaning: which counts?
        if form.act is Act.NOTICE:
            within = {one.means for field in form.fields for one in (field, *field.fields)}
            assert within & {Means.FROM, Means.UNTIL, Means.AREA}, form.id
        if form.act in (Act.OPEN, Act.WORD, Act.ACCOUNT):
            continue
        assert Means.WHOSE not in means, form.id
