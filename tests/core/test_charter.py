"""The charter: one body whoever makes it, all signatures, and versions that follow one another."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.world import Key, PartyKit, chaff, found, kit, kits, sign_all

from tieline.core import charter as charters
from tieline.core import encode, outline
from tieline.core.charter import (
    Charter,
    Clocks,
    Release,
    SignedCharter,
    Witness,
    armor_charter,
    dearmor_charter,
    make_charter,
    parse_charter,
    parse_signed_charter,
)
from tieline.core.errors import LocalError, RemoteError, TielineError
from tieline.core.succession import amend, check_successor
from tieline.core.terms import Precedence, Rung

VECTORS = Path(__file__).parents[2] / "vectors" / "charter"
NONCE = chaff("nonce", 16)


def vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_text("utf-8"))


def cases(name: str) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in vectors(name)["cases"]]


def code_of(ask: Callable[..., object], *args: Any, **named: Any) -> str:
    try:
        ask(*args, **named)
    except TielineError as error:
        return error.code
    return ""


def first(count: int = 3, **provisions: Any) -> Charter:
    return make_charter("LINE", [k.card() for k in kits(count)], nonce=NONCE, **provisions)


# -------------------------------------------------------------------------------- by vectors


@pytest.mark.parametrize("case", cases("accept.json"))
def test_charters_that_are_taken(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["charter"])
    signed = parse_signed_charter(data)
    read = signed.charter
    assert signed.encode() == data
    assert {
        "line_name": read.name,
        "realm": read.realm,
        "version": read.version,
        "line": read.line.hex(),
        "hash": read.hash.hex(),
        "parties": [party.code for party in read.parties],
        "stations": [len(party.stations) for party in read.parties],
        "clocks_from_routine_up": [list(read.clocks.of(p)) for p in Precedence],
        "tests": [read.tests.interval_s, read.tests.window_s, read.tests.answered_by],
        "release": [
            sorted(int(p) for p in read.release.four_eyes), list(read.release.standing)
        ],
        "missing": list(signed.missing),
    }.items() <= case.items()  # fmt: skip
    assert signed.complete is not bool(case["missing"])
    assert dearmor_charter(armor_charter(signed)) == signed


@pytest.mark.parametrize("case", cases("refuse.json"))
def test_charters_that_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises(RemoteError) as caught:
        parse_signed_charter(bytes.fromhex(case["charter"]))
    assert caught.value.code == case["code"]


@pytest.mark.parametrize("case", cases("successor.json"))
def test_which_version_may_follow(case: dict[str, Any]) -> None:
    before = case.get("old", vectors("successor.json")["old"])
    old = parse_signed_charter(bytes.fromhex(before)).charter
    new = parse_signed_charter(bytes.fromhex(case["new"])).charter
    assert code_of(check_successor, old, new) == case["code"]


# -------------------------------------------------------------- it does not matter who makes it


def test_the_order_of_parties_does_not_depend_on_who_made_the_charter() -> None:
    """Recognition-neutral: every party, giving the cards in its own order, makes the same line."""
    cards = [k.card() for k in kits(4)]
    packs = [chaff(f"pack {n}", 32) for n in range(3)]
    witnesses = [Witness(name=f"w{n}", key=Key(f"w{n}").public) for n in range(2)]
    bodies = {
        make_charter(
            "LINE",
            order,
            nonce=NONCE,
            packs=packs[::turn],
            witnesses=witnesses[::turn],
            release=Release(standing=("b", "a")[::turn]),
        ).body
        for order in itertools.permutations(cards)
        for turn in (1, -1)
    }
    assert len(bodies) == 1
    read = parse_charter(bodies.pop())
    assert [party.code for party in read.parties] == ["ALPHA", "BRAVO", "CHARLIE", "DELTA"]
    assert read.stations() == tuple(sorted(read.stations()))


def test_two_who_amend_alike_make_the_same_bytes() -> None:
    old = first(3)
    new_cards = [kit("DELTA").card(), kit("ALPHA", ("main", "spare")).card()]
    one = amend(old, cards=new_cards, clocks=Clocks(flash=(60,) * 5))
    other = amend(old, cards=new_cards[::-1], clocks=Clocks(flash=(60,) * 5))
    assert one.body == other.body
    assert one.line == old.line == other.line


def test_a_line_of_2_to_64_parties() -> None:
    for count in (2, 3, 64):
        charter = first(count)
        assert len(charter.parties) == count
        assert sign_all(charter, kits(count)).complete
    for count in (0, 1, 65):
        assert code_of(first, count) == "charter.parties"
    whole = amend(first(63), cards=[kit("ZULU").card()])
    assert code_of(amend, whole, cards=[kit("YANKEE").card()]) == "charter.parties"


@given(
    st.lists(st.integers(1, 366 * 86_400), min_size=20, max_size=20),
    st.sets(st.sampled_from(Precedence)),
    st.sets(st.text("abc/!~", min_size=1, max_size=8), max_size=4),
    st.integers(1, 86_400),
)
@settings(max_examples=25)
def test_what_is_agreed_reads_back_from_the_body(
    seconds: list[int], eyes: set[Precedence], standing: set[str], silence_s: int
) -> None:
    rows = [tuple(seconds[at : at + 5]) for at in range(0, 20, 5)]
    clocks = Clocks(routine=rows[0], priority=rows[1], immediate=rows[2], flash=rows[3])
    made = make_charter(
        "LINE",
        [k.card() for k in kits(2)],
        nonce=NONCE,
        clocks=clocks,
        release=Release(four_eyes=frozenset(eyes), standing=tuple(standing)),
        silence_s=silence_s,
    )
    read = parse_charter(made.body)
    assert (read.clocks, read.silence_s) == (clocks, silence_s)
    assert (set(read.release.four_eyes), set(read.release.standing)) == (eyes, standing)
    for precedence in Precedence:
        for rung in Rung:
            assert read.clock_ms(precedence, rung) == 1000 * rows[precedence][rung - 1]
        for form in (*standing, ""):
            assert read.four_eyes(precedence, form) is (precedence in eyes and form not in standing)


def test_every_changed_bit_of_a_signed_charter_is_refused() -> None:
    data = sign_all(first(2), kits(2)).encode()
    whole = parse_signed_charter(data)
    for at in range(0, len(data), 5):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        assert code_of(parse_signed_charter, bytes(changed)), at
    for end in range(0, len(data), 97):
        assert code_of(parse_signed_charter, data[:end]).startswith(("encode.", "charter."))
    assert whole.complete


def test_a_version_has_32_bits() -> None:
    second = amend(first(2), cards=[kit("CHARLIE").card()])
    body = encode.loads(second.body)
    assert isinstance(body, dict)
    last = parse_charter(encode.dumps({**body, 3: 2**32 - 1}))
    assert last.version == 2**32 - 1
    assert code_of(parse_charter, encode.dumps({**body, 3: 2**32})) == "charter.field"


# -------------------------------------------------------------------------------- signatures


def test_a_version_is_in_force_only_when_all_have_signed_and_says_who_has_not() -> None:
    charter = first(4)
    signed = SignedCharter(charter=charter)
    assert signed.missing == ("ALPHA", "BRAVO", "CHARLIE", "DELTA")
    for who in (kit("CHARLIE"), kit("ALPHA"), kit("DELTA")):
        signed = signed.add_signature(who.code, who.signature(charter))
        assert not signed.complete
    assert signed.missing == ("BRAVO",)
    signed = signed.add_signature("BRAVO", kit("BRAVO").signature(charter))
    assert signed.complete
    assert parse_signed_charter(signed.encode()) == signed


def test_copies_signed_apart_are_merged() -> None:
    charter = first(3)
    copies = [
        SignedCharter(charter=charter).add_signature(k.code, k.signature(charter)) for k in kits(3)
    ]
    for order in itertools.permutations(copies):
        merged = order[0].merge(order[1]).merge(order[2])
        assert merged == sign_all(charter, kits(3))
    other = first(3, silence_s=31)
    assert code_of(copies[0].merge, sign_all(other, kits(3))) == "charter.other"


def test_a_signature_counts_for_its_party_and_its_version_only() -> None:
    charter = first(2)
    signed = SignedCharter(charter=charter)
    alpha, other = kit("ALPHA"), first(2, silence_s=31)
    assert code_of(signed.add_signature, "BRAVO", alpha.signature(charter)) == "charter.signature"
    assert code_of(signed.add_signature, "ALPHA", alpha.signature(other)) == "charter.signature"
    assert code_of(signed.add_signature, "DELTA", bytes(64)) == "charter.signer"


# ----------------------------------------------------------------------------- versions


def test_who_leaves_signs_too_and_who_comes() -> None:
    old = first(3)
    new = amend(old, cards=[kit("DELTA").card()], leave=["CHARLIE"])
    assert [party.code for party in new.parties] == ["ALPHA", "BRAVO", "DELTA"]
    assert new.leaving == (("CHARLIE", kit("CHARLIE").root.public),)
    check_successor(old, new)
    signed = sign_all(new, [kit(c) for c in ("ALPHA", "BRAVO", "DELTA")])
    assert signed.missing == ("CHARLIE",)
    assert signed.add_signature("CHARLIE", kit("CHARLIE").signature(new)).complete
    # The version after that owes CHARLIE nothing.
    third = amend(new, name="LINE OF THREE")
    assert third.leaving == ()
    assert sign_all(third, kits(4)).complete


def test_the_line_keeps_its_id_through_all_its_versions() -> None:
    charter, seen = first(2), {first(2).line}
    for version in range(2, 6):
        newer = amend(charter, silence_s=30 + version)
        assert (newer.version, newer.previous) == (version, charter.hash)
        assert parse_charter(newer.body) == newer
        charter = newer
        seen.add(charter.line)
    assert len(seen) == 1
    assert make_charter("LINE", [k.card() for k in kits(2)], nonce=bytes(16)).line not in seen


def test_what_an_amendment_may_not_do() -> None:
    old = first(3)
    stranger = PartyKit("BRAVO", life="second root")
    drill = kit("DELTA", realm="DRILL")
    assert code_of(amend, old) == "charter.unchanged"
    assert code_of(amend, old, silence_s=old.silence_s) == "charter.unchanged"
    assert code_of(amend, old, leave=["DELTA"]) == "charter.stranger"
    assert code_of(amend, old, leave=["BRAVO", "CHARLIE"]) == "charter.parties"
    assert code_of(amend, old, cards=[stranger.card()]) == "charter.root_changed"
    assert code_of(amend, old, cards=[drill.card()]) == "charter.realm"
    assert code_of(amend, old, silence_s=0) == "charter.silence"
    assert code_of(amend, old, tests=charters.Tests(interval_s=60, window_s=61)) == "charter.tests"
    assert code_of(amend, old, quorum=1) == "charter.witnesses"
    # Leaving and coming back under another root in one version would be a new root by stealth.
    assert code_of(amend, old, cards=[stranger.card()], leave=["BRAVO"]) == "charter.root_changed"


def test_new_stations_of_a_party_replace_its_old_ones() -> None:
    old = first(2)
    spare = kit("ALPHA", ("spare", "third"))
    new = amend(old, cards=[spare.card()])
    party = new.party("ALPHA")
    assert party is not None
    assert {s.certificate.station_name for s in party.stations} == {"spare", "third"}
    assert new.station(kit("ALPHA").stations[0].id) is None
    with pytest.raises(LocalError):
        new.party_of(kit("ALPHA").stations[0].id)


@pytest.mark.parametrize(
    ("one", "other"),
    [("ALPHA", "A-LPHA"), ("AO", "A0"), ("A1", "AL"), ("AI", "A1"), ("AS", "A5"), ("AB", "A8"),
     ("AZ", "A2"), ("B-1L", "BI-I")],
)  # fmt: skip
def test_codes_that_look_alike_do_not_share_a_line(one: str, other: str) -> None:
    pair = [kit(one).card(), kit(other).card()]
    assert code_of(make_charter, "LINE", pair, nonce=NONCE) == "charter.alike"


def test_keys_of_a_newer_version_are_carried_into_amendments() -> None:
    newer = next(c for c in vectors("accept.json")["cases"] if c["name"].startswith("keys of"))
    old = parse_signed_charter(bytes.fromhex(newer["charter"])).charter
    new = amend(old, silence_s=99)
    assert old.unknown
    assert new.unknown == old.unknown
    assert [party.unknown for party in new.parties] == [party.unknown for party in old.parties]
    unreadable = [line for line in outline.summary(new) if line.startswith("NOT SHOWN")]
    assert [line.rpartition("about ")[2] for line in unreadable] == ["the charter", "ALPHA"]


# ----------------------------------------------------------------------------- in plain lines


def test_everything_a_signature_binds_to_is_shown() -> None:
    """Two charters that differ in anything differ in their outline, too."""
    base = first(3)
    key = Key("witness").public
    changed = [
        amend(base, name="OTHER"),
        amend(base, silence_s=77),
        amend(base, intervals=charters.Intervals(checkpoint_s=60)),
        amend(base, intervals=charters.Intervals(seal_s=60)),
        amend(base, clocks=Clocks(flash=(600, 600, 600, 600, 599))),
        amend(base, clocks=Clocks(routine=(1, 21_600, 21_600, 21_600, 21_600))),
        amend(base, tests=charters.Tests(interval_s=3600)),
        amend(base, tests=charters.Tests(interval_s=3600, answered_by="station")),
        amend(base, tests=charters.Tests(interval_s=3600, window_s=60)),
        amend(base, release=Release(four_eyes=frozenset({Precedence.FLASH}))),
        amend(base, release=Release(standing=("a",))),
        amend(base, packs=[bytes(32)]),
        amend(base, witnesses=[Witness(name="w", key=key)]),
        amend(base, witnesses=[Witness(name="w", key=Key("other").public)]),
        amend(base, witnesses=[Witness(name="w", key=key)], quorum=1),
        amend(base, leave=["CHARLIE"]),
        amend(base, cards=[kit("DELTA").card()]),
        amend(base, cards=[kit("ALPHA", ("spare",)).card()]),
        amend(base, cards=[kit("ALPHA", ("main", "spare")).card()]),
        amend(base, cards=[kit("ALPHA").card(name="Another")]),
        amend(base, cards=[kit("ALPHA").card(addresses=("192.0.2.1:1",))]),
        amend(base, leave=["BRAVO"]),
        amend(base, cards=[_same_names_fresh_keys("ALPHA")]),
    ]
    shown = [outline.summary(charter) for charter in changed]
    assert len(set(shown)) == len(shown)
    for charter in changed:
        gone = [line for line in outline.diff(base, charter) if line.startswith("- ")]
        come = [line for line in outline.diff(base, charter) if line.startswith("+ ")]
        assert "+ version: 2" in come
        assert "- version: 1" in gone
        assert len(come) >= 3, come  # the version, what it replaces, and the change itself


def _same_names_fresh_keys(code: str) -> Any:
    """A card with the same station under new keys: the old one was lost, or stolen."""
    party = PartyKit(code)
    party.life = "fresh"
    party.stations = tuple(party._station("main") for _ in range(1))
    return party.card()


def test_an_outline_says_exercise_and_real_traffic() -> None:
    drill = found(kits(2, "DRILL")).charter
    assert "realm: EXERCISE DRILL" in outline.summary(drill)
    assert "realm: real traffic" in outline.summary(first(2))


def test_the_first_keys_that_are_new_are_kept_as_they_came() -> None:
    """The next version of this software will give them a meaning; this one must not lose them."""
    body = encode.loads(first(2).body)
    assert isinstance(body, dict)
    parties = body[7]
    assert isinstance(parties, tuple)
    one = parties[0]
    assert isinstance(one, dict)
    stations = one[4]
    assert isinstance(stations, tuple)
    station = stations[0]
    assert isinstance(station, dict)
    assert (sorted(one), sorted(station), max(body) <= 20) == ([1, 2, 3, 4], [1, 2], True)
    newer = {**one, 4: ({**station, 3: "s"},), 5: "p"}
    charter = parse_charter(encode.dumps({**body, 7: (newer, parties[1]), 21: "c"}))
    assert charter.unknown == encode.dumps({21: "c"})
    assert charter.parties[0].unknown == encode.dumps({5: "p"})
    assert charter.parties[0].stations[0].unknown == encode.dumps({3: "s"})
    again = amend(charter, silence_s=77)
    assert (again.unknown, again.parties[0]) == (charter.unknown, charter.parties[0])
