"""What the parties asked, held, signed, said in public, linked and announced in an incident."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from tieline.desk.cli.show import View, text_of, views
from tieline.desk.incidentwords import moment, texts
from tieline.desk.report.pieces import Block, Cell, Heading, Line, Paragraph, Table, Tone, cell
from tieline.desk.report.reading import raw, whole
from tieline.desk.report.words import Said, Tongue

_BAD: Final = frozenset({"overdue", "declined", "not agreed", "void", "late", "made otherwise"})
_PARTS: Final = (
    ("questions", ("asked", "what", "state", "answer"), (2, 5, 3, 5)),
    ("holds", ("proposed", "what", "state", "bound"), (2, 4, 2, 6)),
    ("joints", ("statement", "text", "state", "signatures"), (2, 6, 2, 4)),
    ("publics", ("party", "state", "source", "hash"), (2, 3, 3, 6)),
    ("links", ("proposed", "incidents", "state", "answers"), (2, 5, 2, 4)),
    ("notices", ("notice", "what", "touches", "passed-on"), (2, 5, 2, 4)),
)
Row = tuple[Cell, ...]


def blocks(incident: View, say: Tongue) -> Iterator[Block]:
    """Questions, holds, joint statements, public statements, links and notices."""
    rows = {"questions": _question, "holds": _hold, "joints": _joint, "publics": _public,
            "links": _link, "notices": _notice}  # fmt: skip
    for name, heads, widths in _PARTS:
        yield from _titled(incident, name, rows[name], say.heads(*heads), widths, say)


def remarks(incident: View, say: Tongue) -> Iterator[Block]:
    """Lessons, concerns, and words on the standing of a party."""
    heads = say.heads("party", "what", "said")
    yield from _titled(incident, "remarks", _remark, heads, (2, 4, 7), say)


def _titled(
    incident: View,
    name: str,
    row: Callable[[View, Tongue], Row],
    heads: tuple[str, ...],
    widths: tuple[int, ...],
    say: Tongue,
) -> Iterator[Block]:
    yield Heading(say(f"report.{name}"))
    rows = tuple(row(one, say) for one in views(incident, name))
    if rows:
        yield Table(heads, widths, rows)
        return
    absent = name not in incident
    yield Paragraph(cell(Line(say("report.absent" if absent else "report.none"), Tone.FAINT)))


def _who(one: View) -> Cell:
    return cell(
        Line(text_of(one, "party"), Tone.STRONG),
        text_of(one, "dtg"),
        Line(text_of(one, "item")[:12], Tone.CODE),
    )


def _state(one: View, machine: str, say: Tongue) -> Line:
    state = text_of(one, "state")
    bad = state in _BAD
    said = say(f"{machine}.{state}")
    return Line(say.warn(said) if bad else said, Tone.WARN if bad else Tone.STRONG)


def _withdrawn(one: View, say: Tongue) -> str:
    by = text_of(one, "withdrawn_by")
    return say("report.taken-back", item=by[:12]) if by else ""


def _at(view: View, name: str, key: str, say: Tongue) -> str:
    """A time with its word (``report.KEY``); nothing where there is none."""
    return say(f"report.{key}", time=moment(view.get(name))) if _is(view, name) else ""


def _is(view: View, name: str) -> bool:
    return whole(view, name) is not None


# --------------------------------------------------------------------------------------- questions


def _question(one: View, say: Tongue) -> Row:
    asked: list[Line] = []
    for each in views(one, "about"):
        asked += [Line(text_of(each, "said"), Tone.STRONG), Line(raw(each, "words"), Tone.SAID)]
    asked.append(Line(raw(one, "words"), Tone.SAID))
    answer = text_of(one, "answer")
    return (
        cell(*_who(one), say("report.asked-of", party=text_of(one, "of"))),
        cell(*asked),
        cell(_state(one, "question", say), _at(one, "due_ms", "due", say),
             Line(say.warn(say("report.late")), Tone.WARN) if one.get("late") else "",
             _withdrawn(one, say)),
        cell(
            Line(answer[:12], Tone.CODE),
            text_of(one, "reason"),
            Line(raw(one, "answered"), Tone.SAID),
            *(say("report.relayed", item=item[:12]) for item in texts(one, "relayed")),
        ),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------- holds


def _hold(one: View, say: Tongue) -> Row:
    lines: list[Line] = []
    for bound in views(one, "bound"):
        until = _is(bound, "until_ms")
        said = say(
            "report.is-bound-until" if until else "report.is-bound",
            party=text_of(bound, "party"),
            time=moment(bound.get("from_ms")),
            end=moment(bound.get("until_ms")),
        )
        now = say.many((said, say("report.now"))) if bound.get("holds") else said
        lines.append(Line(now, Tone.STRONG))
    for reply in views(one, "replies"):
        says = say(f"stance.{text_of(reply, 'stance')}")
        lines.append(Line(_does(reply, says, _at(reply, "from_ms", "from", say), say)))
    lines += _compliance(one, say)
    return (
        _who(one),
        cell(Line(text_of(one, "title"), Tone.STRONG), text_of(one, "scope"),
             text_of(one, "area"), say("report.from", time=moment(one.get("from_ms"))),
             _at(one, "until_ms", "until", say)),
        cell(_state(one, "hold", say),
             say("report.binding", how=say(f"binding.{text_of(one, 'binding')}")),
             _withdrawn(one, say)),
        tuple(lines),
    )  # fmt: skip


def _does(one: View, says: Said, when: str, say: Tongue) -> Said:
    """What a party says or does, and when if that is known."""
    said = say("report.does", party=text_of(one, "party"), says=says)
    return say.many((said, when)) if when else said


def _compliance(one: View, say: Tongue) -> Iterator[Line]:
    for each in views(one, "compliance"):
        if each.get("own"):
            own = say(f"own.{text_of(each, 'own')}")
            yield Line(_does(each, own, _at(each, "at_ms", "at", say), say))
        if each.get("breach"):
            said = say("report.breach", party=text_of(each, "party"))
            yield Line(say.warn(said), Tone.WARN)


# ------------------------------------------------------------------------------- joint statements


def _joint(one: View, say: Tongue) -> Row:
    """A chain of versions: each text with its state, and who has signed it."""
    binding = text_of(one, "binding")
    text: list[Line] = []
    state: list[Line] = [
        Line(say("report.binds" if binding else "report.binds-nobody"), Tone.STRONG),
        Line(_at(one, "bound_ms", "since", say)),
    ]
    signed: list[Line] = []
    for number, version in enumerate(views(one, "versions"), 1):
        author, item = text_of(version, "author"), text_of(version, "item")[:12]
        at = moment(version.get("at_ms"))
        head = say("report.version-by", number=number, party=author, time=at, item=item)
        text += [
            Line(head, Tone.FAINT),
            Line(raw(version, "text"), Tone.SAID),
            Line(_at(version, "effective_ms", "takes-effect", say)),
            Line(say("report.reserve") if version.get("reserve") else ""),
        ]
        said = say(f"joint.{text_of(version, 'state')}")
        state.append(Line(say("report.of-version", number=number, said=said)))
        signed += _signed(version, number, say)
    for moot in views(one, "moved_nothing"):
        fault = text_of(moot, "fault")
        why = say(f"why.{fault}") if fault else text_of(moot, "why")
        said = say("report.moved-nothing", party=text_of(moot, "party"),
                   item=text_of(moot, "item")[:12], why=why)  # fmt: skip
        signed.append(Line(say.warn(said), Tone.WARN))
    return (
        cell(say.many(texts(one, "parties")), Line(text_of(one, "root")[:12], Tone.CODE)),
        cell(*text),
        cell(*state),
        cell(*signed),
    )


def _signed(version: View, number: int, say: Tongue) -> Iterator[Line]:
    def of(said: Said) -> Said:
        return say("report.of-version", number=number, said=said)

    for each in views(version, "signed"):
        said = say("report.signed-at", party=text_of(each, "party"),
                   time=moment(each.get("at_ms")), item=text_of(each, "item")[:12])  # fmt: skip
        yield Line(of(said))
    for each in views(version, "taken_back"):
        yield Line(of(say("report.took-back", party=text_of(each, "party"))))
    for name, key in (("missing", "not-signed"), ("unconfirmed", "not-confirmed")):
        codes = texts(version, name)
        if codes:
            yield Line(of(say(f"report.{key}", parties=say.many(codes))), Tone.FAINT)
    for each in views(version, "rejected"):
        key = f"report.{text_of(each, 'how')}-by"
        yield Line(say.warn(of(say(key, party=text_of(each, "party")))), Tone.WARN)
    for each in views(version, "late"):
        said = say("report.late-at", party=text_of(each, "party"), at=text_of(each, "at"),
                   time=moment(each.get("time_ms")))  # fmt: skip
        yield Line(say.warn(of(said)), Tone.WARN)
    for each in views(version, "compliance"):
        says = say(f"own.{text_of(each, 'says')}")
        yield Line(_does(each, says, _at(each, "at_ms", "at", say), say))
    for name, key in (("signed_two_texts", "two-texts"), ("two_stories", "two-stories"),
                      ("not_weighed", "not-weighed")):  # fmt: skip
        codes = texts(version, name)
        if codes:
            yield Line(say.warn(say(f"report.{key}", parties=say.many(codes))), Tone.WARN)


# ---------------------------------------------------------------------- in public, links, notices


def _public(one: View, say: Tongue) -> Row:
    made, planned = text_of(one, "made_hash"), text_of(one, "hash")
    other = made if made != planned else ""
    return (
        _who(one),
        cell(_state(one, "public", say), _at(one, "at_ms", "at", say), _withdrawn(one, say)),
        cell(Line(raw(one, "source"), Tone.SAID)),
        cell(
            Line(planned, Tone.CODE),
            Line(say.warn(say("report.made-otherwise")) if other else "", Tone.WARN),
            Line(other, Tone.CODE),
        ),
    )


def _link(one: View, say: Tongue) -> Row:
    answers = [
        _does(each, say(f"stance.{text_of(each, 'stance')}"), "", say)
        for each in views(one, "answers")
    ]
    return (
        _who(one),
        cell(*(Line(end, Tone.CODE) for end in texts(one, "ends")), text_of(one, "reason")),
        cell(_state(one, "link", say), _withdrawn(one, say)),
        cell(*answers),
    )


def _notice(one: View, say: Tongue) -> Row:
    passed = [
        say("report.passed-to", party=text_of(each, "party"), unit=text_of(each, "unit") or "?",
            time=moment(each.get("at_ms")))
        for each in views(one, "passed")
    ]  # fmt: skip
    none = Line(say.warn(say("report.passed-none")), Tone.WARN)
    over = Line(say.warn(say("report.notice-over")) if one.get("over") else "", Tone.FAINT)
    return (
        _who(one),
        cell(Line(text_of(one, "title"), Tone.STRONG), Line(raw(one, "text"), Tone.SAID),
             _at(one, "from_ms", "from", say), _at(one, "until_ms", "until", say)),
        cell(say(f"how.{text_of(one, 'how')}"), over),
        cell(*passed) or cell(none),
    )  # fmt: skip


def _remark(one: View, _: Tongue) -> Row:
    return (
        _who(one),
        cell(text_of(one, "title"), text_of(one, "about")),
        cell(text_of(one, "said"), Line(raw(one, "words"), Tone.SAID)),
    )
