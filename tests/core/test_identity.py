"""Certificates, cards, addresses, names and words: by vectors, and by what must always hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.world import Key, PartyKit, kit

from tieline.core import encode, identity
from tieline.core.address import parse_address
from tieline.core.crypto import pack_sign1, parse_sign1
from tieline.core.errors import LocalError, RemoteError, TielineError
from tieline.core.identity import (
    armor,
    card_message,
    check_name,
    check_words,
    dearmor,
    fingerprint,
    parse_card,
    parse_certificate,
    root_fingerprint,
    words,
)

VECTORS = Path(__file__).parents[2] / "vectors"
CARD = kit("ALPHA", ("main", "spare")).card(addresses=("192.0.2.1:7411",))


def vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_text("utf-8"))


def cases(name: str) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in vectors(name)["cases"]]


def code_of(ask: Callable[..., object], *args: object) -> str:
    """The code of a refusal, empty when there is none."""
    try:
        ask(*args)
    except TielineError as error:
        return error.code
    return ""


# ------------------------------------------------------------------------------- by vectors


@pytest.mark.parametrize("case", cases("certificate/accept.json"))
def test_certificates_that_are_taken(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["certificate"])
    read = parse_certificate(data, bytes.fromhex(case["root_key"]))
    assert read.encoded == data
    assert {
        "party": read.party,
        "station_name": read.station_name,
        "station": read.station.hex(),
        "realm": read.realm,
        "not_before_ms": read.not_before_ms,
        "not_after_ms": read.not_after_ms,
    }.items() <= case.items()


@pytest.mark.parametrize("case", cases("certificate/refuse.json"))
def test_certificates_that_are_refused(case: dict[str, Any]) -> None:
    data, root = bytes.fromhex(case["certificate"]), bytes.fromhex(case["root_key"])
    assert code_of(parse_certificate, data, root) == case["code"]


@pytest.mark.parametrize("case", cases("card/accept.json"))
def test_cards_that_are_taken(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["card"])
    read = parse_card(data)
    assert (read.party, read.party_name, read.realm, read.root_key.hex(), read.encoded) == (
        case["party"],
        case["party_name"],
        case["realm"],
        case["root_key"],
        data,
    )
    assert [list(station.addresses) for station in read.stations] == case["addresses"]
    assert [s.station for s in read.stations] == sorted(s.station for s in read.stations)
    assert fingerprint(read).hex() == case["fingerprint"]
    assert list(words(fingerprint(read))) == case["words"]
    assert armor(data) == case["armor"]
    assert dearmor(case["armor"]) == data


@pytest.mark.parametrize("case", cases("card/refuse.json"))
def test_cards_that_are_refused(case: dict[str, Any]) -> None:
    assert code_of(parse_card, bytes.fromhex(case["card"])) == case["code"]


@pytest.mark.parametrize("case", cases("card/armor.json"))
def test_texts_that_are_refused(case: dict[str, Any]) -> None:
    assert code_of(dearmor, case["armor"]) == case["code"]


def test_addresses_and_names() -> None:
    addresses, names = vectors("card/addresses.json"), vectors("card/names.json")
    for text in addresses["accept"]:
        host, port = parse_address(text)
        assert text in {f"{host}:{port}", f"[{host}]:{port}"}
    for code, texts in addresses["refuse"].items():
        assert {code_of(parse_address, text) for text in texts} == {code}
    for name in names["accept"]:
        assert check_name(name, "card") == name
    for name in names["refuse"]:
        assert code_of(check_name, name, "card") == "card.name", ascii(name)


def test_words() -> None:
    for case in vectors("words/words.json")["cases"]:
        assert list(words(bytes.fromhex(case["fingerprint"]))) == case["words"]
    typed = vectors("words/typed.json")
    print_ = bytes.fromhex(typed["fingerprint"])
    for text in typed["accept"]:
        check_words(text, print_)
    for text in typed["refuse"]:
        assert code_of(check_words, text, print_) == "words.wrong", text


# ----------------------------------------------------------------------------- by properties


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
def test_the_words_of_one_key_are_never_those_of_another(one: bytes, other: bytes) -> None:
    check_words(" ".join(words(one)), one)
    assert (words(one) == words(other)) is (one == other)


@pytest.mark.parametrize("size", [0, 15, 17])
def test_only_a_fingerprint_has_words(size: int) -> None:
    assert code_of(words, bytes(size)) == "words.length"


def test_the_refusal_of_typed_words_says_nothing_of_the_right_ones() -> None:
    right = words(fingerprint(CARD))
    with pytest.raises(LocalError) as caught:
        check_words(" ".join((*right[:7], "babab")), fingerprint(CARD))
    assert not [word for word in right if word in caught.value.message]


def test_the_fingerprint_is_of_code_realm_and_root() -> None:
    root = CARD.root_key
    prints = {
        fingerprint(CARD),
        root_fingerprint("ALPHB", "", root),
        root_fingerprint("ALPHA", "DRILL", root),
        root_fingerprint("ALPHA", "", Key("another").public),
    }
    assert len(prints) == 4
    # A new name, new stations and new addresses need no new words.
    other = PartyKit("ALPHA", ("third",)).card(name="Another Name")
    assert fingerprint(other) == root_fingerprint("ALPHA", "", other.root_key)


def test_every_changed_bit_of_a_card_is_refused() -> None:
    """Every bit outside the bulky seal keys, and a sample of those inside."""
    data = CARD.encoded
    for at in range(0, len(data), 7 if len(data) > 2000 else 1):
        for bit in range(8):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            assert code_of(parse_card, bytes(changed)), (at, bit)


def test_every_cut_card_is_refused() -> None:
    data = CARD.encoded
    for end in range(0, len(data), 13):
        assert code_of(parse_card, data[:end]).startswith("encode.")
    assert code_of(parse_card, data + b"\0") == "encode.trailing"


@given(st.binary(max_size=300))
def test_noise_is_no_card_and_no_certificate(noise: bytes) -> None:
    for ask in (lambda: parse_card(noise), lambda: parse_certificate(noise, CARD.root_key)):
        with pytest.raises(RemoteError):
            ask()


@given(st.binary(max_size=400))
def test_armor_goes_there_and_back(data: bytes) -> None:
    text = armor(data)
    assert dearmor(text) == data
    assert all(len(line) <= 64 for line in text.splitlines())


def test_the_size_of_a_text_is_bounded_before_it_is_read() -> None:
    assert code_of(dearmor, "TIELINE-CARD-1\n" + "A" * 1000, "TIELINE-CARD-1", 300) == (
        "armor.too_large"
    )


def test_a_builder_refuses_what_the_reader_would() -> None:
    """The same codes, as our own mistake and before anybody signs."""
    station = CARD.stations[0]
    common = {"party": "ALPHA", "party_name": "Alpha", "realm": "", "root_key": CARD.root_key}
    for changed, code in (
        ({"party": "alpha"}, "card.party"),
        ({"party_name": ""}, "card.name"),
        ({"realm": "drill"}, "card.realm"),
        ({"stations": []}, "card.stations"),
        ({"stations": [station, station]}, "card.stations"),
        ({"root_key": Key("another").public}, "certificate.signature"),
    ):
        given_: dict[str, Any] = {**common, "stations": [station], **changed}
        with pytest.raises(LocalError) as caught:
            identity.card_payload(**given_)
        assert caught.value.code == code


def test_stations_come_in_any_order_to_the_same_card() -> None:
    payloads = {
        identity.card_payload(
            party="ALPHA", party_name="A", realm="", root_key=CARD.root_key, stations=stations
        )
        for stations in (CARD.stations, CARD.stations[::-1])
    }
    assert len(payloads) == 1


def test_keys_of_a_newer_version_are_kept_byte_for_byte() -> None:
    newer = next(c for c in vectors("card/accept.json")["cases"] if "newer" in c["name"])
    read = parse_card(bytes.fromhex(newer["card"]))
    assert [station.unknown for station in read.stations] == [bytes.fromhex("a10981456c61746572")]
    again = identity.station_entries(read.stations)
    assert identity.read_stations(again, "ALPHA", "", read.root_key, "card") == read.stations


def test_an_exercise_and_real_traffic_never_share_a_station_or_a_card() -> None:
    """Even under the same root key, code and station name."""
    real = PartyKit("ALPHA")
    drill = PartyKit("ALPHA", realm="DRILL-7")
    drill.root = real.root
    drill.stations = tuple(drill._station("main") for _ in range(1))
    assert drill.stations[0].id != real.stations[0].id
    with pytest.raises(LocalError) as caught:
        identity.card_payload(
            party="ALPHA",
            party_name="Alpha",
            realm="",
            root_key=real.root.public,
            stations=[drill.card().stations[0]],
        )
    assert caught.value.code == "card.stations"
    payload = drill.card().encoded
    assert code_of(parse_card, payload) == ""
    forged = pack_sign1(b"\xa0", real.root.sign(card_message(b"\xa0")))
    assert code_of(parse_card, forged) == "card.field"


def test_the_first_keys_of_a_card_that_are_new_are_kept_as_they_came() -> None:
    party = kit("ALPHA")
    payload = encode.loads(parse_sign1(party.card().encoded, encode.DEFAULT).payload)
    assert isinstance(payload, dict)
    stations = payload[5]
    assert isinstance(stations, tuple)
    assert isinstance(stations[0], dict)
    assert sorted(payload) == [1, 2, 3, 4, 5]
    newer = encode.dumps({**payload, 5: ({**stations[0], 3: "new"},), 6: "new"})
    card = parse_card(pack_sign1(newer, party.root.sign(card_message(newer))))
    assert card.stations[0].unknown == encode.dumps({3: "new"})


def test_a_station_has_at_most_so_many_addresses_each_once() -> None:
    most = tuple(f"192.0.2.{number}:7411" for number in range(identity.MAX_ADDRESSES))
    card = kit("ALPHA").card(addresses=most)
    assert card.stations[0].addresses == most
    for bad in ((*most, "198.51.100.1:1"), (most[0], most[0])):
        assert code_of(lambda bad=bad: kit("ALPHA").card(addresses=bad)) == "address.many"
