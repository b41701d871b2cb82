"""Ask one witness for its cosignature on one checkpoint (C2SP tlog-witness, the client's side).

``ask`` sends the checkpoint with the proof from the size that the witness is thought to have, and
sends it once more when the witness names another size. What it returns has been verified under the
key that the charter names; whoever answers at the URL can do no more than answer nothing.

A witness that knows more of our log than we do, or another root of it, is no error of the witness:
our store may have been put back. ``Ahead`` says so, and the caller must act on it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import h11

from tieline.carriers.dial import Place, Resolver
from tieline.core.checkpoint import Checkpoint, NoteSignature, SignedNote
from tieline.core.errors import LocalError, RemoteError, ShellError
from tieline.core.tlogwitness import (
    MAX_ANSWER_BYTES,
    SIZE_TYPE,
    format_request,
    read_answer,
    read_late,
    read_size,
)
from tieline.node.witnessurl import Url, parse_url

TIMEOUT_S: Final = 20.0
TRIES: Final = 3
_CHUNK: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A witness: the name and keys that the charter gives it, and the URL it answers at.

    ``mldsa`` is empty when the charter names no ML-DSA-44 key.
    """

    name: str
    key: bytes
    url: str
    mldsa: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosigned:
    """The witness's cosignature, verified: 64 bytes, made at ``time_s`` by its clock.

    ``from_size`` is the size that the witness had before. ``late`` is the line of its ML-DSA-44
    cosignature, when the charter names that key and the witness made one.
    """

    size: int
    root: bytes
    time_s: int
    signature: bytes
    from_size: int
    late: NoteSignature | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """The witness has cosigned more of this log than we asked for, or another root of it.

    ``size`` is what it says that it has; ``same_size`` when that is ours and only the root is not.
    """

    size: int
    same_size: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP answer: status, content type without parameters, and body."""

    status: int
    kind: str
    body: bytes


async def ask(
    target: Target,
    note: SignedNote,
    head: Checkpoint,
    prove: Callable[[int], tuple[bytes, ...]],
    *,
    known: int,
) -> Cosigned | Ahead:
    """Ask a witness to cosign ``note``, which says ``head``.

    ``prove`` gives the consistency proof from a size to ours; ``known`` is the size that the
    witness is thought to have. Raises ``RemoteError`` (``witness.refused``, ``witness.answer``,
    ``witness.silent``, ``note.forged``), ``ShellError`` (``witness.unreachable``), ``LocalError``
    (``witness.url``, ``carrier.address``).
    """
    _check_name(target.name)
    old = min(known, head.size)
    for _ in range(TRIES):
        reply = await send(target.url, format_request(old, prove(old), note.format()))
        if reply.status == 200:
            time_s, signature = read_answer(note.body, reply.body, target.name, target.key)
            late = None
            if target.mldsa:
                late = read_late(note.body, reply.body, target.name, target.mldsa)
            return Cosigned(
                size=head.size,
                root=head.root,
                time_s=time_s,
                signature=signature,
                from_size=old,
                late=late,
            )
        if reply.status != 409:
            raise _refused(target.name, reply)
        if reply.kind != SIZE_TYPE:
            raise RemoteError(
                "witness.answer",
                f"{target.name} answered a conflict without its size; ask who runs the witness",
            )
        size = read_size(reply.body)
        if size > head.size or size == old == head.size:
            return Ahead(size=size, same_size=size == head.size)
        if size == old:
            break  # it contradicts itself
        old = size
    raise RemoteError(
        "witness.answer",
        f"{target.name} names a conflict of sizes and there is none; ask who runs the witness",
    )


def _check_name(name: str) -> None:
    if any(char.isspace() for char in name) or "+" in name:
        raise LocalError(
            "witness.name",
            f"the charter calls a witness '{name}', and a name with spaces or plus signs cannot"
            " sign (C2SP signed-note); amend the charter",
        )


def _refused(name: str, reply: Reply) -> RemoteError:
    said = reply.body[:200].decode("utf-8", "replace").split("\n")[0]
    why = {
        400: "it takes our request for malformed",
        403: "it does not know the key that signed our checkpoint: it needs the newest charter",
        404: "it does not know this line: give it the charter",
        413: "it takes our request for too large",
        422: "it finds that our checkpoint does not follow from the one it cosigned last",
        429: "it is asked too often",
    }.get(reply.status, "it cannot answer at present")
    return RemoteError("witness.refused", f"{name} does not cosign: {why} ({reply.status}: {said})")


# ------------------------------------------------------------------------------------------- http


async def send(url: str, body: bytes, *, timeout_s: float = TIMEOUT_S) -> Reply:
    """POST a request to a witness's ``add-checkpoint``.

    Raises ``ShellError`` (``witness.unreachable``), ``RemoteError`` (``witness.answer``).
    """
    where = parse_url(url)
    try:
        async with asyncio.timeout(timeout_s):
            return await _send(where, body)
    except h11.ProtocolError as error:
        raise RemoteError(
            "witness.answer", f"what answers at {url} does not speak HTTP/1.1; correct the URL"
        ) from error
    except TimeoutError:
        why = f"no answer within {timeout_s:g} s"
    except (OSError, ShellError) as error:
        why = getattr(error, "strerror", None) or str(error)
    raise ShellError(
        "witness.unreachable",
        f"the witness at {url} cannot be reached ({why}); it is asked again",
        transient=True,
    )


async def _send(where: Url, body: bytes) -> Reply:
    literal = where.host.replace(".", "").isdigit() or ":" in where.host
    hosts = await Resolver().hosts(Place(host=where.host, port=where.port, literal=literal))
    context = ssl.create_default_context() if where.secure else None
    problem: OSError = OSError("no address")
    for host in hosts:
        try:
            reader, writer = await asyncio.open_connection(
                host,
                where.port,
                ssl=context,
                server_hostname=where.host if where.secure else None,
            )
        except OSError as error:
            problem = error
            continue
        try:
            return await _talk(reader, writer, where, body)
        finally:
            writer.transport.abort()
    raise problem


async def _talk(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, where: Url, body: bytes
) -> Reply:
    http = h11.Connection(h11.CLIENT)
    headers = [
        ("host", where.authority),
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", str(len(body))),
        ("connection", "close"),
    ]
    head = h11.Request(method="POST", target=f"{where.path}/add-checkpoint", headers=headers)
    writer.write(http.send(head) or b"")
    writer.write(http.send(h11.Data(data=body)) or b"")
    writer.write(http.send(h11.EndOfMessage()) or b"")
    await writer.drain()
    status, kind, got = 0, "", bytearray()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Response):
            status = event.status_code
            kinds = [value for name, value in event.headers if name == b"content-type"]
            kind = (kinds[0] if kinds else b"").decode("ascii", "replace")
        elif isinstance(event, h11.Data):
            got += event.data
            if len(got) > MAX_ANSWER_BYTES:
                raise h11.RemoteProtocolError("too much")
        elif isinstance(event, h11.EndOfMessage):
            return Reply(status=status, kind=kind.partition(";")[0].strip(), body=bytes(got))
        elif not isinstance(event, h11.InformationalResponse):
            raise h11.RemoteProtocolError("closed")
