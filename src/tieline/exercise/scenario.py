"""An exercise as a value: parties, rules of the line, officers' habits, and what happens when.

The file is data (``exercises/*.toml``, format in ``docs/exercises.md``); ``script.read`` makes
these values of it and refuses whatever is wrong, so that nothing downstream checks again. Times are
UTC milliseconds, spans milliseconds. Events are in order of time, and an event refers to earlier
ones by label only.

A scenario takes no side: its parties are codes, and what is claimed about the world carries the
confidence of its source. This module knows nothing of stations.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Final

from tieline.core.agreement.model import Pack
from tieline.core.terms import Precedence, RefRole, Rung

# How sure the author of a scenario is of what an inject says (the marks of the field's fact book).
CONFIDENCE: Final = {
    "R": "read in a source",
    "M": "from memory",
    "M?": "from memory, unchecked",
    "D": "made for the exercise",
}


@dataclass(frozen=True, slots=True)
class Away:
    """A watch that nobody keeps, from one moment until another."""

    from_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How the scripted officers of a party answer what they are shown."""

    acknowledge_ms: tuple[tuple[Precedence, int], ...]
    tests_ms: int
    read_back_ms: int
    pass_on_ms: int
    away: tuple[Away, ...] = ()

    def delay_ms(self, precedence: Precedence) -> int:
        return dict(self.acknowledge_ms)[precedence]

    def present_ms(self, at_ms: int) -> int:
        """The first moment at or after ``at_ms`` at which somebody is on watch."""
        for away in self.away:
            if away.from_ms <= at_ms < away.until_ms:
                return away.until_ms
        return at_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Who takes part. The first officer is on watch, the second releases.

    ``language``: in which its desk reads forms and rules. ``wired``: whether its station has wires
    at all; one without is fed by bundle files only.
    """

    code: str
    name: str
    part: str
    station: str
    officers: tuple[str, ...]
    habits: Habits
    language: str = "en"
    wired: bool = True

    @property
    def watch(self) -> str:
        return self.officers[0]

    @property
    def releaser(self) -> str:
        return self.officers[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the charter of the line will say. ``packs``: the agreements in force on it."""

    line: str
    clocks_s: tuple[tuple[Precedence, tuple[tuple[Rung, int], ...]], ...]
    tests_every_s: int
    tests_window_s: int
    tests_by: str
    four_eyes: tuple[Precedence, ...]
    standing: tuple[str, ...]
    silence_s: int
    packs: tuple[Pack, ...] = ()


@dataclass(frozen=True, slots=True)
class Cite:
    """A reference to an earlier event, by its label."""

    label: str
    role: RefRole


# ------------------------------------------------------------------------------------ acts


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """A message. ``unanswered`` parties' officers never react to it; ``call`` marks a call.

    With a ``form`` (its id on the wire), ``answers`` are what the officer types by path, and
    ``text`` is a remark. Otherwise ``text`` is the message.
    """

    party: str
    to: tuple[str, ...]
    precedence: Precedence
    text: str = ""
    lang: str = "en"
    form: str = ""
    answers: tuple[tuple[str, str], ...] = ()
    cites: tuple[Cite, ...] = ()
    wants: tuple[Rung, ...] = (Rung.ACKNOWLEDGED,)
    unanswered: tuple[str, ...] = ()
    read_backs: tuple[tuple[str, str], ...] = ()
    units: tuple[tuple[str, str], ...] = ()
    call: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An acknowledgement, read-back or passing-on that the script itself makes."""

    party: str
    rung: Rung
    target: str
    text: str = ""
    lang: str = "en"
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """A statement that several parties make as one. ``effective_ms``: what it says holds from then.

    ``late_binds``: a signature that comes after that time counts all the same.
    """

    party: str
    parties: tuple[str, ...]
    text: str
    lang: str = "en"
    cites: tuple[Cite, ...] = ()
    effective_ms: int | None = None
    late_binds: bool = False
    precedence: Precedence = Precedence.PRIORITY


@dataclass(frozen=True, slots=True, kw_only=True)
class Assent:
    """A party joins a joint statement."""

    party: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspend:
    """A party suspends the line, and says why."""

    party: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """A party ends its suspension."""

    party: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """A party says whether somebody keeps its watch."""

    party: str
    staffed: bool
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inject:
    """What exercise control tells the players about the world."""

    text: str
    confidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What exercise control tells those who look on."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What the umpire of an exercise decides, for all to read."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Every wire between parties of different groups stops carrying."""

    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heal:
    """Wires carry again: between the groups named, or all when none is."""

    groups: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """A message that ``claims`` never sent is brought to ``victim``, in the ways named."""

    victim: str
    claims: str
    text: str
    ways: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Carry:
    """A bundle file is exported at ``party`` for ``to``, carried by hand, and imported there."""

    party: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivocate:
    """A party signs another story under the number of ``target``; a bundle brings it to ``to``."""

    party: str
    target: str
    to: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """An obligation as the desk of ``party`` shows it, and in which state it must be there.

    ``about`` is the label of the message that began it, or empty; ``due_ms`` the latest end of
    its limit, when the script says one; ``text`` words of control beside it.
    """

    party: str
    rule: str
    debtor: str
    state: str
    about: str = ""
    due_ms: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """The quota of ``holder`` as the desk of ``party`` shows it, with the numbers it must have."""

    party: str
    rule: str
    holder: str
    used: int | None = None
    left: int | None = None
    over: tuple[str, ...] | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """Whether a message holds still, as the desk of ``party`` shows it."""

    party: str
    about: str
    state: str
    rule: str = ""
    until_ms: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """On which side of a threshold a message lies, as the desk of ``party`` shows it."""

    party: str
    about: str
    crossing: str
    rule: str = ""
    text: str = ""


Look = Owed | Quota | Holds | Margin

Act = (
    Say
    | Answer
    | Joint
    | Assent
    | Suspend
    | Resume
    | Staff
    | Inject
    | Note
    | Ruling
    | Cut
    | Heal
    | Carry
    | Forge
    | Equivocate
    | Look
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the script."""

    number: int
    at_ms: int
    act: Act
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A whole exercise."""

    id: str
    title: str
    source: str
    realm: str
    start_ms: int
    end_ms: int
    picture_ms: int
    rules: Rules
    parties: tuple[Party, ...]
    events: tuple[Event, ...]

    def party(self, code: str) -> Party:
        return next(party for party in self.parties if party.code == code)

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(party.code for party in self.parties)

    @property
    def unwired(self) -> tuple[tuple[str, str], ...]:
        """The pairs of parties between which there is no wire from first to last."""
        return tuple(
            (one.code, other.code)
            for one, other in combinations(self.parties, 2)
            if not (one.wired and other.wired)
        )
