"""Reading one act of a scenario.

Each act has its own closed set of keys. Labels may be cited only after they were given, an answer
answers somebody else's words, and a replacement replaces one's own: a script that cannot be played
is refused before it is played.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tieline.core.agreement.limits import Crossing
from tieline.core.agreement.model import Pack
from tieline.core.agreement.reason import State
from tieline.core.agreement.windows import Holds
from tieline.core.errors import LocalError
from tieline.core.terms import LANGUAGE, Precedence, RefRole, Rung
from tieline.exercise import scenario as world
from tieline.exercise.forms import Cited, Coded, Forms
from tieline.exercise.reading import Table
from tieline.exercise.times import moment_ms

_WANTS: Final = {
    "acknowledged": Rung.ACKNOWLEDGED,
    "read back": Rung.READ_BACK,
    "passed on": Rung.PASSED_ON,
}
RUNGS: Final = {"handed over": Rung.HANDED_OVER, "received": Rung.RECEIVED, **_WANTS}
_CITES: Final = {
    "answers": RefRole.ANSWERS,
    "concerns": RefRole.CONCERNS,
    "follows": RefRole.PREDECESSOR,
}
_REPLACING: Final = {
    "correct": RefRole.CORRECTS,
    "cancel": RefRole.CANCELS,
    "supersede": RefRole.SUPERSEDES,
}
_ANSWERS: Final = {
    "ack": Rung.ACKNOWLEDGED,
    "read-back": Rung.READ_BACK,
    "pass-on": Rung.PASSED_ON,
}
_WORD_OF: Final = {"read_back": "read back", "pass_on": "passed on"}
_WAYS: Final = ("bundle", "dial")
_PRECEDENCES: Final = tuple(p.name for p in sorted(Precedence, reverse=True))


class ActReader:
    """Reads acts in the order of the script, and keeps which labels may be cited by now."""

    def __init__(
        self, languages: Mapping[str, str], packs: tuple[Pack, ...], start_ms: int
    ) -> None:
        self._codes = tuple(languages)
        self._forms = Forms(packs, languages)
        self._start_ms = start_ms
        self._at_ms = start_ms
        self._cited: dict[str, world.Say | world.Joint] = {}
        self._readers: dict[str, Callable[[Table], world.Act]] = {
            "send": self._say,
            "call": self._call,
            **dict.fromkeys(_REPLACING, self._replace),
            **dict.fromkeys(_ANSWERS, self._answer),
            "joint": self._joint,
            "assent": self._assent,
            "suspend": self._suspend,
            "resume": self._resume,
            "staff": self._staff,
            "inject": self._inject,
            "note": self._note,
            "cut": self._cut,
            "heal": self._heal,
            "carry": self._carry,
            "forge": self._forge,
            "equivocate": self._equivocate,
            "owed": self._owed,
            "quota": self._quota,
            "holds": self._holds,
            "margin": self._margin,
        }

    def read(self, table: Table, label: str, at_ms: int) -> world.Act:
        """The act of one event at a moment. Raises ``LocalError`` (``scenario.*``)."""
        self._at_ms = at_ms
        act = self._readers[table.choice("act", self._readers)](table)
        if label:
            if label in self._cited:
                raise table.wrong("label", f"the label {label!r} is taken; choose another one")
            if not isinstance(act, world.Say | world.Joint):
                raise table.wrong(
                    "label", "only messages and joint statements can be cited; remove 'label'"
                )
            self._cited[label] = act
        return act

    # --------------------------------------------------------------------------- messages

    def _say(self, table: Table) -> world.Say:
        party = self._party(table, "from")
        to = self._addressees(table, party)
        wants = self._wants(table)
        cites = self._cites(table)
        coded = self._coded(table, party, cites)
        if coded is not None:
            coded.check_addressees(table, to if table.has("to") else (), len(self._codes) - 1)
        elif not table.has("text"):
            raise table.wrong(
                "value", "a message has a 'text', a 'form' with 'fields', or a 'phrase'"
            )
        unanswered = self._some(table, "unanswered", to)
        return world.Say(
            party=party,
            to=to if table.has("to") else (),
            precedence=self._precedence(table, coded),
            text=table.text("text", "" if coded is not None else None),
            lang=self._lang(table),
            form="" if coded is None else coded.id,
            answers=() if coded is None else coded.answers,
            cites=cites,
            wants=wants,
            unanswered=unanswered,
            read_backs=self._words(table, "read_back", to, unanswered, wants),
            units=self._words(table, "pass_on", to, unanswered, wants),
        )

    def _call(self, table: Table) -> world.Say:
        """A call: a message that wants to be acknowledged at once, and is not, by some."""
        party = self._party(table, "from")
        to = self._addressees(table, party)
        return world.Say(
            party=party,
            to=to,
            precedence=Precedence[table.choice("precedence", _PRECEDENCES, "FLASH")],
            text=table.text("text"),
            lang=self._lang(table),
            cites=self._cites(table),
            unanswered=self._some(table, "unanswered", to),
            call=True,
        )

    def _replace(self, table: Table) -> world.Say:
        act = table.choice("act", _REPLACING)
        party = self._party(table, "from")
        target, old = self._target(table)
        if old.party != party:
            raise table.wrong(
                "target",
                f"{target!r} was written by {old.party}, and a party can {act} only its own words;"
                " let it answer instead",
            )
        if isinstance(old, world.Joint):
            raise table.wrong("target", f"{target!r} is a joint statement; make a new one instead")
        to = self._addressees(table, party)
        cites = (world.Cite(target, _REPLACING[act]), *self._cites(table))
        coded = self._coded(table, party, cites, old.form if table.has("fields") else "")
        if old.form and coded is None and act != "cancel":
            raise table.wrong(
                "form",
                f"{target!r} is of form {old.form}: to {act} it, add 'fields'",
            )
        return world.Say(
            party=party,
            to=to if table.has("to") else old.to,
            precedence=Precedence[table.choice("precedence", _PRECEDENCES, old.precedence.name)],
            text=table.text("text", "" if coded is not None else None),
            lang=self._lang(table),
            form="" if coded is None else coded.id,
            answers=() if coded is None else coded.answers,
            cites=cites,
        )

    def _answer(self, table: Table) -> world.Answer:
        rung = _ANSWERS[table.choice("act", _ANSWERS)]
        party = self._party(table, "from")
        target, old = self._target(table)
        if old.party == party:
            raise table.wrong("target", f"{target!r} is {party}'s own; the others answer it")
        return world.Answer(
            party=party,
            rung=rung,
            target=target,
            text=table.text("text") if rung is Rung.READ_BACK else "",
            lang=self._lang(table) if rung is Rung.READ_BACK else "en",
            unit=table.text("unit", limit=80) if rung is Rung.PASSED_ON else "",
        )

    def _wants(self, table: Table) -> tuple[Rung, ...]:
        words = table.texts("wants", ("acknowledged",))
        for word in words:
            if word not in _WANTS:
                raise table.wrong(
                    "value", f"'wants' has {word!r}; write some of {', '.join(_WANTS)}"
                )
        return tuple(sorted({Rung.ACKNOWLEDGED, *(_WANTS[word] for word in words)}))

    def _coded(
        self, table: Table, party: str, cites: tuple[world.Cite, ...], form: str = ""
    ) -> Coded | None:
        """The form of a message and what is typed into it; ``form`` is the one it has if unsaid."""
        if not table.has("form") and not table.has("phrase") and not form:
            return None
        cited: list[Cited] = []
        for cite in cites:
            old = self._cited[cite.label]
            known = old.form if isinstance(old, world.Say) else ""
            cited.append(Cited(cite.label, cite.role, known, old.party))
        return self._forms.read(table, form, party, tuple(cited), self._at_ms)

    def _words(
        self,
        table: Table,
        key: str,
        to: tuple[str, ...],
        silent: tuple[str, ...],
        wants: tuple[Rung, ...],
    ) -> tuple[tuple[str, str], ...]:
        """What each addressee will answer with, when the message asks for it."""
        words: list[tuple[str, str]] = []
        word = _WORD_OF[key]
        wanted = _WANTS[word] in wants
        if table.has(key) and not wanted:
            raise table.wrong("value", f"{key!r} answers nothing; add {word!r} to 'wants'")
        part = table.table(key)
        for code in to:
            if part.has(code):
                words.append((code, part.text(code)))
            elif wanted and code not in silent:
                raise table.wrong(
                    "missing",
                    f"the message wants it of {code}: add {key}.{code}, or name {code} under"
                    " 'unanswered'",
                )
        part.done()
        return tuple(words)

    def _cites(self, table: Table) -> tuple[world.Cite, ...]:
        cites: list[world.Cite] = []
        for key, role in _CITES.items():
            for label in table.texts(key, ()):
                self._known(table, key, label)
                cites.append(world.Cite(label, role))
        return tuple(cites)

    # ------------------------------------------------------------------------ other words

    def _joint(self, table: Table) -> world.Joint:
        party = self._party(table, "from")
        parties = self._some(table, "parties", self._codes, self._codes)
        if party not in parties:
            raise table.wrong("party", f"'parties' must include {party}, who brings the statement")
        effective_ms = self._moment(table, "effective")
        late_binds = table.has("late_binds") and table.flag("late_binds")
        if effective_ms is not None and effective_ms <= self._at_ms:
            raise table.wrong("time", "'effective' must lie after the statement is proposed")
        if late_binds and effective_ms is None:
            raise table.wrong("value", "'late_binds' needs a time, 'effective', to be late for")
        return world.Joint(
            party=party,
            parties=parties,
            text=table.text("text"),
            lang=self._lang(table),
            cites=self._cites(table),
            effective_ms=effective_ms,
            late_binds=late_binds,
            precedence=Precedence[table.choice("precedence", _PRECEDENCES, "PRIORITY")],
        )

    def _assent(self, table: Table) -> world.Assent:
        party = self._party(table, "from")
        target, old = self._target(table)
        if not isinstance(old, world.Joint) or party not in old.parties or party == old.party:
            raise table.wrong(
                "target", f"{target!r} is no joint statement that waits for the assent of {party}"
            )
        return world.Assent(party=party, target=target)

    def _suspend(self, table: Table) -> world.Suspend:
        return world.Suspend(party=self._party(table, "from"), cause=table.text("cause", limit=200))

    def _resume(self, table: Table) -> world.Resume:
        return world.Resume(party=self._party(table, "from"), cause=table.text("cause", limit=200))

    def _staff(self, table: Table) -> world.Staff:
        return world.Staff(
            party=self._party(table, "from"),
            staffed=table.flag("staffed"),
            cause=table.text("cause", limit=200),
        )

    # ------------------------------------------------------------------- exercise control

    def _inject(self, table: Table) -> world.Inject:
        return world.Inject(
            text=table.text("text", limit=600),
            confidence=table.choice("confidence", world.CONFIDENCE),
        )

    def _note(self, table: Table) -> world.Note:
        return world.Note(text=table.text("text", limit=600))

    def _cut(self, table: Table) -> world.Cut:
        return world.Cut(groups=self._groups(table))

    def _heal(self, table: Table) -> world.Heal:
        return world.Heal(groups=self._groups(table) if table.has("between") else ())

    def _carry(self, table: Table) -> world.Carry:
        party, to = self._party(table, "from"), self._party(table, "to")
        if party == to:
            raise table.wrong("party", "'from' and 'to' must be two different parties")
        return world.Carry(party=party, to=to)

    def _forge(self, table: Table) -> world.Forge:
        victim, claims = self._party(table, "victim"), self._party(table, "claims")
        if victim == claims:
            raise table.wrong("party", "'victim' and 'claims' must be two different parties")
        return world.Forge(
            victim=victim,
            claims=claims,
            text=table.text("text", limit=600),
            ways=self._some(table, "ways", _WAYS, _WAYS),
        )

    def _equivocate(self, table: Table) -> world.Equivocate:
        party, to = self._party(table, "from"), self._party(table, "to")
        target, old = self._target(table)
        if not isinstance(old, world.Say) or old.party != party or old.form or party == to:
            raise table.wrong(
                "target",
                f"{target!r} must be a text of {party}, which another party, 'to', has not read",
            )
        return world.Equivocate(
            party=party, target=target, to=to, text=table.text("text", limit=600)
        )

    # ------------------------------------------------------------- what agreements must say

    def _owed(self, table: Table) -> world.Owed:
        return world.Owed(
            party=self._party(table, "from"),
            rule=self._forms.rule(table, table.text("rule", limit=80)),
            debtor=self._party(table, "debtor"),
            about=self._about(table) if table.has("about") else "",
            state=table.choice("state", [state.value for state in State]),
            due_ms=self._moment(table, "due"),
            text=table.text("text", "", limit=600),
        )

    def _quota(self, table: Table) -> world.Quota:
        return world.Quota(
            party=self._party(table, "from"),
            rule=self._forms.rule(table, table.text("rule", limit=80)),
            holder=self._party(table, "party"),
            used=table.number("used", 0, low=0, high=10_000) if table.has("used") else None,
            left=table.number("left", 0, low=0, high=10_000) if table.has("left") else None,
            over=table.texts("over") if table.has("over") else None,
            text=table.text("text", "", limit=600),
        )

    def _holds(self, table: Table) -> world.Holds:
        return world.Holds(
            party=self._party(table, "from"),
            about=self._about(table),
            rule=self._some_rule(table),
            state=table.choice("state", [state.value for state in Holds]),
            until_ms=self._moment(table, "until"),
            text=table.text("text", "", limit=600),
        )

    def _margin(self, table: Table) -> world.Margin:
        return world.Margin(
            party=self._party(table, "from"),
            about=self._about(table),
            rule=self._some_rule(table),
            crossing=table.choice("crossing", [crossing.value for crossing in Crossing]),
            text=table.text("text", "", limit=600),
        )

    def _some_rule(self, table: Table) -> str:
        return self._forms.rule(table, table.text("rule", limit=80)) if table.has("rule") else ""

    # ------------------------------------------------------------------------------ parts

    def _party(self, table: Table, key: str) -> str:
        return table.choice(key, self._codes)

    def _lang(self, table: Table) -> str:
        return language_of(table, "lang")

    def _precedence(self, table: Table, coded: Coded | None) -> Precedence:
        default = None if coded is None else coded.form.precedence.name
        return Precedence[table.choice("precedence", _PRECEDENCES, default)]

    def _moment(self, table: Table, key: str) -> int | None:
        """A moment, or ``None`` when the key is absent."""
        if not table.has(key):
            return None
        try:
            return moment_ms(table.text(key), self._start_ms)
        except LocalError as error:
            raise table.wrong("time", f"{key!r}: {error.message}") from error

    def _about(self, table: Table) -> str:
        label = table.text("about", limit=40)
        self._known(table, "about", label)
        return label

    def _addressees(self, table: Table, party: str) -> tuple[str, ...]:
        others = tuple(code for code in self._codes if code != party)
        to = self._some(table, "to", self._codes, others)
        if party in to:
            raise table.wrong("party", f"{party} cannot write to itself; remove it from 'to'")
        return to

    def _some(
        self, table: Table, key: str, allowed: tuple[str, ...], default: tuple[str, ...] = ()
    ) -> tuple[str, ...]:
        """Some of a closed set, in the order of the set."""
        chosen = table.texts(key, default)
        for word in chosen:
            if word not in allowed:
                raise table.wrong(
                    "value", f"{key!r} has {word!r}; write some of {', '.join(allowed)}"
                )
        return tuple(word for word in allowed if word in chosen)

    def _groups(self, table: Table) -> tuple[tuple[str, ...], ...]:
        value = table.take("between")
        groups: list[tuple[str, ...]] = []
        seen: list[str] = []
        for group in value if isinstance(value, list) else ():
            members = group if isinstance(group, list) else [group]
            for code in members:
                if code not in self._codes or code in seen:
                    raise table.wrong(
                        "party", f"'between' has {code!r}: not a party, or named twice"
                    )
                seen.append(code)
            groups.append(tuple(members))
        if len(groups) < 2 or not all(groups):
            raise table.wrong(
                "value", '\'between\' must hold two groups or more, as [["ALPHA"], ["BRAVO"]]'
            )
        return tuple(groups)

    def _target(self, table: Table) -> tuple[str, world.Say | world.Joint]:
        label = table.text("target", limit=40)
        return label, self._known(table, "target", label)

    def _known(self, table: Table, key: str, label: str) -> world.Say | world.Joint:
        act = self._cited.get(label)
        if act is None:
            known = ", ".join(self._cited) or "none"
            raise table.wrong(
                "label", f"{key!r} names {label!r}, which no earlier event has (there are: {known})"
            )
        return act


def language_of(table: Table, key: str) -> str:
    """A language of the table, English when it names none."""
    lang = table.text(key, "en", limit=16)
    if not LANGUAGE.match(lang):
        raise table.wrong("value", f"{key!r} is {lang!r}; write a language as 'en' or 'pt-BR'")
    return lang
