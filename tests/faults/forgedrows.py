"""The rows of P5, and the builds under which they must go red."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final

from tests.faults import crossed, forged, fuzz, pagefuzz
from tests.faults.decoders import DECODERS
from tests.faults.rows import Row

from tieline.core import checkpoint, crypto, encode, exchange
from tieline.core.elsewhere import Elsewhere
from tieline.core.encode import Limits, Value
from tieline.core.errors import RemoteError
from tieline.node.host import Host
from tieline.node.view import Json
from tieline.sim.mutants import Mutant

_loads: Callable[[bytes, Limits], Value] = encode.loads
_verify: Callable[[bytes, bytes, bytes], bool] = crypto.verify


def _loads_ahead(data: bytes, limits: Limits = encode.DEFAULT) -> Value:
    """What follows a value is nobody's business."""
    for end in (len(data), *(len(data) - less for less in (1, 8, 40))):
        try:
            return _loads(data[:end], limits)
        except RemoteError as error:
            if error.code != "encode.trailing":
                raise
    return _loads(data, limits)


def _any_width(data: bytes, info: int, pos: int) -> tuple[int, int]:
    """A number may be as wide as its writer likes."""
    width = 1 << (info - 24)
    if info > 27 or pos + width > len(data):
        raise RemoteError("encode.truncated", "it ends too early")
    return int.from_bytes(data[pos : pos + width], "big"), pos + width


def _verify_modulo(key: bytes, message: bytes, signature: bytes) -> bool:
    """S counts modulo the order of the group, as the first libraries had it."""
    s = int.from_bytes(signature[32:], "little") % forged.ORDER
    return _verify(key, message, signature[:32] + s.to_bytes(32, "little"))


async def _import_what_there_is(self: Host, data: bytes) -> dict[str, Json]:
    """A stick that does not read has nothing new on it."""
    try:
        return await _import(self, data)
    except RemoteError:
        return {"added": 0, "refused": []}


_import = Host.import_bundle


def _base64(data: bytes) -> bytes | None:
    """What is not base64 is the library's to refuse."""
    return base64.b64decode(data, validate=True)


def _verified_first(
    data: bytes,
    limits: Limits = encode.DEFAULT,
    parse: Callable[..., crypto.Sign1] = crypto.parse_sign1,
) -> crypto.Sign1:
    """Signatures are looked at before what they are under."""
    crypto.verify(bytes(32), data, bytes(64))
    return parse(data, limits)


def _build(name: str, what: str, *patches: tuple[object, str, object]) -> Mutant:
    return Mutant(name=name, invariants=frozenset({5}), what=what, patches=patches)


BUILDS: Final = {
    build.name: build
    for build in (
        _build("trailing-bytes", "what follows a value is let pass",
               (encode, "loads", _loads_ahead)),
        _build("any-width", "a number may be written wider than it is",
               (encode, "_read_argument", _any_width)),
        _build("malleable", "S of a signature counts modulo the order",
               (crypto, "verify", _verify_modulo)),
        _build("torn-is-empty", "a file that does not read passes for one without news",
               (Host, "import_bundle", _import_what_there_is)),
        _build("library-refuses", "a decoder lets an error of a library through",
               (checkpoint, "_read_base64", _base64)),
        _build("page-believes", "the page takes any signature",
               (pagefuzz, "BROKEN", "verifyEd25519 = async () => true;\n")),
        _build("page-unlinked", "the page does not look what a statement had seen",
               (pagefuzz, "BROKEN", "causeFault = () => null;\n")),
        _build("elsewhere-unsaid", "what was signed for something else is refused as a forgery",
               (Elsewhere, "_may_ask", lambda *_: False)),
        _build("elsewhere-each-time", "each forgery of a flood is looked into",
               (Elsewhere, "_may_ask", lambda *_: True)),
        _build("line-unread", "a charter is verified before it is looked whose it is",
               (exchange, "check_line", lambda *_: None)),
        _build("verified-first", "signatures are verified before the shape is read",
               (crypto, "parse_sign1", _verified_first)),
    )
}  # fmt: skip

_BITS: Final = forged.KINDS * forged.SLICES
P5: Final = (
    Row(
        promise="P5",
        name="flipped-bits",
        fault="every bit of every golden artefact changed, one at a time",
        demand="refused, with a code",
        counts=(_BITS, _BITS, _BITS),
        play=forged.flipped_bits,
        alike=True,
        tests=(
            "tests/core/test_statement.py::test_every_flipped_bit_every_cut_and_every_trailing_byte_is_refused",
            "tests/core/test_charter.py::test_every_changed_bit_of_a_signed_charter_is_refused",
            "tests/node/test_backup.py::test_every_changed_bit_is_refused",
            "tests/node/test_verify.py::test_every_changed_byte_of_a_bundle_is_noticed",
            "tests/core/test_evidence_hostile.py",
        ),
        sabotage=("no-signatures", "pack-hash-unchecked"),
        few=forged.KINDS,
    ),
    Row(
        promise="P5",
        name="cut-and-spliced",
        fault="cut at every length, more appended, spliced, blocks of two in one",
        demand="refused, with a code",
        counts=(5 * _BITS, 50 * _BITS, 500 * _BITS),
        play=forged.cut_and_spliced,
        tests=(
            "tests/node/test_backup.py::test_every_torn_backup_is_refused",
            "tests/node/test_backup.py::test_chunks_cannot_be_swapped_or_left_out",
        ),
        sabotage=("trailing-bytes",),
        few=forged.KINDS,
    ),
    Row(
        promise="P5",
        name="other-context",
        fault="on another line, in an exercise, for another, under another form, as another kind",
        demand="each refused with a code of its own, and before a signature where that can be",
        counts=(crossed.CELLS, crossed.CELLS, crossed.CELLS),
        play=crossed.replayed,
        tests=("tests/core/test_exercise_apart.py",),
        sabotage=(
            "any-line", "any-realm", "verified-first", "elsewhere-unsaid", "elsewhere-each-time",
            "line-unread",
        ),
        few=crossed.CELLS,
    ),
    Row(
        promise="P5",
        name="bad-encoding",
        fault="one item of an artefact written in another way; input that asks for endless work",
        demand="refused before a signature, in 50 ms and 4 MiB",
        counts=(360, 3_600, 36_000),
        play=forged.bad_encoding,
        tests=("tests/core/test_encode.py",),
        sabotage=("any-width", "verified-first"),
        few=18,
    ),
    Row(
        promise="P5",
        name="bad-signatures",
        fault="malleated, empty, of small order, not canonical, turned, another's",
        demand="refused by one rule, everywhere",
        counts=(120, 1_200, 12_000),
        play=forged.bad_signatures,
        alike=True,
        tests=("tests/core/test_crypto.py",),
        sabotage=("malleable",),
        few=20,
    ),
    Row(
        promise="P5",
        name="torn-bundle",
        fault="a stick pulled at every 512 bytes: cut, padded, overlapping, its parts swapped",
        demand="refused whole, with the cause, and nothing of it is in",
        counts=(crossed.TORN, crossed.TORN, crossed.TORN),
        play=crossed.torn_bundle,
        tests=("tests/desk/test_bad_files.py",),
        sabotage=("torn-is-empty",),
        few=2,
    ),
    Row(
        promise="P5",
        name="fuzz-decoders",
        fault="what a fuzzer that watches where its inputs go makes of golden ones",
        demand="no error but a refusal, none over 1 s, and a second reader agrees",
        counts=fuzz.COUNTS,
        play=fuzz.fuzzed_decoder,
        tests=("tests/core/test_encode.py::test_noise_made_of_heads_is_read_exactly_or_refused",),
        sabotage=("library-refuses", "any-width"),
        few=len(DECODERS),
    ),
    Row(
        promise="P5",
        name="page-reader",
        fault="40 files a case that are changed, for the evidence page in Chromium and for us",
        demand="what one reader takes the other takes, and both find the same",
        counts=(2 * pagefuzz.ROUND, 200 * pagefuzz.ROUND, 2_000 * pagefuzz.ROUND),
        play=pagefuzz.in_page,
        stage=pagefuzz.stage,
        lacks=pagefuzz.no_browser,
        sabotage=("page-believes", "page-unlinked", "no-signatures"),
        few=pagefuzz.ROUND,
    ),
)  # fmt: skip
