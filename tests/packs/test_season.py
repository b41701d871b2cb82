"""A season of the Vienna Document, and a launch window that moves, as the ledger keeps them.

An alert exercise at 13,100 troops, a declaration just under a threshold and what looks like its
other half, a request that is not answered in 48 hours and the meeting after it, an inspection with
its window and its quota.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

from tests.packs.test_shipped import pack

from tieline.core.agreement import value as v
from tieline.core.agreement.ledger import Ledger
from tieline.core.agreement.message import Message, Values, check_values
from tieline.core.agreement.model import Field, FieldType, Pack, Provenance
from tieline.core.agreement.places import Circle
from tieline.core.agreement.reason import State
from tieline.core.agreement.windows import Holds
from tieline.core.terms import RefRole

VD = pack("vienna-document-2011")
LN = pack("launch-notification")
PARTIES = ("ALPHA", "BRAVO", "CHARLIE", "DELTA")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NORTH = Circle(515_000_000, 240_000_000, 20_000)
SOUTH = Circle(465_000_000, 240_000_000, 20_000)


def when(month: int, day: int, hour: int = 0, year: int = 2028) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def digest(name: str) -> bytes:
    return sha256(name.encode()).digest()


def answer(made: Pack, field: Field, given: object) -> v.Answer:
    match given:
        case int():
            return v.Number(given)
        case datetime():
            return v.Instant(ms(given) // 1000)
        case date():
            return v.Day((given - date(1970, 1, 1)).days)
        case Circle():
            return given
        case str() if field.type is FieldType.CODE:
            item = next(one for one in made.codes[field.codes] if one.id == given)
            return v.Code(item.number, item.id)
        case str() if field.type is FieldType.PARTY:
            return v.PartyCode(given)
        case str() if field.type is FieldType.UNIT:
            return v.Unit(given)
        case str():
            return v.Text(given)
    raise TypeError(type(given))


class Season:
    """What was said, when, and by whom; every station had it a minute later unless it is told."""

    def __init__(self, made: Pack) -> None:
        self.pack = made
        self.ledger = Ledger([made], PARTIES)
        self.said = 0

    def say(
        self,
        name: str,
        sender: str,
        form: str,
        at: datetime,
        answers: Mapping[str, object],
        *refs: tuple[RefRole, str],
        to: tuple[str, ...] = (),
        late: Mapping[str, datetime] | None = None,
    ) -> None:
        known = self.pack.forms[form]
        by_id = {field.id: field for field in known.fields}
        values: Values = {
            by_id[key].number: answer(self.pack, by_id[key], given)
            for key, given in answers.items()
        }
        assert check_values(self.pack, known, values) == ()
        to = to or tuple(party for party in PARTIES if party != sender)
        self.said += 1
        self.ledger.admit(
            Message(
                digest=digest(name),
                sender=sender,
                to=to,
                time_ms=ms(at),
                pack=self.pack.id,
                form=form,
                values=values,
                refs=tuple((role, digest(earlier)) for role, earlier in refs),
                order=self.said,
            )
        )
        for party in to:
            had = (late or {}).get(party, at + timedelta(minutes=1))
            self.ledger.receipt(digest(name), party, ms(had))

    def state(self, rule: str, debtor: str, at: datetime) -> State:
        (found,) = (
            one
            for one in self.ledger.obligations(ms(at))
            if (one.rule, one.debtor) == (rule, debtor)
        )
        return found.state

    def crossed(self, name: str) -> set[str]:
        found = self.ledger.thresholds(digest(name))
        return {one.rule for one in found if one.crossing.value == "crossed"}


def activity(troops: int, **answers: object) -> dict[str, object]:
    return {
        "designation": "EXERCISE ONE",
        "kind": "land-exercise",
        "advance": "with-notice",
        "start": date(2028, 6, 1),
        "end": date(2028, 6, 9),
        "troops": troops,
        "area": NORTH,
        "place": "North of the river",
        "command": "Second Corps",
    } | answers


def test_an_alert_exercise_at_13_100_troops() -> None:
    season = Season(VD)
    began = when(6, 1, 4)
    alert = activity(13_100, advance="without-notice", commenced=began)
    season.say("short", "ALPHA", "notify", began, alert | {"hours-above": 72})
    assert season.crossed("short") == {"notifiable-land", "large"}
    assert season.state("alert-land", "ALPHA", began + DAY) is State.MET
    season.say("long", "BRAVO", "notify", began + HOUR, alert | {"hours-above": 73})
    assert season.crossed("long") == {"notifiable-land", "observable-alert", "large"}
    assert season.state("alert-land", "BRAVO", began + DAY) is State.LATE
    assert season.state("invite-alert", "BRAVO", began + 30 * DAY) is State.OPEN
    owed = {one.rule for one in season.ledger.obligations(ms(began + DAY))}
    assert not {"notice-land", "invite-land"} & owed  # 42 days are not asked of an alert


def test_a_declaration_just_under_a_threshold_and_its_other_half() -> None:
    season = Season(VD)
    season.say("one", "ALPHA", "notify", when(4, 1), activity(12_800))
    weighed = {one.rule: one for one in season.ledger.thresholds(digest("one"))}
    total = next(one for one in weighed["observable-land"].any_of if one.path == "troops")
    assert (total.value, total.margin) == (12_800, -200)
    assert season.ledger.questions() == []
    far = activity(3000, area=SOUTH, command="Third Corps", start=date(2028, 6, 5))
    season.say("far", "ALPHA", "notify", when(4, 2), far)
    assert season.ledger.questions() == []
    other = activity(3000, designation="EXERCISE TWO", start=date(2028, 6, 8))
    season.say("two", "ALPHA", "notify", when(4, 3), other)
    (question,) = season.ledger.questions()
    assert question.rule == "observable-land"
    assert question.messages == (digest("one"), digest("two"))
    assert set(question.shared) == {"command", "time"}
    # The same by another State is another State's activity.
    theirs = Season(VD)
    theirs.say("one", "ALPHA", "notify", when(4, 1), activity(12_800))
    theirs.say("two", "BRAVO", "notify", when(4, 3), other)
    assert theirs.ledger.questions() == []


def test_a_request_without_an_answer_and_the_meeting_after_it() -> None:
    season = Season(VD)
    asked = when(2, 27, 20)
    season.say(
        "ask", "ALPHA", "ua-ask", asked, {"asked": "BRAVO", "causes": "Columns seen by night"},
        late={"BRAVO": when(2, 29, 2)},
    )  # fmt: skip
    begun = when(2, 29, 2)  # a partition kept it away for thirty hours
    (owed,) = season.ledger.obligations(ms(asked + 49 * HOUR), party="BRAVO", open_only=True)
    assert (owed.due.earliest, owed.due.latest) == (ms(asked + 48 * HOUR), ms(begun + 48 * HOUR))
    assert (owed.state, owed.strict) == (State.OPEN, State.OVERDUE)
    assert set(owed.creditors) == {"ALPHA", "CHARLIE", "DELTA"}  # the reply is owed to all
    assert season.state("ua-reply", "BRAVO", begun + 48 * HOUR + HOUR) is State.OVERDUE

    told = season.ledger.explain(owed.id, ms(begun))
    assert told is not None
    assert (owed.cite.paragraph, owed.cite.provenance) == ("16.1.2", Provenance.READ)

    meet = begun + 49 * HOUR
    season.say(
        "meet", "ALPHA", "ua-meet", meet, {"asked": "BRAVO", "reply": "none"},
        (RefRole.PREDECESSOR, "ask"),
    )  # fmt: skip
    assert season.state("ua-meeting", "BRAVO", meet + 2 * HOUR) is State.OPEN
    season.say(
        "absent", "ALPHA", "ua-absent", meet + 48 * HOUR,
        {"when": meet + 47 * HOUR, "absent": "BRAVO"}, (RefRole.ANSWERS, "meet"),
    )  # fmt: skip
    end = meet + 49 * HOUR
    assert season.state("ua-meeting", "BRAVO", end) is State.OVERDUE
    assert season.state("ua-meeting-asking", "ALPHA", end) is State.MET
    # The answer that comes in the end is late, and stays so.
    season.say(
        "reply", "BRAVO", "ua-reply", end, {"explanation": "A planned exercise"},
        (RefRole.ANSWERS, "ask"),
    )  # fmt: skip
    assert season.state("ua-reply", "BRAVO", end + DAY) is State.LATE


def test_each_creditor_sees_what_is_owed_to_it() -> None:
    """A reply that has not reached CHARLIE is no complaint of ALPHA, which has it."""
    season = Season(VD)
    asked = when(6, 2, 20)
    season.say("ask", "ALPHA", "ua-ask", asked, {"asked": "BRAVO", "causes": "Columns by night"})
    season.say(
        "reply", "BRAVO", "ua-reply", asked + HOUR, {"explanation": "A planned exercise"},
        (RefRole.ANSWERS, "ask"), late={"CHARLIE": asked + 60 * HOUR},
    )  # fmt: skip
    (owed,) = season.ledger.obligations(ms(asked + 70 * HOUR))
    assert (owed.state, owed.strict) == (State.MET, State.LATE)
    seen = {party: owed.seen_by(party) for party in PARTIES}
    assert seen == dict.fromkeys(PARTIES, State.MET) | {"CHARLIE": State.LATE}


def inspect(season: Season, name: str, sender: str, at: datetime, answered: str) -> None:
    season.say(
        name, sender, "insp-ask", at,
        {"receiving": "DELTA", "area": NORTH, "entry": at + 36 * HOUR}, to=("DELTA",),
    )  # fmt: skip
    season.say(
        f"{name} answer", "DELTA", "insp-answer", at + 24 * HOUR, {"answer": answered},
        (RefRole.ANSWERS, name), to=(sender,),
    )  # fmt: skip


def test_an_inspection_in_its_window_and_the_quota() -> None:
    season = Season(VD)
    for month, sender in enumerate(("ALPHA", "BRAVO", "CHARLIE"), 1):
        inspect(season, sender, sender, when(month, 10), "granted")
        assert season.state("insp-lead", sender, when(month, 12)) is State.MET
    asked = {one.rule: one for one in season.ledger.quotas(ms(when(12, 1)), "DELTA")}
    assert (asked["insp-passive"].used, asked["insp-passive"].left) == (3, 0)
    assert not asked["insp-passive"].over
    inspect(season, "once more", "ALPHA", when(11, 10), "quota")
    asked = {one.rule: one for one in season.ledger.quotas(ms(when(12, 1)), "DELTA")}
    assert (asked["insp-passive"].used, asked["insp-same"].over) == (3, ())
    assert asked["insp-passive"].pending == 0  # what was refused waits for nothing


def test_a_launch_window_that_moves() -> None:
    season = Season(LN)
    first, second = when(12, 31, 20), when(1, 1, 20, 2029)
    launch = {"vehicle": "space-launch-vehicle", "class": "Medium", "launch-area": NORTH}
    season.say(
        "it", "ALPHA", "pln", when(12, 29), launch | {"from": first, "until": first + 4 * HOUR}
    )
    season.say(
        "moved", "ALPHA", "pln", when(12, 30),
        launch | {"from": second, "until": second + 4 * HOUR}, (RefRole.SUPERSEDES, "it"),
    )  # fmt: skip
    now = ms(second + HOUR)
    held = {one.message: one.state for one in season.ledger.validities(now)}
    assert held == {digest("it"): Holds.SUPERSEDED, digest("moved"): Holds.VALID}
