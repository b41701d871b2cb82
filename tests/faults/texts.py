"""P10 outside the pages of the desk: texts that deceive, at the terminal, in files and as names.

The texts are those of ``hostile-text`` (``webshown``), which shows them in a browser. Here they go
where no browser is: what the verbs print, JSON, the report as HTML and PDF, a calendar's file, the
names of files, and the names and labels that a card, a pack or an officer brings.
"""

from __future__ import annotations

import contextlib
import io
import json
import socket
import tempfile
import unicodedata
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Final

from tests.faults.floor import Floor, here
from tests.faults.rows import need
from tests.web import scenes

from tieline.core import identity
from tieline.core.agreement import kinds
from tieline.core.agreement import vocabulary as vocab
from tieline.core.errors import TielineError
from tieline.desk.cli import main
from tieline.node.client import short_name
from tieline.node.ics import write_ics
from tieline.node.text import visible

_RUN: Final = "window.bad=1"
TEXTS: Final = (
    f"<script>{_RUN}</script>",
    "user\u202egnp.exe \u2066isolated\u2069 \u202dover\u202c",
    "ALPHA\nFrom: BRAVO\nPrecedence: FLASH\n\nRead and acknowledged",
    f"<img src=x onerror='{_RUN}'>",
    f"\"'><svg onload={_RUN}>",
    f"</textarea></title></style></script><script>{_RUN}</script>",
    f"' autofocus onfocus='{_RUN}' x='",
    f'" autofocus onfocus="{_RUN}" x="',
    f"<a href=javascript:{_RUN}>x</a> javascript:{_RUN}",
    f"<iframe srcdoc='<script>parent.{_RUN}</script>'></iframe>",
    f"<object data='data:text/html,<script>{_RUN}</script>'></object>",
    f"<form action=https://evil.example><button formaction=javascript:{_RUN}>Send</button>",
    "<base href=https://evil.example/><meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<link rel=stylesheet href=//evil.example/x.css><style>*{display:none}</style>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={_RUN}>",
    f"<details open ontoggle={_RUN}>x</details><video><source onerror={_RUN}></video>",
    "{{ visit.session.token }} {% raw %} ${7*7} #{7*7} <%= 7 %>",
    f"<!--><img src=x onerror={_RUN}>--><![CDATA[<script>{_RUN}</script>]]>",
    f"<template><script>{_RUN}</script></template>",
    f"<noscript><p title='</noscript><img src=x onerror={_RUN}>'>",
    f"&lt;script&gt;{_RUN}&lt;/script&gt; &#60;script&#62;",
    f"<svg><use href='data:image/svg+xml,<svg id=x onload={_RUN}/>#x'/><animate onbegin={_RUN}>",
    "zero\u200bwidth\ufeff \u00adsoft\u2060 \u180e\u200d\u200cx",
    "tag\U000e0041\U000e0042 \u0007bell \u001b[31mred\u001b[0m \u009b31m",
    "\u001b]0;title\u0007\u001b]8;;https://evil.example\u001b\\x \u009d\u0090\b\b\u007f",
    "FL\u0391SH from \u0410LPHA p\u0430ypal \uff26\uff2c\uff21\uff33\uff28",
    "\u0410\u0420\u041d\u0410 \u041e\u041a \uff1cscript\uff1e \u2215\u2044\u29f8 evil\u2024example",
    "1\u0661\uff11\u06f1 2\u00b2 at 5\u0664.\uff11N \u0967\u0968 \U0001d7d9\u2460 \u0661\u0662:30Z",
    "\u05d0\u05d1 100 - 200 \u202b12\u202c \u061c50 km \u200e7\u200f \u0645\u0633 3-5",
    "\u2067\u2066\u2068 left open \u202a\u202b\u202d and never closed",
    "ALPHA\u2028From: BRAVO\u2029FLASH\u0085next\u000bdown\u000cpage\rback",
    "a" + "\u0300\u0489\u20e3\u0338" * 60 + " flood",
    "\u3164\u115f\u2800\ufe0f\U000e0100 x\u2003y\u205fz \ufff9base\ufffanote\ufffb",
    "\ue000\ufdd0\U0010ffff \U000f0000 \ufffc\ufffd",
    '=HYPERLINK("http://evil.example") +1 -1 @SUM(1)\t' + "W" * 300,
    "+cmd|' /C calc'!A0\n=1+1\n-2+3\n@SUM(1)\n\t=1\n|x \"\"\",\";" + "\u0645" * 150,
)  # fmt: skip
TOGETHER: Final = 3  # texts of one case
CASES: Final = len(TEXTS) // TOGETHER
HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Joiners between letters that need them are honest; what a row needs is that no text brings others.
JOINERS: Final = frozenset("\u200c\u200d")
APART, END = "\u2068", "\u2069"  # the report's own, around each text in a sentence
FORGED: Final = ("From:", "Precedence:", "=", "+", "@", "\t", "FLASH")
ACTIVE: Final = frozenset({
    "script", "img", "iframe", "object", "embed", "form", "button", "base", "link", "a", "template",
    "noscript", "video", "source", "math", "details", "textarea", "use", "animate", "input",
})  # fmt: skip
IN_PDF: Final = (b"/JavaScript", b"/JS", b"/URI", b"/Launch", b"/AcroForm", b"/EmbeddedFile")
PROPERTIES: Final = frozenset({
    "BEGIN", "END", "PRODID", "VERSION", "X-WR-CALNAME", "UID", "DTSTAMP", "DTSTART", "DTEND",
    "SUMMARY", "DESCRIPTION", "TRANSP",
})  # fmt: skip


def raw(text: str, *, also: str = "") -> list[str]:
    """The characters of a text that show nothing, or turn it around, each as its code point."""
    return sorted({
        f"U+{ord(char):04X}"
        for char in text
        if unicodedata.category(char) in HIDDEN and char not in JOINERS and char not in also
    })  # fmt: skip


def hostile_output(seed: int) -> None:
    """Three texts, in all that comes out of a station and is no page of its desk."""
    first = seed % CASES * TOGETHER
    texts = TEXTS[first : first + TOGETHER]
    floor = here()
    whole = "\n".join(texts)
    told = {scene.name: scene.path.split("/")[-1] for scene in scenes.play(floor, whole)}
    with tempfile.TemporaryDirectory(prefix="tieline-faults-") as where:
        folder = Path(where)
        _printed(floor, told, folder)
        _reported(floor, told["incident"], folder)
        for text in texts:
            _refused(floor, text, folder)
    for text in texts:
        _calendar(text)
        _names(floor, text)


# ----------------------------------------------------------------------------------- terminal


def _run(floor: Floor, *words: str) -> tuple[int, str, str]:
    """A verb at BRAVO's station: its status, and what it has written."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["--home", str(floor.place), *words])
    return code, out.getvalue(), err.getvalue()


def _printed(floor: Floor, told: dict[str, str], folder: Path) -> None:
    """What the verbs that read print for people, and for programs."""
    verbs: tuple[tuple[str, ...], ...] = (
        ("log",), ("log", told["item"]), ("log", told["item-flash"]), ("status",), ("drafts",),
        ("obligations",), ("quota",), ("calendar",), ("calendar", "--ics", str(folder / "a.ics")),
        ("incident", "list"), ("incident", "show", told["incident"]),
        ("incident", "timeline", told["incident"]), ("incident", "notices"),
        ("incident", "known", told["incident-known"]), ("joint", "list"),
        ("joint", "show", told["joint"]), ("alarm", "list", "--past"),
    )  # fmt: skip
    for words in verbs:
        code, out, err = _run(floor, *words)
        need(code == 0, f"{words}: {code} {err!r}")
        _plain(f"{words}", out + err)
        code, out, _ = _run(floor, "--json", *words)
        need(code in (0, 1), f"{words} as JSON: {code}")  # a calendar's file is there already
        need(out.isascii() and out.count("\n") == 1, f"{words} as JSON is not one line of ASCII")
        need(isinstance(json.loads(out), dict), f"{words} as JSON is no object")


def _plain(where: str, said: str) -> None:
    found = raw(said, also="\n")
    need(not found, f"{where} prints {found}")
    forged = [line for line in said.split("\n") if line.startswith(FORGED)]
    need(not forged, f"{where}: a line of its own is {forged[:1]!r}")


def _refused(floor: Floor, text: str, folder: Path) -> None:
    """What comes back in a refusal: arguments, and names of files."""
    name = text.replace("/", "-").replace("\0", "-").encode()[:200].decode("utf-8", "ignore")
    strange = folder / f"{name}.tlbundle"
    strange.write_bytes(b"no bundle")
    for words in (
        ("log", text), ("--line", text, "log"), ("incident", "show", text), ("nothing-" + text,),
        ("import", str(strange)), ("import", str(strange) + "x"), ("verify", str(strange)),
        ("card", "verify", str(strange)), ("pack", "show", str(strange)), ("joint", text),
    ):  # fmt: skip
        code, out, err = _run(floor, *words)
        need(code != 0, f"{words[0]} takes {text!r}")
        _plain(f"{words[0]} of {text!r}", out + err)
        code, out, err = _run(floor, "--json", *words)
        need(out.isascii() or code == 2, f"{words[0]} as JSON prints other than ASCII")
        _plain(f"{words[0]} of {text!r} as JSON", out + err)


# -------------------------------------------------------------------------------------- files


class _Found(HTMLParser):
    """What a browser would find in a page: tags, attributes, texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.refresh = False
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        self.refresh |= tag == "meta" and any(value == "refresh" for _, value in attrs)
        self.texts += [value for name, value in attrs if value and name != "style"]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _reported(floor: Floor, incident: str, folder: Path) -> None:
    """The report of the incident, as the two files that it can be."""
    for kind in ("html", "pdf"):
        file = folder / f"report.{kind}"
        code, out, err = _run(floor, "incident", "report", incident, "--out", str(file))
        need(code == 0, f"the report as {kind}: {err!r}")
        _plain(f"the figures of the report as {kind}", out)
    found = _Found((folder / "report.html").read_text("utf-8"))
    need(not found.tags & ACTIVE, f"the report has {sorted(found.tags & ACTIVE)}")
    bad = [name for name in found.names if name.startswith("on") or name in ("href", "src")]
    need(not bad and not found.refresh, f"the report has the attributes {bad}, or leads away")
    for text in found.texts:
        bare = raw(text, also=f"\n\t{APART}{END}")
        need(not bare, f"the report shows {bare} as they are")
    whole = "".join(found.texts)
    need(whole.count(APART) == whole.count(END), "a text of the report is not set apart to its end")
    data = (folder / "report.pdf").read_bytes()
    bad_parts = [name for name in IN_PDF if name in data]
    need(data.startswith(b"%PDF-") and not bad_parts, f"the report as PDF has {bad_parts}")


def _calendar(text: str) -> None:
    """A calendar's file: every line is one of ours, whatever stands in an entry."""
    entry = dict.fromkeys(
        ("said", "title", "party", "ref", "what", "pack", "rule", "paragraph", "caution"), text
    )
    data = write_ics([{**entry, "at_ms": 0}] * 2, line=text, realm=text, now_ms=0).decode()
    lines = data.removesuffix("\r\n").split("\r\n")
    kept = [line for line in lines if not line.startswith(" ")]
    strange = {line.replace(";", ":").partition(":")[0] for line in kept} - PROPERTIES
    need(not strange, f"the calendar of {text!r} has the lines {strange}")
    need(kept.count("BEGIN:VEVENT") == 2, f"the calendar of {text!r} has other entries")
    joined = "".join(line.removeprefix(" ") for line in lines)
    need(not raw(joined), f"the calendar of {text!r} has {raw(joined)}")


# -------------------------------------------------------------------------------------- names


def _names(floor: Floor, text: str) -> None:
    """The names of a party, a station, an officer, and a pack's labels: shown, or not taken."""
    for name in _words(text):
        with contextlib.suppress(TielineError):
            taken = identity.check_name(name, "card")
            need(not raw(taken), f"a card may be of {name!r}")
        with contextlib.suppress(TielineError):
            label = kinds.Text(most=vocab.MAX_CHARS).decode(name)
            need(not raw(visible(label)), f"the label {name!r} of a pack is shown raw")
            ends = [char for char in label if unicodedata.category(char) in ("Cc", "Zl", "Zp")]
            need(not ends, f"a pack may have the label {name!r}")
    for args in ({"text": f"{text}\ud800"}, {"text": "x", "officer": "\udfff"}):
        asked = {"id": 1, "act": "send", "args": {"officer": "Writer B", **args}}
        answer = _asked(floor.socket, json.dumps(asked).encode() + b"\n")
        need(answer["ok"] is False, f"half a character is taken: {args}")


def _asked(path: Path, line: bytes) -> dict[str, object]:
    """One request to a station as it stands, and the answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link, short_name(path) as name:
        link.settimeout(60)
        link.connect(name)
        link.sendall(line)
        answer: dict[str, object] = json.loads(link.makefile("rb").readline())
    return answer


def _words(text: str) -> Iterator[str]:
    """A text as a name, its words, and pairs of them, which may be one where the text is not."""
    words = [word[:40] for word in text.split(" ") if word]
    yield text[:40].strip()
    yield from words
    yield from (f"{one} {two}" for one, two in pairwise(words))
