"""The acts about agreements: what is in force, filling and reading forms, who owes what and why.

They only read, but for ``fill``, which makes the content of a message out of what an officer typed.
Every answer is in the language that was asked for; a language that a pack lacks falls back to
English word by word, and says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, Protocol, TypeVar

from tieline.core.agreement import meaning, numbered, phrases, radio, slash
from tieline.core.agreement.form import (
    Cited,
    Filled,
    citations,
    complaint,
    fill,
    next_number,
    numbers_of,
    serial_of,
    strangers,
)
from tieline.core.agreement.layout import Page, Sheet, lay_out
from tieline.core.agreement.ledger import Ledger
from tieline.core.agreement.message import FieldError, examine
from tieline.core.agreement.model import ALL, Form, Pack, Phrase
from tieline.core.agreement.naming import either_named, named, phrase_named
from tieline.core.agreement.tongue import ENGLISH, Tongue
from tieline.core.agreement.value import Serial
from tieline.core.errors import LocalError
from tieline.core.line import Line
from tieline.core.record import Item
from tieline.core.statement import Body, Content, Ref
from tieline.core.terms import MAX_TIME_MS, Kind, Precedence, RefRole
from tieline.node import agreementview as views
from tieline.node import formchecks, reading
from tieline.node.agreements import Agreements
from tieline.node.arguments import Arguments
from tieline.node.coded import Coded
from tieline.node.formchecks import once, parties_of, refused
from tieline.node.formwords import page_view, told
from tieline.node.incidentforms import calms
from tieline.node.owedlist import SHOWN, Choice
from tieline.node.passage import reading_view
from tieline.node.retyped import answers_of
from tieline.node.slices import Slices, through
from tieline.node.view import Json

Act = Callable[[Arguments], Awaitable[Json]]
_WRITERS: Final[Mapping[str, Callable[[Page, Tongue], str]]] = {
    "numbered": numbered.write,
    "slash": lambda page, _: slash.write(page.sheet),
    "radio": lambda page, _: radio.write(page),
}
_FORMATS: Final = {name: name for name in ("lines", *_WRITERS)}
_YEAR_MS: Final = 366 * 86_400_000
_Asked = tuple[Ledger, int, dict[str, Json]]
Found = TypeVar("Found")


class Desk(Protocol):
    """What these acts need of the others."""

    def line(self, args: Arguments) -> Line: ...

    def find(self, args: Arguments) -> tuple[Line, Item]: ...

    async def cites(self, line: Line, args: Arguments) -> tuple[Ref, ...]: ...

    def now_ms(self) -> int: ...


def marks_of(body: Body) -> tuple[str, ...]:
    """What nobody may miss who reads a message, for where nothing but its words is shown."""
    reserve = ("[WITHOUT PREJUDICE]",) if body.reserve else ()
    return (*reserve, *((f"[THROUGH {body.through}]",) if body.through else ()))


class AgreementActs:
    """The acts about agreements of one running station."""

    def __init__(self, desk: Desk, agreements: Agreements) -> None:
        self._desk = desk
        self._agreements = agreements
        self.acts: Mapping[str, Act] = {
            "packs": self._packs,
            "forms": self._forms,
            "form": self._form,
            "fill": self._fill,
            "item_form": self._item_form,
            "obligations": self._obligations,
            "explain": self._explain,
            "calendar": self._calendar,
            "quotas": self._quotas,
            "validities": self._validities,
            "questions": self._questions,
        }

    async def ready(self, lines: Iterable[Line]) -> None:
        """Have at hand what the acts need of these lines' agreements. Never raises."""
        await self._agreements.ready(lines)

    # ---------------------------------------------------------------------------- what there is

    async def _packs(self, args: Arguments) -> Json:
        line, lang = self._desk.line(args), self._language(args)
        args.done()
        found = self._agreements.in_force(line)
        ledger, now_ms, so_far = await self._ledger(line)
        return so_far | {
            "line": line.id.hex(),
            "packs": [
                views.pack_view(pack, self._tongue(pack, lang))
                | {"pairs": views.pair_views(ledger, pack.id, line.charter.voices(), now_ms)}
                for pack in found.packs
            ],
            "missing": [digest.hex() for digest in found.missing],
            "damaged": list(found.damaged),
        }

    async def _forms(self, args: Arguments) -> Json:
        line, lang, wanted = self._desk.line(args), self._language(args), args.text("pack", "")
        args.done()
        every = [
            (form, views.form_view(pack, form, self._tongue(pack, lang), whole=False))
            for pack in self._agreements.in_force(line).packs
            if wanted in ("", pack.id, pack.tag)
            for form in pack.sendable()
        ]
        return {
            "forms": [view for form, view in every if form.phrase is None],
            "phrases": [view for form, view in every if form.phrase is not None],
        }

    async def _form(self, args: Arguments) -> Json:
        line, lang, wanted = self._desk.line(args), self._language(args), args.text("form")
        args.done()
        pack, form = either_named(self._agreements.in_force(line).packs, wanted)
        return views.form_view(pack, form, self._tongue(pack, lang), whole=True)

    # ---------------------------------------------------------------------------------- filling

    async def _fill(self, args: Arguments) -> Json:
        line, lang = self._desk.line(args), self._language(args)
        wanted, answers = args.text("form"), args.answers("answers") or {}
        to, text_lang = args.texts("to"), args.text("lang", ENGLISH)
        remarks = args.text("text", "")
        precedence = args.choice("precedence", {"": None, **Precedence.__members__}, "")
        refs = await self._desk.cites(line, args)
        shape = args.choice("shape", _FORMATS, "numbered")
        args.done()
        pack, form = either_named(self._agreements.in_force(line).packs, wanted)
        filled = await self.fill(line, pack, form, answers, refs, lang)
        sheet = Sheet(
            pack=pack,
            form=form,
            values=filled.values,
            sender=line.party,
            to=_addressees(line, form, to),
            precedence=form.precedence if precedence is None else precedence,
            time_ms=self._desk.now_ms(),
            number=filled.number,
            refs=filled.refs,
            remarks=remarks,
            lang=text_lang,
            exercise=line.realm,
        )
        doubts = (*filled.doubts, *self.doubts(line, refs, (pack, form), lang))
        tongue = self._tongue(pack, lang)
        said = told(lay_out(sheet, tongue), tongue, (), filled.fields)
        return {**self._written(sheet, lang, shape), "doubts": [*doubts], "told": said}

    async def fill(
        self,
        line: Line,
        pack: Pack,
        form: Form,
        answers: Mapping[str, str],
        refs: tuple[Ref, ...],
        lang: str,
    ) -> Filled:
        """What an officer typed as a form that can be sent. Raises ``FaultsError``."""
        tongue = self._tongue(pack, lang)
        near, now_ms = formchecks.near(self._agreements, line, refs), self._desk.now_ms()
        read = reading.read_answers(pack, form, answers, tongue, now_ms=now_ms, near=near)
        cited = tuple(self._cited(line, ref) for ref in refs)
        ledger = await self._agreements.ledger(line)
        sent = (entry.message for entry in ledger.entries.values())
        numbers = numbers_of(sent, form, line.party, pack.id)
        number = next_number((*numbers, *formchecks.waiting(line, pack, form)))
        filled = fill(pack, form, read.values, sender=line.party, cited=cited, number=number)
        strange = strangers(form, read.values, parties_of(line))
        if isinstance(filled, Filled) and not read.errors and not strange:
            return replace(filled, doubts=formchecks.said(form, read.doubts, tongue))
        faults = [*read.errors, *(() if isinstance(filled, Filled) else filled), *strange]
        raise refused(pack, form, once(faults), tongue)

    async def filled(
        self, line: Line, form: str, version: int, args: Arguments, refs: tuple[Ref, ...]
    ) -> Coded:
        """The coded part of what is to be sent, from typed ``answers`` or from coded ``fields``.

        ``phrase`` among the arguments names a phrase instead of a form. What a pack in force has
        must be whole. A form that no pack in force has can be sent with coded fields only: who
        reads it must know what they mean. Raises ``FaultsError``, ``LocalError``
        (``form.unknown``, ``form.none``, ``act.empty``).
        """
        answers, fields = args.answers("answers"), args.fields("fields")
        lang, phrase = self._language(args), args.text("phrase", "")
        in_force = self._agreements.in_force(line)
        if phrase and form:
            raise LocalError("form.none", "a message is of a form or of a phrase; name one of them")
        if phrase:
            pack, rules = phrase_named(in_force.packs, phrase)
            form = pack.form_id(rules)
        if not form and fields is None:
            form = formchecks.form_taken_back(self._agreements, line, refs)
            answers = answers or ({} if form else None)
        known = "/" in form or any(form in pack.forms for pack in in_force.packs)
        if not form or (answers is None and not known):
            if answers is not None:
                raise LocalError("form.none", "answers were given without the form they belong to")
            if not form and fields is None and not args.text("text", ""):
                self._offer(line, refs, lang)
            return Coded(form=form, version=version, fields=fields)
        pack, rules = named(in_force.packs, form)
        if rules.act is meaning.Act.ENDEX and not line.realm:
            raise LocalError(
                "form.exercise",
                f"form {form} ends an exercise, and {line.charter.name} is a real line: nothing"
                " is ended here; to leave a real line, suspend it",
            )
        doubts: tuple[str, ...] = ()
        if fields is None:
            made = await self.fill(line, pack, rules, answers or {}, refs, lang)
            fields, doubts = made.fields, made.doubts
        else:
            cancels = any(ref.role is RefRole.CANCELS for ref in refs)
            values, errors = examine(pack, rules, fields, cancels=cancels)
            cited = tuple(self._cited(line, ref) for ref in refs)
            errors += (*citations(pack, rules, line.party, cited),)
            errors += strangers(rules, values, parties_of(line))
            if errors:
                raise refused(pack, rules, errors, self._tongue(pack, lang))
        return Coded(
            form=pack.form_id(rules),
            version=pack.version,
            fields=fields,
            precedence=rules.precedence,
            rules=rules,
            doubts=doubts,
        )

    def addressees(self, line: Line, coded: Coded, to: tuple[str, ...]) -> tuple[str, ...]:
        """Whom a message is for: a form that goes to all goes to all, whatever was typed.

        Raises ``LocalError`` (``form.addressees``).
        """
        if coded.rules is not None and coded.rules.phrase is not None:
            return to
        if coded.rules is None or to or len(line.charter.voices()) <= 2:
            wide = coded.rules is not None and coded.rules.to == ALL
            others = {code for code in line.charter.voices() if code != line.party}
            if wide and to and set(to) != others:
                raise LocalError(
                    "form.addressees",
                    f"form {coded.form} goes to every party of the line; send it without --to",
                )
            return to
        if coded.rules.to != ALL:
            raise LocalError(
                "form.addressees",
                f"form {coded.form} goes to parties that its sender names; name them with --to",
            )
        return to

    def _cited(self, line: Line, ref: Ref) -> Cited:
        item = line.item(ref.target)
        if item is None:
            return Cited(role=ref.role, digest=ref.target)
        found = self._agreements.form_of_item(line, item)
        sender = line.party_of(item.statement.place.station)
        if found is None:
            return Cited(role=ref.role, digest=ref.target, sender=sender)
        pack, form = found
        return Cited(role=ref.role, digest=ref.target, pack=pack.id, form=form.id, sender=sender)

    async def _item_form(self, args: Arguments) -> Json:
        line, item = self._desk.find(args)
        lang, shape = self._language(args), args.choice("shape", _FORMATS, "lines")
        args.done()
        content = item.statement.content
        found = self._agreements.form_of_item(line, item)
        if found is None:
            raise LocalError(
                "form.unknown",
                f"the statement is of form '{content.form or 'none'}', version"
                f" {content.form_version}, and no pack here has it; 'tieline log' shows it raw",
            )
        pack, form = found
        sheet, errors = self._sheet(line, item, pack, form)
        tongue = self._tongue(pack, lang)
        out = self._written(sheet, lang, shape)
        out["faults"] = [complaint(form, error, tongue).text for error in errors]
        ledger = await self._agreements.ledger(line)
        same = ledger.same_number(item.statement.digest)
        out["doubts"] = [
            *formchecks.stranger_doubts(line, item.statement.place.charter, sheet, tongue),
            *formchecks.number_doubts(same, sheet.number, tongue),
        ]
        out["checked"] = self._agreements.checked(pack, form.id)
        out["answers"] = {**answers_of(form.fields, sheet.values)}
        out["same_number"] = [digest.hex() for digest in same]
        out["thresholds"] = [
            views.weighed_view(one, pack.id, self._tongues(ledger, lang))
            for one in ledger.thresholds(item.statement.digest)
        ]
        return out

    def _sheet(
        self, line: Line, item: Item, pack: Pack, form: Form
    ) -> tuple[Sheet, tuple[FieldError, ...]]:
        """A message as it is written on paper, and what of it breaks its form."""
        content, place = item.statement.content, item.statement.place
        refs = tuple((ref.role, ref.target) for ref in content.refs)
        cancels = any(role is RefRole.CANCELS for role, _ in refs)
        values, errors = examine(pack, form, content.body.fields or (), cancels=cancels)
        serial = serial_of(form)
        given = None if serial is None else values.get(serial.number)
        sheet = Sheet(
            pack=pack,
            form=form,
            values=values,
            sender=line.party_of(place.station),
            to=line.addressed(item),
            precedence=content.precedence,
            time_ms=place.time_ms,
            number=given.n if isinstance(given, Serial) else place.position,
            refs=refs,
            remarks=" ".join((*marks_of(content.body), content.body.text or "")).rstrip(),
            lang=content.body.lang or "",
            exercise=line.realm,
        )
        return sheet, errors

    def _written(self, sheet: Sheet, lang: str, shape: str) -> dict[str, Json]:
        tongue = self._tongue(sheet.pack, lang)
        page = lay_out(sheet, tongue)
        writer = _WRITERS.get(shape)
        return {
            "form": sheet.pack.form_id(sheet.form),
            "pack": views.pack_name(sheet.pack),
            "language": lang,
            "right_to_left": page.right_to_left,
            **page_view(page),
            "text": "" if writer is None else writer(page, tongue),
        }

    # ------------------------------------------------------------------------------- obligations

    async def _ledger(self, line: Line, *, whole: bool = False) -> _Asked:
        """The ledger, the moment to ask it about (now, or the exercise's end), how far it read."""
        now_ms = self._desk.now_ms()
        ledger, reading = await self._agreements.soon(line, now_ms, whole=whole)
        return ledger, self._agreements.moment(line, now_ms), reading_view(reading)

    async def _obligations(self, args: Arguments) -> Json:
        line, lang = self._desk.line(args), self._language(args)
        party, sides = args.text("party", ""), args.flag("sides", default=False)
        choice = Choice(args.flag("open", default=False), args.number("limit", SHOWN), sides)
        args.done()
        ledger, now_ms, so_far = await self._ledger(line)
        tongues = self._tongues(ledger, lang)
        found = ledger.obligations(now_ms, party=party, open_only=choice.open_only)
        some, counts = choice.of(found, line.party, now_ms)
        in_force = self._agreements.in_force(line)
        owed = ((one, calms(ledger.plans[one.pack].pack, one.rule)) for one in some)
        return so_far | {
            "now_ms": now_ms,
            "over_ms": self._agreements.over_ms(line),
            "obligations": await _sliced(
                owed, lambda each: views.obligation_view(each[0], line.party, tongues) | each[1]
            ),
            **counts,
            "missing": [digest.hex() for digest in in_force.missing],
            "damaged": list(in_force.damaged),
        }

    async def _explain(self, args: Arguments) -> Json:
        line, lang, wanted = self._desk.line(args), self._language(args), args.text("obligation")
        args.done()
        ledger, now_ms, _ = await self._ledger(line, whole=True)
        ids = [one.id for one in ledger.obligations(now_ms) if one.id.startswith(wanted)]
        if wanted in ids:
            ids = [wanted]
        why = ledger.explain(ids[0], now_ms) if len(ids) == 1 else None
        if why is None:
            raise LocalError(
                "obligation.unknown",
                f"{len(ids)} obligations begin with '{wanted}'; name one as 'tieline obligations'"
                " shows it",
            )
        one = why.obligation
        checked = self._agreements.checked(ledger.plans[one.pack].pack, one.rule)
        return {
            **views.explanation_view(why, line.party, self._tongues(ledger, lang)),
            **calms(ledger.plans[one.pack].pack, one.rule),
            "checked": checked,
        }

    async def _calendar(self, args: Arguments) -> Json:
        line, lang = self._desk.line(args), self._language(args)
        ledger, now_ms, so_far = await self._ledger(line)
        start = args.number("from_ms", now_ms)
        end = args.number("to_ms", min(start + _YEAR_MS, MAX_TIME_MS))
        args.done()
        found = await through(ledger.calendar_steps(start, end, now_ms))
        tongues = self._tongues(ledger, lang)
        return so_far | {
            "line": line.id.hex(),
            "name": line.charter.name,
            "realm": line.realm,
            "now_ms": now_ms,
            "entries": await _sliced(found, lambda one: views.entered_view(one, tongues)),
            "rounds": await _sliced(ledger.round_states(), lambda r: views.round_view(r, tongues)),
        }

    async def _quotas(self, args: Arguments) -> Json:
        line, lang, party = self._desk.line(args), self._language(args), args.text("party", "")
        args.done()
        ledger, now_ms, so_far = await self._ledger(line)
        tongues = self._tongues(ledger, lang)
        found = await through(ledger.quotas_steps(now_ms, party))
        return so_far | {"quotas": await _sliced(found, lambda one: views.quota_view(one, tongues))}

    async def _validities(self, args: Arguments) -> Json:
        line, lang = self._desk.line(args), self._language(args)
        held = args.flag("held", default=True)
        args.done()
        ledger, now_ms, so_far = await self._ledger(line)
        tongues = self._tongues(ledger, lang)
        found = await through(ledger.validities_steps(now_ms, held_only=held))
        windows = await _sliced(found, lambda one: views.window_view(one, tongues))
        return so_far | {"validities": windows}

    async def _questions(self, args: Arguments) -> Json:
        """What a reader may want to ask: splitting, gaps in serials, missing references."""
        line, lang = self._desk.line(args), self._language(args)
        args.done()
        ledger, _, so_far = await self._ledger(line)
        tongues, gaps = self._tongues(ledger, lang), ledger.serial_gaps()
        return so_far | {
            "splitting": [
                views.question_view(one, ledger.entries[one.messages[0]].message.pack, tongues)
                for one in await through(ledger.questions_steps())
            ],
            "gaps": [
                {
                    "pack": gap.pack,
                    "form": gap.form,
                    "sender": gap.sender,
                    "missing": [list(span) for span in gap.missing],
                    "said": str(
                        tongues(gap.pack).say("question.gap", number=formchecks.spans(gap.missing))
                    ),
                }
                for gap in gaps
                if gap.missing
            ],
            "twice": [
                {
                    "pack": gap.pack,
                    "form": gap.form,
                    "sender": gap.sender,
                    "number": number,
                    "items": [digest.hex() for digest in digests],
                    "said": str(tongues(gap.pack).say("question.twice", number=str(number))),
                }
                for gap in gaps
                for number, digests in gap.twice
            ],
            "lacking": await _sliced(
                await through(ledger.lacking_steps()),
                lambda lack: {
                    "item": lack.message.hex(),
                    "sender": lack.sender,
                    "pack": lack.pack,
                    "form": lack.form,
                    "wants": list(lack.wants.forms),
                    "said": str(
                        tongues(lack.pack).say(
                            "question.lacking", forms=", ".join(lack.wants.forms)
                        )
                    ),
                    **views.cite_view(lack.wants.cite, tongues(lack.pack)),
                },
            ),
        }

    # ------------------------------------------------------------------------------------- words

    def told(
        self, line: Line, content: Content, lang: str = "", charter: int | None = None
    ) -> dict[str, Json]:
        """A form in words, to stand beside its coded fields, and the doubts about a reply.

        ``charter``: the version it was signed under. Empty for a text that answers no phrase.
        """
        found = self._agreements.form_of(line, content, charter) if content.form else None
        out: dict[str, Json] = {}
        if content.refs and content.kind is Kind.MESSAGE:
            doubts = self.doubts(line, content.refs, found, lang)
            out |= {"doubts": [*doubts]} if doubts else {}
        if found is None:
            return out
        pack, form = found
        fields = content.body.fields or content.body.terms or ()
        cancels = any(ref.role is RefRole.CANCELS for ref in content.refs)
        values, errors = examine(pack, form, fields, cancels=cancels)
        sheet = Sheet(
            pack=pack, form=form, values=values, sender="", to=content.to,
            precedence=content.precedence, time_ms=0, number=0,
        )  # fmt: skip
        tongue = self._tongue(pack, lang or self._agreements.language)
        strange = formchecks.stranger_doubts(line, charter, sheet, tongue)
        if strange:
            earlier = out.get("doubts")
            out["doubts"] = [*(earlier if isinstance(earlier, list) else []), *strange]
        return out | {"told": told(lay_out(sheet, tongue), tongue, errors, fields)}

    def draft(self, line: Line, content: Content) -> dict[str, Json]:
        """The form of a draft: its pack, and its answers as they were typed; nothing for a text."""
        found = self._agreements.form_of(line, content)
        if found is None:
            return {}
        pack, form = found
        values, _ = examine(pack, form, content.body.fields or content.body.terms or ())
        return {"pack": views.pack_name(pack), "answers": {**answers_of(form.fields, values)}}

    def check_draft(self, line: Line, number: int, lang: str) -> None:
        """Refuse the release of a draft that the forms of today say otherwise."""
        formchecks.check_draft(self._agreements, line, number, lang or self._agreements.language)

    def doubts(
        self, line: Line, refs: Iterable[Ref], reply: tuple[Pack, Form] | None, lang: str = ""
    ) -> tuple[str, ...]:
        """What an officer may want to look at again: a reply that no phrase it answers expects."""
        return tuple(
            phrases.unexpected(phrase, self._tongue(pack, lang or self._agreements.language))
            for pack, phrase in self._answered(line, refs)
            if not phrases.is_expected(pack, phrase, reply)
        )

    def _answered(self, line: Line, refs: Iterable[Ref]) -> Iterator[tuple[Pack, Phrase]]:
        """The phrases that are answered."""
        for ref in refs:
            item = line.item(ref.target) if ref.role is RefRole.ANSWERS else None
            found = None if item is None else self._agreements.form_of_item(line, item)
            if found is not None and found[1].phrase is not None:
                yield found[0], found[1].phrase

    def _offer(self, line: Line, refs: Iterable[Ref], lang: str) -> None:
        """Name the replies that are expected, to who says nothing yet. Raises ``act.empty``."""
        for pack, phrase in self._answered(line, refs):
            some = phrases.expected(pack, phrase, self._tongue(pack, lang))
            if some:
                said = "; ".join(f"--phrase {one.code} ({one.meaning})" for one in some)
                raise LocalError(
                    "act.empty", f"nothing is said yet, and {phrase.code} expects in reply: {said}"
                )

    def _language(self, args: Arguments) -> str:
        return args.text("language", self._agreements.language)

    def _tongue(self, pack: Pack, lang: str) -> Tongue:
        return Tongue(pack, self._agreements.engine, lang)

    def _tongues(self, ledger: Ledger, lang: str) -> views.Tongues:
        """Of the packs that the ledger was made of: a charter may have come since."""
        made = {name: self._tongue(plan.pack, lang) for name, plan in ledger.plans.items()}
        return made.__getitem__


def _addressees(line: Line, form: Form, to: tuple[str, ...]) -> tuple[str, ...]:
    others = tuple(code for code in line.charter.voices() if code != line.party)
    return others if form.to == ALL or not to else to


async def _sliced(found: Iterable[Found], view: Callable[[Found], Json]) -> list[Json]:
    """Many views, without holding up the line."""
    slices, out = Slices(), list[Json]()
    for one in found:
        out.append(view(one))
        await slices.turn()
    return out
