"""Long lists are cut by party: nobody's flood hides what another said."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tieline.node.fair import among, of_each

ROWS = st.lists(st.sampled_from("AAAAAABC"), max_size=60).map(
    lambda parties: [(party, place) for place, party in enumerate(parties)]
)


def party(row: tuple[str, int]) -> str:
    return row[0]


@given(rows=ROWS, most=st.integers(1, 12))
def test_the_first_of_each_party_in_their_order(rows: list[tuple[str, int]], most: int) -> None:
    found, left = of_each(rows, party, most)
    assert found == sorted(found, key=lambda row: row[1])
    assert len(found) + left == len(rows)
    had, got = Counter(map(party, rows)), Counter(map(party, found))
    assert got == {one: min(count, most) for one, count in had.items()}
    assert of_each(rows, party, None) == (rows, 0)


@given(rows=ROWS, most=st.integers(1, 40))
def test_each_party_has_its_share_and_no_line_stays_empty(
    rows: list[tuple[str, int]], most: int
) -> None:
    found, left = among(rows, party, most)
    assert found == sorted(found, key=lambda row: row[1])
    assert (len(found), left) == (min(most, len(rows)), max(0, len(rows) - most))
    had, got = Counter(map(party, rows)), Counter(map(party, found))
    share = most // max(1, len(had))
    assert all(got[one] >= min(count, share) for one, count in had.items())
