"""No text of an exercise says that it is none; nothing is refused on a real line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.errors import LocalError
from tieline.core.statement import Body
from tieline.node import drill

SAID = (
    "This is not a drill.", "THIS IS NOT A-DRILL", "not\u00a0a  drill!!", "n\u200bot a drill",
    "It is no exercise", "Ceci n’est pas un exercice", "Das ist keine Übung",
    "Non è un’esercitazione", "Это не учение", "No es un simulacro", "هذا ليس تمرينًا",
)  # fmt: skip


@pytest.mark.parametrize("text", SAID)
def test_the_words_are_refused_under_an_exercise_alone(text: str) -> None:
    with pytest.raises(LocalError) as refused:
        drill.check("DRILL-1", Body(text=text, lang="en"))
    assert refused.value.code == "exercise.drill"
    assert "real line" in refused.value.message
    drill.check("", Body(text=text, lang="en"))


@pytest.mark.parametrize(
    "body", [Body(cause=SAID[0]), Body(unit=SAID[0]), Body(fields=((1, 2), (3, ((1, SAID[0]),))))]
)
def test_they_are_found_in_every_text_of_a_body(body: Body) -> None:
    with pytest.raises(LocalError):
        drill.check("DRILL-1", body)


@pytest.mark.parametrize(
    "text", ["This is an exercise.", "Drill at 1400Z", "a notable drill", "drill: not late", ""]
)
def test_other_words_pass(text: str) -> None:
    drill.check("DRILL-1", Body(text=text, lang="en"))


@given(st.text(max_size=30), st.text(" .,;:!-\u00a0", min_size=1, max_size=4), st.text(max_size=30))
def test_no_words_and_marks_around_them_help(before: str, gap: str, after: str) -> None:
    with pytest.raises(LocalError):
        drill.check("X", Body(text=f"{before} not{gap}a{gap}DRILL {after}", lang="en"))
