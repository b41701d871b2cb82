"""TLS without a socket: bytes of the wire in, plain bytes out, and the other way.

Theory: the standard library's TLS over memory buffers. It gives what the event loop's own TLS does
not: nothing is allocated for a caller before its first byte, the bytes of a handshake can be
counted, a failed handshake has a cause that can be told, and the same code runs under every loop.

Trust: a context holds as anchors exactly the self-signed certificates that are pinned, and nothing
else: no authority, no name, no date. A pinned certificate is trusted because it is pinned; whether
it is still in force is the charter's word, not the calendar's, and a wrong clock must not be able
to break the line. The caller must still compare the exact certificate (``certificate``): the holder
of a pinned key could sign another one with it.

There is no resumption: a session that was verified once could outlive its pin.

It does not know: sockets, time, frames, stations.
"""

from __future__ import annotations

import hashlib
import os
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tieline.core.errors import LocalError, RemoteError, ShellError

PROTOCOL: Final = "tieline/1"  # ALPN, RFC 7301: the handshake's hash covers it
READ_BYTES: Final = 65_536
NOT_PINNED: Final = (
    "the far end did not show the pinned certificate: the address leads to another machine, or"
    " their keys are others; check the address or its name, and compare its card with the charter"
)
NOT_OURS: Final = (
    "the far end does not accept our certificate; its charter may pin another one, or no longer"
    " name this station"
)

_NO_CHECK_TIME: Final = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, not named by the ssl module

_OUR_PIN: Final = frozenset(
    {
        "TLSV1_ALERT_UNKNOWN_CA",
        "TLSV1_ALERT_DECRYPT_ERROR",
        "TLSV1_ALERT_ACCESS_DENIED",
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    }
)
_VERSION: Final = frozenset(
    {
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "UNSUPPORTED_PROTOCOL",
        "WRONG_SSL_VERSION",
        "NO_PROTOCOLS_AVAILABLE",
    }
)
_NOT_TLS: Final = frozenset(
    {
        "WRONG_VERSION_NUMBER",
        "HTTP_REQUEST",
        "HTTPS_PROXY_REQUEST",
        "UNKNOWN_PROTOCOL",
        "PACKET_LENGTH_TOO_LONG",
        "RECORD_LAYER_FAILURE",
        "RECORD_TOO_SMALL",
        "UNEXPECTED_MESSAGE",
        "BAD_RECORD_TYPE",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Our own certificate (DER) and its private key (PEM, not encrypted; never written to disk)."""

    cert_der: bytes
    key_pem: bytes

    def __repr__(self) -> str:
        return "Identity(a certificate and its key)"


def name_of(cert_der: bytes) -> str:
    """The name by which a caller asks for this certificate (server_name, RFC 6066 section 3).

    It says only which of its certificates a station whose keys change is to show; what is shown is
    compared with the pin all the same.
    """
    return f"{hashlib.sha256(cert_der).hexdigest()[:32]}.tieline.invalid"


def server(owns: Sequence[Identity], pins: Iterable[bytes]) -> ssl.SSLContext:
    """A context for callers, which shows the certificate that the caller asks for, else the first.

    Raises as ``context``.
    """
    anchors = tuple(pins)
    contexts = {name_of(own.cert_der): context(own, anchors, server_side=True) for own in owns}
    first = contexts[name_of(owns[0].cert_der)]

    def choose(tls: ssl.SSLObject, name: str | None, _made: ssl.SSLContext) -> None:
        found = contexts.get(name or "")
        if found is not None and found is not first:
            tls.context = found

    if len(contexts) > 1:
        first.sni_callback = choose
    return first


def context(own: Identity, pins: Iterable[bytes], *, server_side: bool) -> ssl.SSLContext:
    """Make a context that speaks TLS 1.3 only and trusts exactly ``pins`` (DER certificates).

    Raises ``LocalError`` (``carrier.key``, ``carrier.pin``) when our key or a pinned certificate
    cannot be used, ``ShellError`` (``carrier.memory_file``) when the key cannot be handed over.
    """
    protocol = ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT
    made = ssl.SSLContext(protocol)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    made.verify_flags = ssl.VerifyFlags(
        ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_TRUSTED_FIRST | _NO_CHECK_TIME
    )
    made.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    if server_side:
        made.num_tickets = 0
    made.set_alpn_protocols([PROTOCOL])
    _load_own(made, own)
    anchors = b"".join(pins)
    if anchors:
        try:
            made.load_verify_locations(cadata=anchors)
        except ssl.SSLError as error:
            raise LocalError(
                "carrier.pin",
                "a pinned TLS certificate of a peer cannot be read"
                f" ({_reason(error)}); ask the peer for a new card",
            ) from error
    return made


def _load_own(made: ssl.SSLContext, own: Identity) -> None:
    # The ssl module takes keys from files only. An anonymous file in memory never touches a disk.
    try:
        descriptor = os.memfd_create("tieline-tls", os.MFD_CLOEXEC)
    except OSError as error:
        raise ShellError(
            "carrier.memory_file",
            f"the system gives no file in memory for the TLS key ({error.strerror});"
            " a station needs Linux with memfd_create",
        ) from error
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(ssl.DER_cert_to_PEM_cert(own.cert_der).encode("ascii"))
            file.write(own.key_pem)
        made.load_cert_chain(f"/proc/self/fd/{descriptor}")
    except ssl.SSLError as error:
        raise LocalError(
            "carrier.key",
            f"our TLS key and certificate do not fit ({_reason(error)}); restore them from a backup"
            " or make new ones and have the charter amended",
        ) from error
    except OSError as error:
        raise ShellError(
            "carrier.memory_file",
            f"the TLS key could not be handed over in memory ({error.strerror});"
            " a station needs /proc to be mounted",
        ) from error
    finally:
        os.close(descriptor)


class Pipe:
    """One TLS connection, either side."""

    __slots__ = ("_in", "_out", "_tls")

    def __init__(self, made: ssl.SSLContext, *, server_side: bool, asked: str = "") -> None:
        """``asked`` is what a station that dials says it wants to see (``name_of``)."""
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._tls = made.wrap_bio(
            self._in, self._out, server_side=server_side, server_hostname=asked or None
        )

    def feed(self, data: bytes | memoryview) -> None:
        """Take bytes that came from the wire."""
        self._in.write(data)

    def outgoing(self) -> bytes:
        """Give the bytes that belong on the wire now."""
        return self._out.read()

    def handshake(self) -> bool:
        """Go on with the handshake; True when this side is through with it.

        For the side that dialled, True does not mean that the other side accepted our certificate:
        in TLS 1.3 its refusal comes later, from ``read``. Raises ``RemoteError`` (``tls.*``).
        """
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            raise explain(error) from error
        if self._tls.selected_alpn_protocol() != PROTOCOL:
            raise RemoteError(
                "tls.protocol",
                f"the far end does not speak {PROTOCOL} over TLS; update the older station",
            )
        return True

    def certificate(self) -> bytes:
        """The exact certificate (DER) that the other side proved to own; empty when none."""
        return self._tls.getpeercert(binary_form=True) or b""

    def read(self) -> bytes | None:
        """Plain bytes that are ready, at most one TLS record; empty when nothing is ready.

        None means that the other side said, authenticated, that nothing more comes (close_notify,
        RFC 8446 section 6.1). Raises ``RemoteError`` (``tls.*``).
        """
        if not self._in.pending and not self._tls.pending():
            return b""
        try:
            return self._tls.read(READ_BYTES) or None
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLZeroReturnError:
            return None
        except ssl.SSLError as error:
            raise explain(error) from error

    def write(self, data: bytes) -> None:
        """Encrypt; the result waits in ``outgoing``."""
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            raise explain(error) from error

    def finish(self) -> bool:
        """Say, authenticated, that nothing more comes from this side (close_notify).

        True when the other side has said so too. Nothing of it can be read afterwards but that.
        """
        try:
            self._tls.unwrap()
        except (ssl.SSLError, ValueError):
            # Wants the other side's own farewell, or the connection is past saying anything:
            # either way our farewell, if one can be said, is in the outgoing buffer now.
            return False
        return True


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "no reason given").replace("_", " ").lower()


def explain(error: ssl.SSLError) -> RemoteError:
    """Say in one sentence what a TLS failure means for the line."""
    reason = error.reason or ""
    if isinstance(error, ssl.SSLCertVerificationError):
        return RemoteError("tls.pin", NOT_PINNED)
    if reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        return RemoteError("tls.no_certificate", "the far end showed no certificate")
    if reason in _OUR_PIN:
        return RemoteError("tls.own_pin", NOT_OURS)
    if reason in _VERSION:
        return RemoteError(
            "tls.version", "the far end does not speak TLS 1.3, and nothing older is spoken here"
        )
    if reason in _NOT_TLS:
        return RemoteError("tls.not_tls", "what came from the far end is not TLS")
    return RemoteError("tls.failure", f"TLS failed: {_reason(error)}")
