"""Properties are tried on the same examples each time; a busy machine makes none of them red."""

from __future__ import annotations

from hypothesis import settings
from tests.examples import tries

settings.register_profile(
    "same", derandomize=True, deadline=None, database=None, max_examples=tries(50)
)
settings.load_profile("same")
