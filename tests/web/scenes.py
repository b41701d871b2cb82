"""Every screen of the desk, with something on it: for pictures, axe, and texts that deceive.

A scene is an address and who looks at it. The set is checked against the table of routes: a screen
that is in no scene is found by ``tests/web/test_scenes.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.faults.floor import PASSWORD, Floor

from tieline.desk.web import screens
from tieline.desk.web.departures import Departure
from tieline.desk.web.shapes import View, view
from tieline.node.view import Json

ALL: Final = ("watch-officer", "treaty-officer", "releaser", "administrator", "observer")
FIRST: Final[dict[str, Json]] = {"confidence": "partly", "own-forces": "unknown", "next": "now+30m"}
OFFICER: Final = "R. Lind"
PLACES: Final = ("50.47N 23.93E +-200 M", "50.49N 23.93E +-300 M")
CONTROLS: Final = frozenset((*range(32), *range(127, 160)))
# Routes that give a file and no page.
FILES: Final = frozenset({
    "/agreements/calendar.ics",
    "/record/stories/{number}/save",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scene:
    """A page: its name, the route it is of, its address, and the roles of who looks."""

    name: str
    route: str
    path: str
    roles: tuple[str, ...] = ALL


def play(
    floor: Floor, text: str = "", name: str = "North field", places: tuple[str, str] = PLACES
) -> tuple[Scene, ...]:
    """Let happen what the screens show, and name them. ``text``: said in every place for words.

    ``places``: where it happened, by ALPHA and by BRAVO.
    """
    words = text or "Two vehicles stand at the crossing. We ask you to look on your side."
    # A station refuses control characters in a form of its own; in a message it takes them.
    coded = "".join(letter for letter in words if letter == "\n" or ord(letter) not in CONTROLS)
    alpha, bravo = floor.alpha, floor.bravo
    # Whoever speaks has a name, too; a station takes none with what does not print.
    writer = name if text and name.strip() and name.isprintable() else "Writer A"
    item = floor.hears(words, precedence="PRIORITY", officer=writer)
    floor.hears("Weekly test of the line.", precedence="ROUTINE")
    flash = floor.hears(f"Fire near the northern post. {words}", precedence="FLASH")

    def said(at: object, does: str, **more: Json) -> str:
        party = alpha if at is alpha else bravo
        done = floor.call("incident_say", at=party, officer=OFFICER, does=does, **more)
        if not done["released"]:
            done = floor.call("release", at=party, draft=done["draft"], officer="Second")
        floor.settle()
        return str(done["item"])

    opened = said(alpha, "open", means={**FIRST, "name": name, "where": places[0]})
    said(bravo, "word", incident=[opened], means=FIRST)
    account = said(
        alpha, "account", incident=[opened],
        means={"count": "1", "where": places[0]}, text=coded,
    )  # fmt: skip
    said(
        bravo, "account", incident=[opened],
        means={"count": "2", "where": places[1]}, text=coded,
    )  # fmt: skip
    said(alpha, "ask", incident=[opened], means={"asked": "BRAVO", "due": "now+1h"},
         questions=[{"about": "what", "words": coded[:200]}])  # fmt: skip
    joint = floor.call(
        "joint", at=alpha, officer=OFFICER, role="treaty-officer", incident=[opened],
        text=f"We have found no ground for further steps. {coded}",
    )  # fmt: skip
    if not joint["released"]:
        joint = floor.call("release", at=alpha, draft=joint["draft"], officer="Second")
    floor.settle()
    number = _handed_over(floor, words)
    alarms = floor.call("alarms", past=True, limit=5)["alarms"]
    alarm = str(alarms[0]["alarm"]) if isinstance(alarms, list) and alarms else "1"  # type: ignore[call-overload,index]
    owed = floor.call("obligations", limit=5)["obligations"]
    due = str(owed[0]["id"]) if isinstance(owed, list) and owed else "none"  # type: ignore[call-overload,index]
    line = _line(floor)
    root = str(joint["item"])
    return (
        Scene("watch", "/", "/"),
        Scene("item", "/item/{digest}", f"/item/{item}"),
        Scene("item-flash", "/item/{digest}", f"/item/{flash}"),
        Scene("check", "/item/{digest}/check", f"/item/{item}/check"),
        Scene("alarms", "/alarms", "/alarms"),
        Scene("why", "/why/{alarm}", f"/why/{alarm}"),
        Scene("compose-pick", "/compose", "/compose"),
        Scene("compose", "/compose", f"/compose?line={line}&form=text"),
        Scene("compose-form", "/compose", f"/compose?line={line}&form=in/account"),
        Scene("drafts", "/drafts", "/drafts"),
        Scene("draft", "/draft/{number}", f"/draft/{_draft(floor, words)}?line={line}"),
        Scene("draft-gone", "/draft/{number}", f"/draft/999?line={line}"),
        Scene("leaving", "/leaving/{name}", f"/leaving/{_leaves(floor, words)}"),
        Scene("record", "/record", "/record"),
        Scene("record-audit", "/record/audit", "/record/audit"),
        Scene("record-stories", "/record/stories", "/record/stories"),
        Scene("record-charter", "/record/charter", "/record/charter"),
        Scene("record-files", "/record/files", "/record/files"),
        Scene("incidents", "/incidents", "/incidents"),
        Scene("incident-open", "/incidents/open", "/incidents/open"),
        Scene("incident", "/incident/{digest}", f"/incident/{opened}"),
        Scene("incident-known", "/incident/{digest}/known/{item}",
              f"/incident/{opened}/known/{account}"),
        Scene("incident-public", "/incident/{digest}/public", f"/incident/{opened}/public"),
        Scene("incident-say", "/incident/{digest}/say/{does}", f"/incident/{opened}/say/account"),
        Scene("incident-message", "/incident/{digest}/say/{does}",
              f"/incident/{opened}/say/message"),
        Scene("joint", "/joint/{digest}", f"/joint/{root}"),
        Scene("joint-new", "/incident/{digest}/joint", f"/incident/{opened}/joint"),
        Scene("joints", "/joints", "/joints"),
        Scene("joints-new", "/joints/new", "/joints/new"),
        Scene("print", "/print", "/print"),
        Scene("agreements", "/agreements", "/agreements"),
        Scene("agreements-why", "/agreements/owed/{id:path}", f"/agreements/owed/{due}"),
        Scene("agreements-calendar", "/agreements/calendar", "/agreements/calendar"),
        Scene("agreements-quotas", "/agreements/quotas", "/agreements/quotas"),
        Scene("agreements-validities", "/agreements/validities", "/agreements/validities"),
        Scene("agreements-questions", "/agreements/questions", "/agreements/questions"),
        Scene("agreements-packs", "/agreements/packs", "/agreements/packs"),
        Scene("exercise", "/exercise", "/exercise"),
        Scene("handover", "/handover", "/handover"),
        Scene("handover-kept", "/handover/{number}", f"/handover/{number}"),
        Scene("account", "/account", "/account"),
        Scene("manner", "/manner", "/manner"),
        Scene("officers", "/officers", "/officers"),
        Scene("officers-log", "/officers/log", "/officers/log"),
        Scene("admin", "/admin", "/admin"),
        Scene("ceremony", "/admin/ceremony", "/admin/ceremony"),
        Scene("missing", "", "/nothing/here"),
        Scene("refused", "", "/officers", ("observer",)),
        Scene("login", "", "/login", ()),
    )  # fmt: skip


def unseen(scenes: tuple[Scene, ...]) -> set[str]:
    """The routes with a page that no scene is of."""
    pages = {route.path for route in screens.ROUTES if route.method == "GET"} - FILES
    return pages - {scene.route for scene in scenes}


def _line(floor: Floor) -> str:
    lines = floor.call("status")["lines"]
    assert isinstance(lines, list)
    assert isinstance(lines[0], dict)
    return str(lines[0]["line"])


def _draft(floor: Floor, words: str) -> int:
    """Something that waits for a second officer."""
    done = floor.call("send", text=words, precedence="IMMEDIATE", officer="A. Okafor")
    return int(str(done["draft"]))


def _leaves(floor: Floor, words: str) -> str:
    """What one officer has let go, and what still waits for its moment."""

    async def leave() -> View:
        return View()

    one = Departure(
        name="scene-1", officer="All", line=_line(floor), draft=0,
        about=view({"precedence": "ROUTINE", "to": ["ALPHA"], "text": words, "form": ""}),
        back="/compose", leaves_ms=floor.now_ms() + 3_600_000,
    )  # fmt: skip

    async def hold() -> str:
        held = floor.desk.departures.hold(one, 3_600, leave, lambda: None)
        return held.name

    return floor.within(hold())


def _handed_over(floor: Floor, words: str) -> int:
    """The number of a handover that two officers have signed at the desk."""
    who = floor.fresh(*ALL)
    who.post("/alarms/test", {"csrf": who.token})
    answer = who.post("/handover", {
        "csrf": who.token, "silent": "yes", "incoming": floor.officers["treaty-officer"],
        "own_password": PASSWORD, "other_password": PASSWORD, "note": words[:500],
    })  # fmt: skip
    assert answer.status == 303, answer.text
    return int(answer.headers["location"].rpartition("/")[2])
