"""The umpire's seat on the line of an exercise with people, and what is said from it.

The umpire is a party of the exercise's charter like any other, with its own keys: so what control
says of the world, decides, and ENDEX at last are signed statements that every desk has in its
record, wherever it stands. The seat is not scored and plays no part.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tieline.core.errors import LocalError
from tieline.core.terms import Precedence
from tieline.exercise import scenario as world
from tieline.node import packs

CODE: Final = "EXCON"
PACK: Final = "exercise"
_SURE: Final = {"R": "read", "M": "memory", "M?": "unverified", "D": "made"}
_AT_ONCE_MS: Final = 60_000


def seated(scenario: world.Scenario) -> world.Scenario:
    """The scenario with the umpire's seat on its line.

    Raises ``LocalError`` (``exercise.seat``) when its code or the pack's tag is taken.
    """
    pack = packs.find(PACK)
    rules = scenario.rules
    if CODE in scenario.codes or any(one.tag == pack.tag for one in rules.packs):
        raise LocalError(
            "exercise.seat",
            f"the scenario has a party {CODE} or a pack with the tag '{pack.tag}' already; the"
            " umpire of an exercise with people needs both: give yours another name",
        )
    seat = world.Party(
        code=CODE,
        name="Exercise control",
        part="umpire",
        station="control",
        officers=("Umpire", "Deputy umpire"),
        habits=world.Habits(
            acknowledge_ms=tuple((one, _AT_ONCE_MS) for one in Precedence),
            tests_ms=_AT_ONCE_MS,
            read_back_ms=_AT_ONCE_MS,
            pass_on_ms=_AT_ONCE_MS,
        ),
    )
    return replace(
        scenario,
        rules=replace(rules, packs=(*rules.packs, pack)),
        parties=(*scenario.parties, seat),
    )


def endex(why: str, text: str = "") -> world.Say:
    """The umpire's last word: a signed statement to all. ``why`` is a code of the pack."""
    answers = (("why", why), *((("text", text),) if text else ()))
    return _says("endex", answers, Precedence.FLASH)


def told(act: world.Inject | world.Ruling) -> world.Say:
    """What control says of the world, or decides, as a statement to all."""
    if isinstance(act, world.Ruling):
        return _says("ruling", (("text", act.text),), Precedence.PRIORITY)
    answers = (("sure", _SURE[act.confidence]), ("text", act.text))
    return _says("inject", answers, Precedence.IMMEDIATE)


def _says(form: str, answers: tuple[tuple[str, str], ...], precedence: Precedence) -> world.Say:
    return world.Say(
        party=CODE, to=(), precedence=precedence, form=f"ex/{form}", answers=answers, wants=()
    )
