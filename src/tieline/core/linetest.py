"""Line tests: who calls when, and with which words.

A line test is a ritual, not a ping: at each slot of the day one party calls, with a text from an
agreed, innocuous corpus that exercises every letter, digit and mark of both scripts, and says the
last item it holds from each other station; officers answer by acknowledging it. Its absence is the
alarm. The initiator alternates among the parties in the order of their codes (FIELD section 3).

The corpus below was written for this purpose: household remarks, nothing that a tired reader could
take for a hint. Each entry covers both alphabets completely; a test holds that.
"""

from __future__ import annotations

from typing import Final

from tieline.core.charter import Charter

_MARKS: Final = "0123456789 .,:;!?'\"()-+/=%&@#*"
_LATIN: Final = (
    "A quiet baker joins five dozen figs with exact plums, hazelnut cream and very warm milk",
    "My neighbour keeps six jugs of quince and lavender wax by the frozen pump each Thursday",
)
_CYRILLIC: Final = (
    (
        "Объявляем: в саду южный цветёт жасмин, щегол ещё пьёт чай, эхо фыркает, кузнец "
        "шлифует гвозди, объём бочки мал"
    ),
    (
        "Подъезжая, фермер вёз ящик хурмы, щётку, цукаты, эскиз чайника, гусиный пух, "
        "шёлк, бельё и новый бюджет; съел мёд"
    ),
)


def corpus(slot: int) -> str:
    """The text of a slot: both scripts in small and capital letters, digits and marks."""
    latin = _LATIN[slot % len(_LATIN)]
    cyrillic = _CYRILLIC[slot // len(_LATIN) % len(_CYRILLIC)]
    return f"{latin}. {latin.upper()}. {cyrillic}. {cyrillic.upper()}. {_MARKS}"


def slot_at(wall_ms: int, charter: Charter) -> int | None:
    """The number of the test slot in which a moment lies; None when the charter has no tests."""
    interval_s = charter.tests.interval_s
    return wall_ms // (interval_s * 1000) if interval_s else None


def slot_start_ms(slot: int, charter: Charter) -> int:
    """When a slot begins, UTC ms."""
    return slot * charter.tests.interval_s * 1000


def initiator(slot: int, charter: Charter) -> str:
    """The party that calls in a slot; an observer calls none."""
    voices = charter.voices()
    return voices[slot % len(voices)]
