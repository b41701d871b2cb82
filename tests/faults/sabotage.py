"""Builds with one promise broken on purpose: under each, its row must go red."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from tests.faults import diskrows, firerows, forgedrows, keptrows, webrows

from tieline.carriers.tls import TlsCarrier
from tieline.core import crypto, encode, exchange, identity, renewal, succession, watch
from tieline.core.crypto import Sign1
from tieline.core.errors import LocalError, RemoteError
from tieline.core.events import Install
from tieline.core.exchange import Exchange
from tieline.core.journal import Alarm
from tieline.core.record import Duplicate
from tieline.core.statement import Statement
from tieline.core.station import Station
from tieline.core.sync import Peer
from tieline.core.terms import Precedence
from tieline.core.tlogwitness import Granted, Request
from tieline.core.turn import Turn
from tieline.node import homefolder, witnessing
from tieline.sim.mutants import MUTANTS, Mutant
from tieline.store import disk


def _nothing(*_args: object, **_named: object) -> None:
    """What should be done is not done."""


_install: Callable[..., None] = Station._install


def _install_any(self: Station, act: Install, turn: Turn) -> None:
    """A charter of any realm is as good as one of ours."""
    real, self.realm = self.realm, act.charter.charter.realm
    try:
        _install(self, act, turn)
    finally:
        self.realm = real


_judge: Callable[..., list[Statement]] = Exchange._judge


def _judge_and_accuse(
    self: Exchange, parsed: Statement, carrier: str, peer_id: bytes, turn: Turn
) -> list[Statement]:
    """Whoever says a thing that is known already has told two stories."""
    outcome = self.line.record.judge(parsed, self.line, turn.now.wall_ms)
    if isinstance(outcome, Duplicate):
        party = self.line.party_of(parsed.place.station)
        alarm = Alarm(
            code="record.two_stories", precedence=Precedence.FLASH, text=f"{party} lies",
            item=parsed.digest, party=party,
        )  # fmt: skip
        turn.ring(self.line, alarm)
        return []
    real = self.line.record.judge
    self.line.record.judge = lambda *_: outcome  # type: ignore[method-assign]
    try:
        return _judge(self, parsed, carrier, peer_id, turn)
    finally:
        self.line.record.judge = real  # type: ignore[method-assign]


def _sign1_of_any(data: bytes, limits: encode.Limits = encode.DEFAULT) -> Sign1:
    """Whatever the headers say, it is taken for what we sign."""
    value = encode.loads(data, limits)
    if not isinstance(value, tuple) or len(value) != 4:
        raise RemoteError("sign1.shape", "it is not an array of four parts")
    protected, _, payload, signature = value
    if not (isinstance(protected, bytes) and isinstance(payload, bytes)):
        raise RemoteError("sign1.payload", "it has no payload")
    if not isinstance(signature, bytes):
        raise RemoteError("sign1.signature", "it has no signature")
    return Sign1(protected=protected, payload=payload, signature=signature)


def _half_the_words(typed: str, fingerprint: bytes) -> None:
    """Whoever knows how it begins knows it all."""
    letters = "".join(typed.split()).replace("-", "").lower()
    if letters[:20] != "".join(identity.words(fingerprint))[:20]:
        raise LocalError("words.wrong", "these are not the words")


class _NoLock:
    """Anybody may write."""

    def __init__(self, *_args: object, **_named: object) -> None:
        pass

    def release(self) -> None:
        pass


def _granted(request: Request, *_rest: object) -> Granted:
    """Whatever a log signs, a witness signs, too."""
    return Granted(head=request.head, known=True)


def _build(name: str, what: str, *patches: tuple[object, str, object]) -> Mutant:
    return Mutant(name=name, invariants=frozenset(), what=what, patches=patches)


def together(*parts: Mapping[str, Mutant]) -> dict[str, Mutant]:
    """All builds. Raises ``ValueError`` when two have one name: a row would get the other's."""
    names = Counter(name for part in parts for name in part)
    if twice := sorted(name for name, count in names.items() if count > 1):
        raise ValueError(f"two builds have one name: {', '.join(twice)}")
    return {name: build for part in parts for name, build in part.items()}


BUILDS: Final[dict[str, Mutant]] = together(
    MUTANTS,
    webrows.BUILDS,
    forgedrows.BUILDS,
    keptrows.BUILDS,
    firerows.BUILDS,
    diskrows.BUILDS,
    {
        build.name: build
        for build in (
            _build(
                "old-belief-stays",
                "what a peer was once proven to hold it holds for ever",
                (Peer, "doubt", _nothing),
            ),
            _build("no-lock", "two processes may open one store", (disk, "Lock", _NoLock)),
            _build(
                "two-lives-unsaid",
                "two machines with one key are nobody's business",
                (renewal, "judge", _nothing),
                (renewal, "_ring", _nothing),
            ),
            _build(
                "witness-signs-all",
                "a witness cosigns whatever is signed",
                (witnessing, "judge", _granted),
            ),
            _build(
                "replay-accuses",
                "a statement that comes again counts as a second story",
                (Exchange, "_judge", _judge_and_accuse),
            ),
            _build("any-disk", "a home lies anywhere", (homefolder, "check_disk", _nothing)),
            _build(
                "any-mode",
                "who may write to a home is nobody's business",
                (homefolder, "FOLDERS", ()),
                (homefolder, "FILES", ()),
            ),
            _build("missed-unsaid", "a missed deadline is not said", (watch, "_missed", _nothing)),
            _build(
                "charter-unsigned",
                "a charter needs no signature of everybody",
                (succession, "_check_complete", _nothing),
            ),
            _build(
                "charter-hash-unchecked",
                "a charter need not follow from the one in force",
                (succession, "check_successor", _nothing),
                (exchange, "check_same", _nothing),
            ),
            _build(
                "any-algorithm",
                "a signature is good whatever algorithm it names",
                (crypto, "parse_sign1", _sign1_of_any),
            ),
            _build(
                "told-of-nothing",
                "a handshake that fails is nobody's business",
                (TlsCarrier, "_tell_failed", _nothing),
            ),
            _build(
                "exercise-installed",
                "a charter of an exercise is as good as a real one",
                (Station, "_install", _install_any),
            ),
            _build(
                "words-by-the-first",
                "four of eight words are enough",
                (identity, "check_words", _half_the_words),
            ),
        )
    },
)
