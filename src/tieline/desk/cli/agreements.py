"""The verbs about agreements: forms, obligations, calendar, quotas, and why.

Everything is shown in the officer's language (``[officer] language`` in the configuration, or
``--language``), each rule with its paragraph, and with its doubt where nobody has checked it.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from tieline.core.errors import LocalError
from tieline.core.terms import MAX_TIME_MS, dtg
from tieline.desk.cli.common import client, language_of, line_of, put
from tieline.desk.cli.show import doubt_lines, number_of, still_reading, text_of, texts_of, views

if TYPE_CHECKING:
    from tieline.node.view import Json

_DAY_S: Final = 86_400
_IN_DAYS_S: Final = 4 * _DAY_S  # shorter spans are written in hours
_DIGEST: Final = 64


def form(args: argparse.Namespace) -> None:
    """The forms and phrases in force; one of them; or a message's form in our language."""
    if args.sheet:
        from tieline.desk.cli.sheets import send_sheet

        send_sheet(args)
        return
    station = client(args)
    shared: dict[str, Json] = {**line_of(args), **language_of(args)}
    if args.item:
        found = station.call(
            "item_form", **shared, item=args.item.lower(), shape=args.shape or "numbered"
        )
        faults = found.get("faults")
        lines = [f"! {fault}" for fault in faults] if isinstance(faults, list) else []
        lines += doubt_lines(found)
        lines += [f"? {doubt}" for doubt in texts_of(found, "doubts")]
        lines += [text_of(found, "checked")] if found.get("checked") else []
        put(args, found, *_written(found), *lines, *_weighed(found))
    elif args.form and (args.field or args.check):
        found = station.call("fill", **shared, form=args.form, answers=answers_of(args.field),
                             shape=args.shape or "numbered")  # fmt: skip
        put(args, found, *_written(found), *doubt_lines(found), "nothing was sent")
    elif args.form:
        found = station.call("form", **shared, form=args.form)
        put(args, found, *_form_lines(found))
    else:
        found = station.call("forms", **shared)
        lines = [
            f"{text_of(each, 'form'):<28} {text_of(each, 'precedence'):<9} {text_of(each, 'title')}"
            for each in views(found, "forms")
        ]
        lines += [
            f"{text_of(each, 'form'):<28} {text_of(each, 'code'):<9} {text_of(each, 'title')}"
            for each in views(found, "phrases")
        ]
        put(args, found, *(lines or ["no agreement is in force on this line"]))


def _written(found: dict[str, Json]) -> list[str]:
    """The lines of a text form, which ``put`` makes safe one by one."""
    return str(found.get("text", "")).splitlines()


def answers_of(entries: list[str]) -> dict[str, Json]:
    """``PATH=VALUE`` entries as a form takes them. Raises ``LocalError`` (``act.argument``)."""
    out: dict[str, Json] = {}
    for entry in entries:
        path, equals, value = entry.partition("=")
        if not equals or not path:
            raise LocalError("act.argument", f"'{entry}' is no field; write PATH=VALUE")
        if path in out:
            raise LocalError("act.argument", f"field {path} was given twice; give it once")
        out[path] = value
    return out


def _form_lines(found: dict[str, Json]) -> list[str]:
    head = (text_of(found, name) for name in ("form", "code", "title"))
    out = ["  ".join(part for part in (*head, _cite(found)) if part)]
    out += texts_of(found, "marks")
    out += [f"  {line}" for line in texts_of(found, "said")]
    out += [text_of(found, name) for name in ("note", "disclaimer") if found.get(name)]
    for each in views(found, "predecessors"):
        forms = each.get("forms")
        names = ", ".join(str(name) for name in forms) if isinstance(forms, list) else ""
        must = "must cite" if each.get("required") else "may cite"
        out.append(f"  {must} {names} ({text_of(each, 'role')})  {_cite(each)}")
    out += [line for each in views(found, "fields") for line in _field_lines(each, "  ")]
    return out


def _field_lines(field: dict[str, Json], indent: str) -> list[str]:
    must = "*" if field.get("required") else " "
    head = f"{indent}{must} {text_of(field, 'path'):<24} {text_of(field, 'label')}"
    out = [f"{head}  ({text_of(field, 'type')})  {_cite(field)}".rstrip()]
    codes = [f"{text_of(code, 'id')} = {text_of(code, 'word')}" for code in views(field, "codes")]
    out += [f"{indent}      {code}" for code in codes]
    specials = field.get("specials")
    if isinstance(specials, list) and specials:
        out.append(f"{indent}      or: {', '.join(str(each) for each in specials)}")
    for each in views(field, "fields"):
        out += _field_lines(each, indent + "  ")
    return out


def _weighed(found: dict[str, Json]) -> list[str]:
    return [
        f"{text_of(each, 'label')}: {text_of(each, 'crossing')}  {basis(each)}"
        for each in views(found, "thresholds")
    ]


def _cite(view: dict[str, Json], doubt: str = "caution") -> str:
    """Paragraph and doubt, in brackets."""
    paragraph = text_of(view, "paragraph")
    said = "; ".join(part for part in (f"§ {paragraph}" if paragraph else "",
                                       text_of(view, doubt)) if part)  # fmt: skip
    return f"[{said}]" if said else ""


def basis(view: dict[str, Json]) -> str:
    """Paragraph and provenance of a rule, in brackets: also when it was read, or made up."""
    return _cite(view, "mark")


# ------------------------------------------------------------------------------------- obligations


def obligations(args: argparse.Namespace) -> None:
    """Who owes what to whom by when; or what may be worth a question."""
    if args.questions:
        _questions(args)
        return
    found = client(args).call(
        "obligations",
        **line_of(args),
        **language_of(args),
        party=args.party.upper(),
        open=not args.all,
        limit=args.limit,
    )
    lines = [obligation_line(each) for each in views(found, "obligations")]
    left = number_of(found, "left_out")
    if left:
        lines.append(f"{left} more are not shown; --limit N shows more")
    damaged = found.get("damaged")
    lines += [f"! {why}" for why in damaged] if isinstance(damaged, list) else []
    missing = found.get("missing")
    if isinstance(missing, list) and missing:
        lines.append(f"! {len(missing)} packs in force are not here; 'tieline pack keep FILE'")
    nothing = "nobody owes anything" if args.all else "nothing is open"
    so_far = still_reading(found)
    put(args, found, *so_far, *(lines or ([] if so_far else [nothing])))


def obligation_line(one: dict[str, Json]) -> str:
    """Who owes what by when, on one line."""
    creditors = one.get("creditors")
    to = ", ".join(str(code) for code in creditors) if isinstance(creditors, list) else ""
    mark = "! " if one.get("ours") in ("overdue", "late", "early") else "  "
    return (
        f"{mark}{text_of(one, 'debtor')} > {to}  {text_of(one, 'title')}"
        f"  {_bracket(one.get('due'))}  {said_of(one)}  {basis(one)}  {short(text_of(one, 'id'))}"
    )


def clock_of(one: dict[str, Json]) -> str:
    """The state of an obligation, and when it is due."""
    return f"{said_of(one)}, due {due_of(one)}"


def due_of(one: dict[str, Json]) -> str:
    """When an obligation is due: one time, or two where the parties' clocks differ."""
    return _bracket(one.get("due"))


def said_of(one: dict[str, Json]) -> str:
    """The state of an obligation in words; both, where the strict view has another."""
    differ = f" ({text_of(one, 'state')} / {text_of(one, 'strict')})" if one.get("disputed") else ""
    return f"{text_of(one, 'said')}{differ}"


def short(name: str) -> str:
    """An id with so much of a digest at its end as tells it from others; ``explain`` takes that."""
    head, slash, tail = name.rpartition("/")
    return head + slash + (tail[:12] if len(tail) == _DIGEST else tail)


def _bracket(value: Json) -> str:
    """One time, or from and to where the two views of a clock differ."""
    ends = value if isinstance(value, list) else []
    times = [_time(end) for end in ends if isinstance(end, int)]
    return " / ".join(dict.fromkeys(times)) or "-"


def _time(value_ms: int) -> str:
    """A time; the number itself where another's clock or a sum of days leaves the calendar."""
    return dtg(value_ms) if 0 <= value_ms <= MAX_TIME_MS else f"{value_ms} ms"


def _questions(args: argparse.Namespace) -> None:
    found = client(args).call("questions", **line_of(args), **language_of(args))
    lines = []
    for name in ("splitting", "gaps", "twice", "lacking"):
        for each in views(found, name):
            items = texts_of(each, "items") or [text_of(each, "item")]
            also = " ".join(item[:12] for item in items)
            form_ = text_of(each, "form")
            about = f"{text_of(each, 'pack')}/{form_}" if form_ else text_of(each, "title")
            said = f"? {text_of(each, 'sender')} {about}: {text_of(each, 'said')}"
            lines.append(f"{said}  {also}".rstrip())
    put(args, found, *(lines or ["nothing to ask"]))


def explain(args: argparse.Namespace) -> None:
    """Why an obligation is as it is: inputs, paragraph, provenance."""
    found = client(args).call(
        "explain", **line_of(args), **language_of(args), obligation=args.obligation
    )
    lines = [obligation_line(found).strip()]
    lines.append(f"  pack {text_of(found, 'pack')}, rule {text_of(found, 'rule')}  {basis(found)}")
    lines += [f"  {text_of(found, 'checked')}"] if found.get("checked") else []
    lines += [f"  {line}" for line in _input_lines(views(found, "inputs"))]
    lines += [
        f"  ! {text_of(each, 'said')}  {text_of(each, 'item')[:12]}"
        for each in views(found, "doubts")
    ]
    put(args, found, *lines)


def _input_lines(inputs: list[dict[str, Json]]) -> list[str]:
    """What an answer follows from. Both ends of a time that has only one are said in one line."""
    out: list[str] = []
    ends = iter(inputs)
    for one in ends:
        said = text_of(one, "said")
        if text_of(one, "name").endswith("-earliest"):
            other = next(ends, {})
            if other.get("value") == one.get("value"):
                said = f"{said} / {text_of(other, 'said')}"
            else:
                out += [_input_line(one, said), _input_line(other, text_of(other, "said"))]
                continue
        out.append(_input_line(one, said))
    return out


def _input_line(one: dict[str, Json], said: str = "") -> str:
    said = said or text_of(one, "said")
    value = one.get("value")
    shown = "-" if value is None else str(value)
    if isinstance(value, int):
        if one.get("kind") == "time":
            shown = _time(value)
        elif one.get("kind") == "date":
            shown = _time(value * _DAY_S * 1000)
            shown = shown if shown.endswith("ms") else shown[:2] + shown[7:]
        elif one.get("kind") == "duration":
            shown = _duration(value, dates=text_of(one, "name").endswith("-dates"))
    elif one.get("kind") == "message":
        shown = shown[:12]
    of = " ".join(
        part
        for part in (
            text_of(one, "party") if one.get("party") else "",
            text_of(one, "path") if one.get("path") else "",
            text_of(one, "item")[:12] if one.get("item") and one.get("kind") != "message" else "",
        )
        if part
    )
    return f"{said}: {shown}  ({' '.join((text_of(one, 'origin'), of)).strip()})"


def _duration(value_ms: int, *, dates: bool) -> str:
    """A span as agreements write it: 48 h and 72 h in hours, 14 d in days; dates always in days."""
    sign, seconds = ("-" if value_ms < 0 else ""), abs(value_ms) // 1000
    if dates:
        return f"{sign}{seconds // _DAY_S} d"
    for unit, size, least in (("d", _DAY_S, _IN_DAYS_S), ("h", 3600, 3600), ("min", 60, 60)):
        if seconds >= least and seconds % size == 0:
            return f"{sign}{seconds // size} {unit}"
    return f"{sign}{seconds} s"


# ----------------------------------------------------------------------------- calendar and quotas


def calendar(args: argparse.Namespace) -> None:
    """What comes when: exchange dates, due times, ends of validity; or as an ICS file."""
    span: dict[str, Json] = {}
    if args.from_ or args.to_:
        from tieline.desk.times import read_time

        given = (("from_ms", args.from_), ("to_ms", args.to_))
        span = {name: read_time(text) for name, text in given if text}
    found = client(args).call("calendar", **line_of(args), **language_of(args), **span)
    entries = views(found, "entries")
    if args.ics:
        from tieline.desk.cli import files
        from tieline.node.ics import write_ics

        data = write_ics(
            entries,
            line=f"{text_of(found, 'name')} {text_of(found, 'line')[:8]}",
            realm=text_of(found, "realm") if found.get("realm") else "",
            now_ms=number_of(found, "now_ms"),
        )
        files.write(args.ics, data)
        put(args, {**found, "file": str(args.ics)}, f"{len(entries)} entries are in {args.ics}")
        return
    lines = [
        f"{text_of(each, 'dtg')}  {text_of(each, 'party') if each.get('party') else 'all':<8}"
        f" {text_of(each, 'said')}: {text_of(each, 'title')}  {basis(each)}"
        for each in entries
    ]
    lines += [line for each in views(found, "rounds") for line in round_lines(each)]
    put(args, found, *(lines or ["nothing is in the calendar"]))


def round_lines(one: dict[str, Json]) -> list[str]:
    """One round of a simultaneous exchange, and below it how far each party is."""
    opens = one.get("opens_ms")
    said = f"may be opened since {_time(opens)}" if isinstance(opens, int) else "NOT TO BE OPENED"
    name = f" {text_of(one, 'round')}" if text_of(one, "round") else ""
    out = [f"round{name} of {text_of(one, 'title')}: {said}  {basis(one)}"]
    committed = {text_of(each, "party"): each for each in views(one, "committed")}
    missing = views(one, "missing")
    for party in texts_of(one, "parties"):
        if party not in committed:
            out.append(f"      {party}: nothing is committed")
            continue
        lacks = [text_of(each, "receipt_by") for each in missing if each.get("of") == party]
        by = f", without a receipt of {', '.join(lacks)}" if lacks else ""
        out.append(f"      {party}: committed {text_of(committed[party], 'item')[:12]}{by}")
    out += [
        f"      ! {item[:12]} binds nobody: its party had committed before"
        for item in texts_of(one, "second")
    ]
    return out


def quota(args: argparse.Namespace) -> None:
    """What is used and left of each quota."""
    found = client(args).call(
        "quotas", **line_of(args), **language_of(args), party=args.party.upper()
    )
    lines = [line for each in views(found, "quotas") for line in _quota_lines(each)]
    put(args, found, *(lines or ["no agreement in force has a quota"]))


def _quota_lines(one: dict[str, Json]) -> list[str]:
    """One quota, and below it who has how much of it."""
    years, over = one.get("years"), one.get("over")
    span = "-".join(str(y) for y in dict.fromkeys(years)) if isinstance(years, list) else ""
    exceeded = [str(each) for each in over] if isinstance(over, list) else []
    parts = [_used(one)]
    if one.get("left") is not None:
        parts.append(f"{number_of(one, 'left')} left")
    if number_of(one, "pending"):
        parts.append(f"{number_of(one, 'pending')} not answered")
    if number_of(one, "peak"):
        parts.append(f"{number_of(one, 'peak')} at one time")
    if exceeded:
        parts.append(f"EXCEEDED: {', '.join(exceeded)}")
    head = f"{'! ' if exceeded else '  '}{text_of(one, 'party')}  {span}  {text_of(one, 'title')}"
    out = [f"{head}: {', '.join(parts)} ({text_of(one, 'side')})  {basis(one)}"]
    # An active quota is used up with nobody in particular.
    parties = views(one, "parties") if one.get("side") == "passive" else []
    shares = [(text_of(each, "party"), each) for each in parties]
    shares += [(text_of(each, "object"), each) for each in views(one, "objects")]
    out += [f"      {name}: {_used(each)}" for name, each in shares if number_of(each, "used")]
    return out


def _used(one: dict[str, Json]) -> str:
    limit = "" if one.get("limit") is None else f" of {number_of(one, 'limit')}"
    return f"{number_of(one, 'used')}{limit} used"
