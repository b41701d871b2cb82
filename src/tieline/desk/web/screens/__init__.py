"""The screens, by an explicit list: a module of a screen has ``ROUTES``, and stands here."""

from __future__ import annotations

from typing import Final

from tieline.desk.web.app import Route
from tieline.desk.web.screens import (
    account,
    admin,
    agreements,
    alarms,
    compose,
    drafts,
    exercise,
    files,
    handover,
    incident,
    incidentsay,
    item,
    joint,
    lists,
    own,
    ownkeys,
    paper,
    people,
    record,
    watch,
)

MODULES: Final = (
    account, watch, alarms, compose, drafts, lists, files, record, item, incidentsay, incident,
    joint, paper,
    agreements, exercise,
    own, ownkeys, people, handover, admin,
)  # fmt: skip

ROUTES: Final[tuple[Route, ...]] = tuple(route for module in MODULES for route in module.ROUTES)

# Paths whose forms bring files.
UPLOADS: Final[frozenset[str]] = frozenset(
    path for module in MODULES for path in getattr(module, "UPLOADS", ())
)
