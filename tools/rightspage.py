"""The page of the desk's rights, from the one table that the desk looks into."""

from __future__ import annotations

from tieline.desk.web import rights
from tieline.desk.web.officers import ROLES

HEAD = """\
# Who may do what at the desk

Made from `src/tieline/desk/web/rights.py` by `tools/docs.py --write`. An act that is named nowhere
here cannot be asked from a browser. The rules of the line hold besides, at the station: who wrote a
draft does not release it, whatever role.

| act | {roles} |
| --- | {rule} |
"""


def page() -> str:
    """The whole page."""
    lines = [HEAD.format(roles=" | ".join(ROLES), rule=" | ".join("---" for _ in ROLES)).rstrip()]
    for act in sorted(rights.MAY):
        marks = " | ".join("yes" if role in rights.MAY[act] else "" for role in ROLES)
        name = f"the desk's own: {act[5:]}" if act.startswith("desk.") else f"`{act}`"
        lines.append(f"| {name} | {marks} |".replace("|  |", "| |").replace("|  |", "| |"))
    reads = ", ".join(f"`{act}`" for act in sorted(rights.READS))
    lines += ["", "Acts that change nothing, which every officer may ask:", reads + "."]
    return "\n".join(lines) + "\n"
