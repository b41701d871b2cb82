"""The stream of events to a browser: what has changed, in a few words, and a heartbeat.

A message names topics and not contents (``TOPICS``, and ``item:DIGEST``); the page fetches the
parts of itself that are about them. So no content of the record goes through here, and a part is
made by one template only. The number of a message is the journal's: a browser that comes back says
which it saw last, and is told to look at everything if there was more.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Final

from tieline.desk.web.link import Event, StationLink
from tieline.desk.web.ringing import Ringing
from tieline.node.view import Json

BEAT_S: Final = 2.0
TOPICS: Final = {
    "statement": ("traffic", "incidents"),
    "receipt": ("traffic",),
    "handed-over": ("traffic",),
    "state": ("lines",),
    "attempt": ("lines",),
    "life": ("lines",),
    "charter": ("charter", "lines"),
    "alarm": ("alarms",),
    "heed": ("alarms",),
    "unstored": ("alarms",),
    "unstored-over": ("alarms",),
    "alarms": ("alarms",),  # of this desk: time alone has changed what rings
    "draft": ("drafts",),
    "note": ("lines",),
    "refused": ("lines",),
    "proof": ("lines", "alarms"),
    "audit": ("audit",),  # of this desk: a check of the record has ended
    "station": ("station", "everything"),
    "reading": ("reading",),  # of this desk: the station has read more of a long record
    "read": ("everything",),  # and all of it
    "leaving": ("leaving", "drafts"),  # of the desk itself: departures.py
    "cover": ("cover",),
}


def topics(event: Event) -> list[str]:
    """What an event of the station is about."""
    found = list(TOPICS.get(str(event.get("type")), ("everything",)))
    if isinstance(event.get("item"), str):
        found.append(f"item:{event['item']}")
    items, refs = event.get("items"), event.get("refs")
    if isinstance(items, list):
        found += [f"item:{each}" for each in items[:64]]
    if isinstance(refs, list):
        found += [f"item:{ref['item']}" for ref in refs[:64] if isinstance(ref, dict)]
    return found


async def stream(
    link: StationLink, last: int | None, stopping: asyncio.Event, ringing: Ringing
) -> AsyncIterator[bytes]:
    """The messages of one browser, until it goes, lags, or the desk stops."""
    with link.listening() as listener:
        # A browser that was away, or has a page of before, looks at everything once.
        changed = [] if last == link.last_seq else ["everything"]
        yield message(link.last_seq, [*changed, "begin"], ring=ringing.message(), alive=link.alive)
        stop = asyncio.create_task(stopping.wait())
        take = asyncio.create_task(listener.queue.get())
        try:
            while not stopping.is_set():
                done, _ = await asyncio.wait(
                    {take, stop}, timeout=BEAT_S, return_when=asyncio.FIRST_COMPLETED
                )
                if take not in done:
                    yield message(link.last_seq, [], ring=ringing.message(), alive=link.alive)
                    continue
                event = take.result()
                names = [] if event is None else topics(event)
                ended = event is None
                while not listener.queue.empty():
                    more = listener.queue.get_nowait()
                    ended = ended or more is None
                    names += [] if more is None else topics(more)
                if ended:
                    yield message(
                        link.last_seq, ["lagged"], ring=ringing.message(), alive=link.alive
                    )
                    return
                take = asyncio.create_task(listener.queue.get())
                yield message(
                    link.last_seq,
                    list(dict.fromkeys(names)),
                    ring=ringing.message(),
                    alive=link.alive,
                )
        finally:
            stop.cancel()
            take.cancel()


def message(seq: int, names: list[str], *, ring: dict[str, Json], alive: bool) -> bytes:
    """One message of the stream; ``ring``: what a browser is to sound."""
    data = json.dumps({"on": names, "station": alive, "ring": ring}, separators=(",", ":"))
    return f"id: {seq}\ndata: {data}\n\n".encode()
