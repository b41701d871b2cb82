"""Any pack form as plain controls, and what was put into them as answers again.

The station's act ``form`` describes the fields; each becomes one to three controls, whose names say
the field: ``a:PATH`` is what was typed, ``s:PATH`` the uncertainty behind it, ``x:PATH`` "not
known", "withheld" or "nil" instead of it, ``n:PATH`` how many entries of a group are shown. A path
is as in ``answers``, with each group's entry counted from 1: ``sites[2].name``. The same texts are
what a draft keeps. Nothing here needs a script: one more entry is a button that sends the form.

A screen keeps the texts of a form as ``Typed`` (``typed``), gives ``answers`` to an act, and on a
refusal shows ``rows`` again with ``ApiRefused.faults``. ``given`` makes the texts from answers that
are there already. The template's macros are in ``templates/parts/fields.html``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Final

from tieline.core.agreement.places import Area, Circle, Position
from tieline.core.agreement.plain import write_time
from tieline.core.agreement.value import Instant, Problem
from tieline.desk.web.shapes import View, number
from tieline.node.readplace import read_area, read_position
from tieline.node.readtime import Clock, read_instant

MORE: Final = "more"  # the button for one more entry of a group; its value is the group's path
FEWER: Final = "fewer"  # the button that takes an entry out; its value is the entry's path
MAX_ENTRIES: Final = 200
MAX_TEXT: Final = 16_000
# Fields whose answer may have an uncertainty behind it.
SPREAD: Final = frozenset({"count", "time", "position"})
LINES: Final = frozenset({"text", "area", "route"})

_SPREAD: Final = re.compile(r"\s*(?:\+/?-|±)\s*(.{1,20})\Z")
_STEP: Final = re.compile(r"([a-z0-9-]+)(?:\[([0-9]{1,4})\])?\Z")

Typed = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a field: the paragraph that asks for it, the fault, the remedy."""

    what: str
    remedy: str
    paragraph: str
    text: str


@dataclass(frozen=True, slots=True)
class Both:
    """A field that has an answer and a special one: which counts is for the officer to say."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A field as it is shown. ``path`` is whole, with the number of each entry.

    ``options``: value and words, where one is chosen from a list; ``specials``: the same of special
    answers. ``back``: what was typed, read back in other notations. ``both``: it is answered twice.
    """

    path: str
    label: str
    type: str
    required: bool
    most: int
    low: int | None
    high: int | None
    paragraph: str
    mark: str
    value: str
    spread: str
    special: str
    options: tuple[tuple[str, str], ...]
    specials: tuple[tuple[str, str], ...]
    faults: tuple[Fault, ...]
    back: tuple[str, ...]
    both: bool

    @property
    def id(self) -> str:
        """For ``id`` and ``for`` in the page."""
        return name_id(self.path)

    @property
    def takes_spread(self) -> bool:
        return self.type in SPREAD

    @property
    def lines(self) -> bool:
        """Whether it is typed on several lines."""
        return self.type in LINES


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group with its entries. ``more``: another entry may be added; ``fewer``: one be taken.

    ``open``: it is wanted, has something in it, or something is wrong in it.
    """

    path: str
    label: str
    required: bool
    paragraph: str
    mark: str
    entries: tuple[tuple[str, tuple[Row | Group, ...]], ...]
    count: int
    repeats: bool
    more: bool
    fewer: bool
    open: bool
    faults: tuple[Fault, ...]

    @property
    def id(self) -> str:
        """For ``id`` in the page."""
        return name_id(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A whole form as it is shown. ``whole``: faults of no single field."""

    rows: tuple[Row | Group, ...]
    whole: tuple[Fault, ...]

    def faulty(self) -> tuple[Row | Group, ...]:
        """The fields with faults, in their order."""
        return tuple(one for one in _every(self.rows) if one.faults or _is_both(one))

    def every(self) -> tuple[Row, ...]:
        """All fields that are shown, in their order."""
        return tuple(one for one in _every(self.rows) if isinstance(one, Row))

    def any_fault(self) -> bool:
        return bool(self.whole or self.faulty())


def name_id(path: str) -> str:
    """A path as an id that style sheets and scripts can name."""
    return re.sub("[^a-z0-9-]+", "_", path)


# ------------------------------------------------------------------------------------ from a POST


def typed(form: View, fields: Mapping[str, str]) -> dict[str, str]:
    """The texts of a form's controls among all that was sent or kept; and the buttons done.

    Entries that were left empty are closed up, so that entries are numbered without gaps.
    """
    texts = {
        name: value.replace("\r\n", "\n")[:MAX_TEXT]
        for name, value in fields.items()
        if name[:2] in ("a:", "s:", "x:", "n:") and value.strip()
    }
    more, fewer = fields.get(MORE, ""), fields.get(FEWER, "")
    out: dict[str, str] = {}
    _collect(form.views("fields"), "", "", texts, out, (more, fewer))
    return out


def given(form: View, answers: Mapping[str, object]) -> dict[str, str]:
    """The texts of the controls for answers by path, such as those of a message to be corrected."""
    whole = {_whole(form.views("fields"), str(path)): str(text) for path, text in answers.items()}
    out: dict[str, str] = {}
    for path, row in _leaves(form.views("fields"), "", whole):
        text = whole.get(path, "").strip()
        folded = text.casefold()
        specials = {
            name: str(form.view("specials")[name] or name) for name in row.texts("specials")
        }
        found = next((n for n, word in specials.items() if folded in (n, word.casefold())), "")
        spread = _SPREAD.search(text) if row["type"] in SPREAD else None
        if found:
            out[f"x:{path}"] = found
        elif spread:
            out[f"a:{path}"], out[f"s:{path}"] = text[: spread.start()], spread[1]
        elif text:
            out[f"a:{path}"] = text
    return out


def answers(form: View, texts: Typed) -> dict[str, str] | Both:
    """What acts take as ``answers``; or which field has two."""
    out = {}
    for path, row in _leaves(form.views("fields"), "", texts):
        text, special = texts.get(f"a:{path}", "").strip(), texts.get(f"x:{path}", "")
        spread = texts.get(f"s:{path}", "").strip()
        if text and special:
            return Both(path)
        if special:
            out[path] = special
        elif text:
            if row["type"] in ("area", "route"):
                text = "; ".join(part for part in re.split(r"\s*[;\n]\s*", text) if part)
            out[path] = f"{text} +/- {spread}" if spread and row["type"] in SPREAD else text
    return out


def settled(form: View, texts: Typed, now_ms: int) -> dict[str, str]:
    """The texts with "now" and what is counted from it as the times they are.

    What is shown, kept or sent must not move on with the clock. ``now_ms``: since when it counts.
    """
    out = dict(texts)
    for path, row in _leaves(form.views("fields"), "", texts):
        text = " ".join(texts.get(f"a:{path}", "").split())
        if row["type"] == "time" and text.lower().startswith("now"):
            read = read_instant(text, Clock(UTC, now_ms))
            if not isinstance(read, Problem):
                out[f"a:{path}"] = write_time(read.seconds)
                if read.spread_s:
                    out[f"s:{path}"] = f"{read.spread_s} s"
    return out


def _collect(
    fields: Iterable[View],
    at: str,
    old_at: str,
    texts: Typed,
    out: dict[str, str],
    buttons: tuple[str, str],
) -> None:
    """Copy the texts of fields below ``old_at`` to below ``at``, group by group."""
    more, fewer = buttons
    for one in fields:
        name = _name(one)
        if one["type"] != "group":
            for kind in ("a:", "s:", "x:"):
                value = texts.get(f"{kind}{old_at}{name}", "")
                if value:
                    out[f"{kind}{at}{name}"] = value
            continue
        old = f"{old_at}{name}"
        low, high = _repeat(one)
        filled = [index for index in _indexes(old, texts) if f"{old}[{index}]" != fewer]
        for place, index in enumerate(filled[:high], 1):
            inner = (f"{at}{name}[{place}].", f"{old}[{index}].")
            _collect(one.views("fields"), *inner, texts, out, buttons)
        wanted = len(filled) + 1 if more == old else _count(texts, old)
        if fewer.startswith(f"{old}[") and "." not in fewer[len(old) :]:
            wanted = len(filled)
        count = max(min(wanted, high, MAX_ENTRIES), len(filled[:high]), low)
        if high > 1 and count > 1:
            out[f"n:{at}{name}"] = str(count)


def _indexes(path: str, texts: Typed) -> list[int]:
    """Which entries of a group have a text."""
    found = set()
    for name in texts:
        if name[:2] != "n:" and name[2:].startswith(f"{path}["):
            digits = name[2 + len(path) + 1 :].partition("]")[0]
            if digits.isdecimal() and 0 < int(digits) <= MAX_ENTRIES:
                found.add(int(digits))
    return sorted(found)


def _count(texts: Typed, path: str) -> int:
    said = texts.get(f"n:{path}", "")
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 5 else 1


def _leaves(fields: Iterable[View], at: str, texts: Typed) -> Iterator[tuple[str, View]]:
    """Each field that can be answered, by its whole path, and its description."""
    for one in fields:
        path = f"{at}{_name(one)}"
        if one["type"] == "serial":
            continue
        if one["type"] != "group":
            yield path, one
            continue
        for index in range(1, _shown(one, path, texts) + 1):
            yield from _leaves(one.views("fields"), f"{path}[{index}].", texts)


def _shown(one: View, path: str, texts: Typed) -> int:
    """How many entries of a group are shown."""
    low, high = _repeat(one)
    bare = {name if name[:2] in ("a:", "s:", "x:", "n:") else f"a:{name}": "" for name in texts}
    there = max(_indexes(path, bare), default=0)
    return max(1, min(max(low, there, _count(texts, path)), high, MAX_ENTRIES))


# ----------------------------------------------------------------------------------------- showing


@dataclass(frozen=True, slots=True)
class _Show:
    texts: Typed
    faults: Mapping[str, tuple[Fault, ...]]
    parties: tuple[str, ...]
    specials: View
    clock: Clock
    both: str
    used: set[str] = field(default_factory=set)


def shown(
    form: View,
    texts: Typed,
    *,
    faults: Iterable[Mapping[str, object]] = (),
    parties: Iterable[str] = (),
    now_ms: int,
    both: str = "",
) -> Shown:
    """A form as it is shown, with what was typed and what is wrong with it.

    ``faults``: those of ``ApiRefused``; ``parties``: the codes of the line's, to choose from;
    ``both``: the path that ``answers`` found answered twice.
    """
    fields = form.views("fields")
    found: dict[str, tuple[Fault, ...]] = {}
    for one in faults:
        path = _whole(fields, str(one.get("path") or ""), last=False)
        said = Fault(
            *(str(one.get(name) or "") for name in ("what", "remedy", "paragraph", "text"))
        )
        found[path] = (*found.get(path, ()), said)
    show = _Show(texts, found, tuple(parties), form.view("specials"), Clock(UTC, now_ms), both)
    rows = _rows(fields, "", show)
    whole = [fault for path, some in found.items() if path not in show.used for fault in some]
    return Shown(rows=rows, whole=tuple(whole))


def _rows(fields: Iterable[View], at: str, show: _Show) -> tuple[Row | Group, ...]:
    return tuple(
        _group(one, f"{at}{_name(one)}", show)
        if one["type"] == "group"
        else _row(one, f"{at}{_name(one)}", show)
        for one in fields
    )


def _group(one: View, path: str, show: _Show) -> Group:
    low, high = _repeat(one)
    count = _shown(one, path, show.texts)
    entries = tuple(
        (f"{path}[{index}]", _rows(one.views("fields"), f"{path}[{index}].", show))
        for index in range(1, count + 1)
    )
    faults = _taken(path, show)
    required = bool(one["required"]) or low > 0
    touched = any(x.faults or _is_both(x) for _, rows in entries for x in _every(rows))
    return Group(
        path=path,
        label=str(one["label"]),
        required=required,
        paragraph=str(one["paragraph"] or ""),
        mark=str(one["caution"] or ""),
        entries=entries,
        count=count,
        repeats=high > 1,
        more=count < min(high, MAX_ENTRIES),
        fewer=count > max(low, 1),
        open=required or bool(faults) or touched or bool(_indexes(path, show.texts)),
        faults=faults,
    )


def _row(one: View, path: str, show: _Show) -> Row:
    kind, texts = str(one["type"]), show.texts
    value, spread = texts.get(f"a:{path}", ""), texts.get(f"s:{path}", "")
    options: tuple[tuple[str, str], ...] = ()
    if kind == "code":
        codes = one.views("codes")
        options = tuple((str(code["number"]), f"{code['number']} {code['word']}") for code in codes)
        named = (str(code["number"]) for code in codes if value in (code["id"], code["word"]))
        value = next(named, value)
    elif kind == "party":
        options = tuple((code, code) for code in show.parties)
    if value and options and value not in dict(options):
        options = (*options, (value, value))  # what was typed is not thrown away
    bounds = one.get("bounds")
    low, high = bounds if isinstance(bounds, list) and len(bounds) == 2 else (None, None)
    return Row(
        path=path,
        label=str(one["label"]),
        type=kind,
        required=bool(one["required"]),
        most=number(one["most"]) or 0,
        low=number(low),
        high=number(high),
        paragraph=str(one["paragraph"] or ""),
        mark=str(one["caution"] or ""),
        value=value,
        spread=spread,
        special=texts.get(f"x:{path}", ""),
        options=options,
        specials=tuple((name, str(show.specials[name] or name)) for name in one.texts("specials")),
        faults=_taken(path, show),
        back=_back(kind, value, spread, show.clock),
        both=path == show.both,
    )


def _taken(path: str, show: _Show) -> tuple[Fault, ...]:
    show.used.add(path)
    return show.faults.get(path, ())


def _back(kind: str, value: str, spread: str, clock: Clock) -> tuple[str, ...]:
    """What was typed, as it was understood: a position in three notations, a time also local."""
    text = " ".join(value.split())
    if not text:
        return ()
    if kind == "position":
        place, _ = read_position(text)
        return _notations(place) if isinstance(place, Position) else ()
    if kind == "time":
        read = read_instant(f"{text} +/- {spread}" if spread else text, clock)
        return () if isinstance(read, Problem) else _times(read)
    if kind == "area":
        area, _ = read_area("; ".join(part for part in re.split(r"\s*[;\n]\s*", value) if part))
        return _centre(area) if not isinstance(area, Problem) else ()
    return ()


def _notations(place: Position) -> tuple[str, ...]:
    from tieline.desk.maps.coordinates import shown as in_all

    found = in_all(place)
    return tuple(text for text in (found.decimal, found.arc, found.grid) if text)


def _centre(area: Area) -> tuple[str, ...]:
    return _notations(Position(area.lat_e7, area.lon_e7)) if isinstance(area, Circle) else ()


def _times(read: Instant) -> tuple[str, ...]:
    from tieline.desk.web.shapes import local_times, moment

    found = moment(read.seconds * 1000)
    return () if found is None else (found.dtg, *local_times(found))


# ------------------------------------------------------------------------------------------ paths


def _whole(fields: Iterable[View], path: str, *, last: bool = True) -> str:
    """A path with the number of each entry of a group; ``last``: also of a group at its end."""
    out = []
    steps = path.split(".") if path else []
    some = [*fields]
    for at, step in enumerate(steps):
        found = _STEP.match(step)
        one = next((x for x in some if found is not None and _name(x) == found[1]), None)
        if found is None or one is None:
            return path
        group = one["type"] == "group" and (last or at < len(steps) - 1)
        out.append(f"{found[1]}[{found[2] or 1}]" if group else step)
        some = one.views("fields")
    return ".".join(out)


def _name(one: View) -> str:
    """The last step of a field's path."""
    return str(one["path"]).rpartition(".")[2]


def _repeat(one: View) -> tuple[int, int]:
    value = one.get("repeat")
    low, high = value if isinstance(value, list) and len(value) == 2 else (0, 1)
    return number(low) or 0, number(high) or 1


def _every(rows: Iterable[Row | Group]) -> Iterator[Row | Group]:
    for one in rows:
        yield one
        if isinstance(one, Group):
            for _, inner in one.entries:
                yield from _every(inner)


def _is_both(one: Row | Group) -> bool:
    return isinstance(one, Row) and one.both
