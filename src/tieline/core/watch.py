"""The watch on one line: deadlines that ran down, line tests, and the state of each link.

Silence is data. A deadline that passes raises one alarm, and when it was ours to expect an answer
it becomes a signed statement on the record that says who owed what, since when, and how often it
was tried. What a link is worth is said in one of a few words, and every change of it is kept.
"""

from __future__ import annotations

from typing import Final

from tieline.core import notes, speech
from tieline.core.errors import LocalError
from tieline.core.events import Owed, Touched
from tieline.core.journal import Alarm, Attempt, Origin, StateChange
from tieline.core.ladder import Due
from tieline.core.line import Line, Link
from tieline.core.linetest import initiator, slot_at, slot_start_ms
from tieline.core.record import Item
from tieline.core.slots import first_slot
from tieline.core.statement import Content
from tieline.core.terms import LineState, Precedence, Role, Rung, dtg
from tieline.core.turn import Turn
from tieline.core.unsaid import content_of_default, content_of_silence

_WORDS: Final = {
    Rung.HANDED_OVER: "handed over to a carrier for",
    Rung.RECEIVED: "received by the station of",
    Rung.ACKNOWLEDGED: "acknowledged by",
    Rung.READ_BACK: "read back by",
    Rung.PASSED_ON: "passed on by",
}
# Of a statement that rings: its precedence as it is in the code, and as it is said.
_NAMES: Final = {each: (each.name.lower(), each.name) for each in Precedence}


def tick(line: Line, turn: Turn) -> None:
    """Whatever the deadline clock has made due."""
    run_down = line.ladder.due(turn.now, line.charter, line.item)
    if not line.member:
        return  # who has left owes and expects nothing
    unsaid = [] if line.observes else line.ladder.unsaid.take(turn.now.mono_ms)
    for due in run_down:
        _missed(line, due, turn)
    for content in unsaid:
        if content.refs and line.item(content.refs[0].target) is None:
            line.ladder.unsaid.note(content)  # a charter has ended its log before it
        else:
            _say(line, content, turn)
    _line_tests(line, turn)
    notes.due(line, turn)


def wakeup(line: Line, wall_ms: int, mono_ms: int) -> int | None:
    """When the deadline clock next makes something due, in ``mono_ms``."""
    speaks = line.member and not line.observes
    unsaid = line.ladder.unsaid.wakeup() if speaks else None
    marks = (line.ladder.wakeup(), notes.wakeup(line), unsaid)
    times = [mark for mark in marks if mark is not None]
    slot = slot_at(wall_ms, line.charter)
    if slot is not None and line.own == line.lead(line.party):
        window_ms = line.charter.tests.window_s * 1000
        moments = [slot_start_ms(slot + 1, line.charter)]
        if line.slot_checked < slot:
            moments.append(slot_start_ms(slot, line.charter) + window_ms)
        times.extend(mono_ms + max(0, moment - wall_ms) for moment in moments)
    return min(times) if times else None


def carrier_news(line: Line, link: Link, attempt: Attempt, turn: Turn) -> None:
    """A carrier connected, lost or failed to reach a peer: kept, and the link judged anew."""
    match attempt.outcome:
        case "connected":
            link.sessions[attempt.carrier] = attempt.address
            link.last_heard_ms, link.heard_at = turn.now.wall_ms, turn.now.real_ms
            link.failed, link.attempts, link.cause = False, 0, ""
        case "lost":
            link.sessions.pop(attempt.carrier, None)
            link.cause = attempt.cause
        case _:
            link.failed = not link.sessions
            link.attempts += 1
            link.cause = attempt.cause
    turn.keep_attempt(line.id, attempt)
    judge_links(line, turn)


def judge_links(line: Line, turn: Turn) -> None:
    """Choose the state of every link anew and keep those that changed."""
    for station in sorted(line.links):
        link = line.links[station]
        state, cause = line.link_state(link, turn.now.real_ms)
        if (state, cause) == (link.state, link.stated):
            continue
        if state is not link.state or not link.since_ms:
            link.since_ms = turn.now.wall_ms
            if state is LineState.SILENT and link.last_heard_ms is not None:
                link.since_ms = link.last_heard_ms
        link.state, link.stated = state, cause
        change = StateChange(station=station, state=str(state), cause=cause, since_ms=link.since_ms)
        turn.keep_state(line.id, change)


def admitted(line: Line, item: Item, turn: Turn) -> None:
    """Raise the alarm that a newly come statement of another party calls for."""
    content = item.statement.content
    party = line.party_of(item.statement.place.station)
    if not item.second_story and not line.heard(item):
        _observer_spoke(line, item, party, turn)
    if not content.wants or item.second_story:
        return
    if line.party not in line.addressed(item):
        return
    if content.precedence < Precedence.IMMEDIATE:
        return
    name, word = _NAMES[content.precedence]
    turn.ring(
        line,
        Alarm(
            code=f"arrived.{name}",
            precedence=content.precedence,
            text=f"{word} from {party}, written"
            f" {dtg(item.statement.place.time_ms)}: acknowledge it",
            item=item.statement.digest,
            party=party,
        ),
    )


def _observer_spoke(line: Line, item: Item, party: str, turn: Turn) -> None:
    """An observer has signed something of its own: one alarm for each of its logs."""
    statement = item.statement
    alarm = Alarm(
        code="observer.spoke",
        precedence=Precedence.PRIORITY,
        text=f"{party} is an observer and has signed a statement, written"
        f" {dtg(statement.place.time_ms)}: it is kept and not heard; ask {party} what it means",
        item=statement.log,
        party=party,
    )
    turn.ring(line, alarm)


def owed(line: Line, news: Owed, turn: Turn) -> None:
    """An obligation of an agreement is overdue: one alarm for ever, on both sides, and a record.

    Of several stations of a party that it is owed to, one puts the silence on the record. Who owes
    puts nothing there: what it has not done is the other side's to say.
    """
    alarm = alarm_of(news)
    if alarm.cause in line.alarms or not line.member:
        return
    if not news.creditor or line.own != line.lead(line.party):
        turn.ring(line, alarm)
        return
    cause, attempts = _tries(line, news.debtor)
    content = content_of_default(
        line.item(news.trigger), news.rule, news.version, news.debtor, news.due_ms, attempts, cause
    )
    _ring_and_say(line, alarm, content, turn)


def touched(line: Line, news: Touched, turn: Turn) -> None:
    """A notice touches an incident: one alarm for the two, for ever."""
    if line.member:
        turn.ring(line, alarm_of(news))


def alarm_of(news: Owed | Touched) -> Alarm:
    """The alarm that such news raises, or has raised: by its cause one can ask for it."""
    precedence = Precedence(news.precedence)
    if isinstance(news, Owed):
        return Alarm(
            code=f"owed.{news.rule}", precedence=precedence, text=news.text, item=news.trigger,
            party=news.debtor,
        )  # fmt: skip
    # One notice may touch several incidents.
    return Alarm(
        code="notice.touches", precedence=precedence, text=news.text, item=news.notice,
        party=news.party, about=news.incident,
    )  # fmt: skip


def _tries(line: Line, party: str) -> tuple[str, int]:
    """Why a party may not have been reached, as far as our carriers know, and how often tried."""
    links = [k for k in line.links.values() if line.charter.party_of(k.station) == party]
    attempts = sum(link.attempts + len(link.sessions) for link in links)
    return next((link.cause for link in links if link.cause), ""), attempts


def _missed(line: Line, due: Due, turn: Turn) -> None:
    statement = due.item.statement
    ours = statement.place.station == line.own
    by = dtg(max(0, due.due_ms))
    if ours:
        text = f"not {_WORDS[due.rung]} {due.party} by {by}: {_title(statement.content)}"
    else:
        author = line.party_of(statement.place.station)
        text = f"we owe {author} a word: not {_WORDS[due.rung]} us by {by}"
    precedence = max(statement.content.precedence, Precedence.PRIORITY)
    alarm = Alarm(
        code=f"overdue.{due.rung.name.lower()}",
        precedence=precedence,
        text=text,
        item=statement.digest,
        party=due.party,
        rung=due.rung,
    )
    if not ours:
        turn.ring(line, alarm)
        return
    cause, attempts = _tries(line, due.party)
    content = content_of_silence(
        due.item, due.party, due.rung, max(0, due.due_ms), attempts, cause, -1
    )
    _ring_and_say(line, alarm, content, turn)


def _title(content: Content) -> str:
    if content.form:
        return f"{content.precedence.name} form {content.form}"
    return f"{content.precedence.name} {content.kind.name.lower().replace('_', ' ')}"


def _line_tests(line: Line, turn: Turn) -> None:
    """Call the test of a slot that has begun, when it is our turn; note one that nobody called."""
    charter = line.charter
    slot = slot_at(turn.now.wall_ms, charter)
    if slot is None or line.own != line.lead(line.party):
        return
    caller = initiator(slot, charter)
    if slot < max(line.slot_done, line.slot_checked):
        first_slot(line, turn.now)  # the clock was ahead and went back: slots count again from here
    if slot > line.slot_done:
        line.slot_done = slot
        if caller == line.party and slot not in line.tests:
            _say(line, speech.test_content(line, slot, Role.STATION), turn)
    due_ms = slot_start_ms(slot, charter) + charter.tests.window_s * 1000
    if slot > line.slot_checked and turn.now.wall_ms >= due_ms:
        line.slot_checked = slot
        if slot not in line.tests and caller != line.party:
            text = f"{caller} did not call the line test of {dtg(slot_start_ms(slot, charter))}"
            alarm = Alarm(
                code="test.missed", precedence=Precedence.PRIORITY, text=text, party=caller,
                item=slot.to_bytes(8, "big"),
            )  # fmt: skip
            if alarm.cause in line.alarms:
                return  # said before the clock went back
            content = content_of_silence(None, caller, Rung.RECEIVED, due_ms, 0, "", slot)
            _ring_and_say(line, alarm, content, turn)


def _ring_and_say(line: Line, alarm: Alarm, silence: Content, turn: Turn) -> None:
    """Tell the officer, and put the silence on the record: in a later life if not in this one."""
    if line.observes or line.ladder.unsaid.is_strange(silence):
        turn.ring(line, alarm)
    elif turn.ring(line, alarm, silence):
        _say(line, silence, turn)


def _say(line: Line, content: Content, turn: Turn) -> None:
    if line.observes:
        return  # what others owe is theirs to put on the record
    try:
        speech.say(line, content, Origin(), 0, turn)
    except LocalError as error:
        # Too much waits for the key: the alarm stands, and it is tried again.
        line.ladder.unsaid.failed(content, turn.now.mono_ms)
        alarm = Alarm(code=error.code, precedence=Precedence.FLASH, text=error.message)
        turn.ring(line, alarm)
