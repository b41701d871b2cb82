"""How much is tried: enough for each run of the suite, and more for whoever asks for it.

``TIELINE_EXAMPLES=5 ./dev test tests/core`` tries five times as many examples of each property, and
whatever else is left out of the suite because it is dear and seldom tells anything new.
"""

from __future__ import annotations

import os
from typing import Final

FACTOR: Final = float(os.environ.get("TIELINE_EXAMPLES", "1"))
DEAR: Final = FACTOR > 1  # whether what is dear is asked for


def tries(count: int) -> int:
    """So many examples in the suite."""
    return max(1, round(count * FACTOR))
