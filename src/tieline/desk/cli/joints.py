"""The verbs ``joint`` and ``assent``: agreeing on one text, and looking at how far that is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from tieline.core.errors import LocalError
from tieline.core.terms import dtg
from tieline.desk.cli.agreements import answers_of
from tieline.desk.cli.common import client, language_of, line_of, marks_of, officer, put
from tieline.desk.cli.jointverbs import ACTIONS
from tieline.desk.cli.show import View, codes, mark_words, number_of, said, text_of, views
from tieline.node.text import visible
from tieline.node.view import Json

NEXT = {
    "sign": "sign it: tieline joint sign {item}",
    "confirm": "all have signed; write anything so that it binds, such as: tieline ack ITEM of the"
    " last signature",
    "amend": "no text is open for all: propose one more: tieline joint amend {item} TEXT",
    "await": "wait for the others",
    "comply": "it binds: do what it says, and say so: tieline send --form in/comply --concerns"
    " {item}",
}


def joint(args: argparse.Namespace) -> None:
    """Do one of ``ACTIONS``; any other first word is a text that is proposed."""
    action, *words = args.words
    if action not in ACTIONS:
        if words:
            raise LocalError(
                "act.argument",
                f"'{visible(action)}' is none of {', '.join(ACTIONS)}; a text is one argument, in"
                " quotes",
            )
        action, words = "propose", [action]
    match action:
        case "list":
            _count(action, words, 0, 0)
            result = client(args).call("joints", **line_of(args))
            put(args, result, *list_lines(result))
        case "show":
            _count(action, words, 1, 1)
            named = {**line_of(args), **language_of(args)}
            result = client(args).call("joint_show", item=words[0].lower(), **named)
            put(args, result, *show_lines(result))
        case "propose" | "amend":
            _propose(args, action, words)
        case "sign":
            _count(action, words, 1, 1)
            _act(args, "assent", item=words[0].lower(), **_insist(args))
        case _:
            _count(action, words, 1, 2)
            more: dict[str, Json] = {"item": words[0].lower(), **language_of(args)}
            if len(words) > 1:
                more |= {"text": words[1], "lang": args.lang}
            if args.reason:
                more["reason"] = args.reason
            _act(args, f"joint_{action}", **more)


def assent(args: argparse.Namespace) -> None:
    """Sign a joint statement."""
    _act(args, "assent", item=args.item.lower(), **_insist(args))


def _propose(args: argparse.Namespace, action: str, words: list[str]) -> None:
    first = 1 if action == "amend" else 0
    _count(action, words, first if args.form else first + 1, first + 1)
    more: dict[str, Json] = {"lang": args.lang, **_insist(args), **language_of(args)}
    if first:
        more["amends"] = words[0].lower()
    if words[first:]:
        more["text"] = words[first]
    if args.party:
        more["parties"] = [code.upper() for code in args.party]
    if args.effective:
        more["effective"] = args.effective
    if args.late_binds:
        more["late_binds"] = True
    if args.form:
        more |= {"form": args.form, "answers": answers_of(args.field)}
    if args.precedence:
        more["precedence"] = args.precedence
    if args.concerns:
        more["refs"] = [{"item": one.lower(), "role": "concerns"} for one in args.concerns]
    if args.incident:
        more["incident"] = [*args.incident]
    _act(args, "joint", **more)


def _insist(args: argparse.Namespace) -> dict[str, Json]:
    return {"insist": True} if args.insist else {}


def _act(args: argparse.Namespace, act: str, **more: Json) -> None:
    result = client(args).call(act, **officer(args), **marks_of(args), **more)
    put(args, result, said(result))


def _count(action: str, words: list[str], least: int, most: int) -> None:
    if not least <= len(words) <= most:
        raise LocalError(
            "act.argument",
            f"'joint {action}' takes {least} to {most} words after it; a text is one",
        )


# ---------------------------------------------------------------------------------------- showing


def list_lines(result: View) -> list[str]:
    """All joint statements, a line for each text."""
    out = [f"EXERCISE EXERCISE EXERCISE {text_of(result, 'exercise')}"] * bool(
        result.get("exercise")
    )
    for chain in views(result, "joints"):
        for version in views(chain, "versions"):
            amends = "  amends " + text_of(version, "amends")[:8] if version.get("amends") else ""
            out.append(
                f"{text_of(version, 'item')[:8]}  {text_of(version, 'state').upper():<12}"
                f" {text_of(version, 'author')}: {mark_words(version)}"
                f"{visible(text_of(version, 'text')[:60])}{amends}"
            )
        out.extend(f"          {line}" for line in _next(chain))
    return out or ["no joint statement yet"]


def show_lines(chain: View) -> list[str]:
    """One joint statement with all its texts, who signed, what is missing, and what to do."""
    out = [f"EXERCISE EXERCISE EXERCISE {text_of(chain, 'exercise')}"] * bool(chain.get("exercise"))
    out.append(f"joint statement {text_of(chain, 'root')[:12]} of {codes(chain, 'parties')}")
    changed, told = chain.get("changes"), chain.get("told")
    for version in views(chain, "versions"):
        item = text_of(version, "item")
        when, state = dtg(number_of(version, "at_ms")), text_of(version, "state").upper()
        out.append(f"{item[:12]} by {text_of(version, 'author')}, {when}: {state}")
        if mark_words(version):
            out.append(f"  {mark_words(version)}")
        out.extend(f"  | {visible(line)}" for line in str(version.get("text") or "").split("\n"))
        form = told.get(item) if isinstance(told, dict) else None
        if isinstance(form, dict):
            lines = form.get("lines")
            out.append(f"  {text_of(form, 'title')}")
            out.extend(f"    {visible(str(x))}" for x in (lines if isinstance(lines, list) else []))
        change = changed.get(item) if isinstance(changed, dict) else None
        out.extend(_change_lines(change) if isinstance(change, dict) else [])
        out.extend(f"  {line}" for line in state_lines(version))
    for moot in views(chain, "moved_nothing"):
        out.append(
            f"{text_of(moot, 'item')[:12]} of {text_of(moot, 'party')} ({text_of(moot, 'does')}"
            f" {text_of(moot, 'on')[:8]}) moves nothing: {text_of(moot, 'why')}"
        )
    return [*out, *_next(chain)]


def _change_lines(change: View) -> Iterator[str]:
    words = change.get("words")
    parts = [
        {"-": f"[-{one[1]}-]", "+": f"{{+{one[1]}+}}"}.get(str(one[0]), str(one[1]))
        for one in (words if isinstance(words, list) else [])
        if isinstance(one, list) and len(one) == 2
    ]
    yield f"  against {text_of(change, 'from')[:8]}, [-taken out-] {{+put in+}}:"
    yield from (f"  ~ {visible(line)}" for line in "".join(parts).split("\n"))
    times = change.get("effective_ms")
    if isinstance(times, list) and len(times) == 2 and times[0] != times[1]:
        was, now = (dtg(at) if isinstance(at, int) else "none" for at in times)
        yield f"  ~ effective time {was} becomes {now}"
    if change.get("terms_differ"):
        yield "  ~ the fields of the form are not the same"


def state_lines(version: View) -> Iterator[str]:
    """What has become of one text: the part that every screen shows."""
    yield f"state    {text_of(version, 'state').upper()}"
    when = version.get("effective_ms")
    if isinstance(when, int):
        late = ", also if signed late" if version.get("late_binds") else ""
        yield f"holds    from {dtg(when)} on{late}"
    for one in views(version, "signed"):
        yield f"signed   by {text_of(one, 'party')}, {dtg(number_of(one, 'at_ms'))}"
    if codes(version, "missing"):
        yield f"lacks    the signature of {codes(version, 'missing')}"
    if codes(version, "unconfirmed"):
        yield f"lacks    a word of {codes(version, 'unconfirmed')} after reading all signatures"
    if codes(version, "open_at"):
        yield f"open     whether it came in time to {codes(version, 'open_at')}"
    for one in views(version, "rejected"):
        yield f"{text_of(one, 'how'):<8} by {text_of(one, 'party')} ({text_of(one, 'item')[:8]})"
    for one in views(version, "taken_back"):
        yield f"left     by {text_of(one, 'party')} ({text_of(one, 'by')[:8]})"
    for one in views(version, "late"):
        where = f" at {text_of(one, 'at')}" if one.get("at") else ""
        yield f"LATE     {text_of(one, 'party')}{where}, {dtg(number_of(one, 'time_ms'))}"
    for one in views(version, "compliance"):
        yield (
            f"comply   {text_of(one, 'party')} says: {text_of(one, 'says')},"
            f" {dtg(number_of(one, 'at_ms'))}"
        )
    if codes(version, "signed_two_texts"):
        yield f"! {codes(version, 'signed_two_texts')} SIGNED TWO TEXTS in two places"
    if codes(version, "two_stories"):
        yield f"! a log of {codes(version, 'two_stories')} has a second story about this"
    if codes(version, "unreadable"):
        yield "! a form that cites it cannot be read here, so that nothing is said to bind"


def _next(chain: View) -> list[str]:
    found = chain.get("next")
    if not isinstance(found, dict):
        return []
    words = NEXT.get(text_of(found, "step"), "")
    return [f"next: {words.format(item=text_of(found, 'item')[:8])}"] if words else []
