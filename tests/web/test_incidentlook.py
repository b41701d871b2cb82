"""An incident as its page shows it, without a page: columns, versions, lanes, clocks, forms."""

from __future__ import annotations

from tieline.desk.web import incidentlook as look
from tieline.desk.web import saying
from tieline.desk.web.shapes import View, view
from tieline.desk.words import Words

EN = Words("en")


def version(item: str, standing: str) -> dict[str, object]:
    return {"item": item, "standing": standing, "stated": [{"said": item}]}


def account(party: str, *versions: dict[str, object], through: str = "") -> dict[str, object]:
    return {"party": party, "through": through, "versions": [*versions], "left_out": 0}


def test_our_column_is_first_and_is_there_before_we_have_said_anything() -> None:
    rows = view({"rows": [
        {"aspect": "where", "label": "Where", "alignment": "differ", "parties": [
            account("ALPHA", version("a1", "current")),
            account("CHARLIE", version("c1", "replaced"), version("c2", "current"),
                    version("c3", "beside")),
            account("ALPHA", version("a2", "current"), through="DELTA"),
        ], "pairs": [{"parties": ["ALPHA", "CHARLIE"], "alignment": "differ", "metres": 3338}]},
    ]}).views("rows")  # fmt: skip
    table = look.table(rows, "BRAVO", EN)
    voices = [(one["party"], one["through"]) for one in table.views("voices")]
    assert voices == [("BRAVO", ""), ("ALPHA", ""), ("ALPHA", "DELTA"), ("CHARLIE", "")]
    (row,) = table.views("rows")
    assert (row["sign"], row.views("pairs")[0]["far"]) == ("≠", "3.3 km apart")
    cells = row["cells"]
    assert isinstance(cells, list)
    assert cells[0] is None
    # What another station of a party says beside stands; what was replaced is an older version.
    assert [one["item"] for one in cells[3].views("stand")] == ["c2", "c3"]
    assert [one["item"] for one in cells[3].views("older")] == ["c1"]


def test_lanes_are_in_the_order_of_time_with_what_crossed_and_are_bounded() -> None:
    written = {"party": "ALPHA", "item": "aa", "kind": "message", "title": "", "form": "",
               "claimed_ms": 60_000, "crossed": ["bb"],
               "reached": {"BRAVO": {"received": 90_000, "passed on": 95_000, "unit": "7"}},
               }  # fmt: skip
    happened = {"at_ms": 70_000, "spread_s": 300, "means": "when", "label": "", "party": "ALPHA",
                "item": "aa"}  # fmt: skip
    steps, more = look.lanes(view({"happened": [happened], "learned": [written]}), EN)
    assert [(one.lane, one.what, one.more) for one in steps] == [
        ("learned", "writes", ""), ("happened", "says", "5 min"), ("learned", "received", ""),
        ("learned", "passed on", "7"),
    ]  # fmt: skip
    assert (steps[0].label, steps[0].crossed, more) == ("message", ("bb",), 0)
    many = [{**happened, "at_ms": at} for at in range(look.MOST_LANES + 5)]
    steps, more = look.lanes(view({"happened": many, "learned": []}), EN)
    assert (len(steps), more) == (look.MOST_LANES, 5)


def test_a_clock_names_what_calms_it_and_a_map_needs_a_place() -> None:
    forms = [view({"form": "in/answer", "title": "Answer", "does": "answer"})]
    found = look.clock(
        view({"due": [1_000, 2_000], "ours": "overdue", "debtor": "BRAVO", "trigger": "dd",
              "calms": ["in/answer", "xx/other"], "cites": "answers"}), forms, "BRAVO", 5_000
    )  # fmt: skip
    assert (found["due_ms"], found["left_ms"], found["running"]) == (2_000, -3_000, True)
    calmed = [(one["title"], one["does"]) for one in found.views("calmed")]
    assert calmed == [("Answer", "answer"), ("xx/other", "")]
    assert (found["own"], found["answers"]) == (True, "dd")
    nowhere = view({"party": "ALPHA", "points": [], "shape": "point"})
    assert look.chart([nowhere], ["ALPHA"], "en") is None


def test_a_form_begins_with_what_is_meant() -> None:
    fields = [
        {"path": "next", "type": "time", "means": "next", "required": True},
        {"path": "who", "type": "party", "means": "asked", "required": True},
        {"path": "sum", "type": "hash", "means": "hash", "required": True},
        {"path": "says", "type": "code", "means": "stance", "required": True,
         "codes": [{"id": "yes", "sense": "agreed"}, {"id": "no", "sense": "not-agreed"}]},
    ]  # fmt: skip
    form = view({"fields": fields})
    begun = saying.beginning(form, ["ALPHA"], {"stance": "not-agreed"}, "ab" * 32)
    assert begun == {"next": "now+30m", "who": "ALPHA", "sum": "ab" * 32, "says": "no"}
    assert saying.beginning(form, ["ALPHA", "CHARLIE"], {}, "") == {"next": "now+30m"}
    assert saying.beginning(View(), [], {}, "") == {}


def test_a_map_has_the_point_of_view_of_the_desk_and_says_so() -> None:
    places = [view({"party": "ALPHA", "points": [[504_700_000, 239_300_000]], "shape": "point"})]
    neutral, other = (look.chart(places, ["ALPHA"], "en", each) for each in ("", "ISO"))
    assert neutral is not None
    assert other is not None
    assert "no position taken" in neutral.svg
    assert "ISO" not in neutral.svg
    assert "no position taken" not in other.svg
    assert "ISO" in other.svg
