"""The acts about joint statements: propose, amend, sign, decline, take back, and look at them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC
from typing import Final, Protocol

from tieline.core.agreement.meaning import Act
from tieline.core.agreement.model import Form, Pack
from tieline.core.agreement.value import Instant
from tieline.core.errors import LocalError
from tieline.core.incident.difference import difference
from tieline.core.incident.signing import Chain, Version, offer
from tieline.core.joints import Known, chain_of
from tieline.core.line import Line
from tieline.core.record import Item
from tieline.core.statement import WANT_ACKNOWLEDGE, Body, Content, Ref
from tieline.core.terms import Kind, Precedence, RefRole, Role
from tieline.node.agreementacts import AgreementActs
from tieline.node.agreements import Agreements
from tieline.node.arguments import Arguments
from tieline.node.incidents import Incidents
from tieline.node.jointview import chain_view, newest, shown_of, version_view
from tieline.node.readtime import Clock, read_instant
from tieline.node.view import Json, station_name

Handler = Callable[[Arguments], Awaitable[Json]]
ENGLISH: Final = "en"
LISTED: Final = 32  # chains of which the newest text is of one party
NO_TIME: Final = "none"  # in the place of an effective time: without one


class Desk(Protocol):
    """What these acts need of the others."""

    def line(self, args: Arguments) -> Line: ...

    def find(self, args: Arguments) -> tuple[Line, Item]: ...

    def now_ms(self) -> int: ...

    def role(self, args: Arguments) -> Role: ...

    def marked(self, args: Arguments, body: Body, *, relayed: bool = True) -> Body: ...

    async def speak(
        self, line: Line, args: Arguments, content: Content, *, waits: bool = False
    ) -> dict[str, Json]: ...


Cites = Callable[[Line, Arguments], Awaitable[tuple[Ref, ...]]]


class JointActs:
    """The acts about joint statements of one running station."""

    def __init__(
        self,
        desk: Desk,
        cites: Cites,
        about: AgreementActs,
        agreements: Agreements,
        incidents: Incidents,
    ) -> None:
        self._desk, self._cites, self._about, self._agreements = desk, cites, about, agreements
        self._incidents = incidents
        self.acts: Mapping[str, Handler] = {
            "joint": self._propose,
            "assent": self._sign,
            "joint_decline": self._decline,
            "joint_draft": self._write,
            "joint_withdraw": self._withdraw,
            "joints": self._list,
            "joint_show": self._show,
        }

    async def _write(self, args: Arguments) -> Json:
        """A text as a draft: who makes a joint statement signs it, and that is a releaser's act."""
        return await self._text_of(args, waits=True)

    async def _propose(self, args: Arguments) -> Json:
        """A new text, or with ``amends`` one in the place of another, for the same parties."""
        return await self._text_of(args, waits=False)

    async def _text_of(self, args: Arguments, *, waits: bool) -> Json:
        line = self._desk.line(args)
        refs = await self._cites(line, args)
        parties, old = args.texts("parties"), Body()
        if args.text("amends", ""):
            amended = self._text(line, args.text("amends"))
            refs = (Ref(amended.statement.digest, RefRole.PREDECESSOR), *refs)
            old = amended.statement.content.body
            parties = parties or (old.parties or ())
        parties = parties or line.charter.voices()
        form = args.text("form", "")
        coded = await self._about.filled(line, form, 1 if form else 0, args, refs)
        text = args.text("text", "") if form else args.text("text")
        effective, late_binds = self._holds(args, old)
        body = Body(
            text=text,
            lang=args.text("lang", ENGLISH),
            parties=tuple(sorted(set(parties))),
            effective_ms=effective,
            late_binds=late_binds,
            terms=coded.fields,
        )
        content = Content(
            kind=Kind.JOINT,
            body=self._desk.marked(args, body),
            precedence=args.choice("precedence", Precedence.__members__, "PRIORITY"),
            role=self._desk.role(args),
            refs=refs,
            form=coded.form,
            form_version=coded.version,
        )
        self._heard(line, refs, args)
        done = await self._desk.speak(line, args, content, waits=waits)
        return done if effective is None else done | {"effective_ms": effective}

    def _holds(self, args: Arguments, old: Body) -> tuple[int | None, bool | None]:
        """From when a text holds, and whether late signatures bind.

        What an amendment does not say anew stays as it was: nobody who changes a word shall lose
        the time by leaving it out. ``none`` takes it out.
        """
        at_ms, typed = args.number("effective_ms", -1), args.text("effective", "")
        late_binds = args.flag("late_binds", default=False) or None
        if typed.lower() == NO_TIME:
            return None, None
        if typed:
            at_ms = self._time(typed)
        if at_ms < 0 and old.effective_ms is not None:
            return old.effective_ms, late_binds or old.late_binds
        if at_ms < 0 and late_binds:
            raise LocalError(
                "act.time", "only what holds from a time on can be signed late: give --effective"
            )
        return (None if at_ms < 0 else at_ms), late_binds

    async def _sign(self, args: Arguments) -> Json:
        """A signature asks for an acknowledgement: with it the text binds (decision 0014)."""
        line, item = self._desk.find(args)
        named = tuple(
            code for code in item.statement.content.body.parties or () if code != line.party
        )
        every = {code for code in line.charter.voices() if code != line.party}
        content = Content(
            kind=Kind.ASSENT,
            body=self._desk.marked(args, Body(), relayed=False),
            role=self._desk.role(args),
            precedence=item.statement.content.precedence,
            to=() if set(named) >= every else named,
            wants=WANT_ACKNOWLEDGE,
            refs=(Ref(item.statement.digest, RefRole.ANSWERS),),
        )
        self._heard(line, content.refs, args)
        done = await self._desk.speak(line, args, content)
        chain = chain_of(line, item.statement.digest) if done["released"] else None
        version = chain.version(item.statement.digest) if chain else None
        return done | ({"joint": version_view(chain, version)} if chain and version else {})

    async def _decline(self, args: Arguments) -> Json:
        line, item = self._desk.find(args)
        found = self._form(line, Act.DECLINE)
        if found is None:
            raise LocalError(
                "act.no_form",
                "no agreement in force on this line has a form to decline with; propose another"
                " text in its place ('tieline joint amend'), or say in a message that we do not"
                " sign it",
            )
        return await self._by_form(line, item, found, args)

    async def _withdraw(self, args: Arguments) -> Json:
        line, item = self._desk.find(args)
        found = self._form(line, Act.WITHDRAW)
        if found is not None:
            return await self._by_form(line, item, found, args)
        chain = chain_of(line, item.statement.digest)
        version = chain.version(item.statement.digest) if chain else None
        own = [one for one in version.signed if one.by.log == line.own_log] if version else []
        target = own[0].by.digest if own else item.statement.digest
        content = Content(
            kind=Kind.MESSAGE,
            body=self._desk.marked(args, Body()),
            precedence=item.statement.content.precedence,
            role=self._desk.role(args),
            refs=(Ref(target, RefRole.CANCELS),),
        )
        return await self._desk.speak(line, args, content)

    def _form(self, line: Line, act: Act) -> tuple[Pack, Form] | None:
        return next(
            (
                (pack, form)
                for pack in self._agreements.in_force(line).packs
                for form in pack.forms.values()
                if form.act is act
            ),
            None,
        )

    async def _by_form(
        self, line: Line, item: Item, found: tuple[Pack, Form], args: Arguments
    ) -> Json:
        pack, form = found
        refs = (Ref(item.statement.digest, RefRole.ANSWERS),)
        typed = {"reason": args.text("reason", "")} if form.act is Act.DECLINE else {}
        answers = {path: value for path, value in typed.items() if value}
        lang = args.text("language", self._agreements.language)
        filled = await self._about.fill(line, pack, form, answers, refs, lang)
        text, spoken = args.text("text", ""), args.text("lang", ENGLISH)
        body = Body(fields=filled.fields, text=text or None, lang=spoken if text else None)
        content = Content(
            kind=Kind.MESSAGE,
            body=self._desk.marked(args, body),
            precedence=form.precedence,
            role=self._desk.role(args),
            form=pack.form_id(form),
            form_version=pack.version,
            refs=tuple(Ref(digest, role) for role, digest in filled.refs) or refs,
        )
        return await self._desk.speak(line, args, content)

    def _heard(self, line: Line, refs: tuple[Ref, ...], args: Arguments) -> None:
        """Refuse to sign while a sister station may be signing another text, unless insisted on."""
        insist = args.flag("insist", default=False)
        digests = [ref.target for ref in refs if ref.role is not RefRole.CONCERNS]
        chain = next((c for d in digests if (c := chain_of(line, d)) is not None), None)
        if insist or chain is None or line.party not in chain.parties:
            return
        root, known = chain.versions[0].entry, Known(line)
        for station in sorted(line.charter.stations()):
            if station == line.own or line.charter.party_of(station) != line.party:
                continue
            logs = [log for log in line.record.logs.values() if log.station == station]
            if not any(known.read_at(log.id, root) or log.id == root.log for log in logs):
                raise LocalError(
                    "act.sister",
                    f"our other station {station_name(line, station)} has not been heard since this"
                    " text was proposed, and may be signing another one; speak with it first, or"
                    " insist (--insist)",
                )

    # ------------------------------------------------------------------------------ looking

    async def _list(self, args: Arguments) -> Json:
        """From the book of incidents, which has all texts and grows with the record.

        To look for them in the record took 33 to 48 s with 100,000 statements in it, and held up
        the line meanwhile.
        """
        line = self._desk.line(args)
        most = None if args.flag("all", default=False) else LISTED
        args.done()
        book = await self._incidents.book(line)
        texts = [one for one in book.texts() if one.kind is Kind.JOINT and not one.story]
        found, left = newest(line, reversed(texts), most)
        return {
            "line": line.id.hex(),
            "exercise": line.realm,
            "joints": [chain_view(chain, line.party) for chain in found],
            "left_out": {"joints": left},
        }

    async def _show(self, args: Arguments) -> Json:
        line, item = self._desk.find(args)
        lang = args.text("language", "")
        args.done()
        chain = chain_of(line, item.statement.digest)
        if chain is None:
            raise LocalError(
                "act.assent", "that is no joint statement, nor does it cite one; see 'joint list'"
            )
        out = chain_view(chain, line.party)
        out |= {"line": line.id.hex(), "exercise": line.realm}
        shown = shown_of(chain, offer(chain, line.party)[1])
        before = [old for one in shown if (old := chain.version(one.amends)) is not None]
        told = self._told(line, (*shown, *before), lang)
        out["told"] = told
        out["changes"] = changes(chain, shown, told)
        return out

    def _told(self, line: Line, versions: Iterable[Version], lang: str) -> dict[str, Json]:
        out: dict[str, Json] = {}
        for version in versions:
            item = line.item(version.digest)
            if item is not None and item.statement.content.form:
                place, content = item.statement.place, item.statement.content
                told = self._about.told(line, content, lang, place.charter)
                out[version.digest.hex()] = told.get("told")
        return out

    def _time(self, text: str) -> int:
        """A time as an officer types it."""
        found = read_instant(text, Clock(now_ms=self._desk.now_ms(), zone=UTC))
        if not isinstance(found, Instant) or found.spread_s:
            raise LocalError(
                "act.time",
                f"'{text[:40]}' is no time from which a text can hold; write it like 151440Z NOV 22"
                " or now+2h",
            )
        return found.seconds * 1000

    def _text(self, line: Line, wanted: str) -> Item:
        finder = Arguments("joint", {"item": wanted, "line": line.id.hex()})
        item = self._desk.find(finder)[1]
        if item.statement.content.kind is not Kind.JOINT:
            raise LocalError("act.assent", "only a joint statement can be amended so")
        return item


def changes(chain: Chain, versions: Iterable[Version], told: Mapping[str, Json]) -> dict[str, Json]:
    """What each of some amendments does to the words of the version before it, and to its time.

    ``told``: the forms of the versions in words, of which the lines are compared.
    """
    out: dict[str, Json] = {}
    for version in versions:
        old = chain.version(version.amends)
        if old is None:
            continue
        words: list[Json] = [
            [sign, text] for sign, text in difference(old.entry.text, version.entry.text)
        ]
        was, now = old.entry, version.entry
        out[version.digest.hex()] = {
            "from": old.digest.hex(),
            "words": words,
            "effective_ms": [was.effective_ms, now.effective_ms],
            "late_binds": [was.late_binds, now.late_binds],
            "terms_differ": was.terms != now.terms,
            "terms": _terms(told.get(old.digest.hex()), told.get(version.digest.hex())),
        }
    return out


def _terms(was: Json, now: Json) -> list[Json]:
    """The lines of a form that are in one of two versions only, as in the words of a text."""
    one, other = _lines(was), _lines(now)
    out: list[Json] = [["-", line] for line in one if line not in other]
    return out + [["+", line] for line in other if line not in one]


def _lines(form: Json) -> list[Json]:
    if not isinstance(form, dict):
        return []
    lines = form.get("lines")
    return [form.get("title"), *(lines if isinstance(lines, list) else [])]


__all__ = ["JointActs", "changes"]
