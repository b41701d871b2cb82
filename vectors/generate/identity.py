"""Vectors of certificates, cards, addresses, names and words: what is taken and what is refused.

Every refused certificate and card is well signed unless its name says otherwise, so that a reader
who only checks signatures fails here.
"""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

import curve
from people import (
    LAST_MS,
    PROTECTED,
    Party,
    armor,
    cbor,
    fingerprint,
    party,
    seed,
    sign1,
    words,
)

Case = dict[str, object]

ALPHA = party("ALPHA", "Force Alpha")
BRAVO = party("BRAVO", "Mission de Bravo \u00e0 l\u2019\u00e9cluse", "SPRING-TIDE")
OTHER = party("CHARLIE", "Charlie")
ADDRESSES = ["192.0.2.1:7411", "[2001:db8::1]:7411", "alpha.example:7411"]

SMALL_ORDER = curve.pack(curve.SMALL[1])
NOT_CANONICAL = curve.pack_raw(curve.P + 3, 0)

GOOD_ADDRESSES = [
    "0.0.0.0:1",
    "192.0.2.1:7411",
    "[::]:65535",
    "[::1]:7411",
    "[2001:db8::1]:7411",
    "[2001:db8:0:1:1:1:1:1]:7411",
    "alpha.example:7411",
    "a:1",
    "1a.2b:80",
    "x" * 63 + ".example:80",
]
BAD_ADDRESSES = {
    "address.port": [
        "", "alpha.example", "alpha.example:", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:080",
        "192.0.2.1:+80", "192.0.2.1: 80", "192.0.2.1:80 ", "192.0.2.1:8\u0660", "[::1]", ":",
        "192.0.2.1:80\n", "192.0.2.1:100000000000000000000",
    ],
    "address.form": [
        ":80", "::1:80", "[::1:80", "::1]:80", "[]:80", "[192.0.2.1]:80", "[::1%eth0]:80",
        "[::ffff:192.0.2.1]:80", "[::ffff:c000:201]:80", "[0:0:0:0:0:0:0:1]:80", "[2001:DB8::1]:80",
        "[2001:db8::0:1]:80", "[2001:db8:0::1:1:1:1]:80", "[::1]x:80", "192.0.2.01:80",
        "192.0.2:80",
        "0x7f.1:80", "1:80", "300.0.2.1:80", "a.1:80", "Alpha.example:80", "alpha.example.:80",
        ".alpha:80", "alpha..example:80", "-alpha:80", "alpha-:80", "al_pha:80", "al pha:80",
        "\u00e4lpha:80", "x" * 64 + ":80", "user@alpha.example:80", "tcp://alpha.example:80",
        ".".join(["x" * 49] * 6) + ":80",
    ],
}  # fmt: skip
GOOD_NAMES = [
    "A", "Force Alpha", "x" * 80, "\u6d77\u4e0a\u90e8\u968a", "\U0001d11e" * 80,
    "\u0646\u06cc\u0631\u0648\u200c\u0647\u0627", "Alpha, Bravo & Co. (\u201cNorth\u201d)", "a b c",
]  # fmt: skip
BAD_NAMES = [
    "", " ", " Alpha", "Alpha ", "Al  pha", "x" * 81, "Al\npha", "Al\tpha", "Al\x00pha",
    "Al\x7fpha",
    "Al\x85pha", "Al\xa0pha", "Al\xadpha", "Al\u061cpha", "Al\u200bpha", "Al\u200epha",
    "Al\u200fpha", "Al\u2028pha", "Al\u202epha", "Al\u2066pha", "Al\u2060pha", "Al\u3000pha",
    "Al\u3164pha", "Al\ufeffpha", "Al\ufe0fpha", "Al\ue000pha", "Al\ufffdpha", "Al\U000e0041pha",
    "Al\U0010ffffpha", "\u200dAlpha", "Alpha\u200c", "Al \u200d pha", "\u200c", "Al\u200c Pha",
]  # fmt: skip


def build() -> dict[str, object]:
    """The files of this script."""
    return {
        "certificate/accept.json": {
            "about": "Certificates to take under the root key given, with what they say.",
            "cases": certificates(),
        },
        "certificate/refuse.json": {
            "about": "Certificates to refuse under the root key given, and the code.",
            "cases": bad_certificates(),
        },
        "card/accept.json": {
            "about": "Cards to take, with what they say, their text form, and the words.",
            "cases": cards(),
        },
        "card/refuse.json": {"about": "Cards to refuse, and the code.", "cases": bad_cards()},
        "card/armor.json": {
            "about": "Text forms to refuse, and the code; most are the first good card, changed.",
            "cases": bad_armor(),
        },
        "card/addresses.json": {
            "about": "Addresses to take, and those to refuse by code.",
            "accept": GOOD_ADDRESSES,
            "refuse": BAD_ADDRESSES,
        },
        "card/names.json": {
            "about": "Names of parties and lines to take, and to refuse with card.name.",
            "accept": GOOD_NAMES,
            "refuse": BAD_NAMES,
        },
        "words/words.json": {"about": "Fingerprints and their words.", "cases": spoken()},
        "words/typed.json": typed(),
    }


def certificates() -> list[Case]:
    """Certificates to take."""
    cases = {
        "a live station": (ALPHA, ALPHA.station("main")),
        "an exercise station": (BRAVO, BRAVO.station("main")),
        "the longest station name": (ALPHA, ALPHA.station("main-and-12a")),
        "valid for one instant": (ALPHA, ALPHA.station("main", {9: LAST_MS, 10: LAST_MS})),
        "keys of a newer version": (
            ALPHA,
            ALPHA.station("main", {12: "later", 200: [1, {7: b""}]}),
        ),
        "no ML-DSA-44 key": (ALPHA, ALPHA.bare("main")),
    }
    return [
        {
            "name": name,
            "root_key": who.key.hex(),
            "party": station.fields[1],
            "station_name": station.fields[2],
            "station": station.id.hex(),
            "realm": station.fields[4],
            "not_before_ms": station.fields[9],
            "not_after_ms": station.fields[10],
            "mldsa_hash": bytes(station.fields.get(11, b"")).hex(),
            "certificate": station.certificate.hex(),
        }
        for name, (who, station) in cases.items()
    ]


def bad_fields(good: dict[int, object]) -> dict[str, tuple[str, dict[int, object]]]:
    """Changes of a good certificate, and the code of the refusal of each."""
    return {
        "a party code in small letters": ("certificate.party", {1: "alpha"}),
        "a party code of 13 letters": ("certificate.party", {1: "ABCDEFGHIJKLM"}),
        "a party code that begins with a digit": ("certificate.party", {1: "1ALPHA"}),
        "a party code with a final newline": ("certificate.party", {1: "ALPHA\n"}),
        "a Cyrillic letter in the party code": ("certificate.party", {1: "\u0410LPHA"}),
        "a realm in small letters": ("certificate.realm", {4: "spring"}),
        "a realm of 33 letters": ("certificate.realm", {4: "X" * 33}),
        "a station name in capitals": ("certificate.name", {2: "MAIN"}),
        "no station name": ("certificate.name", {2: ""}),
        "a station name of 13 letters": ("certificate.name", {2: "x" * 13}),
        "the station id of another name": ("certificate.station", {3: ALPHA.station_id("spare")}),
        "the station id of another party": ("certificate.station", {3: OTHER.station_id("main")}),
        "another realm than the station id's": ("certificate.station", {4: "SPRING-TIDE"}),
        "a station id of 7 bytes": ("certificate.field", {3: bytes(7)}),
        "an end before the beginning": ("certificate.validity", {9: 2, 10: 1}),
        "an end after the year 9999": ("certificate.field", {10: LAST_MS + 1}),
        "a negative time": ("certificate.field", {9: -1}),
        "a seal key of 1215 bytes": ("certificate.field", {7: bytes(1215)}),
        "a signing key of 33 bytes": ("certificate.field", {5: bytes(33)}),
        "a signing key as text": ("certificate.field", {5: "x" * 32}),
        "an ML-DSA-44 key where its hash belongs": ("certificate.field", {11: bytes(1312)}),
        "a signing key of small order": ("key.small_order", {5: SMALL_ORDER}),
        "a receipt key of small order": ("key.small_order", {6: SMALL_ORDER}),
        "a signing key that is not canonical": ("key.noncanonical", {5: NOT_CANONICAL}),
        "one key for signing and receipts": ("certificate.same_key", {6: good[5]}),
        "the root as signing key": ("certificate.same_key", {5: ALPHA.key}),
        "the root as receipt key": ("certificate.same_key", {6: ALPHA.key}),
        "an empty TLS certificate": ("certificate.tls", {8: b""}),
        "a byte after the TLS certificate": ("certificate.tls", {8: bytes(good[8]) + b"\x00"}),
        "a TLS certificate cut short": ("certificate.tls", {8: bytes(good[8])[:-1]}),
        "a TLS certificate that is no sequence": ("certificate.tls", {8: b"\x31\x01\x00"}),
        "a length that is not the shortest": ("certificate.tls", {8: b"\x30\x81\x01\x00"}),
        "an open length": ("certificate.tls", {8: b"\x30\x80\x00\x00"}),
        "a TLS certificate of 2049 bytes": (
            "certificate.tls", {8: b"\x30\x82\x07\xfd" + bytes(2045)},
        ),
    }  # fmt: skip


def bad_certificates() -> list[Case]:
    """Certificates to refuse."""
    good = ALPHA.fields("main")
    encoded = ALPHA.certify(good)
    out = [
        _refused(name, code, ALPHA.certify({**good, **c}))
        for name, (code, c) in bad_fields(good).items()
    ]
    for key in range(1, 11):
        rest = {field: value for field, value in good.items() if field != key}
        out.append(_refused(f"field {key} missing", "certificate.field", ALPHA.certify(rest)))
    payload = cbor(good)
    other = OTHER.root
    out += [
        _refused("not signed by its root", "certificate.signature",
                 sign1(other, b"tieline-cert-v1", payload)),
        _refused("signed as a card", "certificate.signature",
                 sign1(ALPHA.root, b"tieline-card-v1", payload)),
        _refused("signed without external data", "certificate.signature",
                 sign1(ALPHA.root, b"", payload)),
        _refused("the last bit of the signature", "certificate.signature", _flip(encoded, -1)),
        _refused("one bit of a key", "certificate.signature", _flip(encoded, 100)),
        _refused("another algorithm", "sign1.protected",
                 sign1(ALPHA.root, b"tieline-cert-v1", payload, bytes.fromhex("a10126"))),
        _refused("an unprotected header", "sign1.unprotected",
                 sign1(ALPHA.root, b"tieline-cert-v1", payload, PROTECTED, {4: b"key"})),
        _refused("an array as payload", "certificate.field",
                 sign1(ALPHA.root, b"tieline-cert-v1", cbor([1, 2]))),
        _refused("a key twice in the payload", "encode.duplicate_key",
                 sign1(ALPHA.root, b"tieline-cert-v1", bytes.fromhex("a2016141016142"))),
        _refused("keys out of order in the payload", "encode.unsorted",
                 sign1(ALPHA.root, b"tieline-cert-v1", bytes.fromhex("a2026141016142"))),
        _refused("more than 8192 bytes", "encode.too_large",
                 ALPHA.certify({**good, 12: bytes(8192)})),
        _refused("a byte too many", "encode.trailing", encoded + b"\x00"),
        _refused("a byte too few", "encode.truncated", encoded[:-1]),
        _refused("nothing", "encode.truncated", b""),
    ]  # fmt: skip
    return out


def _refused(name: str, code: str, data: bytes, who: Party = ALPHA) -> Case:
    return {"name": name, "code": code, "root_key": who.key.hex(), "certificate": data.hex()}


def _flip(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


def cards() -> list[Case]:
    """Cards to take."""
    main, spare = ALPHA.station("main"), ALPHA.station("spare")
    newer = ALPHA.card_fields([main], ADDRESSES)
    newer[6] = "later"
    entries = newer[5]
    if isinstance(entries, list):
        entries[0][9] = [b"later"]
    cases = {
        "one station": (ALPHA, ALPHA.card_fields([main], ADDRESSES)),
        "two stations, sorted by id": (ALPHA, ALPHA.card_fields([main, spare], ["[::1]:7411"])),
        "an exercise, a name with accents": (BRAVO, BRAVO.card_fields([BRAVO.station("main")], [])),
        "keys of a newer version": (ALPHA, newer),
    }
    out: list[Case] = []
    for name, (who, fields) in cases.items():
        data = who.card(fields)
        print_ = fingerprint(who.code, who.realm, who.key)
        stations = fields[5]
        out.append(
            {
                "name": name,
                "party": who.code,
                "party_name": who.name,
                "realm": who.realm,
                "root_key": who.key.hex(),
                "addresses": [e[2] for e in stations] if isinstance(stations, list) else [],
                "fingerprint": print_.hex(),
                "words": words(print_),
                "armor": armor("TIELINE-CARD-1", data),
                "card": data.hex(),
            }
        )
    return out


def bad_cards() -> list[Case]:
    """Cards to refuse."""
    main, spare = ALPHA.station("main"), ALPHA.station("spare")
    good = ALPHA.card_fields([main], ADDRESSES)
    first, last = sorted([main, spare], key=lambda each: each.id)
    bravo, charlie = BRAVO.station("main"), OTHER.station("main")
    changed: dict[str, tuple[str, dict[int, object]]] = {
        "a party code in small letters": ("card.party", {1: "alpha"}),
        "another party code than the certificate's": ("card.stations", {1: "ALPHB"}),
        "no name": ("card.name", {2: ""}),
        "a name that turns the text around": ("card.name", {2: "Al\u202eahp"}),
        "a realm in small letters": ("card.realm", {3: "spring"}),
        "another realm than the certificate's": ("card.stations", {3: "SPRING-TIDE"}),
        "a root of small order": ("key.small_order", {4: SMALL_ORDER}),
        "a root that is not canonical": ("key.noncanonical", {4: NOT_CANONICAL}),
        "a root of 31 bytes": ("card.field", {4: bytes(31)}),
        "no station": ("card.stations", {5: []}),
        "three stations": ("card.stations", {5: [{1: main.certificate, 2: []}] * 3}),
        "one station twice": ("card.stations", {5: [{1: main.certificate, 2: []}] * 2}),
        "stations out of order": (
            "card.noncanonical",
            {5: [{1: last.certificate, 2: []}, {1: first.certificate, 2: []}]},
        ),
        "the certificate of another party": (
            "certificate.signature", {5: [{1: charlie.certificate, 2: []}]},
        ),
        "the certificate of another realm": (
            "certificate.signature", {5: [{1: bravo.certificate, 2: []}]},
        ),
        "a station without addresses": ("card_station.field", {5: [{1: main.certificate}]}),
        "a station that is a number": ("card_station.field", {5: [7]}),
        "stations that are a map": ("card.field", {5: {1: main.certificate}}),
        "an address without a port": ("address.port", {5: [{1: main.certificate, 2: ["a.b"]}]}),
        "an address that is a number": ("address.form", {5: [{1: main.certificate, 2: [7]}]}),
        "one address twice": ("address.many", {5: [{1: main.certificate, 2: ["a:1", "a:1"]}]}),
        "nine addresses": (
            "address.many", {5: [{1: main.certificate, 2: [f"a:{n}" for n in range(1, 10)]}]},
        ),
    }  # fmt: skip
    out = [_bad_card(name, code, ALPHA.card({**good, **c})) for name, (code, c) in changed.items()]
    for key in range(1, 6):
        rest = {field: value for field, value in good.items() if field != key}
        out.append(_bad_card(f"field {key} missing", "card.field", ALPHA.card(rest)))
    payload = cbor(good)
    out += [
        _bad_card("signed by another root", "card.signature",
                  sign1(OTHER.root, b"tieline-card-v1", payload)),
        _bad_card("signed as a certificate", "card.signature",
                  sign1(ALPHA.root, b"tieline-cert-v1", payload)),
        _bad_card("one bit of the signature", "card.signature", _flip(ALPHA.card(good), -1)),
        _bad_card("a certificate for a card", "card.field", main.certificate),
        _bad_card("more than 32768 bytes", "encode.too_large",
                  ALPHA.card({**good, 6: bytes(32_768)})),
        _bad_card("a byte too many", "encode.trailing", ALPHA.card(good) + b"\x00"),
    ]  # fmt: skip
    return out


def _bad_card(name: str, code: str, data: bytes) -> Case:
    return {"name": name, "code": code, "card": data.hex()}


def bad_armor() -> list[Case]:
    """Text forms to refuse."""
    return bent("TIELINE-CARD-1", ALPHA.card(ALPHA.card_fields([ALPHA.station("main")], ADDRESSES)))


def bent(label: str, data: bytes) -> list[Case]:
    """The text form of some bytes, changed in every way that a reader refuses."""
    text = armor(label, data)
    padded = armor(label, bytes(100))  # ends in 'A=' or 'A=='
    head, _, rest = text.partition("\n")
    line, _, tail = rest.partition("\n")
    changed = {
        "no label": ("armor.label", rest),
        "another label": ("armor.label", text.replace(label, "TIELINE-CHARTER-1", 1)),
        "a later version": ("armor.label", text.replace("-1\n", "-2\n", 1)),
        "a blank before the label": ("armor.label", " " + text),
        "a byte order mark": ("armor.label", "\ufeff" + text),
        "lines that end in CR LF": ("armor.label", text.replace("\n", "\r\n")),
        "a blank at the end of a line": ("armor.form", f"{head}\n{line} \n{tail}"),
        "a blank line": ("armor.form", f"{head}\n\n{rest}"),
        "two lines made one": ("armor.form", f"{head}\n{line}{tail}"),
        "no end": ("armor.form", text.removesuffix("END\n")),
        "no final newline": ("armor.form", text.removesuffix("\n")),
        "something after the end": ("armor.form", text + "\n"),
        "a character that is not base64": ("armor.form", f"{head}\n*{line[1:]}\n{tail}"),
        "a character beyond ASCII": ("armor.form", f"{head}\n\uff21{line[1:]}\n{tail}"),
        "the other base64 alphabet": ("armor.form", text.replace("/", "_").replace("+", "-")),
        "padding left out": ("armor.form", padded.replace("=", "")),
        "bits set below the padding": ("armor.form", padded.replace("A=", "B=")),
    }
    return [
        {"name": name, "code": code, "armor": changed_text}
        for name, (code, changed_text) in changed.items()
    ]


def spoken() -> list[Case]:
    """Fingerprints and words."""
    prints = [bytes(16), b"\xff" * 16, bytes(range(16)), bytes.fromhex("0123456789abcdef" * 2)]
    prints += [seed(f"fingerprint {number}", 16) for number in range(12)]
    return [{"fingerprint": print_.hex(), "words": words(print_)} for print_ in prints]


def typed() -> Case:
    """What a listener may type, and what is wrong with words.wrong."""
    print_ = seed("typed", 16)
    right = words(print_)
    line = " ".join(right)
    swapped = " ".join([right[1], right[0], *right[2:]])
    other = "b" if line[-1] != "b" else "d"
    return {
        "about": "The fingerprint, what a listener may type for it, and what is refused with"
        " words.wrong.",
        "fingerprint": print_.hex(),
        "accept": [line, line.upper(), "-".join(right), "".join(right), f"  {line}\n",
                   "\t".join(right), line.title(), "- ".join(right)],
        "refuse": ["", " ", line[:-1], line[:-1] + other, other + line, swapped,
                   line + " " + right[0],
                   " ".join(right[:7]), ", ".join(right), line.replace(right[0], ""),
                   " ".join(words(seed("another", 16)))],
    }  # fmt: skip
