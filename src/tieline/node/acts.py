"""The officer's acts: JSON in, events to the core, JSON out.

The command line and the desk perform the same acts through here. Arguments are checked before the
core sees them; an unknown act or argument is refused by name. An act that changes something is
answered only after the turn that carries it is durable.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tieline.core.charter import dearmor_charter
from tieline.core.errors import LocalError
from tieline.core.events import (
    CallTest,
    Discard,
    Install,
    Release,
    SignCheckpoint,
    Speak,
)  # fmt: skip
from tieline.core.line import REPLACING, Line
from tieline.core.outline import summary
from tieline.core.record import Item
from tieline.core.statement import Body, Content, Ref
from tieline.core.terms import MAX_TIME_MS, Kind, Precedence, RefRole, Role
from tieline.node import logs
from tieline.node.acthost import Host
from tieline.node.arguments import Arguments
from tieline.node.coded import Coded
from tieline.node.drill import check
from tieline.node.notesview import note_view, notes_view, own_book
from tieline.node.slices import Slices
from tieline.node.view import (
    Json,
    charter_parties,
    code_of,
    done_view,
    draft_view,
    heads_view,
    item_view,
    proof_view,
    word,
)
from tieline.node.wants import wants_of
from tieline.node.watchers import Sink, Stream

if TYPE_CHECKING:
    from tieline.node.agreementacts import AgreementActs
    from tieline.node.alarmacts import AlarmActs
    from tieline.node.deskacts import DeskActs
    from tieline.node.incidentacts import IncidentActs
    from tieline.node.jointacts import JointActs
    from tieline.node.recordacts import RecordActs

ABOUT_AGREEMENTS: Final = frozenset({
    "calendar", "explain", "fill", "form", "forms", "item_form", "obligations", "packs",
    "questions", "quotas", "validities",
})  # fmt: skip
ABOUT_INCIDENTS: Final = frozenset({
    "incident", "incident_forms", "incident_report", "incident_say", "incident_timeline",
    "incidents", "known", "notices", "incident_score",
})  # fmt: skip
ABOUT_JOINTS: Final = frozenset({
    "assent", "joint", "joint_decline", "joint_draft", "joint_show", "joint_withdraw", "joints",
})  # fmt: skip
ON_RECORD: Final = frozenset({"check", "entry", "search"})
FOR_DESKS: Final = frozenset({"desk_key", "draft", "leaving", "pulse", "traffic", "waits"})
ABOUT_ALARMS: Final = frozenset({
    "alarm_heard", "alarm_seen", "alarm_test", "alarms", "output_alive", "shelve", "silence",
    "unshelve",
})  # fmt: skip
_ROLES: Final = {word(role.name).replace(" ", "-"): role for role in Role if role}


class NodeActs:
    """The acts of one running station."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._acts: dict[str, Callable[[Arguments], Awaitable[Json]]] = {
            "status": self._status,
            "drafts": self._drafts,
            "send": self.send,
            "release": self._release,
            "discard": self._discard,
            "ack": self._ack,
            "read_back": self._read_back,
            "pass_on": self._pass_on,
            "suspend": self._suspend,
            "resume": self._resume,
            "staff": self._staff,
            "test": self._test,
            "log": self._log,
            "item": self._item,
            "log_head": self._log_head,
            "log_entries": self._log_entries,
            "audit": self._audit,
            "proofs": self._proofs,
            "notes": self._notes,
            "checkpoint": self._checkpoint,
            "export": self._export,
            "evidence": self._evidence,
            "import": self._import,
            "charter_install": self._charter_install,
            "charter_show": self._charter_show,
            "heads": self._heads,
            "keys_reload": self._keys_reload,
            "clock": self._clock,
            "settle": self._settle,
            "doctor": self._doctor,
            "backup": self._backup,
            "stop": self._stop,
        }

    # What is about agreements and incidents is loaded when a charter names a pack or an act asks
    # for it: a station without agreements does not hold it.

    @cached_property
    def _about(self) -> AgreementActs:
        from tieline.node.agreementacts import AgreementActs

        return AgreementActs(self, self.host.agreements)

    @cached_property
    def _incidents(self) -> IncidentActs:
        from tieline.node.incidentacts import IncidentActs

        return IncidentActs(self, self.host.agreements, self.host.incidents)

    @cached_property
    def _joints(self) -> JointActs:
        from tieline.node.jointacts import JointActs

        return JointActs(self, self.cites, self._about, self.host.agreements, self.host.incidents)

    @cached_property
    def _desks(self) -> DeskActs:
        from tieline.node.deskacts import DeskActs

        return DeskActs(self, lambda: self._about)

    @cached_property
    def _on_record(self) -> RecordActs:
        from tieline.node.recordacts import RecordActs

        return RecordActs(self)

    @cached_property
    def _alarms(self) -> AlarmActs:
        from tieline.node.alarmacts import AlarmActs

        return AlarmActs(self, self.host.alarms)

    async def cites(self, line: Line, args: Arguments) -> tuple[Ref, ...]:
        """What a statement cites: what was named, and what belongs to its incidents."""
        cites = args.texts("incident")
        return await self._incidents.refs(line, args) if cites else self.refs(line, args)

    def _handler(self, name: str) -> Callable[[Arguments], Awaitable[Json]] | None:
        if name in ABOUT_AGREEMENTS:
            return self._about.acts[name]
        if name in ABOUT_JOINTS:
            return self._joints.acts[name]
        if name in FOR_DESKS:
            return self._desks.acts[name]
        if name in ON_RECORD:
            return self._on_record.acts[name]
        if name in ABOUT_ALARMS:
            return self._alarms.acts[name]
        return self._incidents.acts[name] if name in ABOUT_INCIDENTS else self._acts.get(name)

    async def act(self, name: str, args: Mapping[str, Json]) -> Json:
        """Perform one act. Raises ``TielineError`` when it is refused."""
        handler = self._handler(name)
        if handler is None:
            late = ABOUT_AGREEMENTS | ABOUT_INCIDENTS | ABOUT_JOINTS | ABOUT_ALARMS
            late |= FOR_DESKS | ON_RECORD
            there = sorted({*self._acts, *late})
            raise LocalError(
                "act.unknown", f"there is no act {name[:40]!a}; there are {', '.join(there)}"
            )
        await self.host.agreements.ready(self._lines())
        return await handler(Arguments(name, args))

    def subscribe(self, since: int, *, unstored: bool = False, sink: Sink | None = None) -> Stream:
        """The events after a journal number, then live; forms in words too. See ``Feed.follow``."""
        self.host.feed.words = self._say
        return self.host.feed.follow(since, unstored=unstored, sink=sink)

    async def _say(self, events: Sequence[dict[str, Json]]) -> None:
        """Add to events of statements what their forms say in words."""
        said = [event for event in events if event["type"] == "statement"]
        if not said:
            return
        await self.host.agreements.ready(self._lines())
        named = {x.id.hex(): x for x in self._lines() if self.host.agreements.named(x)}
        for line in named.values():
            await self._near(line)
        slices = Slices()
        for event in said if named else ():
            await slices.turn()
            found = named.get(str(event["line"]))
            item = None if found is None else found.item(bytes.fromhex(str(event["item"])))
            if found is not None and item is not None:
                event.update(self.told(found, item))

    # ------------------------------------------------------------------------------ asking

    async def _status(self, args: Arguments) -> Json:
        args.done()
        for line in (line for line in self._lines() if line.realm):
            await self.host.agreements.soon(line, 0)  # whether an exercise is over is read there
        return self.host.status()

    async def _drafts(self, args: Arguments) -> Json:
        lines = [self.line(args)] if args.text("line", "") else self._lines()
        lang = args.text("language", "")
        args.done()
        return {
            "drafts": [
                draft_view(line, draft) | self.told_of(line, draft.content, lang)
                for line in lines
                for _, draft in sorted(line.drafts.items())
            ]
        }

    async def _log(self, args: Arguments) -> Json:
        line = self.line(args)
        since, limit = args.number("since", 0), args.number("limit", 1000)
        lang = args.text("language", "")
        args.done()
        items: list[Json] = []
        slices = Slices()
        await self._near(line)
        # From the newest backwards until the limit: a long record is not walked for a short list.
        for item in reversed(line.record.order):
            seq = self.host.seq_of(item.statement.digest)
            if seq > since:
                items.append(item_view(line, item, seq) | self.told(line, item, lang))
            if len(items) >= limit:
                break
            await slices.turn()
        return {"items": items[::-1], "name": line.charter.name, "realm": line.realm}

    async def _item(self, args: Arguments) -> Json:
        line, item = self.find(args)
        lang = args.text("language", "")
        args.done()
        await self._near(line)
        seq = self.host.seq_of(item.statement.digest)
        return item_view(line, item, seq) | self.told(line, item, lang)

    async def _near(self, line: Line) -> None:
        """Have at hand who contests whose standing; nothing where no charter names a pack."""
        if self.host.agreements.named(line):
            await self.host.incidents.near(line)

    def told(self, line: Line, item: Item, lang: str = "") -> dict[str, Json]:
        statement = item.statement
        told = self.told_of(line, statement.content, lang, statement.place.charter)
        if self.host.agreements.named(line):
            told |= self._incidents.beside(line, item, lang)
        return told

    def told_of(
        self, line: Line, content: Content, lang: str = "", charter: int | None = None
    ) -> dict[str, Json]:
        """What a form says in words; nothing where no charter of the line names a pack."""
        if not self.host.agreements.named(line):
            return {}
        return self._about.told(line, content, lang, charter)

    async def _log_head(self, args: Arguments) -> Json:
        line, wanted = self.line(args), args.text("log", "")
        args.done()
        return logs.head(line, wanted)

    async def _log_entries(self, args: Arguments) -> Json:
        line, log, start = self.line(args), args.text("log"), args.number("start")
        args.done()
        return logs.entries(self.host.statements, line, log, start)

    async def _audit(self, args: Arguments) -> Json:
        args.done()
        return await self.host.audit_beside()

    async def _doctor(self, args: Arguments) -> Json:
        args.done()
        return await self.host.doctor()

    async def _backup(self, args: Arguments) -> Json:
        out, root = Path(args.text("out")), args.flag("root", default=False)
        args.done()
        if not out.is_absolute() or "\0" in str(out):
            raise LocalError("act.argument", "act 'backup': argument 'out' is a whole path")
        return await self.host.backup(out, root=root)

    async def _settle(self, args: Arguments) -> Json:
        args.done()
        return self.host.settle()

    # ------------------------------------------------------------------------------ speaking

    async def send(self, args: Arguments) -> Json:
        """A message; with ``incident`` it cites what belongs cited there."""
        line = self.line(args)
        text = args.text("text", "")
        lang = args.text("lang", "en") if text else args.text("lang", "")
        form = args.text("form", "")
        version = args.number("form_version", 1 if form else 0)
        to, language = tuple(sorted(set(args.texts("to")))), args.text("language", "")
        cites = args.texts("incident")
        refs = await self._incidents.refs(line, args) if cites else self.refs(line, args)
        bare = text and not form and args.answers("answers") is None
        if bare and not args.text("phrase", "") and not {ref.role for ref in refs} & REPLACING:
            filled = Coded(version=version, fields=args.fields("fields"))
        else:
            filled = await self._about.filled(line, form, version, args, refs)
            to = self._about.addressees(line, filled, to)
        precedence = args.choice("precedence", {"": None, **Precedence.__members__}, "")
        body = Body(text=text or None, lang=lang if text else None, fields=filled.fields)
        content = Content(
            kind=Kind.MESSAGE,
            body=self.marked(args, body),
            precedence=filled.precedence if precedence is None else precedence,
            role=self.role(args),
            to=to,
            wants=wants_of(args.texts("wants"), Kind.MESSAGE),
            form=filled.form,
            form_version=filled.version,
            refs=refs,
        )
        done = await self.speak(line, args, content, waits=args.flag("two", default=False))
        told = self.told_of(line, content, language).get("doubts")
        doubts: list[Json] = [*filled.doubts, *(told if isinstance(told, list) else ())]
        return {**done, "doubts": doubts} if doubts else done

    async def _ack(self, args: Arguments) -> Json:
        return await self._answer(args, Kind.ACKNOWLEDGE, Body())

    async def _read_back(self, args: Arguments) -> Json:
        body = Body(text=args.text("text"), lang=args.text("lang", "en"))
        return await self._answer(args, Kind.READ_BACK, body)

    async def _pass_on(self, args: Arguments) -> Json:
        at_ms = args.number("at_ms", self.now_ms())
        return await self._answer(args, Kind.PASS_ON, Body(unit=args.text("unit"), at_ms=at_ms))

    async def _suspend(self, args: Arguments) -> Json:
        body = self.marked(args, Body(cause=args.text("cause")), relayed=False)
        content = Content(kind=Kind.SUSPEND, body=body, role=self.role(args))
        return await self.speak(self.line(args), args, content)

    async def _resume(self, args: Arguments) -> Json:
        body = self.marked(args, Body(cause=args.text("cause", "") or None), relayed=False)
        content = Content(kind=Kind.RESUME, body=body, role=self.role(args))
        return await self.speak(self.line(args), args, content)

    async def _staff(self, args: Arguments) -> Json:
        said = Body(staffed=args.flag("staffed"), cause=args.text("cause", "") or None)
        body = self.marked(args, said, relayed=False)
        content = Content(kind=Kind.WATCH, body=body, role=self.role(args))
        return await self.speak(self.line(args), args, content)

    async def _test(self, args: Arguments) -> Json:
        line = self.line(args)
        officer, key = args.text("officer"), args.text("key", "")
        args.done()
        done = await self.host.perform(
            lambda token: CallTest(token=token, line=line.id, officer=officer, key=key)
        )
        return done_view(done)

    async def _release(self, args: Arguments) -> Json:
        line, draft = self.line(args), args.number("draft")
        officer, lang = args.text("officer"), args.text("language", "")
        args.done()
        self._about.check_draft(line, draft, lang)
        done = await self.host.perform(
            lambda token: Release(token=token, line=line.id, draft=draft, officer=officer)
        )
        return done_view(done)

    async def _discard(self, args: Arguments) -> Json:
        line, draft = self.line(args), args.number("draft")
        officer = args.text("officer")
        args.done()
        done = await self.host.perform(
            lambda token: Discard(token=token, line=line.id, draft=draft, officer=officer)
        )
        return done_view(done)

    async def _answer(self, args: Arguments, kind: Kind, body: Body) -> Json:
        line, item = self.find(args)
        content = Content(
            kind=kind,
            body=self.marked(args, body),
            role=self.role(args),
            precedence=item.statement.content.precedence,
            refs=(Ref(item.statement.digest, RefRole.ANSWERS),),
        )
        return await self.speak(line, args, content)

    async def speak(
        self, line: Line, args: Arguments, content: Content, *, waits: bool = False
    ) -> dict[str, Json]:
        officer, key = args.text("officer"), args.text("key", "")
        args.done()
        check(line.realm, content.body)
        done = await self.host.perform(
            lambda token: Speak(
                token=token, line=line.id, content=content, officer=officer, key=key, waits=waits
            )
        )
        return done_view(done)

    # ------------------------------------------------------------------------------ upkeep

    async def _export(self, args: Arguments) -> Json:
        line = self.line(args)
        wanted = args.texts("to")
        args.done()
        stations = [
            station
            for station in line.charter.stations()
            if station != line.own
            and (not wanted or line.party_of(station) in wanted or station.hex() in wanted)
        ]
        if not stations:
            raise LocalError(
                "export.nobody", "no other station of this line is named so; see 'status'"
            )
        data, count = self.host.export_bundle(line, tuple(stations))
        return {"bundle": base64.b64encode(data).decode("ascii"), "statements": count}

    async def _proofs(self, args: Arguments) -> Json:
        lines = [self.line(args)] if args.text("line", "") else self._lines()
        args.done()
        return {
            "proofs": [proof_view(p) for x in lines for held in x.proofs.values() for p in held]
        }

    async def _evidence(self, args: Arguments) -> Json:
        line, item = self.find(args) if args.text("item", "") else (self.line(args), None)
        out = Path(args.text("out"))
        start, end = args.number("from_ms", 0), args.number("to_ms", MAX_TIME_MS)
        args.done()
        if not out.is_absolute() or "\0" in str(out):
            raise LocalError("act.argument", "act 'evidence': argument 'out' is a whole path")
        from tieline.node.evidencefile import scope_of

        return await self.host.evidence(line, out, scope_of(start, end, item))

    async def _notes(self, args: Arguments) -> Json:
        lines = [self.line(args)] if args.text("line", "") else self._lines()
        args.done()
        return {"notes": [view for line in lines for view in notes_view(line)]}

    async def _checkpoint(self, args: Arguments) -> Json:
        line, seal = self.line(args), args.flag("seal", default=False)
        args.done()
        await self.host.perform(lambda token: SignCheckpoint(token=token, line=line.id, seal=seal))
        latest = own_book(line).latest()
        return note_view(line, latest) if latest is not None else {}

    async def _import(self, args: Arguments) -> Json:
        text = args.text("bundle")
        args.done()
        try:
            data = base64.b64decode(text, validate=True)
        except binascii.Error:
            raise LocalError("import.encoding", "the bundle is not base64") from None
        return await self.host.import_bundle(data)

    async def _charter_install(self, args: Arguments) -> Json:
        signed = dearmor_charter(args.text("charter"))
        history = tuple(dearmor_charter(text) for text in args.texts("history"))
        args.done()
        incarnation = self.host.fresh(8)
        done = await self.host.perform(
            lambda token: Install(
                token=token, charter=signed, incarnation=incarnation, history=history
            )
        )
        return {"line": done.line.hex(), "version": signed.charter.version, "complete": True}

    async def _charter_show(self, args: Arguments) -> Json:
        line = self.line(args)
        args.done()
        signed = line.charters[line.latest()]
        return {
            "line": line.id.hex(),
            "version": signed.charter.version,
            "hash": signed.charter.hash.hex(),
            "summary": list(summary(signed.charter)),
            "signed_by": [code for code, _ in signed.signatures],
            "name": signed.charter.name,
            "parties": charter_parties(signed.charter),
        }

    async def _heads(self, args: Arguments) -> Json:
        args.done()
        return {"lines": [heads_view(line) for line in self._lines()]}

    async def _keys_reload(self, args: Arguments) -> Json:
        args.done()
        return {"sets": self.host.reload_keys()}

    async def _clock(self, args: Arguments) -> Json:
        wall_ms, hold = args.number("wall_ms"), args.flag("hold", default=False)
        args.done()
        self.host.set_clock(wall_ms, hold=hold)
        return {"wall_ms": wall_ms}

    async def _stop(self, args: Arguments) -> Json:
        args.done()
        self.host.stop()
        return {"stopping": True}

    # ------------------------------------------------------------------------------ finding

    def now_ms(self) -> int:
        now = self.host.status()["now_ms"]
        return now if isinstance(now, int) else 0

    def seq(self, digest: bytes) -> int:
        """The journal's number of a statement here."""
        return self.host.seq_of(digest)

    def _lines(self) -> list[Line]:
        lines = self.host.station.lines
        return [lines[name] for name in sorted(lines)]

    def line(self, args: Arguments) -> Line:
        """The line that is named; with none named the only one, or that of the act's ``item``."""
        wanted = args.text("line", "")
        lines = self._lines()
        if len(lines) == 1 and not wanted:
            return lines[0]
        item = args.alone("item")
        if not wanted and len(lines) > 1 and item is not None:
            return self.find(item)[0]
        if not lines:
            raise LocalError("line.none", "this station keeps no line yet; install a charter first")
        found = [
            line for line in lines
            if line.id.hex().startswith(wanted.lower()) or line.charter.name == wanted
        ]  # fmt: skip
        if len(found) != 1:
            which = "several lines" if found else "no line"
            raise LocalError(
                "line.ambiguous", f"{which} match '{wanted}'; name one as 'status' lists them"
            )
        return found[0]

    def find(self, args: Arguments) -> tuple[Line, Item]:
        wanted = args.digest("item")
        lines = [self.line(args)] if args.text("line", "") else self._lines()
        if len(wanted) == 64:
            for line in lines:
                item = line.item(bytes.fromhex(wanted))
                if item is not None:
                    return line, item
        if wanted[0] == "#":
            digests = [self.host.digest_at(int(wanted[1:]))]
        else:
            held = (digest for line in lines for digest in line.record.by_digest)
            digests = [digest for digest in held if digest.hex().startswith(wanted)]
        both = [(line, line.item(digest)) for line in lines for digest in digests]
        found = [(line, item) for line, item in both if item is not None]
        if len(found) != 1:
            which = "several statements here are" if found else "no statement here is"
            raise LocalError("item.ambiguous", f"{which} named {wanted}; take one that 'log' shows")
        return found[0]

    def refs(self, line: Line, args: Arguments) -> tuple[Ref, ...]:
        out: list[Ref] = []
        for wanted, role in args.refs("refs"):
            finder = Arguments("send", {"item": wanted, "line": line.id.hex()})
            out.append(Ref(self.find(finder)[1].statement.digest, role))
        return tuple(out)

    def marked(self, args: Arguments, body: Body, *, relayed: bool = True) -> Body:
        """A body with the marks that stand in any: without prejudice, and through whom."""
        through = code_of(self.line(args), args.text("through", "")) if relayed else ""
        reserve = args.flag("reserve", default=False) or None
        if reserve is None and not through:
            return body
        return replace(body, reserve=reserve, through=through or None)

    def role(self, args: Arguments) -> Role:
        return args.choice("role", _ROLES, "watch-officer")
