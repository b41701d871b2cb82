"""The sounds of alarms, made here: one for each tone, so different that none is taken for another.

FLASH is two tones in turn without a pause; IMMEDIATE three high beeps; a fault two low ones;
PRIORITY one beep; a test three that rise.
"""

from __future__ import annotations

import array
import io
import math
import sys
import wave
from collections.abc import Mapping
from typing import Final

RATE: Final = 22_050
_LOUD: Final = 0.6
_EDGE_S: Final = 0.005  # each note swells and fades so fast: an edge would click

Notes = tuple[tuple[int, float], ...]  # frequency (0: none) and seconds

TONES: Final[Mapping[str, Notes]] = {
    "flash": ((960, 0.25), (770, 0.25)) * 4,
    "immediate": ((880, 0.2), (0, 0.15)) * 3,
    "fault": ((330, 0.4), (0, 0.15), (247, 0.5)),
    "priority": ((660, 0.25),),
    "test": ((523, 0.25), (659, 0.25), (784, 0.4)),
    "probe": ((0, 0.05),),
}
# How long from the beginning of one to the next, while it sounds; 0: once.
EVERY_S: Final[Mapping[str, float]] = {"flash": 2.0, "immediate": 10.0, "fault": 15.0,
                                       "priority": 0.0}  # fmt: skip


def seconds(tone: str) -> float:
    """How long a tone is."""
    return sum(length for _, length in TONES[tone])


def made(tone: str) -> bytes:
    """A tone as a WAV file: mono, 16 bits."""
    samples = array.array("h")
    for frequency, length in TONES[tone]:
        count = int(RATE * length)
        edge = int(RATE * _EDGE_S)
        for place in range(count):
            swell = min(1.0, place / edge, (count - place) / edge)
            wave_at = math.sin(2 * math.pi * frequency * place / RATE)
            samples.append(int(32_767 * _LOUD * swell * wave_at))
    if sys.byteorder == "big":
        samples.byteswap()
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return out.getvalue()
