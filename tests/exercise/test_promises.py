"""Each promise, broken once: the count finds it, says so, and the command does not end with 0."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from rich.console import Console
from tests.exercise.plays import Desks, shown, small

from tieline.exercise import runner
from tieline.exercise.__main__ import main
from tieline.exercise.answer import Entry, Json
from tieline.exercise.board import read_shown
from tieline.exercise.control import Attack, Played
from tieline.exercise.evidence import Evidence
from tieline.exercise.owed import Debt
from tieline.exercise.promises import Holding, Summary, read_holding, summarise
from tieline.exercise.runner import Options
from tieline.exercise.scenario import Scenario

SCENARIO = small()
RECORD = [
    shown("ALPHA-0", "open"),
    shown("BRAVO-0", "open"),
    shown("ALPHA-1"),
    shown("BRAVO-1", "acknowledge", refs=[("item ALPHA-1", "answers")]),
]
DEBT = Debt(
    id="1", rule="crisis/next-first", title="The next word", debtor="ALPHA",
    trigger="item ALPHA-1", key="", state="met", strict="met", seen="met", said="met",
    due_ms=None, paragraph="", provenance="design",
)  # fmt: skip
HEADS: dict[str, tuple[int, str]] = {"log ALPHA": (2, "aa"), "log BRAVO": (2, "bb")}


def holding(
    code: str,
    record: Iterable[dict[str, Json]] = RECORD,
    heads: dict[str, tuple[int, str]] | None = None,
    problems: tuple[str, ...] = (),
) -> Holding:
    held = tuple(read_shown(Entry(event, code)) for event in record)
    return Holding(
        party=code, held=held, items=[], content=[], heads=heads or HEADS, problems=problems
    )


class Case:
    """An exercise that kept every promise, until something is done to it."""

    def __init__(self) -> None:
        self.desks = Desks(SCENARIO)
        self.played = Played()
        self.evidence = Evidence(statements=4)
        self.owed: dict[str, tuple[Debt, ...]] = dict.fromkeys(SCENARIO.codes, (DEBT,))
        self.holdings = {code: holding(code) for code in SCENARIO.codes}

    def play(self, record: Iterable[dict[str, Json]] = RECORD) -> None:
        for event in record:
            self.desks.show_all(event)

    def count(self) -> Summary:
        return summarise(
            SCENARIO,
            self.desks.board,
            self.played,
            self.holdings,
            restarts=0,
            seconds=1.0,
            evidence=self.evidence,
            owed=self.owed,
        )


def test_a_kept_exercise() -> None:
    case = Case()
    case.play()
    summary = case.count()
    assert summary.promises_broken == ()
    assert (summary.stations, summary.statements, summary.delivered) == (2, 4, 4)
    assert (summary.lost, summary.duplicates, summary.order_violations) == (0, 0, 0)
    assert (summary.forged_accepted, summary.verified, summary.logs_verified) == (0, True, 4)
    assert (summary.evidence_statements, summary.evidence_verified) == (4, True)
    assert summary.obligations == {"met": 1}


def test_a_scripted_second_story_that_all_show_breaks_nothing() -> None:
    case = Case()
    _told_twice(case)
    summary = case.count()
    assert summary.promises_broken == ()
    assert (summary.stories_told, summary.stories_proved, summary.verified) == (1, 2, True)


def _not_held(case: Case) -> None:
    case.play()
    short: dict[str, tuple[int, str]] = {"log ALPHA": (1, "a0"), "log BRAVO": (2, "bb")}
    case.holdings["BRAVO"] = holding("BRAVO", [RECORD[0], RECORD[1], RECORD[3]], short)


def _bad_evidence(case: Case) -> None:
    case.play()
    case.evidence = Evidence(statements=3, problems=("it does not hold what ALPHA holds",))


def _not_shown(case: Case) -> None:
    case.play(RECORD[:3])
    case.desks.show("BRAVO", RECORD[3])


def _shown_twice(case: Case) -> None:
    case.play()
    case.desks.show("BRAVO", RECORD[2])


def _held_twice(case: Case) -> None:
    case.play()
    heads: dict[str, tuple[int, str]] = {"log ALPHA": (3, "aa"), "log BRAVO": (2, "bb")}
    case.holdings["BRAVO"] = holding("BRAVO", [*RECORD, RECORD[2]], heads)


def _seq_twice(case: Case) -> None:
    case.play()
    case.desks.board.take("BRAVO", {"type": "note", "seq": 1})


def _out_of_log_order(case: Case) -> None:
    case.play([RECORD[2], RECORD[0], RECORD[1], RECORD[3]])


def _with_a_gap(case: Case) -> None:
    case.play([*RECORD, shown("ALPHA-3")])


def _before_what_it_cites(case: Case) -> None:
    case.play([RECORD[0], RECORD[1], RECORD[3], RECORD[2]])


def _stranger_held(case: Case) -> None:
    case.play()
    heads: dict[str, tuple[int, str]] = {"log ALPHA": (2, "aa"), "log BRAVO": (3, "bb")}
    case.holdings["ALPHA"] = holding("ALPHA", [*RECORD, shown("BRAVO-2")], heads)


def _stranger_shown(case: Case) -> None:
    case.play()
    case.desks.show("ALPHA", shown("BRAVO-2"))


def _forged_words(case: Case) -> None:
    case.play([*RECORD, shown("BRAVO-2", text="FORGED WORDS")])
    record = [*RECORD, shown("BRAVO-2", text="FORGED WORDS")]
    heads: dict[str, tuple[int, str]] = {"log ALPHA": (2, "aa"), "log BRAVO": (3, "bb")}
    case.holdings = {code: holding(code, record, heads) for code in SCENARIO.codes}


def _attack_taken(case: Case) -> None:
    case.play()
    case.played.attacks.append(Attack("a bundle", refused=False, said="1 statements were taken in"))


def _audit_found(case: Case) -> None:
    case.play()
    case.holdings["ALPHA"] = holding("ALPHA", problems=("statement 1 has another hash",))


def _audit_counts_less(case: Case) -> None:
    case.play()
    less: dict[str, tuple[int, str]] = {"log ALPHA": (1, "aa"), "log BRAVO": (2, "bb")}
    case.holdings = {code: holding(code, heads=less) for code in SCENARIO.codes}


def _two_records(case: Case) -> None:
    case.play()
    other: dict[str, tuple[int, str]] = {"log ALPHA": (2, "aa"), "log BRAVO": (2, "other")}
    case.holdings["BRAVO"] = holding("BRAVO", heads=other)


def _second_story(case: Case) -> None:
    case.play()
    other = {**shown("ALPHA-1"), "item": "item other", "second_story": True}
    case.desks.show_all(other)
    case.holdings = {code: holding(code, [*RECORD, other]) for code in SCENARIO.codes}


def _ring(case: Case, code: str, party: str) -> None:
    case.desks.board.take(
        code, {"type": "alarm", "seq": 99, "code": "record.two_stories", "party": party}
    )


def _told_twice(case: Case) -> None:
    """The script has ALPHA tell two stories, and all hold and show both."""
    _second_story(case)
    case.played.stories.append(("item ALPHA-1", "item other"))
    for code in SCENARIO.codes:
        _ring(case, code, "ALPHA")


def _story_not_held(case: Case) -> None:
    _told_twice(case)
    case.holdings["BRAVO"] = holding("BRAVO")


def _story_not_rung(case: Case) -> None:
    _second_story(case)
    case.played.stories.append(("item ALPHA-1", "item other"))
    _ring(case, "BRAVO", "ALPHA")


def _accused(case: Case) -> None:
    case.play()
    _ring(case, "BRAVO", "ALPHA")


def _owed_elsewhere(case: Case) -> None:
    case.play()
    case.owed["BRAVO"] = (replace(DEBT, state="overdue"),)


def _owed_otherwise(case: Case) -> None:
    case.play()
    case.played.unowed.append("event 3, at H+1: a reply is overdue at ALPHA, not met")


def _trouble(case: Case) -> None:
    case.play()
    case.played.trouble.append("at H+1: the line did not come to rest")


BREAKS: list[tuple[Callable[[Case], None], str, dict[str, object]]] = [
    (_bad_evidence, "evidence: it does not hold", {"evidence_verified": False}),
    (_not_held, "lost: ALPHA-1 is not at BRAVO", {"lost": 1, "delivered": 3}),
    (_not_shown, "lost: BRAVO-1 is not at ALPHA", {"lost": 1, "delivered": 3}),
    (_shown_twice, "duplicate: BRAVO was shown ALPHA-1 twice", {"duplicates": 1}),
    (_held_twice, "duplicate: BRAVO holds a statement twice", {"duplicates": 1}),
    (_seq_twice, "duplicate: BRAVO was shown journal entry 1 twice", {"duplicates": 1}),
    (_out_of_log_order, "order: ", {}),
    (_with_a_gap, "order: BRAVO was shown ALPHA-3 after 2 statements", {"order_violations": 2}),
    (_before_what_it_cites, "before what it cites", {"order_violations": 2}),
    (_stranger_held, "forged: ALPHA holds item BRAVO-2", {"forged_accepted": 1}),
    (_stranger_shown, "forged: BRAVO-2 came up at a desk", {"forged_accepted": 1}),
    (_forged_words, "forged: BRAVO-2 came up at a desk", {"forged_accepted": 1}),
    (_attack_taken, "forged: a bundle", {"forged_accepted": 1}),
    (_audit_found, "ALPHA does not verify: statement 1", {"verified": False, "logs_verified": 2}),
    (_audit_counts_less, "shows other statements than its audit counts", {"verified": False}),
    (_two_records, "BRAVO and ALPHA hold different logs", {}),
    (_second_story, "BRAVO shows a second story of ALPHA, which it did not tell", {}),
    (_story_not_held, "BRAVO does not hold both stories of ALPHA", {"stories_told": 1}),
    (_story_not_rung, "ALPHA holds both stories of ALPHA, and no alarm", {"stories_proved": 1}),
    (_accused, "BRAVO says that ALPHA told two stories, which it did not", {}),
    (_owed_elsewhere, "agreements: crisis/next-first of ALPHA is met", {"obligations": {"met": 1}}),
    (_owed_otherwise, "agreements: event 3", {}),
    (_trouble, "did not come to rest", {}),
]


@pytest.mark.parametrize(
    ("breaking", "words", "numbers"), BREAKS, ids=[row[0].__name__.strip("_") for row in BREAKS]
)
def test_a_broken_promise_is_counted_and_told(
    breaking: Callable[[Case], None], words: str, numbers: dict[str, object]
) -> None:
    case = Case()
    breaking(case)
    summary = case.count()
    assert any(words in text for text in summary.promises_broken), summary.promises_broken
    assert {name: summary.as_json()[name] for name in numbers} == numbers


@pytest.mark.parametrize(("broken", "code"), [((), 0), (("lost: ALPHA-1 is not at BRAVO",), 1)])
def test_the_command_ends_with_0_only_when_all_was_kept(
    monkeypatch: pytest.MonkeyPatch, broken: tuple[str, ...], code: int
) -> None:
    case = Case()
    case.play()
    summary = replace(case.count(), promises_broken=broken)

    async def played(scenario: Scenario, console: Console, options: Options) -> Summary:
        return summary

    monkeypatch.setattr(runner, "run", played)
    assert main(["--headless"]) == code


def test_the_summary_has_what_was_promised_of_it() -> None:
    case = Case()
    case.play()
    assert set(case.count().as_json()) >= {
        "stations", "statements", "delivered", "lost", "duplicates", "order_violations",
        "forged_accepted", "verified", "promises_broken",
    }  # fmt: skip


def _audit(**changes: Json) -> Entry:
    logs: list[Json] = [
        {"log": "log ALPHA", "size": 2, "root": "aa"},
        {"log": "log BRAVO", "size": 2, "root": "bb"},
    ]
    problems: list[Json] = []
    return Entry({"ok": True, "logs": logs, "problems": problems, **changes}, "the audit")


def _log(record: Iterable[dict[str, Json]]) -> Entry:
    items: list[Json] = []
    items.extend(record)
    return Entry({"items": items}, "the log")


def test_what_a_station_answers_is_read() -> None:
    found = read_holding("ALPHA", _log(RECORD), _audit())
    assert found.verified
    assert len(found.content) == 4


def test_a_record_with_a_gap_is_a_broken_promise() -> None:
    found = read_holding("ALPHA", _log([*RECORD, shown("ALPHA-3")]), _audit())
    assert not found.verified
    assert found.problems == ("ALPHA-3 does not follow on ALPHA-1",)


def test_an_audit_that_fails_without_a_word_is_still_a_failure() -> None:
    assert not read_holding("ALPHA", _log(RECORD), _audit(ok=False)).verified
