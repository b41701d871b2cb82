"""One Chromium and one house for all tests of the desk; without Chromium they are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.page import browser as browsers
from tests.page.browser import Browser
from tests.web import house as houses
from tests.web.house import House


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if browsers.found() is None:
        pytest.skip(browsers.MISSING)
    with browsers.running(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="session")
def house(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with houses.living(tmp_path_factory.mktemp("house"), browser) as living:
        yield living


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where the pictures of a test go; those of docs are made by test_pictures.py."""
    return tmp_path
