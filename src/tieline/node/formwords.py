"""How a filled form or phrase stands in the answers of acts, in words."""

from __future__ import annotations

from typing import Final

from tieline.core.agreement import layout, phrases, plain
from tieline.core.agreement.form import complaint
from tieline.core.agreement.layout import Page
from tieline.core.agreement.message import FieldError
from tieline.core.agreement.tongue import Tongue
from tieline.core.agreement.value import Instant, Serial
from tieline.core.encode import Value
from tieline.node import agreementview as views
from tieline.node.view import Json

FAULTS_SHOWN: Final = 20
RAW_SHOWN: Final = 400  # characters of a value that breaks its form


def told(
    page: Page,
    tongue: Tongue,
    errors: tuple[FieldError, ...],
    fields: tuple[tuple[int, Value], ...],
) -> dict[str, Json]:
    """A form in words, to stand beside its coded fields.

    What breaks the form is among the lines, as it is on the wire: who reads a message, or releases
    one, must see all of it. ``brief``: the marks that a single line has room for, and must bear.
    """
    form = page.sheet.form
    lines: list[Json] = [_said(each) for each in page.lines]
    types: list[Json] = [_type(each) for each in page.lines]
    if errors:
        raw = [f"! {complaint(form, error, tongue).text}" for error in errors[:FAULTS_SHOWN]]
        raw += [f"! {number} = {value!r}"[:RAW_SHOWN] for number, value in fields]
        lines += raw
        types += ["text"] * len(raw)
    out: dict[str, Json] = {"title": page.title, "lines": lines, "types": types}
    brief = [] if tongue.verified else [str(tongue.say("mark.unchecked-brief"))]
    if page.spoken is not None:
        said = [f"{label}: {text}" for label, text in phrases.sentences(page.spoken, tongue)]
        lines += said
        types += ["spoken"] * len(said)
        out["phrase"] = views.spoken_view(page.spoken)
        caution = views.cite_view(form.cite, tongue).get("caution")
        brief += [str(caution)] if caution else []
    return out | {"marks": list(page.marks), "brief": [*brief]}


def page_view(page: Page) -> dict[str, Json]:
    """A page as it stands in an answer, line by line."""
    out: dict[str, Json] = {
        "title": page.title,
        "agreement": page.agreement,
        "times": list(page.times),
        "reference": page.reference,
        "disclaimer": page.disclaimer,
        "marks": list(page.marks),
        "lines": [
            {
                "marker": line.marker,
                "depth": line.depth,
                "label": line.label,
                "said": line.said,
                "free": line.free,
                "fallen": line.fallen,
                "paragraph": line.cite.paragraph,
                "provenance": line.cite.provenance.value,
            }
            for line in page.lines
        ],
    }
    return out if page.spoken is None else out | {"phrase": views.spoken_view(page.spoken)}


def _said(line: layout.Line) -> str:
    """A line of a form; a time with its uncertainty, which its date-time group does not show."""
    if not line.said:
        return line.label or line.marker
    exact = plain.write(line.answer) if isinstance(line.answer, Instant) else line.said
    return f"{line.label}: {line.said}{'' if exact == line.said else f' ({exact})'}"


def _type(line: layout.Line) -> str:
    """What a line is: a heading, what a person wrote, the sender's count, or a coded answer."""
    if line.answer is None:
        return "heading"
    if line.free:
        return "text"
    return "serial" if isinstance(line.answer, Serial) else "coded"
