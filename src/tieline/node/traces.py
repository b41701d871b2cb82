"""What a process tells of a defect: its kind and its places in the program, and none of its words.

The message of an exception may hold what it was about: a number that is none is quoted by Python
itself, and asyncio writes out the arguments of what failed. What a station and its desk write to
standard error lies in a log somewhere, in the clear, while the record is encrypted. So a trace has
the kind of each exception, the code of one of ours, the name of a system's error, and the lines of
source on the way; of the messages of other libraries it has their beginning, where no value stands.
"""

from __future__ import annotations

import errno
import logging
import re
import sys
import threading
import traceback
from typing import Final

from tieline.core.errors import TielineError

MOST: Final = 40  # frames at each end of a long way, and exceptions in a chain
_VALUES: Final = re.compile(r"[\n(<'\"\[{:]")


def told(error: BaseException) -> str:
    """How an exception came about, without its message, or those of what caused it."""
    out: list[str] = []
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen and len(seen) < MOST:
        seen.add(id(one))
        out.append(_one(one))
        quiet = one.__suppress_context__
        one = one.__cause__ or (None if quiet else one.__context__)
    return "which came of:\n".join(out)


def _one(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    way = frames if len(frames) <= 2 * MOST else [*frames[:MOST], *frames[-MOST:]]
    kind = type(error)
    said = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    if isinstance(error, TielineError):
        said += f" [{error.code}]"
    elif isinstance(error, OSError) and error.errno is not None:
        said += f" [{errno.errorcode.get(error.errno, error.errno)}]"
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    within = "".join(f"  one of {len(inner)}:\n{told(each)}" for each in inner[:MOST])
    return f"Traceback of {said}, without its words:\n{''.join(traceback.format_list(way))}{within}"


class Wordless(logging.Formatter):
    """A line of a log: our own sentences whole, of other libraries' the part without values."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the trace of what it is about."""
        said = record.getMessage()
        if record.name.split(".")[0] != "tieline":
            said = f"{record.name}: {_VALUES.split(said, maxsplit=1)[0].strip()}"
        error = record.exc_info[1] if record.exc_info else None
        return said if error is None else f"{said}\n{told(error).rstrip()}"


def install() -> None:
    """From here on what this process logs, and what ends a thread, is told in this way.

    Whoever has set a handler or a hook of their own (a test, a program around this one) keeps it.
    What ends a command is told so by the command (``tieline.desk.cli``).
    """
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(Wordless())
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = lambda args: _say("ignored", args.exc_value)
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = lambda args: _say("a thread ended", args.exc_value)


def _say(what: str, error: BaseException | None) -> None:
    sys.stderr.write(f"{what}\n{told(error) if error is not None else ''}")
