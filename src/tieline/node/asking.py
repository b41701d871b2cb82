"""Ask the witnesses of every line for their cosignatures on our own checkpoints.

Each witness that a charter names and ``config.toml`` has a URL for is asked for the newest signed
checkpoint of our log, one request at a time, and again with growing pauses while it fails. What it
signs has been verified and goes to the core, which keeps it and tells the peers. Nothing waits for
a witness: statements and receipts go their way whether any answers or none.

After each start every witness is asked once about the checkpoint that we have, cosigned or not, so
that a store that was put back is found out early.

Two answers say more than yes or no. A witness that has cosigned more of our log than we hold, or
another root of it, tells us that our store was put back or that somebody else writes with our key:
an alarm of FLASH, and the log is closed unless this run opened it. One that knows less than it has
signed for us has forgotten, and may cosign another story of somebody: an alarm too, and its
cosignature counts as before.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tieline.core import crypto
from tieline.core.charter import Witness
from tieline.core.checkpoint import SignedNote, cosignature
from tieline.core.errors import LocalError, TielineError
from tieline.core.events import Event, Outrun, Trouble, Witnessed
from tieline.core.journal import Fact, FactKind
from tieline.core.line import Line
from tieline.core.noted import LogNotes, Noted
from tieline.core.terms import Precedence
from tieline.node.gate import spawn
from tieline.node.view import Json

if TYPE_CHECKING:
    from tieline.node.askwitness import Ahead, Cosigned, Target

LOOK_S: Final = 60.0
AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """Seconds between attempts that fail: the first pause, and the longest."""

    first_s: float = 2.0
    longest_s: float = 300.0


@dataclass(slots=True)
class _Talk:
    """What we know of one witness for one of our logs."""

    fails: int = 0
    again_at: float = 0.0
    problem: str = ""
    met: bool = False  # it has answered for this log since the start
    told: set[str] = field(default_factory=set)
    task: asyncio.Task[None] | None = None


class Witnesses:
    """The station's side of its witnesses.

    ``lines`` are those of the station, ``submit`` takes what it is to hear; ``urls`` are by the
    names that charters give.
    """

    def __init__(
        self,
        lines: Callable[[], Iterable[Line]],
        submit: Callable[[Event], None],
        urls: Mapping[str, str],
        *,
        chance: random.Random,
        pauses: Pauses | None = None,
    ) -> None:
        self._lines = lines
        self._submit = submit
        self._urls = dict(urls)
        self._chance = chance
        self._pauses = pauses or Pauses()
        self._talks: dict[tuple[bytes, str], _Talk] = {}
        self._wake = asyncio.Event()
        self._room = asyncio.Semaphore(AT_ONCE)

    def published(self, facts: Sequence[Fact]) -> None:
        """Look at once when a checkpoint or a charter has come."""
        if any(fact.kind in (FactKind.NOTE, FactKind.CHARTER) for fact in facts):
            self._wake.set()

    async def run(self) -> None:
        """Ask until cancelled."""
        try:
            while True:
                self._wake.clear()
                pause = self._look()
                try:
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        finally:
            for talk in self._talks.values():
                if talk.task is not None:
                    talk.task.cancel()

    # -------------------------------------------------------------------------------- asking

    def _look(self) -> float:
        """Start what is due; how long nothing else will be."""
        now = asyncio.get_running_loop().time()
        pause = LOOK_S
        for line in list(self._lines()):
            newest = newest_own(line)
            if newest is None:
                continue
            for witness in line.charter.witnesses:
                talk = self._talks.setdefault((line.own_log, witness.name), _Talk())
                url = self._urls.get(witness.name)
                done = talk.met and cosigned_size(line, witness) >= newest.head.size
                if url is None or done or talk.task is not None:
                    continue
                if talk.again_at > now:
                    pause = min(pause, talk.again_at - now)
                    continue
                try:  # with what speaks HTTP: a station without a witness does not load it
                    from tieline.node.askwitness import Target
                except OSError:  # as many files are open as may be
                    return min(pause, self._pauses.first_s)
                target = Target(name=witness.name, key=witness.key, url=url, mldsa=witness.mldsa)
                talk.task = spawn(self._ask, line, newest, witness, target, talk)
        return pause

    async def _ask(
        self, line: Line, newest: Noted, witness: Witness, target: Target, talk: _Talk
    ) -> None:
        from tieline.node.askwitness import ask

        log, size = line.own_log, newest.head.size
        known = cosigned_size(line, witness)
        tree = line.record.logs[log].tree
        try:
            async with self._room:
                found = await ask(
                    target,
                    own_lines(newest),
                    newest.head,
                    lambda old: tree.consistency(old, size),
                    known=known,
                )
            self._heard(line, log, newest, target, talk, found, known)
        except TielineError as error:
            self._failed(talk, error.message)
        finally:
            talk.task = None
            self._wake.set()

    def _heard(
        self,
        line: Line,
        log: bytes,
        newest: Noted,
        target: Target,
        talk: _Talk,
        found: Cosigned | Ahead,
        known: int,
    ) -> None:
        from tieline.node.askwitness import Ahead

        if isinstance(found, Ahead):
            what = (
                f"another root of our {found.size} statements"
                if found.same_size
                else f"{found.size} statements of our log, and we hold {newest.head.size}"
            )
            text = (
                f"the witness {target.name} has cosigned {what}: our store was put back from an"
                " older copy, or another machine writes with our key; look at once"
            )
            self._failed(talk, text)
            self._submit(Outrun(line=line.id, log=log))
            self._tell(talk, "witness.ahead", text, Precedence.FLASH)
            return
        talk.fails, talk.again_at, talk.problem, talk.met = 0, 0.0, "", True
        if found.from_size < known:
            text = (
                f"the witness {target.name} had forgotten what it cosigned: it knew"
                f" {found.from_size} statements of our log and had signed for {known}; ask who runs"
                " it"
            )
            self._tell(talk, "witness.forgot", text, Precedence.IMMEDIATE)
        made = cosignature(target.name, target.key, found.time_s, found.signature)
        lines = (made,) if found.late is None else (made, found.late)
        note = SignedNote(body=newest.note.body, signatures=(*newest.note.signatures, *lines))
        self._submit(Witnessed(line=line.id, note=note.format()))

    def _tell(self, talk: _Talk, code: str, text: str, precedence: Precedence) -> None:
        """Raise an alarm, once for each sentence."""
        if text not in talk.told:
            talk.told.add(text)
            self._submit(Trouble(code=code, text=text, precedence=int(precedence)))

    def _failed(self, talk: _Talk, why: str) -> None:
        talk.fails += 1
        talk.problem = why
        limit = min(self._pauses.longest_s, self._pauses.first_s * 2.0 ** min(talk.fails, 20))
        pause = limit * self._chance.uniform(0.5, 1.0)
        talk.again_at = asyncio.get_running_loop().time() + pause

    # ------------------------------------------------------------------------------- showing

    def view(self, line: Line) -> dict[str, Json]:
        """How far the witnesses of a line have cosigned our log: for ``status``."""
        newest = newest_own(line)
        rows: list[Json] = []
        sizes: list[int] = []
        for witness in line.charter.witnesses:
            talk = self._talks.get((line.own_log, witness.name), _Talk())
            sizes.append(cosigned_size(line, witness))
            url = self._urls.get(witness.name, "")
            problem = talk.problem if url else "no URL is set: tieline witness url NAME URL"
            rows.append(
                {"name": witness.name, "url": url, "size": sizes[-1], "problem": problem}
            )  # fmt: skip
        size = newest.head.size if newest is not None else 0
        return {
            "needed": line.charter.quorum,
            "size": size,
            "have": sum(1 for each in sizes if size and each >= size),
            "witnesses": rows,
        }


def newest_own(line: Line) -> Noted | None:
    """The newest signed checkpoint of our own present log that what we hold reaches."""
    book: LogNotes | None = line.notes.get(line.own_log)
    sizes = [size for size in book.heads if size not in book.open] if book is not None else []
    return book.heads[max(sizes)] if book is not None and sizes else None


def cosigned_size(line: Line, witness: Witness) -> int:
    """The largest size of our own log that a witness has cosigned, as far as we hold it."""
    book: LogNotes | None = line.notes.get(line.own_log)
    if book is None:
        return 0
    key = (witness.name, crypto.key_id(witness.name, crypto.ALG_COSIGNATURE, witness.key))
    return max(
        (
            size
            for size, noted in book.heads.items()
            if any((line_.name, line_.key_id) == key for line_ in noted.note.signatures)
        ),
        default=0,
    )


def own_lines(noted: Noted) -> SignedNote:
    """A checkpoint with the lines of its own log alone: what a witness needs."""
    name = noted.head.origin
    mine = tuple(line for line in noted.note.signatures if line.name == name)
    if not mine:
        raise LocalError("note.unsigned", "our own checkpoint is not signed; run 'tieline verify'")
    return SignedNote(body=noted.note.body, signatures=mine)
