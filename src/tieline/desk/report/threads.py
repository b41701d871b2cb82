"""What the parties asked, held, signed, said in public, linked and announced in an incident."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from tieline.desk.cli.incidentwords import moment, texts
from tieline.desk.cli.incidentwords import words as said_as
from tieline.desk.cli.show import View, text_of, views
from tieline.desk.report import words
from tieline.desk.report.pieces import Block, Cell, Heading, Line, Paragraph, Table, Tone, cell
from tieline.desk.report.reading import raw, whole

ABSENT: Final = "the station that wrote this report does not weigh these yet; see the statements"
_BAD: Final = frozenset({"overdue", "declined", "not agreed", "void", "late", "made otherwise"})
Row = tuple[Cell, ...]


def blocks(incident: View) -> Iterator[Block]:
    """Questions, holds, joint statements, public statements, links and notices."""
    yield from _titled("Questions", incident, "questions", _question,
                       ("asked", "what", "state", "answer"), (2, 5, 3, 5))  # fmt: skip
    yield from _titled("Holds", incident, "holds", _hold,
                       ("proposed", "what", "state", "who is bound, who says what"),
                       (2, 4, 2, 6))  # fmt: skip
    yield from _titled("Joint statements", incident, "joints", _joint,
                       ("statement", "text", "state", "signatures"), (2, 6, 2, 4))  # fmt: skip
    yield from _titled("Said in public", incident, "publics", _public,
                       ("party", "state", "source", "hash of the text (SHA-256)"),
                       (2, 3, 3, 6))  # fmt: skip
    yield from _titled("Links with other incidents", incident, "links", _link,
                       ("proposed", "incidents", "state", "answers"), (2, 5, 2, 4))  # fmt: skip
    yield from _titled("Notices that touch it", incident, "notices", _notice,
                       ("notice", "what", "touches", "passed on"), (2, 5, 2, 4))  # fmt: skip


def remarks(incident: View) -> Iterator[Block]:
    """Lessons, concerns, and words on the standing of a party."""
    yield from _titled("Lessons and remarks", incident, "remarks", _remark,
                       ("party", "what", "said"), (2, 4, 7))  # fmt: skip


def _titled(
    title: str,
    incident: View,
    name: str,
    row: Callable[[View], Row],
    heads: tuple[str, ...],
    widths: tuple[int, ...],
) -> Iterator[Block]:
    yield Heading(title)
    rows = tuple(row(one) for one in views(incident, name))
    if rows:
        yield Table(heads, widths, rows)
        return
    absent = name not in incident
    yield Paragraph(cell(Line(ABSENT if absent else "none", Tone.FAINT)))


def _who(one: View) -> Cell:
    return cell(
        Line(text_of(one, "party"), Tone.STRONG),
        text_of(one, "dtg"),
        Line(text_of(one, "item")[:12], Tone.CODE),
    )


def _state(one: View, named: str = "") -> Line:
    state = text_of(one, "state")
    bad = state in _BAD
    said = named or state
    return Line(f"! {said}" if bad else said, Tone.WARN if bad else Tone.STRONG)


def _withdrawn(one: View) -> str:
    by = text_of(one, "withdrawn_by")
    return f"taken back by {by[:12]}" if by else ""


def _at(view: View, name: str, before: str) -> str:
    return f"{before} {moment(view.get(name))}" if whole(view, name) is not None else ""


# --------------------------------------------------------------------------------------- questions


def _question(one: View) -> Row:
    asked: list[Line] = []
    for each in views(one, "about"):
        asked += [Line(text_of(each, "said"), Tone.STRONG), Line(raw(each, "words"), Tone.SAID)]
    asked.append(Line(raw(one, "words"), Tone.SAID))
    state = said_as(f"question.{text_of(one, 'state')}")
    answer = text_of(one, "answer")
    return (
        cell(*_who(one), f"of {text_of(one, 'of')}"),
        cell(*asked),
        cell(_state(one, state), _at(one, "due_ms", "due"),
             Line("! late", Tone.WARN) if one.get("late") else "", _withdrawn(one)),
        cell(
            Line(answer[:12], Tone.CODE),
            text_of(one, "reason"),
            Line(raw(one, "answered"), Tone.SAID),
            *(f"relayed in {item[:12]}: it moves nothing" for item in texts(one, "relayed")),
        ),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------- holds


def _hold(one: View) -> Row:
    lines: list[Line] = []
    for bound in views(one, "bound"):
        now = ", now" if bound.get("holds") else ""
        lines.append(Line(
            f"{text_of(bound, 'party')} is bound from {moment(bound.get('from_ms'))}"
            f"{_at(bound, 'until_ms', ' until')}{now}", Tone.STRONG,
        ))  # fmt: skip
    for reply in views(one, "replies"):
        said = said_as(f"stance.{text_of(reply, 'stance')}")
        lines.append(Line(f"{text_of(reply, 'party')} {said}{_at(reply, 'from_ms', ', from')}"))
    lines += _compliance(one)
    return (
        _who(one),
        cell(Line(text_of(one, "title"), Tone.STRONG), text_of(one, "scope"),
             text_of(one, "area"), f"from {moment(one.get('from_ms'))}",
             _at(one, "until_ms", "until")),
        cell(_state(one), f"binding: {text_of(one, 'binding')}", _withdrawn(one)),
        tuple(lines),
    )  # fmt: skip


def _compliance(one: View) -> Iterator[Line]:
    for each in views(one, "compliance"):
        party = text_of(each, "party")
        if each.get("own"):
            own = said_as("own." + text_of(each, "own"))
            yield Line(f"{party} {own}{_at(each, 'at_ms', ' at')}")
        if each.get("breach"):
            yield Line(f"! {party} says that the other side does not keep it", Tone.WARN)


# ------------------------------------------------------------------------------- joint statements


def _joint(one: View) -> Row:
    """A chain of versions: each text with its state, and who has signed it."""
    binding = text_of(one, "binding")
    text: list[Line] = []
    state: list[Line] = [
        Line("BINDS" if binding else "binds nobody", Tone.STRONG),
        Line(_at(one, "bound_ms", "since")),
    ]
    signed: list[Line] = []
    for number, version in enumerate(views(one, "versions"), 1):
        author = f"{text_of(version, 'author')} {moment(version.get('at_ms'))}"
        text += [
            Line(f"version {number}, {author}, {text_of(version, 'item')[:12]}", Tone.FAINT),
            Line(raw(version, "text"), Tone.SAID),
            Line(_at(version, "effective_ms", "takes effect")),
            Line("without prejudice" if version.get("reserve") else ""),
        ]
        state.append(Line(f"version {number}: {text_of(version, 'state')}"))
        signed += _signed(version, number)
    for moot in views(one, "moved_nothing"):
        signed.append(Line(
            f"! {text_of(moot, 'party')} {text_of(moot, 'item')[:12]} moved nothing:"
            f" {text_of(moot, 'why')}", Tone.WARN,
        ))  # fmt: skip
    return (
        cell(", ".join(texts(one, "parties")), Line(text_of(one, "root")[:12], Tone.CODE)),
        cell(*text),
        cell(*state),
        cell(*signed),
    )


def _signed(version: View, number: int) -> Iterator[Line]:
    for each in views(version, "signed"):
        said = f"{text_of(each, 'party')} signed {moment(each.get('at_ms'))}"
        yield Line(f"version {number}: {said}, {text_of(each, 'item')[:12]}")
    for each in views(version, "taken_back"):
        yield Line(f"version {number}: {text_of(each, 'party')} took its signature back")
    for name, said in (("missing", "not signed by"), ("unconfirmed", "not confirmed by")):
        codes = texts(version, name)
        if codes:
            yield Line(f"version {number}: {said} {', '.join(codes)}", Tone.FAINT)
    for each in views(version, "rejected"):
        said = f"{text_of(each, 'how')} by {text_of(each, 'party')}"
        yield Line(f"! version {number}: {said}", Tone.WARN)
    for each in views(version, "late"):
        said = f"{text_of(each, 'party')} late at {text_of(each, 'at')}"
        yield Line(f"! version {number}: {said}, {moment(each.get('time_ms'))}", Tone.WARN)
    for each in views(version, "compliance"):
        says = said_as("own." + text_of(each, "says"))
        yield Line(f"{text_of(each, 'party')} {says}{_at(each, 'at_ms', ' at')}")
    for name, said in (("signed_two_texts", "signed two texts"), ("two_stories", "two stories")):
        codes = texts(version, name)
        if codes:
            yield Line(f"! {said}: {', '.join(codes)}", Tone.WARN)


# ---------------------------------------------------------------------- in public, links, notices


def _public(one: View) -> Row:
    made, planned = text_of(one, "made_hash"), text_of(one, "hash")
    return (
        _who(one),
        cell(_state(one), _at(one, "at_ms", "at"), _withdrawn(one)),
        cell(Line(raw(one, "source"), Tone.SAID)),
        cell(
            Line(planned, Tone.CODE),
            Line("! made in other words than the line was told:" if made and made != planned
                 else "", Tone.WARN),
            Line(made if made != planned else "", Tone.CODE),
        ),
    )  # fmt: skip


def _link(one: View) -> Row:
    return (
        _who(one),
        cell(*(Line(end, Tone.CODE) for end in texts(one, "ends")), text_of(one, "reason")),
        cell(_state(one), _withdrawn(one)),
        cell(*(f"{text_of(each, 'party')} {said_as('stance.' + text_of(each, 'stance'))}"
               for each in views(one, "answers"))),
    )  # fmt: skip


def _notice(one: View) -> Row:
    passed = [
        f"{text_of(each, 'party')} to {text_of(each, 'unit')} {moment(each.get('at_ms'))}"
        for each in views(one, "passed")
    ]
    return (
        _who(one),
        cell(Line(text_of(one, "title"), Tone.STRONG), Line(raw(one, "text"), Tone.SAID),
             _at(one, "from_ms", "from"), _at(one, "until_ms", "until")),
        cell(words.HOW.get(text_of(one, "how"), text_of(one, "how")),
             Line("! over or taken back", Tone.FAINT) if one.get("over") else ""),
        cell(*passed) or cell(Line("! to no unit, as far as the record says", Tone.WARN)),
    )  # fmt: skip


def _remark(one: View) -> Row:
    return (
        _who(one),
        cell(text_of(one, "title"), text_of(one, "about")),
        cell(text_of(one, "said"), Line(raw(one, "words"), Tone.SAID)),
    )
