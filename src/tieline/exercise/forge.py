"""The forger of an exercise: somebody who has everything but the right keys.

The impostor makes a party of the same code, name, realm and station as the one whose words are to
be forged, with keys of his own, and tries what such a person could:

* ``bundle``: a true export with one byte changed; a bundle of his own making under the station's
  id; and, worse than he could do, a bundle that the true station signed, with his statements in it;
* ``dial``: the real carrier calls the victim's public end under the station's id, with his own
  certificate.

Each must be refused. What was refused, and in which words, is told; whether anything got through is
counted again at the end from what the stations hold (``promises``).
"""

from __future__ import annotations

import asyncio
import base64
import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tieline.carriers.tls import TlsCarrier
from tieline.core import statement, sync
from tieline.core.errors import LocalError
from tieline.core.statement import Body, Content, Place
from tieline.core.terms import Kind, Precedence, Role
from tieline.exercise.carried import bundle_of
from tieline.exercise.control import Attack, Link
from tieline.exercise.homes import Seat, Table
from tieline.exercise.scenario import Forge, Scenario
from tieline.node.homekeys import create_home_keys
from tieline.node.secrets import KeyFile, StationKeys, create_key_file, unlock
from tieline.ports import Endpoint

DIAL_FROM: Final = "127.0.0.9"
DIAL_S: Final = 10.0


class Forger:
    """Makes forged messages and brings them. ``folder`` is where the impostor keeps his keys."""

    def __init__(
        self, scenario: Scenario, table: Table, folder: Path, now_ms: Callable[[], int]
    ) -> None:
        self._scenario = scenario
        self._table = table
        self._folder = folder
        self._now_ms = now_ms

    async def forge(self, forge: Forge, links: Mapping[str, Link]) -> tuple[Attack, ...]:
        """Try every way that the script names."""
        victim, claimed = self._table.seats[forge.victim], self._table.seats[forge.claims]
        impostor = self._impostor(forge.claims)
        attacks: list[Attack] = []
        if "bundle" in forge.ways:
            true_keys = unlock(claimed.home.keys_file, KeyFile(claimed.home.path / "key"))
            exported = await links[forge.claims].act("export", {"to": [forge.victim]})
            true = base64.b64decode(exported.text("bundle"), validate=True)
            forged = self._statements(forge, claimed, impostor)
            for way, data in (
                ("a true bundle with one byte changed", _one_byte_changed(true)),
                (
                    "a bundle made with a key of his own",
                    self._bundle(forged, claimed, victim, impostor),
                ),
                (
                    "his words inside a bundle that the true station signed",
                    self._bundle(forged, claimed, victim, true_keys),
                ),
            ):
                attacks.append(await self._bring(way, data, links[forge.victim]))
        if "dial" in forge.ways:
            attacks.append(await self._dial(victim, claimed, impostor))
        return tuple(attacks)

    def _impostor(self, code: str) -> StationKeys:
        party = self._scenario.party(code)
        home = self._folder / f"impostor-{os.urandom(4).hex()}"
        home.mkdir(mode=0o700)
        return create_home_keys(
            home,
            party=code,
            party_name=party.name,
            realm=self._scenario.realm,
            station_name=party.station,
            unlock_with=create_key_file(home / "key"),
        ).station

    # ------------------------------------------------------------------------- by bundle

    def _statements(self, forge: Forge, claimed: Seat, impostor: StationKeys) -> bytes:
        """An envelope with a fresh log of the claimed station: in all but the key as it would be.

        The impostor knows no incarnation, so he lets the station begin a new log.
        """
        incarnation, previous = os.urandom(8), None
        raws: list[bytes] = []
        for position, content in enumerate(
            (
                Content(kind=Kind.OPEN, body=Body(cause="restart")),
                Content(
                    kind=Kind.MESSAGE,
                    body=Body(text=forge.text, lang="en"),
                    precedence=Precedence.FLASH,
                    role=Role.WATCH_OFFICER,
                ),
            )
        ):
            place = Place(
                line=self._table.line,
                station=claimed.station,
                incarnation=incarnation,
                position=position,
                previous=previous,
                seen=(),
                time_ms=self._now_ms(),
                charter=1,
            )
            payload = statement.compose(place, content)
            signature = impostor.sign(statement.to_sign(self._scenario.realm, payload))
            sealed = statement.seal(self._scenario.realm, payload, signature)
            previous = sealed.digest
            raws.append(sealed.raw)
        return sync.pack(sync.Push(self._table.line, tuple(raws)))

    def _bundle(self, envelope: bytes, claimed: Seat, victim: Seat, signer: StationKeys) -> bytes:
        return bundle_of(
            envelope,
            table=self._table,
            realm=self._scenario.realm,
            at_ms=self._now_ms(),
            exporter=claimed,
            reader=victim,
            signer=signer,
        )

    async def _bring(self, way: str, data: bytes, victim: Link) -> Attack:
        text = base64.b64encode(data).decode("ascii")
        try:
            result = await victim.act("import", {"bundle": text})
        except LocalError as error:
            return Attack(way, refused=True, said=error.message)
        refused = result.texts("refused")
        taken = result.number("added") + result.number("held", 0)
        if taken or not refused:
            return Attack(way, refused=False, said=f"{taken} statements were taken in")
        return Attack(way, refused=True, said=refused[0])

    # --------------------------------------------------------------------------- by call

    async def _dial(self, victim: Seat, claimed: Seat, impostor: StationKeys) -> Attack:
        """Let the real carrier call with the impostor's certificate."""
        way = "a call with a certificate of his own"
        ear = _Ear()
        carrier = TlsCarrier(
            self_id=claimed.station,
            cert_der=impostor.tls_cert_der,
            key_pem=impostor.tls_key_pem(),
            events=ear,
            rng=random.Random(0),
            dial_from=DIAL_FROM,
        )
        await carrier.start()
        try:
            called = Endpoint(
                station=victim.station, tls_der=(victim.tls_der,), addresses=(victim.front,)
            )
            carrier.set_peers([called])
            async with asyncio.timeout(DIAL_S):
                connected, said = await ear.outcome
        except TimeoutError:
            connected, said = False, f"no answer within {DIAL_S:.0f} s"
        finally:
            await carrier.stop()
        return Attack(way, refused=not connected, said=said)


class _Ear:
    """Hears how the first call ends."""

    def __init__(self) -> None:
        self.outcome: asyncio.Future[tuple[bool, str]] = asyncio.get_running_loop().create_future()

    def _set(self, said: str, *, connected: bool) -> None:
        if not self.outcome.done():
            self.outcome.set_result((connected, said))

    def connected(self, peer: bytes, carrier: str, address: str) -> None:
        self._set("the station opened a session with him", connected=True)

    def heard(self, peer: bytes, carrier: str, envelope: bytes) -> None:
        self._set("the station told him something", connected=True)

    def lost(self, peer: bytes, carrier: str, cause: str) -> None:
        self._set(cause, connected=False)

    def failed(self, peer: bytes, carrier: str, address: str, cause: str) -> None:
        self._set(cause, connected=False)

    def ready(self, peer: bytes) -> None:
        """A buffer has room again: nothing to do for one call."""


def _one_byte_changed(data: bytes) -> bytes:
    middle = (len(data) + data.find(b"\n")) // 2
    return data[:middle] + bytes((data[middle] ^ 1,)) + data[middle + 1 :]
