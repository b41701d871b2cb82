"""Which form or phrase of some packs is meant by what an officer types.

A phrase is a form here too (``model.phrase_form``). Officers name it by its code, as they say it.
"""

from __future__ import annotations

from collections.abc import Sequence

from tieline.core.agreement.model import Form, Pack, phrase_form
from tieline.core.errors import LocalError


def named(packs: Sequence[Pack], wanted: str) -> tuple[Pack, Form]:
    """A form by its id on the wire, or by its id alone when one pack has it.

    Raises ``LocalError`` (``form.unknown``).
    """
    tag, slash, name = wanted.partition("/")
    found = [
        (pack, form)
        for pack in packs
        if not slash or tag in (pack.tag, pack.id)
        for form in (pack.form(name if slash else wanted),)
        if form is not None
    ]
    if len(found) == 1:
        return found[0]
    raise _not_one("a form", wanted, len(found))


def phrase_named(packs: Sequence[Pack], wanted: str) -> tuple[Pack, Form]:
    """A phrase by its code, as it is written or in capitals or not, or by its id.

    A tag or a pack's id and a slash may stand before it, as in ``is/IR1``, and must where several
    packs have it. Its id on the wire will do too. Raises ``LocalError`` (``form.unknown``).
    """
    tag, slash, name = wanted.partition("/")
    of_pack = [pack for pack in packs if slash and tag in (pack.tag, pack.id)]
    found = _spoken(packs, wanted) or _spoken(of_pack, name)
    if len(found) == 1:
        return found[0]
    raise _not_one("a phrase", wanted, len(found))


def either_named(packs: Sequence[Pack], wanted: str) -> tuple[Pack, Form]:
    """A form, or else a phrase. Raises ``LocalError`` (``form.unknown``)."""
    try:
        return named(packs, wanted)
    except LocalError as none:
        try:
            return phrase_named(packs, wanted)
        except LocalError:
            raise none from None


def _spoken(packs: Sequence[Pack], wanted: str) -> list[tuple[Pack, Form]]:
    """The phrases of a name, by the strictest way of reading it that finds any."""
    every = [(pack, phrase) for pack in packs for phrase in pack.phrases.values()]
    folded = wanted.casefold()
    ways = (
        [(pack, one) for pack, one in every if one.code == wanted],
        [(pack, one) for pack, one in every if one.code.casefold() == folded],
        [(pack, one) for pack, one in every if phrase_form(one).id == folded or one.id == folded],
    )
    return [(pack, phrase_form(one)) for pack, one in next((way for way in ways if way), [])]


def _not_one(what: str, wanted: str, count: int) -> LocalError:
    which = "several packs in force have" if count else "no pack in force has"
    return LocalError(
        "form.unknown", f"{which} {what} '{wanted}'; 'tieline form' lists those of the line"
    )
