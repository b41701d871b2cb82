"""The acts about incidents: which there are, what each side says, and saying something in one.

What an officer says in an incident is a message as any other. These acts find its form among the
agreements in force, put each answer where the form has it, and cite what belongs cited: the opening
of the incident, the question that is answered, the promise that is kept. ``send`` does the rest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Iterable, Mapping
from functools import partial
from typing import Final, Protocol

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.agreement.message import Values, examine
from tieline.core.agreement.model import Form, Pack
from tieline.core.agreement.naming import named
from tieline.core.agreement.reason import UNKNOWN, Obligation
from tieline.core.agreement.tongue import Tongue
from tieline.core.errors import LocalError
from tieline.core.incident.book import MOST, Book
from tieline.core.incident.entry import Entry
from tieline.core.incident.knowing import Known
from tieline.core.incident.look import WHOLE, Head
from tieline.core.incident.notices import Reach
from tieline.core.incident.states import IncidentState
from tieline.core.line import Line
from tieline.core.record import Item
from tieline.core.statement import Ref
from tieline.core.terms import RefRole
from tieline.node import incidentclocks as owing
from tieline.node import incidentforms as forms
from tieline.node.agreements import Agreements
from tieline.node.agreementview import obligation_view
from tieline.node.arguments import Arguments
from tieline.node.citing import Citing, answers_too, planned
from tieline.node.fair import among, of_each
from tieline.node.incidentoffer import OfferActs
from tieline.node.incidentparts import (
    accounts_view,
    hold_view,
    link_view,
    public_view,
    question_view,
    remark_view,
)
from tieline.node.incidentplaces import places_view
from tieline.node.incidentreport import ReportActs
from tieline.node.incidents import Incidents
from tieline.node.incidentscore import ScoreActs
from tieline.node.incidenttime import known_view, readers_view, timeline_view
from tieline.node.incidentview import Wording, contested_view, head_view, name_of, row_view
from tieline.node.jointview import chain_view, newest
from tieline.node.noticeview import nearest, notice_view, touches_view
from tieline.node.passage import reading_view
from tieline.node.slices import Slices, through
from tieline.node.view import Json, texts, word

Act_ = Callable[[Arguments], Awaitable[Json]]
_MEANS: Final = {means.value: means for means in Means}
_DOES: Final = {name: name for name in forms.DOES}
_PASSED: Final = ("line", "officer", "role", "key", "lang", "language", "precedence", "to", "wants",
                  "reserve", "through")  # fmt: skip
REACH: Final = Reach()
FEW: Final = 16  # clocks, joint statements, notices of each party, and linked incidents
LANE: Final = 100  # messages of each party in a timeline
SHOWN: Final = 100  # incidents of one list, unless it is asked for more
MIN_NAME: Final = 4  # characters of a digest


class Desk(Protocol):
    """What these acts need of the others."""

    def line(self, args: Arguments) -> Line: ...

    def find(self, args: Arguments) -> tuple[Line, Item]: ...

    def refs(self, line: Line, args: Arguments) -> tuple[Ref, ...]: ...

    def now_ms(self) -> int: ...

    def seq(self, digest: bytes) -> int: ...

    def told(self, line: Line, item: Item, lang: str = "") -> dict[str, Json]: ...

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
            "notices": self._notices,
            "known": self._known,
            "incident_say": self._say,
            **OfferActs(desk, agreements, incidents).acts,
            **ReportActs(desk, agreements, incidents, self._show, self._timeline).acts,
            **ScoreActs(desk, agreements, incidents, self._dues).acts,
        }

    # --------------------------------------------------------------------------------- asking

    async def _list(self, args: Arguments) -> Json:
        line, lang = self._desk.line(args), args.text("language", self._agreements.language)
        every, limit = args.flag("all", default=False), args.number("limit", SHOWN)
        with_clocks = args.flag("clocks", default=False)
        args.done()
        book, reading = await self._incidents.soon(line)
        wording = Wording(line, self._agreements, lang, self._incidents.so_far(line)[1])
        names, slices = book.names(), Slices()
        wanted: list[Head] = []
        for one in reversed(book.ids()):  # the newest first
            await slices.turn()
            head = book.head(one)
            if every or head.closure.state is not IncidentState.CLOSED:
                wanted.append(head)
        shown, left = among(wanted, lambda head: head.opener.party, limit)
        ids = {head.id for head in shown}
        clocks = await self._first_clocks(line, book, wording, ids) if with_clocks else None
        found: list[Json] = []
        for head in reversed(shown):
            await slices.turn()
            view = head_view(head, wording, names)
            if clocks is not None:
                view["escalation"] = clocks.get(head.id)
            found.append(view)
        return {
            **self._now(line),
            **reading_view(reading),
            "incidents": found,
            "left_out": left,
            **self._lacking(line),
            "marks": wording.marks(),
        }

    async def _show(self, args: Arguments) -> Json:
        line, wording = self._desk.line(args), await self._wording(args)
        wanted, every = args.text("incident"), args.flag("all", default=False)
        args.done()
        book = await self._incidents.book(line)
        id_ = self.named(line, book, wanted)
        owed = await self._obligations(line, book, id_)
        now_ms = self._agreements.moment(line, self._desk.now_ms())
        most = WHOLE if every else MOST
        view = book.view(id_, now_ms, dues=owing.dues(one for one, _ in owed), most=most)
        few = None if every else FEW
        ruled = {(one.trigger, one.debtor) for one, _ in owed}
        owed, more = of_each(sorted(owed, key=owing.first_due), partial(owing.owed_to, book), few)
        clocks = [self._clock(line, one, pack, wording) for one, pack in owed]
        clocks += owing.asked_clocks(view.questions, ruled, wording)
        clocks.sort(key=owing.due_first)

        def around(entry: Entry) -> Known:
            return book.known(id_, entry.digest)

        notices, notices_left = await self._touching(line, id_, wording, few)
        joints, joints_left = _joints(line, book, id_, few)
        linked = view.linked if every else view.linked[:FEW]
        left: dict[str, Json] = {
            "messages": view.left.rows, "accounts": view.left.accounts,
            "questions": view.left.questions, "holds": view.left.holds,
            "links": view.left.links, "linked": len(view.linked) - len(linked),
            "publics": view.left.publics, "remarks": view.left.remarks, "clocks": more,
            "notices": notices_left, "joints": joints_left,
        }  # fmt: skip
        out: dict[str, Json] = {
            "line": line.id.hex(),
            "exercise": line.realm,
            "now_ms": now_ms,
            **head_view(book.head(id_), wording, book.names()),
            "clocks": [*clocks],
            "escalation": owing.escalation(clocks),
            "accounts": accounts_view(view.accounts, view.alignments, wording, around),
            "attribution": accounts_view(view.attribution, view.alignments, wording, around),
            "questions": [question_view(one, wording) for one in view.questions],
            "holds": [hold_view(one, now_ms, wording) for one in view.holds],
            "links": [link_view(one, wording) for one in view.links],
            "linked": [self._linked(book, one, wording) for one in linked],
            "publics": [public_view(one, wording) for one in view.publics],
            "joints": joints,
            "notices": notices,
            "remarks": [remark_view(one, wording) for one in view.remarks],
            "places": [*places_view(view)],
            "messages": [row_view(row, wording, self._desk.seq) for row in view.rows],
            "left_out": left,
        }
        return {**out, **self._lacking(line), "marks": wording.marks()}

    async def _touching(
        self, line: Line, id_: bytes, wording: Wording, most: int | None
    ) -> tuple[list[Json], int]:
        """The notices that touch an incident: of each party first those that do so most."""
        told = await self._incidents.notices(line)
        found, left = nearest(await through(told.at_steps(id_, REACH)), most)
        now_ms, seq = self._desk.now_ms(), self._desk.seq
        return touches_view(found, line.party, now_ms, wording, seq), left

    async def _notices(self, args: Arguments) -> Json:
        line, lang = self._desk.line(args), args.text("language", self._agreements.language)
        every, limit = args.flag("all", default=False), args.number("limit", SHOWN)
        args.done()
        now_ms, seq, slices = self._desk.now_ms(), self._desk.seq, Slices()
        _, reading = await self._incidents.soon(line)
        told, standings = self._incidents.so_far(line)
        wording = Wording(line, self._agreements, lang, standings)
        wanted = [one for one in reversed(told.all()) if every or not one.over(now_ms)]
        shown, left = among(wanted, lambda one: one.entry.party, limit)
        rows: list[Json] = []
        for one in reversed(shown):
            await slices.turn()
            view = notice_view(one, line.party, now_ms, wording, seq)
            near = await through(told.beside_steps(one, REACH))
            beside = [each for each in near if not each.notice.over(now_ms)]
            beside, view["touches_left"] = nearest(beside, FEW)
            view["touches"] = touches_view(beside, line.party, now_ms, wording, seq)
            rows.append(view)
        return {
            **self._now(line),
            **reading_view(reading),
            "notices": rows,
            "left_out": left,
            **self._lacking(line),
            "marks": wording.marks(),
        }

    async def _timeline(self, args: Arguments) -> Json:
        line, wording = self._desk.line(args), await self._wording(args)
        wanted, every = args.text("incident"), args.flag("all", default=False)
        args.done()
        book = await self._incidents.book(line)
        id_ = self.named(line, book, wanted)
        head = book.head(id_)
        members = book.members(id_, None if every else LANE)
        return {
            **self._now(line),
            **head_view(head, wording, book.names()),
            **await timeline_view(line, members, wording, self._desk.seq),
            "left_out": head.count - len(members),
            "marks": wording.marks(),
        }

    async def _known(self, args: Arguments) -> Json:
        line, item = self._desk.find(args)
        wording = await self._wording(args)
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
            **await known_view(line, entry, rest, wording, self._desk.seq),
            "readers": readers_view(book.known(ids[0], digest)) if ids else [],
            "marks": wording.marks(),
        }

    async def _obligations(
        self, line: Line, book: Book, id_: bytes
    ) -> list[tuple[Obligation, Pack]]:
        """What is or was owed by what was said in an incident, and the pack of each rule."""
        now_ms = self._desk.now_ms()
        ledger = await self._agreements.ledger(line, now_ms)
        now_ms = self._agreements.moment(line, now_ms)
        return [
            (one, ledger.plans[one.pack].pack)
            for one in ledger.about((each.digest for each in book.members(id_)), now_ms)
            if not owing.idle(one)
        ]

    async def _dues(self, line: Line, book: Book, id_: bytes) -> dict[tuple[bytes, str], int]:
        return owing.dues(one for one, _ in await self._obligations(line, book, id_))

    async def _first_clocks(
        self, line: Line, book: Book, wording: Wording, shown: Container[bytes]
    ) -> dict[bytes, dict[str, Json]]:
        """Of each incident that is shown and in which a clock runs, the one that ends first."""
        now_ms = self._desk.now_ms()
        ledger, _ = await self._agreements.soon(line, now_ms)
        out: dict[bytes, dict[str, Json]] = {}
        slices = Slices()

        def tongues(pack: str) -> Tongue:
            return wording.tongue(ledger.plans[pack].pack)

        for one in ledger.obligations(self._agreements.moment(line, now_ms), open_only=True):
            await slices.turn()
            ids = [id_ for id_ in book.of(one.trigger) if id_ in shown and id_ not in out]
            if ids and one.due != UNKNOWN and one.seen_by(line.party).value in owing.RUNNING:
                out |= dict.fromkeys(ids, obligation_view(one, line.party, tongues))
        return out

    def _clock(self, line: Line, one: Obligation, pack: Pack, wording: Wording) -> dict[str, Json]:
        packs = self._agreements.in_force(line).packs
        return owing.clock_view(one, pack, line.party, wording, packs)

    def _linked(self, book: Book, id_: bytes, wording: Wording) -> Json:
        """An incident of the same event, as both sides agreed: its accounts stand beside ours."""

        def around(entry: Entry) -> Known:
            return book.known(id_, entry.digest)

        view = book.view(id_, self._desk.now_ms())
        return {
            **head_view(book.head(id_), wording, book.names()),
            "accounts": accounts_view(view.accounts, view.alignments, wording, around),
        }

    def _now(self, line: Line) -> dict[str, Json]:
        """Of which line an answer is, whether that is an exercise, and of when."""
        return {"line": line.id.hex(), "exercise": line.realm, "now_ms": self._desk.now_ms()}

    def beside(self, line: Line, item: Item, lang: str) -> dict[str, Json]:
        """Who contests the standing of the author of a statement, as far as the record is read."""
        found = self._incidents.beside(line, item)
        if not found:
            return {}
        wording = Wording(line, self._agreements, lang or self._agreements.language)
        return {"contested": contested_view(found, wording)}

    async def _wording(self, args: Arguments) -> Wording:
        line, lang = self._desk.line(args), args.text("language", self._agreements.language)
        return Wording(line, self._agreements, lang, await self._incidents.standings(line))

    def _lacking(self, line: Line) -> dict[str, Json]:
        """Which packs in force are not here, and whether any has forms for what is said."""
        in_force = self._agreements.in_force(line)
        able = any(
            form.act is Act.ACCOUNT for pack in in_force.packs for form in pack.forms.values()
        )
        return {"missing": texts(one.hex() for one in in_force.missing), "able": able}

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
        if does == "public" and typed.means.get(Means.STANCE, "").casefold() == Sense.MADE:
            refs += planned(book, ids, line.party)
        corrected = self._corrected(line, refs)
        owed = await self._owed(line, book, ids or list(self._of(line, book, answered)))
        owed = [one for one in owed if not answered or answers_too(book, one[0], refs)]
        best = {name for one, pack in owed for name in forms.discharging(pack, one.rule)[0]}
        best |= {pack.form_id(form) for pack, form, _ in corrected}
        in_force = self._agreements.in_force(line)
        pack, form = forms.choose(
            in_force, does, wanted_form, best=best, only=only, means=typed.means
        )
        cited = Citing(line.party, pack, form, book, refs)
        cited.all(ids, owed)
        answers = forms.answers(pack, form, typed)
        for _, was, values in corrected:
            if was.id == form.id:
                answers = forms.restated(form, values, answers)
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
            wording = Wording(line, self._agreements, lang)
            out["owed"] = [
                self._clock(line, one, each, wording)
                for one, each in owed
                if pack.form_id(form) not in forms.meeting(in_force.packs, each, one.rule)[0]
            ]
        return {**out, "form": pack.form_id(form), "incidents": within}

    def _corrected(self, line: Line, refs: Iterable[Ref]) -> list[tuple[Pack, Form, Values]]:
        """What is corrected: the answers that are not given anew are said again."""
        out: list[tuple[Pack, Form, Values]] = []
        for ref in refs:
            item = line.item(ref.target) if ref.role is RefRole.CORRECTS else None
            found = None if item is None else self._agreements.form_of_item(line, item)
            if item is not None and found is not None:
                fields = item.statement.content.body.fields or ()
                out.append((*found, examine(*found, fields)[0]))
        return out

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
        now_ms = self._agreements.moment(line, now_ms)
        return [
            (one, ledger.plans[one.pack].pack)
            for one in ledger.obligations(now_ms, party=line.party, open_only=True)
            if one.debtor == line.party
            and any(book.holds(id_, one.trigger) for id_ in ids)
            and not owing.idle(one)
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
            return Citing.plain(refs, ids)
        pack, rules = named(self._agreements.in_force(line).packs, form)
        cited = Citing(line.party, pack, rules, book, list(refs))
        cited.all(ids, await self._owed(line, book, ids))
        return cited.refs(attach=rules.act is Act.ATTACH)


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
    least = {"open": 0, "link": 2, "standing": 0}.get(does, 0 if does in forms.ANSWERING else 1)
    if len(set(ids)) < least or (does == "open" and ids):
        which = ("no incident", "an incident", "two different incidents")[least]
        raise LocalError("act.argument", f"act 'incident_say': '{does}' names {which}")


def _ref_view(ref: Ref) -> Json:
    return {"item": ref.target.hex(), "role": word(ref.role.name)}


def _joints(line: Line, book: Book, id_: bytes, most: int | None) -> tuple[list[Json], int]:
    """The joint statements of which a text or a signature belongs to an incident.

    Of those of which each party wrote last the newest; and how much more was written of such.
    """
    found, left = newest(line, reversed(book.texts(id_)), most)
    return [chain_view(chain, line.party) for chain in found], left
