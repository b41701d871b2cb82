"""How a phrase of a phrase book is said and answered, in one reader's language.

A phrase travels as a form (``model.phrase_form``), so that one path fills, checks, sends and shows
both. What a phrase has besides is here: its wording, which is said aloud in the language that it is
in, how to pronounce it, the signal that stands for it, and the phrases that are expected in reply.

An unexpected reply is a doubt and no fault: it may be the only true one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tieline.core.agreement.model import Form, Pack, Phrase, phrase_form, title_key, word_key
from tieline.core.agreement.tongue import Tongue, Word


@dataclass(frozen=True, slots=True)
class Wording:
    """What is said aloud: the language, the text, and how who does not speak it says it, if known.

    The pronunciation is in the script of those for whom it was written.
    """

    lang: str
    text: str
    said: str


@dataclass(frozen=True, slots=True)
class Expected:
    """A phrase that answers: its code, the id of its form on the wire, what it means."""

    code: str
    form: str
    meaning: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """All that a reader has of a phrase besides its meaning and its fields."""

    code: str
    wordings: tuple[Wording, ...]
    signal: Word | None
    expects: tuple[Expected, ...]


def spoken(pack: Pack, phrase: Phrase, tongue: Tongue) -> Spoken:
    """What is said, the reader's own language first. Languages of one wording stand once."""
    others = [language.tag for language in pack.languages if language.tag != tongue.lang]
    found: dict[str, Wording] = {}
    for lang in (tongue.lang, *others):
        words = pack.words.get(lang, {})
        text = words.get(word_key("phrase", phrase.id, "wording"))
        said = words.get(word_key("phrase", phrase.id, "pronunciation"), "")
        if text is not None:
            known = found.setdefault(text, Wording(lang, text, said))
            if not known.said:
                found[text] = Wording(known.lang, text, said)
    return Spoken(
        code=phrase.code,
        wordings=tuple(found.values()),
        signal=tongue.word(phrase.signal) if phrase.signal else None,
        expects=expected(pack, phrase, tongue),
    )


def expected(pack: Pack, phrase: Phrase, tongue: Tongue) -> tuple[Expected, ...]:
    """The phrases that answer this one, in the order of the pack's author."""
    answers = {one.code: one for one in pack.phrases.values() if one.code in phrase.response}
    forms = [phrase_form(answers[code]) for code in phrase.response if code in answers]
    return tuple(
        Expected(form.name, pack.form_id(form), tongue.word(title_key(form))) for form in forms
    )


def is_expected(pack: Pack, phrase: Phrase, reply: tuple[Pack, Form] | None) -> bool:
    """Whether a reply is one that the phrase expects; any is where it expects none.

    ``reply``: pack and form of the reply, ``None`` for free text. Another version of the pack may
    have spoken: what counts is the pack's name and the code.
    """
    if not phrase.response:
        return True
    if reply is None or reply[0].id != pack.id or reply[1].phrase is None:
        return False
    return reply[1].phrase.code in phrase.response


def unexpected(phrase: Phrase, tongue: Tongue) -> str:
    """The doubt about a reply that the phrase does not expect, as its reader sees it."""
    codes = ", ".join(phrase.response)
    return str(tongue.say("doubt.response", code=phrase.code, responses=codes))


def sentences(said: Spoken, tongue: Tongue) -> Iterator[tuple[str, str]]:
    """What is said of a phrase as labels and texts in the reader's language."""
    for one in said.wordings:
        yield f"{tongue.say('phrase.wording')} ({one.lang})", one.text
        if one.said:
            yield f"{tongue.say('phrase.pronunciation')} ({one.lang})", one.said
    if said.signal is not None:
        yield str(tongue.say("phrase.signal")), said.signal.text
    for each in said.expects:
        yield str(tongue.say("phrase.response")), f"{each.code} {each.meaning}"
