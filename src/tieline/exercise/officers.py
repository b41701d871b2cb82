"""The scripted officers: what they do about what their desk shows them.

An officer acknowledges what is addressed to the party and asks for it, after a time that depends on
its precedence and on whether anybody is on watch; then reads back and passes on, if the message
wants it, in the words of the script. Calls that the script leaves unanswered stay so. Nobody here
decides anything else: what parties say is in the script.
"""

from __future__ import annotations

from dataclasses import dataclass

from tieline.core.terms import Precedence, Rung
from tieline.exercise.board import Shown
from tieline.exercise.scenario import Party, Say


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """Something that an officer will do at a time."""

    at_ms: int
    party: str
    rung: Rung
    item: str
    text: str = ""
    lang: str = "en"
    unit: str = ""

    @property
    def key(self) -> str:
        """The idempotency key of the act: one for each party, statement and rung."""
        return f"{self.rung.name.lower()}-{self.party}-{self.item[:24]}"


def reactions(party: Party, shown: Shown, said: Say | None, at_ms: int) -> tuple[Reaction, ...]:
    """What a party's officers will do about a statement that came up at ``at_ms``.

    ``said`` is the script's own line, when the statement is one.
    """
    code = party.code
    if shown.party == code or "acknowledged" not in shown.wants:
        return ()
    if shown.to and code not in shown.to:
        return ()
    if said is not None and code in said.unanswered:
        return ()
    habits = party.habits
    if shown.kind == "test":
        delay_ms = habits.tests_ms
    else:
        delay_ms = habits.delay_ms(Precedence[shown.precedence])
    acknowledged_ms = habits.present_ms(habits.present_ms(at_ms) + delay_ms)
    out = [Reaction(at_ms=acknowledged_ms, party=code, rung=Rung.ACKNOWLEDGED, item=shown.item)]
    if said is None:
        return tuple(out)
    words, units = dict(said.read_backs), dict(said.units)
    if code in words:
        when = habits.present_ms(acknowledged_ms + habits.read_back_ms)
        out.append(
            Reaction(
                at_ms=when,
                party=code,
                rung=Rung.READ_BACK,
                item=shown.item,
                text=words[code],
                lang=said.lang,
            )
        )
    if code in units:
        when = habits.present_ms(acknowledged_ms + habits.pass_on_ms)
        out.append(
            Reaction(at_ms=when, party=code, rung=Rung.PASSED_ON, item=shown.item, unit=units[code])
        )
    return tuple(out)
