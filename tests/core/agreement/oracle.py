"""The rules once more, slowly: everything from nothing at every asking, from the whole record.

Written apart from the engine, with ``datetime`` for dates and plain loops for the rest, so that the
two agree only if both say what ``docs/rules.md`` says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

from tieline.core.agreement.message import Message, values_at
from tieline.core.agreement.model import (
    Base,
    Count,
    Criterion,
    Deadline,
    Effect,
    Exchange,
    Pack,
    Quota,
    Side,
    Simultaneous,
    Special,
    Take,
    Threshold,
    Validity,
    Who,
)
from tieline.core.agreement.value import Code, Day, Instant, Number, PartyCode, Unit
from tieline.core.terms import RefRole

DAY = 86_400_000
ACTS_KEPT = 8  # acts to one creditor that are looked at: part of what the rules say
VERSIONS_KEPT = 32  # of one message that are looked at
SKEW = 60_000
EPOCH = date(1970, 1, 1)
WORST = ["overdue", "open", "contested", "early", "late", "met", "lapsed", "held", "suspended",
         "waived", "ended"]  # fmt: skip
GOOD = ["met", "late", "early"]

Bounds = tuple[int | None, int | None]
Acts = list[tuple[int, int | None]] | Deadline  # acts, or the rule that judges its own trigger


def day(ms: int) -> date:
    return datetime.fromtimestamp(ms // 1000, UTC).date()


def opening(some: date) -> int:
    return (some - EPOCH).days * DAY


def closing(some: date) -> int:
    return opening(some + timedelta(days=1)) - 1


def key(message: Message) -> tuple[int, bytes]:
    return message.time_ms, message.digest


class Oracle:
    def __init__(
        self, pack: Pack, parties: tuple[str, ...], messages: list[Message],
        receipts: list[tuple[bytes, str, int]], since: int | None, now: int,
    ) -> None:  # fmt: skip
        self.pack, self.parties, self.since, self.now = pack, sorted(parties), since, now
        self.messages = messages
        self.known = {one.digest: one for one in messages}
        self.receipts: dict[tuple[bytes, str], int] = {}
        for digest, party, ms in receipts:
            before = self.receipts.get((digest, party), ms)
            self.receipts[digest, party] = min(before, ms)
        # Looked up all the time, and nothing of it hangs on the clock.
        self.rooted: dict[bytes, Message] = {}
        self.cites: dict[bytes, list[tuple[RefRole, Message]]] = {}
        for one in messages:
            target = self.corrects(one)
            self.rooted[one.digest] = one if target is None else self.rooted[target.digest]
        for one in messages:
            for role, target in self.cited(one):
                if target is not self.corrects(one):
                    self.cites.setdefault(self.root(target).digest, []).append((role, one))

    # ------------------------------------------------------------------------------- messages

    def cited(self, message: Message) -> list[tuple[RefRole, Message]]:
        return [(role, self.known[d]) for role, d in message.refs if d in self.known]

    def corrects(self, message: Message) -> Message | None:
        for role, target in self.cited(message):
            same = (target.sender, target.form) == (message.sender, message.form)
            if role is RefRole.CORRECTS and same:
                return target
        return None

    def root(self, message: Message) -> Message:
        return self.rooted[message.digest]

    def depth(self, message: Message) -> int:
        target = self.corrects(message)
        return 0 if target is None else 1 + self.depth(target)

    def chain(self, root: Message) -> list[Message]:
        return [one for one in self.messages if self.root(one) is root]

    def current(self, root: Message) -> Message:
        return max(self.chain(root), key=lambda one: (self.depth(one), key(one)))

    def about(self, root: Message) -> Iterator[tuple[RefRole, Message]]:
        """Who cited any version of a message, but for the corrections themselves."""
        yield from self.cites.get(root.digest, [])

    def ender(self, root: Message) -> tuple[RefRole, Message] | None:
        found = [
            (role, one)
            for role, one in self.about(root)
            if one.sender == root.sender and role in (RefRole.CANCELS, RefRole.SUPERSEDES)
        ]
        return min(found, key=lambda item: key(item[1]), default=None)

    def void(self, message: Message) -> bool:
        ender = self.ender(self.root(message))
        return ender is not None and ender[0] is RefRole.CANCELS

    def quiet(self, root: Message) -> bool:
        return any(
            role is RefRole.CANCELS and (one.sender, one.form) == (root.sender, root.form)
            for role, one in self.cited(root)
        )

    def roots(self) -> list[Message]:
        return [one for one in self.messages if self.root(one) is one]

    def had(self, message: Message, party: str) -> int | None:
        if party == message.sender:
            return message.time_ms
        return self.receipts.get((message.digest, party))

    def first(self, message: Message) -> int | None:
        times = [self.receipts.get((message.digest, one)) for one in self.parties
                 if one != message.sender]  # fmt: skip
        return min((one for one in times if one is not None), default=None)

    def written(self, message: Message) -> tuple[int, int]:
        low = high = message.time_ms
        first = self.first(message)
        if first is not None and first + SKEW < low:
            low = first
        cause = max((one.time_ms for _, one in self.cited(message)), default=0)
        if high + SKEW < cause:
            high = cause
        return low, high

    def form_effect(self, message: Message) -> Effect:
        return self.pack.forms[message.form].effect

    def effect(self, message: Message) -> Effect:
        taking_back = self.quiet(self.root(message))
        return Effect.NONE if taking_back else self.form_effect(message)

    def at(self, message: Message, path: str) -> tuple[object, ...]:
        return values_at(self.pack.forms[message.form], message, path)

    def stated(self, message: Message, path: str, *, last: bool = False) -> Bounds | None:
        found = []
        for one in self.at(message, path):
            if isinstance(one, Instant):
                found.append(((one.seconds - one.spread_s) * 1000,
                              (one.seconds + one.spread_s) * 1000))  # fmt: skip
            if isinstance(one, Day):
                some = EPOCH + timedelta(days=one.days)
                found.append((opening(some), closing(some)))
        if not found:
            return None
        return max(found, key=lambda e: e[1]) if last else min(found)

    def codes(self, message: Message, path: str) -> list[str]:
        return [one.id for one in self.at(message, path) if isinstance(one, Code)]

    def when(self, rule: Deadline | Threshold | Quota, message: Message) -> bool:
        return all(set(self.codes(message, c.path)) & set(c.one_of) for c in rule.when)

    # ----------------------------------------------------------------------------- thresholds

    def number(self, criterion: Criterion, message: Message) -> int:
        numbers = [o.n for o in self.at(message, criterion.path) if isinstance(o, Number)]
        return sum(numbers) if criterion.take is Take.SUM else max(numbers, default=0)

    def crosses(self, name: str, root: Message) -> bool:
        return self.over(name, self.current(root))

    def over(self, name: str, message: Message) -> bool:
        rule = self.pack.rules[name]
        assert isinstance(rule, Threshold)
        reached = [self.number(c, message) >= c.at_least for c in rule.any_of]
        needed = [self.number(c, message) >= c.at_least for c in rule.all_of]
        return self.when(rule, message) and any(reached) and all(needed)

    # ------------------------------------------------------------------------------- standing

    def stands(self, message: Message) -> bool:
        """Whether a message is about the pack and not about another message."""
        effect = self.effect(message)
        cited = [o for _, o in self.cited(message) if self.root(o) is not self.root(message)]
        of_pack = {Effect.SUSPEND, Effect.RESUME, Effect.CONTEST}
        return effect is Effect.SUSPEND or (
            effect in of_pack and (not cited or any(self.form_effect(o) in of_pack for o in cited))
        )

    def standing(self, one: str, other: str, at: int, *, strict: bool) -> str:
        out = "in force"
        status = [s for s in self.pack.status if set(s.pair) == {one, other}]
        said = [s for s in status if s.since_ms is None or at >= s.since_ms]
        if said and not self.stance(said[0].by, at, strict=strict)[2]:
            out = said[0].state.value
        for party in (one, other):
            suspended, contested, _ = self.stance(party, at, strict=strict)
            if suspended and out in ("in force", "contested"):
                out = "suspended"
            elif contested and out == "in force":
                out = "contested"
        return out

    def stance(self, party: str, at: int, *, strict: bool) -> tuple[bool, bool, bool]:
        steps = []
        for one in self.messages:
            if one.sender == party and self.stands(one) and not self.void(one):
                when = one.time_ms
                if strict:
                    when = max(when, self.first(one) or when)
                steps.append((when, one.digest, self.effect(one)))
        suspended = contested = resumed = False
        for when, _, effect in sorted(steps):
            if when > at:
                break
            if effect is Effect.SUSPEND:
                suspended, resumed = True, False
            elif effect is Effect.CONTEST:
                contested = True
            else:
                suspended, contested, resumed = False, False, True
        return suspended, contested, resumed

    def held(self, root: Message, at: int, debtor: str = "", *, strict: bool = False) -> bool:
        steps = []
        for one in self.messages:
            effect = self.effect(one)
            if effect not in (Effect.HOLD, Effect.RESUME):
                continue
            if effect is Effect.RESUME and self.stands(one):
                continue
            when = self.counts(one, effect, debtor, strict=strict)
            for _, target in self.cited(one):
                if self.root(target) is self.root(one) or when is None:
                    continue
                if effect is Effect.RESUME and self.form_effect(target) is Effect.HOLD:
                    if any(self.root(t) is root for _, t in self.cited(target)):
                        steps.append((when, one.digest, False, one))
                elif self.root(target) is root and one.sender in (target.sender, *target.to):
                    steps.append((when, one.digest, effect is Effect.HOLD, one))
        holders = set()
        for when, _, on, one in sorted(steps, key=lambda step: step[:2]):
            if when > at:
                break
            if on and not self.void(one) and (one.sender != debtor or debtor == root.sender):
                holders.add(one.sender)
            elif not on:
                holders.discard(one.sender)
        return bool(holders)

    def counts(self, one: Message, effect: Effect, debtor: str, *, strict: bool) -> int | None:
        """From when a hold, or what lifts it, counts for whose obligation that would excuse."""
        if debtor and effect is Effect.HOLD and strict:
            return max(one.time_ms, self.first(one) or one.time_ms)
        if debtor and effect is Effect.RESUME and not strict and debtor != one.sender:
            had = self.had(one, debtor)
            return None if had is None else max(one.time_ms, had)
        return one.time_ms

    def says(self, root: Message, party: str, effect: Effect) -> bool:
        return any(
            one.sender == party and self.effect(one) is effect and not self.void(one)
            and not self.stands(one)
            for _, one in self.about(root)
        )  # fmt: skip

    # ---------------------------------------------------------------------------- obligations

    def versions(self, root: Message) -> list[Message]:
        found = sorted(self.chain(root), key=lambda one: (self.depth(one), key(one)))
        return found if len(found) < VERSIONS_KEPT else [*found[: VERSIONS_KEPT - 1], found[-1]]

    def obliges(self, rule: Deadline, version: Message, debtor: str) -> bool:
        """Whether a version of a message begins what the rule says for a debtor."""
        base = self.at(version, rule.path) if rule.path else ()
        if base and all(one is Special.NIL for one in base):
            return False
        if not base and rule.base is Base.START and rule.by:
            return False  # no time was promised
        if rule.threshold and not self.over(rule.threshold, version):
            return False
        return self.when(rule, version) and debtor in self.debtors(rule, version)

    def base(self, rule: Deadline, first: Message, message: Message, debtor: str) -> Bounds:
        """The clock as a version tells it, for whom the first one obliged."""
        until = first if debtor == first.sender else message
        if rule.base is Base.ISSUE:
            return self.written(first)[0], self.written(until)[1]
        if rule.base is Base.RECEIPT:
            about = self.about(self.root(first))
            times = [one.time_ms for _, one in about if one.sender == debtor]
            receipt = self.had(message, debtor)
            times += [] if receipt is None else [receipt]
            issue = self.written(first)[0]
            return (issue, None) if not times else (min(issue, *times), min(times))
        stated = self.stated(message, rule.path)
        if stated is None:
            return None, None
        if rule.base is Base.CALENDAR:
            low, high = (
                closing(date(day(ms or 0).year + rule.years, rule.month, rule.day)) for ms in stated
            )
            return low, high
        on_date = isinstance(self.at(message, rule.path)[0], Day)
        if on_date and rule.base is Base.START and rule.count is Count.INSTANT:
            return stated[0], stated[0]
        return stated

    def clock(
        self, rule: Deadline, first: Message, message: Message, debtor: str
    ) -> tuple[Bounds, Bounds]:
        """Not before, and due."""
        base = self.base(rule, first, message, debtor)
        opens = self.bound(base, rule.not_before_ms, rule.count, up=False)
        return opens, self.bound(base, rule.not_after_ms, rule.count, up=True)

    def goes_by(
        self, rule: Deadline, root: Message, debtor: str, creditors: set[str], *, strict: bool
    ) -> tuple[Message, bool]:
        """The version by which another's act is owed, and whether a correction has ended it."""
        versions = self.versions(root)
        obliging = [one for one in versions if self.obliges(rule, one, debtor)]
        first = at = obliging[0]
        ended = False
        for one in versions[versions.index(first) + 1 :]:
            due = self.clock(rule, first, at, debtor)[1]
            if debtor == root.sender:
                times = [self.had(one, c) for c in creditors]
                came = None if None in times else max(t for t in times if t is not None)
                came = came if strict else self.written(one)[0]
                limit = due[0] if strict else due[1]
                if came is None or (limit is not None and came > limit):
                    continue
                ended = one not in obliging
            elif one in obliging and not strict:
                then, came = self.clock(rule, first, one, debtor)[1][1], self.had(one, debtor)
                surprise = then is not None and (came is None or then < came)
                if surprise and (due[1] is None or due[1] > (then or 0)):
                    continue
            at = one if one in obliging else at
        return at, ended

    def own(
        self, rule: Deadline, root: Message, creditor: str, flags: set[str], *, strict: bool
    ) -> str | None:
        """What becomes of a message that is judged by itself."""
        us = root.sender
        obliging = [one for one in self.versions(root) if self.obliges(rule, one, us)]
        first = obliging[0]

        def verdict(one: Message, by: Message) -> str | None:
            opens, due = self.clock(rule, first, by, us)
            act = (self.written(one)[0], self.had(one, creditor))
            return self.judged([act], opens, due, flags, strict=strict)

        if rule.base in (Base.OCCURRENCE, Base.ARRIVAL):
            return verdict(first, self.stating(rule, obliging))
        now = obliging[-1]
        told = [one for one in obliging if creditor in one.to] or [now]
        last = told[-1]
        limit = self.clock(rule, first, now, us)[1][0]
        if strict and limit is not None:
            dues = [self.clock(rule, first, one, us)[1][0] for one in told]
            worse = [n for n, due in enumerate(dues) if due is None or due > limit]
            told = told[max(worse, default=-1) + 1 :]
        for one in told:
            if verdict(one, one) == "met" == verdict(one, now):
                return "met"
        same = 0
        while same < len(told) and self.clock(rule, first, told[-1 - same], us) == self.clock(
            rule, first, now, us
        ):
            same += 1
        # A creditor who was not told the present plan has the last that it was told.
        return verdict(told[-same] if same else last, now)

    def stating(self, rule: Deadline, obliging: list[Message]) -> Message:
        """The first version that says when it was."""
        found = [one for one in obliging if self.stated(one, rule.path) is not None]
        return found[0] if found else obliging[-1]

    def bound(self, base: Bounds, by: int | None, count: Count, *, up: bool) -> Bounds:
        if by is None:
            return None, None
        out: list[int | None] = []
        for ms in base:
            if ms is None:
                out.append(None)
            elif count is Count.INSTANT:
                out.append(ms + by)
            else:
                some = day(ms) + timedelta(milliseconds=by)
                out.append(closing(some) if up else opening(some))
        return out[0], out[1]

    def judged(
        self, acts: list[tuple[int, int | None]], opens: Bounds, due: Bounds, flags: set[str],
        *, strict: bool,
    ) -> str | None:  # fmt: skip
        found = []
        for claimed, received in acts:
            done = received if strict or "receipt" in flags else claimed
            if done is None:
                continue
            begun = done if "receipt" in flags else claimed
            start, limit = (opens[1], due[0]) if strict else (opens[0], due[1])
            if "opens" in flags and (begun < start if start is not None else "waits" in flags):
                found.append("early")
            elif "bounded" in flags and limit is None and (strict or "own" in flags):
                continue
            elif limit is not None and done > limit:
                found.append("late")
            else:
                found.append("met")
        return min(found, key=GOOD.index, default=None)

    def view(
        self, debtor: str, creditor: str, root: Message | None, acts: Acts,
        opens: Bounds, due: Bounds, flags: set[str], *, strict: bool,
    ) -> str:  # fmt: skip
        if isinstance(acts, Deadline):
            assert root is not None
            state = self.own(acts, root, creditor, flags, strict=strict)
        else:
            state = self.judged(acts, opens, due, flags, strict=strict)
        if state not in ("met", "early"):
            limit = due[0] if strict else due[1]
            state = self.laid_over(debtor, creditor, root, state, limit, flags, strict=strict)
        return state

    def laid_over(
        self, debtor: str, creditor: str, root: Message | None, state: str | None,
        limit: int | None, flags: set[str], *, strict: bool,
    ) -> str:  # fmt: skip
        """What was late or not done, under what lets it off."""
        if state is None and root is not None:
            if self.says(root, creditor, Effect.WAIVE):
                return "waived"
            ender = self.ender(root)
            if ender is not None:
                when = self.had(ender[1], creditor) if strict else ender[1].time_ms
                too_late = limit is not None and (when is None or when > limit)
                if ender[1].sender != debtor or not too_late:
                    return "ended"
        if state is None and ("strictly ended" if strict else "ended") in flags:
            return "ended"
        at = self.now if limit is None else limit if state else min(self.now, limit)
        if root is not None and self.held(root, at, debtor, strict=strict):
            return "held"
        if self.standing(debtor, creditor, at, strict=strict) == "suspended":
            return "suspended"
        if state:
            return state
        if root is not None and self.says(root, debtor, Effect.CONTEST):
            return "contested"
        if self.standing(debtor, creditor, self.now, strict=strict) == "contested":
            return "contested"
        if limit is not None and self.now > limit:
            return "lapsed" if "lapses" in flags else "overdue"
        return "open"

    def obligations(self) -> dict[str, tuple[str, str, Bounds, Bounds]]:
        """By id: the debtor's view, the strict view, due, not before."""
        out: dict[str, tuple[str, str, Bounds, Bounds]] = {}
        for rule in self.pack.rules.values():
            if isinstance(rule, Deadline):
                self.deadline(rule, out)
            elif isinstance(rule, Exchange):
                self.exchange(rule, out)
            elif isinstance(rule, Simultaneous):
                self.together(rule, out)
        return out

    def put(
        self, out: dict[str, tuple[str, str, Bounds, Bounds]], id_: str, debtor: str,
        root: Message | None, acts: Mapping[str, Acts],
        opens: Bounds, due: Bounds, flags: set[str],
    ) -> None:  # fmt: skip
        views = [
            min((self.view(debtor, one, root, mine, opens, due, flags, strict=strict)
                 for one, mine in acts.items()), key=WORST.index)
            for strict in (False, True)
        ]  # fmt: skip
        out[id_] = (views[0], views[1], due, opens)

    def times(self, messages: list[Message], creditor: str) -> list[tuple[int, int | None]]:
        mine = sorted((one for one in messages if creditor in one.to), key=key)
        return [
            (self.written(one)[0], self.had(one, creditor))
            for one in mine[:ACTS_KEPT]
            if not self.void(one)
        ]

    def deadline(self, rule: Deadline, out: dict[str, tuple[str, str, Bounds, Bounds]]) -> None:
        for root in self.roots():
            if root.form != rule.on or self.quiet(root):
                continue
            now, owed = self.current(root), dict[str, Message]()
            for one in self.versions(root):
                if self.obliges(rule, one, root.sender):
                    owed[root.sender] = one
            for debtor in self.parties:
                if self.obliges(rule, now, debtor):
                    owed[debtor] = now
            for debtor, message in owed.items():
                self.debt(rule, root, message, debtor, out)

    def debt(
        self, rule: Deadline, root: Message, message: Message, debtor: str,
        out: dict[str, tuple[str, str, Bounds, Bounds]],
    ) -> None:  # fmt: skip
        creditors = {message.sender}
        if rule.to_all:
            creditors = set(self.parties)
        elif not rule.by or debtor == message.sender:
            creditors = set(message.to)
        creditors.discard(debtor)
        if not creditors:
            return
        obliging = [one for one in self.versions(root) if self.obliges(rule, one, debtor)]
        first, mine, theirs = obliging[0], obliging[-1], obliging[-1]
        flags = {"opens"} if rule.not_before_ms is not None else set[str]()
        flags |= {"bounded"} if rule.not_after_ms is not None else set()
        flags |= {"lapses"} if rule.lapses else set()
        flags |= {"receipt"} if rule.judged is Base.RECEIPT else set()
        acts: dict[str, Acts] = {}
        if rule.by:
            found = self.answers(rule, root, debtor)
            acts = {one: self.times(found, one) for one in creditors}
            mine, ended = self.goes_by(rule, root, debtor, creditors, strict=False)
            theirs, strictly = self.goes_by(rule, root, debtor, creditors, strict=True)
            flags |= {"ended"} if ended else set()
            flags |= {"strictly ended"} if strictly else set()
        else:
            flags |= {"own"}
            acts = dict.fromkeys(creditors, rule)
            if rule.base in (Base.OCCURRENCE, Base.ARRIVAL):
                mine = theirs = self.stating(rule, obliging)
                if self.base(rule, first, mine, debtor) == (None, None):
                    return  # the word was given, and says when nothing happened
            if self.current(root) not in obliging:
                flags |= {"ended", "strictly ended"}
        soft, hard = (self.clock(rule, first, one, debtor) for one in (mine, theirs))
        opens, due = (soft[0][0], hard[0][1]), (hard[1][0], soft[1][1])
        id_ = f"{self.pack.id}/{rule.id}/{debtor}/{root.digest.hex()}"
        self.put(out, id_, debtor, root, acts, opens, due, flags)

    def debtors(self, rule: Deadline, message: Message) -> list[str]:
        if rule.who is Who.SENDER:
            return [message.sender]
        if rule.who is Who.RECEIVERS:
            return sorted(set(message.to) - {message.sender})
        if rule.who is Who.EVERY:
            return self.parties
        found = self.at(message, rule.who_path)
        return [p for p in self.parties if PartyCode(p) in found]

    def answers(self, rule: Deadline, root: Message, debtor: str) -> list[Message]:
        if rule.link is None:
            found = [o for o in self.roots() if not self.quiet(o) and key(o) > key(root)]
        else:
            found = [one for role, one in self.about(root) if role is rule.link]
        return [one for one in found if one.sender == debtor and one.form in rule.by]

    def exchange(self, rule: Exchange, out: dict[str, tuple[str, str, Bounds, Bounds]]) -> None:
        if self.since is None:
            return
        for year in range(day(self.since).year - 1, day(self.now).year + 2):
            due = closing(date(year, rule.month, rule.day))
            opens = opening(date(year, rule.month, rule.day)) - rule.opens_ms
            again = opening(date(year + 1, rule.month, rule.day)) - rule.opens_ms
            if self.now < opens or due < self.since:
                continue
            for party in self.parties:
                given = [
                    one
                    for one in self.roots()
                    if one.sender == party and one.form in rule.forms + rule.nil
                    and opens <= one.time_ms < again and not self.quiet(one)
                ]  # fmt: skip
                acts = {o: self.times(given, o) for o in self.parties if o != party}
                self.put(out, f"{self.pack.id}/{rule.id}/{party}/{year}", party, None, acts,
                         (opens, opens), (due, due), {"opens", "bounded"})  # fmt: skip

    def together(self, rule: Simultaneous, out: dict[str, tuple[str, str, Bounds, Bounds]]) -> None:
        rounds: dict[tuple[str, tuple[str, ...]], list[Message]] = {}
        for one in self.roots():
            if one.form == rule.commit and not self.quiet(one):
                names = [n.name for n in self.at(one, rule.round_path) if isinstance(n, Unit)]
                members = tuple(sorted({one.sender, *one.to}))
                rounds.setdefault((names[0] if names else "", members), []).append(one)
        for (name, members), commits in rounds.items():
            binding = {}
            for party in members:
                mine = [o for o in commits if o.sender == party and not self.void(o)]
                if mine:
                    binding[party] = min(
                        mine, key=lambda o: (self.first(o) is None, self.first(o) or 0, key(o))
                    )
            times = [
                self.receipts.get((one.digest, other))
                for party, one in binding.items()
                for other in members
                if other != party
            ]
            whole = len(binding) == len(members)
            known = [one for one in times if one is not None]
            base = max(known) if whole and len(known) == len(times) else None
            due = None if base is None else base + rule.within_ms
            among = "" if list(members) == self.parties else "@" + ",".join(members)
            for party in members:
                opened = []
                if party in binding:
                    opened = [
                        one
                        for role, one in self.about(binding[party])
                        if role is RefRole.PREDECESSOR and one.form == rule.open
                        and one.sender == party
                    ]  # fmt: skip
                acts = {o: self.times(opened, o) for o in members if o != party}
                self.put(out, f"{self.pack.id}/{rule.id}/{party}/{name}{among}", party, None, acts,
                         (base, base), (due, due), {"opens", "bounded", "waits"})  # fmt: skip

    # --------------------------------------------------------------------------------- quotas

    def quota(self, rule: Quota, party: str, year: int) -> tuple[int, int, int | None, list[str]]:
        """Used, pending, limit, and what is exceeded."""
        uses = []
        for root in self.roots():
            message = self.current(root)
            if root.form != rule.on or self.quiet(root) or self.ender(root):
                continue
            if not self.when(rule, message):
                continue
            if rule.threshold and not self.crosses(rule.threshold, root):
                continue
            if rule.below and self.crosses(rule.below, root):
                continue
            receivers = list(message.to)
            if rule.side_path:
                found = self.at(message, rule.side_path)
                receivers = [o.code for o in found if isinstance(o, PartyCode)]
            mine = [message.sender] if rule.side is Side.ACTIVE else receivers
            if party not in mine:
                continue
            others = receivers if rule.side is Side.ACTIVE else [message.sender]
            stated = self.stated(message, rule.path) if rule.path else None
            when = root.time_ms if stated is None else stated[0] or 0
            judges = others if rule.side is Side.ACTIVE else [party]
            said = [self.accepted(rule, root, j) for j in judges] if rule.accepted_by else [True]
            counted = True in said
            if not counted and None not in said:
                continue
            uses.append((day(when).year, counted, others, message))
        span = range(year - rule.years + 1, year + 1)
        used = [use for use in uses if use[0] in span and use[1]]
        pending = sum(1 for use in uses if use[0] in span and not use[1])
        limit = self.limit(rule, party)
        over = []
        if limit is not None and len(used) > limit:
            over.append("limit")
        each = [rule.same_party] if rule.same_party is not None else []
        if rule.share and limit is not None:
            each.append(max(1, limit // rule.share))
        names = [o for use in used for o in set(use[2])]
        if each and any(names.count(o) > min(each) for o in names):
            over.append("party")
        things = [str(self.at(use[3], rule.object_path)) for use in used
                  if rule.object_path and self.at(use[3], rule.object_path)]  # fmt: skip
        if rule.per_object is not None and any(things.count(o) > rule.per_object for o in things):
            over.append("object")
        if rule.simultaneous is not None and self.peak(rule, uses, span) > rule.simultaneous:
            over.append("simultaneous")
        return len(used), pending, limit, over

    def accepted(self, rule: Quota, root: Message, party: str) -> bool | None:
        """What a party's last answer says; ``None``: it has given none."""
        found = [
            one
            for role, one in self.about(root)
            if role is RefRole.ANSWERS and one.form == rule.accepted_by and one.sender == party
        ]
        if not found:
            return None
        last = max(found, key=key)
        if self.void(last):
            return None
        codes = self.codes(self.current(self.root(last)), rule.accepted_path)
        return bool(set(codes) & set(rule.accepted_is))

    def limit(self, rule: Quota, party: str) -> int | None:
        units = rule.units
        if units is None:
            return rule.limit
        found = [o for o in self.roots()
                 if o.form == units.on and o.sender == party and not self.quiet(o)]  # fmt: skip
        if not found:
            return None
        last = self.current(max(found, key=key))
        numbers = [o.n for o in self.at(last, units.path) if isinstance(o, Number)]
        if not numbers:
            return None
        whole, rest = divmod(max(numbers), units.per)
        return min(max(whole + (rest > 0), units.at_least), units.cap)

    def peak(
        self, rule: Quota, uses: list[tuple[int, bool, list[str], Message]], span: range
    ) -> int:
        windows = []
        for _, counted, _, message in uses:
            low = self.stated(message, rule.from_path)
            high = self.stated(message, rule.until_path, last=True)
            if counted and low and high:
                on_date = any(isinstance(o, Day) for o in self.at(message, rule.until_path))
                end = (high[1] or 0) + (1 if on_date else 0)
                windows.append((low[0] or 0, max(end, (low[0] or 0) + 1)))
        first, last = opening(date(span[0], 1, 1)), closing(date(span[-1], 12, 31))
        starts = [max(low, first) for low, high in windows if low <= last and high > first]
        return max((sum(low <= at < high for low, high in windows) for at in starts), default=0)

    # ------------------------------------------------------------------------------- validity

    def validity(self, rule: Validity, root: Message) -> tuple[str, int | None]:
        message = self.current(root)
        since: int | None = root.time_ms
        until: int | None = root.time_ms
        if rule.from_path:
            stated = self.stated(message, rule.from_path)
            since, until = stated or (None, None)
        if rule.until_path:
            stated = self.stated(message, rule.until_path, last=True)
            until = None if stated is None else stated[1]
        elif not rule.until_plus_ms:
            until = None
        if rule.count is Count.UTC_DATE:
            since = None if since is None else opening(day(since))
            if until is not None:
                until = closing(day(until) + timedelta(milliseconds=rule.until_plus_ms))
        elif until is not None:
            until += rule.until_plus_ms
        ender = self.ender(root)
        if ender is not None:
            return ("cancelled" if ender[0] is RefRole.CANCELS else "superseded"), until
        if self.ended(rule, root):
            return "ended", until
        if until is not None and self.now > until:
            return "expired", until
        if self.held(root, self.now):
            return "held", until
        if since is not None and self.now < since:
            return "not yet", until
        if rule.revalidate_ms is not None:
            said = [message.time_ms] + [
                one.time_ms
                for role, one in self.about(root)
                if role is RefRole.CONCERNS
                and one.sender == root.sender
                and one.form not in rule.ended_by
            ]
            if self.now > max(said) + rule.revalidate_ms:
                return "stale", until
        return "valid", until

    def ended(self, rule: Validity, root: Message) -> bool:
        """Whether its sender took it back by another form, as a whole or object by object."""
        acts = [
            one
            for role, one in self.about(root)
            if one.sender == root.sender and one.form in rule.ended_by and self.root(one) is one
            and role not in (RefRole.CANCELS, RefRole.SUPERSEDES) and not self.void(one)
        ]  # fmt: skip
        if not rule.objects:
            return bool(acts)
        listed = {str(o) for o in self.at(self.current(root), rule.objects)}
        named = {str(o) for one in acts for o in self.at(self.current(one), rule.objects)}
        return bool(acts) and listed <= named
