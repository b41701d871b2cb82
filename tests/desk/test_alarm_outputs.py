"""What makes alarms heard: programs, commands and web addresses, run as they are in earnest."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.desk import desks
from tests.desk.desks import Desk, environment

from tieline.core.errors import LocalError
from tieline.desk.alarm import config, outputs, tones
from tieline.desk.alarm.feed import Feed
from tieline.desk.alarm.outputs import Messenger
from tieline.desk.alarm.player import Player
from tieline.desk.alarm.post import Hook, Webhook

WAIT_S = 60.0
SECRET = b"sixteen bytes or more"
# Plays the part of a player and of a hook: says to the test what it was given.
TELLER = """
import socket, sys, pathlib
port, what, *rest = sys.argv[1:]
told = pathlib.Path(rest[-1]).stem if what == "play" else sys.stdin.read()
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
    ear.sendto(f"{what} {told}".encode(), ("127.0.0.1", int(port)))
sys.exit(int(pathlib.Path(sys.argv[0]).with_suffix(".exit").read_text()) if what == "hook" else 0)
"""


class Ear:
    """Hears what programs, and web requests, say."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.heard: list[str] = []

    def until(self, done: Callable[[str], bool]) -> str:
        """The first thing said that is so and was not asked for before."""
        end = time.monotonic() + WAIT_S
        for said in self.heard:
            if done(said):
                self.heard.remove(said)
                return said
        while True:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                said = self.socket.recv(65_536).decode()
            except TimeoutError:
                raise AssertionError(self.heard) from None
            if done(said):
                return said
            self.heard.append(said)

    def told(self, what: str, has: str = "", **wanted: object) -> dict[str, Any]:
        """The next event that was told so; ``has``: words in it."""

        def fits(said: str) -> bool:
            head, _, text = said.partition(" ")
            if head != what or has not in text:
                return False
            event = json.loads(text)
            flat = event | event.get("alarm", {})
            return all(flat.get(name) == value for name, value in wanted.items())

        event = json.loads(self.until(fits).partition(" ")[2])
        assert isinstance(event, dict)
        return event


@pytest.fixture
def ear() -> Iterator[Ear]:
    made = Ear()
    yield made
    made.socket.close()


@pytest.fixture
def web(ear: Ear) -> Iterator[int]:
    """A web address that says what was posted to it, once it has checked the MAC."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            mac = hmac.digest(SECRET, self.headers["tieline-time"].encode() + b"." + body, "sha256")
            good = self.headers["tieline-signature"] == f"sha256={mac.hex()}"
            said = b"web " + (body if good else b'{"event": "forged"}')
            ear.socket.sendto(said, ("127.0.0.1", ear.port))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Desk]]:
    yield from desks.pair(tmp_path_factory.mktemp("alarms"), real=False)


def ends_with(script: Path, status: int) -> None:
    """What its next run as a hook ends with. In one step: a run may begin at any time."""
    new = script.with_suffix(".new")
    new.write_text(str(status), encoding="ascii")
    new.replace(script.with_suffix(".exit"))


def configured(desk: Desk, ear: Ear, web: int) -> Path:
    script = desk.folder / "teller.py"
    script.write_text(TELLER, encoding="utf-8")
    ends_with(script, 0)
    secret = desk.home / "pager.secret"
    secret.write_bytes(SECRET)
    secret.chmod(0o600)
    base = [sys.executable, "-I", "-S", str(script), str(ear.port)]
    (desk.home / "alarm.toml").write_text(
        f"""
[output.speaker]
kind = "sound"
player = {json.dumps([*base, "play"])}
beat_s = 0.5
[output.pager]
kind = "hook"
command = {json.dumps([*base, "hook"])}
ranks = ["FLASH", "FAULT"]
beat_s = 0.5
[output.ops]
kind = "webhook"
url = "http://127.0.0.1:{web}/tieline?x=1"
secret_file = "pager.secret"
message = true
beat_s = 0.5
""",
        encoding="utf-8",
    )
    return script


def alarm_process(desk: Desk) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tieline", "alarm", "--json"],
        env=environment(desk.home, None),
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["ready"] is True
    return process


def said(desk: Desk, text: str, precedence: str) -> str:
    """Said by two officers; its digest."""
    draft = desk.call("send", text=text, precedence=precedence, officer="A")
    return str(desk.call("release", draft=draft["draft"], officer="Second")["item"])


def ended(process: subprocess.Popen[str], how: int) -> int:
    process.send_signal(how)
    code = process.wait(60)
    assert process.stdout is not None
    process.stdout.close()
    return code


def test_every_output_tells_and_another_process_takes_over(
    pair: tuple[Desk, Desk], ear: Ear, web: int
) -> None:
    alpha, bravo = pair
    script = configured(bravo, ear, web)
    first, second = alarm_process(bravo), alarm_process(bravo)
    try:
        item = said(alpha, "Fire at the post", "FLASH")
        hooked = ear.told("hook", event="sounding", code="arrived.flash")
        assert hooked["alarm"]["text"].startswith("FLASH from ALPHA")
        assert "Fire at the post" not in json.dumps(hooked)  # nothing of it unless asked for
        posted = ear.told("web", event="sounding")
        assert posted["alarm"]["message"]["text"] == "Fire at the post"
        for _ in range(2):
            ear.until(lambda said: said == "play flash")
        bravo.ok("alarm", "silence", "--officer", "Berta")
        assert ear.told("hook", event="quiet", state="silenced")["alarm"]["item"] == item
        # Killed without a word: the other process, which stood by, plays on.
        assert ended(first, signal.SIGKILL) == -signal.SIGKILL
        bravo.call("ack", item=item, officer="Berta")
        item = said(alpha, "More", "IMMEDIATE")
        ear.until(lambda said: said == "play immediate")
        # The hook is not for this rank; when it is used it fails, and the speaker says so.
        ends_with(script, 3)
        bravo.call("ack", item=item, officer="Berta")
        number = bravo.call("alarm_test", officer="Berta")["number"]
        ear.told("hook", event="test", test=number)
        ear.until(lambda said: said == "play fault")
        told = ear.told("web", "ended with 3", event="sounding", code="alarm.output")
        assert "(pager: python" in told["alarm"]["text"]
        ends_with(script, 0)
        ear.told("web", event="quiet", alarm=told["alarm"]["alarm"])
        # A test at the command line: each sounds it, and is confirmed by name.
        done = json.loads(bravo.ok("alarm", "test", "--json", "--officer", "Berta"))
        assert {one["tested"] for one in done["outputs"]} == {done["number"]}
        bravo.ok("alarm", "heard", str(done["number"]), "speaker", "--officer", "Berta")
        assert "heard by Berta" in bravo.ok("alarm", "outputs")
    finally:
        if first.poll() is None:
            ended(first, signal.SIGKILL)
        code = ended(second, signal.SIGTERM)
    assert code == 0
    assert bravo.call("alarms")["outputs"] == []  # it took its leave, and is not missed


def test_a_station_that_is_gone_is_heard(pair: tuple[Desk, Desk], ear: Ear, web: int) -> None:
    _, bravo = pair
    configured(bravo, ear, web)
    process = alarm_process(bravo)
    try:
        bravo.kill(signal.SIGTERM)
        ear.told("hook", event="sounding", code="station.down")
        ear.until(lambda said: said == "play fault")
        bravo.serve()
        ear.told("hook", event="quiet", alarm=-1)
    finally:
        assert ended(process, signal.SIGTERM) == 0


def test_what_a_program_may_take_is_bounded(tmp_path: Path) -> None:
    async def run() -> None:
        stuck = ("/bin/sh", "-c", "sleep 600 & sleep 600")
        player = Player(stuck, 0.1)
        assert "does not come to an end" in await player.play("probe")
        player.close()
        assert "within 0.1 s" in await Hook(stuck, 0.1).send({})
        assert "does not start" in await Hook(("/nowhere/to/be",), 1).send({})

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(1_000):
                pass
            writer.close()

        async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000)
            await silent(reader, writer)

        for handler, limit_s, why in (
            (silent, 0.2, "has not answered within"),
            (endless, 20, "does not answer as HTTP has it"),
        ):
            server = await asyncio.start_server(handler, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            hook = Webhook(f"http://127.0.0.1:{port}/", SECRET, "", limit_s)
            assert why in await hook.send({})
            server.close()
            await server.wait_closed()
            assert "is not reached" in await hook.send({})
            others = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.gather(*others)

    asyncio.run(run())


def test_the_tones_differ_and_are_sound_files() -> None:
    files = {tone: tones.made(tone) for tone in tones.TONES}
    assert len(set(files.values())) == len(files)
    for tone, data in files.items():
        with wave.open(io.BytesIO(data)) as file:
            assert file.getnframes() / file.getframerate() == pytest.approx(
                tones.seconds(tone), abs=0.01
            )
    loud = {hashlib.sha256(data).hexdigest() for data in files.values()}
    assert len(loud) == len(files)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x = 1", "tables [output.NAME]"),
        ("[output.a]\nkind = 'siren'", "'kind' is one of"),
        ("[output.'../a']\nkind = 'hook'", "a short name"),
        ("[output.a]\nkind = 'hook'", "'command' is a program"),
        ("[output.a]\nkind = 'hook'\ncommand = 'rm -rf /'", "'command' is a list"),
        ("[output.a]\nkind = 'hook'\ncommand = ['x']\nurl = 'http://x'", "has no 'url'"),
        ("[output.a]\nkind = 'hook'\ncommand = ['x']\nbeat_s = 0", "from 0.2 to 60"),
        ("[output.a]\nkind = 'hook'\ncommand = ['x']\nranks = ['LOUD']", "'ranks' are some of"),
        ("[output.a]\nkind = 'webhook'\nurl = 'file:///etc'", "'url' is an address"),
        ("[output.a]\nkind = 'webhook'\nurl = 'http://a:b@c/'", "'url' is an address"),
        ("[output.a]\nkind = 'webhook'\nurl = 'http://x/'", "'secret_file' names"),
        ("[output.a]\nkind = 'webhook'\nurl = 'http://x/'\nsecret_file = 'open'", "others may"),
        ("[output.a]\nkind = 'webhook'\nurl = 'http://x/'\nsecret_file = 'short'", "at least 16"),
        ("[output.a", "does not read"),
    ],
    ids=lambda value: str(len(value)),
)
def test_a_wrong_file_is_refused_with_its_reason(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "alarm.toml").write_text(text, encoding="utf-8")
    (tmp_path / "open").write_bytes(SECRET)
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "short").write_bytes(b"short")
    (tmp_path / "short").chmod(0o600)
    with pytest.raises(LocalError) as refusal:
        config.read(tmp_path)
    assert refusal.value.code == "alarm.config"
    assert why in refusal.value.message


def test_a_hook_rings_though_the_station_cannot_say_what_the_message_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that it can ask for waits while a commit takes long; the fourth rings after that."""
    given: list[float] = []
    timeout = asyncio.timeout

    def over(wait_s: float) -> asyncio.Timeout:
        if wait_s not in {outputs.MESSAGE_S, outputs.BRIEFLY_S}:
            return timeout(wait_s)
        given.append(wait_s)
        return timeout(0.0)

    monkeypatch.setattr(asyncio, "timeout", over)
    sent: list[dict[str, Any]] = []
    told = asyncio.Event()

    class Post:
        async def send(self, event: dict[str, Any]) -> str:
            sent.append(event)
            if len(sent) == 5:
                told.set()
            return ""

    async def slow(*_: object, **__: object) -> dict[str, Any]:
        if len(given) != 4:
            await asyncio.Event().wait()
        return {"text": "said"}

    async def story() -> None:
        feed = Feed(tmp_path / "none.sock")
        monkeypatch.setattr(feed, "call", slow)
        output = config.OutputConfig(name="page", kind="hook", command=("x",), message=True)
        made = Messenger(output, feed, Post())
        made.ours = feed.alive = True
        task = asyncio.create_task(made.work())
        alarms: list[Any] = [
            {"alarm": number, "rank": "FLASH", "tone": "flash", "state": "sounding", "item": "ab"}
            for number in (11, 12, 13, 14, 15)
        ]
        feed.found = {"sounding": [each["alarm"] for each in alarms], "alarms": alarms,
                      "exercise": "", "now_ms": 1}  # fmt: skip
        for _ in range(20):  # it waits for news by then
            await asyncio.sleep(0)
        await feed.tell()
        async with asyncio.timeout(WAIT_S):
            await told.wait()
        task.cancel()

    asyncio.run(story())
    assert [event["alarm"]["alarm"] for event in sent] == [11, 12, 13, 14, 15]
    assert [event["alarm"].get("message", {}).get("text") for event in sent] == [
        None, None, None, "said", None,
    ]  # fmt: skip
    # The first has waited for those that rang with it, until the station answered.
    assert given == [outputs.MESSAGE_S, *[outputs.BRIEFLY_S] * 3, outputs.MESSAGE_S]


@pytest.mark.parametrize("message", [False, True])
def test_a_hook_is_told_what_is_not_stored_yet_and_of_one_alarm_once(
    tmp_path: Path, *, message: bool
) -> None:
    """The same number sounds when it is stored, so nothing more is told."""
    sent: list[dict[str, Any]] = []

    class Post:
        async def send(self, event: dict[str, Any]) -> str:
            sent.append(event)
            return ""

    early: dict[str, Any] = {
        "alarm": 11, "rank": "FLASH", "tone": "flash", "state": "sounding", "item": None,
        "text": "FLASH from ALPHA has arrived", "said": {"text": "stop", "lang": "en"},
    }  # fmt: skip
    stored = {name: early[name] for name in early if name != "said"}

    async def story() -> None:
        feed = Feed(tmp_path / "none.sock")
        output = config.OutputConfig(name="page", kind="hook", command=("x",), message=message)
        made = Messenger(output, feed, Post())
        made.ours = feed.alive = True
        task = asyncio.create_task(made.work())
        for alarm in (early, stored):
            feed.found = {"sounding": [11], "alarms": [alarm], "exercise": "", "now_ms": 1}
            await feed.tell()
            for _ in range(20):
                await asyncio.sleep(0)
        task.cancel()

    asyncio.run(story())
    (told,) = sent
    assert told["alarm"]["stored"] is False
    said = {"text": "stop", "lang": "en", "form": None}
    assert told["alarm"].get("message") == (said if message else None)
