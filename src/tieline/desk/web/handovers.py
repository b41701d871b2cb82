"""What one watch hands to the next: the summary, and how both officers stand behind it.

"Signed" here means: each of the two proved to be itself with its own password (and code or
security key, where one is set) in one form, and the entry of that in the chained log of who did
what names the digest of this very text. It binds the two at this desk. It is no signature that
another party could check: what a security key signs is judged here and not kept, and the station's
own key signs statements to others only.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from typing import Final

from tieline.desk.web import shapes, trail
from tieline.desk.web.screens.watch import agreed, open_items
from tieline.desk.web.shapes import View
from tieline.desk.web.vault import Row, Vault
from tieline.desk.web.visit import Visit
from tieline.node.client import ApiRefused

SHOWN: Final = 25  # of each kind
LETTERS: Final = 200  # of what a statement says
MAX_NOTE: Final = 8_000
ACT: Final = "desk.handover"
TEST_HOLDS_MS: Final = 15 * 60_000  # so long an alarm test counts for a handover
_DOMAIN: Final = b"tieline-handover-v1\x00"


@dataclass(frozen=True, slots=True)
class Handover:
    """One that is kept.

    ``digest``: of its text, as hexadecimal. ``entry``: the number of the entry of the log that
    names that digest; 0 where none does, so that one of the two was changed.
    """

    number: int
    at_ms: int
    outgoing: str
    incoming: str
    body: View
    digest: str
    entry: int


async def summary(visit: Visit) -> View:
    """What the next watch has to know, as it stands now; bounded. Raises ``ApiDown``."""
    status, found, (dues, incidents), waiting, rings = await asyncio.gather(
        visit.status(),
        visit.ask("traffic", **open_items(visit)),
        agreed(visit),
        visit.ask("drafts"),
        _alarms(visit),
    )
    now_ms = shapes.number(found["now_ms"]) or visit.now_ms
    drafts = waiting.views("drafts")
    theirs = [
        _item(one, str(line["party"])) for line in found.views("lines")
        for one in line.views("inbound")
    ]  # fmt: skip
    ours = [_item(one, "") for line in found.views("lines") for one in line.views("outbound")]
    shown = {
        "made_ms": now_ms,
        "lines": [
            _line(line, peer) for line in status.views("lines") for peer in line.views("peers")
        ],
        "unstaffed": [
            f"{line['name']}: {', '.join(line.texts('unstaffed'))}"
            for line in status.views("lines") if line.texts("unstaffed")
        ],
        "troubles": [
            {"code": one["code"], "text": one["text"], "party": one["party"]}
            for one in status.views("troubles")
        ],
        "theirs": theirs[:SHOWN],
        "ours": ours[:SHOWN],
        "left_out": sum(shapes.number(x["left_out"]) or 0 for x in found.views("lines"))
        + max(0, len(theirs) - SHOWN) + max(0, len(ours) - SHOWN),
        "drafts": [_draft(one) for one in drafts[:SHOWN]],
        "drafts_left": max(0, len(drafts) - SHOWN),
        "incidents": [_incident(one) for one in incidents[:SHOWN]],
        "dues": [
            {"title": one["title"], "debtor": one["debtor"], "due_ms": one["due_ms"]}
            for one in dues[:SHOWN]
        ],
        "rung": found.view("rung"),
        **rings,
    }  # fmt: skip
    return shapes.view(shown)


async def _alarms(visit: Visit) -> dict[str, object]:
    """The alarms that ring and are shelved, and how often each cause rang.

    ``told``: whether this station keeps alarms at all.
    """
    try:
        found = await visit.ask("alarms", past=True, limit=200)
    except ApiRefused:
        return {"told": False, "alarms": [], "causes": []}
    causes: dict[str, int] = {}
    for one in found.views("alarms"):
        causes[str(one["code"])] = causes.get(str(one["code"]), 0) + 1
    return {
        "told": True,
        "alarms": [
            {
                "code": one["code"], "state": one["state"], "text": one["text"],
                "until_ms": one["until_ms"], "party": one["party"],
            }
            for one in found.views("alarms") if one["state"] != "over"
        ][:SHOWN],
        "causes": [{"code": code, "count": count} for code, count in sorted(causes.items())],
    }  # fmt: skip


def _item(one: View, own: str) -> dict[str, object]:
    told = one.view("told")
    said = str(one["text"] or one["cause"] or "") or shapes.brief(told)
    return {
        "seq": one["seq"], "item": one["item"], "party": one["party"],
        "precedence": one["precedence"], "kind": one["kind"], "at_ms": one["claimed_ms"],
        "says": f"{told['title']}: {said}"[:LETTERS] if told["title"] else said[:LETTERS],
        "due_ms": one.view("due")[own] if own else None,
    }  # fmt: skip


def _line(line: View, peer: View) -> dict[str, object]:
    return {
        "line": line["name"], "party": peer["party"], "name": peer["name"],
        "state": peer["state"], "cause": peer["cause"], "since_ms": peer["since_ms"],
        "heard_ms": peer["last_heard_ms"],
    }  # fmt: skip


def _draft(one: View) -> dict[str, object]:
    return {
        "draft": one["draft"], "officer": one["officer"], "precedence": one["precedence"],
        "says": str(one.view("told")["title"] or one["text"] or "")[:LETTERS],
    }  # fmt: skip


def _incident(one: View) -> dict[str, object]:
    clock = one.view("clock")
    return {
        "incident": one["incident"], "short": one["short"], "title": one["title"],
        "state": one["state"], "clock": clock["title"], "due_ms": clock["due_ms"],
    }  # fmt: skip


async def trial(visit: Visit) -> View:
    """The alarm test of this handover, and every output with whether it ``sounded`` that.

    ``number``: 0 when none was begun lately, by somebody at a desk of this station.
    """
    try:
        found = await visit.ask("alarms", limit=1)
    except ApiRefused:
        return View({"number": 0, "outputs": []})
    test = found.view("test")
    at_ms, now_ms = shapes.number(test["at_ms"]) or 0, shapes.number(found["now_ms"]) or 0
    number = (shapes.number(test["number"]) or 0) if now_ms - at_ms < TEST_HOLDS_MS else 0
    return shapes.view({
        "number": number,
        "at_ms": at_ms,
        "outputs": [
            {
                "output": one["output"], "kind": one["kind"], "works": one["works"],
                "why": one["why"], "sounded": bool(number) and one["tested"] == number,
            }
            for one in found.views("outputs")
        ],
    })  # fmt: skip


def heard_of(tested: View, ticked: list[str]) -> View:
    """The alarm test with which of its outputs the incoming officer ``heard``."""
    return shapes.view({
        **tested,
        "outputs": [
            {**one, "heard": bool(one["sounded"]) and str(one["output"]) in ticked}
            for one in tested.views("outputs")
        ],
    })  # fmt: skip


def keep(
    visit: Visit, body: View, note: str, incoming: str, proofs: dict[str, str], heard: View
) -> int:
    """Keep a handover and enter it in the log, whole or not at all; its number.

    ``proofs``: how each of the two proved to be itself, by name. ``heard``: the alarm test, see
    ``trial``.
    """
    vault = visit.desk.vault
    number, head = trail.head(vault)
    kept: dict[str, object] = {
        **body, "note": note, "proofs": proofs, "heard_by": incoming, "heard": heard,
        "log_entry": number, "log_head": head,
    }  # fmt: skip
    text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
    digest = digest_of(visit.now_ms, visit.officer.name, incoming, text)
    with vault.together():
        vault.do(
            "INSERT INTO handover (at_ms, outgoing, incoming, body) VALUES (?, ?, ?, ?)",
            visit.now_ms, visit.officer.name, incoming, text,
        )  # fmt: skip
        row = vault.row("SELECT max(id) FROM handover")
        made = row[0] if row and isinstance(row[0], int) else 0
        visit.note(ACT, "done", _detail(made, digest, "gives", proofs[visit.officer.name]))
        vault.note(
            visit.now_ms, incoming, ACT, "done", _detail(made, digest, "takes", proofs[incoming])
        )
    return made


def find(vault: Vault, number: int) -> Handover | None:
    """The one of this number."""
    row = vault.row("SELECT id, at_ms, outgoing, incoming, body FROM handover WHERE id = ?", number)
    return None if row is None else _handover(vault, row)


def newest(vault: Vault, limit: int = 10) -> list[tuple[int, int, str, str]]:
    """Number, time (UTC ms), outgoing and incoming officer of the last ones."""
    rows = vault.rows(
        "SELECT id, at_ms, outgoing, incoming FROM handover ORDER BY id DESC LIMIT ?", limit
    )
    return [(int(str(a)), int(str(b)), str(c), str(d)) for a, b, c, d in rows]


def digest_of(at_ms: int, outgoing: str, incoming: str, text: str) -> str:
    """SHA-256 over a handover's whole content, as hexadecimal."""
    told = json.dumps([at_ms, outgoing, incoming, text], ensure_ascii=True).encode()
    return hashlib.sha256(_DOMAIN + told).hexdigest()


def _detail(number: int, digest: str, does: str, proof: str) -> str:
    return json.dumps({"handover": number, "digest": digest, "does": does, "proved by": proof})


def _handover(vault: Vault, row: Row) -> Handover:
    number, at_ms, outgoing, incoming, body = row
    text = str(body)
    digest = digest_of(int(str(at_ms)), str(outgoing), str(incoming), text)
    named = vault.row(
        "SELECT min(id), count(*) FROM audit WHERE act = ? AND outcome = 'done' AND at_ms = ?"
        " AND instr(detail, ?) AND officer IN (?, ?)",
        ACT, at_ms, digest, str(outgoing), str(incoming),
    )  # fmt: skip
    entry = named[0] if named and named[1] == 2 and isinstance(named[0], int) else 0
    return Handover(int(str(number)), int(str(at_ms)), str(outgoing), str(incoming),
                    shapes.view(json.loads(text)), digest, entry)  # fmt: skip
