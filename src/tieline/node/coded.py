"""The coded part of a message that is to be sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tieline.core.encode import Value
from tieline.core.terms import Precedence

if TYPE_CHECKING:
    from tieline.core.agreement.model import Form


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """The coded part of a message: none (``form`` is empty), or a form with its fields.

    ``doubts``: what its officer should look at again, in words.
    """

    form: str = ""
    version: int = 0
    fields: tuple[tuple[int, Value], ...] | None = None
    precedence: Precedence = Precedence.ROUTINE
    rules: Form | None = None
    doubts: tuple[str, ...] = ()
