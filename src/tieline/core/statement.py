"""The statement: the signed, immutable unit of the record.

A statement is an untagged COSE_Sign1 (RFC 9052 section 4.2) whose payload is a CBOR map with
unsigned keys; ``docs/protocol.md`` and ``docs/protocol.cddl`` are normative. Its name is its
RFC 6962 leaf hash over the signed bytes, so that a citation, a position in a log and a proof all
speak of the same thing.

Rules held here:

* ``parse`` accepts only what ``compose`` produces: default values are left out and refused when
  written, lists have one order, and each kind has the body fields it needs and no others.
* Unknown payload keys from newer stations are kept (the raw bytes are the statement) and named in
  ``unknown`` so that a reader can be told.
* The realm (live, or the name of an exercise) is part of what is signed: a signature made in an
  exercise verifies nowhere else, even under the same key.

This module does not know whether a key may speak for a station, nor what came before: that is for
the charter and the record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter
from typing import Final, TypeVar

from tieline.core import crypto, encode, usual
from tieline.core.content import (
    KINDS,
    LIMITS,
    MAX_PARTIES,
    MAX_REFS,
    MAX_SEEN,
    MAX_STATEMENT_BYTES,
    MAX_TEXT_CHARS,
    MAX_THROUGH,
    PRECEDENCES,
    REF_ROLES,
    ROLES,
    TARGETED,
    TIP_BYTES,
    WANT_ACKNOWLEDGE,
    WANT_PASS_ON,
    WANT_READ_BACK,
    Body,
    Content,
    Hold,
    Place,
    Read,
    Ref,
    default_wants,
    wanted_rungs,
    wants_mask,
)
from tieline.core.encode import Fields, Value
from tieline.core.errors import LocalError, RemoteError
from tieline.core.terms import FORM_ID, LANGUAGE, MAX_TIME_MS, PARTY_CODE, Kind, RefRole, Role, Rung

__all__ = [
    "LIMITS",
    "MAX_PARTIES",
    "MAX_REFS",
    "MAX_SEEN",
    "MAX_STATEMENT_BYTES",
    "MAX_TEXT_CHARS",
    "MAX_THROUGH",
    "TARGETED",
    "TIP_BYTES",
    "WANT_ACKNOWLEDGE",
    "WANT_PASS_ON",
    "WANT_READ_BACK",
    "Body",
    "Content",
    "Hold",
    "Place",
    "Read",
    "Ref",
    "Statement",
    "compose",
    "composed",
    "default_wants",
    "domain",
    "log_id",
    "normal",
    "pack_content",
    "parse",
    "seal",
    "statement_digest",
    "to_sign",
    "unpack_content",
    "wanted_rungs",
    "wants_mask",
]

E = TypeVar("E", bound=IntEnum)

# Which body fields each kind must have, and which it may have besides. What an officer says may be
# said without prejudice; what is handed on may name whose word it is.
_SAID: Final = frozenset({"reserve"})
_RELAYED: Final = _SAID | {"through"}
_BODY: Final[dict[Kind, tuple[frozenset[str], frozenset[str]]]] = {
    Kind.OPEN: (frozenset({"cause"}), frozenset()),
    Kind.MESSAGE: (frozenset(), _RELAYED | {"text", "lang", "fields"}),
    Kind.ACKNOWLEDGE: (frozenset(), _RELAYED),
    Kind.READ_BACK: (frozenset({"text", "lang"}), _RELAYED),
    Kind.PASS_ON: (frozenset({"unit", "at_ms"}), _RELAYED),
    Kind.TEST: (frozenset({"text", "slot", "holds"}), frozenset()),
    Kind.SUSPEND: (frozenset({"cause"}), _SAID),
    Kind.RESUME: (frozenset(), _SAID | {"cause"}),
    Kind.SILENCE: (
        frozenset({"party", "due_ms", "attempts"}),
        frozenset({"rung", "cause", "slot"}),
    ),
    Kind.WATCH: (frozenset({"staffed"}), _SAID | {"cause"}),
    Kind.JOINT: (
        frozenset({"text", "lang", "parties"}),
        _RELAYED | {"effective_ms", "late_binds", "terms"},
    ),
    Kind.ASSENT: (frozenset(), _SAID),
}
_KNOWN: Final = frozenset(range(1, 17))
_RUNGS: Final = {int(one): one for one in Rung}
_BODY_KEYS: Final = {
    1: "text", 2: "lang", 3: "fields", 4: "unit", 5: "at_ms", 6: "cause", 7: "staffed",
    8: "slot", 9: "holds", 10: "parties", 11: "rung", 12: "party", 13: "due_ms", 14: "attempts",
    15: "effective_ms", 16: "late_binds", 17: "reserve", 18: "through", 19: "terms",
}  # fmt: skip
_body_values: Final = attrgetter(*_BODY_KEYS.values())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Statement:
    """A parsed statement. Equal to another exactly when the signed bytes are."""

    place: Place
    content: Content
    unknown: tuple[int, ...]
    log: bytes
    digest: bytes
    raw: bytes
    signed: bytes  # the bytes under the signature (Sig_structure)
    signature: bytes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Statement) and self.raw == other.raw

    def __hash__(self) -> int:
        return int.from_bytes(self.digest[:8], "big")


@lru_cache(maxsize=256)
def log_id(line: bytes, station: bytes, incarnation: bytes) -> bytes:
    """The 8-byte name of one incarnation of one station's log on one line."""
    return crypto.sha256(b"tieline-log-v1\0" + line + station + incarnation)[:8]


def statement_digest(raw: bytes) -> bytes:
    """The digest of a statement from its signed bytes: its leaf hash (RFC 6962 section 2.1)."""
    return crypto.sha256(b"\0" + raw)


@lru_cache(maxsize=16)
def domain(realm: str) -> bytes:
    """The external data under every statement signature of a realm."""
    return b"tieline-statement-v1\0" + realm.encode("ascii")


# ------------------------------------------------------------------------------- composing


def compose(place: Place, content: Content) -> bytes:
    """The payload bytes of a statement, ready to be signed. Raises as ``composed`` does."""
    return composed(place, content)[0]


def composed(place: Place, content: Content) -> tuple[bytes, Read]:
    """As ``compose``, and what ``seal`` need not read again.

    Raises ``LocalError`` when the content is not one that ``parse`` would take: the check is the
    parser itself, so that the two cannot drift.
    """
    payload = encode.dumps(_payload(place, content))
    try:
        back_place, back_content, unknown = _read_payload(payload)
    except RemoteError as error:
        raise LocalError(error.code, error.message) from error
    if back_place != place or back_content != normal(content):
        raise LocalError(
            "statement.lossy",
            "the message would not read back as it was written; check its lists for repeats",
        )
    return payload, (back_place, back_content, unknown)


def normal(content: Content) -> Content:
    """The same content with wants spelled out, the form in which ``parse`` returns it."""
    return content if content.wants >= 0 else replace(content, wants=content.wanted())


def to_sign(realm: str, payload: bytes) -> bytes:
    """The bytes that a station's key signs (RFC 9052 section 4.4)."""
    return crypto.joined(_signed_head(domain(realm)), payload)


@lru_cache(maxsize=16)
def _signed_head(external: bytes) -> bytes:
    return crypto.sig_head(crypto.PROTECTED, external)


def seal(realm: str, payload: bytes, signature: bytes, read: Read | None = None) -> Statement:
    """Join a payload and its signature into the statement; ``read``: as ``composed`` gave it.

    Raises as ``parse`` does, whose reading of the envelope is spared: it was just written.
    """
    raw = crypto.pack_sign1(payload, signature)
    if len(raw) > MAX_STATEMENT_BYTES or len(signature) != crypto.SIGNATURE_BYTES:
        return parse(realm, raw, read)  # which says what is wrong
    return _statement(realm, raw, payload, signature, read or _read_payload(payload))


def pack_content(content: Content) -> bytes:
    """A draft's bytes for the journal: what its author decided, with no place in a log yet."""
    return encode.dumps(_content_map(content))


def unpack_content(data: bytes) -> Content:
    """The inverse of ``pack_content``. Raises ``RemoteError`` as ``parse`` does."""
    return _read_content(Fields(encode.loads(data, LIMITS), "draft"))


def _payload(place: Place, content: Content) -> dict[int, Value]:
    out: dict[int, Value] = {
        1: place.line,
        2: place.station,
        3: place.incarnation,
        4: place.position,
        7: place.time_ms,
        10: place.charter,
    }
    if place.previous is not None:
        out[5] = place.previous
    if place.seen:
        out[6] = place.seen
    return out | _content_map(content)


def _content_map(content: Content) -> dict[int, Value]:
    out: dict[int, Value] = {8: int(content.precedence), 9: int(content.kind)}
    if content.role:
        out[11] = int(content.role)
    if content.to:
        out[12] = content.to
    wanted = content.wanted()
    if wanted != default_wants(content.kind):
        out[13] = wanted
    if content.form:
        out[14] = (content.form, content.form_version)
    if content.refs:
        out[15] = tuple(part for ref in content.refs for part in (ref.target, int(ref.role)))
    body = _body_map(content.body)
    if body:
        out[16] = body
    return out


def _body_map(body: Body) -> dict[int, Value]:
    out: dict[int, Value] = {}
    for (key, name), value in zip(_BODY_KEYS.items(), _body_values(body), strict=True):
        if value is None:
            continue
        if name in ("fields", "terms"):
            value = dict(value)  # noqa: PLW2901 - as it stands in the bytes
        elif name == "holds":
            value = tuple((h.log, h.size, h.last) for h in body.holds or ())  # noqa: PLW2901
        elif name == "rung":
            value = int(value)  # noqa: PLW2901
        out[key] = value
    return out


# --------------------------------------------------------------------------------- parsing


def parse(realm: str, raw: bytes, read: Read | None = None) -> Statement:
    """Read a statement from its signed bytes; the signature is not checked here.

    ``read``: its payload, when that was read before. Raises ``RemoteError``: ``encode.*`` when the
    bytes are not canonical CBOR within limits, ``sign1.*`` when they are no COSE_Sign1 of ours,
    ``statement.*`` when a field is wrong.
    """
    place = usual.payload_of(raw)
    if place is not None:
        payload, signature = raw[place[0] : place[1]], raw[-crypto.SIGNATURE_BYTES :]
    else:
        envelope = crypto.parse_sign1(raw, LIMITS)
        payload, signature = envelope.payload, envelope.signature
    return _statement(realm, raw, payload, signature, read or _read_payload(payload))


def _statement(realm: str, raw: bytes, payload: bytes, signature: bytes, read: Read) -> Statement:
    place, content, unknown = read
    return Statement(
        place=place,
        content=content,
        unknown=unknown,
        log=log_id(place.line, place.station, place.incarnation),
        digest=statement_digest(raw),
        raw=raw,
        signed=to_sign(realm, payload),
        signature=signature,
    )


def _read_payload(payload: bytes) -> Read:
    return usual.read(payload) or _read_any(payload)


def _read_any(payload: bytes) -> Read:
    """Read a payload item by item, whatever is in it."""
    fields = Fields(encode.loads(payload, LIMITS), "statement")
    position = fields.uint(4, max=2**48)
    previous = fields.opt_bytes(5, length=32)
    if (previous is None) != (position == 0):
        raise _wrong("previous", "the first statement of a log has no predecessor, every other one")
    place = Place(
        line=fields.bytes(1, length=16),
        station=fields.bytes(2, length=8),
        incarnation=fields.bytes(3, length=8),
        position=position,
        previous=previous,
        seen=_read_seen(fields.array(6)) if 6 in fields else (),
        time_ms=fields.uint(7, max=MAX_TIME_MS),
        charter=fields.uint(10, max=2**16),
    )
    content = _read_content(fields)
    unknown = tuple(sorted(fields.unknown(_KNOWN)))
    if content.kind is Kind.UNKNOWN:
        unknown = (9, *unknown)
    elif 16 in fields and not fields.map(16).keys() <= _BODY_KEYS.keys():
        unknown = tuple(sorted((*unknown, 16)))
    return place, content, unknown


def _read_content(fields: Fields) -> Content:
    kind = _read_kind(fields.uint(9, max=2**16))
    form, form_version = _read_form(fields.array(14)) if 14 in fields else ("", 0)
    content = Content(
        kind=kind,
        body=_read_body(kind, fields.opt_map(16)),
        precedence=_member(PRECEDENCES, fields.uint(8, max=255), "precedence"),
        role=_read_role(fields.opt_uint(11, max=255)),
        to=_read_codes(fields.array(12), "addressees") if 12 in fields else (),
        wants=_read_wants(kind, fields.opt_uint(13, max=7)),
        refs=_read_refs(fields.array(15)) if 15 in fields else (),
        form=form,
        form_version=form_version,
    )
    if kind in TARGETED and (not content.refs or content.refs[0].role is not RefRole.ANSWERS):
        raise _wrong("references", f"a statement of kind {kind.name} cites its target first")
    if content.body.terms is not None and not content.form:
        raise _wrong("body", "the fields of a form need the form that they are of")
    if kind is Kind.SILENCE and (content.body.rung is None) != bool(form):
        raise _wrong("body", "a silence is of a rung, or else of the rule that its form names")
    return content


def _wrong(name: str, what: str) -> RemoteError:
    return RemoteError(
        f"statement.{name}", f"the statement's {name} is wrong: {what}; ask its author to repair it"
    )


def _member(members: Mapping[int, E], value: int, name: str) -> E:
    found = members.get(value)
    if found is None:
        raise _wrong(name, f"{value} is not one that this station knows")
    return found


def _read_seen(items: tuple[Value, ...]) -> tuple[bytes, ...]:
    tips = tuple(item for item in items if isinstance(item, bytes) and len(item) == TIP_BYTES)
    if not 1 <= len(tips) <= MAX_SEEN or len(tips) != len(items):
        raise _wrong(
            "seen",
            f"it is a list of at most {MAX_SEEN} digests, {TIP_BYTES} bytes of each, left out when"
            " empty",
        )
    if any(one >= other for one, other in pairwise(tips)):
        raise _wrong("seen", "digests stand in ascending order, each once")
    return tips


def _read_kind(value: int) -> Kind:
    """A kind from a newer station is kept as unknown: refusing it would hold back its whole log."""
    if value == Kind.UNKNOWN:
        raise _wrong("kind", f"{value} is reserved")
    return KINDS.get(value, Kind.UNKNOWN)


def _read_role(value: int | None) -> Role:
    if value == 0:
        raise _wrong("role", "the station's own role is left out")
    return Role.STATION if value is None else _member(ROLES, value, "role")


def _read_wants(kind: Kind, value: int | None) -> int:
    default = default_wants(kind)
    if value == default:
        raise _wrong("wants", "the value that its kind has by default is left out")
    return default if value is None else value


def _read_form(items: tuple[Value, ...]) -> tuple[str, int]:
    if len(items) != 2:
        raise _wrong("form", "it is a form id and a version")
    form, version = items
    if not isinstance(form, str) or not FORM_ID.match(form):
        raise _wrong("form", "the form id has 1 to 64 printing ASCII characters")
    if type(version) is not int or not 0 <= version <= 2**16:
        raise _wrong("form", "the version is a number up to 65536")
    return form, version


def _read_codes(items: tuple[Value, ...], name: str) -> tuple[str, ...]:
    codes: list[str] = []
    for item in items:
        if not isinstance(item, str) or not PARTY_CODE.match(item):
            raise _wrong(name, "each one is the code of a party")
        if codes and codes[-1] >= item:
            raise _wrong(name, "codes stand in ascending order, each once")
        codes.append(item)
    if not 1 <= len(codes) <= MAX_PARTIES:
        raise _wrong(name, f"the list has 1 to {MAX_PARTIES} parties, or is left out")
    return tuple(codes)


def _read_refs(items: tuple[Value, ...]) -> tuple[Ref, ...]:
    if not items or len(items) % 2 or len(items) > 2 * MAX_REFS:
        raise _wrong("references", f"they are up to {MAX_REFS} pairs of digest and role")
    refs: list[Ref] = []
    for index in range(0, len(items), 2):
        target, role = items[index], items[index + 1]
        if not isinstance(target, bytes) or len(target) != 32 or type(role) is not int:
            raise _wrong("references", "each one is a 32-byte digest and a role")
        refs.append(Ref(target, _member(REF_ROLES, role, "references")))
    if len(set(refs)) != len(refs):
        raise _wrong("references", "the same citation stands twice")
    return tuple(refs)


def _read_body(kind: Kind, value: dict[int, Value] | None) -> Body:
    if kind is Kind.UNKNOWN:
        return Body()
    required, optional = _BODY[kind]
    if value is None:
        value = {}
    elif not value:
        raise _wrong("body", "an empty body is left out")
    found: dict[str, object] = {}
    fields = Fields(value, "statement body")
    for key in value:
        name = _BODY_KEYS.get(key)
        if name is None:
            continue  # a newer station's field: kept in the bytes, not shown
        if name not in required and name not in optional:
            raise _wrong("body", f"a statement of kind {kind.name} has no field '{name}'")
        found[name] = _read_body_field(fields, key, name)
    if not required <= found.keys():
        missing = min(required - found.keys())
        raise _wrong("body", f"a statement of kind {kind.name} needs the field '{missing}'")
    body = Body(**found)  # type: ignore[arg-type]  # names and types come from the table above
    if body.late_binds and body.effective_ms is None:
        raise _wrong("body", "only a statement with an effective time can bind late")
    if body.text is not None and body.lang is None and "lang" in required | optional:
        raise _wrong("body", "a text needs its language")
    return body


def _read_body_field(fields: Fields, key: int, name: str) -> object:
    match name:
        case "text":
            return fields.text(key, max_len=MAX_TEXT_CHARS)
        case "unit" | "cause":
            return fields.text(key, max_len=200)
        case "party":
            return _read_codes((fields.text(key, max_len=12),), "party")[0]
        case "parties":
            return _read_codes(fields.array(key), "parties")
        case "fields" | "terms":
            return tuple(sorted(fields.map(key).items()))
        case "staffed":
            return fields.boolean(key)
        case "lang" | "late_binds" | "reserve" | "through":
            return _read_mark(fields, key, name)
        case "rung":
            return _member(_RUNGS, fields.uint(key, max=255), "rung")
        case "holds":
            return tuple(_read_hold(item) for item in fields.array(key))
        case _:  # slot, at_ms, due_ms, attempts, effective_ms
            return fields.uint(key, max=MAX_TIME_MS)


def _read_mark(fields: Fields, key: int, name: str) -> bool | str:
    """A language, or a mark that says something by being there: true, or a name."""
    if name == "lang":
        lang = fields.text(key, max_len=16)
        if not LANGUAGE.match(lang):
            raise _wrong("body", "a language is a short tag of letters, digits and hyphens")
        return lang
    value = fields.text(key, MAX_THROUGH) if name == "through" else fields.boolean(key)
    if not value:
        raise _wrong("body", f"the field '{name}' is left out, or says something")
    return value


def _read_hold(item: Value) -> Hold:
    if isinstance(item, tuple) and len(item) == 3:
        log, size, last = item
        if (
            isinstance(log, bytes)
            and len(log) == 8
            and type(size) is int
            and size > 0
            and isinstance(last, bytes)
            and len(last) == 32
        ):
            return Hold(log, size, last)
    raise _wrong("body", "a holding is a log, a size of at least 1 and a digest")
