"""Links: that two incidents are of one event. Nothing is merged, and either side can decline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.incident.entry import Entry
from tieline.core.incident.marks import Front, Marks, Saw, threads, withdrawal
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


def links(
    proposed: Sequence[Entry], others: Sequence[Entry], ends: Ends, marks: Marks, saw: Saw
) -> tuple[Link, ...]:
    """The links of an incident. ``others``: answers and withdrawals; all in display order."""
    said = threads(proposed, others, saw)
    found = ((one, ends(one)) for one in proposed if not one.story)
    return tuple(
        _link(one, joined, [answer for answer in said[one.digest] if marks.counts(answer)],
              marks, saw)
        for one, joined in found
        if len(joined) > 1
    )  # fmt: skip


def _link(
    entry: Entry,
    joined: tuple[tuple[bytes, str], ...],
    said: Sequence[Entry],
    marks: Marks,
    saw: Saw,
) -> Link:
    deciders = sorted({party for _, party in joined if party != entry.party})
    state = LINK.start(LinkEvent.PROPOSED)
    if not deciders:
        state = LINK.step(state, LinkEvent.ALL)
    fronts: dict[str, Front] = {}
    answers: dict[str, Entry] = {}
    for one in said:
        if one.act is not Act.LINK_ANSWER or one.party not in deciders or one.through:
            continue
        if _stance(one) not in _RANK:
            continue
        answers[one.party] = fronts.setdefault(one.party, Front(saw, _rank)).take(one)
        state = LINK.step(state, _sum(answers, deciders))
    withdrawn = withdrawal(entry, said, marks)
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


def _sum(answers: dict[str, Entry], deciders: list[str]) -> LinkEvent:
    if any(_stance(one) is Sense.NOT_AGREED for one in answers.values()):
        return LinkEvent.DECLINED
    return LinkEvent.ALL if len(answers) == len(deciders) else LinkEvent.SOME


def _stance(entry: Entry) -> Sense:
    return Sense.NONE if entry.said is None else entry.said.sense(Means.STANCE)


def _rank(entry: Entry) -> int:
    return _RANK[_stance(entry)]
