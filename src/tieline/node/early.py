"""What a station with agreements will be asked for first, loaded beside all else.

The code for it takes most of a second to load on a slow machine. Who asks first shall not wait for
that, and the line goes on meanwhile. A station without agreements never loads it.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterable
from typing import Final

from tieline.core.line import Line
from tieline.node.agreements import Agreements

MODULES: Final = ("agreementacts", "deskacts", "incidentacts", "jointacts", "recordacts")


async def load(agreements: Agreements, lines: Iterable[Line]) -> bool:
    """Load it if a charter names an agreement; says whether."""
    if not any(agreements.named(line) for line in lines):
        return False
    for name in MODULES:
        await asyncio.to_thread(importlib.import_module, f"tieline.node.{name}")
    return True
