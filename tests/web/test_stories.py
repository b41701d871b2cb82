"""Two stories as the desk shows them: each proof is checked from its bytes; both halves stand."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from tieline.core import proof
from tieline.desk.web.frame import Frame
from tieline.desk.web.link import StationLink
from tieline.desk.web.officers import Officer, Officers
from tieline.desk.web.screens import record
from tieline.desk.web.sessions import Session, Sessions
from tieline.desk.web.shapes import View, view
from tieline.desk.web.vault import Vault
from tieline.desk.web.visit import Desk, Visit
from tieline.node.client import ApiRefused
from tieline.node.view import proof_view

VECTORS = Path(__file__).parents[2] / "vectors" / "proof"
CASES = json.loads((VECTORS / "accept.json").read_text("utf-8"))["cases"]


class Link(StationLink):
    """A way to a station that holds these proofs."""

    held: list[Any]

    async def share(self, act: str, args: dict[str, Any]) -> View:
        if act == "item":
            raise ApiRefused("item.ambiguous", "none")
        return view({"proofs": self.held} if act == "proofs" else {"lines": []})


def visit(folder: Path, held: list[Any], number: str = "0") -> Visit:
    vault = Vault(folder / "desk.db", bytes(32))
    officers = Officers(vault)
    link = Link(folder / "none")
    link.held = held
    desk = Desk(link=link, vault=vault, officers=officers, sessions=Sessions(vault, officers),
                frame=Frame(), stopping=asyncio.Event(), port=1)  # fmt: skip
    officer = Officer(id=1, name="Bob", roles=("observer",), language="en", theme="auto",
                      keys=True, active=True)  # fmt: skip
    session = Session(hash=b"", token="t", officer=officer, made_ms=0)
    scope = {"type": "http", "method": "GET", "path": "/record/stories", "query_string": b"",
             "headers": [], "path_params": {"number": number}}  # fmt: skip
    return Visit(desk, Request(scope), session, None, "/record/stories")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_both_stories_stand_side_by_side_and_the_proof_is_saved(
    case: dict[str, Any], tmp_path: Path
) -> None:
    held = [proof_view(proof.check(bytes.fromhex(case["proof"])))]
    page = bytes(asyncio.run(record.stories(visit(tmp_path, held))).body).decode()
    assert "This desk has checked the proof" in page
    assert page.count("<h3>") == 2
    assert ("EXERCISE" in page) == bool(case["realm"])
    saved = asyncio.run(record.save_story(visit(tmp_path, held)))
    assert bytes(saved.body).decode() == case["armor"]
    name = saved.headers["content-disposition"]
    assert ("EXERCISE" in name) == bool(case["realm"])
    assert "\n" not in name


def test_a_proof_that_does_not_check_accuses_nobody(tmp_path: Path) -> None:
    good = proof_view(proof.check(bytes.fromhex(CASES[0]["proof"])))
    page = bytes(
        asyncio.run(
            record.stories(visit(tmp_path, [{**good, "armor": "TIELINE-PROOF-1\nAAAA"}]))
        ).body
    ).decode()
    assert "The proof does not check here." in page
    assert "<h3>" not in page
