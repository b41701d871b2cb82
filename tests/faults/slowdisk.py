"""P1 with real processes: each sync of a station takes 0.2 to 7 s, and nothing is said before it.

Two stations run on loopback, with ``mood.c`` loaded before the C library. What cannot be true
before a sync has ended is not said before: the answer to who speaks, the push to the other, what
comes up at its desk as stored, its receipt. Where that takes long the desk hears before that it is
here and not stored. These are lower bounds, so a busy machine changes nothing about them.
Meanwhile the stations say how they are, in the midst of a sync that takes a second or more, and
keep their session, also where it takes longer than one of them may be silent.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Self

from tests.faults.linecrowd import EACH_BYTES, MOST_BYTES, WAIT_S, Line, cost, stand
from tests.faults.mood import NAME, Mood, build
from tests.faults.rows import need, scratch

from tieline.node.client import ApiDown, ApiRefused
from tieline.node.view import Json

BROKEN = ""  # what is broken on purpose in the stations that are started; see ``stationproc``
CODES: Final = ("ALPHA", "BRAVO")
# What a sync takes at ALPHA, which speaks, and at BRAVO (ms).
CASES: Final = (
    (0, 600), (2_000, 0), (0, 7_000), (300, 200), (0, 2_000), (1_000, 1_000), (600, 0), (7_000, 0),
)  # fmt: skip
LONG_MS: Final = 6_000  # as long as a session may hear nothing: one FLASH is enough
FIRST_MS: Final = 100  # of a sync, before: in the first slow one nobody is told how it is
SENDERS: Final = 6
SENDS_S: Final = 2.0
FLASHES: Final = 2
SYNCS: Final = 6  # of a station, at most, between an act and what is told of it
MIDST_MS: Final = 1_000  # in a sync as long as this somebody who asks over and over is answered
BUSY_S: Final = 5.0  # for a machine that has other work
SETTLED_S: Final = 60.0
ASK_S: Final = 0.05


_here: list[tuple[Line, dict[str, Mood]]] = []


def no_compiler() -> str:
    """Why no disk can be slow here; empty when one can."""
    if shutil.which("cc") or shutil.which("gcc"):
        return ""
    return "no C compiler: no disk can be made slow"


@contextlib.contextmanager
def stage() -> Iterator[None]:
    """Two stations that run and have met, for cases that follow each other."""
    with scratch() as where, contextlib.ExitStack() as stack:
        folder = Path(where)
        library = build(folder)
        need(library is not None, no_compiler())
        moods = {code: Mood(folder / f"{code}.mood") for code in CODES}

        def environment(code: str) -> dict[str, str]:
            return {NAME: str(moods[code].path), "LD_PRELOAD": str(library)}

        line = stand(folder, stack, CODES, broken=BROKEN, environment=environment)
        _here.append((line, moods))
        try:
            yield
        finally:
            for mood in moods.values():
                mood.right()
            _here.clear()


class Asked:
    """Somebody who asks a station over and over how it is.

    ``midst``: how often it said so while it stored something. How long an answer took says more of
    the machine than of the station.
    """

    def __init__(self, line: Line, code: str) -> None:
        self.worst_s = 0.0
        self.midst = 0
        self._line, self._code, self._over = line, code, threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        client = self._line.client(self._code)
        with contextlib.closing(client):
            while not self._over.wait(ASK_S):
                began = time.monotonic()
                status = client.call("status")
                self.worst_s = max(self.worst_s, time.monotonic() - began)
                self.midst += status["storing_ms"] != 0


def slow_in_fact(seed: int) -> None:
    """One pair of disks: FLASHes one by one, then as many texts as people can send."""
    (alpha_ms, bravo_ms), (line, moods) = CASES[seed % len(CASES)], _here[0]
    first = {code: cost(process.pid) for code, process in line.processes.items()}
    long = max(alpha_ms, bravo_ms) > LONG_MS
    _begin(line, moods)
    since = {code: _journal(line, code) for code in CODES}
    moods["ALPHA"].slow(alpha_ms, syncs_only=True)
    moods["BRAVO"].slow(bravo_ms, syncs_only=True)
    try:
        with Asked(line, "ALPHA") as here, Asked(line, "BRAVO") as there:
            for _ in range(1 if long else FLASHES):
                _flash(line, alpha_ms / 1_000, bravo_ms / 1_000)
            sent = [] if long else _crowd(line)
    finally:
        for mood in moods.values():
            mood.right()
    for asked, ms in ((here, alpha_ms), (there, bravo_ms)):
        need(asked.midst or ms < MIDST_MS, "a station never said how it is while its disk synced")
        need(asked.worst_s <= BUSY_S, f"it said nothing for {asked.worst_s:.1f} s of {BUSY_S:.1f}")
    _settled(line, sent)
    for code in CODES:
        changed = _changes(line, code, since[code])
        need(not changed, f"{code} lost its session: {changed[:3]}")
    for code, process in line.processes.items():
        more = cost(process.pid).memory - first[code].memory
        most = MOST_BYTES + len(sent) * EACH_BYTES
        need(more <= most, f"{code} holds {more >> 20} MiB more")


def _begin(line: Line, moods: Mapping[str, Mood]) -> None:
    """Let both stations learn that their disks can be slow."""
    for code in CODES:
        moods[code].slow(FIRST_MS, syncs_only=True)
        with contextlib.closing(line.client(code)) as client:
            client.call("send", text=f"{code} before {line.number}", officer="Watch")


def _journal(line: Line, code: str) -> int:
    """The number of a station's newest entry."""
    with contextlib.closing(line.client(code)) as client:
        return int(str(client.call("status")["journal"]))


def _changes(line: Line, code: str, since: int) -> list[str]:
    """What a station has noted of the state of its sessions."""
    found: list[str] = []
    with contextlib.closing(line.client(code)) as client:
        for event in client.watch(since):
            if event.get("type") == "live":
                break
            if event.get("type") == "state":
                found.append(f"{event['state']} ({event['cause']})")
    return found


def _flash(line: Line, here_s: float, there_s: float) -> None:
    """No answer, nothing on the other's desk and no receipt before the disks can have it."""
    line.number += 1
    text, client = f"urgent {line.number}", line.client("ALPHA")
    with contextlib.closing(client):
        began = time.monotonic()
        answer = client.call("send", text=text, precedence="FLASH", officer="Watch", to=["BRAVO"])
        said_s = time.monotonic() - began
        need(said_s >= here_s, f"said to be sent after {said_s:.2f} s, of {here_s} s for a sync")
        item = str(answer["item"])
        most_s = SYNCS * (here_s + there_s) + BUSY_S
        while not _received(client.call("item", item=item)):
            need(time.monotonic() - began <= most_s, f"no receipt after {most_s:.1f} s")
        got_s = time.monotonic() - began
    least_s = here_s + there_s + here_s  # the receipt itself is stored before anybody sees it
    need(got_s >= least_s, f"a receipt after {got_s:.2f} s, of {least_s} s for its syncs")
    with line.news:
        need(line.news.wait_for(lambda: text in line.seen, WAIT_S), "it did not come up")
    shown_s = line.seen[text] - began
    if there_s * 1_000 > LONG_MS:
        early = line.early.get(text)
        need(early and early < line.seen[text], "nobody heard of it before it was stored")
    need(shown_s >= here_s + there_s, f"shown after {shown_s:.2f} s, of {there_s} s for a sync")


def _received(item: Mapping[str, Json]) -> bool:
    """Whether the officer is told that it is at BRAVO's station."""
    return "received" in str(item["ladder"])


def _crowd(line: Line) -> list[str]:
    """Several officers speak, each as soon as the last text was taken; what was taken."""
    until, sent, failed = time.monotonic() + SENDS_S, list[str](), list[Exception]()

    def send(number: int) -> None:
        client, count = line.client("ALPHA"), 0
        try:
            with contextlib.closing(client):
                while time.monotonic() < until:
                    text = f"text {line.number} {number} {count}"
                    client.call("send", text=text, officer="Watch")
                    sent.append(text)
                    count += 1
        except (ApiDown, ApiRefused, OSError) as error:
            failed.append(error)

    senders = [threading.Thread(target=send, args=(n,), daemon=True) for n in range(SENDERS)]
    for each in senders:
        each.start()
    for each in senders:
        each.join()
    need(not failed, f"a text was refused: {failed[:1]}")
    return sent


def _settled(line: Line, sent: list[str]) -> None:
    """With quick disks all that was taken comes up."""
    with line.news:
        line.news.wait_for(lambda: set(sent) <= line.seen.keys(), SETTLED_S)
        lacks = len(set(sent) - line.seen.keys())
    need(not lacks, f"{lacks} of {len(sent)} texts that were taken are not there")
