"""Joint statements out of the entries of a record: which entries make which chain, and how many.

An entry belongs to a chain when it cites a version or a signature that its author had read. Of each
log so many are weighed, in the order of that log (``JOINT_ACTS``); what is said beyond, and what is
said upon that, belongs to no chain. Both follow from the past of the one entry alone, so every
reader weighs the same of it, in whatever order it came, and nobody's flood changes what another's
log said.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import Final

from tieline.core.incident.entry import Entry, Knowing
from tieline.core.incident.joint import Fold
from tieline.core.incident.signing import Chain
from tieline.core.terms import Kind, RefRole

AMENDS: Final = (RefRole.PREDECESSOR, RefRole.CORRECTS, RefRole.SUPERSEDES)


class Taken(enum.Enum):
    """What an entry is to the chains that are weighed."""

    IDLE = "idle"  # of none of them, or nothing that another could cite
    WEIGHED = "weighed"  # a text or a signature; what cites it may be of the chain too
    BEYOND = "beyond"  # its log, or that of what it cites, had spent its purse


def chains(entries: Iterable[Entry], knowing: Knowing) -> tuple[Chain, ...]:
    """The joint statements among these entries, by their roots in display order.

    The entries must hold whatever cites a joint statement of theirs, or a signature of one; more
    does no harm. Their order does not matter.
    """
    weighing = Weighing(knowing)
    for entry in sorted(entries, key=lambda entry: entry.key):
        weighing.take(entry)
    return weighing.chains()


def parent(entry: Entry, texts: Callable[[bytes], Entry | None], knowing: Knowing) -> bytes | None:
    """The version that a joint statement takes the place of; ``None`` for one that begins anew.

    Of several that it names the first counts, so that nobody makes one chain of two. A text for
    other parties is another statement. ``texts``: a joint statement that is no second story.
    """
    for role, target in entry.refs:
        old = texts(target) if role in AMENDS and not entry.story else None
        if old is None or old.parties != entry.parties:
            continue
        own = role is RefRole.PREDECESSOR or old.party == entry.party
        if own and knowing.saw(entry, old):
            return target
    return None


def moves(entry: Entry) -> bool:
    """Whether an entry can do something to a chain that it cites, whatever its form may say.

    By what it is, and not by what can be read of it here: else who has a pack would weigh other
    entries of a log than who has not.
    """
    if entry.kind is Kind.MESSAGE:
        formed = entry.coded or entry.unread or entry.said is not None
        return formed or bool(entry.cites(RefRole.CANCELS))
    return entry.kind in (Kind.JOINT, Kind.ASSENT)


class Weighing:
    """Chains while they are read, entry by entry, in display order: causes come first."""

    def __init__(self, knowing: Knowing) -> None:
        self._knowing = knowing
        self._folds: dict[bytes, Fold] = {}
        self._of: dict[bytes, Fold] = {}  # by version, and by signature
        self._texts: dict[bytes, Entry] = {}  # also those beyond
        self._beyond: set[bytes] = set()  # texts

    def take(self, entry: Entry) -> Taken:
        """One more entry, later than all."""
        if entry.kind is Kind.JOINT and entry.parties:
            return self._text(entry)
        folds = [*dict.fromkeys(self._of[t] for t in entry.cites() if t in self._of)]
        if entry.story:
            for fold in folds:
                fold.take(entry)
            return Taken.IDLE
        if not moves(entry) or not entry.refs:
            return Taken.IDLE
        out = Taken.BEYOND if entry.cites()[0] in self._beyond else Taken.IDLE
        for fold in folds:
            read = fold.reads(entry)
            if read and not fold.pays(entry):
                out = Taken.BEYOND
                continue
            fold.take(entry)
            if read and entry.kind is Kind.ASSENT:
                self._of.setdefault(entry.digest, fold)
                return Taken.WEIGHED
        return out

    def _text(self, entry: Entry) -> Taken:
        if entry.story:
            for target in entry.cites():
                if target in self._of:
                    self._of[target].told(entry)
                    break
            return Taken.IDLE
        before = parent(entry, self._texts.get, self._knowing)
        self._texts[entry.digest] = entry
        fold = self._of.get(before) if before else Fold(entry.parties, self._knowing)
        self.beside(entry, fold)
        if fold is None or not fold.pays(entry):
            self._beyond.add(entry.digest)
            return Taken.BEYOND
        self._of[entry.digest] = fold
        self._folds.setdefault(fold.add(entry, before), fold)
        return Taken.WEIGHED

    def beside(self, entry: Entry, own: Fold | None = None) -> None:
        """A text that is none of a chain that it cites costs there what an act on it costs.

        So whatever is kept of a log beside a text has been paid for, and what is not kept is
        beyond for all: nobody fills that place with what costs nothing.
        """
        for fold in dict.fromkeys(self._of[t] for t in entry.cites() if t in self._of):
            if fold is not own and fold.reads(entry):
                fold.pays(entry)

    def spent(self, digest: bytes, log: bytes) -> bool:
        """Whether nothing more of a log is weighed in the chain of a statement."""
        fold = self._of.get(digest)
        return fold is not None and log in fold.over

    def chains(self) -> tuple[Chain, ...]:
        """What has become of each, in the order of the roots."""
        return tuple(fold.chain() for fold in self._folds.values())
