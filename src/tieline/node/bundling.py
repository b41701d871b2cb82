"""Bundles: what others may lack, sealed for them and signed; and what has come of one taken in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from tieline.core import bundle, crypto
from tieline.core.journal import FactKind
from tieline.core.line import Line
from tieline.core.station import Station
from tieline.node.view import Json, event_view
from tieline.ports import Fact, Signer

_BROUGHT: Final = frozenset(
    {FactKind.CHARTER, FactKind.STATEMENT, FactKind.SECOND_STORY, FactKind.RECEIPT, FactKind.NOTE,
     FactKind.PROOF}
)  # fmt: skip


class Sealer(Protocol):
    """The keys that a bundle needs: to seal for others, and to open what is sealed for us."""

    def seal(self, plaintext: bytes, recipients: Sequence[bytes]) -> bytes: ...

    def open_sealed(self, sealed: bytes) -> bytes: ...


def export(
    line: Line, to: tuple[bytes, ...], now_ms: int, sealer: Sealer, signer: Signer
) -> tuple[bytes, int]:
    """A bundle of what some stations may lack, and its count of statements.

    Raises ``TielineError`` where there is nothing for them, or no key to sign with.
    """
    plain, count = bundle.contents(line, to)
    keys = [
        entry.certificate.seal_key
        for entry in (line.charter.station(station) for station in to)
        if entry is not None
    ]
    sealed = sealer.seal(plain, keys)
    header = bundle.Header(
        line=line.id,
        exporter=line.own,
        time_ms=now_ms,
        recipients=to,
        sealed=crypto.sha256(sealed),
        charter=line.latest(),
    )
    payload = bundle.header_payload(header)
    key = line.sign_key(header.charter, line.own) or b""
    signature = signer.sign(bundle.to_sign(line.realm, payload), key)
    return bundle.assemble(payload, signature, sealed), count


async def outcome(
    station: Station,
    header: bundle.Header,
    read: Callable[[int], list[tuple[int, Fact]]],
    begun: tuple[int, int, int],
    last: int,
) -> dict[str, Json]:
    """What has come of a bundle. ``read``: some entries of the journal after a number.

    ``begun``: the journal's last entry, the statements and those that waited for others, when it
    was begun with; ``last``: the journal's last entry now. ``news``: something of it was not here
    before, a receipt or a charter perhaps, or waits now.
    """
    line, (since, before, waited) = station.line(header.line), begun
    added, held = len(line.record.by_digest) - before, line.record.held
    news, refused = bool(added) or held > waited, list[Json]()
    while since < last and (kept := read(since)):  # of a long bundle others have turns in between
        since = kept[-1][0]
        news = news or any(fact.kind in _BROUGHT for _, fact in kept)
        views = (event_view(station, *one) for one in kept if one[1].kind == FactKind.REFUSED)
        refused += [view["text"] for view in views if view["carrier"] == "bundle"]
        await asyncio.sleep(0)
    return {
        "line": line.id.hex(),
        "from": line.party_of(header.exporter),
        "added": added,
        "news": news,
        "held": held,
        "refused": refused,
    }
