"""Whose words were compared: what a page shows of the check words of a charter's parties.

Ours are there to be read aloud. Those of another party are never on a page, so that they cannot be
copied into the field in which an officer types what it hears: only whether that was done here.
"""

from __future__ import annotations

import json

from tieline.desk.web.shapes import View
from tieline.desk.web.vault import Vault


def mark(party: View) -> str:
    """What a comparison holds for: these words of this party, so another root key needs another."""
    return f"{party['code']}:{''.join(party.texts('words'))}"


def checked(vault: Vault, party: View) -> View:
    """Which ``officer`` typed the words of a party in, and when (``at_ms``); None for nobody."""
    kept = vault.setting(f"checked:{mark(party)}")
    officer, at_ms = json.loads(kept) if kept else (None, None)
    return View({"officer": officer, "at_ms": at_ms})


def without(charter: View, own: str, vault: Vault) -> View:
    """A charter as the station shows it, with no words but ours."""
    parties = [
        View({
            **party,
            "own": party["code"] == own,
            "words": party.texts("words") if party["code"] == own else [],
            "checked": checked(vault, party),
        })
        for party in charter.views("parties")
    ]  # fmt: skip
    summary = [text for text in charter.texts("summary") if ": words " not in text]
    return View({**charter, "parties": parties, "summary": summary})
