"""Reading the JSON of a report: what is not there, or is of another kind, is empty."""

from __future__ import annotations

from collections.abc import Mapping

from tieline.desk.cli.show import View
from tieline.node.view import Json


def part(view: View, name: str) -> Mapping[str, Json]:
    """An object in a view; an empty one where there is none."""
    value = view.get(name)
    return value if isinstance(value, dict) else {}


def raw(view: View, name: str) -> str:
    """A text as it was written, with its line feeds: whoever writes it out makes it safe."""
    value = view.get(name)
    return value if isinstance(value, str) else ""


def whole(view: View, name: str) -> int | None:
    """A whole number in a view; None where there is none."""
    value = view.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
