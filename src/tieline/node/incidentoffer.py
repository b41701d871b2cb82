"""Which forms there are to say something in an incident: what a desk offers to fill in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final, Protocol

from tieline.core.agreement.meaning import Act
from tieline.core.agreement.model import Form, Pack
from tieline.core.agreement.tongue import Tongue
from tieline.core.line import Line
from tieline.core.record import Item
from tieline.node import incidentforms as forms
from tieline.node.agreements import Agreements, InForce
from tieline.node.agreementview import form_view
from tieline.node.arguments import Arguments
from tieline.node.incidents import Incidents
from tieline.node.view import Json

# What else is said in an incident, by ``send`` and not by ``incident_say``.
_SENT: Final = (Act.HOLD, Act.HOLD_ANSWER, Act.LIFT, Act.COMPLY, Act.CONCERN)
_NARROWED: Final = {"answer": Act.ANSWER, "link-answer": Act.LINK_ANSWER,
                    "hold-answer": Act.HOLD_ANSWER}  # fmt: skip


class Desk(Protocol):
    """What this act needs of the others."""

    def line(self, args: Arguments) -> Line: ...

    def find(self, args: Arguments) -> tuple[Line, Item]: ...


class OfferActs:
    """The act that says which forms the agreements in force have for what is said in incidents."""

    def __init__(self, desk: Desk, agreements: Agreements, incidents: Incidents) -> None:
        self._desk, self._agreements, self._incidents = desk, agreements, incidents
        self.acts: Mapping[str, Callable[[Arguments], Awaitable[Json]]] = {
            "incident_forms": self._forms,
        }

    async def _forms(self, args: Arguments) -> Json:
        line, lang = self._desk.line(args), args.text("language", self._agreements.language)
        answered = args.text("item", "")
        cited = None
        if answered:
            found = Arguments("incident_forms", {"item": answered, "line": line.id.hex()})
            cited = self._desk.find(found)[1]
        args.done()
        in_force = self._agreements.in_force(line)
        asked = None if cited is None else self._agreements.form_of_item(line, cited)
        rows: list[Json] = []
        for does, pack, form in _offered(in_force):
            if does in _NARROWED and asked is not None and not _answers(pack, form, *asked):
                continue
            tongue = Tongue(pack, self._agreements.engine, lang)
            view = form_view(pack, form, tongue, whole=False)
            name = pack.form_id(form)
            view["does"] = does
            view["four_eyes"] = line.charter.four_eyes(form.precedence, name)
            rows.append(view)
        return {
            "line": line.id.hex(),
            "name": line.charter.name,
            "exercise": line.realm,
            "party": line.party,
            "parties": [
                {"code": one.code, "name": one.name}
                for one in line.charter.parties
                if one.code in line.charter.voices()
            ],
            "forms": rows,
        }


def _offered(in_force: InForce) -> Iterator[tuple[str, Pack, Form]]:
    """Each act with its forms, the one that ``incident_say`` takes first."""
    for does in forms.DOES:
        for pack, form in forms.choices(in_force, does):
            yield does, pack, form
    for act in _SENT:
        for pack in in_force.packs:
            for form in pack.sendable():
                if form.act is act:
                    yield act.value, pack, form


def _answers(pack: Pack, form: Form, to: Pack, asked: Form) -> bool:
    return pack.id == to.id and forms.fits_question(form, asked.id)
