"""Journals as stations leave them, made without stations: small, quick, and of every usual kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from tieline.core import statement
from tieline.core.checkpoint import (
    Receipt,
    SignedNote,
    body,
    cosign_message,
    log_signature,
    origin,
)
from tieline.core.crypto import pack_sign1
from tieline.core.frontier import Frontier
from tieline.core.journal import Fact, FactKind
from tieline.core.statement import Body, Content, Hold, Place, Ref, log_id
from tieline.core.terms import Kind, RefRole, Role
from tieline.node.auditwork import Row
from tieline.sim.cast import Cast, Member
from tieline.sim.plan import draw
from tieline.store import chain

START_MS = 1_668_523_200_000


@cache
def cast() -> Cast:
    plan = replace(draw(1, 1.0), parties=3, twins=1, forker=False, four_eyes=False)
    return Cast.of(replace(plan, test_interval_s=0))


@dataclass(slots=True)
class Author:
    """One log."""

    member: Member
    incarnation: bytes
    tree: Frontier = field(default_factory=Frontier)
    last: bytes | None = None
    unread: dict[bytes, bytes] = field(default_factory=dict)

    @property
    def log(self) -> bytes:
        return log_id(cast().line, self.member.station, self.incarnation)


class Journal:
    """Facts in order; every method adds one."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.now_ms = START_MS
        self.charter = 1
        self.authors = [Author(member, b"first...") for member in cast().members]
        self._add(FactKind.CHARTER, cast().charter.encode())

    def amend(self) -> None:
        self._add(FactKind.CHARTER, cast().amended.encode())
        self.charter = 2

    def reopen(self, who: int) -> None:
        """A station goes on in a fresh log."""
        old = self.authors[who]
        self.authors[who] = Author(old.member, b"second..", unread=dict(old.unread))
        if old.last is not None:
            self.authors[who].unread[old.log] = old.last

    def say(
        self,
        who: int,
        content: Content | None = None,
        *,
        reads: bool = True,
        kind: FactKind = FactKind.STATEMENT,
        **place: object,
    ) -> bytes:
        """The next statement of an author; ``place`` says what is to be other than it should."""
        author = self.authors[who]
        seen = sorted(tip[:16] for tip in author.unread.values()) if reads else []
        if reads:
            author.unread.clear()
        true = Place(
            line=cast().line, station=author.member.station, incarnation=author.incarnation,
            position=author.tree.size, previous=author.last, seen=tuple(seen),
            time_ms=self.now_ms, charter=self.charter,
        )  # fmt: skip
        where = replace(true, **place)  # type: ignore[arg-type]
        payload = statement.compose(where, content or message(len(self.facts)))
        signature = author.member.keys.sign(statement.to_sign(cast().realm, payload))
        raw = pack_sign1(payload, signature)
        self._add(kind, raw, author.log, where.position)
        digest = statement.statement_digest(raw)
        if kind is FactKind.STATEMENT:
            author.tree.add(0, digest)
            author.last = digest
        for other in self.authors:
            if other is not author:
                # A second story is read beside the log, and never again.
                other.unread[author.log if kind is FactKind.STATEMENT else digest] = digest
        return digest

    def fork(self, who: int, back: int) -> bytes:
        """A second story beside the statement that stands so many numbers before the end."""
        log = self.authors[who].log
        held = [fact for fact in self.facts if fact.log == log]
        position = len(held) - 1 - back
        previous = statement.statement_digest(held[position - 1].body) if position else None
        return self.tell(who, position, previous)

    def tell(self, who: int, position: int, previous: bytes | None) -> bytes:
        """A second story that follows anything."""
        second = FactKind.SECOND_STORY
        return self.say(who, reads=False, kind=second, position=position, previous=previous)

    def receipt(self, of: int, by: int, size: int | None = None) -> None:
        """A receipt for all of a log, or for what it was at ``size``."""
        author, cosigner = self.authors[of], self.authors[by].member
        tree = author.tree
        if size is not None:
            tree = Frontier()
            for fact in self.facts:
                if fact.log == author.log and tree.size < size:
                    tree.add(0, statement.statement_digest(fact.body))
        name = origin(cast().line, author.member.station, author.incarnation)
        time_s = self.now_ms // 1_000
        message = cosign_message(time_s, body(name, tree.size, tree.root()))
        made = Receipt(
            log=author.log, size=tree.size, cosigner=cosigner.station, time_s=time_s,
            signature=cosigner.keys.cosign(message),
        )  # fmt: skip
        self._add(FactKind.RECEIPT, made.encode())

    def note(self, who: int) -> None:
        """A checkpoint that a station signed."""
        author = self.authors[who]
        name = origin(cast().line, author.member.station, author.incarnation)
        text = body(name, author.tree.size, author.tree.root())
        key = author.member.keys.sign_key
        signed = SignedNote(
            body=text, signatures=(log_signature(name, key.public, key.sign(text)),)
        )
        self._add(FactKind.NOTE, signed.format())

    def other(self) -> None:
        """Something that an audit passes over."""
        self._add(FactKind.ATTEMPT, b"\xa0")

    def _add(
        self, kind: FactKind, data: bytes, log: bytes | None = None, position: int | None = None
    ) -> None:
        self.now_ms += 40_000
        second = kind is FactKind.SECOND_STORY
        self.facts.append(
            Fact(
                kind=kind, at_ms=self.now_ms, line=cast().line, body=data,
                log=None if second else log, position=None if second else position,
            )
        )  # fmt: skip


def message(number: int) -> Content:
    text = f"statement {number} " + "and more of it " * (number % 9)
    return Content(kind=Kind.MESSAGE, body=Body(text=text, lang="en"), role=Role.WATCH_OFFICER)


def usual(rounds: int) -> Journal:
    """A journal in which all is well: three parties, four stations, two versions of the charter."""
    made = Journal()
    for who in range(4):
        made.say(who, Content(kind=Kind.OPEN, body=Body(cause="founded")))
    for number in range(rounds):
        who = number % 3
        said = made.say(who)
        for other in range(3):
            if other != who:
                answer = (Ref(said, RefRole.ANSWERS),)
                made.say(other, Content(kind=Kind.ACKNOWLEDGE, refs=answer))
                made.receipt(who, other)
        made.receipt((who + 1) % 3, who)
        if number % 6 == 4:
            made.note(who)
        if number % 5 == 1:
            made.other()
            made.say(who, odd(said), reads=False)
        if number % 7 == 3:
            size = made.authors[who].tree.size
            made.receipt(who, (who + 1) % 3, max(1, size - size // 2))
        if number == rounds // 2:
            made.amend()
            made.reopen(1)
        if number % 11 == 10:
            made.say(3)  # seldom heard of, and read from long before
    return made


def rare(rounds: int) -> Journal:
    """A journal in which all is lawful and much is rare: second stories, continued and read."""
    made = usual(rounds // 2)
    for number in range(rounds // 2):
        who = number % 4
        made.say(who)
        made.receipt(who, (who + 1) % 4)
        if number % 4 == 1:
            size = made.authors[who].tree.size
            first = made.fork(who, min(size - 1, 3))
            if number % 8 == 1:
                made.tell(who, size - min(size - 1, 3), first)
                made.say((who + 1) % 4)
            made.say((who + 2) % 4)
            made.receipt(who, (who + 1) % 4)
        if number % 7 == 0:
            made.receipt(who, (who + 1) % 4, max(1, made.authors[who].tree.size - 5))
    return made


def odd(said: bytes) -> Content:
    """What has no usual form: coded fields, holdings."""
    if said[0] % 2:
        return Content(
            kind=Kind.MESSAGE,
            form="INCIDENT-1",
            form_version=2,
            body=Body(fields=((1, 5), (2, "x"))),
        )
    holds = (Hold(b"g" * 8, 3, said),)
    return Content(kind=Kind.TEST, body=Body(text="abc", slot=9, holds=holds))


def rows(facts: Sequence[Fact]) -> list[Row]:
    """The rows of a store's file, chained."""
    out: list[Row] = []
    link = chain.START
    for seq, f in enumerate(facts, 1):
        link = chain.link(link, seq, f)
        out.append((seq, f.kind, f.at_ms, f.line, f.body, f.meta, f.log, f.position, link))
    return out
