"""A station loads what it needs: without agreements nothing of them, and no audit to its start."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tests.node import pair
from tests.node.pair import Running

from tieline.node import early
from tieline.node.acts import (
    ABOUT_AGREEMENTS,
    ABOUT_ALARMS,
    ABOUT_INCIDENTS,
    ABOUT_JOINTS,
    FOR_DESKS,
    ON_RECORD,
    NodeActs,
)

if TYPE_CHECKING:
    from tieline.core.line import Line
    from tieline.node.agreements import Agreements

ROOT = Path(__file__).parents[2]
LATE = (
    "tieline.core.agreement.ledger", "tieline.core.agreement.load", "tieline.core.incident",
    "tieline.node.agreementacts", "tieline.node.incidentacts", "tieline.node.packs",
    "geographiclib", "mgrs", "tieline.core.agreement.model", "tieline.core.evidence",
    "tieline.core.tlogwitness", "tieline.node.askwitness", "h11",
)  # fmt: skip
# What tests load themselves, who make keys and audit; no station does that to its start.
NOT_TO_START = (
    "tieline.node.audit", "multiprocessing", "tieline.node.pinned", "cryptography.x509",
    "cryptography.hazmat.primitives.serialization", "email",
)  # fmt: skip


async def _a_day(folder: Path) -> None:
    """What a station without packs does all day."""
    alpha, bravo = await pair.two(folder)
    pair.join(alpha, bravo)
    acts = NodeActs(alpha.host)
    said = await acts.act("send", {"officer": "A. Okafor", "text": "Radio check."})
    assert isinstance(said, dict)
    await pair.settle(alpha, bravo)
    for act in ("status", "log", "drafts", "doctor", "proofs", "heads"):
        await acts.act(act, {})
    await acts.act("item", {"item": said["item"]})
    async for piece in acts.subscribe(0):
        if any(json.loads(event)["type"] == "live" for _, event in piece):
            break


def main(folder: str) -> None:
    """Run apart, in a process that has loaded nothing else."""
    __import__("tieline.node.serve")
    asyncio.run(_a_day(Path(folder)))
    sys.stdout.write(" ".join(name for name in LATE if name in sys.modules))


def test_nothing_of_agreements_is_loaded_without_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c",
         f"from tests.node import test_late; test_late.main({str(tmp_path)!r})"],
        cwd=ROOT, env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}, capture_output=True, text=True,
        check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_a_start_loads_nothing_that_it_does_not_need() -> None:
    """As ``serve`` does it: every station that is started pays for it, in time and memory."""
    code = "import sys, tieline.desk.cli.setup, tieline.node.secrets, tieline.node.serve; "
    code += f"print([name for name in {LATE + NOT_TO_START} if name in sys.modules])"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_with_an_agreement_it_is_loaded_before_somebody_asks() -> None:
    class Some:
        named_ = False

        def named(self, _: object) -> bool:
            return self.named_

    async def run() -> None:
        some = Some()
        lines = cast("list[Line]", [object()])
        assert not await early.load(cast("Agreements", some), lines)
        some.named_ = True
        assert await early.load(cast("Agreements", some), lines)
        assert all(f"tieline.node.{name}" in sys.modules for name in early.MODULES)

    asyncio.run(run())


def test_the_acts_that_are_loaded_late_are_those_there_are(tmp_path: Path) -> None:
    async def look() -> None:
        seats, _ = pair.make_homes(tmp_path)
        acts = NodeActs(Running(seats[0], pair.open_store(seats[0])).host)
        assert set(acts._about.acts) == ABOUT_AGREEMENTS
        assert set(acts._incidents.acts) == ABOUT_INCIDENTS
        assert set(acts._joints.acts) == ABOUT_JOINTS
        assert set(acts._desks.acts) == FOR_DESKS
        assert set(acts._on_record.acts) == ON_RECORD
        assert set(acts._alarms.acts) == ABOUT_ALARMS
        late = ABOUT_AGREEMENTS | ABOUT_INCIDENTS | ABOUT_JOINTS | ABOUT_ALARMS
        late |= FOR_DESKS | ON_RECORD
        assert not late & set(acts._acts)

    asyncio.run(look())


def test_commands_that_only_ask_the_station_load_nothing_of_the_core() -> None:
    """It cost every 'tieline send' a third of a second."""
    slow = ("tieline.node.view", "tieline.core.encode", "nacl", "cryptography")
    verbs = ("talk", "incidents", "joints", "agreements", "alarms")
    names = ", ".join(f"tieline.desk.cli.{each}" for each in verbs)
    code = f"import sys, {names}; print([m for m in {slow} if m in sys.modules])"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
