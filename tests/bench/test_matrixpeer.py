"""The few words of Matrix that the bench speaks, against a server that is played here."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
ROOM, OTHER = "!room", "@desk:other"
Json = dict[str, Any]


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module("matrixpeer")


def plain(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def chunked(body: bytes) -> bytes:
    pieces = (body[:7], body[7:])
    parts = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + parts + b"0\r\n\r\n"


class Homeserver:
    """Polls are answered from a list and then held; the rest from lists by the path's last word."""

    def __init__(self, pages: list[Json]) -> None:
        self.pages = pages
        self.answers: dict[str, list[Json]] = {
            "register": [{"access_token": "t", "user_id": "@desk:own"}],
            "joined_members": [{"joined": {OTHER: {}}}],
        }
        self.held = asyncio.Event()
        self.frame: Callable[[bytes], bytes] = plain
        self.put: list[Json] = []
        self.asked: list[str] = []
        self.put_one = asyncio.Event()
        self._handlers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._handlers.append(writer)
        while head := await reader.readuntil(b"\r\n\r\n"):
            method, path, _ = head.decode().split("\r\n")[0].split(" ")
            size = int(head.decode().partition("Content-Length: ")[2].split("\r\n")[0])
            body = json.loads(await reader.readexactly(size) or b"{}")
            self.asked.append(path)
            writer.write(self.frame(json.dumps(await self._answer(method, path, body)).encode()))
        writer.close()

    async def _answer(self, method: str, path: str, body: Json) -> Json:
        if method == "PUT":
            self.put.append(body)
            self.put_one.set()
            return {"event_id": "$e"}
        where = path.partition("?")[0].rsplit("/", 1)[1]
        if where != "sync":
            return self.answers[where].pop(0)
        if not self.pages:
            self.held.set()
            await asyncio.Event().wait()
        return self.pages.pop(0)

    def close(self) -> None:
        for writer in self._handlers:
            writer.close()


def page(batch: str, *events: Json, **timeline: object) -> Json:
    return {
        "next_batch": batch,
        "rooms": {"join": {ROOM: {"timeline": {"events": list(events), **timeline}}}},
    }


def event(kind: str, name: str, **content: object) -> Json:
    return {"type": kind, "event_id": name, "sender": OTHER, "content": content}


def text(number: int) -> Json:
    return event("m.room.message", f"${number}", body=f"{number} xxx")


def played(server: Homeserver, work: Callable[[int], Awaitable[None]]) -> None:
    async def run() -> None:
        listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        try:
            async with asyncio.timeout(60):
                await work(listener.sockets[0].getsockname()[1])
        finally:
            server.close()
            listener.close()

    asyncio.run(run())


async def following(peer: Any, port: int) -> Any:
    side = peer.MatrixSide(peer.Http(port))
    await side.register()
    await side.follow(ROOM, OTHER)
    return side


@pytest.mark.parametrize("frame", [plain, chunked])
def test_what_came_is_shown_and_answered_by_one_event(
    peer: Any, frame: Callable[[bytes], bytes]
) -> None:
    server = Homeserver([page("s0"), page("s1", text(1), text(2))])
    server.frame = frame

    async def work(port: int) -> None:
        side = await following(peer, port)
        await side.until(lambda: 2 in side.shown)
        await server.put_one.wait()
        await side.close()
        assert sorted(side.shown) == [1, 2]

    played(server, work)
    assert server.put == [{"numbers": [1, 2]}]


def test_an_answer_confirms_what_it_names(peer: Any) -> None:
    server = Homeserver([page("s0"), page("s1", event("bench.seen", "$a", numbers=[4, 5]))])

    async def work(port: int) -> None:
        side = await following(peer, port)
        await side.confirmation(4)
        await side.confirmation(5)
        await side.close()

    played(server, work)


def test_what_lies_before_a_gap_is_fetched_page_by_page_until_all_is_known(peer: Any) -> None:
    gap = page("s2", text(5), limited=True, prev_batch="p1")
    server = Homeserver([page("s0"), page("s1", text(1)), gap])
    server.answers["messages"] = [
        {"chunk": [text(4), text(3)], "end": "p2"},
        {"chunk": [text(2), text(1)], "end": "p3"},
        {"chunk": [text(1)], "end": "p4"},
    ]

    async def work(port: int) -> None:
        side = await following(peer, port)
        await side.until(lambda: set(side.shown) == {1, 2, 3, 4, 5})
        await server.held.wait()
        await side.close()

    played(server, work)
    asked = [parse_qs(urlsplit(path).query) for path in server.asked if "/messages?" in path]
    assert [one["from"] for one in asked] == [["p1"], ["p2"], ["p3"]]
    assert "to" not in asked[0]  # it would leave out what was fetched as history
    assert json.loads(asked[0]["filter"][0])["not_senders"] == ["@desk:own"]


def test_who_waits_hears_that_the_server_of_either_side_has_gone(peer: Any) -> None:
    server = Homeserver([page("s0")])

    async def work(port: int) -> None:
        sides = [await following(peer, port)]
        await server.held.wait()
        waiting = peer.MatrixSide(peer.Http(port))
        sides[0].both = [*sides, waiting]
        confirmation = asyncio.ensure_future(waiting.confirmation(7))
        await asyncio.sleep(0)
        server.close()
        with pytest.raises(RuntimeError, match="hung up on GET /sync"):
            await confirmation
        with pytest.raises(RuntimeError, match="hung up"):
            await waiting.until(lambda: False)
        await sides[0].close()

    played(server, work)


def test_a_refusal_is_told_with_its_request(peer: Any) -> None:
    server = Homeserver([])
    server.frame = lambda body: plain(body).replace(b"200 OK", b"403 Forbidden")
    server.answers["register"] = [{"errcode": "M_FORBIDDEN"}]

    async def work(port: int) -> None:
        side = peer.MatrixSide(peer.Http(port))
        with pytest.raises(RuntimeError, match=r"refused POST /register.*M_FORBIDDEN"):
            await side.register()
        await side.close()

    played(server, work)


def test_a_server_listens_on_loopback_and_speaks_to_the_other_one_alone(
    peer: Any, tmp_path: Path
) -> None:
    ports = importlib.import_module("sides").Ports((1, 2), (3, 4), (5, 6))
    settings = peer.matrixhome.settings(tmp_path, 1, ports)
    assert settings["server_name"] == "127.0.0.1:6"
    assert settings["federation_domain_whitelist"] == ["127.0.0.1:5", "127.0.0.1:6"]
    assert [(one["port"], one["tls"]) for one in settings["listeners"]] == [(2, False), (4, True)]
    assert {place for one in settings["listeners"] for place in one["bind_addresses"]} == {
        "127.0.0.1"
    }
    assert settings["trusted_key_servers"] == []
    assert settings["federation_verify_certificates"]


def test_an_install_that_failed_leaves_nothing_and_says_why(
    peer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = peer.matrixhome
    monkeypatch.setattr(home, "VENV", tmp_path / "synapse")
    monkeypatch.setattr(home.fetch, "install", lambda *_, **__: "no index")
    said: list[str] = []
    why = home.install(said.append)
    assert why == "the wheels of matrix-synapse could not be installed: no index"
    assert len(said) == 1
    assert not (tmp_path / "synapse").exists()


def test_an_environment_of_another_lock_is_made_anew(
    peer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = peer.matrixhome
    lock = tmp_path / "lock"
    lock.write_text("one")
    monkeypatch.setattr(home, "VENV", tmp_path / "synapse")
    monkeypatch.setattr(home, "LOCK", lock)
    monkeypatch.setattr(home.fetch, "install", lambda *_, **__: "")
    assert home.find() is None
    assert home.install(lambda _: None) == ""
    assert home.find() == tmp_path / "synapse" / "bin" / "python"
    lock.write_text("two")
    assert home.find() is None
