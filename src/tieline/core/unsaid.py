"""What alarms have told of and is yet to come onto the record, for one line.

A deadline that passes, a default of an agreement and a line test that nobody called raise an alarm,
and the station puts the silence on the record by itself. The alarm is committed at once; the
statement has to be signed, and may have to wait for a confirmation of the log in use. Who ends in
between has reported it for ever. So the alarm's fact in the journal holds what is to be said, and a
later life says it.
"""

from __future__ import annotations

from typing import Final

from tieline.core.statement import Content
from tieline.core.terms import Kind

__all__ = ["Name", "Unsaid", "name_of"]

Name = tuple[bytes, str, int, str, int, int]
"""What tells one silence of a station from another; see ``name_of``."""
_NONE: Final = -1


def name_of(content: Content) -> Name:
    """The statement, the party, the rung, the rule, the slot and when it was due.

    When it was due counts only of what is on no statement and in no slot (the calendar began it):
    another life of the station may have named the time of a deadline otherwise.
    """
    body = content.body
    slot = _NONE if body.slot is None else body.slot
    at_ms = body.due_ms if not content.refs and body.slot is None else None
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
        self._told: set[Name] = set()  # this life has said it, or tried to

    def owe(self, content: Content, *, told: bool) -> None:
        """An alarm has told of it. ``told``: who raises it says the silence itself."""
        name = name_of(content)
        self.waiting[name] = content
        if told:
            self._told.add(name)

    def take(self) -> list[Content]:
        """What this life has not said yet: it does now."""
        found = [name for name in self.waiting if name not in self._told]
        self._told.update(found)
        return [self.waiting[name] for name in found]

    def is_said(self, content: Content) -> bool:
        """Whether it is on the record already: a life of which we did not know said it."""
        return content.kind is Kind.SILENCE and name_of(content) not in self.waiting

    def note(self, content: Content) -> None:
        """A silence of ours came onto the record, or is not to be said any more."""
        name = name_of(content)
        self.waiting.pop(name, None)
        self._told.discard(name)

    def drop_tests(self) -> None:
        """Slots have other numbers, or other callers, from now on."""
        for content in [each for each in self.waiting.values() if each.body.slot is not None]:
            self.note(content)

    @property
    def pending(self) -> bool:
        """Whether something is to be said that this life has not said yet."""
        return bool(self.waiting.keys() - self._told)
