"""What alarms have told of and is yet to come onto the record, for one line.

A deadline that passes, a default of an agreement and a line test that nobody called raise an alarm,
and the station puts the silence on the record by itself. The alarm is committed at once; the
statement has to be signed, and may have to wait for a confirmation of the log in use. Who ends in
between has reported it for ever. So the alarm's fact in the journal holds what is to be said, and a
later life says it. Where it could not be signed, this life tries again after ``RETRY_MS``.

Who is no member of the line, or only observes, says nothing meanwhile and loses nothing: it is said
when a charter lets the station speak again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieline.core.statement import Body, Content, Ref
from tieline.core.terms import Kind, Precedence, RefRole, Rung

if TYPE_CHECKING:
    from tieline.core.log import Item

__all__ = ["RETRY_MS", "Name", "Unsaid", "content_of_default", "content_of_silence", "name_of"]

RETRY_MS: Final = 60_000  # after the key failed; an officer who unlocks it waits no longer

Name = tuple[bytes, str, int, str, int, int]
"""What tells one silence of a station from another; see ``name_of``."""
_NONE: Final = -1


def name_of(content: Content) -> Name:
    """The statement, the party, the rung, the rule, the slot and when it was due.

    When it was due counts only of what is on no statement (the calendar began it, or a slot did):
    another life of the station may have named the time of a deadline otherwise. Of a slot it tells
    how the charter of that time numbered.
    """
    body = content.body
    slot = _NONE if body.slot is None else body.slot
    at_ms = None if content.refs else body.due_ms
    return (
        content.refs[0].target if content.refs else b"",
        body.party or "",
        int(body.rung or 0),
        content.form,
        slot,
        _NONE if at_ms is None else at_ms,
    )


class Unsaid:
    """Silences that the journal has an alarm of, and the record no statement."""

    def __init__(self) -> None:
        self.waiting: dict[Name, Content] = {}
        # Of ours on the record that no alarm of this store told of: a life that it does not know
        # said them. Those of a rung are not here, as the ladder has them.
        self.strange: set[Name] = set()
        self._told: set[Name] = set()  # this life has said it, or is about to
        self._again_ms = 0  # on the deadline clock: what was not told waits until then

    def owe(self, content: Content, *, told: bool) -> None:
        """An alarm has told of it. ``told``: who raises it says the silence itself."""
        name = name_of(content)
        self.waiting[name] = content
        if told:
            self._told.add(name)

    def take(self, mono_ms: int) -> list[Content]:
        """What this life has not said yet: it does now, unless the key has just failed."""
        if mono_ms < self._again_ms:
            return []
        found = [name for name in self.waiting if name not in self._told]
        self._told.update(found)
        return [self.waiting[name] for name in found]

    def failed(self, content: Content, mono_ms: int) -> None:
        """It could not be said: it is tried again after a pause, as all that waits."""
        if content.kind is Kind.SILENCE and (name := name_of(content)) in self.waiting:
            self._told.discard(name)
            self._again_ms = mono_ms + RETRY_MS

    def is_strange(self, content: Content) -> bool:
        """Whether a life of which this store does not know has put it on the record."""
        return name_of(content) in self.strange

    def is_said(self, content: Content) -> bool:
        """Whether it is on the record already: a life of which we did not know said it."""
        return content.kind is Kind.SILENCE and name_of(content) not in self.waiting

    def note(self, content: Content) -> None:
        """A silence of ours came onto the record, or is not to be said any more."""
        name = name_of(content)
        known = self.waiting.pop(name, None) is not None
        self._told.discard(name)
        if not known and not (content.refs and content.body.rung):
            self.strange.add(name)

    def drop_tests(self) -> None:
        """Slots have other numbers, or other callers, from now on."""
        for content in [each for each in self.waiting.values() if each.body.slot is not None]:
            self.note(content)

    def wakeup(self) -> int | None:
        """When something is to be said that this life has not said yet, in ``mono_ms``."""
        return self._again_ms if self.waiting.keys() - self._told else None


def content_of_silence(
    item: Item | None, party: str, rung: Rung, due_ms: int, attempts: int, cause: str, slot: int
) -> Content:
    """The statement that puts a silence on record: who owed what, since when, what was tried."""
    body = Body(
        party=party,
        rung=rung,
        due_ms=due_ms,
        attempts=attempts,
        cause=cause[:200] or None,
        slot=slot if slot >= 0 else None,
    )
    refs = (Ref(item.statement.digest, RefRole.CONCERNS),) if item else ()
    return Content(kind=Kind.SILENCE, body=body, precedence=Precedence.ROUTINE, refs=refs)


def content_of_default(
    item: Item | None,
    rule: str,
    version: int,
    party: str,
    due_ms: int,
    attempts: int,
    cause: str,
) -> Content:
    """The statement that puts on record that a party has not done what a rule asks of it."""
    body = Body(party=party, due_ms=due_ms, attempts=attempts, cause=cause[:200] or None)
    refs = (Ref(item.statement.digest, RefRole.CONCERNS),) if item else ()
    return Content(kind=Kind.SILENCE, body=body, form=rule, form_version=version, refs=refs)
