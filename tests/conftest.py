"""What every test stands on, however the tests were started."""

from __future__ import annotations

import gc
import signal

import pytest
from hypothesis import settings
from tests.examples import tries

# A shell that starts the tests in the background lets them ignore Ctrl-C, and every process that
# they start inherits that: a command that is to end at an interrupt would go on for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The collector of a test's process looks at 20,000 new objects at once and not at 700: a tenth less
# of the processor's time for all tests together. Stations that tests start have Python's own.
gc.set_threshold(20_000, 20, 20)

# Properties are tried on the same examples each time, so that a red run is red again, and without a
# limit for each of them: a busy machine would be taken for a fault.
settings.register_profile(
    "same", derandomize=True, deadline=None, database=None, max_examples=tries(50)
)
settings.load_profile("same")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--pictures``: the run makes the pictures in docs/pictures anew (tests/web/gallery.py).

    ``--picture NAME``, which may be repeated, makes that one alone.
    """
    parser.addoption(
        "--pictures", action="store_true", help="make the pictures of the desk in docs/pictures"
    )
    parser.addoption("--picture", action="append", default=[], metavar="NAME", help="make one")
