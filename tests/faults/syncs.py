"""P1: a sync fails under a running station, once or from then on: it stops, and says no more."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests import ports
from tests.faults.firestation import ROOT, STATED, Ends, held, settle_in, stated
from tests.faults.rows import need, scratch
from tests.node.pair import Seat

from tieline.exercise.supervise import end_with_parent
from tieline.node import offline
from tieline.node.client import ApiDown, ApiRefused, Client

BROKEN = ""  # what is broken on purpose in the station that is started; see ``stationproc``
FIRST: Final = 12  # syncs of a start are fewer; see ``test_a_folder_that_does_not_sync``
SPREAD: Final = 30
MORE: Final = 20  # words after the one that must fail at the latest
WAIT_S: Final = 120.0


def failed_sync(seed: int) -> None:
    """One station that sends, and the sync of some commit that fails."""
    chance = random.Random(f"sync {seed}")
    good, after = FIRST + chance.randrange(SPREAD), chance.choice(("", "+"))
    with scratch() as name:
        folder = Path(name)
        place = f"127.0.0.1:{ports.free()[0]}"
        ends = {code: Ends(listen=place, front=place) for code in ("ALPHA", "BRAVO")}
        seat = settle_in(folder, ends)["ALPHA"]
        told: list[str] = []
        with failing(seat, folder, f"fdatasync:error=EIO:when={good}{after}") as process:
            # Calls are counted for each thread, and on a busy machine two of them commit.
            refused = _talk(seat, told, 2 * good + MORE)
            need(refused, f"a sync failed, and all {len(told)} words were told to be kept")
            late = _talk(seat, [], 1)
            need(late, "after a failed sync a word was told to be kept")
            code = process.wait(WAIT_S)
            assert process.stdout is not None
            last = process.stdout.read().decode().strip()
        need(code == 1 and stated(last) in STATED, f"it ended with {code}: {last[-300:]}")
        lost = len(set(told) - held(seat).items)
        need(not lost, f"{lost} of {len(told)} that were told are not kept")
        need(offline.audit_home(seat.home, seat.keys)["ok"], "what was left does not hold")


def _talk(seat: Seat, told: list[str], most: int) -> str:
    """Say something until it is refused, and why it was; nothing when it never is."""
    for number in range(most):
        try:
            with contextlib.closing(Client(seat.home.socket, WAIT_S)) as client:
                answer = client.call("send", text=f"word {number}", officer="Watch")
        except (ApiRefused, ApiDown, OSError) as error:
            return str(error) or "it is gone"
        told.append(str(answer["item"]))
    return ""


@contextlib.contextmanager
def failing(seat: Seat, folder: Path, inject: str) -> Iterator[subprocess.Popen[bytes]]:
    """A station that listens, whose calls fail as told; its words are in the file ``log``."""
    strace = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", os.devnull, "-e", "trace=fdatasync"]
    # The station ends with who traces it, and not with its next commit after that.
    python = ["setpriv", "--pdeathsig", "KILL", sys.executable]
    station = ["-m", "tests.faults.stationproc", BROKEN, "serve", "--json", "--home"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*strace, "-e", f"inject={inject}", *python, *station, str(seat.home.path)],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
            stdout=subprocess.PIPE, stderr=log, start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - one call, and no lock is asked for
        )  # fmt: skip
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        need(b"ready" in said, f"the station does not start: {said!r}")
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # the station, too: it outlives who traces it
        process.wait()
        process.stdout.close()
