"""The tests inside a pack: examples of messages, and what must then be owed, crossed or valid.

``cases.toml`` is written by whoever knows the agreement, and run by ``tieline pack test`` with the
same ledger that a station runs. A case tells messages in causal order, when each party's station
had them, and what the ledger must then say at given times. It is no part of the pack: it is not
hashed and not signed.

Conventions: fields by their ids, codes by theirs; times as TOML times in UTC, dates as TOML dates;
degrees as texts ("51.5", "-0.1234567"), since nothing here counts in floating point; an area is
``{circle = [lat, lon, metres]}`` or ``{points = [[lat, lon], ...]}``, a position
``{at = [lat, lon], error = metres}``, a route ``[[lat, lon, time], ...]``. Without ``to``
a message goes to every other party; without ``received`` every addressee had it at once.

This module evaluates nothing (``ledger``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tieline.core import crypto
from tieline.core.agreement import kinds, value
from tieline.core.agreement import vocabulary as vocab
from tieline.core.agreement.kinds import Enough, Json, Report, Source, Spot
from tieline.core.agreement.ledger import Ledger
from tieline.core.agreement.message import Message, Values, check_values
from tieline.core.agreement.model import Cite, Field, FieldType, Form, Pack, Provenance, Special
from tieline.core.agreement.places import Circle, Polygon, Position, Route, Waypoint
from tieline.core.agreement.plain import read_date
from tieline.core.agreement.reason import Obligation
from tieline.core.agreement.shapes import Shape, Tables, key
from tieline.core.agreement.write import schema_of
from tieline.core.encode import Value
from tieline.core.errors import PackFault, PackUnfit
from tieline.core.terms import RefRole, civil, rfc3339

MAX_CASES: Final = 1000
MAX_MESSAGES: Final = 100
FILE: Final = "cases.toml"
_DEGREES: Final = re.compile(r"(-?)(\d{1,3})(?:\.(\d{1,7}))?\Z")
_BEFORE_MS: Final = 30 * kinds.DAY_MS

AnswerOrNone = value.Answer | None


@dataclass(frozen=True, slots=True)
class _Free:
    """A table whose keys depend on something else: checked when the case is played."""

    blank: Mapping[str, object]

    def read(self, given: object, spot: Spot) -> Mapping[str, object]:
        if isinstance(given, Mapping):
            return {str(name): each for name, each in given.items()}
        spot.wrong("a table, in braces")
        return {}

    def encode(self, _value: object) -> Value:
        return None

    def decode(self, _value: Value) -> Mapping[str, object]:
        return {}

    def schema(self) -> dict[str, Json]:
        return {"type": "object"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message of a case. ``refs``: what it cites, by role and name."""

    name: str
    sender: str
    form: str
    at_ms: int
    to: tuple[str, ...]
    fields: Mapping[str, object]
    received: Mapping[str, object] | None
    answers: str
    predecessor: str
    concerns: str
    cancels: str
    corrects: str
    supersedes: str

    @property
    def refs(self) -> list[tuple[RefRole, str]]:
        """What it cites, in the order of the roles."""
        return [(role, name) for role in RefRole if (name := str(getattr(self, role.name.lower())))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must hold of ``rule`` at a time. Which attributes count depends on the rule's kind."""

    at_ms: int
    rule: str
    state: str
    debtor: str
    message: str
    trigger: str
    due_ms: int | None
    not_before_ms: int | None
    until_ms: int | None
    year: int | None
    used: int | None
    limit: int | None
    over: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One example. ``since_ms``: when the pack came into force; else 30 days before it begins."""

    id: str
    about: str
    parties: tuple[str, ...]
    since_ms: int | None
    messages: tuple[Said, ...]
    expected: tuple[Expected, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    case: tuple[Case, ...]


_NAME: Final = vocab.ID
_NAMED: Final = kinds.Text("the name of an earlier message of the case", vocab.ID.pattern, 32)
_WORD: Final = kinds.Text("a state")
MESSAGE: Final[Shape[Said]] = Shape(
    "[[case.message]]",
    "A message, in causal order.",
    (
        key(1, "as", _NAME, "its name in this case", "name"),
        key(2, "from", vocab.PARTY, "who sends it", "sender"),
        key(3, "form", vocab.ID, "its form"),
        key(4, "at", vocab.Instant(), "when, as its sender claims", "at_ms"),
        key(5, "to", kinds.ListOf(vocab.PARTY, 64), "to whom; else all others", default=()),
        key(6, "fields", _Free({}), "its answers by field", default={}),
        key(7, "received", _Free({}), "when each party's station had it", default=None),
        *(
            key(number, role, _NAMED, f"the message cited as '{role}'", default="")
            for number, role in enumerate((each.name.lower() for each in RefRole), 8)
        ),
    ),
    Said,
    cited=False,
)
EXPECT: Final[Shape[Expected]] = Shape(
    "[[case.expect]]",
    "What must hold at a time.",
    (
        key(1, "at", vocab.Instant(), "asked when", "at_ms"),
        key(2, "rule", vocab.ID, "of which rule"),
        key(3, "state", _WORD, "what it must be"),
        key(4, "debtor", vocab.PARTY, "whose obligation or quota", default=""),
        key(5, "message", _NAMED, "of which message", default=""),
        key(6, "trigger", _NAMED, "begun by which message", default=""),
        key(7, "due", vocab.Instant(), "due when", "due_ms", default=None),
        key(8, "not_before", vocab.Instant(), "not before", "not_before_ms", default=None),
        key(9, "until", vocab.Instant(), "valid until", "until_ms", default=None),
        key(10, "year", kinds.Whole(1970, 9999), "in which year", default=None),
        key(11, "used", kinds.Whole(0, 10_000), "how many are used", default=None),
        key(12, "limit", kinds.Whole(0, 10_000), "of how many", default=None),
        key(13, "over", kinds.ListOf(_WORD, 8), "what is exceeded", default=()),
    ),
    Expected,
    cited=False,
)
CASE: Final[Shape[Case]] = Shape(
    "[[case]]",
    "An example.",
    (
        key(1, "id", _NAME, "its name"),
        key(2, "about", kinds.Text("a sentence", most=400), "what it shows"),
        key(3, "parties", kinds.ListOf(vocab.PARTY, 16, 2), "the parties of the line"),
        key(4, "since", vocab.Instant(), "when the pack came into force", "since_ms", default=None),
        key(5, "message", Tables(lambda: MESSAGE, MAX_MESSAGES), "messages", "messages",
            default=()),
        key(6, "expect", Tables(lambda: EXPECT, 100, 1), "what must hold", "expected"),
    ),
    Case,
    cited=False,
)  # fmt: skip
CASES_FILE: Final[Shape[_File]] = Shape(
    FILE,
    "The tests of a pack.",
    (key(1, "case", Tables(lambda: CASE, MAX_CASES), "the examples", default=()),),
    _File,
    cited=False,
)


def schema() -> dict[str, Json]:
    """The JSON Schema of ``cases.toml``."""
    return schema_of(CASES_FILE, (CASES_FILE, CASE, MESSAGE, EXPECT))


@dataclass(frozen=True, slots=True)
class Played:
    """A case and what did not hold in it: nothing, when it passes."""

    case: Case
    faults: tuple[PackFault, ...]


def run(pack: Pack, source: Source, only: str = "") -> list[Played]:
    """Play the cases of a pack, or the one of that id.

    Raises ``PackUnfit`` when the file is no file of cases.
    """
    report = Report()
    spot = Spot(report, source, (), Cite("", Provenance.DESIGN))
    try:
        cases = CASES_FILE.read(source.table, spot).case
    except Enough:
        raise PackUnfit(tuple(report.faults), more=True) from None
    if report.faults:
        raise PackUnfit(tuple(report.faults))
    return [
        _play(pack, each, spot.down("case", index))
        for index, each in enumerate(cases)
        if only in ("", each.id)
    ]


def _play(pack: Pack, case: Case, spot: Spot) -> Played:
    own = Report()
    spot = Spot(own, spot.source, spot.path, spot.cite)
    try:
        player = _Player(pack, case)
        for index, said in enumerate(case.messages):
            player.say(said, spot.down("message", index))
        if not own.faults:
            for index, wanted in enumerate(case.expected):
                for text in player.wrong(wanted):
                    spot.down("expect", index).fault(text)
    except Enough:
        pass
    return Played(case, tuple(own.faults))


class _Player:
    """One case against a fresh ledger."""

    def __init__(self, pack: Pack, case: Case) -> None:
        self._pack = pack
        self._case = case
        self._ledger = Ledger([pack], case.parties)
        self._said: dict[str, bytes] = {}
        times = [said.at_ms for said in case.messages] + [each.at_ms for each in case.expected]
        begins = max(0, min(times) - _BEFORE_MS) if case.since_ms is None else case.since_ms
        self._ledger.since(begins, pack.id)

    def say(self, said: Said, spot: Spot) -> None:
        form = self._pack.forms.get(said.form)
        if form is None:
            spot.down("form").fault(f"there is no form '{said.form}'; correct the name")
            return
        if said.name in self._said:
            spot.down("as").fault(f"the message '{said.name}' is there twice; rename one")
        strangers = [party for party in (said.sender, *said.to) if party not in self._case.parties]
        if strangers:
            spot.fault(f"'{strangers[0]}' is none of the parties of the case; add it there")
        refs: list[tuple[RefRole, bytes]] = []
        for role, name in said.refs:
            if name in self._said:
                refs.append((role, self._said[name]))
            else:
                spot.down(role.name.lower()).fault(f"no earlier message is called '{name}'")
        values = self._values(form, said, spot.down("fields"))
        digest = crypto.sha256(f"{self._case.id}/{said.name}".encode())
        self._said[said.name] = digest
        to = said.to or tuple(each for each in self._case.parties if each != said.sender)
        self._ledger.admit(
            Message(
                digest=digest,
                sender=said.sender,
                to=to,
                time_ms=said.at_ms,
                pack=self._pack.id,
                form=said.form,
                values=values,
                refs=tuple(refs),
                order=len(self._said),
            )
        )
        had: Mapping[str, object] = dict.fromkeys(to, rfc3339(said.at_ms))
        for party, at in (had if said.received is None else said.received).items():
            time = vocab.instant(at) if isinstance(at, str) else None
            if time is None or party not in self._case.parties:
                spot.down("received").fault("'received' holds a UTC time by each party's code")
            else:
                self._ledger.receipt(digest, party, time)

    def _values(self, form: Form, said: Said, spot: Spot) -> Values:
        values = self._read(form.fields, said.fields, spot)
        if not spot.report.faults:
            cancels = bool(said.cancels)
            for error in check_values(self._pack, form, values, cancels=cancels):
                spot.fault(f"the answer of '{error.path}' is wrong: {error.problem.code}")
        return values

    def _read(
        self, fields: tuple[Field, ...], given: Mapping[str, object], spot: Spot
    ) -> dict[int, value.Answer | tuple[Values, ...]]:
        by_id = {field.id: field for field in fields}
        out: dict[int, value.Answer | tuple[Values, ...]] = {}
        for name, each in given.items():
            field = by_id.get(name)
            if field is None:
                spot.fault(f"there is no field '{name}'{kinds.near(name, list(by_id))}")
            elif field.type is FieldType.GROUP and isinstance(each, list | tuple):
                rows = [row for row in each if isinstance(row, Mapping)]
                out[field.number] = tuple(self._read(field.fields, row, spot) for row in rows)
            else:
                answer = self._answer(field, each)
                if answer is None:
                    spot.fault(f"'{name}' is not written as a {field.type.value} is in a case")
                else:
                    out[field.number] = answer
        return out

    def _answer(self, field: Field, given: object) -> AnswerOrNone:
        if isinstance(given, str) and given in {each.value for each in field.specials}:
            return Special(given)
        if field.type is FieldType.CODE:
            items = self._pack.codes.get(field.codes, ())
            found = (value.Code(item.number, item.id) for item in items if item.id == given)
            return next(found, None)
        if isinstance(given, str):
            return _from_text(field.type, given)
        return _from_value(field.type, given)

    # ------------------------------------------------------------------------------- what must be

    def wrong(self, wanted: Expected) -> Iterator[str]:
        """What the ledger says otherwise."""
        rule = self._pack.rules.get(wanted.rule)
        if rule is None:
            yield f"there is no rule '{wanted.rule}'; correct the name"
            return
        for name in (wanted.message, wanted.trigger):
            if name and name not in self._said:
                yield f"no message of the case is called '{name}'; correct the name"
                return
        kind = type(rule).__name__
        if kind == "Threshold":
            yield from self._threshold(wanted)
        elif kind == "Quota":
            yield from self._quota(wanted)
        elif kind == "Validity":
            yield from self._validity(wanted)
        else:
            yield from self._obligation(wanted)

    def _threshold(self, wanted: Expected) -> Iterator[str]:
        digest = self._said.get(wanted.message, b"")
        found = [each for each in self._ledger.thresholds(digest) if each.rule == wanted.rule]
        yield from _unlike("state", wanted.state, found[0].crossing.value if found else "none")

    def _quota(self, wanted: Expected) -> Iterator[str]:
        year = wanted.year or civil(wanted.at_ms)[0]
        found = [
            each
            for each in self._ledger.quotas(wanted.at_ms, wanted.debtor)
            if each.rule == wanted.rule and each.last_year == year
        ]
        if not found:
            yield f"{wanted.debtor} has no quota '{wanted.rule}' in {year}"
            return
        state = "exceeded" if found[0].over else "within"
        yield from _unlike("state", wanted.state, state)
        if wanted.used is not None:
            yield from _unlike("used", wanted.used, found[0].used)
        if wanted.limit is not None:
            yield from _unlike("limit", wanted.limit, found[0].limit)
        if wanted.over:
            yield from _unlike("over", ", ".join(wanted.over), ", ".join(found[0].over))

    def _validity(self, wanted: Expected) -> Iterator[str]:
        digest = self._said.get(wanted.message, b"")
        windows = self._ledger.validity(digest, wanted.at_ms)
        found = [each for each in windows if each.rule == wanted.rule]
        yield from _unlike("state", wanted.state, found[0].state.value if found else "none")
        if found and wanted.until_ms is not None:
            yield from _unlike("until", _time(wanted.until_ms), _time(found[0].until_ms))

    def _obligation(self, wanted: Expected) -> Iterator[str]:
        found = [each for each in self._ledger.obligations(wanted.at_ms) if self._is(each, wanted)]
        if not found:
            yield from _unlike("state", wanted.state, "none")
            return
        if len(found) > 1:
            states = ", ".join(each.state.value for each in found)
            yield f"{len(found)} obligations are meant ({states}); name 'trigger' or 'year'"
            return
        one = found[0]
        yield from _unlike("state", wanted.state, one.state.value)
        if wanted.due_ms is not None:
            yield from _unlike("due", _time(wanted.due_ms), _time(one.due.latest))
        if wanted.not_before_ms is not None:
            starts = None if one.not_before is None else one.not_before.latest
            yield from _unlike("not_before", _time(wanted.not_before_ms), _time(starts))

    def _is(self, one: Obligation, wanted: Expected) -> bool:
        return (
            one.rule == wanted.rule
            and wanted.debtor in ("", one.debtor)
            and (not wanted.trigger or one.trigger == self._said[wanted.trigger])
            and (wanted.year is None or str(wanted.year) in one.key)
        )


def _unlike(what: str, wanted: object, found: object) -> Iterator[str]:
    if wanted != found:
        yield f"{what} should be {wanted} and is {found}"


def _time(at_ms: int | None) -> str:
    return "none" if at_ms is None else rfc3339(at_ms)


# ---------------------------------------------------------------------------------------- answers


def _from_text(kind: FieldType, given: str) -> AnswerOrNone:
    match kind:
        case FieldType.TIME:
            at_ms = vocab.instant(given)
            return None if at_ms is None else value.Instant(at_ms // 1000)
        case FieldType.DATE:
            days = read_date(given)
            return None if days is None else value.Day(days)
        case FieldType.UNIT:
            return value.Unit(given)
        case FieldType.TEXT:
            return value.Text(given)
        case FieldType.PARTY:
            return value.PartyCode(given)
        case FieldType.HASH:
            good = re.fullmatch("[0-9a-f]{64}", given)
            return value.Hash(bytes.fromhex(given)) if good else None
    return None


def _from_value(kind: FieldType, given: object) -> AnswerOrNone:
    match kind, given:
        case FieldType.COUNT, int(n) if type(n) is int:
            return value.Number(n)
        case FieldType.COUNT, [int(n), int(spread)]:
            return value.Number(n, spread)
        case FieldType.SERIAL, int(n) if type(n) is int:
            return value.Serial(n)
        case FieldType.TIME, [str(text), int(spread)]:
            at_ms = vocab.instant(text)
            return None if at_ms is None else value.Instant(at_ms // 1000, spread)
        case FieldType.POSITION, {"at": [lat, lon], **rest}:
            point = _point(lat, lon)
            error = rest.get("error", 0)
            good = point is not None and type(error) is int
            return Position(*point, error) if good and point is not None else None  # type: ignore[arg-type]
        case FieldType.AREA, {"circle": [lat, lon, int(radius)]}:
            point = _point(lat, lon)
            return None if point is None else Circle(*point, radius)
        case FieldType.AREA, {"points": [*rows]}:
            return _polygon(rows)
        case FieldType.ROUTE, [*rows]:
            return _route(rows)
    return None


def _polygon(rows: list[object]) -> AnswerOrNone:
    out: list[tuple[int, int]] = []
    for row in rows:
        match row:
            case [lat, lon] if (point := _point(lat, lon)) is not None:
                out.append(point)
            case _:
                return None
    return Polygon(tuple(out))


def _route(rows: list[object]) -> AnswerOrNone:
    out: list[Waypoint] = []
    for row in rows:
        match row:
            case [lat, lon] if (point := _point(lat, lon)) is not None:
                out.append(Waypoint(*point, None))
            case [lat, lon, str(text)] if (point := _point(lat, lon)) is not None:
                at_ms = vocab.instant(text)
                if at_ms is None:
                    return None
                out.append(Waypoint(*point, at_ms // 1000))
            case _:
                return None
    return Route(tuple(out))


def _point(lat: object, lon: object) -> tuple[int, int] | None:
    one, two = _e7(lat), _e7(lon)
    return None if one is None or two is None else (one, two)


def _e7(text: object) -> int | None:
    found = _DEGREES.match(text) if isinstance(text, str) else None
    if found is None:
        return None
    made = int(found[2]) * 10**7 + int((found[3] or "").ljust(7, "0"))
    return -made if found[1] else made
