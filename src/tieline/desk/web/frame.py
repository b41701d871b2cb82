"""Every page: the frame around a screen, the templates, and the parts that a page fetches anew.

A part of a page is a block of its template whose name begins with ``part_``; ``?part=NAME`` gives
that block alone. So a part is written once, and what a browser fetches is what a reload shows.
Texts come from ``tieline.desk.words`` by key; each language has templates of its own in memory, so
that macros know it too.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import CodeType
from typing import Final

import jinja2
from jinja2.bccache import Bucket
from markupsafe import Markup

from tieline.core.terms import dtg
from tieline.desk.web import digest, keys, rights, shapes
from tieline.desk.web.shapes import View, number
from tieline.desk.web.vault import Vault
from tieline.desk.web.visit import WITH_ALARMS, Visit
from tieline.desk.words import ENGLISH, LANGUAGES, Words
from tieline.node import collector
from tieline.node.client import ApiDown
from tieline.node.text import visible

PLACE: Final = Path(str(files("tieline.desk.web")))
TEMPLATES: Final = PLACE / "templates"
STATIC: Final = PLACE / "static"
REST_S: Final = 0.01  # between two templates that are compiled beside what is asked
_LAMPS: Final = {"up": "good", "degraded": "warn", "test overdue": "warn"}


class Frame:
    """The templates of one desk, and what stands around each screen."""

    def __init__(self, now_ms: Callable[[], int] | None = None) -> None:
        self.now_ms = now_ms or (lambda: time.time_ns() // 1_000_000)

    async def page(self, visit: Visit, name: str, context: Mapping[str, object]) -> str:
        """The text of a page, or of its part."""
        template = environment(visit.officer.language).get_template(name)
        values = {**context, "visit": visit, "frame": await self._frame(visit)}
        if not visit.part:
            return digest.put(template.render(values))
        wanted = f"part_{visit.part}"
        base = environment(visit.officer.language).get_template("base.html")
        block = template.blocks.get(wanted) or base.blocks.get(wanted)
        if block is None:
            return ""
        return "".join(block(template.new_context(values)))

    def plain(self, language: str, name: str, **context: object) -> str:
        """A page for who is not logged in."""
        return environment(language).get_template(name).render(context, now_ms=self.now_ms())

    async def _frame(self, visit: Visit) -> dict[str, object]:
        link, cover = visit.desk.link, visit.desk.cover
        shown: dict[str, object] = {}  # no other part can show what rings: it is not there
        try:
            status = await visit.status()
            if visit.part in WITH_ALARMS:
                shown = _rings(await visit.ask("alarms", limit=1))
        except ApiDown:
            status, shown = View(), _rings(View())
        lines, troubles = status.views("lines"), status.views("troubles")
        there = self.zoned(visit, lines)
        return {
            "party": str(status["party"] or ""),
            "station_name": str(status["station_name"] or ""),
            # A station that is down is still the one it was: no exercise looks real meanwhile.
            "realm": str(status["realm"] or link.realm or ""),
            "known": bool(status) or link.realm is not None,
            "cover": None if cover is None else cover.state,
            "now_ms": number(status["now_ms"]) or self.now_ms(),
            "alive": bool(status),
            "down_since": link.since_ms,
            "down_why": link.why,
            "seq": link.last_seq,
            "lamps": [
                {**lamp, "on": line["name"] if len(lines) > 1 else ""}
                for line in lines
                for lamp in lamps(line)
            ],
            "lines": lines,
            # Named beside what is of one line, where there is more than one.
            "line_names": {str(x["line"]): x["name"] for x in lines} if len(lines) > 1 else {},
            "troubles": troubles,
            "clock_trouble": any(str(one["code"]).startswith("clock") for one in troubles),
            "clock_kept": str(status.view("clock")["kept"] or "unknown"),
            "reading": reading(lines),
            "disk_full": bool(status["disk_full"]),
            # For how long a commit has taken, where it takes so long that pages wait for it.
            "storing_s": (number(status["storing_ms"]) or 0) // 1000,
            "unstored": status.views("unstored"),
            "behind": visit.desk.vault.behind,
            "suspects": visit.desk.touches.keys.suspects(),
            "key_hosts": visit.desk.touches.keys.hosts(visit.officer.id),
            "digest_mark": digest.MARK,
            "waiting": sum(len(line.views("waiting")) for line in lines),
            "zones": there,
            **shown,
            "token": visit.session.token,
            "nav": [
                place
                for place in keys.NAV
                if place.there and (not place.act or visit.may(place.act))
            ],
        }

    @staticmethod
    def zoned(visit: Visit, lines: list[View]) -> dict[str, str]:
        """Have times said with the local times of the parties of these lines, from here on.

        A page does it by itself; a screen that makes texts before that does it first.
        """
        there = zones(visit.desk.vault, lines)
        shapes.ZONES.set(tuple(there.items()))  # of this visit's task alone
        return there


def _rings(found: View) -> dict[str, object]:
    failed = [str(one["output"]) for one in found.views("outputs") if not one["works"]]
    return {"alarms": found, "failed": failed}


def reading(lines: list[View]) -> dict[str, int] | None:
    """How far the station has read its records since its start; ``None`` when it has."""
    found = [line.view("reading") for line in lines if line["reading"]]
    sums = {name: sum(number(one[name]) or 0 for one in found) for name in ("read", "of")}
    return sums if found else None


def lamps(line: View) -> list[dict[str, object]]:
    """One lamp for each peer of a line: state, in a word, with its cause."""
    return [
        {
            "line": line["name"],
            "party": peer["party"],
            "name": peer["name"],
            "state": str(peer["state"] or ""),
            "cause": peer["cause"],
            "since_ms": peer["since_ms"],
            "tone": _LAMPS.get(str(peer["state"]).lower(), "bad"),
        }
        for peer in line.views("peers")
    ]


def zones(vault: Vault, lines: list[View]) -> dict[str, str]:
    """The time zone of each party of our lines for which this desk was told one."""
    parties = {str(peer["party"]) for line in lines for peer in line.views("peers")}
    found = {party: vault.setting(f"zone:{party}") for party in sorted(parties)}
    return {party: json.loads(kept)[0] for party, kept in found.items() if kept}


class _Compiled(jinja2.BytecodeCache):
    """Each template as it was compiled once: the languages differ in what they put in alone."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._code[bucket.key, bucket.checksum] = bucket.code


_COMPILED: Final = _Compiled()


async def warm() -> None:
    """Compile every template before somebody waits for it, beside all else.

    Then look no more at what stays: a desk that looks through its memory makes a page late.
    """
    made = environment(ENGLISH)
    for name in made.list_templates(extensions=["html"]):
        made.get_template(name)
        await asyncio.sleep(REST_S)
    collector.calm()


@cache
def environment(language: str) -> jinja2.Environment:
    """The templates in one language."""
    words = Words(language if language in LANGUAGES else ENGLISH)
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        bytecode_cache=_COMPILED,
    )

    @cache
    def bare(key: str) -> Markup:
        return put_in(key)

    def say(key: str, **values: object) -> Markup:
        """Words with their values, each made safe and held in its direction."""
        return put_in(key, **values) if values or not words.has(key) else bare(key)

    def put_in(key: str, **values: object) -> Markup:
        put = {name: str(value) for name, value in values.items()}
        out = Markup("")
        for text, is_value in words.parts(key, **put):
            out += shapes.safe(text) if is_value else text
        return out

    def said(key: str, **values: object) -> str:
        """The same as plain text, for an attribute."""
        return words.say(key, **{name: visible(str(value)) for name, value in values.items()})

    made.globals.update(
        say=say,
        said=said,
        in_english=Words(ENGLISH).say,
        has_words=words.has,
        lang=words.language,
        dir=words.direction,
        unchecked=not words.verified,
        static=static_url,
        when=shapes.when,
        both=shapes.both,
        times=shapes.times,
        named=shapes.named,
        theirs=shapes.theirs,
        safe=shapes.safe,
        mark=shapes.mark,
        left=shapes.left,
        in_short=shapes.brief,
        clock=shapes.clock,
        direction=shapes.direction,
        dtg=dtg,
        may=rights.may,
        key_table=keys.KEYS,
        languages=[(code, Words(code).name) for code in LANGUAGES],
    )
    for part in sorted((TEMPLATES / "parts").glob("*.html")):
        made.globals[part.stem] = made.get_template(f"parts/{part.name}").module
    return made


@cache
def statics() -> dict[str, tuple[bytes, str, str]]:
    """The files that a browser may have: content, type and hash, by name."""
    kinds = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml",
             ".woff2": "font/woff2"}  # fmt: skip
    out = {}
    for path in sorted(STATIC.iterdir()):
        if path.suffix in kinds:
            data = path.read_bytes()
            kind = kinds[path.suffix] + ("; charset=utf-8" if path.suffix != ".woff2" else "")
            out[path.name] = (data, kind, hashlib.sha256(data).hexdigest()[:16])
    return out


def static_url(name: str) -> str:
    """The address of a static file, which changes with its content."""
    return f"/static/{name}?v={statics()[name][2]}"
