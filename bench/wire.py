"""Bytes on the wire, asked of the kernel.

A forwarding proxy would count as well but would sit in the path that is being timed. Linux keeps
the payload bytes of every TCP socket; the sock_diag netlink family reads them for all sockets of a
listening port without touching the processes. The numbers are TCP payload: TLS records with their
overhead, without the headers of IP and TCP.
"""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

_SOCK_DIAG_BY_FAMILY = 20
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_REQUEST_DUMP = 0x301
_INFO_ATTRIBUTE = 2  # INET_DIAG_INFO: struct tcp_info follows
_ESTABLISHED = 1 << 1
_MESSAGE_BYTES = 72  # struct inet_diag_msg
_BYTES_ACKED = 120  # offsets in struct tcp_info
_BYTES_RECEIVED = 128


def _dump(family: int) -> bytes:
    request = struct.pack("=BBBxI48x", family, socket.IPPROTO_TCP, 1 << 1, _ESTABLISHED)
    header = struct.pack("=IHHII", 16 + len(request), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0)
    answer = b""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as link:
        link.settimeout(2)
        link.send(header + request)
        while True:
            part = link.recv(1 << 18)
            start = 0
            while start < len(part):
                length, kind = struct.unpack_from("=IH", part, start)
                if kind == _NLMSG_DONE:
                    return answer
                if kind == _NLMSG_ERROR:
                    raise OSError("the kernel refused to list its TCP sockets (sock_diag)")
                answer += part[start : start + length].ljust((length + 3) & ~3, b"\0")
                start += (length + 3) & ~3


def _payload(attributes: bytes) -> int:
    start = 0
    while start + 4 <= len(attributes):
        length, kind = struct.unpack_from("=HH", attributes, start)
        if length < 4:
            break
        if kind == _INFO_ATTRIBUTE and length >= 4 + _BYTES_RECEIVED + 8:
            (acked,) = struct.unpack_from("=Q", attributes, start + 4 + _BYTES_ACKED)
            (received,) = struct.unpack_from("=Q", attributes, start + 4 + _BYTES_RECEIVED)
            return int(acked + received)
        start += (length + 3) & ~3
    return 0


def port_bytes(ports: frozenset[int]) -> int:
    """Payload bytes, both directions, over every established session accepted on ``ports``.

    Raises ``OSError`` where the kernel has no sock_diag.
    """
    total = 0
    for family in (socket.AF_INET, socket.AF_INET6):
        answer = _dump(family)
        start = 0
        while start < len(answer):
            (length,) = struct.unpack_from("=I", answer, start)
            (source,) = struct.unpack_from("!H", answer, start + 16 + 4)
            if source in ports:
                total += _payload(answer[start + 16 + _MESSAGE_BYTES : start + length])
            start += (length + 3) & ~3
    return total


def resident_bytes(pid: int) -> int:
    """The resident set of one process, in bytes, from the kernel's own table."""
    table = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
    return int(table.split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_bytes(pid: int) -> int:
    """The most physical memory that a process has held since it began."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(text for text in status.splitlines() if text.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def cpu_seconds(pid: int) -> float:
    """The processor's time that a process has used, its own and the kernel's for it."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split(" ")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
