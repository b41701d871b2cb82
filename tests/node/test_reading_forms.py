"""What an officer types becomes values, or a fault of that field; a doubt is a question."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.agreement.made import CITE, LONS, form_of, pack_of
from tests.core.agreement.sheets import ENGINE
from tests.examples import tries

from tieline.core.agreement.form import complaint
from tieline.core.agreement.model import Field, FieldType, Language, Special
from tieline.core.agreement.places import Circle, Polygon, Position, Route, Waypoint, distance_m
from tieline.core.agreement.plain import write, write_point
from tieline.core.agreement.tongue import Tongue
from tieline.core.agreement.value import (
    Answer,
    Code,
    Day,
    Hash,
    Instant,
    Number,
    PartyCode,
    Problem,
    Text,
    Unit,
)
from tieline.node.reading import Reading, read_answers
from tieline.node.readplace import grid_of, looks_swapped, read_area, read_position, read_route
from tieline.node.readtime import Clock, read_day, read_instant

NOW = 1_668_523_260_000  # 151441Z NOV 22
WARSAW = ZoneInfo("Europe/Warsaw")
CLOCK = Clock(WARSAW, NOW)
SECONDS = 1_668_523_200  # 151440Z NOV 22


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("151440Z NOV 22", Instant(SECONDS)),
        ("151440z nov 2022", Instant(SECONDS)),
        ("151440ZNOV22", Instant(SECONDS)),
        ("151540A NOV 22", Instant(SECONDS)),
        ("160240M NOV 22", Instant(SECONDS)),  # +12
        ("150240Y NOV 22", Instant(SECONDS)),  # -12
        ("151340N NOV 22", Instant(SECONDS)),  # -1
        ("152440K NOV 22", None),
        ("151540J NOV 22", Instant(SECONDS)),  # Warsaw in winter
        ("151540J JUL 22", Instant(1_657_892_400)),  # and in summer
        ("2022-11-15T14:40:00Z", Instant(SECONDS)),
        ("2022-11-15 15:40 +01:00", Instant(SECONDS)),
        ("2022-11-15T15:40J", Instant(SECONDS)),
        ("2022-11-15 20:10 Asia/Kolkata", Instant(SECONDS)),
        ("2022-11-15 14:40 +/- 5 min", None),  # no zone
        ("151440Z NOV 22 +/- 5 min", Instant(SECONDS, 300)),
        ("151440Z NOV 22 ±2h", Instant(SECONDS, 7200)),
        ("now", Instant(SECONDS + 60)),
        ("now+2h", Instant(SECONDS + 7260)),
        ("+90m", Instant(SECONDS + 60 + 5400)),
        ("now - 1d", Instant(SECONDS + 60 - 86_400)),
        # day borders: the UTC day is another one
        ("010030A JAN 23", Instant(1_672_529_400)),
        ("312330N DEC 22", Instant(1_672_533_000)),
        ("290000Z FEB 24", Instant(1_709_164_800)),
        ("290000Z FEB 23", None),
        ("310000Z NOV 22", None),
        ("152460Z NOV 22", None),
        ("2022-11-15T14:40", None),
        ("2022-11-15 14:40 Mars/Olympus", None),
        ("2023-03-26 02:30 Europe/Warsaw", None),  # skipped
        ("2023-10-29 02:30 Europe/Warsaw", None),  # twice
        ("2023-10-29 02:30 +02:00", Instant(1_698_539_400)),
        ("0001-01-01 00:00Z", None),
        ("tomorrow", None),
        ("", None),
    ],
)
def test_times(text: str, answer: Instant | None) -> None:
    got = read_instant(text, CLOCK)
    assert got == answer if answer is not None else isinstance(got, Problem)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2022-11-15 14:40", "zone"),
        ("2022-11-15 14:40 Mars/Olympus", "zone"),
        ("2023-03-26 02:30 Europe/Warsaw", "clocks"),
        ("2023-10-29 02:30 J", "clocks"),
        ("310000Z NOV 22", "time"),
        ("151440Z NON 22", "unreadable"),
    ],
)
def test_what_is_said_of_a_time(text: str, code: str) -> None:
    assert read_instant(text, CLOCK) == Problem(f"field.{code}")


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2022-11-15", 19_311),
        ("15.11.2022", 19_311),
        ("15 NOV 2022", 19_311),
        ("15 november 2022", 19_311),
        ("today", 19_311),
        ("29.02.2024", 19_782),
        ("29.02.2023", None),
        ("11/12/2022", None),
        ("2022-11-31", None),
    ],
)
def test_dates(text: str, days: int | None) -> None:
    got = read_day(text, CLOCK)
    assert got == Day(days) if days is not None else isinstance(got, Problem)


@pytest.mark.parametrize(
    ("text", "lat", "lon", "error", "datum", "kept"),
    [
        ("50.5N 23.8E", 505_000_000, 238_000_000, 0, "", False),
        ("50.5, 23.8", 505_000_000, 238_000_000, 0, "", False),
        ("50.5 23.8", 505_000_000, 238_000_000, 0, "", False),
        ("23.8E 50.5N", 505_000_000, 238_000_000, 0, "", False),
        ("N50.5 E23.8", 505_000_000, 238_000_000, 0, "", False),
        ("50,5N 23,8E", 505_000_000, 238_000_000, 0, "", False),
        ("-33.9, 151.2 ±2 km", -339_000_000, 1_512_000_000, 2000, "", False),
        ("33.9S 70.7W +/- 0.5 nm", -339_000_000, -707_000_000, 926, "", False),
        ("50°30'00\"N 23°48'00\"E", 505_000_000, 238_000_000, 0, "", True),
        ("50°30'N, 23°48'E", 505_000_000, 238_000_000, 0, "", True),
        ("50 30 36 S 23 48 36 W", -505_100_000, -238_100_000, 0, "", True),
        ("50-30-36.5N 023-48-36E", 505_101_389, 238_100_000, 0, "", True),
        ("503000N 0234800E", 505_000_000, 238_000_000, 0, "", True),
        ("5030.5N 02348E", 505_083_333, 238_000_000, 0, "", True),
        ("50.5N 23.8E datum ED50", 505_000_000, 238_000_000, 0, "ED50", False),
        ("50.5N 23.8E +/- 100m datum WGS 84", 505_000_000, 238_000_000, 100, "", False),
        ("90N 0E", 900_000_000, 0, 0, "", False),
        ("90S 180W", -900_000_000, 1_800_000_000, 0, "", False),
        ("0, -180", 0, 1_800_000_000, 0, "", False),
    ],
)
def test_positions(text: str, lat: int, lon: int, error: int, datum: str, kept: bool) -> None:
    place, doubt = read_position(text)
    assert isinstance(place, Position)
    assert (place.lat_e7, place.lon_e7, place.error_m, place.datum) == (lat, lon, error, datum)
    assert bool(place.typed) is kept
    assert not doubt


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("23.8", "unreadable"),
        ("50.5N 23.8N", "unreadable"),
        ("50.5N 23.8", "unreadable"),
        ("-50.5N 23.8E", "unreadable"),
        ("50'N 23E", "unreadable"),
        ("50°60'N 23°48'E", "unreadable"),
        ("50.5°30'N 23°E", "unreadable"),
        ("506000N 0234800E", "unreadable"),
        ("91N 23E", "place"),
        ("50N 181E", "place"),
        ("151.2, -33.9", "swapped"),
        ("190, 20", "place"),
        ("ZAH 12345 12345", "pole"),
        ("B AN 12 34", "pole"),
        ("34U FB 123 4567", "unreadable"),
        ("34U FB 123", "unreadable"),
        ("34I FB 12 34", "unreadable"),
        ("61U FB 12 34", "unreadable"),
        ("somewhere", "unreadable"),
    ],
)
def test_what_is_no_position(text: str, code: str) -> None:
    assert read_position(text)[0] == Problem(f"field.{code}")


@pytest.mark.parametrize(
    ("text", "lat", "lon", "error"),
    [
        ("34U FB 12345 67890", 51.15142, 22.60634, 1),
        ("34ufb1234567890", 51.15142, 22.60634, 1),
        ("34U FB 12 67", 51.1477, 22.6087, 708),
        ("34U FB 12345 67890 +/- 250 m", 51.15142, 22.60634, 250),
        ("01N AA 66021 00000", 0.0, 180.0, 1),  # the antimeridian
        ("60N ZF 33967 00000", 0.0, 179.9999, 1),
        ("33X VP 40754 19502", 83.9, 10.0, 1),  # a zone that is not 6 degrees wide
    ],
)
def test_grid_references(text: str, lat: float, lon: float, error: int) -> None:
    place, _ = read_position(text)
    assert isinstance(place, Position)
    assert place.error_m == error
    known = (round(lat * 1e7), round(lon * 1e7))
    assert distance_m((place.lat_e7, place.lon_e7), known) < max(error, 20)
    assert place.typed


@settings(max_examples=tries(70))
@given(st.integers(-799_000_000, 839_000_000), LONS, st.integers(1, 5))
def test_a_grid_reference_holds_the_place_it_was_made_of(lat: int, lon: int, digits: int) -> None:
    text = grid_of(Position(lat, lon), digits)
    assert text is not None
    place, _ = read_position(text)
    assert isinstance(place, Position)
    assert distance_m((lat, lon), (place.lat_e7, place.lon_e7)) <= place.error_m * 1.01 + 1


def test_no_grid_reference_is_made_where_the_grid_is_another() -> None:
    assert grid_of(Position(840_000_000, 0)) is None
    assert grid_of(Position(-800_000_001, 0)) is None
    assert grid_of(Position(0, 0, 0, "ED50")) is None


@pytest.mark.parametrize(
    ("lat", "lon", "text"),
    [
        # 3 degrees from the middle of a zone on the equator is 333 978.6 m in every book
        (0, 59_999_999, "31N HA 33978 00000"),
        (0, 60_000_000, "32N JF 66021 00000"),
        (600_000_000, 29_999_999, "31V DG 99999 51411"),  # the wide zone of the north-west
        (600_000_000, 50_000_000, "32V KM 76979 58157"),
        (780_000_000, 100_000_000, "33X UG 84085 63320"),  # and those of the far north
    ],
)
def test_grid_references_at_the_borders_of_zones(lat: int, lon: int, text: str) -> None:
    assert grid_of(Position(lat, lon)) == text
    place, _ = read_position(text)
    assert isinstance(place, Position)
    assert distance_m((lat, lon), (place.lat_e7, place.lon_e7)) <= 1


@given(st.integers(-900_000_000, 900_000_000), LONS)
def test_decimal_degrees_are_exact(lat: int, lon: int) -> None:
    assert read_position(write_point(lat, lon))[0] == Position(lat, lon)


def test_swapped_numbers_are_a_doubt_where_it_is_known_what_is_near() -> None:
    near = Position(505_000_000, 238_000_000)
    assert read_position("23.9, 50.4", near)[1]
    assert not read_position("23.9N 50.4E", near)[1]
    assert not read_position("50.4, 23.9", near)[1]
    assert not read_position("23.9, 50.4")[1]
    assert not looks_swapped(Position(0, 1_200_000_000), near)


def test_areas_and_routes() -> None:
    corners = Polygon(((500_000_000, 230_000_000), (510_000_000, 230_000_000), (510_000_000, 0)))
    assert read_area("polygon 50N 23E; 51N 23E; 51N 0E")[0] == corners
    assert read_area("50N 23E; 51N 23E; 51N 0E;")[0] == corners
    assert read_area("circle 50N 23E 5 km")[0] == Circle(500_000_000, 230_000_000, 5000)
    assert read_area("50N 23E radius 500m")[0] == Circle(500_000_000, 230_000_000, 500)
    assert isinstance(read_area("50N 23E")[0], Problem)
    way = Route((Waypoint(500_000_000, 230_000_000, SECONDS), Waypoint(510_000_000, 230_000_000)))
    assert read_route("50N 23E at 151440Z NOV 22; 51N 23E", CLOCK)[0] == way
    assert isinstance(read_route("50N 23E at noon; 51N 23E", CLOCK)[0], Problem)


# ------------------------------------------------------------------------------------ whole forms


def field(number: int, id_: str, kind: FieldType, **more: object) -> Field:
    return Field(number=number, id=id_, type=kind, cite=CITE, **more)  # type: ignore[arg-type]


EVERY = frozenset(Special)
FORM = form_of(
    field(1, "event", FieldType.CODE, codes="list", specials=frozenset({Special.NOT_KNOWN})),
    field(2, "count", FieldType.COUNT, specials=EVERY),
    field(3, "text", FieldType.TEXT),
    field(4, "unit", FieldType.UNIT, specials=EVERY),
    field(5, "phases", FieldType.GROUP, repeat=(0, 3), specials=frozenset({Special.NIL}), fields=(
        field(1, "troops", FieldType.COUNT, required=True),
        field(2, "place", FieldType.POSITION),
    )),
    field(6, "party", FieldType.PARTY),
    field(7, "hash", FieldType.HASH),
    field(8, "day", FieldType.DATE),
)  # fmt: skip
PACK = replace(
    pack_of(
        FORM,
        words={
            "en": {"code.list.item-1": "A shot", "code.list.item-2": "A fall",
                   "code.list.item-7": "Same", "code.list.item-40": "Same"},
            "ru": {"code.list.item-2": "Падение"},
        },
    ),
    languages=(Language(tag="en", verified=True), Language(tag="ru", verified=False)),
)  # fmt: skip


def typed(lang: str = "en", **answers: str) -> Reading:
    paths = {path.replace("__", "."): text for path, text in answers.items()}
    near = Position(505_000_000, 238_000_000)
    return read_answers(PACK, FORM, paths, Tongue(PACK, ENGINE, lang), now_ms=NOW, near=near)


@pytest.mark.parametrize(
    ("name", "text", "answer"),
    [
        ("event", "2", Code(2, "item-2")),
        ("event", "item-2", Code(2, "item-2")),
        ("event", " a  FALL ", Code(2, "item-2")),
        ("event", "падение", Code(2, "item-2")),
        ("event", "unknown thing", "code"),
        ("event", "Same", "code"),  # two items have this word
        ("event", "not known", Special.NOT_KNOWN),
        ("event", "nil", "special"),
        ("count", "9000", Number(9000)),
        ("count", "13 100", Number(13_100)),
        ("count", "13,100", Number(13_100)),
        ("count", "13.100 ± 500", Number(13_100, 500)),
        ("count", "\u0661\u0663", Number(13)),
        ("count", "13,1", "unreadable"),
        ("count", "1,300.100", "unreadable"),
        ("count", "withheld", Special.WITHHELD),
        ("count", "NIL", Special.NIL),
        ("text", "nil", Text("nil")),
        ("text", "a\r\nb\tc", Text("a\nb c")),
        ("text", "a\x1b[2J", "characters"),
        ("unit", "HQ\n 2  Bde", Unit("HQ 2 Bde")),
        ("unit", "not-known", Special.NOT_KNOWN),
        ("phases", "nil", Special.NIL),
        ("phases", "9000", "type"),
        ("party", "bravo", PartyCode("BRAVO")),
        ("hash", "ab " * 32, Hash(b"\xab" * 32)),
        ("hash", "ab", "hash"),
        ("day", "today", Day(19_311)),
    ],
)
def test_answers_by_type(name: str, text: str, answer: Answer | str) -> None:
    got = typed(**{name: text})
    if isinstance(answer, str) and not isinstance(answer, Special):
        assert [error.problem.code for error in got.errors] == [f"field.{answer}"]
    else:
        assert (list(got.values.values()), got.errors) == ([answer], ())


def test_an_item_of_a_list_is_read_where_an_answer_of_its_name_is_not_taken() -> None:
    plain = form_of(field(1, "event", FieldType.CODE, codes="list"))
    items = tuple(
        replace(one, id="not-known") if one.number == 7 else one for one in PACK.codes["list"]
    )
    pack = replace(PACK, codes={"list": items}, forms={plain.id: plain})
    for form, answer in ((plain, Code(7, "not-known")), (FORM, Special.NOT_KNOWN)):
        got = read_answers(
            pack, form, {"event": "not-known"}, Tongue(pack, ENGINE, "en"), now_ms=NOW
        )
        assert (list(got.values.values()), got.errors) == ([answer], ())


def test_groups_are_filled_by_path_and_faults_name_it() -> None:
    paths = {
        "phases[2].troops": "13,100", "phases[1].troops": "9000", "5[1].2": "50.5 23.8",
        "phases[2].place": "23.9, 50.4", "phases[1].tanks": "3", "text": " ",
        "phases[x].troops": "1",
    }  # fmt: skip
    tongue = Tongue(PACK, ENGINE)
    near = Position(505_000_000, 238_000_000)
    got = read_answers(PACK, FORM, paths, tongue, now_ms=NOW, near=near)
    first = {1: Number(9000), 2: Position(505_000_000, 238_000_000)}
    second = {1: Number(13_100), 2: Position(239_000_000, 504_000_000)}
    assert got.values == {5: (first, second)}
    assert [(error.path, error.problem.code) for error in got.errors] == [
        ("phases[1].tanks", "field.unknown"),
        ("phases[x].troops", "field.unknown"),
    ]
    assert [(doubt.path, doubt.problem.code) for doubt in got.doubts] == [
        ("phases[2].place", "field.swapped")
    ]
    assert "latitude and longitude look swapped" in complaint(FORM, got.doubts[0], tongue).text


@pytest.mark.parametrize(
    ("paths", "code"),
    [
        ({"phases[1].troops": "1", "phases[3].troops": "1"}, "numbering"),
        ({"phases": "nil", "phases[1].troops": "1"}, "numbering"),
        ({"phases.troops": "1", "phases[1].troops": "2"}, "twice"),
        ({"event[1]": "1"}, "unknown"),
        ({"event.x": "1"}, "unknown"),
    ],
)
def test_paths_that_do_not_fit(paths: dict[str, str], code: str) -> None:
    got = read_answers(PACK, FORM, paths, Tongue(PACK, ENGINE), now_ms=NOW)
    assert [error.problem.code for error in got.errors] == [f"field.{code}"]


@pytest.mark.parametrize("stuff", [" ", "1 ", "+/-", "1", "datum ", ";", "'", "1;", "\u0661"])
@pytest.mark.parametrize("kind", ["count", "day", "phases[1].place", "hash", "event"])
def test_a_long_answer_costs_work_in_proportion(kind: str, stuff: str) -> None:
    typed = {kind: "1" + stuff * 100_000 + "x"}  # with loops inside loops this would take hours
    read_answers(PACK, FORM, typed, Tongue(PACK, ENGINE), now_ms=NOW)
    read_area(typed[kind])
    read_route(typed[kind], CLOCK)
    read_position(typed[kind])
    read_instant(typed[kind], CLOCK)


@settings(max_examples=tries(60))
@given(
    st.dictionaries(
        st.sampled_from(["event", "count", "phases[1].place", "day", "text"]), st.text(max_size=30)
    )
)
def test_nothing_that_is_typed_breaks_the_reader(answers: dict[str, str]) -> None:
    got = read_answers(PACK, FORM, answers, Tongue(PACK, ENGINE), now_ms=NOW)
    for error in got.errors:
        assert complaint(FORM, error, Tongue(PACK, ENGINE)).text
    assert all(
        isinstance(write(one), str) for one in got.values.values() if not isinstance(one, tuple)
    )
