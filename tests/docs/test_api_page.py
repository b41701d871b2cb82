"""docs/api.md names every act with every argument that it takes, and no others."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tieline.node.incidentacts import _PASSED

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")
NODE = ROOT / "src" / "tieline" / "node"
CLASSES = {
    "NodeActs": "acts.py",
    "AgreementActs": "agreementacts.py",
    "IncidentActs": "incidentacts.py",
    "OfferActs": "incidentoffer.py",
    "ReportActs": "incidentreport.py",
    "ScoreActs": "incidentscore.py",
    "JointActs": "jointacts.py",
    "DeskActs": "deskacts.py",
    "RecordActs": "recordacts.py",
    "AlarmActs": "alarmacts.py",
}
COMMON = {"line", "officer", "role", "key", "language", "reserve", "through", "insist"}
ASKING = {"text", "number", "flag", "texts", "choice", "digest", "refs", "fields", "answers"}
# What an act takes through a helper of its own class, or of the other one.
HELPERS = {
    "line": {"line"},
    "find": {"item"},
    "refs": {"refs"},
    "_wants": {"wants"},
    "marked": {"reserve", "through"},
    "cites": {"refs", "incident"},
    "_cites": {"refs", "incident"},
}
FOLLOWED = {"_answer", "_speak", "_by_form", "filled", "_holds", "_text_of"}


def methods() -> dict[str, ast.AsyncFunctionDef | ast.FunctionDef]:
    return {
        f"{node.name}.{part.name}": part
        for file in CLASSES.values()
        for node in ast.parse((NODE / file).read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name in CLASSES
        for part in node.body
        if isinstance(part, ast.AsyncFunctionDef | ast.FunctionDef)
    }


def acts_in_the_source() -> dict[str, set[str]]:
    """Each act with the arguments that its method asks for, itself or through others."""
    found = methods()
    table: dict[str, str] = {}
    for name in CLASSES:
        for node in ast.walk(found[f"{name}.__init__"]):
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(value, ast.Attribute):
                        table[str(key.value)] = f"{name}.{value.attr}"
    return {act: asked(found, name) - COMMON for act, name in table.items()}


def asked(found: dict[str, ast.AsyncFunctionDef | ast.FunctionDef], name: str) -> set[str]:
    out: set[str] = set()
    for node in ast.walk(found[name]):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        called, owner = node.func.attr, node.func.value
        if called in ASKING and isinstance(owner, ast.Name) and owner.id == "args":
            first = node.args[0]
            assert isinstance(first, ast.Constant)
            out.add(str(first.value))
        elif "self" in {part.id for part in ast.walk(owner) if isinstance(part, ast.Name)}:
            out |= HELPERS.get(called, set())
            if called == "refs" and ast.unparse(owner) == "self._incidents":
                out |= asked(found, "IncidentActs.refs") - {"form"}  # of the act's own
            if called in FOLLOWED:
                own = f"{name.partition('.')[0]}.{called}"
                there = [each for each in found if each.endswith(f".{called}")]
                out |= asked(found, own if own in found else there[0])
    return out


def acts_on_the_page() -> dict[str, set[str]]:
    rows = re.findall(r"^\| `([a-z_]+)` \|([^|]*)\| [^|]+ \|$", PAGE, re.MULTILINE)
    return {act: arguments(text) - COMMON for act, text in rows if text != "meaning"}


def arguments(text: str) -> set[str]:
    outside = re.sub(r"\([^)]*\)", "", text)
    return set(re.findall(r"`([a-z_]+)`", outside))


def test_the_page_and_the_source_name_the_same_acts_and_arguments() -> None:
    source = acts_in_the_source()
    source["joint_withdraw"].discard("reason")  # its form is filled as that which declines
    said = source.pop("incident_say") | {"means", "questions"} | set(_PASSED)
    assert acts_on_the_page() == source
    table = PAGE.partition("`incident_say` says")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]*`[^|]*) \| [^|]+ \|$", table, re.MULTILINE)
    named = {name for row in rows for name in arguments(row)} | {"form"}
    assert named - COMMON == said - COMMON


def test_both_were_read() -> None:
    assert acts_in_the_source()["ack"] == {"item"}
    assert acts_on_the_page()["pass_on"] == {"item", "unit", "at_ms"}
    assert len(acts_in_the_source()) > 20


def test_the_page_names_every_kind_of_event() -> None:
    node = ROOT / "src" / "tieline" / "node"
    view = "".join((node / name).read_text("utf-8") for name in ("view.py", "unstored.py"))
    kinds = set(re.findall(r'"type"(?::|\] =) "([a-z-]+)"', view)) - {"unknown"} | {"live"}
    section = PAGE.split("## Watching", maxsplit=1)[1]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)) == kinds
