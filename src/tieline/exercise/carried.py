"""Bundles on sticks: what stations export and import, and what control makes with other keys."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

from tieline.core import bundle, encode
from tieline.core.crypto import sha256
from tieline.core.errors import LocalError
from tieline.exercise.control import Link
from tieline.exercise.homes import Seat, Table
from tieline.exercise.scenario import Carry
from tieline.node.secrets import StationKeys


async def by_hand(act: Carry, folder: Path, links: Mapping[str, Link]) -> None:
    """Export a bundle at one station, carry the file, and import it at the other.

    Raises ``LocalError`` (``exercise.carry``) when the station that it is for refuses any of it.
    """
    exported = await links[act.party].act("export", {"to": [act.to]})
    sticks = folder / "sticks"
    sticks.mkdir(mode=0o700, exist_ok=True)
    stick = sticks / f"{len(list(sticks.iterdir())) + 1:03d}-{act.party}-to-{act.to}.tieline"
    stick.write_bytes(base64.b64decode(exported.text("bundle"), validate=True))
    brought = base64.b64encode(stick.read_bytes()).decode("ascii")
    result = await links[act.to].act("import", {"bundle": brought})
    refused = result.texts("refused")
    if refused:
        raise LocalError(
            "exercise.carry",
            f"{act.to} refused what {act.party} exported for it: {'; '.join(refused)}",
        )


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
