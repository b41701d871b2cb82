"""What a form of an incident begins with, by what its fields mean. Pure.

A form comes from the station (act ``form``); nothing here knows one by its name. How it is shown
and read is ``formfields``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from tieline.desk.web.formfields import Group, Row
from tieline.desk.web.shapes import View

# What a field that must be answered holds at first: an officer in haste changes it or not.
BEGIN: Final = {"next": "now+30m", "due": "now+1h"}


def beginning(
    form: View, others: list[str], senses: Mapping[str, str], digest: str
) -> dict[str, str]:
    """Answers by path to begin with.

    ``others``: the parties that may be asked, where one alone is taken; ``senses``: what the
    answer to a field of a meaning shall mean (``stance``: ``declined``); ``digest``: of a text.
    """
    out: dict[str, str] = {}
    for field in form.views("fields"):
        path, means = str(field["path"]), str(field["means"])
        if field["required"] and means in BEGIN:
            out[path] = BEGIN[means]
        elif field["required"] and field["type"] == "party" and len(others) == 1:
            out[path] = others[0]
        elif means == "hash" and field["type"] == "hash" and digest:
            out[path] = digest
        for code in field.views("codes"):
            if means in senses and code["sense"] == senses[means]:
                out[path] = str(code["id"])
    return out


def opened(rows: tuple[Row | Group, ...], form: View, aspect: str) -> Iterator[Row | Group]:
    """The rows, with the group of an aspect open."""
    paths = {str(one["path"]) for one in form.views("fields") if aspect and one["means"] == aspect}
    for row in rows:
        yield replace(row, open=True) if isinstance(row, Group) and row.path in paths else row
