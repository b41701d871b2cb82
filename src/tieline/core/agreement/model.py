"""An agreement as values: what a pack says, after it was read and found whole.

A pack is data about an agreement: forms, phrases, rules, and their words in several languages. Its
vocabulary is closed: there are no expressions, no templates and no code in a pack, so that a person
who knows the agreement can check it line by line, and a hostile pack can only be wrong.

Conventions:

* A *cite* says where a thing comes from and how sure we are of it; it is shown wherever the thing
  is used. ``Provenance`` is never improved by the software.
* Texts are never here but in ``Pack.words``, by language and key (see ``word_key``).
* Durations are milliseconds and may be negative ("42 days before the start" is -42 days). A
  duration of whole days can be counted in UTC dates instead (``Count.UTC_DATE``).
* Numbers on the wire (of forms, fields, code items) never change between versions of a pack.

This module does not read TOML (``load``), does not know values of fields (``value``), and evaluates
nothing (``ledger``).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.terms import Precedence, RefRole

ALL: Final = "*"  # in Form.to: every party of the line
PHRASE_SIGN: Final = ":"  # opens the id of the form of a phrase; ids of forms have letters first


class Provenance(enum.StrEnum):
    """How a fact came into the pack."""

    READ = "read"  # in the source, or in a page that quotes it
    MEMORY = "memory"  # from memory, not verified against the authentic text
    UNVERIFIED = "unverified"  # must be checked before anyone relies on it
    DESIGN = "design"  # no fact of the agreement: a choice of the pack's author


@dataclass(frozen=True, slots=True)
class Cite:
    """``paragraph`` of the agreement ("16.1.2"; empty: none), and how sure we are of it."""

    paragraph: str
    provenance: Provenance


class FieldType(enum.StrEnum):
    """The closed list of what a field can hold. Encodings: ``value``."""

    CODE = "code"  # one item of a code list
    COUNT = "count"  # a whole number, with an optional +/-
    TIME = "time"  # an instant, UTC, with an optional uncertainty
    DATE = "date"  # a UTC date
    POSITION = "position"  # WGS 84 unless it says otherwise, with its error
    AREA = "area"  # points, or a centre and a radius
    ROUTE = "route"  # waypoints, each a position with an optional time
    UNIT = "unit"  # designation of a formation, ship, office: never a person
    PARTY = "party"  # a party's code
    SERIAL = "serial"  # the sender's running number of this form's series, gapless
    TEXT = "text"  # free text in the statement's language
    HASH = "hash"  # a commitment or a document, by its SHA-256
    GROUP = "group"  # named fields, repeated


class Special(enum.StrEnum):
    """Answers that are no value, and are not the same as an empty field."""

    NOT_KNOWN = "not-known"
    WITHHELD = "withheld"
    NIL = "nil"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a form, or of a group or a phrase.

    ``low`` and ``high`` bound a count (or each repeat count of a group: ``repeat``). ``max_chars``
    bounds text and unit. ``codes`` names the code list of a CODE field. ``means``: what it says of
    an incident.
    """

    number: int
    id: str
    type: FieldType
    cite: Cite
    required: bool = False
    codes: str = ""
    specials: frozenset[Special] = frozenset()
    low: int | None = None
    high: int | None = None
    max_chars: int = 0
    repeat: tuple[int, int] = (0, 1)
    fields: tuple[Field, ...] = ()
    means: Means = Means.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeItem:
    """One item of a code list: its number on the wire, its id. Its words are ``code.LIST.ID``.

    ``sense``: what it means to the software, where a field of an incident's form holds it.
    """

    number: int
    id: str
    cite: Cite
    sense: Sense = Sense.NONE


class Effect(enum.StrEnum):
    """What a form does to obligations and status besides what rules say of it."""

    NONE = "none"
    SUSPEND = "suspend"  # the pack, between the sender and all others
    RESUME = "resume"
    CONTEST = "contest"  # the obligation whose trigger it cites, or the status of the pack
    WAIVE = "waive"  # the creditor lets the obligation go whose trigger it cites
    HOLD = "hold"  # what it cites is stopped until resumed or cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Predecessor:
    """An earlier message that a form must cite: one of ``forms``, under ``role``."""

    forms: tuple[str, ...]
    role: RefRole
    required: bool
    cite: Cite


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One message of the agreement. On the wire it is ``TAG/ID`` with the pack's version.

    ``to``: ``"*"`` for every party, else one or more named by the sender. ``answers``: forms that
    it answers; ``answers_any``: and any other message, as a text. ``obliges``: false for a goodwill
    notice: no obligation and no precedent.
    ``flash``: made to be sent as FLASH over a narrow carrier. ``disclaimer``: a word key shown on
    every rendering, or empty. ``act``: what it does in an incident. ``phrase``: what this form was
    made of (``phrase_form``); ``None`` for those that the pack itself has as forms.
    """

    id: str
    number: int
    cite: Cite
    fields: tuple[Field, ...]
    to: str = ALL
    precedence: Precedence = Precedence.ROUTINE
    answers: tuple[str, ...] = ()
    predecessors: tuple[Predecessor, ...] = ()
    effect: Effect = Effect.NONE
    obliges: bool = True
    flash: bool = False
    disclaimer: str = ""
    act: Act = Act.NONE
    phrase: Phrase | None = None
    answers_any: bool = False

    @property
    def name(self) -> str:
        """What people call it by: the id of a form, the code of a phrase."""
        return self.id if self.phrase is None else self.phrase.code


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """A coded phrase of a phrase book: versioned with its pack.

    Its words are ``phrase.ID.meaning``, ``.wording``, ``.pronunciation``. ``response``: codes of
    the phrases that answer it. ``signal``: how it is given without a voice (a word key), or empty.
    ``precedence``: the one proposed. On the wire it is a form, ``TAG/:ID`` (``phrase_form``).
    """

    id: str
    number: int
    code: str
    cite: Cite
    fields: tuple[Field, ...] = ()
    response: tuple[str, ...] = ()
    signal: str = ""
    precedence: Precedence = Precedence.ROUTINE


def phrase_form(phrase: Phrase) -> Form:
    """The form in which a phrase is sent: its blanks are the fields.

    It goes to whom its sender names, or to all; it answers what it likes, since a reply that is not
    the expected one is still to be heard; and no rule can name it. Every phrase must fit a narrow
    carrier. Its id begins with ``PHRASE_SIGN``, which no form's does, so that a form and a phrase
    of one name stay two things.
    """
    return Form(
        id=PHRASE_SIGN + phrase.id,
        number=phrase.number,
        cite=phrase.cite,
        fields=phrase.fields,
        to="",
        precedence=phrase.precedence,
        obliges=False,
        flash=True,
        phrase=phrase,
    )


# ------------------------------------------------------------------------------------------- rules


class Base(enum.StrEnum):
    """The event from which a clock runs."""

    ISSUE = "issue"  # the trigger's claimed time
    RECEIPT = "receipt"  # when the trigger reached the station of the one who must act
    START = "start"  # a time or date that a field of the trigger names
    OCCURRENCE = "occurrence"
    ARRIVAL = "arrival"
    CALENDAR = "calendar"


class Count(enum.StrEnum):
    """Whether a deadline is an instant, or the end (or start) of a UTC date."""

    INSTANT = "instant"
    UTC_DATE = "utc-date"


class Who(enum.StrEnum):
    """Who owes, or is counted, seen from the trigger."""

    SENDER = "sender"
    RECEIVERS = "receivers"  # each addressee by itself
    EVERY = "every"  # each party of the line by itself
    FIELD = "field"  # the party that a field names


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """The trigger's field ``path`` holds one of the code ids ``one_of``. Paths: ``group.field``."""

    path: str
    one_of: tuple[str, ...]


class Link(enum.StrEnum):
    """How what meets a deadline hangs together with its trigger, where it need not cite that."""

    INCIDENT = "incident"  # it stands in the same incident, and says a word there


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """Who must send what by when.

    Trigger: a message of form ``on``. It is met by a message of a form in ``by`` that cites the
    trigger under ``link`` (``None``: any later one of the debtor to the creditor; ``INCIDENT``: any
    in the incident of the trigger, and there any form of any pack that says a word); ``by`` empty:
    the trigger itself is judged ("42 days or more before the start"). ``not_before_ms`` and
    ``not_after_ms`` count from the base. ``path``: the field that gives START, OCCURRENCE, ARRIVAL.
    ``to_all``: the answer is owed to every party, else to the trigger's sender.

    Both bounds ``None``: owed, without a clock ("promptly"). ``threshold``: only a trigger that
    crosses it. ``lapses``: unanswered it lapses without fault, for silence has a meaning ("no
    observers"). ``judged``: RECEIPT where the date of provision is the date of receipt: what
    discharges counts as given when every creditor's station had it. CALENDAR: the base is the UTC
    date ``month``/``day`` of the year of the date at ``path``, plus ``years``.
    """

    id: str
    cite: Cite
    on: str
    base: Base
    path: str = ""
    who: Who
    who_path: str = ""
    by: tuple[str, ...] = ()
    link: RefRole | Link | None = RefRole.ANSWERS
    not_before_ms: int | None = None
    not_after_ms: int | None = None
    count: Count = Count.INSTANT
    when: tuple[Condition, ...] = ()
    to_all: bool = False
    threshold: str = ""
    lapses: bool = False
    judged: Base = Base.ISSUE
    month: int = 0
    day: int = 0
    years: int = 0


class Take(enum.StrEnum):
    """How the repeats of a group give one number."""

    MAX = "max"  # at any time during
    SUM = "sum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """The number at ``path`` is at least ``at_least``."""

    path: str
    at_least: int
    take: Take = Take.MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """Crossed when any one criterion is. ``label`` is a word key ("notifiable", "observable").

    ``all_of``: each of these must hold besides ("and longer than 72 hours").

    ``split_*``: below the threshold, two activities of one sender that share area, time or command
    and together cross it are put to the reader as a question. Paths of the fields; empty: not
    asked.
    """

    id: str
    cite: Cite
    on: str
    label: str
    any_of: tuple[Criterion, ...]
    all_of: tuple[Criterion, ...] = ()
    when: tuple[Condition, ...] = ()
    split_area: str = ""
    split_from: str = ""
    split_until: str = ""
    split_command: str = ""
    split_gap_ms: int = 0


class Side(enum.StrEnum):
    """Whose quota a message uses up."""

    ACTIVE = "active"  # its sender's
    PASSIVE = "passive"  # its receiver's


@dataclass(frozen=True, slots=True, kw_only=True)
class PerUnits:
    """A limit that follows from what the party itself reported: one per ``per`` or part, capped.

    Read from the number at ``path`` of the party's last message of form ``on``.
    """

    on: str
    path: str
    per: int
    cap: int
    at_least: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """At most ``limit`` messages of form ``on`` a period.

    Period: ``years`` calendar years (UTC) ending with that of the message's time at ``path``
    (empty: its issue). Counted only if ``accepted_by`` is empty or answered by that form with the
    field ``accepted_path`` in ``accepted_is``. ``same_party``: of these at most so many by one
    other party; ``share``: at most one ``share``-th by one other party (rounded down, at least 1).
    ``per_object``: at most so many for the same value at ``object_path``.
    ``simultaneous``: at most so many whose windows (``from_path`` to ``until_path``) overlap.
    ``threshold``: only messages that cross that threshold are counted; ``below``: and do not cross
    that one.
    """

    id: str
    cite: Cite
    on: str
    side: Side
    side_path: str = ""  # PASSIVE: the field that names the receiving party; empty: the addressee
    limit: int | None = None
    units: PerUnits | None = None
    years: int = 1
    path: str = ""
    accepted_by: str = ""
    accepted_path: str = ""
    accepted_is: tuple[str, ...] = ()
    same_party: int | None = None
    share: int | None = None
    object_path: str = ""
    per_object: int | None = None
    simultaneous: int | None = None
    from_path: str = ""
    until_path: str = ""
    threshold: str = ""
    below: str = ""
    when: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """How long a message of form ``on`` holds, while nobody says otherwise (silence = valid).

    From the time at ``from_path`` (empty: issue) to the one at ``until_path`` (empty: from) plus
    ``until_plus_ms``. A message that cancels or supersedes it ends it. ``revalidate_ms``: the
    sender must say so anew within this time, else it is stale. ``ended_by``: forms by which its
    sender ends it, citing it. With ``objects``, a path in both, it is ended when each of its
    objects was named ("the sites of a list").
    """

    id: str
    cite: Cite
    on: str
    from_path: str = ""
    until_path: str = ""
    until_plus_ms: int = 0
    count: Count = Count.INSTANT
    revalidate_ms: int | None = None
    ended_by: tuple[str, ...] = ()
    objects: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Each year by ``month``/``day`` (UTC date, its end) every party sends one of ``forms``.

    ``valid_month``/``valid_day``: as of when, in the next year, or 0. ``opens_ms``: how long before
    the day it can be sent. ``nil``: a party with nothing to report says so with a form of ``nil``.
    ``with_ms``: the day, or a period before it, when both must be sent together (see Simultaneous).
    """

    id: str
    cite: Cite
    forms: tuple[str, ...]
    nil: tuple[str, ...]
    month: int
    day: int
    opens_ms: int
    valid_month: int = 0
    valid_day: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Simultaneous:
    """Commit first, open together: neither side learns the other's list before giving its own.

    ``commit`` is the form with the hash at ``hash_path``; ``open`` the form that cites it under
    PREDECESSOR. Opening is owed as soon as every party's commitment of the same ``round_path``
    value has a receipt of every other party, and is early before that.
    """

    id: str
    cite: Cite
    commit: str
    hash_path: str
    open: str
    round_path: str
    within_ms: int


Rule = Deadline | Threshold | Quota | Validity | Exchange | Simultaneous


class PairState(enum.StrEnum):
    """What a pack is between two parties."""

    IN_FORCE = "in force"
    SUSPENDED = "suspended"
    CONTESTED = "contested"
    NOT_APPLIED = "not applied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What the pack itself says of a pair of parties (codes, sorted), since a UTC time."""

    pair: tuple[str, str]
    state: PairState
    by: str
    since_ms: int | None
    cite: Cite


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """``tag`` as in BCP 47. ``verified``: a fluent reader went through these words, and who."""

    tag: str
    verified: bool
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pack:
    """A whole agreement. ``hash`` is the SHA-256 of its canonical encoding, ``body``.

    ``tag`` (1 to 4 letters) opens the wire ids of its forms. ``words[lang][key]``: texts;
    English is always there and whole, other languages may lack a key and then fall back to it,
    marked.
    """

    id: str
    tag: str
    version: int
    cite: Cite
    languages: tuple[Language, ...]
    codes: dict[str, tuple[CodeItem, ...]]
    forms: dict[str, Form]
    phrases: dict[str, Phrase]
    rules: dict[str, Rule]
    status: tuple[Status, ...]
    words: dict[str, dict[str, str]]
    hash: bytes = b""
    body: bytes = field(default=b"", repr=False)

    def form_id(self, form: Form) -> str:
        """The form's id on the wire."""
        return f"{self.tag}/{form.id}"

    def form(self, name: str) -> Form | None:
        """The form of an id, or that of a phrase (``:ID``); ``None`` when there is none."""
        if not name.startswith(PHRASE_SIGN):
            return self.forms.get(name)
        phrase = self.phrases.get(name.removeprefix(PHRASE_SIGN))
        return None if phrase is None else phrase_form(phrase)

    def sendable(self) -> Iterator[Form]:
        """All that can be sent: the forms, then the phrases as forms."""
        yield from self.forms.values()
        yield from map(phrase_form, self.phrases.values())


def word_key(*parts: str) -> str:
    """The key of a text: ``form.ID.title``, ``field.FORM.PATH``, ``code.LIST.ID``.

    Also ``rule.ID.title``, ``pack.title``, ``form.ID.note``, ``phrase.ID.meaning``.
    """
    return ".".join(parts)


def title_key(form: Form) -> str:
    """The key of what a form is called; of a phrase, of what it means."""
    if form.phrase is None:
        return word_key("form", form.id, "title")
    return word_key("phrase", form.phrase.id, "meaning")


def note_key(form: Form) -> str:
    """The key of what its readers should know of it, which a pack may have."""
    return word_key(*_owner(form), "note")


def field_key(form: Form, *path: str) -> str:
    """The key of a field's label; ``path``: the ids of the fields down to it."""
    if form.phrase is None:
        return word_key("field", form.id, *path)
    return word_key("phrase", form.phrase.id, "field", *path)


def _owner(form: Form) -> tuple[str, str]:
    return ("form", form.id) if form.phrase is None else ("phrase", form.phrase.id)
