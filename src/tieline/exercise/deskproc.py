"""Desks of an exercise: a web desk for a party, as a process, and its officers' accounts.

Everything is done as people would do it, by the command line and over HTTP: accounts are made with
``tieline desk officer add``, and an officer logs in by the login form. The exercise does that in
somebody's place and hands the browser the cookie of the session: cookies do not know ports, so a
page of the exercise on this machine may set it. The desk has no door for this that it lacks
elsewhere, and no account outside the exercise's own homes is touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import re
import secrets
import signal
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from tieline.core.errors import LocalError
from tieline.exercise.supervise import STOP_S, end_with_parent

HOST: Final = "127.0.0.1"
START_S: Final = 60.0
HTTP_S: Final = 20.0
# The first officer writes and signs; the second releases what takes two.
ROLES: Final = (("watch-officer", "treaty-officer"), ("releaser",))
_WORDS: Final = (
    "anchor", "barley", "canvas", "copper", "drift", "ember", "falcon", "granite", "harbour",
    "island", "juniper", "kettle", "lantern", "meadow", "nettle", "orchard", "pebble", "quarry",
    "ribbon", "saddle", "timber", "umbrella", "valley", "willow",
)  # fmt: skip
_CSRF: Final = re.compile(r'name="csrf" value="([0-9A-Za-z_-]+)"')


def new_password() -> str:
    """Words for the officers of one exercise: it guards nothing but that exercise."""
    return "-".join(secrets.choice(_WORDS) for _ in range(4))


def free_port(wanted: int) -> int:
    """The wanted port of the loopback address, or any free one when somebody has it."""
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return int(probe.getsockname()[1])
    raise LocalError("exercise.port", f"no port is free on {HOST}; end what listens there")


@dataclass(slots=True)
class WebDesk:
    """The desk of one party. ``officers``: names, as the scenario has them."""

    party: str
    home: Path
    port: int
    officers: tuple[str, ...]
    password: str
    _process: asyncio.subprocess.Process | None = None
    _starting: asyncio.Task[None] | None = None
    _sessions: dict[str, str] = field(default_factory=dict)

    @property
    def cookie(self) -> str:
        """The name of the desk's cookie, as docs/desk.md has it."""
        return f"tieline_{self.port}"

    def begin(self) -> None:
        """Start the desk and make the accounts; ``ready`` says when."""
        self._starting = asyncio.create_task(self._start())

    async def ready(self) -> None:
        """Wait until officers can sit down. Raises ``LocalError`` (``exercise.desk``)."""
        if self._starting is None:
            raise LocalError("exercise.desk", f"the desk of {self.party} was not started")
        await asyncio.shield(self._starting)

    async def _start(self) -> None:
        await self._serve()  # alone: it makes the desk's file
        for one in zip(self.officers, ROLES, strict=False):
            await self._account(*one)

    async def _account(self, name: str, roles: tuple[str, ...]) -> None:
        words = ["desk", "officer", "add", name]
        made = await self._command(*words, *(f"--role={role}" for role in roles))
        _, error = await made.communicate(self.password.encode() + b"\n")
        if made.returncode:
            raise LocalError(
                "exercise.desk", f"no account for {name}: {error.decode(errors='replace')}"
            )

    async def _command(self, *words: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tieline", *words, "--home", str(self.home),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )  # fmt: skip

    async def _serve(self) -> None:
        log_path = self.home / "desk.log"
        with log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tieline", "desk", "--json", "--port", str(self.port),
                "--home", str(self.home),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                # An interrupt at the terminal is for the exercise to handle.
                start_new_session=True,
                preexec_fn=end_with_parent,
            )  # fmt: skip
        reader = self._process.stdout
        async with asyncio.timeout(START_S):
            line = b"" if reader is None else await reader.readline()
        if b'"ready"' not in line:
            told = line.decode("utf-8", errors="replace") or log_path.read_text("utf-8")
            last = next(reversed(told.strip().splitlines()), "it said nothing")
            raise LocalError("exercise.desk", f"the desk of {self.party} did not start: {last}")

    async def stop(self) -> None:
        """End the process; killed if it does not listen."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            await process.wait()

    async def session(self, number: int) -> str:
        """The cookie of a fresh session of an officer. Raises ``LocalError``."""
        await self.ready()
        name = self.officers[number]
        self._sessions[name] = found = await asyncio.to_thread(self._login, name)
        return found

    async def keep(self, number: int, kind: str, fields: dict[str, str]) -> None:
        """Put words into a form of an officer, as if it had begun to type them."""
        name = self.officers[number]
        if name not in self._sessions:
            await self.session(number)
        await asyncio.to_thread(self._keep, self._sessions[name], kind, fields)

    # ------------------------------------------------------------- over HTTP, as a browser does

    def _login(self, name: str) -> str:
        cookies, page = self._ask("GET", "/login", {})
        token = _CSRF.search(page)
        if token is None:
            raise LocalError("exercise.desk", f"the desk of {self.party} has no login form")
        form = {"csrf": token.group(1), "name": name, "password": self.password, "to": "/"}
        cookies, _ = self._ask("POST", "/login", cookies, form)
        if self.cookie not in cookies:
            raise LocalError("exercise.desk", f"{name} was not let in at the desk")
        return cookies[self.cookie]

    def _keep(self, session: str, kind: str, fields: dict[str, str]) -> None:
        cookies = {self.cookie: session}
        _, page = self._ask("GET", "/manner", cookies)
        token = _CSRF.search(page)
        form = {"kind": kind, "body": json.dumps(fields), "csrf": token.group(1) if token else ""}
        self._ask("POST", "/keep", cookies, form)

    def _ask(
        self, method: str, path: str, cookies: dict[str, str], form: dict[str, str] | None = None
    ) -> tuple[dict[str, str], str]:
        """One request; the cookies that it set, and its text. Raises ``LocalError``."""
        headers = {"Origin": f"http://{HOST}:{self.port}"}
        if cookies:
            headers["Cookie"] = "; ".join(f"{key}={value}" for key, value in cookies.items())
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection(HOST, self.port, timeout=HTTP_S)
        try:
            connection.request(method, path, urlencode(form) if form else None, headers)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", errors="replace")
        except OSError as error:
            raise LocalError(
                "exercise.desk", f"the desk of {self.party} does not answer: {error}"
            ) from error
        finally:
            connection.close()
        found = {}
        for value in answer.headers.get_all("set-cookie") or []:
            key, _, rest = value.partition("=")
            found[key.strip()] = rest.partition(";")[0].strip('"')
        return found, text
