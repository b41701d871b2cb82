"""Bundles: what others may lack, sealed for them and signed; and what has come of one taken in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


def outcome(
    station: Station,
    header: bundle.Header,
    entries: Iterable[tuple[int, Fact]],
    added: int,
    held: int,
) -> dict[str, Json]:
    """What has come of a bundle: ``entries`` are the journal's since it was begun with.

    ``held``: how many statements waited for others before it. ``news``: something of it was not
    here before, a receipt or a charter perhaps, or waits now.
    """
    line, kept = station.line(header.line), list(entries)
    views = (event_view(station, seq, fact) for seq, fact in kept)
    refused: list[Json] = [
        view["text"] for view in views if view["type"] == "refused" and view["carrier"] == "bundle"
    ]
    return {
        "line": line.id.hex(),
        "from": line.party_of(header.exporter),
        "added": added,
        "news": bool(added)
        or line.record.held > held
        or any(fact.kind in _BROUGHT for _, fact in kept),
        "held": line.record.held,
        "refused": refused,
    }
