"""What the parties say in public, or will: by hash, so that line and press can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.agreement.value import Hash
from tieline.core.incident.entry import Entry, Part, instant_ms
from tieline.core.incident.heard import Folded, Heard, Settled
from tieline.core.incident.marks import Marks
from tieline.core.incident.states import PUBLIC, PublicEvent, PublicState


@dataclass(frozen=True, slots=True, kw_only=True)
class Public:
    """One public statement. ``hash``: of its text as first said on the line; ``made_hash``: made.

    ``made``: the entry in which its party says that it was made; ``at_ms``: when it is or was made.
    """

    entry: Entry
    state: PublicState
    hash: bytes | None
    at_ms: int | None
    source: Part | None
    made: bytes | None = None
    made_hash: bytes | None = None
    withdrawn_by: bytes | None = None


def fold_public(entry: Entry, heard: Heard, marks: Marks) -> Folded[Public]:
    """A public statement with what was said to it.

    A statement that was made belongs to the planned one of the same party that it cites.
    """
    made = heard.brief(Act.PUBLIC, entry.party, entry.through)
    public = _public(entry, made, heard, marks)
    settled = Settled((public,))
    back = public.withdrawn_by is not None
    return Folded(entry, (1 if back else 0, -entry.key[0]), lambda _, __: settled)


def _public(entry: Entry, made: Sequence[Entry], heard: Heard, marks: Marks) -> Public:
    state = PUBLIC.start(PublicEvent.MADE if is_made(entry) else PublicEvent.PLANNED)
    planned = _hash(entry)
    for one in made:
        same = _hash(one) == planned
        state = PUBLIC.step(state, PublicEvent.SAME if same else PublicEvent.OTHER)
    back = marks.cancelled_by(entry)
    anew = marks.replaced_by(entry)
    if back is None and anew is not None and not heard.has(anew):
        back = anew
    if back is not None:
        state = PUBLIC.step(state, PublicEvent.WITHDRAWN)
    last = made[-1] if made else None
    said = None if entry.said is None else entry.said.answers
    return Public(
        entry=entry,
        state=state,
        hash=planned,
        at_ms=instant_ms(last or entry, Means.FROM),
        source=said.get(Means.SOURCE) if said else None,
        made=None if last is None else last.digest,
        made_hash=None if last is None else _hash(last),
        withdrawn_by=None if back is None else back.digest,
    )


def is_made(entry: Entry) -> bool:
    """Whether it says of a public statement that it was made."""
    return entry.said is not None and entry.said.sense(Means.STANCE) is Sense.MADE


def _hash(entry: Entry) -> bytes | None:
    part = None if entry.said is None else entry.said.answers.get(Means.HASH)
    return part.answer.digest if part and isinstance(part.answer, Hash) else None
