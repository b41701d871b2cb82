"""What several tests of the core stand on."""

from __future__ import annotations

from functools import lru_cache

import pytest
from nacl.bindings import crypto_sign_open


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signatures that verified once are not verified anew, where one file is read a thousand times.

    A signature that fails is verified each time; so is any whose key or words have changed.
    """
    memo = lru_cache(4096)(crypto_sign_open)
    monkeypatch.setattr("tieline.core.crypto.crypto_sign_open", memo)
