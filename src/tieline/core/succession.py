"""How one version of a charter follows another: which amendment may come into force.

A version names the one before it by hash, so a station that trusts the newest one can take all
earlier ones from anybody. This module changes nothing and knows of no line.

Rules held here:

* A party keeps its root key as long as it stays, unless the version says that it has another one
  (``reroot``). Then the new root signs for the party, and the signatures of all others are what
  vouches for it: the old root may be lost or stolen, so its word is not asked for.
* An observer is asked for what is said of itself, and for nothing else: a version that takes it off
  the line, or says of it what the version before said, may excuse it from signing (``excused``).
* A version may end the keys of a station: it no longer names the station, or names it with another
  statement key (``ended_stations``). With ``closed`` it says where their logs end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from tieline.core.charter import (
    Charter,
    CharterParty,
    SignedCharter,
    encode_body,
    finish,
    party_of_card,
    realm_words,
)
from tieline.core.errors import LocalError, RemoteError
from tieline.core.identity import Card
from tieline.core.provisions import Clocks, Intervals, LogEnd, Release, Tests, Witness


def amend(  # noqa: PLR0913  # as ``make_charter``
    old: Charter,
    *,
    cards: Iterable[Card] = (),
    leave: Iterable[str] = (),
    name: str | None = None,
    clocks: Clocks | None = None,
    tests: Tests | None = None,
    release: Release | None = None,
    packs: Iterable[bytes] | None = None,
    witnesses: Iterable[Witness] | None = None,
    quorum: int | None = None,
    silence_s: int | None = None,
    intervals: Intervals | None = None,
    closed: Iterable[LogEnd] | None = None,
    reroot: bool = False,
    observers: Iterable[str] | None = None,
) -> Charter:
    """The version after ``old``; what is not given stays as it was.

    A card brings its party in, or replaces its name and stations, and with ``reroot`` its root key
    too; ``leave`` takes parties out. ``closed`` are the heads of the logs of stations whose keys
    end: what they hold beyond is no part of the record.

    Raises ``LocalError``: ``charter.unchanged``, ``charter.stranger`` for a code in ``leave`` that
    is no party, ``charter.root_changed`` for a card with another root key, and the codes of
    ``parse_charter``.
    """
    parties, leaving, rerooted = _parties(old, tuple(cards), frozenset(leave), reroot=reroot)
    draft = replace(
        old,
        version=old.version + 1,
        previous=old.hash,
        parties=parties,
        leaving=leaving,
        closed=None if closed is None else tuple(closed),
        reroot=rerooted,
        name=old.name if name is None else name,
        clocks=clocks or old.clocks,
        tests=tests or old.tests,
        release=release or old.release,
        packs=old.packs if packs is None else tuple(packs),
        witnesses=old.witnesses if witnesses is None else tuple(witnesses),
        quorum=old.quorum if quorum is None else quorum,
        silence_s=old.silence_s if silence_s is None else silence_s,
        intervals=intervals or old.intervals,
        observers=_observers(old, parties, observers),
        excused=(),
    )
    draft = replace(draft, excused=tuple(c for c in old.observers if _may_excuse(old, draft, c)))
    if _provisions(draft) == _provisions(old):
        raise LocalError(
            "charter.unchanged", f"the amendment changes nothing in the line {old.name}; leave it"
        )
    new = finish(draft)
    check_successor(old, new)
    return new


def with_ends(old: Charter, new: Charter, ends: Iterable[LogEnd]) -> Charter:
    """The amendment ``new`` of ``old`` with the ends of the logs of stations whose keys it ends.

    Raises ``LocalError`` with the codes of ``parse_charter``.
    """
    made = finish(replace(new, closed=tuple(ends)))
    check_successor(old, made)
    return made


def _observers(
    old: Charter, parties: tuple[CharterParty, ...], given: Iterable[str] | None
) -> tuple[str, ...]:
    """Who observes: those named, or those of before that are still there."""
    if given is not None:
        return tuple(given)
    here = {party.code for party in parties}
    return tuple(code for code in old.observers if code in here)


_Roots = tuple[tuple[str, bytes], ...]


def _parties(
    old: Charter, cards: tuple[Card, ...], going: frozenset[str], *, reroot: bool
) -> tuple[tuple[CharterParty, ...], _Roots, _Roots]:
    """The parties of an amendment, those that leave, and those whose root it replaces."""
    parties = {party.code: party for party in old.parties}
    for code in sorted(going - parties.keys()):
        raise LocalError(
            "charter.stranger", f"{code} is no party of the line {old.name} and cannot leave it"
        )
    leaving = tuple(sorted((code, parties.pop(code).root_key) for code in going))
    rerooted: list[tuple[str, bytes]] = []
    for card in cards:
        fresh = party_of_card(card, old.realm)
        before = old.party(fresh.code)
        if before is not None and before.root_key != fresh.root_key:
            if not reroot:
                raise _root_changed(LocalError, fresh.code)
            rerooted.append((fresh.code, before.root_key))
        if before is not None:
            fresh = replace(fresh, unknown=before.unknown)
        parties[fresh.code] = fresh
    return tuple(parties.values()), leaving, tuple(rerooted)


def _provisions(charter: Charter) -> bytes:
    """What a version provides, whatever it replaces."""
    return encode_body(replace(charter, version=1, leaving=(), closed=None, reroot=(), excused=()))


def check_successor(old: Charter, new: Charter) -> None:
    """Whether ``new`` is the version after ``old``; says nothing of signatures.

    Raises ``RemoteError``: ``charter.sequence`` for line, version, previous or nonce;
    ``charter.realm``; ``charter.root_changed`` when a party stays under another root key and the
    version does not say so; ``charter.reroot`` when it says so of another key or party;
    ``charter.leaving`` unless exactly the parties that are gone are listed as leaving;
    ``charter.excused`` for one that has to sign.
    """
    if (new.line, new.version, new.previous, new.nonce) != (
        old.line,
        old.version + 1,
        old.hash,
        old.nonce,
    ):
        raise RemoteError(
            "charter.sequence",
            f"charter version {new.version} does not follow from version {old.version}, which is in"
            " force here; ask for the versions in between",
        )
    if new.realm != old.realm:
        raise RemoteError(
            "charter.realm",
            f"charter version {new.version} is of {realm_words(new.realm)} and the line of "
            f"{realm_words(old.realm)}; a line stays in its realm",
        )
    gone, changed = [], []
    for party in old.parties:
        now = new.party(party.code)
        if now is None:
            gone.append((party.code, party.root_key))
        elif now.root_key != party.root_key:
            changed.append((party.code, party.root_key))
            if party.code not in dict(new.reroot):
                raise _root_changed(RemoteError, party.code)
    if tuple(changed) != new.reroot:
        raise RemoteError(
            "charter.reroot",
            f"charter version {new.version} does not list exactly the parties whose root it"
            " replaces, with the roots that they had; have it made anew",
        )
    if tuple(gone) != new.leaving:
        raise RemoteError(
            "charter.leaving",
            f"charter version {new.version} does not list exactly the parties that leave; "
            "have it made anew",
        )
    if not all(_may_excuse(old, new, code) for code in new.excused):
        raise RemoteError(
            "charter.excused",
            f"charter version {new.version} excuses one from signing that did not observe before,"
            " or of which it says something new; have it made anew, or have that one sign",
        )


def _may_excuse(old: Charter, new: Charter, code: str) -> bool:
    """Whether ``new`` needs no signature of a party: it observed, and goes, or stays as it was."""
    now = new.party(code)
    stays = code in new.observers and now == old.party(code)
    return code in old.observers and (now is None or stays)


def _root_changed(kind: type[LocalError | RemoteError], code: str) -> LocalError | RemoteError:
    return kind(
        "charter.root_changed",
        f"{code} comes with another root key than it has on this line; if its root was replaced,"
        " verify the words of its new card and amend with --reroot",
    )


def ended_stations(old: Charter, new: Charter) -> tuple[bytes, ...]:
    """The stations whose statement keys end with ``new``: not in it, or in it with other keys."""
    ended = []
    for station in old.stations():
        before, now = old.station(station), new.station(station)
        if before is not None and (
            now is None or now.certificate.sign_key != before.certificate.sign_key
        ):
            ended.append(station)
    return tuple(ended)


def check_amendment(old: Charter, signed: SignedCharter) -> None:
    """Whether a signed charter is the complete next version of the one in force.

    Raises ``RemoteError`` (``charter.incomplete``, and the codes of ``check_successor``).
    """
    check_successor(old, signed.charter)
    _check_complete(signed)


def check_same(held: Charter, signed: SignedCharter) -> None:
    """Refuse another charter with the number of one that is held.

    Raises ``RemoteError``: ``charter.incomplete``, or ``charter.differs`` with both hashes.
    """
    _check_complete(signed)
    raise RemoteError(
        "charter.differs",
        f"charter version {held.version} with the hash {signed.charter.hash.hex()[:16]} is not the"
        f" version {held.version} that is held here, whose hash is {held.hash.hex()[:16]}; all"
        " parties have signed both, so compare the hashes with them and agree on a later version",
    )


def check_chain(chain: Sequence[SignedCharter]) -> None:
    """Whether these are all versions of one charter, complete, from the first one on.

    Raises ``RemoteError`` (``charter.sequence`` and the codes of ``check_amendment``).
    """
    first = chain[0].charter
    if first.version != 1:
        raise RemoteError(
            "charter.sequence",
            f"the charter is version {first.version} of a line that this station does not keep;"
            " install it together with the versions before it, from version 1 on",
        )
    _check_complete(chain[0])
    for before, signed in pairwise(chain):
        check_amendment(before.charter, signed)


def _check_complete(signed: SignedCharter) -> None:
    if not signed.complete:
        raise RemoteError(
            "charter.incomplete",
            f"charter version {signed.charter.version} lacks the signature of"
            f" {', '.join(signed.missing)}; it is not in force before every party has signed",
        )
