"""Networks of their own for some processes, joined by a router in user space that has faults.

Each party gets a network namespace with one TUN device, whose packets come here. So the stations
talk by the kernel's own TCP, with its retransmissions and its waiting; what happens between two
namespaces is decided packet by packet. It needs root, or a kernel that gives it in a user
namespace, and ``/dev/net/tun``; the kernel's own emulator of bad networks (netem) is not needed.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import heapq
import itertools
import os
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LIBC: Final = ctypes.CDLL(None, use_errno=True)
NEWNS: Final = 0x00020000
NEWUSER: Final = 0x10000000
NEWNET: Final = 0x40000000
MTU: Final = 1_500
_TUNSETIFF: Final = 0x400454CA
_TUN_BARE: Final = 0x1001  # IFF_TUN | IFF_NO_PI
_SET_ADDRESS, _SET_MASK, _GET_FLAGS, _SET_FLAGS = 0x8916, 0x891C, 0x8913, 0x8914
_UP: Final = 0x1
_QUEUE: Final = 4_000  # packets under way; more are lost, as in any router


def call(done: int) -> None:
    """Raise ``OSError`` when a call of the C library failed."""
    if done < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """What becomes of packets from one party to another; shares of 1,000, and ms."""

    loss: int = 0
    twice: int = 0
    flips: int = 0
    late_ms: int = 0
    cut: bool = False


OPEN: Final = Road()
CLOSED: Final = Road(cut=True)


@dataclass(frozen=True, slots=True)
class Net:
    """One party's network: its address, and open files of its namespace and its device."""

    address: str
    space: int
    device: int

    def enter(self) -> None:
        """Have the process that calls this use this network: for a child before it is a program."""
        call(LIBC.setns(self.space, NEWNET))


def own_world() -> None:
    """Take mounts of one's own, and a user namespace where one is not root. Raises ``OSError``.

    What is mounted and made then goes with the last process in it.
    """
    user, group = os.geteuid(), os.getegid()
    if user:
        call(LIBC.unshare(NEWUSER | NEWNS))
        Path("/proc/self/setgroups").write_text("deny", "ascii")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1", "ascii")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1", "ascii")
    else:
        call(LIBC.unshare(NEWNS))
    private = 0x4000 | 0x40000  # MS_REC | MS_PRIVATE
    call(LIBC.mount(b"none", b"/", None, private, None))


@contextlib.contextmanager
def memory_disk(place: Path, size: int) -> Iterator[None]:
    """A small disk in memory. Raises ``OSError``."""
    call(LIBC.mount(b"tmpfs", bytes(place), b"tmpfs", 0, f"size={size},mode=0700".encode()))
    try:
        yield
    finally:
        call(LIBC.umount2(bytes(place), 2))  # MNT_DETACH: whoever is in it still may end in peace


def make(address: str) -> Net:
    """A network of its own with one device of this address. Raises ``OSError``."""
    made: list[Net] = []
    failed: list[OSError] = []

    def inside() -> None:
        # A thread leaves the network of its process alone, and dies with this one.
        try:
            call(LIBC.unshare(NEWNET))
            made.append(_devices(address))
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]


def _devices(address: str) -> Net:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", b"line", _TUN_BARE))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        for number, value in ((_SET_ADDRESS, address), (_SET_MASK, "255.255.255.0")):
            name = struct.pack("16sHH4s8x", b"line", socket.AF_INET, 0, socket.inet_aton(value))
            fcntl.ioctl(asker, number, name)
        for card in (b"line", b"lo"):
            (flags,) = struct.unpack_from(
                "H", fcntl.ioctl(asker, _GET_FLAGS, struct.pack("16sH22x", card, 0)), 16
            )
            fcntl.ioctl(asker, _SET_FLAGS, struct.pack("16sH22x", card, flags | _UP))
    space = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    return Net(address, space, device)


class Router(threading.Thread):
    """Carries packets between networks, by the roads that are set. ``counted`` says what it did."""

    def __init__(self, nets: Mapping[str, Net], seed: int) -> None:
        super().__init__(name="router", daemon=True)
        self.roads: dict[tuple[str, str], Road] = {}
        self.counted = dict.fromkeys(("carried", "lost", "twice", "flipped", "late", "cut"), 0)
        self._nets = dict(nets)
        self._by_address = {socket.inet_aton(net.address): code for code, net in nets.items()}
        self._chance = random.Random(f"router {seed}")
        self._due: list[tuple[float, int, str, bytes]] = []
        self._serial = itertools.count()
        self._bell, self._rope = os.pipe2(os.O_CLOEXEC)

    def run(self) -> None:
        poll = select.poll()
        codes = {net.device: code for code, net in self._nets.items()}
        for file in (*codes, self._bell):
            poll.register(file, select.POLLIN)
        while True:
            for file, _ in poll.poll(self._patience_ms()):
                if file == self._bell:
                    return
                self._take(codes[file], file)
            self._deliver()

    def close(self) -> None:
        """Carry no more, and let the networks go."""
        os.write(self._rope, b"x")
        self.join()
        for net in self._nets.values():
            os.close(net.device)
            os.close(net.space)
        os.close(self._rope)
        os.close(self._bell)

    def _patience_ms(self) -> float | None:
        if not self._due:
            return None
        return max(0.0, (self._due[0][0] - time.monotonic()) * 1_000)

    def _take(self, origin: str, file: int) -> None:
        for _ in range(64):
            try:
                packet = os.read(file, MTU + 100)
            except BlockingIOError:
                return
            there = self._by_address.get(packet[16:20]) if packet[0] >> 4 == 4 else None
            if there is not None and there != origin:
                self._route(origin, there, packet)

    def _route(self, origin: str, there: str, packet: bytes) -> None:
        road = self.roads.get((origin, there), OPEN)
        if road is OPEN:
            self._write(there, packet)
            return
        if road.cut:
            self.counted["cut"] += 1
            return
        if self._happens(road.loss) or len(self._due) >= _QUEUE:
            self.counted["lost"] += 1
            return
        if self._happens(road.flips):
            self.counted["flipped"] += 1
            at = self._chance.randrange(20, len(packet))
            flipped = packet[at] ^ 1 << self._chance.randrange(8)
            packet = packet[:at] + bytes((flipped,)) + packet[at + 1 :]
        copies = 1 + self._happens(road.twice)
        self.counted["twice"] += copies - 1
        for copy in range(copies):
            if not road.late_ms and not copy:
                self._write(there, packet)
                continue
            # Drawn for each packet by itself, so that they overtake each other.
            late_s = self._chance.uniform(0, road.late_ms or 200) / 1_000
            self.counted["late"] += 1
            heapq.heappush(
                self._due, (time.monotonic() + late_s, next(self._serial), there, packet)
            )

    def _happens(self, share: int) -> bool:
        return bool(share) and self._chance.randrange(1_000) < share

    def _deliver(self) -> None:
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            _, _, there, packet = heapq.heappop(self._due)
            self._write(there, packet)

    def _write(self, there: str, packet: bytes) -> None:
        try:
            os.write(self._nets[there].device, packet)
            self.counted["carried"] += 1
        except OSError:
            # A full queue, or a header that a flipped bit has made unfit: a router loses such.
            self.counted["lost"] += 1


@contextlib.contextmanager
def joined(addresses: Mapping[str, str], seed: int) -> Iterator[tuple[Router, dict[str, Net]]]:
    """Networks of these addresses, and the router between them. Raises ``OSError``."""
    nets = {code: make(address) for code, address in addresses.items()}
    router = Router(nets, seed)
    router.start()
    try:
        yield router, nets
    finally:
        router.close()


def pairs(codes: Sequence[str]) -> list[tuple[str, str]]:
    """All roads between these, each direction by itself."""
    return [(one, other) for one in codes for other in codes if one != other]
