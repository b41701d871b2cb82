"""The simulated officers: what they say, and what they answer.

An officer speaks when chance says so: messages of every precedence, citations, corrections,
cancellations and supersessions of their own, acknowledgements, read-backs and passings-on of what
is shown to them, watches that close, suspensions and their end, joint statements, line tests. They
double-click, and they ask again with the same key after a restart, since they cannot know whether
the first time had worked. They see only what their own station shows them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tieline.core.statement import (
    WANT_ACKNOWLEDGE,
    WANT_PASS_ON,
    WANT_READ_BACK,
    Body,
    Content,
    Ref,
)
from tieline.core.terms import Kind, Precedence, RefRole, Role

_WORDS = (
    "unidentified object fell near the border",
    "we have no launch on record at that hour",
    "неопознанный объект упал возле границы",
    "request an explanation within two hours",
    "the exercise in sector four ends at 1800Z",
    "our aircraft will stay north of the line",
    "мы закрываем воздушное пространство",
    "this is an accident, not an act",
)
_RECENT = 24


@dataclass(frozen=True, slots=True)
class Shown:
    """A statement as an officer saw it come up."""

    digest: bytes
    kind: Kind
    party: str
    wants: int
    to: tuple[str, ...]
    parties: tuple[str, ...]


@dataclass(slots=True)
class Pending:
    """An act that its officer has not had an answer to."""

    machine: int
    content: Content | None
    key: str
    asked_ms: int
    life: int  # of the machine, when it was asked


@dataclass(slots=True)
class Officer:
    """The watch at one station."""

    party: str
    others: tuple[str, ...]
    chance: random.Random
    name: str = ""
    serial: int = 0
    own: list[bytes] = field(default_factory=list)
    seen: list[Shown] = field(default_factory=list)
    to_do: list[Shown] = field(default_factory=list)
    suspended: bool = False
    staffed: bool = True
    drafts: list[int] = field(default_factory=list)

    def show(self, item: Shown) -> None:
        """A statement event reached the desk."""
        if item.party == self.party:
            self.own.append(item.digest)
            return
        self.seen.append(item)
        addressed = not item.to or self.party in item.to
        joint = item.kind is Kind.JOINT and self.party in item.parties
        if joint or (addressed and item.wants):
            self.to_do.append(item)

    def next_key(self) -> str:
        """A fresh idempotency key."""
        self.serial += 1
        return f"{self.name or self.party}-{self.serial}"

    def speak(self) -> Content:
        """Something to say of one's own accord."""
        draw = self.chance.randrange(100)
        if draw < 4:
            self.suspended = not self.suspended
            kind = Kind.SUSPEND if self.suspended else Kind.RESUME
            cause = Body(cause="by order") if self.suspended else Body()
            return Content(kind=kind, body=cause, role=Role.TREATY_OFFICER)
        if draw < 8:
            self.staffed = not self.staffed
            return Content(
                kind=Kind.WATCH,
                body=Body(staffed=self.staffed, cause="shift"),
                role=Role.WATCH_OFFICER,
            )
        if draw < 12 and self.others:
            return self._joint()
        return self._message()

    def _joint(self) -> Content:
        parties = tuple(sorted({self.party, *self._some(self.others)}))
        return Content(
            kind=Kind.JOINT,
            body=Body(text=self._text(), lang="en", parties=parties),
            precedence=Precedence.PRIORITY,
            role=Role.TREATY_OFFICER,
        )

    def _message(self) -> Content:
        refs: list[Ref] = []
        if self.own and self.chance.random() < 0.25:
            role = self.chance.choice((RefRole.CORRECTS, RefRole.CANCELS, RefRole.SUPERSEDES))
            refs.append(Ref(self.chance.choice(self.own[-_RECENT:]), role))
        if self.seen and self.chance.random() < 0.4:
            role = self.chance.choice((RefRole.CONCERNS, RefRole.ANSWERS, RefRole.PREDECESSOR))
            target = self.chance.choice(self.seen[-_RECENT:]).digest
            refs.append(Ref(target, role))
        to = self._some(self.others) if self.chance.random() < 0.4 else ()
        wants = self.chance.choice(
            (-1, -1, 0, WANT_ACKNOWLEDGE | WANT_READ_BACK, WANT_ACKNOWLEDGE | WANT_PASS_ON)
        )
        return Content(
            kind=Kind.MESSAGE,
            body=Body(text=self._text(), lang="en"),
            precedence=self.chance.choice(tuple(Precedence)),
            role=self.chance.choice((Role.WATCH_OFFICER, Role.TREATY_OFFICER)),
            to=to,
            wants=wants,
            refs=tuple(refs),
        )

    def answer(self, now_ms: int) -> Content | None:
        """The next answer owed for what was shown, if any; ``now_ms`` is the desk's clock."""
        if not self.to_do:
            return None
        item = self.to_do.pop(self.chance.randrange(len(self.to_do)))
        cite = (Ref(item.digest, RefRole.ANSWERS),)
        if item.kind is Kind.JOINT and self.chance.random() < 0.5:
            return Content(kind=Kind.ASSENT, role=Role.TREATY_OFFICER, refs=cite)
        if item.wants & WANT_READ_BACK and self.chance.random() < 0.6:
            return Content(
                kind=Kind.READ_BACK,
                body=Body(text="I read: " + self._text(), lang="en"),
                role=Role.WATCH_OFFICER,
                refs=cite,
            )
        if item.wants & WANT_PASS_ON and self.chance.random() < 0.6:
            return Content(
                kind=Kind.PASS_ON,
                body=Body(unit="7 Brigade", at_ms=now_ms),
                role=Role.WATCH_OFFICER,
                refs=cite,
            )
        return Content(kind=Kind.ACKNOWLEDGE, role=Role.WATCH_OFFICER, refs=cite)

    def _some(self, codes: tuple[str, ...]) -> tuple[str, ...]:
        count = self.chance.randint(1, len(codes))
        return tuple(sorted(self.chance.sample(codes, count)))

    def _text(self) -> str:
        return f"{self.chance.choice(_WORDS)} ({self.chance.randrange(10_000)})"
