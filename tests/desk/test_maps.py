"""Maps: what is drawn is well-formed, bounded and harmless, in its place, and takes no side."""

from __future__ import annotations

import hashlib
import math
import re
import tomllib
from itertools import pairwise
from pathlib import Path
from time import process_time
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.examples import tries

from tieline.core.agreement.places import Circle, Polygon, Position, distance_m
from tieline.desk import maps
from tieline.desk.maps import data, ground, names, planes
from tieline.desk.maps.coordinates import shown
from tieline.desk.maps.planes import Reach, View
from tieline.desk.maps.scene import MAX_MARKS, Dash, Mark, Place, Scene, Track, Zone
from tieline.desk.maps.stated import scene_of
from tieline.desk.maps.svg import draw, kilometres
from tieline.desk.words import LANGUAGES
from tieline.node.readplace import read_position
from tieline.node.view import Json

FOLDER = Path(maps.__file__).parent
SVG = "{http://www.w3.org/2000/svg}"
NUMBERS = {"x", "y", "cx", "cy", "r", "width", "height", "points", "viewBox", "font-size"}
KNOWN = {"svg", "title", "rect", "g", "path", "text", "polyline", "polygon", "circle"}


def e7(lat: float, lon: float) -> Place:
    return round(lat * 1e7), round(lon * 1e7)


def with_class(picture: Element, name: str) -> list[Element]:
    return [one for one in picture.iter() if name in one.get("class", "").split()]


def texts(picture: Element, name: str) -> list[str]:
    return [one.text or "" for one in with_class(picture, name)]


def notes(picture: str) -> str:
    """What stands below a map, as one text."""
    return " ".join(texts(fromstring(picture), "map-note"))


# ---------------------------------------------------------------------------------- what is shipped


def test_the_data_is_what_its_manifest_says_and_small() -> None:
    whole = (FOLDER / "data/world.bin").read_bytes()
    said = tomllib.loads((FOLDER / "data/MANIFEST.toml").read_text("utf-8"))
    assert said["made"]["world.bin"] == hashlib.sha256(whole).hexdigest()
    assert len(whole) <= 2_000_000
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in said["read"].values())


def test_every_tile_of_every_level_can_be_read() -> None:
    for level in range(4):
        keys = list(data.tiles_of(level, (-90, 90), (-180, 180)))
        step = max(1, len(keys) // 20)
        for key in keys[::step]:
            tile = data.tile(level, key, planes.mercator)
            assert tile.land or tile.lakes or tile.lines
            for path in (*tile.land, *tile.lakes, *tile.lines):
                assert len(path.xs) == len(path.ys) >= 2
                assert -180 <= path.west <= path.east <= 180


def test_names_are_there_in_every_language_of_the_desk() -> None:
    assert {data.language_place(one) for one in LANGUAGES} == set(range(len(LANGUAGES)))
    assert data.language_place("xx") == data.language_place("en") == 0
    assert all(all(one.names) for one in data.countries() if one.zoom < 5)


# ----------------------------------------------------------------------------------- whatever comes

TEXTS = st.text(max_size=70) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        '" onload="x',
        "&amp;",
        "]]>",
        "\u202etxt",
        "\ud800",
        "\x00",
        "سفينة",
    ]
)
PLACES = st.tuples(
    st.integers(-900_000_000, 900_000_000), st.integers(-1_799_999_999, 1_800_000_000)
)
NEAR = st.tuples(st.integers(540_000_000, 560_000_000), st.integers(170_000_000, 190_000_000))
SPOTS = PLACES | NEAR
MARKS = st.builds(
    Mark, TEXTS, TEXTS, SPOTS, st.integers(-5, 30_000_000), TEXTS, st.integers(0, 9), st.booleans()
)
AREAS = st.builds(Circle, st.integers(-900_000_000, 900_000_000), st.just(0), st.integers(0, 10**8))
ZONES = st.builds(
    Zone, TEXTS, TEXTS,
    AREAS | st.builds(Polygon, st.lists(SPOTS, min_size=3, max_size=6).map(tuple)),
    st.sampled_from(list(Dash)), st.booleans(),
)  # fmt: skip
TRACKS = st.builds(Track, TEXTS, TEXTS, st.lists(SPOTS, max_size=6).map(tuple), st.booleans())
SCENES = st.builds(
    Scene,
    st.lists(MARKS, max_size=6).map(tuple),
    st.lists(ZONES, max_size=2).map(tuple),
    st.lists(TRACKS, max_size=2).map(tuple),
    TEXTS,
    st.sampled_from([*LANGUAGES, "", "xx"]),
    st.integers(-5, 900),
    st.integers(-5, 700) | st.just(10**9),
    st.sampled_from(["", "ISO", "none such"]),
    st.booleans(),
)


@settings(max_examples=tries(12), deadline=None, phases=tuple(Phase)[:3])  # shrinking takes minutes
@given(SCENES)
def test_any_scene_is_drawn_well_formed_bounded_and_harmless(scene: Scene) -> None:
    text = draw(scene)
    assert len(text) < 2_000_000
    picture = fromstring(text)
    for one in picture.iter():
        assert one.tag.removeprefix(SVG) in KNOWN
        for name, value in one.attrib.items():
            assert name not in ("style", "id", "href")
            assert not name.startswith("on")
            assert "url(" not in value
            assert name != "d" or re.fullmatch(r"[-0-9Mlz .]+", value)
            if name in NUMBERS:
                assert all(math.isfinite(float(number)) for number in re.split("[ ,]", value))
    assert picture.get("direction") == "ltr"
    assert "\u202e" not in text


def test_a_scene_is_always_drawn_the_same() -> None:
    scene = Scene((Mark("ALPHA", "a", e7(55, 20), 900), Mark("BRAVO", "b", e7(56, 19))))
    assert draw(scene) == draw(scene)


def test_of_a_flood_of_marks_some_are_drawn_and_the_others_counted() -> None:
    flood = tuple(
        Mark("ALPHA", f"mark {n}", e7(50 + n % 7, 10 + n % 11), 100 * n) for n in range(10_000)
    )
    start = process_time()
    picture = draw(Scene(flood))
    assert process_time() - start < 5  # generous: about 0.06
    assert len(with_class(fromstring(picture), "map-mark")) <= MAX_MARKS + 1
    assert f"{10_000 - MAX_MARKS} more not drawn" in notes(picture)
    corners = tuple(Track("BRAVO", "long", (e7(1, 1),) * 5_000) for _ in range(40))
    assert "40 more not drawn" in notes(draw(Scene(tracks=corners)))
    far = Mark("ALPHA", "nowhere", (2_000_000_000, 0))
    assert "1 more not drawn" in notes(draw(Scene((far,))))


# --------------------------------------------------------------------------------- where things are


@pytest.mark.parametrize("metres", [100, 10_000, 100_000, 1_000_000, 3_000_000])
def test_a_circle_is_as_far_from_its_middle_as_it_says_on_the_ellipsoid(metres: int) -> None:
    for lat, lon in ((0.0, 0.0), (60.0, 20.0), (-75.0, 179.9), (89.9, 10.0)):
        for place in planes.around(lat, lon, metres, 16):
            turned = (place[1] + 180) % 360 - 180
            found = distance_m(e7(lat, lon), e7(place[0], turned))
            assert abs(found - metres) <= max(1, metres * 0.002 * metres / 3_000_000)


def test_ten_kilometres_at_sixty_north_reach_so_many_degrees() -> None:
    ring = list(planes.around(60.0, 20.0, 10_000, 360))
    # A degree is 111.41 km along the meridian there, and 55.80 km along the parallel.
    assert max(lat for lat, _ in ring) - 60 == pytest.approx(10 / 111.41, rel=1e-3)
    assert max(lon for _, lon in ring) - 20 == pytest.approx(10 / 55.80, rel=1e-3)


def test_the_circle_of_an_error_is_drawn_to_the_scale_of_the_map() -> None:
    scene = Scene((Mark("ALPHA", "a", e7(60, 20), 10_000), Mark("BRAVO", "b", e7(60.5, 21))))
    picture = fromstring(draw(scene))
    across = box_of(with_class(picture, "map-error")[0])[0] / 10
    bar = with_class(picture, "map-scale")[0].get("points", "")
    ends = [float(pair.split(",")[0]) for pair in bar.split()]
    said = texts(picture, "map-scale-name")[0]
    length = float(said.split(" ")[0])
    assert said.split(" ")[1] == "km"
    assert across / 20 == pytest.approx((max(ends) - min(ends)) / length, rel=0.02)


def box_of(path: Element) -> tuple[float, float]:
    """How wide and high a path of one line is."""
    numbers = [int(one) for one in re.findall(r"-?[0-9]+", path.get("d", ""))]
    x, y, xs, ys = 0, 0, [], []
    for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
        x, y = x + dx, y + dy
        xs.append(x)
        ys.append(y)
    return max(xs) - min(xs), max(ys) - min(ys)


VIEWS = st.lists(
    st.builds(Reach, st.floats(-90, 90), st.floats(-180, 180), st.just(0.0)), min_size=1, max_size=5
)


@settings(max_examples=tries(40), deadline=None)
@given(VIEWS)
def test_all_places_are_on_the_map_and_pixels_lead_back(found: list[Reach]) -> None:
    view = planes.fit(found, 700, 400)
    for one in found:
        if view.pole == 0 and abs(one.lat) > planes.MERCATOR_END:
            continue
        point = view.at(one.lat, one.lon)
        assert view.holds(point, 0.01)
        lat, lon = view.back(point)
        assert lat == pytest.approx(one.lat, abs=1e-6)
        if abs(one.lat) < 89.9:
            assert (lon - one.lon + 180) % 360 - 180 == pytest.approx(0, abs=1e-5)


def test_places_on_both_sides_of_the_180th_meridian_are_near_each_other() -> None:
    view = planes.fit([Reach(52, 179), Reach(53, -178)], 700, 400)
    _, (west, east) = view.bounds()
    assert east - west < 10
    assert 170 < west < 180 < east < 190
    islands = ground.ground(view, "").land
    assert any(x > view.width / 2 for line in islands for x, _ in line)
    picture = fromstring(draw(Scene((Mark("A", "a", e7(52, 179)), Mark("B", "b", e7(53, -178))))))
    assert any(one.endswith("W") for one in texts(picture, "map-grid-name"))
    assert any(one.endswith("E") for one in texts(picture, "map-grid-name"))
    way = with_class(picture, "map-way")[0]
    assert way.get("d", "").count("M") == 1  # one line, not two halves


def test_near_a_pole_the_map_is_drawn_about_it_and_else_what_is_beyond_is_said() -> None:
    arctic = planes.fit([Reach(89, 0), Reach(80, 170)], 700, 400)
    assert arctic.pole == 1
    assert planes.fit([Reach(-88, 0)], 700, 400).pole == -1
    wide = Scene((Mark("ALPHA", "a", e7(89, 0)), Mark("BRAVO", "b", e7(-20, 10))))
    assert "1 not shown: beyond 85 degrees" in notes(draw(wide))
    assert planes.fit([Reach(60, 20, 31)], 700, 400).pole == 1  # a circle around the pole


def test_the_scene_of_a_few_kilometres_says_how_coarse_its_lines_are() -> None:
    near = draw(Scene((Mark("ALPHA", "a", e7(52.3, 21)), Mark("BRAVO", "b", e7(52.32, 21.02)))))
    far = draw(Scene((Mark("ALPHA", "a", e7(52, 21)), Mark("BRAVO", "b", e7(56, 26)))))
    assert "may be off by kilometres" in notes(near)
    assert "may be off by kilometres" not in notes(far)


def test_the_distance_between_two_accounts_is_told_with_what_the_errors_leave_open() -> None:
    one, other = Mark("ALPHA", "a", e7(60, 20), 1_000), Mark("BRAVO", "b", e7(60, 21), 4_000)
    far = distance_m(one.at, other.at)
    said = f"ALPHA a to BRAVO b: {kilometres(far)} ({kilometres(far - 5_000)} - "
    assert said in notes(draw(Scene((one, other))))
    assert "ALPHA a to" not in notes(draw(Scene((one, other), readout=False)))
    assert [kilometres(n) for n in (0, 999, 1_000, 1_234, 99_960, 1_234_567)] == [
        "0 m", "999 m", "1 km", "1.23 km", "100 km", "1235 km",
    ]  # fmt: skip


def test_marks_tell_parties_apart_by_form() -> None:
    scene = Scene(tuple(Mark(f"P{n}", "", e7(50, n), shape=n) for n in range(4)))
    picture = fromstring(draw(scene))
    for name in ("cross", "square", "triangle", "diamond"):
        assert len(with_class(picture, f"map-{name}")) == 2  # on the map, and in the legend


def test_the_places_of_an_incident_become_a_scene_that_keeps_their_numbers() -> None:
    def place(party: str, shape: str, points: Json, **more: Json) -> dict[str, Json]:
        return {"party": party, "shape": shape, "points": points, "kind": "where", "current": True,
                "cancelled": False, "error_m": 500, "dtg": "241200ZNOV26", **more}  # fmt: skip

    corners: Json = [[500_000_000, 100_000_000], [510_000_000, 110_000_000], [500_000_000, 0]]
    found = scene_of(
        [
            place("BRAVO", "point", [[500_000_000, 100_000_000]], current=False),
            place("ALPHA", "point", [["north", 1]]),
            place("ALPHA", "circle", [[500_000_000, 100_000_000]], error_m=9_000),
            place("ALPHA", "polygon", corners, kind="hold"),
            place("BRAVO", "route", corners),
            {},
        ],
        ["ALPHA", "BRAVO"],
        language="fr",
    )
    at = (500_000_000, 100_000_000)
    assert found.marks == (Mark("BRAVO", "1 BRAVO", at, 500, "241200ZNOV26", 1, faint=True),)
    assert found.zones[0] == Zone("ALPHA", "3 ALPHA", Circle(*at, 9_000))
    assert (found.zones[1].label, found.zones[1].dash) == ("4 ALPHA", Dash.DASHED)
    assert [one.label for one in found.tracks] == ["5 BRAVO"]
    assert len(with_class(fromstring(draw(found)), "map-zone")) == 2


@settings(max_examples=tries(30), deadline=None)
@given(st.integers(-800_000_000, 839_000_000), st.integers(-1_799_999_999, 1_800_000_000))
def test_a_position_is_shown_in_three_ways_that_are_read_again(lat: int, lon: int) -> None:
    ways = shown(Position(lat, lon))
    for text, off in ((ways.decimal, 2), (ways.arc, 2), (ways.grid, 3)):
        read, _ = read_position(text)
        assert isinstance(read, Position), text
        assert distance_m((read.lat_e7, read.lon_e7), (lat, lon)) <= off, text
    assert shown(Position(899_999_999, 0)).grid == ""
    assert shown(Position(-1, -1)).arc == "00°00'00.00\"S 000°00'00.00\"W"


# ---------------------------------------------------------------------------------- taking no side

# Two regions where the source has lines that parties draw differently: a peninsula, and a range.
PENINSULA = (Reach(44.2, 32.2), Reach(46.6, 37.2))
RANGE = (Reach(32, 72), Reach(37, 80))


def seen(region: tuple[Reach, ...], opinion: str) -> tuple[float, float]:
    """Pixels of solid and of dashed borders in a region."""
    found = ground.ground(planes.fit(region, 700, 440), opinion)
    return (
        sum(ground.length(line) for line in found.solid),
        sum(ground.length(line) for line in found.dashed),
    )


def test_the_neutral_view_draws_every_line_that_some_view_draws_and_solid_only_what_all_do() -> (
    None
):
    neutral = data.drawn("")
    others = [data.drawn(view) for view in data.views()]
    assert len(others) > 20
    for kind, how in enumerate(neutral):
        assert how == ("s" if all(one[kind] == "s" for one in others) else "d")
    assert data.drawn("none such") == neutral


@pytest.mark.parametrize("region", [PENINSULA, RANGE])
def test_in_a_contested_region_neutral_dashes_what_points_of_view_draw_apart(
    region: tuple[Reach, ...],
) -> None:
    solid, dashed = seen(region, "")
    assert dashed > 100
    by_view = {view: seen(region, view) for view in data.views()}
    assert len({(round(a), round(b)) for a, b in by_view.values()}) > 2
    for own_solid, own_dashed in by_view.values():
        assert own_solid + own_dashed <= solid + dashed + 1
        assert own_solid >= solid - 1


def test_both_claimed_lines_of_a_peninsula_are_dashed_and_two_views_choose_one_each() -> None:
    view = planes.fit(PENINSULA, 700, 440)
    isthmus, strait = view.at(46.1, 33.8), view.at(45.2, 36.55)

    def drawn(lines: tuple[ground.Line, ...], near: planes.Point) -> bool:
        return any(math.dist(point, near) < 45 for line in lines for point in line)

    neutral = ground.ground(view, "")
    for place in (isthmus, strait):
        assert drawn(neutral.dashed, place)
        assert not drawn(neutral.solid, place)
    chosen = set()
    for code in data.views():
        found = ground.ground(view, code)
        chosen.add((drawn(found.solid, isthmus), drawn(found.solid, strait)))
    assert {(True, False), (False, True)} <= chosen


@pytest.mark.parametrize("opinion", ["", *data.views()])
def test_no_country_is_named_on_contested_land(opinion: str) -> None:
    view = planes.fit(PENINSULA, 700, 440)
    room = names.Room(view.width, view.height)
    for name in names.country_names(view, "en", opinion, room):
        lat, lon = view.back(name.at)
        assert not (44.3 < lat < 45.9 and 32.4 < lon < 36.6), name
    inner = planes.fit((Reach(33.2, 74.2), Reach(36.2, 78)), 700, 440)
    room = names.Room(inner.width, inner.height)
    minor = {one.names[0] for one in data.countries() if one.minor}
    found = {name.text for name in names.country_names(inner, "en", opinion, room)}
    assert found <= (minor if opinion else set())


def test_names_stand_inside_their_countries_and_do_not_overlap() -> None:
    view = planes.fit((Reach(45, 2), Reach(53, 20)), 700, 440)
    room = names.Room(view.width, view.height)
    found = list(names.country_names(view, "de", "", room))
    known = {one.names[data.language_place("de")]: one.number for one in data.countries()}
    assert len(found) >= 3
    for name in found:
        assert data.named_at(*view.back((name.at[0], name.at[1] - 4))) == known[name.text]
    rows = sorted((name.at[1], name.at[0], name.text) for name in found)
    for (y, x, text), (y2, x2, text2) in pairwise(rows):
        far = (names.wide(text, 13) + names.wide(text2, 13)) / 2
        assert abs(y - y2) > 12 or abs(x - x2) > far


def test_a_map_says_what_it_is_not_in_every_language() -> None:
    for language in LANGUAGES:
        picture = fromstring(draw(Scene((Mark("ALPHA", "a", e7(50, 30)),), language=language)))
        notes = with_class(picture, "map-note")
        assert len(notes) >= 1
        assert all((one.get("direction") == "rtl") == (language == "ar") for one in notes)
    picture = fromstring(draw(Scene()))
    said = " ".join(texts(picture, "map-note"))
    assert "Not part of the signed statement" in said
    assert "no position taken" in said
    own = " ".join(texts(fromstring(draw(Scene(view=data.views()[0]))), "map-note"))
    assert "no position taken" not in own
    assert f"point of view {data.views()[0]}: a setting of this desk" in own


def test_the_style_sheet_speaks_of_what_is_drawn_and_has_both_themes() -> None:
    mark, area = Mark("ALPHA", "a", e7(50, 10), 9_000), Circle(*e7(50, 11), 9_000)
    other = Mark("BRAVO", "b", e7(51, 12), shape=1, faint=True)
    track = Track("ALPHA", "way", (e7(50, 10), e7(51, 9)))
    pictures = [
        draw(Scene((mark, other), (Zone("ALPHA", "z", area),), (track,), title="title")),
        draw(Scene((mark, Mark("BRAVO", "b", e7(44, 34), shape=1)))),
    ]
    drawn = set(re.findall(r"map-[a-z-]+", " ".join(pictures)))
    sheet = (FOLDER.parent / "web/static/map.css").read_text("utf-8")
    assert set(re.findall(r"\.(map-[a-z-]+)", sheet)) <= drawn
    themes = {
        theme: re.findall(rf'\[data-theme="{theme}"\] ([^\n]+)', sheet)
        for theme in ("dark", "auto")
    }
    assert themes["dark"] == themes["auto"] != []


def test_a_view_that_holds_the_world_shows_it_once() -> None:
    view = planes.fit([Reach(84, 0), Reach(-84, 100)], 1200, 400)
    xs = [x for line in ground.ground(view, "").land for x, _ in line]
    assert isinstance(view, View)
    assert max(xs) - min(xs) <= 360 * view.scale + 1
