"""P8 at the desk: a stranger whose request never ends is let go, and not read to its end."""

from __future__ import annotations

import select
import socket
from typing import Final
from unittest import mock

from tests.faults.floor import here
from tests.faults.rows import need

from tieline.desk.web import guard, run, server

SOON_S: Final = 0.5  # the desk's deadlines, so that nobody waits for the real ones
PATIENCE_S: Final = 15.0  # on a machine with other work
MOST: Final = 16 << 20
# Many fields: one that is long is refused by whatever reads the form, too.
CHUNK: Final = b"8000\r\n&a=" + b"a" * 0x7FFD + b"\r\n"
MANNERS: Final = ("silent", "half a line", "half a header", "half a form", "endless form")


def unfinished(seed: int) -> None:
    """One stranger."""
    manner, port = MANNERS[seed % len(MANNERS)], here().port
    host = f"host: {run.HOST}:{port}\r\norigin: http://{run.HOST}:{port}\r\n"
    form = f"POST /login HTTP/1.1\r\n{host}content-type: application/x-www-form-urlencoded\r\n"
    words = {
        "silent": "",
        "half a line": "GET /log",
        "half a header": f"GET /login HTTP/1.1\r\n{host}cookie: tie",
        "half a form": f"{form}content-length: 3000\r\n\r\nname=x",
        "endless form": f"{form}transfer-encoding: chunked\r\n\r\n",
    }[manner]
    endless = manner == "endless form"
    deadline = 4 * PATIENCE_S if endless else SOON_S  # it is the limit on bytes that ends this one
    with (
        mock.patch.object(server, "HEADER_S", deadline),
        mock.patch.object(guard, "LOGIN_S", deadline),
        socket.create_connection((run.HOST, port), timeout=PATIENCE_S) as link,
    ):
        link.sendall(words.encode())
        if endless:
            _endless(link)
        else:
            need(_closed(link), f"{manner}: it may stay as long as it likes")


def _closed(link: socket.socket) -> bool:
    """Whether the other end closes in time, whatever it says before."""
    try:
        while link.recv(65_536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


def _endless(link: socket.socket) -> None:
    sent = 0
    try:
        while sent < MOST and not select.select([link], [], [], 0)[0]:
            link.sendall(CHUNK)
            sent += len(CHUNK)
    except TimeoutError:
        return  # it is not read any further
    except ConnectionError:
        return
    need(sent < MOST, f"{MOST >> 20} MiB of a form were read")
