"""The officers of this desk, for an administrator: accounts, roles, passwords, sessions, the log.

Where there are two administrators, some things need both: giving somebody a role that releases or
administers, giving such an officer another password or taking a key of it away, and keeping an
administrator out. The second
gives its own password (and code) in the same form. What that stops, the command line of the
machine can still do: ``tieline desk officer``.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from starlette.responses import Response

from tieline.core.errors import LocalError
from tieline.desk.web import trail
from tieline.desk.web.app import Route
from tieline.desk.web.credentials import spelled
from tieline.desk.web.factors import Factors
from tieline.desk.web.officers import (
    ADMINISTRATOR,
    GIVEN_LETTERS,
    RELEASER,
    ROLES,
    TREATY,
    Officer,
    ordered_roles,
)
from tieline.desk.web.visit import Visit
from tieline.node.text import visible

HIGH: Final = frozenset({ADMINISTRATOR, RELEASER, TREATY})  # who administers, or may release
SHOWN_ENTRIES: Final = 50
_ACT: Final = "desk.officers"


async def officers(visit: Visit) -> Response:
    """The page of the accounts."""
    visit.allow(_ACT)
    return await _page(visit)


async def _page(
    visit: Visit,
    status: int = 200,
    *,
    problem: str = "",
    given: tuple[str, str] = ("", ""),
    code: bool = False,
) -> Response:
    desk = visit.desk
    held, sessions = Factors(desk.vault), desk.sessions.standing(visit.now_ms)
    people = [
        {
            "officer": one,
            "code": held.has(one.id),
            "keys": desk.touches.keys.of(one.id),
            "wait_ms": desk.officers.wait_ms(one.name, visit.now_ms),
            "sessions": sum(each.officer == one.name for each in sessions),
        }
        for one in desk.officers.all()
    ]
    own = visit.session.hash.hex()
    return await visit.render(
        "officers.html", status, people=people, sessions=sessions, problem=problem,
        own=next((each.name for each in sessions if own.startswith(each.name)), ""),
        given_name=given[0], given=given[1], given_code=code,
        roles=ROLES, two=_administrators(visit) > 1,
        typed_name=visit.field("name") if problem else "", typed_roles=visit.fields("role"),
    )  # fmt: skip


async def add(visit: Visit) -> Response:
    """A new account, with a password that must be changed at its first login."""
    visit.allow(_ACT)
    name = " ".join(visit.field("name").split())
    try:
        roles = ordered_roles(tuple(visit.fields("role")))
        await _second(visit, needed=bool(HIGH & set(roles)))
        people = visit.desk.officers
        made = people.add(name, roles, spelled(GIVEN_LETTERS), visit.now_ms)
        given = people.give_password(made, visit.now_ms)
    except LocalError as error:
        return await _refused(visit, error)
    visit.note(_ACT, "done", f"add: {made.name} {', '.join(made.roles)}")
    return await _page(visit, given=(made.name, given))


async def roles(visit: Visit) -> Response:
    """Other roles."""
    visit.allow(_ACT)
    try:
        one = _one(visit)
        wanted = ordered_roles(tuple(visit.fields("role")))
        gained, lost = set(wanted) - set(one.roles), set(one.roles) - set(wanted)
        await _second(visit, needed=bool(HIGH & gained) or ADMINISTRATOR in lost)
        visit.desk.officers.set_roles(one, wanted)
    except LocalError as error:
        return await _refused(visit, error)
    visit.note(_ACT, "done", f"roles: {one.name} {', '.join(wanted)}")
    return visit.go("/officers")


async def reset(visit: Visit) -> Response:
    """Another password for who has lost it, good once; its codes are taken away."""
    visit.allow(_ACT)
    try:
        one = _one(visit, other=True)
        await _second(visit, needed=bool(HIGH & set(one.roles)))
        given = visit.desk.officers.give_password(one, visit.now_ms)
    except LocalError as error:
        return await _refused(visit, error)
    visit.note(_ACT, "done", f"reset: {one.name}")
    return await _page(visit, given=(one.name, given))


async def lock(visit: Visit) -> Response:
    """Keep somebody out; its sessions end."""
    visit.allow(_ACT)
    try:
        one = _one(visit, other=True)
        await _second(visit, needed=ADMINISTRATOR in one.roles)
        visit.desk.officers.set_active(one, active=False)
    except LocalError as error:
        return await _refused(visit, error)
    visit.note(_ACT, "done", f"lock: {one.name}")
    return visit.go("/officers")


async def unlock(visit: Visit) -> Response:
    """Let somebody in again, after a lock or too many wrong guesses."""
    visit.allow(_ACT)
    try:
        one = _one(visit)
        await _second(visit, needed=not one.active and bool(HIGH & set(one.roles)))
        if not one.active:
            visit.desk.officers.set_active(one, active=True)
        visit.desk.officers.unlock(one.name)
    except LocalError as error:
        return await _refused(visit, error)
    visit.note(_ACT, "done", f"unlock: {one.name}")
    return visit.go("/officers")


async def take_key(visit: Visit) -> Response:
    """Take a security key away that was lost, or may have been copied.

    Whom nothing is left then gets a code, to come in once and set up another second factor.
    """
    visit.allow(_ACT)
    given = ""
    try:
        one = _one(visit, other=True)
        number = visit.field("key")
        await _second(visit, needed=bool(HIGH & set(one.roles)))
        wanted = int(number) if number.isascii() and number.isdigit() and len(number) < 16 else 0
        keys = visit.desk.touches.keys
        with visit.desk.vault.together():
            taken = keys.take_away(one.id, wanted)
            left = Factors(visit.desk.vault).has(one.id) or keys.hosts(one.id)
            if taken and not left:
                given = visit.desk.officers.enrol_anew(one, visit.now_ms)
    except LocalError as error:
        return await _refused(visit, error)
    visit.note(_ACT, "done" if taken else "nothing", f"take key: {one.name}, {taken or number[:9]}")
    return (
        await _page(visit, given=(one.name, given), code=True) if given else visit.go("/officers")
    )


async def enrol(visit: Visit) -> Response:
    """Another code for who has to set up a second factor and cannot come in by the last one."""
    visit.allow(_ACT)
    try:
        one = _one(visit, other=True)
        await _second(visit, needed=bool(HIGH & set(one.roles)))
        if one.renew or not one.enrol_ms:
            return visit.go("/officers")
        given = visit.desk.officers.enrol_anew(one, visit.now_ms)
    except LocalError as error:
        return await _refused(visit, error)
    visit.note(_ACT, "done", f"code to enrol: {one.name}")
    return await _page(visit, given=(one.name, given), code=True)


async def end(visit: Visit) -> Response:
    """End a session."""
    visit.allow(_ACT)
    name = visit.field("session")
    ended = visit.desk.sessions.end_named(name)
    visit.note(_ACT, "done" if ended else "nothing", f"end session: {name[:16]}")
    return visit.go("/officers")


async def log(visit: Visit) -> Response:
    """Who did what; the chain of all of it is checked when that is asked for."""
    visit.allow("desk.log")
    vault, before = visit.desk.vault, visit.field("before")
    number = int(before) if before.isascii() and before.isdigit() and len(before) < 16 else 0
    # Both come back on the page, in a list where nothing holds their direction.
    officer, act = visible(visit.field("officer")[:60]), visible(visit.field("act")[:60])
    found = trail.entries(
        vault, officer=officer, act=act, before=number, limit=SHOWN_ENTRIES + 1
    )  # one more tells whether there are more
    return await visit.render(
        "officers-log.html", entries=found[:SHOWN_ENTRIES], about=trail.told,
        more=len(found) > SHOWN_ENTRIES,
        officer=officer, act=act, acts=sorted({*trail.acts(vault), *([act] if act else [])}),
        head=trail.head(vault), check=await trail.check(vault) if visit.field("check") else None,
        names=[one.name for one in visit.desk.officers.all()],
    )  # fmt: skip


def _one(visit: Visit, *, other: bool = False) -> Officer:
    """The officer that the form is about. Raises ``LocalError``."""
    number = visit.field("officer")
    good = number.isascii() and number.isdigit() and len(number) < 16
    found = visit.desk.officers.find(int(number)) if good else None
    if found is None:
        raise LocalError("officer.unknown", "no officer of this desk has that name")
    if other and found.id == visit.officer.id:
        raise LocalError(
            "officer.self", "nobody locks or resets its own account; change your password instead"
        )
    return found


def _administrators(visit: Visit) -> int:
    people = visit.desk.officers.all()
    return sum(one.ready and ADMINISTRATOR in one.roles for one in people)


async def _second(visit: Visit, *, needed: bool) -> None:
    """The other administrator agrees, where one is needed and there is one.

    Raises ``LocalError`` (``officer.second``).
    """
    if not needed or _administrators(visit) < 2:
        return
    refusal = LocalError(
        "officer.second",
        "this needs two administrators: let the other one give its name, password and code below",
    )
    name = visit.field("second")
    if not name:
        raise refusal
    people = visit.desk.officers
    other = None
    with suppress(LocalError):  # no officer of that name
        other = people.named(name[:256])
    fine = (
        other is not None and other.id != visit.officer.id
        and other.ready and ADMINISTRATOR in other.roles
        and bool(await visit.prove(other, "second_"))
    )  # fmt: skip
    told = f"second administrator: {people.typed(name)}"
    visit.note(_ACT, "second" if fine else "login.wrong", told)
    if not fine:
        raise refusal


async def _refused(visit: Visit, error: LocalError) -> Response:
    visit.note(_ACT, error.code)
    return await _page(visit, 409, problem=error.message)


ROUTES: Final = (
    Route("/officers", officers),
    Route("/officers/log", log),
    Route("/officers/add", add, "POST"),
    Route("/officers/roles", roles, "POST"),
    Route("/officers/reset", reset, "POST"),
    Route("/officers/lock", lock, "POST"),
    Route("/officers/unlock", unlock, "POST"),
    Route("/officers/key", take_key, "POST"),
    Route("/officers/enrol", enrol, "POST"),
    Route("/officers/end", end, "POST"),
)
