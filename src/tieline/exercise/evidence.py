"""The evidence file with which an exercise ends, and whether it holds what the stations hold.

It is made as a party would make it: from the home of one station that has stopped. Then it is read
by the reader that knows nothing but the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tieline.core.errors import TielineError
from tieline.exercise import homes
from tieline.node.evidencefile import read_file
from tieline.node.offline import perform
from tieline.node.secrets import KeyFile, unlock

if TYPE_CHECKING:
    from tieline.exercise.promises import Holding

FILE = "evidence.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How many statements the file has, and what is wrong with it."""

    statements: int = 0
    problems: tuple[str, ...] = ()


async def make(seat: homes.Seat, holding: Holding, realm: str, folder: Path) -> Evidence:
    """Write the whole line into ``evidence.html``, read it, and compare it with what is held."""
    try:
        out = _place(folder)
        keys = unlock(seat.home.keys_file, KeyFile(seat.home.path / "key"))
        await perform(seat.home, keys, "evidence", {"out": out})
        return _read(Path(out), holding, realm)
    except TielineError as error:
        return Evidence(problems=(error.message,))
    except OSError as error:
        return Evidence(problems=(f"{folder} cannot be written ({error.strerror})",))


def _place(folder: Path) -> str:
    """The file's name, free for a new one."""
    folder.mkdir(parents=True, exist_ok=True)
    out = folder.absolute() / FILE
    out.unlink(missing_ok=True)
    return str(out)


def _read(path: Path, holding: Holding, realm: str) -> Evidence:
    report, known_page = read_file(path)
    problems = [finding.text for finding in (*report.faults, *report.gaps)]
    if not known_page:
        problems.append("the page around it is not ours")
    if report.header is None or report.header.realm != realm:
        problems.append("it is not marked as this exercise")
    if {entry.digest.hex() for entry in report.entries} != {shown.item for shown in holding.held}:
        problems.append(f"it does not hold what {holding.party} holds")
    return Evidence(statements=len(report.entries), problems=tuple(problems))
