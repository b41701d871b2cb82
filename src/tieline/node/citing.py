"""What a message of an incident cites.

An officer names the incident. The rest follows: the promise that the message keeps, what its form
wants cited, and the opening of the incident, in a role that the form does not keep for something
else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tieline.core.agreement.model import Form, Pack, Predecessor
from tieline.core.agreement.reason import Obligation
from tieline.core.incident.book import Book
from tieline.core.incident.entry import Entry
from tieline.core.incident.states import PublicState
from tieline.core.statement import MAX_REFS, Ref
from tieline.core.terms import RefRole
from tieline.node.incidentforms import meeting

_CITES: Final = (RefRole.CONCERNS, RefRole.PREDECESSOR)
DISCHARGED: Final = 8  # promises that one message keeps


class Citing:
    """What a message of an incident cites: what was named, and what belongs cited besides."""

    def __init__(self, party: str, pack: Pack, form: Form, book: Book, refs: list[Ref]) -> None:
        self._party, self._pack, self._form, self._book = party, pack, form, book
        self._refs = refs
        self._openings: list[Ref] = []

    @staticmethod
    def plain(refs: tuple[Ref, ...], ids: list[bytes]) -> tuple[Ref, ...]:
        """The references of a text: it concerns the incidents that were named."""
        cited = {ref.target for ref in refs}
        return (*refs, *(Ref(one, RefRole.CONCERNS) for one in ids if one not in cited))

    def all(self, ids: list[bytes], owed: list[tuple[Obligation, Pack]]) -> None:
        """Cite promises kept, what the form wants cited, and the openings."""
        self.keep(owed)
        self.require([entry for one in ids for entry in self._book.members(one)])
        for one in ids:
            self.open(one)

    def keep(self, owed: list[tuple[Obligation, Pack]]) -> None:
        """Cite the promises that this message keeps."""
        wire = self._pack.form_id(self._form)
        kept = 0
        for one, pack in owed:
            by, role = meeting([self._pack], pack, one.rule)
            if wire in by and kept < DISCHARGED:
                self._add(Ref(one.trigger, role))
                kept += 1

    def require(self, members: list[Entry]) -> None:
        """Cite what the form wants cited and nobody named: our own newest, else another's."""
        for need in self._form.predecessors:
            if not need.required or any(self._meets(need, ref) for ref in self._refs):
                continue
            fit = [entry for entry in members if not entry.story and self._fits(need, entry)]
            fit.sort(key=lambda entry: (entry.party == self._party, entry.key))
            if fit:
                self._add(Ref(fit[-1].digest, need.role))

    def open(self, opening: bytes) -> None:
        """Cite the opening of the incident, in a role that the form does not keep for another."""
        if any(ref.target == opening for ref in self._refs):
            self._openings += [ref for ref in self._refs if ref.target == opening]
            return
        entry = self._book.entry(opening)
        for role in _CITES:
            needs = [need for need in self._form.predecessors if need.role is role]
            free = all(
                (entry is not None and self._fits(need, entry))
                or any(self._meets(need, ref) for ref in self._refs)
                for need in needs
            )
            if free:
                ref = Ref(opening, role)
                self._refs.append(ref)
                self._openings.append(ref)
                return

    def refs(self, *, attach: bool = False) -> tuple[Ref, ...]:
        """All of it. What attaches names the incident first: the rest is brought into it."""
        if not attach:
            return tuple(self._refs)[:MAX_REFS]
        first = [*dict.fromkeys(self._openings)]
        return (*first, *(ref for ref in self._refs if ref not in first))

    def _add(self, ref: Ref) -> None:
        if ref not in self._refs:
            self._refs.append(ref)

    def _meets(self, need: Predecessor, ref: Ref) -> bool:
        entry = self._book.entry(ref.target)
        return ref.role is need.role and entry is not None and self._fits(need, entry)

    def _fits(self, need: Predecessor, entry: Entry) -> bool:
        said = entry.said
        return said is not None and said.pack == self._pack.id and said.form in need.forms


def answers_too(book: Book, one: Obligation, refs: Iterable[Ref]) -> bool:
    """Whether a promise was made in an answer to what is answered now."""
    entry = book.entry(one.trigger)
    answered = {ref.target for ref in refs if ref.role is RefRole.ANSWERS}
    return entry is not None and not answered.isdisjoint(entry.cites(RefRole.ANSWERS))


def planned(book: Book, ids: Iterable[bytes], party: str) -> list[Ref]:
    """The statement that our party announced last, and of which it now says that it was made."""
    plans = [
        one.entry
        for id_ in ids
        for one in book.view(id_, 0).publics
        if one.state is PublicState.PLANNED and one.entry.party == party
    ]
    return [Ref(plans[-1].digest, RefRole.PREDECESSOR)] if plans else []
