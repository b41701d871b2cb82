"""Addresses of stations: ``host:port`` and ``[v6]:port``, each in its one spelling.

This module does not know whether anybody answers there.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from tieline.core.errors import RemoteError

_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}\Z")


def parse_address(text: str) -> tuple[str, int]:
    """The host and port of ``host:port`` or ``[v6]:port``; each address has one spelling.

    A host is an IPv4 address, an IPv6 address in its RFC 5952 form, or a name of lower-case
    letters, digits and hyphens. IPv6 zones and IPv4-mapped addresses are refused: they mean
    something else on another machine. Raises ``RemoteError`` (``address.form``, ``address.port``).
    """
    host, colon, port = text.rpartition(":")
    if not colon or not _PORT.match(port) or int(port) > 65_535:
        raise RemoteError(
            "address.port",
            f"the address {_quote(text)} must end in a colon and a port from 1 to 65535; write it "
            "as host:port",
        )
    if host.startswith("[") and host.endswith("]"):
        good = _is_v6(host[1:-1])
        host = host[1:-1]
    else:
        good = _is_v4(host) or _is_host_name(host)
    if not good:
        raise RemoteError(
            "address.form",
            f"the host of the address {_quote(text)} is neither an IPv4 address, nor an IPv6 "
            "address in brackets, nor a lower-case name; write it in one of these forms",
        )
    return host, int(port)


def _quote(text: str) -> str:
    return ascii(text if len(text) <= 60 else text[:60] + "...")


def _is_v4(host: str) -> bool:
    try:
        return str(ipaddress.IPv4Address(host)) == host
    except ValueError:
        return False


def _is_v6(host: str) -> bool:
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return address.ipv4_mapped is None and address.scope_id is None and str(address) == host


def _is_host_name(host: str) -> bool:
    labels = host.split(".")
    # A last label that looks like a number would be read as an IPv4 address by some resolvers.
    numeric = labels[-1].isdigit() or labels[-1].startswith("0x")
    return len(host) <= 253 and not numeric and all(_LABEL.match(label) for label in labels)
