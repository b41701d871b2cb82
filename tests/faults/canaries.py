"""P9: nothing that a station writes shows what was said, whoever takes the machine and when.

A real station takes in fifty canaries by each act that has words, and by a bundle; it makes a
backup and a bundle, and is refused things that have canaries in them. Then everything that lies
anywhere around it is searched: its home, its log, its folder for what passes, what it dumps.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tests import ports
from tests.core.world import chaff
from tests.faults.rows import need, scratch
from tests.node import pair
from tests.node.pair import Running, Seat

from tieline.core.charter import dearmor_charter
from tieline.node import offline, packs
from tieline.node.client import ApiRefused, Client
from tieline.node.secrets import Passphrase
from tieline.node.view import Json
from tieline.store.memory import MemoryStore

BROKEN = ""  # what is broken on purpose in the stations that are started; see ``stationproc``
ENDS: Final = ("running", "stopped", "killed", "aborted")
COUNT: Final = 50
MOST_PACKED: Final = 1 << 22
ROOT: Final = Path(__file__).parents[2]
WAIT_S: Final = 120


def canaries(seed: int) -> list[str]:
    """Fifty words that stand nowhere else."""
    return [
        f"canary{number:02}{chaff(f'canary {seed} {number}', 9).hex()}" for number in range(COUNT)
    ]


# -------------------------------------------------------------------------------------- search


def forms(word: str | bytes) -> Iterator[tuple[str, bytes]]:
    """How a word, or a key, may stand in a file."""
    plain = word.encode() if isinstance(word, str) else word
    yield "itself", plain
    if isinstance(word, str):
        yield "UTF-16", word.encode("utf-16-le")
        yield "UTF-16 of the other order", word.encode("utf-16-be")
    yield "hex", plain.hex().encode()
    yield "upper hex", plain.hex().upper().encode()
    for shift in range(3):  # base64 of what it stands in, wherever it stands in that
        whole = base64.b64encode(bytes(shift) + plain)
        first, last = -(-shift * 4 // 3) + (shift > 0), len(whole) - 4
        yield "base64", whole[first:last]


def unpacked(data: bytes) -> Iterator[bytes]:
    """What is packed in a file with zlib or gzip, wherever it begins."""
    for mark, wide in ((b"\x78\x01", 15), (b"\x78\x5e", 15), (b"\x78\x9c", 15), (b"\x78\xda", 15),
                       (b"\x1f\x8b\x08", 31)):  # fmt: skip
        at = data.find(mark)
        while at >= 0:
            with contextlib.suppress(zlib.error):
                yield zlib.decompressobj(wide).decompress(data[at : at + MOST_PACKED], MOST_PACKED)
            at = data.find(mark, at + 1)


def leaks(folder: Path, words: Sequence[str | bytes]) -> list[str]:
    """In which files which words stand, and how."""
    marks = [(shown(word), *form) for word in words for form in forms(word)]
    found: list[str] = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        for part, packed in ((data, ""), *((each, "packed ") for each in unpacked(data))):
            hits = [f"{packed}{how} of {word}" for word, how, mark in marks if mark in part]
            found += [f"{path.relative_to(folder)}: {hit}" for hit in hits]
        found += [f"the name {path.name}" for word in words if shown(word) in path.name]
    return found


def shown(word: str | bytes) -> str:
    """A word as it is told; of a key no more than its beginning."""
    return word if isinstance(word, str) else f"key {word[:3].hex()}"


# ------------------------------------------------------------------------------------- station


class House:
    """ALPHA's station as a process, and all folders that it may write to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in ("tmp", "user", "work", "logs", "out"):
            (folder / part).mkdir()
        one, two = ports.free(2)
        found = [packs.find("crisis")]
        self.seats, self.charter = pair.make_homes(
            folder, (one, two), packs=tuple(one.hash for one in found)
        )
        for seat in self.seats:
            for pack in found:
                packs.keep(seat.home.path, pack)
        offline.install(self.seats[0].home, self.seats[0].keys, dearmor_charter(self.charter))

    @property
    def alpha(self) -> Seat:
        return self.seats[0]

    @contextlib.contextmanager
    def station(self) -> Iterator[subprocess.Popen[bytes]]:
        """It runs, its log is kept, and it may dump core where it works."""
        environment = {
            **os.environ, "HOME": str(self.folder / "user"), "TMPDIR": str(self.folder / "tmp"),
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PYTHONFAULTHANDLER": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        words = ["serve", "--home", str(self.alpha.home.path)]
        with (self.folder / "logs" / "station.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.stationproc", BROKEN, *words],
                cwd=self.folder / "work", env=environment, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        try:
            assert process.stdout is not None
            need(b"listens" in process.stdout.readline(), "the station does not start")
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=WAIT_S)


def nobody() -> Passphrase:
    """These homes open with a key file."""
    raise AssertionError


async def _received(seat: Seat, charter: str, words: Sequence[str]) -> tuple[bytes, list[str]]:
    """A bundle of BRAVO's for ALPHA, with these words in it, and what they are in."""
    bravo = Running(seat, MemoryStore())
    await bravo.install(dearmor_charter(charter))
    said = [(await bravo.say(f"it says {word} to you")).item.hex() for word in words]
    line = bravo.host.station.line(bravo.line)
    other = next(station for station in line.peers if station != line.own)
    data = bravo.host.export_bundle(line, (other,))[0]
    bravo.host.close()
    return data, said


def say_all(client: Client, words: Sequence[str], received: Sequence[str]) -> int:
    """Bring words in by each act that takes some; how many acts were refused."""
    refused = 0
    left = iter(words)

    def act(name: str, **given: Json) -> None:
        nonlocal refused
        try:
            client.call(name, **{"officer": "Ada", **given})
        except ApiRefused:
            refused += 1

    for precedence in ("ROUTINE", "PRIORITY", "IMMEDIATE", "FLASH"):
        act("send", text=f"subject {next(left)}", precedence=precedence)
        act("send", text="two officers " + next(left), precedence=precedence, two=True)
    for _ in range(8):
        act("send", text="\u0416 " + next(left) * 3, officer=f"Officer {next(left)[:40]}")
    item = received[0]
    act("ack", item=item, officer=next(left))
    act("read_back", item=item, text=next(left), lang="en")
    act("pass_on", item=received[1], unit=next(left))
    act("suspend", cause=next(left))
    act("resume", cause=next(left))
    act("staff", staffed=False, cause=next(left))
    act("staff", staffed=True, cause=next(left))
    act("joint", text=next(left), lang="en")
    act("incident_say", does="open", text=next(left), lang="en", means={"name": next(left)})
    act("incident_say", does="open", text=next(left), lang="en",
        means={"what": next(left), "where": "54.2N 12.1E"})  # fmt: skip
    act("send", text=next(left), through=next(left))
    # What is refused may be said in a log, and whoever writes that must leave the words out.
    act("send", text="x", form=next(left))
    act("send", text="x", to=[next(left)])
    act(next(left))
    act("search", words=next(left))
    act("backup", out="relative/" + next(left))
    for rest in left:
        act("send", text=rest, key=rest[:60])
    return refused


def dumps(pid: int) -> bool:
    """Whether a process may leave its memory on the disk."""
    limits = Path(f"/proc/{pid}/limits").read_text("ascii")
    return next(line for line in limits.splitlines() if "core file" in line).split()[4] != "0"


def stolen(seed: int) -> None:
    """One station with fifty canaries, taken as it runs, stopped, killed or aborted."""
    end = ENDS[seed % len(ENDS)]
    words = canaries(seed)
    with scratch() as where:
        folder = Path(where)
        house = House(folder)
        bundle, received = asyncio.run(_received(house.seats[1], house.charter, words[-6:]))
        with house.station() as process:
            client = Client(house.alpha.home.path / "run" / "station.sock", WAIT_S)
            try:
                done = client.call("import", bundle=base64.b64encode(bundle).decode())
                need(done["added"] == 7, f"{done['added']} statements came in")
                refused = say_all(client, words[:-6], received)
                need(refused <= 12, f"{refused} acts were refused")
                client.call("backup", out=str(folder / "out" / "a.bak"))
                made = client.call("export")
                (folder / "out" / "a.bundle").write_bytes(base64.b64decode(str(made["bundle"])))
                (folder / "out" / "b.bundle").write_bytes(bundle)
                if end == "stopped":
                    client.call("stop")
                    process.wait(WAIT_S)
            finally:
                client.close()
            if end != "stopped":
                need(dumps(process.pid) is False, "its memory may be written to the disk")
            if end in ("killed", "aborted"):
                process.send_signal(signal.SIGKILL if end == "killed" else signal.SIGABRT)
                process.wait(WAIT_S)
            found = leaks(folder, [*words, *_secrets(house.alpha)])
        need(not found, f"{end}: {len(found)} canaries are seen, among them {found[:3]}")


def _secrets(seat: Seat) -> list[bytes]:
    """Private keys of the station, which lie in its memory."""
    return [seat.keys.db_key, seat.keys.desk_key]
