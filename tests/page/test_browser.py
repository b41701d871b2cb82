"""That a browser which does not start says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.page import browser


def test_a_browser_that_does_not_start_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\necho No usable sandbox >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(browser, "found", lambda: str(program))
    with (
        pytest.raises(browser.BrowserError, match="No usable sandbox"),
        browser.running(tmp_path / "profile"),
    ):
        pass
