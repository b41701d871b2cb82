"""Every screen of the desk, with addresses that a record really has: what ``desk.py`` asks for.

The screens are those of the desk's own table of routes. What an address names (a statement, an
incident, an obligation, a joint statement, a draft, an alarm, a handover) is asked of the station,
and made where there is none yet. A route whose address nothing fills is named with the cause.

Three states: ``quiet``, while nothing changes; ``busy``, each time after a message was sent, so
that no answer is shared; ``stirred``, each time after a message that cites an incident, so that
what agreements and incidents say is made anew too, and the page of an incident is that of this one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import cycle
from typing import Protocol

from figures import Json, record, spread
from tieline.desk.web.screens import ROUTES, handover
from tieline.desk.web.vault import Vault
from tieline.node.client import Client

STATES = ("quiet", "busy", "stirred")
OK = 200
OFFICER = "Bench of each role"
# More than the bare address: parts that a page fetches by itself, and what an officer unfolds.
MORE = {
    "/": ("/?part=inbound", "/?part=lines"),
    "/compose": ("/compose?form=text", "/compose?form=cr/first"),
    "/record": ("/record?words=nothing+says+this", "/record?party=BRAVO"),
    "/agreements": ("/agreements?settled=1",),
    "/joints": ("/joints?all=1",),
    "/incidents": ("/incidents?all=1",),
    "/list": ("/list?form=cr/first",),
}
NOT_BARE = ("/list",)  # without a query there is no such page
LISTS = (  # of what a watch hands over
    "lines", "unstaffed", "troubles", "theirs", "ours", "drafts", "incidents", "dues", "alarms",
    "causes",
)  # fmt: skip
UNMEASURED = {
    "/incident/{digest}/report.{kind}": "a file, for which the whole record is checked first",
    "/record/stories/{number}/save": "a file; no station of this record has told two stories",
    "/leaving/{name}": "lives for seconds, after a send that can be recalled",
}


class Visitor(Protocol):
    """An officer's plain browser (``desk.Visitor``)."""

    status: int

    def get(self, path: str) -> tuple[str, float]: ...


class Screens:
    """The addresses of every screen at one station."""

    def __init__(self, client: Client) -> None:
        self._client = client
        lines = _views(client.call("status")["lines"])
        self._line = str(lines[0]["line"])
        asked = client.call("incidents", line=self._line, limit=300)
        self._incidents = [str(one["incident"]) for one in _views(asked["incidents"])]
        self._next = cycle(self._incidents or [""])
        self._turn = 0

    def addresses(self) -> tuple[dict[str, str], Json]:
        """By its name each address, in which ``INCIDENT`` stands for an incident; and the rest."""
        values = self._values()
        out: dict[str, str] = {}
        missing: Json = {}
        for path in dict.fromkeys(one.path for one in ROUTES if one.method == "GET"):
            filled = path
            for name, value in values.get(_first(path), {}).items():
                filled = filled.replace("{" + name + "}", value)
            if path in UNMEASURED or "{" in filled:
                missing[path] = UNMEASURED.get(path, "nothing in this record has such an address")
                continue
            for one in (*(filled,)[path in NOT_BARE :], *MORE.get(path, ())):
                out[one if one in MORE.get(path, ()) else path] = one
        return out, missing

    def stir(self, state: str) -> str:
        """Bring the record to a state; the incident that was stirred, or the first one."""
        self._turn += 1
        if state == "busy":
            self._client.call("send", text=f"busy {self._turn}", officer="Bench")
        if state != "stirred" or not self._incidents:
            return self._incidents[0] if self._incidents else ""
        incident = next(self._next)
        self._client.call(
            "send", text=f"stirred {self._turn}", incident=[incident], line=self._line,
            officer="Bench",
        )  # fmt: skip
        return incident

    def _values(self) -> dict[str, dict[str, str]]:
        """By the first step of a path: what its parts in braces are."""
        call, line = self._client.call, self._line
        item = str(_views(call("log", limit=1)["items"])[-1]["item"])
        owed = _views(call("obligations", line=line, open=True, limit=1)["obligations"])
        rings = _views(call("alarms")["alarms"])
        found = {
            "item": {"digest": item},
            "joint": {"digest": self._joint()},
            "draft": {"number": self._draft()},
            "handover": {"number": "1"},
        }
        if self._incidents:
            found["incident"] = {"digest": "INCIDENT", "item": "INCIDENT", "does": "account"}
        if owed:
            found["agreements"] = {"id:path": str(owed[0]["id"])}
        if rings:
            found["why"] = {"alarm": str(rings[0]["alarm"])}
        return found

    def _joint(self) -> str:
        found = _views(self._client.call("joints", line=self._line, all=True)["joints"])
        if found:
            return str(found[-1]["root"])
        parties = _views(self._client.call("charter_show", line=self._line)["parties"])
        done = self._client.call(
            "joint", text="We both stop.", parties=[str(one["code"]) for one in parties],
            line=self._line, officer="Bench",
        )  # fmt: skip
        return str(done["item"])

    def _draft(self) -> str:
        found = _views(self._client.call("drafts")["drafts"])
        if not found:
            self._client.call("joint_draft", text="We both stop here.", line=self._line,
                              officer="Bench")  # fmt: skip
            found = _views(self._client.call("drafts")["drafts"])
        return str(found[-1]["draft"])


def furnish(vault: Vault) -> None:
    """Give the desk one handover to show."""
    if not handover.handovers.newest(vault, 1):
        body: Json = {name: [] for name in LISTS}
        body |= {"told": True, "proofs": {}, "heard": {"outputs": []}, "rung": {"count": 0}}
        vault.do(
            "INSERT INTO handover (at_ms, outgoing, incoming, body) VALUES (?, ?, ?, ?)",
            time.time_ns() // 1_000_000, "Bench", OFFICER, json.dumps(body),
        )  # fmt: skip


def timed(visitor: Visitor, client: Client, count: int, states: tuple[str, ...] = STATES) -> Json:
    """The first byte of every screen, so many times in each state."""
    screens = Screens(client)
    addresses, missing = screens.addresses()
    out: Json = {"unmeasured": missing}
    for state in states:
        taken: dict[str, list[float]] = {name: [] for name in addresses}
        for turn, name, address in _rounds(addresses, count):
            incident = screens.stir(state)
            path = address.replace("INCIDENT", incident)
            if state == "quiet" and turn == 0:
                visitor.get(path)  # its template is read once
                if visitor.status != OK:
                    raise RuntimeError(f"{path} answers {visitor.status}")
            taken[name].append(visitor.get(path)[1])
        out[state] = {name: spread(each) for name, each in taken.items()}
    return out


def _rounds(addresses: dict[str, str], count: int) -> Iterator[tuple[int, str, str]]:
    for turn in range(count):
        for name, address in addresses.items():
            yield turn, name, address


def _first(path: str) -> str:
    return path.removeprefix("/").partition("/")[0]


def _views(found: object) -> list[Json]:
    return [record(one) for one in found] if isinstance(found, list) else []
