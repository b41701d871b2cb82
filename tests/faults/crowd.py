"""A thousand strangers at a port, each in a way of its own, in a process of their own.

``python -m tests.faults.crowd PORT COUNT MANNER SEED HARD_S`` connects, says so on its output, and
goes on until its input ends: who is let go comes again, for ``HARD_S`` as soon as it can, and then
at a pace, so that 200 of all come in a second. At its end it says how long the connection lasted
that lasted longest (s). Manners of ``MANNERS`` are for a desk, of ``AT_LINE`` for a station.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import resource
import ssl
import sys
import time
from collections.abc import Callable
from functools import cache
from typing import Final

# Those who would have most held stand first: what one manner has made a process grow by is given to
# the next one for nothing, as far as the process keeps it.
MANNERS: Final = (
    "parts", "headers", "endless", "slowform", "login", "shouting", "rubbish", "trickle", "idle",
    "halfopen", "churn", "all",
)  # fmt: skip
AT_LINE: Final = (
    "lurking", "silent", "dripping", "helloed", "junk", "length", "hellos", "everybody",
)  # fmt: skip
COMES_BACK_S: Final = 0.5
EACH_SECOND: Final = 200  # come again once the first rush is over
SOURCES: Final = 16  # addresses that strangers at a line call from
HASTY: Final = ("churn", "hellos")  # go as soon as they have spoken


def words(manner: str, port: int, chance: random.Random) -> tuple[list[bytes], float]:
    """What one stranger says, piece by piece, and how long it waits between two (s)."""
    if manner in AT_LINE:
        return at_line(manner, chance)
    host = f"host: 127.0.0.1:{port}\r\n"
    own = f"origin: http://127.0.0.1:{port}\r\ncookie: tieline_{port}={'A' * 43}\r\n"
    get = f"GET /login HTTP/1.1\r\n{host}\r\n".encode()
    post = f"POST /login HTTP/1.1\r\n{host}{own}"
    form = post + "content-type: application/x-www-form-urlencoded\r\n"
    mixed = post + "content-type: multipart/form-data; boundary=x\r\n"
    part = b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\nb\r\n'
    chunk = b"8000\r\n" + b"a" * 0x8000 + b"\r\n"
    return {
        "idle": ([], 0.0),
        "halfopen": ([], 0.0),
        "trickle": ([bytes((each,)) for each in get[:-1]], 0.4),
        "shouting": ([get] * 200, 0.0),
        "rubbish": ([chance.randbytes(4_000)], 0.0),
        "login": ([f"{form}content-length: 20\r\n\r\nname=x&password=1234".encode()], 0.5),
        "slowform": ([f"{form}content-length: 30000\r\n\r\n".encode(), *[b"a" * 64] * 400], 0.4),
        "endless": ([f"{form}transfer-encoding: chunked\r\n\r\n".encode(), *[chunk] * 400], 0.0),
        "headers": ([get[:-2], *[b"x: " + b"y" * 900 + b"\r\n"] * 400], 0.05),
        "parts": ([f"{mixed}transfer-encoding: chunked\r\n\r\n".encode(),
                   *[b"%x\r\n%b\r\n" % (len(part) * 600, part * 600)] * 20], 0.0),
        "churn": ([b"G"], 0.0),
    }[manner]  # fmt: skip


@cache
def hello() -> bytes:
    """The first that a caller over TLS says."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    pipe = context.wrap_bio(heard, said)
    with contextlib.suppress(ssl.SSLWantReadError):
        pipe.do_handshake()
    return said.read()


def at_line(manner: str, chance: random.Random) -> tuple[list[bytes], float]:
    """What one stranger at a station's port says, and how long it waits between two pieces."""
    return {
        "lurking": ([], 0.0),
        "silent": ([], 0.0),
        "dripping": ([bytes((each,)) for each in hello()[:-1]], 0.4),
        "helloed": ([hello()], 0.0),
        "junk": ([chance.randbytes(4_000)] * 20, 0.0),
        "length": ([b"\x7f\xff\xff\xff\x02" + bytes(60_000)], 0.0),
        "hellos": ([hello()], 0.0),
    }[manner]


async def slowly(wait_s: float) -> None:
    """To be slow is what this stranger does; no test waits by it."""
    await asyncio.wait({asyncio.get_running_loop().create_future()}, timeout=wait_s)


class Stays:
    """How long connections lasted (s)."""

    def __init__(self) -> None:
        self.longest = 0.0  # of those that are over
        self._since: set[float] = set()

    def came(self) -> float:
        """One begins: what it is known by."""
        now = time.monotonic()
        self._since.add(now)
        return now

    def went(self, began: float) -> None:
        """That one is over."""
        self._since.discard(began)
        self.longest = max(self.longest, time.monotonic() - began)

    def with_those_here(self) -> float:
        """The longest, those that are not over among them."""
        return max(self.longest, time.monotonic() - min(self._since, default=time.monotonic()))


async def stranger(
    port: int,
    manner: str,
    chance: random.Random,
    up: asyncio.Semaphore,
    source: str | None,
    stays: Stays,
    away_s: Callable[[], float],
) -> None:
    """One of them, for as long as it lasts; ``away_s`` says how long it may stay away."""
    first = True
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, local_addr=(source, 0) if source else None
            )
            began = stays.came()
            if first:
                up.release()
                first = False
            said, wait_s = words(manner, port, chance)
            with contextlib.suppress(OSError):
                if manner == "halfopen":
                    writer.write_eof()
                for each in said:
                    writer.write(each)
                    await asyncio.wait_for(writer.drain(), 30)
                    await slowly(wait_s)
                if manner not in HASTY:
                    await reader.read()
            writer.close()
            stays.went(began)
        await slowly(chance.uniform(0, away_s()))


async def main(port: int, count: int, manner: str, seed: int, hard_s: float) -> None:
    """All of them, until the input ends."""
    calm = time.monotonic() + hard_s
    paced_s = max(COMES_BACK_S, 2 * count / EACH_SECOND)

    def away_s() -> float:
        return COMES_BACK_S if time.monotonic() < calm else paced_s

    chance, up = random.Random(seed), asyncio.Semaphore(0)
    kinds = {"all": MANNERS[:-1], "everybody": AT_LINE[:-1]}.get(manner, (manner,))
    stays = Stays()
    crowd = []
    for each in range(count):
        source = f"127.0.0.{60 + each % SOURCES}" if manner in AT_LINE else None
        one = stranger(port, kinds[each % len(kinds)], chance, up, source, stays, away_s)
        crowd.append(asyncio.create_task(one))
    # At a line those who wait to be let in at all are part of the crowd that is wanted.
    for _ in crowd[:: 2 if manner in AT_LINE else 1]:
        await up.acquire()
    print("all have come", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    # So few lurk that none of them waits to be accepted: who is still there has been let stay.
    lasted = stays.with_those_here() if manner == "lurking" else stays.longest
    print(f"{lasted:.2f}", flush=True)
    # At once, and with it every connection; they have nothing to put away.
    os._exit(0)


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    where, how_many, which, number, rush = sys.argv[1:]
    asyncio.run(main(int(where), int(how_many), which, int(number), float(rush)))
