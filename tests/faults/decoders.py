"""What the fuzzer gives inputs to, and what it begins with: something that each decoder takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from tests.core.agreement.sheets import ENGINE
from tests.core.world import chaff
from tests.faults import forged, golden, sidedecoders
from tests.faults.golden import VECTORS, artefacts, vector
from tests.faults.sidedecoders import of_text
from tests.packs.test_shipped import pack
from tests.packs.test_texts import sheet_of, tongue

from tieline.carriers import frames
from tieline.core import (
    crypto,
    evidence,
    evidence_packs,
    evidence_reader,
    identity,
    statement,
    tiles,
    tlogwitness,
)
from tieline.core.address import parse_address
from tieline.core.agreement import numbered, radio, slash
from tieline.core.agreement.layout import Sheet, lay_out
from tieline.core.agreement.model import Pack
from tieline.core.agreement.tongue import EngineWords
from tieline.core.checkpoint import vkey
from tieline.core.errors import RemoteError
from tieline.core.identity import dearmor
from tieline.core.proof import armor_proof, dearmor_proof
from tieline.core.tlogwitness import read_vkey
from tieline.node import api, keystore

PACK: Final = "incident"  # whose forms come as text
FORMS: Final = 3


def _framed(data: bytes) -> object:
    return list(frames.FrameReader().feed(data))


@dataclass(frozen=True, slots=True)
class Told:
    """What a decoder says of an input that it does not refuse."""

    codes: tuple[str, ...]


def _evidence(data: bytes) -> Told:
    """What is told of a file: of one that has begun nothing is refused."""
    report = evidence_reader.read([data])
    told = tuple(each.code for each in (*report.faults, *report.gaps))
    if report.header is None:
        raise RemoteError(told[0], "it is no file of evidence")
    return Told(told)


def _pack(data: bytes) -> object:
    try:
        return evidence_packs.read(data)
    except evidence_packs.NewerPack:
        return Told(("newer",))


def _form(read: Callable[[str, dict[str, Pack], EngineWords], Sheet]) -> Callable[[str], object]:
    return lambda text: read(text, {pack(PACK).tag: pack(PACK)}, ENGINE)


def _witness_answer(data: bytes) -> object:
    whole, name, key, late_name, late_key = _cosigned()
    text = whole.partition(b"\n\n")[0] + b"\n"
    return (
        tlogwitness.read_answer(text, data, name, key),
        tlogwitness.read_late(text, data, late_name, late_key),
    )


@cache
def _cosigned() -> tuple[bytes, str, bytes, str, bytes]:
    """A checkpoint of the vectors, and names and keys of a witness who signs it in both ways."""
    for case in vector("checkpoint/notes")["cases"]:
        signed = {each["alg"]: each for each in case["checks"] if type(each["verdict"]) is int}
        if set(signed) == {crypto.ALG_COSIGNATURE, crypto.ALG_MLDSA}:
            ways = [signed[alg] for alg in sorted(signed)]
            text = case["text"].encode()
            (first, late), keys = ways, [bytes.fromhex(each["key"]) for each in ways]
            return text, first["name"], keys[0], late["name"], keys[1]
    raise AssertionError("no note of the vectors is cosigned in both ways")


DECODERS: Final[dict[str, Callable[[bytes], object]]] = {
    **forged.DECODERS,
    "evidence file": _evidence,
    "tiles": lambda data: tiles.parse_bundle(data, 3),
    "frames": _framed,
    "armor": of_text(dearmor),
    "armored proof": of_text(dearmor_proof),
    "key of a log": of_text(read_vkey),
    "witness answer": _witness_answer,
    "api request": api.parse_request,
    "words": of_text(lambda text: identity.check_words(text, _fingerprint())),
    "address": of_text(parse_address),
    "pack": _pack,
    "form by slashes": of_text(_form(slash.read)),
    "form by numbers": of_text(_form(numbered.read)),
    "form by radio": of_text(_form(radio.read)),
    **sidedecoders.DECODERS,
}


def _fingerprint() -> bytes:
    return bytes.fromhex(vector("words/typed")["fingerprint"])


# -------------------------------------------------------------------------------------- corpus


@cache
def corpus() -> tuple[bytes, ...]:
    """What the fuzzer begins with: the golden artefacts, and the vectors of what is taken."""
    found = [one.data for one in artefacts()]
    for path in ("envelope/accept", "card/accept", "charter/accept", "statement/accept"):
        for case in vector(path)["cases"][:6]:
            name = path.split("/", maxsplit=1)[0]
            found.append(bytes.fromhex(str(case.get(name) or case.get("payload") or "00")))
    given = vector("bundle/open")
    found += [bytes.fromhex(given[part]) for part in ("sealed", "plain")]
    found += [(VECTORS / "evidence" / f"{name}.tle").read_bytes() for name in ("sealed", "late")]
    found += [case["text"].encode() for case in vector("checkpoint/notes")["cases"][:4]]
    note = golden.of("checkpoint").data
    found += [b"old 7\n" + b"A" * 43 + b"=\n\n" + note]
    found += [frames.ping(7) + frames.envelope(b"x" * 40) + frames.close("so long")]
    found += [b'{"id": 1, "act": "send", "args": {"text": "hello", "to": ["BRAVO"]}}\n']
    found += [*_written(), *_said(), *_within(), *sidedecoders.begun_with()]
    return tuple(dict.fromkeys(each for each in found if each))


def _written() -> Iterator[bytes]:
    """Texts: armor, words, addresses, keys of logs, a witness's answer, forms on paper."""
    yield vector("card/accept")["cases"][0]["armor"].encode()
    yield armor_proof(
        next(each.data for each in artefacts() if each.name.startswith("proof"))
    ).encode()
    yield vector("words/typed")["accept"][0].encode()
    yield from (b"station.example:7443", b"[2001:db8::1]:7443", b"192.0.2.7:7443")
    for case in vector("checkpoint/notes")["cases"][:4]:
        for check in case.get("checks", ())[:4]:
            name, alg, key = check["name"], check["alg"], bytes.fromhex(check["key"])
            yield vkey(name, alg, key).encode()
    yield _cosigned()[0].partition(b"\n\n")[2]
    made = pack(PACK)
    for form in list(made.sendable())[:FORMS]:
        sheet = sheet_of(made, form)
        page = lay_out(sheet, tongue(PACK, "en"))
        yield slash.write(sheet).encode()
        yield numbered.write(page, tongue(PACK, "en")).encode()
        yield radio.write(page).encode()


def _said() -> Iterator[bytes]:
    """Drafts, from statements of the vectors."""
    for case in vector("statement/accept")["cases"][:6]:
        read = statement.parse("", bytes.fromhex(case["statement"]))
        yield statement.pack_content(read.content)


def _within() -> Iterator[bytes]:
    """What comes in other things: items of evidence, a pack, a key file, entries of a tile."""
    for name in ("sealed", "late"):
        kinds = set()
        data = (VECTORS / "evidence" / f"{name}.tle").read_bytes()
        for item in evidence.Splitter([data]).items():
            if item[:2] not in kinds:
                kinds.add(item[:2])
                yield item
    yield bytes.fromhex(vector("pack/accept")["cases"][0]["body"])
    box = keystore.Envelope(
        kind=keystore.STATION, way=keystore.BY_PASSPHRASE,
        salt=chaff("salt", keystore.SALT_BYTES), nonce=chaff("nonce", keystore.NONCE_BYTES),
        box=chaff("box", 200),
    )  # fmt: skip
    yield box.encode()
    yield tiles.format_bundle(chaff(f"entry {n}", 40 * n) for n in range(3))


def fitting(take: Callable[[bytes], object]) -> list[bytes]:
    """What of the corpus this decoder takes."""
    return [data for data in corpus() if not forged.refusal(take, data)]
