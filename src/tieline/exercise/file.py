"""What is running in a folder: ``exercise.json``, beside the homes of an exercise with people.

It is written once, before the stations start, and read by the terminals of officers and umpire. It
holds no secret. A folder without it is no exercise, and a home is never taken for one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tieline.core.errors import LocalError
from tieline.exercise.answer import Entry, Json
from tieline.exercise.scenario import Scenario

NAME: Final = "exercise.json"
FORMAT: Final = 1
MAX_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """An exercise as its folder tells of it."""

    folder: Path
    realm: str
    title: str
    homes: dict[str, Path]
    officers: dict[str, tuple[str, ...]]
    people: tuple[str, ...]


def write(folder: Path, scenario: Scenario, people: Iterable[str]) -> None:
    """Say what runs in a folder. Raises ``OSError``."""
    parties: list[Json] = [
        {
            "party": party.code,
            "name": party.name,
            "home": party.code.lower(),
            "officers": list(party.officers),
            "played_by": "people" if party.code in tuple(people) else "script",
        }
        for party in scenario.parties
    ]
    value: dict[str, Json] = {
        "format": FORMAT,
        "exercise": scenario.realm,
        "scenario": scenario.id,
        "title": scenario.title,
        "parties": parties,
    }
    text = json.dumps(value, ensure_ascii=False, indent=1) + "\n"
    (folder / NAME).write_text(text, encoding="utf-8")


def read(folder: Path) -> Running:
    """What runs in a folder.

    Raises ``LocalError`` (``exercise.folder``, ``exercise.answer``).
    """
    path = folder / NAME
    try:
        with path.open("rb") as opened:
            value = json.loads(opened.read(MAX_BYTES))  # what was cut off is no JSON
    except OSError as error:
        what = "a station's home" if (folder / "config.toml").exists() else "no exercise"
        raise LocalError(
            "exercise.folder",
            f"{folder} is {what}; name the folder that 'tieline exercise run --dir DIR' was given"
            " (over a network the umpire's home takes one order, 'script FILE')",
        ) from error
    except ValueError as error:
        raise LocalError(
            "exercise.folder", f"{path} is damaged; start the exercise anew"
        ) from error
    found = Entry(value, str(path))
    if found.number("format", 0) != FORMAT:
        raise LocalError("exercise.folder", f"{path} is of another version of this software")
    parties = list(found.entries("parties"))
    return Running(
        folder=folder,
        realm=found.text("exercise"),
        title=found.text("title"),
        homes={one.text("party"): folder / one.text("home") for one in parties},
        officers={one.text("party"): one.texts("officers") for one in parties},
        people=tuple(one.text("party") for one in parties if one.text("played_by") == "people"),
    )
