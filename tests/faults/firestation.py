"""Machines under fire: stations as processes, each with its network, clock and disk."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.faults.mood import NAME, Mood
from tests.faults.rows import scratch
from tests.node import pair
from tests.node.pair import Seat

from tieline.core.charter import dearmor_charter
from tieline.core.station import Station as Core
from tieline.exercise.supervise import Process, end_with_parent
from tieline.node import offline
from tieline.node.clock import MachineClock
from tieline.node.config import Config
from tieline.store.sqlite import SqliteStore

ROOT: Final = Path(__file__).parents[2]
# A storage failure that ends a station is one of these; anything else is a fault of the station.
STATED: Final = frozenset({"store.full", "store.failed", "store.io"})
BALLAST: Final = "ballast"
TRIES: Final = 5  # to take the last room of a disk that is written to
STOP_S: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Where a station listens, what its card says, and where it calls from (empty: anywhere)."""

    listen: str
    front: str
    dial_from: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """What a store that nobody has open holds: its statements, and the sizes of its logs."""

    items: frozenset[str]
    sizes: Mapping[str, int]


def settle_in(folder: Path, ends: Mapping[str, Ends], *, brisk: bool = True) -> dict[str, Seat]:
    """Homes with one line between all. ``brisk``: a lost line is found and tried again soon."""
    usual = Config()
    configs = {
        code: Config(
            listen=(one.listen,),
            dial_from=one.dial_from,
            key_file="key",
            officer="A. Okafor",
            ping_s=1.0 if brisk else usual.ping_s,
            lost_s=3.0 if brisk else usual.lost_s,
            backoff_max_s=2.0 if brisk else usual.backoff_max_s,
        )
        for code, one in ends.items()
    }
    fronts = {code: one.front for code, one in ends.items()}
    seats, charter = pair.make_line(folder, configs, fronts=fronts, release=pair.ANY_ONE)
    for seat in seats:
        offline.install(seat.home, seat.keys, dearmor_charter(charter))
    return dict(zip(ends, seats, strict=True))


def held(seat: Seat) -> Held:
    """What the store of a station that has died holds; a copy is read, and nothing is touched."""
    with scratch() as where:
        for file in seat.home.path.glob("store.db*"):
            shutil.copy(file, Path(where) / file.name)
        store = SqliteStore.open(Path(where) / "store.db", seat.keys.db_key, read_only=True)
        try:
            own = seat.keys.certificate
            facts = (fact for _, fact in store.facts())
            core = Core.load(own.station, own.realm, facts, MachineClock().now())
            records = [line.record for line in core.lines.values()]
            items = frozenset(each.hex() for record in records for each in record.by_digest)
            sizes = {log.id.hex(): log.size for each in records for log in each.logs.values()}
        finally:
            store.close()
    return Held(items, sizes)


class Machine(Process):
    """One station's process through its lives. ``dead`` is told each end, before the next life."""

    def __init__(
        self,
        seat: Seat,
        *,
        broken: str,
        library: Path | None,
        mood: Mood,
        enter: Callable[[], None] | None,
        logs: Path,
        dead: Callable[[int, str], None],
        failed: Callable[[str], None],
    ) -> None:
        self.seat, self.mood = seat, mood
        self._broken, self._enter, self._dead = broken, enter, dead
        self._environment = {
            **os.environ, NAME: str(mood.path), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        }  # fmt: skip
        if library is not None:
            self._environment["LD_PRELOAD"] = str(library)
        party = seat.keys.certificate.party
        super().__init__(
            party, seat.home.path, prepare=lambda: None, restarted=lambda *_: None, failed=failed
        )
        self._log = logs / f"{party}.log"

    async def _spawn(self) -> None:
        if self._process is not None and self._process.returncode is not None:
            await asyncio.to_thread(self._dead, self._process.returncode, self._last_words())
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.faults.stationproc", self._broken,
                "serve", "--json", "--home", str(self.home),
                cwd=ROOT, env=self._environment,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=self._before,
            )  # fmt: skip
        self._ended.clear()
        self._alive.set()

    def _before(self) -> None:
        end_with_parent()
        if self._enter is not None:
            self._enter()

    def last_words(self) -> str:
        """The last line of its log."""
        return self._last_words()

    def send(self, what: signal.Signals) -> int:
        """Send a signal to the process that runs now; its id."""
        pid = self.pid
        self._send(what)
        return pid

    async def end(self) -> int:
        """Ask the station to stop, and give its status."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._process is None:
            return 0
        self._send(signal.SIGTERM)
        return await asyncio.wait_for(self._process.wait(), STOP_S)

    def drop(self) -> None:
        """End it at once, for good."""
        if self._keeper is not None:
            self._keeper.cancel()
        self._send(signal.SIGKILL)

    def fill(self) -> None:
        """Leave no room on its disk; what it has freed since the last time is taken, too."""
        with (self.home / BALLAST).open("ab") as file:
            for _ in range(TRIES):
                disk = os.statvfs(self.home)
                if not (room := disk.f_bavail * disk.f_frsize):
                    return
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, room)
                except OSError as error:
                    # The station runs, and may have taken some of it in between.
                    if error.errno != errno.ENOSPC:
                        raise

    def empty(self) -> None:
        """Give the room back."""
        (self.home / BALLAST).unlink(missing_ok=True)


def stated(last: str) -> str:
    """The code that a station gave for its end, or nothing."""
    try:
        said = json.loads(last)
    except ValueError:
        return ""
    error = said.get("error") if isinstance(said, dict) else None
    return str(error["code"]) if isinstance(error, dict) and "code" in error else ""
