"""A deadline goes on across a start, and no clock that was set makes it ring early or late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.core.world import message
from tests.faults.stores import Home, Wire, wires

from tieline.core.events import Speak, Tick
from tieline.core.statement import WANT_ACKNOWLEDGE
from tieline.core.terms import Now, Precedence
from tieline.node.passed import MOST, Passed
from tieline.ports import Steps
from tieline.store.memory import MemoryMachine

LENGTH_MS = 600_000  # of the deadline of a FLASH that has been received
HOUR_MS = 3_600_000
LATE_MS = 2_000
Then = Callable[[Wire], None]


def _ask(wire: Wire) -> int:
    """ALPHA's officer wants an acknowledgement, and BRAVO's station has received it: when (ms)."""
    alpha, began = wire.homes[0], wire.ms
    content = replace(message("answer at once", Precedence.FLASH), wants=WANT_ACKNOWLEDGE)
    alpha.act(Speak(token=alpha.token(), line=alpha.line.id, content=content, officer="Ada"))
    wire.settle()
    return began


def _rang(home: Home) -> bool:
    return any(alarm.code.startswith("overdue.") for alarm in home.alarms)


def _until_it_rings(wire: Wire, home: Home) -> int:
    """For how long it does not ring, of at most the length of the deadline and a bit (ms)."""
    for ms in range(0, LENGTH_MS + 60_000, 1_000):
        home.turn(Tick())
        if _rang(home):
            return ms
        wire.ms += 1_000
    return LENGTH_MS + 60_000


def _killed(wire: Wire) -> None:
    wire.homes[0].kill()


def _stopped(wire: Wire) -> None:
    """It has made a snapshot last."""
    alpha = wire.homes[0]
    assert alpha.runtime is not None
    alpha.runtime.snapshot(wire.now())
    alpha.kill()


@pytest.mark.parametrize("by_ms", [-HOUR_MS, HOUR_MS, 300_000])
@pytest.mark.parametrize("end", [_killed, _stopped])
@pytest.mark.parametrize("when", ["running", "snapshot", "stopped", "both"])
def test_a_clock_that_was_set_moves_no_deadline_across_a_start(
    by_ms: int, end: Then, when: str
) -> None:
    with wires(2, whole_reserve=False) as wire:
        alpha = wire.homes[0]
        began = _ask(wire)
        wire.ms += 60_000
        if when in ("running", "both"):
            wire.set_ms += by_ms
            wire.homes[1].say("what bears the new time")
            wire.settle()
        if when == "snapshot":  # and nothing is kept under the new clock
            wire.set_ms += by_ms
        end(wire)
        wire.ms += 60_000
        if when in ("stopped", "both"):
            wire.set_ms += by_ms
        alpha.start()
        _until_it_rings(wire, alpha)
        assert LENGTH_MS - LATE_MS <= wire.ms - began <= LENGTH_MS + LATE_MS


@pytest.mark.parametrize("by_ms", [-HOUR_MS, HOUR_MS])
@pytest.mark.parametrize("end", [_killed, _stopped])
def test_across_a_new_start_of_the_machine_the_wall_clock_counts_for_the_time_away_alone(
    by_ms: int, end: Then
) -> None:
    """That somebody had set it before is known. What it was set to meanwhile is not."""
    with wires(2, whole_reserve=False) as wire:
        alpha = wire.homes[0]
        began = _ask(wire)
        wire.ms += 60_000
        wire.set_ms += by_ms
        wire.homes[1].say("what bears the new time")
        wire.settle()
        for boot in (b"second", b"third"):
            end(wire)
            wire.ms += 60_000
            wire.boot, wire.boot_ms = boot, wire.ms - 10_000
            alpha.start()
            alpha.say("a word in this run")
        _until_it_rings(wire, alpha)
        assert LENGTH_MS - LATE_MS <= wire.ms - began <= LENGTH_MS + LATE_MS


def test_what_passed_before_a_clock_went_back_with_the_machine_is_known() -> None:
    """Only the time away counts as none."""
    with wires(2, whole_reserve=False) as wire:
        alpha = wire.homes[0]
        began = _ask(wire)
        wire.ms += 300_000
        alpha.say("a word five minutes later")
        alpha.kill()
        wire.boot, wire.boot_ms = b"second", wire.ms
        wire.set_ms -= HOUR_MS
        alpha.start()
        _until_it_rings(wire, alpha)
        assert LENGTH_MS - LATE_MS <= wire.ms - began <= LENGTH_MS + LATE_MS


def test_a_store_that_was_put_back_has_no_steps_of_what_it_does_not_hold() -> None:
    machine = MemoryMachine("ALPHA")
    one = Passed(machine, b"run", Now(1_000_000, 0, 0), 0, 0)
    one.note(1, Now(1_000_000, 0, 0))
    one.note(5, Now(9_000_000, 0, 0))
    again = Passed(machine, b"run", Now(1_001_000, 1_000, 0), 3, 1_000_500)
    assert again.then(4, Now(7, 1_000, 0)).wall_ms == 1_001_000
    assert machine.clocks == Steps(b"run", ((1, 1_000_000), (5, 9_000_000)))  # it only looked
    again.note(4, Now(1_001_000, 1_000, 0))
    again.note(5, Now(3_001_000, 1_000, 0))
    assert machine.clocks == Steps(b"run", ((1, 1_000_000), (5, 3_000_000)))


def test_what_a_full_disk_has_forgotten_is_written_with_the_next_entry() -> None:
    class Full(MemoryMachine):
        """One that forgets, as long as there is no room."""

        room = False

        def remember_steps(self, steps: Steps) -> bool:
            self.clocks = None
            return self.room and super().remember_steps(steps)

    machine = Full("ALPHA")
    passed = Passed(machine, b"run", Now(1_000_000, 0, 0), 0, 0)
    passed.note(1, Now(1_000_000, 0, 0))
    assert machine.clocks is None
    machine.room = True
    passed.note(1, Now(1_000_000, 0, 0))  # no step, and nobody has set the clock
    assert machine.clocks == Steps(b"run", ((1, 1_000_000),))


def test_the_steps_are_bounded_and_the_newest_stay() -> None:
    machine = MemoryMachine("ALPHA")
    passed = Passed(machine, b"run", Now(0, 0, 0), 0, 0)
    for seq in range(1, 2 * MOST):
        passed.note(seq, Now(seq * 1_000, 0, 0))
        passed.note(seq, Now(seq * 1_000 + 999, 0, 0))  # no step
    assert machine.clocks is not None
    assert len(machine.clocks.steps) == MOST
    assert machine.clocks.steps[-1] == (2 * MOST - 1, (2 * MOST - 1) * 1_000)
