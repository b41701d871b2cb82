"""Who is in a simulated world: parties, stations, their keys, and the charter they signed.

Every key is derived from the seed, so that a run replays byte for byte; the signatures are real
Ed25519. What the simulated world has no use for (TLS, sealing) is filled with bytes of the right
form.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tieline.core.charter import (
    Charter,
    Clocks,
    Release,
    SignedCharter,
    Tests,
    Witness,
    charter_message,
    make_charter,
)
from tieline.core.crypto import pack_sign1
from tieline.core.identity import (
    SEAL_KEY_BYTES,
    Card,
    CardStation,
    card_message,
    card_payload,
    certificate_message,
    certificate_payload,
    parse_card,
    parse_certificate,
    station_id,
)
from tieline.core.provisions import LogEnd
from tieline.core.succession import amend
from tieline.core.terms import MAX_TIME_MS, Precedence
from tieline.node.secrets import SeedKey
from tieline.sim.plan import Plan

DAY_S = 86_400

PARTIES = ("ALPHA", "BRAVO", "CHARLIE", "DELTA")
QUORUM = 2  # witnesses; more than there are liars


@dataclass(frozen=True, slots=True)
class Keys:
    """A station's two signing keys, and those that replace them (a ``ports.Signer``)."""

    sign_key: SeedKey
    cosign_key: SeedKey
    later: list[Keys] = field(default_factory=list)

    def sign(self, message: bytes, key: bytes = b"") -> bytes:
        """Sign with the statement key: the one named, else the first."""
        named = [keys.sign_key for keys in self.later if keys.sign_key.public == key]
        return (*named, self.sign_key)[0].sign(message)

    def cosign(self, message: bytes, key: bytes = b"") -> bytes:
        """Sign with the receipt key: the one named, else the first."""
        named = [keys.cosign_key for keys in self.later if keys.cosign_key.public == key]
        return (*named, self.cosign_key)[0].sign(message)

    def cosign_mldsa(self, message: bytes, _key: bytes = b"") -> bytes:
        """There is none: its signatures have chance in them, and a run must replay."""
        raise AssertionError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One station of the cast."""

    party: str
    station: bytes
    keys: Keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Everybody in one world.

    ``forker`` is the number of the dishonest station, if there is one; ``colluders`` are those of
    two that work together, of different parties; ``pest`` wears the others down; ``amended`` is the
    second version of the charter, signed by all. ``witnesses`` are the keys of those that the
    charter names.
    """

    members: tuple[Member, ...]
    charter: SignedCharter
    amended: SignedCharter
    forker: int | None
    stranger: SeedKey
    roots: dict[str, SeedKey]
    colluders: tuple[int, ...] = ()
    pest: int | None = None
    witnesses: tuple[SeedKey, ...] = ()

    def honest(self, number: int) -> bool:
        """Whether the station of this number is honest."""
        return number not in {self.forker, self.pest, *self.colluders}

    @property
    def line(self) -> bytes:
        """The line's id."""
        return self.charter.charter.line

    @property
    def realm(self) -> str:
        """The realm that all stations are in."""
        return self.charter.charter.realm

    def party_of(self, station: bytes) -> str:
        """The party of a station."""
        return self.charter.charter.party_of(station)

    @property
    def voices(self) -> frozenset[str]:
        """The parties that speak."""
        charter = self.charter.charter
        return frozenset({party.code for party in charter.parties} - set(charter.observers))

    @property
    def observers(self) -> dict[bytes, str]:
        """The stations of parties that only read, with their codes."""
        return {one.station: one.party for one in self.members if one.party not in self.voices}

    def rotated(
        self, number: int, old: Charter, ends: Iterable[LogEnd], chance: random.Random
    ) -> SignedCharter:
        """The version after ``old`` that gives a station fresh keys, signed by all who have to.

        ``ends`` says where the station's logs end. It has the fresh keys from now on.
        """
        member = self.members[number]
        party = old.party(member.party)
        if party is None:
            raise AssertionError(member.party)
        root = self.roots[member.party]
        entries: list[CardStation] = []
        for entry in party.stations:
            kept = entry.certificate
            if kept.station == member.station:
                fresh, made = _station(chance, old.realm, member.party, kept.station_name, root)
                member.keys.later.append(fresh.keys)
                kept = made.certificate
            entries.append(CardStation(certificate=kept, addresses=()))
        card = _card(old.realm, member.party, root, entries)
        return _signed(amend(old, cards=[card], closed=ends), self.roots)

    @staticmethod
    def of(plan: Plan) -> Cast:
        """The cast of a plan."""
        chance = random.Random(f"{plan.seed}/keys")
        others = random.Random(f"{plan.seed}/late keys")
        codes = PARTIES[: plan.parties]
        witnesses = tuple(_key(others) for _ in range(plan.witnesses))
        roots = {code: _key(chance) for code in codes}
        members: list[Member] = []
        cards: list[Card] = []
        for index, code in enumerate(codes):
            names = ("one", "two") if index < plan.twins else ("one",)
            entries: list[CardStation] = []
            for name in names:
                member, entry = _station(chance, plan.realm, code, name, roots[code])
                members.append(member)
                entries.append(entry)
            cards.append(_card(plan.realm, code, roots[code], entries))
        first = make_charter(
            "SIMULATED LINE",
            cards,
            nonce=chance.randbytes(16),
            clocks=_clocks(chance, plan),
            tests=Tests(interval_s=plan.test_interval_s, window_s=300),
            release=_release(plan),
            silence_s=60,
            witnesses=[
                Witness(name=witness_name(number), key=key.public)
                for number, key in enumerate(witnesses)
            ],
            quorum=QUORUM if witnesses else 0,
            observers=codes[-1:] if plan.observer else (),
        )
        second = amend(
            first,
            silence_s=90,
            clocks=replace(first.clocks, flash=(900,) * 5) if plan.patient else Clocks(),
        )
        return Cast(
            members=tuple(members),
            charter=_signed(first, roots),
            amended=_signed(second, roots),
            forker=chance.randrange(len(members)) if plan.forker else None,
            stranger=_key(chance),
            colluders=_colluders(others, members) if plan.colluders else (),
            pest=random.Random(f"{plan.seed}/pest").randrange(len(members)) if plan.pest else None,
            witnesses=witnesses,
            roots=roots,
        )


def witness_name(number: int) -> str:
    """What the charter calls a witness."""
    return f"w{number}.example"


def _colluders(chance: random.Random, members: list[Member]) -> tuple[int, ...]:
    """Two stations of different parties."""
    first = chance.randrange(len(members))
    party = members[first].party
    return first, chance.choice([n for n, member in enumerate(members) if member.party != party])


def _key(chance: random.Random) -> SeedKey:
    return SeedKey(chance.randbytes(32))


def _station(
    chance: random.Random, realm: str, code: str, name: str, root: SeedKey
) -> tuple[Member, CardStation]:
    keys = Keys(_key(chance), _key(chance))
    payload = certificate_payload(
        root_key=root.public,
        party=code,
        realm=realm,
        station_name=name,
        sign_key=keys.sign_key.public,
        cosign_key=keys.cosign_key.public,
        seal_key=chance.randbytes(SEAL_KEY_BYTES),
        tls_der=b"\x30\x20" + chance.randbytes(32),
        not_before_ms=0,
        not_after_ms=MAX_TIME_MS,
    )
    encoded = pack_sign1(payload, root.sign(certificate_message(payload)))
    certificate = parse_certificate(encoded, root.public)
    member = Member(party=code, station=station_id(root.public, realm, name), keys=keys)
    return member, CardStation(certificate=certificate, addresses=())


def _card(realm: str, code: str, root: SeedKey, stations: list[CardStation]) -> Card:
    payload = card_payload(
        party=code,
        party_name=code.title(),
        realm=realm,
        root_key=root.public,
        stations=stations,
    )
    return parse_card(pack_sign1(payload, root.sign(card_message(payload))))


def _clocks(chance: random.Random, plan: Plan) -> Clocks:
    """Deadlines short enough to be missed under faults, and long enough to be met without."""
    flash = chance.choice((120, 600))
    if plan.patient:
        return Clocks(priority=(3 * DAY_S,) * 5, routine=(14 * DAY_S,) * 5)
    if plan.slow_clocks:
        return Clocks()
    return Clocks(
        flash=(flash,) * 5, immediate=(900,) * 5, priority=(1_800,) * 5, routine=(3_600,) * 5
    )


def _release(plan: Plan) -> Release:
    if not plan.four_eyes:
        return Release(four_eyes=frozenset())
    return Release(four_eyes=frozenset({Precedence.FLASH, Precedence.IMMEDIATE}))


def _signed(charter: Charter, roots: dict[str, SeedKey]) -> SignedCharter:
    """Signed by all who have to: nobody waits for an observer that is excused."""
    signed = SignedCharter(charter=charter)
    for code in signed.missing:
        root = roots[code]
        signed = signed.add_signature(code, root.sign(charter_message(charter.body)))
    return signed
