"""What is demanded of four stations after a fire, by the test's own account and by their stores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from tests.node.pair import Seat

from tieline.exercise.board import Board, Shown, read_shown
from tieline.exercise.steady import SteadyLink
from tieline.node import offline

LIMIT = 100_000


async def record(
    board: Board,
    said: Mapping[str, frozenset[str]],
    rang: Mapping[tuple[str, str], int],
    links: Mapping[str, SteadyLink],
) -> list[str]:
    """What is wrong with the record, and with what people were shown."""
    wrong: list[str] = []
    for code, desk in board.desks.items():
        wrong += desk.duplicates[:3] + desk.disorder[:3]
        wrong += [f"{code} accuses {party} of two stories" for party in sorted(desk.proved)]
        wrong += [f"{code} holds a second story: {name}" for name in desk.second_stories[:3]]
    wrong += [f"{count} first alarms of one item at {party}"
              for (party, _), count in rang.items() if count > 1][:3]  # fmt: skip
    wrong += numbers(list(board.statements.values()))
    orders: dict[str, list[str]] = {}
    for code, link in links.items():
        shown = [
            read_shown(each) for each in (await link.act("log", {"limit": LIMIT})).entries("items")
        ]
        orders[code] = [each.item for each in shown]
        wrong += numbers(shown)
    first = next(iter(orders.values()))
    wrong += [f"{code} shows another order" for code, order in orders.items() if order != first]
    wrong += in_order(first, said)
    return wrong


def numbers(shown: list[Shown]) -> list[str]:
    """Numbers of a log that were signed twice."""
    by_number: dict[tuple[str, int], set[str]] = {}
    for each in shown:
        by_number.setdefault((each.log, each.position), set()).add(each.item)
    again = Counter(log for (log, _), items in by_number.items() if len(items) > 1)
    return [f"{count} numbers of log {log[:8]} were signed twice" for log, count in again.items()]


def in_order(order: list[str], said: Mapping[str, frozenset[str]]) -> list[str]:
    """What stands before something that its author had been shown, or is not there."""
    place = {item: at for at, item in enumerate(order)}
    if len(place) != len(order):
        return ["something stands twice in the record"]
    lost = [item for item in said if item not in place]
    if lost:
        return [f"{len(lost)} of {len(said)} that were said are not in the record"]
    early = sum(
        any(place.get(each, -1) > place[item] for each in before) for item, before in said.items()
    )
    return [f"{early} stand before what their authors had read"] if early else []


def audit(code: str, seat: Seat) -> list[str]:
    """What an audit of the stopped station's store finds."""
    found = offline.audit_home(seat.home, seat.keys)
    problems = found["problems"]
    assert isinstance(problems, list)
    return [f"{code}: {problem}" for problem in problems[:3]]
