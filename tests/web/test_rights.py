"""The table of rights is whole, and the one way to the station."""

from __future__ import annotations

import ast
import asyncio
from pathlib import Path

import pytest

from tieline.desk.web import rights, screens
from tieline.desk.web.officers import ADMINISTRATOR, OBSERVER, ROLES, SPEAKING
from tieline.desk.web.visit import Visit
from tieline.node.acts import (
    ABOUT_AGREEMENTS,
    ABOUT_ALARMS,
    ABOUT_INCIDENTS,
    ABOUT_JOINTS,
    FOR_DESKS,
    ON_RECORD,
)

WEB = Path(screens.__file__).parents[1]
# Acts of the station that no browser asks for: they are for the machine's own people and programs.
NOT_HERE = {"clock", "desk_key", "pulse", "settle", "stop", "waits"}


def acts_of_the_station() -> set[str]:
    source = (WEB.parents[1] / "node" / "acts.py").read_text("utf-8")
    own = {
        str(key.value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and ast.unparse(value).startswith(("self._", "self.send"))
    }
    return (
        own
        | ABOUT_AGREEMENTS
        | ABOUT_INCIDENTS
        | ABOUT_JOINTS
        | FOR_DESKS
        | ON_RECORD
        | ABOUT_ALARMS
    )


def test_every_act_of_the_station_reads_or_needs_a_role_or_is_named_as_not_for_browsers() -> None:
    ours = {act for act in rights.MAY if not act.startswith("desk.")}
    assert not rights.READS & ours
    assert not (rights.READS | ours) & NOT_HERE
    there = acts_of_the_station()
    assert {"send", "ack", "traffic", "incident_say", "assent"} <= there
    assert there - rights.READS - ours - NOT_HERE == set()


def test_only_who_speaks_acts_in_the_name_of_the_party() -> None:
    for act in rights.NAMES_OFFICER - rights.ALARMS:
        assert rights.MAY[act] <= set(SPEAKING), act
    assert rights.NAMES_ROLE | rights.KEYED <= rights.NAMES_OFFICER
    for roles in rights.MAY.values():
        assert roles <= set(ROLES)
    for role in (OBSERVER, ADMINISTRATOR):
        assert not any(rights.may((role,), act) for act in rights.NAMES_OFFICER - rights.ALARMS)
    assert not rights.may(ROLES, "no such act")


def test_no_screen_knows_another_way_to_the_station() -> None:
    for path in (WEB / "screens").glob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        named = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not named & {"link", "call", "share"}, path


@pytest.mark.parametrize("act", sorted(rights.MAY))
def test_asking_is_never_doing(act: str) -> None:
    visit = object.__new__(Visit)
    with pytest.raises(TypeError):
        asyncio.run(visit.ask(act))
    with pytest.raises(TypeError):
        visit.soon(act)


@pytest.mark.parametrize("act", sorted(rights.READS))
def test_doing_is_never_asking(act: str) -> None:
    visit = object.__new__(Visit)
    with pytest.raises(TypeError):
        asyncio.run(visit.perform(act))
