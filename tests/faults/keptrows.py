"""The rows of P1, P2, P3, P6, P7 and P9, and the builds under which they must go red."""

from __future__ import annotations

import heapq
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.faults import (
    canaries,
    clocks,
    forced,
    kills,
    known,
    powerline,
    shownonce,
    sticks,
    sweep,
    syncs,
    views,
    wrongkeys,
)
from tests.faults.floor import stage
from tests.faults.rows import Row

from tieline.core.charter import Charter
from tieline.core.errors import LocalError, RemoteError
from tieline.core.evidence_facts import Entry
from tieline.core.evidence_links import Readings
from tieline.core.journal import Alarm
from tieline.core.ladder import Due, Ladder
from tieline.core.line import Line
from tieline.core.record import Item, Outcome, Record
from tieline.core.statement import Statement
from tieline.core.tally import Alarms
from tieline.core.terms import Now
from tieline.node import keystore, privatefile, secrets, traces
from tieline.node.clockwatch import ClockWatch
from tieline.node.keystore import Envelope
from tieline.node.watchers import Feed, Told
from tieline.sim.mutants import Mutant

_known_at: Callable[[Record, bytes, int, bytes], int] = Record.known_at


def _known_too_much(self: Record, log: bytes, position: int, other: bytes) -> int:
    """One more, if there is one."""
    found = _known_at(self, log, position, other)
    return found if log == other else min(found + 1, self.size(other))


def _last_readers(self: Readings, entry: Entry) -> list[Entry]:
    """Whoever had read it, by the last word that shows it."""
    found = self._main.get(entry.log.id, {})
    return [
        read.by[-1]
        for log, read in sorted(found.items())
        if log != entry.log.id and read.sizes[-1] > entry.position
    ]


_due: Callable[[Ladder, Now, Charter, Callable[[bytes], Item | None]], list[Due]] = Ladder.due
_LATER_MS: Final = 10_000


def _due_by_wall(
    self: Ladder, now: Now, charter: Charter, item_of: Callable[[bytes], Item | None]
) -> list[Due]:
    """What has run down by the clock that anybody may set."""
    self._heap = [
        (now.mono_ms + (0 if entry[5] <= now.wall_ms else _LATER_MS), *entry[1:])
        for entry in self._heap
    ]
    heapq.heapify(self._heap)
    return _due(self, now, charter, item_of)


_add: Callable[[Alarms, Alarm], bool] = Alarms.add


def _ring_again(self: Alarms, alarm: Alarm) -> bool:
    _add(self, alarm)
    return True


def _parse_and_tell(path: Path) -> Envelope:
    """What does not read was changed, and no key is wrong."""
    try:
        return keystore.parse(privatefile.read(path))
    except RemoteError:
        raise LocalError("keys.locked", f"{path} was changed") from None


_follow: Callable[[Feed, int], AsyncGenerator[Sequence[Told], None]] = Feed.follow


async def _follow_too_late(self: Feed, since: int) -> AsyncGenerator[Sequence[Told], None]:
    """What follows the last entry that was noted passes for shown."""
    async for piece in _follow(self, since):
        rest = [told for told in piece if not since or told[0] != since + 1]
        if rest:
            yield rest


def _process(name: str, what: str, broken: str) -> Mutant:
    """A build of which the broken part is in another process; see ``stationproc``."""
    patches = ((canaries, "BROKEN", broken),)
    return Mutant(name=name, invariants=frozenset(), what=what, patches=patches)


def _recorded(name: str, what: str, broken: str) -> Mutant:
    """A build that is in force in the stations that ``powerline`` records."""
    patches = ((powerline, "BROKEN", broken),)
    return Mutant(name=name, invariants=frozenset({1}), what=what, patches=patches)


_admit: Callable[[Record, Statement, int], Outcome] = Record._admit


def _admit_ahead(self: Record, statement: Statement, now_ms: int) -> Outcome:
    """What an author had read need not be there."""
    known = tuple(tip for tip in statement.place.seen if self.find(tip) is not None)
    return _admit(self, replace(statement, place=replace(statement.place, seen=known)), now_ms)


BUILDS: Final = {
    build.name: build
    for build in (
        _process("events-logged", "whatever happens is written to the log", "logged"),
        Mutant(
            name="words-told",
            invariants=frozenset(),
            what="a failure is told as Python tells it",
            patches=((traces, "install", lambda: None),),
        ),
        _process("bare-backup", "the chunks of a backup are not encrypted", "bare-backup"),
        _process("bare-bundle", "a bundle is signed and not sealed", "bare-bundle"),
        _process("sync-swallowed", "a sync that fails is nobody's business", "unsynced"),
        Mutant(
            name="told-ahead",
            invariants=frozenset({1}),
            what="what is told to be kept is kept within two seconds",
            patches=((kills, "BROKEN", "kept-later"),),
        ),
        _recorded("power-unsynced", "a commit is done when the system has it", "commits-unsynced"),
        _recorded(
            "power-receipt-first", "what leaves is not yet committed", "receipt-before-commit"
        ),
        Mutant(
            name="sync-goes-on",
            invariants=frozenset({1}),
            what="a station goes on after its disk has failed to sync",
            patches=((syncs, "BROKEN", "sync-failure-ignored"),),
        ),
        Mutant(
            name="gap-unseen",
            invariants=frozenset({3}),
            what="what an author had read need not be there",
            patches=((Record, "_admit", _admit_ahead),),
        ),
        Mutant(
            name="crossed-unsaid",
            invariants=frozenset({3}),
            what="what its author had not read passes for read",
            patches=((Line, "crossed", lambda *_: []),),
        ),
        Mutant(
            name="read-too-much",
            invariants=frozenset({3}),
            what="an author counts as having read one statement more",
            patches=((Record, "known_at", _known_too_much),),
        ),
        Mutant(
            name="last-reader",
            invariants=frozenset({3}),
            what="a file of evidence names who showed last to have read, not who showed first",
            patches=((Readings, "read_by", _last_readers),),
        ),
        Mutant(
            name="deadline-by-wall",
            invariants=frozenset({6}),
            what="deadlines go by the wall clock",
            patches=((Ladder, "due", _due_by_wall),),
        ),
        Mutant(
            name="told-again",
            invariants=frozenset({6}),
            what="of a missed deadline it is not noted that it was told, nor is it of its alarm",
            patches=(
                (Ladder, "note_overdue", lambda *_: True),
                (Alarms, "add", _ring_again),
            ),
        ),
        Mutant(
            name="flags-unsaid",
            invariants=frozenset({6}),
            what="nobody is warned of a time that cannot be",
            patches=((Line, "flags", lambda *_: ()),),
        ),
        Mutant(
            name="peers-unwatched",
            invariants=frozenset({6}),
            what="what peers' clocks show is compared with nothing",
            patches=((ClockWatch, "_differ", lambda _: ""),),
        ),
        Mutant(
            name="entry-skipped",
            invariants=frozenset({2}),
            what="a desk that comes back goes on one entry too late",
            patches=((Feed, "follow", _follow_too_late),),
        ),
        Mutant(
            name="open-to-all",
            invariants=frozenset(),
            what="a key file may be read by anybody",
            patches=((privatefile, "_check_private", lambda *_: None),),
        ),
        Mutant(
            name="says-changed",
            invariants=frozenset(),
            what="a refusal tells a changed store from a wrong key",
            patches=((secrets, "_parse_store", _parse_and_tell),),
        ),
        _process("dumping", "a process may leave its memory on the disk", "dumping"),
    )
}

_NODE: Final = "tests/node/test_"
_STORE: Final = "tests/store/test_"
_CRASH: Final = "tests/crash/test_"

P1: Final = (
    Row(
        promise="P1",
        name="killed",
        fault="a station is killed at any moment, or just after its receipt left; ten times a case",
        demand="nothing acknowledged is lost, and it starts again by itself, in 5 s",
        counts=(15, 220, 1_100),
        play=kills.killed,
        sabotage=("told-ahead",),
        tests=(
            "tests/desk/test_line_by_cli.py::test_nothing_is_lost_by_kill_9",
            "tests/exercise/test_runs.py::test_killed_stations_change_nothing_but_times",
        ),
    ),
    Row(
        promise="P1",
        name="power-loss",
        fault="power fails in release, receipt, backup, new keys, a witness's word, nine commands",
        demand="of all states that may be left, each opens and lacks nothing acknowledged",
        tests=tuple(
            f"{_CRASH}{each}power.py" for each in ("", "acts_", "backup_", "keys_", "heads_")
        ),
    ),
    Row(
        promise="P1",
        name="power-in-line",
        fault="the power of one of two stations that talk fails at any moment; both start again",
        demand="all that it had promised is there, both come to hold the same, nobody is accused",
        counts=(20, 300, 2_000),
        play=powerline.power_fails,
        stage=powerline.stage,
        sabotage=("power-unsynced", "power-receipt-first"),
        lacks=sweep.no_strace,
    ),
    Row(
        promise="P1",
        name="failed-call",
        fault="a call to the file system fails, once or from then on, or kills, in eleven commands",
        demand="what was there is whole, what is said to be done is, and once more it ends well",
        counts=(200, 2_200, 2_200),  # of 2,116 on one machine
        play=sweep.failed_call,
        tests=(
            f"{_NODE}backup.py::test_every_failed_call_leaves_no_backup_and_no_half_file",
            f"{_NODE}secrets.py::test_a_failed_write_leaves_nothing_and_says_so",
        ),
        sabotage=("sync-swallowed",),
        few=12,
        lacks=sweep.no_strace,
    ),
    Row(
        promise="P1",
        name="failed-sync",
        fault="a sync fails under a running station, once or from then on, or at its start",
        demand="it stops with the cause, and acknowledges nothing after that",
        counts=(20, 200, 1_000),
        play=syncs.failed_sync,
        sabotage=("sync-goes-on",),
        few=2,
        lacks=sweep.no_strace,
        tests=(
            f"{_NODE}disk.py::test_a_failed_sync_stops_the_station_with_its_cause",
            f"{_NODE}disk.py::test_a_folder_that_does_not_sync_keeps_the_station_from_starting",
            f"{_STORE}full.py::test_after_a_failure_every_commit_fails",
        ),
    ),
    Row(
        promise="P1",
        name="damaged-store",
        fault="changed bytes, a log cut short, an entry taken out, a store put back",
        demand="noticed at the start or on reading, nothing altered served, fetched from a peer",
        tests=(
            f"{_NODE}verify.py::test_a_changed_byte_of_the_stopped_store_is_noticed",
            f"{_NODE}verify.py::test_a_changed_byte_of_a_killed_stations_log_is_noticed",
            f"{_NODE}verify.py::test_a_log_cut_short_is_noticed",
            f"{_NODE}verify.py::test_an_entry_taken_out_is_noticed",
            "tests/core/test_record.py::test_what_was_kept_is_taken_back_and_damage_is_told",
            "tests/desk/test_life.py::test_yesterdays_store_with_a_peer_in_reach",
        ),
    ),
)

P2: Final = (
    Row(
        promise="P2",
        name="every-road",
        fault="the same by wire, relay and stick, again and again, through new starts",
        demand="one item and one first alarm for each statement",
        counts=(1_000, 20_000, 200_000),
        play=views.once,
        alike=True,
        tests=(
            "tests/core/test_bundle.py::test_a_bundle_once_more_changes_nothing",
            f"{_NODE}api.py::test_a_watcher_that_comes_back_misses_nothing_and_sees_nothing_twice",
        ),
        sabotage=("carrier-makes-new",),
        few=6,
    ),
    Row(
        promise="P2",
        name="same-stick",
        fault="one stick is put in two to five times at once, and after a new start",
        demand="the first import says what it has brought, all others that nothing was new",
        counts=(100, 1_000, 5_000),
        play=sticks.same_stick,
        stage=sticks.stage,
        tests=("tests/desk/test_line_by_cli.py::test_a_stick_that_two_put_in_at_once",),
        sabotage=("imports-at-once",),
        few=6,
    ),
    Row(
        promise="P2",
        name="shown-once",
        fault="a station and its desk end between storing, showing and noting what was shown",
        demand="each word and its first alarm come up under one number, and none is missed",
        counts=(200, 5_000, 20_000),
        play=shownonce.cut_at_the_desk,
        alike=True,
        sabotage=("entry-skipped",),
    ),
    Row(
        promise="P2",
        name="said-again",
        fault="an officer's act comes twice",
        demand="one statement, and the same answer",
        tests=("tests/core/test_speech.py::test_the_same_key_gives_the_same_answer_and_one_statement",),
    ),
)  # fmt: skip

P3: Final = (
    Row(
        promise="P3",
        name="any-order",
        fault="reordered, lost, replayed, cut for long, both sides writing on, new starts",
        demand="no word before what its author had read; who holds the same shows the same",
        counts=(2_000, 50_000, 1_000_000),
        play=views.in_order,
        alike=True,
        tests=(
            "tests/core/test_record.py::test_every_order_of_arrival_gives_the_order_in_which_it_was_said",
            "tests/core/test_record.py::test_what_comes_too_early_is_held_and_names_what_it_waits_for",
            "tests/core/test_sync.py::test_any_stations_that_can_exchange_bytes_end_with_one_record",
        ),
        sabotage=("arrival-order", "clock-order"),
        few=8,
    ),
    Row(
        promise="P3",
        name="days-apart",
        fault="two sides of a line are apart for days, both write on and start anew",
        demand="one record when all have met once, and what crossed is shown as crossing",
        counts=(500, 5_000, 50_000),
        play=views.days_apart,
        alike=True,
        sabotage=("arrival-order", "crossed-unsaid"),
    ),
    Row(
        promise="P3",
        name="who-knew-what",
        fault="random histories in which clocks lie and some keys are used twice",
        demand="who had read what when is what the statements themselves say",
        counts=(1_000, 20_000, 100_000),
        play=known.who_knew,
        alike=True,
        tests=("tests/core/test_evidence.py",),
        sabotage=("read-too-much", "last-reader"),
    ),
    Row(
        promise="P3",
        name="missing-ancestor",
        fault="one statement of a history of thirty is withheld, each in turn",
        demand="what was written after it waits, what was not is shown, and it heals",
        counts=(4 * views.HISTORY, 40 * views.HISTORY, 400 * views.HISTORY),
        play=views.missing_ancestor,
        alike=True,
        sabotage=("gap-unseen",),
        few=views.HISTORY,
    ),
)

P6: Final = (
    Row(
        promise="P6",
        name="lying-clock",
        fault="another time of day at each event: half a second to 8,000 years, both ways",
        demand="the order is that of the twin whose clocks are honest",
        counts=(60, 4_000, 40_000),
        play=views.lying_clock,
        alike=True,
        tests=(
            "tests/core/test_ladder.py::test_a_wall_clock_that_jumps_neither_meets_nor_misses_a_deadline",
            "tests/core/test_ladder.py::test_a_deadline_runs_on_through_a_restart",
            "tests/core/test_line.py::test_an_implausible_time_is_flagged_and_never_corrected",
            f"{_NODE}clockwatch.py",
            f"{_NODE}beside.py::test_a_clock_that_is_set_in_the_midst_of_a_commit_moves_nothing",
        ),
        sabotage=("clock-order",),
        few=4,
    ),
    Row(
        promise="P6",
        name="drifting-clock",
        fault="each machine's wall clock runs wrong, by 100 ppm to a half",
        demand="order, and when each deadline rings, are those of the twin whose clocks are right",
        counts=(10, 100, 500),
        play=clocks.drifting,
        alike=True,
        sabotage=("deadline-by-wall",),
    ),
    Row(
        promise="P6",
        name="another-clock",
        fault="new starts under other wall and monotonic clocks while a deadline runs",
        demand="one that passes is told of once and in time, one that was met is not",
        counts=(20, 200, 1_000),
        play=clocks.another_clock,
        alike=True,
        sabotage=("deadline-by-wall", "told-again"),
        few=16,
    ),
    Row(
        promise="P6",
        name="claimed-times",
        fault="a peer claims any time from 1970 to 9999 for what it says",
        demand="its time and ours are kept and shown, 60 s apart is warned of, nobody is moved",
        counts=(500, 5_000, 50_000),
        play=clocks.claimed_times,
        alike=True,
        sabotage=("flags-unsaid", "peers-unwatched"),
    ),
)

P7: Final = (
    Row(
        promise="P7",
        name="full-disk",
        fault="no room at the start, in a commit, in a backup; a limit on the size of files",
        demand="reading goes on, nothing is half written, urgent words have room, it resumes",
        tests=(
            f"{_STORE}full.py",
            f"{_NODE}full_disk.py",
            f"{_NODE}disk.py::test_a_full_disk_refuses_and_then_goes_on",
            f"{_NODE}backup.py::test_a_disk_that_gets_full_meanwhile_costs_the_station_nothing",
        ),
    ),
)

P9: Final = (
    Row(
        promise="P9",
        name="stolen-machine",
        fault="all that a station wrote is taken as it runs, stopped, killed, aborted",
        demand="of 50 canaries and its keys none is seen, in any form; nothing is dumped",
        counts=(4, 80, 400),
        play=canaries.stolen,
        tests=(
            f"{_STORE}file.py::test_no_file_beside_the_store_shows_what_is_in_it",
            f"{_NODE}verify.py::test_no_file_of_a_home_shows_what_was_said",
            f"{_NODE}backup.py::test_nothing_in_a_backup_is_in_the_clear",
            f"{_NODE}secrets.py::test_no_private_key_is_in_a_file_in_clear_or_in_a_repr",
        ),
        sabotage=("events-logged", "bare-backup", "bare-bundle", "dumping"),
        few=1,
    ),
    Row(
        promise="P9",
        name="forced-errors",
        fault="every route, every step of a login and every act fails with all it was given",
        demand="no word, password or key in an answer, the log or a file; the failure is told",
        counts=(forced.PLACES, forced.PLACES * forced.WAYS, forced.PLACES * forced.WAYS),
        play=forced.forced,
        stage=stage,
        tests=("tests/node/test_traces.py",),
        sabotage=("words-told",),
    ),
    Row(
        promise="P9",
        name="wrong-key",
        fault="a wrong passphrase, changed key files, files open to others, an old copy elsewhere",
        demand="one refusal that says nothing of the right one, and no start",
        counts=(200, 2_000, 10_000),
        play=wrongkeys.wrong_key,
        sabotage=("open-to-all", "says-changed"),
        few=8,
        tests=(
            f"{_NODE}secrets.py::test_any_byte_changed_anywhere_is_the_one_refusal",
            f"{_NODE}secrets.py::test_a_passphrase_opens_and_a_wrong_one_does_not",
            f"{_NODE}secrets.py::test_a_file_that_others_may_touch_is_refused_with_the_cure",
            f"{_STORE}file.py::test_a_wrong_key_is_one_clear_error_and_changes_nothing",
            f"{_NODE}backup.py::test_another_key_opens_nothing",
        ),
    ),
)
