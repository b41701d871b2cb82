"""A party that tells two stories: it signs a second statement under a number that it has used.

The true keys of the party's station sign the other story, exactly in the place of the first one in
its log, with all that the station had said before it. It travels as a bundle carried by hand to one
other station, while the first story went over the wire: the two meet when those who hold them do.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from tieline.core import bundle, statement, sync
from tieline.core.errors import LocalError
from tieline.core.statement import Statement
from tieline.exercise.carried import bundle_of
from tieline.exercise.control import Link
from tieline.exercise.homes import Seat, Table
from tieline.exercise.scenario import Equivocate
from tieline.node.secrets import KeyFile, StationKeys, unlock


class TwoStories:
    """Makes a party's other story and has it carried."""

    def __init__(self, realm: str, table: Table, now_ms: Callable[[], int]) -> None:
        self._realm = realm
        self._table = table
        self._now_ms = now_ms

    async def tell(self, act: Equivocate, first: str, links: Mapping[str, Link]) -> str:
        """Bring ``act.text``, signed under the number of the statement ``first``, to a station.

        Returns the digest of the other story. Raises ``LocalError`` (``exercise.two_stories``) when
        the first one is not in what its author exports, or when the other one is not taken in.
        """
        liar, hearer = self._table.seats[act.party], self._table.seats[act.to]
        keys = _keys(liar)
        exported = await links[act.party].act("export", {"to": [act.to]})
        data = base64.b64decode(exported.text("bundle"), validate=True)
        before, told = self._split(self._statements(data, hearer), first)
        content = replace(told.content, body=replace(told.content.body, text=act.text))
        payload = statement.compose(told.place, content)
        signature = keys.sign(statement.to_sign(self._realm, payload))
        other = statement.seal(self._realm, payload, signature)
        carried = (*(parsed.raw for parsed in before), other.raw)
        bundled = self._bundle(carried, liar, hearer, keys)
        answer = await links[act.to].act(
            "import", {"bundle": base64.b64encode(bundled).decode("ascii")}
        )
        if not answer.number("added"):
            raise LocalError(
                "exercise.two_stories",
                f"{act.to} did not take in the other story of {act.party}:"
                f" {'; '.join(answer.texts('refused')) or 'it waits for what came before it'}",
            )
        return other.digest.hex()

    def _statements(self, data: bytes, reader: Seat) -> list[Statement]:
        """What a bundle carries, opened with the keys of the station that it is for."""
        plain = _keys(reader).open_sealed(bundle.parse(self._realm, data).sealed)
        envelopes = [sync.unpack(part) for part in bundle.envelopes_of(plain)]
        pushes = [envelope for envelope in envelopes if isinstance(envelope, sync.Push)]
        return [statement.parse(self._realm, raw) for push in pushes for raw in push.statements]

    def _split(self, held: list[Statement], first: str) -> tuple[list[Statement], Statement]:
        """What stands before a statement, and the statement."""
        for index, parsed in enumerate(held):
            if parsed.digest.hex() == first:
                return held[:index], parsed
        raise LocalError(
            "exercise.two_stories",
            f"the statement {first[:12]} is not in what its author exports; tell the other story"
            " while the station that is to hear it cannot have the first one",
        )

    def _bundle(
        self, statements: tuple[bytes, ...], liar: Seat, hearer: Seat, keys: StationKeys
    ) -> bytes:
        envelope = sync.pack(sync.Push(self._table.line, statements))
        return bundle_of(
            envelope,
            table=self._table,
            realm=self._realm,
            at_ms=self._now_ms(),
            exporter=liar,
            reader=hearer,
            signer=keys,
        )


def _keys(seat: Seat) -> StationKeys:
    return unlock(Path(seat.home.keys_file), KeyFile(seat.home.path / "key"))
