"""The acts about alarms: what rings and why, silence, shelf, an officer's note, and the outputs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from tieline.core.errors import LocalError
from tieline.core.heed import MAX_NAME
from tieline.node.alarmbook import State, Trial
from tieline.node.alarmkeep import AlarmKeep, Look
from tieline.node.alarmoutputs import KINDS, LONGEST_S, SHORTEST_S, Output
from tieline.node.alarmview import alarm_view
from tieline.node.arguments import Arguments
from tieline.node.view import Json

if TYPE_CHECKING:
    from tieline.node.acts import NodeActs

SHOWN: Final = 200
MAX_NOTE: Final = 500
_MINUTE_MS: Final = 60_000


class AlarmActs:
    """Acts for whoever shows alarms, makes them heard, or answers them."""

    def __init__(self, acts: NodeActs, keep: AlarmKeep) -> None:
        self._desk, self._alarms = acts, keep
        self.acts: dict[str, Callable[[Arguments], Awaitable[Json]]] = {
            "alarms": self._all,
            "silence": self._silence,
            "shelve": self._shelve,
            "unshelve": self._unshelve,
            "alarm_seen": self._see,
            "alarm_test": self._test,
            "alarm_heard": self._heard,
            "output_alive": self._alive,
        }

    # ------------------------------------------------------------------------------ asking

    async def _all(self, args: Arguments) -> Json:
        wanted, past = args.number("alarm", 0), args.flag("past", default=False)
        limit = args.number("limit", SHOWN)
        args.done()
        return self._told(await self._alarms.look(), limit, past=past, wanted=wanted)

    def _told(
        self, found: Look, limit: int = SHOWN, *, past: bool = False, wanted: int = 0
    ) -> dict[str, Json]:
        keep = self._alarms
        book, lines = keep.book, self._desk.host.station.lines
        some = list(found.alarms)
        if past or wanted:
            some += [(ring, State.OVER) for ring in reversed(book.past)]
        if wanted:
            some = [(ring, state) for ring, state in some if ring.number == wanted]
            if not some:
                raise LocalError("alarm.unknown", f"no alarm {wanted} rings or has rung lately")
        trial = keep.trial(found.now_ms)
        return {
            "alarms": [
                alarm_view(ring, state, lines.get(ring.line), book)
                for ring, state in some[:limit]
            ],
            "left_out": max(0, len(some) - limit),
            "tone": found.tone.value,
            "sounding": list(found.numbers),
            "silenced_ms": found.silenced_ms,
            "outputs": [self._output(one) for _, one in sorted(keep.outputs.all.items())],
            "heard": keep.outputs.heard(),
            "test": _trial(trial or book.test),
            "testing": trial is not None,
            "again_ms": found.again_ms,
            "exercise": self._desk.host.station.realm,
            "now_ms": found.now_ms,
        }  # fmt: skip

    def _output(self, output: Output) -> dict[str, Json]:
        heard = self._alarms.book.confirmed.get(output.name)
        return {
            "output": output.name,
            "kind": output.kind,
            "works": not output.failed,
            "why": output.why,
            "since_ms": output.since_ms,
            "tested": output.tested,
            "heard_ms": heard.at_ms if heard is not None else None,
            "heard_by": heard.officer if heard is not None else None,
        }

    # ------------------------------------------------------------------------------ officers

    async def _silence(self, args: Arguments) -> Json:
        officer = _officer(args)
        args.done()
        return self._told(await self._alarms.silence(officer))

    async def _shelve(self, args: Arguments) -> Json:
        officer, number, reason = _officer(args), args.number("alarm"), _short(args.text("reason"))
        until_ms = args.number("until_ms", 0)
        minutes = args.number("minutes", 0)
        args.done()
        until_ms = until_ms or self._desk.now_ms() + minutes * _MINUTE_MS
        return self._told(await self._alarms.shelve(number, officer, reason, until_ms))

    async def _unshelve(self, args: Arguments) -> Json:
        officer, number = _officer(args), args.number("alarm")
        args.done()
        return self._told(await self._alarms.unshelve(number, officer))

    async def _see(self, args: Arguments) -> Json:
        officer, number, note = _officer(args), args.number("alarm"), _short(args.text("note", ""))
        args.done()
        return self._told(await self._alarms.saw(number, officer, note))

    # ------------------------------------------------------------------------------- outputs

    async def _test(self, args: Arguments) -> Json:
        officer = _officer(args)
        args.done()
        number = await self._alarms.test(officer)
        return {**self._told(await self._alarms.look()), "number": number}

    async def _heard(self, args: Arguments) -> Json:
        officer, number, names = _officer(args), args.number("number"), args.texts("output")
        args.done()
        await self._alarms.confirm(number, officer, names)
        return self._told(await self._alarms.look())

    async def _alive(self, args: Arguments) -> Json:
        name, run = _name(args.text("output")), args.text("run", "")
        if args.flag("gone", default=False):
            args.done()
            self._alarms.leave(name, run)
            return {"yours": True}
        kind = args.choice("kind", {each: each for each in KINDS}, "")
        well, why = args.flag("works", default=True), args.text("why", "")[:MAX_NOTE]
        next_ms, tested = args.number("next_ms"), args.number("tested", 0)
        args.done()
        if not run or len(run) > MAX_NAME:
            raise LocalError("act.argument", "act 'output_alive': argument 'run' is a short text")
        next_s = next_ms / 1000
        if not SHORTEST_S <= next_s <= LONGEST_S:
            raise LocalError(
                "act.argument",
                f"act 'output_alive': argument 'next_ms' is from {int(SHORTEST_S * 1000)} to"
                f" {int(LONGEST_S * 1000)}",
            )
        output = Output(name=name, kind=kind, run=run, at_ms=0, next_s=next_s, well=well, why=why,
                        tested=tested)  # fmt: skip
        return {"yours": self._alarms.beat(output)}


def _trial(trial: Trial | None) -> Json:
    if trial is None:
        return None
    heard: dict[str, Json] = {
        name: {"officer": note.officer, "at_ms": note.at_ms}
        for name, note in sorted(trial.heard.items())
    }
    return {"number": trial.number, "at_ms": trial.at_ms, "officer": trial.officer, "heard": heard}


def _officer(args: Arguments) -> str:
    return _name(args.text("officer"))


def _name(name: str) -> str:
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise LocalError("act.argument", f"a name has 1 to {MAX_NAME} printable letters")
    return name


def _short(text: str) -> str:
    if len(text) > MAX_NOTE:
        raise LocalError("act.argument", f"a reason or note has at most {MAX_NOTE} letters")
    return text
