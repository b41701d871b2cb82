"""Agreements as data, for those who write and check them. Needs no station."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from tieline.core.agreement.model import (
    Cite,
    Field,
    FieldType,
    Form,
    Pack,
    Provenance,
    Rule,
    field_key,
    note_key,
    title_key,
)
from tieline.core.agreement.naming import either_named
from tieline.core.agreement.phrases import sentences, spoken
from tieline.core.agreement.tongue import Tongue, Word, lacking
from tieline.core.errors import LocalError, PackFault, PackUnfit, RemoteError, TielineError
from tieline.desk.cli import files
from tieline.desk.cli.common import put
from tieline.node import packs
from tieline.node.agreementview import spoken_view
from tieline.node.text import visible
from tieline.node.view import Json
from tieline.node.wholefile import write_file

_INDENT: Final = "  "


def pack(args: argparse.Namespace) -> int:
    """Do what is asked of packs."""
    acts: dict[str, Callable[[argparse.Namespace], int]] = {
        "list": _list,
        "show": _show,
        "check": _check,
        "diff": _diff,
        "test": _test,
        "schema": _schema,
        "keep": _keep,
        "write": _write,
        "confirm": _confirm,
    }
    return acts[str(args.action)](args)


def _named(args: argparse.Namespace, least: int, most: int, usage: str) -> list[str]:
    words = [str(word) for word in args.words]
    if not least <= len(words) <= most:
        raise LocalError("pack.usage", f"write it as: tieline pack {usage}")
    return words


def _list(args: argparse.Namespace) -> int:
    _named(args, 0, 0, "list")
    rows: list[Json] = []
    lines: list[str] = []
    for name in packs.shipped():
        one = packs.find(name)
        rows.append(_summary(one))
        title = Tongue(one, {}, args.lang).word("pack.title")
        lines.append(f"{one.id} {one.version}  {title}  [{_languages(one)}]")
    put(args, {"packs": rows}, *lines)
    return 0


def _summary(one: Pack) -> dict[str, Json]:
    return {
        "id": one.id,
        "tag": one.tag,
        "version": one.version,
        "hash": one.hash.hex(),
        "bytes": len(one.body),
        "title": one.words["en"].get("pack.title", ""),
        "provenance": one.cite.provenance.value,
        "languages": [
            {
                "tag": each.tag,
                "verified": each.verified,
                "by": each.by,
                "lacks": len(lacking(one, each.tag)),
            }
            for each in one.languages
        ],
        "forms": len(one.forms),
        "phrases": len(one.phrases),
        "rules": len(one.rules),
    }


def _languages(one: Pack) -> str:
    """The languages: which no fluent reader has checked, and how many texts are English in it."""
    out = []
    for each in one.languages:
        lacks = len(lacking(one, each.tag))
        said = each.tag if each.verified else f"{each.tag} unverified"
        out.append(f"{said} ({_count(lacks, 'text')} in English)" if lacks else said)
    return ", ".join(out)


def _check(args: argparse.Namespace) -> int:
    """Check packs; every fault on its own line. Exit code 1 when there is any."""
    names = _named(args, 1, 100, "check PACK...")
    out: list[Json] = []
    lines: list[str] = []
    good = True
    for name in names:
        try:
            one = packs.find(name)
        except PackUnfit as unfit:
            good = False
            out.append(_unfit_json(name, unfit))
            lines += [str(fault) for fault in unfit.faults]
            end = ", and reading stopped there" if unfit.more else ""
            lines.append(f"{name}: {_count(len(unfit.faults), 'fault')}{end}")
            continue
        except RemoteError as error:  # a *.pack file
            good = False
            out.append(_unfit_json(name, PackUnfit((PackFault("", 0, error.message),))))
            lines.append(f"{name}: {error.message}")
            continue
        out.append({"pack": name, "ok": True, **_summary(one)})
        counts = ", ".join(
            _count(len(things), what)
            for what, things in (("form", one.forms), ("phrase", one.phrases), ("rule", one.rules))
        )
        lines.append(
            f"{one.id} {one.version}: whole. {counts}, {len(one.body)} bytes; "
            f"languages {_languages(one)}"
        )
        lines += [f"hash {one.hash.hex()}", *_missing(one)]
    put(args, {"ok": good, "packs": out}, *lines)
    return 0 if good else 1


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _unfit_json(name: str, unfit: PackUnfit) -> Json:
    faults: list[Json] = [
        {"file": each.file, "line": each.line, "text": each.text} for each in unfit.faults
    ]
    return {"pack": name, "ok": False, "faults": faults, "more": unfit.more}


def _missing(one: Pack) -> list[str]:
    """How many texts each language still takes from English."""
    whole = len(one.words["en"])
    found = [(tag, len(lacking(one, tag))) for tag in one.words]
    return [
        f"{tag}: {count} of {whole} texts fall back to English" for tag, count in found if count
    ]


def _diff(args: argparse.Namespace) -> int:
    """Tell two versions apart. Exit code 1 when a number would change its meaning."""
    from tieline.core.agreement.write import diff

    old, new = (packs.find(name) for name in _named(args, 2, 2, "diff OLD NEW"))
    if old.id != new.id:
        raise LocalError(
            "pack.other",
            f"{old.id} and {new.id} are two packs; name two versions of one",
        )
    changes = diff(old, new)
    moved = [each for each in changes if each.moved]
    lines = [f"{each.what} {each.name}: {each.text}".replace(" :", ":") for each in changes]
    if not changes:
        lines.append("no difference: the hashes are equal")
    elif old.version == new.version:
        lines.append(f"both say version {old.version}; raise it before anybody signs the newer one")
    if moved:
        lines.append(
            f"refused: {_count(len(moved), 'number')} would change meaning, and older records "
            "would read wrongly; give what is new a number that was never used"
        )
    result: dict[str, Json] = {
        "ok": not moved,
        "old": {"version": old.version, "hash": old.hash.hex()},
        "new": {"version": new.version, "hash": new.hash.hex()},
        "changes": [
            {"what": each.what, "name": each.name, "text": each.text, "moved": each.moved}
            for each in changes
        ],
    }
    put(args, result, *lines)
    return 1 if moved else 0


def _schema(args: argparse.Namespace) -> int:
    """Write JSON Schemas of a pack's files, for editors."""
    from tieline.core.agreement import cases
    from tieline.core.agreement.write import schemas

    (name,) = _named(args, 1, 1, "schema FOLDER")
    folder = Path(name)
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Json] = []
    for each, schema in {**schemas(), "cases": cases.schema()}.items():
        path = folder / f"{each}.schema.json"
        path.write_text(json.dumps(schema, indent=1) + "\n", "utf-8")
        written.append(str(path))
    lines = [f"wrote {path}" for path in written]
    put(args, {"files": written}, *lines, "next: begin a file with '#:schema PATH' to use one")
    return 0


def _keep(args: argparse.Namespace) -> int:
    """Keep packs in the station's home, where charters find them by their hash."""
    from tieline.node.config import Home

    opened = Home.open(args.home)
    home, realm = opened.path, files.read_card(opened.card_file).realm
    rows: list[Json] = []
    lines: list[str] = []
    for name in _named(args, 1, 100, "keep PACK..."):
        one = packs.check_realm(packs.find(name), realm)
        packs.keep(home, one)
        rows.append(_summary(one))
        lines.append(f"kept {one.id} {one.version}, hash {one.hash.hex()}")
    put(args, {"packs": rows}, *lines)
    return 0


def _confirm(args: argparse.Namespace) -> int:
    from tieline.node import confirmed
    from tieline.node.config import Home

    name, what = _named(args, 2, 2, "confirm PACK RULE|FORM --by NAME --source TEXT")
    home, one = Home.open(args.home).path, packs.find(name)
    check = confirmed.Check(
        what=what, by=args.by, source=args.source, note=args.note, at_ms=time.time_ns() // 1_000_000
    )
    confirmed.confirm(home, one, check, withdraw=args.withdraw)
    said = confirmed.told(home, one, what) or "not checked here"
    put(args, {"pack": one.id, "hash": one.hash.hex(), "what": what, "checked": said},
        f"{one.id} {one.version} {what}: {said}")  # fmt: skip
    return 0


def _checked(args: argparse.Namespace, one: Pack, names: Iterable[str]) -> list[str]:
    """What this station has checked of a pack; nothing where there is no home."""
    from tieline.node import confirmed
    from tieline.node.config import Home

    try:
        home = Home.open(args.home).path
    except TielineError:
        return []
    some = [(name, confirmed.told(home, one, name)) for name in names]
    return [f"{name}: {said}" for name, said in some if said]


def _write(args: argparse.Namespace) -> int:
    """Write a pack into one file, to be given to the other parties."""
    (name,) = _named(args, 1, 1, "write PACK --out FILE")
    if args.out is None:
        raise LocalError("pack.usage", "write it as: tieline pack write PACK --out FILE")
    one = packs.find(name)
    write_file(args.out, one.body)
    put(
        args,
        {"file": str(args.out), **_summary(one)},
        f"wrote {one.id} {one.version} to {args.out}",
        f"hash {one.hash.hex()}: compare it by another way",
    )
    return 0


def _test(args: argparse.Namespace) -> int:
    """Play the cases of packs. Exit code 1 when one does not hold."""
    from tieline.core.agreement.cases import run

    rows: list[Json] = []
    lines: list[str] = []
    good = True
    for name in _named(args, 1, 100, "test PACK... [--case ID]"):
        folder = packs.folder_of(name)
        one = packs.read_folder(folder)
        source = packs.read_cases(folder)
        played = [] if source is None else run(one, source, args.case)
        if args.case and not played:
            raise LocalError(
                "pack.case", f"{one.id} has no case {visible(args.case)}; see {folder}"
            )
        bad = [each for each in played if each.faults]
        good = good and not bad
        for each in bad:
            lines += [f"{each.case.id}: {fault}" for fault in each.faults]
        lines.append(f"{one.id}: {len(played) - len(bad)} of {len(played)} cases hold")
        row: list[Json] = [
            {"case": each.case.id, "line": fault.line, "text": fault.text}
            for each in bad
            for fault in each.faults
        ]
        rows.append({"pack": one.id, "cases": len(played), "held": len(played) - len(bad),
                     "faults": row})  # fmt: skip
    put(args, {"ok": good, "packs": rows}, *lines)
    return 0 if good else 1


# ------------------------------------------------------------------------------------------- show


def _show(args: argparse.Namespace) -> int:
    names = _named(args, 1, 2, "show PACK [FORM|CODE] [--lang TAG]")
    one = packs.find(names[0])
    if args.lang not in one.words:
        raise LocalError(
            "pack.language",
            f"{one.id} has no words in {visible(args.lang)}; it has {', '.join(one.words)}",
        )
    tongue = Tongue(one, packs.engine_words(), args.lang)
    if len(names) == 1:
        checked = _checked(args, one, (*one.rules, *one.forms))
        put(args, _pack_json(one, tongue) | {"checked": [*checked]}, *pack_lines(one, tongue),
            *checked)  # fmt: skip
        return 0
    try:
        _, form = either_named((one,), names[1])
    except LocalError:
        known = ", ".join(each.name for each in one.sendable())
        raise LocalError(
            "pack.form", f"{one.id} has no form {visible(names[1])}; it has {known}"
        ) from None
    checked = _checked(args, one, (form.id,))
    put(args, _form_json(one, form, tongue) | {"checked": [*checked]},
        *form_lines(one, form, tongue), *checked)  # fmt: skip
    return 0


def _marked(word: Word) -> str:
    return f"{word.text} (en)" if word.fallen else word.text


def mark(cite: Cite, tongue: Tongue) -> str:
    """Paragraph and provenance, as they stand beside everything that comes from the agreement."""
    sure = tongue.say(f"mark.{cite.provenance.value}").text
    if cite.provenance is Provenance.DESIGN:
        return f"[{sure}]"
    return f"[{cite.paragraph}; {sure}]" if cite.paragraph else f"[{sure}]"


def _unchecked(tongue: Tongue) -> list[str]:
    return [] if tongue.verified else [tongue.say("mark.unchecked").text]


def pack_lines(one: Pack, tongue: Tongue) -> list[str]:
    """A pack as its officers see it: its forms, phrases and rules, each with its marks."""
    head = f"{one.id} {one.version}  {mark(one.cite, tongue)}  {_languages(one)}"
    lines = [_marked(tongue.word("pack.title")), head, *_unchecked(tongue)]
    notes = [key for key in ("pack.source", "pack.note") if tongue.has(key)]
    lines += [_marked(tongue.word(key)) for key in notes]
    lines += ["", "FORMS"]
    rows = [(one.form_id(form), f"form.{form.id}.title", form.cite) for form in one.forms.values()]
    lines += _rows(rows, tongue)
    if one.phrases:
        lines += ["", "PHRASES"]
        phrases = [form for form in one.sendable() if form.phrase is not None]
        named = [(f"{p.name}  {one.form_id(p)}", title_key(p), p.cite) for p in phrases]
        lines += _rows(named, tongue)
    if one.rules:
        lines += ["", "RULES"]
        rules = one.rules.values()
        lines += _rows([(r.id, f"rule.{r.id}.title", r.cite) for r in rules], tongue)
    return lines


def _rows(rows: list[tuple[str, str, Cite]], tongue: Tongue) -> list[str]:
    return [
        f"{_INDENT}{name}  {_marked(tongue.word(key))}  {mark(cite, tongue)}"
        for name, key, cite in rows
    ]


def _pack_json(one: Pack, tongue: Tongue) -> dict[str, Json]:
    return {
        **_summary(one),
        "lang": tongue.lang,
        "forms": [_form_json(one, form, tongue) for form in one.forms.values()],
        "phrases": [_form_json(one, p, tongue) for p in one.sendable() if p.phrase is not None],
        "rules": [_rule_json(rule, tongue) for rule in one.rules.values()],
    }


def _rule_json(rule: Rule, tongue: Tongue) -> dict[str, Json]:
    return {
        "id": rule.id,
        "kind": type(rule).__name__.lower(),
        "title": tongue.word(f"rule.{rule.id}.title").text,
        **_cite_json(rule.cite),
    }


def _cite_json(cite: Cite) -> dict[str, Json]:
    return {"paragraph": cite.paragraph, "provenance": cite.provenance.value}


def form_lines(one: Pack, form: Form, tongue: Tongue) -> list[str]:
    """A form as its officers see it: its fields with their answers, each with its marks."""
    wide = tongue.say("show.to-all" if form.to else "show.to-named").text
    free = "" if form.obliges else f"  {tongue.say('show.no-obligation')}"
    title = _marked(tongue.word(title_key(form)))
    code = f"{form.name}  " if form.phrase is not None else ""
    lines = [
        f"{one.form_id(form)}  {code}{title}  {mark(form.cite, tongue)}",
        f"{form.precedence.name}  {wide}{free}",
        *_unchecked(tongue),
    ]
    if form.phrase is not None:
        said = spoken(one, form.phrase, tongue)
        lines += [f"{label}: {text}" for label, text in sentences(said, tongue)]
    note = note_key(form)
    if tongue.has(note):
        lines.append(_marked(tongue.word(note)))
    if form.answers:
        titles = ", ".join(_marked(tongue.word(f"form.{each}.title")) for each in form.answers)
        lines.append(f"{tongue.say('role.1')}: {titles}")
    for need in form.predecessors:
        titles = ", ".join(_marked(tongue.word(f"form.{name}.title")) for name in need.forms)
        must = f" ({tongue.say('show.required')})" if need.required else ""
        lines.append(f"{tongue.say(f'role.{need.role.value}')}: {titles}{must}")
    for each_field in form.fields:
        lines += _field_lines(one, field_key(form, each_field.id), each_field, tongue, 1)
    if form.disclaimer:
        lines += ["", _marked(tongue.word(form.disclaimer))]
    return lines


def _field_lines(one: Pack, key: str, field: Field, tongue: Tongue, depth: int) -> list[str]:
    indent = _INDENT * depth
    parts = [tongue.say(f"type.{field.type.value}").text]
    if field.required:
        parts.append(tongue.say("show.required").text)
    if field.type is FieldType.GROUP:
        parts.append(f"{field.repeat[0]}-{field.repeat[1]} x")
    if field.low is not None or field.high is not None:
        parts.append(f"{field.low or 0}..{'' if field.high is None else field.high}")
    parts += [
        tongue.say(f"special.{each.value}").text
        for each in sorted(field.specials, key=lambda special: special.value)
    ]
    label = _marked(tongue.word(key))
    lines = [f"{indent}{field.number}. {label}  ({', '.join(parts)})  {mark(field.cite, tongue)}"]
    hint = "hint." + key.removeprefix("field.")
    if tongue.has(hint):
        lines.append(f"{indent}   {_marked(tongue.word(hint))}")
    for item in one.codes.get(field.codes, ()):
        word = _marked(tongue.word(f"code.{field.codes}.{item.id}"))
        lines.append(f"{indent}   {item.number} = {word}")
    for inner in field.fields:
        lines += _field_lines(one, f"{key}.{inner.id}", inner, tongue, depth + 1)
    return lines


def _form_json(one: Pack, form: Form, tongue: Tongue) -> dict[str, Json]:
    title = tongue.word(title_key(form))
    phrase = {} if form.phrase is None else spoken_view(spoken(one, form.phrase, tongue))
    return {
        "id": form.id if form.phrase is None else form.phrase.id,
        "wire": one.form_id(form),
        "number": form.number,
        "title": title.text,
        "lang": title.lang,
        **_cite_json(form.cite),
        "precedence": form.precedence.name,
        "to": "all" if form.to else "named",
        "flash": form.flash,
        "obliges": form.obliges,
        "effect": form.effect.value,
        "answers": list(form.answers),
        "predecessors": [
            {
                "forms": list(each.forms),
                "role": each.role.name.lower(),
                "required": each.required,
            }
            for each in form.predecessors
        ],
        "disclaimer": tongue.word(form.disclaimer).text if form.disclaimer else "",
        "fields": [
            _field_json(one, field_key(form, each.id), each, tongue) for each in form.fields
        ],
        **({"phrase": phrase} if phrase else {}),
    }


def _field_json(one: Pack, key: str, field: Field, tongue: Tongue) -> Json:
    label = tongue.word(key)
    return {
        "id": field.id,
        "number": field.number,
        "label": label.text,
        "lang": label.lang,
        "type": field.type.value,
        **_cite_json(field.cite),
        "required": field.required,
        "specials": [each.value for each in sorted(field.specials, key=lambda each: each.value)],
        "low": field.low,
        "high": field.high,
        "max_chars": field.max_chars,
        "repeat": list(field.repeat),
        "codes": [
            {
                "number": item.number,
                "id": item.id,
                "label": tongue.word(f"code.{field.codes}.{item.id}").text,
            }
            for item in one.codes.get(field.codes, ())
        ],
        "fields": [_field_json(one, f"{key}.{each.id}", each, tongue) for each in field.fields],
    }
