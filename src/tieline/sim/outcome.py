"""What became of one seed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one seed. ``invariant`` is 0 when nothing was violated."""

    seed: int
    steps: int
    virtual_ms: int
    statements: int
    second_stories: int
    refusals: int
    restarts: int
    converged_ms: int
    digest: str
    invariant: int = 0
    text: str = ""
    # How often each fault was injected and each check was made: see ``sim.counted``.
    counts: tuple[tuple[str, int], ...] = ()
    trace: tuple[str, ...] = ()
    tempo: str = ""
    cpu_s: float = field(default=0.0, compare=False)  # processor time, where somebody measured it
