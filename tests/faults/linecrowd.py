"""P8 at a line's own port: strangers who crowd it, a noisy peer, and urgent words between.

Three stations run as processes. Each second a FLASH goes one way between ALPHA and BRAVO, while a
thousand strangers are at ALPHA's port, or while CHARLIE's officers send whatever they can.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests import ports
from tests.faults.cell import Cell, cell
from tests.faults.crowd import AT_LINE
from tests.faults.firestation import ROOT, Ends, settle_in
from tests.faults.rows import Missed, need, scratch
from tests.faults.waits import Waits
from tests.faults.webcrowd import Crowd, crowd
from tests.node.pair import ANY_ONE, Seat

from tieline.core.charter import SignedCharter, make_charter
from tieline.core.identity import dearmor, parse_card
from tieline.exercise.supervise import end_with_parent
from tieline.node import offline, secrets
from tieline.node.client import ApiDown, ApiRefused, Client
from tieline.node.secrets import KeyFile
from tieline.node.view import Json

BROKEN = ""  # what is broken on purpose in the stations that are started; see ``stationproc``
CODES: Final = ("ALPHA", "BRAVO", "CHARLIE")
CASES: Final = (*AT_LINE, "noisy-peer")
QUIET: Final = "pair"  # the line between all
NOISY: Final = "noisy"  # the line of ALPHA and CHARLIE alone
STRANGERS: Final = 1_000
LURKING: Final = 24  # fewer than are shown out to make room
QUIET_S: Final = 2
LASTS_S: Final = 30
HARD_S: Final = 6  # of it, in which who is let go comes again at once
NOISE_S: Final = 6
DEADLINE_S: Final = 10.0  # from being accepted; what follows is for waiting to be, and for the load
SLACK_S: Final = 4.0
BUSY_SLACK_S: Final = 15.0
IN_TIME_S: Final = 2.0
BUSY_S: Final = 5.0  # the same where more than BUSY processes want each processor
BUSY: Final = 1.5
MOST_BYTES: Final = 32 << 20
BOUND: Final = 256 << 20  # of ALPHA, held by the kernel
MOST_FILES: Final = 160  # 64 in handshake, and as many that are on their way out
MOST_SHARE: Final = 0.5  # of one core, for strangers
MOST_LINES: Final = 20  # of the station's log
SENDERS: Final = 8
PAUSED_S: Final = 1.5  # and so much longer a FLASH may take after it
EACH_BYTES: Final = 8_192  # that the record of one more statement may take in memory
FILED_BYTES: Final = 16_384  # the same with its file, which lies in memory here, too
WAIT_S: Final = 60.0


@dataclass
class Line:
    """Three stations that run. ``seen``: when a text came up at the desk of the other.

    ``early``: when it was said there that it has come and is not stored yet.
    """

    seats: dict[str, Seat]
    ports: dict[str, int]
    processes: dict[str, subprocess.Popen[bytes]]
    logs: Path
    cell: Cell | str
    seen: dict[str, float] = field(default_factory=dict)
    early: dict[str, float] = field(default_factory=dict)
    number: int = 0
    noise: int = 0
    news: threading.Condition = field(default_factory=threading.Condition)

    def client(self, code: str) -> Client:
        return Client(self.seats[code].home.socket, WAIT_S)

    def watch(self, code: str) -> None:
        """Note when what comes up at a desk."""
        client = self.client(code)
        with contextlib.suppress(ApiDown), contextlib.closing(client):
            for event in client.watch(unstored=True):
                for text in _early(event):
                    self.early.setdefault(text, time.monotonic())
                if event.get("type") == "statement" and event.get("party") != code:
                    with self.news:
                        self.seen.setdefault(str(event.get("text")), time.monotonic())
                        self.news.notify_all()

    def flash(self, code: str) -> float:
        """Say a FLASH, and wait until the other desk shows it; how long that took (s).

        How long the two stations and their desks waited for a processor does not count.
        """
        self.number += 1
        pids = [os.getpid(), *(self.processes[each].pid for each in CODES[:2])]
        waits = Waits(*pids)
        text, client = f"urgent {self.number}", self.client(code)
        began = time.monotonic()
        other = "BRAVO" if code == "ALPHA" else "ALPHA"
        try:
            client.call(
                "send", line=QUIET, text=text, precedence="FLASH", officer="Watch", to=[other]
            )
        finally:
            client.close()
        with self.news:
            came = self.news.wait_for(lambda: text in self.seen, WAIT_S)
        need(came, f"a FLASH of {code} did not come within {WAIT_S:.0f} s")
        return max(0.0, self.seen[text] - began - waits.since_s())


def _early(event: Mapping[str, Json]) -> list[str]:
    """The texts that an event says are not stored yet."""
    alarms = event.get("alarms") if event.get("type") == "unstored" else None
    said = [one.get("said") for one in alarms or () if isinstance(one, dict)]  # type: ignore[union-attr]
    return [str(one.get("text")) for one in said if isinstance(one, dict)]


_here: list[Line] = []


@contextlib.contextmanager
def stage() -> Iterator[None]:
    """Three stations that run and have met, for cases that follow each other."""
    with scratch() as where, contextlib.ExitStack() as stack:
        # In the parent of what it holds: the stations are gone when it is taken away.
        bound = stack.enter_context(cell(BOUND))
        if isinstance(bound, str):
            sys.stderr.write(f"{bound}\n")
        _here.append(stand(Path(where), stack, CODES, broken=BROKEN, bound=bound))
        try:
            yield
        finally:
            _here.clear()


def stand(
    folder: Path,
    stack: contextlib.ExitStack,
    codes: tuple[str, ...],
    *,
    broken: str,
    environment: Callable[[str], dict[str, str]] = lambda _: {},
    bound: Cell | str = "",
) -> Line:
    """Stations that run until the stack ends, and have met; ALPHA's and BRAVO's desks are watched.

    Where there is a third, ALPHA and it have a line of their own besides. ``environment``: what is
    in that of one station. ``bound``: what holds ALPHA's memory.
    """
    watchers: list[threading.Thread] = []
    stack.callback(_join, watchers)  # when the stations are gone
    line = _seated(folder, codes, bound)
    for code in codes:
        _start(line, stack, code, broken, environment(code))
    for code in codes[:2]:
        watchers.append(threading.Thread(target=line.watch, args=(code,), daemon=True))
        watchers[-1].start()
    until = time.monotonic() + WAIT_S
    while not all(_writing(line, code) for code in codes):
        need(time.monotonic() < until, "the stations do not meet")
    return line


def _join(threads: list[threading.Thread]) -> None:
    for each in threads:
        each.join()


def _seated(folder: Path, codes: tuple[str, ...], bound: Cell | str) -> Line:
    """Homes with a line between all, at free ports."""
    free = dict(zip(codes, ports.free(len(codes)), strict=True))
    places = {code: f"127.0.0.1:{port}" for code, port in free.items()}
    ends = {code: Ends(listen=place, front=place) for code, place in places.items()}
    seats = settle_in(folder, ends, brisk=False)
    if len(codes) > 2:
        _second_line([seats[codes[0]], seats[codes[2]]])
    return Line(seats, free, {}, folder, bound)


def _second_line(seats: list[Seat]) -> None:
    """A line besides the one between all."""
    cards = [parse_card(dearmor(seat.home.card_file.read_text("ascii"))) for seat in seats]
    charter = make_charter(name=NOISY, cards=cards, nonce=b"n" * 16, release=ANY_ONE)
    signed = SignedCharter(charter=charter)
    for seat in seats:
        root = secrets.unlock_root(seat.home.root_file, KeyFile(seat.home.path / "key"))
        signed = signed.add_signature(root.party, root.sign_charter(charter))
    for seat in seats:
        offline.install(seat.home, seat.keys, signed)


def _start(
    line: Line, stack: contextlib.ExitStack, code: str, broken: str, more: dict[str, str]
) -> None:
    log = stack.enter_context((line.logs / f"{code}.log").open("wb"))
    home = str(line.seats[code].home.path)
    held = line.cell if code == "ALPHA" and isinstance(line.cell, Cell) else None

    def before() -> None:
        end_with_parent()
        if held is not None:
            held.enter()

    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.stationproc", broken, "serve", "--home", home],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=log,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", **more},
        preexec_fn=before,  # noqa: PLW1509 - two calls, before any thread of ours runs
    )  # fmt: skip
    stack.callback(process.communicate)
    stack.callback(process.kill)
    line.processes[code] = process
    assert process.stdout is not None
    need(b"listens" in process.stdout.readline(), f"{code} does not start")


def _writing(line: Line, code: str) -> bool:
    client = line.client(code)
    try:
        lines = client.call("status")["lines"]
    finally:
        client.close()
    assert isinstance(lines, list)
    lives = [each["life"] for each in lines if isinstance(each, dict)]
    return all(isinstance(life, dict) and life["standing"] == "writing" for life in lives)


@dataclass
class Cost:
    """What a process has cost so far: memory (bytes), open files, processor time (s)."""

    memory: int
    files: int
    spent_s: float


def cost(pid: int) -> Cost:
    """Read it from the kernel."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found is not None
    times = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    spent = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
    files = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208
    return Cost(int(found[1]) << 10, files, spent)


@dataclass
class Watched:
    """What a while was like: the slowest FLASH, the most that was held, the share of one core."""

    slowest_s: float = 0.0
    memory: int = 0
    files: int = 0
    share: float = 0.0


def for_a_while(line: Line, lasts_s: float) -> Watched:
    """A FLASH each second, from either side in turn, and what ALPHA costs meanwhile."""
    pid, seen = line.processes["ALPHA"].pid, Watched()
    began, first = time.monotonic(), cost(pid)
    turn, pause = 0, threading.Event()
    while (now := time.monotonic() - began) < lasts_s:
        seen.slowest_s = max(seen.slowest_s, line.flash(CODES[turn % 2]))
        found = cost(pid)
        seen.memory, seen.files = max(seen.memory, found.memory), max(seen.files, found.files)
        turn += 1
        pause.wait(max(0.0, turn - (time.monotonic() - began)))
    seen.share = (cost(pid).spent_s - first.spent_s) / (now or 1.0)
    return seen


def is_busy() -> bool:
    """Whether other work wants the processors, so that everything takes longer."""
    return os.getloadavg()[0] > BUSY * len(os.sched_getaffinity(0))


def in_time_s() -> float:
    """How long a FLASH may take; the verdict says at which load."""
    return BUSY_S if is_busy() else IN_TIME_S


def crowded_line(seed: int) -> None:
    """One case: a manner of strangers, or a peer who never stops. The stage must stand."""
    line, case = _here[0], CASES[seed % len(CASES)]
    with _bounded(line, case):
        if case == "noisy-peer":
            noise(line, QUIET)
        else:
            strangers(line, case, LURKING if case == "lurking" else STRANGERS, seed)


def noisy_line(seed: int) -> None:
    """A peer floods another line of the same station; each second time all at once, after a pause.

    In the pause ALPHA's process stands still, and what CHARLIE has said comes when it goes on.
    """
    with _bounded(_here[0], "noisy-line"):
        noise(_here[0], NOISY, PAUSED_S if seed % 2 else 0.0)


@contextlib.contextmanager
def _bounded(line: Line, case: str) -> Iterator[None]:
    """Name the memory of ALPHA where the kernel ended it for that."""
    try:
        yield
    except (Missed, ApiDown, ApiRefused, OSError):
        if isinstance(line.cell, Cell):
            ended = line.cell.ended()
            need(not ended, f"{case}: the kernel ended ALPHA, which wanted too much memory")
        raise


def strangers(line: Line, manner: str, count: int, seed: int) -> None:
    """So many of them at ALPHA's port."""
    log = line.logs / "ALPHA.log"
    quiet = for_a_while(line, QUIET_S)
    lines = log.read_bytes().count(b"\n")
    was_busy = is_busy()
    with crowd(line.ports["ALPHA"], count, manner, seed, HARD_S) as there:
        parts = [for_a_while(line, part_s) for part_s in (HARD_S, LASTS_S - HARD_S)]
    was_busy |= is_busy()
    limit_s, slack_s = (BUSY_S, BUSY_SLACK_S) if was_busy else (IN_TIME_S, SLACK_S)
    for busy in parts:
        judge(manner, quiet, busy, limit_s)
        share = busy.share - quiet.share
        need(share <= MOST_SHARE, f"{manner}: strangers took {share:.0%} of a core")
    more = log.read_bytes().count(b"\n") - lines
    need(more <= MOST_LINES, f"{manner}: {more} lines in the log")
    need(_lasted(there, manner) <= DEADLINE_S + slack_s, f"{manner}: one stayed {there.lasted_s} s")


def _lasted(there: Crowd, manner: str) -> float:
    if manner == "lurking":
        need(there.lasted_s > 0, "lurking: nobody was closed at all")
    return there.lasted_s


def judge(what: str, quiet: Watched, busy: Watched, limit_s: float, *, kept: int = 0) -> None:
    """Memory and files are bounded, and urgent words come in time; so many were ``kept``."""
    more = busy.memory - quiet.memory
    need(more <= MOST_BYTES + kept * EACH_BYTES, f"{what}: {more >> 20} MiB more are held")
    files = busy.files - quiet.files
    need(files <= MOST_FILES, f"{what}: {files} more files are open")
    load = os.getloadavg()[0]
    said = (
        f"{what}: a FLASH took {busy.slowest_s:.2f} s, of {limit_s:.0f} s at a load of {load:.1f}"
    )
    need(busy.slowest_s <= limit_s, said)


def noise(line: Line, where: str, paused_s: float = 0.0) -> None:
    """CHARLIE's officers send on a line without a pause, and ALPHA and BRAVO go on talking.

    What they say is kept for good, so the bound grows with it.
    """
    bound = line.cell if isinstance(line.cell, Cell) else None
    if bound is not None:
        bound.bound(4 * BOUND + line.noise * FILED_BYTES)
    stop, sent, failed = threading.Event(), [0], [""]

    def send() -> None:
        client = line.client("CHARLIE")
        try:
            while not stop.is_set():
                client.call("send", line=where, text="noise " * 200, officer="Watch C")
                sent[0] += 1
        except (ApiDown, ApiRefused, OSError) as error:
            failed[0] = str(error)
        finally:
            client.close()

    quiet = for_a_while(line, QUIET_S)
    senders = [threading.Thread(target=send, daemon=True) for _ in range(SENDERS)]
    for each in senders:
        each.start()
    try:
        if paused_s:
            line.processes["ALPHA"].send_signal(signal.SIGSTOP)
            stop.wait(paused_s)
            line.processes["ALPHA"].send_signal(signal.SIGCONT)
        busy = for_a_while(line, NOISE_S)
        limit_s = in_time_s() + paused_s
    finally:
        stop.set()
        for each in senders:
            each.join()
    line.noise += sent[0]
    if bound is not None:
        bound.bound(BOUND + line.noise * FILED_BYTES)
    if failed[0]:
        raise Missed(f"the noise was refused: {failed[0]}")
    need(sent[0] >= 5 * NOISE_S, f"there was hardly any noise: {sent[0]} statements")
    judge(f"noise on '{where}' ({sent[0]} statements)", quiet, busy, limit_s, kept=sent[0])
