"""What an incident comes to, said once more: from the set of statements, without any table.

Slow and short. The folds of the package must agree with it on whatever is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.core.incident.made import World

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.incident.closure import takes_part
from tieline.core.incident.entry import Entry, instant_ms
from tieline.core.terms import RefRole

REPLACES = (RefRole.CORRECTS, RefRole.SUPERSEDES)


def stance(entry: Entry) -> Sense:
    return Sense.NONE if entry.said is None else entry.said.sense(Means.STANCE)


class Plain:
    def __init__(self, world: World) -> None:
        self.world = world
        self.entries = sorted(world.entries, key=lambda one: one.key)

    def citing(self, top: Entry, *acts: Act) -> list[Entry]:
        return [
            one for one in self.entries
            if one.act in acts and top.digest in one.cites() and self.world.saw(one, top)
            and self.counts(one)
        ]  # fmt: skip

    def against(self, entry: Entry, *roles: RefRole) -> list[Entry]:
        return [
            one for one in self.entries
            if one.party == entry.party and not one.story and entry.digest in one.cites(*roles)
            and self.world.saw(one, entry)
        ]  # fmt: skip

    def cancelled(self, entry: Entry) -> bool:
        return bool(self.against(entry, RefRole.CANCELS))

    def counts(self, entry: Entry) -> bool:
        replaced = any(not self.cancelled(one) for one in self.against(entry, *REPLACES))
        return not (entry.story or self.cancelled(entry) or replaced)

    def newest(self, some: Iterable[Entry], order: Sequence[Sense]) -> Sense | None:
        """The first in ``order`` of what nothing newer of the same party was written upon."""
        every = list(some)
        last = [
            stance(one) for one in every
            if not any(self.world.saw(other, one) for other in every if other is not one)
        ]  # fmt: skip
        return min(last, key=order.index, default=None)

    # ------------------------------------------------------------------------------- states

    def incident(self, members: Sequence[Entry]) -> str:
        parties = {one.party for one in members if takes_part(one)}
        reopened = [one for one in members if one.act is Act.REOPEN and self.counts(one)]
        closed = {
            one.party for one in members
            if one.act is Act.CLOSE and self.counts(one)
            and all(self.world.saw(one, other) for other in reopened)
        }  # fmt: skip
        return "closed" if closed >= parties else "closed by some" if closed else "open"

    def taken_back(self, top: Entry) -> bool:
        own = [one for one in self.citing(top, Act.WITHDRAW) if one.party == top.party]
        return bool(own) or not self.counts(top)

    def question(self, ask: Entry, party: str, now_ms: int) -> str:
        order = (Sense.LATER, Sense.PART, Sense.DECLINED, Sense.FULL)
        answers = [one for one in self.citing(ask, Act.ANSWER) if one.party == party]
        says = self.newest(answers, order)
        if says in (Sense.FULL, Sense.DECLINED):
            return "answered" if says is Sense.FULL else "declined"
        if self.taken_back(ask):
            return "withdrawn"
        due = instant_ms(ask, Means.DUE)
        if says is not None:
            last = [one for one in answers if stance(one) is says]
            last = [one for one in last if not any(self.world.saw(o, one) for o in answers)]
            promised = instant_ms(min(last, key=lambda one: one.key), Means.NEXT)
            due = promised if says is Sense.PART or promised is not None else due
        if due is not None and now_ms > due:
            return "overdue"
        return {None: "asked", Sense.PART: "answered in part"}.get(says, "promised")

    def link(self, link: Entry, openers: Sequence[Entry]) -> str:
        if self.taken_back(link):
            return "withdrawn"
        deciders = {one.party for one in openers} - {link.party}
        order = (Sense.NOT_AGREED, Sense.AGREED)
        answers = self.citing(link, Act.LINK_ANSWER)
        say = [self.newest((o for o in answers if o.party == p), order) for p in sorted(deciders)]
        if Sense.NOT_AGREED in say:
            return "declined"
        return "proposed" if None in say else "accepted"

    def hold(self, hold: Entry, now_ms: int) -> str:
        assert hold.said is not None
        answers = self.citing(hold, Act.HOLD_ANSWER)
        order = (Sense.NOT_AGREED, Sense.OTHER_TIME, Sense.AGREED)
        say: dict[str, Sense | None] = {}
        for party in hold.to:
            mine = [one for one in answers if one.party == party]
            say[party] = self.newest(mine, order)
            if say[party] is Sense.OTHER_TIME:
                free = [o for o in mine if not any(self.world.saw(n, o) for n in mine)]
                times = [o for o in free if stance(o) is Sense.OTHER_TIME]
                first = min(times, key=lambda one: one.key)
                taken = self.citing(first, Act.HOLD_ANSWER)
                if any(one.party == hold.party and stance(one) is Sense.AGREED for one in taken):
                    say[party] = Sense.AGREED
        every = list(say.values())
        state = (
            "one-sided" if hold.said.sense(Means.BINDING) is Sense.OURS
            else "not agreed" if Sense.NOT_AGREED in every
            else "other time" if Sense.OTHER_TIME in every
            else "proposed" if None in every
            else "agreed"
        )  # fmt: skip
        may = {hold.party, *hold.to} if state == "agreed" else {hold.party}
        lifts = [one for one in self.citing(hold, Act.LIFT) if one.party in may]
        ends = [(instant_ms(one, Means.FROM) or one.time_ms, "lifted") for one in lifts]
        until = instant_ms(hold, Means.UNTIL)
        ends += [] if until is None else [(until, "expired")]
        back = [
            *(one for one in self.citing(hold, Act.WITHDRAW) if one.party == hold.party),
            *(one for one in self.against(hold, RefRole.CANCELS)),
            *(one for one in self.against(hold, *REPLACES) if not self.cancelled(one)),
        ]
        ends += [(min(one.time_ms, now_ms), "withdrawn") for one in back]
        passed = [one for one in ends if one[0] <= now_ms]
        return min(passed, key=lambda one: (one[0], "lew".index(one[1][0])))[1] if passed else state
