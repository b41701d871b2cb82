"""What the ledger keeps: messages taken in, and what each of them touches.

See ``ledger`` for what this is for. Here a message finds what it cites, joins the matter that it
corrects, is put where rules look for it, and marks what must be looked at again. Nothing is judged
here, and the work for one message does not grow with the record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tieline.core.agreement.clocks import exchange_year
from tieline.core.agreement.matter import Entry, Matter, Stream
from tieline.core.agreement.message import Message, at_numbers
from tieline.core.agreement.model import Deadline, Effect, Exchange, Link, Pack
from tieline.core.agreement.plan import STANDS, PackPlan, compile_pack, crosses, named
from tieline.core.agreement.quota import QuotaBook
from tieline.core.agreement.serials import Serials
from tieline.core.agreement.sheet import Sheet
from tieline.core.agreement.standing import Standing
from tieline.core.agreement.value import Serial
from tieline.core.agreement.windows import Round, Slot
from tieline.core.terms import RefRole

Maker = Matter | Slot | Round
# Members of an enum, found once: finding one costs more than what is done with it here.
_CORRECTS, _CANCELS, _SUPERSEDES = RefRole.CORRECTS, RefRole.CANCELS, RefRole.SUPERSEDES
_CONCERNS = RefRole.CONCERNS
_RESUME = Effect.RESUME
WaitKey = tuple[str, str, str, str]  # pack, form, debtor, creditor
CLOSINGS: Final = ""  # stands for the pack where closings of an incident are waited for
WORDS: Final = "."  # and where a word in an incident is
THREADS_KEPT: Final = 16  # incidents of one message


class Book:
    """What the ledger keeps. ``Ledger`` adds the questions that can be asked of it."""

    def __init__(self, packs: Sequence[Pack], parties: Sequence[str]) -> None:
        self.parties = tuple(sorted(dict.fromkeys(parties)))
        self.plans: dict[str, PackPlan] = {pack.id: compile_pack(pack) for pack in packs}
        self.standings = {pack.id: Standing(pack) for pack in packs}
        self.entries: dict[bytes, Entry] = {}
        self.matters: dict[tuple[str, str], list[Matter]] = {}  # by pack and form, where asked for
        self.serials: dict[tuple[str, str, str], Serials] = {}
        self.unmet: list[Entry] = []  # cite no predecessor though the form wants one
        self.rounds: dict[tuple[str, str, str, tuple[str, ...]], Round] = {}
        self.slots: dict[tuple[str, str, str, int], Slot] = {}
        self.sheet: Sheet[Maker] = Sheet()
        self.sheet.sensitive.update({name: {} for name in self.plans})
        self._receipts: dict[bytes, dict[str, int]] = {}  # of what was not taken in
        self._since: dict[str, int] = {}
        self._streams: dict[tuple[str, str, str], Stream] = {}
        self._streamed: dict[tuple[str, str], dict[Matter, None]] = {}  # by pack and debtor
        # Closings by opening, or what they cite of their sender's own, and sender.
        self.closings: dict[tuple[bytes, str], Stream] = {}
        # What was said by opening and sender, where some rule asks for a first word.
        self.words: dict[tuple[bytes, str], Stream] = {}
        self._words_asked = any(
            isinstance(rule, Deadline) and rule.link is Link.INCIDENT
            for pack in packs
            for rule in pack.rules.values()
        )
        # By pack, form, debtor and creditor: what an act of that form to that creditor may change.
        self._waiting: dict[WaitKey, dict[Matter, None]] = {}
        self._rounds_of: dict[Matter, list[Round]] = {}
        self._chains: dict[Matter, None] = {}  # corrected or taken back: what they cite is stale
        self._reports: dict[tuple[str, str, str], Matter] = {}
        self._slots_of: dict[bytes, list[Slot]] = {}
        self._made_years: dict[tuple[str, str], int] = {}  # pack, rule: slots exist up to it
        self._slots_until_ms = 0  # before then no other date of an exchange opens
        self._stale: dict[Maker, None] = {}
        self._stale_packs: dict[str, None] = {}
        self._stale_streams: dict[tuple[str, str], None] = {}
        self._stale_waits: dict[WaitKey, None] = {}
        self._now_ms = 0
        self.quota_books: dict[tuple[str, str], QuotaBook] = {
            (name, one.rule.id): QuotaBook(one, name, _crossing(plan), self._reported(name))
            for name, plan in self.plans.items()
            for one in plan.quotas
        }

    # ------------------------------------------------------------------------------- taking in

    def since(self, at_ms: int, pack: str = "") -> None:
        """From when a pack (empty: each) is in force: earlier dates of exchanges are not owed."""
        for name in (pack,) if pack else self.plans:
            self._since[name] = at_ms
        self._made_years.clear()
        self._slots_until_ms = 0
        self._stale.update(dict.fromkeys(self.slots.values()))

    def receipt(self, digest: bytes, party: str, at_ms: int) -> None:
        """A station of ``party`` had a message at ``at_ms`` by its own clock; the first counts."""
        entry = self.entries.get(digest)
        known = self._receipts.setdefault(digest, {}) if entry is None else entry.receipts
        before = known.get(party)
        if before is not None and before <= at_ms:
            return
        known[party] = at_ms
        if entry is None:
            return
        entry.received(party, at_ms)
        if entry.plan.commits and entry.matter.root is entry:
            self._commitment_changed(entry.matter)
        if entry.matter not in self._stale:
            self._touch(entry.matter)
        plan = entry.plan
        for _, target in entry.targets:
            self._touch(target.matter)
            if plan.does and plan.form.effect is _RESUME:
                for _, further in target.targets:  # letting go cites the hold, not what is held
                    self._touch(further.matter)
        if not plan.heard:
            return
        if plan.exchanges:
            for slot in self._slots_of.get(digest, ()):
                self._stale[slot] = None
        if plan.streams:
            moved = before is not None or any(entry.doubts())
            self._stream_changed(entry, all_=moved)
        if plan.says:
            self._word_changed(entry, all_=before is not None or any(entry.doubts()))
        if plan.stands:
            self._standing_changed(entry)

    def admit(self, message: Message) -> None:
        """Take in a message; what it cites was admitted before. A second time changes nothing."""
        pack = self.plans.get(message.pack)
        plan = None if pack is None else pack.forms.get(message.form)
        if plan is None or message.digest in self.entries:
            return
        receipts = self._receipts.pop(message.digest, {}) if self._receipts else {}
        entry = self.entries[message.digest] = Entry(message, plan, receipts)
        corrected = bool(message.refs) and self._cite(entry)
        if plan.opens and not entry.threads:
            entry.threads = (message.digest,)
        if plan.serial or plan.wants:
            self._count(entry, corrected=corrected)
        if plan.does and not entry.matter.quiet:
            self._apply(entry)
        if corrected:
            # What its first version said of other messages it may now say differently.
            self._chains[entry.matter] = None
        elif not entry.matter.quiet:
            if plan.filed:
                self._file(entry)
            if plan.closes and not message.relayed:
                self._close(entry)
            if plan.says and self._words_asked and not message.relayed:
                self._say(entry)
        self._touch(entry.matter)

    def _cite(self, entry: Entry) -> bool:
        """Find what a message cites, and note it there; whether it corrects an own message."""
        message, corrected, cancels = entry.message, False, False
        targets: list[tuple[RefRole, Entry]] = []
        threads: tuple[bytes, ...] = ()
        for role, digest in message.refs:
            target = self.entries.get(digest)
            if target is None:  # an opening of a pack that is out of force, or a text
                threads = _joined(threads, (digest,))
                continue
            if target is entry:
                continue
            if target.threads != threads:
                threads = _joined(threads, target.threads)
            targets.append((role, target))
            entry.cause_ms = max(entry.cause_ms, target.message.time_ms)
            own = target.message.sender == message.sender
            if own and role is _CORRECTS and target.plan is entry.plan and not corrected:
                corrected = True
                entry.matter, entry.depth = target.matter, target.depth + 1
                entry.matter.correct(entry)
                continue
            matter, plan = target.matter, target.plan
            if own and role in (_CANCELS, _SUPERSEDES):
                matter.end(entry, role)
                self._commitment_changed(matter)
                cancels = cancels or (role is _CANCELS and target.plan is entry.plan)
                self._chains[matter] = None
            elif own and message.form in matter.root.plan.ended_by and entry.plan.pack is plan.pack:
                matter.stop(entry)
            elif own and role is _CONCERNS:
                matter.affirmed_ms = max(matter.affirmed_ms or 0, message.time_ms)
            matter.cited_by(entry)
            key = (role, message.form, message.sender)
            if message.pack == target.message.pack:
                matter.act(key, entry)
            self._touch(matter)
        entry.targets = tuple(targets)
        entry.threads = threads
        entry.matter.quiet = entry.matter.quiet or (cancels and not corrected)
        return corrected

    def _count(self, entry: Entry, *, corrected: bool) -> None:
        """Serial numbers and predecessors."""
        message, plan = entry.message, entry.plan
        if plan.serial and not corrected and plan.serial[0] in message.values:
            for one in at_numbers(message.values, plan.serial):
                if isinstance(one, Serial):
                    key = (message.pack, message.form, message.sender)
                    self.serials.setdefault(key, Serials()).add(one.n)
        for needed in plan.wants:
            if not entry.cites(needed):
                self.unmet.append(entry)
                break

    def _file(self, entry: Entry) -> None:
        """Put a new matter where rules look for it."""
        message, plan, matter = entry.message, entry.plan, entry.matter
        key = (message.pack, message.form)
        if plan.validities or plan.thresholds:
            self.matters.setdefault(key, []).append(matter)
        if plan.states_units:
            last = self._reports.get((*key, message.sender))
            if last is None or entry.key > last.root.key:
                self._reports[*key, message.sender] = matter
        if plan.streams:
            last_of_all = self._streams.setdefault((*key, message.sender), Stream()).add(entry)
            self._stream_changed(entry, all_=not last_of_all)
        for rule in plan.exchanges:
            year = exchange_year(rule, message.time_ms)
            slot = self._slot(message.pack, rule, message.sender, year)
            slot.acts_kept.add(entry)
            self._slots_of.setdefault(message.digest, []).append(slot)
            self._stale[slot] = None
        for commit in plan.commits:
            names = at_numbers(message.values, commit.round) if commit.round else ()
            name = named(names[0]) if names else ""
            members = tuple(sorted({message.sender, *message.to}))
            place = (message.pack, commit.rule.id, name, members)
            found = self.rounds.get(place)
            if found is None:
                found = self.rounds[place] = Round(commit, message.pack, name, members)
            found.commit(entry)
            self._rounds_of.setdefault(matter, []).append(found)
            self._stale[found] = None

    def _close(self, entry: Entry) -> None:
        """Its sender closes an incident: what it promised there by a next word is kept by that."""
        last_of_all, sender = True, entry.message.sender
        for place in closing_places(entry):
            last_of_all &= self.closings.setdefault((place, sender), Stream()).add(entry)
        self._closing_changed(entry, all_=not last_of_all)

    def _say(self, entry: Entry) -> None:
        """Its sender says a word in an incident: perhaps the first that it owes there."""
        last_of_all, sender = True, entry.message.sender
        for place in entry.threads:
            last_of_all &= self.words.setdefault((place, sender), Stream()).add(entry)
        self._word_changed(entry, all_=not last_of_all)

    def _apply(self, entry: Entry) -> None:
        """What a form does besides what rules say of it."""
        effect = entry.plan.form.effect
        cited = [target for _, target in entry.targets if target.matter is not entry.matter]
        of_pack = not cited or any(one.plan.form.effect in STANDS for one in cited)
        if effect is Effect.SUSPEND or (effect in STANDS and of_pack):
            self.standings[entry.message.pack].add(entry)
            self._standing_changed(entry)
            return
        pack, sender = entry.plan.pack, entry.message.sender
        for target in cited:
            matter = target.matter
            if target.plan.pack is not pack:
                continue  # no agreement moves what follows from another
            if effect is Effect.RESUME and target.plan.form.effect is Effect.HOLD:
                for _, further in target.targets:
                    further.matter.hold(entry, on=False)
                    self._touch(further.matter)
                continue
            if effect in (Effect.RESUME, Effect.HOLD):
                if sender != target.message.sender and sender not in target.message.to:
                    continue  # it is no business of a party that it was not for
                matter.hold(entry, on=effect is Effect.HOLD)
            elif effect is Effect.WAIVE:
                matter.waive(entry)
            else:
                matter.contest(entry)
            self._touch(matter)

    # ---------------------------------------------------------------------------------- marking

    def _touch(self, matter: Matter) -> None:
        if matter in self._stale:
            return  # as is all that follows from it: only ``refresh`` empties what is marked
        self._stale[matter] = None
        if self._rounds_of:
            for found in self._rounds_of.get(matter, ()):
                self._stale[found] = None
        for plan in matter.root.plan.quotas:
            self.quota_books[matter.root.message.pack, plan.rule.id].touch(matter)

    def _commitment_changed(self, matter: Matter) -> None:
        for found in self._rounds_of.get(matter, ()):
            found.commit(matter.root)

    def _standing_changed(self, entry: Entry) -> None:
        pack = entry.message.pack
        self.standings[pack].changed()
        self._stale_packs[pack] = None

    def _stream_changed(self, entry: Entry, *, all_: bool) -> None:
        """An act that cites nothing came or moved: what waits for it, or all it may count for."""
        message = entry.message
        if all_:
            self._stale_streams[message.pack, message.sender] = None
            return
        for party in message.to:
            self._stale_waits[message.pack, message.form, message.sender, party] = None

    def _closing_changed(self, entry: Entry, *, all_: bool) -> None:
        """A closing came or moved: what waits for it, or all it may count for."""
        message = entry.message
        if all_:
            self._stale_streams[CLOSINGS, message.sender] = None
            return
        for place in closing_places(entry):
            for party in message.to:
                self._stale_waits[CLOSINGS, place.hex(), message.sender, party] = None

    def _word_changed(self, entry: Entry, *, all_: bool) -> None:
        """A word came or moved: what waits for it, or all it may count for."""
        message = entry.message
        if entry.plan.closes:
            self._closing_changed(entry, all_=all_)
        if not self._words_asked:
            return
        if all_:
            self._stale_streams[WORDS, message.sender] = None
            return
        for place in entry.threads:
            for party in message.to:
                self._stale_waits[WORDS, place.hex(), message.sender, party] = None

    def _slot(self, pack: str, rule: Exchange, party: str, year: int) -> Slot:
        key = (pack, rule.id, party, year)
        found = self.slots.get(key)
        if found is None:
            found = self.slots[key] = Slot(pack, rule, party, year)
            self._stale[found] = None
        return found

    def _reported(self, pack: str) -> Callable[[str, str], Matter | None]:
        return lambda form, party: self._reports.get((pack, form, party))


def _joined(some: tuple[bytes, ...], more: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return tuple(sorted({*some, *more})[:THREADS_KEPT]) if some else more


def closing_places(entry: Entry) -> Iterator[bytes]:
    """Where a closing counts: in the incidents that it stands in, and for what it cites."""
    yield from entry.threads
    for _, target in entry.targets:
        if target.message.sender == entry.message.sender:
            place = target.matter.root.message.digest
            if place not in entry.threads:
                yield place


def promise_places(matter: Matter) -> tuple[bytes, ...]:
    """Where a closing keeps what a message promised; see ``closing_places``."""
    return (*matter.root.threads, matter.root.message.digest)


def _crossing(plan: PackPlan) -> Callable[[str, Matter], bool]:
    return lambda name, matter: crosses(plan.thresholds[name], matter.current.message.values)
