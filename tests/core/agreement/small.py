"""A small whole pack as the files of a folder, for tests to break."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PACK: Final = """\
format = 1
id = "small"
tag = "sm"
version = 3
paragraph = "IV"
provenance = "read"
languages = ["en", "fr"]

[[codes]]
id = "knowledge"
provenance = "memory"
[[codes.item]]
number = 1
id = "know"
[[codes.item]]
number = 2
id = "do-not-know"
paragraph = "IV.2"

[[status]]
pair = ["ALPHA", "BRAVO"]
state = "suspended"
by = "ALPHA"
since = 2023-02-21T00:00:00Z
"""

FORMS: Final = """\
[[form]]
id = "ask"
number = 1
precedence = "IMMEDIATE"
flash = true
[[form.field]]
number = 1
id = "what"
type = "code"
codes = "knowledge"
required = true
specials = ["withheld", "not-known"]
[[form.field]]
number = 2
id = "phase"
type = "group"
repeat = [1, 9]
[[form.field.field]]
number = 1
id = "troops"
type = "count"
low = 0
high = 1000000
[[form.field.field]]
number = 2
id = "start"
type = "time"

[[form]]
id = "reply"
number = 2
answers = ["ask"]
[[form.predecessor]]
forms = ["ask"]
role = "answers"
required = true
[[form.field]]
number = 1
id = "text"
type = "text"
max_chars = 500
"""

RULES: Final = """\
[[deadline]]
id = "reply-in-time"
paragraph = "IV.3"
provenance = "memory"
on = "ask"
base = "receipt"
who = "receivers"
by = ["reply"]
not_after = "48h"
when = [{ path = "what", one_of = ["know"] }]

[[threshold]]
id = "notifiable"
on = "ask"
label = "notifiable"
any_of = [{ path = "phase.troops", at_least = 9000 }]
split_gap = "3d"
"""

EN: Final = """\
verified = true

[words]
"pack.title" = "A small pack"
"pack.source" = "No agreement"
"form.ask.title" = "Question"
"field.ask.what" = "Knowledge"
"field.ask.phase" = "Phase"
"field.ask.phase.troops" = "Troops"
"field.ask.phase.start" = "Start"
"form.reply.title" = "Reply"
"field.reply.text" = "Text"
"code.knowledge.know" = "we know"
"code.knowledge.do-not-know" = "we do not know"
"rule.reply-in-time.title" = "Reply within 48 hours"
"rule.notifiable.title" = "Notifiable"
"notifiable" = "notifiable"
"""

FR: Final = """\
verified = false

[words]
"pack.title" = "Un petit recueil"
"""

FILES: Final = {
    "pack.toml": PACK,
    "forms.toml": FORMS,
    "rules.toml": RULES,
    "words/en.toml": EN,
    "words/fr.toml": FR,
}


def write(folder: Path, **changed: str) -> Path:
    """The pack's folder; ``changed`` are files by name, with ``_`` for ``/`` and no ``.toml``."""
    files = dict(FILES)
    files.update({f"{name.replace('_', '/')}.toml": text for name, text in changed.items()})
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


# Of the canonical encoding: it changes with no version of the software.
HASH: Final = "774bef8d8673e78057955065434e7e4be9ebeb3798b62dd8fdf926364f45ad7b"
