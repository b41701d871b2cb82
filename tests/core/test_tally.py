"""What came to statements: as the store keeps it, and seen as mappings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.core.world import Net, Post, chaff, kits, message

from tieline.core import encode, tally
from tieline.core.encode import Value
from tieline.core.errors import LocalError
from tieline.core.journal import Alarm
from tieline.core.tally import Acts, Alarms, Facet, Mark, Tally
from tieline.core.terms import Precedence, RefRole, Rung

BY, OTHER = chaff("by", 32), chaff("other", 32)
ALARM = Alarm(code="c", precedence=Precedence.FLASH, text="t", item=BY)


def full() -> Tally:
    return Tally(
        marks={"BRAVO": {Rung.ACKNOWLEDGED: Mark(5, BY), Rung.PASSED_ON: Mark(6, OTHER, "North")}},
        handed={b"station1": 7},
        overdue={("CHARLIE", Rung.READ_BACK), ("BRAVO", Rung.RECEIVED)},
        replaced=[(RefRole.CORRECTS, BY), (RefRole.CANCELS, OTHER)],
        assents={"ALPHA": BY},
        alarms={ALARM.cause: ALARM},
        acts=[OTHER, BY],
    )


def test_the_form_in_the_archive_never_changes() -> None:
    """A store of yesterday is read by the program of tomorrow."""
    assert encode.loads(full().encode(), tally.LIMITS) == {
        1: (("BRAVO", 3, 5, BY, ""), ("BRAVO", 5, 6, OTHER, "North")),
        2: ((b"station1", 7),),
        3: (("BRAVO", 2), ("CHARLIE", 4)),
        4: ((2, BY), (3, OTHER)),
        5: (("ALPHA", BY),),
        6: (ALARM.encode(),),
        7: (OTHER, BY),
    }
    assert Tally.decode(full().encode()) == full()
    assert Tally().encode() == b""
    alone = Tally(handed={b"station1": 7})
    assert encode.loads(alone.encode()) == {2: ((b"station1", 7),)}
    assert Tally.decode(alone.encode()) == alone


ROWS: dict[int, tuple[Value, ...]] = {
    1: ("BRAVO", 3, 5, BY, ""),
    2: (b"station1", 7),
    3: ("BRAVO", 2),
    4: (2, BY),
    5: ("ALPHA", BY),
}


def _bad_rows() -> Iterator[tuple[int, Value]]:
    for key, row in ROWS.items():
        for at, part in enumerate(row):
            other: Value = 99 if isinstance(part, int) else 7
            if part not in (5, 7):  # a time may be any number
                yield key, (*row[:at], other, *row[at + 1 :])
            yield key, (*row[:at], None, *row[at + 1 :])
        yield key, row[:-1]
        yield key, (*row, 1)
    for key in (*ROWS, 6, 7):
        yield key, 5
        yield key, "text"


@pytest.mark.parametrize(("key", "row"), list(_bad_rows()))
def test_what_does_not_read_is_refused_by_its_code(key: int, row: Value) -> None:
    with pytest.raises(LocalError) as refused:
        Tally.decode(encode.dumps({key: (row,)}))
    assert refused.value.code == "tally.field"


def test_bytes_that_are_none_of_ours_are_the_fault_of_our_store_and_of_no_peer() -> None:
    alarm = encode.dumps({6: (b"none",)})  # refused by another code where a peer says so
    for data in (b"\xff", b"", encode.dumps(7), alarm):
        with pytest.raises(LocalError) as refused:
            Tally.decode(data)
        assert refused.value.code == "tally.field"
        assert "tieline verify" in refused.value.message


@pytest.fixture
def alpha() -> Post:
    net = Net(kits(2))
    net.connect_all()
    post = net.post("ALPHA")
    for number in range(3):
        post.speak(message(f"number {number}"))
        net.deliver()
    return post


def test_what_is_read_of_a_statement_is_not_yet_something(alpha: Post) -> None:
    tallies = alpha.line.ladder.tallies
    assert tallies.get(OTHER) is None
    made = tallies.of(OTHER)
    assert tallies.of(OTHER) is tallies.get(OTHER) is made
    made.assents["BRAVO"] = BY
    assert made.encode() not in {raw for *_, raw in tallies.settled()}
    assert (OTHER, made.encode()) in tallies.loose()  # of a statement that is not here
    assert OTHER in set(tallies.digests())
    tallies.put(BY, full())
    assert tallies.get(BY) == full()


def test_a_part_of_all_tallies_is_a_mapping_of_those_that_have_it(alpha: Post) -> None:
    tallies = alpha.line.ladder.tallies
    facet = Facet(tallies, lambda each: each.assents)
    first, second = alpha.order()[:2]
    tallies.of(first).assents["BRAVO"] = BY
    tallies.of(second)  # nothing has come
    tallies.of(OTHER).assents["BRAVO"] = BY
    assert facet[first] == {"BRAVO": BY}
    assert set(facet) == {first, OTHER}
    assert len(facet) == 2
    for lacking in (second, BY):
        assert lacking not in facet
        with pytest.raises(KeyError):
            facet[lacking]


def test_an_alarm_is_held_once_for_ever_with_the_statement_it_is_about(alpha: Post) -> None:
    alarms = Alarms(alpha.line.ladder.tallies)
    digest = alpha.order()[0]
    about = Alarm(code="a", precedence=Precedence.FLASH, text="t", item=digest)
    loose = Alarm(code="b", precedence=Precedence.FLASH, text="t")
    unknown = Alarm(code="c", precedence=Precedence.FLASH, text="t", item=OTHER)
    for alarm in (about, loose, unknown):
        assert alarm.cause not in alarms
        with pytest.raises(KeyError):
            alarms[alarm.cause]
        assert alarms.add(alarm)
        assert not alarms.add(alarm)
        assert alarm.cause in alarms
        assert alarms[alarm.cause] == alarm
    assert len(alarms) == 3
    assert {about.cause, loose.cause, unknown.cause} <= set(alarms)
    assert set(alarms.other) == {loose.cause, unknown.cause}
    assert alpha.line.ladder.tallies.of(digest).alarms[about.cause] == about


def test_acts_are_found_fresh_or_settled_by_their_prefix(alpha: Post) -> None:
    held = {"k:old": BY, "d:7": OTHER, "k:new": BY}

    class Shelved:
        """The archive has acts of two kinds."""

        def act(self, _line: bytes, key: str) -> bytes | None:
            return held.get(key)

        def acts(self, _line: bytes) -> list[tuple[str, bytes]]:
            return list(held.items())

    alpha.line.record.shelf.archive = Shelved()  # type: ignore[assignment]
    keys: Acts[str, bytes] = Acts(alpha.line.record, "k:", str)
    drafts: Acts[int, int | bytes] = Acts(alpha.line.record, "d:", int)
    keys["new"] = OTHER
    drafts[9] = 4  # still a draft of another number
    drafts[8] = BY
    assert (keys["old"], keys["new"], drafts[7], drafts[9]) == (BY, OTHER, OTHER, 4)
    assert sorted(keys) == ["new", "old"]
    assert sorted(drafts) == [7, 8, 9]
    assert (len(keys), len(drafts)) == (2, 3)
    assert keys.settled() == [("k:new", OTHER)]
    assert drafts.settled() == [("d:8", BY)]
    drafts.settle()
    assert drafts.fresh == {9: 4}
    with pytest.raises(KeyError):
        keys["none"]
    with pytest.raises(KeyError, match="for ever"):
        del keys["new"]
