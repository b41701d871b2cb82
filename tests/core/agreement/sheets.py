"""Whole sheets that Hypothesis makes up, with hostile words in the pack as well."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from hypothesis import strategies as st
from tests.core.agreement.made import CITE, ITEMS, PIECES, TEXTS, fields, form_of, pack_of, values

from tieline.core.agreement.layout import Sheet
from tieline.core.agreement.model import Field, Pack, Phrase, phrase_form
from tieline.core.terms import Precedence, RefRole

ROOT = Path(__file__).resolve().parents[3]
ENGINE: Mapping[str, Mapping[str, str]] = {
    path.stem: tomllib.loads(path.read_text(encoding="utf-8"))["words"]
    for path in sorted((ROOT / "packs/engine/words").glob("*.toml"))
}
PARTIES = ("ALPHA", "BRAVO", "CHARLIE", "DELTA")


def keys(known: tuple[Field, ...], before: str) -> Iterator[str]:
    for field in known:
        yield f"{before}.{field.id}"
        yield from keys(field.fields, f"{before}.{field.id}")


@st.composite
def words_of(draw: st.DrawFn, known: tuple[Field, ...]) -> dict[str, dict[str, str]]:
    """English words, plain or hostile, and half of them in French."""
    every = [
        *keys(known, "field.made"), *keys(known, "phrase.made.field"),
        *(f"code.list.{item.id}" for item in ITEMS),
        "phrase.made.meaning", "phrase.made.wording", "phrase.made.pronunciation", "flags",
    ]  # fmt: skip
    hostile = draw(st.booleans())
    english = {
        key: f"{draw(PIECES)} {at}" if hostile else f"word {at}" for at, key in enumerate(every)
    }
    french = {key: f"mot {at}" for at, key in enumerate(every) if at % 2}
    return {"en": english | {"form.made.title": draw(TEXTS)}, "fr": french}


@st.composite
def sheets(draw: st.DrawFn) -> Sheet:
    """A form or a phrase, in a pack that has both, of one name."""
    known = draw(fields(2))
    form = form_of(*known)
    phrase = Phrase(
        id="made", number=1, code=draw(st.sampled_from(["M1", 'A "(1)" / B: C'])), cite=CITE,
        fields=known, response=("M1",), signal=draw(st.sampled_from(["", "flags"])),
    )  # fmt: skip
    pack: Pack = pack_of(form, words=draw(words_of(known)), phrases=(phrase,))
    if draw(st.booleans()):
        form = phrase_form(phrase)
    ref = st.tuples(
        st.sampled_from(sorted(set(RefRole) - {RefRole.CANCELS})),
        st.binary(min_size=8, max_size=8),
    )
    to = draw(st.lists(st.sampled_from(PARTIES), min_size=1, max_size=3, unique=True))
    return Sheet(
        pack=pack,
        form=form,
        values=draw(values(known)),
        sender=draw(st.sampled_from(PARTIES)),
        to=tuple(to),
        precedence=draw(st.sampled_from(Precedence)),
        time_ms=draw(st.integers(0, 253_402_300_799)) * 1000,
        number=draw(st.integers(0, 10**6)),
        refs=tuple(draw(st.lists(ref, max_size=3))),
        remarks=draw(st.one_of(st.just(""), TEXTS)),
        lang=draw(st.sampled_from(["en", "ru", ""])),
        exercise=draw(st.sampled_from(["", "SPRING-TIDE"])),
    )
