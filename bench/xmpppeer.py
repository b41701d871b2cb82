"""Two Prosody servers as a line between two parties, with a client for each.

A's client gives a message to A's server, which archives it (``mam``) and carries it to B's server
over a connection that B's server has checked by dialback; that archives it and gives it to B's
client, which shows it and answers with a delivery receipt (XEP-0184), which goes the same way back.
Prosody writes its archive to files and syncs none of them: its figures are no match for systems
that do. It has no queue for a server that is away: the client sends again what came back or was
not confirmed (here: after a cut, everything that is not confirmed when the line is whole again).
Nothing is signed; the connections of this bench are not encrypted.

The few stanzas that this needs are written here. Prosody comes from the system's package.
"""

from __future__ import annotations

import asyncio
import base64
import shutil
import subprocess
import time
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, XMLPullParser

from sides import Ports, Side, stop_all, wait_for_port

NAME: Final = "Prosody (two XMPP servers)"
SETTING: Final = "archive in files, never synced; unsigned, unencrypted"
SYNCS: Final = False
HOSTS: Final = ("127.0.0.2", "127.0.0.3")  # a server's name is the address at which it is found
PORT: Final = 5269  # which no address of this kind can change
_STREAM = (
    "<?xml version='1.0'?><stream:stream to='{}' version='1.0' xmlns='jabber:client'"
    " xmlns:stream='http://etherx.jabber.org/streams'>"
)
_CLIENT = "{jabber:client}"
_RECEIPT = "{urn:xmpp:receipts}received"
_CONFIG = """
daemonize = false
pidfile = "{folder}/pid"
data_path = "{folder}"
plugin_paths = {{}}
modules_enabled = {{ "saslauth", "disco", "mam", "dialback" }}
modules_disabled = {{ "tls", "offline", "posix" }}
c2s_require_encryption = false
s2s_require_encryption = false
s2s_secure_auth = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
storage = "internal"
default_archive_policy = true
archive_expires_after = "never"
limits = {{}}
c2s_interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {own} }}
s2s_interfaces = {{ "{host}" }}
s2s_ports = {{ {carried} }}
log = {{ warn = "{folder}/log" }}
VirtualHost "{host}"
"""


def _parser() -> XMLPullParser[Element]:
    return XMLPullParser(("start", "end"))


class XmppSide(Side):
    """One party's client."""

    has_queue = False

    def __init__(self, host: str, other: str) -> None:
        super().__init__()
        self._host, self._other = host, other
        self._parser = _parser()
        self._depth = 0
        self._root: Element | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None
        self._task: asyncio.Task[None] | None = None

    async def connect(self, port: int) -> None:
        """Log in and say that we are there."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        self._write(_STREAM.format(self._host))
        await self._stanza()
        words = base64.b64encode(b"\0desk\0bench").decode()
        self._write(
            f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{words}</auth>"
        )
        answer = await self._stanza()
        if not answer.tag.endswith("success"):
            raise RuntimeError(f"Prosody refused the login of the bench: {answer.tag}")
        self._parser, self._depth, self._root = _parser(), 0, None
        self._write(_STREAM.format(self._host))
        await self._stanza()
        self._write(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
            "<resource>bench</resource></bind></iq>"
        )
        await self._stanza()
        self._write("<presence/>")
        self._task = asyncio.create_task(self._read())

    def _write(self, text: str) -> None:
        if self._writer is not None:
            self._writer.write(text.encode())

    def _stanzas(self) -> list[Element]:
        found: list[Element] = []
        for event, element in self._parser.read_events():
            if not isinstance(element, Element):
                continue
            if event == "start":
                self._root = element if self._root is None else self._root
                self._depth += 1
                continue
            self._depth -= 1
            if self._depth == 1:
                found.append(element)
        if found and self._root is not None and self._depth == 1:
            self._root.clear()  # else the whole conversation stays in memory
        return found

    async def _stanza(self) -> Element:
        while True:
            found = self._stanzas()
            if found:
                return found[0]
            if self._reader is None or not (data := await self._reader.read(65_536)):
                raise RuntimeError("Prosody hung up on the bench")
            self._parser.feed(data)

    async def _read(self) -> None:
        reader = self._reader
        while reader is not None and (data := await reader.read(262_144)):
            self._parser.feed(data)
            now = time.perf_counter()
            answers: list[str] = []
            for stanza in self._stanzas():
                if stanza.tag != f"{_CLIENT}message" or stanza.get("type") == "error":
                    continue
                receipt = stanza.find(_RECEIPT)
                if receipt is not None:
                    self.confirm(int(receipt.get("id", "0")), now)
                elif stanza.find(f"{_CLIENT}body") is not None:
                    number = int(stanza.get("id", "0"))
                    self.shown.setdefault(number, now)
                    answers.append(
                        f"<message to='desk@{self._other}/bench' type='chat'>"
                        f"<received xmlns='urn:xmpp:receipts' id='{number}'/></message>"
                    )
            if answers:
                self._write("".join(answers))
            self.tell()

    async def say(self, number: int, text: str) -> None:
        """Hand it to the own server, which confirms nothing to its client by itself."""
        self._write(
            f"<message to='desk@{self._other}/bench' type='chat' id='{number}'><body>{text}</body>"
            "<request xmlns='urn:xmpp:receipts'/></message>"
        )
        if self._writer is not None:
            await self._writer.drain()

    async def close(self) -> None:
        """Hang up."""
        if self._task is not None:
            self._task.cancel()
        if self._writer is not None:
            self._writer.close()


class Xmpp:
    """Two servers and their clients."""

    def __init__(self, folder: Path, ports: Ports, server: Path) -> None:
        self._folder, self._ports, self._server = folder, ports, server
        self._processes: list[subprocess.Popen[bytes]] = []

    async def begin(self) -> list[Side]:
        """Start the servers, make an account at each, and give the two clients."""
        self._start()
        sides: list[Side] = []
        for own, host, other in zip(self._ports.own, HOSTS, reversed(HOSTS), strict=True):
            wait_for_port(own)
            side = XmppSide(host, other)
            await side.connect(own)
            sides.append(side)
        return sides

    def _start(self) -> None:
        for host, own, carried in zip(HOSTS, self._ports.own, self._ports.carried, strict=True):
            folder = self._folder / host
            folder.mkdir()
            config = folder / "config.lua"
            text = _CONFIG.format(folder=folder, own=own, host=host, carried=carried)
            config.write_text(text, encoding="ascii")
            subprocess.run(
                [f"{self._server}ctl", "--config", str(config), "--root", "register", "desk", host,
                 "bench"],
                check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            command = [str(self._server), "--config", str(config), "--root", "-F"]
            with (folder / "out").open("wb") as out:
                self._processes.append(subprocess.Popen(command, stdout=out, stderr=out))

    def pids(self) -> list[int]:
        """The processes that do the work."""
        return [process.pid for process in self._processes]

    def end(self) -> None:
        """Stop the servers."""
        stop_all(self._processes)


def find() -> Path | None:
    """The server's program, if it is installed."""
    found = shutil.which("prosody")
    return Path(found) if found else None
