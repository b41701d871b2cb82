"""The acts about incidents: which there are, what each side says, and saying something in one.

What an officer says in an incident is a message as any other. These acts find its form among the
agreements in force, put each answer where the form has it, and cite what belongs cited: the opening
of the incident, the question that is answered, the promise that is kept. ``send`` does the rest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, Protocol

from tieline.core.agreement.meaning import Act, Means
from tieline.core.agreement.model import Form, Pack, Predecessor
from tieline.core.agreement.naming import named
from tieline.core.agreement.reason import Obligation, State
from tieline.core.agreement.tongue import Tongue
from tieline.core.errors import LocalError
from tieline.core.incident.book import Book
from tieline.core.incident.entry import Entry
from tieline.core.incident.states import IncidentState
from tieline.core.line import Line
from tieline.core.record import Item
from tieline.core.statement import MAX_REFS, Ref
from tieline.core.terms import RefRole
from tieline.node import incidentforms as forms
from tieline.node.agreements import Agreements
from tieline.node.agreementview import Tongues, obligation_view
from tieline.node.arguments import Arguments
from tieline.node.incidents import Incidents
from tieline.node.incidenttime import known_view, timeline_view
from tieline.node.incidentview import Wording, head_view, name_of, row_view
from tieline.node.slices import Slices
from tieline.node.view import Json, texts, word

Act_ = Callable[[Arguments], Awaitable[Json]]
_MEANS: Final = {means.value: means for means in Means}
_DOES: Final = {name: name for name in forms.DOES}
_CITES: Final = (RefRole.CONCERNS, RefRole.PREDECESSOR)
_PASSED: Final = ("line", "officer", "role", "key", "lang", "language", "precedence", "to", "wants")
_RUNNING: Final = frozenset({State.OPEN.value, State.OVERDUE.value})
SHOWN: Final = 100  # incidents of one list, unless it is asked for more
MIN_NAME: Final = 4  # characters of a digest
DISCHARGED: Final = 8  # promises that one message keeps


class Desk(Protocol):
    """What these acts need of the others."""

    def line(self, args: Arguments) -> Line: ...

    def find(self, args: Arguments) -> tuple[Line, Item]: ...

    def refs(self, line: Line, args: Arguments) -> tuple[Ref, ...]: ...

    def now_ms(self) -> int: ...

    def seq(self, digest: bytes) -> int: ...

    async def send(self, args: Arguments) -> Json: ...


class IncidentActs:
    """The acts about incidents of one running station."""

    def __init__(self, desk: Desk, agreements: Agreements, incidents: Incidents) -> None:
        self._desk = desk
        self._agreements = agreements
        self._incidents = incidents
        self.acts: Mapping[str, Act_] = {
            "incidents": self._list,
            "incident": self._show,
            "incident_timeline": self._timeline,
            "known": self._known,
            "incident_say": self._say,
        }

    # --------------------------------------------------------------------------------- asking

    async def _list(self, args: Arguments) -> Json:
        line, wording = self._desk.line(args), self._wording(args)
        every, limit = args.flag("all", default=False), args.number("limit", SHOWN)
        args.done()
        book = await self._incidents.book(line)
        ids = book.ids()
        names, slices = _names(book), Slices()
        found: list[Json] = []
        left = 0
        for one in reversed(ids):  # the newest first, until there are enough
            await slices.turn()
            head = book.head(one)
            if head.closure.state is IncidentState.CLOSED and not every:
                continue
            if len(found) < limit:
                found.append(head_view(head, wording, names))
            else:
                left += 1
        return {
            "line": line.id.hex(),
            "exercise": line.realm,
            "now_ms": self._desk.now_ms(),
            "incidents": found[::-1],
            "left_out": left,
            **self._lacking(line),
            "marks": wording.marks(),
        }

    async def _show(self, args: Arguments) -> Json:
        line, wording = self._desk.line(args), self._wording(args)
        wanted = args.text("incident")
        args.done()
        book = await self._incidents.book(line)
        id_ = self.named(line, book, wanted)
        now_ms = self._desk.now_ms()
        clocks = await self._clocks(line, book, id_, wording.lang)
        view = book.view(id_, now_ms)
        out: dict[str, Json] = {
            "line": line.id.hex(),
            "exercise": line.realm,
            "now_ms": now_ms,
            **head_view(view.head, wording, _names(book)),
            "clocks": [*clocks],
            "escalation": _escalation(clocks),
            "messages": [row_view(row, wording, self._desk.seq) for row in view.rows],
        }
        return {**out, **self._lacking(line), "marks": wording.marks()}

    async def _timeline(self, args: Arguments) -> Json:
        line, wording = self._desk.line(args), self._wording(args)
        wanted = args.text("incident")
        args.done()
        book = await self._incidents.book(line)
        id_ = self.named(line, book, wanted)
        return {
            "line": line.id.hex(),
            "exercise": line.realm,
            "now_ms": self._desk.now_ms(),
            **head_view(book.head(id_), wording, _names(book)),
            **timeline_view(line, book.members(id_), wording, self._desk.seq),
            "marks": wording.marks(),
        }

    async def _known(self, args: Arguments) -> Json:
        line, item = self._desk.find(args)
        wording = self._wording(args)
        args.done()
        book = await self._incidents.book(line)
        digest = item.statement.digest
        entry = book.entry(digest)
        if entry is None:
            raise LocalError(
                "incident.item", "that statement is the station's own word, no message"
            )
        ids = book.of(digest)
        members = {one.digest: one for id_ in ids for one in book.members(id_)}
        rest = sorted(members.values(), key=lambda one: one.key)
        return {
            "line": line.id.hex(),
            "exercise": line.realm,
            "incidents": texts(one.hex() for one in ids),
            **known_view(line, entry, rest, wording, self._desk.seq),
            "marks": wording.marks(),
        }

    async def _clocks(self, line: Line, book: Book, id_: bytes, lang: str) -> list[dict[str, Json]]:
        """What is or was owed by what was said in an incident, first due first."""
        now_ms = self._desk.now_ms()
        ledger = await self._agreements.ledger(line, now_ms)
        within = {entry.digest for entry in book.members(id_)}
        packs = {name: plan.pack for name, plan in ledger.plans.items()}
        tongues = self._tongues(packs, lang)
        out = [
            clock_view(one, packs[one.pack], line.party, tongues)
            for one in ledger.obligations(now_ms)
            if one.trigger in within or one.by in within
        ]
        out.sort(key=lambda one: (_due(one) is None, _due(one) or 0, str(one["id"])))
        return out

    def _tongues(self, packs: Mapping[str, Pack], lang: str) -> Tongues:
        engine = self._agreements.engine
        return {name: Tongue(pack, engine, lang) for name, pack in packs.items()}.__getitem__

    def _wording(self, args: Arguments) -> Wording:
        line = self._desk.line(args)
        return Wording(line, self._agreements, args.text("language", self._agreements.language))

    def _lacking(self, line: Line) -> dict[str, Json]:
        """Which packs in force are not here, and whether any has forms for what is said."""
        in_force = self._agreements.in_force(line)
        able = any(
            form.act is Act.ACCOUNT for pack in in_force.packs for form in pack.forms.values()
        )
        return {"missing": texts(one.hex() for one in in_force.missing), "accounts": able}

    # -------------------------------------------------------------------------------- finding

    def named(self, line: Line, book: Book, wanted: str) -> bytes:
        """The incident of a name: of its digest, of what a party calls it, or of a message in it.

        Raises ``LocalError`` (``incident.unknown``, ``incident.ambiguous``).
        """
        said = wanted.strip()
        found = list(self._named_so(line, book, said))
        if len(found) == 1:
            return found[0]
        if not found:
            raise LocalError(
                "incident.unknown",
                f"no incident here is named '{said}'; 'tieline incident list --all' shows them",
            )
        raise LocalError(
            "incident.ambiguous",
            f"several incidents are named '{said}':"
            f" {', '.join(sorted(one.hex()[:8] for one in found))}; take one of these",
        )

    def _named_so(self, line: Line, book: Book, said: str) -> Iterable[bytes]:
        digits = said.lower().removeprefix("#")
        ids = book.ids()
        if len(digits) >= MIN_NAME and not said.startswith("#"):
            begun = [one for one in ids if one.hex().startswith(digits)]
            if begun:
                return begun
        folded = said.casefold()
        called = [one for one in ids if name_of(book.entry(one)).casefold() == folded]
        if called:
            return called
        try:
            _, item = self._desk.find(Arguments("incident", {"item": said, "line": line.id.hex()}))
        except LocalError:
            return []
        return book.of(item.statement.digest)

    # -------------------------------------------------------------------------------- saying

    async def _say(self, args: Arguments) -> Json:
        """Say something in an incident, or open one, by the form that the agreements have."""
        line, does = self._desk.line(args), args.choice("does", _DOES, "")
        lang = args.text("language", self._agreements.language)
        wanted_form, words = args.text("form", ""), args.text("text", "")
        typed = forms.Wanted(
            means=_means(args),
            questions=_questions(args),
            words=words,
            answers=args.answers("answers"),
        )
        incidents = args.texts("incident")
        refs = list(self._desk.refs(line, args))
        answered = args.text("item", "")
        passed = args.passed(*_PASSED)
        args.done()
        book = await self._incidents.book(line)
        ids = [self.named(line, book, name) for name in incidents]
        _enough(does, ids, answered)
        only = self._answer(line, book, does, answered, refs) if answered else ()
        owed = await self._owed(line, book, ids)
        best = {name for one, pack in owed for name in forms.discharging(pack, one.rule)[0]}
        in_force = self._agreements.in_force(line)
        pack, form = forms.choose(
            in_force, does, wanted_form, best=best, only=only, means=typed.means
        )
        cited = _Citing(line.party, pack, form, book, refs)
        cited.all(ids, owed)
        answers = forms.answers(pack, form, typed)
        beside = words and not forms.takes_words(form)
        sent: dict[str, Json] = {
            **passed,
            "language": lang,
            "form": pack.form_id(form),
            "answers": {**answers},
            "text": words if beside else None,
            "refs": [_ref_view(ref) for ref in cited.refs(attach=does == "attach")],
        }
        result = await self._desk.send(Arguments("send", sent))
        out = {**result} if isinstance(result, dict) else {}
        within: list[Json] = [one.hex() for one in ids or self._of(line, book, answered)]
        if does == "open" and out.get("item"):
            within.append(out["item"])
        if does == "close":
            tongues = self._tongues({each.id: each for _, each in owed}, lang)
            left = [one for one in owed if pack.form_id(form) not in _meets(*one)]
            out["owed"] = [clock_view(one, each, line.party, tongues) for one, each in left]
        return {**out, "form": pack.form_id(form), "incidents": within}

    def _of(self, line: Line, book: Book, answered: str) -> tuple[bytes, ...]:
        if not answered:
            return ()
        _, item = self._desk.find(Arguments("answer", {"item": answered, "line": line.id.hex()}))
        return book.of(item.statement.digest)

    def _answer(
        self, line: Line, book: Book, does: str, answered: str, refs: list[Ref]
    ) -> tuple[str, ...]:
        """Cite what is answered; the forms that may answer it."""
        _, item = self._desk.find(Arguments(does, {"item": answered, "line": line.id.hex()}))
        entry = book.entry(item.statement.digest)
        wants = Act.ASK if does == "answer" else Act.LINK
        if entry is None or entry.said is None or entry.act is not wants:
            raise LocalError(
                "incident.answers",
                f"statement {item.statement.digest.hex()[:12]} is no {wants.value} that a form here"
                " could answer; 'tieline incident show' lists what is asked",
            )
        ref = Ref(entry.digest, RefRole.ANSWERS)
        if ref not in refs:
            refs.append(ref)
        in_force = self._agreements.in_force(line)
        return forms.answering(in_force, does, entry.said.pack, entry.said.form)

    async def _owed(
        self, line: Line, book: Book, ids: list[bytes]
    ) -> list[tuple[Obligation, Pack]]:
        """What our party owes in these incidents, and the pack of each rule."""
        now_ms = self._desk.now_ms()
        ledger = await self._agreements.ledger(line, now_ms)
        within = {entry.digest for one in ids for entry in book.members(one)}
        return [
            (one, ledger.plans[one.pack].pack)
            for one in ledger.obligations(now_ms, party=line.party, open_only=True)
            if one.debtor == line.party and one.trigger in within
        ]

    async def refs(self, line: Line, args: Arguments) -> tuple[Ref, ...]:
        """The references of a message, and those that ``incident`` adds. Raises ``LocalError``."""
        refs = self._desk.refs(line, args)
        wanted, form = args.texts("incident"), args.text("form", "")
        if not wanted:
            return refs
        book = await self._incidents.book(line)
        ids = [self.named(line, book, name) for name in wanted]
        if not form:
            return _Citing.plain(refs, ids)
        pack, rules = named(self._agreements.in_force(line).packs, form)
        cited = _Citing(line.party, pack, rules, book, list(refs))
        cited.all(ids, await self._owed(line, book, ids))
        return cited.refs(attach=rules.act is Act.ATTACH)


class _Citing:
    """What a message of an incident cites."""

    def __init__(self, party: str, pack: Pack, form: Form, book: Book, refs: list[Ref]) -> None:
        self._party, self._pack, self._form, self._book = party, pack, form, book
        self._refs = refs
        self._openings: list[Ref] = []

    @staticmethod
    def plain(refs: tuple[Ref, ...], ids: list[bytes]) -> tuple[Ref, ...]:
        """The references of a text: it concerns the incidents that were named."""
        cited = {ref.target for ref in refs}
        return (*refs, *(Ref(one, RefRole.CONCERNS) for one in ids if one not in cited))

    def all(self, ids: list[bytes], owed: list[tuple[Obligation, Pack]]) -> None:
        """Cite promises kept, what the form wants cited, and the openings."""
        self.keep(owed)
        self.require([entry for one in ids for entry in self._book.members(one)])
        for one in ids:
            self.open(one)

    def keep(self, owed: list[tuple[Obligation, Pack]]) -> None:
        """Cite the promises that this message keeps."""
        wire = self._pack.form_id(self._form)
        kept = 0
        for one, pack in owed:
            by, role = forms.discharging(pack, one.rule)
            if wire in by and kept < DISCHARGED:
                self._add(Ref(one.trigger, role))
                kept += 1

    def require(self, members: list[Entry]) -> None:
        """Cite what the form wants cited and nobody named: our own newest, else another's."""
        for need in self._form.predecessors:
            if not need.required or any(self._meets(need, ref) for ref in self._refs):
                continue
            fit = [entry for entry in members if not entry.story and self._fits(need, entry)]
            fit.sort(key=lambda entry: (entry.party == self._party, entry.key))
            if fit:
                self._add(Ref(fit[-1].digest, need.role))

    def open(self, opening: bytes) -> None:
        """Cite the opening of the incident, in a role that the form does not keep for another."""
        if any(ref.target == opening for ref in self._refs):
            self._openings += [ref for ref in self._refs if ref.target == opening]
            return
        entry = self._book.entry(opening)
        for role in _CITES:
            needs = [need for need in self._form.predecessors if need.role is role]
            free = all(
                (entry is not None and self._fits(need, entry))
                or any(self._meets(need, ref) for ref in self._refs)
                for need in needs
            )
            if free:
                ref = Ref(opening, role)
                self._refs.append(ref)
                self._openings.append(ref)
                return

    def refs(self, *, attach: bool = False) -> tuple[Ref, ...]:
        """All of it. What attaches names the incident first: the rest is brought into it."""
        if not attach:
            return tuple(self._refs)[:MAX_REFS]
        first = [*dict.fromkeys(self._openings)]
        return (*first, *(ref for ref in self._refs if ref not in first))

    def _add(self, ref: Ref) -> None:
        if ref not in self._refs:
            self._refs.append(ref)

    def _meets(self, need: Predecessor, ref: Ref) -> bool:
        entry = self._book.entry(ref.target)
        return ref.role is need.role and entry is not None and self._fits(need, entry)

    def _fits(self, need: Predecessor, entry: Entry) -> bool:
        said = entry.said
        return said is not None and said.pack == self._pack.id and said.form in need.forms


def _names(book: Book) -> list[str]:
    """What the openers of all incidents call them."""
    return [name_of(book.entry(one)) for one in book.ids()]


def _due(clock: Mapping[str, Json]) -> int | None:
    ends = clock.get("due")
    known = [end for end in ends if isinstance(end, int)] if isinstance(ends, list) else []
    return max(known, default=None)


def _escalation(clocks: list[dict[str, Json]]) -> Json:
    """The first clock that runs: who owes what, by when, and what calms it."""
    running = [one for one in clocks if one["ours"] in _RUNNING and _due(one) is not None]
    return running[0] if running else None


def clock_view(one: Obligation, pack: Pack, party: str, tongues: Tongues) -> dict[str, Json]:
    """Who owes what by when, and what meets it."""
    calms, role = forms.discharging(pack, one.rule)
    return {
        **obligation_view(one, party, tongues),
        "calms": texts(calms),
        "cites": word(role.name),
    }


def _meets(one: Obligation, pack: Pack) -> tuple[str, ...]:
    return forms.discharging(pack, one.rule)[0]


def _means(args: Arguments) -> dict[Means, str]:
    """Answers by meaning. Raises ``LocalError`` (``act.argument``) for an unknown one."""
    out: dict[Means, str] = {}
    for name, text in (args.answers("means") or {}).items():
        means = _MEANS.get(name)
        if means is None or means is Means.NONE:
            raise LocalError(
                "act.argument",
                f"act 'incident_say': there is no answer {name[:40]!a}; there are"
                f" {', '.join(sorted(_MEANS))}",
            )
        out[means] = text
    return out


def _questions(args: Arguments) -> tuple[tuple[str, str], ...]:
    return tuple((one.get("about", ""), one.get("words", "")) for one in args.objects("questions"))


def _enough(does: str, ids: list[bytes], answered: str) -> None:
    """Refuse what names too few incidents, or nothing to answer."""
    if does in forms.ANSWERING and not answered:
        raise LocalError("act.argument", f"act 'incident_say': '{does}' needs the item it answers")
    least = {"open": 0, "link": 2}.get(does, 0 if does in forms.ANSWERING else 1)
    if len(set(ids)) < least or (does == "open" and ids):
        which = ("no incident", "an incident", "two different incidents")[least]
        raise LocalError("act.argument", f"act 'incident_say': '{does}' names {which}")


def _ref_view(ref: Ref) -> Json:
    return {"item": ref.target.hex(), "role": word(ref.role.name)}
