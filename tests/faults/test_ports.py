"""Ports that stations of tests listen at, on whatever machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import ports


@pytest.mark.parametrize("given", ["32768\t60999\n", "1024\t65535\n", ""])
def test_there_are_ports_whatever_the_kernel_gives_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    told = tmp_path / "range"
    if given:
        told.write_text(given, "ascii")
    monkeypatch.setattr(ports, "GIVEN", told)
    found = ports.free(20)
    assert len(set(found)) == 20
    assert given[:1] != "3" or all(ports.LEAST <= port < 32_768 for port in found)
