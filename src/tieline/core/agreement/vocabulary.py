"""The tables of a pack: codes, forms, phrases, rules, status.

What each key means stands with the value that it fills, in ``model``; the sentences here are for an
author's editor and for refusals. How tables are read and encoded stands in ``shapes``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tieline.core.agreement import meaning, model
from tieline.core.agreement.kinds import (
    DAY_MS,
    Choice,
    Duration,
    Flag,
    Json,
    ListOf,
    MonthDay,
    SetOf,
    Span,
    Spot,
    Text,
    Whole,
    no_pack,
)
from tieline.core.agreement.shapes import Shape, Table, Tables, key
from tieline.core.encode import Value
from tieline.core.terms import MAX_TIME_MS, Precedence, RefRole, civil

FORMAT: Final = 1
MAX_FORMS: Final = 200
MAX_FIELDS: Final = 100  # of one form, phrase or group
MAX_RULES: Final = 200  # of one kind
MAX_LISTS: Final = 200
MAX_ITEMS: Final = 400
MAX_PHRASES: Final = 400
MAX_PAIRS: Final = 200
MAX_LANGUAGES: Final = 16
MAX_RESPONSES: Final = 20  # phrases that are expected in reply to one
MAX_NUMBER: Final = 65_535
MAX_COUNT: Final = 10**12
MAX_REPEAT: Final = 500
MAX_CHARS: Final = 4000

ID: Final = Text(
    "a name of lower-case letters, digits and hyphens, such as 'first-notice'",
    r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*",
    32,
)
TAG: Final = Text("one to four lower-case letters", r"[a-z]{1,4}", 4)
CODE: Final = Text("the code of a phrase, in printable ASCII", r"[!-~](?:[ -~]*[!-~])?", 16)
PATH: Final = Text("the ids of fields, joined by dots", r"[a-z0-9-]+(?:\.[a-z0-9-]+){0,3}", 140)
WORD_KEY: Final = Text("the key of a text in words/", r"[a-z0-9-]+(?:\.[A-Za-z0-9-]+){0,8}", 200)
PARTY: Final = Text("a party's code such as ALPHA", r"[A-Z][A-Z0-9-]{0,11}", 12)
LANGUAGE: Final = Text("a language tag such as 'en'", r"[A-Za-z0-9-]{1,16}", 16)
NUMBER: Final = Whole(1, MAX_NUMBER)
IDS: Final = ListOf(ID, MAX_FORMS)
PERIOD: Final = Duration()
FORWARD: Final = Duration(negative=False)

TYPE: Final = Choice({each.value: each for each in model.FieldType}, model.FieldType.TEXT)
SPECIALS: Final = SetOf(Choice({each.value: each for each in model.Special}, model.Special.NIL))
ACT: Final = Choice({each.value: each for each in meaning.Act}, meaning.Act.NONE)
MEANS: Final = Choice({each.value: each for each in meaning.Means}, meaning.Means.NONE)
SENSE: Final = Choice({each.value: each for each in meaning.Sense}, meaning.Sense.NONE)
EFFECT: Final = Choice({each.value: each for each in model.Effect}, model.Effect.NONE)
PRECEDENCE: Final = Choice({each.name: each for each in Precedence}, Precedence.ROUTINE)
ROLES: Final[dict[str, object]] = {each.name.lower(): each for each in RefRole}
ROLE: Final = Choice(ROLES, RefRole.ANSWERS)
LINKS: Final[dict[str, object]] = {**ROLES, "any": None, "incident": model.Link.INCIDENT}
LINK: Final = Choice(LINKS, RefRole.ANSWERS)
BASE: Final = Choice({each.value: each for each in model.Base}, model.Base.ISSUE)
COUNT: Final = Choice({each.value: each for each in model.Count}, model.Count.INSTANT)
WHO: Final = Choice({each.value: each for each in model.Who}, model.Who.SENDER)
TAKE: Final = Choice({each.value: each for each in model.Take}, model.Take.MAX)
SIDE: Final = Choice({each.value: each for each in model.Side}, model.Side.ACTIVE)
STATE: Final = Choice({each.value: each for each in model.PairState}, model.PairState.IN_FORCE)
TO: Final = Choice({"all": model.ALL, "named": ""}, model.ALL)
JUDGED: Final = Choice(
    {each.value: each for each in (model.Base.ISSUE, model.Base.RECEIPT)}, model.Base.ISSUE
)

_INSTANT: Final = r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z"


def instant(text: str) -> int | None:
    """UTC ms of a time such as ``2023-02-21T00:00:00Z``; ``None`` when it is none."""
    found = re.fullmatch(_INSTANT, text, re.ASCII)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups())
    if year < 1970 or not 1 <= month <= 12:
        return None
    # Days by eras of 400 years that begin in March, as in ``terms.civil``, which has the last word.
    shifted = year - (month <= 2)
    era, of_era = divmod(shifted, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    made = days * DAY_MS + (hour * 3600 + minute * 60 + second) * 1000
    in_range = 0 <= made <= MAX_TIME_MS
    return made if in_range and civil(made) == (year, month, day, hour, minute, second) else None


@dataclass(frozen=True, slots=True)
class Instant:
    """A UTC time; in files a TOML time with ``Z``."""

    blank: int = 0

    def read(self, value: object, spot: Spot) -> int:
        made = instant(value) if isinstance(value, str) else None
        if made is None:
            spot.wrong("a UTC time such as 2023-02-21T00:00:00Z")
            return self.blank
        return made

    def encode(self, value: object) -> Value:
        if not isinstance(value, int):
            raise TypeError(type(value))
        return value

    def decode(self, value: Value) -> int:
        if type(value) is not int or not 0 <= value <= MAX_TIME_MS:
            raise no_pack("no time where one belongs")
        return value

    def schema(self) -> dict[str, Json]:
        return {"type": "string", "format": "date-time"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeList:
    """A code list as it stands in ``pack.toml``."""

    id: str
    cite: model.Cite
    items: tuple[model.CodeItem, ...]


ITEM: Final[Shape[model.CodeItem]] = Shape(
    "[[codes.item]]",
    "One item of a code list; its words are code.LIST.ID.",
    (
        key(1, "number", NUMBER, "its number on the wire, which never changes"),
        key(2, "id", ID, "its name in this pack"),
        key(3, "sense", SENSE, "what it means in an incident", default=meaning.Sense.NONE),
    ),
    model.CodeItem,
)
CODES: Final[Shape[CodeList]] = Shape(
    "[[codes]]",
    "A closed list of answers.",
    (
        key(1, "id", ID, "the list's name"),
        key(2, "item", Tables(lambda: ITEM, MAX_ITEMS, 1), "the items", "items"),
    ),
    CodeList,
)
STATUS: Final[Shape[model.Status]] = Shape(
    "[[status]]",
    "What the pack itself says of a pair of parties.",
    (
        key(1, "pair", ListOf(PARTY, 2, 2), "the two parties' codes, in alphabetical order"),
        key(2, "state", STATE, "the pack's state between them"),
        key(3, "by", PARTY, "who declared it", default=""),
        key(4, "since", Instant(), "since when", "since_ms", default=None),
    ),
    model.Status,
)
FIELD: Final[Shape[model.Field]] = Shape(
    "[[form.field]]",
    "One field; its words are field.FORM.PATH.",
    (
        key(1, "number", NUMBER, "its number on the wire, which never changes"),
        key(2, "id", ID, "its name in this form"),
        key(3, "type", TYPE, "what it holds"),
        key(4, "required", Flag(), "whether the form is refused without it", default=False),
        key(5, "codes", ID, "the code list, of a field of type code", default=""),
        key(6, "specials", SPECIALS, "answers that are no value", default=frozenset()),
        key(7, "low", Whole(-MAX_COUNT, MAX_COUNT), "the least count", default=None),
        key(8, "high", Whole(-MAX_COUNT, MAX_COUNT), "the greatest count", default=None),
        key(9, "max_chars", Whole(0, MAX_CHARS), "the most characters of a text", default=0),
        key(10, "repeat", Span(MAX_REPEAT), "how often a group may be there", default=(0, 1)),
        key(
            11,
            "field",
            Tables(lambda: FIELD, MAX_FIELDS),
            "the fields of a group",
            "fields",
            default=(),
        ),
        key(12, "means", MEANS, "what it says of an incident", default=meaning.Means.NONE),
    ),
    model.Field,
)
PREDECESSOR: Final[Shape[model.Predecessor]] = Shape(
    "[[form.predecessor]]",
    "An earlier message that the form cites.",
    (
        key(1, "forms", ListOf(ID, MAX_FORMS, 1), "one of these forms"),
        key(2, "role", ROLE, "as what it is cited"),
        key(3, "required", Flag(), "whether the form is refused without it", default=False),
    ),
    model.Predecessor,
)
FORM: Final[Shape[model.Form]] = Shape(
    "[[form]]",
    "One message of the agreement; its words are form.ID.title and form.ID.note.",
    (
        key(1, "id", ID, "its name, which is on the wire"),
        key(2, "number", NUMBER, "its number, which never changes"),
        key(3, "field", Tables(lambda: FIELD, MAX_FIELDS), "its fields", "fields", default=()),
        key(4, "to", TO, "all parties, or those that the sender names", default=model.ALL),
        key(5, "precedence", PRECEDENCE, "the precedence proposed", default=Precedence.ROUTINE),
        key(6, "answers", IDS, "the forms that it can answer", default=()),
        key(
            7,
            "predecessor",
            Tables(lambda: PREDECESSOR, 20),
            "earlier messages that it cites",
            "predecessors",
            default=(),
        ),
        key(8, "effect", EFFECT, "what it does besides the rules", default=model.Effect.NONE),
        key(9, "obliges", Flag(), "false: no obligation comes of it", default=True),
        key(10, "flash", Flag(), "whether it must fit a narrow carrier", default=False),
        key(11, "disclaimer", WORD_KEY, "the key of a text that is always shown", default=""),
        key(12, "act", ACT, "what it does in an incident", default=meaning.Act.NONE),
        key(13, "answers_any", Flag(), "it can answer any message, also a text", default=False),
    ),
    model.Form,
)
PHRASE: Final[Shape[model.Phrase]] = Shape(
    "[[phrase]]",
    "A phrase of a phrase book, sent as a form TAG/:ID; its words are phrase.ID.meaning, .wording,"
    " .pronunciation (as who does not speak the language of the wording says it), .field.PATH.",
    (
        key(1, "id", ID, "its name"),
        key(2, "number", NUMBER, "its number on the wire, which never changes"),
        key(3, "code", CODE, "its code in the agreement"),
        key(4, "field", Tables(lambda: FIELD, MAX_FIELDS), "its blanks", "fields", default=()),
        key(
            5,
            "response",
            ListOf(CODE, MAX_RESPONSES),
            "codes of the phrases that answer it",
            default=(),
        ),
        key(6, "signal", WORD_KEY, "the key of how it is given without a voice", default=""),
        key(7, "precedence", PRECEDENCE, "the precedence proposed", default=Precedence.ROUTINE),
    ),
    model.Phrase,
)
CONDITION: Final[Shape[model.Condition]] = Shape(
    "when",
    "The field holds one of these codes.",
    (
        key(1, "path", PATH, "the field, of type code"),
        key(2, "one_of", ListOf(ID, MAX_ITEMS, 1), "ids of its items"),
    ),
    model.Condition,
    cited=False,
)
WHEN: Final = Tables(lambda: CONDITION, 10)
DEADLINE: Final[Shape[model.Deadline]] = Shape(
    "[[deadline]]",
    "Who must send what by when; its words are rule.ID.title and rule.ID.note.",
    (
        key(1, "id", ID, "its name"),
        key(2, "on", ID, "the form that starts it"),
        key(3, "base", BASE, "the event from which it counts"),
        key(4, "path", PATH, "the field of that event's time", default=""),
        key(5, "who", WHO, "who must act"),
        key(6, "who_path", PATH, "the field that names who must act", default=""),
        key(7, "by", IDS, "the forms that meet it; none: the first form itself", default=()),
        key(8, "link", LINK, "how they cite the first form", default=RefRole.ANSWERS),
        key(
            9, "not_before", PERIOD, "not sooner than so long after", "not_before_ms", default=None
        ),
        key(10, "not_after", PERIOD, "not later than so long after", "not_after_ms", default=None),
        key(11, "count", COUNT, "by the instant or by UTC dates", default=model.Count.INSTANT),
        key(12, "when", WHEN, "only for these codes", default=()),
        key(13, "to_all", Flag(), "owed to every party", default=False),
        key(14, "threshold", ID, "owed only if it crosses this threshold", default=""),
        key(15, "lapses", Flag(), "unanswered it ends without fault", default=False),
        key(16, "judged", JUDGED, "when what meets it counts as given", default=model.Base.ISSUE),
        key(17, "month", Whole(0, 12), "of a day of the calendar", default=0),
        key(18, "day", Whole(0, 31), "of a day of the calendar", default=0),
        key(19, "years", Whole(-20, 20), "in the year of the path, plus so many", default=0),
    ),
    model.Deadline,
)
CRITERION: Final[Shape[model.Criterion]] = Shape(
    "any_of",
    "One number of a threshold.",
    (
        key(1, "path", PATH, "the field, of type count"),
        key(2, "at_least", Whole(0, MAX_COUNT), "the number from which it is crossed"),
        key(3, "take", TAKE, "of a group: the greatest, or the sum", default=model.Take.MAX),
    ),
    model.Criterion,
    cited=False,
)
THRESHOLD: Final[Shape[model.Threshold]] = Shape(
    "[[threshold]]",
    "Crossed when any one number is reached.",
    (
        key(1, "id", ID, "its name"),
        key(2, "on", ID, "the form that is judged"),
        key(3, "label", WORD_KEY, "the key of the word for what crosses it"),
        key(4, "any_of", Tables(lambda: CRITERION, 40, 1), "the numbers"),
        key(5, "when", WHEN, "only for these codes", default=()),
        key(6, "split_area", PATH, "the area, for suspected splitting", default=""),
        key(7, "split_from", PATH, "the start, for suspected splitting", default=""),
        key(8, "split_until", PATH, "the end, for suspected splitting", default=""),
        key(9, "split_command", PATH, "the command, for suspected splitting", default=""),
        key(10, "split_gap", FORWARD, "how far apart in time still counts", "split_gap_ms",
            default=0),
        key(11, "all_of", Tables(lambda: CRITERION, 40), "each of these besides", default=()),
    ),
    model.Threshold,
)  # fmt: skip
UNITS: Final[Shape[model.PerUnits]] = Shape(
    "units",
    "A limit by what the party itself reported.",
    (
        key(1, "on", ID, "the form that reported it"),
        key(2, "path", PATH, "the number in it"),
        key(3, "per", Whole(1, MAX_COUNT), "one for so many or part of it"),
        key(4, "cap", Whole(1, MAX_COUNT), "never more than"),
        key(5, "at_least", Whole(0, MAX_COUNT), "never fewer than", default=1),
    ),
    model.PerUnits,
    cited=False,
)
_LIMIT: Final = Whole(0, 100_000)
QUOTA: Final[Shape[model.Quota]] = Shape(
    "[[quota]]",
    "So many a period.",
    (
        key(1, "id", ID, "its name"),
        key(2, "on", ID, "the form that is counted"),
        key(3, "side", SIDE, "whose quota it uses up"),
        key(4, "side_path", PATH, "the field that names the passive party", default=""),
        key(5, "limit", _LIMIT, "at most so many", default=None),
        key(6, "units", Table(lambda: UNITS), "a limit by units reported", default=None),
        key(7, "years", Whole(1, 100), "calendar years in the period", default=1),
        key(8, "path", PATH, "the time by which it is counted", default=""),
        key(9, "accepted_by", ID, "counted only if this form answered", default=""),
        key(10, "accepted_path", PATH, "the field of that answer", default=""),
        key(11, "accepted_is", ListOf(ID, 40), "the codes that accept", default=()),
        key(12, "same_party", _LIMIT, "at most so many by one other party", default=None),
        key(13, "share", Whole(1, 1000), "at most one part in so many by one", default=None),
        key(14, "object_path", PATH, "the field that names an object", default=""),
        key(15, "per_object", _LIMIT, "at most so many for one object", default=None),
        key(16, "simultaneous", _LIMIT, "at most so many at one time", default=None),
        key(17, "from_path", PATH, "the start of its window", default=""),
        key(18, "until_path", PATH, "the end of its window", default=""),
        key(19, "threshold", ID, "counted only if it crosses this threshold", default=""),
        key(20, "when", WHEN, "only for these codes", default=()),
        key(21, "below", ID, "not counted if it crosses this threshold", default=""),
    ),
    model.Quota,
)
VALIDITY: Final[Shape[model.Validity]] = Shape(
    "[[validity]]",
    "How long a message holds while nobody says otherwise.",
    (
        key(1, "id", ID, "its name"),
        key(2, "on", ID, "the form"),
        key(3, "from_path", PATH, "the field of its start; none: its issue", default=""),
        key(4, "until_path", PATH, "the field of its end; none: its start", default=""),
        key(5, "until_plus", PERIOD, "so much after that", "until_plus_ms", default=0),
        key(6, "count", COUNT, "by the instant or by UTC dates", default=model.Count.INSTANT),
        key(7, "revalidate", FORWARD, "to be said anew within", "revalidate_ms", default=None),
        key(8, "ended_by", IDS, "forms by which its sender ends it", default=()),
        key(9, "objects", PATH, "what these must name, each; none: it as a whole", default=""),
    ),
    model.Validity,
)
EXCHANGE: Final[Shape[model.Exchange]] = Shape(
    "[[exchange]]",
    "Every party sends one of these forms each year.",
    (
        key(1, "id", ID, "its name"),
        key(2, "forms", ListOf(ID, MAX_FORMS, 1), "the forms that meet it"),
        key(3, "nil", IDS, "the forms that say there is nothing to report", default=()),
        key(4, "date", MonthDay(), "the last day, UTC", "month", "day"),
        key(5, "opens", FORWARD, "how long before it may be sent", "opens_ms"),
        key(6, "valid", MonthDay(), "as of when, in the next year", "valid_month", "valid_day",
            default=(0, 0)),
    ),
    model.Exchange,
)  # fmt: skip
SIMULTANEOUS: Final[Shape[model.Simultaneous]] = Shape(
    "[[simultaneous]]",
    "Commit first, open together.",
    (
        key(1, "id", ID, "its name"),
        key(2, "commit", ID, "the form that commits"),
        key(3, "hash_path", PATH, "its field of type hash"),
        key(4, "open", ID, "the form that opens"),
        key(5, "round_path", PATH, "the field by which both are matched"),
        key(6, "within", FORWARD, "how soon it must be opened", "within_ms"),
    ),
    model.Simultaneous,
)
RULES: Final[tuple[Shape[model.Rule], ...]] = (
    DEADLINE,
    THRESHOLD,
    QUOTA,
    VALIDITY,
    EXCHANGE,
    SIMULTANEOUS,
)
