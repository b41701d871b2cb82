"""A small pack with one of everything, and messages of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from tieline.core.agreement.dates import day_number
from tieline.core.agreement.message import Message, Values
from tieline.core.agreement.model import (
    Base,
    Cite,
    CodeItem,
    Condition,
    Count,
    Criterion,
    Deadline,
    Effect,
    Exchange,
    Field,
    FieldType,
    Form,
    Language,
    Pack,
    PairState,
    PerUnits,
    Predecessor,
    Provenance,
    Quota,
    Rule,
    Side,
    Simultaneous,
    Special,
    Status,
    Take,
    Threshold,
    Validity,
    Who,
)
from tieline.core.agreement.value import (
    Answer,
    Code,
    Day,
    Hash,
    Instant,
    Number,
    PartyCode,
    Serial,
    Unit,
)
from tieline.core.terms import RefRole

CITE = Cite("1", Provenance.DESIGN)
PARTIES = ("ALPHA", "BRAVO", "CHARLIE")
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000

NOTICE = {
    "asked": (1, FieldType.PARTY),
    "kind": (2, FieldType.CODE),
    "start": (3, FieldType.TIME),
    "date": (4, FieldType.DATE),
    "until": (5, FieldType.TIME),
    "last": (6, FieldType.DATE),
    "troops": (7, FieldType.COUNT),
    "tanks": (8, FieldType.COUNT),
    "guns": (9, FieldType.COUNT),
    "area": (10, FieldType.AREA),
    "command": (11, FieldType.UNIT),
    "object": (12, FieldType.UNIT),
    "serial": (13, FieldType.SERIAL),
    "hours": (14, FieldType.COUNT),
    "phases": (20, FieldType.GROUP),
}
KINDS = {"plain": 1, "urgent": 2}


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    """UTC ms."""
    return day_number(year, month, day) * DAY + hour * HOUR + minute * MINUTE + second * SECOND


def field(name: str, number: int, kind: FieldType) -> Field:
    inside: tuple[Field, ...] = ()
    if kind is FieldType.GROUP:
        inside = (Field(number=1, id="troops", type=FieldType.COUNT, cite=CITE),)
    return Field(
        number=number, id=name, type=kind, cite=CITE, fields=inside, repeat=(0, 20),
        codes="kinds" if kind is FieldType.CODE else "",
    )  # fmt: skip


def form(id_: str, number: int, **more: object) -> Form:
    fields = tuple(field(name, n, kind) for name, (n, kind) in NOTICE.items())
    return Form(id=id_, number=number, cite=CITE, fields=fields, **more)  # type: ignore[arg-type]


FORMS = (
    form("ask", 1),
    form("reply", 2),
    form("visit", 3),
    form("verdict", 4),
    form("notify", 5),
    form("units", 6),
    form("list", 7),
    form("nothing", 8),
    form("seal", 9),
    form(
        "open",
        10,
        predecessors=(
            Predecessor(forms=("seal",), role=RefRole.PREDECESSOR, required=True, cite=CITE),
        ),
    ),
    form("convoy", 11),
    form("gift", 12, obliges=False),
    form("suspend", 20, effect=Effect.SUSPEND),
    form("resume", 21, effect=Effect.RESUME),
    form("contest", 22, effect=Effect.CONTEST),
    form("waive", 23, effect=Effect.WAIVE),
    form("hold", 24, effect=Effect.HOLD),
)


def deadline(id_: str, **more: object) -> Deadline:
    base = {"cite": CITE, "on": "ask", "who": Who.RECEIVERS, "base": Base.RECEIPT}
    return Deadline(id=id_, **{**base, **more})  # type: ignore[arg-type]


def over(path: str, at_least: int, take: Take = Take.MAX) -> Criterion:
    return Criterion(path=path, at_least=at_least, take=take)


def quota(id_: str, **more: object) -> Quota:
    base = {"cite": CITE, "on": "visit", "side": Side.PASSIVE}
    return Quota(id=id_, **{**base, **more})  # type: ignore[arg-type]


RULES: tuple[Rule, ...] = (
    deadline("reply-48h", by=("reply",), not_after_ms=48 * HOUR),
    deadline("reply-issue", by=("reply",), base=Base.ISSUE, not_after_ms=48 * HOUR, to_all=True,
             when=(Condition(path="kind", one_of=("urgent",)),)),
    deadline("any-word", on="visit", by=("reply", "verdict"), link=None, base=Base.ISSUE,
             not_after_ms=7 * DAY, who=Who.EVERY),
    deadline("visit-lead", on="visit", base=Base.START, path="start", who=Who.SENDER,
             not_before_ms=-5 * DAY, not_after_ms=-36 * HOUR),
    deadline("verdict-24h", on="visit", by=("verdict",), who=Who.FIELD, who_path="asked",
             not_after_ms=24 * HOUR, judged=Base.RECEIPT),
    deadline("wait-before", on="visit", by=("reply",), base=Base.ARRIVAL, path="start",
             who=Who.SENDER, not_before_ms=0, not_after_ms=14 * DAY),
    deadline("notice-42d", on="notify", base=Base.START, path="date", who=Who.SENDER,
             not_after_ms=-42 * DAY, count=Count.UTC_DATE, to_all=True, threshold="notifiable"),
    deadline("observers", on="notify", by=("reply",), base=Base.ISSUE, not_after_ms=21 * DAY,
             count=Count.UTC_DATE, lapses=True),
    deadline("second-year", on="notify", base=Base.CALENDAR, path="date", who=Who.SENDER,
             not_after_ms=0, month=11, day=15, years=-2, threshold="largest"),
    deadline("report", on="convoy", by=("reply",), base=Base.OCCURRENCE, path="until",
             who=Who.SENDER, not_after_ms=2 * HOUR),
    deadline("first-word", on="convoy", base=Base.OCCURRENCE, path="start", who=Who.SENDER,
             not_after_ms=2 * HOUR),
    deadline("next-word", on="visit", by=("reply", "visit"), base=Base.START, path="until",
             who=Who.SENDER, link=RefRole.PREDECESSOR, not_after_ms=0),
    deadline("prepare", on="visit", by=("reply",), base=Base.START, path="start",
             who=Who.RECEIVERS, not_after_ms=-6 * HOUR),
    deadline("prompt", on="convoy", by=("reply",)),
    Threshold(id="notifiable", cite=CITE, on="notify", label="label.notifiable", any_of=(
        over("troops", 9000), over("tanks", 250), over("guns", 250),
        over("phases.troops", 9000), over("phases.troops", 20_000, Take.SUM)),
        split_area="area", split_from="date", split_until="last", split_command="command",
        split_gap_ms=3 * DAY),
    Threshold(id="observable", cite=CITE, on="notify", label="label.observable", any_of=(
        over("troops", 13_000), over("tanks", 300), over("guns", 250)),
        all_of=(over("hours", 73),)),
    Threshold(id="largest", cite=CITE, on="notify", label="label.largest",
              any_of=(over("troops", 40_001),)),
    quota("visits", limit=3, path="start", same_party=1, accepted_by="verdict",
          accepted_path="kind", accepted_is=("plain",), side_path="asked"),
    quota("evaluations", units=PerUnits(on="units", path="troops", per=60, cap=15), share=5,
          object_path="object", per_object=2, side_path="asked"),
    quota("sent", side=Side.ACTIVE, limit=2),
    quota("one-in-three", on="notify", side=Side.ACTIVE, limit=1, years=3, path="date",
          threshold="largest"),
    quota("large", on="notify", side=Side.ACTIVE, limit=3, path="date", threshold="notifiable",
          below="largest", simultaneous=2, from_path="date", until_path="last"),
    Validity(id="convoy", cite=CITE, on="convoy", from_path="start", until_path="until",
             ended_by=("reply",)),
    Validity(id="stock", cite=CITE, on="visit", from_path="start", until_plus_ms=9 * DAY,
             ended_by=("list", "verdict"), objects="object"),
    Validity(id="window-4d", cite=CITE, on="notify", from_path="date", until_path="date",
             until_plus_ms=4 * DAY, count=Count.UTC_DATE),
    Validity(id="listed", cite=CITE, on="units", revalidate_ms=30 * DAY),
    Exchange(id="yearly", cite=CITE, forms=("list",), nil=("nothing",), month=12, day=15,
             opens_ms=60 * DAY, valid_month=1, valid_day=1),
    Simultaneous(id="together", cite=CITE, commit="seal", hash_path="object", open="open",
                 round_path="object", within_ms=24 * HOUR),
)  # fmt: skip

STATUS = (
    Status(pair=("BRAVO", "CHARLIE"), state=PairState.SUSPENDED, by="BRAVO",
           since_ms=at(2027, 6, 1), cite=CITE),
)  # fmt: skip


def pack(
    id_: str = "test",
    rules: tuple[Rule, ...] = RULES,
    status: tuple[Status, ...] = (),
    forms: tuple[Form, ...] = FORMS,
) -> Pack:
    """The pack, or one with other rules."""
    items = tuple(CodeItem(number=n, id=name, cite=CITE) for name, n in KINDS.items())
    return Pack(
        id=id_, tag=id_[:4], version=1, cite=CITE, languages=(Language(tag="en", verified=True),),
        codes={"kinds": items}, forms={one.id: one for one in forms}, phrases={},
        rules={one.id: one for one in rules}, status=status, words={"en": {}},
    )  # fmt: skip


def answer(name: str, value: object) -> Answer | tuple[Values, ...]:
    """A plain Python value as the field's answer."""
    match NOTICE[name][1]:
        case FieldType.PARTY:
            made: object = PartyCode(str(value))
        case FieldType.CODE:
            made = Code(KINDS[str(value)], str(value))
        case FieldType.TIME:
            seconds, spread = value if isinstance(value, tuple) else (value, 0)
            made = Instant(seconds // 1000, spread // 1000)
        case FieldType.DATE:
            made = Day(int(str(value)) // DAY)
        case FieldType.COUNT:
            made = Number(*value) if isinstance(value, tuple) else Number(int(str(value)))
        case FieldType.UNIT:
            made = Unit(str(value))
        case FieldType.SERIAL:
            made = Serial(int(str(value)))
        case FieldType.HASH:
            made = Hash(bytes(32))
        case FieldType.GROUP:
            made = tuple({1: Number(n)} for n in value)  # type: ignore[attr-defined]
        case _:
            made = value
    return made  # type: ignore[return-value]


def digest(name: object) -> bytes:
    return hashlib.sha256(repr(name).encode()).digest()


def message(
    name: object,
    form_id: str,
    sender: str,
    time_ms: int,
    *,
    to: tuple[str, ...] = (),
    refs: tuple[tuple[RefRole, bytes], ...] = (),
    fields: Mapping[str, object] | None = None,
    pack_id: str = "test",
    order: int = 0,
) -> Message:
    """One message; fields are plain values, or answers as they are."""
    values: dict[int, Answer | tuple[Values, ...]] = {}
    for key, value in (fields or {}).items():
        plain = isinstance(value, (int, str, tuple)) and not isinstance(value, Special)
        values[NOTICE[key][0]] = answer(key, value) if plain else value  # type: ignore[assignment]
    others = tuple(one for one in PARTIES if one != sender)
    return Message(
        digest=digest(name), sender=sender, to=to or others, time_ms=time_ms, pack=pack_id,
        form=form_id, values=values, refs=refs, order=order,
    )  # fmt: skip
