"""The verbs ``joint`` and ``assent``: agreeing on one text, and looking at how far that is."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tieline.core.errors import LocalError
from tieline.core.looks import mistaken
from tieline.core.terms import dtg
from tieline.desk.cli.agreements import answers_of
from tieline.desk.cli.common import client, language_of, line_of, marks_of, officer, put
from tieline.desk.cli.jointverbs import ACTIONS
from tieline.desk.cli.show import View, codes, mark_words, number_of, said, text_of, views
from tieline.node.text import escape, escaped, foreign, visible

if TYPE_CHECKING:
    from tieline.node.view import Json

NEXT = {
    "sign": "sign it: tieline joint sign {item}",
    "confirm": "all have signed; it binds once we write anything: tieline ack {ack}",
    "amend": "no text is open for all: propose one more: tieline joint amend {item} TEXT",
    "await": "wait for the others",
    "comply": "it binds: do what it says, and say so: tieline send --form in/comply --concerns"
    " {item}",
}
COMPLIES: Final = {
    "complying": "it does so",
    "not-yet": "it does not do so yet",
    "unable": "it cannot do so",
    "breached": "ANOTHER SIDE DOES NOT",
}
FORGED: Final = re.compile(r"\[-|-\]|\{\+|\+\}")  # the signs of a change, in somebody's words


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
            result = client(args).call("joints", all=args.all, **line_of(args))
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
    came = result.get("joint")  # of a signature: what stands now, which may be less than was read
    lines = [*state_lines(came)] if isinstance(came, dict) else []
    when = result.get("effective_ms")  # of a text: its time, which an amendment keeps unless told
    if isinstance(when, int):
        lines.append(f"it holds from {dtg(when)} on")
    put(args, result, said(result), *lines)


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
        out.extend(f"          {line}" for line in _left(chain))
        out.extend(f"          {line}" for line in _next(chain))
    left = result.get("left_out")
    count = number_of(left, "joints") if isinstance(left, dict) else 0
    if count:
        out.append(f"and {count} more texts; --all lists them")
    return out or ["no joint statement yet"]


def _left(chain: View) -> list[str]:
    """How many versions are not shown, if any."""
    left = number_of(chain, "versions_left")
    return [f"and {left} versions that at most one party has signed"] if left else []


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
        text = str(version.get("text") or "")
        out.extend(f"  | {visible(line)}" for line in (text.split("\n") if text else ()))
        out.extend(
            f"  ! {word} ({escaped(word)}) is in letters of another alphabet than the rest"
            for word in foreign(text)
        )
        form = told.get(item) if isinstance(told, dict) else None
        if isinstance(form, dict):
            lines = form.get("lines")
            out.append(f"  {text_of(form, 'title')}")
            out.extend(f"    {visible(str(x))}" for x in (lines if isinstance(lines, list) else []))
        change = changed.get(item) if isinstance(changed, dict) else None
        out.extend(_change_lines(change) if isinstance(change, dict) else [])
        out.extend(f"  {line}" for line in state_lines(version))
    out.extend(_left(chain))
    for moot in views(chain, "moved_nothing"):
        out.append(
            f"{text_of(moot, 'item')[:12]} of {text_of(moot, 'party')} ({text_of(moot, 'does')}"
            f" {text_of(moot, 'on')[:8]}) moves nothing: {text_of(moot, 'why')}"
        )
    return [*out, *_next(chain)]


def _change_lines(change: View) -> Iterator[str]:
    parts = [
        {"-": f"[-{_plain(words)}-]", "+": f"{{+{_plain(words)}+}}"}.get(sign, _plain(words))
        for sign, words in _signs(change, "words")
    ]
    yield f"  against {text_of(change, 'from')[:8]}, [-taken out-] {{+put in+}}:"
    yield from (f"  ~ {visible(line)}" for line in ("".join(parts).split("\n") if parts else ()))
    if _alike(change):
        yield "  ~ ! WORDS THAT LOOK THE SAME ARE NOT: other letters, or spaces"
    times = change.get("effective_ms")
    if isinstance(times, list) and len(times) == 2 and times[0] != times[1]:
        was, now = (dtg(at) if isinstance(at, int) else "none" for at in times)
        yield f"  ~ effective time {was} becomes {now}"
    late = change.get("late_binds")
    if isinstance(late, list) and len(late) == 2 and late[0] != late[1]:
        yield f"  ~ it {'binds' if late[1] else 'no longer binds'} also if signed late"
    if change.get("terms_differ"):
        yield "  ~ the fields of the form are not the same"
    for sign, words in _signs(change, "terms"):
        yield f"  ~ {sign} {visible(words)}"


def _signs(change: View, name: str) -> list[tuple[str, str]]:
    """What is kept, taken out and put in, piece by piece."""
    value = change.get(name)
    return [
        (str(one[0]), str(one[1]))
        for one in (value if isinstance(value, list) else [])
        if isinstance(one, list) and len(one) == 2
    ]


def _plain(words: str) -> str:
    """Words in which nobody's brackets pass for a change that was made."""
    return FORGED.sub(lambda found: escape(found[0][0]) + found[0][1], words)


def _alike(change: View) -> bool:
    """Whether words were changed for what the eye takes for the same."""
    texts = _signs(change, "words")
    return any(
        one[0] == "-" and other[0] == "+" and mistaken(one[1], other[1])
        for one, other in pairwise(texts)
    )


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
        says = COMPLIES.get(text_of(one, "says"), "nothing clear")
        yield f"comply   {text_of(one, 'party')} says: {says}, {dtg(number_of(one, 'at_ms'))}"
    if codes(version, "signed_two_texts"):
        yield f"! {codes(version, 'signed_two_texts')} SIGNED TWO TEXTS in two places"
    if codes(version, "two_stories"):
        yield f"! a log of {codes(version, 'two_stories')} has a second story about this"
    if codes(version, "unreadable"):
        yield "! a form that cites it cannot be read here: no text confirmed after it binds"
    if codes(version, "not_weighed"):
        yield f"! a log of {codes(version, 'not_weighed')} has said more of this than is weighed"


def _next(chain: View) -> list[str]:
    found = chain.get("next")
    if not isinstance(found, dict):
        return []
    words = NEXT.get(text_of(found, "step"), "")
    named = {name: text_of(found, name)[:8] for name in ("item", "ack")}
    return [f"next: {words.format(**named)}"] if words else []
