"""What an officer must know of a form besides its fields: before it is sent, and when it is read.

A party that is none of the line's, a number that came twice, a draft that a newer version of its
agreement says otherwise, a form that is to be taken back by a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from tieline.core.agreement.form import complaint, serial_of, strangers
from tieline.core.agreement.layout import Sheet
from tieline.core.agreement.message import FieldError, Values, examine
from tieline.core.agreement.model import Form, Pack
from tieline.core.agreement.places import Position
from tieline.core.agreement.tongue import Tongue
from tieline.core.errors import FaultsError, LocalError
from tieline.core.line import REPLACING, Line
from tieline.core.statement import Ref
from tieline.core.terms import RefRole
from tieline.node.agreements import Agreements

DOUBTS_SHOWN: Final = 20
SPANS_SHOWN: Final = 12


def parties_of(line: Line, charter: int | None = None) -> tuple[str, ...]:
    """The codes of the parties under a version of the charter; ``None``: the one in force."""
    held = line.charters.get(line.latest() if charter is None else charter)
    return tuple(party.code for party in (held.charter if held else line.charter).parties)


def stranger_doubts(
    line: Line, charter: int | None, sheet: Sheet, tongue: Tongue
) -> tuple[str, ...]:
    """What of a message names a party that is none of the line's."""
    found = strangers(sheet.form, sheet.values, parties_of(line, charter))
    return tuple(complaint(sheet.form, one, tongue).text for one in found[:DOUBTS_SHOWN])


def number_doubts(same: Iterable[bytes], number: int, tongue: Tongue) -> tuple[str, ...]:
    """That other messages bear a message's number."""
    also = ", ".join(digest.hex()[:12] for digest in same)
    return (f"{tongue.say('question.twice', number=str(number))} ({also})",) if also else ()


def said(form: Form, doubts: Iterable[FieldError], tongue: Tongue) -> tuple[str, ...]:
    """What reads and looks wrong, in words."""
    return tuple(complaint(form, one, tongue).text for one in tuple(doubts)[:DOUBTS_SHOWN])


def near(agreements: Agreements, line: Line, refs: Iterable[Ref]) -> Position | None:
    """A place that what is cited speaks of: the new message should speak of one not far away."""
    for ref in refs:
        item = line.item(ref.target)
        found = None if item is None else agreements.form_of_item(line, item)
        if item is None or found is None:
            continue
        values, _ = examine(*found, item.statement.content.body.fields or (), cancels=True)
        place = next(_places(values), None)
        if place is not None:
            return place
    return None


def _places(values: Values) -> Iterator[Position]:
    for value in values.values():
        if isinstance(value, tuple):
            for one in value:
                yield from _places(one)
        elif isinstance(value, Position):
            yield value


def spans(missing: Iterable[tuple[int, int]]) -> str:
    """Spans of numbers as a person writes them."""
    some = [f"{low}" if low == high else f"{low}-{high}" for low, high in missing]
    return ", ".join(some[:SPANS_SHOWN]) + (", ..." if len(some) > SPANS_SHOWN else "")


def form_taken_back(agreements: Agreements, line: Line, refs: Iterable[Ref]) -> str:
    """The form of a message that names none and takes back one of ours; empty: it is a text.

    The rules read forms. A cancellation is of the form that it cancels; a text that corrects or
    supersedes a form would seem to and would not. Raises ``LocalError`` (``form.replaces``).
    """
    packs = agreements.in_force(line).packs
    for ref in refs:
        item = line.item(ref.target) if ref.role in REPLACING else None
        found = None if item is None else agreements.form_of_item(line, item)
        if found is None or found[1].phrase is not None:
            continue
        pack, form = found
        wanted = pack.form_id(form)
        if not any(one.tag == pack.tag and form.id in one.forms for one in packs):
            continue
        if ref.role is RefRole.CANCELS:
            return wanted
        raise LocalError(
            "form.replaces",
            f"statement {ref.target.hex()[:12]} is of form {wanted}, and a text cannot replace it;"
            f" send it with --form {wanted}, or the text without replacing anything",
        )
    return ""


def check_draft(agreements: Agreements, line: Line, number: int, lang: str) -> None:
    """See that a draft says the same under the agreements that are in force now.

    A charter can bring another version of a pack while a draft waits. Where both versions say
    the same the draft is released as it is, and counts. Else it stays as it is. Raises
    ``LocalError`` (``draft.outdated``).
    """
    draft = line.drafts.get(number)
    found = None if draft is None else agreements.form_of(line, draft.content)
    if draft is None or found is None:
        return
    (was, form), content, in_force = found, draft.content, agreements.in_force(line)
    pack = next((one for one in in_force.packs if one.id == was.id), None)
    if pack is None and in_force.missing:
        return  # it may be the one that is not here: who reads it may have it
    if pack is not None and pack.hash == was.hash:
        return
    what = f"draft {number} is {content.form} as version {was.version} of {was.id} has it"
    keep = f"it stays as it is: 'tieline drafts' shows it; then 'tieline discard {number}'"
    if pack is None:
        raise LocalError(
            "draft.outdated", f"{what}, which is not in force any more; say it as a text ({keep})"
        )
    cancels = any(ref.role is RefRole.CANCELS for ref in content.refs)
    fields = content.body.fields or ()
    values, _ = examine(was, form, fields, cancels=cancels)
    if agreements.says_the_same(line, was, form, content, values):
        return
    now = pack.forms.get(form.id)
    why = ""
    if now is not None:
        tongue = Tongue(pack, agreements.engine, lang)
        _, errors = examine(pack, now, fields, cancels=cancels)
        why = "".join(f" {complaint(now, one, tongue).text}" for one in errors[:DOUBTS_SHOWN])
    raise LocalError(
        "draft.outdated",
        f"{what}, and version {pack.version}, which is in force, does not say the same by it.{why}"
        f" Send it anew with --form {content.form} ({keep})",
    )


def waiting(line: Line, pack: Pack, form: Form) -> Iterator[int]:
    """The serials of the drafts of this form that wait for a second officer."""
    serial = serial_of(form)
    if serial is None:
        return
    for draft in line.drafts.values():
        content = draft.content
        if (content.form, content.form_version) == (pack.form_id(form), pack.version):
            given = dict(content.body.fields or ()).get(serial.number)
            if isinstance(given, int):
                yield given


def refused(pack: Pack, form: Form, faults: Iterable[FieldError], tongue: Tongue) -> FaultsError:
    """A form that cannot be sent: every fault, in the officer's language, as an error to raise."""
    said = [complaint(form, fault, tongue) for fault in faults]
    what = "form" if form.phrase is None else f"phrase {form.name},"
    text = " ".join((f"{what} {pack.form_id(form)} cannot be sent.", *(one.text for one in said)))
    views = (
        {
            "path": one.path,
            "code": one.code,
            "paragraph": one.cite.paragraph,
            "text": one.text,
            "what": one.what,
            "remedy": one.remedy,
        }
        for one in said
    )
    return FaultsError("form.unfit", text, tuple(views))


def once(faults: Iterable[FieldError]) -> tuple[FieldError, ...]:
    """Each field's first fault: what could not be read is missing too, and that is said once."""
    kept: dict[str, FieldError] = {}
    for fault in faults:
        kept.setdefault(fault.path or fault.problem.code, fault)
    return tuple(kept.values())
