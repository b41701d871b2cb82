"""An incident as JSON, in one officer's language.

What a party said is shown by the pack that was in force when it signed it; the words of codes and
labels are those of the officer's language, with a mark where no fluent reader has checked them.
Texts that people wrote stay as they are. Nothing here decides anything: the states, and what agrees
with what, come from ``core.incident`` and from the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from tieline.core.agreement.layout import say
from tieline.core.agreement.meaning import ASPECTS, Act, Means
from tieline.core.agreement.message import resolve
from tieline.core.agreement.model import Field, FieldType, Form, Pack, Special, field_key, title_key
from tieline.core.agreement.tongue import Tongue, Word
from tieline.core.agreement.value import Answer, Instant, Number, PartyCode, Text, Unit
from tieline.core.incident.entry import Entry, Part
from tieline.core.incident.look import Head, Row
from tieline.core.incident.standing import Contest, Standings
from tieline.core.line import Line
from tieline.core.terms import RefRole, dtg
from tieline.node.agreements import Agreements
from tieline.node.incidentforms import answering
from tieline.node.view import Json, texts, word

# The journal's number of a statement here; 0 for none.
Seq = Callable[[bytes], int]
FIRST_WORDS: Final = 160  # characters of a text in a list of messages


class Wording:
    """What the parties of a line said, in one language."""

    def __init__(
        self, line: Line, agreements: Agreements, lang: str, standings: Standings | None = None
    ) -> None:
        self.lang = lang
        self._line = line
        self._agreements = agreements
        self._standings = standings
        self._forms: dict[bytes, tuple[Pack, Form] | None] = {}
        self._tongues: dict[bytes, Tongue] = {}
        self._aspects: dict[Means, str] = {}
        self.unchecked = self.fallen = False

    def tongue(self, pack: Pack) -> Tongue:
        """A pack in this language."""
        found = self._tongues.get(pack.hash)
        if found is None:
            found = self._tongues[pack.hash] = Tongue(pack, self._agreements.engine, self.lang)
            self.unchecked = self.unchecked or not found.verified
        return found

    def answering(self, entry: Entry) -> tuple[str, ...]:
        """The forms that may answer a message, by their ids on the wire."""
        found = self.form(entry)
        if found is None:
            return ()
        in_force = self._agreements.in_force(self._line)
        return answering(in_force, "answer", found[0].id, found[1].id)

    def form(self, entry: Entry) -> tuple[Pack, Form] | None:
        """The pack and the form of a statement, as they were when it was signed."""
        if entry.digest not in self._forms:
            item = self._line.item(entry.digest)
            found = None if item is None else self._agreements.form_of_item(self._line, item)
            self._forms[entry.digest] = found
        return self._forms[entry.digest]

    def contested(self, entry: Entry) -> list[Json]:
        """Who contests the standing of the author of a statement, in their words."""
        found = () if self._standings is None else self._standings.beside(entry)
        return contested_view(found, self)

    def title(self, entry: Entry) -> str:
        """What a message is called; for another kind of statement, the kind."""
        found = self.form(entry)
        if found is None:
            return "" if entry.kind.name == "MESSAGE" else word(entry.kind.name)
        pack, form = found
        return self._word(pack, title_key(form))

    def label(self, entry: Entry, path: str) -> str:
        """The label of a field of a message."""
        found = self.form(entry)
        if found is None:
            return path
        pack, form = found
        return self._word(pack, field_key(form, path))

    def aspect(self, means: Means) -> str:
        """What an aspect is called, in the widest of the agreements in force that has it."""
        if means not in self._aspects:
            self._aspects[means] = self._named(means)
        return self._aspects[means]

    def _named(self, means: Means) -> str:
        found = [
            (self.tongue(pack).word(field_key(form, field.id)), form, field)
            for pack in self._agreements.in_force(self._line).packs
            for form in pack.forms.values()
            if form.act is not Act.NONE
            for field in form.fields
            if field.means is means
        ]
        if not found:
            return means.value
        best, _, _ = max(found, key=_widest)
        self.fallen = self.fallen or best.fallen
        return best.text

    def part(self, entry: Entry, part: Part) -> dict[str, Json]:
        """One answer of a message: in words, and as its value."""
        found = self.form(entry)
        field = None if found is None else _field(found[1], part.path)
        out: dict[str, Json] = {"path": part.path, "said": "", **_value(part.answer)}
        if found is None or field is None:
            return out
        tongue = self.tongue(found[0])
        said = say(field, part.answer, tongue)
        self.fallen = self.fallen or said.fallen
        out["said"] = said.text
        if isinstance(part.answer, Instant) and part.answer.spread_s:
            out["said"] = f"{said.text} +-{part.answer.spread_s} S"  # as a position shows its own
        return out

    def code(self, entry: Entry, means: Means) -> str:
        """What a single answer of a message says, in words; empty when it has none."""
        part = None if entry.said is None else entry.said.answers.get(means)
        return "" if part is None else str(self.part(entry, part)["said"])

    def marks(self) -> list[Json]:
        """What a reader has to know of the words that were used."""
        packs = self._agreements.in_force(self._line).packs
        if not packs:
            return []
        tongue = Tongue(packs[0], self._agreements.engine, self.lang)
        keys = (("unchecked", self.unchecked), ("fallen", self.fallen))
        return [str(tongue.say(f"mark.{key}")) for key, true in keys if true]

    def _word(self, pack: Pack, key: str) -> str:
        found = self.tongue(pack).word(key)
        self.fallen = self.fallen or found.fallen
        return found.text


def _widest(found: tuple[Word, Form, Field]) -> tuple[bool, bool, int]:
    """Of several labels of an aspect: one in the language, of a group, of the widest form."""
    word_, form, field = found
    return not word_.fallen, field.type is FieldType.GROUP, len(form.fields)


def _field(form: Form, path: str) -> Field | None:
    found = resolve(form.fields, path)
    return found[-1] if found else None


def _value(answer: Answer) -> dict[str, Json]:
    """A value for a program: what it is, in the units of the field."""
    match answer:
        case Special():
            return {"special": answer.value}
        case Instant():
            return {"at_ms": answer.ms, "spread_s": answer.spread_s}
        case Number():
            return {"n": answer.n, "spread": answer.spread}
        case PartyCode():
            return {"party": answer.code}
        case _:
            return {}


# -------------------------------------------------------------------------------------- incidents


def head_view(head: Head, wording: Wording, names: Mapping[str, int]) -> dict[str, Json]:
    """An incident in a list, and at the head of its own page."""
    opener, closure = head.opener, head.closure
    return {
        "incident": head.id.hex(),
        "name": head.name,
        "short": short_name(head, names),
        "title": wording.title(opener),
        "opened_by": opener.party,
        "opened_ms": opener.time_ms,
        "dtg": dtg(opener.time_ms),
        "state": str(closure.state),
        "parties": texts(closure.parties),
        "closed_by": [{"party": party, "item": item.hex()} for party, item in closure.closed_by],
        "not_closed": texts(closure.missing),
        "reopened_by": None if closure.reopened_by is None else closure.reopened_by.hex(),
        "crossed": texts(item.hex() for item in closure.crossed),
        "statements": head.count,
        "last_ms": head.last.time_ms,
        "unread": texts(item.hex() for item in head.unread),
    }


def name_of(opener: Entry | None) -> str:
    """What the opener of an incident calls it; empty when it has no name."""
    part = None if opener is None or opener.said is None else opener.said.answers.get(Means.NAME)
    match part.answer if part else None:
        case Unit(name=name) | Text(text=name):
            return name
        case _:
            return ""


def short_name(head: Head, names: Mapping[str, int]) -> str:
    """What an officer types for it: its name when no other incident has it, else its digest.

    ``names``: how many incidents have a name, whatever its letters' case.
    """
    alone = head.name and names.get(head.name.casefold()) == 1
    return head.name if alone else head.id.hex()[:8]


def row_view(row: Row, wording: Wording, seq: Seq) -> dict[str, Json]:
    """One statement of an incident."""
    entry = row.entry
    return {
        **entry_view(entry, wording, seq),
        "brought_by": texts(row.brought_by),
        "moves": row.moves,
        "cancelled_by": None if row.cancelled_by is None else row.cancelled_by.hex(),
        "replaced_by": None if row.replaced_by is None else row.replaced_by.hex(),
        "void": texts(item.hex() for item in row.void),
    }


def entry_view(entry: Entry, wording: Wording, seq: Seq) -> dict[str, Json]:
    """A statement in a list: who, when, what kind, and its first words."""
    found = wording.form(entry)
    said = entry.said
    return {
        "item": entry.digest.hex(),
        "seq": seq(entry.digest),
        "party": entry.party,
        "to": texts(entry.to),
        "claimed_ms": entry.time_ms,
        "dtg": dtg(entry.time_ms),
        "kind": word(entry.kind.name),
        "act": entry.act.value,
        "form": "" if found is None else found[0].form_id(found[1]),
        "title": wording.title(entry),
        "text": words_of(entry)[:FIRST_WORDS],
        "unit": entry.unit,
        "reserve": entry.reserve,
        "through": entry.through,
        "second_story": entry.story,
        "contested": wording.contested(entry),
        "unfit": found is not None and said is None and entry.kind.name == "MESSAGE",
        "cites": [{"item": item.hex(), "role": word(role.name)} for role, item in entry.refs],
    }


def contested_view(found: Iterable[Contest], wording: Wording) -> list[Json]:
    """Contests of a party's standing: each the claim of who says it."""
    return [
        {
            "by": one.by,
            "through": one.through,
            "since_ms": one.since.time_ms,
            "dtg": dtg(one.since.time_ms),
            "item": one.entry.digest.hex(),
            "said": wording.code(one.entry, Means.STANCE),
        }
        for one in found
    ]


def words_of(entry: Entry) -> str:
    """What a person wrote in a message: beside its form, else in its field for words."""
    part = None if entry.said is None else entry.said.answers.get(Means.WORDS)
    match part.answer if part else None:
        case Text(text=text) | Unit(name=text):
            return text if not entry.text else f"{entry.text} {text}"
        case _:
            return entry.text


def answers_to(entry: Entry) -> list[str]:
    """What a statement answers, by digest."""
    return [item.hex() for item in entry.cites(RefRole.ANSWERS)]


def aspect_order(means: Means) -> int:
    """Where an aspect stands in a table of accounts."""
    return ASPECTS.index(means)
