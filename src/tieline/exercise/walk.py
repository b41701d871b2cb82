"""What somebody new may try at a desk, and which of it the record shows done.

Theory. Each step is a sentence, where to do it, and a question to the board (what the stations'
own streams have shown) or to the road between the parties. Nothing is ticked by a click on the
list: what is done is done on the line. Only that a file was checked is not on any record; the
start page checks one itself, and counts that.
"""

from __future__ import annotations

from dataclasses import dataclass, field

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


def steps(board: Board, seen: Seen, party: str) -> tuple[Step, ...]:
    """The five steps for who sits at the desk of ``party``."""
    said = [one for one in board.statements.values() if one.party == party]
    theirs = [one for one in board.statements.values() if one.party != party]
    first = next((one for one in theirs if one.precedence == "FLASH"), None)
    joint = next((one for one in theirs if one.kind == "joint"), None)
    incident = f"/incident/{first.item if first else ''}"
    account = any("account" in one.view.text("form", "") for one in said)
    signed = joint is not None and any(
        one.kind == "assent" and one.target == joint.item for one in said
    )
    other = next((code for code in board.desks if code != party), "the other side")
    return (
        Step(
            name=f"Acknowledge {other}'s FLASH",
            how="It stands at the top of your watch. Press 'Read and acknowledge', read it,"
            " and press the button that says what is sent. Nothing is acknowledged for you.",
            place=f"/item/{first.item}" if first else "/",
            done=first is not None and _answered(said, first, "acknowledge"),
            more="" if first else "It comes in a few seconds.",
        ),
        Step(
            name="Say what you know, and compare the two accounts",
            how="Open the incident and give your own account: you count 4, they said 6. Afterwards"
            " the page sets both side by side, with who had read what.",
            place=incident if first else "/",
            done=account,
            more="Both accounts stand; where they differ it says so." if account else "",
        ),
        Step(
            name="Cut the line, write, and let it come back",
            how="Cut it with the switch on this page. At the desk the lamp says 'down'. Write a"
            " message and send it; the desk holds it for half a minute, in which it can be"
            " recalled. Then heal the line, and look how it arrives.",
            place="/compose",
            done=_crossed(board, seen, said),
            more=_line(seen),
        ),
        Step(
            name="Sign the joint statement, two officers",
            how=f"{other} proposes one. Sign it as the first officer; then sit down as the second,"
            " and release the signature with the password.",
            place=f"/joint/{joint.item}" if joint else "/incidents",
            done=signed,
            more="" if joint else "It is proposed two minutes and a half after the start.",
        ),
        Step(
            name="Write evidence, and have it checked",
            how="At the desk, under Record, write an evidence file of the line. Give it to the"
            " checker below: a program that knows neither desk and trusts neither side.",
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


def _line(seen: Seen) -> str:
    if seen.cuts > seen.healed:
        return "The line is cut. Write something at the desk, then heal the line."
    return "It was cut and is back; nothing was sent meanwhile." if seen.healed else ""
