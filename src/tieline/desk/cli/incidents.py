"""The verb ``incident``: saying something in one, and looking at it."""

from __future__ import annotations

import argparse
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from tieline.core.errors import LocalError
from tieline.desk.cli import incidentlines as lines
from tieline.desk.cli import noticelines
from tieline.desk.cli.agreements import answers_of
from tieline.desk.cli.common import client, language_of, line_of, officer, piped, put
from tieline.desk.cli.show import said, still_reading, text_of, views
from tieline.desk.cli.talk import how

if TYPE_CHECKING:
    from tieline.node.view import Json

_MEANS: Final = "means_"
MAX_FILE: Final = 256 * 1024 * 1024


def list_(args: argparse.Namespace) -> None:
    """The incidents of the line."""
    found = client(args).call(
        "incidents", **line_of(args), **language_of(args), all=args.all, limit=args.limit
    )
    put(args, found, *lines.list_lines(found, every=args.all))


def show(args: argparse.Namespace) -> None:
    """One incident as a whole."""
    found = _asked(args, "incident", incident=args.incident, all=args.all)
    put(args, found, *lines.show_lines(found))


def notices(args: argparse.Namespace) -> None:
    """The notices of the line."""
    found = _asked(args, "notices", all=args.all, limit=args.limit)
    put(args, found, *still_reading(found), *noticelines.list_lines(found, every=args.all))


def timeline(args: argparse.Namespace) -> None:
    """One incident in two lanes."""
    found = _asked(args, "incident_timeline", incident=args.incident, all=args.all)
    put(args, found, *lines.timeline_lines(found))


def known(args: argparse.Namespace) -> None:
    """What the author of a message had read, and who had it when."""
    found = _asked(args, "known", item=args.item.lower())
    put(args, found, *lines.known_lines(found))


def _asked(args: argparse.Namespace, act: str, **more: Json) -> dict[str, Json]:
    return client(args).call(act, **line_of(args), **language_of(args), **more)


def public(args: argparse.Namespace) -> None:
    """Tell of a public statement; or compare a text with those that the line was told of."""
    if not args.check:
        say(args)
        return
    found = _asked(args, "incident", incident=args.incident, all=True)
    digest = _hash(args)
    told = [one for one in views(found, "publics") if digest in (one["hash"], one["made_hash"])]
    if not told:
        raise LocalError(
            "verify.public",
            f"no party has told the line of {args.file} in this incident: its hash is"
            f" {digest[:16]}; 'tieline incident show' lists what was told",
        )
    put(args, {"hash": digest, "publics": [*told]},
        *(f"{text_of(one, 'party')} has told the line of this text:"
          f" {text_of(one, 'item')[:8]}, {text_of(one, 'state')}" for one in told))  # fmt: skip


def say(args: argparse.Namespace) -> None:
    """Say something in an incident, by the form that the agreements in force have for it."""
    text = piped() if args.text == "-" else args.text
    acts: dict[str, Json] = {**officer(args), **language_of(args), "does": args.does}
    acts |= {name: value for name, value in (
        ("form", args.form), ("text", text), ("precedence", args.precedence),
    ) if value}  # fmt: skip
    if text:
        acts["lang"] = args.lang
    if args.to:
        acts["to"] = [code.upper() for code in args.to]
    means: dict[str, Json] = {
        name.removeprefix(_MEANS): value
        for name, value in vars(args).items()
        if name.startswith(_MEANS) and value
    }
    acts |= how(args)
    acts |= _particulars(args, means)
    if means:
        acts["means"] = means
    if args.field:
        acts["answers"] = answers_of(args.field)
    result = client(args).call("incident_say", **acts)
    put(args, result, *_said(args, result))


def _particulars(args: argparse.Namespace, means: dict[str, Json]) -> dict[str, Json]:
    """What one action has that the others have not."""
    does = args.does
    if does == "open":
        return {}
    if does == "answer":
        return {"item": args.item.lower()}
    if does == "link":
        return _linked(args)
    if does == "standing":
        means.update(asked=args.party, stance=args.standing)
        return {"incident": [*args.incident]}
    out: dict[str, Json] = {"incident": [args.incident]}
    refs: list[Json] = [
        {"item": item.lower(), "role": role}
        for role in ("corrects", "cancels")
        for item in getattr(args, role, ())
    ]
    if does == "attach":
        refs += [{"item": item.lower(), "role": "concerns"} for item in args.item]
    if refs:
        out["refs"] = refs
    if does == "ask":
        out["questions"] = _questions(args)
    if does == "public":
        means["hash"] = _hash(args)
    return out


def _linked(args: argparse.Namespace) -> dict[str, Json]:
    if args.answer:
        return {"does": "link-answer", "item": args.answer.lower(), "incident": [*args.incident]}
    if len(args.incident) != 2:  # a link is between two
        raise LocalError("act.argument", "name the two incidents that are one event")
    return {"incident": [*args.incident]}


def _questions(args: argparse.Namespace) -> list[Json]:
    """Each aspect with its words; words beyond the aspects are of none in particular."""
    rows = max(len(args.about), len(args.words))
    if not rows and not args.field:
        raise LocalError("act.argument", "say what is asked: with --about ASPECT, or in words")
    about = [*args.about, *["other"] * (rows - len(args.about))]
    words = [*args.words, *[""] * (rows - len(args.words))]
    return [{"about": one, "words": text} for one, text in zip(about, words, strict=True)]


def _hash(args: argparse.Namespace) -> str:
    with args.file.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise LocalError("file.large", f"{args.file} is larger than {MAX_FILE} bytes")
    return sha256(data).hexdigest()


def _said(args: argparse.Namespace, result: dict[str, Json]) -> list[str]:
    out = [f"{said(result)} ({text_of(result, 'form')})"]
    if args.does == "open" and result.get("item"):
        out.append(f"incident {text_of(result, 'item')[:8]} is open")
    out += [f"we still owe here: {lines.owed_line(one)}" for one in views(result, "owed")]
    return out
