from __future__ import annotations

import random

import pytest

from tieline.node.sitelist import Doubt, Finding, Site, findings

TODAY = 20_000
E7 = 10_000_000


def site(row: int, lat: float, lon: float, name: str = "", day: int | None = TODAY) -> Site:
    return Site(row, name or f"site {row}", (round(lat * E7), round(lon * E7)), day)


def seen(sites: list[Site], age: int | None = None) -> set[tuple[int, Doubt, int]]:
    return {(f.row, f.doubt, f.other) for f in findings(sites, TODAY, age)}


THEATRE = [site(n, 15 + n / 50, 44 + n / 70) for n in range(1, 21)]


def test_a_sound_list_raises_no_doubt() -> None:
    assert findings(THEATRE, TODAY, 90) == []


def test_latitude_and_longitude_changed_over_are_seen() -> None:
    assert seen([*THEATRE, site(30, 44.3, 15.2)]) == {(30, Doubt.SWAPPED, 0)}
    # Far from all others either way: a question of another kind, not this one.
    assert seen([*THEATRE, site(30, -15.2, -44.3)]) == set()
    # A latitude that is none.
    east = [site(n, 15 + n / 50, 120) for n in range(1, 8)]
    assert seen([*east, site(30, 120, 15.3)]) == {(30, Doubt.SWAPPED, 0)}


def test_half_a_list_changed_over_does_not_hide_itself() -> None:
    turned = [site(n + 30, 44 + n / 70, 15 + n / 50) for n in range(1, 9)]
    assert seen([*THEATRE, *turned]) == {(n + 30, Doubt.SWAPPED, 0) for n in range(1, 9)}


@pytest.mark.parametrize("lat", [0.0, 15.0, 60.0, 80.0, -89.0])
@pytest.mark.parametrize("lon", [44.0, 180.0, -179.9999999])
def test_one_place_under_two_names_is_seen_everywhere(lat: float, lon: float) -> None:
    from math import cos, radians

    for metres, same in ((0, True), (40, True), (70, False)):
        north = site(2, lat + metres / 111_000, lon)
        step = metres / (111_320 * cos(radians(lat)))
        turned = (lon + step + 180) % 360 - 180
        for other in (north, site(2, lat, turned)):
            doubts = seen([site(1, lat, lon), other])
            assert doubts == ({(2, Doubt.DUPLICATE, 1)} if same else set()), (metres, other)


def test_a_third_row_near_the_second_of_a_cell_is_seen() -> None:
    # 1 and 2 lie in one cell and are 70 m apart; 3 is 10 m from 2.
    rows = [site(1, 10.00001, 20.00001), site(2, 10.00049, 20.00049), site(3, 10.00045, 20.00041)]
    assert seen(rows) == {(3, Doubt.DUPLICATE, 2)}


def test_one_name_twice_is_seen_whatever_its_case_and_spaces() -> None:
    rows = [site(1, 15, 44, "Al  Noor clinic"), site(2, 16, 45, "al noor Clinic")]
    assert seen(rows) == {(2, Doubt.DUPLICATE, 1)}


@pytest.mark.parametrize(("age", "stale"), [(89, False), (90, False), (91, True), (-1, True)])
def test_a_row_nobody_has_confirmed_of_late_is_stale(age: int, stale: bool) -> None:
    assert seen([site(1, 15, 44, day=TODAY - age)], 90) == (
        {(1, Doubt.STALE, 0)} if stale else set()
    )


def test_no_date_is_stale_where_the_agreement_asks_for_one() -> None:
    assert seen([site(1, 15, 44, day=None)], 90) == {(1, Doubt.STALE, 0)}
    assert seen([site(1, 15, 44, day=None)]) == set()


def test_rows_without_name_or_place_are_named() -> None:
    rows = [
        Site(1, "", (1, 1), TODAY),
        Site(2, "x", None, TODAY),
        Site(3, "y", (2 * 10**9, 2 * 10**9), 0),
    ]
    assert [(f.row, f.detail) for f in findings(rows, TODAY, None)] == [
        (1, "name"),
        (2, "place"),
        (3, "place"),
    ]


def test_ten_thousand_rows_in_one_spot_cost_linear_work() -> None:
    chance = random.Random(5)
    rows = [
        site(n, 15 + chance.random() / 1000, 44 + chance.random() / 1000) for n in range(10_000)
    ]
    found = findings(rows, TODAY, None)
    assert len({f.row for f in found}) > 9_000
    assert isinstance(found[0], Finding)
