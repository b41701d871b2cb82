"""The helper that verifies signatures of a large push: what it says, and that nobody needs it."""

from __future__ import annotations

import asyncio
import errno
import select
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.core.world import START_MS, Net, StationKit, kit, kits, message, write
from tests.node import pair
from tests.node.pair import Running

from tieline.core import encode, sync
from tieline.core.charter import dearmor_charter
from tieline.core.events import Arrived, Known
from tieline.core.line import Line
from tieline.core.statement import Place, Statement
from tieline.node import aheadwork
from tieline.node.ahead import FOUND, REQUEST, SILENT, WITHOUT, WORTH_BYTES, Ahead, Asked
from tieline.store.memory import MemoryStore

COUNT = 40
WAIT_S = 60.0


def said(line: Line, who: StationKit, by: StationKit | None = None) -> list[Statement]:
    """The next statements of a station, signed by it or by somebody else."""
    log = next(log for log in line.record.logs.values() if log.station == who.id)
    out: list[Statement] = []
    previous, position = log.head, log.size
    for at in range(COUNT):
        place = Place(
            line=line.id, station=who.id, incarnation=log.incarnation, position=position + at,
            previous=previous, seen=(), time_ms=START_MS + at, charter=1,
        )  # fmt: skip
        out.append(write(by or who, "", place, message("x" * 300)))
        previous = out[-1].digest
    return out


def push(line: Line, statements: list[Statement]) -> bytes:
    return sync.pack(sync.Push(line.id, tuple(each.raw for each in statements)))


def talking() -> Net:
    """Two stations that have opened their logs."""
    net = Net(kits(2))
    net.connect_all()
    net.deliver()
    return net


@contextmanager
def in_thread() -> Iterator[socket.socket]:
    """The helper's work beside the test, and the socket to it."""
    ours, theirs = socket.socketpair()
    ours.settimeout(WAIT_S)
    worker = threading.Thread(target=aheadwork.work, args=(theirs,))
    worker.start()
    try:
        yield ours
    finally:
        ours.close()
        worker.join()
        theirs.close()


@contextmanager
def helped() -> Iterator[Ahead]:
    with asyncio.Runner() as runner:
        ahead = Ahead(runner.get_loop())
        try:
            yield ahead
        finally:
            ahead.close()


def heard(ahead: Ahead, asked: Asked, count: int) -> None:
    """Read on until so many are said to be good."""
    while len(asked.good) < count:
        assert ahead._socket is not None, "the helper has gone"
        assert select.select([ahead._socket], [], [], WAIT_S)[0], "the helper says nothing"
        ahead.read()


def begin(ahead: Ahead, peer: bytes, line: Line, statements: list[Statement]) -> Asked | None:
    asked = ahead.begin(peer, push(line, statements), "", [line])
    assert asked is None or isinstance(asked, Asked)
    return asked


def test_it_finds_the_good_ones_under_the_key_of_the_charter() -> None:
    line = talking().post("ALPHA").line
    bravo = kit("BRAVO").stations[0]
    good = said(line, bravo)
    key = line.sign_key(1, bravo.id) or b""
    with helped() as ahead:
        asked = begin(ahead, bravo.id, line, good)
        assert asked is not None
        heard(ahead, asked, COUNT)
        assert all(asked(each.digest, key) for each in good)
        assert ahead.spared == COUNT
        assert not asked(good[0].digest, kit("ALPHA").stations[0].sign_key.public)
        assert not asked(bytes(32), key)


def test_it_never_says_that_a_bad_one_is_good() -> None:
    line = talking().post("ALPHA").line
    bravo, charlie = kit("BRAVO").stations[0], kit("CHARLIE").stations[0]
    forged, good = said(line, bravo, by=charlie), said(line, bravo)
    envelope = push(line, [*forged, good[0]])
    keys = tuple((line.id, 1, s, line.sign_key(1, s) or b"") for s in line.charter.stations())
    body = encode.dumps(("", keys, envelope))
    nothing = encode.dumps(("", keys, b"\xa0"))
    with in_thread() as link:
        link.sendall(REQUEST.pack(6, len(nothing)) + nothing)
        link.sendall(REQUEST.pack(7, len(body)) + body)
        _, at, digest = FOUND.unpack(link.recv(FOUND.size, socket.MSG_WAITALL))
        assert digest == good[0].digest
        assert keys[at][2] == bravo.id
        one = push(line, good[:1])
        body = encode.dumps(("", keys, one))
        link.sendall(REQUEST.pack(8, len(body)) + body)  # nothing stands between the two
        number, _, digest = FOUND.unpack(link.recv(FOUND.size, socket.MSG_WAITALL))
        assert (number, digest) == (8, good[0].digest)


def test_what_is_over_is_left() -> None:
    line = talking().post("ALPHA").line
    envelope = push(line, said(line, kit("BRAVO").stations[0]))
    body = encode.dumps(("", (), envelope))
    inbox = aheadwork.Inbox()
    whole = b"".join(REQUEST.pack(number, len(body)) + body for number in (1, 2, 3))
    for at in range(0, len(whole), 1000):
        inbox.take(whole[at : at + 1000])
    assert [job.number for job in inbox.jobs] == [1, 2, 3]
    inbox.take(REQUEST.pack(2, 0))
    assert [job.number for job in inbox.jobs] == [3]


def test_who_repeats_himself_is_not_helped_for_a_while() -> None:
    line = talking().post("ALPHA").line
    bravo = kit("BRAVO").stations[0]
    good = said(line, bravo)
    with helped() as ahead:
        asked = begin(ahead, bravo.id, line, good)
        assert asked is not None
        heard(ahead, asked, COUNT)
        ahead.over()  # none of them needed verifying
        assert [begin(ahead, bravo.id, line, good) for _ in range(WITHOUT)] == [None] * WITHOUT
        assert begin(ahead, bravo.id, line, good) is not None
        assert begin(ahead, kit("CHARLIE").stations[0].id, line, good) is not None


def test_a_helper_that_dies_costs_nothing_and_is_started_again() -> None:
    line = talking().post("ALPHA").line
    bravo = kit("BRAVO").stations[0]
    good = said(line, bravo)
    with helped() as ahead:
        asked = begin(ahead, bravo.id, line, good)
        assert asked is not None
        assert ahead._process is not None
        ahead._process.kill()
        ahead._process.wait()
        while ahead._socket is not None:
            assert select.select([ahead._socket], [], [], WAIT_S)[0]
            ahead.read()
        assert not asked(bytes(32), bytes(32))
        ahead.over()
        again = begin(ahead, bravo.id, line, good)
        assert again is not None
        heard(ahead, again, COUNT)


def test_no_room_for_a_process_is_no_help(monkeypatch: pytest.MonkeyPatch) -> None:
    line = talking().post("ALPHA").line
    bravo = kit("BRAVO").stations[0]

    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr("tieline.node.ahead.subprocess.Popen", refuse)
    with helped() as ahead:
        assert begin(ahead, bravo.id, line, said(line, bravo)) is None


def test_no_room_for_a_file_is_no_help(monkeypatch: pytest.MonkeyPatch) -> None:
    line = talking().post("ALPHA").line
    bravo = kit("BRAVO").stations[0]

    def refuse() -> None:
        raise OSError(errno.EMFILE, "too many open files")

    with helped() as ahead:
        monkeypatch.setattr("tieline.node.ahead.socket.socketpair", refuse)
        assert begin(ahead, bravo.id, line, said(line, bravo)) is None


def test_its_modules_are_the_stations_and_not_those_of_the_folder_it_starts_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = talking().post("ALPHA").line
    bravo = kit("BRAVO").stations[0]
    mark = tmp_path / "was-here"
    (tmp_path / "struct.py").write_text(f"open({str(mark)!r}, 'w').close()\n", "utf-8")
    (tmp_path / "tieline").mkdir()
    (tmp_path / "tieline" / "__init__.py").write_text(f"open({str(mark)!r}, 'w')\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    with helped() as ahead:
        asked = begin(ahead, bravo.id, line, said(line, bravo))
        assert asked is not None
        heard(ahead, asked, COUNT)
    assert not mark.exists()


def test_helpers_that_end_without_a_word_are_not_started_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = talking().post("ALPHA").line
    bravo = kit("BRAVO").stations[0]
    good = said(line, bravo)
    monkeypatch.setattr("tieline.node.ahead.sys.executable", "/bin/false")
    with helped() as ahead:
        for _ in range(SILENT):
            assert begin(ahead, bravo.id, line, good) is not None
            while ahead._socket is not None:
                assert select.select([ahead._socket], [], [], WAIT_S)[0]
                ahead.read()
            ahead.over()
        assert begin(ahead, bravo.id, line, good) is None
        assert ahead._process is None


@pytest.mark.parametrize("sure", [True, False])
def test_a_station_verifies_what_it_is_not_told_of(
    *, sure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = talking().post("ALPHA")
    bravo = kit("BRAVO").stations[0]
    good = said(post.line, bravo)
    key = post.line.sign_key(1, bravo.id)
    checked: list[bytes] = []
    asked: list[bytes] = []

    def verify(under: bytes, _message: bytes, _signature: bytes) -> bool:
        checked.append(under)
        return True

    monkeypatch.setattr("tieline.core.record.crypto.verify", verify)

    def known(digest: bytes, under: bytes) -> bool:
        assert under == key
        asked.append(digest)
        return sure

    post.step(Arrived(carrier="wire", peer=bravo.id, envelope=push(post.line, good), known=known))
    assert asked == [each.digest for each in good]
    assert post.line.record.known is None
    assert checked.count(key or b"") == (0 if sure else COUNT)
    assert good[-1].digest in post.line.record.by_digest


def test_a_station_that_catches_up_asks_for_help_and_holds_the_same(tmp_path: Path) -> None:
    async def all_of_it() -> None:
        seats, charter = pair.make_homes(tmp_path)
        one, other = (Running(seat, MemoryStore()) for seat in seats)
        ahead = other.host.ahead = Ahead(asyncio.get_running_loop())
        given: list[bytes] = []
        begin = ahead.begin

        def noted(peer: bytes, envelope: bytes, realm: str, lines: Iterable[Line]) -> Known | None:
            given.append(envelope)
            return begin(peer, envelope, realm, lines)

        ahead.begin = noted  # type: ignore[method-assign]
        for running in (one, other):
            await running.install(dearmor_charter(charter))
        for _ in range(COUNT + 40):
            await one.say("x" * 400)
        pair.join(one, other)
        await pair.equal(one, other)
        assert given
        assert min(map(len, given)) >= WORTH_BYTES
        assert not one.failed + other.failed
        other.host.close()
        assert ahead._socket is None
        other.host.heard(one.seat.keys.station, "road", given[0])  # too late
        assert ahead._socket is None
        one.host.close()

    asyncio.run(all_of_it())


def test_what_a_turn_took_of_a_flood_is_over_and_the_rest_is_not() -> None:
    line = talking().post("ALPHA").line
    bravo = kit("BRAVO").stations[0]
    good = said(line, bravo)
    key = line.sign_key(1, bravo.id) or b""
    with helped() as ahead:
        asked = [begin(ahead, bravo.id, line, good) for _ in range(3)]
        events = [Arrived(carrier="tls", peer=bravo.id, envelope=b"", known=each) for each in asked]
        ahead.over([Arrived(carrier="tls", peer=bravo.id, envelope=b"")])
        assert len(ahead._asked) == 3
        ahead.over(events[:2])
        assert list(ahead._asked.values()) == asked[2:]
        last = asked[2]
        assert last is not None
        heard(ahead, last, COUNT)
        assert all(last(each.digest, key) for each in good)
        ahead.over(events[2:])
        assert not ahead._asked


def test_what_waits_while_later_pushes_of_others_are_taken_keeps_its_help() -> None:
    post = talking()
    line = post.post("ALPHA").line
    bravo, charlie = kit("BRAVO").stations[0], b"c" * 16
    good = said(line, bravo)
    key = line.sign_key(1, bravo.id) or b""
    with helped() as ahead:
        waits, taken = (begin(ahead, peer, line, good) for peer in (charlie, bravo.id))
        assert waits is not None
        assert taken is not None
        for asked in (waits, taken):
            heard(ahead, asked, COUNT)
        ahead.over([Arrived(carrier="tls", peer=bravo.id, envelope=b"", known=taken)])
        assert list(ahead._asked.values()) == [waits]
        assert begin(ahead, charlie, line, good) is not None, "it is blamed for what was not taken"
        assert all(waits(each.digest, key) for each in good)
