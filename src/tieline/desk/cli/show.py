"""How statements, events and states are written as lines of text.

Every text from outside goes through ``visible`` here; an exercise marks each line it is in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from tieline.core.terms import dtg
from tieline.node.text import visible

if TYPE_CHECKING:
    from tieline.node.view import Json

SOON_MS: Final = 30 * 86_400_000  # keys that end sooner are spoken of

View = Mapping[str, "Json"]
_RUNGS = (("passed on", "P"), ("read back", "B"), ("acknowledged", "A"), ("received", "R"),
          ("handed over", "h"))  # fmt: skip


def text_of(view: View, name: str) -> str:
    """A text of a view, safe to show; empty when there is none."""
    value = view.get(name)
    return visible(str(value)) if value is not None else ""


def texts_of(view: View, name: str) -> list[str]:
    """A list of texts of a view, each safe to show; nothing where there is no such list."""
    value = view.get(name)
    return [visible(str(one)) for one in value] if isinstance(value, list) else []


def doubt_lines(view: View) -> list[str]:
    """What an officer may want to look at again, such as a reply that is not the expected one."""
    return [f"? {doubt}" for doubt in texts_of(view, "doubts")]


def number_of(view: View, name: str) -> int:
    """A number of a view; 0 when there is none."""
    value = view.get(name)
    return value if isinstance(value, int) else 0


def still_reading(view: View) -> list[str]:
    """What a list says that a station gave while it still reads a long record."""
    reading = view.get("reading")
    if not isinstance(reading, dict):
        return []
    read, of = number_of(reading, "read"), number_of(reading, "of")
    text = f"! the station is reading its record after the start: {read:,} of {of:,} statements"
    return [f"{text}; until then this list is not whole"]


def views(view: View, name: str) -> list[dict[str, Json]]:
    """The objects in a list of a view; nothing where there is no such list."""
    value = view.get(name)
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def codes(view: View, name: str) -> str:
    """A list of party codes with commas between them."""
    value = view.get(name)
    return ",".join(visible(str(code)) for code in value) if isinstance(value, list) else ""


def said(result: View) -> str:
    """What an act came to."""
    if result.get("released"):
        return f"released as statement {text_of(result, 'item')[:12]}"
    return (
        f"draft {text_of(result, 'draft')} waits for a second officer:"
        f" tieline release {text_of(result, 'draft')} --officer NAME"
    )


def _mark(view: View) -> str:
    """What stands before each line of an exercise, an alarm above all."""
    return "EXERCISE " if view.get("exercise") else ""


def item_line(view: View) -> str:
    """One statement on one line: number, time, who, precedence, what, and its ladder."""
    flags = " !" if view.get("flags") or view.get("contested") else ""
    head = f"#{number_of(view, 'seq'):<5} {text_of(view, 'item')[:8]}  {text_of(view, 'dtg')}"
    whom = codes(view, "to") or "all"
    head = f"{_mark(view)}{head}"
    return (
        f"{head}  {text_of(view, 'party'):>8} > {whom:<8} {text_of(view, 'precedence'):<9}"
        f" {summary(view)}{ladder(view)}{_replaced(view)}{_joint(view)}{flags}"
    )


def mark_words(view: View) -> str:
    """What nobody may miss who reads the words after it; with a space behind."""
    reserve = "[OBSERVER: NOT HEARD] " if view.get("heard") is False else ""
    reserve += "[WITHOUT PREJUDICE] " if view.get("reserve") else ""
    return reserve + (f"[THROUGH {text_of(view, 'through')}] " if view.get("through") else "")


def summary(view: View) -> str:
    """What a statement says, in one line."""
    kind = text_of(view, "kind")
    body = text_of(view, "text") or text_of(view, "cause")
    parts: list[str] = [] if kind == "message" else [kind]
    if mark_words(view):
        parts.insert(0, mark_words(view).strip())
    told, fields = told_lines(view), view.get("fields")
    if told:
        said = "; ".join(told[1:])
        parts.append(f"{told[0]} ({text_of(view, 'form')})" + (f": {said}" if said else ""))
        parts += [f"[{mark}]" for mark in texts_of(_told(view), "brief")]
    elif kind == "silence" and view.get("form"):
        parts.append(f"rule {text_of(view, 'form')} v{text_of(view, 'form_version')}")
    elif view.get("form"):
        parts.append(f"form {text_of(view, 'form')} v{text_of(view, 'form_version')}")
    if isinstance(fields, dict) and not told:
        parts.append(" ".join(f"{key}={visible(str(value))}" for key, value in fields.items()))
    if kind == "silence":
        due = dtg(number_of(view, "due_ms"))
        rung = text_of(view, "rung")
        owed = f"not {rung}" if rung else "what this rule asks was not done"
        parts.append(f"of {text_of(view, 'about_party')}: {owed} by {due}")
    if kind == "pass on":
        parts.append(f"told {text_of(view, 'unit')} at {dtg(number_of(view, 'at_ms'))}")
    if kind == "watch":
        parts.append("staffed" if view.get("staffed") else "unstaffed")
    parts.extend(
        f"({text_of(ref, 'role')} {text_of(ref, 'item')[:8]})" for ref in views(view, "refs")
    )
    if body:
        parts.append(body if len(body) <= 100 or kind != "test" else body[:60] + "…")
    return " ".join((*parts, *doubt_lines(view)))


def ladder(view: View) -> str:
    """How far each party stands: h handed over, R received, A acknowledged, B, P."""
    rungs = view.get("ladder")
    if not isinstance(rungs, dict) or not rungs:
        return ""
    out: list[str] = []
    for party, reached in rungs.items():
        got = reached if isinstance(reached, dict) else {}
        step = next((sign for name, sign in _RUNGS if name in got), "-")
        out.append(f"{visible(party)}:{step}")
    return "  [" + " ".join(out) + "]"


_REPLACED = ("corrected_by", "cancelled_by", "superseded_by")


def _replaced(view: View) -> str:
    """What its own author has put in its place since: nobody may act on it unawares."""
    said = [
        f"{name.replace('_', ' ')} {text_of(view, name)[:8]}"
        for name in _REPLACED
        if view.get(name)
    ]
    return f"  [{', '.join(said)}]" if said else ""


def _joint(view: View) -> str:
    """How far a joint statement is; of a signature or a refusal that it moves nothing."""
    joint = view.get("joint")
    state = f"  [{text_of(joint, 'state').upper()}]" if isinstance(joint, dict) else ""
    return state + ("  [MOVES NOTHING]" if view.get("moves_nothing") else "")


def told_lines(view: View) -> list[str]:
    """A form in the officer's words: its title, then its fields; empty when no pack here has it."""
    told = _told(view)
    return [text_of(told, "title"), *texts_of(told, "lines")] if told else []


def _told(view: View) -> View:
    """A form in words as it stands in a view; empty when it does not."""
    told = view.get("told")
    return told if isinstance(told, dict) and isinstance(told.get("lines"), list) else {}


def item_lines(view: View) -> list[str]:
    """One statement in full."""
    out = [item_line(view), f"  digest   {text_of(view, 'item')}"]
    out.append(f"  author   {text_of(view, 'station')}, as {text_of(view, 'role')}")
    out.append(f"  written  {dtg(number_of(view, 'claimed_ms'))} by its own clock")
    out.append(f"  came     {dtg(number_of(view, 'admitted_ms'))} by ours")
    if mark_words(view):
        out.append(f"  MARKED   {mark_words(view).strip()}")
    told = told_lines(view)
    if told:
        out.append(
            f"  form     {text_of(view, 'form')} v{text_of(view, 'form_version')}: {told[0]}"
        )
        out.extend(f"           {line}" for line in told[1:])
        out.extend(f"  *        {mark}" for mark in texts_of(_told(view), "marks"))
    out.extend(f"  {doubt}" for doubt in doubt_lines(view))
    if view.get("text"):
        text = str(view["text"]).split("\n")  # an author's own lines stay lines
        out.append(f"  text     ({text_of(view, 'lang')}) {visible(text[0])}")
        out.extend(f"           {visible(line)}" for line in text[1:])
    joint = view.get("joint")
    if isinstance(joint, dict):
        from tieline.desk.cli.joints import state_lines

        out.extend(f"  {line}" for line in state_lines(joint))
    if view.get("moves_nothing"):
        out.append(f"  ! it moves nothing: {text_of(view, 'moves_nothing')}")
    rungs, observers = view.get("ladder"), texts_of(view, "observers")
    for party, reached in rungs.items() if isinstance(rungs, dict) else ():
        got = reached if isinstance(reached, dict) else {}
        steps = [f"{visible(name)} {dtg(at)}" for name, at in got.items() if isinstance(at, int)]
        seen = "  (observer: owes nothing)" if party in observers else ""
        out.append(f"  {visible(party):<8} " + ", ".join(steps or ["nothing yet"]) + seen)
    out.extend(
        f"  {name.replace('_', ' ')} {text_of(view, name)[:12]}"
        for name in _REPLACED
        if view.get(name)
    )
    flags = view.get("flags")
    out.extend(f"  ! {visible(str(flag))}" for flag in (flags if isinstance(flags, list) else []))
    if view.get("contested"):
        from tieline.desk.incidentwords import contested

        out.extend(f"  ! {mark}" for mark in contested(view))
    crossed = view.get("crossed")
    if isinstance(crossed, list) and crossed:
        names = ", ".join(visible(str(name))[:8] for name in crossed)
        out.append(f"  written before its author had read {names}")
    return out


def draft_lines(drafts: Iterable[View]) -> list[str]:
    """Drafts, one on a line."""
    return [
        f"{_mark(draft)}draft {text_of(draft, 'draft')}  {text_of(draft, 'precedence'):<9} by"
        f" {text_of(draft, 'officer')} > {codes(draft, 'to') or 'all'}: {summary(draft)}"
        for draft in drafts
    ]


def status_lines(status: View) -> list[str]:
    """A station's state, line by line."""
    out: list[str] = []
    if status.get("realm"):
        out.append(f"EXERCISE EXERCISE EXERCISE {text_of(status, 'realm')}")
    out.append(
        f"{text_of(status, 'party')}/{text_of(status, 'station_name')}"
        f"  {dtg(number_of(status, 'now_ms'))}"
    )
    if status.get("disk_full"):
        out.append("! the disk is full: nothing new is accepted or sent; make room")
    out.extend(f"! {text_of(trouble, 'text')}" for trouble in views(status, "troubles"))
    clock = status.get("clock")
    if isinstance(clock, dict) and clock.get("kept") == "unknown":
        out.append("clock: nobody here can say whether it is kept right; compare it by hand")
    out.extend(_backup_line(status))
    lines = views(status, "lines")
    if not lines:
        out.append("no line yet: install a charter with 'tieline charter install FILE'")
    for view in lines:
        out.append(
            f"line {text_of(view, 'name')} ({text_of(view, 'line')[:8]}), charter"
            f" {text_of(view, 'version')}, {text_of(view, 'statements')} statements"
        )
        if view.get("member") is False:
            out.append(
                "  REMOVED: this charter does not name this station; its record can be read here,"
                " and nothing can be said on the line"
            )
        if view.get("over_ms") is not None:
            over = dtg(number_of(view, "over_ms"))
            out.append(f"  ENDEX: this exercise is over since {over}; its deadlines stand still")
        if view.get("observer"):
            out.append("  OBSERVER: our party reads this line and says nothing on it")
        out.extend(_life_lines(view))
        out.extend(_peer_line(peer) for peer in views(view, "peers"))
        out.extend(_pack_lines(view))
        out.extend(_witnessed_line(view))
        out.extend(_witness_lines(view))
        out.extend(_key_lines(view, number_of(status, "now_ms")))
        suspended = codes(view, "suspended_by")
        if suspended:
            out.append(f"  SUSPENDED by {suspended}; end your own with 'tieline resume'")
        out.extend("  " + line for line in draft_lines(views(view, "waiting")))
    return out


def _pack_lines(view: View) -> list[str]:
    """The agreements in force, and those of which the pack is not here, with the remedy."""
    here = codes(view, "packs").replace(",", ", ")
    lacking = view.get("packs_missing")
    return [
        *([f"  agreements: {here}"] if here else []),
        *(
            f"  ! pack {visible(str(digest))} is in force and cannot be read here: get its file"
            " and run 'tieline pack keep FILE' (or NAME, if it came with the software)"
            for digest in (lacking if isinstance(lacking, list) else [])
        ),
    ]


def _witnessed_line(view: View) -> list[str]:
    """How far witnesses have cosigned our own log, when the charter names any."""
    found = view.get("witnessed")
    if not isinstance(found, dict) or not number_of(found, "of"):
        return []
    text = (
        f"  our log: {number_of(found, 'statements')} statements, a checkpoint at"
        f" {number_of(found, 'signed')}, cosigned by {number_of(found, 'witnesses')} of"
        f" {number_of(found, 'of')} witnesses; the quorum of {number_of(found, 'quorum')} has"
        f" cosigned up to {number_of(found, 'size')}"
    )
    return [text]


def _key_lines(line: View, now_ms: int) -> list[str]:
    """The keys that end soon, or have ended: ours, and those of peers."""
    out = []
    named = [(text_of(peer, "name"), peer) for peer in views(line, "peers")]
    for name, view in (("this station", line), *named):
        end_ms = view.get("keys_end_ms")
        if isinstance(end_ms, int) and end_ms - now_ms <= SOON_MS:
            verb = "ended" if end_ms <= now_ms else "end"
            out.append(f"  the keys of {name} {verb} on {dtg(end_ms)}; they work on")
    return out


def _backup_line(status: View) -> list[str]:
    last = status.get("backup")
    if not isinstance(last, dict):
        return []
    since = number_of(status, "journal") - number_of(last, "entries")
    return [f"backup of {dtg(number_of(last, 'made_ms'))}, {since} journal entries ago"]


def _witness_lines(line: View) -> list[str]:
    """What each witness has cosigned of our log, and why not all of it."""
    view = line.get("witnesses")
    if not isinstance(view, dict):
        return []
    rows, size = views(view, "witnesses"), number_of(view, "size")
    out: list[str] = []
    for row in rows:
        behind = number_of(row, "size") < size
        state = f"has cosigned {number_of(row, 'size')}"
        problem = f": {text_of(row, 'problem')}" if behind and row.get("problem") else ""
        out.append(f"    witness {text_of(row, 'name')} {state}{problem}")
    return out


def _life_lines(view: View) -> list[str]:
    """What an officer must know of the lives of this station and of others."""
    out: list[str] = []
    life = view.get("life")
    if isinstance(life, dict):
        standing = text_of(life, "standing")
        if standing == "probation":
            out.append("  on probation: no other station has confirmed our last statement yet")
        elif standing == "closed":
            cause = text_of(life, "closed_for")
            out.append(f"  our log is closed ({cause}): what is said next opens a fresh one")
        elif text_of(life, "cause") not in ("founded", "joined"):
            opened = dtg(number_of(life, "opened_ms"))
            out.append(f"  our log is one of {opened}, opened for: {text_of(life, 'cause')}")
    for station in views(view, "lives"):
        two = "TWO MACHINES WRITE WITH ITS KEYS; " if station.get("two_machines") else ""
        out.append(f"  {text_of(station, 'name')}: {two}{text_of(station, 'logs')} logs")
    return out


def _peer_line(peer: View) -> str:
    since = number_of(peer, "since_ms")
    when = f" since {dtg(since)}" if since else ""
    state = text_of(peer, "state").removesuffix(" since")
    cause = f": {text_of(peer, 'cause')}" if peer.get("cause") else ""
    if state == "suspended" and not peer.get("carriers"):
        cause += "; not connected"
    word = f"; they say: {text_of(peer, 'their_word')}" if peer.get("their_word") else ""
    return f"  {text_of(peer, 'name'):<16} {state.upper():<10}{when}{cause}{word}"


def _heed_line(event: View, when: str, mark: str) -> str:
    """What an officer did with an alarm, or how an output fares."""
    does, who, number = (text_of(event, name) for name in ("does", "officer", "alarm"))
    said = f": {text_of(event, 'text')}" if event.get("text") else ""
    output = text_of(event, "output")
    match does:
        case "silenced":
            what = f"{who} silenced what sounded until {dtg(number_of(event, 'until_ms'))}"
        case "shelved":
            until = dtg(number_of(event, "until_ms"))
            what = f"{who} shelved alarm {number} until {until}{said}"
        case "tested":
            what = f"{who} had the outputs tested"
        case "heard":
            what = f"{who} heard {output}"
        case "output" if number_of(event, "alarm"):
            what = f"output {output} sounded the test"
        case "output":
            what = f"output {output} {'works' if event.get('works') else 'does not work'}{said}"
        case _:
            what = f"{who} {'took back' if does == 'returned' else 'saw'} alarm {number}{said}"
    return f"{mark}       {when}  {what}"


def unstored_lines(event: View) -> list[str]:
    """What has arrived and is not stored yet, or that this is over; nothing of other events."""
    if event.get("type") == "unstored":
        lines: list[str] = []
        for alarm in views(event, "alarms"):
            said = alarm.get("said")
            words = said.get("text") or said.get("form") if isinstance(said, dict) else None
            text = text_of(alarm, "text")
            lines.append(f"{_mark(event)}NOT STORED  {text}{f': {words}' if words else ''}")
        return lines
    if event.get("type") == "unstored-over" and event.get("stored") is False:
        what = "what had arrived could not be stored; its author sends it again"
        return [f"{_mark(event)}NOT STORED  {what}"]
    return []


def event_line(event: View) -> str:
    """One event of the journal on one line; empty for what people need not see."""
    when = dtg(number_of(event, "at_ms")) if event.get("at_ms") else ""
    who, mark = text_of(event, "station"), _mark(event)
    match event.get("type"):
        case "statement":
            return item_line(event)
        case "receipt":
            items = event.get("items")
            count = len(items) if isinstance(items, list) else 0
            return f"{mark}       {when}  {who} has received {count} of ours" if count else ""
        case "alarm":
            return f"{mark}ALARM  {when}  {text_of(event, 'precedence')}: {text_of(event, 'text')}"
        case "heed":
            return _heed_line(event, when, mark)
        case "state":
            cause = f": {text_of(event, 'cause')}" if event.get("cause") else ""
            state = text_of(event, "state").removesuffix(" since")
            return f"{mark}LINE   {when}  {who} {state}{cause}"
        case "refused":
            return f"{mark}REFUSED {when} {who} {text_of(event, 'code')}: {text_of(event, 'text')}"
        case "proof":
            return (
                f"{mark}PROOF  {when}  a proof against {text_of(event, 'party')}: 'tieline proof'"
            )
        case "life":
            what = "closed a log for ever" if event.get("closed") else "opened a log"
            return f"{mark}LIFE   {when}  this station {what}: {text_of(event, 'cause')}"
        case "live":
            return "------ live"
        case _:
            return ""
