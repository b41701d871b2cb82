"""In what standing the parties speak, as others say: who contests whose, since when, and where.

A word on a party's standing (act ``STANDING``) is a claim of who says it. It moves nothing: it is
shown beside what that party says, and what it says is shown as it says it. Said in an incident, it
is about what is said there; said in none, about all of the line. Of one party's words on another
the last in display order counts; of words that crossed, because two stations of a party wrote
them, the contest. A word on one's own standing contests nothing, and neither does one that its
author took back.
"""

from __future__ import annotations

from dataclasses import dataclass

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.agreement.value import PartyCode
from tieline.core.incident.book import Book
from tieline.core.incident.entry import Entry, Knowing
from tieline.core.incident.marks import Front, ordered

Voice = tuple[str, str]  # a party, and on whose behalf it speaks, or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """One party's contest of another's standing.

    ``through``: on whose behalf it speaks. ``since``: the first of its words that contest it
    without a break; ``entry``: the last, which says how.
    """

    by: str
    through: str
    since: Entry
    entry: Entry


class Standings:
    """The words on standing of one line, beside its incidents. Admitted in any order."""

    def __init__(self, book: Book, knowing: Knowing) -> None:
        self._book = book
        self._saw = knowing.saw
        self._about: dict[str, dict[bytes, Entry]] = {}

    def admit(self, entry: Entry) -> None:
        """Take in one statement, after the book has. A second time, it changes nothing."""
        if entry.act is not Act.STANDING or entry.story or entry.said is None:
            return
        part = entry.said.answers.get(Means.ASKED)
        if part is None or not isinstance(part.answer, PartyCode):
            return
        about = part.answer.code
        if about not in (entry.party, entry.through):
            self._about.setdefault(about, {})[entry.digest] = entry

    def contested(self, party: str) -> bool:
        """Whether anybody has said a word on the standing of a party, be it taken back or not."""
        return party in self._about

    def beside(self, entry: Entry) -> tuple[Contest, ...]:
        """Who contests the standing of the author of a statement, where it was said; by party."""
        words = self._about.get(entry.party)
        if not words:
            return ()
        here = set(self._book.of(entry.digest))
        voices: dict[Voice, list[Entry]] = {}
        for one in ordered(words.values()):
            places = self._book.of(one.digest)
            if (not places or here.intersection(places)) and self._book.marks.counts(one):
                voices.setdefault((one.party, one.through), []).append(one)
        found = (self._contest(voice, some) for voice, some in sorted(voices.items()))
        return tuple(one for one in found if one is not None)

    def _contest(self, voice: Voice, words: list[Entry]) -> Contest | None:
        front = Front(self._saw, lambda one: 0 if _contests(one) else 1)
        since = last = None
        for one in words:
            counts = front.take(one)
            if not _contests(counts):
                since = None
            else:
                since, last = since or counts, counts
        if since is None or last is None:
            return None
        return Contest(by=voice[0], through=voice[1], since=since, entry=last)


def _contests(entry: Entry) -> bool:
    return entry.said is not None and entry.said.sense(Means.STANCE) is Sense.NOT_AGREED
