"""One request of one officer, as a screen sees it: what it may ask, what it may do, how it answers.

A screen holds no connection to the station. ``ask`` takes acts that change nothing; ``perform``
takes the others, looks into the table of rights, puts the officer's own name and role in, and
writes into the log of who did what. There is no third way, so no handler can forget it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tieline.desk.web import ceremony, factors, rights, touches
from tieline.desk.web.ceremony import Place
from tieline.desk.web.crowd import Streams
from tieline.desk.web.departures import Departures
from tieline.desk.web.jobs import Jobs
from tieline.desk.web.known import Known
from tieline.desk.web.link import PATIENCE_S, SLOW_S, StationLink
from tieline.desk.web.officers import Officer, Officers
from tieline.desk.web.ringing import Ringing
from tieline.desk.web.sessions import Session, Sessions
from tieline.desk.web.shapes import View, view
from tieline.desk.web.touches import Bond, Touches, about
from tieline.desk.web.vault import Vault
from tieline.desk.words import Words
from tieline.node.client import ApiDown, ApiRefused
from tieline.node.view import Json

if TYPE_CHECKING:
    from tieline.desk.web.cover import Cover
    from tieline.desk.web.frame import Frame

ONCE_BYTES = 12
WITH_ALARMS = ("", "frame")  # the parts of a page that show what rings


def local(address: str) -> str:
    """An address of this desk; anything else becomes the first page."""
    fine = address.startswith("/") and not address.startswith(("//", "/\\", "/login"))
    return address if fine and address.isprintable() and address.isascii() else "/"


class ForbiddenError(Exception):
    """An officer asked for an act that none of its roles may do."""

    def __init__(self, act: str) -> None:
        super().__init__(act)
        self.act = act


@dataclass(slots=True, kw_only=True)
class Desk:
    """What one desk process is made of; ``port`` also tells its cookies from another desk's."""

    link: StationLink
    vault: Vault
    officers: Officers
    sessions: Sessions
    frame: Frame
    stopping: asyncio.Event
    port: int
    jobs: Jobs = field(default_factory=Jobs)
    departures: Departures = field(default_factory=Departures)
    streams: Streams = field(default_factory=Streams)
    cover: Cover | None = None
    handing: asyncio.Lock = field(default_factory=asyncio.Lock)  # one watch at a time goes over

    ringing: Ringing = field(init=False)
    touches: Touches = field(init=False)
    known: Known = field(init=False)

    def __post_init__(self) -> None:
        self.ringing = Ringing(self.link)
        self.touches = Touches(self.vault)
        self.known = Known(self.vault, self.officers)

    @property
    def cookie(self) -> str:
        """The name of the session's cookie: cookies do not know ports, and two desks may."""
        return f"tieline_{self.port}"


class Visit:
    """One request. ``officer`` is who is logged in; ``form`` what a POST brought.

    ``page`` is the path of the page that it is about, and ``at`` where that is asked for anew,
    without sending a form again; empty: nowhere.
    """

    def __init__(
        self,
        desk: Desk,
        request: Request,
        session: Session,
        form: FormData | None,
        page: str,
    ) -> None:
        self.desk = desk
        self.request = request
        self.session = session
        self.officer: Officer = session.officer
        self.words = Words(session.officer.language)
        self._form = form
        query = request.url.remove_query_params("part").query
        self.at = local(f"{page}?{query}" if query else page) if page else ""
        self._status: View | None = None
        self.now_ms = desk.frame.now_ms()

    # ------------------------------------------------------------------------- what came

    def field(self, name: str, standard: str = "") -> str:
        """A text of the form that was sent, or of the address."""
        value = self._form.get(name) if self._form is not None else None
        if value is None:
            value = self.request.query_params.get(name, standard)
        return value if isinstance(value, str) else standard

    def fields(self, name: str) -> list[str]:
        """All texts of that name, as boxes that were ticked come."""
        form = self._form if self._form is not None else self.request.query_params
        return [value for value in form.getlist(name) if isinstance(value, str)]

    def every_field(self) -> dict[str, str]:
        """All texts of the form that was sent."""
        form = self._form or FormData()
        return {name: value for name, value in form.items() if isinstance(value, str)}

    def upload(self, name: str) -> UploadFile | None:
        """A file of the form that was sent."""
        value = self._form.get(name) if self._form is not None else None
        return value if isinstance(value, UploadFile) else None

    def path(self, name: str) -> str:
        """A part of the path, as the route names it."""
        return str(self.request.path_params.get(name, ""))

    @property
    def part(self) -> str:
        """The one part of the page that is asked for; empty for the whole."""
        return self.request.query_params.get("part", "")

    # ------------------------------------------------------------------- who is at the desk

    @property
    def place(self) -> Place | None:
        """Where this page stands for security keys; None: no key works there."""
        return ceremony.place(self.request.headers.get("host", ""))

    def bond(self, officer: Officer, address: str) -> Bond:
        """What a key is to confirm: this form, sent to an address by this session."""
        pairs = self._form.multi_items() if self._form is not None else []
        texts = [(name, value) for name, value in pairs if isinstance(value, str)]
        return Bond(self.session.hash, officer.id, about(address, texts))

    async def prove(self, officer: Officer | None = None, prefix: str = "") -> str:
        """How an officer has just proved who it is, with password and second factor; empty: not.

        The fields of the form are ``password``, ``code`` and ``touch``, each after ``prefix``; a
        touch counts for this very form only. Raises ``LocalError`` (``login.wait``).
        """
        one = officer or self.officer
        code, answer = self.field(f"{prefix}code")[:16], self.field(f"{prefix}touch")
        keys: list[str] = []

        def touch(who: Officer) -> bool:
            key = None
            if self.place is not None:
                bond = self.bond(who, self.address)
                key = self.desk.touches.answer(bond, self.place, answer, self.now_ms)
            keys.extend([key.name] if key is not None else [])
            return key is not None

        held = factors.asked(self.desk.vault, one.id)
        good = await self.desk.officers.check_again(
            one, self.field(f"{prefix}password"), code, self.now_ms, touch if answer else None
        )
        if not good:
            return ""
        if keys:
            told = self.bond(one, self.address).about.hex()
            self.desk.vault.note(
                self.now_ms, one.name, touches.ACT, "done",
                json.dumps({"key": keys[0], "for": self.address[:200], "about": told}),
            )  # fmt: skip
            return f"password and key {keys[0]}"
        return "password and code" if held else "password"

    @property
    def address(self) -> str:
        """The path and query of this request."""
        url = self.request.url
        return f"{url.path}?{url.query}" if url.query else url.path

    @property
    def answers(self) -> bool:
        """Whether the page answers a form: to load it anew would send that once more."""
        return self.request.method == "POST"

    # -------------------------------------------------------------------- asking and doing

    async def ask(self, act: str, **args: Json) -> View:
        """Ask the station what changes nothing; not to be changed by whoever gets it.

        Raises ``ApiRefused``, ``ApiDown``.
        """
        if act not in rights.READS:
            raise TypeError(f"{act} changes something: perform it")
        return await self.desk.link.share(act, args)

    def soon(self, act: str, **args: Json) -> None:
        """Begin to ask what ``ask`` will be asked in a moment, beside something else."""
        if act not in rights.READS:
            raise TypeError(f"{act} changes something: perform it")
        self.desk.link.begin(act, args)

    def begin(self) -> None:
        """Ask already what the frame of every page is made of, beside what its screen asks."""
        self.soon("status")
        if self.part in WITH_ALARMS:
            self.soon("alarms", limit=1)

    async def status(self) -> View:
        """The station's state, asked once for a request. Raises ``ApiDown``."""
        if self._status is None:
            self._status = await self.ask("status")
        return self._status

    def look_anew(self) -> None:
        """Forget the station's state: this request has waited long, and it is of before that."""
        self._status = None
        self.desk.link.forget(frozenset({"status"}))

    def may(self, act: str) -> bool:
        """Whether this officer may do an act: what a page offers depends on it."""
        return rights.may(self.officer.roles, act)

    def allow(self, act: str) -> None:
        """Raises ``ForbiddenError`` unless this officer may, and notes that it was tried."""
        if not self.may(act):
            self.note(act, "forbidden")
            raise ForbiddenError(act)

    def tell(self, what: str) -> None:
        """Say to the desk's own pages that something of the desk has changed (``live.TOPICS``)."""
        self.desk.link.tell({"type": what})

    @property
    def run_folder(self) -> Path:
        """The station's folder for what lives only while it runs."""
        return self.desk.link.run

    def note(self, act: str, outcome: str, detail: str = "") -> None:
        """Write into the log of who did what."""
        self.desk.vault.note(self.now_ms, self.officer.name, act, outcome, detail)

    async def perform(self, act: str, **args: Json) -> View:
        """Do an act in this officer's name.

        Raises ``ForbiddenError``, ``ApiRefused``, ``ApiDown``; each is noted.
        """
        if act in rights.READS or act.startswith("desk."):
            raise TypeError(f"{act} is not an act of the station that changes something")
        self.allow(act)
        if act in rights.NAMES_OFFICER:
            args["officer"] = self.officer.name
        if act in rights.NAMES_ROLE:
            args["role"] = self.officer.role
        if act in rights.KEYED and "key" not in args and self.field("once"):
            # The same form sent twice says nothing twice.
            args["key"] = f"desk-{self.officer.id}-{self.field('once')[:64]}"
        return await self._do(act, args, PATIENCE_S)

    async def perform_as(self, officer: Officer, act: str, **args: Json) -> View:
        """As ``perform``, for another officer who has just given its own password in this form."""
        session = replace(self.session, officer=officer)
        theirs = Visit(self.desk, self.request, session, self._form, "")  # it shows no page
        return await theirs.perform(act, **args)

    async def perform_slowly(self, act: str, **args: Json) -> View:
        """As ``perform``, for an act of the house that may take minutes in a long record."""
        if act not in rights.SLOW:
            raise TypeError(f"{act} is not slow")
        self.allow(act)
        return await self._do(act, args, SLOW_S)

    async def _do(self, act: str, args: dict[str, Json], patience_s: float) -> View:
        detail = json.dumps({k: v for k, v in args.items() if k in rights.LOGGED})[:500]
        if act in rights.BEATS:
            return view(await self.desk.link.call(act, args, patience_s))
        try:
            result = await self.desk.link.call(act, args, patience_s)
        except (ApiRefused, ApiDown) as error:
            self.note(act, getattr(error, "code", "station.down"), detail)
            raise
        finally:
            self.desk.link.changed()
        self.note(act, "done", detail)
        return view(result)

    # ---------------------------------------------------------------------------- drafts

    def kept(self, kind: str) -> dict[str, str]:
        """What this officer was writing in a form (``data-draft``), by field."""
        body = self.desk.vault.draft(self.officer.id, kind)
        found = json.loads(body) if body else {}
        return {str(name): str(value) for name, value in found.items()}

    def forget(self, kind: str) -> None:
        """The form has been sent: what was kept of it is not needed."""
        self.desk.vault.keep_draft(self.officer.id, kind, "", self.now_ms)

    # ------------------------------------------------------------------------- answering

    async def render(
        self, template: str, status: int = 200, at: str = "", /, **context: object
    ) -> Response:
        """The page of a template, or its one part that was asked for.

        ``at``: where the page that answers a form is found without it, if that is elsewhere.
        """
        if at and self.answers:
            self.at = at
        return HTMLResponse(await self.desk.frame.page(self, template, context), status)

    def go(self, address: str) -> Response:
        """On to another page, after a form."""
        return RedirectResponse(address, 303)

    def once(self) -> str:
        """What makes a form its own: sent twice, it counts once."""
        return secrets.token_urlsafe(ONCE_BYTES)
