"""What somebody new may try at a desk, and which of it the record shows done.

Theory. Each step is a sentence, where to do it, and a question to the board (what the stations'
own streams have shown) or to the road between the parties. Nothing is ticked by a click on the
list: what is done is done on the line. Only that a file was checked is not on any record; the
start page checks one itself, and counts that.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tieline.desk.words import Words
from tieline.exercise.board import Board, Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. ``more``: what has been done of it so far, or what to look at."""

    name: str
    how: str
    place: str
    done: bool
    more: str = ""


@dataclass(slots=True)
class Seen:
    """What no record holds: the switch of the line, and the files that were checked."""

    cuts: int = 0
    healed: int = 0
    first_cut_ms: int = 0
    last_heal_ms: int = 0
    verified: bool = False
    files: list[str] = field(default_factory=list)


def steps(board: Board, seen: Seen, party: str, words: Words) -> tuple[Step, ...]:
    """The five steps for who sits at the desk of ``party``, in the language of ``words``."""
    said = [one for one in board.statements.values() if one.party == party]
    theirs = [one for one in board.statements.values() if one.party != party]
    first = next((one for one in theirs if one.precedence == "FLASH"), None)
    joint = next((one for one in theirs if one.kind == "joint"), None)
    incident = f"/incident/{first.item if first else ''}"
    account = any("account" in one.view.text("form", "") for one in said)
    signed = joint is not None and any(
        one.kind == "assent" and one.target == joint.item for one in said
    )
    other = next((code for code in board.desks if code != party), "?")
    say, crossed = words.say, _crossed(board, seen, said)
    return (
        Step(
            name=say("start.step1", party=other),
            how=say("start.step1.how", button=say("desk.watch.acknowledge")),
            place=f"/item/{first.item}" if first else "/",
            done=first is not None and _answered(said, first, "acknowledge"),
            more="" if first else say("start.step1.more"),
        ),
        Step(
            name=say("start.step2"),
            how=say("start.step2.how"),
            place=incident if first else "/",
            done=account,
            more=say("start.step2.more") if account else "",
        ),
        Step(
            name=say("start.step3"),
            how=say("start.step3.how", down=say("desk.state.down")),
            place="/compose",
            done=crossed,
            more="" if crossed else _line(seen, words),
        ),
        Step(
            name=say("start.step4"),
            how=say("start.step4.how", party=other),
            place=f"/joint/{joint.item}" if joint else "/incidents",
            done=signed,
            more="" if joint else say("start.step4.more"),
        ),
        Step(
            name=say("start.step5"),
            how=say("start.step5.how", record=say("desk.nav.record")),
            place="/record/files",
            done=seen.verified,
        ),
    )


def _answered(said: list[Shown], item: Shown, kind: str) -> bool:
    return any(one.kind == kind and one.target == item.item for one in said)


def _crossed(board: Board, seen: Seen, said: list[Shown]) -> bool:
    """Whether something that was written while the line was cut is with the other side now."""
    if not seen.healed:
        return False
    return any(
        seen.first_cut_ms <= one.claimed_ms <= seen.last_heal_ms
        and all(one.item in desk.shown for desk in board.desks.values())
        for one in said
    )


def _line(seen: Seen, words: Words) -> str:
    if seen.cuts > seen.healed:
        return words.say("start.step3.cut")
    return words.say("start.step3.back") if seen.healed else ""
