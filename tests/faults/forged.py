"""P5: what is forged, altered, cut, spliced or badly written is never taken."""

from __future__ import annotations

import base64
import io
import random
import time
import tracemalloc
from collections.abc import Callable
from functools import cache
from typing import Final

from tests.core.world import Key, chaff
from tests.faults import golden, secondcbor
from tests.faults.golden import Golden, artefacts, counted
from tests.faults.rows import Missed, need

from tieline.core import bundle, crypto, encode, identity, proof, statement, sync
from tieline.core.charter import parse_signed_charter
from tieline.core.checkpoint import Receipt, SignedNote
from tieline.core.encode import Limits
from tieline.core.errors import TielineError
from tieline.core.evidence import parse as parse_evidence
from tieline.core.tlogwitness import parse_request
from tieline.node import backupfile, keystore, sealed

KINDS: Final = 12  # of golden artefacts
SLICES: Final = 48
MOST_S: Final = 0.05  # of processor time for one input
MOST_BYTES: Final = 4 << 20


def refusal(take: Callable[[bytes], object], data: bytes) -> str:
    """The code of a refusal; nothing when it is taken. Whatever else is raised goes on."""
    try:
        take(data)
    except TielineError as error:
        return error.code
    return ""


def _case(seed: int) -> tuple[Golden, int]:
    return artefacts()[seed % KINDS], seed // KINDS % SLICES


def flipped_bits(seed: int) -> None:
    """Each bit of a golden artefact, one at a time; a case is one in so many of them."""
    one, part = _case(seed)
    for at in range(part, 8 * len(one.data), SLICES):
        changed = bytearray(one.data)
        changed[at // 8] ^= 1 << at % 8
        need(refusal(one.take, bytes(changed)), f"{one.name} with bit {at} changed is taken")


def cut_and_spliced(seed: int) -> None:
    """Each truncation, what is appended, and parts of two artefacts in one."""
    one, part = _case(seed)
    chance = random.Random(f"splice {seed}")
    for end in range(part, len(one.data), SLICES):
        need(refusal(one.take, one.data[:end]), f"{one.name} cut to {end} bytes is taken")
    for more in (bytes((part * 5 % 256,)), b"\0" * 8, one.data, chance.randbytes(40)):
        need(refusal(one.take, one.data + more), f"{one.name} with more behind it is taken")
    for _ in range(40):
        other = chance.choice(artefacts()).data
        start, size = chance.randrange(len(one.data)), chance.randint(0, 200)
        stop = min(len(one.data), start + chance.choice((0, size, chance.randrange(400))))
        begin = chance.randrange(len(other))
        put = chance.choice((other[begin : begin + size], one.data[begin : begin + size], b""))
        made = one.data[:start] + put + one.data[stop:]
        if made != one.data:
            need(refusal(one.take, made), f"{one.name} with other bytes at {start} is taken")
    _mixed(one, chance)


def _mixed(one: Golden, chance: random.Random) -> None:
    """The blocks of two artefacts of one kind: the second has everything, and nothing fits."""
    if one.name == "bundle":
        other = _second_bundle()
        head = len(bundle.MAGIC) + 4
        sizes = [int.from_bytes(data[head - 4 : head], "big") for data in (one.data, other)]
        mine, theirs = (head + size for size in sizes)
        for made in (one.data[:mine] + other[theirs:], other[:theirs] + one.data[mine:]):
            need(refusal(one.take, made), "a mixed bundle is taken")
    if one.name == "backup":
        blocks = list(framed(one.data))
        order = [*blocks]
        while order == blocks:
            chance.shuffle(order)
        data = backupfile.MAGIC + b"".join(order)
        need(refusal(one.take, data), "a backup of shuffled blocks is taken")


def framed(data: bytes) -> list[bytes]:
    """The blocks of a backup, each with its length in front."""
    stream, out = io.BytesIO(data[len(backupfile.MAGIC) :]), []
    while size := stream.read(4):
        out.append(size + stream.read(int.from_bytes(size, "big")))
    return out


@cache
def _second_bundle() -> bytes:
    """Sealed to the same stations by the same exporter's format, under a key of nobody's."""
    given = bundle.parse("", golden.of("bundle").data)
    payload = bundle.header_payload(given.header)
    return bundle.assemble(payload, Key("nobody").sign(payload), given.sealed[::-1])


# ----------------------------------------------------------------------------------- encodings


def _any(data: bytes) -> object:
    return encode.loads(data)


DECODERS: Final[dict[str, Callable[[bytes], object]]] = {
    "value": _any,
    "statement": lambda data: statement.parse("", data),
    "draft": statement.unpack_content,
    "envelope": sync.unpack,
    "receipt": Receipt.decode,
    "note": SignedNote.parse,
    "witness request": parse_request,
    "bundle": lambda data: bundle.parse("", data),
    "bundle contents": bundle.envelopes_of,
    "sealed": sealed.parse,
    "key file": keystore.parse,
    "charter": parse_signed_charter,
    "certificate": lambda data: identity.parse_certificate(data, golden.root_of_certificate()),
    "card": identity.parse_card,
    "proof": proof.check,
    "evidence item": parse_evidence,
    "backup": golden.read_backup,
}


def hostile() -> list[bytes]:
    """Inputs that ask for work: nesting, lengths, counts and numbers beyond all bounds."""
    out = [
        b"\x81" * 100_000, b"\xa1\x00" * 100_000, b"\x9f" * 100_000, b"\x5f" * 100_000,
        b"\xd8\x18" * 100_000, b"\x82" * 600_000, b"\xff" * 1_000,
    ]  # fmt: skip
    for major in range(2, 6):
        for length in (1 << 20, 1 << 31, 1 << 40, (1 << 63) - 1, (1 << 64) - 1):
            out.append(bytes((major << 5 | 27,)) + length.to_bytes(8, "big"))
            out.append(out[-1] + bytes(200))
    bignum = b"\xc2\x5a" + (1 << 20).to_bytes(4, "big") + b"\xff" * (1 << 20)
    out += [bignum, b"\x81" + bignum, b"\x9a" + (500_000).to_bytes(4, "big") + bytes(500_000)]
    out.append(b"\xb9\x20\x00" + b"".join(_key(n) + b"\x00" for n in range(0x2000)))
    out += [
        b"\x7a\x00\x10\x00\x00" + b"\xc3\xa9" * (1 << 19),
        b"\x7a\x00\x10\x00\x00" + b"\xed" * (1 << 20),
    ]
    out += [
        bundle.MAGIC + size + bytes(50)
        for size in (b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\x20\0")
    ]
    out += [backupfile.MAGIC + size + bytes(50) for size in (b"\xff" * 4, b"\0\x10\0\0")]
    lines = (
        b"tieline.invalid/x\n1\n" + b"A" * 44 + b"\n\n" + "— a ".encode() + b"A" * 90_000 + b"\n"
    )
    out += [lines, b"old 1\n" * 9_000 + b"\n", b"\n" * 500_000, b"old " + b"9" * 50_000 + b"\n\n"]
    return out


def _key(number: int) -> bytes:
    return secondcbor.emit(secondcbor.Node(secondcbor.UINT, number))


@cache
def _hostile() -> tuple[bytes, ...]:
    return tuple(hostile())


# What has one signature, and reads as a whole before it is looked at.
SINGLE: Final = ("statement", "receipt", "bundle", "certificate")
NOT_CBOR: Final = ("checkpoint", "backup")


def bad_encoding(seed: int) -> None:
    """A golden artefact with one item written in a way that the format leaves out."""
    chance = random.Random(f"encoding {seed}")
    names = [one for one in artefacts() if one.name not in NOT_CBOR]
    one = names[seed % len(names)]
    wrap = _unwrapped(one)
    tree = secondcbor.opened(secondcbor.read(wrap.data, 1 << 24, 32, 1 << 20))
    need(secondcbor.emit(tree) == wrap.data, "the second writer writes another thing")
    places = list(secondcbor.nodes(tree))
    tops = {id(node) for node in secondcbor.nodes(tree, inner=False)}
    for way in secondcbor.WAYS:
        fit = [node for node in places if secondcbor.fits(node, way)]
        for node in chance.sample(fit, min(4, len(fit))):
            made = secondcbor.emit(tree, node, way)
            with counted() as meter:
                code = refusal(wrap.take, made)
            need(code, f"{one.name} with an item that is {way} is taken")
            early = one.name in SINGLE or id(node) in tops
            need(
                not (meter.calls and early and code.startswith("encode.")),
                f"{one.name} with an item that is {way} cost {meter.calls} verifications",
            )
            if node is tree:
                need(code.startswith("encode.") or one.name == "bundle", f"{way} is {code}")
    _bounded(seed)


def _unwrapped(one: Golden) -> Golden:
    """The part of an artefact that is encoded: of a bundle its header."""
    if one.name != "bundle":
        return one
    start = len(bundle.MAGIC) + 4
    end = start + int.from_bytes(one.data[start - 4 : start], "big")
    rest = one.data[end:]

    def take(header: bytes) -> object:
        return one.take(bundle.MAGIC + len(header).to_bytes(4, "big") + header + rest)

    return Golden(one.name, one.data[start:end], take)


def _bounded(seed: int) -> None:
    """One decoder and some inputs that ask for work: refused, in bounded time and memory."""
    name = list(DECODERS)[seed % len(DECODERS)]
    take = DECODERS[name]
    for data in _hostile()[seed // len(DECODERS) % 4 :: 4]:
        spent = []
        for _ in range(3):
            began = time.process_time()
            refusal(take, data)
            spent.append(time.process_time() - began)
            if spent[-1] < MOST_S:
                break
        need(min(spent) < MOST_S, f"{name} took {min(spent):.3f} s for {data[:12].hex()}...")
        tracemalloc.start()
        try:
            code = refusal(take, data)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        need(peak <= MOST_BYTES, f"{name} took {peak} bytes for {data[:12].hex()}...")
        need(code or name in ("value", "note"), f"{name} takes {data[:12].hex()}...")


# ---------------------------------------------------------------------------------- signatures

ORDER: Final = 2**252 + 27742317777372353535851937790883648493


def wrong_signatures(good: bytes) -> list[bytes]:
    """Bad signatures beside a good one: malleated, empty, of small order, turned, another's."""
    r, s = good[:32], int.from_bytes(good[32:], "little")
    wrong = [bytes(64), b"\xff" * 64, good[32:] + r, chaff("signature", 64), r + bytes(32)]
    wrong += [r + (s + n * ORDER).to_bytes(33, "little")[:32] for n in (1, 2, 7)]
    wrong.append(r + ((ORDER - s) % ORDER).to_bytes(32, "little"))
    wrong.append(bytes((*r[:31], r[31] ^ 0x80)) + good[32:])
    for point in _bad_points():
        wrong += [point + good[32:], point + bytes(32)]
    return [each for each in wrong if each != good]


@cache
def _bad_points() -> tuple[bytes, ...]:
    return tuple(
        bytes.fromhex(case["key"])
        for case in golden.vector("ed25519/keys")["cases"]
        if case["code"] in ("key.small_order", "key.noncanonical")
    )


def bad_signatures(seed: int) -> None:
    """A golden artefact whose signature is a bad one; and one case of the vectors' rule."""
    signed = [one for one in artefacts() if one.name not in {"backup", "pack"}]
    one = signed[seed % len(signed)]
    found = signatures(one.name)
    need(found, f"{one.name} has no signature")
    good = found[seed // len(signed) % len(found)]
    for wrong in wrong_signatures(good):
        made = one.data.replace(*_as_written(one, good, wrong))
        need(made != one.data, f"{one.name} is as it was")
        need(refusal(one.take, made), f"{one.name} with signature {wrong.hex()} is taken")
    cases = golden.vector("ed25519/signatures")["cases"]
    case = cases[seed % len(cases)]
    key, text, made = (bytes.fromhex(case[part]) for part in ("key", "message", "signature"))
    need(crypto.verify(key, text, made) is case["accept"], f"{case['about']} is judged otherwise")


def _as_written(one: Golden, good: bytes, wrong: bytes) -> tuple[bytes, bytes]:
    if one.name != "checkpoint":
        return good, wrong
    blob = _blob(one)
    return base64.b64encode(blob), base64.b64encode(blob[:4] + wrong)


def _blob(one: Golden) -> bytes:
    return base64.b64decode(one.data.split()[-1])


@cache
def signatures(name: str) -> tuple[bytes, ...]:
    """The signatures in an artefact, wherever they stand."""
    one = golden.of(name)
    if name == "checkpoint":
        return (_blob(one)[4:],)
    tree = secondcbor.opened(secondcbor.read(_unwrapped(one).data, 1 << 24, 32, 1 << 20))
    found = [
        node.content
        for node in secondcbor.nodes(tree)
        if node.major == secondcbor.BYTES and len(node.content) == 64
    ]
    return tuple(dict.fromkeys(found))


def agree(data: bytes, limits: Limits = encode.DEFAULT) -> None:
    """Both readers take the same bytes, and read the same in them. Raises ``Missed``."""
    try:
        tree = secondcbor.read(data, limits.max_bytes, limits.max_depth, limits.max_items)
    except secondcbor.Unread:
        tree = None
    try:
        value = encode.loads(data, limits)
    except TielineError:
        need(tree is None, f"only the second reader takes {data[:60].hex()}")
        return
    if tree is None:
        raise Missed(f"only the product takes {data[:60].hex()}")
    need(secondcbor.value(tree) == value, f"read apart: {data[:60].hex()}")
    need(secondcbor.emit(tree) == data, "the second writer writes another thing")
