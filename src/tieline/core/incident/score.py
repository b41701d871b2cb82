"""How each party did in an exercise: counted and timed from the incidents as they were folded.

A score is no opinion. What a party first said, what it was asked and answered, what it corrected
and took back, what it closed: all this is what the incidents' own views say, so second stories,
words of others, what breaks its form and what was taken back count here as they count there, which
is for nothing. How long a message waited to be read and understood is what the ladder says, by the
reader's clock against the writer's. What a party owed is what the agreements' ledger says.

Spans are ms. They count from when the first incident occurred, the one that was opened first, as
``figures.start_of`` has it; what was first said of its facts is what was said in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tieline.core.incident.account import Standing
from tieline.core.incident.entry import Entry
from tieline.core.incident.figures import Reached, first_words, start_of
from tieline.core.incident.look import View
from tieline.core.incident.states import QuestionState
from tieline.core.terms import Kind, Rung

_SAID: Final = frozenset({Kind.MESSAGE, Kind.JOINT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a score is made of. All of it up to one moment, such as the end of an exercise.

    ``views``: the incidents, in the order in which they were opened. ``entries``: every statement
    of the line that is ``counted``, of whatever incident or none. ``wants``: the rungs that a
    message asks for. ``owed``: debtor and state of each obligation. ``bound``: the parties of each
    joint statement that binds.
    """

    views: Sequence[View]
    entries: Collection[Entry]
    wants: Callable[[Entry], Sequence[Rung]]
    reached: Reached
    owed: Iterable[tuple[str, str]] = ()
    bound: Iterable[Sequence[str]] = ()


@dataclass(slots=True)
class Score:
    """One party's. ``None``: it never came to that."""

    party: str
    messages: int = 0
    first_word_ms: int | None = None
    first_fact_ms: int | None = None
    to_read: int = 0
    read_ms: list[int] = field(default_factory=list)
    to_understand: int = 0
    understood_ms: list[int] = field(default_factory=list)
    asked: int = 0
    questions: Counter[QuestionState] = field(default_factory=Counter)
    answer_ms: list[int] = field(default_factory=list)
    answered_late: int = 0
    corrected: int = 0
    taken_back: int = 0
    signed: int = 0
    took_part: int = 0
    closed: int = 0
    owed: Counter[str] = field(default_factory=Counter)


def counted(entry: Entry) -> bool:
    """Whether an entry is a message that a score looks at, whatever it is in."""
    return entry.kind in _SAID and not entry.story


def scores(played: Played, parties: Iterable[str]) -> tuple[int | None, dict[str, Score]]:
    """From when spans count, and how each party did; the same in any order of statements."""
    found = {code: Score(code) for code in parties}
    begin = _begin(played)
    for entry in played.entries:
        if counted(entry):
            _message(entry, found, played, begin or 0)
    for party, at in first_words(played.views[0]).items() if played.views else ():
        if party in found:
            found[party].first_fact_ms = max(0, at - (begin or 0))
    for view in played.views:
        _incident(view, found)
    for debtor, state in played.owed:
        if debtor in found:
            found[debtor].owed[state] += 1
    for signers in played.bound:
        for code in signers:
            if code in found:
                found[code].signed += 1
    return begin, found


def _begin(played: Played) -> int | None:
    """When the first incident occurred; of a line without one, its first message."""
    if played.views:
        return start_of(played.views[0])[0]
    said = (one.time_ms for one in played.entries if counted(one))
    return min(said, default=None)


def _earlier(one: int | None, other: int) -> int:
    return other if one is None else min(one, other)


def _message(entry: Entry, found: Mapping[str, Score], played: Played, begin: int) -> None:
    author = found.get(entry.party)
    if author is None:
        return  # who plays no part asks nobody to read
    author.messages += 1
    if entry.time_ms >= begin:
        author.first_word_ms = _earlier(author.first_word_ms, entry.time_ms - begin)
    wanted = played.wants(entry)
    reached = played.reached(entry) if wanted else {}
    for party, score in found.items():
        if party == entry.party or (entry.to and party not in entry.to):
            continue
        rungs = reached.get(party, {})
        back = rungs.get(Rung.READ_BACK)
        if Rung.ACKNOWLEDGED in wanted:
            score.to_read += 1
            times = [at for at in (rungs.get(Rung.ACKNOWLEDGED), back) if at is not None]
            score.read_ms += [max(0, min(times) - entry.time_ms)] if times else []
        if Rung.READ_BACK in wanted:
            score.to_understand += 1
            score.understood_ms += [] if back is None else [max(0, back - entry.time_ms)]


def _incident(view: View, found: Mapping[str, Score]) -> None:
    for one in view.questions:
        score_of = found.get(one.of)
        if score_of is None or one.state is QuestionState.WITHDRAWN:
            continue
        score_of.asked += 1
        score_of.questions[one.state] += 1
        if one.answer is not None and one.state is QuestionState.ANSWERED:
            score_of.answer_ms.append(max(0, one.answer.time_ms - one.ask.time_ms))
            score_of.answered_late += one.late
    _changes(view, found)
    closure = view.head.closure
    closed = {party for party, _ in closure.closed_by}
    for party in closure.parties:
        if party in found:
            found[party].took_part += 1
            found[party].closed += party in closed


def _changes(view: View, found: Mapping[str, Score]) -> None:
    """Accounts that were corrected and taken back, message by message."""
    for standing in (Standing.REPLACED, Standing.CANCELLED):
        changed = {
            version.entry.digest: account.party
            for account in (*view.accounts, *view.attribution)
            for version in account.versions
            if version.standing is standing
        }
        for party, count in Counter(changed.values()).items():
            if party in found and standing is Standing.REPLACED:
                found[party].corrected += count
            elif party in found:
                found[party].taken_back += count
