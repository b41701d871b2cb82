"""Making a bundle: what others may lack, sealed for them and signed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tieline.core import bundle, crypto
from tieline.core.line import Line
from tieline.ports import Signer


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
