"""The Przewodów exercise ends with a file that a browser opens from disk and checks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PARTIES = ("ALPHA", "BRAVO", "CHARLIE", "DELTA")


@pytest.mark.timeout(400)
def test_four_parties_are_shown_and_checked_in_a_browser(browser: Any, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tieline.exercise", "--headless", "--out", tmp_path],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        cwd=Path(__file__).parents[2],
        env={"PYTHONPATH": "src", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stdout
    summary = json.loads((tmp_path / "summary.json").read_text("utf-8"))
    assert summary["evidence_verified"] is True
    with browser.page() as page:
        page.open(tmp_path / "evidence.html")
        assert page.complaints() == []
        assert [url.split(":")[0] for url in page.requests()] == ["file"]
        verdict = page.value("document.documentElement.dataset.verdict")
        faults = page.value("document.querySelector('#faults')?.textContent ?? ''")
        # A browser without ML-DSA-44 says of each head that carries it that it is not checked.
        assert (verdict in {"checked", "partly"}, faults) == (True, "")
        articles = page.value(
            "[...document.querySelectorAll('article')].map((each) => each.textContent)"
        )
        assert len(articles) == summary["statements"] == summary["evidence_statements"]
        authors = {code for code in PARTIES if any(f"{code}/" in text for text in articles)}
        assert authors == set(PARTIES)
        assert all(text.startswith("EXERCISE PRZEWODOW-2022") for text in articles)
        assert "EXERCISE" in page.value("document.querySelector('#exercise').textContent")
