"""A bundle that control makes itself, as a station would export it, with whatever keys it has."""

from __future__ import annotations

from tieline.core import bundle, encode
from tieline.core.crypto import sha256
from tieline.exercise.homes import Seat, Table
from tieline.node.secrets import StationKeys


def bundle_of(
    envelope: bytes,
    *,
    table: Table,
    realm: str,
    at_ms: int,
    exporter: Seat,
    reader: Seat,
    signer: StationKeys,
) -> bytes:
    """A bundle in the name of ``exporter``, sealed to ``reader`` and signed with these keys."""
    sealed = signer.seal(encode.dumps((envelope,)), [reader.seal_key])
    payload = bundle.header_payload(
        bundle.Header(
            line=table.line,
            exporter=exporter.station,
            time_ms=at_ms,
            recipients=(reader.station,),
            sealed=sha256(sealed),
            charter=1,
        )
    )
    return bundle.assemble(payload, signer.sign(bundle.to_sign(realm, payload)), sealed)
