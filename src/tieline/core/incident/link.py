"""Links: that two incidents are of one event. Nothing is merged, and either side can decline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.incident.entry import Entry
from tieline.core.incident.heard import Folded, Heard, Settled, Tag
from tieline.core.incident.marks import Front, Marks, Saw, ordered
from tieline.core.incident.states import LINK, LinkEvent, LinkState

# What a link joins, and which parties opened it: the incidents by their names.
Ends = Callable[[Entry], tuple[tuple[bytes, str], ...]]
_RANK: Final = {Sense.NOT_AGREED: 0, Sense.AGREED: 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link. ``deciders``: whose word counts; ``answers``: what each of them says, and where."""

    entry: Entry
    ends: tuple[bytes, ...]
    state: LinkState
    deciders: tuple[str, ...]
    answers: tuple[tuple[str, Sense, bytes], ...] = ()
    withdrawn_by: bytes | None = None


def fold_link(
    entry: Entry, heard: Heard, ends: Ends, marks: Marks, saw: Saw
) -> Folded[Link] | None:
    """A link with what was said to it; ``None`` for one that does not join two incidents."""
    joined = ends(entry)
    if len(joined) < 2:
        return None
    link = _link(entry, joined, heard, marks, saw)
    open_ = link.state in (LinkState.PROPOSED, LinkState.ACCEPTED)
    settled = Settled((link,))
    return Folded(entry, (0 if open_ else 1, -entry.key[0]), lambda _, __: settled)


def _link(
    entry: Entry,
    joined: tuple[tuple[bytes, str], ...],
    heard: Heard,
    marks: Marks,
    saw: Saw,
) -> Link:
    deciders = sorted({party for _, party in joined if party != entry.party})
    state = LINK.start(LinkEvent.PROPOSED)
    if not deciders:
        state = LINK.step(state, LinkEvent.ALL)
    fronts: dict[str, Front] = {}
    answers: dict[str, Entry] = {}
    said = [one for party in deciders for one in heard.brief(Act.LINK_ANSWER, party)]
    for one in ordered(said):
        answers[one.party] = fronts.setdefault(one.party, Front(saw, _rank)).take(one)
        state = LINK.step(state, _sum(answers, deciders))
    withdrawn = heard.withdrawal(entry, marks)
    if withdrawn is not None:
        state = LINK.step(state, LinkEvent.WITHDRAWN)
    return Link(
        entry=entry,
        ends=tuple(id_ for id_, _ in joined),
        state=state,
        deciders=tuple(deciders),
        answers=tuple((party, _stance(one), one.digest) for party, one in sorted(answers.items())),
        withdrawn_by=None if withdrawn is None else withdrawn.digest,
    )


def tag(entry: Entry) -> Tag:
    """What an entry is to a link."""
    answers = entry.act is Act.LINK_ANSWER
    return Tag.NOTHING if answers and _stance(entry) not in _RANK else Tag.SAYS


def _sum(answers: dict[str, Entry], deciders: list[str]) -> LinkEvent:
    if any(_stance(one) is Sense.NOT_AGREED for one in answers.values()):
        return LinkEvent.DECLINED
    return LinkEvent.ALL if len(answers) == len(deciders) else LinkEvent.SOME


def _stance(entry: Entry) -> Sense:
    return Sense.NONE if entry.said is None else entry.said.sense(Means.STANCE)


def _rank(entry: Entry) -> int:
    return _RANK[_stance(entry)]
