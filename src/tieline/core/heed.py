"""What officers do with alarms here, and how the outputs fare that make them heard.

This is local: it is kept in the journal, so that it outlives the process and can be looked up, and
it never goes to another station. An acknowledgement is something else: that is a statement, which
the other party gets.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from tieline.core import encode
from tieline.core.encode import Fields, Value
from tieline.core.journal import MAX_TEXT, clean

MAX_NAME: Final = 80


class Does(IntEnum):
    """What was done. The numbers are part of the store's format."""

    SILENCED = 1  # all that sounded, until ``until_ms``
    SHELVED = 2  # the alarm ``about``, until ``until_ms``; ``text``: why
    RETURNED = 3  # a shelved alarm was taken back before its time
    SEEN = 4  # an officer has taken note of the alarm ``about``; ``text``: its note
    TESTED = 5  # every output was asked to sound
    HEARD = 6  # an officer heard ``output`` in the test ``about``
    OUTPUT = 7  # ``output`` began to work (``well``), or does not any more; ``text``: why


@dataclass(frozen=True, slots=True, kw_only=True)
class Heed:
    """One act of an officer, or one change of an output. ``about``: a journal number."""

    does: Does
    about: int = 0
    until_ms: int = 0
    officer: str = ""
    text: str = ""
    output: str = ""
    kind: str = ""
    well: bool = False

    def encode(self) -> bytes:
        values: dict[int, Value] = {
            1: int(self.does), 2: self.about, 3: self.until_ms,
            4: clean(self.officer, MAX_NAME), 5: clean(self.text, MAX_TEXT),
            6: clean(self.output, MAX_NAME), 7: clean(self.kind, MAX_NAME), 8: self.well,
        }  # fmt: skip
        return encode.dumps({key: value for key, value in values.items() if value})

    @staticmethod
    def decode(data: bytes) -> Heed:
        """Read what ``encode`` writes. Raises ``RemoteError`` when it does not read."""
        fields = Fields(encode.loads(data), "journal heed")
        return Heed(
            does=Does(fields.uint(1, max=max(Does), least=min(Does))),
            about=fields.opt_uint(2) or 0,
            until_ms=fields.opt_uint(3) or 0,
            officer=fields.opt_text(4, max_len=MAX_NAME) or "",
            text=fields.opt_text(5, MAX_TEXT) or "",
            output=fields.opt_text(6, max_len=MAX_NAME) or "",
            kind=fields.opt_text(7, max_len=MAX_NAME) or "",
            well=fields.opt_boolean(8) or False,
        )
