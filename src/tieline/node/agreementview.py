"""What the agreements of a line say, as JSON in one officer's language.

Each answer carries the paragraph of its rule and how sure the pack is of it, so that no view can
show a deadline without its doubt. Times are UTC ms; words come from the pack and from the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations
from typing import Final

from tieline.core.agreement.ledger import Ledger, RoundState
from tieline.core.agreement.limits import Margin, Question, Weighed
from tieline.core.agreement.meaning import Means, Sense
from tieline.core.agreement.model import (
    Cite,
    Field,
    Form,
    Pack,
    Provenance,
    Special,
    Validity,
    field_key,
    note_key,
    title_key,
    word_key,
)
from tieline.core.agreement.phrases import Spoken, sentences, spoken
from tieline.core.agreement.quota import QuotaState
from tieline.core.agreement.reason import Bracket, Explanation, Input, Obligation
from tieline.core.agreement.tongue import Tongue, Word, lacking
from tieline.core.agreement.windows import Entered, Window
from tieline.core.terms import dtg
from tieline.node.view import Json

# The tongue of a pack in the officer's language, by the pack's id.
Tongues = Callable[[str], Tongue]
_SURE: Final = frozenset({Provenance.READ, Provenance.DESIGN})


def cite_view(cite: Cite, tongue: Tongue) -> dict[str, Json]:
    """Paragraph and provenance, in words as ``mark``; ``caution`` where nobody has checked it."""
    mark = str(tongue.say(f"mark.{cite.provenance.value}"))
    out: dict[str, Json] = {
        "paragraph": cite.paragraph,
        "provenance": cite.provenance.value,
        "mark": mark,
    }
    if cite.provenance not in _SURE:
        out["caution"] = mark
    return out


def _words(word: Word) -> Json:
    return word.text


def _rule(pack: str, rule: str, cite: Cite, tongues: Tongues) -> dict[str, Json]:
    tongue = tongues(pack)
    return {
        "pack": pack,
        "rule": rule,
        "title": str(tongue.word(word_key("rule", rule, "title"))),
        **cite_view(cite, tongue),
    }


# ------------------------------------------------------------------------------------------- packs


def pack_view(pack: Pack, tongue: Tongue) -> dict[str, Json]:
    """A pack in force."""
    return {
        "id": pack.id,
        "tag": pack.tag,
        "version": pack.version,
        "hash": pack.hash.hex(),
        "title": _words(tongue.word("pack.title")),
        "source": _words(tongue.word("pack.source")),
        "languages": [
            {
                "tag": language.tag,
                "verified": language.verified,
                "lacks": len(lacking(pack, language.tag)),
            }
            for language in pack.languages
        ],
        "forms": len(pack.forms),
        "phrases": len(pack.phrases),
        "rules": len(pack.rules),
        **cite_view(pack.cite, tongue),
    }


def pack_name(pack: Pack) -> Json:
    """Which text of which pack: its name, version and hash."""
    return {"id": pack.id, "tag": pack.tag, "version": pack.version, "hash": pack.hash.hex()}


def pair_views(ledger: Ledger, pack: str, codes: Iterable[str], now_ms: int) -> Json:
    """What a pack is between each two of the parties: in force, suspended, contested, not applied.

    ``by`` and ``since_ms``: who brought that about, since when; ``item``: by which statement.
    """
    out: list[Json] = []
    if pack not in ledger.plans:
        return out  # a charter has come since the ledger was made
    for one, other in combinations(sorted(codes), 2):
        found = ledger.status(one, other, pack, now_ms)
        out.append({
            "pair": [one, other], "state": found.state.value, "by": found.by,
            "since_ms": found.since_ms, "item": found.message.hex(),
        })  # fmt: skip
    return out


def form_view(pack: Pack, form: Form, tongue: Tongue, *, whole: bool) -> dict[str, Json]:
    """A form; ``whole``: with its fields and what it may cite."""
    title = tongue.word(title_key(form))
    out: dict[str, Json] = {
        "form": pack.form_id(form),
        "title": title.text,
        "fallen": title.fallen,
        "to": form.to,
        "precedence": form.precedence.name,
        "flash": form.flash,
        "obliges": form.obliges,
        **cite_view(form.cite, tongue),
    }
    out["answers"] = [pack.form_id(pack.forms[name]) for name in form.answers]
    if form.phrase is not None:
        out["code"] = form.phrase.code
    if not whole:
        return out
    note = note_key(form)
    if tongue.has(note):
        out["note"] = str(tongue.word(note))
    if form.disclaimer:
        out["disclaimer"] = str(tongue.word(form.disclaimer))
    if form.phrase is not None:
        said = spoken(pack, form.phrase, tongue)
        out["phrase"] = spoken_view(said)
        out["said"] = [f"{label}: {text}" for label, text in sentences(said, tongue)]
    out["specials"] = {one.value: str(tongue.say(f"special.{one.value}")) for one in Special}
    out["marks"] = [] if tongue.verified else [str(tongue.say("mark.unchecked"))]
    out["predecessors"] = [
        {
            "forms": [pack.form_id(pack.forms[name]) for name in each.forms],
            "role": each.role.name.lower(),
            "required": each.required,
            **cite_view(each.cite, tongue),
        }
        for each in form.predecessors
    ]
    out["fields"] = [_field(pack, form, field, "", tongue) for field in form.fields]
    out["validity"] = [
        {
            "rule": rule.id,
            "title": str(tongue.word(word_key("rule", rule.id, "title"))),
            "revalidate_ms": rule.revalidate_ms,
            **cite_view(rule.cite, tongue),
        }
        for rule in pack.rules.values()
        if isinstance(rule, Validity) and rule.on == form.id
    ]
    return out


def spoken_view(said: Spoken) -> dict[str, Json]:
    """How a phrase is said, its signal, and the phrases expected in reply."""
    return {
        "code": said.code,
        "wordings": [
            {"lang": one.lang, "text": one.text, "said": one.said} for one in said.wordings
        ],
        "signal": None if said.signal is None else said.signal.text,
        "expects": [
            {"code": one.code, "form": one.form, "meaning": one.meaning.text}
            for one in said.expects
        ],
    }


def _field(pack: Pack, form: Form, field: Field, above: str, tongue: Tongue) -> Json:
    path = f"{above}{field.id}"
    label = tongue.word(field_key(form, path))
    out: dict[str, Json] = {
        "path": path,
        "label": label.text,
        "fallen": label.fallen,
        "type": field.type.value,
        "means": "" if field.means is Means.NONE else field.means.value,
        "required": field.required,
        "specials": [special.value for special in sorted(field.specials)],
        **cite_view(field.cite, tongue),
    }
    if field.codes:
        out["codes"] = [
            {
                "number": item.number,
                "id": item.id,
                "sense": "" if item.sense is Sense.NONE else item.sense.value,
                "word": str(tongue.word(word_key("code", field.codes, item.id))),
            }
            for item in pack.codes[field.codes]
        ]
    if field.low is not None or field.high is not None:
        out["bounds"] = [field.low, field.high]
    if field.max_chars:
        out["most"] = field.max_chars
    if field.fields:
        out["repeat"] = list(field.repeat)
        out["fields"] = [_field(pack, form, one, f"{path}.", tongue) for one in field.fields]
    return out


# ----------------------------------------------------------------------------------------- answers


def obligation_view(one: Obligation, own: str, tongues: Tongues) -> dict[str, Json]:
    """Who owes what by when; ``state`` in the debtor's favour, ``strict`` as creditors may see."""
    tongue = tongues(one.pack)
    return {
        "id": one.id,
        "debtor": one.debtor,
        "creditors": list(one.creditors),
        "trigger": one.trigger.hex(),
        "key": one.key,
        "not_before": _bracket(one.not_before),
        "due": _bracket(one.due),
        "state": one.state.value,
        "strict": one.strict.value,
        "ours": one.seen_by(own).value,
        "said": str(tongue.say(f"state.{one.seen_by(own).value}")),
        "said_both": [str(tongue.say(f"state.{each.value}")) for each in (one.state, one.strict)],
        "disputed": one.disputed,
        "by": one.by.hex(),
        "done_ms": one.done_ms,
        "nil": one.nil,
        **_rule(one.pack, one.rule, one.cite, tongues),
    }


def _bracket(bracket: Bracket | None) -> Json:
    return None if bracket is None else [bracket.earliest, bracket.latest]


def explanation_view(why: Explanation, own: str, tongues: Tongues) -> dict[str, Json]:
    """An obligation with every input from which it follows."""
    tongue = tongues(why.obligation.pack)
    return {
        **obligation_view(why.obligation, own, tongues),
        "base": _bracket(why.base),
        "inputs": [_input(one, tongue) for one in why.inputs],
        "doubts": [
            {
                "doubt": doubt.value,
                "said": str(tongue.say("doubt." + doubt.value.replace(" ", "-"))),
                "item": digest.hex(),
            }
            for doubt, digest in why.doubts
        ],
    }


def _input(one: Input, tongue: Tongue) -> Json:
    value = one.value.hex() if isinstance(one.value, bytes) else one.value
    return {
        "name": one.name,
        "said": str(tongue.say("why." + one.name.replace(" ", "-"))),
        "kind": one.kind.value,
        "value": value,
        "origin": one.origin.value,
        "item": one.message.hex(),
        "path": one.path,
        "party": one.party,
    }


def weighed_view(one: Weighed, pack: str, tongues: Tongues) -> dict[str, Json]:
    """A message against one threshold."""
    tongue = tongues(pack)
    return {
        "label": str(tongue.word(one.label)),
        "item": one.message.hex(),
        "crossing": one.crossing.value,
        "any_of": [_margin(margin) for margin in one.any_of],
        "all_of": [_margin(margin) for margin in one.all_of],
        **_rule(pack, one.rule, one.cite, tongues),
    }


def _margin(one: Margin) -> Json:
    return {
        "path": one.path,
        "at_least": one.at_least,
        "take": one.take.value,
        "value": one.value,
        "spread": one.spread,
        "margin": one.margin,
        "sure": one.sure,
        "crossing": one.crossing.value,
        "special": None if one.special is None else one.special.value,
    }


def question_view(one: Question, pack: str, tongues: Tongues) -> dict[str, Json]:
    """Activities that look like parts of one: for a reader to ask."""
    tongue = tongues(pack)
    return {
        "label": str(tongue.word(one.label)),
        "said": str(tongue.say("question.splitting")),
        "sender": one.sender,
        "items": [digest.hex() for digest in one.messages],
        "shared": list(one.shared),
        "sums": [_margin(margin) for margin in one.sums],
        **_rule(pack, one.rule, one.cite, tongues),
    }


def quota_view(one: QuotaState, tongues: Tongues) -> dict[str, Json]:
    """One party's quota of one period."""
    tongue = tongues(one.pack)
    return {
        "party": one.party,
        "side": one.side.value,
        "years": [one.first_year, one.last_year],
        "used": one.used,
        "pending": one.pending,
        "limit": one.limit,
        "left": one.left,
        "parties": [
            {"party": share.party, "used": share.used, "limit": share.limit}
            for share in one.parties
        ],
        "objects": [{"object": name, "used": used} for name, used in one.objects],
        "peak": one.peak,
        "peak_ms": one.peak_ms,
        "over": list(one.over),
        "items": [digest.hex() for digest in one.messages],
        "inputs": [_input(each, tongue) for each in one.inputs],
        **_rule(one.pack, one.rule, one.cite, tongues),
    }


def window_view(one: Window, tongues: Tongues) -> dict[str, Json]:
    """How long a message holds."""
    tongue = tongues(one.pack)
    return {
        "item": one.message.hex(),
        "current": one.current.hex(),
        "sender": one.sender,
        "since_ms": one.since_ms,
        "until_ms": one.until_ms,
        "stale_ms": one.stale_ms,
        "state": one.state.value,
        "said": str(tongue.say(f"holds.{one.state.value.replace(' ', '-')}")),
        "by": one.by.hex(),
        "inputs": [_input(each, tongue) for each in one.inputs],
        **_rule(one.pack, one.rule, one.cite, tongues),
    }


def entered_view(one: Entered, tongues: Tongues) -> Json:
    """An entry of the calendar."""
    return {
        "at_ms": one.at_ms,
        "dtg": dtg(one.at_ms),
        "what": one.what,
        "said": str(tongues(one.pack).say("calendar." + one.what.replace(" ", "-"))),
        "party": one.party,
        "ref": one.ref,
        **_rule(one.pack, one.rule, one.cite, tongues),
    }


def round_view(one: RoundState, tongues: Tongues) -> Json:
    """A round of a simultaneous exchange: who has committed, what is missing, when it opens."""
    return {
        "round": one.round,
        "parties": [*one.parties],
        "committed": [{"party": party, "item": item.hex()} for party, item in one.commitments],
        "missing": [{"of": of, "receipt_by": by} for of, by in one.missing],
        "opens_ms": one.opens_ms,
        "second": [item.hex() for item in one.second],
        **_rule(one.pack, one.rule, one.cite, tongues),
    }
