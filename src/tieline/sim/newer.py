"""One station of a later version of the software, as far as that shows in what it signs.

Its statements have keys that nobody here knows, in the statement and in its body. The others have
to keep them byte for byte, since a signature covers them and a log's hashes do, and to go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from tieline.core import statement
from tieline.core.encode import Value
from tieline.core.events import Event
from tieline.core.statement import Content, Place
from tieline.core.terms import Now
from tieline.node.runtime import Runtime

LATER: Final = 40  # a key that no version so far has
BODY: Final = 16
_Payload = Callable[[Place, Content], dict[int, Value]]


class NewerRuntime(Runtime):
    """A runtime whose station is of a later version while it takes its turn."""

    speaking = False

    def turn(self, events: Iterable[Event], now: Now) -> None:
        """See ``Runtime``."""
        NewerRuntime.speaking = True
        try:
            super().turn(events, now)
        finally:
            NewerRuntime.speaking = False


@contextmanager
def later_version() -> Iterator[None]:
    """Let what a ``NewerRuntime`` signs have keys of a later version for a while."""
    known: _Payload = statement._payload  # noqa: SLF001 - the one place where a statement is made

    def payload(place: Place, content: Content) -> dict[int, Value]:
        fields = known(place, content)
        if not NewerRuntime.speaking:
            return fields
        body = fields.get(BODY)
        if isinstance(body, dict):
            fields[BODY] = {**body, LATER: (1, "in a later version", b"\0")}
        return {**fields, LATER: {1: place.position, 2: "what a later version says"}}

    setattr(statement, "_payload", payload)  # noqa: B010 - a function everywhere else
    try:
        yield
    finally:
        setattr(statement, "_payload", known)  # noqa: B010
