"""Packs, forms and values that Hypothesis makes up, hostile text among them."""

from __future__ import annotations

from hypothesis import strategies as st

from tieline.core.agreement import value
from tieline.core.agreement.message import Values
from tieline.core.agreement.model import (
    Cite,
    CodeItem,
    Field,
    FieldType,
    Form,
    Language,
    Pack,
    Phrase,
    Provenance,
    Rule,
    Special,
)
from tieline.core.agreement.places import Circle, Polygon, Position, Route, Waypoint

CITE = Cite("16.1.2", Provenance.MEMORY)
TYPES = sorted(set(FieldType) - {FieldType.GROUP})
ITEMS = tuple(CodeItem(number=n, id=f"item-{n}", cite=CITE) for n in (1, 2, 7, 40))
# What a hostile author puts into a text: the separators of every text form, end marks, controls,
# bidi controls, look-alikes, labels of fields that are not his.
HOSTILE = st.sampled_from(
    [
        "//", "/", "END", "\n", "\n5. CONTENT", "\n7. END OF MESSAGE NUMBER 1", "A. ", "(1) ", "\\",
        "\\n", "\u202e", "\u2066", "\x1b[2J", "\x00", "\x7f", "\u200b", "\u2028", "\ufeff", "\r",
        "\u0430lpha", "\U0001f600", "=", "[", "]", "NIL", "NOT KNOWN", "-", "?", "\t", "\u05d0",
        "BREAK", "CHECK", "\n//", "\nNARR/", "GENTEXT/", " ", ":", "[[", "\u00a0",
    ]
)  # fmt: skip
PIECES = st.lists(
    st.one_of(HOSTILE, st.text(st.characters(exclude_categories=["Cs"]), max_size=6)),
    min_size=1,
    max_size=6,
).map("".join)
TEXTS = PIECES.map(str.strip).filter(bool)
LATS = st.integers(-900_000_000, 900_000_000)
LONS = st.integers(-1_799_999_999, 1_800_000_000)
SECONDS = st.integers(0, value.MAX_SECONDS)


def line(texts: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    return texts.map(lambda text: text.replace("\n", " ")[:most].strip()).filter(bool)


def _with_spread(high: int) -> st.SearchStrategy[int]:
    return st.one_of(st.just(0), st.integers(0, high))


POINTS = st.lists(st.tuples(LATS, LONS), min_size=3, max_size=5).map(tuple)
WAYPOINTS = st.builds(Waypoint, LATS, LONS, st.one_of(st.none(), SECONDS))
ANSWERS: dict[FieldType, st.SearchStrategy[value.Answer]] = {
    FieldType.CODE: st.sampled_from([value.Code(item.number, item.id) for item in ITEMS]),
    FieldType.COUNT: st.builds(value.Number, st.integers(0, value.MAX_COUNT), _with_spread(10**6)),
    FieldType.TIME: st.builds(value.Instant, SECONDS, _with_spread(value.MAX_SPREAD_S)),
    FieldType.DATE: st.builds(value.Day, st.integers(0, value.MAX_DAYS)),
    FieldType.POSITION: st.builds(
        Position,
        LATS,
        LONS,
        st.integers(0, 10**6),
        st.one_of(st.just(""), line(TEXTS, value.DATUM_CHARS)),
        st.one_of(st.just(""), line(TEXTS, value.TYPED_CHARS)),
    ),
    FieldType.AREA: st.one_of(
        st.builds(Circle, LATS, LONS, st.integers(1, value.MAX_ERROR_M)),
        st.builds(Polygon, POINTS),
    ),
    FieldType.ROUTE: st.builds(Route, st.lists(WAYPOINTS, min_size=2, max_size=4).map(tuple)),
    FieldType.UNIT: st.builds(value.Unit, line(TEXTS, value.UNIT_CHARS)),
    FieldType.PARTY: st.builds(
        value.PartyCode, st.from_regex(r"[A-Z][A-Z0-9-]{0,11}", fullmatch=True)
    ),
    FieldType.SERIAL: st.builds(value.Serial, st.integers(1, value.MAX_COUNT)),
    FieldType.HASH: st.builds(value.Hash, st.binary(min_size=32, max_size=32)),
    FieldType.TEXT: st.builds(value.Text, TEXTS),
}


@st.composite
def fields(draw: st.DrawFn, depth: int = 3) -> tuple[Field, ...]:
    numbers = draw(
        st.lists(st.integers(1, 60), min_size=1, max_size=5 if depth == 3 else 3, unique=True)
    )
    out = []
    for number in numbers:
        kind = draw(st.sampled_from([*TYPES, *([FieldType.GROUP] * 3 if depth else [])]))
        specials = frozenset(draw(st.lists(st.sampled_from(Special), max_size=3)))
        out.append(
            Field(
                number=number,
                id=f"f{number}",
                type=kind,
                cite=CITE,
                required=draw(st.booleans()),
                codes="list" if kind is FieldType.CODE else "",
                specials=specials,
                repeat=(0, 3) if kind is FieldType.GROUP else (0, 1),
                fields=draw(fields(depth - 1)) if kind is FieldType.GROUP else (),
            )
        )
    return tuple(out)


@st.composite
def values(draw: st.DrawFn, known: tuple[Field, ...], *, some: bool = False) -> Values:
    out: dict[int, value.Answer | tuple[Values, ...]] = {}
    for field in known:
        if not field.required and not draw(st.booleans()):
            continue
        if field.specials and draw(st.integers(0, 3)) == 0:
            out[field.number] = draw(st.sampled_from(sorted(field.specials)))
        elif field.type is FieldType.GROUP:
            repeats = draw(st.integers(1, 3))
            out[field.number] = tuple(draw(values(field.fields, some=True)) for _ in range(repeats))
        else:
            out[field.number] = draw(ANSWERS[field.type])
    if some and not out:  # a repeat of a group says something
        plain = next((one for one in known if one.type is not FieldType.GROUP), None)
        if plain is None:
            inner = draw(values(known[0].fields, some=True))
            out[known[0].number] = (inner,)
        else:
            out[plain.number] = draw(ANSWERS[plain.type])
    return out


def pack_of(
    *forms: Form,
    words: dict[str, dict[str, str]] | None = None,
    rules: dict[str, Rule] | None = None,
    phrases: tuple[Phrase, ...] = (),
) -> Pack:
    return Pack(
        id="made",
        tag="md",
        version=1,
        cite=CITE,
        languages=(Language(tag="en", verified=True),),
        codes={"list": ITEMS},
        forms={form.id: form for form in forms},
        phrases={phrase.id: phrase for phrase in phrases},
        rules=rules or {},
        status=(),
        words=words or {"en": {}},
    )


def form_of(*known: Field, id_: str = "made", **more: object) -> Form:
    return Form(id=id_, number=1, cite=CITE, fields=known, **more)  # type: ignore[arg-type]


@st.composite
def filled(draw: st.DrawFn) -> tuple[Pack, Form, Values]:
    form = form_of(*draw(fields()))
    return pack_of(form), form, draw(values(form.fields))
