"""One Chromium for all tests of this folder; without one they are skipped, and say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.page import browser as browsers
from tests.page import files as papers


@pytest.fixture(scope="session")
def files() -> Any:
    """The evidence files of these tests."""
    return papers


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if browsers.found() is None:
        pytest.skip(browsers.MISSING)
    with browsers.running(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="session")
def laboratory(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A page that holds the modules that check, for questions to them."""
    path = tmp_path_factory.mktemp("laboratory") / "laboratory.html"
    path.write_text(papers.laboratory(), "utf-8")
    with browser.page() as page:
        page.open(path)
        yield page


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Callable[[bytes | str], Any]]:
    """Opens evidence bytes, or a text in their place, as a file from disk."""
    with browser.page() as page:

        def open_file(data: bytes | str) -> Any:
            path = tmp_path / "evidence.html"
            path.write_text(papers.document(data), "utf-8")
            page.open(path)
            return page

        yield open_file
