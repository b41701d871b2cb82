"""The report of an incident as a file: made by a process of its own, so that the desk goes on.

Making pages of a long incident takes seconds of a processor. The process gets the JSON object of
the act ``incident_report`` and gives the file; it has no connection to the station and no key.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Final

from tieline.core.errors import LocalError
from tieline.node.view import Json

KINDS: Final = {"html": "text/html; charset=utf-8", "pdf": "application/pdf"}
PATIENCE_S: Final = 120.0
AT_ONCE: Final = 1  # of two processors one is left to the desk

_turn = asyncio.Semaphore(AT_ONCE)


async def made(kind: str, report: Mapping[str, Json]) -> bytes:
    """The file. Raises ``LocalError`` (``report.*``)."""
    async with _turn:
        process = await asyncio.create_subprocess_exec(
            # Without the working folder on its path, whatever lies there.
            sys.executable, "-P", "-m", "tieline.desk.report.apart", kind,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(PATIENCE_S):
                out, problem = await process.communicate(json.dumps(dict(report)).encode())
        except TimeoutError:
            raise LocalError("report.slow", "the report took too long to make") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if process.returncode or not out:
        text = problem.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise LocalError("report.failed", f"the report could not be made: {text[:200]}")
    return out


__all__ = ["KINDS", "made"]
