"""Looking again at what was touched: from matters, dates and rounds to obligations.

See ``ledger``. A *maker* is what obligations come from: a matter (a message with its corrections),
a slot (one party and one date of an exchange), a round (of a simultaneous exchange). It is renewed
when it was touched, and when a time passes at which what it makes may change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Final

from tieline.core.agreement.book import (
    CLOSINGS,
    WORDS,
    Book,
    Maker,
    WaitKey,
    promise_places,
)
from tieline.core.agreement.clocks import (
    deadline_terms,
    exchange_due,
    exchange_opens,
    exchange_year,
    obliges,
    obliges_party,
)
from tieline.core.agreement.dates import LAST_YEAR
from tieline.core.agreement.due import next_change, settle
from tieline.core.agreement.matter import (
    ACTS_KEPT,
    Debt,
    Entry,
    Matter,
    Source,
    Stream,
    Terms,
)
from tieline.core.agreement.message import at_numbers
from tieline.core.agreement.model import Base, Deadline, Link, Pack, Who
from tieline.core.agreement.plan import DeadlinePlan
from tieline.core.agreement.reason import SKEW_MS, UNKNOWN
from tieline.core.agreement.value import PartyCode
from tieline.core.agreement.windows import Round, Slot
from tieline.core.terms import MAX_TIME_MS

YEARS_BACK: Final = 100  # of an exchange: a clock that is far off costs no more than this
# Members of an enum, found once: finding one costs more than what is done with it here.
_SENDER, _RECEIVERS, _EVERY = Who.SENDER, Who.RECEIVERS, Who.EVERY
_BULK: Final = 1_000  # from so many on, rows are sorted once and not put in one by one


class DeadlineSource:
    """How a deadline makes obligations of one debtor, one from each matter of its form."""

    __slots__ = (
        "at_receipt", "bounded", "closings", "debtor", "lapses", "named", "owed_to", "own", "pack",
        "plan", "rule", "streams", "within", "words",
    )  # fmt: skip
    waits: ClassVar[bool] = False

    def __init__(
        self,
        pack: str,
        plan: DeadlinePlan,
        debtor: str,
        streams: tuple[Stream, ...],
        closings: Mapping[tuple[bytes, str], Stream],
        words: Mapping[tuple[bytes, str], Stream],
    ) -> None:
        self.pack, self.plan, self.debtor = pack, plan, debtor
        self.closings = closings if plan.promise else _NO_CLOSINGS
        self.words = words
        self.within = plan.rule.link is Link.INCIDENT
        self.rule: Deadline = plan.rule
        self.streams = streams  # what the debtor sends of the forms that discharge it uncited
        self.named = f"{pack}/{plan.rule.id}/{debtor}/"  # what the ids of its debts begin with
        self.owed_to: dict[tuple[str, ...], tuple[str, ...]] = {}  # see ``Fold._owed``
        self.bounded = plan.rule.not_after_ms is not None
        self.lapses = plan.rule.lapses
        self.at_receipt = plan.rule.judged is Base.RECEIPT
        self.own = not plan.rule.by

    def terms(self, debt: Debt) -> Terms:
        return deadline_terms(self.plan, _begun(debt), debt.debtor, debt.creditors)

    def idle(self, debt: Debt) -> bool:
        """Whether nobody sent anything about the trigger; one that waits uncited has to look."""
        if self.within:
            return not any(True for _ in self._said(_begun(debt)))
        if self.rule.link is None or _begun(debt).acts:
            return False
        return not self.closings or not any(self.closed(_begun(debt)))

    def closed(self, matter: Matter) -> Iterator[Stream]:
        """By what the debtor closed the incidents in which a promise stands."""
        for place in promise_places(matter):
            found = self.closings.get((place, self.debtor))
            if found is not None:
                yield found

    def _said(self, matter: Matter) -> Iterator[Stream]:
        """What the debtor said in the incidents of the trigger; also before it: that was a word."""
        for place in matter.root.threads:
            found = self.words.get((place, self.debtor))
            if found is not None:
                yield found

    def acts(self, debt: Debt, creditor: str) -> Sequence[Entry]:
        """What the debtor sent to a creditor that may discharge it, by claimed time."""
        rule = self.rule
        some: list[list[Entry]] = []
        if self.within:
            some = [one.first(creditor) for one in self._said(_begun(debt))]
        elif self.closings:
            matter = _begun(debt)
            some += [one.after(creditor, matter.root.key) for one in self.closed(matter)]
        if rule.link is None:
            begun = _begun(debt).root.key
            some = [stream.after(creditor, begun) for stream in self.streams]
        elif not isinstance(rule.link, Link):
            acts = _begun(debt).acts
            if not acts and not some:
                return ()
            for form in rule.by:
                found = acts.get((rule.link, form, debt.debtor))
                kept = None if found is None else found.to.get(creditor)
                if kept is not None:
                    some.append(kept)
        if len(some) < 2:
            return some[0] if some else ()
        both = list(dict.fromkeys(entry for one in some for entry in one))
        both.sort(key=lambda entry: entry.key)
        return both[:ACTS_KEPT]

    def is_nil(self, entry: Entry) -> bool:
        return False


def _is_word(source: Source) -> bool:
    """Whether a message is judged by itself, against the time at which something happened."""
    rule = source.rule
    return source.own and isinstance(rule, Deadline) and rule.base in _HAPPENED


_HAPPENED: Final = frozenset({Base.OCCURRENCE, Base.ARRIVAL})
_NO_CLOSINGS: Final[Mapping[tuple[bytes, str], Stream]] = MappingProxyType({})


def _begun(debt: Debt) -> Matter:
    """The matter of a deadline's debt: each has one."""
    if debt.matter is None:
        raise AssertionError(debt.id)
    return debt.matter


class Fold(Book):
    """Renews what was touched."""

    def __init__(self, packs: Sequence[Pack], parties: Sequence[str]) -> None:
        super().__init__(packs, parties)
        self._sources: dict[tuple[DeadlinePlan, str], DeadlineSource] = {}  # plan, debtor

    @property
    def asked_ms(self) -> int:
        """For when it was last asked; 0: never."""
        return max(0, self._now_ms)

    def refresh(self, now_ms: int) -> None:
        """Bring the sheet to ``now_ms``."""
        self.catch_up(now_ms)

    def catch_up(self, now_ms: int, most: int | None = None) -> bool:
        """A part of ``refresh``: look at ``most`` makers at the most; whether all were looked at.

        What is left stays marked: whoever asks meanwhile has it looked at first.
        """
        sheet = self.sheet
        self._spread_chains()  # before anything is marked that was not touched, see ``_touch``
        if now_ms < self._now_ms:
            sheet.forget_times()
            for entry in self.entries.values():
                self._stale[entry.matter] = None
            self._stale.update(dict.fromkeys(self.slots.values()))
            self._stale.update(dict.fromkeys(self.rounds.values()))
        self._now_ms = now_ms
        self._stale.update(dict.fromkeys(sheet.woken(now_ms)))
        self._spread()
        self._make_slots(now_ms)
        if len(self._stale) > _BULK:
            sheet.loosen()
        left = len(self._stale) if most is None else most
        while left and self._stale:
            left -= 1
            self._renew(self._stale.popitem()[0], now_ms)
        return not self._stale

    def _spread_chains(self) -> None:
        chains, self._chains = self._chains, {}
        for matter in chains:
            self._spread_chain(matter)

    def _spread(self) -> None:
        """Carry what was marked as a whole to each maker that it may move."""
        for pack in self._stale_packs:
            self._stale.update(dict.fromkeys(self.sheet.sensitive.get(pack, {}).values()))
        self._stale_packs.clear()
        for key in self._stale_streams:
            self._stale.update(dict.fromkeys(self._streamed.get(key, {})))
        self._stale_streams.clear()
        for wait in self._stale_waits:
            self._stale.update(dict.fromkeys(self._waiting.get(wait, {})))
        self._stale_waits.clear()

    def _spread_chain(self, matter: Matter) -> None:
        """It was corrected or taken back: what it says of others may have changed."""
        for entry in (matter.root, *matter.corrections):
            for _, target in entry.targets:
                self._touch(target.matter)
            for slot in self._slots_of.get(entry.message.digest, ()):
                self._stale[slot] = None
        if matter.root.plan.streams:
            self._stream_changed(matter.root, all_=True)
        if matter.root.plan.says:
            self._word_changed(matter.root, all_=True)
        if matter.root.plan.stands:
            self._standing_changed(matter.root)

    def _make_slots(self, now_ms: int) -> None:
        """A slot for each party and each date that has opened since the pack is in force."""
        if now_ms < self._slots_until_ms:
            return
        self._slots_until_ms = MAX_TIME_MS
        for name, plan in self.plans.items():
            since = self._since.get(name)
            if since is None:
                continue
            for rule in plan.exchanges:
                last = exchange_year(rule, now_ms)
                made = self._made_years.get((name, rule.id), exchange_year(rule, since) - 1)
                for year in range(max(made + 1, last - YEARS_BACK), last + 1):
                    for party in self.parties:
                        self._slot(name, rule, party, year)
                self._made_years[name, rule.id] = max(made, last)
                if last < LAST_YEAR:
                    again = exchange_opens(rule, last + 1)
                    self._slots_until_ms = min(self._slots_until_ms, again)

    # ----------------------------------------------------------------------------------- makers

    def _renew(self, maker: Maker, now_ms: int) -> None:
        if isinstance(maker, Matter):
            if maker.made_for != len(maker.corrections):
                self._remake(maker)
        elif isinstance(maker, Slot):
            if not self._is_owed(maker, now_ms):
                for debt in maker.debts:
                    self.sheet.drop(debt)
                return
            if not maker.debts:
                maker.debts = tuple(self._slot_debts(maker))
        elif not maker.debts:
            maker.debts = tuple(self._round_debts(maker))
        for debt in maker.debts:
            self._show(debt, maker, now_ms)
        if isinstance(maker, Matter) and maker.root.plan.uncited:
            self._wait(maker)

    def _show(self, debt: Debt, maker: Maker, now_ms: int) -> None:
        """Judge a debt and show it."""
        standing = self.standings[debt.pack]
        terms = debt.source.terms(debt)
        if terms.base == UNKNOWN and _is_word(debt.source):
            # It says when nothing happened: it has been given, and no clock began to judge it by.
            self.sheet.drop(debt)
            return
        shown, moves = settle(debt, terms, standing, now_ms)
        self.sheet.put(debt, maker, shown, moves=moves)
        if moves:
            again = next_change(debt, terms, standing, now_ms)
            if again is not None:
                self.sheet.wake(again, maker)

    def _wait(self, matter: Matter) -> None:
        """Note for which acts a matter waits that need not cite it.

        Toward a creditor who has had an act a later one changes nothing, unless the first one was
        on its way so long that a later one may have come in time.
        """
        waits: dict[WaitKey, bool] = {}
        for debt in matter.debts:
            source = debt.source
            if not isinstance(source, DeadlineSource):
                continue
            if not (source.streams or source.plan.promise or source.within):
                continue
            if source.streams:
                self._streamed.setdefault((debt.pack, debt.debtor), {})[matter] = None
            if source.plan.promise:
                self._streamed.setdefault((CLOSINGS, debt.debtor), {})[matter] = None
            if source.within:
                self._streamed.setdefault((WORDS, debt.debtor), {})[matter] = None
            due = source.terms(debt).due.earliest
            for creditor in debt.creditors:
                acts = source.acts(debt, creditor)
                done = bool(acts) and _settled(acts[0], creditor, due)
                more = not done or source.rule.not_before_ms is not None
                for pack, form in _waited(source, matter):
                    key = (pack, form, debt.debtor, creditor)
                    waits[key] = more or waits.get(key, False)
        for key, more in waits.items():
            if more:
                self._waiting.setdefault(key, {})[matter] = None
            elif key in self._waiting:
                self._waiting[key].pop(matter, None)

    def _is_owed(self, slot: Slot, now_ms: int) -> bool:
        """Whether the date has opened, in the time of the pack, for a party of the line."""
        opens = exchange_opens(slot.rule, slot.year)
        if now_ms < opens:
            self.sheet.wake(opens, slot)
            return False
        since = self._since.get(slot.pack)
        due = exchange_due(slot.rule, slot.year)
        return since is not None and due >= since and slot.party in self.parties

    # ------------------------------------------------------------------------------------ debts

    def _remake(self, matter: Matter) -> None:
        """The debts of a matter as its current version says; what stays keeps its id."""
        if matter.made_for < 0:
            if matter.root.plan.deadlines:
                matter.debts = tuple(self._matter_debts(matter))
            matter.made_for = len(matter.corrections)
            return
        before = {debt.id: debt for debt in matter.debts}
        debts = [
            before.pop(debt.id, debt)
            if (known := before.get(debt.id)) is not None and known.creditors == debt.creditors
            else debt
            for debt in self._matter_debts(matter)
        ]
        for debt in before.values():
            self.sheet.drop(debt)  # it is owed no more, or by another debt in its place
        matter.debts = tuple(debts)
        matter.made_for = len(matter.corrections)

    def _matter_debts(self, matter: Matter) -> list[Debt]:
        made: list[Debt] = []
        if matter.quiet:
            return made
        current, sender = matter.current, matter.root.message.sender
        for plan in matter.root.plan.deadlines:
            debtors = self._debtors(plan, current) if obliges(plan, current) else ()
            for debtor in debtors:
                debt = self._debt(plan, current, debtor)
                if debt is not None:
                    made.append(debt)
            if matter.corrections and sender not in debtors:
                # Whoever owed by its own word is not let off because it now says something else.
                some = [one for one in matter.versions() if obliges_party(plan, one, sender)]
                debt = self._debt(plan, some[-1], sender) if some else None
                if debt is not None:
                    made.append(debt)
        return made

    def _debtors(self, plan: DeadlinePlan, version: Entry) -> Sequence[str]:
        message, who = version.message, plan.rule.who
        if who is _SENDER:
            return (message.sender,)
        if who is _RECEIVERS:
            if len(message.to) == 1 and message.to[0] != message.sender:
                return message.to
            return sorted({*message.to} - {message.sender})
        if who is _EVERY:
            return self.parties
        found = at_numbers(message.values, plan.who)
        codes = {one.code for one in found if isinstance(one, PartyCode)}
        return sorted(codes & {*self.parties})

    def _debt(self, plan: DeadlinePlan, version: Entry, debtor: str) -> Debt | None:
        message, matter = version.message, version.matter
        root = matter.root.message
        source = self._sources.get((plan, debtor))
        if source is None:
            source = self._sources[plan, debtor] = self._source(message.pack, plan, debtor)
        if plan.rule.to_all:
            some = self.parties
        elif source.own or debtor == message.sender:
            some = message.to
        else:
            some = (message.sender,)
        owed = source.owed_to.get(some)
        if owed is None:
            owed = source.owed_to[some] = self._applied(
                message.pack, debtor, some if len(some) == 1 else tuple(sorted({*some}))
            )
        if not owed:
            return None
        id_ = source.named + root.digest.hex()
        return Debt(id_, message.pack, debtor, owed, source, matter, "", root.time_ms)

    def _source(self, pack: str, plan: DeadlinePlan, debtor: str) -> DeadlineSource:
        streams: tuple[Stream, ...] = ()
        if plan.rule.link is None:
            streams = tuple(
                self._streams.setdefault((pack, form, debtor), Stream()) for form in plan.rule.by
            )
        return DeadlineSource(pack, plan, debtor, streams, self.closings, self.words)

    def _slot_debts(self, slot: Slot) -> Iterator[Debt]:
        owed = self._applied(slot.pack, slot.party, self.parties)
        if owed:
            yield Debt(
                id=f"{slot.pack}/{slot.rule.id}/{slot.party}/{slot.year}",
                pack=slot.pack,
                debtor=slot.party,
                creditors=owed,
                source=slot,
                matter=None,
                key=str(slot.year),
                at_ms=exchange_due(slot.rule, slot.year),
            )

    def _round_debts(self, found: Round) -> Iterator[Debt]:
        for party in found.parties:
            owed = self._applied(found.pack, party, found.parties)
            if owed:
                among = "" if found.parties == self.parties else "@" + ",".join(found.parties)
                yield Debt(
                    id=f"{found.pack}/{found.rule.id}/{party}/{found.name}{among}",
                    pack=found.pack,
                    debtor=party,
                    creditors=owed,
                    source=found,
                    matter=None,
                    key=found.name,
                    at_ms=0,
                )

    def _applied(self, pack: str, debtor: str, creditors: tuple[str, ...]) -> tuple[str, ...]:
        """Those among the creditors (sorted) toward whom the pack is applied at all."""
        standing = self.standings[pack]
        if not standing.statuses:
            if debtor not in creditors:
                return creditors
            return tuple([one for one in creditors if one != debtor])
        return tuple(one for one in creditors if one != debtor and standing.applies(debtor, one))


def _waited(source: DeadlineSource, matter: Matter) -> Iterator[tuple[str, str]]:
    """What need not cite a matter and may meet what follows from it: pack and form."""
    if source.streams:
        for form in source.rule.by:
            yield source.pack, form
    if source.plan.promise:
        for place in promise_places(matter):
            yield CLOSINGS, place.hex()
    if source.within:
        for place in matter.root.threads:
            yield WORDS, place.hex()


def _settled(act: Entry, creditor: str, due_ms: int | None) -> bool:
    """Whether no act that is claimed later, and that nothing contradicts, can be in better time."""
    received = act.received_by(creditor)
    if act.matter.void or received is None:
        return False
    return due_ms is None or received <= due_ms or act.message.time_ms > due_ms + SKEW_MS
